//! Reading a list: one pass, nothing tolerated that RFC 5280 forbids.

use std::collections::BTreeMap;

use cabinet::Timestamp;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::{
    ID_CE_AUTHORITY_KEY_IDENTIFIER, ID_CE_CERTIFICATE_ISSUER, ID_CE_CRL_NUMBER, ID_CE_CRL_REASONS,
    ID_CE_DELTA_CRL_INDICATOR, ID_CE_INVALIDITY_DATE, ID_CE_ISSUING_DISTRIBUTION_POINT,
};
use der::Decode as _;
use x509_cert::ext::pkix::AuthorityKeyIdentifier;
use x509_cert::ext::pkix::name::{GeneralName, GeneralNames};

use super::{BadCrl, Crl, Entry, MAX_CRL_BYTES, MAX_ENTRIES, MAX_ISSUERS, Reason, Revocation, Scope};
use crate::Invalid;
use crate::algorithm::parse_oid;
use crate::path::NormalName;
use crate::path::algorithms::SignedParts;
use crate::tlv::{self, Reader, Tlv};

const BOOLEAN: u8 = 0x01;
const ENUMERATED: u8 = 0x0a;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// Longest serial number, in content octets: 20 and a sign (RFC 5280, 4.1.2.2).
const MAX_SERIAL_BYTES: usize = 21;
/// Longest number of a list, in content octets (RFC 5280, 5.2.3).
const MAX_NUMBER_BYTES: usize = 20;
/// Most extensions of a list or an entry.
const MAX_EXTENSIONS: usize = 16;

impl From<Invalid> for BadCrl {
    fn from(_: Invalid) -> Self {
        Self::Malformed("not DER")
    }
}

/// An entry: its serial number, what it says, and whose certificate it is about if that changes here.
pub(super) struct Parsed<'a> {
    serial: &'a [u8],
    pub(super) revocation: Revocation,
    issuer: Option<&'a [u8]>,
}

pub(super) fn parse(der: &[u8]) -> Result<Crl, BadCrl> {
    if der.len() > MAX_CRL_BYTES {
        return Err(BadCrl::TooLarge("32 megabytes are read"));
    }
    let parts = SignedParts::parse(der)?;
    let mut fields = parts.fields();
    if fields.expect(tlv::INTEGER)?.body != [1] {
        return Err(BadCrl::Malformed("not version 2"));
    }
    if fields.expect(tlv::SEQUENCE)?.whole != parts.algorithm {
        return Err(BadCrl::Malformed("it names two signature algorithms"));
    }
    let name = fields.expect(tlv::SEQUENCE)?.whole;
    let issuer = NormalName::from_der(name).filter(|name| !name.is_empty());
    let issuer = issuer.ok_or(BadCrl::Malformed("the issuer's name"))?;
    let this_update = time(fields.any()?)?;
    // RFC 5280 requires nextUpdate: without it nothing would tell a stale list.
    let next_update = time(fields.any().ok().ok_or(BadCrl::Malformed("no nextUpdate"))?)?;
    let revoked = fields.optional(tlv::SEQUENCE)?;
    let extensions = fields.optional(tlv::context(0))?.ok_or(BadCrl::Malformed("no extensions"))?;
    fields.finish()?;
    let mut list = Crl {
        der: der.into(),
        issuers: vec![issuer],
        this_update,
        next_update,
        number: None,
        base_number: None,
        authority_key_id: None,
        scope: Scope::default(),
        entries: Vec::new(),
    };
    each_extension(tlv::only(extensions.body, tlv::SEQUENCE)?, |id, is_critical, value| {
        list_extension(&mut list, id, is_critical, value)
    })?;
    if list.next_update < list.this_update {
        return Err(BadCrl::Malformed("the next update before this one"));
    }
    if let Some(revoked) = revoked {
        read_entries(&mut list, der, revoked.body)?;
    }
    Ok(list)
}

