//! A token store for each test.
//!
//! `SoftHSM2` reads `SOFTHSM2_CONF` when it is loaded and is loaded once per process, so each test runs its
//! body in a process of its own: this same binary, told to run that one test.

use std::path::{Path, PathBuf};
use std::process::Command;

use hsm::{
    KeyLabel, Module, ModuleConfig, PersonalConfig, Pin, Pool, PoolConfig, ToSign, TokenError, TokenLabel,
    TokenName,
};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::pkey::{Id, PKey};
use openssl::rsa::Padding;
use openssl::sign::{RsaPssSaltlen, Verifier};

use hsm::{PublicKeyDer, Scheme};

const CHILD: &str = "ECABINET_TEST_CHILD";

/// Runs `body` in a process that has an empty token store.
pub(crate) fn with_store(name: &str, body: fn()) {
    with_store_and(name, &[], body);
}

/// The same, with more of an environment; `{}` in a value is the store's folder.
pub(crate) fn with_store_and(name: &str, environment: &[(&str, &str)], body: fn()) {
    in_a_child(name, None, body, |folder, child| {
        let tokens = folder.join("tokens");
        std::fs::create_dir(&tokens).unwrap();
        let conf = folder.join("softhsm2.conf");
        let text = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n\
             slots.removable = false\n",
            tokens.display()
        );
        std::fs::write(&conf, text).unwrap();
        child.env("SOFTHSM2_CONF", &conf);
        for (key, value) in environment {
            child.env(key, value.replace("{}", folder.to_str().unwrap()));
        }
    });
}

/// Runs `body` in a process of its own, perhaps through another program, prepared by `prepare`.
pub(crate) fn in_a_child(
    name: &str,
    through: Option<&Path>,
    body: fn(),
    prepare: impl FnOnce(&Path, &mut Command),
) {
    if std::env::var_os(CHILD).is_some() {
        return body();
    }
    let folder = tempfile::tempdir().unwrap();
    let this = std::env::current_exe().unwrap();
    let mut child = Command::new(through.unwrap_or(&this));
    if through.is_some() {
        child.arg(&this);
    }
    child.args([name, "--exact", "--nocapture", "--test-threads=1"]).env(CHILD, "1");
    prepare(folder.path(), &mut child);
    let output = child.output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{stdout}\n{stderr}", output.status);
    // A misspelt name would run nothing and succeed.
    assert!(stdout.contains("1 passed"), "{name} did not run:\n{stdout}");
}

/// Where the library is: `ECABINET_PKCS11`, or Debian's path.
pub(crate) fn library() -> PathBuf {
    std::env::var_os("ECABINET_PKCS11")
        .map_or_else(|| "/usr/lib/softhsm/libsofthsm2.so".into(), PathBuf::from)
}

pub(crate) fn module() -> Module {
    Module::load(&library()).unwrap()
}

pub(crate) fn pin(text: &str) -> Pin {
    Pin::parse(text).unwrap()
}

pub(crate) fn token(text: &str) -> TokenLabel {
    text.parse().unwrap()
}

pub(crate) fn key(text: &str) -> KeyLabel {
    text.parse().unwrap()
}

/// A library that a script of ours has built, by the variable that the script sets.
pub(crate) fn built(variable: &str) -> PathBuf {
    let path = std::env::var_os(variable);
    path.unwrap_or_else(|| panic!("{variable} is not set: eval \"$(tests/scripts/modules)\"")).into()
}

/// A token "TEST org" with the PIN 1234, and a pool on it.
pub(crate) fn pool(config: PoolConfig) -> (Module, Pool) {
    let module = module();
    let pool = pool_of(&module, config);
    (module, pool)
}

/// The same on this module.
pub(crate) fn pool_of(module: &Module, config: PoolConfig) -> Pool {
    module.provision(&token("TEST org"), &pin("so-12345"), &pin("1234")).unwrap();
    module.open_pool(&token("TEST org"), &pin("1234"), config).unwrap()
}

