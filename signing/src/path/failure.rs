//! Why there is no valid path: which certificate, which rule.

use cabinet::{Digest, Timestamp};

use super::RevocationStatus;
use super::revocation::NotCovered;
use crate::{Certificate, Invalid};

/// No valid path: the rule that was broken, and by which certificate.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{rule} [{subject}]")]
pub struct PathFailure {
    /// The rule.
    pub rule: Rule,
    /// Where on the path the certificate stands.
    pub place: Place,
    /// The certificate's subject, RFC 4514.
    pub subject: String,
    /// SHA-256 of the certificate.
    pub fingerprint: Digest,
}

/// Where on a path a certificate stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// The certificate that was asked about.
    Leaf,
    /// Between leaf and anchor.
    Intermediate,
    /// The anchor.
    Anchor,
}

/// A rule of path validation that was broken.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Rule {
    /// Nobody with the issuer's name is trusted or was handed in.
    #[error(
        "no certification path to a trust anchor: add the issuer's certificate, or its anchor if you trust it"
    )]
    NoIssuer,
    /// A certificate does not parse into what RFC 5280 describes.
    #[error("a certificate is malformed ({0}): ask its authority for a proper one")]
    Malformed(&'static str),
    /// The signature is not by the issuer's key.
    #[error("the certificate is not signed by the issuer it names: it is forged or damaged")]
    SignatureWrong,
    /// An algorithm or a key is not accepted.
    #[error(
        "{0} is not accepted in a certification path: ask for a certificate with SHA-256 and a longer key"
    )]
    Algorithm(String),
    /// The validity has not begun.
    #[error("the certificate is not yet valid at that time: check the time")]
    NotYetValid,
    /// The validity is over.
    #[error("the certificate had expired by that time: verify at a proven earlier time")]
    Expired,
    /// An issuer is no certification authority.
    #[error("the issuer is no certification authority: the certificate below it is forged")]
    NotAnAuthority,
    /// An issuer's key usage does not allow to sign certificates.
    #[error("the issuer's key may not sign certificates: ask the authority")]
    KeyUsage,
    /// More authorities than a pathLenConstraint allows.
    #[error("the path is longer than an authority allows: the authority below exceeded its rights")]
    PathLength,
    /// A critical extension is not understood.
    #[error("the critical extension {0} is not understood: the certificate cannot be relied on here")]
    UnknownCriticalExtension(String),
    /// No acceptable certificate policy is left.
    #[error(
        "no acceptable certificate policy holds along the path: ask for a certificate under such a policy"
    )]
    Policy,
    /// A policy is mapped to or from anyPolicy.
    #[error("a policy is mapped to or from anyPolicy: the authority's certificate is wrong")]
    PolicyMapping,
    /// A name lies outside of what an authority may certify.
    #[error("a name is outside of what its authority may certify ({0}): the authority exceeded its rights")]
    NameConstraint(&'static str),
    /// The certificate was revoked by the time asked for.
    #[error("the certificate was revoked at {at}: verify at a proven earlier time")]
    Revoked {
        /// When.
        at: Timestamp,
        /// Why, as far as the authority says.
        reason: Option<crate::crl::Reason>,
    },
    /// No evidence says whether the certificate was revoked.
    #[error(
        "nothing says whether the certificate was revoked ({0}): fetch a fresh revocation list and try again"
    )]
    RevocationUnknown(NotCovered),
    /// A limit was reached.
    #[error("the search for a path was ended ({0}): hand in only the certificates that belong to it")]
    Limit(&'static str),
    /// OpenSSL could not do its part.
    #[error("the cryptographic library failed ({0}): try again, then ask the operator")]
    Library(String),
}

impl From<openssl::error::ErrorStack> for Rule {
    fn from(stack: openssl::error::ErrorStack) -> Self {
        Self::Library(stack.to_string())
    }
}

