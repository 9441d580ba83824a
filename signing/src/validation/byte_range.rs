//! The byte range of a signature, by the strictest reading.

use super::Malformed;
use super::digests::Place;
use crate::Invalid;
use crate::pdf::{Dictionary, Object, Source, hexadecimal};
use crate::tlv::Reader;

/// What a signature covers and holds.
#[derive(Debug)]
pub(crate) struct Covered {
    /// The byte after the last covered one.
    pub(crate) end: usize,
    pub(crate) dictionary: Dictionary,
    hole: std::ops::Range<usize>,
    contents: Vec<u8>,
}

/// Largest `/Contents`, in bytes of its hexadecimal digits (4 MiB).
const MAX_CONTENTS_BYTES: usize = 4 << 20;

/// Reads the signature dictionary at `offset`: four integers from byte 0 to a revision's end, whose gap
/// is exactly the `/Contents` string with its angle brackets.
pub(super) fn read(source: &Source<'_>, offset: usize) -> Result<Covered, Malformed> {
    let (entries, dictionary_end, is_alone) = source.parse(offset, |parser| {
        parser.object_header()?;
        parser.skip_space();
        let entries = parser.spanned_entries()?;
        let end = parser.at;
        parser.skip_space();
        Ok((entries, end, parser.take_word("endobj")))
    })?;
    if !is_alone {
        return Err(Malformed("the signature is no dictionary of its own"));
    }
    let hole = entries.iter().find(|(key, ..)| key == b"Contents").map(|(_, _, span)| span.clone());
    let entries = entries.into_iter().map(|(key, value, _)| (key, value)).collect();
    let dictionary = Dictionary::read(entries).ok_or(Malformed("a key occurs twice"))?;
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
    let end = behind.checked_add(tail).filter(|end| *end <= source.len());
    let end = end.ok_or(Malformed("the byte range ends after the file"))?;
    if start != 0 || before != hole.start || behind != hole.end {
        return Err(Malformed("the gap of the byte range is not exactly /Contents"));
    }
    if dictionary_end > end {
        return Err(Malformed("the byte range does not cover its own dictionary"));
    }
    if hole.len() > MAX_CONTENTS_BYTES {
        return Err(Malformed("/Contents is too large"));
    }
    let contents = plain_hexadecimal(&source.load(&hole)?)?;
    Ok(Covered { end, dictionary, hole, contents })
}

/// `<` digits of one case `>`: no white space, no half bytes, so that the gap can hide nothing.
fn plain_hexadecimal(text: &[u8]) -> Result<Vec<u8>, Malformed> {
    let bad = Malformed("/Contents is not one plain hexadecimal string");
    let digits = text.strip_prefix(b"<").and_then(|text| text.strip_suffix(b">"));
    let Some(digits) = digits else { return Err(bad) };
    let is_mixed = digits.iter().any(u8::is_ascii_lowercase) && digits.iter().any(u8::is_ascii_uppercase);
    if is_mixed { Err(bad) } else { hexadecimal::decode(digits).ok_or(bad) }
}

impl Covered {
    /// What is covered; [`super::digests::Digests`] hashes it.
    pub(crate) fn place(&self) -> Place {
        Place { hole: self.hole.clone(), end: self.end }
    }

    /// Whether it is a document time-stamp, so that a time-stamp token is in its contents.
    ///
    /// Source: `docs/sources.md`, entry `en319142`.
    pub(crate) fn is_timestamp(&self) -> bool {
        self.dictionary.is_name("SubFilter", "ETSI.RFC3161")
    }

    /// The CMS at the start of the room left for it; only zeros may follow.
    pub(crate) fn cms(&self) -> Result<&[u8], Invalid> {
        if !self.dictionary.is_name("SubFilter", "ETSI.CAdES.detached")
            && !self.dictionary.is_name("SubFilter", "adbe.pkcs7.detached")
        {
            return Err(Invalid::Algorithm("of another SubFilter than a detached signature".to_owned()));
        }
        self.der()
    }

    /// The one DER element in `/Contents`, whatever it is: a CMS, or the token of a document time-stamp.
    pub(crate) fn der(&self) -> Result<&[u8], Invalid> {
        let mut reader = Reader::new(&self.contents);
        let cms = reader.any()?.whole;
        if reader.rest().iter().any(|byte| *byte != 0) {
            return Err(Invalid::Structure("bytes hidden behind the CMS"));
        }
        Ok(cms)
    }
}