fn list_extension(
    list: &mut Crl,
    id: ObjectIdentifier,
    is_critical: bool,
    value: &[u8],
) -> Result<(), BadCrl> {
    match id {
        ID_CE_CRL_NUMBER => list.number = Some(number(value)?),
        ID_CE_DELTA_CRL_INDICATOR if is_critical => list.base_number = Some(number(value)?),
        ID_CE_DELTA_CRL_INDICATOR => return Err(BadCrl::Malformed("a delta indicator that is not critical")),
        ID_CE_AUTHORITY_KEY_IDENTIFIER => {
            let key_id = AuthorityKeyIdentifier::from_der(value).ok().and_then(|id| id.key_identifier);
            list.authority_key_id = key_id.map(|id| id.as_bytes().to_vec());
        }
        ID_CE_ISSUING_DISTRIBUTION_POINT => {
            let issuer = list.issuers.first().ok_or(BadCrl::Malformed("the issuer's name"))?;
            list.scope = Scope::parse(value, issuer)?;
        }
        unknown if is_critical => return Err(BadCrl::UnknownCriticalExtension(unknown.to_string())),
        _ => {}
    }
    Ok(())
}

fn read_entries(list: &mut Crl, der: &[u8], revoked: &[u8]) -> Result<(), BadCrl> {
    let offset = |part: &[u8]| {
        let at = part.as_ptr().addr().checked_sub(der.as_ptr().addr());
        at.and_then(|at| u32::try_from(at).ok()).ok_or(BadCrl::TooLarge("32 megabytes are read"))
    };
    let mut numbers: BTreeMap<NormalName, u16> = BTreeMap::new();
    let mut issuer = 0;
    let mut rest = Reader::new(revoked);
    while !rest.is_empty() {
        let whole = rest.expect(tlv::SEQUENCE)?;
        let parsed = entry(whole.body)?;
        if let Some(name) = parsed.issuer {
            if !list.scope.is_indirect() {
                return Err(BadCrl::Malformed("another issuer's entry in a direct list"));
            }
            let name = certificate_issuer(name)?;
            issuer = if let Some(known) = numbers.get(&name) {
                *known
            } else {
                let next = u16::try_from(list.issuers.len()).unwrap_or(u16::MAX);
                if list.issuers.len() > MAX_ISSUERS {
                    return Err(BadCrl::TooLarge("10,000 issuers are read"));
                }
                list.issuers.push(name.clone());
                numbers.insert(name, next);
                next
            };
        }
        if list.entries.len() >= MAX_ENTRIES {
            return Err(BadCrl::TooLarge("a million entries are read"));
        }
        list.entries.push(Entry {
            serial_start: offset(parsed.serial)?,
            serial_len: u16::try_from(parsed.serial.len()).unwrap_or(u16::MAX),
            issuer,
            revocation: offset(whole.whole)?,
        });
    }
    let mut entries = std::mem::take(&mut list.entries);
    entries.sort_by(|a, b| list.serial(*a).cmp(list.serial(*b)));
    list.entries = entries;
    Ok(())
}

/// Reads one entry's content.
pub(super) fn entry(body: &[u8]) -> Result<Parsed<'_>, BadCrl> {
    let mut fields = Reader::new(body);
    let serial = fields.expect(tlv::INTEGER)?.body;
    if serial.is_empty() || serial.len() > MAX_SERIAL_BYTES {
        return Err(BadCrl::Malformed("a serial number"));
    }
    let at = time(fields.any()?)?;
    let mut parsed =
        Parsed { serial, revocation: Revocation { at, reason: None, invalidity_date: None }, issuer: None };
    if let Some(extensions) = fields.optional(tlv::SEQUENCE)? {
        each_extension(Reader::new(extensions.body), |id, is_critical, value| {
            entry_extension(&mut parsed, id, is_critical, value)
        })?;
    }
    fields.finish()?;
    Ok(parsed)
}

