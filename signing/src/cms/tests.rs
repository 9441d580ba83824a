//! What other producers write, and what must not be read.

use cabinet::Digest;
use openssl::cms::{CMSOptions, CmsContentInfo};
use openssl::pkey::{PKey, Private};
use openssl::stack::Stack;

use super::*;
use crate::authority::{Authority, Profile};
use crate::testing::{self, NOW};
use crate::{SignatureAlgorithm, TrustStore, cades};

/// OpenSSL's flag for the ESS attribute; the crate has no name for it.
const CADES: CMSOptions = CMSOptions::from_bits_retain(0x10_0000);

struct Case {
    root: Authority,
    signer: Certificate,
    key: PKey<Private>,
}

fn case() -> Case {
    let root = Authority::create_root("TEST root", NOW).unwrap();
    let key = testing::ec_key();
    let signer = testing::certify(&root, &key, "TEST signer", Profile::Person);
    Case { root, signer, key }
}

fn openssl_signs(case: &Case, content: &[u8], flags: CMSOptions) -> Vec<u8> {
    let x509 = case.signer.x509();
    let others = Stack::new().unwrap();
    let flags = flags | CMSOptions::BINARY;
    CmsContentInfo::sign(Some(&x509), Some(&case.key), Some(&others), Some(content), flags)
        .unwrap()
        .to_der()
        .unwrap()
}

#[test]
fn a_signer_named_by_his_key_is_read_if_the_ess_attribute_names_his_certificate() {
    let case = case();
    let hashed = |hash: Hash| hash.digest(b"paper");
    let by_key = CMSOptions::USE_KEYID | CMSOptions::DETACHED;
    let signed = openssl_signs(&case, b"paper", by_key | CADES);
    let parts = parse(&signed).unwrap();
    assert!(matches!(parts.signer_id, SignerId::KeyIdentifier { .. }));
    assert_eq!(parts.check(&hashed).unwrap().signer, case.signer);
    let trust = TrustStore::new(vec![case.root.certificate().clone()]);
    let ours = cades::verify_content(&signed, b"paper", &trust, NOW).unwrap_err();
    assert_eq!(ours, Invalid::NotCanonical, "we do not write such signatures");
    // One bit of the key identifier, which no signature covers.
    let id = case.signer.subject_key_id().unwrap();
    let mut changed = signed.clone();
    let at = changed.windows(id.len()).rposition(|window| window == id).unwrap();
    changed[at] ^= 1;
    assert_eq!(parse(&changed).unwrap().check(&hashed).unwrap_err(), Invalid::WrongSigner);
    let without = openssl_signs(&case, b"paper", by_key);
    let missing = Invalid::Structure("a required signed attribute is missing");
    assert_eq!(parse(&without).unwrap().check(&hashed).unwrap_err(), missing);
}

#[test]
fn content_inside_is_given_and_never_taken_for_detached() {
    let case = case();
    let signed = openssl_signs(&case, b"paper", CADES);
    let parts = parse(&signed).unwrap();
    let (checked, content) = parts.check_attached(&Expected::DATA).unwrap();
    assert_eq!((checked.signer, content), (case.signer, &b"paper"[..]));
    let detached = parts.check(&|hash| hash.digest(b"paper")).unwrap_err();
    assert_eq!(detached, Invalid::Structure("the content is inside"));
    let other = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
    let expected = Expected { content_type: other, ..Expected::DATA };
    assert!(parts.check_attached(&expected).is_err(), "data are no time-stamp");
}