/// Whether OpenSSL accepts the raw signature over the message.
pub(crate) fn openssl_accepts(public: &PublicKeyDer, scheme: Scheme, message: &[u8], raw: &[u8]) -> bool {
    let key = PKey::public_key_from_der(public.as_bytes()).unwrap();
    let sha256 = MessageDigest::sha256();
    match scheme {
        Scheme::RsaPkcs1Sha256 => Verifier::new(sha256, &key).unwrap().verify_oneshot(raw, message).unwrap(),
        Scheme::RsaPssSha256 => {
            let mut verifier = Verifier::new(sha256, &key).unwrap();
            verifier.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
            verifier.set_rsa_mgf1_md(sha256).unwrap();
            verifier.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).unwrap();
            verifier.verify_oneshot(raw, message).unwrap()
        }
        Scheme::EcdsaSha256 | Scheme::EcdsaSha384 => {
            let (half, hash) =
                if scheme == Scheme::EcdsaSha384 { (48, MessageDigest::sha384()) } else { (32, sha256) };
            assert_eq!((key.id(), raw.len()), (Id::EC, 2 * half));
            let number = |bytes| openssl::bn::BigNum::from_slice(bytes).unwrap();
            let der = EcdsaSig::from_private_components(number(&raw[..half]), number(&raw[half..])).unwrap();
            let mut verifier = Verifier::new(hash, &key).unwrap();
            verifier.verify_oneshot(&der.to_der().unwrap(), message).unwrap()
        }
        Scheme::Ed25519 => Verifier::new_without_digest(&key).unwrap().verify_oneshot(raw, message).unwrap(),
    }
}

/// The library again, for what only an intruder in the same process would do.
pub(crate) fn behind_the_back() -> cryptoki::context::Pkcs11 {
    cryptoki::context::Pkcs11::new(library()).unwrap()
}

#[test]
fn a_path_that_is_no_pkcs11_library_is_named() {
    for path in ["/nowhere/libx.so", "/usr/lib/x86_64-linux-gnu/libz.so.1", "/etc/hostname"] {
        let error = Module::load(Path::new(path)).unwrap_err();
        assert!(matches!(error, TokenError::ModuleUnusable { .. }), "{error}");
        assert!(error.to_string().contains(path), "{error}");
    }
}

#[test]
fn tokens_are_made_once_listed_and_never_made_over() {
    with_store("store::tokens_are_made_once_listed_and_never_made_over", || {
        let module = module();
        assert!(module.tokens().unwrap().iter().all(|token| !token.initialised));
        for name in ["TEST one", "Thẻ THỬ NGHIỆM"] {
            module.provision(&token(name), &pin("so-12345"), &pin("1234")).unwrap();
        }
        let again = module.provision(&token("TEST one"), &pin("so-12345"), &pin("9999"));
        assert!(matches!(again, Err(TokenError::TokenExists { .. })));
        let tokens = module.tokens().unwrap();
        for name in ["TEST one", "Thẻ THỬ NGHIỆM"] {
            let found: Vec<_> = tokens.iter().filter(|token| token.label == name).collect();
            assert_eq!(found.len(), 1);
            assert!(found[0].initialised && found[0].user_pin_set && !found[0].user_pin_locked);
            assert!(!found[0].serial.is_empty() && !found[0].model.is_empty());
        }
        // The refused second initialisation did not change the PIN.
        let pool = module.open_pool(&token("TEST one"), &pin("1234"), PoolConfig::default()).unwrap();
        let twice = module.open_pool(&token("TEST one"), &pin("1234"), PoolConfig::default());
        assert!(matches!(twice, Err(TokenError::TokenInUse { .. })));
        drop(pool);
    });
}

#[test]
fn a_missing_token_is_named_with_what_to_do() {
    with_store("store::a_missing_token_is_named_with_what_to_do", || {
        let error = module().open_pool(&token("ecab-org"), &pin("1234"), PoolConfig::default()).unwrap_err();
        assert!(matches!(error, TokenError::TokenNotFound { .. }));
        assert_eq!(
            error.to_string(),
            "no slot holds a token labelled ecab-org; insert it, or run the key ceremony, or correct the label"
        );
    });
}

