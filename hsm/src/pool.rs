//! The appliance's own tokens: the organisation's, the log's, the key-encryption token.

use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use zeroize::Zeroizing;

use crate::aead::{self, Wrapped};
use crate::crew::{Crew, CrewSize};
use crate::door::{Door, LoggedIn};
use crate::error::{Fault, TokenError};
use crate::generate::{self, KeyKind};
use crate::keys;
use crate::module::Library;
use crate::scheme::{Owned, RawSignature, Scheme, ToSign};
use crate::seat::Seat;
use crate::sign;
use crate::spki::{self, PublicKeyDer};
use crate::standing::Standing;
use crate::{KeyLabel, Pin, TokenName};

/// The most random bytes that one call gives.
pub const MAX_RANDOM_LEN_BYTES: usize = 4096;

/// The size and patience of a [`Pool`].
#[derive(Clone, Copy, Debug)]
pub struct PoolConfig {
    /// Threads, each with one session; 1 to 64. More than the machine's processors rarely helps.
    pub n_workers: usize,
    /// Calls that wait for a thread; 1 to 4096. One more is [`TokenError::Busy`] at once.
    pub n_waiting_max: usize,
    /// Threads that may hang in a call and be replaced; 0 to 64.
    pub n_stuck_max: usize,
    /// How long a call may wait and run, in all.
    pub deadline: Duration,
    /// The same for making a key; RSA takes seconds.
    pub make_key_deadline: Duration,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            n_workers: 4,
            n_waiting_max: 256,
            n_stuck_max: 8,
            deadline: Duration::from_secs(5),
            make_key_deadline: Duration::from_secs(60),
        }
    }
}

impl PoolConfig {
    const fn size(self) -> CrewSize {
        CrewSize {
            n_workers: clamp(self.n_workers, 1, 64),
            n_waiting_max: clamp(self.n_waiting_max, 1, 4096),
            n_stuck_max: clamp(self.n_stuck_max, 0, 64),
        }
    }
}

/// What an operator should know of a pool.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Health {
    /// In a word.
    pub state: HealthState,
    /// Threads that can take a call.
    pub n_workers: usize,
    /// Threads that hang in a call past its deadline.
    pub n_stuck: usize,
    /// Calls that wait for a thread.
    pub n_waiting: usize,
    /// Sessions opened beyond the first of each thread: how often one was lost.
    pub n_rebuilt: u64,
    /// The token refused the PIN, which is not tried again: restart with the right one.
    pub pin_refused: bool,
    /// Calls that failed by the token since the last one that did not: above 0, the last call found it away or ill.
    pub n_failed: u32,
}

impl Health {
    /// Whether the next call is likely to be done.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        !matches!(self.state, HealthState::Down) && !self.pin_refused && self.n_failed == 0
    }
}

/// A pool's state in a word.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HealthState {
    /// No thread hangs.
    Well,
    /// Some threads hang; others do the work.
    Degraded,
    /// Nobody can take a call; look at the token.
    Down,
}

/// A token that stays logged in, and the threads that use it. Clones share both.
///
/// Every method blocks for at most the configured deadline and may be called from any thread.
#[derive(Clone)]
pub struct Pool(Arc<Inner>);

struct Inner {
    crew: Crew<Seat>,
    door: Arc<Door>,
    config: PoolConfig,
    standing: Standing,
}

impl Pool {
    pub(crate) fn open(
        library: Arc<Library>,
        token: TokenName,
        pin: &Pin,
        config: PoolConfig,
    ) -> Result<Self, TokenError> {
        let pool = Self::start(library, token, pin, config)?;
        // The login is a call like any other: on a worker, with a deadline.
        pool.run(|_| Ok(()))?;
        Ok(pool)
    }

    pub(crate) fn start(
        library: Arc<Library>,
        token: TokenName,
        pin: &Pin,
        config: PoolConfig,
    ) -> Result<Self, TokenError> {
        let door = Arc::new(Door::new(library, token, pin.clone())?);
        let crew = {
            let door = Arc::clone(&door);
            Crew::start("hsm-pool", config.size(), move || Seat::new(Arc::clone(&door)))?
        };
        Ok(Self(Arc::new(Inner { crew, door, config, standing: Standing::default() })))
    }

    /// Signs with the private key `key`. The signature is not verified here.
    ///
    /// # Errors
    ///
    /// * [`TokenError::KeyNotFound`], [`TokenError::KeyNotUnique`]: the set-up is wrong.
    /// * [`TokenError::KeyNotProtected`]: the key can leave its token, so it is not used.
    /// * [`TokenError::Unsupported`]: the token cannot, or Ed25519 was given a digest.
    /// * [`TokenError::Busy`]: nothing was signed; try again.
    /// * [`TokenError::Timeout`], [`TokenError::SessionLost`]: they say whether a signature may exist;
    ///   this crate never repeats such a call.
    pub fn sign(
        &self,
        key: &KeyLabel,
        message: ToSign<'_>,
        scheme: Scheme,
    ) -> Result<RawSignature, TokenError> {
        let (key, message) = (key.clone(), Owned::of(scheme, message)?);
        self.run(move |logged_in| sign::sign(logged_in, &key, &message, scheme))
    }

    /// Seals a short secret under the AES key `key`, bound to `aad`.
    ///
    /// The same `aad` must be given to unwrap. Callers keep the wraps under one key below 2³².
    ///
    /// # Errors
    ///
    /// [`TokenError::TooLong`]: over [`crate::MAX_WRAP_LEN_BYTES`]. Otherwise as [`Pool::sign`]; repeating
    /// a wrap does no harm.
    pub fn wrap(&self, key: &KeyLabel, plaintext: &[u8], aad: &[u8]) -> Result<Wrapped, TokenError> {
        aead::check_lengths(plaintext, aad)?;
        let (key, plaintext, aad) = (key.clone(), Zeroizing::new(plaintext.to_vec()), aad.to_vec());
        self.run(move |logged_in| aead::wrap(logged_in, &key, &plaintext, &aad))
    }