#[test]
fn revocation_lists_are_given_and_are_no_part_of_a_ballot() {
    let case = case();
    let content = Digest::of(b"ballot");
    let prepared = cades::prepare(&content, &case.signer, &[], NOW).unwrap();
    let raw = testing::sign_raw(&case.key, prepared.algorithm(), prepared.signed_attributes());
    let cms = prepared.embed(&raw).unwrap();
    let parts = parse(&cms).unwrap();
    let list = case.root.crl(NOW).unwrap();
    let mut signer = Reader::new(tlv::only(&cms, tlv::SEQUENCE).unwrap().rest());
    signer.any().unwrap();
    let data = tlv::only(signer.rest(), tlv::context(0)).unwrap().rest();
    let data = tlv::only(data, tlv::SEQUENCE).unwrap().rest();
    let (head, tail) = data.split_at(parts.head.len());
    let with_list = tlv::write(tlv::SEQUENCE, &[head, &tlv::write(tlv::context(1), &[&list]), tail]);
    let with_list =
        tlv::write(tlv::SEQUENCE, &[&oid(SIGNED_DATA), &tlv::write(tlv::context(0), &[&with_list])]);
    let parts = parse(&with_list).unwrap();
    assert_eq!(parts.crls, [list]);
    parts.check(&|_| Ok(content.as_bytes().to_vec())).unwrap();
    let trust = TrustStore::new(vec![case.root.certificate().clone()]);
    assert_eq!(cades::verify(&with_list, &content, &trust, NOW).unwrap_err(), Invalid::NotCanonical);
}

#[test]
fn the_version_is_the_one_of_the_standard() {
    let case = case();
    for (flags, version) in [(CADES, 1), (CADES | CMSOptions::USE_KEYID, 3)] {
        let mut signed = openssl_signs(&case, b"paper", flags);
        let at = signed.windows(3).position(|window| window == [tlv::INTEGER, 1, version]).unwrap() + 2;
        parse(&signed).unwrap();
        for other in [0, 1, 2, 3, 4, 5] {
            signed[at] = other;
            assert_eq!(parse(&signed).is_ok(), other == version, "{version} {other}");
        }
    }
}

#[test]
fn a_type_of_unsigned_attribute_may_occur_again_and_a_signed_one_may_not() {
    let one = attribute(SIGNATURE_TIME_STAMP, &[tlv::NULL, 0]);
    let twice = [one.clone(), one.clone()].concat();
    assert_eq!(UnsignedAttribute::parse_all(&twice).unwrap().len(), 2);
    assert!(SignedAttributes::parse(&one).is_ok());
    assert!(SignedAttributes::parse(&twice).is_err());
    let values = tlv::write(tlv::SET, &[&[tlv::NULL, 0], &[tlv::NULL, 0]]);
    let values = tlv::write(tlv::SEQUENCE, &[&oid(SIGNING_TIME), &values]);
    assert_eq!(UnsignedAttribute::parse_all(&values).unwrap()[0].values.len(), 2);
    assert!(SignedAttributes::parse(&values).is_err());
    assert!(UnsignedAttribute::parse_all(&one.repeat(33)).is_err(), "more than anybody needs");
}

/// A CMS with its content inside, made by hand.
fn by_hand(
    key: &PKey<Private>,
    hash: Hash,
    algorithm: &str,
    reference: &dyn Fn(&Certificate) -> Vec<u8>,
) -> Vec<u8> {
    let root = Authority::create_root("TEST root", NOW).unwrap();
    let signer = testing::certify(&root, key, "TEST signer", Profile::Person);
    let (issuer, serial) = signer.issuer_and_serial().unwrap();
    let digest = tlv::write(tlv::OCTET_STRING, &[&hash.digest(b"paper").unwrap()]);
    let attributes =
        [attribute(CONTENT_TYPE, &oid(DATA)), attribute(MESSAGE_DIGEST, &digest), reference(&signer)]
            .concat();
    let to_sign = tlv::write(tlv::SET, &[&attributes]);
    let mut token = if key.id() == openssl::pkey::Id::ED25519 {
        openssl::sign::Signer::new_without_digest(key).unwrap()
    } else {
        openssl::sign::Signer::new(hash.message_digest(), key).unwrap()
    };
    assemble(Assembly {
        content_type: DATA,
        content: Some(b"paper"),
        hash,
        certificates: vec![signer.to_der().to_vec()],
        signer_id: &tlv::write(tlv::SEQUENCE, &[&issuer, &serial]),
        signed_attributes: &attributes,
        signature_algorithm: &tlv::write(tlv::SEQUENCE, &[&oid(ObjectIdentifier::new(algorithm).unwrap())]),
        signature: &token.sign_oneshot_to_vec(&to_sign).unwrap(),
        unsigned_attributes: Vec::new(),
    })
}

