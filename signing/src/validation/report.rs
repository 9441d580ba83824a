//! The words of the report.

use cabinet::Timestamp;
use serde::{Serialize, Serializer};

use super::facts::Facts;
use super::process::{Accepted, Refusal, Revocation, Revoked};
use super::timestamps::TimestampReport;
use crate::algorithm_policy::Suite;
use crate::certificate::Certificate;
use crate::{Invalid, cms};

/// How much later than proven a signer may say that he signed, in seconds (our choice): a day, because a date without
/// a zone may be off by half of one.
const MAX_CLAIM_AHEAD_S: i64 = 86_400;

/// The report on one PDF: its signatures in the order they were made.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Empty for an unsigned document.
    pub signatures: Vec<SignatureReport>,
    /// The document time-stamps, in the order they were made.
    pub timestamps: Vec<TimestampReport>,
}

impl Report {
    /// When what proves the signatures today ends: a time-stamp over the whole document before then renews it.
    /// `None` if nothing is proven.
    #[must_use]
    pub fn proofs_end(&self) -> Option<Timestamp> {
        if let Some(last) = self.timestamps.last() {
            return last.holds_until;
        }
        let of_signature = |signature: &SignatureReport| {
            let stamps = signature.timestamps.iter().filter_map(|stamp| stamp.holds_until);
            stamps.max().or(signature.holds_until)
        };
        self.signatures.iter().filter_map(of_signature).min()
    }

    /// Whether there is at least one signature, all are [`Indication::TotalPassed`], and no time-stamp failed or
    /// contradicts another.
    #[must_use]
    pub fn is_passed(&self) -> bool {
        !self.signatures.is_empty()
            && self.signatures.iter().all(|signature| signature.indication == Indication::TotalPassed)
            && self
                .timestamps
                .iter()
                .all(|stamp| stamp.indication != Indication::TotalFailed && !stamp.is_out_of_order())
    }
}

/// What is known about one signature. Serialised, it is a row of `--json`.
#[derive(Clone, Debug, Serialize)]
pub struct SignatureReport {
    /// The common name on the signer's certificate; absent if none could be established.
    pub signer: Option<String>,
    /// Whether the signed bytes and the signature value agree.
    pub integrity: Integrity,
    /// Whether the file ends where the signed revision ends.
    pub coverage: Coverage,
    /// What was done to the document after this signature, in order.
    pub changes: Vec<Change>,
    /// The verdict.
    pub indication: Indication,
    /// Why the verdict is not `TOTAL_PASSED`, in the words of ETSI EN 319 102-1.
    pub sub_indication: Option<&'static str>,
    /// When the signer says he signed, shown at +07:00.
    #[serde(serialize_with = "as_iso_vietnam")]
    pub time: Option<Timestamp>,
    /// The earliest time at which a time-stamp proves that it existed, shown at +07:00.
    #[serde(serialize_with = "as_iso_vietnam")]
    pub proven_time: Option<Timestamp>,
    /// What is known of revocation along the path, once it is accepted.
    pub revocation: Option<Revocation>,
    /// The baseline level that it reaches, once it is accepted: `B-B`, `B-T`, `B-LT` or `B-LTA`.
    pub level: Option<&'static str>,
    /// The time-stamps over this signature alone.
    pub timestamps: Vec<TimestampReport>,
    /// When a certificate of the path or an algorithm in it ends, once it is accepted.
    #[serde(skip)]
    pub holds_until: Option<Timestamp>,
    /// From the signer to the anchor, once it is accepted.
    #[serde(skip)]
    pub path: Vec<Certificate>,
    /// The signer's certificate.
    #[serde(skip)]
    pub certificate: Option<Certificate>,
    /// What the signature consists of, as far as it could be read.
    #[serde(skip)]
    pub facts: Option<Facts>,
    /// What it was made with, once it verifies.
    #[serde(skip)]
    pub suite: Option<Suite>,
    /// The certificate that was revoked, if that is why it is not accepted.
    #[serde(skip)]
    pub revoked: Option<Revoked>,
    /// The name of the signature field; empty if the signature is malformed.
    #[serde(skip)]
    pub field: String,
    /// Length of the signed revision in bytes.
    #[serde(skip)]
    pub covered_bytes: usize,
    /// The reason in a sentence; empty if there is nothing to say.
    #[serde(skip)]
    pub reason: String,
}

/// Whether the signed bytes are as they were signed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Integrity {
    /// They are.
    Intact,
    /// They are not, or it cannot be shown.
    Broken,
}

/// How much of the file a signature covers.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Coverage {
    /// All of it.
    Whole,
    /// An earlier revision; bytes follow.
    Revision,
}

