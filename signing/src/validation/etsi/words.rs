//! The identifiers of the report: those of the standards, and ours where they have none.

use cabinet::Timestamp;
use time::{OffsetDateTime, UtcOffset};

use crate::Hash;
use crate::algorithm_policy::{HashName, SchemeName, Suite};
use crate::crl::Reason;
use crate::validation::Indication;

pub(super) const NAMESPACES: [(&str, &str); 3] = [
    ("xmlns:vr", "http://uri.etsi.org/19102/v1.4.1#"),
    ("xmlns:XAdES", "http://uri.etsi.org/01903/v1.3.2#"),
    ("xmlns:ds", "http://www.w3.org/2000/09/xmldsig#"),
];
/// Every signature is judged by the process for signatures with archival data, which holds the simpler ones.
pub(super) const PROCESS: &str = "urn:etsi:019102:validationprocess:LTA";
pub(super) const PROVEN_BY_VALIDATION: &str = "urn:etsi:019102:poetype:validation";
pub(super) const APPLIED: &str = "urn:etsi:019102:constraintStatus:applied";
pub(super) const CERTIFICATE: &str = "urn:etsi:019102:validationObject:certificate";
pub(super) const TIMESTAMP: &str = "urn:etsi:019102:validationObject:timestamp";
pub(super) const SIGNED_DATA: &str = "urn:etsi:019102:validationObject:signedData";

/// The verdict on a signature.
pub(super) const fn of_signature(indication: Indication) -> &'static str {
    match indication {
        Indication::TotalPassed => "urn:etsi:019102:mainindication:total-passed",
        Indication::TotalFailed => "urn:etsi:019102:mainindication:total-failed",
        Indication::Indeterminate => "urn:etsi:019102:mainindication:indeterminate",
    }
}

/// The verdict of one step: on a time-stamp, or on a constraint.
pub(super) const fn of_step(indication: Indication) -> &'static str {
    match indication {
        Indication::TotalPassed => "urn:etsi:019102:mainindication:passed",
        Indication::TotalFailed => "urn:etsi:019102:mainindication:failed",
        Indication::Indeterminate => "urn:etsi:019102:mainindication:indeterminate",
    }
}

pub(super) fn sub_indication(name: &str) -> String {
    format!("urn:etsi:019102:subindication:{name}")
}

/// Source: `docs/sources.md`, entry `rfc9231`.
pub(super) const fn digest_method(hash: Hash) -> &'static str {
    match hash {
        Hash::Sha256 => "http://www.w3.org/2001/04/xmlenc#sha256",
        Hash::Sha384 => "http://www.w3.org/2001/04/xmldsig-more#sha384",
        Hash::Sha512 => "http://www.w3.org/2001/04/xmlenc#sha512",
    }
}

/// Source: `docs/sources.md`, entry `rfc9231`.
pub(super) fn signature_method(suite: &Suite) -> String {
    let hash = match suite.hash {
        Some(HashName::Sha1) => "sha1",
        Some(HashName::Sha224) => "sha224",
        Some(HashName::Sha256) => "sha256",
        Some(HashName::Sha384) => "sha384",
        Some(HashName::Sha512) => "sha512",
        None => "",
    };
    match suite.scheme {
        SchemeName::RsaPkcs1 if hash == "sha1" => "http://www.w3.org/2000/09/xmldsig#rsa-sha1".to_owned(),
        SchemeName::RsaPkcs1 => format!("http://www.w3.org/2001/04/xmldsig-more#rsa-{hash}"),
        SchemeName::RsaPss => format!("http://www.w3.org/2007/05/xmldsig-more#{hash}-rsa-MGF1"),
        SchemeName::Ecdsa => format!("http://www.w3.org/2001/04/xmldsig-more#ecdsa-{hash}"),
        SchemeName::Ed25519 => "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519".to_owned(),
    }
}

pub(super) const fn revocation_reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Unspecified => "urn:etsi:019102:revocationReason:unspecified",
        Reason::KeyCompromise => "urn:etsi:019102:revocationReason:keyCompromise",
        Reason::CaCompromise => "urn:etsi:019102:revocationReason:cACompromise",
        Reason::AffiliationChanged => "urn:etsi:019102:revocationReason:affiliationChanged",
        Reason::Superseded => "urn:etsi:019102:revocationReason:superseded",
        Reason::CessationOfOperation => "urn:etsi:019102:revocationReason:cessationOfOperation",
        Reason::CertificateHold => "urn:etsi:019102:revocationReason:certificateHold",
        Reason::RemoveFromCrl => "urn:etsi:019102:revocationReason:removeFromCRL",
        Reason::PrivilegeWithdrawn => "urn:etsi:019102:revocationReason:privilegeWithdrawn",
        Reason::AaCompromise => "urn:etsi:019102:revocationReason:aACompromise",
    }
}

/// The identifier of an algorithm policy; its name comes from whoever wrote the policy.
pub(super) fn policy(id: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '_' };
    format!("urn:ecabinet:algorithm-policy:{}", id.chars().map(plain).collect::<String>())
}

/// `2026-06-07T09:05:31Z`; `None` for a year that a schema's `dateTime` cannot hold.
pub(super) fn date_time(at: Timestamp) -> Option<String> {
    let utc = OffsetDateTime::from_unix_timestamp(at.as_seconds()).ok()?.to_offset(UtcOffset::UTC);
    let (year, month, day) = (utc.year(), u8::from(utc.month()), utc.day());
    let (hour, minute, second) = utc.to_hms();
    (1..=9999)
        .contains(&year)
        .then(|| format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_a_schema_or_left_out() {
        assert_eq!(date_time(crate::testing::NOW).as_deref(), Some("2026-06-07T09:05:31Z"));
        let year_0 = Timestamp::from_micros(0).plus_seconds(-62_167_219_200);
        assert_eq!(date_time(year_0), None);
        assert_eq!(date_time(Timestamp::from_micros(i64::MAX)), None);
    }

    #[test]
    fn the_name_of_a_policy_cannot_break_its_identifier() {
        assert_eq!(policy("a b<%>ă-1"), "urn:ecabinet:algorithm-policy:a_b____-1");
    }
}
