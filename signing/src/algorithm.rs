//! Signature algorithms: how each is named in CMS, and how a raw signature is checked.
//!
//! Source: `docs/sources.md`, entries `rfc5754` (hashes and ECDSA in CMS), `rfc8017`, `rfc8419` (Ed25519 in CMS).

use cabinet::Digest;
use const_oid::ObjectIdentifier;
use openssl::bn::BigNum;
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::pkey::{Id, PKeyRef, Public};
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
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const ECDSA_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.4");

/// Length of r and of s on P-256, in bytes.
const P256_SCALAR_BYTES: usize = 32;
/// Length of r and of s on P-384, in bytes.
const P384_SCALAR_BYTES: usize = 48;
/// Smallest curve and modulus that a signature is accepted from, in bits.
const MIN_CURVE_BITS: u32 = 256;
const MIN_MODULUS_BITS: u32 = 2048;
/// Salt of RSASSA-PSS with SHA-256, in bytes: as long as the hash.
const PSS_SALT_BYTES: u8 = 32;

/// An algorithm that we sign with.
///
/// Source: `docs/sources.md`, entries `tt15-2025` (PSS) and `vgca-practice` (PKCS#1 v1.5).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SignatureAlgorithm {
    /// ECDSA on P-256; the raw signature is r‖s, 64 bytes.
    EcdsaP256Sha256,
    /// ECDSA on P-384; the raw signature is r‖s, 96 bytes.
    EcdsaP384Sha384,
    /// RSASSA-PKCS1-v1_5; the raw signature is as long as the modulus.
    RsaPkcs1Sha256,
    /// RSASSA-PSS with MGF1-SHA-256 and a salt of 32 bytes.
    RsaPssSha256,
    /// Ed25519 over the bytes themselves, beside content hashed by SHA-512; the raw signature is 64 bytes.
    Ed25519,
}

impl SignatureAlgorithm {
    /// The algorithm that goes with the certificate's key; PKCS#1 v1.5 for RSA, as the official verifiers expect,
    /// unless the certificate says that the key is for PSS alone.
    ///
    /// # Errors
    ///
    /// [`Invalid::Algorithm`]: no signature is made with such a key; use P-256, P-384, Ed25519 or RSA of 2048 bits
    /// and more.
    pub fn of(certificate: &Certificate) -> Result<Self, Invalid> {
        match certificate.key_kind() {
            KeyKind::EcP256 => Ok(Self::EcdsaP256Sha256),
            KeyKind::EcP384 => Ok(Self::EcdsaP384Sha384),
            KeyKind::Ed25519 => Ok(Self::Ed25519),
            KeyKind::Rsa { modulus_bits } if modulus_bits >= MIN_MODULUS_BITS => {
                let is_for_pss = certificate.public_key()?.id() == Id::RSA_PSS;
                Ok(if is_for_pss { Self::RsaPssSha256 } else { Self::RsaPkcs1Sha256 })
            }
            kind @ (KeyKind::Rsa { .. } | KeyKind::Other) => Err(Invalid::Algorithm(format!("{kind:?}"))),
        }
    }

    /// Whether a key of this kind can make such a signature.
    #[must_use]
    pub const fn fits(self, kind: KeyKind) -> bool {
        match self {
            Self::EcdsaP256Sha256 => matches!(kind, KeyKind::EcP256),
            Self::EcdsaP384Sha384 => matches!(kind, KeyKind::EcP384),
            Self::Ed25519 => matches!(kind, KeyKind::Ed25519),
            Self::RsaPkcs1Sha256 | Self::RsaPssSha256 => {
                matches!(kind, KeyKind::Rsa { modulus_bits } if modulus_bits >= MIN_MODULUS_BITS)
            }
        }
    }

    /// The hash of the content; but for Ed25519 also that of what the token signs.
    #[must_use]
    pub const fn hash(self) -> Hash {
        match self {
            Self::EcdsaP256Sha256 | Self::RsaPkcs1Sha256 | Self::RsaPssSha256 => Hash::Sha256,
            Self::EcdsaP384Sha384 => Hash::Sha384,
            // RFC 8419 allows no other beside it.
            Self::Ed25519 => Hash::Sha512,
        }
    }

    /// The digest of `message` that a token signs by this algorithm.
    ///
    /// # Errors
    ///
    /// [`Invalid::Algorithm`]: it signs no digest (Ed25519): give the token the message; [`Invalid::Library`].
    pub fn imprint(self, message: &[u8]) -> Result<Imprint, Invalid> {
        match self {
            Self::Ed25519 => Err(Invalid::Algorithm("Ed25519 over a digest".to_owned())),
            Self::EcdsaP256Sha256 | Self::EcdsaP384Sha384 | Self::RsaPkcs1Sha256 | Self::RsaPssSha256 => {
                Imprint::of(self.hash(), message)
            }
        }
    }

