//! Signed and unsigned attributes.
//!
//! Source: `docs/sources.md`, entries `rfc5652` (5.3, 11), `en319122`.

use const_oid::ObjectIdentifier;

use crate::Invalid;
use crate::algorithm::{oid, parse_oid};
use crate::tlv::{self, Reader};

pub(crate) const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
pub(crate) const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
pub(crate) const SIGNING_TIME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.5");
pub(crate) const SIGNING_CERTIFICATE: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.12");
pub(crate) const SIGNATURE_TIME_STAMP: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.14");
pub(crate) const SIGNING_CERTIFICATE_V2: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");
pub(crate) const ALGORITHM_PROTECTION: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.52");

/// Most attributes that are looked at in one signature, signed or unsigned.
const MAX_ATTRIBUTES: usize = 32;
/// Most values of one unsigned attribute.
const MAX_VALUES: usize = 32;

/// The signed attributes: each type once, each with one value.
pub(super) struct SignedAttributes<'a>(Vec<(ObjectIdentifier, &'a [u8])>);

impl<'a> SignedAttributes<'a> {
    pub(super) fn parse(set: &'a [u8]) -> Result<Self, Invalid> {
        let mut found: Vec<(ObjectIdentifier, &[u8])> = Vec::new();
        for attribute in UnsignedAttribute::parse_all(set)? {
            let &[value] = attribute.values.as_slice() else {
                return Err(Invalid::Structure("a signed attribute without or with several values"));
            };
            if found.iter().any(|(known, _)| *known == attribute.kind) {
                return Err(Invalid::Structure("a signed attribute occurs twice"));
            }
            found.push((attribute.kind, value));
        }
        Ok(Self(found))
    }

    pub(super) fn optional(&self, kind: ObjectIdentifier) -> Option<&'a [u8]> {
        self.0.iter().find(|(known, _)| *known == kind).map(|(_, value)| *value)
    }

    pub(super) fn require(&self, kind: ObjectIdentifier) -> Result<&'a [u8], Invalid> {
        self.optional(kind).ok_or(Invalid::Structure("a required signed attribute is missing"))
    }
}

/// An attribute that no signature covers; a type may occur again, with other values.
#[derive(Debug)]
pub(crate) struct UnsignedAttribute<'a> {
    pub(crate) kind: ObjectIdentifier,
    pub(crate) values: Vec<&'a [u8]>,
    pub(crate) whole: &'a [u8],
}

impl<'a> UnsignedAttribute<'a> {
    pub(super) fn parse_all(set: &'a [u8]) -> Result<Vec<Self>, Invalid> {
        let mut reader = Reader::new(set);
        let mut found = Vec::new();
        while !reader.is_empty() {
            found.push(Self::parse(reader.expect(tlv::SEQUENCE)?)?);
            if found.len() > MAX_ATTRIBUTES {
                return Err(Invalid::Structure("too many attributes"));
            }
        }
        Ok(found)
    }

    fn parse(attribute: tlv::Tlv<'a>) -> Result<Self, Invalid> {
        let mut fields = Reader::new(attribute.body);
        let kind = parse_oid(fields.expect(tlv::OID)?.body)?;
        let mut set = Reader::new(fields.expect(tlv::SET)?.body);
        fields.finish()?;
        let mut values = Vec::new();
        while !set.is_empty() {
            values.push(set.any()?.whole);
            if values.len() > MAX_VALUES {
                return Err(Invalid::Structure("too many values of an attribute"));
            }
        }
        Ok(Self { kind, values, whole: attribute.whole })
    }
}

/// Writes an attribute with one value.
pub(crate) fn attribute(kind: ObjectIdentifier, value: &[u8]) -> Vec<u8> {
    tlv::write(tlv::SEQUENCE, &[&oid(kind), &tlv::write(tlv::SET, &[value])])
}

/// The value of the RFC 6211 attribute.
pub(crate) fn protection(digest_algorithm: &[u8], signature_algorithm: &[u8]) -> Vec<u8> {
    let mut tagged = signature_algorithm.to_vec();
    if let Some(tag) = tagged.first_mut() {
        *tag = tlv::context(1);
    }
    tlv::write(tlv::SEQUENCE, &[digest_algorithm, &tagged])
}
