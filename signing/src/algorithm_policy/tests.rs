use super::*;
use crate::authority::{Authority, Profile};
use crate::testing::{self, NOW};
use crate::{Certificate, SignatureAlgorithm};

fn day(year: i32, month: u8, day: u8) -> Timestamp {
    let date = time::Date::from_calendar_date(year, time::Month::try_from(month).unwrap(), day).unwrap();
    Timestamp::from_micros(0).plus_seconds(date.midnight().assume_utc().unix_timestamp())
}

const fn suite(scheme: SchemeName, bits: u32, hash: HashName) -> Suite {
    Suite { hash: Some(hash), scheme, bits }
}

#[test]
fn every_row_of_the_table_ends_on_its_day() {
    use HashName::{Sha1, Sha224, Sha256, Sha512};
    use SchemeName::{Ecdsa, RsaPkcs1, RsaPss};
    let policy = AlgorithmPolicy::default_dated().unwrap();
    for (suite, end) in [
        (suite(RsaPkcs1, 1024, Sha256), Some((2019, 10, 1))),
        (suite(RsaPkcs1, 2048, Sha1), Some((2012, 8, 1))),
        (suite(RsaPkcs1, 2048, Sha256), Some((2029, 1, 1))),
        (suite(RsaPkcs1, 4096, Sha512), Some((2029, 1, 1))),
        (suite(RsaPss, 2048, Sha256), Some((2029, 1, 1))),
        (suite(RsaPss, 3072, Sha256), None),
        (suite(RsaPss, 3072, Sha224), Some((2029, 1, 1))),
        (suite(Ecdsa, 224, Sha256), Some((2021, 10, 1))),
        (suite(Ecdsa, 256, Sha1), Some((2012, 8, 1))),
        (suite(Ecdsa, 256, Sha256), None),
        (suite(Ecdsa, 384, Sha512), None),
        (Suite { hash: None, scheme: SchemeName::Ed25519, bits: 253 }, None),
    ] {
        for usage in [Use::Signature, Use::TimeStamp, Use::Certificate] {
            let end = end.map(|(y, m, d)| day(y, m, d));
            assert_eq!(policy.expiry(usage, &suite).unwrap(), end, "{suite:?}");
            let last = end.unwrap_or(day(2099, 1, 1)).plus_seconds(-1);
            policy.accepts(usage, &suite, last).unwrap();
            if let Some(end) = end {
                let error = policy.accepts(usage, &suite, end).unwrap_err();
                assert!(matches!(error, NotAccepted::Expired { since, .. } if since == end), "{suite:?}");
            }
        }
    }
    for suite in [suite(RsaPkcs1, 512, Sha256), suite(RsaPss, 1024, Sha256), suite(Ecdsa, 192, Sha256)] {
        let error = policy.accepts(Use::Signature, &suite, day(1999, 1, 1)).unwrap_err();
        assert!(matches!(error, NotAccepted::Forbidden { .. }), "{suite:?}");
        assert!(policy.expiry(Use::Signature, &suite).is_err(), "no end is not endless");
    }
}

#[test]
fn a_policy_of_ones_own_may_differ_by_use_but_not_contradict_itself() {
    let text = |hashes: &str, schemes: &str| {
        format!(
            r#"{{"id":"x","title":"x","citation":"x","unconfirmed":[],"hashes":[{hashes}],"schemes":[{schemes}]}}"#
        )
    };
    let sha256 = r#"{"hash":"sha256","source":"ours"}"#;
    let ecdsa = r#"{"scheme":"ecdsa","from_bits":256,"source":"ours"}"#;
    let short =
        r#"{"scheme":"rsa_pss","from_bits":2048,"until":"2027-01-01","uses":["signature"],"source":"ours"}"#;
    let long = r#"{"scheme":"rsa_pss","from_bits":2048,"uses":["certificate"],"source":"ours"}"#;
    let policy = AlgorithmPolicy::parse(&text(sha256, &format!("{short},{long}"))).unwrap();
    let pss = suite(SchemeName::RsaPss, 2048, HashName::Sha256);
    assert_eq!(policy.expiry(Use::Signature, &pss).unwrap(), Some(day(2027, 1, 1)));
    assert_eq!(policy.expiry(Use::Certificate, &pss).unwrap(), None);
    assert!(policy.accepts(Use::TimeStamp, &pss, NOW).is_err(), "what is not said is not allowed");
    let again = serde_json::to_string(&policy).unwrap();
    assert_eq!(AlgorithmPolicy::parse(&again).unwrap(), policy);
    for bad in [
        text("", ecdsa),
        text(sha256, ""),
        text(&format!("{sha256},{sha256}"), ecdsa),
        text(sha256, &format!("{short},{short}")),
        text(&sha256.replace("sha256", "md5"), ecdsa),
        text(sha256, &ecdsa.replace("\"source\"", "\"until\":\"soon\",\"source\"")),
        text(sha256, &ecdsa.replace("\"source\"", "\"till\":\"2027-01-01\",\"source\"")),
        text(sha256, ecdsa).replace("\"id\"", "\"extra\":1,\"id\""),
        text(sha256, ecdsa) + &" ".repeat(MAX_POLICY_BYTES),
    ] {
        assert!(AlgorithmPolicy::parse(&bad).is_err(), "{}", &bad[..bad.len().min(300)]);
    }
}

#[test]
fn suites_are_read_from_signatures_and_certificates() {
    let root = Authority::create_root("TEST root", NOW).unwrap();
    let certify = |key| testing::certify(&root, &key, "TEST", Profile::Person);
    let (ec, rsa): (Certificate, Certificate) = (certify(testing::ec_key()), certify(testing::rsa_key(2048)));
    let by_root = suite(SchemeName::Ecdsa, 256, HashName::Sha256);
    assert_eq!(Suite::of_certificate(&rsa, root.certificate()).unwrap(), by_root);
    for (algorithm, signer, expected) in [
        (SignatureAlgorithm::EcdsaP256Sha256, &ec, by_root),
        (SignatureAlgorithm::RsaPkcs1Sha256, &rsa, suite(SchemeName::RsaPkcs1, 2048, HashName::Sha256)),
        (SignatureAlgorithm::RsaPssSha256, &rsa, suite(SchemeName::RsaPss, 2048, HashName::Sha256)),
    ] {
        assert_eq!(Suite::of_signature(&algorithm.identifier(), signer).unwrap(), expected);
    }
    let plain = [0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    assert!(Suite::of_signature(&plain, &rsa).is_err(), "rsaEncryption names no hash");
}