    /// The `AlgorithmIdentifier` in DER.
    pub(crate) fn identifier(self) -> Vec<u8> {
        match self {
            Self::EcdsaP256Sha256 => tlv::write(tlv::SEQUENCE, &[&oid(ECDSA_SHA256)]),
            Self::EcdsaP384Sha384 => tlv::write(tlv::SEQUENCE, &[&oid(ECDSA_SHA384)]),
            Self::Ed25519 => tlv::write(tlv::SEQUENCE, &[&oid(ED25519)]),
            Self::RsaPkcs1Sha256 => {
                tlv::write(tlv::SEQUENCE, &[&oid(RSA_SHA256), &tlv::write(tlv::NULL, &[])])
            }
            Self::RsaPssSha256 => {
                let hash = Hash::Sha256.identifier();
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

    /// The signature as CMS carries it: ECDSA's r‖s becomes DER, RSA's and Ed25519's octets stay.
    pub(crate) fn cms_value(self, raw: &[u8]) -> Result<Vec<u8>, Invalid> {
        let scalar_len = match self {
            Self::EcdsaP256Sha256 => P256_SCALAR_BYTES,
            Self::EcdsaP384Sha384 => P384_SCALAR_BYTES,
            Self::RsaPkcs1Sha256 | Self::RsaPssSha256 | Self::Ed25519 => return Ok(raw.to_vec()),
        };
        let (r, s) = raw.split_at_checked(scalar_len).ok_or(Invalid::SignatureWrong)?;
        if s.len() != scalar_len {
            return Err(Invalid::SignatureWrong);
        }
        let signature = EcdsaSig::from_private_components(BigNum::from_slice(r)?, BigNum::from_slice(s)?)?;
        Ok(signature.to_der()?)
    }
}

/// A hash that is accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
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

    /// The `AlgorithmIdentifier` in DER, without parameters (RFC 5754).
    pub(crate) fn identifier(self) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha256 => SHA256,
            Self::Sha384 => SHA384,
            Self::Sha512 => SHA512,
        };
        tlv::write(tlv::SEQUENCE, &[&oid(algorithm)])
    }

    /// Length of a digest, in bytes.
    #[must_use]
    pub const fn len_bytes(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
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

/// The digest of some bytes and the hash that made it.
///
/// Invariant: the digest is as long as the hash says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Imprint {
    hash: Hash,
    digest: Vec<u8>,
}

impl Imprint {
    /// Hashes `bytes`.
    ///
    /// # Errors
    ///
    /// [`Invalid::Library`]: try again.
    pub fn of(hash: Hash, bytes: &[u8]) -> Result<Self, Invalid> {
        Ok(Self { hash, digest: hash.digest(bytes)? })
    }

    /// Takes a digest that was computed elsewhere.
    ///
    /// # Errors
    ///
    /// [`Invalid::Structure`]: it is not as long as digests of this hash are.
    pub fn parse(hash: Hash, digest: &[u8]) -> Result<Self, Invalid> {
        if digest.len() == hash.len_bytes() {
            Ok(Self { hash, digest: digest.to_vec() })
        } else {
            Err(Invalid::Structure("the length of a digest"))
        }
    }

    /// The hash.
    #[must_use]
    pub const fn hash(&self) -> Hash {
        self.hash
    }

    /// The digest.
    #[must_use]
    pub fn digest(&self) -> &[u8] {
        &self.digest
    }
}

impl From<&Digest> for Imprint {
    fn from(digest: &Digest) -> Self {
        Self { hash: Hash::Sha256, digest: digest.as_bytes().to_vec() }
    }
}

/// A signature algorithm as some CMS names it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scheme {
    Ecdsa(Hash),
    RsaPkcs1(Hash),
    RsaPss(Hash, i32),
    Ed25519,
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
            ED25519 if hash == Hash::Sha512 && parameters.is_empty() => return Ok(Self::Ed25519),
            other => return Err(Invalid::Algorithm(other.to_string())),
        };
        no_parameters(parameters)?;
        match scheme {
            Self::Ecdsa(own) | Self::RsaPkcs1(own) | Self::RsaPss(own, _) if own != hash => {
                Err(Invalid::Structure("two different hashes"))
            }
            Self::Ecdsa(_) | Self::RsaPkcs1(_) | Self::RsaPss(..) | Self::Ed25519 => Ok(scheme),
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
        self.verify_with(&*certificate.public_key()?, message, signature)
    }

    fn verify_with(self, key: &PKeyRef<Public>, message: &[u8], signature: &[u8]) -> Result<(), Invalid> {
        let (hash, fits) = match self {
            Self::Ecdsa(hash) => (Some(hash), key.id() == Id::EC && key.bits() >= MIN_CURVE_BITS),
            Self::RsaPkcs1(hash) => (Some(hash), key.id() == Id::RSA && key.bits() >= MIN_MODULUS_BITS),
            Self::RsaPss(hash, _) => {
                (Some(hash), matches!(key.id(), Id::RSA | Id::RSA_PSS) && key.bits() >= MIN_MODULUS_BITS)
            }
            Self::Ed25519 => (None, key.id() == Id::ED25519),
        };
        if !fits {
            return Err(Invalid::SignatureWrong);
        }
        let mut verifier = match hash {
            Some(hash) => Verifier::new(hash.message_digest(), key)?,
            None => Verifier::new_without_digest(key)?,
        };
        match self {
            Self::Ecdsa(_) | Self::Ed25519 => {}
            Self::RsaPkcs1(_) => verifier.set_rsa_padding(Padding::PKCS1)?,
            Self::RsaPss(hash, salt_len) => {
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

#[cfg(test)]
mod wycheproof;
