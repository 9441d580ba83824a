//! A vote at a session (biểu quyết): [`Open`] → [`Closed`].
//!
//! A transition takes its state by value, so a closed vote takes no ballot: the method is not
//! there. Nothing reads a clock or a disk; the caller passes `now` and stores what comes back.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::PersonId;
use crate::rules::{MajorityBase, Tie};
use crate::statement::{BALLOT_TYPE, BallotStatement, MAX_COMMENT_CHARS, Nonce, VoteStatement};
use crate::{Digest, Refusal, Timestamp};

/// How old a prepared statement may be when it comes back to be signed, in seconds.
pub const STATEMENT_LIFETIME_S: i64 = 600;

/// What a member may choose. There is no abstention; silence is no choice.
///
/// Source: `docs/sources.md`, entry `choices`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// Đồng ý.
    Agree,
    /// Không đồng ý.
    Disagree,
    /// Ý kiến khác, with words.
    OtherOpinion,
}

impl Choice {
    /// The words on the ballot.
    #[must_use]
    pub const fn vietnamese(self) -> &'static str {
        match self {
            Self::Agree => "Đồng ý",
            Self::Disagree => "Không đồng ý",
            Self::OtherOpinion => "Ý kiến khác",
        }
    }
}

/// A vote that is taking ballots on texts, roll and rules that were frozen when it opened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Open {
    frozen: VoteStatement,
    roll: Digest,
    rules: Digest,
}

/// A vote that the chair has closed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Closed {
    frozen: VoteStatement,
}

/// The last ballot of one member, as far as counting needs it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cast {
    /// His choice.
    pub choice: Choice,
    /// Who.
    pub member: PersonId,
    /// Which of his ballots.
    pub version: u32,
}

impl Open {
    /// Resumes or begins a vote from what was frozen.
    #[must_use]
    pub fn new(frozen: VoteStatement) -> Self {
        let roll = frozen.roll.digest();
        let rules = frozen.rules_digest();
        Self { frozen, roll, rules }
    }

    /// What was frozen.
    #[must_use]
    pub const fn frozen(&self) -> &VoteStatement {
        &self.frozen
    }

    /// Writes the statement that `member` may now be shown and sign; it replaces his ballot
    /// number `n_cast`, if any. Nothing is counted yet.
    ///
    /// # Errors
    ///
    /// * [`Refusal::NotOnRoll`]: also a deputy who sits in for a member; he may speak, not vote.
    /// * [`Refusal::CommentNeeded`]: another opinion without its words, or too many of them.
    pub fn ballot(
        &self,
        member: PersonId,
        choice: Choice,
        comment: Option<String>,
        n_cast: u32,
        nonce: Nonce,
        now: Timestamp,
    ) -> Result<BallotStatement, Refusal> {
        let on_roll = self.frozen.roll.member(member).ok_or(Refusal::NotOnRoll)?;
        let comment = comment.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let n_chars = comment.as_deref().map_or(0, |text| text.chars().count());
        if n_chars > MAX_COMMENT_CHARS || (choice == Choice::OtherOpinion && n_chars == 0) {
            return Err(Refusal::CommentNeeded);
        }
        Ok(BallotStatement {
            at: now.iso_vietnam(),
            choice,
            comment,
            documents: self.frozen.documents.clone(),
            item: self.frozen.item,
            meeting: self.frozen.meeting,
            member,
            name: on_roll.name.clone(),
            nonce,
            question: self.frozen.question.clone(),
            roll: self.roll,
            rules: self.rules,
            type_: BALLOT_TYPE.to_owned(),
            version: n_cast.saturating_add(1),
            vote: self.frozen.vote,
        })
    }

    /// Whether `shown`, a statement that the member saw earlier, is what he would be shown now:
    /// the same in everything but its own time and nonce, and not too old.
    ///
    /// # Errors
    ///
    /// * [`Refusal::StatementStale`]: show him the new one; [`Refusal::NotOnRoll`], [`Refusal::CommentNeeded`].
    pub fn accept_shown(
        &self,
        shown: &BallotStatement,
        member: PersonId,
        n_cast: u32,
        written_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let fresh = self.ballot(
            member,
            shown.choice,
            shown.comment.clone(),
            n_cast,
            shown.nonce.clone(),
            written_at,
        )?;
        let in_time =
            written_at <= now.plus_seconds(1) && now <= written_at.plus_seconds(STATEMENT_LIFETIME_S);
        if fresh == *shown && in_time { Ok(()) } else { Err(Refusal::StatementStale) }
    }

