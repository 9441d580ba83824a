//! Signatures on certificates and revocation lists, and which algorithms are understood there: SHA-2 with RSA from 2048
//! bits and with ECDSA on P-256, P-384, P-521; Ed25519, Ed448. Never SHA-1. Until when one of them is accepted is asked
//! of the [dated policy](crate::algorithm_policy).
//!
//! Source: `docs/sources.md`, entries `rfc5280` (4.1.1.2), `tt15-2025`.

use const_oid::ObjectIdentifier;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Public};
use openssl::sign::Verifier;

use super::failure::Rule;
use crate::algorithm::{Hash, RSA, Scheme, identifier_parts};
use crate::tlv::{self, Reader};
use crate::{Certificate, Invalid};

const RSA_SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5");
const ECDSA_SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const ED448: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.113");

/// Shortest RSA modulus in a path, in bits.
const MIN_RSA_BITS: u32 = 2048;
/// Longest RSA modulus in a path, in bits: longer ones only cost time.
const MAX_RSA_BITS: u32 = 8192;
/// Longest public exponent of RSA in a path, in bits: one as long as the modulus makes a check a hundred times slower.
const MAX_RSA_EXPONENT_BITS: i32 = 33;

/// What is signed, by which algorithm, and the signature: slices of a certificate or of a revocation list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SignedParts<'a> {
    pub(crate) to_be_signed: tlv::Tlv<'a>,
    pub(crate) algorithm: &'a [u8],
    pub(crate) signature: &'a [u8],
}

impl<'a> SignedParts<'a> {
    pub(crate) fn parse(der: &'a [u8]) -> Result<Self, Invalid> {
        let mut fields = tlv::only(der, tlv::SEQUENCE)?;
        let to_be_signed = fields.expect(tlv::SEQUENCE)?;
        let algorithm = fields.expect(tlv::SEQUENCE)?.whole;
        let bits = fields.expect(tlv::BIT_STRING)?.body;
        fields.finish()?;
        let Some((0, signature)) = bits.split_first() else {
            return Err(Invalid::Structure("the signature's bits"));
        };
        Ok(Self { to_be_signed, algorithm, signature })
    }

    pub(crate) const fn fields(&self) -> Reader<'a> {
        Reader::new(self.to_be_signed.body)
    }

    /// Checks the signature with `signer`'s key.
    pub(crate) fn verify(&self, signer: &Certificate) -> Result<(), Rule> {
        let key = key(signer)?;
        match self.means(&key)? {
            Means::Edwards => self.verify_with(Verifier::new_without_digest(&key)?),
            Means::Scheme(scheme) => {
                let checked = scheme.verify(signer, self.to_be_signed.whole, self.signature);
                checked.ok().ok_or(Rule::SignatureWrong)
            }
        }
    }

    /// The same of a signature that was found right before: whether key and algorithm are accepted.
    pub(crate) fn allow(&self, signer: &Certificate) -> Result<(), Rule> {
        self.means(&key(signer)?).map(drop)
    }

    fn means(&self, key: &PKey<Public>) -> Result<Means, Rule> {
        let (algorithm, parameters) = identifier_parts(self.algorithm).ok().ok_or(Rule::SignatureWrong)?;
        match algorithm {
            ED25519 | ED448 => {
                let fits = (algorithm == ED25519 && key.id() == Id::ED25519)
                    || (algorithm == ED448 && key.id() == Id::ED448);
                if fits && parameters.is_empty() { Ok(Means::Edwards) } else { Err(Rule::SignatureWrong) }
            }
            RSA_SHA1 | ECDSA_SHA1 => Err(Rule::Algorithm("SHA-1".to_owned())),
            // Plain RSA names no hash; it is for keys, not for signatures on certificates.
            RSA => Err(Rule::Algorithm(algorithm.to_string())),
            _ => [Hash::Sha256, Hash::Sha384, Hash::Sha512]
                .into_iter()
                .find_map(|hash| Scheme::parse(self.algorithm, hash).ok())
                .map(Means::Scheme)
                .ok_or_else(|| Rule::Algorithm(algorithm.to_string())),
        }
    }

    fn verify_with(&self, mut verifier: Verifier<'_>) -> Result<(), Rule> {
        match verifier.verify_oneshot(self.signature, self.to_be_signed.whole) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(Rule::SignatureWrong),
        }
    }
}

/// How a signature is checked.
#[derive(Clone, Copy, Debug)]
enum Means {
    Edwards,
    Scheme(Scheme),
}

/// The certificate's key, if it is of an accepted kind and length.
pub(crate) fn key(certificate: &Certificate) -> Result<PKey<Public>, Rule> {
    let refused = |what: String| Err(Rule::Algorithm(what));
    let Ok(key) = certificate.public_key() else { return refused("an unknown kind of key".to_owned()) };
    match key.id() {
        Id::RSA | Id::RSA_PSS if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&key.bits()) => {
            refused(format!("RSA of {} bits", key.bits()))
        }
        Id::RSA | Id::RSA_PSS => match key.rsa()?.e().num_bits() {
            ..=MAX_RSA_EXPONENT_BITS => Ok(key),
            n_bits => refused(format!("RSA with an exponent of {n_bits} bits")),
        },
        Id::ED25519 | Id::ED448 => Ok(key),
        Id::EC => match key.ec_key()?.group().curve_name() {
            Some(Nid::X9_62_PRIME256V1 | Nid::SECP384R1 | Nid::SECP521R1) => Ok(key),
            Some(_) | None => refused("an elliptic curve other than P-256, P-384, P-521".to_owned()),
        },
        _ => refused("a kind of key that is neither RSA nor elliptic".to_owned()),
    }
}
