//! The signed reference to the signer's certificate.
//!
//! Source: `docs/sources.md`, entries `rfc2634` (version 1), `rfc5035` (version 2).

use openssl::hash::MessageDigest;

use super::attributes::{SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2, SignedAttributes};
use crate::algorithm::Hash;
use crate::tlv::{self, Reader};
use crate::{Certificate, Invalid};

/// How the signature names its certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reference {
    /// By signing-certificate-v2, with SHA-256 or stronger.
    Strong,
    /// By signing-certificate, with SHA-1; only read in time-stamps, where version 2 came late.
    Sha1,
}

/// The first `ESSCertID` or `ESSCertIDv2` of the attribute: the signer.
pub(super) struct EssReference<'a> {
    pub(super) kind: Reference,
    hash: MessageDigest,
    digest: &'a [u8],
    issuer_serial: Option<&'a [u8]>,
}

impl<'a> EssReference<'a> {
    /// Reads version 2; version 1 only if there is no version 2 and `weakest` allows it.
    pub(super) fn find(attributes: &SignedAttributes<'a>, weakest: Reference) -> Result<Self, Invalid> {
        match (attributes.optional(SIGNING_CERTIFICATE_V2), attributes.optional(SIGNING_CERTIFICATE)) {
            (Some(value), _) => Self::parse(value, Reference::Strong),
            (None, Some(value)) if weakest == Reference::Sha1 => Self::parse(value, Reference::Sha1),
            (None, Some(_) | None) => Err(Invalid::Structure("a required signed attribute is missing")),
        }
    }

    fn parse(value: &'a [u8], kind: Reference) -> Result<Self, Invalid> {
        let mut attribute = tlv::only(value, tlv::SEQUENCE)?;
        let mut ids = Reader::new(attribute.expect(tlv::SEQUENCE)?.body);
        let mut first = Reader::new(ids.expect(tlv::SEQUENCE)?.body);
        let hash = match kind {
            Reference::Sha1 => MessageDigest::sha1(),
            Reference::Strong => match first.optional(tlv::SEQUENCE)? {
                Some(identifier) => Hash::parse(identifier.whole)?.message_digest(),
                None => Hash::Sha256.message_digest(),
            },
        };
        let digest = first.expect(tlv::OCTET_STRING)?.body;
        let issuer_serial = first.optional(tlv::SEQUENCE)?.map(|element| element.whole);
        first.finish()?;
        Ok(Self { kind, hash, digest, issuer_serial })
    }

    pub(super) fn names(&self, certificate: &Certificate) -> Result<bool, Invalid> {
        if *openssl::hash::hash(self.hash, certificate.to_der())? != *self.digest {
            return Ok(false);
        }
        let Some(issuer_serial) = self.issuer_serial else { return Ok(true) };
        let (issuer, serial) = certificate.issuer_and_serial().ok().ok_or(Invalid::NotDer)?;
        let names = tlv::write(tlv::SEQUENCE, &[&tlv::write(tlv::context(4), &[&issuer])]);
        if issuer_serial == tlv::write(tlv::SEQUENCE, &[&names, &serial]) {
            Ok(true)
        } else {
            Err(Invalid::WrongSigner)
        }
    }
}

/// Writes the value of signing-certificate-v2 that names `signer` by SHA-256.
pub(crate) fn signing_certificate(signer: &Certificate) -> Vec<u8> {
    // SHA-256 is the DEFAULT of ESSCertIDv2, so DER leaves its name out.
    let digest = tlv::write(tlv::OCTET_STRING, &[signer.fingerprint().as_bytes()]);
    let id = tlv::write(tlv::SEQUENCE, &[&digest]);
    tlv::write(tlv::SEQUENCE, &[&tlv::write(tlv::SEQUENCE, &[&id])])
}
