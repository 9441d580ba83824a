//! Signature algorithms: how each is named in CMS, and how a raw signature is checked.

use const_oid::ObjectIdentifier;
use openssl::bn::BigNum;
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::pkey::Id;
use openssl::rsa::Padding;
use openssl::sign::{RsaPssSaltlen, Verifier};

use crate::certificate::KeyKind;
use crate::{Certificate, Invalid, tlv};

pub(crate) const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
pub(crate) const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const RSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
const RSA_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");
const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const MGF1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.8");
const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const ECDSA_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.4");

/// Length of r and of s on P-256, in bytes.
const P256_SCALAR_BYTES: usize = 32;
/// Salt of RSASSA-PSS with SHA-256, in bytes: as long as the hash.
const PSS_SALT_BYTES: u8 = 32;

/// An algorithm that we sign with. All hash with SHA-256.
///
/// Source: `docs/sources.md`, entries `tt15-2025` (PSS) and `vgca-practice` (PKCS#1 v1.5).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SignatureAlgorithm {
    /// ECDSA on P-256; the raw signature is r‖s, 64 bytes.
    EcdsaP256Sha256,
    /// RSASSA-PKCS1-v1_5; the raw signature is as long as the modulus.
    RsaPkcs1Sha256,
    /// RSASSA-PSS with MGF1-SHA-256 and a salt of 32 bytes.
    RsaPssSha256,
}

impl SignatureAlgorithm {
    /// The algorithm that goes with the certificate's key; PKCS#1 v1.5 for RSA, as the official verifiers expect.
    ///
    /// # Errors
    ///
    /// [`Invalid::Algorithm`]: no signature is made with such a key; use P-256 or RSA of 2048 bits and more.
    pub fn of(certificate: &Certificate) -> Result<Self, Invalid> {
        match certificate.key_kind() {
            KeyKind::EcP256 => Ok(Self::EcdsaP256Sha256),
            KeyKind::Rsa { modulus_bits } if modulus_bits >= 2048 => Ok(Self::RsaPkcs1Sha256),
            kind @ (KeyKind::Rsa { .. } | KeyKind::Ed25519 | KeyKind::Other) => {
                Err(Invalid::Algorithm(format!("{kind:?}")))
            }
        }
    }

    /// Whether a key of this kind can make such a signature.
    #[must_use]
    pub const fn fits(self, kind: KeyKind) -> bool {
        match self {
            Self::EcdsaP256Sha256 => matches!(kind, KeyKind::EcP256),
            Self::RsaPkcs1Sha256 | Self::RsaPssSha256 => {
                matches!(kind, KeyKind::Rsa { modulus_bits } if modulus_bits >= 2048)
            }
        }
    }

    /// The `AlgorithmIdentifier` in DER.
    pub(crate) fn identifier(self) -> Vec<u8> {
        match self {
            Self::EcdsaP256Sha256 => tlv::write(tlv::SEQUENCE, &[&oid(ECDSA_SHA256)]),
            Self::RsaPkcs1Sha256 => {
                tlv::write(tlv::SEQUENCE, &[&oid(RSA_SHA256), &tlv::write(tlv::NULL, &[])])
            }
            Self::RsaPssSha256 => {
                let hash = digest_identifier();
                let mask = tlv::write(tlv::SEQUENCE, &[&oid(MGF1), &hash]);
                let salt = tlv::write(tlv::INTEGER, &[&[PSS_SALT_BYTES]]);
                let parameters = tlv::write(
                    tlv::SEQUENCE,
                    &[
                        &tlv::write(tlv::context(0), &[&hash]),
                        &tlv::write(tlv::context(1), &[&mask]),
                        &tlv::write(tlv::context(2), &[&salt]),
                    ],
                );
                tlv::write(tlv::SEQUENCE, &[&oid(RSA_PSS), &parameters])
            }
        }
    }

    /// The signature as CMS carries it: ECDSA's r‖s becomes DER, RSA's octets stay.
    pub(crate) fn cms_value(self, raw: &[u8]) -> Result<Vec<u8>, Invalid> {
        match self {
            Self::EcdsaP256Sha256 => {
                let (r, s) = raw.split_at_checked(P256_SCALAR_BYTES).ok_or(Invalid::SignatureWrong)?;
                if s.len() != P256_SCALAR_BYTES {
                    return Err(Invalid::SignatureWrong);
                }
                let signature =
                    EcdsaSig::from_private_components(BigNum::from_slice(r)?, BigNum::from_slice(s)?)?;
                Ok(signature.to_der()?)
            }
            Self::RsaPkcs1Sha256 | Self::RsaPssSha256 => Ok(raw.to_vec()),
        }
    }
}

/// A hash that is accepted when verifying.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// Reads an `AlgorithmIdentifier` whose parameters are absent or NULL.
    pub(crate) fn parse(identifier: &[u8]) -> Result<Self, Invalid> {
        let (algorithm, parameters) = identifier_parts(identifier)?;
        no_parameters(parameters)?;
        match algorithm {
            SHA256 => Ok(Self::Sha256),
            SHA384 => Ok(Self::Sha384),
            SHA512 => Ok(Self::Sha512),
            other => Err(Invalid::Algorithm(other.to_string())),
        }
    }

    pub(crate) fn message_digest(self) -> MessageDigest {
        match self {
            Self::Sha256 => MessageDigest::sha256(),
            Self::Sha384 => MessageDigest::sha384(),
            Self::Sha512 => MessageDigest::sha512(),
        }
    }

    pub(crate) fn digest(self, bytes: &[u8]) -> Result<Vec<u8>, Invalid> {
        Ok(openssl::hash::hash(self.message_digest(), bytes)?.to_vec())
    }
}

