//! Checks of the ballots: each one's words, signature and entry, that none is missing, and the recount.

use std::collections::{BTreeMap, BTreeSet};

use cabinet::statement::BallotStatement;
use cabinet::vote::{Cast, Closed, Open, Outcome};
use cabinet::{Digest, Timestamp, canonical};
use signing::cades::{self, Verified};
use signing::validation::{Coverage, Indication, Integrity, SignatureReport};
use signing::{Invalid, TrustStore};

use super::bundle::Opened;
use super::log::{self, Logged, Stated};
use super::{Check, Conditions, Doubts, Verdict};
use crate::acts::{self, BallotCast, VoteClosed};
use crate::bundle::{BallotPart, Body};

/// What the ballots came to.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) checks: Vec<Check>,
    /// The index of the entry that closed the vote; the end of the log if there is none.
    pub(super) closed_at: u64,
    pub(super) recount: Outcome,
    pub(super) signatures: Vec<SignatureReport>,
}

/// A ballot whose statement could be read.
struct Read<'a> {
    part: &'a BallotPart,
    statement: BallotStatement,
}

impl Read<'_> {
    fn called(&self) -> String {
        format!("Ballot {} of {}", self.statement.version, self.statement.name)
    }
}

/// Makes every check of the ballots.
pub(super) fn all(body: &Body, opened: &Opened, logged: &[Logged], conditions: &Conditions<'_>) -> Counted {
    let (ballots, statements) = statements(body, opened);
    let (signatures, signed) = signatures(&ballots, opened, conditions);
    let closings: Vec<_> =
        log::facts::<VoteClosed>(logged).filter(|stated| stated.fact.vote == opened.frozen.vote).collect();
    let closing = match closings.as_slice() {
        [closing] => Some(*closing),
        [] | [..] => None,
    };
    let closed_at = closing.map_or(u64::MAX, |closing| closing.index);
    let (casts, entries) = entries(&ballots, opened, closed_at, logged);
    let versions = versions(&ballots, &casts);
    let casts: Vec<_> = casts.into_values().map(|stated| stated.fact).collect();
    let vote_closed = vote_closed(opened, closing, closings.len(), &ballots, &casts);
    let (recount, outcome) = outcome(body, opened, closing, &ballots);
    Counted {
        checks: vec![statements, signed, entries, versions, vote_closed, outcome],
        closed_at,
        recount,
        signatures,
    }
}

/// Checks `ballot-statements`: each is what the rules let this member sign in this vote.
fn statements<'a>(body: &'a Body, opened: &Opened) -> (Vec<Read<'a>>, Check) {
    let mut doubts = Doubts::default();
    let open = Open::new(opened.frozen.clone());
    let mut ballots = Vec::new();
    for (n, part) in (1_u32..).zip(&body.ballots) {
        let statement = match canonical::from_bytes::<BallotStatement>(part.statement.as_bytes()) {
            Ok(statement) => statement,
            Err(reason) => {
                doubts.contradict(format!("Ballot {n} in the list: {reason}."));
                continue;
            }
        };
        // What the domain would have written for this choice must be what stands there, its time aside.
        let n_cast = statement.version.saturating_sub(1);
        let (choice, comment, nonce) = (statement.choice, statement.comment.clone(), statement.nonce.clone());
        let again = open.ballot(statement.member, choice, comment, n_cast, nonce, Timestamp::from_micros(0));
        let ballot = Read { part, statement };
        match again {
            Ok(again) => {
                let again = BallotStatement { at: ballot.statement.at.clone(), ..again };
                let says = format!("{} is about another vote, text, roll or rule set.", ballot.called());
                doubts.unless(again == ballot.statement, says);
            }
            Err(refusal) => doubts.contradict(format!("{}: {refusal}.", ballot.called())),
        }
        ballots.push(ballot);
    }
    let n = body.ballots.len();
    (
        ballots,
        doubts.finish(
            "ballot-statements",
            format!("All {n} ballots say what they may, each by a member on the roll."),
        ),
    )
}

