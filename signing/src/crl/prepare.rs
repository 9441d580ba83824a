//! Making a list in two phases: the bytes to sign, then the list with its signature, verified first.

use cabinet::{Digest, Timestamp};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::{
    ID_CE_AUTHORITY_KEY_IDENTIFIER, ID_CE_CRL_NUMBER, ID_CE_CRL_REASONS, ID_CE_INVALIDITY_DATE,
};
use der::Encode as _;

use super::{BadCrl, Crl, MAX_ENTRIES, Reason};
use crate::algorithm::oid;
use crate::cades::encode_time;
use crate::path::facts::Facts;
use crate::{Certificate, SignatureAlgorithm, tlv};

/// A revoked certificate to be put on a list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewEntry {
    /// The certificate's serial number in hex, as [`Certificate::serial`] gives it.
    pub serial: String,
    /// When it was revoked.
    pub at: Timestamp,
    /// Why; `None` writes no reason.
    pub reason: Option<Reason>,
    /// Since when the key may have been in wrong hands.
    pub invalidity_date: Option<Timestamp>,
}

/// A list that only lacks its signature.
#[derive(Clone, Debug)]
pub struct Prepared {
    issuer: Certificate,
    algorithm: SignatureAlgorithm,
    to_be_signed: Vec<u8>,
}

/// Prepares a complete list by `issuer`, numbered `number`, good from `this_update` to `next_update`.
///
/// Source: `docs/sources.md`, entry `rfc5280` (5.1, 5.2).
///
/// # Errors
///
/// [`BadCrl::Signer`]: `issuer` may not sign lists or its key cannot do `algorithm`;
/// [`BadCrl::Malformed`]: a serial number or a time cannot be written.
pub fn prepare(
    issuer: &Certificate,
    number: u64,
    this_update: Timestamp,
    next_update: Timestamp,
    entries: &[NewEntry],
    algorithm: SignatureAlgorithm,
) -> Result<Prepared, BadCrl> {
    let facts = Facts::of(issuer).ok().ok_or(BadCrl::Signer)?;
    let signs = facts.may_sign_lists() && facts.is_authority() && algorithm.fits(issuer.key_kind());
    if !signs {
        return Err(BadCrl::Signer);
    }
    if entries.len() > MAX_ENTRIES {
        return Err(BadCrl::TooLarge("a million entries are written"));
    }
    let mut revoked = Vec::new();
    for entry in entries {
        revoked.extend(encode_entry(entry)?);
    }
    let revoked = if revoked.is_empty() { revoked } else { tlv::write(tlv::SEQUENCE, &[&revoked]) };
    let number = tlv::write(tlv::INTEGER, &[&unsigned(&number.to_be_bytes())]);
    let mut extensions = extension(ID_CE_CRL_NUMBER, &number);
    if let Some(key_id) = facts.subject_key_id() {
        let key_id = tlv::write(tlv::SEQUENCE, &[&tlv::write(0x80, &[key_id])]);
        extensions = [extension(ID_CE_AUTHORITY_KEY_IDENTIFIER, &key_id), extensions].concat();
    }
    let name = issuer.to_be_signed().subject.to_der().ok().ok_or(BadCrl::Malformed("the issuer's name"))?;
    let to_be_signed = tlv::write(
        tlv::SEQUENCE,
        &[
            &tlv::write(tlv::INTEGER, &[&[1]]),
            &algorithm.identifier(),
            &name,
            &encode_time(this_update)?,
            &encode_time(next_update)?,
            &revoked,
            &tlv::write(tlv::context(0), &[&tlv::write(tlv::SEQUENCE, &[&extensions])]),
        ],
    );
    Ok(Prepared { issuer: issuer.clone(), algorithm, to_be_signed })
}

impl Prepared {
    /// The bytes that the token must sign.
    #[must_use]
    pub fn to_sign(&self) -> &[u8] {
        &self.to_be_signed
    }

    /// Their SHA-256 digest.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_be_signed)
    }

    /// The algorithm that the token must use.
    #[must_use]
    pub const fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    /// Returns the finished list, read back and verified first.
    ///
    /// # Errors
    ///
    /// [`BadCrl::SignatureWrong`]: `raw` is not the issuer's signature over [`Prepared::to_sign`].
    pub fn embed(self, raw: &[u8]) -> Result<Crl, BadCrl> {
        let value = self.algorithm.cms_value(raw).ok().ok_or(BadCrl::SignatureWrong)?;
        let bits = tlv::write(tlv::BIT_STRING, &[&[0], &value]);
        let der = tlv::write(tlv::SEQUENCE, &[&self.to_be_signed, &self.algorithm.identifier(), &bits]);
        let list = Crl::from_der(&der)?;
        let verified = list.verify(&self.issuer);
        verified.ok().ok_or(BadCrl::SignatureWrong)?;
        Ok(list)
    }
}

fn encode_entry(entry: &NewEntry) -> Result<Vec<u8>, BadCrl> {
    let serial = hex::decode(&entry.serial).ok().filter(|octets| (1..=20).contains(&octets.len()));
    let serial = serial.ok_or(BadCrl::Malformed("a serial number"))?;
    let mut extensions = Vec::new();
    if let Some(reason) = entry.reason {
        extensions.extend(extension(ID_CE_CRL_REASONS, &[0x0a, 1, reason.code()]));
    }
    if let Some(date) = entry.invalidity_date {
        extensions.extend(extension(ID_CE_INVALIDITY_DATE, &generalized_time(date)?));
    }
    let extensions =
        if extensions.is_empty() { extensions } else { tlv::write(tlv::SEQUENCE, &[&extensions]) };
    let serial = tlv::write(tlv::INTEGER, &[&unsigned(&serial)]);
    Ok(tlv::write(tlv::SEQUENCE, &[&serial, &encode_time(entry.at)?, &extensions]))
}

fn extension(id: ObjectIdentifier, value: &[u8]) -> Vec<u8> {
    tlv::write(tlv::SEQUENCE, &[&oid(id), &tlv::write(tlv::OCTET_STRING, &[value])])
}

/// The content octets of a non-negative INTEGER.
fn unsigned(octets: &[u8]) -> Vec<u8> {
    let significant: Vec<u8> = octets.iter().copied().skip_while(|octet| *octet == 0).collect();
    let needs_sign = significant.first().is_none_or(|first| *first >= 0x80);
    if needs_sign { [vec![0], significant].concat() } else { significant }
}

fn generalized_time(at: Timestamp) -> Result<Vec<u8>, BadCrl> {
    let seconds = u64::try_from(at.as_seconds()).ok();
    let since = seconds.map(std::time::Duration::from_secs);
    let time = since.and_then(|since| der::asn1::GeneralizedTime::from_unix_duration(since).ok());
    time.and_then(|time| time.to_der().ok()).ok_or(BadCrl::Malformed("a time"))
}
