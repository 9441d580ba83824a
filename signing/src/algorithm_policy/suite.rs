//! What a signature was made with: read from its `AlgorithmIdentifier` and from the signer's key.

use const_oid::ObjectIdentifier;

use super::{HashName, SchemeName};
use crate::algorithm::{Hash, RSA, parse_oid};
use crate::tlv::{self, Reader};
use crate::{Certificate, Invalid};

/// Hash, scheme and key length of one signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Suite {
    /// The hash; `None` if the scheme brings its own.
    pub hash: Option<HashName>,
    /// The scheme.
    pub scheme: SchemeName,
    /// Length of the modulus or of the curve's order.
    pub bits: u32,
}

const PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");

/// Signature algorithms that name their hash, also those that are only named to be refused.
const SIGNATURES: [(&str, SchemeName, Option<HashName>); 11] = [
    ("1.2.840.113549.1.1.5", SchemeName::RsaPkcs1, Some(HashName::Sha1)),
    ("1.2.840.113549.1.1.14", SchemeName::RsaPkcs1, Some(HashName::Sha224)),
    ("1.2.840.113549.1.1.11", SchemeName::RsaPkcs1, Some(HashName::Sha256)),
    ("1.2.840.113549.1.1.12", SchemeName::RsaPkcs1, Some(HashName::Sha384)),
    ("1.2.840.113549.1.1.13", SchemeName::RsaPkcs1, Some(HashName::Sha512)),
    ("1.2.840.10045.4.1", SchemeName::Ecdsa, Some(HashName::Sha1)),
    ("1.2.840.10045.4.3.1", SchemeName::Ecdsa, Some(HashName::Sha224)),
    ("1.2.840.10045.4.3.2", SchemeName::Ecdsa, Some(HashName::Sha256)),
    ("1.2.840.10045.4.3.3", SchemeName::Ecdsa, Some(HashName::Sha384)),
    ("1.2.840.10045.4.3.4", SchemeName::Ecdsa, Some(HashName::Sha512)),
    ("1.3.101.112", SchemeName::Ed25519, None),
];

const HASHES: [(&str, HashName); 5] = [
    ("1.3.14.3.2.26", HashName::Sha1),
    ("2.16.840.1.101.3.4.2.4", HashName::Sha224),
    ("2.16.840.1.101.3.4.2.1", HashName::Sha256),
    ("2.16.840.1.101.3.4.2.2", HashName::Sha384),
    ("2.16.840.1.101.3.4.2.3", HashName::Sha512),
];

impl Suite {
    /// Reads the signature `AlgorithmIdentifier` (DER) of a signature by the key of `signer`.
    ///
    /// # Errors
    ///
    /// [`Invalid::Algorithm`]: it is not known, so it is not accepted; [`Invalid::NotDer`].
    pub fn of_signature(identifier: &[u8], signer: &Certificate) -> Result<Self, Invalid> {
        let bits = signer.public_key()?.bits();
        let mut fields = tlv::only(identifier, tlv::SEQUENCE)?;
        let id = parse_oid(fields.expect(tlv::OID)?.body)?;
        if id == PSS {
            let hash = pss_hash(fields.rest())?;
            return Ok(Self { hash: Some(hash), scheme: SchemeName::RsaPss, bits });
        }
        let id = id.to_string();
        let known = SIGNATURES.iter().find(|(known, ..)| *known == id);
        let (_, scheme, hash) = *known.ok_or(Invalid::Algorithm(id))?;
        Ok(Self { hash, scheme, bits })
    }

    /// What a CMS signature was made with; `rsaEncryption` takes the hash of the content.
    pub(crate) fn of_cms(identifier: &[u8], signer: &Certificate, hash: Hash) -> Result<Self, Invalid> {
        let mut fields = tlv::only(identifier, tlv::SEQUENCE)?;
        if parse_oid(fields.expect(tlv::OID)?.body)? != RSA {
            return Self::of_signature(identifier, signer);
        }
        let hash = match hash {
            Hash::Sha256 => HashName::Sha256,
            Hash::Sha384 => HashName::Sha384,
            Hash::Sha512 => HashName::Sha512,
        };
        Ok(Self { hash: Some(hash), scheme: SchemeName::RsaPkcs1, bits: signer.public_key()?.bits() })
    }

    /// What the signature of `issuer` under `certificate` was made with.
    ///
    /// # Errors
    ///
    /// As [`Suite::of_signature`].
    pub fn of_certificate(certificate: &Certificate, issuer: &Certificate) -> Result<Self, Invalid> {
        let mut whole = tlv::only(certificate.to_der(), tlv::SEQUENCE)?;
        whole.expect(tlv::SEQUENCE)?;
        Self::of_signature(whole.expect(tlv::SEQUENCE)?.whole, issuer)
    }
}

/// The hash of PSS parameters; SHA-1 where none is written.
fn pss_hash(parameters: &[u8]) -> Result<HashName, Invalid> {
    let mut fields = tlv::only(parameters, tlv::SEQUENCE)?;
    let Some(explicit) = fields.optional(tlv::context(0))? else { return Ok(HashName::Sha1) };
    let mut algorithm = Reader::new(tlv::only(explicit.body, tlv::SEQUENCE)?.rest());
    let id = parse_oid(algorithm.expect(tlv::OID)?.body)?.to_string();
    let known = HASHES.iter().find(|(known, _)| *known == id);
    known.map(|(_, hash)| *hash).ok_or(Invalid::Algorithm(id))
}
