//! Project Wycheproof's verdicts on the signature algorithms, through the code that checks every signature.

use std::path::PathBuf;

use openssl::pkey::PKey;
use serde_json::Value;

use super::{Hash, Scheme, SignatureAlgorithm};

/// Verdicts of ours that differ from the file's: file, case, whether we accept it, and why.
///
/// "Acceptable" leaves the choice to the verifier, so each such case is listed with our choice.
const DEVIATIONS: [(&str, u64, bool, &str); 2] = [
    ("rsa_signature_2048_sha256.json", 8, MISSING_NULL, "acceptable: a DigestInfo without NULL"),
    ("rsa_signature_3072_sha256.json", 8, MISSING_NULL, "acceptable: a DigestInfo without NULL"),
];
/// OpenSSL compares with the one encoding of RFC 8017, which has NULL.
const MISSING_NULL: bool = false;

fn check(file: &str, n_cases: usize, scheme: Scheme, to_cms: impl Fn(&[u8]) -> Option<Vec<u8>>) {
    let default = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let data = std::env::var_os("ECABINET_DATA").map_or(default, PathBuf::from);
    let text = std::fs::read(data.join("wycheproof").join(file)).expect("set ECABINET_DATA");
    let json: Value = serde_json::from_slice(&text).unwrap();
    let bytes = |value: &Value| hex::decode(value.as_str().unwrap()).unwrap();
    let (mut n, mut n_deviations, mut wrong) = (0, 0, Vec::new());
    for group in json["testGroups"].as_array().unwrap() {
        let key = PKey::public_key_from_der(&bytes(&group["publicKeyDer"])).unwrap();
        for case in group["tests"].as_array().unwrap() {
            let id = case["tcId"].as_u64().unwrap();
            let listed = DEVIATIONS.iter().find(|(name, case, ..)| *name == file && *case == id);
            let expected = match (listed, case["result"].as_str().unwrap()) {
                (Some((_, _, accepted, _)), _) => *accepted,
                (None, "valid") => true,
                (None, "invalid") => false,
                (None, other) => panic!("{file} {id}: decide what {other} means for us"),
            };
            let message = bytes(&case["msg"]);
            let accepted = to_cms(&bytes(&case["sig"]))
                .is_some_and(|value| scheme.verify_with(&key, &message, &value).is_ok());
            if accepted != expected {
                wrong.push(format!("{id}: {accepted} ({})", case["comment"]));
            }
            n += 1;
            n_deviations += usize::from(listed.is_some());
        }
    }
    assert_eq!(wrong, Vec::<String>::new(), "{file}");
    assert_eq!(n, n_cases, "{file}");
    assert_eq!(n_deviations, DEVIATIONS.iter().filter(|(name, ..)| *name == file).count());
}

#[test]
fn wycheproof_ecdsa_p256() {
    check("ecdsa_secp256r1_sha256.json", 484, Scheme::Ecdsa(Hash::Sha256), |value| Some(value.to_vec()));
}

#[test]
fn wycheproof_ecdsa_p256_as_a_token_gives_it() {
    let algorithm = SignatureAlgorithm::EcdsaP256Sha256;
    let scheme = Scheme::Ecdsa(Hash::Sha256);
    check("ecdsa_secp256r1_sha256_p1363.json", 262, scheme, |raw| algorithm.cms_value(raw).ok());
}

#[test]
fn wycheproof_rsa_pss() {
    let scheme = Scheme::RsaPss(Hash::Sha256, 32);
    check("rsa_pss_2048_sha256_mgf1_32.json", 108, scheme, |value| Some(value.to_vec()));
}

#[test]
fn wycheproof_rsa_pkcs1() {
    for file in ["rsa_signature_2048_sha256.json", "rsa_signature_3072_sha256.json"] {
        check(file, 259, Scheme::RsaPkcs1(Hash::Sha256), |value| Some(value.to_vec()));
    }
}
