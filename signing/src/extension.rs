//! X.509 extensions, in certificates, lists and OCSP alike: read as slices, written whole.
//!
//! Source: `docs/sources.md`, entry `rfc5280`.

use const_oid::ObjectIdentifier;

use crate::Invalid;
use crate::algorithm::{oid, parse_oid};
use crate::tlv::{self, Reader};

/// Most extensions that are looked at in one place.
const MAX_EXTENSIONS: usize = 64;
const BOOLEAN: u8 = 0x01;

/// One extension: its name, whether it must be understood, and the content of its OCTET STRING.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extension<'a> {
    pub(crate) id: ObjectIdentifier,
    pub(crate) is_critical: bool,
    pub(crate) value: &'a [u8],
}

/// Reads `Extensions`, a SEQUENCE with all of it in `bytes`. Each may stand there once only.
pub(crate) fn parse_all(bytes: &[u8]) -> Result<Vec<Extension<'_>>, Invalid> {
    let mut list = tlv::only(bytes, tlv::SEQUENCE)?;
    let mut found: Vec<Extension<'_>> = Vec::new();
    while !list.is_empty() {
        let extension = parse(list.expect(tlv::SEQUENCE)?.body)?;
        if found.iter().any(|other| other.id == extension.id) {
            return Err(Invalid::Structure("an extension stands there twice"));
        }
        found.push(extension);
        if found.len() > MAX_EXTENSIONS {
            return Err(Invalid::Structure("too many extensions"));
        }
    }
    Ok(found)
}

fn parse(body: &[u8]) -> Result<Extension<'_>, Invalid> {
    let mut fields = Reader::new(body);
    let id = parse_oid(fields.expect(tlv::OID)?.body)?;
    // FALSE is the default and should not be written; authorities of old wrote it, and it says the same.
    let is_critical = match fields.optional(BOOLEAN)?.map(|element| element.body) {
        None | Some([0]) => false,
        Some([0xff]) => true,
        Some(_) => return Err(Invalid::NotDer),
    };
    let value = fields.expect(tlv::OCTET_STRING)?.body;
    fields.finish()?;
    Ok(Extension { id, is_critical, value })
}

/// Finds the extension `id`.
pub(crate) fn find<'a>(extensions: &[Extension<'a>], id: ObjectIdentifier) -> Option<Extension<'a>> {
    extensions.iter().copied().find(|extension| extension.id == id)
}

/// Writes an extension that need not be understood.
pub(crate) fn write(id: ObjectIdentifier, value: &[u8]) -> Vec<u8> {
    tlv::write(tlv::SEQUENCE, &[&oid(id), &tlv::write(tlv::OCTET_STRING, &[value])])
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.20");

    #[test]
    fn each_stands_there_once_and_true_has_one_form() {
        let one = write(NUMBER, &[2, 1, 7]);
        let list = |items: &[&[u8]]| tlv::write(tlv::SEQUENCE, items);
        let single = list(&[&one]);
        let read = parse_all(&single).unwrap();
        assert_eq!(find(&read, NUMBER).unwrap().value, [2, 1, 7]);
        assert!(!read[0].is_critical);
        assert!(parse_all(&list(&[&one, &one])).is_err());
        let critical = |octet: u8| {
            let value = tlv::write(tlv::OCTET_STRING, &[&[5, 0]]);
            tlv::write(tlv::SEQUENCE, &[&oid(NUMBER), &[BOOLEAN, 1, octet], &value])
        };
        assert!(parse_all(&list(&[&critical(0xff)])).unwrap()[0].is_critical);
        assert!(parse_all(&list(&[&critical(1)])).is_err(), "BER's other truths");
    }
}
