//! Checks of the entries in a bundle: each is what it says, and is in the log at its place.

use std::collections::BTreeSet;

use super::{Check, Doubts};
use crate::acts::{
    BallotCast, DocumentUploaded, Fact, ResolutionDrafted, ResolutionSealed, ResolutionSigned, VoteClosed,
    VoteOpened,
};
use crate::bundle::EntryPart;
use crate::checkpoint::Checkpoint;
use crate::entry::Entry;
use crate::merkle;

/// An entry that is proved to be in the log.
#[derive(Debug)]
pub(super) struct Logged {
    pub(super) entry: Entry,
    pub(super) index: u64,
}

/// A fact that the log states, and where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stated<'a, F> {
    pub(super) entry: &'a Entry,
    pub(super) fact: F,
    pub(super) index: u64,
}

/// Checks `entries`, and gives those that are proved.
pub(super) fn entries(parts: &[EntryPart], head: Option<&Checkpoint>) -> (Vec<Logged>, Check) {
    let mut doubts = Doubts::default();
    let mut proved = Vec::new();
    let mut ids = BTreeSet::new();
    let mut next_index = 0;
    for part in parts {
        let index = part.index;
        doubts.unless(index >= next_index, format!("Entry {index} stands twice or out of order."));
        next_index = index.saturating_add(1);
        let entry = match Entry::from_bytes(part.text.as_bytes()) {
            Ok(entry) => entry,
            Err(reason) => {
                doubts.contradict(format!("Entry {index}: {reason}."));
                continue;
            }
        };
        let leaf = merkle::leaf_hash(part.text.as_bytes());
        match head {
            None => doubts.cannot_tell(format!("Entry {index}: there is no head of the log to prove it by.")),
            Some(head) if merkle::is_included(leaf, index, head.size(), head.root(), &part.proof) => {
                doubts.unless(ids.insert(entry.id()), format!("Entry {index} has an id that another has."));
                doubts.unless(
                    is_well_formed(&entry),
                    format!("Entry {index} does not say what a {} says.", entry.act()),
                );
                proved.push(Logged { entry, index });
            }
            Some(_) => doubts.contradict(format!("Entry {index} is not in the log at that place.")),
        }
    }
    let n = parts.len();
    (proved, doubts.finish("entries", format!("Each of the {n} entries is in the log at its place.")))
}

/// Whether an entry that evidence rests on can be read as such.
pub(super) fn is_well_formed(entry: &Entry) -> bool {
    is_read_as::<BallotCast>(entry)
        && is_read_as::<DocumentUploaded>(entry)
        && is_read_as::<ResolutionDrafted>(entry)
        && is_read_as::<ResolutionSealed>(entry)
        && is_read_as::<ResolutionSigned>(entry)
        && is_read_as::<VoteClosed>(entry)
        && is_read_as::<VoteOpened>(entry)
}

fn is_read_as<F: Fact>(entry: &Entry) -> bool {
    entry.act() != F::ACT || F::read(entry).is_some()
}

/// Every fact of one kind that `log` states, in its order.
pub(super) fn facts<F: Fact>(log: &[Logged]) -> impl Iterator<Item = Stated<'_, F>> {
    log.iter()
        .filter_map(|Logged { entry, index }| Some(Stated { entry, fact: F::read(entry)?, index: *index }))
}
