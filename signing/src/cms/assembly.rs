//! A CMS put together, and one with an unsigned attribute more.

use const_oid::ObjectIdentifier;

use super::attributes::{
    ALGORITHM_PROTECTION, CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_CERTIFICATE_V2, attribute, protection,
};
use super::ess::signing_certificate;
use super::{DATA, Parts, SIGNED_DATA, VERSION_1, VERSION_3};
use crate::algorithm::{Hash, oid};
use crate::{Certificate, SignatureAlgorithm, tlv};

/// What a finished CMS is put together from.
pub(crate) struct Assembly<'a> {
    pub(crate) content_type: ObjectIdentifier,
    /// The content, if it is inside.
    pub(crate) content: Option<&'a [u8]>,
    pub(crate) hash: Hash,
    pub(crate) certificates: Vec<Vec<u8>>,
    /// The signer's issuer and serial number.
    pub(crate) signer_id: &'a [u8],
    /// Content of the SET.
    pub(crate) signed_attributes: &'a [u8],
    pub(crate) signature_algorithm: &'a [u8],
    pub(crate) signature: &'a [u8],
    /// Whole attributes.
    pub(crate) unsigned_attributes: Vec<Vec<u8>>,
}

/// Writes the CMS: sets sorted, hashes without parameters, the signer named by issuer and serial number.
pub(crate) fn assemble(parts: Assembly<'_>) -> Vec<u8> {
    let hash = parts.hash.identifier();
    let unsigned = match parts.unsigned_attributes.as_slice() {
        [] => Vec::new(),
        [..] => tlv::write_set(tlv::context(1), parts.unsigned_attributes),
    };
    let signer = tlv::write(
        tlv::SEQUENCE,
        &[
            &tlv::write(tlv::INTEGER, &[VERSION_1]),
            parts.signer_id,
            &hash,
            &tlv::write(tlv::context(0), &[parts.signed_attributes]),
            parts.signature_algorithm,
            &tlv::write(tlv::OCTET_STRING, &[parts.signature]),
            &unsigned,
        ],
    );
    let content = parts.content.map_or_else(Vec::new, |content| {
        tlv::write(tlv::context(0), &[&tlv::write(tlv::OCTET_STRING, &[content])])
    });
    let certificates = match parts.certificates.as_slice() {
        [] => Vec::new(),
        [..] => tlv::write_set(tlv::context(0), parts.certificates),
    };
    let version = if parts.content_type == DATA { VERSION_1 } else { VERSION_3 };
    wrap(&[
        &tlv::write(tlv::INTEGER, &[version]),
        &tlv::write(tlv::SET, &[&hash]),
        &tlv::write(tlv::SEQUENCE, &[&oid(parts.content_type), &content]),
        &certificates,
        &tlv::write(tlv::SET, &[&signer]),
    ])
}

impl Parts<'_> {
    /// The one encoding that these parts have here; revocation lists and key identifiers have none.
    pub(crate) fn canonical(&self, hash: Hash) -> Vec<u8> {
        self.with_certificates(hash, self.certificates.iter().map(|der| der.to_vec()).collect())
    }

    pub(crate) fn with_certificates(&self, hash: Hash, certificates: Vec<Vec<u8>>) -> Vec<u8> {
        assemble(Assembly {
            content_type: self.content_type,
            content: self.content,
            hash,
            certificates,
            signer_id: self.signer_id.whole(),
            signed_attributes: self.signed_attributes,
            signature_algorithm: self.signature_algorithm,
            signature: self.signature,
            unsigned_attributes: self.unsigned.iter().map(|attribute| attribute.whole.to_vec()).collect(),
        })
    }

    /// The same CMS with one more unsigned attribute; every other byte but the lengths stays as it is.
    pub(crate) fn with_unsigned(&self, kind: ObjectIdentifier, value: &[u8]) -> Vec<u8> {
        let mut unsigned: Vec<_> = self.unsigned.iter().map(|attribute| attribute.whole.to_vec()).collect();
        unsigned.push(attribute(kind, value));
        let unsigned = tlv::write_set(tlv::context(1), unsigned);
        let signer = tlv::write(tlv::SEQUENCE, &[self.signer_head, &unsigned]);
        wrap(&[self.head, &tlv::write(tlv::SET, &[&signer])])
    }
}

fn wrap(signed_data: &[&[u8]]) -> Vec<u8> {
    let data = tlv::write(tlv::SEQUENCE, signed_data);
    tlv::write(tlv::SEQUENCE, &[&oid(SIGNED_DATA), &tlv::write(tlv::context(0), &[&data])])
}

/// The signed attributes of a baseline signature, as a DER SET; `more` are further whole attributes.
pub(crate) fn signed_attributes(
    content_type: ObjectIdentifier,
    digest: &[u8],
    signer: &Certificate,
    algorithm: SignatureAlgorithm,
    more: Vec<Vec<u8>>,
) -> Vec<u8> {
    let protected = protection(&algorithm.hash().identifier(), &algorithm.identifier());
    let mut attributes = vec![
        attribute(CONTENT_TYPE, &oid(content_type)),
        attribute(MESSAGE_DIGEST, &tlv::write(tlv::OCTET_STRING, &[digest])),
        attribute(SIGNING_CERTIFICATE_V2, &signing_certificate(signer)),
        attribute(ALGORITHM_PROTECTION, &protected),
    ];
    attributes.extend(more);
    tlv::write_set(tlv::SET, attributes)
}
