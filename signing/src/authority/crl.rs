//! The authority's revocation list.
//!
//! Source: `docs/sources.md`, entry `rfc5280` (5).

use cabinet::Timestamp;
use const_oid::ObjectIdentifier;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKeyRef, Private};
use openssl::sign::Signer;

use super::AuthorityError;
use crate::cades::encode_time;
use crate::certificate::fields::Fields;
use crate::register::{Reason, Register};
use crate::{Certificate, Invalid, SignatureAlgorithm, extension, tlv};

/// Time until the next revocation list, in seconds.
const CRL_PERIOD_S: i64 = 30 * 86_400;

const CRL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.20");
const REASON_CODE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.21");
const AUTHORITY_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
const ENUMERATED: u8 = 0x0a;

/// Writes and signs the list. Its number is the time in seconds, so that a later list has a larger one.
pub(super) fn write(
    issuer: &Certificate,
    key: &PKeyRef<Private>,
    register: &Register,
    now: Timestamp,
) -> Result<Vec<u8>, AuthorityError> {
    let algorithm = SignatureAlgorithm::EcdsaP256Sha256.identifier();
    let number = tlv::write(tlv::INTEGER, &[&number_octets(now.as_seconds())]);
    let mut extensions = extension::write(CRL_NUMBER, &number);
    if let Some(key_id) = issuer.x509().subject_key_id() {
        let authority_key = tlv::write(tlv::SEQUENCE, &[&tlv::write(0x80, &[key_id.as_slice()])]);
        extensions = [extension::write(AUTHORITY_KEY, &authority_key), extensions].concat();
    }
    let mut entries = Vec::new();
    for (serial, at, reason) in register.revoked() {
        entries.extend(entry(serial, at, reason)?);
    }
    // An empty list of entries is left out, not written.
    let entries = if entries.is_empty() { entries } else { tlv::write(tlv::SEQUENCE, &[&entries]) };
    let list = tlv::write(
        tlv::SEQUENCE,
        &[
            &tlv::write(tlv::INTEGER, &[&[1]]),
            &algorithm,
            Fields::of(issuer)?.subject,
            &encode_time(now)?,
            &encode_time(now.plus_seconds(CRL_PERIOD_S))?,
            &entries,
            &tlv::write(tlv::context(0), &[&tlv::write(tlv::SEQUENCE, &[&extensions])]),
        ],
    );
    let signature = Signer::new(MessageDigest::sha256(), key)?.sign_oneshot_to_vec(&list)?;
    let signature = tlv::write(tlv::BIT_STRING, &[&[0], &signature]);
    Ok(tlv::write(tlv::SEQUENCE, &[&list, &algorithm, &signature]))
}

fn entry(serial: &str, at: Timestamp, reason: Reason) -> Result<Vec<u8>, Invalid> {
    let serial = hex::decode(serial).ok().filter(|octets| !octets.is_empty());
    let serial = serial.ok_or(Invalid::Structure("a serial number in the register"))?;
    let serial = tlv::write(tlv::INTEGER, &[&serial]);
    let time = encode_time(at)?;
    // "Unspecified" is said by saying nothing (RFC 5280, 5.3.1).
    let reason = if reason == Reason::Unspecified {
        Vec::new()
    } else {
        let code = tlv::write(ENUMERATED, &[&[reason.code()]]);
        tlv::write(tlv::SEQUENCE, &[&extension::write(REASON_CODE, &code)])
    };
    Ok(tlv::write(tlv::SEQUENCE, &[&serial, &time, &reason]))
}

/// The content octets of a non-negative INTEGER.
fn number_octets(number: i64) -> Vec<u8> {
    let octets = number.max(0).to_be_bytes();
    let skip = octets.windows(2).take_while(|pair| matches!(pair, [0, next] if *next < 0x80)).count();
    octets.iter().copied().skip(skip).collect()
}
