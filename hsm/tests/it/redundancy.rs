//! Two tokens of two libraries that stand in for each other: the first fails on purpose, the second is Kryoptic's.

use std::time::{Duration, Instant};

use hsm::{
    KekMember, KekSet, KeyKind, Module, NotDone, Pool, PoolConfig, PublicKeyDer, Scheme, Sent, SignerMember,
    SignerSet, ToSign, TokenError, Wraps,
};

use crate::rig::{faulty, kryoptic, n_calls, n_signed, plan, with_faults};
use crate::store::{key, openssl_accepts, pin, token};

const MESSAGE: &[u8] = b"statement TEST";
const DEADLINE: Duration = Duration::from_millis(2500);
/// Surely shorter than a deadline, and long enough for a busy machine.
const AT_ONCE: Duration = Duration::from_millis(2000);
/// Nothing works on the first token: its sessions are gone and no new one opens.
const AWAY: &str = "C_FindObjectsInit * 0x32 instead\nC_OpenSession * 0xe0 instead";

fn config() -> PoolConfig {
    PoolConfig { n_workers: 2, deadline: DEADLINE, ..PoolConfig::default() }
}

fn pool(module: &Module, name: &str) -> Pool {
    module.provision(&token(name), &pin("7654321"), &pin("1234")).unwrap();
    module.open_pool(&token(name), &pin("1234"), config()).unwrap()
}

fn signer(name: &str, pool: Pool) -> SignerMember {
    SignerMember { name: name.to_owned(), pool, key: key("TEST sign"), scheme: Scheme::EcdsaSha256 }
}

/// Tokens with a key each, as with two certificates.
fn signers() -> (SignerSet, [PublicKeyDer; 2]) {
    let pools = [pool(&faulty(), "TEST a"), pool(&kryoptic(), "TEST b")];
    let publics =
        pools.each_ref().map(|pool| pool.generate_key_pair(&key("TEST sign"), KeyKind::EcP256).unwrap());
    let [a, b] = pools;
    plan("");
    (SignerSet::new(vec![signer("a", a), signer("b", b)]).unwrap(), publics)
}

/// Signs, and gives who did; the signature is his and nobody else's.
fn signs(set: &SignerSet, publics: &[PublicKeyDer; 2]) -> usize {
    let done = set.sign(ToSign::Message(MESSAGE)).unwrap_or_else(|error| panic!("{error}"));
    for (index, public) in publics.iter().enumerate() {
        let accepted = openssl_accepts(public, Scheme::EcdsaSha256, MESSAGE, done.value.as_bytes());
        assert_eq!(accepted, index == done.index);
    }
    done.index
}

#[test]
fn the_second_token_signs_while_the_first_is_away_and_says_so() {
    with_faults("redundancy::the_second_token_signs_while_the_first_is_away_and_says_so", || {
        let (set, publics) = signers();
        assert_eq!((signs(&set, &publics), n_signed()), (0, 1));
        plan(AWAY);
        let began = Instant::now();
        for _ in 0..30 {
            assert_eq!(signs(&set, &publics), 1);
        }
        assert!(began.elapsed() < Duration::from_secs(5));
        assert_eq!(n_signed(), 0);
        let health = set.health();
        assert_eq!((health[0].name.as_str(), health[1].n_failed), ("a", 0));
        assert!(health[0].n_failed > 0);
        assert!(!health[0].health.is_up() && health[1].health.is_up(), "{health:?}");
        // It is back: by and by it is asked first again.
        plan("");
        let n_until_back = (1..100).find(|_| signs(&set, &publics) == 0).unwrap();
        assert!(n_until_back <= 16, "{n_until_back}");
        assert_eq!((signs(&set, &publics), set.health()[0].n_failed), (0, 0));
        // The caller prepares for whoever signs.
        let done = set.in_turn(|index, member| Ok((index, member.name.clone()))).unwrap();
        assert_eq!(done.value, (0, "a".to_owned()));
    });
}

#[test]
fn a_signature_that_may_exist_is_not_made_by_another_token() {
    with_faults("redundancy::a_signature_that_may_exist_is_not_made_by_another_token", || {
        let (set, publics) = signers();
        let second = set.members().nth(1).unwrap().clone();
        for text in
            ["C_Sign 1 0x32 after", "C_Sign 1 0x30 after", "C_Sign 1 0x5 instead", "C_Sign 1 hang instead"]
        {
            plan(text);
            let n_asked = std::cell::Cell::new(0);
            let result = set.in_turn(|_, member| {
                n_asked.set(n_asked.get() + 1);
                member.sign(ToSign::Message(MESSAGE))
            });
            let NotDone { index, name, error } = result.unwrap_err();
            assert_eq!((index, name.as_str(), error.sent()), (0, "a", Sent::Perhaps), "{text}: {error}");
            assert_eq!((n_asked.get(), n_calls("C_Sign", "") <= 1), (1, true), "{text}");
            // The next is signed by the other at once, without waiting for the first.
            let began = Instant::now();
            assert_eq!(signs(&set, &publics), 1, "{text}");
            assert!(began.elapsed() < AT_ONCE, "{text}");
            plan("");
            while signs(&set, &publics) != 0 {}
        }
        assert!(second.sign(ToSign::Message(MESSAGE)).is_ok());
    });
}

