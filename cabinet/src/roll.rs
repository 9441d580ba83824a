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
    /// SHA-256 of the DER of a second certificate that may sign for him: the card in his own hand, where he has it
    /// beside a key on the appliance's tokens. Not written where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Digest>,
    /// SHA-256 of the DER of the certificate whose key signs for this member.
    pub certificate: Digest,
    /// The member.
    pub id: PersonId,
    /// Name as printed, family name first.
    pub name: String,
    /// Position as printed.
    pub position: String,
}

impl RollMember {
    /// Whether the certificate with this fingerprint may sign for him.
    #[must_use]
    pub fn may_sign(&self, fingerprint: Digest) -> bool {
        self.certificate == fingerprint || self.card == Some(fingerprint)
    }
}

/// The members of a vote, frozen when it opened.
///
/// Invariant: no id twice, no certificate twice, and the Prime Minister is one of them.
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
    /// * [`Refusal::DuplicateOnRoll`]: a member or a certificate twice; [`Refusal::PrimeMinisterMissing`].
    pub fn freeze(members: Vec<RollMember>, prime_minister: PersonId) -> Result<Self, Refusal> {
        let ids: BTreeSet<_> = members.iter().map(|member| member.id).collect();
        // One key that signs for two members would vote twice.
        let certificates: Vec<_> =
            members.iter().flat_map(|member| [Some(member.certificate), member.card]).flatten().collect();
        let is_each_once = certificates.iter().collect::<BTreeSet<_>>().len() == certificates.len();
        if ids.len() != members.len() || !is_each_once || members.len() > MAX_ON_ROLL {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn member(n: u8, card: Option<u8>) -> RollMember {
        RollMember {
            card: card.map(|n| Digest::of(&[n])),
            certificate: Digest::of(&[n]),
            id: format!("00000000-0000-7000-8000-0000000000{n:02x}").parse().unwrap(),
            name: format!("THỬ NGHIỆM {n}"),
            position: "Bộ trưởng".to_owned(),
        }
    }

    #[test]
    fn a_certificate_speaks_for_one_member_and_a_card_only_for_its_holder() {
        let prime_minister = member(1, None).id;
        let freeze = |members| Roll::freeze(members, prime_minister);
        let roll = freeze(vec![member(1, None), member(2, Some(9))]).unwrap();
        let may = |n: usize, key: u8| roll.members[n].may_sign(Digest::of(&[key]));
        assert_eq!([may(0, 1), may(1, 2), may(1, 9)], [true; 3]);
        assert_eq!([may(0, 2), may(0, 9), may(1, 1)], [false; 3]);
        for card in [1, 2, 3] {
            let twice = freeze(vec![member(1, None), member(2, Some(card)), member(3, None)]);
            assert_eq!(twice, Err(Refusal::DuplicateOnRoll), "{card}");
        }
        let twice = freeze(vec![member(1, Some(9)), member(2, Some(9))]);
        assert_eq!(twice, Err(Refusal::DuplicateOnRoll));
    }

    #[test]
    fn a_roll_without_cards_is_written_as_before_there_were_any() {
        let text = String::from_utf8(canonical::to_bytes(&member(1, None))).unwrap();
        assert!(text.starts_with("{\"certificate\":"), "{text}");
        let read: RollMember = canonical::from_bytes(text.as_bytes()).unwrap();
        assert_eq!(read, member(1, None));
        let text = String::from_utf8(canonical::to_bytes(&member(1, Some(2)))).unwrap();
        assert!(text.starts_with("{\"card\":"), "{text}");
        assert!(
            canonical::from_bytes::<RollMember>(text.replace("\"card\":", "\"cards\":").as_bytes()).is_err()
        );
    }
}
