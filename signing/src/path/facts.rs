//! What a certificate says about itself, read once for a search.
//!
//! Source: `docs/sources.md`, entry `rfc5280` (4.2).

use std::collections::BTreeSet;

use const_oid::AssociatedOid as _;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::{
    ID_CE_EXT_KEY_USAGE, ID_CE_FRESHEST_CRL, ID_CE_INHIBIT_ANY_POLICY, ID_CE_ISSUER_ALT_NAME,
};
use der::Decode;
use x509_cert::Version;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::crl::dp::DistributionPoint;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, CertificatePolicies, CrlDistributionPoints, KeyUsage,
    NameConstraints, PolicyConstraints, PolicyMappings, SubjectAltName, SubjectKeyIdentifier,
};

use super::algorithms::SignedParts;
use super::failure::Rule;
use super::name::NormalName;
use crate::{Certificate, tlv};

/// Most extensions in one certificate.
const MAX_EXTENSIONS: usize = 64;
/// Most policies, mappings, names or subtrees in one extension.
const MAX_ITEMS: usize = 256;
/// Policy qualifiers that are only for people to read: CPS pointer and user notice.
const HARMLESS_QUALIFIERS: [ObjectIdentifier; 2] =
    [ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.2.1"), ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.2.2")];

/// A certificate, its names in comparable form, its extensions.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) certificate: &'a Certificate,
    pub(crate) subject: NormalName,
    pub(crate) issuer: NormalName,
    pub(crate) signed: SignedParts<'a>,
    /// Content octets of the serial number.
    pub(crate) serial: &'a [u8],
    /// The extensions, or what is wrong with them.
    pub(crate) extensions: Result<Extensions, Rule>,
}

/// The extensions that a path is judged by.
#[derive(Debug, Default)]
pub(crate) struct Extensions {
    pub(crate) basic: Option<BasicConstraints>,
    pub(crate) usage: Option<KeyUsage>,
    pub(crate) policies: Option<Vec<ObjectIdentifier>>,
    pub(crate) mappings: Vec<(ObjectIdentifier, ObjectIdentifier)>,
    pub(crate) policy_constraints: Option<PolicyConstraints>,
    pub(crate) inhibit_any_policy: Option<u32>,
    pub(crate) name_constraints: Option<NameConstraints>,
    pub(crate) alternative_names: AlternativeNames,
    pub(crate) distribution_points: Vec<DistributionPoint>,
    pub(crate) subject_key_id: Option<Vec<u8>>,
    pub(crate) authority_key_id: Option<Vec<u8>>,
    pub(crate) unknown_critical: Option<ObjectIdentifier>,
}

/// The subject's alternative names; unreadable ones matter only where names are constrained.
#[derive(Debug, Default)]
pub(crate) enum AlternativeNames {
    #[default]
    Absent,
    Unreadable,
    Names(Vec<GeneralName>),
}

impl<'a> Facts<'a> {
    pub(crate) fn of(certificate: &'a Certificate) -> Result<Self, Rule> {
        let malformed = |_| Rule::Malformed("not the DER of a certificate");
        let signed = SignedParts::parse(certificate.to_der()).map_err(malformed)?;
        let mut fields = signed.fields();
        fields.optional(tlv::context(0)).map_err(malformed)?;
        let serial = fields.expect(tlv::INTEGER).map_err(malformed)?.body;
        if fields.expect(tlv::SEQUENCE).map_err(malformed)?.whole != signed.algorithm {
            return Err(Rule::Malformed("it names two signature algorithms"));
        }
        let tbs = certificate.to_be_signed();
        let name = |name| NormalName::new(name).ok_or(Rule::Malformed("a name that is no text"));
        let (subject, issuer) = (name(&tbs.subject)?, name(&tbs.issuer)?);
        let extensions = Extensions::parse(tbs.version, tbs.extensions.as_deref().unwrap_or_default());
        Ok(Self { certificate, subject, issuer, signed, serial, extensions })
    }

    pub(crate) fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// Whether it is an authority's certificate; what cannot be read is taken for none.
    pub(crate) fn is_authority(&self) -> bool {
        let basic = self.extensions.as_ref().ok().and_then(|extensions| extensions.basic.as_ref());
        basic.is_some_and(|basic| basic.ca)
    }

    /// Whether the key may sign revocation lists: nothing speaks against it.
    pub(crate) fn may_sign_lists(&self) -> bool {
        self.extensions.as_ref().is_ok_and(|extensions| {
            extensions.unknown_critical.is_none() && extensions.usage.as_ref().is_none_or(KeyUsage::crl_sign)
        })
    }

    pub(crate) fn subject_key_id(&self) -> Option<&[u8]> {
        self.extensions.as_ref().ok()?.subject_key_id.as_deref()
    }

