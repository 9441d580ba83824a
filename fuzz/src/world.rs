//! The TEST world of the targets: certificates in `fuzz/world`, all over one key that everybody knows.
//!
//! Because the key is known, a target can sign what was mutated, so that what lies behind the signature check is
//! reached too.

use std::sync::LazyLock;

use cabinet::{Digest, Timestamp};
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::ecdsa::EcdsaSig;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use signing::{Certificate, TrustStore};

/// 2026-06-07T16:05:31+07:00.
pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_780_823_131_000_000);

pub(crate) struct World {
    /// The key of every certificate but the responder's.
    pub(crate) key: PKey<Private>,
    pub(crate) responder_key: PKey<Private>,
    pub(crate) root: Certificate,
    pub(crate) sub: Certificate,
    pub(crate) signer: Certificate,
    pub(crate) clock: Certificate,
    pub(crate) responder: Certificate,
    pub(crate) trust: TrustStore,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let certificate = |der: &[u8]| Certificate::from_der(der).expect("fuzz/world holds certificates");
    let root = certificate(include_bytes!("../world/root.der"));
    World {
        key: known_key(""),
        responder_key: known_key(" (OCSP)"),
        sub: certificate(include_bytes!("../world/sub.der")),
        signer: certificate(include_bytes!("../world/signer.der")),
        clock: certificate(include_bytes!("../world/clock.der")),
        responder: certificate(include_bytes!("../world/responder.der")),
        trust: TrustStore::new(vec![root.clone()]),
        root,
    }
});

pub(crate) fn world() -> &'static World {
    &WORLD
}

/// A P-256 key of the TEST world: no secret, it is the digest of a sentence.
pub(crate) fn known_key(whose: &str) -> PKey<Private> {
    let scalar = Digest::of(format!("TEST key of the fuzz targets, known to everybody{whose}").as_bytes());
    let scalar = BigNum::from_slice(scalar.as_bytes()).expect("a number");
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("P-256");
    let mut context = BigNumContext::new().expect("memory");
    let mut point = EcPoint::new(&group).expect("memory");
    point.mul_generator2(&group, &scalar, &mut context).expect("a point");
    let key = EcKey::from_private_components(&group, &scalar, &point).expect("a key");
    PKey::from_ec_key(key).expect("a key")
}

/// The token's part: r‖s over the SHA-256 digest of `message`.
pub(crate) fn sign_raw(message: &[u8]) -> Vec<u8> {
    sign_raw_by(&WORLD.key, message)
}

pub(crate) fn sign_raw_by(key: &PKey<Private>, message: &[u8]) -> Vec<u8> {
    let signature = sign(key, message);
    let half = |number: &openssl::bn::BigNumRef| number.to_vec_padded(32).expect("a scalar");
    [half(signature.r()), half(signature.s())].concat()
}

fn sign(key: &PKey<Private>, message: &[u8]) -> EcdsaSig {
    let key = key.ec_key().expect("an EC key");
    EcdsaSig::sign(Digest::of(message).as_bytes(), &key).expect("a signature")
}

/// A certificate, revocation list, request or OCSP answer with its signature made anew by the known key, which is
/// everybody's in this world; `None` if it does not begin as these do.
pub(crate) fn signed_anew(der: &[u8]) -> Option<Vec<u8>> {
    signed_anew_by(&WORLD.key, der)
}

pub(crate) fn signed_anew_by(key: &PKey<Private>, der: &[u8]) -> Option<Vec<u8>> {
    let [signed, algorithm, _value, others @ ..] = &*elements(element(der)?.0)? else { return None };
    let value = [&[0], sign(key, signed).to_der().expect("DER").as_slice()].concat();
    Some(written(0x30, &[signed, *algorithm, &written(0x03, &[&*value]), &others.concat()]))
}

/// A CMS with one signer whose message digest and signature are made anew by the known key.
pub(crate) fn cms_signed_anew(der: &[u8]) -> Option<Vec<u8>> {
    const MESSAGE_DIGEST: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04";
    let [kind, data] = *elements(element(der)?.0)? else { return None };
    let data = elements(element(element(data)?.0)?.0)?;
    let (signers, before) = data.split_last()?;
    let content = element(before.get(2)?)?.0;
    let inside = element(content)?.1;
    let signer = elements(element(element(signers)?.0)?.0)?;
    let [version, id, hash, attributes, algorithm, _value, unsigned @ ..] = &*signer else { return None };
    let mut signed = Vec::new();
    for attribute in elements(element(attributes)?.0)? {
        if attribute.windows(MESSAGE_DIGEST.len()).any(|window| window == MESSAGE_DIGEST)
            && !inside.is_empty()
        {
            let content = element(element(inside)?.0)?.0;
            let digest = written(0x04, &[Digest::of(content).as_bytes()]);
            signed.extend(written(0x30, &[MESSAGE_DIGEST, &written(0x31, &[&digest])]));
        } else {
            signed.extend(attribute);
        }
    }
    let value = sign(&WORLD.key, &written(0x31, &[&signed])).to_der().expect("DER");
    let attributes = written(0xa0, &[&signed]);
    let value = written(0x04, &[&value]);
    let signer = written(0x30, &[version, id, hash, &attributes, algorithm, &value, &unsigned.concat()]);
    let data = written(0x30, &[&before.concat(), &written(0x31, &[&signer])]);
    Some(written(0x30, &[kind, &written(0xa0, &[&data])]))
}

/// The DER elements one after the other.
pub(crate) fn elements(mut der: &[u8]) -> Option<Vec<&[u8]>> {
    let mut found = Vec::new();
    while !der.is_empty() {
        let (_, rest) = element(der)?;
        found.push(&der[..der.len() - rest.len()]);
        der = rest;
    }
    Some(found)
}

/// The content of the first DER element, and what follows it.
pub(crate) fn element(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (len, rest) = match usize::from(first) {
        len @ 0..0x80 => (len, rest),
        0x80 => return None,
        octets => {
            let (octets, rest) = rest.split_at_checked(octets & 0x7f)?;
            let len = octets
                .iter()
                .try_fold(0_usize, |len, octet| len.checked_mul(256)?.checked_add((*octet).into()))?;
            (len, rest)
        }
    };
    rest.split_at_checked(len)
}

/// One DER element.
pub(crate) fn written(tag: u8, content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    let mut der = vec![tag];
    let len = content.len().to_be_bytes();
    let first = len.iter().position(|octet| *octet != 0).unwrap_or(len.len() - 1);
    if content.len() >= 0x80 {
        der.push(0x80 | u8::try_from(len.len() - first).expect("at most eight"));
    }
    der.extend(&len[first..]);
    der.extend(content);
    der
}

/// The parts of an input that holds several: each behind its length in two octets, the rest last.
pub(crate) fn parts(mut bytes: &[u8]) -> Vec<&[u8]> {
    const MAX_PARTS: usize = 24;
    let mut parts = Vec::new();
    while parts.len() < MAX_PARTS {
        let Some((len, rest)) = bytes.split_first_chunk::<2>() else { break };
        let (part, rest) = rest.split_at(usize::from(u16::from_be_bytes(*len)).min(rest.len()));
        parts.push(part);
        bytes = rest;
    }
    parts
}
