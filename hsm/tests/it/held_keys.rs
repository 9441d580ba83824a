//! Keys are looked at when they are used, not only when they are made.

use cryptoki::context::Pkcs11;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, ObjectHandle};
use cryptoki::session::{Session, UserType};
use hsm::{PersonalConfig, PoolConfig, Scheme, ToSign, TokenError};

use crate::rig::{faulty, faulty_pool, n_calls, n_signed, plan, with_faults};
use crate::store::{behind_the_back, key, openssl_accepts, pin, pool, token, with_store};

const P256: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

/// Makes a key pair as somebody else's tool would, on a token that this process is logged in to.
pub(crate) fn make_pair(session: &Session, label: &str, private: &[Attribute]) -> ObjectHandle {
    let label = Attribute::Label(label.into());
    let public =
        [Attribute::Token(true), Attribute::Verify(true), Attribute::EcParams(P256.into()), label.clone()];
    let private: Vec<Attribute> = [
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sign(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        label,
    ]
    .into_iter()
    .filter(|one| !private.iter().any(|other| other.attribute_type() == one.attribute_type()))
    .chain(private.iter().cloned())
    .collect();
    session.generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private).unwrap().1
}

/// A session of ours on a token, beside the pool's.
pub(crate) fn beside(other: &Pkcs11, label: &str) -> Session {
    let mut slots = other.get_slots_with_token().unwrap().into_iter();
    let slot = slots.find(|slot| other.get_token_info(*slot).unwrap().label() == label).unwrap();
    other.open_rw_session(slot).unwrap()
}

#[test]
fn a_key_that_can_leave_its_token_is_not_used() {
    with_store("held_keys::a_key_that_can_leave_its_token_is_not_used", || {
        let (_module, pool) = pool(PoolConfig::default());
        let session = beside(&behind_the_back(), "TEST org");
        let sign = |name: &str| pool.sign(&key(name), ToSign::Message(b"x"), Scheme::EcdsaSha256);
        make_pair(&session, "TEST good", &[]);
        assert!(sign("TEST good").is_ok());
        make_pair(&session, "TEST extractable", &[Attribute::Extractable(true)]);
        make_pair(&session, "TEST open", &[Attribute::Sensitive(false)]);
        // Closed afterwards, but it was open once.
        let once =
            make_pair(&session, "TEST once", &[Attribute::Sensitive(false), Attribute::Extractable(true)]);
        let close = [Attribute::Sensitive(true), Attribute::Extractable(false)];
        session.update_attributes(once, &close).unwrap();
        for name in ["TEST extractable", "TEST open", "TEST once"] {
            let error = sign(name).unwrap_err();
            assert!(matches!(error, TokenError::KeyNotProtected { .. }), "{name}: {error}");
        }
        let aes = [
            Attribute::Token(true),
            Attribute::ValueLen(32.into()),
            Attribute::Extractable(true),
            Attribute::Encrypt(true),
            Attribute::Label("TEST kek".into()),
        ];
        session.generate_key(&Mechanism::AesKeyGen, &aes).unwrap();
        let wrapped = pool.wrap(&key("TEST kek"), b"x", b"");
        assert!(matches!(wrapped, Err(TokenError::KeyNotProtected { .. })));
    });
}

#[test]
fn a_key_that_asks_for_the_pin_each_time_gets_it_once_for_each_signature() {
    let name = "held_keys::a_key_that_asks_for_the_pin_each_time_gets_it_once_for_each_signature";
    with_faults(name, || {
        let asks = [Attribute::AlwaysAuthenticate(true)];
        let (module, pool) = faulty_pool(PoolConfig { n_workers: 1, ..PoolConfig::default() });
        make_pair(&beside(&behind_the_back(), "TEST org"), "TEST asks", &asks);
        let public = pool.public_key(&key("TEST asks")).unwrap();
        let sign = || pool.sign(&key("TEST asks"), ToSign::Message(b"x"), Scheme::EcdsaSha256);
        plan("");
        for _ in 0..3 {
            let signature = sign().unwrap();
            assert!(openssl_accepts(&public, Scheme::EcdsaSha256, b"x", signature.as_bytes()));
        }
        assert_eq!((n_calls("C_Login", ""), n_signed()), (3, 3));
        // Lost before the PIN: given again. Refused: never given again.
        plan("C_SignInit 1 0xb3 instead");
        assert!(sign().is_ok());
        plan("C_Login * 0xa0 instead");
        for _ in 0..5 {
            assert!(matches!(sign(), Err(TokenError::PinIncorrect { .. })));
        }
        assert_eq!((n_calls("C_Login", ""), n_signed()), (1, 0));
        assert!(pool.health().pin_refused);

        plan("");
        let member = token("TEST member");
        module.provision(&member, &pin("so-12345"), &pin("4321")).unwrap();
        let session = beside(&behind_the_back(), "TEST member");
        session.login(UserType::User, Some(&"4321".to_owned().into())).unwrap();
        make_pair(&session, "TEST asks", &asks);
        drop(session);
        let personal = faulty().personal(PersonalConfig::default()).unwrap();
        let sign = |pin_text| {
            personal.sign(
                &member,
                &pin(pin_text),
                &key("TEST asks"),
                ToSign::Message(b"x"),
                Scheme::EcdsaSha256,
            )
        };
        plan("#");
        assert!(sign("4321").is_ok());
        assert_eq!((n_calls("C_Login", ""), n_signed()), (2, 1));
        plan("##");
        assert!(matches!(sign("1111"), Err(TokenError::PinIncorrect { .. })));
        assert_eq!((n_calls("C_Login", ""), n_signed()), (1, 0));
        // Accepted for the login and refused for the key: told, and not tried again.
        plan("C_Login 2 0xa0 instead");
        assert!(matches!(sign("4321"), Err(TokenError::PinIncorrect { .. })));
        assert_eq!((n_calls("C_Login", ""), n_signed()), (2, 0));
    });
}

#[test]
fn a_destroyed_key_signs_no_more_and_its_label_is_free() {
    with_store("held_keys::a_destroyed_key_signs_no_more_and_its_label_is_free", || {
        let (_module, pool) = pool(PoolConfig::default());
        let (one, other) = (key("TEST one"), key("TEST other"));
        pool.generate_key_pair(&one, hsm::KeyKind::EcP256).unwrap();
        pool.generate_key_pair(&other, hsm::KeyKind::EcP256).unwrap();
        assert!(pool.destroy_key(&one).unwrap());
        let error = pool.sign(&one, ToSign::Message(b"x"), Scheme::EcdsaSha256).unwrap_err();
        assert!(matches!(error, TokenError::KeyNotFound { .. }), "{error}");
        assert!(!pool.has_key(&one).unwrap(), "its public half is gone too");
        assert!(!pool.destroy_key(&one).unwrap(), "done again, it does no harm");
        assert!(
            pool.sign(&other, ToSign::Message(b"x"), Scheme::EcdsaSha256).is_ok(),
            "no other key was touched"
        );
    });
}
