//! Checks of the Resolution in a bundle: it follows from the vote, and bears the two signatures it must.

use cabinet::Digest;
use cabinet::vote::Outcome;
use signing::Certificate;
use signing::validation::SignatureReport;

use super::bundle::Opened;
use super::log::{self, Logged, Stated};
use super::{Check, Conditions, Doubts, document};
use crate::acts::{ResolutionDrafted, ResolutionSealed, ResolutionSigned};
use crate::bundle::ResolutionPart;

/// The mark at the end of each revision of a PDF.
const END_OF_REVISION: &[u8] = b"%%EOF";
/// How many revisions of a PDF are looked at.
const MAX_REVISIONS: usize = 64;

/// What the Resolution came to.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) checks: Vec<Check>,
    pub(super) signatures: Vec<SignatureReport>,
}

/// Makes every check of the Resolution.
pub(super) fn sealed(
    part: &ResolutionPart,
    opened: &Opened,
    closed_at: u64,
    recount: &Outcome,
    logged: &[Logged],
    conditions: &Conditions<'_>,
) -> Found {
    let found = document::signatures(&part.pdf.0, conditions);
    let checks = vec![
        entries(part, opened, closed_at, recount, logged),
        found.check("resolution-signatures"),
        signers(&found, opened),
    ];
    Found { checks, signatures: found.signatures }
}

/// Checks `resolution-entries`: adopted, then drafted, signed and sealed, each revision upon the one before.
fn entries(
    part: &ResolutionPart,
    opened: &Opened,
    closed_at: u64,
    recount: &Outcome,
    logged: &[Logged],
) -> Check {
    const NAME: &str = "resolution-entries";
    let mut doubts = Doubts::default();
    doubts.unless(recount.adopted, "There is a Resolution although the vote did not adopt it.");
    let (resolution, vote) = (part.id, opened.frozen.vote);
    let is_ours = |of: &ResolutionSealed| of.resolution == resolution && of.vote == vote;
    let sealed: Vec<_> =
        log::facts::<ResolutionSealed>(logged).filter(|stated| is_ours(&stated.fact)).collect();
    let [sealed] = sealed.as_slice() else {
        doubts.contradict("Not exactly one entry says that the Resolution was sealed.");
        return doubts.finish(NAME, "");
    };
    let Stated { fact: seal, index: sealed_at, .. } = sealed;
    doubts.unless(seal.digest == Digest::of(&part.pdf.0), "The PDF is not the one that was sealed.");
    doubts.unless(seal.number == part.number, "The Resolution was sealed under another number.");
    let signed = log::facts::<ResolutionSigned>(logged).find(|stated| {
        let fact = stated.fact;
        (fact.resolution, fact.vote, fact.digest) == (resolution, vote, seal.signed)
            && stated.index < *sealed_at
    });
    let Some(Stated { fact: signature, index: signed_at, .. }) = signed else {
        doubts.contradict("No earlier entry says that the Resolution was signed before it was sealed.");
        return doubts.finish(NAME, "");
    };
    let drafted = log::facts::<ResolutionDrafted>(logged).find(|stated| {
        let fact = stated.fact;
        (fact.resolution, fact.vote, fact.digest) == (resolution, vote, signature.signed)
            && stated.index < signed_at
    });
    match drafted {
        None => doubts.contradict("No earlier entry says that the signed draft was made."),
        Some(drafted) => {
            doubts
                .unless(closed_at < drafted.index, "The Resolution was drafted before the vote was closed.");
        }
    }
    let revisions = revisions(&part.pdf.0);
    for (digest, what) in [(seal.signed, "signed"), (signature.signed, "drafted")] {
        doubts.unless(
            revisions.contains(&digest),
            format!("The PDF does not begin with the revision that was {what}."),
        );
    }
    let says = format!(
        "Resolution {} was drafted after the vote, then signed, then sealed; each revision holds the one before.",
        part.number
    );
    doubts.finish(NAME, says)
}

/// Checks `resolution-signers`: the Prime Minister of the roll first, then an organisation, which is nobody on the roll.
fn signers(found: &document::Found, opened: &Opened) -> Check {
    let mut doubts = Doubts::default();
    let roll = &opened.frozen.roll;
    let prime_minister = roll.member(roll.prime_minister);
    let all = found.signers();
    match all.as_slice() {
        [first, second] => {
            match first {
                None => doubts.cannot_tell("The first signer's certificate cannot be told."),
                Some(first) => {
                    let is_his = prime_minister.is_some_and(|member| member.may_sign(first.fingerprint()));
                    doubts.unless(
                        is_his,
                        format!(
                            "The first signature is by “{}”, not by the Prime Minister's certificate.",
                            first.common_name()
                        ),
                    );
                }
            }
            match second {
                None => doubts.cannot_tell("The second signer's certificate cannot be told."),
                Some(second) => {
                    let is_members = roll.members.iter().any(|member| member.may_sign(second.fingerprint()));
                    doubts.unless(
                        !is_members,
                        format!(
                            "The second signature is by “{}”, a member, not by the organisation.",
                            second.common_name()
                        ),
                    );
                }
            }
        }
        [..] => doubts.contradict(format!("The Resolution bears {} signatures, not two.", all.len())),
    }
    let name = |n: usize| all.get(n).copied().flatten().map(Certificate::common_name).unwrap_or_default();
    doubts.finish(
        "resolution-signers",
        format!("Signed by the Prime Minister (“{}”), then by the organisation (“{}”).", name(0), name(1)),
    )
}

/// Digests of every beginning of the PDF that is itself a whole revision, with and without the line end after its mark.
fn revisions(pdf: &[u8]) -> Vec<Digest> {
    let marks =
        pdf.windows(END_OF_REVISION.len()).enumerate().filter(|(_, window)| *window == END_OF_REVISION);
    let ends = marks.take(MAX_REVISIONS).flat_map(|(at, _)| {
        let end = at.saturating_add(END_OF_REVISION.len());
        [0, 1, 2].map(|more| end.saturating_add(more))
    });
    ends.filter_map(|end| pdf.get(..end)).map(Digest::of).collect()
}