    /// Opens what [`Pool::wrap`] sealed with the same key and `aad`.
    ///
    /// # Errors
    ///
    /// [`TokenError::Corrupt`]: tampered with, or bound to something else; the token is well and the pool
    /// goes on. Otherwise as [`Pool::wrap`].
    pub fn unwrap(
        &self,
        key: &KeyLabel,
        wrapped: &Wrapped,
        aad: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, TokenError> {
        aead::check_lengths(&[], aad)?;
        let (key, wrapped, aad) = (key.clone(), wrapped.clone(), aad.to_vec());
        self.run(move |logged_in| aead::unwrap(logged_in, &key, &wrapped, &aad))
    }

    /// Draws `n` random bytes from the token.
    ///
    /// # Errors
    ///
    /// [`TokenError::TooLong`]: over [`MAX_RANDOM_LEN_BYTES`]. Otherwise as [`Pool::wrap`].
    pub fn random(&self, n: usize) -> Result<Zeroizing<Vec<u8>>, TokenError> {
        if n > MAX_RANDOM_LEN_BYTES {
            let what = "the random number";
            return Err(TokenError::TooLong { what, len: n, max: MAX_RANDOM_LEN_BYTES });
        }
        self.run(move |logged_in| {
            let mut bytes = Zeroizing::new(vec![0; n]);
            logged_in.session.generate_random_slice(&mut bytes)?;
            Ok(bytes)
        })
    }

    /// Makes a key pair for signing, whose private half cannot leave the token.
    ///
    /// # Errors
    ///
    /// * [`TokenError::KeyExists`]: the label is taken; nothing was made.
    /// * [`TokenError::KeyNotProtected`]: the token would let the key out; it was destroyed.
    /// * [`TokenError::Timeout`], [`TokenError::SessionLost`]: a key may have been made; look with
    ///   [`Pool::has_key`] before trying again.
    pub fn generate_key_pair(&self, label: &KeyLabel, kind: KeyKind) -> Result<PublicKeyDer, TokenError> {
        let label = label.clone();
        self.make_key(move |logged_in| generate::key_pair(logged_in, &label, kind))
    }

    /// Makes an AES-256 key for wrapping, which cannot leave the token.
    ///
    /// # Errors
    ///
    /// As [`Pool::generate_key_pair`].
    pub fn generate_aes256(&self, label: &KeyLabel) -> Result<(), TokenError> {
        let label = label.clone();
        self.make_key(move |logged_in| generate::aes256(logged_in, &label))
    }

    /// Reads the public half of a key pair.
    ///
    /// # Errors
    ///
    /// [`TokenError::KeyNotFound`], [`TokenError::KeyNotUnique`]; otherwise as [`Pool::wrap`].
    pub fn public_key(&self, label: &KeyLabel) -> Result<PublicKeyDer, TokenError> {
        let label = label.clone();
        self.run(move |LoggedIn { session, .. }| spki::read(session, keys::public_key(session, &label)?))
    }

    /// Whether a key of any kind bears this label.
    ///
    /// # Errors
    ///
    /// As [`Pool::wrap`].
    pub fn has_key(&self, label: &KeyLabel) -> Result<bool, TokenError> {
        let label = label.clone();
        self.run(move |LoggedIn { session, .. }| keys::exists(session, &label))
    }

    /// Destroys the key with this label, both halves; nothing brings it back. Says whether there was one.
    ///
    /// Done again, it does no harm: what is gone stays gone.
    ///
    /// # Errors
    ///
    /// As [`Pool::wrap`]; look with [`Pool::has_key`] whether it is gone, and repeat.
    pub fn destroy_key(&self, label: &KeyLabel) -> Result<bool, TokenError> {
        let label = label.clone();
        self.run(move |LoggedIn { session, .. }| Ok(keys::destroy(session, &label)? > 0))
    }

    /// How the pool is, without asking the token. Does not block.
    #[must_use]
    pub fn health(&self) -> Health {
        let health = self.0.crew.health();
        let first_ones = u64::try_from(self.0.config.size().n_workers).unwrap_or(u64::MAX);
        Health {
            n_rebuilt: self.0.door.n_opened().saturating_sub(first_ones),
            pin_refused: self.0.door.pin_refused(),
            n_failed: self.0.standing.n_failed(),
            ..health
        }
    }

    fn run<T: Send + 'static>(
        &self,
        work: impl Fn(&LoggedIn) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, TokenError> {
        let result = self.0.crew.call(None, self.0.config.deadline, move |seat| seat.run(work));
        // A full queue says nothing about the token.
        if !matches!(result, Err(TokenError::Busy)) {
            self.0.standing.note(&result);
        }
        result
    }

    fn make_key<T: Send + 'static>(
        &self,
        work: impl Fn(&LoggedIn) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, TokenError> {
        self.0.crew.call(None, self.0.config.make_key_deadline, move |seat| {
            let door = Arc::clone(&seat.door);
            // Held from "no such label" to the key with that label.
            let _one_at_a_time = door.making_key.lock().unwrap_or_else(PoisonError::into_inner);
            seat.run(work)
        })
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("health", &self.health()).finish_non_exhaustive()
    }
}

pub(crate) const fn clamp(n: usize, least: usize, most: usize) -> usize {
    if n < least {
        least
    } else if n > most {
        most
    } else {
        n
    }
}
