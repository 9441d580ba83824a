//! The eight kinds of PDF object, with numbers kept as they were written.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::{PdfError, Source, hexadecimal};

/// The name of an indirect object.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Ref {
    pub(crate) number: u32,
    pub(crate) generation: u16,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Object {
    Null,
    Boolean(bool),
    Integer(i64),
    /// As written, so that a copy does not change it.
    Real(String),
    Name(Vec<u8>),
    String(Vec<u8>),
    Array(Vec<Self>),
    Dictionary(Dictionary),
    Reference(Ref),
    Stream(Stream),
}

/// A dictionary in the order it was written; two are equal if they hold the same.
///
/// Invariant: no key occurs twice.
#[derive(Clone, Debug, Default, Eq)]
pub(crate) struct Dictionary(Vec<(Vec<u8>, Object)>);

/// A stream as stored: its bytes are still encoded by its filters.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Stream {
    pub(crate) dictionary: Dictionary,
    pub(crate) data: Data,
}

/// A stream's bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Data {
    /// To be written.
    Own(Vec<u8>),
    /// In the file it was read from, at this place.
    Stored(Range<usize>),
}

impl PartialEq for Dictionary {
    fn eq(&self, other: &Self) -> bool {
        // A map of one side, so that a dictionary of very many keys costs no more than its length.
        let opposite: HashMap<&[u8], &Object> = other.iter().collect();
        self.0.len() == other.0.len()
            && self.iter().all(|(key, value)| opposite.get(key).is_some_and(|other| *other == value))
    }
}

impl Stream {
    /// A stream of ours.
    pub(crate) const fn own(dictionary: Dictionary, data: Vec<u8>) -> Self {
        Self { dictionary, data: Data::Own(data) }
    }
}

impl Dictionary {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Builds a dictionary of our own; later entries replace earlier ones of the same key.
    pub(crate) fn of<const N: usize>(entries: [(&str, Object); N]) -> Self {
        let mut dictionary = Self::new();
        for (key, value) in entries {
            dictionary.set(key, value);
        }
        dictionary
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Object> {
        self.get_bytes(key.as_bytes())
    }

    pub(crate) fn get_bytes(&self, key: &[u8]) -> Option<&Object> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    pub(crate) fn set(&mut self, key: &str, value: Object) {
        self.remove(key);
        self.0.push((key.as_bytes().to_vec(), value));
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.0.retain(|(known, _)| known != key.as_bytes());
    }

    /// The dictionary of these entries; `None` if a key occurs twice.
    pub(crate) fn read(entries: Vec<(Vec<u8>, Object)>) -> Option<Self> {
        let keys: HashSet<&[u8]> = entries.iter().map(|(key, _)| key.as_slice()).collect();
        (keys.len() == entries.len()).then_some(Self(entries))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &Object)> {
        self.0.iter().map(|(key, value)| (key.as_slice(), value))
    }

    pub(crate) fn map_values(&mut self, change: &mut dyn FnMut(&mut Object)) {
        for (_, value) in &mut self.0 {
            change(value);
        }
    }

    /// The keys whose values differ between `self` and `other`, in either direction.
    pub(crate) fn differing_keys<'a>(&'a self, other: &'a Self) -> Vec<&'a [u8]> {
        let (here, there): (HashMap<_, _>, HashMap<_, _>) = (self.iter().collect(), other.iter().collect());
        let changed = self.iter().filter(|(key, value)| there.get(key) != Some(value)).map(|(key, _)| key);
        let added = other.iter().map(|(key, _)| key).filter(|key| !here.contains_key(key));
        changed.chain(added).collect()
    }

    pub(crate) fn is_name(&self, key: &str, name: &str) -> bool {
        self.get(key).and_then(Object::as_name) == Some(name.as_bytes())
    }
}

impl Object {
    pub(crate) fn name(text: &str) -> Self {
        Self::Name(text.as_bytes().to_vec())
    }