#[test]
fn ed25519_is_verified_with_sha_512_alone() {
    let key = PKey::generate_ed25519().unwrap();
    let strong = |signer: &Certificate| {
        attribute(attributes::SIGNING_CERTIFICATE_V2, &ess::signing_certificate(signer))
    };
    for (hash, accepted) in [(Hash::Sha512, true), (Hash::Sha384, false), (Hash::Sha256, false)] {
        let cms = by_hand(&key, hash, "1.3.101.112", &strong);
        assert_eq!(parse(&cms).unwrap().check_attached(&Expected::DATA).is_ok(), accepted);
    }
}

#[test]
fn a_reference_by_sha1_is_read_only_where_it_is_allowed_and_never_before_a_better_one() {
    let key = testing::ec_key();
    let weak = |digest: &[u8]| {
        let id = tlv::write(tlv::SEQUENCE, &[&tlv::write(tlv::OCTET_STRING, &[digest])]);
        let value = tlv::write(tlv::SEQUENCE, &[&tlv::write(tlv::SEQUENCE, &[&id])]);
        attribute(attributes::SIGNING_CERTIFICATE, &value)
    };
    let sha1 = |signer: &Certificate| {
        openssl::hash::hash(openssl::hash::MessageDigest::sha1(), signer.to_der()).unwrap()
    };
    let strong = |signer: &Certificate| {
        attribute(attributes::SIGNING_CERTIFICATE_V2, &ess::signing_certificate(signer))
    };
    let allowed = Expected { weakest: Reference::Sha1, ..Expected::DATA };
    let read = |reference: &dyn Fn(&Certificate) -> Vec<u8>, expected: &Expected<'_>| {
        let cms = by_hand(&key, Hash::Sha256, "1.2.840.10045.4.3.2", reference);
        parse(&cms).unwrap().check_attached(expected).map(|(checked, _)| checked.reference)
    };
    let missing = Invalid::Structure("a required signed attribute is missing");
    assert_eq!(read(&|signer| weak(&sha1(signer)), &Expected::DATA), Err(missing));
    assert_eq!(read(&|signer| weak(&sha1(signer)), &allowed), Ok(Reference::Sha1));
    assert_eq!(read(&|_| weak(&[0; 20]), &allowed), Err(Invalid::WrongSigner));
    let both = |signer: &Certificate| [weak(&[0; 20]), strong(signer)].concat();
    assert_eq!(read(&both, &allowed), Ok(Reference::Strong), "the better one decides");
}

#[test]
fn other_algorithms_than_the_signer_protected_are_refused() {
    let key = testing::ec_key();
    let read = |algorithm: SignatureAlgorithm| {
        let reference = |signer: &Certificate| {
            let protected = protection(&Hash::Sha256.identifier(), &algorithm.identifier());
            let named = ess::signing_certificate(signer);
            [
                attribute(attributes::SIGNING_CERTIFICATE_V2, &named),
                attribute(ALGORITHM_PROTECTION, &protected),
            ]
            .concat()
        };
        let cms = by_hand(&key, Hash::Sha256, "1.2.840.10045.4.3.2", &reference);
        parse(&cms).unwrap().check_attached(&Expected::DATA).map(|_| ())
    };
    assert_eq!(read(SignatureAlgorithm::EcdsaP256Sha256), Ok(()));
    let other = Invalid::Structure("algorithms other than the signer protected");
    assert_eq!(read(SignatureAlgorithm::RsaPkcs1Sha256), Err(other));
}
