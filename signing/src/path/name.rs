//! Distinguished names as RFC 5280 compares them: case and spaces do not count, the string type neither.
//!
//! Source: `docs/sources.md`, entries `rfc5280` (7.1) and `rfc4518` (string preparation).

use der::Decode as _;
use unicode_normalization::UnicodeNormalization as _;
use x509_cert::name::{Name, RelativeDistinguishedName};

/// Most relative names in one distinguished name.
const MAX_RDNS: usize = 64;
/// emailAddress, PKCS #9.
const EMAIL_ADDRESS: const_oid::ObjectIdentifier =
    const_oid::ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.1");

/// A distinguished name in its one comparable form.
///
/// Invariant: two names are equal by RFC 5280 exactly if their forms are equal.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct NormalName {
    rdns: Vec<Vec<u8>>,
}

impl NormalName {
    /// Takes a parsed name; `None` if a string in it is not of the type it says, or it is too long.
    pub(crate) fn new(name: &Name) -> Option<Self> {
        if name.0.len() > MAX_RDNS {
            return None;
        }
        Some(Self { rdns: name.0.iter().map(normal_rdn).collect::<Option<_>>()? })
    }

    /// Parses a DER `Name`.
    pub(crate) fn from_der(der: &[u8]) -> Option<Self> {
        Self::new(&Name::from_der(der).ok()?)
    }

    /// The name with one more relative name under it.
    pub(crate) fn child(&self, rdn: &RelativeDistinguishedName) -> Option<Self> {
        let mut rdns = self.rdns.clone();
        rdns.push(normal_rdn(rdn)?);
        Some(Self { rdns })
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rdns.is_empty()
    }

    /// Whether this name lies in the subtree under `base`.
    pub(crate) fn is_within(&self, base: &Self) -> bool {
        self.rdns.starts_with(&base.rdns)
    }
}

/// Every emailAddress of a name; `None` stands for one that is no text.
pub(crate) fn email_addresses(name: &Name) -> impl Iterator<Item = Option<String>> + '_ {
    name.0
        .iter()
        .flat_map(|rdn| rdn.0.iter())
        .filter(|attribute| attribute.oid == EMAIL_ADDRESS)
        .map(|attribute| text(der::Tagged::tag(&attribute.value).octet(), attribute.value.value())?)
}

/// The attributes of one relative name, each with its lengths, in ascending order.
fn normal_rdn(rdn: &RelativeDistinguishedName) -> Option<Vec<u8>> {
    let mut attributes = Vec::new();
    for attribute in rdn.0.iter() {
        let tag = der::Tagged::tag(&attribute.value).octet();
        let (kind, value) = match text(tag, attribute.value.value())? {
            Some(text) => (0, prepare(&text).into_bytes()),
            None => (tag, attribute.value.value().to_vec()),
        };
        let mut normal = Vec::new();
        for part in [attribute.oid.as_bytes(), &[kind], &value] {
            normal.extend(u32::try_from(part.len()).ok()?.to_be_bytes());
            normal.extend(part);
        }
        attributes.push(normal);
    }
    attributes.sort();
    Some(attributes.concat())
}

/// The characters of a string type; inner `None` for what is no string, outer for a damaged one.
#[expect(clippy::option_option, reason = "no string and a damaged string are two answers")]
fn text(tag: u8, bytes: &[u8]) -> Option<Option<String>> {
    let text = match tag {
        0x0c => std::str::from_utf8(bytes).ok()?.to_owned(),
        // NumericString, PrintableString, IA5String, VisibleString.
        0x12 | 0x13 | 0x16 | 0x1a => {
            if !bytes.is_ascii() {
                return None;
            }
            String::from_utf8_lossy(bytes).into_owned()
        }
        // TeletexString is in practice Latin-1.
        0x14 => bytes.iter().copied().map(char::from).collect(),
        0x1c => {
            let (words, rest) = bytes.as_chunks::<4>();
            if !rest.is_empty() {
                return None;
            }
            words.iter().map(|word| char::from_u32(u32::from_be_bytes(*word))).collect::<Option<_>>()?
        }
        0x1e => {
            let (words, rest) = bytes.as_chunks::<2>();
            if !rest.is_empty() {
                return None;
            }
            char::decode_utf16(words.iter().map(|word| u16::from_be_bytes(*word)))
                .collect::<Result<_, _>>()
                .ok()?
        }
        _ => return Some(None),
    };
    Some(Some(text))
}

/// String preparation: what is invisible goes, letters are folded, spaces are single and inside only.
fn prepare(text: &str) -> String {
    let folded: String =
        text.chars().filter(|c| !is_ignored(*c)).nfkc().flat_map(char::to_lowercase).nfkc().collect();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Characters that RFC 4518, 2.2 maps to nothing.
const fn is_ignored(c: char) -> bool {
    matches!(c,
        '\u{0}'..='\u{8}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}'
        | '\u{ad}' | '\u{34f}' | '\u{6dd}' | '\u{70f}' | '\u{1806}' | '\u{180b}'..='\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2063}' | '\u{206a}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffc}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tlv;

    fn name(tag: u8, value: &[u8]) -> NormalName {
        let attribute = tlv::write(tlv::SEQUENCE, &[&[6, 3, 0x55, 4, 3], &tlv::write(tag, &[value])]);
        let rdn = tlv::write(tlv::SET, &[&attribute]);
        NormalName::from_der(&tlv::write(tlv::SEQUENCE, &[&rdn])).unwrap()
    }

    #[test]
    fn case_spaces_string_types_and_composition_do_not_count() {
        let one = name(0x0c, "Bộ Nội vụ".as_bytes());
        assert_eq!(one, name(0x0c, "  bộ  nội VỤ ".as_bytes()));
        assert_eq!(one, name(0x0c, "Bộ Nội vụ".nfd().collect::<String>().as_bytes()));
        let utf16: Vec<u8> = "BỘ NỘI VỤ".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(one, name(0x1e, &utf16));
        assert_eq!(name(0x13, b"CA"), name(0x0c, "c\u{200b}a".as_bytes()));
        assert_ne!(one, name(0x0c, "Bộ Nội vu".as_bytes()));
        assert_ne!(name(0x13, b"ab"), name(0x13, b"a b"));
    }
}