    /// A text string: ASCII as it is, anything else in UTF-16 with its mark.
    pub(crate) fn text(text: &str) -> Self {
        if text.is_ascii() {
            return Self::String(text.as_bytes().to_vec());
        }
        let mut bytes = vec![0xfe, 0xff];
        bytes.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
        Self::String(bytes)
    }

    /// A number of thousandths, written in units.
    pub(crate) fn thousandths(number: i64) -> Self {
        let sign = if number < 0 { "-" } else { "" };
        let (whole, part) = (number.unsigned_abs() / 1000, number.unsigned_abs() % 1000);
        if part == 0 { Self::Integer(number / 1000) } else { Self::Real(format!("{sign}{whole}.{part:03}")) }
    }

    pub(crate) fn as_name(&self) -> Option<&[u8]> {
        if let Self::Name(name) = self { Some(name) } else { None }
    }

    pub(crate) const fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    pub(crate) fn as_array(&self) -> Option<&[Self]> {
        if let Self::Array(items) = self { Some(items) } else { None }
    }

    pub(crate) const fn as_reference(&self) -> Option<Ref> {
        if let Self::Reference(reference) = self { Some(*reference) } else { None }
    }

    /// The dictionary, also a stream's.
    pub(crate) const fn as_dictionary(&self) -> Option<&Dictionary> {
        match self {
            Self::Dictionary(dictionary) | Self::Stream(Stream { dictionary, .. }) => Some(dictionary),
            Self::Null
            | Self::Boolean(_)
            | Self::Integer(_)
            | Self::Real(_)
            | Self::Name(_)
            | Self::String(_)
            | Self::Array(_)
            | Self::Reference(_) => None,
        }
    }

    /// The dictionary alone; a stream has none of its own.
    pub(crate) fn into_dictionary(self) -> Option<Dictionary> {
        if let Self::Dictionary(dictionary) = self { Some(dictionary) } else { None }
    }

    /// A string's text: UTF-16 with its mark, UTF-8 with its mark, else Latin-1.
    pub(crate) fn as_text(&self) -> Option<String> {
        let Self::String(bytes) = self else { return None };
        if let Some(units) = bytes.strip_prefix(&[0xfe, 0xff]) {
            let units: Vec<u16> = units.as_chunks().0.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
            return Some(String::from_utf16_lossy(&units));
        }
        if let Some(utf8) = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]) {
            return Some(String::from_utf8_lossy(utf8).into_owned());
        }
        Some(bytes.iter().copied().map(char::from).collect())
    }

    /// A number in thousandths, rounded toward zero.
    pub(crate) fn as_thousandths(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => number.checked_mul(1000),
            Self::Real(text) => {
                let (is_negative, text) = match text.strip_prefix('-') {
                    Some(rest) => (true, rest),
                    None => (false, text.strip_prefix('+').unwrap_or(text)),
                };
                let (whole, part) = text.split_once('.').unwrap_or((text, ""));
                let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
                let digits: String = part.chars().chain("000".chars()).take(3).collect();
                let number = whole.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
                if is_negative { number.checked_neg() } else { Some(number) }
            }
            Self::Null
            | Self::Boolean(_)
            | Self::Name(_)
            | Self::String(_)
            | Self::Array(_)
            | Self::Dictionary(_)
            | Self::Reference(_)
            | Self::Stream(_) => None,
        }
    }

    /// Every reference inside, at any depth of arrays and dictionaries.
    pub(crate) fn references(&self, found: &mut Vec<Ref>) {
        match self {
            Self::Reference(reference) => found.push(*reference),
            Self::Array(items) => items.iter().for_each(|item| item.references(found)),
            Self::Dictionary(dictionary) | Self::Stream(Stream { dictionary, .. }) => {
                dictionary.iter().for_each(|(_, value)| value.references(found));
            }
            Self::Null
            | Self::Boolean(_)
            | Self::Integer(_)
            | Self::Real(_)
            | Self::Name(_)
            | Self::String(_) => {}
        }
    }

    /// Appends the object as it stands in a file.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend(b"null"),
            Self::Boolean(true) => out.extend(b"true"),
            Self::Boolean(false) => out.extend(b"false"),
            Self::Integer(number) => out.extend(number.to_string().bytes()),
            Self::Real(text) => out.extend(text.bytes()),
            Self::Name(name) => write_name(name, out),
            Self::String(bytes) => write_string(bytes, out),
            Self::Array(items) => {
                out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(b' ');
                    }
                    item.write(out);
                }
                out.push(b']');
            }
            Self::Dictionary(dictionary) => dictionary.write(out),
            Self::Reference(reference) => {
                out.extend(format!("{} {} R", reference.number, reference.generation).bytes());
            }
            Self::Stream(stream) => {
                // An update refuses what is not its own, so nothing is lost here.
                let data = if let Data::Own(data) = &stream.data { data.as_slice() } else { &[] };
                let mut dictionary = stream.dictionary.clone();
                dictionary.set("Length", Self::Integer(i64::try_from(data.len()).unwrap_or(i64::MAX)));
                dictionary.write(out);
                out.extend(b"\nstream\n");
                out.extend(data);
                out.extend(b"\nendstream");
            }
        }
    }
}