/// The three verdicts of ETSI EN 319 102-1 (kết quả kiểm tra).
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Indication {
    /// Valid.
    TotalPassed,
    /// Not valid.
    TotalFailed,
    /// Cannot tell.
    Indeterminate,
}

/// A change made after a signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Change {
    /// What was changed.
    pub kind: ChangeKind,
    /// Whether the signature allows it.
    pub lawful: bool,
}

/// What was changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// Another signature in a field that was reserved for it.
    Signature,
    /// A document time-stamp.
    DocumentTimestamp,
    /// Validation data: certificates, OCSP answers, revocation lists.
    ValidationData,
    /// A text field that was empty got its value.
    TextFieldFilled,
    /// A field got another value, or a value its signature does not allow.
    FieldChanged,
    /// A field was added.
    FieldAdded,
    /// A field was removed.
    FieldRemoved,
    /// A new appearance covers more than its place.
    Overlay,
    /// The date or program in the document information.
    Information,
    /// A developer extension, or the version of the format, was declared.
    Extension,
    /// The document catalogue.
    Catalog,
    /// A page or the page tree.
    Page,
    /// An annotation.
    Annotation,
    /// Content, an image, a font or another stream.
    Content,
    /// Any other object.
    Object,
    /// The trailer.
    Trailer,
    /// Bytes that belong to no object, or after the end.
    StrayBytes,
    /// The way a revision was appended.
    Structure,
}

impl ChangeKind {
    /// Its name in reports, as it is serialised.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::DocumentTimestamp => "document-timestamp",
            Self::ValidationData => "validation-data",
            Self::TextFieldFilled => "text-field-filled",
            Self::FieldChanged => "field-changed",
            Self::FieldAdded => "field-added",
            Self::FieldRemoved => "field-removed",
            Self::Overlay => "overlay",
            Self::Information => "information",
            Self::Extension => "extension",
            Self::Catalog => "catalog",
            Self::Page => "page",
            Self::Annotation => "annotation",
            Self::Content => "content",
            Self::Object => "object",
            Self::Trailer => "trailer",
            Self::StrayBytes => "stray-bytes",
            Self::Structure => "structure",
        }
    }
}

/// When a signature is proven to have existed, and what is kept of that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proven {
    /// The earliest time that any time-stamp proves.
    pub(super) earliest: Option<Timestamp>,
    /// Where all evidence about the signature and its time-stamp is.
    pub(super) lasting: Lasting,
}

/// Where the evidence is without which a signature cannot be judged later.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Lasting {
    /// Not in the document, or not all of it.
    Elsewhere,
    /// In the document.
    Kept,
    /// In the document, under an accepted document time-stamp that is also over the signature.
    Archived,
}

impl Proven {
    /// Source: `docs/sources.md`, entry `en319142`.
    const fn level(self) -> &'static str {
        match (self.earliest, self.lasting) {
            (None, _) => "B-B",
            (Some(_), Lasting::Elsewhere) => "B-T",
            (Some(_), Lasting::Kept) => "B-LT",
            (Some(_), Lasting::Archived) => "B-LTA",
        }
    }
}

impl SignatureReport {
    /// A report in which nothing has been shown: not a signature that anybody should rely on.
    #[must_use]
    pub const fn unproven() -> Self {
        Self {
            signer: None,
            integrity: Integrity::Broken,
            coverage: Coverage::Revision,
            changes: Vec::new(),
            indication: Indication::TotalFailed,
            sub_indication: Some("FORMAT_FAILURE"),
            time: None,
            proven_time: None,
            revocation: None,
            level: None,
            timestamps: Vec::new(),
            holds_until: None,
            path: Vec::new(),
            certificate: None,
            facts: None,
            suite: None,
            revoked: None,
            field: String::new(),
            covered_bytes: 0,
            reason: String::new(),
        }
    }

    fn new(integrity: Integrity) -> Self {
        Self { integrity, ..Self::unproven() }
    }

    /// The signature's place in the file breaks a rule.
    pub(super) fn malformed(what: &str) -> Self {
        Self { reason: what.to_owned(), ..Self::new(Integrity::Broken) }
    }

    /// The signature itself does not verify.
    pub(super) fn broken(invalid: &Invalid) -> Self {
        let indication = match invalid {
            Invalid::Algorithm(_) | Invalid::Library(_) => Indication::Indeterminate,
            Invalid::NotDer
            | Invalid::Structure(_)
            | Invalid::NotCanonical
            | Invalid::ContentDiffers
            | Invalid::SignatureWrong
            | Invalid::WrongSigner
            | Invalid::Untrusted(_)
            | Invalid::OutOfValidity(_)
            | Invalid::KeyUsage => Indication::TotalFailed,
        };
        let sub_indication = Some(invalid.sub_indication());
        Self { indication, sub_indication, reason: invalid.to_string(), ..Self::new(Integrity::Broken) }
    }

