//! An entry of the log: who did what, when, to which ids and digests; never what was written.

use std::collections::BTreeMap;

use cabinet::id::{EntryId, PersonId};
use cabinet::{Digest, Timestamp, canonical};
use serde::{Deserialize, Serialize};

use crate::act::Act;
use crate::merkle;

/// The most fields in a body.
pub const MAX_FIELDS: usize = 32;
/// The longest name of a field, in bytes.
pub const MAX_NAME_BYTES: usize = 40;
/// The longest value of a field, in bytes: ids, digests and numbers are short, content is not.
pub const MAX_VALUE_BYTES: usize = 256;

/// Who acted, when, and the id that the entry gets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stamp {
    /// Who acted; nobody, if the appliance did by itself.
    pub actor: Option<PersonId>,
    /// When.
    pub at: Timestamp,
    /// The entry's id, drawn by the caller.
    pub id: EntryId,
}

/// One entry. Its bytes are canonical JSON; the log holds their hash.
///
/// Invariant: the body keeps to [`MAX_FIELDS`], [`MAX_NAME_BYTES`], [`MAX_VALUE_BYTES`].
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    act: Act,
    actor: Option<PersonId>,
    at_us: Timestamp,
    body: BTreeMap<String, String>,
    id: EntryId,
    #[serde(rename = "type")]
    type_: EntryType,
}

/// The version of the spelling; a new one gets a new name.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
enum EntryType {
    #[serde(rename = "ecabinet/entry/v1")]
    V1,
}

/// The entry cannot stand in the log.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadEntry {
    /// A field's name is empty, too long or not of `a` to `z`, digits and `_`.
    #[error("`{0}` cannot name a field of an entry: use at most 40 of a-z, 0-9 and _")]
    Name(String),
    /// A field's value is too long or holds control characters.
    #[error(
        "the field `{0}` cannot stand in an entry: write ids, digests and numbers, at most 256 bytes, not content"
    )]
    Value(String),
    /// Too many fields.
    #[error("an entry has at most 32 fields: log a digest of the list instead")]
    TooManyFields,
    /// The bytes are not an entry's canonical spelling.
    #[error("not an entry: {0}")]
    Spelling(#[from] canonical::NotCanonical),
}

impl Entry {
    /// Makes an entry.
    ///
    /// # Errors
    ///
    /// [`BadEntry`]: a mistake in the calling code; nothing may be done that cannot be logged.
    pub fn new<N: Into<String>>(
        stamp: Stamp,
        act: Act,
        body: impl IntoIterator<Item = (N, String)>,
    ) -> Result<Self, BadEntry> {
        let body = body.into_iter().map(|(name, value)| (name.into(), value)).collect();
        let Stamp { actor, at, id } = stamp;
        Self { act, actor, at_us: at, body, id, type_: EntryType::V1 }.checked()
    }

    /// Reads an entry from its canonical bytes.
    ///
    /// # Errors
    ///
    /// [`BadEntry`]: the bytes were changed, or are another program's.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadEntry> {
        canonical::from_bytes::<Self>(bytes)?.checked()
    }

    /// The canonical bytes that are stored and hashed.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        canonical::to_bytes(self)
    }

    /// The hash that stands in the log's tree.
    #[must_use]
    pub fn leaf_hash(&self) -> Digest {
        merkle::leaf_hash(&self.bytes())
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> EntryId {
        self.id
    }

    /// What was done.
    #[must_use]
    pub const fn act(&self) -> Act {
        self.act
    }

    /// Who did it; nobody, if the appliance did by itself.
    #[must_use]
    pub const fn actor(&self) -> Option<PersonId> {
        self.actor
    }

    /// When.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at_us
    }

    /// Ids, digests and numbers by name.
    #[must_use]
    pub const fn body(&self) -> &BTreeMap<String, String> {
        &self.body
    }

    fn checked(self) -> Result<Self, BadEntry> {
        if self.body.len() > MAX_FIELDS {
            return Err(BadEntry::TooManyFields);
        }
        for (name, value) in &self.body {
            let is_name = (1..=MAX_NAME_BYTES).contains(&name.len())
                && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'));
            if !is_name {
                return Err(BadEntry::Name(name.clone()));
            }
            if value.len() > MAX_VALUE_BYTES || value.chars().any(char::is_control) {
                return Err(BadEntry::Value(name.clone()));
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp() -> Stamp {
        Stamp {
            actor: Some("00000000-0000-7000-8000-000000000001".parse().unwrap()),
            at: Timestamp::from_micros(1_780_823_131_000_000),
            id: "00000000-0000-7000-8000-000000000002".parse().unwrap(),
        }
    }

    #[test]
    fn has_one_spelling_and_that_is_hashed() {
        let entry =
            Entry::new(stamp(), Act::ItemAdded, [("number", "2".to_owned()), ("item", "x".to_owned())])
                .unwrap();
        let bytes = entry.bytes();
        assert_eq!(
            String::from_utf8(bytes.clone()).unwrap(),
            "{\"act\":\"item-added\",\"actor\":\"00000000-0000-7000-8000-000000000001\",\"at_us\":1780823131000000,\
             \"body\":{\"item\":\"x\",\"number\":\"2\"},\"id\":\"00000000-0000-7000-8000-000000000002\",\
             \"type\":\"ecabinet/entry/v1\"}"
        );
        assert_eq!(Entry::from_bytes(&bytes).unwrap(), entry);
        assert_eq!(entry.leaf_hash(), Digest::of(&[b"\0".as_slice(), &bytes].concat()));
        for i in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[i] ^= 0x20;
            assert_ne!(
                Entry::from_bytes(&changed).map(|entry| entry.leaf_hash()),
                Ok(entry.leaf_hash()),
                "byte {i}"
            );
        }
    }

    #[test]
    fn content_does_not_fit_into_a_body() {
        let make =
            |name: &str, value: String| Entry::new(stamp(), Act::ItemAdded, [(name.to_owned(), value)]);
        assert!(make("digest", "a".repeat(MAX_VALUE_BYTES)).is_ok());
        assert_eq!(make("title", "a".repeat(MAX_VALUE_BYTES + 1)), Err(BadEntry::Value("title".to_owned())));
        assert_eq!(make("title", "a\nb".to_owned()), Err(BadEntry::Value("title".to_owned())));
        assert_eq!(make("Title", "a".to_owned()), Err(BadEntry::Name("Title".to_owned())));
        let many = (0..=MAX_FIELDS).map(|n| (format!("n{n}"), String::new()));
        assert_eq!(Entry::new(stamp(), Act::ItemAdded, many), Err(BadEntry::TooManyFields));
    }
}
