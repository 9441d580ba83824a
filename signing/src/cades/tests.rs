//! Signatures made and verified, and what is refused.

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
fn p384_signs_content_at_hand_and_not_a_digest_of_another_hash() {
    let content = "nội dung".as_bytes();
    let case = case(testing::p384_key());
    let refused = prepare(&Digest::of(content), &case.signer, &case.chain, NOW).unwrap_err();
    assert!(matches!(refused, Invalid::Algorithm(_)), "{refused}");
    let prepared = prepare_content(content, &case.signer, &case.chain, NOW).unwrap();
    assert_eq!(prepared.algorithm(), SignatureAlgorithm::EcdsaP384Sha384);
    assert_eq!(prepared.imprint().unwrap().digest().len(), 48);
    let raw = testing::sign_raw(&case.key, prepared.algorithm(), prepared.signed_attributes());
    let cms = prepared.embed(&raw).unwrap();
    assert_eq!(verify_content(&cms, content, &case.trust, NOW).unwrap().signer, case.signer);
    assert_eq!(verify_content(&cms, b"x", &case.trust, NOW).unwrap_err(), Invalid::ContentDiffers);
    let by_digest = verify(&cms, &Digest::of(content), &case.trust, NOW).unwrap_err();
    assert!(matches!(by_digest, Invalid::Algorithm(_)), "{by_digest}");
}

#[test]
fn content_inside_and_content_beside_are_not_mistaken_for_each_other() {
    let content = "nội dung".as_bytes();
    for key in [testing::ec_key(), testing::p384_key()] {
        let case = case(key);
        let prepared = prepare_attached(content, &case.signer, &case.chain, NOW).unwrap();
        let raw = testing::sign_raw(&case.key, prepared.algorithm(), prepared.signed_attributes());
        let attached = prepared.embed(&raw).unwrap();
        let (verified, inside) = verify_attached(&attached, &case.trust, NOW).unwrap();
        assert_eq!((verified.signer, inside), (case.signer.clone(), content));
        let inside = Err(Invalid::Structure("the content is inside"));
        assert_eq!(verify_content(&attached, content, &case.trust, NOW).map(|_| ()), inside);
        let prepared = prepare_content(content, &case.signer, &case.chain, NOW).unwrap();
        let raw = testing::sign_raw(&case.key, prepared.algorithm(), prepared.signed_attributes());
        let detached = prepared.embed(&raw).unwrap();
        let missing = Invalid::Structure("there is no content inside");
        assert_eq!(verify_attached(&detached, &case.trust, NOW).unwrap_err(), missing);
        let mut changed = attached;
        let at = changed.windows(content.len()).position(|window| window == content).unwrap();
        changed[at] ^= 1;
        assert_eq!(verify_attached(&changed, &case.trust, NOW).unwrap_err(), Invalid::ContentDiffers);
    }
    let case = case(testing::ec_key());
    let large = vec![0; MAX_ATTACHED_BYTES + 1];
    assert!(prepare_attached(&large, &case.signer, &case.chain, NOW).is_err());
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
    let forged = parts.with_certificates(
        Hash::Sha256,
        vec![substitute.to_der().to_vec(), sub.certificate().to_der().to_vec()],
    );
    let trust = TrustStore::new(vec![root.certificate().clone(), case.trust.anchors()[0].clone()]);
    assert_eq!(verify(&forged, &content, &trust, NOW).unwrap_err(), Invalid::WrongSigner);
}

#[test]
fn what_is_to_be_signed_can_be_written_again_and_differs_in_every_part() {
    let content = Digest::of(b"ballot");
    let case = case(testing::ec_key());
    let prepared = prepare(&content, &case.signer, &case.chain, NOW).unwrap();
    let again = signed_attributes(&content, &case.signer, Some(NOW)).unwrap();
    assert_eq!(again, prepared.signed_attributes());
    let other = Authority::create_root("TEST root", NOW).unwrap();
    let other = testing::certify(&other, &case.key, "Người ký (THỬ NGHIỆM)", Profile::Person);
    for another in [
        signed_attributes(&Digest::of(b"other"), &case.signer, Some(NOW)).unwrap(),
        signed_attributes(&content, &other, Some(NOW)).unwrap(),
        signed_attributes(&content, &case.signer, Some(NOW.plus_seconds(1))).unwrap(),
        signed_attributes(&content, &case.signer, None).unwrap(),
    ] {
        assert_ne!(another, again);
    }
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
    let client = strangers.issue_client_p12(&Subject::named("TEST"), "x", Validity::days(NOW, 1)).unwrap();
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
