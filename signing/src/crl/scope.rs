//! For which certificates and reasons a list speaks: its issuing distribution point.
//!
//! Source: `docs/sources.md`, entry `rfc5280` (5.2.5; 6.3.3 b, d).

use der::Decode as _;
use x509_cert::ext::pkix::crl::dp::{DistributionPoint, IssuingDistributionPoint, ReasonFlags};
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};

use super::{BadCrl, Crl};
use crate::path::NormalName;
use crate::path::facts::Facts;

/// A set of reasons for revocation, RFC 5280, 4.2.1.13; bit n is reason n.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Reasons(u16);

impl Reasons {
    pub(crate) const NONE: Self = Self(0);
    /// Every reason that a list can be partitioned by.
    pub(crate) const ALL: Self = Self(0b1_1111_1110);

    fn new(flags: Option<ReasonFlags>) -> Self {
        match flags {
            Some(flags) => Self(flags.bits() & Self::ALL.0),
            None => Self::ALL,
        }
    }

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn is_none(self) -> bool {
        self.0 == 0
    }
}

/// A list's scope; the default is everything that its issuer issued.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Scope {
    /// Names of the distribution point; empty if it names none.
    names: Option<Vec<PointName>>,
    covers: Covers,
    reasons: Reasons,
    is_indirect: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Covers {
    All,
    UserCertificates,
    AuthorityCertificates,
    AttributeCertificates,
}

/// One name of a distribution point, comparable.
#[derive(Clone, Debug, Eq, PartialEq)]
enum PointName {
    Directory(NormalName),
    Other(GeneralName),
}

impl Default for Scope {
    fn default() -> Self {
        Self { names: None, covers: Covers::All, reasons: Reasons::ALL, is_indirect: false }
    }
}

impl Scope {
    /// Reads the extension of a list by `issuer`.
    pub(super) fn parse(value: &[u8], issuer: &NormalName) -> Result<Self, BadCrl> {
        let malformed = BadCrl::Malformed("the issuing distribution point");
        let point = IssuingDistributionPoint::from_der(value).ok().ok_or_else(|| malformed.clone())?;
        let covers = match (
            point.only_contains_user_certs,
            point.only_contains_ca_certs,
            point.only_contains_attribute_certs,
        ) {
            (false, false, false) => Covers::All,
            (true, false, false) => Covers::UserCertificates,
            (false, true, false) => Covers::AuthorityCertificates,
            (false, false, true) => Covers::AttributeCertificates,
            _ => return Err(malformed),
        };
        let names = point.distribution_point.as_ref().map(|name| point_names(name, issuer).ok_or(malformed));
        Ok(Self {
            names: names.transpose()?,
            covers,
            reasons: Reasons::new(point.only_some_reasons),
            is_indirect: point.indirect_crl,
        })
    }

    pub(crate) const fn is_indirect(&self) -> bool {
        self.is_indirect
    }
}

/// The reasons for which `list` speaks about the certificate, by any of its distribution points.
pub(crate) fn coverage(list: &Crl, certificate: &Facts<'_>) -> Reasons {
    let scope = list.scope();
    let is_covered = match scope.covers {
        Covers::All => true,
        Covers::UserCertificates => !certificate.is_authority(),
        Covers::AuthorityCertificates => certificate.is_authority(),
        Covers::AttributeCertificates => false,
    };
    let (true, Some(list_issuer), Ok(extensions)) = (is_covered, list.issuer(), &certificate.extensions)
    else {
        return Reasons::NONE;
    };
    let implied = if *list_issuer == certificate.issuer && implied_point(scope, certificate) {
        scope.reasons
    } else {
        Reasons::NONE
    };
    extensions.distribution_points.iter().fold(implied, |reasons, point| {
        let matches = point_matches(point, scope, list_issuer, certificate);
        reasons.or(if matches { scope.reasons.and(Reasons::new(point.reasons)) } else { Reasons::NONE })
    })
}

/// The distribution point that every certificate has unsaid: its issuer's name (RFC 5280, 6.3.3, end).
fn implied_point(scope: &Scope, certificate: &Facts<'_>) -> bool {
    let own = PointName::Directory(certificate.issuer.clone());
    scope.names.as_ref().is_none_or(|names| names.contains(&own))
}

fn point_matches(
    point: &DistributionPoint,
    scope: &Scope,
    list_issuer: &NormalName,
    certificate: &Facts<'_>,
) -> bool {
    let issuers: Option<Vec<PointName>> =
        point.crl_issuer.as_ref().map(|names| names.iter().filter_map(PointName::new).collect());
    let is_issuer = match &issuers {
        Some(issuers) => scope.is_indirect && issuers.contains(&PointName::Directory(list_issuer.clone())),
        None => *list_issuer == certificate.issuer,
    };
    if !is_issuer {
        return false;
    }
    let Some(wanted) = &scope.names else { return true };
    let offered = match (&point.distribution_point, issuers) {
        // A relative name is under the list's issuer where the point names one (RFC 5280, 4.2.1.13).
        (Some(name), issuers) => {
            let base = if issuers.is_some() { list_issuer } else { &certificate.issuer };
            point_names(name, base).unwrap_or_default()
        }
        (None, issuers) => issuers.unwrap_or_default(),
    };
    offered.iter().any(|name| wanted.contains(name))
}

fn point_names(name: &DistributionPointName, base: &NormalName) -> Option<Vec<PointName>> {
    match name {
        DistributionPointName::FullName(names) => names.iter().map(PointName::new).collect(),
        DistributionPointName::NameRelativeToCRLIssuer(rdn) => {
            Some(vec![PointName::Directory(base.child(rdn)?)])
        }
    }
}

impl PointName {
    fn new(name: &GeneralName) -> Option<Self> {
        if let GeneralName::DirectoryName(name) = name {
            NormalName::new(name).map(Self::Directory)
        } else {
            Some(Self::Other(name.clone()))
        }
    }
}
