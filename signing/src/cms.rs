//! CMS `SignedData` with one signer, its content inside or beside it: taken apart, checked, put together.
//!
//! Source: `docs/sources.md`, entries `rfc5652`, `rfc5035` (ESS), `rfc6211`, `en319122`.

mod assembly;
mod attributes;
mod ess;

use cabinet::Timestamp;
use const_oid::ObjectIdentifier;
use der::Decode as _;

pub(crate) use self::assembly::{Assembly, assemble, signed_attributes};
use self::attributes::{ALGORITHM_PROTECTION, CONTENT_TYPE, MESSAGE_DIGEST, SignedAttributes, protection};
pub(crate) use self::attributes::{SIGNATURE_TIME_STAMP, SIGNING_TIME, UnsignedAttribute, attribute};
use self::ess::EssReference;
pub use self::ess::Reference;
use crate::algorithm::{Hash, Scheme, oid, parse_oid};
use crate::tlv::{self, Reader};
use crate::{Certificate, Invalid};

pub(crate) const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");

/// Largest CMS that is looked at, in bytes.
pub(crate) const MAX_CMS_BYTES: usize = 1 << 20;
/// Most certificates that are looked at in one CMS.
const MAX_CERTIFICATES: usize = 32;
/// Most revocation lists that are looked at in one CMS.
const MAX_CRLS: usize = 32;

const VERSION_1: &[u8] = &[1];
const VERSION_3: &[u8] = &[3];
const KEY_IDENTIFIER: u8 = 0x80;

/// The parts of a CMS, as slices of the original bytes.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) content_type: ObjectIdentifier,
    /// The content, if it is inside.
    pub(crate) content: Option<&'a [u8]>,
    pub(crate) certificates: Vec<&'a [u8]>,
    pub(crate) crls: Vec<&'a [u8]>,
    pub(crate) unsigned: Vec<UnsignedAttribute<'a>>,
    /// The value itself: what a signature time-stamp is over.
    pub(crate) signature: &'a [u8],
    signer_id: SignerId<'a>,
    digest_algorithm: &'a [u8],
    /// Content of the `[0] IMPLICIT SET`.
    signed_attributes: &'a [u8],
    signature_algorithm: &'a [u8],
    /// What stands before the set of signers, and in the signer before the unsigned attributes.
    head: &'a [u8],
    signer_head: &'a [u8],
}

/// Whose signature it is, in words that no signature covers; the ESS attribute decides.
#[derive(Clone, Copy, Debug)]
enum SignerId<'a> {
    IssuerAndSerial(&'a [u8]),
    KeyIdentifier { whole: &'a [u8], id: &'a [u8] },
}

impl<'a> SignerId<'a> {
    const fn whole(self) -> &'a [u8] {
        match self {
            Self::IssuerAndSerial(whole) | Self::KeyIdentifier { whole, .. } => whole,
        }
    }

    fn names(self, signer: &Certificate) -> Result<bool, Invalid> {
        match self {
            Self::IssuerAndSerial(whole) => {
                let (issuer, serial) = signer.issuer_and_serial().ok().ok_or(Invalid::NotDer)?;
                Ok(whole == tlv::write(tlv::SEQUENCE, &[&issuer, &serial]))
            }
            Self::KeyIdentifier { id, .. } => Ok(signer.subject_key_id().is_some_and(|known| known == id)),
        }
    }
}

/// What a check of the signature alone has shown; whom to trust is another question.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) signer: Certificate,
    pub(crate) others: Vec<Certificate>,
    pub(crate) signing_time: Option<Timestamp>,
    pub(crate) reference: Reference,
}

/// What a CMS must be to be accepted.
pub(crate) struct Expected<'a> {
    pub(crate) content_type: ObjectIdentifier,
    /// How weakly the signer's certificate may be named.
    pub(crate) weakest: Reference,
    /// Certificates that the signer may have left out.
    pub(crate) known: &'a [Certificate],
}

impl Expected<'_> {
    pub(crate) const DATA: Self = Self { content_type: DATA, weakest: Reference::Strong, known: &[] };
}

