//! CAdES signatures over content beside or inside them, levels B and T: prepared here, signed by a token
//! elsewhere, embedded and verified here.
//!
//! Source: `docs/sources.md`, entries `en319122`, `rfc3161` (the time-stamp over the signature value).

use std::time::Duration;

use cabinet::{Digest, Timestamp};
use der::Encode as _;

use crate::algorithm::{Hash, Imprint};
use crate::cms::{self, Assembly, Checked, Expected, Parts};
use crate::timestamp::Token;
use crate::{Certificate, Invalid, SignatureAlgorithm, TrustStore, tlv};

/// Most time-stamps over one signature.
const MAX_TIME_STAMPS: usize = 4;
/// Most content that goes inside a CMS, in bytes; certificates and time-stamps need the rest.
pub const MAX_ATTACHED_BYTES: usize = 1 << 19;

/// A signature that only lacks its value.
#[derive(Clone, Debug)]
pub struct Prepared {
    content: Imprint,
    /// The content, if it goes inside.
    attached: Option<Vec<u8>>,
    signer: Certificate,
    chain: Vec<Certificate>,
    algorithm: SignatureAlgorithm,
    signed_attributes: Vec<u8>,
}

/// A signature that was verified, path included.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Who signed.
    pub signer: Certificate,
    /// When the signer says he signed; his own word, no proof.
    pub signing_time: Option<Timestamp>,
    /// From the signer to the anchor, both included.
    pub path: Vec<Certificate>,
    /// Time-stamps over the signature value, each checked but for the path of its authority: whoever relies on one
    /// verifies that path, at the time of the stamp, and that no certificate in it lies beside the path.
    pub time_stamps: Vec<Token>,
}

/// Where the claimed time of signing stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ClaimedTime {
    /// In the signing-time attribute: CAdES.
    Attribute(Timestamp),
    /// In the PDF signature dictionary: PAdES forbids the attribute.
    InDocument,
}

/// Prepares a signature over content with the digest `content`, by the algorithm of the signer's key.
///
/// `chain` holds the certificates between signer and anchor; the anchor itself need not be sent.
///
/// # Errors
///
/// [`Invalid::Algorithm`]: the signer's key cannot be used; [`Invalid::KeyUsage`]: his certificate may not sign.
pub fn prepare(
    content: &Digest,
    signer: &Certificate,
    chain: &[Certificate],
    at: Timestamp,
) -> Result<Prepared, Invalid> {
    prepare_as(SignatureAlgorithm::of(signer)?, content, signer, chain, at)
}

/// Like [`prepare`], by an algorithm of the caller's choice, for instance RSASSA-PSS, over content that was hashed
/// by [`SignatureAlgorithm::hash`].
///
/// # Errors
///
/// As [`prepare`]; [`Invalid::Algorithm`] also when the key cannot do `algorithm`.
pub fn prepare_as(
    algorithm: SignatureAlgorithm,
    content: impl Into<Imprint>,
    signer: &Certificate,
    chain: &[Certificate],
    at: Timestamp,
) -> Result<Prepared, Invalid> {
    prepare_with(algorithm, content, signer, chain, ClaimedTime::Attribute(at))
}

/// Prepares a signature over `content`, hashed as the signer's key wants it: also for P-384.
///
/// # Errors
///
/// As [`prepare`].
pub fn prepare_content(
    content: &[u8],
    signer: &Certificate,
    chain: &[Certificate],
    at: Timestamp,
) -> Result<Prepared, Invalid> {
    let algorithm = SignatureAlgorithm::of(signer)?;
    let imprint = Imprint::of(algorithm.hash(), content)?;
    prepare_with(algorithm, imprint, signer, chain, ClaimedTime::Attribute(at))
}

