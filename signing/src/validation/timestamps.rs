//! Time-stamps: over one signature, or over a whole revision; and what they prove.

use cabinet::Timestamp;
use serde::Serialize;

use super::byte_range::Covered;
use super::digests::Digests;
use super::process::{Process, Revocation, Subject};
use super::report::{self, Coverage, Indication, Integrity};
use super::{Change, Malformed, Standing};
use crate::algorithm_policy::{Suite, Use};
use crate::timestamp::{Token, TokenError};
use crate::{Certificate, Invalid, cms};

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
#[derive(Clone, Debug, Default)]
pub(super) struct Proofs(Vec<(usize, Timestamp)>);

impl Proofs {
    /// The earliest time at which a signature that covers the file up to `end`, and its value, are known to have existed.
    pub(super) fn of_what_ends_at(&self, end: usize) -> Option<Timestamp> {
        self.0.iter().filter(|(covered, _)| *covered > end).map(|(_, at)| *at).min()
    }
}

/// Judges a time-stamp over the value of a signature that existed at `proven`.
pub(super) fn of_signature(
    token: &Token,
    process: &Process<'_>,
    proven: Option<Timestamp>,
) -> TimestampReport {
    let mut report = TimestampReport::new(TimestampKind::Signature);
    report.judge(token, process, proven);
    report
}

/// Judges a document time-stamp; those after it were judged before. One that is accepted proves something.
pub(super) fn of_document(
    covered: &Covered,
    standing: Result<Standing, Malformed>,
    digests: &Digests<'_>,
    process: &Process<'_>,
    proofs: &mut Proofs,
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
    let later = proofs.of_what_ends_at(covered.end);
    report.judge(&token, process, later);
    let is_changed = report.changes.iter().any(|change| !change.lawful);
    if is_changed {
        report.fail("FORMAT_FAILURE", "changed after the time-stamp in a way that is not allowed");
    }
    // A time-stamp that covers another one is younger.
    if report.indication == Indication::TotalPassed
        && later.is_some_and(|later| token.info().gen_time > later)
    {
        report.fail("TIMESTAMP_ORDER_FAILURE", "it is younger than a time-stamp over it");
    }
    if report.indication == Indication::TotalPassed {
        proofs.0.push((covered.end, token.info().gen_time));
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
    fn judge(&mut self, token: &Token, process: &Process<'_>, proven: Option<Timestamp>) {
        self.integrity = Integrity::Intact;
        self.authority = Some(token.authority().common_name());
        self.certificate = Some(token.authority().clone());
        self.time = Some(token.info().gen_time);
        self.token = token.to_der().to_vec();
        let suite = cms::parse(token.to_der())
            .and_then(|parts| Suite::of_cms(parts.signature_algorithm(), token.authority(), parts.hash()?));
        let suite = match suite {
            Ok(suite) => suite,
            Err(invalid) => return self.doubt(invalid.sub_indication(), invalid.to_string()),
        };
        self.suite = Some(suite);
        let subject =
            Subject { signer: token.authority(), others: token.others(), suite, usage: Use::TimeStamp };
        match process.accept(subject, proven) {
            Ok(accepted) => {
                (self.indication, self.sub_indication) = (Indication::TotalPassed, None);
                self.revocation = Some(accepted.revocation);
                self.path = accepted.path;
            }
            Err(refusal) => self.doubt(refusal.sub_indication, refusal.says),
        }
    }

    fn doubt(&mut self, sub_indication: &'static str, says: String) {
        self.indication = Indication::Indeterminate;
        self.sub_indication = Some(sub_indication);
        self.reason = says;
    }
}