/// Takes the one CMS in `bytes` apart.
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
    let all = data.rest();
    let version = data.expect(tlv::INTEGER)?.body;
    let digest_algorithms = data.expect(tlv::SET)?.body;
    let (content_type, content) = parse_content(data.expect(tlv::SEQUENCE)?.body)?;
    let certificates = data.optional(tlv::context(0))?.map_or(&[][..], |set| set.body);
    let certificates = sequences(certificates, MAX_CERTIFICATES)?;
    let crls = sequences(data.optional(tlv::context(1))?.map_or(&[], |set| set.body), MAX_CRLS)?;
    let head = before(all, data)?;
    let mut signers = Reader::new(data.expect(tlv::SET)?.body);
    data.finish()?;
    let mut signer = Reader::new(signers.expect(tlv::SEQUENCE)?.body);
    if !signers.is_empty() {
        return Err(Invalid::Structure("more than one signer"));
    }
    let all = signer.rest();
    let signer_id = parse_signer_id(&mut signer)?;
    let is_plain = content_type == DATA && matches!(signer_id, SignerId::IssuerAndSerial(_));
    if version != if is_plain { VERSION_1 } else { VERSION_3 } {
        return Err(Invalid::Structure("the version"));
    }
    let digest_algorithm = signer.expect(tlv::SEQUENCE)?.whole;
    if Hash::parse(digest_algorithms)? != Hash::parse(digest_algorithm)? {
        return Err(Invalid::Structure("two different hashes"));
    }
    let signed_attributes = signer.expect(tlv::context(0))?.body;
    let signature_algorithm = signer.expect(tlv::SEQUENCE)?.whole;
    let signature = signer.expect(tlv::OCTET_STRING)?.body;
    let signer_head = before(all, signer)?;
    let unsigned = match signer.optional(tlv::context(1))? {
        Some(set) if set.body.is_empty() => return Err(Invalid::Structure("an empty set of attributes")),
        Some(set) => UnsignedAttribute::parse_all(set.body)?,
        None => Vec::new(),
    };
    signer.finish()?;
    Ok(Parts {
        content_type,
        content,
        certificates,
        crls,
        unsigned,
        signature,
        signer_id,
        digest_algorithm,
        signed_attributes,
        signature_algorithm,
        head,
        signer_head,
    })
}

fn parse_content(body: &[u8]) -> Result<(ObjectIdentifier, Option<&[u8]>), Invalid> {
    let mut fields = Reader::new(body);
    let content_type = parse_oid(fields.expect(tlv::OID)?.body)?;
    let content = match fields.optional(tlv::context(0))? {
        Some(explicit) => Some(tlv::only(explicit.body, tlv::OCTET_STRING)?.rest()),
        None => None,
    };
    fields.finish()?;
    Ok((content_type, content))
}

fn parse_signer_id<'a>(signer: &mut Reader<'a>) -> Result<SignerId<'a>, Invalid> {
    let version = signer.expect(tlv::INTEGER)?.body;
    let id = signer.any()?;
    match (version, id.tag) {
        (VERSION_1, tlv::SEQUENCE) => Ok(SignerId::IssuerAndSerial(id.whole)),
        (VERSION_3, KEY_IDENTIFIER) => Ok(SignerId::KeyIdentifier { whole: id.whole, id: id.body }),
        _ => Err(Invalid::Structure("the name of the signer")),
    }
}

/// The elements of a set of at most `limit` SEQUENCEs.
fn sequences(set: &[u8], limit: usize) -> Result<Vec<&[u8]>, Invalid> {
    let mut reader = Reader::new(set);
    let mut found = Vec::new();
    while !reader.is_empty() {
        found.push(reader.expect(tlv::SEQUENCE)?.whole);
        if found.len() > limit {
            return Err(Invalid::Structure("too many certificates or revocation lists"));
        }
    }
    Ok(found)
}

/// The part of `all` that `reader` has already read.
fn before<'a>(all: &'a [u8], reader: Reader<'a>) -> Result<&'a [u8], Invalid> {
    let n = all.len().checked_sub(reader.rest().len()).ok_or(Invalid::NotDer)?;
    all.get(..n).ok_or(Invalid::NotDer)
}

impl<'a> Parts<'a> {
    /// Checks everything but the certification path of a signature over data beside the CMS.
    /// `content` hashes that data.
    pub(crate) fn check(
        &self,
        content: &dyn Fn(Hash) -> Result<Vec<u8>, Invalid>,
    ) -> Result<Checked, Invalid> {
        if self.content.is_some() {
            return Err(Invalid::Structure("the content is inside"));
        }
        self.check_digest(&Expected::DATA, content)
    }

