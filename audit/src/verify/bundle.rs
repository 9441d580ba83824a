//! Checks of an evidence bundle: seal, log, what was voted on, and the order of it all.

use cabinet::canonical;
use cabinet::roll::Roll;
use cabinet::rules::RuleSet;
use cabinet::statement::{VOTE_TYPE, VoteStatement};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::log::{self, Logged, Stated};
use super::{Check, Conditions, Doubts, Report, ballots, chain, resolution};
use crate::acts::{DocumentUploaded, VoteOpened};
use crate::bundle::{Body, Bundle};

/// Verifies the bytes of a bundle.
pub(super) fn file(bytes: &[u8], conditions: &Conditions<'_>) -> Report {
    let mut spelling = Doubts::default();
    let bundle = match Bundle::from_bytes(bytes) {
        Ok(bundle) => bundle,
        Err(reason) => {
            spelling.contradict(format!(
                "The file is no bundle in its one spelling, so a byte was changed: {reason}."
            ));
            return Report::new(Vec::new(), vec![spelling.finish("spelling", "")], None);
        }
    };
    let mut checks = vec![spelling.finish("spelling", "The file is in its one spelling; no byte is free.")];
    let (body, seal) = (bundle.body(), bundle.seal());
    let (key, check) = chain::log_key(&seal.certificates, conditions);
    checks.push(check);
    checks.push(certificates(&bundle));
    checks.push(chain::seal(&body.to_sign(), &seal.value.0, key.as_ref()));
    let (head, check) = chain::checkpoint(&body.checkpoint, key.as_ref());
    checks.push(check);
    let (logged, check) = log::entries(&body.entries, head.as_ref());
    checks.push(check);
    let (opened, check) = vote_opened(body, &logged);
    checks.push(check);
    let Some(opened) = opened else { return Report::new(Vec::new(), checks, None) };
    checks.push(papers(&opened, &logged));
    let counted = ballots::all(body, &opened, &logged, conditions);
    checks.extend(counted.checks);
    let mut signatures = counted.signatures;
    if let Some(part) = &body.resolution {
        let found =
            resolution::sealed(part, &opened, counted.closed_at, &counted.recount, &logged, conditions);
        checks.extend(found.checks);
        signatures.extend(found.signatures);
    }
    checks.push(made_at(body, &logged));
    Report::new(signatures, checks, Some(counted.recount))
}

/// The vote as frozen, and where the log says that it was opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) frozen: VoteStatement,
    /// The entry's index; the end of the log if there is none, so that nothing comes after it.
    pub(super) index: u64,
}

/// Checks `seal-certificates`: those that came with the seal are those that it names.
fn certificates(bundle: &Bundle) -> Check {
    let named = &bundle.body().certificates;
    let given: Vec<_> = bundle.seal().certificates.iter().map(|blob| cabinet::Digest::of(&blob.0)).collect();
    let mut doubts = Doubts::default();
    doubts.unless(*named == given, "The seal's certificates are not those that the bundle was sealed with.");
    doubts.finish("seal-certificates", "The seal's certificates are those that it names.")
}

/// Checks `vote-opened`: the statement is sound, and the log says that the vote opened on exactly that.
fn vote_opened(body: &Body, logged: &[Logged]) -> (Option<Opened>, Check) {
    const NAME: &str = "vote-opened";
    let mut doubts = Doubts::default();
    let frozen = match canonical::from_bytes::<VoteStatement>(body.vote.as_bytes()) {
        Ok(frozen) => frozen,
        Err(reason) => {
            doubts.contradict(format!("The vote's statement: {reason}."));
            return (None, doubts.finish(NAME, ""));
        }
    };
    doubts.unless(frozen.type_ == VOTE_TYPE, "The vote's statement is of another type.");
    doubts.unless(frozen.meeting == body.meeting, "The vote belongs to another meeting.");
    let roll = &frozen.roll;
    let is_roll = Roll::freeze(roll.members.clone(), roll.prime_minister).is_ok();
    doubts.unless(is_roll, "The roll names somebody or a certificate twice, or lacks the Prime Minister.");
    let rules = String::from_utf8_lossy(&canonical::to_bytes(&frozen.rules)).into_owned();
    doubts.unless(RuleSet::parse(&rules).is_ok(), "The rule set has an impossible share.");
    let of_vote = log::facts::<VoteOpened>(logged).filter(|stated| stated.fact.vote == frozen.vote);
    let index = match of_vote.collect::<Vec<_>>().as_slice() {
        [Stated { fact, index, .. }] => {
            doubts.unless(
                *fact == VoteOpened::of(&frozen),
                "The vote was opened on another statement than this one.",
            );
            *index
        }
        [] => {
            doubts.contradict("The log's entry that opened the vote is missing.");
            u64::MAX
        }
        [..] => {
            doubts.contradict("The vote was opened more than once.");
            u64::MAX
        }
    };
    let says = format!(
        "The vote on “{}” was opened as entry {index} with {} members.",
        frozen.question,
        roll.members.len()
    );
    (Some(Opened { frozen, index }), doubts.finish(NAME, says))
}

/// Checks `papers`: every paper voted on was taken in, with that digest and for that item, before the vote opened.
fn papers(opened: &Opened, logged: &[Logged]) -> Check {
    let mut doubts = Doubts::default();
    let VoteStatement { documents, item, meeting, .. } = &opened.frozen;
    for paper in documents {
        let expected =
            DocumentUploaded { digest: paper.digest, document: paper.id, item: *item, meeting: *meeting };
        let is_there = log::facts::<DocumentUploaded>(logged)
            .any(|stated| stated.fact == expected && stated.index < opened.index);
        let says =
            format!("No entry before the vote says that “{}” was uploaded with that digest.", paper.title);
        doubts.unless(is_there, says);
    }
    let n = documents.len();
    doubts.finish(
        "papers",
        format!("All {n} papers voted on were uploaded, with those digests, before the vote opened."),
    )
}

/// Checks `made-at`: the bundle was not made before what it tells of.
fn made_at(body: &Body, logged: &[Logged]) -> Check {
    let mut doubts = Doubts::default();
    match OffsetDateTime::parse(&body.made_at, &Rfc3339) {
        Err(_) => doubts.contradict("The time at which the bundle was made does not read as a time."),
        Ok(made_at) => {
            let last = logged.iter().map(|logged| logged.entry.at().as_seconds()).max();
            let is_later = last.is_none_or(|last| last <= made_at.unix_timestamp());
            doubts.unless(is_later, "The bundle says that it was made before its last entry.");
        }
    }
    doubts.finish("made-at", format!("The bundle was made at {}.", body.made_at))
}
