//! What a time-stamp says: `TSTInfo`.
//!
//! Source: `docs/sources.md`, entry `rfc3161`, section 2.4.2.

use cabinet::Timestamp;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

use super::{BOOLEAN, Integer, Policy, VERSION_1};
use crate::Invalid;
use crate::algorithm::{Hash, Imprint};
use crate::tlv::{self, Reader};

const GENERALIZED_TIME: u8 = 0x18;
/// `[0]` and `[1]` with primitive content.
const MILLIS: u8 = 0x80;
const MICROS: u8 = 0x81;
const TRUE: &[u8] = &[0xff];
/// Most digits after the point of a time; what is finer than a microsecond is cut off.
const MAX_FRACTION_DIGITS: usize = 12;

/// What a time-stamp says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Info {
    /// The rules under which it was issued.
    pub policy: Policy,
    /// The digest of what existed.
    pub imprint: Imprint,
    /// Unique among the authority's time-stamps.
    pub serial: Integer,
    /// When it existed, cut to the microsecond.
    pub gen_time: Timestamp,
    /// How far `gen_time` may be off, either way; `None`: the policy says.
    pub accuracy: Option<Accuracy>,
    /// The nonce of the request.
    pub nonce: Option<Integer>,
    /// The name that the authority gives itself: a DER `GeneralName`.
    pub(super) authority: Option<Vec<u8>>,
}

/// How far a time may be off, in microseconds.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Accuracy {
    micros: u64,
}

impl Accuracy {
    /// An accuracy of so many microseconds.
    #[must_use]
    pub fn from_micros(micros: u32) -> Self {
        Self { micros: u64::from(micros) }
    }

    /// The microseconds.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.micros
    }
}

impl Info {
    pub(super) fn parse(der: &[u8]) -> Result<Self, Invalid> {
        let mut fields = tlv::only(der, tlv::SEQUENCE)?;
        if fields.expect(tlv::INTEGER)?.body != VERSION_1 {
            return Err(Invalid::Structure("the version of the time-stamp"));
        }
        let policy = Policy::from_octets(fields.expect(tlv::OID)?.body)?;
        let imprint = parse_imprint(fields.expect(tlv::SEQUENCE)?.body)?;
        let serial = Integer::parse(fields.expect(tlv::INTEGER)?.body)?;
        let gen_time = parse_time(fields.expect(GENERALIZED_TIME)?.body)
            .ok_or(Invalid::Structure("the time in the time-stamp"))?;
        let accuracy = fields.optional(tlv::SEQUENCE)?.map(|found| parse_accuracy(found.body)).transpose()?;
        // Ordering says nothing that is relied on here.
        if fields.optional(BOOLEAN)?.is_some_and(|ordering| ordering.body != TRUE) {
            return Err(Invalid::NotDer);
        }
        let nonce = fields.optional(tlv::INTEGER)?.map(|found| Integer::parse(found.body)).transpose()?;
        let authority = match fields.optional(tlv::context(0))? {
            Some(explicit) => Some(only_element(explicit.body)?.to_vec()),
            None => None,
        };
        if let Some(extensions) = fields.optional(tlv::context(1))? {
            refuse_critical(extensions.body)?;
        }
        fields.finish()?;
        Ok(Self { policy, imprint, serial, gen_time, accuracy, nonce, authority })
    }

    /// The DER, without ordering, authority's name and extensions; `imprint` is written as the request had it.
    pub(super) fn to_der(&self, imprint: &[u8]) -> Result<Vec<u8>, Invalid> {
        let accuracy = self.accuracy.map_or_else(Vec::new, encode_accuracy);
        Ok(tlv::write(
            tlv::SEQUENCE,
            &[
                &tlv::write(tlv::INTEGER, &[VERSION_1]),
                &self.policy.to_der(),
                imprint,
                &self.serial.to_der(),
                &tlv::write(GENERALIZED_TIME, &[&encode_time(self.gen_time)?]),
                &accuracy,
                &self.nonce.as_ref().map_or_else(Vec::new, Integer::to_der),
            ],
        ))
    }
}

pub(super) fn encode_imprint(imprint: &Imprint) -> Vec<u8> {
    let digest = tlv::write(tlv::OCTET_STRING, &[imprint.digest()]);
    tlv::write(tlv::SEQUENCE, &[&imprint.hash().identifier(), &digest])
}

pub(super) fn parse_imprint(body: &[u8]) -> Result<Imprint, Invalid> {
    let mut fields = Reader::new(body);
    let hash = fields.expect(tlv::SEQUENCE)?.whole;
    let digest = fields.expect(tlv::OCTET_STRING)?.body;
    fields.finish()?;
    Imprint::parse(Hash::parse(hash)?, digest)
}

fn only_element(bytes: &[u8]) -> Result<&[u8], Invalid> {
    let mut reader = Reader::new(bytes);
    let element = reader.any()?;
    reader.finish()?;
    Ok(element.whole)
}

fn refuse_critical(extensions: &[u8]) -> Result<(), Invalid> {
    let mut extensions = Reader::new(extensions);
    while !extensions.is_empty() {
        let mut extension = Reader::new(extensions.expect(tlv::SEQUENCE)?.body);
        extension.expect(tlv::OID)?;
        if extension.optional(BOOLEAN)?.is_some() {
            return Err(Invalid::Structure("a critical extension in the time-stamp"));
        }
        extension.expect(tlv::OCTET_STRING)?;
        extension.finish()?;
    }
    Ok(())
}

