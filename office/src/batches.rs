//! Batches: documents reviewed as a list, one authorisation for exactly that list, a result for each document.
//!
//! The documents stay with whoever asks: what is kept here is what was authorised, and what became of it.

pub mod http;
mod offer;
mod sign;
pub mod store;

use std::fmt;
use std::str::FromStr;

use cabinet::Digest;
use cabinet::Timestamp;
use cabinet::id::{BatchId, PersonId};

/// The most documents of one batch.
pub const MAX_DOCUMENTS: usize = 1_000;
/// How long a list stays authorised, in seconds.
pub const AUTHORISED_S: i64 = 15 * 60;
/// Largest document, in bytes.
pub const MAX_DOCUMENT_BYTES: usize = 64 << 20;

/// A list of documents and how far it has come.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Its id.
    pub id: BatchId,
    /// Who authorised it.
    pub person: PersonId,
    /// Label of the key that signs.
    pub key: String,
    /// The signature level.
    pub level: Level,
    /// When it was authorised.
    pub authorised_at: Timestamp,
    /// From when on nothing more is signed.
    pub expires_at: Timestamp,
    /// The documents, in the order of the list.
    pub documents: Vec<BatchDocument>,
}

/// A document of a batch.
#[derive(Clone, Debug)]
pub struct BatchDocument {
    /// Its place in the list, from 1.
    pub number: u32,
    /// Its name, as it was shown when the list was reviewed.
    pub name: String,
    /// Its SHA-256.
    pub digest: Digest,
    /// What became of it.
    pub state: DocumentState,
    /// The code of the reason, if it was refused.
    pub why: Option<String>,
    /// SHA-256 of the signed document.
    pub signed_digest: Option<Digest>,
}

/// What became of a document of a batch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DocumentState {
    /// It may be signed.
    Authorised,
    /// It was signed, once.
    Signed,
    /// It was not signed, and will not be under this authorisation.
    Refused,
    /// The authorisation was taken back before it came to it.
    Withdrawn,
}

impl DocumentState {
    const ALL: [Self; 4] = [Self::Authorised, Self::Signed, Self::Refused, Self::Withdrawn];

    /// The word of the API and of the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authorised => "authorised",
            Self::Signed => "signed",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
        }
    }
}

impl FromStr for DocumentState {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|state| state.name() == name).ok_or_else(|| format!("no state `{name}`"))
    }
}

/// A baseline level of PAdES.
///
/// Source: `docs/sources.md`, entry `en319142`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Level {
    /// B-B: the signature alone.
    B,
    /// B-T: with a time-stamp on the signature.
    T,
    /// B-LT: with all certificates and revocation data besides.
    Lt,
    /// B-LTA: with a time-stamp over all of it.
    Lta,
}

impl Level {
    pub(crate) const ALL: [Self; 4] = [Self::B, Self::T, Self::Lt, Self::Lta];

    /// `B`, `T`, `LT` or `LTA`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::B => "B",
            Self::T => "T",
            Self::Lt => "LT",
            Self::Lta => "LTA",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Level {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, &'static str> {
        Self::ALL.into_iter().find(|level| level.name() == name).ok_or("expected B, T, LT or LTA")
    }
}