/// A signature algorithm as some CMS names it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scheme {
    Ecdsa(Hash),
    RsaPkcs1(Hash),
    RsaPss(Hash, i32),
}

impl Scheme {
    /// Reads a signature `AlgorithmIdentifier`; plain `rsaEncryption` takes the hash of the `SignerInfo`.
    pub(crate) fn parse(identifier: &[u8], hash: Hash) -> Result<Self, Invalid> {
        let (algorithm, parameters) = identifier_parts(identifier)?;
        let scheme = match algorithm {
            ECDSA_SHA256 => Self::Ecdsa(Hash::Sha256),
            ECDSA_SHA384 => Self::Ecdsa(Hash::Sha384),
            ECDSA_SHA512 => Self::Ecdsa(Hash::Sha512),
            RSA => Self::RsaPkcs1(hash),
            RSA_SHA256 => Self::RsaPkcs1(Hash::Sha256),
            RSA_SHA384 => Self::RsaPkcs1(Hash::Sha384),
            RSA_SHA512 => Self::RsaPkcs1(Hash::Sha512),
            RSA_PSS => return Self::parse_pss(parameters, hash),
            other => return Err(Invalid::Algorithm(other.to_string())),
        };
        no_parameters(parameters)?;
        match scheme {
            Self::Ecdsa(own) | Self::RsaPkcs1(own) | Self::RsaPss(own, _) if own != hash => {
                Err(Invalid::Structure("two different hashes"))
            }
            Self::Ecdsa(_) | Self::RsaPkcs1(_) | Self::RsaPss(..) => Ok(scheme),
        }
    }

    /// PSS parameters must be written out and use one hash throughout.
    fn parse_pss(parameters: &[u8], hash: Hash) -> Result<Self, Invalid> {
        let mut fields = tlv::only(parameters, tlv::SEQUENCE)?;
        let own = Hash::parse(fields.expect(tlv::context(0))?.body)?;
        let (mask, mask_parameters) = identifier_parts(fields.expect(tlv::context(1))?.body)?;
        let salt = fields.expect(tlv::context(2))?.body;
        fields.finish()?;
        let salt = tlv::only(salt, tlv::INTEGER)?;
        if own != hash || mask != MGF1 || Hash::parse(mask_parameters)? != hash {
            return Err(Invalid::Structure("two different hashes"));
        }
        match salt.rest() {
            [len] if *len < 0x80 => Ok(Self::RsaPss(hash, i32::from(*len))),
            _ => Err(Invalid::Structure("the PSS salt length")),
        }
    }

    /// Checks `signature` over `message` with the certificate's key.
    pub(crate) fn verify(
        self,
        certificate: &Certificate,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Invalid> {
        let key = certificate.public_key()?;
        let (hash, fits) = match self {
            Self::Ecdsa(hash) => (hash, key.id() == Id::EC),
            Self::RsaPkcs1(hash) => (hash, key.id() == Id::RSA && key.bits() >= 2048),
            Self::RsaPss(hash, _) => (hash, matches!(key.id(), Id::RSA | Id::RSA_PSS) && key.bits() >= 2048),
        };
        if !fits {
            return Err(Invalid::SignatureWrong);
        }
        let mut verifier = Verifier::new(hash.message_digest(), &key)?;
        match self {
            Self::Ecdsa(_) => {}
            Self::RsaPkcs1(_) => verifier.set_rsa_padding(Padding::PKCS1)?,
            Self::RsaPss(_, salt_len) => {
                verifier.set_rsa_padding(Padding::PKCS1_PSS)?;
                verifier.set_rsa_mgf1_md(hash.message_digest())?;
                verifier.set_rsa_pss_saltlen(RsaPssSaltlen::custom(salt_len))?;
            }
        }
        // OpenSSL reports a malformed ECDSA value as an error; for us it is simply no signature.
        match verifier.verify_oneshot(signature, message) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(Invalid::SignatureWrong),
        }
    }
}

/// The `AlgorithmIdentifier` of SHA-256, without parameters (RFC 5754).
pub(crate) fn digest_identifier() -> Vec<u8> {
    tlv::write(tlv::SEQUENCE, &[&oid(SHA256)])
}

pub(crate) fn oid(identifier: ObjectIdentifier) -> Vec<u8> {
    tlv::write(tlv::OID, &[identifier.as_bytes()])
}

pub(crate) fn parse_oid(bytes: &[u8]) -> Result<ObjectIdentifier, Invalid> {
    ObjectIdentifier::from_bytes(bytes).ok().ok_or(Invalid::NotDer)
}

pub(crate) fn identifier_parts(identifier: &[u8]) -> Result<(ObjectIdentifier, &[u8]), Invalid> {
    let mut fields = tlv::only(identifier, tlv::SEQUENCE)?;
    let algorithm = parse_oid(fields.expect(tlv::OID)?.body)?;
    Ok((algorithm, fields.rest()))
}

pub(crate) fn no_parameters(parameters: &[u8]) -> Result<(), Invalid> {
    match parameters {
        [] | [tlv::NULL, 0] => Ok(()),
        _ => Err(Invalid::Structure("parameters of an algorithm that has none")),
    }
}
