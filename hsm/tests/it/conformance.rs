//! One suite over every PKCS#11 library that there is for testing, with what each can do.
//!
//! `SoftHSM2` is Debian's, Kryoptic is built by `tests/scripts/modules`, openCryptoki's software token runs with its
//! daemon in namespaces of its own, and the library that fails on purpose is told not to.

use std::path::{Path, PathBuf};

use cryptoki::context::Pkcs11;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::Attribute;
use hsm::{
    KeyKind, Module, ModuleConfig, Need, PersonalConfig, PersonalTokens, PoolConfig, Scheme, ToSign,
    TokenError, TokenName, TriesLeft, Wrapped,
};

use crate::held_keys::{beside, make_pair};
use crate::rig::{KRYOPTIC_CONF, with_faults, write_kryoptic_conf};
use crate::signatures::KEYS;
use crate::store::{built, in_a_child, key, library, openssl_accepts, pin, token, with_store};

const OPENCRYPTOKI: &str = "/usr/lib/x86_64-linux-gnu/opencryptoki/libopencryptoki.so.0";
const NSS: &str = "/usr/lib/x86_64-linux-gnu/libsoftokn3.so";
const MESSAGE: &[u8] = "Nghị quyết THỬ NGHIỆM".as_bytes();

/// What a library is expected to do; what is not listed must be refused as unsupported.
struct Expected {
    manufacturer: &'static str,
    kinds: &'static [KeyKind],
    wraps: Wraps,
    /// How many incorrect PINs in a row lock the token.
    locked_by: Option<usize>,
    /// Whether a PIN of 43 letters fits.
    long_pins: bool,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Wraps {
    AesGcm,
    /// It makes AES keys, and offers no AES-GCM.
    Nothing,
}

const SOFTHSM2: Expected = Expected {
    manufacturer: "SoftHSM",
    kinds: &[KeyKind::EcP256, KeyKind::EcP384, KeyKind::Ed25519, KeyKind::Rsa2048, KeyKind::Rsa3072],
    wraps: Wraps::AesGcm,
    locked_by: None,
    long_pins: true,
};
/// Built on OpenSSL 3.0, which has no Ed25519 that it could use.
const KRYOPTIC: Expected = Expected {
    manufacturer: "Kryoptic",
    kinds: &[KeyKind::EcP256, KeyKind::EcP384, KeyKind::Rsa2048, KeyKind::Rsa3072],
    wraps: Wraps::AesGcm,
    locked_by: Some(10),
    long_pins: true,
};
const OPENCRYPTOKI_SOFT: Expected = Expected {
    manufacturer: "IBM",
    kinds: &[KeyKind::Rsa2048, KeyKind::Rsa3072],
    wraps: Wraps::Nothing,
    locked_by: Some(3),
    long_pins: false,
};

#[test]
fn softhsm2_conforms() {
    with_store("conformance::softhsm2_conforms", || conforms(&library(), &SOFTHSM2));
}

#[test]
fn the_library_that_fails_on_purpose_conforms_when_told_nothing() {
    with_faults("conformance::the_library_that_fails_on_purpose_conforms_when_told_nothing", || {
        conforms(&built("ECABINET_FAULTS"), &SOFTHSM2);
    });
}

#[test]
fn kryoptic_conforms() {
    let body = || {
        write_kryoptic_conf();
        conforms(&built("ECABINET_KRYOPTIC"), &KRYOPTIC);
    };
    in_a_child("conformance::kryoptic_conforms", None, body, |folder, child| {
        child.env(KRYOPTIC_CONF, folder.join("token.conf"));
    });
}

#[test]
fn opencryptoki_conforms() {
    let run = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/modules/opencryptoki/run");
    let body = || conforms(OPENCRYPTOKI.as_ref(), &OPENCRYPTOKI_SOFT);
    in_a_child("conformance::opencryptoki_conforms", Some(&run), body, |_, _| ());
}

#[test]
fn a_library_that_wants_an_init_argument_gets_it() {
    let body = || {
        let folder = std::env::var("ECABINET_TEST_NSS").unwrap();
        let module = Module::load_with(&ModuleConfig {
            path: PathBuf::from(NSS),
            init_argument: Some(format!(
                "configdir='sql:{folder}' certPrefix='' keyPrefix='' secmod='secmod.db' flags= "
            )),
            quirks: None,
        })
        .unwrap();
        let survey = module.survey().unwrap();
        assert_eq!(survey.manufacturer, "Mozilla Foundation");
        assert!(survey.tokens.iter().any(|token| token.met.contains(&Need::AesGcm)), "{survey:?}");
        // NSS made its database where the argument told it to.
        assert!(Path::new(&folder).join("key4.db").exists());
    };
    in_a_child("conformance::a_library_that_wants_an_init_argument_gets_it", None, body, |folder, child| {
        child.env("ECABINET_TEST_NSS", folder);
    });
}

/// The suite. The PINs are of 4 to 8 digits, which every library takes.
fn conforms(path: &Path, expected: &Expected) {
    let module = Module::load(path).unwrap();
    assert_eq!(module.quirks().manufacturer, expected.manufacturer);
    assert!(module.survey().unwrap().tokens.iter().any(|token| token.unmet.contains(&Need::Initialised)));
    let name = provisions(&module);
    survey_tells(&module, expected);

    let label = token("TEST org");
    let wrong = module.open_pool(&label, &pin("9999"), PoolConfig::default());
    assert!(matches!(wrong, Err(TokenError::PinIncorrect { .. })), "{wrong:?}");
    let pool = module.open_pool(&label, &pin("1234"), PoolConfig::default()).unwrap();
    for (name, kind, schemes) in KEYS {
        pool_signs(&pool, (name, kind, schemes), expected.kinds.contains(&kind));
    }
    pool_wraps(&pool, expected.wraps);
    assert_ne!(pool.random(32).unwrap(), pool.random(32).unwrap());
    let missing = pool.sign(&key("TEST none"), ToSign::Message(MESSAGE), Scheme::RsaPssSha256);
    assert!(matches!(missing, Err(TokenError::KeyNotFound { .. })), "{missing:?}");
    if expected.kinds.contains(&KeyKind::EcP256) {
        asks_each_time(path, &pool);
    }
    at_once(&pool);
    assert_eq!(pool.health().n_rebuilt, 0);
    let public = pool.public_key(&key("TEST rsa2")).unwrap();
    drop(pool);

    // The same token as a person's, by label and by serial number; the keys have stayed.
    let personal = module.personal(PersonalConfig::default()).unwrap();
    for name in [TokenName::from(&label), name] {
        let wrong = personal.check_pin(&name, &pin("9999"));
        assert!(matches!(wrong, Err(TokenError::PinIncorrect { .. })), "{wrong:?}");
        let message = ToSign::Message(MESSAGE);
        let signature =
            personal.sign(&name, &pin("1234"), &key("TEST rsa2"), message, Scheme::RsaPssSha256).unwrap();
        assert!(openssl_accepts(&public, Scheme::RsaPssSha256, MESSAGE, signature.as_bytes()));
    }
    changes_pin(&personal, expected.long_pins);
    locks(&module, expected.locked_by);
}

/// A PIN of 43 letters takes the place of the short one and is taken back, where the token has room for it.
fn changes_pin(personal: &PersonalTokens, long_pins: bool) {
    let (label, short, long) = (token("TEST org"), pin("1234"), pin(&"TEST-long-".repeat(5)[..43]));
    let changed = personal.change_pin(&label, &short, &long);
    if !long_pins {
        assert!(matches!(changed, Err(TokenError::PinForm { .. })), "{changed:?}");
        return personal.check_pin(&label, &short).unwrap();
    }
    changed.unwrap();
    let old = personal.check_pin(&label, &short);
    assert!(matches!(old, Err(TokenError::PinIncorrect { .. })), "{old:?}");
    let wrong = personal.change_pin(&label, &short, &pin("4321"));
    assert!(matches!(wrong, Err(TokenError::PinIncorrect { .. })), "{wrong:?}");
    personal.change_pin(&label, &long, &short).unwrap();
    personal.check_pin(&label, &short).unwrap();
}

/// Incorrect PINs are told as such, the last one before the lock as the last, and then the lock.
fn locks(module: &Module, locked_by: Option<usize>) {
    let personal = module.personal(PersonalConfig::default()).unwrap();
    let label = token("TEST org");
    for n in 1..=locked_by.unwrap_or(12) {
        match personal.check_pin(&label, &pin("9999")) {
            Err(TokenError::PinIncorrect { tries }) => {
                // What is said after the locking try itself differs.
                let last = locked_by.is_some_and(|most| n + 1 == most);
                assert!(Some(n) == locked_by || (tries == TriesLeft::One) == last, "{n}: {tries:?}");
            }
            Err(TokenError::PinLocked) => assert_eq!(Some(n), locked_by),
            other => panic!("{n}: {other:?}"),
        }
    }
    let right = personal.check_pin(&label, &pin("1234"));
    let told =
        module.survey().unwrap().tokens.into_iter().find(|token| token.info.label == "TEST org").unwrap();
    if locked_by.is_none() {
        right.unwrap();
    } else {
        assert!(matches!(right, Err(TokenError::PinLocked)), "{right:?}");
        assert!(told.info.user_pin_locked && told.unmet.contains(&Need::Login), "{told:?}");
        let pool = module.open_pool(&label, &pin("1234"), PoolConfig::default());
        assert!(matches!(pool, Err(TokenError::PinLocked)), "{pool:?}");
    }
}

/// Makes the token, and gives its name by serial number.
fn provisions(module: &Module) -> TokenName {
    let label = token("TEST org");
    module.provision(&label, &pin("7654321"), &pin("1234")).unwrap();
    let again = module.provision(&label, &pin("7654321"), &pin("4321"));
    assert!(matches!(again, Err(TokenError::TokenExists { .. })), "{again:?}");
    let info = module.tokens().unwrap().into_iter().find(|info| info.label == "TEST org").unwrap();
    assert!(info.initialised && info.user_pin_set && !info.user_pin_locked, "{info:?}");
    format!("serial:{}", info.serial).parse().unwrap()
}

fn survey_tells(module: &Module, expected: &Expected) {
    let survey = module.survey().unwrap();
    let told = survey.tokens.iter().find(|token| token.info.label == "TEST org").unwrap();
    for need in Need::ALL {
        let met = match need {
            Need::Initialised | Need::Login | Need::Random | Need::MakeAes256 => true,
            Need::Make(kind) => expected.kinds.contains(&kind),
            Need::Sign(scheme) => KEYS
                .iter()
                .any(|(_, kind, schemes)| expected.kinds.contains(kind) && schemes.contains(&scheme)),
            Need::AesGcm => expected.wraps == Wraps::AesGcm,
        };
        assert_eq!(told.met.contains(&need), met, "{need:?}");
        assert_eq!(told.unmet.contains(&need), !met, "{need:?}");
    }
    assert!(told.mechanisms.iter().any(|name| name == "CKM_RSA_PKCS"), "{:?}", told.mechanisms);
}

fn pool_signs(pool: &hsm::Pool, (name, kind, schemes): (&str, KeyKind, &[Scheme]), can: bool) {
    let made = pool.generate_key_pair(&key(name), kind);
    if !can {
        assert!(matches!(made, Err(TokenError::Unsupported { .. })), "{name}: {made:?}");
        assert!(!pool.has_key(&key(name)).unwrap(), "{name}");
        for &scheme in schemes {
            let refused = pool.sign(&key(name), ToSign::Message(MESSAGE), scheme);
            assert!(matches!(refused, Err(TokenError::Unsupported { .. })), "{scheme:?}: {refused:?}");
        }
        return;
    }
    let public = made.unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(pool.public_key(&key(name)).unwrap(), public, "{name}");
    let taken = pool.generate_key_pair(&key(name), kind);
    assert!(matches!(taken, Err(TokenError::KeyExists { .. })), "{name}: {taken:?}");
    let (sha256, sha384) = (cabinet::Digest::of(MESSAGE), openssl::sha::sha384(MESSAGE));
    for &scheme in schemes {
        let digest = match scheme {
            Scheme::Ed25519 => None,
            Scheme::EcdsaSha384 => Some(ToSign::Digest384(&sha384)),
            Scheme::EcdsaSha256 | Scheme::RsaPkcs1Sha256 | Scheme::RsaPssSha256 => {
                Some(ToSign::Digest(&sha256))
            }
        };
        for input in [ToSign::Message(MESSAGE)].into_iter().chain(digest) {
            let signature =
                pool.sign(&key(name), input, scheme).unwrap_or_else(|error| panic!("{scheme:?}: {error}"));
            assert!(openssl_accepts(&public, scheme, MESSAGE, signature.as_bytes()), "{name} {scheme:?}");
            assert!(!openssl_accepts(&public, scheme, b"another", signature.as_bytes()), "{name} {scheme:?}");
        }
    }
}

fn pool_wraps(pool: &hsm::Pool, wraps: Wraps) {
    let kek = key("TEST kek");
    pool.generate_aes256(&kek).unwrap();
    let wrapped = pool.wrap(&kek, b"secret", b"document 1");
    if wraps == Wraps::Nothing {
        assert!(matches!(wrapped, Err(TokenError::Unsupported { .. })), "{wrapped:?}");
        return;
    }
    let wrapped = wrapped.unwrap();
    assert_eq!(**pool.unwrap(&kek, &wrapped, b"document 1").unwrap(), *b"secret");
    let other = pool.unwrap(&kek, &wrapped, b"document 2");
    assert!(matches!(other, Err(TokenError::Corrupt)), "{other:?}");
    for at in 1..wrapped.as_bytes().len() {
        let mut bytes = wrapped.as_bytes().to_vec();
        bytes[at] ^= 0x80;
        let opened = pool.unwrap(&kek, &Wrapped::parse(&bytes).unwrap(), b"document 1");
        assert!(matches!(opened, Err(TokenError::Corrupt)), "byte {at}: {opened:?}");
    }
    assert_eq!(**pool.unwrap(&kek, &wrapped, b"document 1").unwrap(), *b"secret");
}

/// A key with `CKA_ALWAYS_AUTHENTICATE`, made by another hand: without the PIN the token itself refuses.
fn asks_each_time(path: &Path, pool: &hsm::Pool) {
    let session = beside(&Pkcs11::new(path).unwrap(), "TEST org");
    let made = make_pair(&session, "TEST asks", &[Attribute::AlwaysAuthenticate(true)]);
    assert!(session.sign(&Mechanism::Ecdsa, made, &[7; 32]).is_err());
    let public = pool.public_key(&key("TEST asks")).unwrap();
    for _ in 0..3 {
        let signature = pool.sign(&key("TEST asks"), ToSign::Message(MESSAGE), Scheme::EcdsaSha256).unwrap();
        assert!(openssl_accepts(&public, Scheme::EcdsaSha256, MESSAGE, signature.as_bytes()));
    }
}

/// Eight callers on four sessions.
fn at_once(pool: &hsm::Pool) {
    let public = pool.public_key(&key("TEST rsa2")).unwrap();
    std::thread::scope(|scope| {
        for n in 0..8_u8 {
            let public = &public;
            scope.spawn(move || {
                for round in 0..10_u8 {
                    let message = [n, round];
                    let signature = pool
                        .sign(&key("TEST rsa2"), ToSign::Message(&message), Scheme::RsaPkcs1Sha256)
                        .unwrap_or_else(|error| panic!("{n} {round}: {error}"));
                    assert!(openssl_accepts(public, Scheme::RsaPkcs1Sha256, &message, signature.as_bytes()));
                }
            });
        }
    });
}
