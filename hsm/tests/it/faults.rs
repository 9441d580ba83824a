//! Every way in which a token call can fail: recovery within five seconds, nothing wrong, nothing doubled.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::{Duration, Instant};

use hsm::{
    HealthState, KeyKind, PersonalConfig, Pool, PoolConfig, PublicKeyDer, RawSignature, Scheme, Sent, ToSign,
    TokenError,
};

use crate::rig::{faulty, faulty_pool, n_calls, n_signed, plan, with_faults};
use crate::store::{behind_the_back, key, openssl_accepts, pin, token};

const MESSAGE: &[u8] = b"statement TEST";
const RECOVERY: Duration = Duration::from_secs(5);
const CRASHES: &str = "ECABINET_TEST_CRASHES";

/// The codes that say that a session, a login, an object or the token is gone.
const LOST: [(&str, &str); 10] = [
    ("CKR_SESSION_HANDLE_INVALID", "0xb3"),
    ("CKR_SESSION_CLOSED", "0xb0"),
    ("CKR_OBJECT_HANDLE_INVALID", "0x82"),
    ("CKR_KEY_HANDLE_INVALID", "0x60"),
    ("CKR_DEVICE_REMOVED", "0x32"),
    ("CKR_TOKEN_NOT_PRESENT", "0xe0"),
    ("CKR_USER_NOT_LOGGED_IN", "0x101"),
    ("CKR_OPERATION_ACTIVE", "0x90"),
    ("CKR_OPERATION_NOT_INITIALIZED", "0x91"),
    ("CKR_CRYPTOKI_NOT_INITIALIZED", "0x190"),
];
/// The codes that modules give for anything.
const DOUBTFUL: [(&str, &str); 3] =
    [("CKR_GENERAL_ERROR", "0x5"), ("CKR_DEVICE_ERROR", "0x30"), ("CKR_FUNCTION_FAILED", "0x6")];
/// What a worker calls before it signs.
const BEFORE: [&str; 4] = ["C_FindObjectsInit", "C_FindObjects", "C_GetAttributeValue", "C_SignInit"];

fn sign(pool: &Pool) -> Result<RawSignature, TokenError> {
    pool.sign(&key("TEST ec"), ToSign::Message(MESSAGE), Scheme::EcdsaSha256)
}

fn one_key(config: PoolConfig) -> (Pool, PublicKeyDer) {
    let (_module, pool) = faulty_pool(config);
    let public = pool.generate_key_pair(&key("TEST ec"), KeyKind::EcP256).unwrap();
    (pool, public)
}

/// With nothing planned, the very next call is served in time, with one signature that verifies.
fn recovers(pool: &Pool, public: &PublicKeyDer, after: &str) {
    plan("");
    let began = Instant::now();
    let signature = sign(pool).unwrap_or_else(|error| panic!("after {after}: {error}"));
    assert!(began.elapsed() < RECOVERY, "{after}");
    assert!(openssl_accepts(public, Scheme::EcdsaSha256, MESSAGE, signature.as_bytes()), "{after}");
    assert_eq!(n_signed(), 1, "{after}");
    assert_eq!(pool.health().state, HealthState::Well, "{after}");
}

#[test]
fn what_is_lost_before_signing_is_rebuilt_and_signed_once() {
    with_faults("faults::what_is_lost_before_signing_is_rebuilt_and_signed_once", || {
        let (pool, public) = one_key(PoolConfig { n_workers: 1, ..PoolConfig::default() });
        for function in BEFORE {
            for (name, code) in LOST {
                let case = format!("{function} {name}");
                plan(&format!("{function} 1 {code} instead"));
                let began = Instant::now();
                let signature = sign(&pool).unwrap_or_else(|error| panic!("{case}: {error}"));
                assert!(began.elapsed() < RECOVERY, "{case}");
                assert!(openssl_accepts(&public, Scheme::EcdsaSha256, MESSAGE, signature.as_bytes()));
                assert_eq!((n_signed(), n_calls(function, "answered")), (1, 1), "{case}");
                // Lost twice in a row is told, and nothing was signed.
                plan(&format!("{function} 1 {code} instead\n{function} 2 {code} instead"));
                let error = sign(&pool).unwrap_err();
                assert!(matches!(error, TokenError::SessionLost { sent: Sent::No, .. }), "{case}: {error}");
                assert_eq!(n_signed(), 0, "{case}");
                recovers(&pool, &public, &case);
            }
        }
    });
}