impl Dictionary {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend(b"<<");
        for (key, value) in &self.0 {
            write_name(key, out);
            out.push(b' ');
            value.write(out);
            out.push(b'\n');
        }
        out.extend(b">>");
    }
}

fn write_name(name: &[u8], out: &mut Vec<u8>) {
    out.push(b'/');
    for byte in name {
        if byte.is_ascii_alphanumeric() || b"+-_.:*@!$&'".contains(byte) {
            out.push(*byte);
        } else {
            out.extend(format!("#{byte:02X}").bytes());
        }
    }
}

/// Printable ASCII in parentheses, anything else in hexadecimal.
fn write_string(bytes: &[u8], out: &mut Vec<u8>) {
    if bytes.iter().all(|byte| (0x20..0x7f).contains(byte)) {
        out.push(b'(');
        for byte in bytes {
            if matches!(byte, b'(' | b')' | b'\\') {
                out.push(b'\\');
            }
            out.push(*byte);
        }
        out.push(b')');
    } else {
        out.push(b'<');
        hexadecimal::encode(bytes, out);
        out.push(b'>');
    }
}

/// An indirect object with the bytes it occupies, from its number to `endobj`.
#[derive(Debug)]
pub(crate) struct Indirect {
    pub(crate) reference: Ref,
    pub(crate) object: Object,
    pub(crate) span: Range<usize>,
}

/// Reads the indirect object at `offset`; `length` resolves a stream length kept elsewhere. A stream's data
/// stays where it is, but its end is looked at.
pub(super) fn read(
    source: &Source<'_>,
    offset: usize,
    length: &dyn Fn(Ref) -> Option<i64>,
) -> Result<Indirect, PdfError> {
    let head = source.parse(offset, |parser| parser.head())?;
    if !head.is_stream {
        return Ok(Indirect { reference: head.reference, object: head.object, span: offset..head.end });
    }
    let bad = PdfError::at(head.end, "the stream's length");
    let Object::Dictionary(dictionary) = head.object else { return Err(bad) };
    let len = match dictionary.get("Length") {
        Some(Object::Integer(len)) => Some(*len),
        Some(Object::Reference(reference)) => length(*reference),
        Some(_) | None => None,
    };
    let end = len.and_then(|len| usize::try_from(len).ok()).and_then(|len| head.end.checked_add(len));
    let end = end.filter(|end| *end <= source.len()).ok_or(bad)?;
    let span = offset..source.parse(end, |parser| parser.stream_end())?;
    let data = Data::Stored(head.end..end);
    Ok(Indirect { reference: head.reference, object: Object::Stream(Stream { dictionary, data }), span })
}