#[test]
fn a_token_is_found_by_its_serial_number_and_is_one_token_under_two_names() {
    with_store("store::a_token_is_found_by_its_serial_number_and_is_one_token_under_two_names", || {
        let (module, pool) = pool(PoolConfig::default());
        pool.generate_key_pair(&key("TEST ec"), hsm::KeyKind::EcP256).unwrap();
        let info = module.tokens().unwrap().into_iter().find(|info| info.label == "TEST org").unwrap();
        let serial: TokenName = format!("serial:{}", info.serial).parse().unwrap();
        let personal = module.personal(PersonalConfig::default()).unwrap();
        let sign = || {
            let message = ToSign::Message(b"x");
            personal.sign(&serial, &pin("1234"), &key("TEST ec"), message, Scheme::EcdsaSha256)
        };
        assert!(matches!(sign(), Err(TokenError::TokenInUse { .. })));
        let twice = module.open_pool(&serial, &pin("1234"), PoolConfig::default());
        assert!(matches!(twice, Err(TokenError::TokenInUse { .. })));
        assert!(pool.random(8).is_ok());
        drop(pool);
        sign().unwrap();
        let pool = module.open_pool(&serial, &pin("1234"), PoolConfig::default()).unwrap();
        assert!(pool.has_key(&key("TEST ec")).unwrap());
        let other: TokenName = "serial:0123456789abcdef".parse().unwrap();
        let error = module.open_pool(&other, &pin("1234"), PoolConfig::default()).unwrap_err();
        assert!(error.to_string().contains("with serial number 0123456789abcdef"), "{error}");
    });
}

#[test]
fn an_operators_quirks_file_takes_the_place_of_ours() {
    let environment = [("ECABINET_TEST_QUIRKS", "{}/quirks.toml")];
    with_store_and("store::an_operators_quirks_file_takes_the_place_of_ours", &environment, || {
        let path = PathBuf::from(std::env::var_os("ECABINET_TEST_QUIRKS").unwrap());
        let text = "pin = { min_len_bytes = 6, max_len_bytes = 8, digits_only = true }\n\
                    pin_flags = \"unreliable\"\nanchor = \"forbidden\"\ngcm_iv = \"made\"\n";
        std::fs::write(&path, text).unwrap();
        let module = Module::load_with(&ModuleConfig {
            path: library(),
            quirks: Some(path),
            ..ModuleConfig::default()
        })
        .unwrap();
        let label = token("TEST org");
        // A PIN of another form is refused before the token counts it.
        let refused = module.provision(&label, &pin("so-12345"), &pin("123456"));
        assert!(matches!(refused, Err(TokenError::PinForm { .. })));
        module.provision(&label, &pin("654321"), &pin("123456")).unwrap();
        let refused = module.open_pool(&label, &pin("1234"), PoolConfig::default()).unwrap_err();
        assert_eq!(refused.to_string(), "this token takes PINs of 6 to 8 digits; choose another");
        let personal = module.personal(PersonalConfig::default()).unwrap();
        let wrong = personal.check_pin(&label, &pin("111111"));
        assert!(
            matches!(wrong, Err(TokenError::PinIncorrect { tries: hsm::TriesLeft::Unknown })),
            "{wrong:?}"
        );
        personal.check_pin(&label, &pin("123456")).unwrap();
        // Without an anchor, each worker logs in for itself, and the pool works.
        let pool = module.open_pool(&label, &pin("123456"), PoolConfig::default()).unwrap();
        pool.generate_key_pair(&key("TEST ec"), hsm::KeyKind::EcP256).unwrap();
        for _ in 0..20 {
            pool.sign(&key("TEST ec"), ToSign::Message(b"x"), Scheme::EcdsaSha256).unwrap();
        }
        // A library that should make the vector and did not has sealed nothing.
        pool.generate_aes256(&key("TEST kek")).unwrap();
        let error = pool.wrap(&key("TEST kek"), b"x", b"").unwrap_err();
        assert!(error.to_string().contains("no vector made"), "{error}");
    });
}
