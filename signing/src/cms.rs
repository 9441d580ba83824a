//! CMS `SignedData` with one signer and no content of its own: taken apart, checked, put together.
//!
//! Source: `docs/sources.md`, entries `rfc5652`, `rfc5035` (ESS), `rfc6211`, `en319122`.

use cabinet::Timestamp;
use const_oid::ObjectIdentifier;
use der::Decode as _;

use crate::algorithm::{Hash, Scheme, digest_identifier, oid, parse_oid};
use crate::tlv::{self, Reader};
use crate::{Certificate, Invalid};

pub(crate) const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
pub(crate) const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
pub(crate) const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
pub(crate) const SIGNING_TIME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.5");
pub(crate) const SIGNING_CERTIFICATE_V2: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");
pub(crate) const ALGORITHM_PROTECTION: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.52");

/// Largest CMS that is looked at, in bytes.
const MAX_CMS_BYTES: usize = 1 << 20;
/// Most certificates that are looked at in one CMS.
const MAX_CERTIFICATES: usize = 32;

const VERSION_1: &[u8] = &[1];
const SIGNER_ID_ISSUER: u8 = tlv::SEQUENCE;

/// The parts of a CMS, as slices of the original bytes.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) certificates: Vec<&'a [u8]>,
    signer_id: &'a [u8],
    digest_algorithm: &'a [u8],
    /// Content of the `[0] IMPLICIT SET`.
    signed_attributes: &'a [u8],
    signature_algorithm: &'a [u8],
    signature: &'a [u8],
}

/// What a check of the signature alone has shown; whom to trust is another question.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) signer: Certificate,
    pub(crate) others: Vec<Certificate>,
    pub(crate) signing_time: Option<Timestamp>,
}

/// Takes the one CMS in `bytes` apart. Unsigned attributes and revocation lists are passed over.
pub(crate) fn parse(bytes: &[u8]) -> Result<Parts<'_>, Invalid> {
    if bytes.len() > MAX_CMS_BYTES {
        return Err(Invalid::Structure("larger than a megabyte"));
    }
    let mut info = tlv::only(bytes, tlv::SEQUENCE)?;
    if parse_oid(info.expect(tlv::OID)?.body)? != SIGNED_DATA {
        return Err(Invalid::Structure("not SignedData"));
    }
    let explicit = info.expect(tlv::context(0))?;
    info.finish()?;
    let mut data = tlv::only(explicit.body, tlv::SEQUENCE)?;
    if data.expect(tlv::INTEGER)?.body != VERSION_1 {
        return Err(Invalid::Structure("the version"));
    }
    let digest_algorithms = data.expect(tlv::SET)?.body;
    let content = data.expect(tlv::SEQUENCE)?;
    if content.body != oid(DATA) {
        return Err(Invalid::Structure("the content is inside, or is not data"));
    }
    let certificates = certificates(data.optional(tlv::context(0))?.map_or(&[], |set| set.body))?;
    data.optional(tlv::context(1))?;
    let signers = data.expect(tlv::SET)?;
    data.finish()?;
    let mut signers = Reader::new(signers.body);
    let signer = signers.expect(tlv::SEQUENCE)?;
    if !signers.is_empty() {
        return Err(Invalid::Structure("more than one signer"));
    }
    let mut signer = Reader::new(signer.body);
    if signer.expect(tlv::INTEGER)?.body != VERSION_1 {
        return Err(Invalid::Structure("the signer is not named by issuer and serial number"));
    }
    let signer_id = signer.expect(SIGNER_ID_ISSUER)?.whole;
    let digest_algorithm = signer.expect(tlv::SEQUENCE)?.whole;
    if Hash::parse(digest_algorithms)? != Hash::parse(digest_algorithm)? {
        return Err(Invalid::Structure("two different hashes"));
    }
    let signed_attributes = signer.expect(tlv::context(0))?.body;
    let signature_algorithm = signer.expect(tlv::SEQUENCE)?.whole;
    let signature = signer.expect(tlv::OCTET_STRING)?.body;
    signer.optional(tlv::context(1))?;
    signer.finish()?;
    Ok(Parts { certificates, signer_id, digest_algorithm, signed_attributes, signature_algorithm, signature })
}

fn certificates(set: &[u8]) -> Result<Vec<&[u8]>, Invalid> {
    let mut reader = Reader::new(set);
    let mut found = Vec::new();
    while !reader.is_empty() {
        found.push(reader.expect(tlv::SEQUENCE)?.whole);
        if found.len() > MAX_CERTIFICATES {
            return Err(Invalid::Structure("too many certificates"));
        }
    }
    Ok(found)
}