#[test]
fn a_token_that_was_never_there_or_refuses_its_pin_keeps_nobody_from_signing() {
    let name = "redundancy::a_token_that_was_never_there_or_refuses_its_pin_keeps_nobody_from_signing";
    with_faults(name, || {
        let (first, second) = (faulty(), pool(&kryoptic(), "TEST b"));
        let public = second.generate_key_pair(&key("TEST sign"), KeyKind::EcP256).unwrap();
        first.provision(&token("TEST pin"), &pin("7654321"), &pin("1234")).unwrap();
        let refused = first.start_pool(&token("TEST pin"), &pin("4321"), config()).unwrap();
        let missing = first.start_pool(&token("TEST none"), &pin("1234"), config()).unwrap();
        let set =
            SignerSet::new(vec![signer("refused", refused), signer("missing", missing), signer("b", second)])
                .unwrap();
        plan("");
        for _ in 0..50 {
            let done = set.sign(ToSign::Message(MESSAGE)).unwrap();
            assert_eq!(done.index, 2);
            assert!(openssl_accepts(&public, Scheme::EcdsaSha256, MESSAGE, done.value.as_bytes()));
        }
        assert_eq!(n_calls("C_Login", ""), 1);
        assert!(set.health()[0].health.pin_refused && set.health()[1].n_failed > 0);
        // What is wrong with the request itself is told, and held against no token.
        let long = vec![0; hsm::MAX_MESSAGE_LEN_BYTES + 1];
        let error = set.sign(ToSign::Message(&long)).unwrap_err().error;
        assert!(matches!(error, TokenError::TooLong { .. }), "{error}");
        assert_eq!(set.health()[2].n_failed, 0);
        assert!(matches!(SignerSet::new(Vec::new()), Err(TokenError::TooLong { .. })));
    });
}

/// Key-encryption keys on both tokens.
fn keks() -> KekSet {
    let member = |name: &str, pool: Pool| {
        let label = key(&format!("kek {name}"));
        pool.generate_aes256(&label).unwrap();
        KekMember { name: name.to_owned(), pool, key: label }
    };
    let members = vec![member("a", pool(&faulty(), "TEST a")), member("b", pool(&kryoptic(), "TEST b"))];
    assert!(matches!(
        KekSet::new(vec![members[0].clone(), members[0].clone()]),
        Err(TokenError::KeyNotUnique { n: 2, .. })
    ));
    plan("");
    KekSet::new(members).unwrap()
}

/// The stored bytes with one bit of a member's wrap turned, near its end.
fn damaged(wraps: &Wraps, member: usize) -> Wraps {
    let mut bytes = wraps.to_bytes();
    let (half, end) = (bytes.len() / 2, bytes.len());
    bytes[if member == 0 { half - 4 } else { end - 4 }] ^= 1;
    Wraps::parse(&bytes).unwrap()
}

#[test]
fn either_token_opens_what_both_wrapped() {
    with_faults("redundancy::either_token_opens_what_both_wrapped", || {
        let set = keks();
        let wrapping = set.wrap(b"secret", b"aad").unwrap();
        assert!(wrapping.missing.is_empty());
        let both = Wraps::parse(&wrapping.wraps.to_bytes()).unwrap();
        let opens = |wraps: &Wraps| {
            set.unwrap(wraps, b"aad").map(|done| {
                assert_eq!(**done.value, *b"secret");
                done.index
            })
        };
        assert_eq!(opens(&both).unwrap(), 0);
        assert!(matches!(set.unwrap(&both, b"other").unwrap_err().error, TokenError::Corrupt));

        // A corrupt wrap is passed over, and held against no token.
        for _ in 0..20 {
            assert_eq!(opens(&damaged(&both, 0)).unwrap(), 1);
        }
        assert_eq!(opens(&damaged(&both, 1)).unwrap(), 0);
        let neither = damaged(&damaged(&both, 0), 1);
        assert!(matches!(opens(&neither).unwrap_err().error, TokenError::Corrupt));
        assert!(set.health().iter().all(|member| member.n_failed == 0));
        // And mended from the other.
        let mended = set.complete(&damaged(&both, 0), b"aad").unwrap();
        assert_eq!((mended.missing.len(), opens(&mended.wraps).unwrap()), (0, 0));

        plan(AWAY);
        assert_eq!(opens(&both).unwrap(), 1);
        // Whole where nobody can be asked: that is not corruption.
        let error = opens(&damaged(&both, 1)).unwrap_err().error;
        assert!(!matches!(error, TokenError::Corrupt), "{error}");
        let alone = set.wrap(b"secret", b"aad").unwrap();
        assert_eq!((alone.missing.as_slice(), opens(&alone.wraps).unwrap()), ([0].as_slice(), 1));
        // The first keeps the wrap that it had.
        let kept = set.complete(&both, b"aad").unwrap();
        assert_eq!(kept.missing, [0]);

        // A token that hangs is waited for once.
        plan("C_Encrypt * hang instead");
        while set.wrap(b"secret", b"aad").unwrap().missing != [0] || set.health()[0].health.n_stuck == 0 {}
        let n_slow = (0..10).filter(|_| {
            let began = Instant::now();
            assert_eq!(set.wrap(b"secret", b"aad").unwrap().missing, [0]);
            began.elapsed() >= AT_ONCE
        });
        // One of sixteen calls asks it again.
        assert!(n_slow.count() <= 1);

        plan("");
        while opens(&both).unwrap() != 0 {}
        assert_eq!(opens(&kept.wraps).unwrap(), 0);
        assert_eq!(opens(&alone.wraps).unwrap(), 1);
        let completed = set.complete(&alone.wraps, b"aad").unwrap();
        assert_eq!((completed.missing.len(), opens(&completed.wraps).unwrap()), (0, 0));
    });
}
