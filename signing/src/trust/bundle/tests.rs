use openssl::pkey::{PKey, Private};

use super::*;
use crate::authority::{Authority, Profile};
use crate::testing::{self, NOW};

struct Publisher {
    key: PKey<Private>,
    certificate: Certificate,
}

fn publisher(name: &str) -> Publisher {
    let authority = Authority::create_root("TEST publisher CA", NOW).unwrap();
    let key = testing::ec_key();
    let certificate = testing::certify(&authority, &key, name, Profile::Organisation);
    Publisher { key, certificate }
}

fn signed(publisher: &Publisher, text: &str) -> String {
    let prepared = cades::prepare(&Digest::of(text.as_bytes()), &publisher.certificate, &[], NOW).unwrap();
    let raw = testing::sign_raw(&publisher.key, prepared.algorithm(), prepared.signed_attributes());
    Bundle::seal(text, &prepared.embed(&raw).unwrap())
}

fn bundle(sequence: u64) -> (Authority, Bundle) {
    let root = Authority::create_root("TEST root", NOW).unwrap();
    let anchor = Anchor {
        certificate: root.certificate().clone(),
        uses: vec![Purpose::Signing, Purpose::TimeStamping],
        from: Some(NOW),
        until: Some(NOW.plus_seconds(86_400)),
        remark: "Chứng thư gốc (THỬ NGHIỆM)".to_owned(),
    };
    (root, Bundle { sequence, issued: NOW, anchors: vec![anchor] })
}

fn second(at: Timestamp) -> Timestamp {
    Timestamp::from_micros(0).plus_seconds(at.as_seconds())
}

#[test]
fn a_bundle_brings_its_anchors_on_its_terms() {
    let publisher = publisher("TEST publisher");
    let (root, bundle) = bundle(7);
    let file = signed(&publisher, &bundle.to_text().unwrap());
    let signers = std::slice::from_ref(&publisher.certificate);
    let opened = Bundle::open(file.as_bytes(), signers, Some(7), NOW).unwrap();
    assert_eq!((opened.sequence, second(opened.issued)), (7, second(bundle.issued)));
    assert_eq!(opened.anchors[0].certificate, *root.certificate());
    let trust = opened.into_store();
    let n_trusted = |purpose, at| trust.anchors_for(purpose, at).count();
    assert_eq!(n_trusted(Purpose::Signing, NOW), 1);
    assert_eq!(n_trusted(Purpose::TimeStamping, NOW.plus_seconds(86_400)), 1);
    assert_eq!(n_trusted(Purpose::TlsCard, NOW), 0);
    assert_eq!(n_trusted(Purpose::Signing, NOW.plus_seconds(-1)), 0);
    assert_eq!(n_trusted(Purpose::Signing, NOW.plus_seconds(86_401)), 0, "after its sunset");
    let leaf = testing::certify(&root, &testing::ec_key(), "TEST leaf", Profile::Person);
    assert!(trust.path(&leaf, &[], NOW).is_ok());
    assert!(matches!(trust.path(&leaf, &[], NOW.plus_seconds(86_401)), Err(Invalid::Untrusted(_))));
}

#[test]
fn nobody_elses_changed_or_older_bundle_is_taken() {
    let publisher = publisher("TEST publisher");
    let text = bundle(7).1.to_text().unwrap();
    let file = signed(&publisher, &text);
    let signers = std::slice::from_ref(&publisher.certificate);
    let open = |file: &str| Bundle::open(file.as_bytes(), signers, None, NOW);
    open(&file).unwrap();
    let stranger = self::publisher("TEST publisher");
    assert!(matches!(open(&signed(&stranger, &text)), Err(BadBundle::Signature(Invalid::Untrusted(_)))));
    for changed in
        [file.replacen("\"signing\"", "\"tls-card\"", 1), file.replacen("7,", "8,", 1), format!(" {file}")]
    {
        assert!(matches!(open(&changed), Err(BadBundle::Signature(Invalid::ContentDiffers))), "{changed}");
    }
    for changed in [text, format!("{file}\n"), format!("{file}{file}"), file.replace('\n', "\r\n")] {
        assert!(open(&changed).is_err(), "{changed}");
    }
    let rolled_back = Bundle::open(file.as_bytes(), signers, Some(8), NOW);
    assert!(matches!(rolled_back, Err(BadBundle::RolledBack { found: 7, seen: 8 })));
    let early = Bundle::open(file.as_bytes(), signers, None, NOW.plus_seconds(-60));
    assert!(early.is_err(), "neither the bundle nor its signer's certificate is of that time");
    assert!(Bundle::open(file.as_bytes(), &[], None, NOW).is_err());
}

#[test]
fn a_certificate_under_a_configured_one_does_not_sign_bundles() {
    let authority = Authority::create_root("TEST publisher CA", NOW).unwrap();
    let key = testing::ec_key();
    let certificate = testing::certify(&authority, &key, "TEST below", Profile::Person);
    let file = signed(&Publisher { key, certificate }, &bundle(1).1.to_text().unwrap());
    let refused = Bundle::open(file.as_bytes(), &[authority.certificate().clone()], None, NOW);
    assert!(matches!(refused, Err(BadBundle::Signature(Invalid::WrongSigner))));
}

#[test]
fn what_is_not_understood_is_not_signed_nor_read() {
    let publisher = publisher("TEST publisher");
    let (_, good) = bundle(1);
    let text = good.to_text().unwrap();
    let signers = [publisher.certificate.clone()];
    for (from, to) in [
        ("\"remark\"", "\"remarks\""),
        ("\"sequence\": 1", "\"sequence\": -1"),
        ("\"sequence\": 1", "\"sequence\": 1, \"sequence\": 2"),
        ("\"signing\"", "\"everything\""),
        ("bundle-1", "bundle-2"),
        ("CN=TEST root", "CN=TEST other"),
        ("+07:00", ""),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        let file = signed(&publisher, &changed);
        let refused = Bundle::open(file.as_bytes(), &signers, None, NOW);
        assert!(matches!(refused, Err(BadBundle::Malformed(_))), "{from} {refused:?}");
    }
    let mut empty = good.clone();
    empty.anchors.clear();
    assert!(empty.to_text().is_err());
    let mut future = good;
    future.issued = NOW.plus_seconds(60);
    let file = signed(&publisher, &future.to_text().unwrap());
    let refused = Bundle::open(file.as_bytes(), &signers, None, NOW);
    assert!(matches!(refused, Err(BadBundle::FromTheFuture(_))));
}
