//! A stream becomes a blob.

use std::io::{Read, Write};

use cabinet::Digest;
use openssl::rand::rand_bytes;
use openssl::sha::Sha256;
use zeroize::Zeroizing;

use crate::aead::{self, TAG_LEN_BYTES};
use crate::error::ArchiveError;
use crate::header::{self, HEADER_LEN_BYTES, SALT_LEN_BYTES};
use crate::key::{BlobId, DataKey, DataKeyId};
use crate::layout::{CHUNK_LEN_BYTES, MAX_PLAIN_LEN_BYTES, nonce};

/// What was sealed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sealed {
    /// The length of the plaintext, in bytes.
    pub plain_len: u64,
    /// The length of the blob, in bytes; needed to open it.
    pub sealed_len: u64,
    /// The SHA-256 of the plaintext.
    pub digest: Digest,
}

/// Seals all that `source` gives into `sink`, with two chunks in memory.
///
/// Use a data key for one blob only. The salt is drawn here, so that a second try under the same key and
/// id repeats no nonce. Neither flushes nor syncs `sink`.
///
/// # Errors
///
/// * [`ArchiveError::TooLong`]: over [`MAX_PLAIN_LEN_BYTES`].
/// * [`ArchiveError::Read`], [`ArchiveError::Write`]: discard what `sink` holds and try again.
pub fn seal<R: Read + ?Sized, W: Write + ?Sized>(
    key: &DataKey,
    blob: BlobId,
    key_id: DataKeyId,
    source: &mut R,
    sink: &mut W,
) -> Result<Sealed, ArchiveError> {
    let mut salt = [0; SALT_LEN_BYTES];
    rand_bytes(&mut salt)?;
    let (header, opened) = header::write(key, blob, key_id, &salt)?;
    sink.write_all(&header).map_err(ArchiveError::Write)?;

    let mut hash = Sha256::new();
    let (mut plain_len, mut sealed_len) = (0_u64, u64_of(HEADER_LEN_BYTES));
    // Which chunk is the last is known only when the next one is empty: read one ahead.
    let (mut chunk, mut next) = (buffer(), buffer());
    let mut n = fill(source, &mut chunk)?;
    let mut sealed = Vec::with_capacity(CHUNK_LEN_BYTES.saturating_add(TAG_LEN_BYTES));
    for i in 0_u64.. {
        let n_next = if n == CHUNK_LEN_BYTES { fill(source, &mut next)? } else { 0 };
        let is_last = n_next == 0;
        let plaintext = chunk.get(..n).unwrap_or_default();
        plain_len = plain_len.saturating_add(u64_of(n));
        if plain_len > MAX_PLAIN_LEN_BYTES {
            return Err(ArchiveError::TooLong { what: "the document", max: MAX_PLAIN_LEN_BYTES });
        }
        hash.update(plaintext);
        sealed.clear();
        aead::seal(&opened.chunk_key, &nonce(i, is_last), &opened.aad, plaintext, &mut sealed)?;
        sink.write_all(&sealed).map_err(ArchiveError::Write)?;
        sealed_len = sealed_len.saturating_add(u64_of(sealed.len()));
        if is_last {
            break;
        }
        std::mem::swap(&mut chunk, &mut next);
        n = n_next;
    }
    Ok(Sealed { plain_len, sealed_len, digest: Digest::from_bytes(hash.finish()) })
}

fn buffer() -> Zeroizing<Vec<u8>> {
    Zeroizing::new(vec![0; CHUNK_LEN_BYTES])
}

fn u64_of(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// Reads until the chunk is full or the source ends; sources may give less at a time.
fn fill<R: Read + ?Sized>(source: &mut R, chunk: &mut [u8]) -> Result<usize, ArchiveError> {
    let mut n = 0_usize;
    while let Some(rest) = chunk.get_mut(n..)
        && !rest.is_empty()
    {
        match source.read(rest) {
            Ok(0) => break,
            Ok(more) => n = n.saturating_add(more),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(ArchiveError::Read(error)),
        }
    }
    Ok(n)
}
