//! Short values in SQL, sealed for one place each.
//!
//! ```text
//! version 1 | key epoch 4 | salt 16 | ciphertext | tag 16
//! K = HKDF-SHA-256(column key, salt, "ecab-col-v1" ‖ table ‖ row ‖ column), each behind its length
//! ```
//!
//! Each value has a key of its own, from a fresh salt, and uses it once: hence the nonce of zeros. Moved to
//! another table, row or column, a value does not open. An old value of the same place does: rows that must
//! not go back in time are the log's business.

use std::fmt;

use openssl::rand::rand_bytes;
use zeroize::Zeroizing;

use crate::aead::{self, NONCE_LEN_BYTES, TAG_LEN_BYTES};
use crate::derive::{hkdf_sha256, hmac_sha256, push_part};
use crate::error::ArchiveError;
use crate::key::{Derived, KEY_LEN_BYTES, WrongKeyLength};

/// The longest value that is sealed into a column: 1 MiB.
pub const MAX_VALUE_LEN_BYTES: usize = 1 << 20;

const VERSION: u8 = 1;
const SALT_LEN_BYTES: usize = 16;
const HEAD_LEN_BYTES: usize = 5;
const NONCE: [u8; NONCE_LEN_BYTES] = [0; NONCE_LEN_BYTES];
const PART: &str = "column value";

/// Where a value lives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place<'a> {
    /// The table's name.
    pub table: &'a str,
    /// The row's id, as the caller writes it: always the same way.
    pub row: &'a [u8],
    /// The column's name.
    pub column: &'a str,
}

/// The key of the sealed columns in one epoch. Wiped on drop, never printed.
pub struct ColumnKey {
    key: Derived,
    tag_key: Derived,
    epoch: u32,
}

impl ColumnKey {
    /// Takes 32 random bytes, unwrapped by a token, and the epoch they are of.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::KeyLength`]: not 32 bytes. [`ArchiveError::Library`]: OpenSSL failed.
    pub fn new(bytes: &[u8], epoch: u32) -> Result<Self, ArchiveError> {
        if bytes.len() != KEY_LEN_BYTES {
            return Err(ArchiveError::KeyLength(WrongKeyLength(bytes.len())));
        }
        let (mut key, mut tag_key) = (Derived::default(), Derived::default());
        key.copy_from_slice(bytes);
        hkdf_sha256(bytes, &[], b"ecab-tag-v1", tag_key.as_mut_slice())?;
        Ok(Self { key, tag_key, epoch })
    }

    /// The epoch, to choose the key of a value.
    #[must_use]
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The epoch that a sealed value says it is of; not verified before it is opened.
    #[must_use]
    pub fn epoch_of(sealed: &[u8]) -> Option<u32> {
        let (head, _) = sealed.split_first_chunk::<HEAD_LEN_BYTES>()?;
        let [VERSION, epoch @ ..] = *head else { return None };
        Some(u32::from_be_bytes(epoch))
    }

    /// Seals a value for its place. 37 bytes longer than the value.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::TooLong`]: over [`MAX_VALUE_LEN_BYTES`]; it belongs into a blob.
    pub fn seal(&self, place: Place<'_>, value: &[u8]) -> Result<Vec<u8>, ArchiveError> {
        if value.len() > MAX_VALUE_LEN_BYTES {
            return Err(ArchiveError::TooLong { what: "the value", max: 1 << 20 });
        }
        let mut salt = [0; SALT_LEN_BYTES];
        rand_bytes(&mut salt)?;
        let head = self.head();
        let mut sealed = Vec::with_capacity(
            HEAD_LEN_BYTES
                .saturating_add(SALT_LEN_BYTES)
                .saturating_add(value.len())
                .saturating_add(TAG_LEN_BYTES),
        );
        sealed.extend_from_slice(&head);
        sealed.extend_from_slice(&salt);
        aead::seal(&*self.value_key(place, &salt)?, &NONCE, &head, value, &mut sealed)?;
        Ok(sealed)
    }

    /// Opens a value in its place.
    ///
    /// # Errors
    ///
    /// * [`ArchiveError::Corrupt`]: changed, moved here from elsewhere, or of another key of this epoch.
    /// * [`ArchiveError::WrongEpoch`]: take the key of the epoch it names.
    /// * [`ArchiveError::UnknownFormat`]: written by another version.
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, ArchiveError> {
        let damaged = || ArchiveError::Corrupt { part: PART };
        let (head, rest) = sealed.split_first_chunk::<HEAD_LEN_BYTES>().ok_or_else(damaged)?;
        let found = Self::epoch_of(sealed).ok_or(ArchiveError::UnknownFormat)?;
        if found != self.epoch {
            return Err(ArchiveError::WrongEpoch { found, expected: self.epoch });
        }
        let (salt, ciphertext) = rest.split_first_chunk::<SALT_LEN_BYTES>().ok_or_else(damaged)?;
        if ciphertext.len() > MAX_VALUE_LEN_BYTES.saturating_add(TAG_LEN_BYTES) {
            return Err(damaged());
        }
        aead::open(&*self.value_key(place, salt)?, &NONCE, head, ciphertext, PART)
    }

