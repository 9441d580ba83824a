//! Signatures made inside a token.

use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};

use crate::KeyLabel;
use crate::door::LoggedIn;
use crate::error::{Fault, TokenError};
use crate::keys::{Asks, signing_key};
use crate::scheme::{Owned, RawSignature, Scheme};

/// SHA-256's `DigestInfo` up to the digest itself. Source: `docs/sources.md`, entry `rfc8017`, 9.2 note 1.
const SHA256_DIGEST_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
    0x04, 0x20,
];
/// The salt of RSA-PSS is as long as its hash.
const PSS_SALT_LEN_BYTES: u64 = 32;

/// Signs with the one private key of this label, once.
///
/// Calls `C_FindObjects*`, `C_GetAttributeValue`, `C_SignInit`, for a key that asks for it
/// `C_Login(CKU_CONTEXT_SPECIFIC)`, and `C_Sign`.
///
/// Source: `docs/sources.md`, entries `pkcs11`, `rfc8017`, `rfc8032`.
pub(crate) fn sign(
    logged_in: &LoggedIn,
    label: &KeyLabel,
    message: &Owned,
    scheme: Scheme,
) -> Result<RawSignature, Fault> {
    let LoggedIn { session, mechanisms, library, key_pin } = logged_in;
    let (mechanism, data) = mechanism(scheme, message, |wanted| mechanisms.offers(wanted))?;
    let (key, asks) = signing_key(session, label, scheme)?;
    session.sign_init(&mechanism, key)?;
    match asks {
        Asks::PinEachTime => key_pin.give(session)?,
        Asks::Nothing => (),
    }
    let raw = library.raw.sign(session, &data)?;
    Ok(RawSignature::parse(scheme, library.quirks.ecdsa_halves, raw)?)
}

/// What serves one scheme: over a digest, hashing by itself, and the first one's name.
const fn mechanisms_of(scheme: Scheme) -> (MechanismType, MechanismType, &'static str) {
    match scheme {
        Scheme::RsaPkcs1Sha256 => (MechanismType::RSA_PKCS, MechanismType::SHA256_RSA_PKCS, "CKM_RSA_PKCS"),
        Scheme::RsaPssSha256 => {
            (MechanismType::RSA_PKCS_PSS, MechanismType::SHA256_RSA_PKCS_PSS, "CKM_RSA_PKCS_PSS")
        }
        Scheme::EcdsaSha256 => (MechanismType::ECDSA, MechanismType::ECDSA_SHA256, "CKM_ECDSA"),
        Scheme::EcdsaSha384 => (MechanismType::ECDSA, MechanismType::ECDSA_SHA384, "CKM_ECDSA"),
        Scheme::Ed25519 => (MechanismType::EDDSA, MechanismType::EDDSA, "CKM_EDDSA"),
    }
}

/// Whether a token that offers these can sign by this scheme, given the whole message.
pub(crate) fn serves(scheme: Scheme, offers: impl Fn(MechanismType) -> bool) -> bool {
    let (over_digest, hashing, _) = mechanisms_of(scheme);
    offers(over_digest) || offers(hashing)
}

/// Chooses from what the token offers: over a digest first, so that the message need not travel.
fn mechanism(
    scheme: Scheme,
    message: &Owned,
    offers: impl Fn(MechanismType) -> bool,
) -> Result<(Mechanism<'static>, Vec<u8>), TokenError> {
    let digest = || message.digest(scheme);
    let pss = || PkcsPssParams {
        hash_alg: MechanismType::SHA256,
        mgf: PkcsMgfType::MGF1_SHA256,
        s_len: PSS_SALT_LEN_BYTES.into(),
    };
    let whole = match message {
        Owned::Message(bytes) => Some(bytes),
        Owned::Digest(_) => None,
    };
    let (over_digest, hashing, name) = mechanisms_of(scheme);
    let hashes_itself = whole.filter(|_| offers(hashing)).cloned();
    match (scheme, offers(over_digest), hashes_itself) {
        (Scheme::Ed25519, true, Some(bytes)) => {
            Ok((Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519)), bytes))
        }
        (Scheme::RsaPkcs1Sha256, true, _) => {
            Ok((Mechanism::RsaPkcs, [SHA256_DIGEST_INFO.as_slice(), &digest()].concat()))
        }
        (Scheme::RsaPssSha256, true, _) => Ok((Mechanism::RsaPkcsPss(pss()), digest())),
        (Scheme::EcdsaSha256 | Scheme::EcdsaSha384, true, _) => Ok((Mechanism::Ecdsa, digest())),
        (Scheme::RsaPkcs1Sha256, false, Some(bytes)) => Ok((Mechanism::Sha256RsaPkcs, bytes)),
        (Scheme::RsaPssSha256, false, Some(bytes)) => Ok((Mechanism::Sha256RsaPkcsPss(pss()), bytes)),
        (Scheme::EcdsaSha256, false, Some(bytes)) => Ok((Mechanism::EcdsaSha256, bytes)),
        (Scheme::EcdsaSha384, false, Some(bytes)) => Ok((Mechanism::EcdsaSha384, bytes)),
        (_, false, None) | (Scheme::Ed25519, ..) => Err(TokenError::Unsupported { mechanism: name }),
    }
}

#[cfg(test)]
mod tests {
    use cabinet::Digest;

    use super::*;
    use crate::ToSign;

    #[test]
    fn the_mechanism_is_chosen_from_what_the_token_offers() {
        let digest = Owned::of(Scheme::EcdsaSha256, ToSign::Digest(&Digest::of(b"x"))).unwrap();
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
        assert!(mechanism(Scheme::EcdsaSha384, &message, hashing_only).is_err());
    }
}
