//! How to sign, what to sign, and what comes back.
//!
//! Source: `docs/sources.md`, entries `fips180`, `rfc5480`, `rfc8017`, `rfc8032`.

use std::fmt;

use cabinet::Digest;
use cryptoki::object::KeyType;
use sha2::{Digest as _, Sha384};

use crate::error::TokenError;
use crate::quirks::EcdsaHalves;

/// The longest message that is signed whole; only Ed25519 needs more than its digest.
pub const MAX_MESSAGE_LEN_BYTES: usize = 1 << 20;
/// The length of a SHA-384 digest.
pub const SHA384_LEN_BYTES: usize = 48;

/// How to sign.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Scheme {
    /// ECDSA on P-256 over SHA-256.
    EcdsaSha256,
    /// ECDSA on P-384 over SHA-384.
    EcdsaSha384,
    /// Ed25519 over the message itself.
    Ed25519,
    /// RSA PKCS #1 v1.5 with SHA-256: the local practice in Vietnam.
    RsaPkcs1Sha256,
    /// RSA-PSS with SHA-256, MGF1 with SHA-256, a salt of 32 bytes.
    RsaPssSha256,
}

impl Scheme {
    pub(crate) const fn key_type(self) -> KeyType {
        match self {
            Self::EcdsaSha256 | Self::EcdsaSha384 => KeyType::EC,
            Self::Ed25519 => KeyType::EC_EDWARDS,
            Self::RsaPkcs1Sha256 | Self::RsaPssSha256 => KeyType::RSA,
        }
    }

    /// The length of one number in an elliptic signature.
    const fn half_len_bytes(self) -> Option<usize> {
        match self {
            Self::EcdsaSha256 | Self::Ed25519 => Some(32),
            Self::EcdsaSha384 => Some(48),
            Self::RsaPkcs1Sha256 | Self::RsaPssSha256 => None,
        }
    }
}

/// What to sign.
#[derive(Clone, Copy, Debug)]
pub enum ToSign<'a> {
    /// The SHA-256 of the message; enough for the schemes over it.
    Digest(&'a Digest),
    /// The SHA-384 of the message, for [`Scheme::EcdsaSha384`].
    Digest384(&'a [u8; SHA384_LEN_BYTES]),
    /// The message, of [`MAX_MESSAGE_LEN_BYTES`] at most.
    Message(&'a [u8]),
}

/// A signature as the token makes it.
///
/// RSA: as many octets as the modulus, big-endian. ECDSA: r‖s, of 32 bytes each on P-256 and 48 on P-384.
/// Ed25519: 64 bytes. Not checked: whoever relies on it verifies it against the signer's certificate first.
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
    pub(crate) fn parse(scheme: Scheme, halves: EcdsaHalves, raw: Vec<u8>) -> Result<Self, TokenError> {
        let n = raw.len();
        let fits = match scheme.half_len_bytes() {
            None => matches!(n, 256 | 384 | 512),
            Some(half) if n == half.saturating_mul(2) => true,
            Some(half) if halves == EcdsaHalves::Shortened && scheme != Scheme::Ed25519 => {
                if n > 0 && n.is_multiple_of(2) && n / 2 < half {
                    let (r, s) = raw.split_at(n / 2);
                    let pad = vec![0; half.saturating_sub(n / 2)];
                    return Ok(Self([&pad, r, &pad, s].concat()));
                }
                false
            }
            Some(_) => false,
        };
        if fits {
            return Ok(Self(raw));
        }
        Err(TokenError::Device { call: "C_Sign", code: format!("a signature of {n} bytes") })
    }
}

impl fmt::Debug for RawSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawSignature({} bytes)", self.0.len())
    }
}

/// What is to be signed, owned, since it goes to another thread; never a digest that the scheme is not over.
#[derive(Debug)]
pub(crate) enum Owned {
    Digest(Vec<u8>),
    Message(Vec<u8>),
}

impl Owned {
    /// Takes a copy, refusing what no token call should carry.
    pub(crate) fn of(scheme: Scheme, message: ToSign<'_>) -> Result<Self, TokenError> {
        match (message, scheme) {
            (ToSign::Message(bytes), _) if bytes.len() > MAX_MESSAGE_LEN_BYTES => Err(TokenError::TooLong {
                what: "the message to sign",
                len: bytes.len(),
                max: MAX_MESSAGE_LEN_BYTES,
            }),
            (ToSign::Message(bytes), _) => Ok(Self::Message(bytes.to_vec())),
            (_, Scheme::Ed25519) => Err(TokenError::Unsupported { mechanism: "CKM_EDDSA over a digest" }),
            (ToSign::Digest384(digest), Scheme::EcdsaSha384) => Ok(Self::Digest(digest.to_vec())),
            (ToSign::Digest(digest), Scheme::EcdsaSha256 | Scheme::RsaPkcs1Sha256 | Scheme::RsaPssSha256) => {
                Ok(Self::Digest(digest.as_bytes().to_vec()))
            }
            (ToSign::Digest(_) | ToSign::Digest384(_), _) => {
                Err(TokenError::Unsupported { mechanism: "this scheme over a digest of another length" })
            }
        }
    }

    pub(crate) fn digest(&self, scheme: Scheme) -> Vec<u8> {
        match self {
            Self::Digest(digest) => digest.clone(),
            Self::Message(message) if scheme == Scheme::EcdsaSha384 => Sha384::digest(message).to_vec(),
            Self::Message(message) => Digest::of(message).as_bytes().to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_ecdsa_halves_are_padded_only_where_the_vendor_shortens_them() {
        let short = |scheme, n| RawSignature::parse(scheme, EcdsaHalves::Shortened, vec![7; n]);
        let padded = short(Scheme::EcdsaSha256, 2).unwrap();
        assert_eq!(padded.as_bytes().len(), 64);
        assert_eq!((padded.as_bytes()[31], padded.as_bytes()[63]), (7, 7));
        assert_eq!(padded.as_bytes().iter().filter(|byte| **byte == 0).count(), 62);
        assert_eq!(short(Scheme::EcdsaSha384, 64).unwrap().as_bytes().len(), 96);
        for (scheme, n) in [
            (Scheme::EcdsaSha256, 0),
            (Scheme::EcdsaSha256, 63),
            (Scheme::EcdsaSha256, 96),
            (Scheme::EcdsaSha384, 97),
            (Scheme::Ed25519, 62),
            (Scheme::RsaPkcs1Sha256, 255),
            (Scheme::RsaPssSha256, 0),
        ] {
            assert!(short(scheme, n).is_err(), "{scheme:?} {n}");
        }
        let full = |n| RawSignature::parse(Scheme::EcdsaSha256, EcdsaHalves::Full, vec![7; n]);
        assert!(full(64).is_ok() && full(62).is_err());
    }

    #[test]
    fn a_digest_goes_with_its_own_schemes_only() {
        let (short, long) = (Digest::of(b"x"), [7; SHA384_LEN_BYTES]);
        for (scheme, message) in [
            (Scheme::EcdsaSha384, ToSign::Digest(&short)),
            (Scheme::EcdsaSha256, ToSign::Digest384(&long)),
            (Scheme::RsaPssSha256, ToSign::Digest384(&long)),
            (Scheme::Ed25519, ToSign::Digest(&short)),
        ] {
            assert!(matches!(Owned::of(scheme, message), Err(TokenError::Unsupported { .. })), "{scheme:?}");
        }
        assert!(Owned::of(Scheme::EcdsaSha384, ToSign::Digest384(&long)).is_ok());
    }
}
