//! Whether a certificate is fit for the place it is imported to: findings with a sentence each, before it is used.
//!
//! An error means that signatures with it would be refused, here or by everybody. What no published
//! policy of the Government's authority confirms is a warning or a note, never an error.
//!
//! Source: `docs/sources.md`, entries `vgca-profile`, `tt15-2025`, `ts119312`, `rfc5280`.

use cabinet::Timestamp;
use const_oid::ObjectIdentifier;
use x509_cert::ext::pkix::KeyUsage;

use crate::algorithm_policy::{AlgorithmPolicy, Suite, Use};
use crate::authority::{Profile, TEST_MARKS};
use crate::certificate::fields::Fields;
use crate::{Certificate, Invalid, KeyKind, ocsp};

#[cfg(test)]
mod tests;

/// Longest term of a subscriber's certificate, in days: five years, two of them leap years.
const MAX_TERM_DAYS: i64 = 5 * 365 + 2;
/// RSA modulus from which no end is in sight for PSS, in bits.
const LASTING_RSA_BITS: u32 = 3000;
/// How the Government's authority writes its organisation in certificates that were seen.
const SEEN_ORGANISATIONS: [&str; 2] = ["Ban Cơ yếu Chính phủ", "Ban Co yeu Chinh phu"];

const POLICIES: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.32");
const DISTRIBUTION_POINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.31");
const INFO_ACCESS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.1");
const TIME_STAMPING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8");
/// Purposes that were seen beside signatures: e-mail, smart-card sign-in, document signing, any, and a Vietnamese one.
const SEEN_PURPOSES: [ObjectIdentifier; 5] = [
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.4"),
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.20.2.2"),
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.36"),
    ObjectIdentifier::new_unwrap("2.5.29.37.0"),
    ObjectIdentifier::new_unwrap("2.16.704.1.1.1.1.1"),
];

/// How bad a finding is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Ask the authority; it can be used.
    Warning,
    /// Do not use it.
    Error,
}

/// One thing that was found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// A stable name, for the screen's own words.
    pub code: &'static str,
    /// What it is and what to do.
    pub sentence: String,
}

/// What a profile asks for beyond what every certificate must have.
struct Demands {
    /// The purposes of which one must be there, if it may be used for this at all; empty if none is demanded.
    purposes: &'static [ObjectIdentifier],
    /// Purposes of services, which must not be there.
    foreign: &'static [ObjectIdentifier],
    may_be_ed25519: bool,
    is_document_signer: bool,
}

const fn demands(profile: Profile) -> Demands {
    let foreign = &[TIME_STAMPING, ocsp::OCSP_SIGNING];
    match profile {
        Profile::Person | Profile::Organisation => {
            Demands { purposes: &[], foreign, may_be_ed25519: false, is_document_signer: true }
        }
        Profile::Log => Demands { purposes: &[], foreign, may_be_ed25519: true, is_document_signer: false },
        Profile::OcspResponder => Demands {
            purposes: &[ocsp::OCSP_SIGNING],
            foreign: &[TIME_STAMPING],
            may_be_ed25519: false,
            is_document_signer: false,
        },
        Profile::TimeStamping => Demands {
            purposes: &[TIME_STAMPING],
            foreign: &[ocsp::OCSP_SIGNING],
            may_be_ed25519: false,
            is_document_signer: false,
        },
    }
}

/// Examines `certificate` for use as `expected` at `now`; `chain` goes from its issuer to the anchor.
///
/// No finding of [`Severity::Error`] means: fit. It is no path validation; that is the trust store's.
#[must_use]
pub fn check(
    certificate: &Certificate,
    chain: &[Certificate],
    expected: Profile,
    now: Timestamp,
) -> Vec<Finding> {
    let mut found = Findings(Vec::new());
    let demands = demands(expected);
    found.issuers(certificate, chain, now);
    found.term(certificate, now);
    found.key(certificate, &demands);
    found.key_usage(certificate, &demands);
    match Fields::of(certificate) {
        Ok(fields) => {
            found.purposes(&fields, &demands);
            found.services(&fields, expected);
        }
        Err(reason) => found.error("structure", format!("The certificate does not read: {reason}.")),
    }
    if certificate.common_name().trim().is_empty() {
        found.error("subject", "The certificate names nobody (no common name): ask for another one.");
    }
    if !certificate.subject().contains("C=VN") {
        found.note("country", "The subject's country is not VN: check whose certificate this is.");
    }
    found.0.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    found.0
}

struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, severity: Severity, code: &'static str, sentence: impl Into<String>) {
        self.0.push(Finding { severity, code, sentence: sentence.into() });
    }

    fn error(&mut self, code: &'static str, sentence: impl Into<String>) {
        self.add(Severity::Error, code, sentence);
    }

    fn warning(&mut self, code: &'static str, sentence: impl Into<String>) {
        self.add(Severity::Warning, code, sentence);
    }

    fn note(&mut self, code: &'static str, sentence: impl Into<String>) {
        self.add(Severity::Note, code, sentence);
    }

    fn issuers(&mut self, certificate: &Certificate, chain: &[Certificate], now: Timestamp) {
        let Some(anchor) = chain.last() else {
            self.error("issuer", "No issuer was given: import the authority's certificates with it.");
            return;
        };
        for (subject, issuer) in std::iter::once(certificate).chain(chain).zip(chain) {
            if !subject.is_issued_by(issuer).unwrap_or(false) {
                let (name, issuer) = (subject.common_name(), issuer.common_name());
                self.error("issuer", format!("{name} was not issued by {issuer}: import the right chain."));
            } else if let Err(reason) = signed_acceptably(subject, issuer, now) {
                self.error("issuer-signature", format!("{}: {reason}.", subject.common_name()));
            }
        }
        let subject = anchor.subject();
        let is_seen = SEEN_ORGANISATIONS.iter().any(|name| subject.contains(name));
        let is_test = TEST_MARKS.iter().any(|mark| subject.to_uppercase().contains(mark));
        if is_test {
            self.note("test", "The anchor is a test authority: not for real papers.");
        } else if !is_seen {
            self.note(
                "anchor",
                "The anchor does not bear a name seen in certificates of Ban Cơ yếu Chính phủ: check that it is the intended authority.",
            );
        }
    }

    fn term(&mut self, certificate: &Certificate, now: Timestamp) {
        let (begin, end) = (certificate.not_before(), certificate.not_after());
        if !certificate.is_valid_at(now) {
            self.error("validity", format!("It is valid from {begin} to {end} only: ask for a valid one."));
        }
        let days = end.as_seconds().saturating_sub(begin.as_seconds()).div_euclid(86_400);
        if days > MAX_TERM_DAYS {
            self.warning(
                "term",
                format!("It is valid for {days} days, longer than the five years of Decree 68/2024: ask the authority why."),
            );
        }
    }

    fn key(&mut self, certificate: &Certificate, demands: &Demands) {
        match certificate.key_kind() {
            KeyKind::Rsa { modulus_bits } if modulus_bits < 2048 => {
                self.error(
                    "key",
                    format!("Its RSA key has {modulus_bits} bits, fewer than 2048: ask for another key."),
                );
            }
            KeyKind::Rsa { modulus_bits } if modulus_bits < LASTING_RSA_BITS => {
                self.note(
                    "key",
                    format!("Its RSA key has {modulus_bits} bits: take 3072 at the next renewal."),
                );
            }
            KeyKind::Ed25519 if !demands.may_be_ed25519 => {
                self.error("key", "Ed25519 keys sign the log only: ask for P-256 or RSA.");
            }
            KeyKind::Other => {
                self.error("key", "No signature is made here with such a key: ask for P-256 or RSA.");
            }
            KeyKind::EcP256 | KeyKind::EcP384 | KeyKind::Rsa { .. } | KeyKind::Ed25519 => {}
        }
    }

    fn key_usage(&mut self, certificate: &Certificate, demands: &Demands) {
        let usage: KeyUsage = match certificate.key_usage() {
            Ok(Some(usage)) => usage,
            Ok(None) | Err(_) => {
                self.error("key-usage", "It does not say what its key may be used for: ask for another one.");
                return;
            }
        };
        let (signs, commits) = (usage.digital_signature(), usage.non_repudiation());
        if !(signs || commits && demands.is_document_signer) {
            self.error(
                "key-usage",
                "Its key usage does not allow such signatures: ask for another certificate.",
            );
        } else if demands.is_document_signer && !(signs && commits) {
            self.note("key-usage", "It has only one of digitalSignature and nonRepudiation; certificates of the second generation have both.");
        }
        if usage.key_cert_sign() || usage.crl_sign() {
            self.error("authority", "It is an authority's certificate: it must not sign anything else.");
        }
    }

    fn purposes(&mut self, fields: &Fields<'_>, demands: &Demands) {
        let purposes = match fields.purposes() {
            Ok(purposes) => purposes.map(|(purposes, _)| purposes),
            Err(reason) => {
                self.error("purpose", format!("Its extended key usage does not read: {reason}."));
                return;
            }
        };
        let has =
            |wanted: &[ObjectIdentifier]| purposes.iter().flatten().any(|purpose| wanted.contains(purpose));
        if !demands.purposes.is_empty() && !has(demands.purposes) {
            self.error(
                "purpose",
                "Its extended key usage does not name this service: ask for another certificate.",
            );
        }
        if has(demands.foreign) {
            self.error(
                "purpose",
                "It is made for a service (time-stamps or OCSP), not for this use: take another certificate.",
            );
        }
        if demands.is_document_signer && purposes.is_some() && !has(&SEEN_PURPOSES) {
            self.warning("purpose", "None of its purposes is known to be for documents: ask the authority.");
        }
    }

    fn services(&mut self, fields: &Fields<'_>, expected: Profile) {
        if expected == Profile::OcspResponder {
            if fields.extension(ocsp::NO_CHECK).is_none() {
                self.warning(
                    "no-check",
                    "Without ocsp-nocheck its own status must be asked too: use a short-lived one with it.",
                );
            }
            return;
        }
        if fields.extension(INFO_ACCESS).is_none() && fields.extension(DISTRIBUTION_POINTS).is_none() {
            self.warning(
                "status",
                "It does not say where its status is asked: configure the authority's list or responder.",
            );
        }
        if fields.extension(POLICIES).is_none() {
            self.note("policy", "It names no certificate policy; which one is demanded is not published.");
        }
    }
}

fn signed_acceptably(subject: &Certificate, issuer: &Certificate, now: Timestamp) -> Result<(), String> {
    let suite = Suite::of_certificate(subject, issuer).map_err(|reason: Invalid| reason.to_string())?;
    let policy = AlgorithmPolicy::default_dated().map_err(|reason| reason.to_string())?;
    policy.accepts(Use::Certificate, &suite, now).map_err(|reason| reason.to_string())
}
