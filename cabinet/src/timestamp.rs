//! An instant: microseconds since 1970, UTC. Shown to people at +07:00, never kept so.

use std::fmt;

use serde::{Deserialize, Serialize};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// An instant in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// Vietnam's time zone, `Asia/Ho_Chi_Minh`: seven hours ahead of UTC, without summer time.
pub const VIETNAM: UtcOffset = match UtcOffset::from_hms(7, 0, 0) {
    Ok(offset) => offset,
    Err(_) => UtcOffset::UTC,
};

impl Timestamp {
    /// Takes microseconds since 1970, UTC.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970, UTC.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, UTC, rounded down.
    #[must_use]
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The instant `seconds` later (or earlier); stays at the end of time rather than wrapping.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// The civil time in Vietnam, to the second; 1970 if the instant is out of civil range.
    #[must_use]
    pub fn in_vietnam(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.as_seconds())
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
            .to_offset(VIETNAM)
    }

    /// ISO 8601 at +07:00 to the second, `2026-06-07T16:05:31+07:00`, as Decree 30/2020 wants it.
    #[must_use]
    pub fn iso_vietnam(self) -> String {
        self.in_vietnam().format(&Rfc3339).unwrap_or_default()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iso_vietnam())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_shown_at_vietnam_time() {
        assert_eq!(Timestamp::from_micros(1_780_823_131_999_999).iso_vietnam(), "2026-06-07T16:05:31+07:00");
    }
}
