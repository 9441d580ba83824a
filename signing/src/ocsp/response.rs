//! Responses taken apart, as slices of the original bytes.

use cabinet::Timestamp;
use const_oid::ObjectIdentifier;
use der::Decode as _;

use super::id::CertId;
use super::{ErrorStatus, NoAnswer};
use crate::Invalid;
use crate::algorithm::parse_oid;
use crate::extension::{self, Extension};
use crate::register::{Reason, Status};
use crate::tlv::{self, Reader};

/// Largest response that is looked at, in bytes.
pub const MAX_RESPONSE_BYTES: usize = 256 << 10;
/// Most statuses in one response.
const MAX_SINGLES: usize = 128;
/// Most certificates in one response.
const MAX_CERTIFICATES: usize = 16;

pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");
const GOOD: u8 = 0x80;
const REVOKED: u8 = 0xa1;
const UNKNOWN: u8 = 0x82;

/// Who says that he signed.
#[derive(Clone, Copy, Debug)]
pub(super) enum ResponderId<'a> {
    /// By his name, with tag and length.
    Name(&'a [u8]),
    /// By the SHA-1 of his key.
    Key(&'a [u8]),
}

/// What is said of one certificate.
#[derive(Debug)]
pub(super) struct Single<'a> {
    pub(super) id: CertId<'a>,
    pub(super) status: Status,
    pub(super) this_update: Timestamp,
    pub(super) next_update: Option<Timestamp>,
    pub(super) extensions: Vec<Extension<'a>>,
}

/// A `BasicOCSPResponse`.
#[derive(Debug)]
pub(super) struct Basic<'a> {
    /// `tbsResponseData`, with tag and length: what is signed.
    pub(super) signed: &'a [u8],
    pub(super) responder: ResponderId<'a>,
    pub(super) produced_at: Timestamp,
    pub(super) singles: Vec<Single<'a>>,
    pub(super) extensions: Vec<Extension<'a>>,
    pub(super) algorithm: &'a [u8],
    pub(super) signature: &'a [u8],
    pub(super) certificates: Vec<&'a [u8]>,
}

/// Gives the `BasicOCSPResponse` in an `OCSPResponse`, as CMS holds it in its revocation values.
///
/// # Errors
///
/// [`NoAnswer::Error`] if the responder sent an error; [`NoAnswer::Invalid`] if this is no response.
pub fn basic_of(response: &[u8]) -> Result<&[u8], NoAnswer> {
    if response.len() > MAX_RESPONSE_BYTES {
        return Err(Invalid::Structure("a response larger than 256 kB").into());
    }
    let mut fields = tlv::only(response, tlv::SEQUENCE)?;
    let status = fields.expect(ENUMERATED)?.body;
    if status != [0] {
        let status = status.first().copied().filter(|_| status.len() == 1);
        return Err(match status.and_then(ErrorStatus::from_code) {
            Some(error) => error.into(),
            None => Invalid::Structure("the response status").into(),
        });
    }
    let explicit = fields.expect(tlv::context(0))?;
    fields.finish()?;
    let mut bytes = tlv::only(explicit.body, tlv::SEQUENCE)?;
    if parse_oid(bytes.expect(tlv::OID)?.body)? != BASIC {
        return Err(Invalid::Structure("not a basic OCSP response").into());
    }
    let basic = bytes.expect(tlv::OCTET_STRING)?.body;
    bytes.finish()?;
    Ok(basic)
}

/// Wraps a `BasicOCSPResponse` as the `OCSPResponse` that a PDF's DSS holds.
#[must_use]
pub fn response_of(basic: &[u8]) -> Vec<u8> {
    let bytes =
        tlv::write(tlv::SEQUENCE, &[&crate::algorithm::oid(BASIC), &tlv::write(tlv::OCTET_STRING, &[basic])]);
    tlv::write(tlv::SEQUENCE, &[&tlv::write(ENUMERATED, &[&[0]]), &tlv::write(tlv::context(0), &[&bytes])])
}