#[test]
fn a_doubtful_code_is_asked_about_before_it_is_believed() {
    with_faults("faults::a_doubtful_code_is_asked_about_before_it_is_believed", || {
        let (pool, public) = one_key(PoolConfig { n_workers: 1, ..PoolConfig::default() });
        for function in BEFORE {
            for (name, code) in DOUBTFUL {
                let case = format!("{function} {name}");
                // The session answers: it is the call that failed.
                plan(&format!("{function} 1 {code} instead"));
                let error = sign(&pool).unwrap_err();
                assert!(
                    matches!(error, TokenError::Device { call, .. } if call == function),
                    "{case}: {error}"
                );
                assert_eq!(error.sent(), Sent::No, "{case}");
                assert_eq!((n_signed(), n_calls("C_OpenSession", "")), (0, 0), "{case}");
                recovers(&pool, &public, &case);
                // The session does not answer either: it is rebuilt, and the call repeated.
                plan(&format!("{function} 1 {code} instead\nC_GetSessionInfo 1 0xb3 instead"));
                assert!(sign(&pool).is_ok(), "{case}");
                assert_eq!((n_signed(), n_calls("C_OpenSession", "")), (1, 1), "{case}");
                recovers(&pool, &public, &case);
            }
        }
    });
}

#[test]
fn a_signature_whose_fate_is_unknown_is_never_made_again() {
    with_faults("faults::a_signature_whose_fate_is_unknown_is_never_made_again", || {
        let (pool, public) = one_key(PoolConfig { n_workers: 1, ..PoolConfig::default() });
        for (name, code) in LOST.into_iter().chain(DOUBTFUL) {
            for (when, made) in [("instead", 0), ("after", 1)] {
                let case = format!("{name} {when}");
                plan(&format!("C_Sign 1 {code} {when}"));
                let error = sign(&pool).unwrap_err();
                assert_eq!(error.sent(), Sent::Perhaps, "{case}: {error}");
                assert_eq!((n_calls("C_Sign", ""), n_signed()), (1, made), "{case}");
                recovers(&pool, &public, &case);
            }
        }
        // The same of keys: one was made, and it is there.
        plan("C_GenerateKeyPair 1 0x32 after");
        let error = pool.generate_key_pair(&key("TEST other"), KeyKind::EcP256).unwrap_err();
        assert!(matches!(error, TokenError::SessionLost { sent: Sent::Perhaps, .. }), "{error}");
        assert_eq!(n_calls("C_GenerateKeyPair", ""), 1);
        assert!(pool.has_key(&key("TEST other")).unwrap());
    });
}

#[test]
fn what_fails_while_a_session_is_rebuilt_costs_one_call() {
    with_faults("faults::what_fails_while_a_session_is_rebuilt_costs_one_call", || {
        let (pool, public) = one_key(PoolConfig { n_workers: 1, ..PoolConfig::default() });
        for (name, code) in LOST.into_iter().chain(DOUBTFUL) {
            for function in ["C_GetTokenInfo", "C_OpenSession", "C_GetSessionInfo"] {
                let case = format!("{function} {name}");
                plan(&format!("C_SignInit 1 0xb3 instead\n{function} 1 {code} instead"));
                if let Err(error) = sign(&pool) {
                    assert_eq!((error.sent(), n_signed()), (Sent::No, 0), "{case}: {error}");
                } else {
                    assert_eq!(n_signed(), 1, "{case}");
                }
                recovers(&pool, &public, &case);
            }
        }
    });
}

