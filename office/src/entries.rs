//! The log's entries over HTTP, and how the rooms write theirs.

pub mod http;

use std::fmt;

use audit::acts::Fact;
use audit::entry::BadEntry;
use audit::{Act, Entry, Stamp};
use cabinet::Timestamp;
use cabinet::id::{EntryId, PersonId};
use uuid::Uuid;

/// An entry that waits for the time which its commit gives it.
pub struct Draft {
    id: EntryId,
    actor: Option<PersonId>,
    make: Box<dyn FnOnce(Stamp) -> Result<Entry, BadEntry> + Send>,
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Draft of {:?}", self.actor)
    }
}

impl Draft {
    /// The entry of an act: ids, digests and numbers, never content, for entries are shown to auditors.
    #[must_use]
    pub fn act<const N: usize>(act: Act, actor: Option<PersonId>, body: [(&'static str, String); N]) -> Self {
        Self { id: draw(), actor, make: Box::new(move |stamp| Entry::new(stamp, act, body)) }
    }

    /// The entry of a fact that evidence rests on.
    #[must_use]
    pub fn fact(actor: PersonId, fact: impl Fact + Send + 'static) -> Self {
        Self { id: draw(), actor: Some(actor), make: Box::new(move |stamp| fact.entry(stamp)) }
    }

    /// The id that the entry will have.
    #[must_use]
    pub const fn id(&self) -> EntryId {
        self.id
    }

    pub(crate) fn at(self, at: Timestamp) -> Result<Entry, BadEntry> {
        (self.make)(Stamp { actor: self.actor, at, id: self.id })
    }
}

fn draw() -> EntryId {
    cabinet::Id::from_uuid(Uuid::now_v7())
}
