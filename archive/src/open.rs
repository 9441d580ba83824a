//! A blob, or a part of it, becomes plaintext again.

use std::io::Write;
use std::ops::Range;

use zeroize::Zeroizing;

use crate::aead;
use crate::error::ArchiveError;
use crate::header::{self, HEADER_LEN_BYTES};
use crate::key::{BlobId, DataKey, DataKeyId, Derived};
use crate::layout::{Layout, nonce};
use crate::read_at::ReadAt;

/// The most plaintext that is returned at once: 256 MiB.
pub const MAX_IN_MEMORY_BYTES: u64 = 256 << 20;

const CHUNK_PART: &str = "chunk";

/// A blob whose header and key were checked. Wiped on drop.
///
/// Invariant: the key is the one that the header commits to.
pub struct Opener {
    chunk_key: Derived,
    aad: [u8; 32],
    layout: Layout,
}

impl Opener {
    /// Checks the header, and the key against it, before any chunk is touched.
    ///
    /// `total_sealed_len` is the length of the blob as stored; where it is stored is not trusted.
    ///
    /// # Errors
    ///
    /// * [`ArchiveError::WrongKey`]: the key is not the one that sealed this, or the header was changed.
    /// * [`ArchiveError::NotThisBlob`]: the header bears other ids.
    /// * [`ArchiveError::Corrupt`]: no blob has this length or beginning.
    /// * [`ArchiveError::UnknownFormat`]: written by another version.
    pub fn new(
        key: &DataKey,
        blob: BlobId,
        key_id: DataKeyId,
        header: &[u8],
        total_sealed_len: u64,
    ) -> Result<Self, ArchiveError> {
        let header: &[u8; HEADER_LEN_BYTES] =
            header.try_into().map_err(|_wrong_length| ArchiveError::Corrupt { part: "header" })?;
        let opened = header::check(key, blob, key_id, header)?;
        let layout = Layout::of_sealed(total_sealed_len)?;
        Ok(Self { chunk_key: opened.chunk_key, aad: opened.aad, layout })
    }

    /// The length of the plaintext, in bytes; true once the last chunk was opened.
    #[must_use]
    pub const fn plain_len(&self) -> u64 {
        self.layout.plain_len
    }

    /// Opens the whole document into memory.
    ///
    /// # Errors
    ///
    /// * [`ArchiveError::Corrupt`]: any part is damaged or missing; nothing is returned.
    /// * [`ArchiveError::TooLong`]: over [`MAX_IN_MEMORY_BYTES`]; use [`Opener::copy_to`].
    /// * [`ArchiveError::Read`]: the source failed.
    pub fn open_all<S: ReadAt + ?Sized>(&self, source: &S) -> Result<Zeroizing<Vec<u8>>, ArchiveError> {
        self.read_range(source, 0..self.layout.plain_len).and_then(|plaintext| {
            // An empty document has a chunk too, and it must verify.
            if self.layout.plain_len == 0 {
                self.chunk(source, 0)?;
            }
            Ok(plaintext)
        })
    }

    /// Writes the whole document to `sink`, chunk by verified chunk.
    ///
    /// # Errors
    ///
    /// As [`Opener::open_all`], and [`ArchiveError::Write`]. What `sink` got before an error is genuine but
    /// not the whole: discard it.
    pub fn copy_to<S: ReadAt + ?Sized, W: Write + ?Sized>(
        &self,
        source: &S,
        sink: &mut W,
    ) -> Result<(), ArchiveError> {
        for i in 0..self.layout.n_chunks {
            sink.write_all(&self.chunk(source, i)?).map_err(ArchiveError::Write)?;
        }
        Ok(())
    }

    /// Opens a part of the document, reading only the chunks it touches.
    ///
    /// That the rest is whole is not checked.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::OutOfRange`]; otherwise as [`Opener::open_all`].
    pub fn read_range<S: ReadAt + ?Sized>(
        &self,
        source: &S,
        range: Range<u64>,
    ) -> Result<Zeroizing<Vec<u8>>, ArchiveError> {
        let Range { start, end } = range;
        let plain_len = self.layout.plain_len;
        if start > end || end > plain_len {
            return Err(ArchiveError::OutOfRange { start, end, plain_len });
        }
        let len = end.saturating_sub(start);
        let too_long = ArchiveError::TooLong { what: "the range", max: MAX_IN_MEMORY_BYTES };
        if len > MAX_IN_MEMORY_BYTES {
            return Err(too_long);
        }
        let Ok(len) = usize::try_from(len) else { return Err(too_long) };
        // Of full capacity from the start: growing would leave copies behind.
        let mut plaintext = Zeroizing::new(Vec::with_capacity(len));
        if len == 0 {
            return Ok(plaintext);
        }
        let (first, last, skip) = Layout::chunks_of(start, end);
        let mut skip = usize::try_from(skip).unwrap_or(usize::MAX);
        for i in first..=last {
            let chunk = self.chunk(source, i)?;
            let wanted = len.saturating_sub(plaintext.len());
            plaintext
                .extend_from_slice(chunk.get(skip..).map_or(&[], |rest| rest.get(..wanted).unwrap_or(rest)));
            skip = 0;
        }
        Ok(plaintext)
    }

    fn chunk<S: ReadAt + ?Sized>(&self, source: &S, i: u64) -> Result<Zeroizing<Vec<u8>>, ArchiveError> {
        let damaged = ArchiveError::Corrupt { part: CHUNK_PART };
        let (offset, len) = self.layout.sealed_chunk(i);
        let Ok(len) = usize::try_from(len) else { return Err(damaged) };
        let sealed = match source.read_at(offset, len) {
            Ok(sealed) => sealed,
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Err(damaged),
            Err(error) => return Err(ArchiveError::Read(error)),
        };
        if sealed.len() != len {
            return Err(damaged);
        }
        aead::open(&self.chunk_key, &nonce(i, self.layout.is_last(i)), &self.aad, &sealed, CHUNK_PART)
    }
}

impl std::fmt::Debug for Opener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opener").field("layout", &self.layout).finish_non_exhaustive()
    }
}