/// Takes a `BasicOCSPResponse` apart.
pub(super) fn parse(basic: &[u8]) -> Result<Basic<'_>, Invalid> {
    if basic.len() > MAX_RESPONSE_BYTES {
        return Err(Invalid::Structure("a response larger than 256 kB"));
    }
    let mut whole = tlv::only(basic, tlv::SEQUENCE)?;
    let tbs = whole.expect(tlv::SEQUENCE)?;
    let algorithm = whole.expect(tlv::SEQUENCE)?.whole;
    let [0, signature @ ..] = whole.expect(tlv::BIT_STRING)?.body else { return Err(Invalid::NotDer) };
    let certificates = match whole.optional(tlv::context(0))? {
        Some(explicit) => certificates(explicit.body)?,
        None => Vec::new(),
    };
    whole.finish()?;
    let mut data = Reader::new(tbs.body);
    if data.optional(tlv::context(0))?.is_some() {
        return Err(Invalid::Structure("the version"));
    }
    let responder = data.any()?;
    let responder = if responder.tag == tlv::context(1) {
        ResponderId::Name(responder.body)
    } else if responder.tag == tlv::context(2) {
        ResponderId::Key(tlv::only(responder.body, tlv::OCTET_STRING)?.rest())
    } else {
        return Err(Invalid::Structure("the responder's name"));
    };
    let produced_at = time(data.expect(GENERALIZED_TIME)?.whole)?;
    let mut list = Reader::new(data.expect(tlv::SEQUENCE)?.body);
    let mut singles = Vec::new();
    while !list.is_empty() {
        singles.push(single(list.expect(tlv::SEQUENCE)?.body)?);
        if singles.len() > MAX_SINGLES {
            return Err(Invalid::Structure("too many statuses in one response"));
        }
    }
    let extensions = optional_extensions(&mut data)?;
    data.finish()?;
    Ok(Basic {
        signed: tbs.whole,
        responder,
        produced_at,
        singles,
        extensions,
        algorithm,
        signature,
        certificates,
    })
}

fn single(body: &[u8]) -> Result<Single<'_>, Invalid> {
    let mut fields = Reader::new(body);
    let id = CertId::parse(fields.expect(tlv::SEQUENCE)?.whole)?;
    let status = fields.any()?;
    let status = match (status.tag, status.body) {
        (GOOD, []) => Status::Good,
        (UNKNOWN, []) => Status::Unknown,
        (REVOKED, body) => revoked(body)?,
        _ => return Err(Invalid::Structure("the status")),
    };
    let this_update = time(fields.expect(GENERALIZED_TIME)?.whole)?;
    let next_update = match fields.optional(tlv::context(0))? {
        Some(explicit) => Some(time(explicit.body)?),
        None => None,
    };
    let extensions = optional_extensions(&mut fields)?;
    fields.finish()?;
    if next_update.is_some_and(|next| next < this_update) {
        return Err(Invalid::Structure("an end before the beginning"));
    }
    Ok(Single { id, status, this_update, next_update, extensions })
}

fn revoked(body: &[u8]) -> Result<Status, Invalid> {
    let mut fields = Reader::new(body);
    let at = time(fields.expect(GENERALIZED_TIME)?.whole)?;
    let reason = match fields.optional(tlv::context(0))? {
        Some(explicit) => match tlv::only(explicit.body, ENUMERATED)?.rest() {
            [code] => Some(Reason::from_code(*code).ok_or(Invalid::Structure("the reason"))?),
            _ => return Err(Invalid::Structure("the reason")),
        },
        None => None,
    };
    fields.finish()?;
    Ok(Status::Revoked { at, reason })
}

fn optional_extensions<'a>(reader: &mut Reader<'a>) -> Result<Vec<Extension<'a>>, Invalid> {
    match reader.optional(tlv::context(1))? {
        Some(explicit) => extension::parse_all(explicit.body),
        None => Ok(Vec::new()),
    }
}

fn certificates(explicit: &[u8]) -> Result<Vec<&[u8]>, Invalid> {
    let mut list = tlv::only(explicit, tlv::SEQUENCE)?;
    let mut found = Vec::new();
    while !list.is_empty() {
        found.push(list.expect(tlv::SEQUENCE)?.whole);
        if found.len() > MAX_CERTIFICATES {
            return Err(Invalid::Structure("too many certificates"));
        }
    }
    Ok(found)
}

/// Reads a `GeneralizedTime` in the only form that RFC 5280 allows: to the second, in UTC.
fn time(whole: &[u8]) -> Result<Timestamp, Invalid> {
    let time = der::asn1::GeneralizedTime::from_der(whole).ok().ok_or(Invalid::Structure("a time"))?;
    let seconds =
        i64::try_from(time.to_unix_duration().as_secs()).ok().ok_or(Invalid::Structure("a time"))?;
    Ok(Timestamp::from_micros(0).plus_seconds(seconds))
}
