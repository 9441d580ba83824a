//! The same token through another PKCS#11 binding, so that no mistake of the first one hides itself.
//!
//! The crate `pkcs11` is unmaintained and unsound (RUSTSEC-2022-0034): a test's witness, never the product.

use std::ffi::c_void;
use std::ptr::null_mut;

use hsm::{PoolConfig, Scheme, ToSign};
use pkcs11::Ctx;
use pkcs11::types::{
    CK_ATTRIBUTE, CK_BBOOL, CK_FALSE, CK_MECHANISM, CK_OBJECT_HANDLE, CK_RSA_PKCS_PSS_PARAMS,
    CK_SESSION_HANDLE, CK_TRUE, CKA_ALWAYS_SENSITIVE, CKA_CLASS, CKA_EXTRACTABLE, CKA_LABEL,
    CKA_NEVER_EXTRACTABLE, CKA_PRIME_1, CKA_PRIVATE_EXPONENT, CKA_SENSITIVE, CKA_VALUE, CKF_SERIAL_SESSION,
    CKG_MGF1_SHA256, CKM_ECDSA, CKM_RSA_PKCS_PSS, CKM_SHA256, CKM_SHA256_RSA_PKCS, CKO_PRIVATE_KEY,
    CKO_PUBLIC_KEY, CKO_SECRET_KEY, CKR_OK, CKU_USER,
};

use crate::signatures::KEYS;
use crate::store::{behind_the_back, key, library, openssl_accepts, pool, with_store};

/// PKCS#11 3.0's number; this binding ends at 2.40.
const CKM_EDDSA: u64 = 0x1057;
const MESSAGE: &[u8] = b"statement TEST";

#[test]
fn another_binding_finds_the_keys_accepts_our_signatures_and_openssl_accepts_its() {
    let name =
        "second_binding::another_binding_finds_the_keys_accepts_our_signatures_and_openssl_accepts_its";
    with_store(name, || {
        let (_module, pool) = pool(PoolConfig::default());
        let mut made = Vec::new();
        for (name, kind, schemes) in KEYS {
            let public = pool.generate_key_pair(&key(name), kind).unwrap();
            for &scheme in schemes {
                let signature = pool.sign(&key(name), ToSign::Message(MESSAGE), scheme).unwrap();
                made.push((name, scheme, public.clone(), signature));
            }
        }
        pool.generate_aes256(&key("TEST kek")).unwrap();
        drop(pool);

        // One binding at a time may have the library initialised.
        behind_the_back().finalize().unwrap();
        let other = Ctx::new_and_initialize(library()).unwrap();
        let session = log_in(&other);
        for (name, scheme, public, ours) in made {
            let verifier = find(&other, session, CKO_PUBLIC_KEY, name);
            let (mechanism, data, _parameters) = mechanism(scheme);
            other.verify_init(session, &mechanism, verifier).unwrap();
            other.verify(session, &data, ours.as_bytes()).unwrap();
            other.verify_init(session, &mechanism, verifier).unwrap();
            let mut broken = ours.as_bytes().to_vec();
            broken[9] ^= 1;
            assert!(other.verify(session, &data, &broken).is_err(), "{name} {scheme:?}");

            let signer = find(&other, session, CKO_PRIVATE_KEY, name);
            other.sign_init(session, &mechanism, signer).unwrap();
            let theirs = other.sign(session, &data).unwrap();
            assert!(openssl_accepts(&public, scheme, MESSAGE, &theirs), "{name} {scheme:?}");
            assert_stays_inside(&other, session, signer);
        }
        assert_stays_inside(&other, session, find(&other, session, CKO_SECRET_KEY, "TEST kek"));
    });
}