    pub(crate) fn authority_key_id(&self) -> Option<&[u8]> {
        self.extensions.as_ref().ok()?.authority_key_id.as_deref()
    }
}

impl Extensions {
    fn parse(version: Version, extensions: &[Extension]) -> Result<Self, Rule> {
        if extensions.len() > MAX_EXTENSIONS {
            return Err(Rule::Limit("more than 64 extensions"));
        }
        if !extensions.is_empty() && version != Version::V3 {
            return Err(Rule::Malformed("extensions before version 3"));
        }
        let mut seen = BTreeSet::new();
        let mut found = Self::default();
        for extension in extensions {
            if !seen.insert(extension.extn_id) {
                return Err(Rule::Malformed("an extension twice"));
            }
            if !found.take(extension)? && extension.critical {
                found.unknown_critical = Some(extension.extn_id);
            }
        }
        Ok(found)
    }

    /// Reads one extension; `false` if it is not known.
    fn take(&mut self, extension: &Extension) -> Result<bool, Rule> {
        let value = extension.extn_value.as_bytes();
        match extension.extn_id {
            BasicConstraints::OID => self.basic = Some(read(value)?),
            KeyUsage::OID => self.usage = Some(read(value)?),
            CertificatePolicies::OID => return self.take_policies(&read(value)?, extension.critical),
            PolicyMappings::OID => {
                let mappings = limited(read::<PolicyMappings>(value)?.0)?;
                let pair = |mapping: x509_cert::ext::pkix::PolicyMapping| {
                    (mapping.issuer_domain_policy, mapping.subject_domain_policy)
                };
                self.mappings = mappings.into_iter().map(pair).collect();
            }
            PolicyConstraints::OID => self.policy_constraints = Some(read(value)?),
            ID_CE_INHIBIT_ANY_POLICY => self.inhibit_any_policy = Some(read(value)?),
            NameConstraints::OID => {
                let constraints: NameConstraints = read(value)?;
                for subtrees in [&constraints.permitted_subtrees, &constraints.excluded_subtrees] {
                    if subtrees.as_ref().is_some_and(|subtrees| subtrees.len() > MAX_ITEMS) {
                        return Err(Rule::Limit("more than 256 subtrees of names"));
                    }
                }
                self.name_constraints = Some(constraints);
            }
            SubjectAltName::OID => {
                self.alternative_names = match read::<SubjectAltName>(value) {
                    Ok(names) => AlternativeNames::Names(limited(names.0)?),
                    Err(malformed) if extension.critical => return Err(malformed),
                    Err(_) => AlternativeNames::Unreadable,
                };
            }
            CrlDistributionPoints::OID => {
                self.distribution_points = limited(read::<CrlDistributionPoints>(value)?.0)?;
            }
            SubjectKeyIdentifier::OID => {
                self.subject_key_id = Some(read::<SubjectKeyIdentifier>(value)?.0.as_bytes().to_vec());
            }
            // A hint for the search only: an issuer named in it in an odd way does no harm.
            AuthorityKeyIdentifier::OID => {
                let key_id = read::<AuthorityKeyIdentifier>(value).ok().and_then(|id| id.key_identifier);
                self.authority_key_id = key_id.map(|id| id.as_bytes().to_vec());
            }
            // Judged by whoever needs a purpose; they say nothing about the path.
            ID_CE_EXT_KEY_USAGE | ID_CE_ISSUER_ALT_NAME | ID_CE_FRESHEST_CRL => {}
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn take_policies(&mut self, policies: &CertificatePolicies, is_critical: bool) -> Result<bool, Rule> {
        if policies.0.len() > MAX_ITEMS {
            return Err(Rule::Limit("more than 256 policies"));
        }
        let mut found = Vec::new();
        for policy in &policies.0 {
            if found.contains(&policy.policy_identifier) {
                return Err(Rule::Malformed("a policy twice"));
            }
            found.push(policy.policy_identifier);
            let mut qualifiers = policy.policy_qualifiers.iter().flatten();
            if is_critical && qualifiers.any(|one| !HARMLESS_QUALIFIERS.contains(&one.policy_qualifier_id)) {
                return Ok(false);
            }
        }
        self.policies = Some(found);
        Ok(true)
    }
}

fn read<'a, T: Decode<'a>>(value: &'a [u8]) -> Result<T, Rule> {
    T::from_der(value).ok().ok_or(Rule::Malformed("an extension is not what RFC 5280 describes"))
}

fn limited<T>(items: Vec<T>) -> Result<Vec<T>, Rule> {
    if items.len() > MAX_ITEMS { Err(Rule::Limit("more than 256 items in an extension")) } else { Ok(items) }
}
