//! What a file says about itself: the information dictionaries of all revisions and the XMP packet.

use std::collections::BTreeSet;

use hayro_interpret::hayro_syntax::Pdf;
use hayro_interpret::hayro_syntax::object::{Dict, Name, Object, ObjectIdentifier, Stream};
use unicode_normalization::UnicodeNormalization as _;

use super::xmp;

/// An XMP packet whose stored form is longer is not read. Deflate can blow it up a thousandfold at most.
pub const MAX_XMP_BYTES: usize = 64 * 1024;
/// The most properties that are kept.
pub const MAX_PROPERTIES: usize = 500;
/// The longest value that is kept, in characters.
const MAX_VALUE_CHARS: usize = 4000;

/// What a file says about itself; all text is NFC.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Metadata {
    /// The title, if it has one.
    pub title: Option<String>,
    /// The subject, if it has one.
    pub subject: Option<String>,
    /// The keywords, if it has any, as written.
    pub keywords: Option<String>,
    /// Every property by name, standard ones included: those of the information dictionaries, then those of XMP (`pdf:Keywords`).
    pub properties: Vec<(String, String)>,
}

/// Reads the dictionaries that the trailers name, and the catalogue's XMP packet.
pub(super) fn read(pdf: &Pdf, infos: &BTreeSet<(u32, i32)>) -> Metadata {
    let mut properties = Vec::new();
    let xref = pdf.xref();
    for &(number, generation) in infos {
        let Some(info) = xref.get::<Dict<'_>>(ObjectIdentifier::new(number, generation)) else { continue };
        for key in info.keys().take(MAX_PROPERTIES) {
            let value = match info.get::<Object<'_>>(key.as_ref()) {
                Some(Object::String(text)) => decode(text.as_bytes()),
                Some(Object::Name(name)) => decode(name.as_ref()),
                _ => continue,
            };
            properties.push((decode_name(&key), tidy(&value)));
        }
    }
    let standard = |name: &str| {
        let found = properties.iter().rev().find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| value.clone())
    };
    let (title, subject, keywords) = (standard("Title"), standard("Subject"), standard("Keywords"));
    let packet = xref
        .get::<Dict<'_>>(xref.root_id())
        .and_then(|catalogue| catalogue.get::<Stream<'_>>("Metadata"))
        .filter(|stream| stream.raw_data().len() <= MAX_XMP_BYTES)
        .and_then(|stream| stream.decoded().ok().map(|bytes| decode(&bytes)));
    properties.extend(packet.map(|packet| xmp::properties(&packet)).unwrap_or_default());
    properties.truncate(MAX_PROPERTIES);
    Metadata { title, subject, keywords, properties }
}

fn decode_name(name: &Name<'_>) -> String {
    tidy(&decode(name.as_ref()))
}

/// UTF-16 or UTF-8 by its mark, else UTF-8 if it is, else Latin-1 (close enough to `PDFDocEncoding` for letters).
fn decode(bytes: &[u8]) -> String {
    let utf16 = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = rest.chunks_exact(2).filter_map(|pair| Some(unit([*pair.first()?, *pair.get(1)?])));
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    };
    match bytes {
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().copied().map(char::from).collect(),
        },
    }
}

/// NFC, without surrounding blanks, of bounded length.
pub(super) fn tidy(text: &str) -> String {
    text.trim().nfc().take(MAX_VALUE_CHARS).collect()
}
