//! The 104 bytes before the chunks, and the key that they commit to.
//!
//! ```text
//! "ECB1" | version 1 | suite 1 | chunk_log2 1 | flags 1 | blob_id 16 | dek_id 16 | salt 32 | commit 32
//! K ‖ commit = HKDF-SHA-512(data key, salt, "ecb1" ‖ the first 40 bytes)
//! ```
//!
//! AES-GCM alone does not tell one key from another: a blob can be made that opens under two. The wraps
//! lie apart from the objects, so the header commits to the key that sealed it.
//!
//! Source: `docs/decisions`, the sealed format; modelled on Tink's streaming AEAD with key commitment.

use openssl::memcmp;
use openssl::sha::sha256;
use zeroize::Zeroizing;

use crate::derive::hkdf_sha512;
use crate::error::ArchiveError;
use crate::key::{BlobId, DataKey, DataKeyId, Derived, KEY_LEN_BYTES};

/// The length of the header of a blob.
pub const HEADER_LEN_BYTES: usize = 104;

const MAGIC: [u8; 4] = *b"ECB1";
const VERSION: u8 = 1;
/// AES-256-GCM under HKDF-SHA-512.
const SUITE: u8 = 1;
/// 64 KiB.
pub(crate) const CHUNK_LOG2: u8 = 16;
const FLAGS: u8 = 0;
pub(crate) const SALT_LEN_BYTES: usize = 32;
const COMMIT_LEN_BYTES: usize = 32;
const BOUND_LEN_BYTES: usize = 40;
const PART: &str = "header";

/// A header, written or checked, with what follows from it.
pub(crate) struct Opened {
    /// The key of the chunks.
    pub(crate) chunk_key: Derived,
    /// SHA-256 of the header: what every chunk is bound to.
    pub(crate) aad: [u8; 32],
}

/// Makes the header of a new blob.
pub(crate) fn write(
    key: &DataKey,
    blob: BlobId,
    key_id: DataKeyId,
    salt: &[u8; SALT_LEN_BYTES],
) -> Result<([u8; HEADER_LEN_BYTES], Opened), ArchiveError> {
    let bound = bound_part(blob, key_id);
    let (chunk_key, commit) = derive(key, &bound, salt)?;
    let mut header = [0; HEADER_LEN_BYTES];
    for (to, from) in header.iter_mut().zip(bound.iter().chain(salt).chain(commit.iter())) {
        *to = *from;
    }
    Ok((header, Opened { chunk_key, aad: sha256(&header) }))
}

/// Checks a header against what the caller knows, and the key against the header.
pub(crate) fn check(
    key: &DataKey,
    blob: BlobId,
    key_id: DataKeyId,
    header: &[u8; HEADER_LEN_BYTES],
) -> Result<Opened, ArchiveError> {
    let (bound, rest) =
        header.split_first_chunk::<BOUND_LEN_BYTES>().ok_or(ArchiveError::Corrupt { part: PART })?;
    let (salt, commit) = rest.split_first_chunk().ok_or(ArchiveError::Corrupt { part: PART })?;
    let expected = bound_part(blob, key_id);
    let (format, ids) = bound.split_at(8);
    let (expected_format, expected_ids) = expected.split_at(8);
    if !format.starts_with(&MAGIC) {
        return Err(ArchiveError::Corrupt { part: PART });
    }
    if format != expected_format {
        return Err(ArchiveError::UnknownFormat);
    }
    if ids != expected_ids {
        return Err(ArchiveError::NotThisBlob);
    }
    let (chunk_key, expected_commit) = derive(key, bound, salt)?;
    if commit.len() != COMMIT_LEN_BYTES || !memcmp::eq(commit, expected_commit.as_slice()) {
        return Err(ArchiveError::WrongKey);
    }
    Ok(Opened { chunk_key, aad: sha256(header) })
}

fn bound_part(blob: BlobId, key_id: DataKeyId) -> [u8; BOUND_LEN_BYTES] {
    let mut bound = [0; BOUND_LEN_BYTES];
    let format = [VERSION, SUITE, CHUNK_LOG2, FLAGS];
    for (to, from) in bound.iter_mut().zip(MAGIC.iter().chain(&format).chain(&blob.0).chain(&key_id.0)) {
        *to = *from;
    }
    bound
}

fn derive(
    key: &DataKey,
    bound: &[u8; BOUND_LEN_BYTES],
    salt: &[u8; SALT_LEN_BYTES],
) -> Result<(Derived, Derived), ArchiveError> {
    let info = [b"ecb1".as_slice(), bound].concat();
    let mut both = Zeroizing::new([0; KEY_LEN_BYTES + COMMIT_LEN_BYTES]);
    hkdf_sha512(key.expose(), salt, &info, both.as_mut_slice())?;
    let (mut chunk_key, mut commit) = (Derived::default(), Derived::default());
    let (first, second) = both.split_at(KEY_LEN_BYTES);
    chunk_key.copy_from_slice(first);
    commit.copy_from_slice(second);
    Ok((chunk_key, commit))
}
