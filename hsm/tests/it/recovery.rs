//! Sessions, logins and patience that end while a pool is at work.

use std::time::{Duration, Instant};

use hsm::{HealthState, KeyKind, Pool, PoolConfig, Scheme, Sent, ToSign, TokenError};
use pkcs11::Ctx;

use crate::store::{behind_the_back, key, library, pool, with_store};

fn signs(pool: &Pool) {
    pool.sign(&key("TEST ec"), ToSign::Message(b"x"), Scheme::EcdsaSha256).unwrap();
}

#[test]
fn a_pool_recovers_from_sessions_closed_underneath() {
    with_store("recovery::a_pool_recovers_from_sessions_closed_underneath", || {
        let (_module, pool) = pool(PoolConfig { n_workers: 1, ..PoolConfig::default() });
        pool.generate_key_pair(&key("TEST ec"), KeyKind::EcP256).unwrap();
        pool.generate_aes256(&key("TEST kek")).unwrap();
        let wrapped = pool.wrap(&key("TEST kek"), b"secret", b"aad").unwrap();
        assert_eq!(pool.health().n_rebuilt, 0);

        // The library restarts underneath: every session and login is gone.
        behind_the_back().finalize().unwrap();
        let other = Ctx::new_and_initialize(library()).unwrap();
        signs(&pool);
        assert_eq!(pool.health().n_rebuilt, 1);

        let slot = other
            .get_slot_list(true)
            .unwrap()
            .into_iter()
            .find(|slot| String::from(other.get_token_info(*slot).unwrap().label).trim_end() == "TEST org")
            .unwrap();
        for round in 2..5 {
            other.close_all_sessions(slot).unwrap();
            match round {
                2 => signs(&pool),
                3 => assert_eq!(**pool.unwrap(&key("TEST kek"), &wrapped, b"aad").unwrap(), *b"secret"),
                _ => assert!(pool.has_key(&key("TEST ec")).unwrap()),
            }
            assert_eq!(pool.health().n_rebuilt, round);
        }
        assert_eq!(pool.health().state, HealthState::Well);
        drop(pool);
    });
}

#[test]
fn a_lost_login_is_not_taken_for_a_missing_key() {
    with_store("recovery::a_lost_login_is_not_taken_for_a_missing_key", || {
        let (_module, pool) = pool(PoolConfig { n_workers: 2, ..PoolConfig::default() });
        pool.generate_key_pair(&key("TEST ec"), KeyKind::EcP256).unwrap();
        let other = behind_the_back();
        let slot = other
            .get_slots_with_token()
            .unwrap()
            .into_iter()
            .find(|slot| other.get_token_info(*slot).unwrap().label() == "TEST org")
            .unwrap();
        for _ in 0..5 {
            // Sessions stay open, but private objects turn invisible to them.
            other.open_ro_session(slot).unwrap().logout().unwrap();
            signs(&pool);
        }
        assert!(pool.health().n_rebuilt > 0);
        // A key that is really missing is still told so.
        let none = pool.sign(&key("TEST none"), ToSign::Message(b"x"), Scheme::EcdsaSha256);
        assert!(matches!(none, Err(TokenError::KeyNotFound { .. })));
    });
}

#[test]
fn a_slow_call_is_given_up_its_worker_replaced_and_the_pool_well_again() {
    with_store("recovery::a_slow_call_is_given_up_its_worker_replaced_and_the_pool_well_again", || {
        // Making an RSA key of 3072 bits takes about a second: the slowest honest call there is.
        let config = PoolConfig {
            n_workers: 1,
            deadline: Duration::from_secs(30),
            make_key_deadline: Duration::from_millis(5),
            ..PoolConfig::default()
        };
        let (_module, pool) = pool(config);
        let mut n = 0;
        let label = loop {
            let label = key(&format!("TEST slow {n}"));
            let began = Instant::now();
            match pool.generate_key_pair(&label, KeyKind::Rsa3072) {
                Err(TokenError::Timeout { sent }) => {
                    assert!(began.elapsed() < Duration::from_secs(5));
                    assert_eq!(sent, Sent::Perhaps);
                    break label;
                }
                // Two lucky primes at once.
                Ok(_) => n += 1,
                Err(error) => panic!("{error}"),
            }
        };
        assert_eq!(pool.health().state, HealthState::Degraded);
        assert_eq!(pool.health().n_stuck, 1);
        // The replacement works, and in the end sees the key that the written-off worker made.
        assert_eq!(pool.random(32).unwrap().len(), 32);
        let began = Instant::now();
        while pool.health().state != HealthState::Well {
            assert!(began.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(pool.has_key(&label).unwrap());
    });
}

#[test]
fn a_full_queue_says_busy_at_once() {
    with_store("recovery::a_full_queue_says_busy_at_once", || {
        let config = PoolConfig { n_workers: 1, n_waiting_max: 2, ..PoolConfig::default() };
        let (_module, pool) = pool(config);
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..6)
                .map(|n| {
                    let pool = &pool;
                    scope.spawn(move || {
                        let began = Instant::now();
                        let result = pool.generate_key_pair(&key(&format!("TEST {n}")), KeyKind::Rsa3072);
                        (result, began.elapsed())
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        // One at work and two waiting find room; at least one of six does not.
        let busy: Vec<_> =
            outcomes.iter().filter(|(result, _)| matches!(result, Err(TokenError::Busy))).collect();
        assert!(!busy.is_empty());
        assert!(busy.iter().all(|(_, elapsed)| *elapsed < Duration::from_secs(2)));
        assert!(outcomes.iter().all(|(result, _)| matches!(result, Ok(_) | Err(TokenError::Busy))));
    });
}