/// Like [`prepare_content`]; the finished CMS holds the content.
///
/// # Errors
///
/// As [`prepare`]; [`Invalid::Structure`]: the content is too large to go inside, so sign it detached.
pub fn prepare_attached(
    content: &[u8],
    signer: &Certificate,
    chain: &[Certificate],
    at: Timestamp,
) -> Result<Prepared, Invalid> {
    if content.len() > MAX_ATTACHED_BYTES {
        return Err(Invalid::Structure("more content inside than is taken there"));
    }
    let prepared = prepare_content(content, signer, chain, at)?;
    Ok(Prepared { attached: Some(content.to_vec()), ..prepared })
}

/// The one spelling of what `signer` signs over content that was hashed by his algorithm's hash: with `at` in a CAdES signature,
/// without it in a PAdES one.
///
/// For whoever is handed bytes to sign and trusts nobody about them: these must be equal to those.
///
/// # Errors
///
/// As [`prepare`].
pub fn signed_attributes(
    content: impl Into<Imprint>,
    signer: &Certificate,
    at: Option<Timestamp>,
) -> Result<Vec<u8>, Invalid> {
    let time = at.map_or(ClaimedTime::InDocument, ClaimedTime::Attribute);
    let prepared = prepare_with(SignatureAlgorithm::of(signer)?, content, signer, &[], time)?;
    Ok(prepared.signed_attributes)
}

/// `content` must have been hashed with the algorithm's hash.
pub(crate) fn prepare_with(
    algorithm: SignatureAlgorithm,
    content: impl Into<Imprint>,
    signer: &Certificate,
    chain: &[Certificate],
    time: ClaimedTime,
) -> Result<Prepared, Invalid> {
    let content = content.into();
    if !algorithm.fits(signer.key_kind()) || algorithm.hash() != content.hash() {
        let (key, hash) = (signer.key_kind(), content.hash());
        return Err(Invalid::Algorithm(format!("{algorithm:?} with {key:?} and {hash:?}")));
    }
    if !signer.may_sign_documents() {
        return Err(Invalid::KeyUsage);
    }
    let more = match time {
        ClaimedTime::Attribute(at) => vec![cms::attribute(cms::SIGNING_TIME, &encode_time(at)?)],
        ClaimedTime::InDocument => Vec::new(),
    };
    let signed_attributes = cms::signed_attributes(cms::DATA, content.digest(), signer, algorithm, more);
    let chain = chain.iter().filter(|certificate| *certificate != signer).cloned().collect();
    Ok(Prepared { content, attached: None, signer: signer.clone(), chain, algorithm, signed_attributes })
}

impl Prepared {
    /// The SHA-256 digest of [`Prepared::signed_attributes`]: the name of what is signed, for records. Tokens sign
    /// [`Prepared::imprint`].
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.signed_attributes)
    }

    /// The digest that the token must sign, by the algorithm's own hash.
    ///
    /// # Errors
    ///
    /// As [`SignatureAlgorithm::imprint`]: with Ed25519 the token signs [`Prepared::signed_attributes`].
    pub fn imprint(&self) -> Result<Imprint, Invalid> {
        self.algorithm.imprint(&self.signed_attributes)
    }

    /// What the token signs: the signed attributes as a DER SET.
    #[must_use]
    pub fn signed_attributes(&self) -> &[u8] {
        &self.signed_attributes
    }

    /// The algorithm that the token must use.
    #[must_use]
    pub const fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    /// Returns the finished CMS in DER. The signature is verified first, so that a wrong key, a wrong
    /// certificate or a faulty token is found now and not by the reader.
    ///
    /// # Errors
    ///
    /// [`Invalid::SignatureWrong`]: `raw` is not this signer's signature; sign again, then suspect the token.
    pub fn embed(self, raw: &[u8]) -> Result<Vec<u8>, Invalid> {
        let value = self.algorithm.cms_value(raw)?;
        let (issuer, serial) = self.signer.issuer_and_serial().ok().ok_or(Invalid::NotDer)?;
        let mut certificates = vec![self.signer.to_der().to_vec()];
        certificates.extend(self.chain.iter().map(|certificate| certificate.to_der().to_vec()));
        certificates.sort();
        certificates.dedup();
        let attributes = tlv::Reader::new(&self.signed_attributes).expect(tlv::SET)?.body;
        let cms = cms::assemble(Assembly {
            content_type: cms::DATA,
            content: self.attached.as_deref(),
            hash: self.algorithm.hash(),
            certificates,
            signer_id: &tlv::write(tlv::SEQUENCE, &[&issuer, &serial]),
            signed_attributes: attributes,
            signature_algorithm: &self.algorithm.identifier(),
            signature: &value,
            unsigned_attributes: Vec::new(),
        });
        let parts = cms::parse(&cms)?;
        let checked = match self.attached {
            Some(_) => parts.check_attached(&Expected::DATA)?.0,
            None => parts.check(&|_| Ok(self.content.digest().to_vec()))?,
        };
        if checked.signer == self.signer { Ok(cms) } else { Err(Invalid::WrongSigner) }
    }

    /// An upper bound of the finished CMS, in bytes.
    pub(crate) fn size_bound_bytes(&self) -> usize {
        /// Room for a signature value (RSA-4096 at most) and for every header.
        const VALUE_AND_HEADERS_BYTES: usize = 1024;
        let certificates =
            self.chain.iter().chain([&self.signer]).map(|certificate| certificate.to_der().len());
        certificates
            .fold(VALUE_AND_HEADERS_BYTES, usize::saturating_add)
            .saturating_add(self.signed_attributes.len())
            .saturating_add(self.signer.to_der().len())
            .saturating_add(self.attached.as_ref().map_or(0, Vec::len))
    }
}