impl Parts<'_> {
    /// Checks everything but the certification path. `content` hashes the detached content.
    pub(crate) fn check(
        &self,
        content: &dyn Fn(Hash) -> Result<Vec<u8>, Invalid>,
    ) -> Result<Checked, Invalid> {
        let hash = Hash::parse(self.digest_algorithm)?;
        let attributes = Attributes::parse(self.signed_attributes)?;
        if attributes.require(CONTENT_TYPE)? != oid(DATA) {
            return Err(Invalid::Structure("the content type attribute"));
        }
        // The ESS attribute decides who signed, before anything else is believed (key substitution).
        let mut certificates = Vec::new();
        for der in &self.certificates {
            certificates.push(Certificate::from_der(der).ok().ok_or(Invalid::NotDer)?);
        }
        let reference = attributes.require(SIGNING_CERTIFICATE_V2)?;
        let signer = self.signer(&mut certificates, reference)?;
        self.check_protection(&attributes)?;
        if attributes.require(MESSAGE_DIGEST)? != tlv::write(tlv::OCTET_STRING, &[&content(hash)?]) {
            return Err(Invalid::ContentDiffers);
        }
        let scheme = Scheme::parse(self.signature_algorithm, hash)?;
        // The signature covers the attributes as a SET, though they are sent under [0].
        scheme.verify(&signer, &tlv::write(tlv::SET, &[self.signed_attributes]), self.signature)?;
        let signing_time = attributes.optional(SIGNING_TIME).map(parse_time).transpose()?;
        Ok(Checked { signer, others: certificates, signing_time })
    }

    /// Takes the signer's certificate out of those that were sent.
    fn signer(&self, certificates: &mut Vec<Certificate>, reference: &[u8]) -> Result<Certificate, Invalid> {
        let reference = EssReference::parse(reference)?;
        let mut signer = None;
        let mut others = Vec::new();
        for certificate in certificates.drain(..) {
            if reference.names(&certificate)? {
                signer = Some(certificate);
            } else {
                others.push(certificate);
            }
        }
        *certificates = others;
        let signer = signer.ok_or(Invalid::WrongSigner)?;
        let (issuer, serial) = signer.issuer_and_serial().ok().ok_or(Invalid::NotDer)?;
        if self.signer_id != tlv::write(tlv::SEQUENCE, &[&issuer, &serial]) {
            return Err(Invalid::WrongSigner);
        }
        Ok(signer)
    }

    /// RFC 6211: the algorithms named outside the signature are those the signer meant.
    fn check_protection(&self, attributes: &Attributes<'_>) -> Result<(), Invalid> {
        match attributes.optional(ALGORITHM_PROTECTION) {
            Some(value) if value != protection(self.digest_algorithm, self.signature_algorithm) => {
                Err(Invalid::Structure("algorithms other than the signer protected"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The one encoding that these parts have here.
    pub(crate) fn canonical(&self) -> Vec<u8> {
        self.with_certificates(self.certificates.iter().map(|der| der.to_vec()).collect())
    }

    pub(crate) fn with_certificates(&self, certificates: Vec<Vec<u8>>) -> Vec<u8> {
        assemble(&Assembly {
            certificates,
            signer_id: self.signer_id,
            signed_attributes: self.signed_attributes,
            signature_algorithm: self.signature_algorithm,
            signature: self.signature,
        })
    }

    pub(crate) fn is_sorted(&self) -> Result<bool, Invalid> {
        let mut reader = Reader::new(self.signed_attributes);
        let mut before: &[u8] = &[];
        while !reader.is_empty() {
            let attribute = reader.expect(tlv::SEQUENCE)?;
            if attribute.whole <= before {
                return Ok(false);
            }
            before = attribute.whole;
        }
        Ok(true)
    }

    pub(crate) const fn signature_algorithm(&self) -> &[u8] {
        self.signature_algorithm
    }
}

/// What a finished CMS is put together from.
pub(crate) struct Assembly<'a> {
    pub(crate) certificates: Vec<Vec<u8>>,
    pub(crate) signer_id: &'a [u8],
    pub(crate) signed_attributes: &'a [u8],
    pub(crate) signature_algorithm: &'a [u8],
    pub(crate) signature: &'a [u8],
}

/// Writes the CMS: SHA-256, no content inside, no unsigned attributes.
pub(crate) fn assemble(parts: &Assembly<'_>) -> Vec<u8> {
    let version = tlv::write(tlv::INTEGER, &[VERSION_1]);
    let signer = tlv::write(
        tlv::SEQUENCE,
        &[
            &version,
            parts.signer_id,
            &digest_identifier(),
            &tlv::write(tlv::context(0), &[parts.signed_attributes]),
            parts.signature_algorithm,
            &tlv::write(tlv::OCTET_STRING, &[parts.signature]),
        ],
    );
    let data = tlv::write(
        tlv::SEQUENCE,
        &[
            &version,
            &tlv::write(tlv::SET, &[&digest_identifier()]),
            &tlv::write(tlv::SEQUENCE, &[&oid(DATA)]),
            &tlv::write_set(tlv::context(0), parts.certificates.clone()),
            &tlv::write(tlv::SET, &[&signer]),
        ],
    );
    tlv::write(tlv::SEQUENCE, &[&oid(SIGNED_DATA), &tlv::write(tlv::context(0), &[&data])])
}

/// The value of the RFC 6211 attribute.
pub(crate) fn protection(digest_algorithm: &[u8], signature_algorithm: &[u8]) -> Vec<u8> {
    let mut tagged = signature_algorithm.to_vec();
    if let Some(tag) = tagged.first_mut() {
        *tag = tlv::context(1);
    }
    tlv::write(tlv::SEQUENCE, &[digest_algorithm, &tagged])
}

/// The signed attributes: each type once, each with one value.
struct Attributes<'a>(Vec<(ObjectIdentifier, &'a [u8])>);

impl<'a> Attributes<'a> {
    fn parse(set: &'a [u8]) -> Result<Self, Invalid> {
        let mut reader = Reader::new(set);
        let mut found: Vec<(ObjectIdentifier, &[u8])> = Vec::new();
        while !reader.is_empty() {
            let mut attribute = Reader::new(reader.expect(tlv::SEQUENCE)?.body);
            let kind = parse_oid(attribute.expect(tlv::OID)?.body)?;
            let values = attribute.expect(tlv::SET)?;
            attribute.finish()?;
            let mut values = Reader::new(values.body);
            let value = values.any()?.whole;
            if !values.is_empty() || found.iter().any(|(known, _)| *known == kind) {
                return Err(Invalid::Structure("a signed attribute occurs twice"));
            }
            found.push((kind, value));
        }
        Ok(Self(found))
    }

    fn optional(&self, kind: ObjectIdentifier) -> Option<&'a [u8]> {
        self.0.iter().find(|(known, _)| *known == kind).map(|(_, value)| *value)
    }

    fn require(&self, kind: ObjectIdentifier) -> Result<&'a [u8], Invalid> {
        self.optional(kind).ok_or(Invalid::Structure("a required signed attribute is missing"))
    }
}

