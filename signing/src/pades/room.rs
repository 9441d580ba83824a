//! How much room `/Contents` reserves: measured, so that nothing is ever cut off.

use super::PadesError;

/// Beyond everything that was measured, in bytes.
const MARGIN_BYTES: usize = 2 << 10;
/// A time-stamp token with its certificates, in bytes.
const TIMESTAMP_BYTES: usize = 8 << 10;
/// The fixed room of local practice, in bytes.
const LOCAL_PRACTICE_BYTES: usize = 32 << 10;
/// The most that is reserved, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// Room for a signature and for what is put beside it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Room {
    extent: Extent,
    is_doubled: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Extent {
    Measured { beside_bytes: usize },
    Fixed { bytes: usize },
}

impl Room {
    /// The measured signature with its certificates and nothing else.
    pub const SIGNATURE: Self = Self::measured(0, 0);
    /// The measured signature and a time-stamp token.
    pub const TIMESTAMPED: Self = Self::measured(TIMESTAMP_BYTES, 0);
    /// 32 kB whatever is measured, as signing software in Viet Nam does.
    ///
    /// Source: `docs/sources.md`, entry `decree30-signatures`.
    pub const LOCAL_PRACTICE: Self = Self::fixed(LOCAL_PRACTICE_BYTES);

    /// The measured signature, a time-stamp token and revocation data of these sizes in bytes, and a margin.
    #[must_use]
    pub const fn measured(timestamp_bytes: usize, revocation_bytes: usize) -> Self {
        let beside_bytes = timestamp_bytes.saturating_add(revocation_bytes).saturating_add(MARGIN_BYTES);
        Self { extent: Extent::Measured { beside_bytes }, is_doubled: false }
    }

    /// A fixed number of bytes.
    #[must_use]
    pub const fn fixed(bytes: usize) -> Self {
        Self { extent: Extent::Fixed { bytes }, is_doubled: false }
    }

    /// Twice the room, for the one retry after [`PadesError::Room`]; `None` if this was the retry.
    #[must_use]
    pub const fn doubled(self) -> Option<Self> {
        if self.is_doubled { None } else { Some(Self { is_doubled: true, ..self }) }
    }

    /// The room in bytes around a signature of `measured_bytes`.
    pub(super) fn bytes(self, measured_bytes: usize) -> Result<usize, PadesError> {
        let once = match self.extent {
            Extent::Measured { beside_bytes } => measured_bytes.saturating_add(beside_bytes),
            Extent::Fixed { bytes } => bytes,
        };
        let needed = if self.is_doubled { once.saturating_mul(2) } else { once };
        if needed > MAX_BYTES { Err(PadesError::Room { needed, room: MAX_BYTES }) } else { Ok(needed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_is_measured_and_doubled_once() {
        let room = Room::measured(8000, 500);
        assert_eq!(room.bytes(1500), Ok(1500 + 8000 + 500 + MARGIN_BYTES));
        let doubled = room.doubled().unwrap();
        assert_eq!(doubled.bytes(1500), Ok(2 * (1500 + 8000 + 500 + MARGIN_BYTES)));
        assert_eq!(doubled.doubled(), None);
        assert_eq!(Room::LOCAL_PRACTICE.bytes(9), Ok(32 << 10));
        assert!(Room::fixed(usize::MAX).bytes(0).is_err());
    }
}
