//! One secret, wrapped by several tokens.

use std::fmt;

use crate::KeyLabel;
use crate::aead::Wrapped;
use crate::error::TokenError;
use crate::signer_set::MAX_MEMBERS;

/// The first byte; a single [`Wrapped`] begins with 1.
const VERSION: u8 = 2;
const SINGLE: u8 = 1;

/// One secret, wrapped under the key of each token that was there.
///
/// Stored as: a byte 2, their number, and for each the label of its key (length in a byte, then the label) and the
/// wrap (length in two bytes, big-endian, then the wrap). Labels of key-encryption keys differ from token to token.
#[derive(Clone, Eq, PartialEq)]
pub struct Wraps(pub(crate) Vec<Entry>);

/// A wrap as it was stored, whole or not; without a label it may be anybody's.
pub(crate) type Entry = (Option<KeyLabel>, Vec<u8>);

impl Wraps {
    /// Takes what was stored. A single wrap, from before there was a second token, is whoever's can open it.
    ///
    /// # Errors
    ///
    /// [`TokenError::Corrupt`]: not of this form. What is inside the wraps is not looked at: one that is damaged
    /// must not keep the others from being opened.
    pub fn parse(bytes: &[u8]) -> Result<Self, TokenError> {
        match bytes.split_first() {
            Some((&SINGLE, _)) => Ok(Self(vec![(None, bytes.to_vec())])),
            Some((&VERSION, rest)) => {
                let (n, mut rest) = rest.split_first().ok_or(TokenError::Corrupt)?;
                if *n == 0 || usize::from(*n) > MAX_MEMBERS {
                    return Err(TokenError::Corrupt);
                }
                let mut wraps = Vec::with_capacity(usize::from(*n));
                for _ in 0..*n {
                    let (one, after) = one(rest).ok_or(TokenError::Corrupt)?;
                    wraps.push(one);
                    rest = after;
                }
                if rest.is_empty() { Ok(Self(wraps)) } else { Err(TokenError::Corrupt) }
            }
            Some(_) | None => Err(TokenError::Corrupt),
        }
    }

    /// What to store.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        if let [(None, wrapped)] = self.0.as_slice() {
            return wrapped.clone();
        }
        // Lengths fit: a label has 32 bytes at most, a wrap little more than 4096, and there are 8 at most.
        let mut bytes = vec![VERSION, u8::try_from(self.0.len()).unwrap_or(u8::MAX)];
        for (label, wrapped) in &self.0 {
            let label = label.as_ref().map_or("", KeyLabel::as_str).as_bytes();
            bytes.push(u8::try_from(label.len()).unwrap_or(u8::MAX));
            bytes.extend_from_slice(label);
            bytes.extend_from_slice(&u16::try_from(wrapped.len()).unwrap_or(u16::MAX).to_be_bytes());
            bytes.extend_from_slice(wrapped);
        }
        bytes
    }

    /// The wrap that a key should open, if there is one.
    ///
    /// # Errors
    ///
    /// [`TokenError::Corrupt`]: there is one, and it is damaged.
    pub(crate) fn under(&self, key: &KeyLabel) -> Option<Result<Wrapped, TokenError>> {
        self.entry(key).map(|(_, wrapped)| Wrapped::parse(wrapped))
    }

    pub(crate) fn entry(&self, key: &KeyLabel) -> Option<&Entry> {
        self.0.iter().find(|(label, _)| label.as_ref().is_none_or(|label| label == key))
    }
}

impl fmt::Debug for Wraps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(label, wrapped)| (label, wrapped.len()))).finish()
    }
}

/// Reads one entry, and gives what follows it.
fn one(bytes: &[u8]) -> Option<(Entry, &[u8])> {
    let (len, bytes) = bytes.split_first()?;
    let (label, bytes) = bytes.split_at_checked(usize::from(*len))?;
    let (len, bytes) = bytes.split_first_chunk::<2>()?;
    let (wrapped, rest) = bytes.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
    let label = std::str::from_utf8(label).ok()?.parse().ok()?;
    Some(((Some(label), wrapped.to_vec()), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wraps() -> Wraps {
        let wrapped = |byte| [&[1][..], &[byte; 40]].concat();
        let label = |text: &str| Some(text.parse().unwrap());
        Wraps(vec![(label("kek-a"), wrapped(7)), (label("kek-b"), wrapped(9))])
    }

    #[test]
    fn what_is_stored_is_read_again_and_nothing_else() {
        let bytes = wraps().to_bytes();
        assert_eq!(Wraps::parse(&bytes).unwrap(), wraps());
        for len in 0..bytes.len() {
            assert!(matches!(Wraps::parse(&bytes[..len]), Err(TokenError::Corrupt)), "{len} bytes");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert!(matches!(Wraps::parse(&longer), Err(TokenError::Corrupt)));
        for n in [0, 1, 3, 9, 255] {
            let mut other = bytes.clone();
            other[1] = n;
            assert!(matches!(Wraps::parse(&other), Err(TokenError::Corrupt)), "{n} members");
        }
    }

    #[test]
    fn a_damaged_wrap_leaves_the_others_readable() {
        let mut bytes = wraps().to_bytes();
        // The version byte of the first wrap: after 2, 2, the label's length, the label, the wrap's length.
        bytes[2 + 1 + 5 + 2] = 9;
        let read = Wraps::parse(&bytes).unwrap();
        assert!(read.under(&"kek-a".parse().unwrap()).unwrap().is_err());
        assert!(read.under(&"kek-b".parse().unwrap()).unwrap().is_ok());
        assert!(read.under(&"kek-c".parse().unwrap()).is_none());
    }

    #[test]
    fn a_single_wrap_keeps_its_old_form() {
        let old = [&[1][..], &[7; 40]].concat();
        let read = Wraps::parse(&old).unwrap();
        assert!(read.under(&"any".parse().unwrap()).unwrap().is_ok());
        assert_eq!(read.to_bytes(), old);
    }
}