    /// The same for a CMS that holds its content; gives the content too.
    pub(crate) fn check_attached(&self, expected: &Expected<'_>) -> Result<(Checked, &'a [u8]), Invalid> {
        let content = self.content.ok_or(Invalid::Structure("there is no content inside"))?;
        Ok((self.check_digest(expected, &|hash| hash.digest(content))?, content))
    }

    fn check_digest(
        &self,
        expected: &Expected<'_>,
        content: &dyn Fn(Hash) -> Result<Vec<u8>, Invalid>,
    ) -> Result<Checked, Invalid> {
        let hash = self.hash()?;
        let attributes = SignedAttributes::parse(self.signed_attributes)?;
        if self.content_type != expected.content_type {
            return Err(Invalid::Structure("the type of the content"));
        }
        if attributes.require(CONTENT_TYPE)? != oid(self.content_type) {
            return Err(Invalid::Structure("the content type attribute"));
        }
        // The ESS attribute decides who signed, before anything else is believed (key substitution).
        let reference = EssReference::find(&attributes, expected.weakest)?;
        let (signer, others) = self.signer(expected.known, &reference)?;
        self.check_protection(&attributes)?;
        if attributes.require(MESSAGE_DIGEST)? != tlv::write(tlv::OCTET_STRING, &[&content(hash)?]) {
            return Err(Invalid::ContentDiffers);
        }
        let scheme = Scheme::parse(self.signature_algorithm, hash)?;
        scheme.verify(&signer, &self.to_be_signed(), self.signature)?;
        let signing_time = attributes.optional(SIGNING_TIME).map(parse_time).transpose()?;
        Ok(Checked { signer, others, signing_time, reference: reference.kind })
    }

    /// The signer's certificate, sent or known, and the others that were sent.
    fn signer(
        &self,
        known: &[Certificate],
        reference: &EssReference<'_>,
    ) -> Result<(Certificate, Vec<Certificate>), Invalid> {
        let mut signer = None;
        let mut others = Vec::new();
        for der in &self.certificates {
            let parsed = match known.iter().find(|certificate| certificate.to_der() == *der) {
                Some(certificate) => certificate.clone(),
                None => Certificate::from_der(der).ok().ok_or(Invalid::NotDer)?,
            };
            if reference.names(&parsed)? {
                signer = Some(parsed);
            } else {
                others.push(parsed);
            }
        }
        for certificate in known {
            if signer.is_none() && reference.names(certificate)? {
                signer = Some(certificate.clone());
            }
        }
        let signer = signer.ok_or(Invalid::WrongSigner)?;
        if self.signer_id.names(&signer)? { Ok((signer, others)) } else { Err(Invalid::WrongSigner) }
    }

    /// RFC 6211: the algorithms named outside the signature are those the signer meant.
    fn check_protection(&self, attributes: &SignedAttributes<'_>) -> Result<(), Invalid> {
        match attributes.optional(ALGORITHM_PROTECTION) {
            Some(value) if value != protection(self.digest_algorithm, self.signature_algorithm) => {
                Err(Invalid::Structure("algorithms other than the signer protected"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whether the signed attributes stand in the order of DER.
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

    /// What the signature covers: the attributes as a SET, though they are sent under `[0]`.
    pub(crate) fn to_be_signed(&self) -> Vec<u8> {
        tlv::write(tlv::SET, &[self.signed_attributes])
    }

    pub(crate) fn hash(&self) -> Result<Hash, Invalid> {
        Hash::parse(self.digest_algorithm)
    }

    pub(crate) const fn signature_algorithm(&self) -> &[u8] {
        self.signature_algorithm
    }

    /// The time-stamps over the signature value.
    pub(crate) fn signature_time_stamps(&self) -> impl Iterator<Item = &'a [u8]> {
        self.unsigned
            .iter()
            .filter(|attribute| attribute.kind == SIGNATURE_TIME_STAMP)
            .flat_map(|attribute| attribute.values.iter().copied())
    }
}

fn parse_time(value: &[u8]) -> Result<Timestamp, Invalid> {
    let time = x509_cert::time::Time::from_der(value).ok().ok_or(Invalid::Structure("the signing time"))?;
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok();
    Ok(Timestamp::from_micros(0).plus_seconds(seconds.ok_or(Invalid::Structure("the signing time"))?))
}

#[cfg(test)]
mod tests;
