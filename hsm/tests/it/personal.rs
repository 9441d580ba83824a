//! Members' tokens: one login per act, one try per PIN.

use std::sync::atomic::{AtomicUsize, Ordering};

use cryptoki::session::UserType;
use hsm::{KeyKind, Module, PersonalConfig, PoolConfig, Scheme, ToSign, TokenError, TriesLeft};

use crate::store::{behind_the_back, key, module, openssl_accepts, pin, token, with_store, with_store_and};

const SPY: &str = "/usr/lib/x86_64-linux-gnu/pkcs11-spy.so";

#[test]
fn twenty_seven_members_sign_from_eight_threads_at_once() {
    with_store("personal::twenty_seven_members_sign_from_eight_threads_at_once", || {
        const N_MEMBERS: usize = 27;
        const N_ROUNDS: usize = 4;
        let module = module();
        let tokens = module.personal(PersonalConfig { n_workers: 8, ..PersonalConfig::default() }).unwrap();
        let members: Vec<_> = (0..N_MEMBERS)
            .map(|n| {
                let (token, pin) = (token(&format!("TEST member {n}")), pin(&format!("pin-{n:04}")));
                module.provision(&token, &pin_so(), &pin).unwrap();
                let public = tokens.generate_key_pair(&token, &pin, &key("sign"), KeyKind::EcP256).unwrap();
                (token, pin, public)
            })
            .collect();
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    loop {
                        let n = next.fetch_add(1, Ordering::Relaxed);
                        if n >= N_MEMBERS * N_ROUNDS {
                            break;
                        }
                        // Neighbours in the queue meet on one token: each member acts twice in a row.
                        let (token, pin, public) = &members[(n / 2) % N_MEMBERS];
                        let message = format!("ballot {n}");
                        let message = message.as_bytes();
                        let signature = tokens
                            .sign(token, pin, &key("sign"), ToSign::Message(message), Scheme::EcdsaSha256)
                            .unwrap();
                        assert!(openssl_accepts(public, Scheme::EcdsaSha256, message, signature.as_bytes()));
                    }
                });
            }
        });
        // Nobody's PIN opens another's token, also while nobody is logged in.
        for pair in members.windows(2) {
            let wrong = tokens.check_pin(&pair[0].0, &pair[1].1);
            assert!(matches!(wrong, Err(TokenError::PinIncorrect { .. })));
        }
    });
}

fn pin_so() -> hsm::Pin {
    pin("so-12345")
}

#[test]
fn a_wrong_pin_reaches_the_token_exactly_once() {
    let environment = [("PKCS11SPY", "/usr/lib/softhsm/libsofthsm2.so"), ("PKCS11SPY_OUTPUT", "{}/calls")];
    with_store_and("personal::a_wrong_pin_reaches_the_token_exactly_once", &environment, || {
        // OpenSC's spy writes down every call that reaches the token.
        let module = Module::load(SPY.as_ref()).expect("opensc-pkcs11 is installed");
        let label = token("TEST member");
        module.provision(&label, &pin_so(), &pin("1234")).unwrap();
        let tokens = module.personal(PersonalConfig::default()).unwrap();
        tokens.check_pin(&label, &pin("1234")).unwrap();

        let before = n_logins();
        let wrong =
            tokens.sign(&label, &pin("4321"), &key("sign"), ToSign::Message(b"x"), Scheme::EcdsaSha256);
        assert!(matches!(wrong, Err(TokenError::PinIncorrect { tries: TriesLeft::Few })), "{wrong:?}");
        assert_eq!(n_logins() - before, 1);

        // A pool with a wrong PIN asks once too.
        let refused = module.open_pool(&label, &pin("4321"), PoolConfig::default());
        assert!(matches!(refused, Err(TokenError::PinIncorrect { .. })));
        assert_eq!(n_logins() - before, 2);

        // The right PIN clears the token's warning, and the pool's claim is gone.
        for _ in 0..200 {
            match tokens.check_pin(&label, &pin("1234")) {
                Err(TokenError::TokenInUse { .. }) => {
                    std::thread::sleep(std::time::Duration::from_millis(10));
                }
                other => return other.unwrap(),
            }
        }
        panic!("the refused pool still holds the token");
    });
}

fn n_logins() -> usize {
    let calls = std::fs::read_to_string(std::env::var("PKCS11SPY_OUTPUT").unwrap()).unwrap();
    calls.lines().filter(|line| line.ends_with(": C_Login")).count()
}

#[test]
fn a_login_left_behind_lets_no_wrong_pin_in() {
    with_store("personal::a_login_left_behind_lets_no_wrong_pin_in", || {
        let module = module();
        let label = token("TEST member");
        module.provision(&label, &pin_so(), &pin("1234")).unwrap();
        let tokens = module.personal(PersonalConfig::default()).unwrap();
        tokens.generate_key_pair(&label, &pin("1234"), &key("sign"), KeyKind::EcP256).unwrap();

        // Somebody in this process logged in and stays: every login now says "already logged in".
        let other = behind_the_back();
        let slot = other
            .get_slots_with_token()
            .unwrap()
            .into_iter()
            .find(|slot| other.get_token_info(*slot).unwrap().label() == "TEST member")
            .unwrap();
        let log_in = |session: &cryptoki::session::Session| {
            session.login(UserType::User, Some(&"1234".to_owned().into())).unwrap();
        };
        let session = other.open_ro_session(slot).unwrap();
        log_in(&session);
        let sign = |pin_text: &str| {
            tokens.sign(&label, &pin(pin_text), &key("sign"), ToSign::Message(b"x"), Scheme::EcdsaSha256)
        };
        assert!(matches!(sign("4321"), Err(TokenError::PinIncorrect { .. })));
        log_in(&session);
        assert!(sign("1234").is_ok());
        assert!(matches!(tokens.check_pin(&label, &pin("0000")), Err(TokenError::PinIncorrect { .. })));
    });
}

#[test]
fn personal_acts_name_what_is_missing_and_keep_off_pools() {
    with_store("personal::personal_acts_name_what_is_missing_and_keep_off_pools", || {
        let module = module();
        let tokens = module.personal(PersonalConfig::default()).unwrap();
        let label = token("TEST member");
        let missing = tokens.check_pin(&label, &pin("1234")).unwrap_err();
        assert!(missing.to_string().contains("TEST member"), "{missing}");
        assert!(matches!(missing, TokenError::TokenNotFound { .. }));

        module.provision(&label, &pin_so(), &pin("1234")).unwrap();
        let sign =
            || tokens.sign(&label, &pin("1234"), &key("sign"), ToSign::Message(b"x"), Scheme::EcdsaSha256);
        assert!(matches!(sign(), Err(TokenError::KeyNotFound { .. })));

        let pool = module.open_pool(&label, &pin("1234"), PoolConfig::default()).unwrap();
        assert!(matches!(sign(), Err(TokenError::TokenInUse { .. })));
        drop(pool);
    });
}