#[test]
fn many_threads_and_many_faults_lose_and_double_nothing() {
    with_faults("faults::many_threads_and_many_faults_lose_and_double_nothing", || {
        let (pool, public) = one_key(PoolConfig { n_workers: 4, ..PoolConfig::default() });
        let mut text = String::new();
        for n in 0..40 {
            let (function, (_, code)) = (BEFORE[n % BEFORE.len()], LOST[n % LOST.len()]);
            text += &format!("{function} {} {code} instead\n", 7 * n + 3);
        }
        plan(&text);
        let n_good: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let made = (0..50).filter_map(|_| sign(&pool).ok());
                        made.filter(|signature| {
                            openssl_accepts(&public, Scheme::EcdsaSha256, MESSAGE, signature.as_bytes())
                        })
                        .count()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        // A call that meets two faults fails, and says so; that is rare.
        assert!(n_good >= 380, "{n_good} of 400");
        assert_eq!(n_signed(), n_good);
    });
}

/// The member then shows which PIN opens; nobody tries both for him.
#[test]
fn a_changed_pin_whose_fate_is_unknown_is_said_to_be_and_never_sent_again() {
    with_faults("faults::a_changed_pin_whose_fate_is_unknown_is_said_to_be_and_never_sent_again", || {
        let module = faulty();
        let personal = module.personal(PersonalConfig::default()).unwrap();
        for (n, (name, code)) in LOST.iter().chain(&DOUBTFUL).enumerate() {
            for (when, opens) in [("instead", "1234"), ("after", "f00dfeed-f00dfeed-f00dfeed")] {
                plan("");
                let member = token(&format!("TEST member {n} {when}"));
                module.provision(&member, &pin("so-12345"), &pin("1234")).unwrap();
                plan(&format!("C_SetPIN 1 {code} {when}"));
                let error = personal
                    .change_pin(&member, &pin("1234"), &pin("f00dfeed-f00dfeed-f00dfeed"))
                    .unwrap_err();
                assert_eq!(error.sent(), Sent::Perhaps, "{name} {when}: {error}");
                assert_eq!(n_calls("C_SetPIN", ""), 1, "{name} {when}");
                plan("");
                personal.check_pin(&member, &pin(opens)).unwrap();
            }
        }
        plan("");
        let member = token("TEST short");
        module.provision(&member, &pin("so-12345"), &pin("1234")).unwrap();
        for (name, code) in [("CKR_PIN_LEN_RANGE", "0xa2"), ("CKR_PIN_INVALID", "0xa1")] {
            plan(&format!("C_SetPIN 1 {code} instead"));
            let error = personal.change_pin(&member, &pin("1234"), &pin("f00dfeed")).unwrap_err();
            assert!(matches!(error, TokenError::PinForm { .. }), "{name}: {error}");
            assert_eq!(error.sent(), Sent::No);
        }
    });
}

#[test]
fn a_refused_or_locked_pin_is_given_once() {
    with_faults("faults::a_refused_or_locked_pin_is_given_once", || {
        let module = faulty();
        let member = token("TEST member");
        module.provision(&member, &pin("so-12345"), &pin("1234")).unwrap();
        let personal = module.personal(PersonalConfig::default()).unwrap();
        for (n, code) in [(0, "0xa0"), (1, "0xa4")] {
            plan(&format!("C_Login * {code} instead"));
            let error = personal.check_pin(&member, &pin("1234")).unwrap_err();
            let told = |error: &TokenError| match n {
                0 => matches!(error, TokenError::PinIncorrect { .. }),
                _ => matches!(error, TokenError::PinLocked),
            };
            assert!(told(&error), "{error}");
            assert_eq!(n_calls("C_Login", ""), 1);

            plan("");
            let label = token(&format!("TEST org {n}"));
            module.provision(&label, &pin("so-12345"), &pin("1234")).unwrap();
            let pool = module.open_pool(&label, &pin("1234"), PoolConfig::default()).unwrap();
            // The login is lost, and the token does not take the PIN any more.
            let other = behind_the_back();
            let slots = other.get_slots_with_token().unwrap();
            let mut ours = slots
                .into_iter()
                .filter(|slot| other.get_token_info(*slot).unwrap().label() == label.as_str());
            other.open_ro_session(ours.next().unwrap()).unwrap().logout().unwrap();
            plan(&format!("C_Login * {code} instead"));
            for _ in 0..10 {
                let error = sign(&pool).unwrap_err();
                assert!(told(&error), "{error}");
            }
            assert_eq!(n_calls("C_Login", ""), 1);
            assert!(pool.health().pin_refused);
        }
    });
}

