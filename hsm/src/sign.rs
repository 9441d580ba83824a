//! Signatures made inside a token.

use std::fmt;

use cabinet::Digest;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::KeyType;

use crate::KeyLabel;
use crate::door::LoggedIn;
use crate::error::{Fault, TokenError};
use crate::keys::signing_key;

/// The longest message that is signed whole; only Ed25519 needs more than its digest.
pub const MAX_MESSAGE_LEN_BYTES: usize = 1 << 20;

/// SHA-256's `DigestInfo` up to the digest itself. Source: `docs/sources.md`, entry `rfc8017`, 9.2 note 1.
const SHA256_DIGEST_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
    0x04, 0x20,
];
/// The salt of RSA-PSS is as long as its hash.
const PSS_SALT_LEN_BYTES: u64 = 32;
/// P-256 numbers in an ECDSA signature, and both halves of an Ed25519 signature.
const P256_LEN_BYTES: usize = 32;

/// How to sign.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Scheme {
    /// ECDSA on P-256 over SHA-256.
    EcdsaSha256,
    /// Ed25519 over the message itself.
    Ed25519,
    /// RSA PKCS #1 v1.5 with SHA-256: the local practice in Vietnam.
    RsaPkcs1Sha256,
    /// RSA-PSS with SHA-256, MGF1 with SHA-256, a salt of 32 bytes.
    RsaPssSha256,
}

/// What to sign.
#[derive(Clone, Copy, Debug)]
pub enum ToSign<'a> {
    /// The SHA-256 of the message; enough for all but Ed25519.
    Digest(&'a Digest),
    /// The message, of [`MAX_MESSAGE_LEN_BYTES`] at most.
    Message(&'a [u8]),
}

/// A signature as the token makes it.
///
/// RSA: as many octets as the modulus, big-endian. ECDSA on P-256: r‖s of 32 bytes each. Ed25519: 64
/// bytes. Not checked: whoever relies on it verifies it against the signer's certificate first.
#[derive(Clone, Eq, PartialEq)]
pub struct RawSignature(Vec<u8>);

impl RawSignature {
    /// The octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The octets, given away.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Checks the length, and pads what some modules shorten.
    fn parse(scheme: Scheme, raw: Vec<u8>) -> Result<Self, TokenError> {
        let n = raw.len();
        match scheme {
            Scheme::RsaPkcs1Sha256 | Scheme::RsaPssSha256 if matches!(n, 256 | 384 | 512) => Ok(Self(raw)),
            Scheme::Ed25519 if n == 2 * P256_LEN_BYTES => Ok(Self(raw)),
            Scheme::EcdsaSha256 if n > 0 && n.is_multiple_of(2) && n <= 2 * P256_LEN_BYTES => {
                let (r, s) = raw.split_at(n / 2);
                let padding = [0; P256_LEN_BYTES];
                let pad = padding.get(n / 2..).unwrap_or_default();
                Ok(Self([pad, r, pad, s].concat()))
            }
            Scheme::RsaPkcs1Sha256 | Scheme::RsaPssSha256 | Scheme::Ed25519 | Scheme::EcdsaSha256 => {
                Err(TokenError::Device { call: "C_Sign", code: format!("a signature of {n} bytes") })
            }
        }
    }
}

impl fmt::Debug for RawSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawSignature({} bytes)", self.0.len())
    }
}

/// What is to be signed, owned, since it goes to another thread.
#[derive(Debug)]
pub(crate) enum Owned {
    Digest(Digest),
    Message(Vec<u8>),
}

impl Owned {
    /// Takes a copy, refusing what no token call should carry.
    pub(crate) fn of(scheme: Scheme, message: ToSign<'_>) -> Result<Self, TokenError> {
        match message {
            ToSign::Digest(_) if scheme == Scheme::Ed25519 => {
                Err(TokenError::Unsupported { mechanism: "CKM_EDDSA over a digest" })
            }
            ToSign::Digest(digest) => Ok(Self::Digest(*digest)),
            ToSign::Message(bytes) if bytes.len() > MAX_MESSAGE_LEN_BYTES => Err(TokenError::TooLong {
                what: "the message to sign",
                len: bytes.len(),
                max: MAX_MESSAGE_LEN_BYTES,
            }),
            ToSign::Message(bytes) => Ok(Self::Message(bytes.to_vec())),
        }
    }

    fn digest(&self) -> Digest {
        match self {
            Self::Digest(digest) => *digest,
            Self::Message(message) => Digest::of(message),
        }
    }
}

/// Signs with the one private key of this label. Calls `C_FindObjects*`, `C_SignInit` and `C_Sign`.
///
/// Source: `docs/sources.md`, entries `pkcs11`, `rfc8017`, `rfc8032`.
pub(crate) fn sign(
    logged_in: &LoggedIn,
    label: &KeyLabel,
    message: &Owned,
    scheme: Scheme,
) -> Result<RawSignature, Fault> {
    let LoggedIn { session, mechanisms } = logged_in;
    let (mechanism, data) = mechanism(scheme, message, |wanted| mechanisms.offers(wanted))?;
    let kind = match scheme {
        Scheme::EcdsaSha256 => KeyType::EC,
        Scheme::Ed25519 => KeyType::EC_EDWARDS,
        Scheme::RsaPkcs1Sha256 | Scheme::RsaPssSha256 => KeyType::RSA,
    };
    let key = signing_key(session, label, kind)?;
    let raw = session.sign(&mechanism, key, &data)?;
    Ok(RawSignature::parse(scheme, raw)?)
}

