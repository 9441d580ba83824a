//! Canonical JSON: one value, one spelling, so that what is signed can be written again bit for bit.
//!
//! Every signed type is a struct whose fields stand in alphabetical order and hold no floats or maps
//! with free order; `serde_json` then writes them without white space in exactly that order, whatever
//! features other crates switch on. [`from_bytes`] accepts nothing but that spelling.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The bytes are not the canonical spelling of the expected value.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotCanonical {
    /// It does not parse: wrong syntax, an unknown or a missing field.
    #[error("not the expected JSON: {0}")]
    Unreadable(String),
    /// It parses, but would be written otherwise (order, white space, escapes).
    #[error("readable, but not in canonical spelling: write it again from its parts")]
    OtherSpelling,
}

/// The one spelling of `value`.
///
/// The types of this crate always serialise; a foreign type that cannot gives no bytes at all.
#[must_use]
pub fn to_bytes<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// Reads a value from its one spelling.
///
/// # Errors
///
/// * [`NotCanonical`]: the bytes are refused as a whole; do not repair them, they may have been signed otherwise.
pub fn from_bytes<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> Result<T, NotCanonical> {
    let value: T = serde_json::from_slice(bytes).map_err(|err| NotCanonical::Unreadable(err.to_string()))?;
    if to_bytes(&value) == bytes { Ok(value) } else { Err(NotCanonical::OtherSpelling) }
}
