//! Checks of the signatures in a PDF, by the profile of [`signing::validation`].

use signing::Certificate;
use signing::validation::{Indication, SignatureReport, validate_pdf};

use super::{Check, Conditions, Doubts, Report};

/// What the signatures of a PDF came to.
#[derive(Debug)]
pub(super) struct Found {
    /// In the order in which they were made.
    pub(super) signatures: Vec<SignatureReport>,
    /// Why nothing can be said about the file as a whole.
    unreadable: Option<String>,
}

/// Verifies the bytes of a PDF.
pub(super) fn file(bytes: &[u8], conditions: &Conditions<'_>) -> Report {
    let found = signatures(bytes, conditions);
    let check = found.check("signatures");
    Report::new(found.signatures, vec![check], None)
}

/// Validates every signature of a PDF.
pub(super) fn signatures(bytes: &[u8], conditions: &Conditions<'_>) -> Found {
    match validate_pdf(bytes, conditions.trust, conditions.at) {
        Ok(report) => Found { signatures: report.signatures, unreadable: None },
        Err(reason) => Found { signatures: Vec::new(), unreadable: Some(reason.to_string()) },
    }
}

impl Found {
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
            doubts.cannot_tell("The PDF bears no signature.");
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
