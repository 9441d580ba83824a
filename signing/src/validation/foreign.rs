//! Formats of signatures that are known by sight and not judged here, so that the answer says so.
//!
//! Source: `docs/sources.md`, entries `en319162` (containers), `xmldsig`.

/// How a ZIP file begins.
const ZIP: &[u8] = b"PK\x03\x04";
/// Where a ZIP file says its kind, if it does: the first entry, stored.
const KIND_WITHIN: usize = 256;
/// How far into a text its first element is looked for, and a signature's name space in it.
const XML_WITHIN: usize = 64 << 10;

/// A format that is not judged here.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Foreign {
    /// A container with signatures beside its files.
    #[error(
        "this is an ASiC container, not a format that is judged here: nothing is said about the signatures in it; give its signed PDFs, or ask a validation service for ASiC"
    )]
    Asic,
    /// Another container.
    #[error(
        "this is a ZIP file (as of Office documents), not a format that is judged here: nothing is said about signatures in it; give a signed PDF or a CMS signature"
    )]
    Zip,
    /// A text with a signature in it or beside it.
    #[error(
        "this is a signed XML document (XML-DSig, XAdES), not a format that is judged here: nothing is said about its signatures; ask a validation service for XAdES"
    )]
    SignedXml,
    /// A text without one.
    #[error(
        "this is an XML document without a signature that is known here: give a signed PDF or a CMS signature"
    )]
    Xml,
}

impl Foreign {
    /// What these bytes are, if it is one of those.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let has = |within: usize, word: &[u8]| {
            let start = bytes.get(..within.min(bytes.len())).unwrap_or_default();
            memchr::memmem::find(start, word).is_some()
        };
        if bytes.starts_with(ZIP) {
            let is_asic = has(KIND_WITHIN, b"application/vnd.etsi.asic-");
            return Some(if is_asic { Self::Asic } else { Self::Zip });
        }
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
        let is_xml = text.starts_with(b"<")
            && text.get(1).is_some_and(|next| b"?!".contains(next) || next.is_ascii_alphabetic());
        if !is_xml {
            return None;
        }
        let is_signed = has(XML_WITHIN, b"http://www.w3.org/2000/09/xmldsig#");
        Some(if is_signed { Self::SignedXml } else { Self::Xml })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_and_texts_are_told_by_their_beginning() {
        let asic =
            [ZIP, b"\x0a\0\0\0mimetypeapplication/vnd.etsi.asic-e+zipPK\x03\x04 a.pdf%PDF-1.7"].concat();
        let signed =
            b"<?xml version=\"1.0\"?><a><Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"/></a>";
        for (bytes, expected) in [
            (asic.as_slice(), Some(Foreign::Asic)),
            (b"PK\x03\x04\x14\0[Content_Types].xml", Some(Foreign::Zip)),
            (signed, Some(Foreign::SignedXml)),
            (b"\xef\xbb\xbf\n<edXML>", Some(Foreign::Xml)),
            (b"<!DOCTYPE html>", Some(Foreign::Xml)),
            (b"%PDF-1.7\n<</A 1>>", None),
            (b"<<", None),
            (b"PK", None),
            (b"", None),
        ] {
            assert_eq!(Foreign::of(bytes), expected, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
