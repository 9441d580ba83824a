//! Wrapped secrets: what was tampered with is corrupt, and costs the pool nothing.

use hsm::{HealthState, PoolConfig, TokenError, Wrapped};

use crate::store::{key, pool, with_store};

#[test]
fn only_the_same_blob_key_and_aad_open() {
    with_store("wraps::only_the_same_blob_key_and_aad_open", || {
        let (_module, pool) = pool(PoolConfig { n_workers: 1, ..PoolConfig::default() });
        let (kek, other) = (key("TEST kek"), key("TEST kek 2"));
        pool.generate_aes256(&kek).unwrap();
        pool.generate_aes256(&other).unwrap();
        let secret = pool.random(32).unwrap();
        let wrapped = pool.wrap(&kek, &secret, b"document 1").unwrap();
        assert!(!wrapped.as_bytes().windows(8).any(|window| window == &secret[..8]));
        let opens = |wrapped: &Wrapped| pool.unwrap(&kek, wrapped, b"document 1");
        assert_eq!(opens(&wrapped).unwrap(), secret);
        assert_eq!(opens(&Wrapped::parse(wrapped.as_bytes()).unwrap()).unwrap(), secret);

        let corrupt = |result: Result<_, TokenError>| matches!(result, Err(TokenError::Corrupt));
        assert!(corrupt(pool.unwrap(&kek, &wrapped, b"document 2")));
        assert!(corrupt(pool.unwrap(&kek, &wrapped, b"")));
        assert!(corrupt(pool.unwrap(&other, &wrapped, b"document 1")));
        let swapped = pool.wrap(&kek, &pool.random(32).unwrap(), b"document 2").unwrap();
        assert!(corrupt(opens(&swapped)));
        for at in 0..wrapped.as_bytes().len() {
            let mut bytes = wrapped.as_bytes().to_vec();
            bytes[at] ^= 1;
            assert!(corrupt(Wrapped::parse(&bytes).and_then(|wrapped| opens(&wrapped))), "byte {at}");
        }
        for len in 0..wrapped.as_bytes().len() {
            let cut = Wrapped::parse(&wrapped.as_bytes()[..len]);
            assert!(corrupt(cut.and_then(|wrapped| opens(&wrapped))), "{len} bytes");
        }
        // One session served all of it: a corrupt blob is not taken for a lost token.
        assert_eq!(opens(&wrapped).unwrap(), secret);
        let health = pool.health();
        assert_eq!((health.state, health.n_rebuilt), (HealthState::Well, 0));
    });
}

#[test]
fn vectors_are_never_repeated_and_limits_hold() {
    with_store("wraps::vectors_are_never_repeated_and_limits_hold", || {
        let (_module, pool) = pool(PoolConfig::default());
        let kek = key("TEST kek");
        pool.generate_aes256(&kek).unwrap();
        let mut vectors = std::collections::HashSet::new();
        for _ in 0..300 {
            let wrapped = pool.wrap(&kek, b"", b"").unwrap();
            assert!(vectors.insert(wrapped.as_bytes()[1..13].to_vec()));
            assert!(pool.unwrap(&kek, &wrapped, b"").unwrap().is_empty());
        }
        let most = vec![7; hsm::MAX_WRAP_LEN_BYTES];
        assert_eq!(*pool.unwrap(&kek, &pool.wrap(&kek, &most, &most).unwrap(), &most).unwrap(), most);
        let over = vec![7; hsm::MAX_WRAP_LEN_BYTES + 1];
        assert!(matches!(pool.wrap(&kek, &over, b""), Err(TokenError::TooLong { .. })));
        assert!(matches!(pool.wrap(&kek, b"", &over), Err(TokenError::TooLong { .. })));
        assert!(matches!(pool.random(hsm::MAX_RANDOM_LEN_BYTES + 1), Err(TokenError::TooLong { .. })));
        assert!(matches!(pool.wrap(&key("TEST none"), b"x", b""), Err(TokenError::KeyNotFound { .. })));
        assert_ne!(pool.random(32).unwrap(), pool.random(32).unwrap());
    });
}
