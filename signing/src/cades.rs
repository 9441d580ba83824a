//! Detached CAdES-B signatures: prepared here, signed by a token elsewhere, embedded and verified here.
//!
//! Source: `docs/sources.md`, entry `en319122`.

use std::time::Duration;

use cabinet::{Digest, Timestamp};
use der::Encode as _;

use crate::algorithm::{digest_identifier, oid};
use crate::cms::{self, Assembly};
use crate::{Certificate, Invalid, SignatureAlgorithm, TrustStore, tlv};

/// A signature that only lacks its value.
#[derive(Clone, Debug)]
pub struct Prepared {
    content: Digest,
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

/// Like [`prepare`], by an algorithm of the caller's choice, for instance RSASSA-PSS.
///
/// # Errors
///
/// As [`prepare`]; [`Invalid::Algorithm`] also when the key cannot do `algorithm`.
pub fn prepare_as(
    algorithm: SignatureAlgorithm,
    content: &Digest,
    signer: &Certificate,
    chain: &[Certificate],
    at: Timestamp,
) -> Result<Prepared, Invalid> {
    prepare_with(algorithm, content, signer, chain, ClaimedTime::Attribute(at))
}

pub(crate) fn prepare_with(
    algorithm: SignatureAlgorithm,
    content: &Digest,
    signer: &Certificate,
    chain: &[Certificate],
    time: ClaimedTime,
) -> Result<Prepared, Invalid> {
    if !algorithm.fits(signer.key_kind()) {
        return Err(Invalid::Algorithm(format!("{algorithm:?} with {:?}", signer.key_kind())));
    }
    if !signer.may_sign_documents() {
        return Err(Invalid::KeyUsage);
    }
    let digest = tlv::write(tlv::OCTET_STRING, &[content.as_bytes()]);
    // SHA-256 is the DEFAULT of ESSCertIDv2, so DER leaves its name out.
    let ess =
        tlv::write(tlv::SEQUENCE, &[&tlv::write(tlv::OCTET_STRING, &[signer.fingerprint().as_bytes()])]);
    let ess = tlv::write(tlv::SEQUENCE, &[&tlv::write(tlv::SEQUENCE, &[&ess])]);
    let mut attributes = vec![
        attribute(cms::CONTENT_TYPE, &oid(cms::DATA)),
        attribute(cms::MESSAGE_DIGEST, &digest),
        attribute(cms::SIGNING_CERTIFICATE_V2, &ess),
        attribute(cms::ALGORITHM_PROTECTION, &cms::protection(&digest_identifier(), &algorithm.identifier())),
    ];
    if let ClaimedTime::Attribute(at) = time {
        attributes.push(attribute(cms::SIGNING_TIME, &encode_time(at)?));
    }
    let signed_attributes = tlv::write_set(tlv::SET, attributes);
    let chain = chain.iter().filter(|certificate| *certificate != signer).cloned().collect();
    Ok(Prepared { content: *content, signer: signer.clone(), chain, algorithm, signed_attributes })
}

impl Prepared {
    /// The SHA-256 digest that the token must sign.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.signed_attributes)
    }

    /// The bytes under that digest: the signed attributes as a DER SET.
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
        let cms = cms::assemble(&Assembly {
            certificates,
            signer_id: &tlv::write(tlv::SEQUENCE, &[&issuer, &serial]),
            signed_attributes: attributes,
            signature_algorithm: &self.algorithm.identifier(),
            signature: &value,
        });
        let checked = cms::parse(&cms)?.check(&|_| Ok(self.content.as_bytes().to_vec()))?;
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
    }
}

