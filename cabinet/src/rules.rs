//! Dated rule sets: what the law says about quorum, majority and equal votes, as data with its citation.

use serde::{Deserialize, Serialize};

/// A rule set, in force from a day on; frozen into each vote when it opens.
///
/// Fields stand in alphabetical order: the set is part of what is signed ([`crate::canonical`]).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSet {
    /// Where the rules stand, for people: `Điều 3 khoản 3 …`.
    pub citation: String,
    /// Stable name, for instance `government-2026-05-29`.
    pub id: String,
    /// First day it applies, `2026-05-29`.
    pub in_force_from: String,
    /// What the votes for are measured against.
    pub majority_base: MajorityBase,
    /// Adopted by *more than* this share of the base.
    pub majority_more_than: Fraction,
    /// A session needs *at least* this share of all members present.
    pub quorum_at_least: Fraction,
    /// Whether members who take part from elsewhere count for the quorum.
    pub remote_counts_for_quorum: bool,
    /// What equality means, and who decides then.
    pub tie: Tie,
    /// The set's name for people.
    pub title: String,
    /// Points that the text of the law leaves open and this set decides by default.
    pub unconfirmed: Vec<String>,
}

/// Numerator over denominator; the denominator is at least 1 and the share at most 1.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fraction {
    /// Lower part.
    pub denominator: u32,
    /// Upper part.
    pub numerator: u32,
}

/// What a majority is a majority of.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MajorityBase {
    /// All members on the roll, voting or not: the Government's rule.
    AllMembers,
    /// The ballots cast.
    BallotsCast,
}

/// What happens at equal votes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tie {
    /// Exactly half of the base agrees: the Prime Minister's side decides.
    PrimeMinisterAtHalfOfBase,
    /// As many agree as disagree: the Prime Minister's side decides.
    PrimeMinisterAtForEqualsAgainst,
    /// Equal votes do not adopt.
    NotAdopted,
}

/// The rule set cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadRules {
    /// It is not valid JSON of this shape.
    #[error("the rule set does not parse: {0}")]
    Unreadable(String),
    /// A share is above 1 or has a zero denominator.
    #[error("the rule set `{id}` has an impossible share in `{field}`")]
    ImpossibleShare {
        /// The set.
        id: String,
        /// The field.
        field: &'static str,
    },
}

impl RuleSet {
    /// Reads a rule set from its JSON file.
    ///
    /// # Errors
    ///
    /// * [`BadRules`]: correct the file; nothing is assumed in its place.
    pub fn parse(json: &str) -> Result<Self, BadRules> {
        let set: Self = serde_json::from_str(json).map_err(|err| BadRules::Unreadable(err.to_string()))?;
        for (field, share) in
            [("majority_more_than", set.majority_more_than), ("quorum_at_least", set.quorum_at_least)]
        {
            if share.denominator == 0 || share.numerator > share.denominator {
                return Err(BadRules::ImpossibleShare { id: set.id, field });
            }
        }
        Ok(set)
    }

    /// How many members must be present: the smallest whole number that is at least the share.
    #[must_use]
    pub fn quorum(&self, n_members: usize) -> usize {
        let share = self.quorum_at_least;
        n_members.saturating_mul(to_usize(share.numerator)).div_ceil(to_usize(share.denominator).max(1))
    }

    /// How many must agree to adopt without the Prime Minister's side deciding, of a base of `base`.
    #[must_use]
    pub fn majority(&self, base: usize) -> usize {
        let share = self.majority_more_than;
        (base.saturating_mul(to_usize(share.numerator)) / to_usize(share.denominator).max(1))
            .saturating_add(1)
    }

    /// Whether `part` is exactly the share of `base` above which a majority begins.
    #[must_use]
    pub fn is_exactly_at_share(&self, part: usize, base: usize) -> bool {
        let share = self.majority_more_than;
        part.saturating_mul(to_usize(share.denominator)) == base.saturating_mul(to_usize(share.numerator))
    }
}

fn to_usize(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn government() -> RuleSet {
        RuleSet::parse(include_str!("../rules/government-2026-05-29.json")).unwrap()
    }

    #[test]
    fn thresholds_are_those_of_the_law() {
        let rules = government();
        for (n, quorum, majority) in [(25, 17, 13), (26, 18, 14), (27, 18, 14)] {
            assert_eq!((rules.quorum(n), rules.majority(n)), (quorum, majority), "{n} members");
        }
    }

    #[test]
    fn an_impossible_share_or_unknown_field_is_refused() {
        let text = include_str!("../rules/government-2026-05-29.json");
        let bad = text.replace("\"denominator\": 3", "\"denominator\": 0");
        assert!(matches!(
            RuleSet::parse(&bad),
            Err(BadRules::ImpossibleShare { field: "quorum_at_least", .. })
        ));
        let bad = text.replace("\"title\"", "\"titel\"");
        assert!(matches!(RuleSet::parse(&bad), Err(BadRules::Unreadable(_))));
    }
}