/// Checks `ballot-signatures`: each is signed by a certificate that the roll names for that member.
fn signatures(
    ballots: &[Read<'_>],
    opened: &Opened,
    conditions: &Conditions<'_>,
) -> (Vec<SignatureReport>, Check) {
    let mut doubts = Doubts::default();
    let no_anchors = TrustStore::default();
    let trust = conditions.context.trust.unwrap_or(&no_anchors);
    let mut reports = Vec::new();
    for ballot in ballots {
        let content = ballot.part.statement.as_bytes();
        let found = cades::verify_content(&ballot.part.cms.0, content, trust, conditions.context.at);
        let on_roll = opened.frozen.roll.member(ballot.statement.member);
        match &found {
            Ok(verified) if on_roll.is_some_and(|member| member.may_sign(verified.signer.fingerprint())) => {}
            Ok(verified) => {
                let signer = verified.signer.common_name();
                doubts.contradict(format!(
                    "{} is signed by “{signer}”, not by the roll's certificate.",
                    ballot.called()
                ));
            }
            Err(reason) => doubts.doubt(Verdict::of(reason), format!("{}: {reason}.", ballot.called())),
        }
        reports.push(reported(ballot, found));
    }
    let n = ballots.len();
    (
        reports,
        doubts.finish(
            "ballot-signatures",
            format!("All {n} ballots are signed with the certificates that the roll names."),
        ),
    )
}

/// The line about one ballot's signature by itself, whoever signed.
fn reported(ballot: &Read<'_>, found: Result<Verified, Invalid>) -> SignatureReport {
    let mut report = SignatureReport {
        signer: Some(ballot.statement.name.clone()),
        integrity: Integrity::Intact,
        coverage: Coverage::Whole,
        indication: Indication::TotalPassed,
        sub_indication: None,
        covered_bytes: ballot.part.statement.len(),
        ..SignatureReport::unproven()
    };
    match found {
        Ok(verified) => {
            report.signer = Some(verified.signer.common_name());
            report.time = verified.signing_time;
            report.certificate = Some(verified.signer);
        }
        Err(reason) => {
            (report.integrity, report.indication) = match Verdict::of(&reason) {
                Verdict::Contradicted => (Integrity::Broken, Indication::TotalFailed),
                Verdict::CannotTell | Verdict::Verified => (Integrity::Intact, Indication::Indeterminate),
            };
            report.sub_indication = Some(reason.sub_indication());
            report.reason = reason.to_string();
        }
    }
    report
}

/// Checks `ballot-entries`: each ballot has its entry while the vote was open, and each entry its ballot.
fn entries<'l>(
    ballots: &[Read<'_>],
    opened: &Opened,
    closed_at: u64,
    logged: &'l [Logged],
) -> (BTreeMap<usize, Stated<'l, BallotCast>>, Check) {
    let mut doubts = Doubts::default();
    let vote = opened.frozen.vote;
    let stated: Vec<_> = log::facts::<BallotCast>(logged).filter(|stated| stated.fact.vote == vote).collect();
    let mut found = BTreeMap::new();
    let mut used = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for (n, ballot) in ballots.iter().enumerate() {
        let called = ballot.called();
        let Some(entry) = stated.iter().find(|stated| stated.entry.id() == ballot.part.entry) else {
            doubts.contradict(format!("{called} has no entry in the log."));
            continue;
        };
        let expected = BallotCast {
            ballot: entry.fact.ballot,
            member: ballot.statement.member,
            signature: Digest::of(&ballot.part.cms.0),
            statement: Digest::of(ballot.part.statement.as_bytes()),
            version: ballot.statement.version,
            vote,
        };
        doubts.unless(
            entry.fact == expected,
            format!("{called} is not the one that its entry {} records.", entry.index),
        );
        let is_open = opened.index < entry.index && entry.index < closed_at;
        doubts.unless(is_open, format!("{called} was recorded while the vote was not open."));
        let is_new = used.insert(entry.entry.id()) && ids.insert(entry.fact.ballot);
        doubts.unless(is_new, format!("{called} stands twice."));
        found.insert(n, *entry);
    }
    for missing in stated.iter().filter(|stated| !used.contains(&stated.entry.id())) {
        doubts.contradict(format!("The ballot that entry {} records is missing.", missing.index));
    }
    let says = format!(
        "Each of the {} ballots was recorded while the vote was open, and each record has its ballot.",
        ballots.len()
    );
    (found, doubts.finish("ballot-entries", says))
}

/// Checks `ballot-versions`: by member, each from 1 on without a gap, recorded in that order.
fn versions(ballots: &[Read<'_>], casts: &BTreeMap<usize, Stated<'_, BallotCast>>) -> Check {
    let mut doubts = Doubts::default();
    let mut earlier: Option<(&Read<'_>, Option<u64>)> = None;
    for (n, ballot) in ballots.iter().enumerate() {
        let index = casts.get(&n).map(|stated| stated.index);
        let (member, version) = (ballot.statement.member, ballot.statement.version);
        let follows = match earlier {
            Some((before, before_index)) if before.statement.member == member => {
                before.statement.version.checked_add(1) == Some(version) && before_index < index
            }
            Some((before, _)) => before.statement.member < member && version == 1,
            None => version == 1,
        };
        doubts.unless(
            follows,
            format!(
                "{} does not follow the one before it: a version is missing, doubled or out of order.",
                ballot.called()
            ),
        );
        earlier = Some((ballot, index));
    }
    doubts.finish("ballot-versions", "Every member's ballots are numbered from 1 on without a gap.")
}

/// Checks `vote-closed`: one entry closed the vote, and names just these ballots.
fn vote_closed(
    opened: &Opened,
    closing: Option<Stated<'_, VoteClosed>>,
    n_closings: usize,
    ballots: &[Read<'_>],
    casts: &[BallotCast],
) -> Check {
    let mut doubts = Doubts::default();
    let Some(Stated { fact, index, .. }) = closing else {
        doubts.contradict(if n_closings == 0 {
            "The log's entry that closed the vote is missing."
        } else {
            "The vote was closed more than once."
        });
        return doubts.finish("vote-closed", "");
    };
    doubts.unless(opened.index < index, "The vote was closed before it was opened.");
    let says =
        format!("{} ballots are here, but the vote was closed with {}.", ballots.len(), fact.n_ballots);
    doubts.unless(fact.n_ballots == ballots.len(), says);
    let is_list = casts.len() == ballots.len() && acts::ballots_digest(casts) == fact.ballots;
    doubts.unless(is_list, "The ballots are not those that the vote was closed with.");
    doubts.finish(
        "vote-closed",
        format!("Entry {index} closed the vote with exactly these {} ballots.", ballots.len()),
    )
}

/// Checks `outcome`: counted again from the ballots, it is what was announced and logged.
fn outcome(
    body: &Body,
    opened: &Opened,
    closing: Option<Stated<'_, VoteClosed>>,
    ballots: &[Read<'_>],
) -> (Outcome, Check) {
    let mut doubts = Doubts::default();
    let casts = ballots.iter().map(|ballot| {
        let BallotStatement { choice, member, version, .. } = ballot.statement;
        Cast { choice, member, version }
    });
    let recount = Closed::new(opened.frozen.clone()).outcome(casts);
    doubts
        .unless(recount == body.outcome, "The ballots, counted again, do not come to the announced outcome.");
    let digest = Digest::of(&canonical::to_bytes(&recount));
    let is_logged = closing.is_none_or(|closing| closing.fact.outcome == digest);
    doubts.unless(is_logged, "The ballots, counted again, do not come to the outcome that was logged.");
    let rules = &opened.frozen.rules;
    let says = format!("Counted again by “{}” ({}): {}", rules.id, rules.citation, recount.arithmetic());
    (recount, doubts.finish("outcome", says))
}