/// Verifies a detached signature of ours (level B or T) over content with the digest `content`, at the time `at`.
///
/// The bytes must be the one canonical encoding of their parts, and every certificate in them must
/// lie on the path that was found, so that no byte is free.
///
/// # Errors
///
/// [`Invalid`], the first reason that was found.
pub fn verify(cms: &[u8], content: &Digest, trust: &TrustStore, at: Timestamp) -> Result<Verified, Invalid> {
    let parts = canonical(cms)?;
    let checked = parts.check(&|hash| match hash {
        Hash::Sha256 => Ok(content.as_bytes().to_vec()),
        Hash::Sha384 | Hash::Sha512 => Err(Invalid::Algorithm(format!("{hash:?}"))),
    })?;
    judge(&parts, checked, trust, at)
}

/// Like [`verify`], over content that is at hand: also for P-384.
///
/// # Errors
///
/// As [`verify`].
pub fn verify_content(
    cms: &[u8],
    content: &[u8],
    trust: &TrustStore,
    at: Timestamp,
) -> Result<Verified, Invalid> {
    let parts = canonical(cms)?;
    let checked = parts.check(&|hash| hash.digest(content))?;
    judge(&parts, checked, trust, at)
}

/// Like [`verify`], for a CMS that holds its content; gives the content too.
///
/// # Errors
///
/// As [`verify`].
pub fn verify_attached<'a>(
    cms: &'a [u8],
    trust: &TrustStore,
    at: Timestamp,
) -> Result<(Verified, &'a [u8]), Invalid> {
    let parts = canonical(cms)?;
    let (checked, content) = parts.check_attached(&Expected::DATA)?;
    Ok((judge(&parts, checked, trust, at)?, content))
}

/// The signature value in a CMS: what a time-stamp for [`add_timestamp`] is asked over.
///
/// # Errors
///
/// [`Invalid`]: it is no CMS with one signer.
pub fn signature_value(cms: &[u8]) -> Result<&[u8], Invalid> {
    Ok(cms::parse(cms)?.signature)
}

