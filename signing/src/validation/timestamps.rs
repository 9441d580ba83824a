//! Time-stamps: over one signature, or over a whole revision; and what they prove.

use cabinet::Timestamp;
use serde::Serialize;

use super::byte_range::Covered;
use super::digests::Digests;
use super::process::{Kept, Process, Revocation, Subject};
use super::report::{self, Coverage, Indication, Integrity};
use super::{Change, Malformed, Standing};
use crate::algorithm_policy::{Suite, Use};
use crate::timestamp::{Info, Token, TokenError};
use crate::{Certificate, Invalid, cms};

/// How exact a time-stamp is that does not say so, in microseconds: its time may be cut to the second.
const SECOND_MICROS: i64 = 1_000_000;
/// How far an authority's clock may be ahead of the one that gives the time of validation, in seconds (our choice).
const CLOCK_SKEW_S: i64 = 300;
/// Times that contradict each other.
pub(super) const ORDER: &str = "TIMESTAMP_ORDER_FAILURE";

/// What a time-stamp is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimestampKind {
    /// The value of one signature.
    Signature,
    /// A whole revision of the document.
    Document,
}

/// What is known about one time-stamp.
#[derive(Clone, Debug, Serialize)]
pub struct TimestampReport {
    /// What it is over.
    pub kind: TimestampKind,
    /// The common name on the authority's certificate.
    pub authority: Option<String>,
    /// Whether the token verifies and is over what it stands at.
    pub integrity: Integrity,
    /// For a document time-stamp: how much of the file it covers.
    pub coverage: Option<Coverage>,
    /// For a document time-stamp: what was done to the document after it.
    pub changes: Vec<Change>,
    /// The verdict.
    pub indication: Indication,
    /// Why it is not `TOTAL_PASSED`.
    pub sub_indication: Option<&'static str>,
    /// The time in it, shown at +07:00.
    #[serde(serialize_with = "report::as_iso_vietnam")]
    pub time: Option<Timestamp>,
    /// What is known of the authority's revocation, once it is accepted.
    pub revocation: Option<Revocation>,
    /// When a certificate of the authority's path or an algorithm in it ends, once it is accepted.
    #[serde(skip)]
    pub holds_until: Option<Timestamp>,
    /// The authority's certificate.
    #[serde(skip)]
    pub certificate: Option<Certificate>,
    /// From the authority to the anchor, once it is accepted.
    #[serde(skip)]
    pub path: Vec<Certificate>,
    /// What it was made with, once it verifies.
    #[serde(skip)]
    pub suite: Option<Suite>,
    /// The token, as far as it is one element of DER.
    #[serde(skip)]
    pub token: Vec<u8>,
    /// Length of the stamped revision in bytes; 0 for a signature's.
    #[serde(skip)]
    pub covered_bytes: usize,
    /// The reason in a sentence; empty if there is nothing to say.
    #[serde(skip)]
    pub reason: String,
}

/// What the accepted document time-stamps prove: that everything up to a byte existed at a time.
#[derive(Debug, Default)]
pub(super) struct Proofs(Vec<Proof>);

/// One accepted document time-stamp.
#[derive(Debug)]
struct Proof {
    /// The byte after the last one that is covered.
    end: usize,
    token: Token,
    /// The evidence that is covered.
    kept: Kept,
}

impl Proofs {
    /// The earliest time at which a signature that covers the file up to `end`, and its value, are known to have existed.
    pub(super) fn of_what_ends_at(&self, end: usize) -> Option<Timestamp> {
        self.over(end).map(|proof| proof.token.info().gen_time).min()
    }

    /// The time-stamps over a signature that covers the file up to `end`, and the evidence that they cover too.
    pub(super) fn archives(&self, end: usize) -> impl Iterator<Item = (&Token, &Kept)> {
        self.over(end).map(|proof| (&proof.token, &proof.kept))
    }

    /// The evidence that is proven to be older than `time`.
    pub(super) fn kept_before(&self, time: Timestamp) -> impl Iterator<Item = &Kept> {
        self.0.iter().filter(move |proof| proof.token.info().gen_time < time).map(|proof| &proof.kept)
    }

    fn over(&self, end: usize) -> impl Iterator<Item = &Proof> {
        self.0.iter().filter(move |proof| proof.end > end)
    }
}

/// Whether one time is later than another, both by clocks that are known to be that exact.
fn is_later(info: &Info, other: Timestamp) -> bool {
    info.gen_time.as_micros().saturating_sub(inexactness(info)) > other.as_micros()
}

fn inexactness(info: &Info) -> i64 {
    info.accuracy.and_then(|accuracy| i64::try_from(accuracy.as_micros()).ok()).unwrap_or(SECOND_MICROS)
}

/// Judges a time-stamp over the value of a signature that covers the file up to `end`.
pub(super) fn of_signature(
    token: &Token,
    end: usize,
    process: &Process<'_>,
    proofs: &Proofs,
) -> TimestampReport {
    let mut report = TimestampReport::new(TimestampKind::Signature);
    report.judge(token, end, process, proofs);
    report
}

