//! What the trailers say, found by their names in the raw bytes.
//!
//! A trailer is never compressed, so these names stand in plain sight whatever the cross-reference table pretends, and a
//! file that two readers would understand differently is judged by every trailer it holds.

use std::collections::BTreeSet;

/// A file with more revisions than this has its first information dictionaries read only.
const MAX_INFOS: usize = 16;
/// No name that we look for is longer, with every letter escaped.
const MAX_NAME_BYTES: usize = 24;

/// What the trailers of all revisions point to.
#[derive(Debug, Default)]
pub(super) struct Trailers {
    /// One of them names an encryption dictionary.
    pub(super) encrypted: bool,
    /// Information dictionaries: object and generation number.
    pub(super) infos: BTreeSet<(u32, i32)>,
}

/// Reads them in one pass over the file.
pub(super) fn trailers(bytes: &[u8]) -> Trailers {
    let mut found = Trailers::default();
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|&byte| byte == b'/') {
        rest = rest.get(at + 1..).unwrap_or_default();
        match name(rest).as_slice() {
            b"Encrypt" => found.encrypted = true,
            b"Info" if found.infos.len() < MAX_INFOS => found.infos.extend(reference(rest)),
            _ => {}
        }
    }
    found
}

/// The name that begins here, its escapes undone.
fn name(bytes: &[u8]) -> Vec<u8> {
    let end = bytes.iter().take(MAX_NAME_BYTES).position(|&b| !is_regular(b)).unwrap_or(MAX_NAME_BYTES);
    let mut raw = bytes.iter().take(end).copied();
    let mut name = Vec::new();
    while let Some(byte) = raw.next() {
        let escaped = || {
            let mut ahead = raw.clone();
            let high = char::from(ahead.next()?).to_digit(16)?;
            let low = char::from(ahead.next()?).to_digit(16)?;
            u8::try_from(high * 16 + low).ok()
        };
        match (byte, escaped()) {
            (b'#', Some(value)) => {
                name.push(value);
                raw.nth(1);
            }
            (plain, _) => name.push(plain),
        }
    }
    name
}

/// The `n g R` after a name.
fn reference(bytes: &[u8]) -> Option<(u32, i32)> {
    let text = String::from_utf8_lossy(bytes.get(..64).unwrap_or(bytes)).into_owned();
    let mut parts = text.split_ascii_whitespace().skip(1);
    let number = parts.next()?.parse().ok()?;
    let generation = parts.next()?.parse().ok()?;
    parts.next()?.starts_with('R').then_some((number, generation))
}

const fn is_regular(byte: u8) -> bool {
    byte.is_ascii_graphic()
        && !matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escaped_name_is_still_read() {
        assert!(trailers(b"trailer << /Encr#79pt 4 0 R >>").encrypted);
        assert!(trailers(b"<</Encrypt<<>>>>").encrypted);
        assert!(!trailers(b"<< /EncryptMetadata true /Encr#7 /").encrypted);
    }

    #[test]
    fn every_information_dictionary_is_found() {
        let found = trailers(b"<</Info 12 0 R>> ... /Info\n7 1\r\nR /Info (no) /Info");
        assert_eq!(found.infos, BTreeSet::from([(7, 1), (12, 0)]));
    }
}
