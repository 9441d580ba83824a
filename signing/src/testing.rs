//! Software signers for this crate's own tests: the token's part, played with OpenSSL keys.

use cabinet::Timestamp;
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::{Padding, Rsa};
use openssl::sign::{RsaPssSaltlen, Signer};

use crate::authority::{Authority, Profile, Subject, Validity};
use crate::{Certificate, Hash, SignatureAlgorithm};

/// 2026-06-07T16:05:31+07:00.
pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_780_823_131_000_000);

pub(crate) fn ec_key() -> PKey<Private> {
    key_on(Nid::X9_62_PRIME256V1)
}

pub(crate) fn p384_key() -> PKey<Private> {
    key_on(Nid::SECP384R1)
}

fn key_on(curve: Nid) -> PKey<Private> {
    let group = EcGroup::from_curve_name(curve).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

pub(crate) fn rsa_key(bits: u32) -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap()
}

pub(crate) fn certify(
    authority: &Authority,
    key: &PKey<Private>,
    name: &str,
    profile: Profile,
) -> Certificate {
    let spki = key.public_key_to_der().unwrap();
    authority.issue_signer(&spki, &Subject::named(name), 7, Validity::days(NOW, 365), profile).unwrap()
}

/// Signs as a token would: r‖s for ECDSA.
pub(crate) fn sign_raw(key: &PKey<Private>, algorithm: SignatureAlgorithm, message: &[u8]) -> Vec<u8> {
    let hash = match algorithm.hash() {
        Hash::Sha256 => MessageDigest::sha256(),
        Hash::Sha384 => MessageDigest::sha384(),
        Hash::Sha512 => MessageDigest::sha512(),
    };
    let mut signer = if algorithm == SignatureAlgorithm::Ed25519 {
        Signer::new_without_digest(key).unwrap()
    } else {
        Signer::new(hash, key).unwrap()
    };
    if algorithm == SignatureAlgorithm::RsaPssSha256 {
        signer.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
        signer.set_rsa_mgf1_md(MessageDigest::sha256()).unwrap();
        signer.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).unwrap();
    }
    let value = signer.sign_oneshot_to_vec(message).unwrap();
    let scalar_len = match algorithm {
        SignatureAlgorithm::EcdsaP256Sha256 => 32,
        SignatureAlgorithm::EcdsaP384Sha384 => 48,
        SignatureAlgorithm::RsaPkcs1Sha256
        | SignatureAlgorithm::RsaPssSha256
        | SignatureAlgorithm::Ed25519 => return value,
    };
    let signature = EcdsaSig::from_der(&value).unwrap();
    let mut raw = signature.r().to_vec_padded(scalar_len).unwrap();
    raw.extend(signature.s().to_vec_padded(scalar_len).unwrap());
    raw
}