fn parse_accuracy(body: &[u8]) -> Result<Accuracy, Invalid> {
    let mut fields = Reader::new(body);
    let mut micros = 0_u64;
    for (tag, unit, limit) in [(tlv::INTEGER, 1_000_000, u32::MAX), (MILLIS, 1000, 999), (MICROS, 1, 999)] {
        let Some(field) = fields.optional(tag)? else { continue };
        let number = Integer::parse(field.body)?.to_u32().filter(|number| *number <= limit);
        let number = u64::from(number.ok_or(Invalid::Structure("the accuracy of the time-stamp"))?);
        micros = micros.saturating_add(number.saturating_mul(unit));
    }
    fields.finish()?;
    Ok(Accuracy { micros })
}

fn encode_accuracy(accuracy: Accuracy) -> Vec<u8> {
    let micros = accuracy.micros;
    let fields = [
        (tlv::INTEGER, micros.div_euclid(1_000_000)),
        (MILLIS, micros.div_euclid(1000).rem_euclid(1000)),
        (MICROS, micros.rem_euclid(1000)),
    ];
    let mut out = Vec::new();
    for (tag, number) in fields.into_iter().filter(|(_, number)| *number > 0) {
        let mut field = Integer::from_unsigned(&number.to_be_bytes()).to_der();
        if let Some(first) = field.first_mut() {
            *first = tag;
        }
        out.extend(field);
    }
    tlv::write(tlv::SEQUENCE, &[&out])
}

/// `YYYYMMDDhhmmss[.f…]Z` without zeros at the end of the fraction.
fn encode_time(at: Timestamp) -> Result<Vec<u8>, Invalid> {
    let bad = Invalid::Structure("the time to stamp");
    let time = OffsetDateTime::from_unix_timestamp(at.as_seconds()).ok().ok_or(bad.clone())?;
    if !(0..=9999).contains(&time.year()) {
        return Err(bad);
    }
    let (date, clock) = (time.date(), time.time());
    let mut text = format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}",
        date.year(),
        u8::from(date.month()),
        date.day(),
        clock.hour(),
        clock.minute(),
        clock.second()
    );
    let fraction = format!("{:06}", at.as_micros().rem_euclid(1_000_000));
    let fraction = fraction.trim_end_matches('0');
    if !fraction.is_empty() {
        text.push('.');
        text.push_str(fraction);
    }
    text.push('Z');
    Ok(text.into_bytes())
}

fn parse_time(body: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(body).ok()?.strip_suffix('Z')?;
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() && !fraction.ends_with('0') => (whole, fraction),
        Some(_) => return None,
        None => (text, ""),
    };
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() != 14 || fraction.len() > MAX_FRACTION_DIGITS || !is_digits(whole) || !is_digits(fraction)
    {
        return None;
    }
    let two = |from: usize| whole.get(from..from.checked_add(2)?)?.parse::<u8>().ok();
    let month = Month::try_from(two(4)?).ok()?;
    let date = Date::from_calendar_date(whole.get(..4)?.parse().ok()?, month, two(6)?).ok()?;
    let clock = Time::from_hms(two(8)?, two(10)?, two(12)?).ok()?;
    let seconds = PrimitiveDateTime::new(date, clock).assume_utc().unix_timestamp();
    let mut micros = 0_i64;
    for digit in fraction.bytes().chain(std::iter::repeat(b'0')).take(6) {
        micros = micros.checked_mul(10)?.checked_add(i64::from(digit.checked_sub(b'0')?))?;
    }
    Some(Timestamp::from_micros(seconds.checked_mul(1_000_000)?.checked_add(micros)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_one_form_and_keep_their_microseconds() {
        for (micros, text) in [
            (1_780_823_131_000_000, "20260607090531Z"),
            (1_780_823_131_500_000, "20260607090531.5Z"),
            (1_780_823_131_034_000, "20260607090531.034Z"),
            (1_780_823_131_000_001, "20260607090531.000001Z"),
        ] {
            let at = Timestamp::from_micros(micros);
            assert_eq!(encode_time(at).unwrap(), text.as_bytes());
            assert_eq!(parse_time(text.as_bytes()), Some(at));
        }
        assert_eq!(
            parse_time(b"20260607090531.0000019Z"),
            Some(Timestamp::from_micros(1_780_823_131_000_001))
        );
        for bad in [
            "20260607090531",
            "20260607090531.Z",
            "20260607090531.50Z",
            "20260607090531,5Z",
            "20260607090531+0700",
            "202606070905Z",
            "20260631090531Z",
            "20260607090560Z",
            "20260607240000Z",
            "2026060709053 Z",
            "20260607090531.+5Z",
            "20260607090531.1234567890123Z",
        ] {
            assert_eq!(parse_time(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn accuracies_are_read_as_written() {
        for micros in [1, 999, 1000, 1_000_000, 1_500_250, u32::MAX] {
            let der = encode_accuracy(Accuracy::from_micros(micros));
            let body = tlv::only(&der, tlv::SEQUENCE).unwrap().rest();
            assert_eq!(parse_accuracy(body).unwrap(), Accuracy::from_micros(micros));
        }
        for body in [&[0x80, 2, 3, 0xe8][..], &[2, 1, 0xff], &[0x81, 1, 1, 0x80, 1, 1], &[0x80, 1, 1, 5, 0]] {
            assert!(parse_accuracy(body).is_err(), "{body:?}");
        }
    }
}