    /// The keyed fingerprint by which equal values of one column find each other, and nobody else's.
    ///
    /// It tells which rows are equal: use it only for columns that are looked up.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Library`]: OpenSSL failed.
    pub fn tag(&self, table: &str, column: &str, value: &[u8]) -> Result<[u8; 32], ArchiveError> {
        let mut message = Zeroizing::new(Vec::with_capacity(
            value.len().saturating_add(table.len()).saturating_add(column.len()).saturating_add(24),
        ));
        for part in [table.as_bytes(), column.as_bytes(), value] {
            push_part(&mut message, part);
        }
        Ok(hmac_sha256(self.tag_key.as_slice(), &message)?)
    }

    fn head(&self) -> [u8; HEAD_LEN_BYTES] {
        let [a, b, c, d] = self.epoch.to_be_bytes();
        [VERSION, a, b, c, d]
    }

    fn value_key(&self, place: Place<'_>, salt: &[u8; SALT_LEN_BYTES]) -> Result<Derived, ArchiveError> {
        let mut info = b"ecab-col-v1".to_vec();
        for part in [place.table.as_bytes(), place.row, place.column.as_bytes()] {
            push_part(&mut info, part);
        }
        let mut key = Derived::default();
        hkdf_sha256(self.key.as_slice(), salt, &info, key.as_mut_slice())?;
        Ok(key)
    }
}

impl fmt::Debug for ColumnKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ColumnKey(epoch {})", self.epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Place<'_> = Place { table: "meeting", row: b"id-1", column: "title" };

    fn key(first: u8, epoch: u32) -> ColumnKey {
        ColumnKey::new(&[first; 32], epoch).unwrap()
    }

    #[test]
    fn a_value_opens_in_its_place_only() {
        let key = key(1, 7);
        for value in ["", "x", "Ý kiến về dự thảo Nghị quyết"] {
            let sealed = key.seal(HERE, value.as_bytes()).unwrap();
            assert_eq!(sealed.len(), value.len() + 37);
            assert_eq!(ColumnKey::epoch_of(&sealed), Some(7));
            assert_eq!(*key.open(HERE, &sealed).unwrap(), value.as_bytes());
            for there in [
                Place { table: "vote", ..HERE },
                Place { row: b"id-2", ..HERE },
                Place { column: "place", ..HERE },
                // The same letters, cut elsewhere.
                Place { table: "meetingi", row: b"d-1", ..HERE },
                Place { row: b"id-1t", column: "itle", ..HERE },
            ] {
                assert!(matches!(key.open(there, &sealed), Err(ArchiveError::Corrupt { .. })), "{there:?}");
            }
        }
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_noticed() {
        let key = key(1, 7);
        let sealed = key.seal(HERE, b"secret").unwrap();
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[at] ^= 1 << bit;
                assert!(key.open(HERE, &changed).is_err(), "byte {at} bit {bit}");
            }
            assert!(key.open(HERE, &sealed[..at]).is_err(), "cut at {at}");
        }
        assert!(key.open(HERE, &[sealed, vec![0]].concat()).is_err());
    }

    #[test]
    fn keys_and_epochs_are_told_apart() {
        let sealed = key(1, 7).seal(HERE, b"secret").unwrap();
        assert!(matches!(key(2, 7).open(HERE, &sealed), Err(ArchiveError::Corrupt { .. })));
        let wrong = key(1, 8).open(HERE, &sealed);
        assert!(matches!(wrong, Err(ArchiveError::WrongEpoch { found: 7, expected: 8 })));
        assert!(matches!(ColumnKey::new(&[0; 31], 1), Err(ArchiveError::KeyLength(WrongKeyLength(31)))));
        assert_ne!(key(1, 7).seal(HERE, b"secret").unwrap(), sealed, "a fresh salt each time");
        assert!(matches!(
            key(1, 7).seal(HERE, &vec![0; MAX_VALUE_LEN_BYTES + 1]),
            Err(ArchiveError::TooLong { .. })
        ));
    }

    #[test]
    fn tags_are_equal_for_equal_values_of_one_column_only() {
        let tag =
            |key: &ColumnKey, table, column, value: &str| key.tag(table, column, value.as_bytes()).unwrap();
        let one = key(1, 7);
        let here = tag(&one, "person", "email", "a@example.vn");
        assert_eq!(here, tag(&key(1, 7), "person", "email", "a@example.vn"));
        for other in [
            tag(&one, "person", "email", "b@example.vn"),
            tag(&one, "person", "phone", "a@example.vn"),
            tag(&one, "guest", "email", "a@example.vn"),
            tag(&one, "persone", "mail", "a@example.vn"),
            tag(&key(2, 7), "person", "email", "a@example.vn"),
        ] {
            assert_ne!(here, other);
        }
    }
}