    /// Ends the vote, when the chair says so. A member without a ballot has not agreed.
    #[must_use]
    pub fn close(self) -> Closed {
        Closed { frozen: self.frozen }
    }
}

impl Closed {
    /// Resumes a closed vote from what was frozen when it opened.
    #[must_use]
    pub const fn new(frozen: VoteStatement) -> Self {
        Self { frozen }
    }

    /// What was frozen.
    #[must_use]
    pub const fn frozen(&self) -> &VoteStatement {
        &self.frozen
    }

    /// Counts: the highest version of each member on the roll, by the frozen rule set.
    ///
    /// Source: `docs/sources.md`, entries `majority` and `equal-votes`.
    #[must_use]
    pub fn outcome(&self, ballots: impl IntoIterator<Item = Cast>) -> Outcome {
        let last = self.last_ballots(ballots);
        let n = |choice| last.values().filter(|cast| cast.choice == choice).count();
        let (n_agree, n_disagree, n_other) = (n(Choice::Agree), n(Choice::Disagree), n(Choice::OtherOpinion));
        let n_members = self.frozen.roll.members.len();
        let rules = &self.frozen.rules;
        let base = match rules.majority_base {
            MajorityBase::AllMembers => n_members,
            MajorityBase::BallotsCast => last.len(),
        };
        let majority_needed = rules.majority(base);
        let is_tie = match rules.tie {
            Tie::PrimeMinisterAtHalfOfBase => rules.is_exactly_at_share(n_agree, base),
            Tie::PrimeMinisterAtForEqualsAgainst => n_agree == n_disagree,
            Tie::NotAdopted => false,
        };
        let prime_minister = last.get(&self.frozen.roll.prime_minister).map(|cast| cast.choice);
        let (adopted, decided_by) = match n_agree.cmp(&majority_needed) {
            Ordering::Greater | Ordering::Equal => (true, DecidedBy::Majority),
            Ordering::Less if is_tie && n_agree > 0 => {
                (prime_minister == Some(Choice::Agree), DecidedBy::PrimeMinister)
            }
            Ordering::Less => (false, DecidedBy::Majority),
        };
        Outcome {
            adopted,
            base,
            decided_by,
            majority_needed,
            n_agree,
            n_disagree,
            n_members,
            n_other,
            n_silent: n_members.saturating_sub(last.len()),
            prime_minister,
        }
    }

    fn last_ballots(&self, ballots: impl IntoIterator<Item = Cast>) -> BTreeMap<PersonId, Cast> {
        let mut last: BTreeMap<PersonId, Cast> = BTreeMap::new();
        for cast in ballots {
            let is_later = last.get(&cast.member).is_none_or(|earlier| earlier.version < cast.version);
            if is_later && self.frozen.roll.member(cast.member).is_some() {
                last.insert(cast.member, cast);
            }
        }
        last
    }
}

/// Who decided.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DecidedBy {
    /// The number of members who agreed.
    Majority,
    /// The Prime Minister's side, at equal votes.
    PrimeMinister,
}

/// What came of a vote. Fields stand in alphabetical order: it is part of the evidence.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// Whether the item is adopted.
    pub adopted: bool,
    /// What the votes for were measured against.
    pub base: usize,
    /// Who decided.
    pub decided_by: DecidedBy,
    /// How many had to agree, without the Prime Minister's side deciding.
    pub majority_needed: usize,
    /// Đồng ý.
    pub n_agree: usize,
    /// Không đồng ý.
    pub n_disagree: usize,
    /// Members on the roll.
    pub n_members: usize,
    /// Ý kiến khác.
    pub n_other: usize,
    /// Chưa biểu quyết: silence is not agreement.
    pub n_silent: usize,
    /// The Prime Minister's own choice, if he voted.
    pub prime_minister: Option<Choice>,
}

