//! What acts are done on: plain facts, given by the office for each request.
//!
//! A resource carries all that policies may ask about it, so that no policy looks up an entity which
//! might be missing.

use std::collections::BTreeSet;

use cabinet::id::{AgendaItemId, DocumentVersionId, MeetingId, PersonId, ResolutionId, VoteId};

use crate::vocabulary::{Attributes, Malformed, Words};

/// The kinds of things that acts are done on, by their names in the schema.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "each is documented at the struct of its name")]
pub enum Kind {
    AgendaItem,
    Document,
    Log,
    Meeting,
    Office,
    Resolution,
    SigningKey,
    System,
    Vote,
}

impl Kind {
    /// The entity type's name in the schema.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AgendaItem => "AgendaItem",
            Self::Document => "Document",
            Self::Log => "Log",
            Self::Meeting => "Meeting",
            Self::Office => "Office",
            Self::Resolution => "Resolution",
            Self::SigningKey => "SigningKey",
            Self::System => "System",
            Self::Vote => "Vote",
        }
    }

    /// The act whose permission means that the caller may know of the thing at all; `None` if
    /// everybody may.
    pub(crate) const fn seen_by(self) -> Option<&'static str> {
        match self {
            Self::AgendaItem => Some("ReadItem"),
            Self::Document => Some("ReadDocument"),
            Self::Meeting => Some("ReadMeeting"),
            Self::Resolution => Some("ReadResolution"),
            Self::Vote => Some("ReadVote"),
            Self::Log | Self::Office | Self::SigningKey | Self::System => None,
        }
    }
}

/// A thing that acts are done on.
pub trait Resource: sealed::Sealed {
    /// Its kind.
    const KIND: Kind;
    /// Its id, as text: a UUID, or the one word of what exists once.
    fn id(&self) -> String;
    /// The version that was read and is judged; a permit is void for any other.
    fn version(&self) -> i64;
}

pub(crate) mod sealed {
    use super::{Attributes, Malformed, Words};

    #[expect(unnameable_types, reason = "sealed: no other crate implements or calls it")]
    pub trait Sealed {
        fn attributes(&self, words: &Words) -> Result<Attributes, Malformed>;
    }
}

/// How far a meeting has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MeetingState {
    /// Being prepared; known to its secretary and chair only.
    Draft,
    /// Invitations are out.
    Invited,
    /// Sitting.
    InSession,
    /// Over.
    Ended,
}

/// The people of a meeting and how far it has come.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sitting {
    /// Who presides.
    pub chair: PersonId,
    /// Who prepares: the secretary of the session.
    pub secretary: PersonId,
    /// The members on the roll.
    pub members: BTreeSet<PersonId>,
    /// Those who sit in for a member: they may speak, not vote.
    pub substitutes: BTreeSet<PersonId>,
    /// Those invited for at least one item.
    pub guests: BTreeSet<PersonId>,
    /// How far it has come.
    pub state: MeetingState,
}

/// A meeting (phiên họp).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Meeting {
    /// Its id.
    pub id: MeetingId,
    /// The version that was read.
    pub version: i64,
    /// Its people and state.
    pub sitting: Sitting,
}

/// An agenda item.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AgendaItem {
    /// Its id.
    pub id: AgendaItemId,
    /// The version that was read.
    pub version: i64,
    /// Its meeting.
    pub sitting: Sitting,
    /// The guests invited to this item.
    pub invited: BTreeSet<PersonId>,
}

/// What a paper is of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DocumentKind {
    /// A paper of an item's dossier.
    Dossier,
    /// An invitation (giấy mời).
    Invitation,
    /// A revision of a Resolution.
    Resolution,
}

/// A paper.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Document {
    /// Its id.
    pub id: DocumentVersionId,
    /// The version that was read.
    pub version: i64,
    /// Its meeting.
    pub sitting: Sitting,
    /// The guests whom it is for: of its item, or the addressee of an invitation.
    pub invited: BTreeSet<PersonId>,
    /// What it is of.
    pub kind: DocumentKind,
    /// True once the secretary has given it out; before, only he and the chair read it.
    pub released: bool,
}

/// Whether a vote takes ballots.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum VoteState {
    /// Taking ballots.
    Open,
    /// Closed, with its outcome.
    Closed {
        /// Whether the text was adopted.
        adopted: bool,
    },
}

/// A vote (biểu quyết).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Vote {
    /// Its id.
    pub id: VoteId,
    /// The version that was read.
    pub version: i64,
    /// Its meeting.
    pub sitting: Sitting,
    /// The members who vote, frozen when it opened.
    pub roll: BTreeSet<PersonId>,
    /// Whether it takes ballots.
    pub state: VoteState,
}

/// How far a Resolution has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ResolutionState {
    /// Typeset, not signed.
    Draft,
    /// Signed by the authorised person.
    Signed,
    /// Numbered, dated and sealed by the clerk.
    Sealed,
}

/// A Resolution (nghị quyết).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Resolution {
    /// Its id.
    pub id: ResolutionId,
    /// The version that was read.
    pub version: i64,
    /// Its meeting.
    pub sitting: Sitting,
    /// The authorised person who signs it.
    pub signer: PersonId,
    /// How far it has come.
    pub state: ResolutionState,
}

/// What a key of the appliance signs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyPurpose {
    /// Documents that whoever holds them brings: copies, notices, lists.
    Batch,
    /// Resolutions, as the organisation's signature and seal.
    Organisation,
}

/// A key of the appliance that signs documents.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SigningKey {
    /// Its label on the token.
    pub label: String,
    /// What it signs.
    pub purpose: KeyPurpose,
}

/// The Government Office at large: what is done on nothing in particular.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Office;

/// The audit log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Log;

/// The appliance.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct System;

impl Resource for Meeting {
    const KIND: Kind = Kind::Meeting;

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl Resource for AgendaItem {
    const KIND: Kind = Kind::AgendaItem;

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl Resource for Document {
    const KIND: Kind = Kind::Document;

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl Resource for Vote {
    const KIND: Kind = Kind::Vote;

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl Resource for Resolution {
    const KIND: Kind = Kind::Resolution;

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl Resource for SigningKey {
    const KIND: Kind = Kind::SigningKey;

    fn id(&self) -> String {
        self.label.clone()
    }

    fn version(&self) -> i64 {
        0
    }
}

impl Resource for Office {
    const KIND: Kind = Kind::Office;

    fn id(&self) -> String {
        "office".to_owned()
    }

    fn version(&self) -> i64 {
        0
    }
}

impl Resource for Log {
    const KIND: Kind = Kind::Log;

    fn id(&self) -> String {
        "log".to_owned()
    }

    fn version(&self) -> i64 {
        0
    }
}

impl Resource for System {
    const KIND: Kind = Kind::System;

    fn id(&self) -> String {
        "system".to_owned()
    }

    fn version(&self) -> i64 {
        0
    }
}
