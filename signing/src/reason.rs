//! Why a certificate was revoked: in lists, in answers, in an authority's register, in reports.

use serde::{Deserialize, Serialize};

/// Why a certificate was revoked.
///
/// Source: `docs/sources.md`, entry `rfc5280` (5.3.1).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No reason was given.
    Unspecified,
    /// The private key is in other hands, or may be.
    KeyCompromise,
    /// The authority's key is.
    #[serde(rename = "authority_compromise")]
    CaCompromise,
    /// The subject's name or office has changed.
    AffiliationChanged,
    /// Another certificate takes its place.
    Superseded,
    /// It is not needed any more.
    CessationOfOperation,
    /// Suspended: it may be released again.
    #[serde(rename = "hold")]
    CertificateHold,
    /// Taken off the list (delta lists only).
    #[serde(rename = "remove_from_list")]
    RemoveFromCrl,
    /// The right to it was withdrawn.
    PrivilegeWithdrawn,
    /// The attribute authority's key is in other hands.
    #[serde(rename = "attribute_authority_compromise")]
    AaCompromise,
}

impl Reason {
    /// The `CRLReason` number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Unspecified => 0,
            Self::KeyCompromise => 1,
            Self::CaCompromise => 2,
            Self::AffiliationChanged => 3,
            Self::Superseded => 4,
            Self::CessationOfOperation => 5,
            Self::CertificateHold => 6,
            Self::RemoveFromCrl => 8,
            Self::PrivilegeWithdrawn => 9,
            Self::AaCompromise => 10,
        }
    }

    /// The reason with the `CRLReason` number `code`; there is no 7.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Unspecified),
            1 => Some(Self::KeyCompromise),
            2 => Some(Self::CaCompromise),
            3 => Some(Self::AffiliationChanged),
            4 => Some(Self::Superseded),
            5 => Some(Self::CessationOfOperation),
            6 => Some(Self::CertificateHold),
            8 => Some(Self::RemoveFromCrl),
            9 => Some(Self::PrivilegeWithdrawn),
            10 => Some(Self::AaCompromise),
            _ => None,
        }
    }
}
