//! Where the chunks lie.
//!
//! A blob is its header and at least one chunk; every chunk but the last is full, and the last is empty
//! only if the document is. So a length has one layout, and any other is damage.

use crate::aead::{NONCE_LEN_BYTES, TAG_LEN_BYTES};
use crate::error::ArchiveError;
use crate::header::{CHUNK_LOG2, HEADER_LEN_BYTES};

/// The plaintext of a full chunk.
pub const CHUNK_LEN_BYTES: usize = 1 << CHUNK_LOG2;
/// The longest document that is sealed: 4 GiB.
pub const MAX_PLAIN_LEN_BYTES: u64 = 1 << 32;

const CHUNK: u64 = 1 << CHUNK_LOG2;
/// The same numbers as `TAG_LEN_BYTES` and `HEADER_LEN_BYTES`, in the type of file offsets.
const TAG: u64 = 16;
const HEADER: u64 = 104;
const SEALED_CHUNK: u64 = CHUNK + TAG;
const _: () = assert!(TAG_LEN_BYTES == 16 && HEADER_LEN_BYTES == 104);

/// The chunks of one blob.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Layout {
    pub(crate) plain_len: u64,
    pub(crate) n_chunks: u64,
}

impl Layout {
    /// Of a blob that is this long, header and all.
    pub(crate) fn of_sealed(total_len: u64) -> Result<Self, ArchiveError> {
        let cut = ArchiveError::Corrupt { part: "length" };
        let Some(body) = total_len.checked_sub(HEADER) else { return Err(cut) };
        let n_chunks = body.div_ceil(SEALED_CHUNK);
        let before_last = n_chunks.saturating_sub(1).saturating_mul(SEALED_CHUNK);
        let last = body.saturating_sub(before_last);
        // A trailing empty chunk after a full one is never written.
        if last < TAG || (n_chunks > 1 && last == TAG) {
            return Err(cut);
        }
        let plain_len = body.saturating_sub(n_chunks.saturating_mul(TAG));
        if plain_len > MAX_PLAIN_LEN_BYTES {
            return Err(ArchiveError::TooLong { what: "the blob", max: MAX_PLAIN_LEN_BYTES });
        }
        Ok(Self { plain_len, n_chunks })
    }

    /// Offset and length of chunk `i` in the blob.
    pub(crate) fn sealed_chunk(&self, i: u64) -> (u64, u64) {
        let plain = self.plain_len.saturating_sub(i.saturating_mul(CHUNK)).min(CHUNK);
        (HEADER.saturating_add(i.saturating_mul(SEALED_CHUNK)), plain.saturating_add(TAG))
    }

    pub(crate) const fn is_last(&self, i: u64) -> bool {
        i.saturating_add(1) == self.n_chunks
    }

    /// The first and the last chunk of a range that is not empty, and where it begins in the first.
    pub(crate) const fn chunks_of(start: u64, end: u64) -> (u64, u64, u64) {
        let first = start >> CHUNK_LOG2;
        (first, end.saturating_sub(1) >> CHUNK_LOG2, start.saturating_sub(first << CHUNK_LOG2))
    }
}

/// A counter and whether this is the end: a chunk opens only in its own place.
pub(crate) fn nonce(i: u64, is_last: bool) -> [u8; NONCE_LEN_BYTES] {
    let mut nonce = [0; NONCE_LEN_BYTES];
    let tail = [0, 0, 0, u8::from(is_last)];
    for (to, from) in nonce.iter_mut().zip(i.to_be_bytes().iter().chain(&tail)) {
        *to = *from;
    }
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_one_layout_or_none() {
        let of = |total| Layout::of_sealed(total).ok().map(|layout| (layout.plain_len, layout.n_chunks));
        let full = 104 + 65_552;
        for (total, expected) in [
            (0, None),
            (103, None),
            (104, None),
            (119, None),
            (120, Some((0, 1))),
            (121, Some((1, 1))),
            (full - 1, Some((65_535, 1))),
            (full, Some((65_536, 1))),
            (full + 1, None),
            (full + 16, None),
            (full + 17, Some((65_537, 2))),
            (full + 65_552, Some((131_072, 2))),
            (u64::MAX, None),
        ] {
            assert_eq!(of(total), expected, "{total}");
        }
    }

    #[test]
    fn the_nonce_counts_and_tells_the_end() {
        assert_eq!(nonce(1, false), [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
        assert_eq!(nonce(258, true), [0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 1]);
    }
}
