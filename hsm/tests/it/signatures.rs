//! Keys and signatures, judged by OpenSSL.

use cabinet::Digest;
use hsm::{KeyKind, PoolConfig, Scheme, ToSign, TokenError};

use crate::store::{key, openssl_accepts, pool, with_store};

/// Every kind of key with every scheme that it serves.
pub(crate) const KEYS: [(&str, KeyKind, &[Scheme]); 5] = [
    ("TEST ec", KeyKind::EcP256, &[Scheme::EcdsaSha256]),
    ("TEST ec384", KeyKind::EcP384, &[Scheme::EcdsaSha384]),
    ("TEST ed", KeyKind::Ed25519, &[Scheme::Ed25519]),
    ("TEST rsa2", KeyKind::Rsa2048, &[Scheme::RsaPkcs1Sha256, Scheme::RsaPssSha256]),
    ("TEST rsa3", KeyKind::Rsa3072, &[Scheme::RsaPkcs1Sha256, Scheme::RsaPssSha256]),
];

#[test]
fn openssl_accepts_every_scheme_and_no_other_message() {
    with_store("signatures::openssl_accepts_every_scheme_and_no_other_message", || {
        let (_module, pool) = pool(PoolConfig::default());
        let message = "Nghị quyết THỬ NGHIỆM".as_bytes();
        let digest = Digest::of(message);
        let sha384 = openssl::sha::sha384(message);
        for (name, kind, schemes) in KEYS {
            let public = pool.generate_key_pair(&key(name), kind).unwrap();
            assert_eq!(pool.public_key(&key(name)).unwrap(), public);
            for &scheme in schemes {
                let mut inputs = vec![ToSign::Message(message)];
                match scheme {
                    Scheme::Ed25519 => (),
                    Scheme::EcdsaSha384 => inputs.push(ToSign::Digest384(&sha384)),
                    Scheme::EcdsaSha256 | Scheme::RsaPkcs1Sha256 | Scheme::RsaPssSha256 => {
                        inputs.push(ToSign::Digest(&digest));
                    }
                }
                for input in inputs {
                    let signature = pool.sign(&key(name), input, scheme).unwrap();
                    assert!(
                        openssl_accepts(&public, scheme, message, signature.as_bytes()),
                        "{name} {scheme:?}"
                    );
                    assert!(
                        !openssl_accepts(&public, scheme, b"another", signature.as_bytes()),
                        "{name} {scheme:?}"
                    );
                }
            }
        }
        // r and s start with a zero byte once in 128 signatures: the length must stay 64.
        for n in 0..400_u32 {
            let signature =
                pool.sign(&key("TEST ec"), ToSign::Message(&n.to_be_bytes()), Scheme::EcdsaSha256).unwrap();
            assert_eq!(signature.as_bytes().len(), 64);
        }
    });
}

#[test]
fn what_does_not_fit_together_is_refused_with_its_reason() {
    with_store("signatures::what_does_not_fit_together_is_refused_with_its_reason", || {
        let (_module, pool) = pool(PoolConfig::default());
        let (ec, ed) = (key("TEST ec"), key("TEST ed"));
        pool.generate_key_pair(&ec, KeyKind::EcP256).unwrap();
        pool.generate_key_pair(&ed, KeyKind::Ed25519).unwrap();
        let digest = Digest::of(b"x");

        let taken = pool.generate_key_pair(&ec, KeyKind::Rsa2048);
        assert!(matches!(taken, Err(TokenError::KeyExists { .. })));
        assert!(matches!(pool.generate_aes256(&ec), Err(TokenError::KeyExists { .. })));

        let unknown = pool.sign(&key("TEST none"), ToSign::Digest(&digest), Scheme::EcdsaSha256);
        assert!(matches!(unknown, Err(TokenError::KeyNotFound { .. })));
        let other_type = pool.sign(&ec, ToSign::Digest(&digest), Scheme::RsaPssSha256);
        assert!(matches!(other_type, Err(TokenError::KeyNotFound { .. })));
        let other_curve = pool.sign(&ec, ToSign::Message(b"x"), Scheme::EcdsaSha384);
        assert!(matches!(other_curve, Err(TokenError::Unsupported { .. })));
        let hashed = pool.sign(&ed, ToSign::Digest(&digest), Scheme::Ed25519);
        assert!(matches!(hashed, Err(TokenError::Unsupported { .. })));
        let long = vec![0; hsm::MAX_MESSAGE_LEN_BYTES + 1];
        let long = pool.sign(&ed, ToSign::Message(&long), Scheme::Ed25519);
        assert!(matches!(long, Err(TokenError::TooLong { .. })));

        assert!(pool.has_key(&ec).unwrap() && !pool.has_key(&key("TEST none")).unwrap());
        assert!(matches!(pool.public_key(&key("TEST none")), Err(TokenError::KeyNotFound { .. })));
    });
}

#[test]
fn two_threads_cannot_give_one_label_twice() {
    with_store("signatures::two_threads_cannot_give_one_label_twice", || {
        let (_module, pool) = pool(PoolConfig::default());
        let results: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| pool.generate_key_pair(&key("TEST one"), KeyKind::EcP256)))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        assert!(results.iter().all(|result| matches!(result, Ok(_) | Err(TokenError::KeyExists { .. }))));
        pool.sign(&key("TEST one"), ToSign::Message(b"x"), Scheme::EcdsaSha256).unwrap();
    });
}