impl Rule {
    pub(super) fn at(self, place: Place, certificate: &Certificate) -> PathFailure {
        let (subject, fingerprint) = (certificate.subject(), certificate.fingerprint());
        PathFailure { rule: self, place, subject, fingerprint }
    }

    /// The rule that a status other than good breaks at `at`.
    pub(super) fn of_status(status: &RevocationStatus, at: Timestamp) -> Result<(), Self> {
        match status {
            RevocationStatus::Good { .. } => Ok(()),
            RevocationStatus::Revoked { at: revoked, reason, invalidity_date } => {
                // The authority may say that the key was already suspect before it revoked.
                let since = invalidity_date.map_or(*revoked, |date| date.min(*revoked));
                if since > at { Ok(()) } else { Err(Self::Revoked { at: since, reason: *reason }) }
            }
            RevocationStatus::NotCovered(why) => Err(Self::RevocationUnknown(*why)),
        }
    }

    /// How far the rule is from "no path at all": the failure that says most is reported.
    pub(super) const fn weight(&self) -> u8 {
        match self {
            Self::NoIssuer => 0,
            Self::SignatureWrong => 1,
            Self::Malformed(_) | Self::Algorithm(_) => 2,
            Self::NotYetValid
            | Self::Expired
            | Self::NotAnAuthority
            | Self::KeyUsage
            | Self::PathLength
            | Self::UnknownCriticalExtension(_)
            | Self::Policy
            | Self::PolicyMapping
            | Self::NameConstraint(_)
            | Self::Revoked { .. }
            | Self::RevocationUnknown(_)
            | Self::Limit(_)
            | Self::Library(_) => 3,
        }
    }
}

impl PathFailure {
    /// The sub-indication of ETSI EN 319 102-1 that says the same.
    ///
    /// Source: `docs/sources.md`, entry `en319102` (5.2.6).
    #[must_use]
    pub const fn sub_indication(&self) -> &'static str {
        match (&self.rule, self.place) {
            (Rule::NoIssuer | Rule::SignatureWrong, _) => "NO_CERTIFICATE_CHAIN_FOUND",
            (Rule::NotYetValid | Rule::Expired, _) => "OUT_OF_BOUNDS_NO_POE",
            (Rule::Algorithm(_), _) => "CRYPTO_CONSTRAINTS_FAILURE_NO_POE",
            (Rule::Revoked { .. }, Place::Leaf) => "REVOKED_NO_POE",
            (Rule::Revoked { .. }, Place::Intermediate | Place::Anchor) => "REVOKED_CA_NO_POE",
            (Rule::RevocationUnknown(_), _) => "TRY_LATER",
            (Rule::Malformed(_) | Rule::Limit(_) | Rule::Library(_), _) => {
                "CERTIFICATE_CHAIN_GENERAL_FAILURE"
            }
            (
                Rule::NotAnAuthority
                | Rule::KeyUsage
                | Rule::PathLength
                | Rule::UnknownCriticalExtension(_)
                | Rule::Policy
                | Rule::PolicyMapping
                | Rule::NameConstraint(_),
                _,
            ) => "CHAIN_CONSTRAINTS_FAILURE",
        }
    }
}

impl From<PathFailure> for Invalid {
    fn from(failure: PathFailure) -> Self {
        let says = failure.to_string();
        match failure.rule {
            Rule::NotYetValid | Rule::Expired => Self::OutOfValidity(says),
            Rule::Library(_) => Self::Library(says),
            Rule::NoIssuer
            | Rule::Malformed(_)
            | Rule::SignatureWrong
            | Rule::Algorithm(_)
            | Rule::NotAnAuthority
            | Rule::KeyUsage
            | Rule::PathLength
            | Rule::UnknownCriticalExtension(_)
            | Rule::Policy
            | Rule::PolicyMapping
            | Rule::NameConstraint(_)
            | Rule::Revoked { .. }
            | Rule::RevocationUnknown(_)
            | Rule::Limit(_) => Self::Untrusted(says),
        }
    }
}