/// Raises a signature to level T: `token` becomes an unsigned attribute, all else stays byte for byte.
///
/// # Errors
///
/// [`Invalid::ContentDiffers`]: the time-stamp is over something else; ask for one over [`signature_value`].
pub fn add_timestamp(cms: &[u8], token: &Token) -> Result<Vec<u8>, Invalid> {
    let parts = cms::parse(cms)?;
    token.verify_imprint(parts.signature)?;
    if parts.signature_time_stamps().count() >= MAX_TIME_STAMPS {
        return Err(Invalid::Structure("too many time-stamps"));
    }
    Ok(parts.with_unsigned(cms::SIGNATURE_TIME_STAMP, token.to_der()))
}

/// The time-stamps over the signature value of any CMS, each checked but for the path of its authority.
///
/// # Errors
///
/// [`Invalid`]: one of them is not over this signature, or not valid itself.
pub fn time_stamps(cms: &[u8]) -> Result<Vec<Token>, Invalid> {
    read_time_stamps(&cms::parse(cms)?)
}

fn read_time_stamps(parts: &Parts<'_>) -> Result<Vec<Token>, Invalid> {
    let mut found = Vec::new();
    for der in parts.signature_time_stamps() {
        if found.len() >= MAX_TIME_STAMPS {
            return Err(Invalid::Structure("too many time-stamps"));
        }
        let token = Token::verify(der, &[])?;
        token.verify_imprint(parts.signature)?;
        found.push(token);
    }
    Ok(found)
}

/// Takes a CMS apart whose bytes are the one encoding that we write.
fn canonical(cms: &[u8]) -> Result<Parts<'_>, Invalid> {
    let parts = cms::parse(cms)?;
    let is_ours = |attribute: &cms::UnsignedAttribute<'_>| {
        attribute.kind == cms::SIGNATURE_TIME_STAMP && attribute.values.len() == 1
    };
    // The canonical set is sorted, so the same time-stamp twice would stand side by side.
    let is_twice = parts.unsigned.windows(2).any(|pair| matches!(pair, [a, b] if a.whole == b.whole));
    let is_canonical =
        parts.canonical(parts.hash()?) == cms && parts.unsigned.iter().all(is_ours) && !is_twice;
    if is_canonical && parts.is_sorted()? { Ok(parts) } else { Err(Invalid::NotCanonical) }
}

fn judge(
    parts: &Parts<'_>,
    checked: Checked,
    trust: &TrustStore,
    at: Timestamp,
) -> Result<Verified, Invalid> {
    let expected = [
        SignatureAlgorithm::EcdsaP256Sha256,
        SignatureAlgorithm::EcdsaP384Sha384,
        SignatureAlgorithm::RsaPkcs1Sha256,
        SignatureAlgorithm::RsaPssSha256,
        SignatureAlgorithm::Ed25519,
    ];
    if !expected.iter().any(|algorithm| algorithm.identifier() == parts.signature_algorithm()) {
        return Err(Invalid::NotCanonical);
    }
    if !checked.signer.may_sign_documents() {
        return Err(Invalid::KeyUsage);
    }
    let path = trust.path(&checked.signer, &checked.others, at)?;
    if checked.others.iter().any(|certificate| !path.contains(certificate)) {
        return Err(Invalid::NotCanonical);
    }
    let time_stamps = read_time_stamps(parts)?;
    Ok(Verified { signer: checked.signer, signing_time: checked.signing_time, path, time_stamps })
}

/// `UTCTime` until 2049, `GeneralizedTime` from 2050, as RFC 5652 wants it.
pub(crate) fn encode_time(at: Timestamp) -> Result<Vec<u8>, Invalid> {
    let bad = Invalid::Structure("the signing time");
    let seconds = u64::try_from(at.as_seconds()).ok().ok_or(bad.clone())?;
    let since = Duration::from_secs(seconds);
    let time = match der::asn1::UtcTime::from_unix_duration(since) {
        Ok(utc) => x509_cert::time::Time::UtcTime(utc),
        Err(_) => x509_cert::time::Time::GeneralTime(
            der::asn1::GeneralizedTime::from_unix_duration(since).ok().ok_or(bad.clone())?,
        ),
    };
    time.to_der().ok().ok_or(bad)
}

#[cfg(test)]
mod tests;