    /// The signature verifies; `accepted` says whether its certificate is trusted, now or at the `proven` time.
    pub(super) fn intact(
        checked: cms::Checked,
        accepted: Result<Accepted, Refusal>,
        proofs: Proven,
        timestamps: Vec<TimestampReport>,
    ) -> Self {
        let mut report = Self::new(Integrity::Intact);
        report.signer = Some(checked.signer.common_name());
        report.certificate = Some(checked.signer);
        report.time = checked.signing_time;
        report.proven_time = proofs.earliest;
        report.timestamps = timestamps;
        match accepted {
            Ok(accepted) => {
                (report.indication, report.sub_indication) = (Indication::TotalPassed, None);
                report.level = Some(proofs.level());
                report.revocation = Some(accepted.revocation);
                report.holds_until = Some(accepted.holds_until);
                report.path = accepted.path;
            }
            Err(refusal) => {
                report.indication = Indication::Indeterminate;
                report.sub_indication = Some(refusal.sub_indication);
                report.reason = refusal.says;
                report.revoked = refusal.revoked;
            }
        }
        report
    }

    /// The signer's own word for the time counts for nothing, but it must not contradict what is proven.
    pub(super) fn weigh_claim(&mut self) {
        let latest = self.proven_time.map(|proven| proven.plus_seconds(MAX_CLAIM_AHEAD_S));
        let is_contradicted = latest.is_some_and(|latest| self.time.is_some_and(|claimed| claimed > latest));
        if is_contradicted && self.indication == Indication::TotalPassed {
            self.indication = Indication::Indeterminate;
            self.sub_indication = Some("SIG_CONSTRAINTS_FAILURE");
            "it is proven to be more than a day older than its signer says".clone_into(&mut self.reason);
            (self.level, self.revocation, self.path) = (None, None, Vec::new());
        }
    }

    /// An unlawful change fails the signature, trusted or not.
    pub(super) fn weigh_changes(&mut self) {
        let Some(unlawful) = self.changes.iter().find(|change| !change.lawful) else { return };
        if self.integrity == Integrity::Intact {
            self.indication = Indication::TotalFailed;
            self.sub_indication = Some("FORMAT_FAILURE");
            self.reason = format!("changed after signing in a way that is not allowed: {:?}", unlawful.kind);
        }
    }

    /// Intact and with lawful changes only; says nothing about trust.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.integrity == Integrity::Intact && self.changes.iter().all(|change| change.lawful)
    }

    pub(crate) fn explain(&self) -> String {
        format!("{} {}", self.field, self.reason)
    }
}

pub(super) fn as_iso_vietnam<S: Serializer>(
    time: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.serialize_some(&time.iso_vietnam()),
        None => serializer.serialize_none(),
    }
}

/// Reads `D:20260607160531+07'00'`; a date without zone is taken as UTC.
pub(super) fn parse_date(text: &str) -> Option<Timestamp> {
    let text = text.strip_prefix("D:").unwrap_or(text);
    let number = |from: usize, to: usize| text.get(from..to).and_then(|digits| digits.parse::<u8>().ok());
    let year: i32 = text.get(..4)?.parse().ok()?;
    let month = time::Month::try_from(number(4, 6)?).ok()?;
    let date = time::Date::from_calendar_date(year, month, number(6, 8)?).ok()?;
    let clock = time::Time::from_hms(number(8, 10)?, number(10, 12)?, number(12, 14)?).ok()?;
    let local = time::PrimitiveDateTime::new(date, clock).assume_utc().unix_timestamp();
    let ahead_s = match text.as_bytes().get(14) {
        Some(sign @ (b'+' | b'-')) => {
            let hours = i64::from(number(15, 17)?).checked_mul(3600)?;
            let minutes = i64::from(number(18, 20).unwrap_or_default()).checked_mul(60)?;
            let ahead_s = hours.checked_add(minutes)?;
            if *sign == b'+' { ahead_s } else { ahead_s.checked_neg()? }
        }
        Some(_) | None => 0,
    };
    Some(Timestamp::from_micros(0).plus_seconds(local.checked_sub(ahead_s)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_with_their_zone() {
        let at = crate::testing::NOW;
        assert_eq!(parse_date("D:20260607160531+07'00'"), Some(at));
        assert_eq!(parse_date("D:20260607090531Z"), Some(at));
        assert_eq!(parse_date("D:20260607060531-03'00"), Some(at));
        assert_eq!(parse_date("D:2026"), None);
    }
}