#[test]
fn a_call_that_hangs_is_given_up_and_the_pool_goes_on() {
    with_faults("faults::a_call_that_hangs_is_given_up_and_the_pool_goes_on", || {
        let deadline = Duration::from_millis(1500);
        let (pool, public) = one_key(PoolConfig { n_workers: 2, deadline, ..PoolConfig::default() });
        for function in ["C_Sign", "C_SignInit", "C_FindObjectsInit", "C_GetAttributeValue"] {
            let text = format!("{function} 1 hang instead");
            plan(&text);
            let began = Instant::now();
            let error = sign(&pool).unwrap_err();
            assert!(matches!(error, TokenError::Timeout { sent: Sent::Perhaps }), "{function}: {error}");
            assert!(began.elapsed() < RECOVERY, "{function}");
            assert_eq!(pool.health().state, HealthState::Degraded, "{function}");
            for _ in 0..20 {
                assert!(sign(&pool).is_ok(), "{function}");
            }
            assert_eq!(n_signed(), 20, "{function}");
            // The token wakes: the late call ends, its answer is nobody's, and the pool is whole again.
            plan("");
            let began = Instant::now();
            while pool.health().state != HealthState::Well {
                assert!(began.elapsed() < RECOVERY, "{function}");
                std::thread::yield_now();
            }
            recovers(&pool, &public, function);
        }
    });
}

#[test]
fn one_corrupt_wrapped_key_stops_nobody() {
    with_faults("faults::one_corrupt_wrapped_key_stops_nobody", || {
        let (pool, public) = one_key(PoolConfig { n_workers: 2, ..PoolConfig::default() });
        let kek = key("TEST kek");
        pool.generate_aes256(&kek).unwrap();
        let wrapped = pool.wrap(&kek, b"secret", b"aad").unwrap();
        let mut bytes = wrapped.as_bytes().to_vec();
        bytes[20] ^= 1;
        let corrupt = hsm::Wrapped::parse(&bytes).unwrap();
        plan("");
        std::thread::scope(|scope| {
            let signer = scope.spawn(|| (0..100).filter(|_| sign(&pool).is_ok()).count());
            for _ in 0..50 {
                assert!(matches!(pool.unwrap(&kek, &corrupt, b"aad"), Err(TokenError::Corrupt)));
            }
            assert_eq!(signer.join().unwrap(), 100);
        });
        assert_eq!((n_signed(), pool.health().n_rebuilt), (100, 0));
        assert_eq!(pool.health().state, HealthState::Well);

        // A token that failed once is not taken for a corrupt blob, whatever code it gave.
        for (name, code) in DOUBTFUL.into_iter().chain([("CKR_ENCRYPTED_DATA_INVALID", "0x40")]) {
            plan(&format!("C_Decrypt 1 {code} instead"));
            assert_eq!(**pool.unwrap(&kek, &wrapped, b"aad").unwrap(), *b"secret", "{name}");
            // Nor is one that decrypts nothing at all.
            plan(&format!("C_Decrypt * {code} instead"));
            let error = pool.unwrap(&kek, &wrapped, b"aad").unwrap_err();
            assert!(matches!(error, TokenError::Device { call: "C_Decrypt", .. }), "{name}: {error}");
            recovers(&pool, &public, name);
        }
    });
}

#[test]
fn a_crash_inside_the_token_leaves_nothing_signed_and_keys_whole() {
    let name = "faults::a_crash_inside_the_token_leaves_nothing_signed_and_keys_whole";
    with_faults(name, || {
        let open = || faulty().open_pool(&token("TEST org"), &pin("1234"), PoolConfig::default()).unwrap();
        if std::env::var_os(CRASHES).is_some() {
            // The library aborts; what returns from here fails the test by its exit status.
            drop(sign(&open()));
            return;
        }
        let (pool, public) = one_key(PoolConfig::default());
        plan("C_Sign 1 abort instead");
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["faults::a_crash_inside_the_token_leaves_nothing_signed_and_keys_whole", "--exact"]);
        let status = child.env(CRASHES, "1").output().unwrap().status;
        assert_eq!(status.signal(), Some(6), "{status}");
        assert_eq!((n_calls("C_Sign", "aborted"), n_signed()), (1, 0));
        recovers(&pool, &public, "a crash in another process");
    });
}
