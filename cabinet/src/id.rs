//! Typed identifiers: a meeting's id is not a vote's, though both are UUIDs.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// The kinds of things that have an [`Id`]. They have no values.
pub mod kind {
    /// An item of a meeting's agenda (nội dung chương trình).
    #[derive(Debug)]
    pub enum AgendaItem {}
    /// A list of documents to be signed by one authorisation.
    #[derive(Debug)]
    pub enum Batch {}
    /// A paper of a dossier (văn bản), one version.
    #[derive(Debug)]
    pub enum DocumentVersion {}
    /// An entry of the audit log.
    #[derive(Debug)]
    pub enum Entry {}
    /// A meeting (phiên họp).
    #[derive(Debug)]
    pub enum Meeting {}
    /// A person with an account.
    #[derive(Debug)]
    pub enum Person {}
    /// A Resolution (nghị quyết).
    #[derive(Debug)]
    pub enum Resolution {}
    /// A vote (biểu quyết).
    #[derive(Debug)]
    pub enum Vote {}
    /// A version of a ballot (phiếu biểu quyết).
    #[derive(Debug)]
    pub enum Ballot {}
}

/// An agenda item's id.
pub type AgendaItemId = Id<kind::AgendaItem>;
/// A ballot version's id.
pub type BallotId = Id<kind::Ballot>;
/// A batch's id.
pub type BatchId = Id<kind::Batch>;
/// A document version's id.
pub type DocumentVersionId = Id<kind::DocumentVersion>;
/// An audit entry's id.
pub type EntryId = Id<kind::Entry>;
/// A meeting's id.
pub type MeetingId = Id<kind::Meeting>;
/// A person's id.
pub type PersonId = Id<kind::Person>;
/// A Resolution's id.
pub type ResolutionId = Id<kind::Resolution>;
/// A vote's id.
pub type VoteId = Id<kind::Vote>;

/// A UUID that says what it identifies. Outer floors draw it; the core only compares it.
pub struct Id<K>(Uuid, PhantomData<fn() -> K>);

impl<K> Id<K> {
    /// Takes a UUID that the caller drew (version 7) or read.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }

    /// The UUID.
    #[must_use]
    pub const fn uuid(&self) -> Uuid {
        self.0
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}
impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({})", self.0)
    }
}

/// The text is not a UUID in its usual lower-case form.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an id is a UUID, written in lower case with hyphens")]
pub struct NotAnId;

impl<K> FromStr for Id<K> {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let uuid = Uuid::try_parse(text).map_err(|_cause| NotAnId)?;
        // One spelling only: ids are compared as text in SQL and in policies.
        if uuid.hyphenated().to_string() == text { Ok(Self::from_uuid(uuid)) } else { Err(NotAnId) }
    }
}

impl<K> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
