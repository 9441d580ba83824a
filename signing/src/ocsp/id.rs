//! How OCSP names a certificate: hashes of its issuer's name and key, and its serial number.

use const_oid::ObjectIdentifier;
use openssl::hash::MessageDigest;

use super::NoAnswer;
use crate::algorithm::{oid, parse_oid};
use crate::certificate::fields::Fields;
use crate::tlv::{self, Reader};
use crate::{Certificate, Invalid};

/// Longest serial number that is looked at, in bytes; RFC 5280 allows 20.
const MAX_SERIAL_BYTES: usize = 32;

/// The hash that names the issuer.
///
/// SHA-1 is what every responder understands, and many index their answers by it (RFC 5019). It is
/// an index here and no proof: the verifier computes both hashes from the issuer it already
/// trusts, so a collision would have to be in that issuer's own name and key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IdHash {
    /// SHA-1, for interoperability.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384; read only.
    Sha384,
    /// SHA-512; read only.
    Sha512,
}

impl IdHash {
    const ALL: [(Self, ObjectIdentifier); 4] = [
        (Self::Sha1, ObjectIdentifier::new_unwrap("1.3.14.3.2.26")),
        (Self::Sha256, crate::algorithm::SHA256),
        (Self::Sha384, ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2")),
        (Self::Sha512, ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3")),
    ];

    fn digest(self, bytes: &[u8]) -> Result<Vec<u8>, Invalid> {
        let digest = match self {
            Self::Sha1 => MessageDigest::sha1(),
            Self::Sha256 => MessageDigest::sha256(),
            Self::Sha384 => MessageDigest::sha384(),
            Self::Sha512 => MessageDigest::sha512(),
        };
        Ok(openssl::hash::hash(digest, bytes)?.to_vec())
    }
}

/// SHA-1 of the subject's public key: how a responder names itself by key, and nothing else.
pub(super) fn key_hash(fields: &Fields<'_>) -> Result<Vec<u8>, Invalid> {
    IdHash::Sha1.digest(fields.key)
}

/// A `CertID`.
#[derive(Clone, Copy, Debug)]
pub(super) struct CertId<'a> {
    hash: IdHash,
    name: &'a [u8],
    key: &'a [u8],
    serial: &'a [u8],
    /// With tag and length, as it was sent.
    pub(super) whole: &'a [u8],
}

impl<'a> CertId<'a> {
    /// Reads the `CertID` with all of it in `whole`.
    pub(super) fn parse(whole: &'a [u8]) -> Result<Self, Invalid> {
        let mut fields = tlv::only(whole, tlv::SEQUENCE)?;
        let mut algorithm = Reader::new(fields.expect(tlv::SEQUENCE)?.body);
        let id = parse_oid(algorithm.expect(tlv::OID)?.body)?;
        if !matches!(algorithm.rest(), [] | [tlv::NULL, 0]) {
            return Err(Invalid::Structure("parameters of a hash"));
        }
        let known = IdHash::ALL.iter().find(|(_, known)| *known == id);
        let (hash, _) = *known.ok_or_else(|| Invalid::Algorithm(id.to_string()))?;
        let name = fields.expect(tlv::OCTET_STRING)?.body;
        let key = fields.expect(tlv::OCTET_STRING)?.body;
        let serial = fields.expect(tlv::INTEGER)?.body;
        fields.finish()?;
        if serial.is_empty() || serial.len() > MAX_SERIAL_BYTES {
            return Err(Invalid::Structure("the serial number"));
        }
        Ok(Self { hash, name, key, serial, whole })
    }

    /// Whether `issuer` is the issuer that is named, by name and by key.
    pub(super) fn is_of(&self, issuer: &Fields<'_>) -> Result<bool, Invalid> {
        Ok(self.hash.digest(issuer.subject)? == self.name && self.hash.digest(issuer.key)? == self.key)
    }

    /// Whether the certificate `certificate` of `issuer` is the one that is named.
    pub(super) fn is(&self, certificate: &Fields<'_>, issuer: &Fields<'_>) -> Result<bool, Invalid> {
        Ok(self.serial == certificate.serial && self.is_of(issuer)?)
    }

    /// The serial number in lower-case hex.
    pub(super) fn serial(&self) -> String {
        hex::encode(self.serial)
    }
}

/// Writes the `CertID` of `certificate`.
pub(super) fn write(
    certificate: &Certificate,
    issuer: &Certificate,
    hash: IdHash,
) -> Result<Vec<u8>, NoAnswer> {
    if !certificate.is_issued_by(issuer)? {
        return Err(NoAnswer::NotTheIssuer);
    }
    let (certificate, issuer) = (Fields::of(certificate)?, Fields::of(issuer)?);
    let id = IdHash::ALL.iter().find(|(known, _)| *known == hash).map(|(_, id)| *id);
    let id = id.ok_or(Invalid::Structure("the hash"))?;
    // OpenSSL and the responders of old write NULL, and compare what they wrote.
    let algorithm = tlv::write(tlv::SEQUENCE, &[&oid(id), &[tlv::NULL, 0]]);
    Ok(tlv::write(
        tlv::SEQUENCE,
        &[
            &algorithm,
            &tlv::write(tlv::OCTET_STRING, &[&hash.digest(issuer.subject)?]),
            &tlv::write(tlv::OCTET_STRING, &[&hash.digest(issuer.key)?]),
            &tlv::write(tlv::INTEGER, &[certificate.serial]),
        ],
    ))
}