fn entry_extension<'a>(
    parsed: &mut Parsed<'a>,
    id: ObjectIdentifier,
    is_critical: bool,
    value: &'a [u8],
) -> Result<(), BadCrl> {
    match id {
        ID_CE_CRL_REASONS => {
            let [code] = tlv::only(value, ENUMERATED)?.rest() else {
                return Err(BadCrl::Malformed("a reason"));
            };
            parsed.revocation.reason = Some(Reason::from_code(*code).ok_or(BadCrl::Malformed("a reason"))?);
        }
        ID_CE_INVALIDITY_DATE => {
            let mut reader = Reader::new(value);
            let date = reader.expect(GENERALIZED_TIME)?;
            reader.finish()?;
            parsed.revocation.invalidity_date = Some(time(date)?);
        }
        ID_CE_CERTIFICATE_ISSUER => parsed.issuer = Some(value),
        unknown if is_critical => return Err(BadCrl::UnknownCriticalExtension(unknown.to_string())),
        _ => {}
    }
    Ok(())
}

/// Calls `take` for each extension: identifier, whether critical, value. None may be there twice.
fn each_extension<'a>(
    mut rest: Reader<'a>,
    mut take: impl FnMut(ObjectIdentifier, bool, &'a [u8]) -> Result<(), BadCrl>,
) -> Result<(), BadCrl> {
    // On the stack: an entry must not cost an allocation.
    let mut seen: [Option<ObjectIdentifier>; MAX_EXTENSIONS] = [None; MAX_EXTENSIONS];
    let mut n_seen = 0_usize;
    while !rest.is_empty() {
        let mut fields = Reader::new(rest.expect(tlv::SEQUENCE)?.body);
        let id = parse_oid(fields.expect(tlv::OID)?.body)?;
        let is_critical = match fields.optional(BOOLEAN)?.map(|it| it.body) {
            None => false,
            Some([0xff]) => true,
            Some(_) => return Err(BadCrl::Malformed("a boolean")),
        };
        let value = fields.expect(tlv::OCTET_STRING)?.body;
        fields.finish()?;
        if seen.iter().take(n_seen).any(|known| *known == Some(id)) {
            return Err(BadCrl::Malformed("an extension twice"));
        }
        *seen.get_mut(n_seen).ok_or(BadCrl::TooLarge("16 extensions are read"))? = Some(id);
        n_seen = n_seen.saturating_add(1);
        take(id, is_critical, value)?;
    }
    Ok(())
}

/// The one directory name of a certificateIssuer.
fn certificate_issuer(value: &[u8]) -> Result<NormalName, BadCrl> {
    let names = GeneralNames::from_der(value).ok().ok_or(BadCrl::Malformed("a certificate issuer"))?;
    match names.as_slice() {
        [GeneralName::DirectoryName(name)] => {
            NormalName::new(name).ok_or(BadCrl::Malformed("a certificate issuer"))
        }
        _ => Err(BadCrl::Malformed("a certificate issuer")),
    }
}

/// The content octets of a non-negative INTEGER.
fn number(value: &[u8]) -> Result<Vec<u8>, BadCrl> {
    let octets = tlv::only(value, tlv::INTEGER)?.rest();
    let is_shortest = !matches!(octets, [0, next, ..] if *next < 0x80);
    match octets.first() {
        Some(first) if *first < 0x80 && is_shortest && octets.len() <= MAX_NUMBER_BYTES => {
            Ok(octets.to_vec())
        }
        Some(_) | None => Err(BadCrl::Malformed("a list's number")),
    }
}

fn time(element: Tlv<'_>) -> Result<Timestamp, BadCrl> {
    let seconds = match element.tag {
        UTC_TIME | GENERALIZED_TIME => {
            let time = x509_cert::time::Time::from_der(element.whole).ok();
            time.and_then(|time| i64::try_from(time.to_unix_duration().as_secs()).ok())
        }
        _ => None,
    };
    Ok(Timestamp::from_micros(0).plus_seconds(seconds.ok_or(BadCrl::Malformed("a time"))?))
}