/// Verifies a detached CAdES-B signature of ours over content with the digest `content`, at the time `at`.
///
/// The bytes must be the one canonical encoding of their parts, and every certificate in them must
/// lie on the path that was found, so that no byte is free.
///
/// # Errors
///
/// [`Invalid`], the first reason that was found.
pub fn verify(cms: &[u8], content: &Digest, trust: &TrustStore, at: Timestamp) -> Result<Verified, Invalid> {
    let parts = cms::parse(cms)?;
    if parts.canonical() != cms || !parts.is_sorted()? {
        return Err(Invalid::NotCanonical);
    }
    let checked = parts.check(&|hash| {
        if hash == crate::algorithm::Hash::Sha256 {
            Ok(content.as_bytes().to_vec())
        } else {
            Err(Invalid::Algorithm(format!("{hash:?}")))
        }
    })?;
    let expected = [
        SignatureAlgorithm::EcdsaP256Sha256,
        SignatureAlgorithm::RsaPkcs1Sha256,
        SignatureAlgorithm::RsaPssSha256,
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
    Ok(Verified { signer: checked.signer, signing_time: checked.signing_time, path })
}

fn attribute(kind: const_oid::ObjectIdentifier, value: &[u8]) -> Vec<u8> {
    tlv::write(tlv::SEQUENCE, &[&oid(kind), &tlv::write(tlv::SET, &[value])])
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
mod tests {
    use openssl::pkey::{PKey, Private};

    use super::*;
    use crate::authority::{Authority, Profile, Subject, Validity};
    use crate::testing::{self, NOW};

    struct Case {
        trust: TrustStore,
        chain: Vec<Certificate>,
        signer: Certificate,
        key: PKey<Private>,
    }

    fn case(key: PKey<Private>) -> Case {
        let root = Authority::create_root("TEST root", NOW).unwrap();
        let sub = root.create_sub("TEST sub", NOW).unwrap();
        let signer = testing::certify(&sub, &key, "Người ký (THỬ NGHIỆM)", Profile::Person);
        let chain = vec![sub.certificate().clone()];
        Case { trust: TrustStore::new(vec![root.certificate().clone()]), chain, signer, key }
    }

    fn sign(case: &Case, content: &Digest) -> Vec<u8> {
        let prepared = prepare(content, &case.signer, &case.chain, NOW).unwrap();
        let raw = testing::sign_raw(&case.key, prepared.algorithm(), prepared.signed_attributes());
        prepared.embed(&raw).unwrap()
    }

    #[test]
    fn what_was_signed_verifies_by_every_algorithm() {
        let content = Digest::of("nội dung".as_bytes());
        for (key, algorithm) in [
            (testing::ec_key(), SignatureAlgorithm::EcdsaP256Sha256),
            (testing::rsa_key(2048), SignatureAlgorithm::RsaPkcs1Sha256),
            (testing::rsa_key(3072), SignatureAlgorithm::RsaPssSha256),
        ] {
            let case = case(key);
            let prepared = prepare_as(algorithm, &content, &case.signer, &case.chain, NOW).unwrap();
            let raw = testing::sign_raw(&case.key, algorithm, prepared.signed_attributes());
            let cms = prepared.embed(&raw).unwrap();
            let verified = verify(&cms, &content, &case.trust, NOW).unwrap();
            assert_eq!(verified.signer, case.signer);
            assert_eq!(verified.signing_time, Some(NOW));
            assert_eq!(verified.path.len(), 3);
            let other = Digest::of(b"other");
            assert_eq!(verify(&cms, &other, &case.trust, NOW).unwrap_err(), Invalid::ContentDiffers);
        }
    }

    #[test]
    fn no_byte_is_free() {
        let content = Digest::of(b"ballot");
        let case = case(testing::ec_key());
        let mut cms = sign(&case, &content);
        for at in 0..cms.len() {
            for mask in [0x01, 0x20, 0x80, 0xff] {
                cms[at] ^= mask;
                assert!(verify(&cms, &content, &case.trust, NOW).is_err(), "byte {at} mask {mask:#x}");
                cms[at] ^= mask;
            }
        }
        for longer in [[cms.as_slice(), &[0]].concat(), [&[0], cms.as_slice()].concat()] {
            assert!(verify(&longer, &content, &case.trust, NOW).is_err());
        }
        for len in 0..cms.len() {
            assert!(verify(&cms[..len], &content, &case.trust, NOW).is_err());
        }
        verify(&cms, &content, &case.trust, NOW).unwrap();
    }

    #[test]
    fn an_extra_certificate_is_refused() {
        let content = Digest::of(b"ballot");
        let case = case(testing::ec_key());
        let stranger = Authority::create_root("TEST stranger", NOW).unwrap();
        let chain = [case.chain.clone(), vec![stranger.certificate().clone()]].concat();
        let prepared = prepare(&content, &case.signer, &chain, NOW).unwrap();
        let raw = testing::sign_raw(&case.key, prepared.algorithm(), prepared.signed_attributes());
        let cms = prepared.embed(&raw).unwrap();
        assert_eq!(verify(&cms, &content, &case.trust, NOW).unwrap_err(), Invalid::NotCanonical);
    }

    #[test]
    fn a_substituted_certificate_for_the_same_key_is_refused() {
        let content = Digest::of(b"ballot");
        let case = case(testing::ec_key());
        let cms = sign(&case, &content);
        let root = Authority::create_root("TEST root", NOW).unwrap();
        let sub = root.create_sub("TEST sub", NOW).unwrap();
        // The same key and serial number under the same names, certified by somebody else.
        let substitute = testing::certify(&sub, &case.key, "Kẻ mạo danh (TEST)", Profile::Person);
        let parts = cms::parse(&cms).unwrap();
        let forged =
            parts.with_certificates(vec![substitute.to_der().to_vec(), sub.certificate().to_der().to_vec()]);
        let trust = TrustStore::new(vec![root.certificate().clone(), case.trust.anchors()[0].clone()]);
        assert_eq!(verify(&forged, &content, &trust, NOW).unwrap_err(), Invalid::WrongSigner);
    }

    #[test]
    fn a_wrong_ess_hash_is_refused_though_signed() {
        let content = Digest::of(b"ballot");
        let case = case(testing::ec_key());
        let mut prepared = prepare(&content, &case.signer, &case.chain, NOW).unwrap();
        let hash = *case.signer.fingerprint().as_bytes();
        let at = prepared.signed_attributes.windows(32).position(|window| window == hash).unwrap();
        prepared.signed_attributes[at] ^= 1;
        let raw = testing::sign_raw(&case.key, prepared.algorithm(), prepared.signed_attributes());
        assert_eq!(prepared.embed(&raw).unwrap_err(), Invalid::WrongSigner);
    }

    #[test]
    fn anothers_signature_is_not_embedded() {
        let case = case(testing::ec_key());
        let prepared = prepare(&Digest::of(b"ballot"), &case.signer, &case.chain, NOW).unwrap();
        let raw = testing::sign_raw(&testing::ec_key(), prepared.algorithm(), prepared.signed_attributes());
        assert_eq!(prepared.clone().embed(&raw).unwrap_err(), Invalid::SignatureWrong);
        assert_eq!(prepared.embed(&raw[1..]).unwrap_err(), Invalid::SignatureWrong);
    }

    #[test]
    fn expiry_strangers_and_key_usage_are_refused() {
        let content = Digest::of(b"ballot");
        let case = case(testing::ec_key());
        let cms = sign(&case, &content);
        let late = NOW.plus_seconds(400 * 86_400);
        assert!(matches!(verify(&cms, &content, &case.trust, late), Err(Invalid::OutOfValidity(_))));
        let early = NOW.plus_seconds(-86_400);
        assert!(matches!(verify(&cms, &content, &case.trust, early), Err(Invalid::OutOfValidity(_))));
        let strangers = Authority::create_root("TEST root", NOW).unwrap();
        let trust = TrustStore::new(vec![strangers.certificate().clone()]);
        assert!(matches!(verify(&cms, &content, &trust, NOW), Err(Invalid::Untrusted(_))));
        assert!(matches!(verify(&cms, &content, &TrustStore::default(), NOW), Err(Invalid::Untrusted(_))));
        let client =
            strangers.issue_client_p12(&Subject::named("TEST"), "x", Validity::days(NOW, 1)).unwrap();
        assert!(client.0.may_sign_documents(), "digitalSignature is enough");
        assert_eq!(
            prepare(&content, strangers.certificate(), &[], NOW).unwrap_err(),
            Invalid::KeyUsage,
            "an authority signs no documents"
        );
    }

    #[test]
    fn the_cms_crate_reads_the_same_bytes() {
        use ::cms::content_info::ContentInfo;
        use ::cms::signed_data::SignedData;
        use der::Decode as _;
        let content = Digest::of(b"ballot");
        let cms = sign(&case(testing::ec_key()), &content);
        let info = ContentInfo::from_der(&cms).unwrap();
        assert_eq!(info.to_der().unwrap(), cms);
        let data: SignedData = info.content.decode_as().unwrap();
        assert_eq!(data.to_der().unwrap(), info.content.to_der().unwrap());
    }
}