impl Outcome {
    /// The arithmetic in one Vietnamese sentence, printed with the result.
    #[must_use]
    pub fn arithmetic(&self) -> String {
        let Self { n_agree, n_disagree, n_other, n_silent, base, majority_needed, .. } = self;
        let counts = format!(
            "{n_agree} đồng ý, {n_disagree} không đồng ý, {n_other} ý kiến khác, {n_silent} chưa biểu quyết; \
             cần ít nhất {majority_needed}/{base} phiếu đồng ý"
        );
        let verdict = match (self.adopted, self.decided_by) {
            (true, DecidedBy::Majority) => format!("{n_agree} ≥ {majority_needed} nên được thông qua"),
            (false, DecidedBy::Majority) => format!("{n_agree} < {majority_needed} nên không được thông qua"),
            (true, DecidedBy::PrimeMinister) => {
                "số phiếu ngang nhau, được thông qua theo bên có phiếu của Thủ tướng".to_owned()
            }
            (false, DecidedBy::PrimeMinister) => {
                "số phiếu ngang nhau, không được thông qua vì Thủ tướng không tán thành".to_owned()
            }
        };
        format!("{counts}; {verdict}.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Id;
    use crate::roll::{Roll, RollMember};
    use crate::rules::tests::government;
    use uuid::Uuid;

    const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

    fn member(n: usize) -> PersonId {
        Id::from_uuid(Uuid::from_u128(u128::try_from(n).unwrap() + 1))
    }

    fn open_vote(n_members: usize, tie: Tie) -> Open {
        let members = (0..n_members)
            .map(|n| RollMember {
                card: None,
                certificate: Digest::of(&[u8::try_from(n).unwrap()]),
                id: member(n),
                name: format!("THỬ NGHIỆM {n}"),
                position: "Bộ trưởng".to_owned(),
            })
            .collect();
        let mut rules = government();
        rules.tie = tie;
        Open::new(VoteStatement {
            at: NOW.iso_vietnam(),
            chair: member(0),
            documents: vec![],
            item: Id::from_uuid(Uuid::from_u128(900)),
            meeting: Id::from_uuid(Uuid::from_u128(901)),
            meeting_title: "Phiên họp".to_owned(),
            question: "Thông qua?".to_owned(),
            roll: Roll::freeze(members, member(0)).unwrap(),
            rules,
            type_: crate::statement::VOTE_TYPE.to_owned(),
            vote: Id::from_uuid(Uuid::from_u128(902)),
        })
    }

    fn nonce() -> Nonce {
        Nonce::from_random([7; 16])
    }

    fn outcome_of(votes: &str, tie: Tie) -> Outcome {
        let casts = votes.chars().enumerate().filter_map(|(n, mark)| {
            let choice = match mark {
                '+' => Choice::Agree,
                '-' => Choice::Disagree,
                'o' => Choice::OtherOpinion,
                _ => return None,
            };
            Some(Cast { choice, member: member(n), version: 1 })
        });
        open_vote(votes.len(), tie).close().outcome(casts)
    }

    /// A vote of members 0, 1, 2…, where member 0 is the Prime Minister; '+' agrees, '-' disagrees,
    /// 'o' has another opinion, '.' does not vote.
    #[track_caller]
    fn check(votes: &str, adopted: bool, decided_by: DecidedBy) {
        let outcome = outcome_of(votes, Tie::PrimeMinisterAtHalfOfBase);
        assert_eq!((outcome.adopted, outcome.decided_by), (adopted, decided_by), "{votes}");
    }

    #[test]
    fn more_than_half_of_all_members_adopts_and_silence_is_not_agreement() {
        check("+++.", true, DecidedBy::Majority);
        check("-+++.", true, DecidedBy::Majority);
        check("++...", false, DecidedBy::Majority);
        check("+++++++++++++++++++++++++..", true, DecidedBy::Majority);
        check("+++++++++++++..............", false, DecidedBy::Majority);
        check("++++++++++++++.............", true, DecidedBy::Majority);
        check(".....", false, DecidedBy::Majority);
    }

    #[test]
    fn the_prime_minister_decides_at_exactly_half() {
        check("++--", true, DecidedBy::PrimeMinister);
        check("-++-", false, DecidedBy::PrimeMinister);
        check("o++.", false, DecidedBy::PrimeMinister);
        check(".++.", false, DecidedBy::PrimeMinister);
        check("++oo", true, DecidedBy::PrimeMinister);
        check("++...", false, DecidedBy::Majority);
    }

    #[test]
    fn what_a_tie_is_comes_from_the_rule_set() {
        let for_equals_against = outcome_of("+-...", Tie::PrimeMinisterAtForEqualsAgainst);
        assert_eq!(
            (for_equals_against.adopted, for_equals_against.decided_by),
            (true, DecidedBy::PrimeMinister)
        );
        let never = outcome_of("++--", Tie::NotAdopted);
        assert_eq!((never.adopted, never.decided_by), (false, DecidedBy::Majority));
    }

    #[test]
    fn the_first_session_comes_out_as_it_did() {
        let outcome = outcome_of("+++++++++++++++++++++++++..", Tie::PrimeMinisterAtHalfOfBase);
        assert_eq!((outcome.n_agree, outcome.n_silent, outcome.majority_needed), (25, 2, 14));
        assert_eq!(
            outcome.arithmetic(),
            "25 đồng ý, 0 không đồng ý, 0 ý kiến khác, 2 chưa biểu quyết; cần ít nhất 14/27 phiếu đồng ý; \
             25 ≥ 14 nên được thông qua."
        );
    }

    #[test]
    fn the_last_version_counts_whatever_order_they_come_in() {
        let vote = open_vote(3, Tie::PrimeMinisterAtHalfOfBase).close();
        let cast = |n, version, choice| Cast { choice, member: member(n), version };
        let outcome = vote.outcome([
            cast(0, 2, Choice::Disagree),
            cast(0, 1, Choice::Agree),
            cast(1, 1, Choice::Agree),
            cast(9, 1, Choice::Agree),
        ]);
        assert_eq!((outcome.n_agree, outcome.n_disagree, outcome.n_silent), (1, 1, 1));
    }

    #[test]
    fn who_is_not_on_the_roll_gets_no_ballot_and_another_opinion_needs_words() {
        let vote = open_vote(2, Tie::PrimeMinisterAtHalfOfBase);
        let ballot = |n, choice, comment: Option<&str>| {
            vote.ballot(member(n), choice, comment.map(str::to_owned), 0, nonce(), NOW)
        };
        assert_eq!(ballot(5, Choice::Agree, None), Err(Refusal::NotOnRoll));
        assert_eq!(ballot(1, Choice::OtherOpinion, Some("  ")), Err(Refusal::CommentNeeded));
        assert_eq!(ballot(1, Choice::Agree, Some(&"ă".repeat(4_001))), Err(Refusal::CommentNeeded));
        assert!(ballot(1, Choice::OtherOpinion, Some("Cần làm rõ kinh phí")).is_ok());
    }

    #[test]
    fn only_what_was_shown_is_signed() {
        let vote = open_vote(2, Tie::PrimeMinisterAtHalfOfBase);
        let shown = vote.ballot(member(1), Choice::Agree, None, 0, nonce(), NOW).unwrap();
        let accept =
            |shown: &BallotStatement, n_cast, now| vote.accept_shown(shown, member(1), n_cast, NOW, now);
        assert_eq!(accept(&shown, 0, NOW.plus_seconds(60)), Ok(()));
        assert_eq!(accept(&shown, 1, NOW), Err(Refusal::StatementStale));
        assert_eq!(accept(&shown, 0, NOW.plus_seconds(601)), Err(Refusal::StatementStale));
        let mut other = shown.clone();
        other.question = "Không thông qua?".to_owned();
        assert_eq!(accept(&other, 0, NOW), Err(Refusal::StatementStale));
        let mut other = shown;
        other.member = member(0);
        assert_eq!(accept(&other, 0, NOW), Err(Refusal::StatementStale));
    }

    #[test]
    fn a_statement_has_one_spelling() {
        let vote = open_vote(2, Tie::PrimeMinisterAtHalfOfBase);
        let ballot = vote.ballot(member(1), Choice::Agree, None, 0, nonce(), NOW).unwrap();
        let bytes = ballot.encode();
        assert_eq!(crate::canonical::from_bytes::<BallotStatement>(&bytes), Ok(ballot));
        let spaced = [b" ".as_slice(), &bytes].concat();
        assert!(crate::canonical::from_bytes::<BallotStatement>(&spaced).is_err());
        let frozen = vote.frozen().encode();
        assert_eq!(crate::canonical::from_bytes::<VoteStatement>(&frozen).as_ref(), Ok(vote.frozen()));
    }
}
