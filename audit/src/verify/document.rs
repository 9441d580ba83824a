//! Checks of the signatures and time-stamps of a document, by the profile of [`signing::validation`].

use signing::Certificate;
use signing::validation::{self, Indication, SignatureReport, TimestampReport, validate_cms, validate_in};

use super::{Check, Conditions, Doubts, Report};

/// What the signatures of a document came to.
#[derive(Debug)]
pub(super) struct Found {
    /// In the order in which they were made.
    pub(super) signatures: Vec<SignatureReport>,
    timestamps: Vec<TimestampReport>,
    /// Why nothing can be said about the file as a whole.
    unreadable: Option<String>,
}

/// Verifies the bytes of a PDF.
pub(super) fn pdf(bytes: &[u8], conditions: &Conditions<'_>) -> Report {
    signatures(bytes, conditions).report()
}

/// Verifies a CMS signature.
pub(super) fn cms(bytes: &[u8], conditions: &Conditions<'_>) -> Report {
    Found::of(validate_cms(bytes, conditions.content, &conditions.context)).report()
}

/// Validates every signature of a PDF.
pub(super) fn signatures(bytes: &[u8], conditions: &Conditions<'_>) -> Found {
    match validate_in(bytes, &conditions.context) {
        Ok(report) => Found::of(report),
        Err(reason) => {
            Found { unreadable: Some(reason.to_string()), ..Found::of(validation::Report::default()) }
        }
    }
}

impl Found {
    fn of(report: validation::Report) -> Self {
        let validation::Report { signatures, timestamps } = report;
        Self { signatures, timestamps, unreadable: None }
    }

    fn report(self) -> Report {
        let checks = std::iter::once(self.check("signatures")).chain(self.check_timestamps()).collect();
        // Of what cannot be read there is nothing to report.
        let is_document = self.unreadable.is_none();
        Report { timestamps: self.timestamps, is_document, ..Report::new(self.signatures, checks, None) }
    }

    /// The check that every document time-stamp is accepted; `None` where there is none.
    fn check_timestamps(&self) -> Option<Check> {
        let mut doubts = Doubts::default();
        for (n, stamp) in (1_u32..).zip(&self.timestamps) {
            let authority = stamp.authority.as_deref().unwrap_or("an unknown authority");
            let says = format!("Time-stamp {n}, by “{authority}”: {}.", stamp.reason);
            match stamp.indication {
                Indication::TotalPassed => {}
                Indication::TotalFailed => doubts.contradict(says),
                Indication::Indeterminate => doubts.cannot_tell(says),
            }
        }
        let n = self.timestamps.len();
        (n > 0).then(|| doubts.finish("time-stamps", format!("All {n} document time-stamps are accepted.")))
    }

    /// The signers' certificates, as far as they could be told.
    pub(super) fn signers(&self) -> Vec<Option<&Certificate>> {
        self.signatures.iter().map(|signature| signature.certificate.as_ref()).collect()
    }

    /// The check that every signature passed, and nothing but lawful changes followed.
    pub(super) fn check(&self, name: &'static str) -> Check {
        let mut doubts = Doubts::default();
        if let Some(reason) = &self.unreadable {
            doubts.cannot_tell(format!("The PDF: {reason}."));
        } else if self.signatures.is_empty() {
            doubts.cannot_tell("The document bears no signature.");
        }
        for (n, signature) in (1_u32..).zip(&self.signatures) {
            let signer = signature.signer.as_deref().unwrap_or("an unknown signer");
            let says = format!("Signature {n}, by “{signer}”: {}.", signature.reason);
            match signature.indication {
                Indication::TotalPassed => {
                    let is_lawful = signature.changes.iter().all(|change| change.lawful);
                    doubts.unless(
                        is_lawful,
                        format!("Signature {n}, by “{signer}”, was followed by an unlawful change."),
                    );
                }
                Indication::TotalFailed => doubts.contradict(says),
                Indication::Indeterminate => doubts.cannot_tell(says),
            }
        }
        let n = self.signatures.len();
        doubts.finish(name, format!("All {n} signatures are valid, and only lawful changes follow them."))
    }
}