/// The first `ESSCertIDv2` of a signing-certificate-v2 attribute: the signer.
struct EssReference<'a> {
    hash: Hash,
    digest: &'a [u8],
    issuer_serial: Option<&'a [u8]>,
}

impl<'a> EssReference<'a> {
    fn parse(value: &'a [u8]) -> Result<Self, Invalid> {
        let mut attribute = tlv::only(value, tlv::SEQUENCE)?;
        let mut ids = Reader::new(attribute.expect(tlv::SEQUENCE)?.body);
        let mut first = Reader::new(ids.expect(tlv::SEQUENCE)?.body);
        let hash = match first.optional(tlv::SEQUENCE)? {
            Some(identifier) => Hash::parse(identifier.whole)?,
            None => Hash::Sha256,
        };
        let digest = first.expect(tlv::OCTET_STRING)?.body;
        let issuer_serial = first.optional(tlv::SEQUENCE)?.map(|element| element.whole);
        first.finish()?;
        Ok(Self { hash, digest, issuer_serial })
    }

    fn names(&self, certificate: &Certificate) -> Result<bool, Invalid> {
        if self.hash.digest(certificate.to_der())? != self.digest {
            return Ok(false);
        }
        let Some(issuer_serial) = self.issuer_serial else { return Ok(true) };
        let (issuer, serial) = certificate.issuer_and_serial().ok().ok_or(Invalid::NotDer)?;
        let names = tlv::write(tlv::SEQUENCE, &[&tlv::write(tlv::context(4), &[&issuer])]);
        if issuer_serial == tlv::write(tlv::SEQUENCE, &[&names, &serial]) {
            Ok(true)
        } else {
            Err(Invalid::WrongSigner)
        }
    }
}

fn parse_time(value: &[u8]) -> Result<Timestamp, Invalid> {
    let time = x509_cert::time::Time::from_der(value).ok().ok_or(Invalid::Structure("the signing time"))?;
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok();
    Ok(Timestamp::from_micros(0).plus_seconds(seconds.ok_or(Invalid::Structure("the signing time"))?))
}