/// Judges a document time-stamp that covers the evidence `kept`; those after it were judged before. One that is
/// accepted proves something.
pub(super) fn of_document(
    covered: &Covered,
    standing: Result<Standing, Malformed>,
    digests: &Digests<'_>,
    process: &Process<'_>,
    (proofs, kept): (&mut Proofs, Kept),
) -> TimestampReport {
    let mut report = TimestampReport::new(TimestampKind::Document);
    report.covered_bytes = covered.end;
    report.token = covered.der().unwrap_or_default().to_vec();
    let standing = match standing {
        Ok(standing) => standing,
        Err(Malformed(what)) => return report.malformed(what),
    };
    let token = match verify(covered, digests, process) {
        Ok(token) => token,
        Err(error) => return report.broken(&error.into()),
    };
    report.coverage = Some(standing.coverage);
    report.changes = standing.changes;
    report.judge(&token, covered.end, process, proofs);
    let is_changed = report.changes.iter().any(|change| !change.lawful);
    if is_changed {
        report.fail("FORMAT_FAILURE", "changed after the time-stamp in a way that is not allowed");
    }
    if report.indication == Indication::TotalPassed {
        proofs.0.push(Proof { end: covered.end, token, kept });
    }
    report
}

fn verify(covered: &Covered, digests: &Digests<'_>, process: &Process<'_>) -> Result<Token, TokenError> {
    let token = Token::verify(covered.der()?, process.certificates())?;
    let imprint = &token.info().imprint;
    if digests.of(&covered.place(), imprint.hash())? == imprint.digest() {
        Ok(token)
    } else {
        Err(TokenError::OtherImprint)
    }
}

/// Who signed the token, for [`Process`].
pub(super) fn subject(token: &Token) -> Result<Subject<'_>, Invalid> {
    let parts = cms::parse(token.to_der())?;
    let suite = Suite::of_cms(parts.signature_algorithm(), token.authority(), parts.hash()?)?;
    Ok(Subject { signer: token.authority(), others: token.others(), suite, usage: Use::TimeStamp })
}

impl TimestampReport {
    const fn new(kind: TimestampKind) -> Self {
        Self {
            kind,
            authority: None,
            integrity: Integrity::Broken,
            coverage: None,
            changes: Vec::new(),
            indication: Indication::TotalFailed,
            sub_indication: Some("FORMAT_FAILURE"),
            time: None,
            revocation: None,
            holds_until: None,
            certificate: None,
            path: Vec::new(),
            suite: None,
            token: Vec::new(),
            covered_bytes: 0,
            reason: String::new(),
        }
    }

    fn malformed(mut self, what: &str) -> Self {
        what.clone_into(&mut self.reason);
        self
    }

    fn broken(mut self, invalid: &Invalid) -> Self {
        self.sub_indication = Some(invalid.sub_indication());
        self.reason = invalid.to_string();
        self
    }

    fn fail(&mut self, sub_indication: &'static str, says: &str) {
        self.indication = Indication::TotalFailed;
        self.sub_indication = Some(sub_indication);
        says.clone_into(&mut self.reason);
    }

    /// The token verifies; whether its authority is accepted is seen here.
    fn judge(&mut self, token: &Token, end: usize, process: &Process<'_>, proofs: &Proofs) {
        self.integrity = Integrity::Intact;
        self.authority = Some(token.authority().common_name());
        self.certificate = Some(token.authority().clone());
        self.time = Some(token.info().gen_time);
        let subject = match subject(token) {
            Ok(subject) => subject,
            Err(invalid) => return self.doubt(invalid.sub_indication(), invalid.to_string()),
        };
        self.token = token.to_der().to_vec();
        self.suite = Some(subject.suite);
        if is_later(token.info(), process.at().plus_seconds(CLOCK_SKEW_S)) {
            return self
                .doubt(ORDER, "it is younger than the time of validation: check the clock".to_owned());
        }
        // A time-stamp that covers another one is younger.
        let is_over = |(outer, _): (&Token, &Kept)| {
            let latest = outer.info().gen_time.as_micros().saturating_add(inexactness(outer.info()));
            is_later(token.info(), Timestamp::from_micros(latest))
        };
        if proofs.archives(end).any(is_over) {
            return self.doubt(ORDER, "it is younger than a time-stamp over it".to_owned());
        }
        match process.accept(subject, proofs.of_what_ends_at(end), proofs) {
            Ok(accepted) => {
                (self.indication, self.sub_indication) = (Indication::TotalPassed, None);
                self.revocation = Some(accepted.revocation);
                self.holds_until = Some(accepted.holds_until);
                self.path = accepted.path;
            }
            Err(refusal) => self.doubt(refusal.sub_indication, refusal.says),
        }
    }

    /// Whether its time contradicts another one.
    pub(super) fn is_out_of_order(&self) -> bool {
        self.sub_indication == Some(ORDER)
    }

    fn doubt(&mut self, sub_indication: &'static str, says: String) {
        self.indication = Indication::Indeterminate;
        self.sub_indication = Some(sub_indication);
        self.reason = says;
    }
}
