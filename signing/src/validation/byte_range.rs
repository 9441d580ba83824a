//! The byte range of a signature, by the strictest reading.

use super::{Malformed, object_body};
use crate::Invalid;
use crate::pdf::{Dictionary, Object};
use crate::tlv::Reader;

/// What a signature covers and holds.
#[derive(Debug)]
pub(super) struct Covered {
    /// The byte after the last covered one.
    pub(super) end: usize,
    pub(super) dictionary: Dictionary,
    hole: std::ops::Range<usize>,
    contents: Vec<u8>,
}

/// Reads the signature dictionary at `offset`: four integers from byte 0 to a revision's end, whose gap
/// is exactly the `/Contents` string with its angle brackets.
pub(super) fn read(bytes: &[u8], offset: usize) -> Result<Covered, Malformed> {
    let mut parser = object_body(bytes, offset)?;
    let entries = parser.spanned_entries()?;
    let mut dictionary = Dictionary::new();
    let mut hole = None;
    for (key, value, span) in entries {
        if key == b"Contents" {
            hole = Some(span);
        }
        dictionary.insert_new(key, value);
    }
    let hole = hole.ok_or(Malformed("no /Contents"))?;
    let is_signature = dictionary.is_name("Type", "Sig") || dictionary.get("Type").is_none();
    if !is_signature && !dictionary.is_name("Type", "DocTimeStamp") {
        return Err(Malformed("not a signature dictionary"));
    }
    let range = dictionary.get("ByteRange").and_then(Object::as_array).unwrap_or_default();
    let range: Option<Vec<usize>> = range
        .iter()
        .map(|number| number.as_integer().and_then(|number| usize::try_from(number).ok()))
        .collect();
    let range = range.ok_or(Malformed("the byte range"))?;
    let &[start, before, behind, tail] = range.as_slice() else {
        return Err(Malformed("the byte range has not four numbers"));
    };
    let end = behind.checked_add(tail).filter(|end| *end <= bytes.len());
    let end = end.ok_or(Malformed("the byte range ends after the file"))?;
    if start != 0 || before != hole.start || behind != hole.end {
        return Err(Malformed("the gap of the byte range is not exactly /Contents"));
    }
    if parser.at > end {
        return Err(Malformed("the byte range does not cover its own dictionary"));
    }
    let contents = plain_hexadecimal(bytes.get(hole.clone()).unwrap_or_default())?;
    Ok(Covered { end, dictionary, hole, contents })
}

/// `<` digits of one case `>`: no white space, no half bytes, so that the gap can hide nothing.
fn plain_hexadecimal(text: &[u8]) -> Result<Vec<u8>, Malformed> {
    let bad = Malformed("/Contents is not one plain hexadecimal string");
    let digits = text.strip_prefix(b"<").and_then(|text| text.strip_suffix(b">"));
    let Some(digits) = digits else { return Err(bad) };
    let is_mixed = digits.iter().any(u8::is_ascii_lowercase) && digits.iter().any(u8::is_ascii_uppercase);
    if is_mixed { Err(bad) } else { hex::decode(digits).ok().ok_or(bad) }
}

impl Covered {
    /// The covered bytes: what stands before and behind the gap.
    pub(super) fn content(&self, bytes: &[u8]) -> Vec<u8> {
        let before = bytes.get(..self.hole.start).unwrap_or_default();
        let behind = bytes.get(self.hole.end..self.end).unwrap_or_default();
        [before, behind].concat()
    }

    /// The CMS at the start of the room left for it; only zeros may follow.
    pub(super) fn cms(&self) -> Result<&[u8], Invalid> {
        if !self.dictionary.is_name("SubFilter", "ETSI.CAdES.detached")
            && !self.dictionary.is_name("SubFilter", "adbe.pkcs7.detached")
        {
            return Err(Invalid::Algorithm("of another SubFilter than a detached signature".to_owned()));
        }
        let mut reader = Reader::new(&self.contents);
        let cms = reader.any()?.whole;
        if reader.rest().iter().any(|byte| *byte != 0) {
            return Err(Invalid::Structure("bytes hidden behind the CMS"));
        }
        Ok(cms)
    }
}