/// Chooses from what the token offers: over a digest first, so that the message need not travel.
fn mechanism(
    scheme: Scheme,
    message: &Owned,
    offers: impl Fn(MechanismType) -> bool,
) -> Result<(Mechanism<'static>, Vec<u8>), TokenError> {
    let digest = || message.digest().as_bytes().to_vec();
    let pss = || PkcsPssParams {
        hash_alg: MechanismType::SHA256,
        mgf: PkcsMgfType::MGF1_SHA256,
        s_len: PSS_SALT_LEN_BYTES.into(),
    };
    let whole = match message {
        Owned::Message(bytes) => Some(bytes),
        Owned::Digest(_) => None,
    };
    let (over_digest, hashing, name) = match scheme {
        Scheme::RsaPkcs1Sha256 => (MechanismType::RSA_PKCS, MechanismType::SHA256_RSA_PKCS, "CKM_RSA_PKCS"),
        Scheme::RsaPssSha256 => {
            (MechanismType::RSA_PKCS_PSS, MechanismType::SHA256_RSA_PKCS_PSS, "CKM_RSA_PKCS_PSS")
        }
        Scheme::EcdsaSha256 => (MechanismType::ECDSA, MechanismType::ECDSA_SHA256, "CKM_ECDSA"),
        Scheme::Ed25519 => (MechanismType::EDDSA, MechanismType::EDDSA, "CKM_EDDSA"),
    };
    let hashes_itself = whole.filter(|_| offers(hashing)).cloned();
    match (scheme, offers(over_digest), hashes_itself) {
        (Scheme::Ed25519, true, Some(bytes)) => {
            Ok((Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519)), bytes))
        }
        (Scheme::RsaPkcs1Sha256, true, _) => {
            Ok((Mechanism::RsaPkcs, [SHA256_DIGEST_INFO.as_slice(), &digest()].concat()))
        }
        (Scheme::RsaPssSha256, true, _) => Ok((Mechanism::RsaPkcsPss(pss()), digest())),
        (Scheme::EcdsaSha256, true, _) => Ok((Mechanism::Ecdsa, digest())),
        (Scheme::RsaPkcs1Sha256, false, Some(bytes)) => Ok((Mechanism::Sha256RsaPkcs, bytes)),
        (Scheme::RsaPssSha256, false, Some(bytes)) => Ok((Mechanism::Sha256RsaPkcsPss(pss()), bytes)),
        (Scheme::EcdsaSha256, false, Some(bytes)) => Ok((Mechanism::EcdsaSha256, bytes)),
        (_, false, None) | (Scheme::Ed25519, ..) => Err(TokenError::Unsupported { mechanism: name }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_ecdsa_halves_are_padded_and_odd_lengths_refused() {
        let padded = RawSignature::parse(Scheme::EcdsaSha256, vec![1, 2]).unwrap();
        assert_eq!(padded.as_bytes().len(), 64);
        assert_eq!((padded.as_bytes()[31], padded.as_bytes()[63]), (1, 2));
        for (scheme, n) in [
            (Scheme::EcdsaSha256, 0),
            (Scheme::EcdsaSha256, 63),
            (Scheme::EcdsaSha256, 66),
            (Scheme::Ed25519, 63),
            (Scheme::RsaPkcs1Sha256, 255),
            (Scheme::RsaPssSha256, 0),
        ] {
            assert!(RawSignature::parse(scheme, vec![7; n]).is_err(), "{scheme:?} {n}");
        }
    }

    #[test]
    fn the_mechanism_is_chosen_from_what_the_token_offers() {
        let digest = Owned::Digest(Digest::of(b"x"));
        let message = Owned::Message(b"x".to_vec());
        let raw_only = |wanted| wanted == MechanismType::ECDSA;
        let hashing_only = |wanted| wanted == MechanismType::ECDSA_SHA256;
        let chosen = |owned, offers: &dyn Fn(MechanismType) -> bool| {
            mechanism(Scheme::EcdsaSha256, owned, offers)
                .map(|(mechanism, data)| (mechanism.mechanism_type(), data))
        };
        assert_eq!(
            chosen(&message, &raw_only).unwrap(),
            (MechanismType::ECDSA, Digest::of(b"x").as_bytes().to_vec())
        );
        assert_eq!(chosen(&message, &hashing_only).unwrap(), (MechanismType::ECDSA_SHA256, b"x".to_vec()));
        assert!(matches!(
            chosen(&digest, &hashing_only),
            Err(TokenError::Unsupported { mechanism: "CKM_ECDSA" })
        ));
        assert!(mechanism(Scheme::Ed25519, &message, |_| false).is_err());
    }
}
