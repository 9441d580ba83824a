//! The roll (danh sách): who are the members, who sits in for whom, who is invited to what.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::{AgendaItemId, PersonId};
use crate::{Digest, Refusal, canonical};

/// The most people on one roll, all capacities together.
pub const MAX_ON_ROLL: usize = 2_000;

/// A member as frozen into a vote: who may sign a ballot, and with which certificate.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RollMember {
    /// SHA-256 of the DER of the certificate whose key signs for this member.
    pub certificate: Digest,
    /// The member.
    pub id: PersonId,
    /// Name as printed, family name first.
    pub name: String,
    /// Position as printed.
    pub position: String,
}

/// The members of a vote, frozen when it opened.
///
/// Invariant: no id twice, and the Prime Minister is one of them.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Roll {
    /// In the order of precedence that the secretary set.
    pub members: Vec<RollMember>,
    /// Whose side decides at equal votes.
    pub prime_minister: PersonId,
}

impl Roll {
    /// Freezes a roll.
    ///
    /// # Errors
    ///
    /// * [`Refusal::DuplicateOnRoll`], [`Refusal::PrimeMinisterMissing`].
    pub fn freeze(members: Vec<RollMember>, prime_minister: PersonId) -> Result<Self, Refusal> {
        let ids: BTreeSet<_> = members.iter().map(|member| member.id).collect();
        if ids.len() != members.len() || members.len() > MAX_ON_ROLL {
            return Err(Refusal::DuplicateOnRoll);
        }
        if !ids.contains(&prime_minister) {
            return Err(Refusal::PrimeMinisterMissing);
        }
        Ok(Self { members, prime_minister })
    }

    /// The member of that id, if on the roll.
    #[must_use]
    pub fn member(&self, id: PersonId) -> Option<&RollMember> {
        self.members.iter().find(|member| member.id == id)
    }

    /// Digest of the canonical roll; every ballot names it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&canonical::to_bytes(self))
    }
}

/// In which capacity somebody takes part in a meeting.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Capacity {
    /// A member: attends, speaks, votes.
    Member,
    /// Sits in for a member: attends and speaks, does not vote.
    ///
    /// Source: `docs/sources.md`, entry `substitute`.
    Substitute {
        /// The absent member.
        of: PersonId,
    },
    /// Invited to some items only.
    Guest {
        /// Those items.
        items: BTreeSet<AgendaItemId>,
    },
}

/// Checks who takes part in a meeting before it is stored.
///
/// # Errors
///
/// * [`Refusal::DuplicateOnRoll`]: somebody named twice.
/// * [`Refusal::NotAMember`]: a substitute for somebody who is not on the roll as a member.
/// * [`Refusal::PrimeMinisterMissing`]: equal votes could not be decided.
pub fn check_participants(
    members: &[PersonId],
    substitutes: &[(PersonId, PersonId)],
    guests: &[(PersonId, Vec<AgendaItemId>)],
    prime_minister: PersonId,
) -> Result<BTreeMap<PersonId, Capacity>, Refusal> {
    let mut all = BTreeMap::new();
    let member_ids: BTreeSet<_> = members.iter().copied().collect();
    let entries = members
        .iter()
        .map(|id| (*id, Capacity::Member))
        .chain(substitutes.iter().map(|(id, of)| (*id, Capacity::Substitute { of: *of })))
        .chain(
            guests
                .iter()
                .map(|(id, items)| (*id, Capacity::Guest { items: items.iter().copied().collect() })),
        );
    for (id, capacity) in entries {
        if let Capacity::Substitute { of } = &capacity
            && !member_ids.contains(of)
        {
            return Err(Refusal::NotAMember);
        }
        if all.insert(id, capacity).is_some() || all.len() > MAX_ON_ROLL {
            return Err(Refusal::DuplicateOnRoll);
        }
    }
    if !member_ids.contains(&prime_minister) {
        return Err(Refusal::PrimeMinisterMissing);
    }
    Ok(all)
}