fn log_in(other: &Ctx) -> CK_SESSION_HANDLE {
    let slots = other.get_slot_list(true).unwrap();
    let ours: Vec<_> = slots
        .into_iter()
        .filter(|slot| String::from(other.get_token_info(*slot).unwrap().label).trim_end() == "TEST org")
        .collect();
    assert_eq!(ours.len(), 1);
    let session = other.open_session(ours[0], CKF_SERIAL_SESSION, None, None).unwrap();
    other.login(session, CKU_USER, Some("1234")).unwrap();
    session
}

fn find(other: &Ctx, session: CK_SESSION_HANDLE, class: u64, label: &str) -> CK_OBJECT_HANDLE {
    let template = [
        CK_ATTRIBUTE::new(CKA_CLASS).with_ck_ulong(&class),
        CK_ATTRIBUTE::new(CKA_LABEL).with_bytes(label.as_bytes()),
    ];
    other.find_objects_init(session, &template).unwrap();
    let found = other.find_objects(session, 10).unwrap();
    other.find_objects_final(session).unwrap();
    assert_eq!(found.len(), 1, "{label}");
    found[0]
}

/// The mechanism, what is given to it, and the parameters that it points to.
fn mechanism(scheme: Scheme) -> (CK_MECHANISM, Vec<u8>, Box<CK_RSA_PKCS_PSS_PARAMS>) {
    let parameters = Box::new(CK_RSA_PKCS_PSS_PARAMS { hashAlg: CKM_SHA256, mgf: CKG_MGF1_SHA256, sLen: 32 });
    let digest = cabinet::Digest::of(MESSAGE).as_bytes().to_vec();
    let (number, pointer, len, data) = match scheme {
        // Hashing inside the token: another way to the same signature than ours.
        Scheme::RsaPkcs1Sha256 => (CKM_SHA256_RSA_PKCS, null_mut(), 0, MESSAGE.to_vec()),
        Scheme::RsaPssSha256 => {
            let pointer: *const CK_RSA_PKCS_PSS_PARAMS = &raw const *parameters;
            let len = u64::try_from(size_of::<CK_RSA_PKCS_PSS_PARAMS>()).unwrap();
            (CKM_RSA_PKCS_PSS, pointer.cast_mut().cast::<c_void>(), len, digest)
        }
        Scheme::EcdsaSha256 => (CKM_ECDSA, null_mut(), 0, digest),
        Scheme::EcdsaSha384 => (CKM_ECDSA, null_mut(), 0, openssl::sha::sha384(MESSAGE).to_vec()),
        Scheme::Ed25519 => (CKM_EDDSA, null_mut(), 0, MESSAGE.to_vec()),
    };
    (CK_MECHANISM { mechanism: number, pParameter: pointer.cast(), ulParameterLen: len }, data, parameters)
}

/// The flags say so, and asking for the secret gives nothing.
fn assert_stays_inside(other: &Ctx, session: CK_SESSION_HANDLE, secret: CK_OBJECT_HANDLE) {
    for (flag, expected) in [
        (CKA_SENSITIVE, CK_TRUE),
        (CKA_ALWAYS_SENSITIVE, CK_TRUE),
        (CKA_EXTRACTABLE, CK_FALSE),
        (CKA_NEVER_EXTRACTABLE, CK_TRUE),
    ] {
        let value: CK_BBOOL = 0xaa;
        let mut template = vec![CK_ATTRIBUTE::new(flag).with_bool(&value)];
        let (code, read) = other.get_attribute_value(session, secret, &mut template).unwrap();
        assert_eq!(code, CKR_OK);
        assert_eq!(read[0].get_bool().unwrap(), expected == CK_TRUE, "{flag:#x}");
    }
    for attribute in [CKA_VALUE, CKA_PRIVATE_EXPONENT, CKA_PRIME_1] {
        let buffer = [0xaa_u8; 512];
        let mut template = vec![CK_ATTRIBUTE::new(attribute).with_bytes(&buffer)];
        let read = other.get_attribute_value(session, secret, &mut template);
        assert!(!matches!(read, Ok((CKR_OK, _))), "{attribute:#x} left the token");
        assert_eq!(buffer, [0xaa; 512]);
    }
}
