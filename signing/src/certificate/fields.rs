//! The parts of a certificate as slices of its own bytes, for what is hashed or compared octet by octet.
//!
//! Source: `docs/sources.md`, entry `rfc5280`.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::ID_AD_OCSP;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{AuthorityInfoAccessSyntax, CrlDistributionPoints};

use super::Certificate;
use crate::Invalid;
use crate::algorithm::parse_oid;
use crate::extension::{self, Extension};
use crate::tlv::{self, Reader};

const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");

/// A certificate taken apart.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    /// Content octets of the serial number.
    pub(crate) serial: &'a [u8],
    /// The issuer's name, with tag and length.
    pub(crate) issuer: &'a [u8],
    /// The subject's name, with tag and length.
    pub(crate) subject: &'a [u8],
    /// The subject's public key: the content of its BIT STRING, without the count of unused bits.
    pub(crate) key: &'a [u8],
    pub(crate) extensions: Vec<Extension<'a>>,
}

impl<'a> Fields<'a> {
    /// Takes `certificate` apart.
    pub(crate) fn of(certificate: &'a Certificate) -> Result<Self, Invalid> {
        let mut whole = tlv::only(certificate.to_der(), tlv::SEQUENCE)?;
        let mut tbs = Reader::new(whole.expect(tlv::SEQUENCE)?.body);
        tbs.optional(tlv::context(0))?;
        let serial = tbs.expect(tlv::INTEGER)?.body;
        tbs.expect(tlv::SEQUENCE)?;
        let issuer = tbs.expect(tlv::SEQUENCE)?.whole;
        tbs.expect(tlv::SEQUENCE)?;
        let subject = tbs.expect(tlv::SEQUENCE)?.whole;
        let mut spki = Reader::new(tbs.expect(tlv::SEQUENCE)?.body);
        spki.expect(tlv::SEQUENCE)?;
        let [0, key @ ..] = spki.expect(tlv::BIT_STRING)?.body else { return Err(Invalid::NotDer) };
        spki.finish()?;
        // Unique identifiers of version 2 are passed over.
        tbs.optional(0x81)?;
        tbs.optional(0x82)?;
        let extensions = match tbs.optional(tlv::context(3))? {
            Some(explicit) => extension::parse_all(explicit.body)?,
            None => Vec::new(),
        };
        tbs.finish()?;
        Ok(Self { serial, issuer, subject, key, extensions })
    }

    /// The extension `id`, if the certificate has it.
    pub(crate) fn extension(&self, id: ObjectIdentifier) -> Option<Extension<'a>> {
        extension::find(&self.extensions, id)
    }

    /// The purposes of the extended key usage, and whether it is critical; `None` without that extension.
    pub(crate) fn purposes(&self) -> Result<Option<(Vec<ObjectIdentifier>, bool)>, Invalid> {
        let Some(extension) = self.extension(EXTENDED_KEY_USAGE) else { return Ok(None) };
        let mut list = tlv::only(extension.value, tlv::SEQUENCE)?;
        let mut purposes = Vec::new();
        while !list.is_empty() {
            purposes.push(parse_oid(list.expect(tlv::OID)?.body)?);
        }
        Ok(Some((purposes, extension.is_critical)))
    }
}

impl Certificate {
    /// Whether `issuer` issued this certificate: its name stands there and its key signed.
    pub(crate) fn is_issued_by(&self, issuer: &Self) -> Result<bool, Invalid> {
        if Fields::of(self)?.issuer != Fields::of(issuer)?.subject {
            return Ok(false);
        }
        let key = issuer.public_key()?;
        Ok(self.x509()?.verify(&key).unwrap_or(false))
    }

    /// Addresses of OCSP responders that the certificate names.
    #[must_use]
    pub fn responder_addresses(&self) -> Vec<String> {
        let Ok(Some((_, access))) = self.to_be_signed().get::<AuthorityInfoAccessSyntax>() else {
            return Vec::new();
        };
        let responders = access.0.iter().filter(|access| access.access_method == ID_AD_OCSP);
        responders.filter_map(|access| address(&access.access_location)).collect()
    }

    /// Addresses of revocation lists that the certificate names.
    #[must_use]
    pub fn list_addresses(&self) -> Vec<String> {
        let Ok(Some((_, points))) = self.to_be_signed().get::<CrlDistributionPoints>() else {
            return Vec::new();
        };
        let names = points.0.iter().filter_map(|point| match &point.distribution_point {
            Some(DistributionPointName::FullName(names)) => Some(names),
            Some(DistributionPointName::NameRelativeToCRLIssuer(_)) | None => None,
        });
        names.flatten().filter_map(address).collect()
    }
}

fn address(name: &GeneralName) -> Option<String> {
    if let GeneralName::UniformResourceIdentifier(uri) = name { Some(uri.to_string()) } else { None }
}
