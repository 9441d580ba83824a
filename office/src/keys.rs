//! The appliance's keys, and members' keys for the length of one act.
//!
//! The one bridge to the token: everything here that blocks runs on a thread meant for blocking, bounded
//! by the token's own queue and deadline. Nobody else calls `hsm`.

pub mod anchors;
pub mod ceremony;
mod columns;
pub mod completing;
pub mod config;
pub mod custody;
mod documents;

pub mod http;
pub mod inventory;
mod load;
pub mod offline;
pub mod personal;
mod pins;
pub mod standing;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cabinet::Timestamp;
use cabinet::id::PersonId;
use hsm::{
    HealthState, KekSet, KeyKind, KeyLabel, Module, Next, PersonalTokens, Pin, Pool, RawSignature, Scheme,
    Sent, ToSign, TokenError, TokenLabel, Wraps,
};
use signing::trust::Unreadable;
use signing::{Certificate, SignatureAlgorithm, TrustStore, cades, pades};
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::store::Db;

pub use anchors::TrustList;
pub use columns::Columns;
pub use config::{KeysConfig, TokenConfig};
pub use documents::{CertifiedKey, DocumentKey, Turn};
pub use pins::MAX_WRONG_PINS;

/// How soon a token that failed is asked again.
const ASK_AGAIN_EVERY: Duration = Duration::from_secs(15);

/// Why nothing was signed, wrapped or unwrapped.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The person should type the PIN again.
    #[error("the PIN is wrong")]
    PinIncorrect {
        /// Tries before signing locks for this person.
        tries_left: u32,
    },
    /// An officer must unlock signing for this person.
    #[error("signing is locked for this person after too many wrong PINs")]
    PinLocked,
    /// The person has no key, or the appliance has no such key.
    #[error("there is no signing key and certificate on file")]
    NoKey,
    /// The person must sign with his card: his key is not here.
    #[error("this person signs with the card in his own hand")]
    SignsByCard,
    /// An operator must set the clock.
    #[error("the clock stands before the last entry of the log")]
    ClockWentBack,
    /// A security officer must resume the key, or another key must be used.
    #[error("this key is suspended or was destroyed")]
    Suspended,
    /// The token failed: try again, or look at it.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The trust anchors cannot be read, or their list is refused.
    #[error(transparent)]
    Trust(#[from] Unreadable),
    /// What came from the token or from disk does not verify.
    #[error("a signature or key of ours does not verify: {0}")]
    Invalid(String),
}

/// Who signs, with which key and certificate.
#[derive(Clone, Debug)]
pub struct Signer {
    /// The person.
    pub person: PersonId,
    /// His token.
    pub token: TokenLabel,
    /// His key on it.
    pub key: KeyLabel,
    /// The certificate of that key.
    pub certificate: Certificate,
}

/// What became of a token's PIN.
#[derive(Debug)]
#[must_use = "in doubt, both PINs are kept"]
pub enum Changed {
    /// The new one opens.
    Yes,
    /// The old one opens.
    No(KeysError),
    /// Either may open: ask its owner.
    Unknown(KeysError),
}

/// What the token's answer said of a PIN.
enum Asked {
    Unchanged,
    PerhapsChanged,
}

/// The appliance's keys.
#[derive(Clone)]
pub struct Keys(Arc<Inner>);

struct Inner {
    personal: PersonalTokens,
    organisation: DocumentKey,
    batch: Option<DocumentKey>,
    timestamping: Option<CertifiedKey>,
    responder: Option<CertifiedKey>,
    log: Pool,
    encryption: KekSet,
    encryption_pools: Vec<Pool>,
    config: KeysConfig,
    trust: TrustStore,
    list: Option<TrustList>,
    /// Certificates between signers and anchors.
    chain: Vec<Certificate>,
    log_certificate: Certificate,
    columns: Columns,
    pins: pins::Pins,
    db: Db,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

impl Keys {
    /// Loads the module, logs in to the appliance's tokens and unwraps the column key.
    ///
    /// # Errors
    ///
    /// * [`KeysError::Token`]: a token or key is missing; the message says which.
    /// * [`KeysError::Invalid`]: a certificate does not belong to its key, or the column key does not unwrap.
    pub async fn open(config: KeysConfig, db: Db) -> Result<Self, KeysError> {
        let newest = anchors::newest(&db).await.map_err(|err| KeysError::Invalid(err.to_string()))?;
        let loaded = blocking(move || load::load(config, newest.as_ref())).await?;
        let kek = &loaded.config.encryption.key;
        let columns = Columns::unwrap(&loaded.encryption, &loaded.encryption_pools, kek, &db).await?;
        let keys = Self(Arc::new(Inner {
            personal: loaded.personal,
            organisation: loaded.organisation,
            batch: loaded.batch,
            timestamping: loaded.timestamping,
            responder: loaded.responder,
            log: loaded.log,
            encryption: loaded.encryption,
            encryption_pools: loaded.encryption_pools,
            trust: loaded.trust,
            list: loaded.list,
            chain: loaded.chain,
            log_certificate: loaded.log_certificate,
            config: loaded.config,
            columns,
            pins: pins::Pins::default(),
            db,
        }));
        keys.reload_standing().await?;
        Ok(keys)
    }

    /// Takes over from the database which keys may sign.
    ///
    /// # Errors
    ///
    /// * [`KeysError::Invalid`]: the database does not answer.
    pub async fn reload_standing(&self) -> Result<(), KeysError> {
        let standing =
            standing::all(&self.0.db).await.map_err(|err| KeysError::Invalid(format!("keys: {err}")))?;
        for key in self.certified() {
            let state = standing.get(key.label()).map_or(standing::KeyState::Active, |found| found.state);
            key.set_withdrawn(state != standing::KeyState::Active);
        }
        Ok(())
    }

    /// The configuration that the keys were opened by.
    #[must_use]
    pub fn config(&self) -> &KeysConfig {
        &self.0.config
    }

    /// Every key with a certificate but the log's, stand-ins too.
    pub fn certified(&self) -> impl Iterator<Item = &CertifiedKey> {
        let documents = [Some(&self.0.organisation), self.0.batch.as_ref()].into_iter().flatten();
        let services = [self.0.timestamping.as_ref(), self.0.responder.as_ref()].into_iter().flatten();
        documents.flat_map(DocumentKey::all).chain(services)
    }

    /// Sealing of SQL columns.
    #[must_use]
    pub fn columns(&self) -> &Columns {
        &self.0.columns
    }

    /// The anchors that our own signatures are checked against.
    #[must_use]
    pub fn trust(&self) -> &TrustStore {
        &self.0.trust
    }

    /// The signed list that the anchors come from, if they come from one.
    #[must_use]
    pub fn trust_list(&self) -> Option<&TrustList> {
        self.0.list.as_ref()
    }

    /// Certificates between our signers and the anchors.
    #[must_use]
    pub fn chain(&self) -> &[Certificate] {
        &self.0.chain
    }

    /// The organisation's key.
    #[must_use]
    pub fn organisation(&self) -> &DocumentKey {
        &self.0.organisation
    }

    /// The certificate of the log's key.
    #[must_use]
    pub fn log_certificate(&self) -> &Certificate {
        &self.0.log_certificate
    }

    /// Refuses when the clock has gone back: a signature would claim a time before acts already logged.
    ///
    /// # Errors
    ///
    /// * [`KeysError::ClockWentBack`].
    pub fn check_clock(&self) -> Result<(), KeysError> {
        if Clock.went_back(self.0.db.last_entry()) { Err(KeysError::ClockWentBack) } else { Ok(()) }
    }

    /// Signs `message` with a person's own key, unlocked by his PIN for this one act.
    ///
    /// A wrong PIN is counted and logged, and never tried again by itself. No transaction may be open here.
    ///
    /// # Errors
    ///
    /// * [`KeysError::PinIncorrect`], [`KeysError::PinLocked`], [`KeysError::ClockWentBack`], [`KeysError::Token`].
    pub async fn sign_as(
        &self,
        signer: &Signer,
        pin: Pin,
        message: ToBeSigned,
    ) -> Result<RawSignature, KeysError> {
        self.check_clock()?;
        let (personal, token, key) = (self.0.personal.clone(), signer.token.clone(), signer.key.clone());
        self.0
            .pins
            .guard(&self.0.db, signer.person, || {
                blocking(move || {
                    let (bytes, scheme) = (ToSign::Message(&message.bytes), message.scheme());
                    Ok(personal.sign(&token, &pin, &key, bytes, scheme)?)
                })
            })
            .await
    }

    /// Checks a person's PIN at his token, for acts that another key signs.
    ///
    /// # Errors
    ///
    /// As [`Keys::sign_as`].
    pub async fn check_pin(&self, person: PersonId, token: TokenLabel, pin: Pin) -> Result<(), KeysError> {
        self.check_clock()?;
        let personal = self.0.personal.clone();
        self.0
            .pins
            .guard(&self.0.db, person, || blocking(move || Ok(personal.check_pin(&token, &pin)?)))
            .await
    }

    /// Changes the PIN of a person's token. A wrong old PIN is counted and logged, as when signing.
    pub async fn change_pin(&self, person: PersonId, token: TokenLabel, old: Pin, new: Pin) -> Changed {
        if let Err(err) = self.check_clock() {
            return Changed::No(err);
        }
        let personal = self.0.personal.clone();
        // What fails before the token is asked changes nothing; what fails after it answered may have.
        let answer = std::sync::OnceLock::new();
        let attempt = async {
            let result = blocking(move || Ok(personal.change_pin(&token, &old, &new)?)).await;
            let surely_not = matches!(&result, Err(KeysError::Token(err)) if err.sent() == Sent::No);
            answer.get_or_init(|| if surely_not { Asked::Unchanged } else { Asked::PerhapsChanged });
            result
        };
        match (self.0.pins.guard(&self.0.db, person, || attempt).await, answer.get()) {
            (Ok(()), _) => Changed::Yes,
            (Err(err), None | Some(Asked::Unchanged)) => Changed::No(err),
            (Err(err), Some(Asked::PerhapsChanged)) => Changed::Unknown(err),
        }
    }

    /// The key that signs time-stamps, if this appliance issues any.
    #[must_use]
    pub fn timestamping(&self) -> Option<&CertifiedKey> {
        self.0.timestamping.as_ref()
    }

    /// The key that signs answers about a TEST authority's certificates.
    #[must_use]
    pub fn responder(&self) -> Option<&CertifiedKey> {
        self.0.responder.as_ref()
    }

    /// The key of the appliance with this label that signs documents.
    #[must_use]
    pub fn document_key(&self, label: &str) -> Option<&DocumentKey> {
        self.document_keys().find(|key| key.label() == label)
    }

    /// The keys of the appliance that sign documents.
    pub fn document_keys(&self) -> impl Iterator<Item = &DocumentKey> {
        [Some(&self.0.organisation), self.0.batch.as_ref()].into_iter().flatten()
    }

    /// Signs `message` with a key of the appliance that signs documents, on the token whose turn it is; with the error
    /// comes whether the next token may be asked.
    ///
    /// # Errors
    ///
    /// * [`KeysError::ClockWentBack`], [`KeysError::Suspended`], [`KeysError::Token`].
    pub async fn sign_with(
        &self,
        key: &DocumentKey,
        turn: &Turn,
        message: ToBeSigned,
    ) -> Result<RawSignature, (KeysError, Next)> {
        self.check_clock().map_err(|err| (err, Next::Nobody))?;
        key.sign(turn, message).await
    }

    /// Signs `message` with the log's Ed25519 key.
    ///
    /// # Errors
    ///
    /// * [`KeysError::Token`].
    pub async fn sign_as_log(&self, message: Vec<u8>) -> Result<RawSignature, KeysError> {
        let (pool, key) = (self.0.log.clone(), self.0.config.log.key.clone());
        blocking(move || Ok(pool.sign(&key, ToSign::Message(&message), Scheme::Ed25519)?)).await
    }

    /// Wraps a data key under the key-encryption key of every token that is there, bound to `aad`.
    ///
    /// # Errors
    ///
    /// * [`KeysError::Token`].
    pub async fn wrap(&self, data_key: Zeroizing<Vec<u8>>, aad: Vec<u8>) -> Result<Vec<u8>, KeysError> {
        let encryption = self.0.encryption.clone();
        blocking(move || {
            let wrapping = encryption.wrap(&data_key, &aad).map_err(|err| err.error)?;
            if !wrapping.missing.is_empty() {
                tracing::warn!(
                    n_missing = wrapping.missing.len(),
                    "a data key is not wrapped by every token"
                );
            }
            Ok(wrapping.wraps.to_bytes())
        })
        .await
    }

    /// Unwraps what [`Keys::wrap`] wrapped, also before there was a second token.
    ///
    /// # Errors
    ///
    /// * [`KeysError::Token`]; its `Corrupt` means the stored wrap, not the token, is at fault.
    pub async fn unwrap(&self, wrapped: Vec<u8>, aad: Vec<u8>) -> Result<Zeroizing<Vec<u8>>, KeysError> {
        let encryption = self.0.encryption.clone();
        blocking(move || {
            let opened = encryption.unwrap(&Wraps::parse(&wrapped)?, &aad);
            Ok(opened.map_err(|err| err.error)?.value)
        })
        .await
    }

    /// The label of the key-encryption key in use.
    #[must_use]
    pub fn encryption_label(&self) -> &str {
        self.0.config.encryption.key.as_str()
    }

    /// Random bytes from the first key-encryption token that gives some.
    ///
    /// # Errors
    ///
    /// * [`KeysError::Token`].
    pub async fn random(&self, n: usize) -> Result<Zeroizing<Vec<u8>>, KeysError> {
        let pools = self.0.encryption_pools.clone();
        blocking(move || random(&pools, n)).await
    }

    /// How each token of the appliance is, by the name of its part, without asking it.
    #[must_use]
    pub fn token_health(&self) -> Vec<(String, hsm::Health)> {
        let tokens = self.0.config.tokens();
        tokens.into_iter().filter_map(|(name, token)| Some((name, self.pool(&token.key)?.health()))).collect()
    }

    /// Asks the tokens whose last call failed whether they are back, for as long as the process lives: nobody else might.
    pub async fn keep_asking(self) {
        loop {
            tokio::time::sleep(ASK_AGAIN_EVERY).await;
            let tokens = self.0.config.tokens().into_iter();
            let keys: Vec<_> = tokens.map(|(part, token)| (part, token.key.clone())).collect();
            for (part, key) in keys {
                let Some(pool) = self.pool(&key).filter(|pool| pool.health().n_failed > 0).cloned() else {
                    continue;
                };
                match blocking(move || Ok(pool.has_key(&key)?)).await {
                    Ok(_) => tracing::info!(part, "the token answers again"),
                    Err(err) => tracing::warn!(part, %err, "the token does not answer"),
                }
            }
        }
    }

    fn pool(&self, label: &KeyLabel) -> Option<&Pool> {
        if *label == self.0.config.log.key {
            return Some(&self.0.log);
        }
        let encryption =
            std::iter::once(&self.0.config.encryption).chain(&self.0.config.encryption_stand_ins);
        let mut encryption = encryption.zip(&self.0.encryption_pools);
        encryption
            .find(|(token, _)| token.key == *label)
            .map(|(_, pool)| pool)
            .or_else(|| self.certified().find(|key| key.label_on_token() == label).map(CertifiedKey::pool))
    }

    /// Destroys a key in its token. What is logged and refused is the caller's; done again, it does no harm.
    ///
    /// # Errors
    ///
    /// * [`KeysError::NoKey`], [`KeysError::Token`].
    pub(crate) async fn destroy(&self, label: &KeyLabel) -> Result<bool, KeysError> {
        let (pool, label) = (self.pool(label).cloned().ok_or(KeysError::NoKey)?, label.clone());
        blocking(move || Ok(pool.destroy_key(&label)?)).await
    }

    /// Whether the appliance can do all its work: of tokens that stand in for each other, one is enough.
    #[must_use]
    pub fn is_well(&self) -> bool {
        let is_up = |pool: &Pool| pool.health().is_up();
        let documents = [Some(&self.0.organisation), self.0.batch.as_ref()].into_iter().flatten();
        let mut documents = documents.map(|key| key.all().iter().any(|key| is_up(key.pool())));
        let services = [self.0.timestamping.as_ref(), self.0.responder.as_ref()].into_iter().flatten();
        let mut alone = services.map(CertifiedKey::pool).chain([&self.0.log]);
        documents.all(|is_up| is_up)
            && alone.all(is_up)
            && self.0.encryption_pools.iter().any(is_up)
            && self.0.personal.health().state != HealthState::Down
    }

    /// The time by the clock, for callers that sign.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Clock.now()
    }
}

/// What a token is to sign: bytes, not their digest, for the algorithm says how they are hashed.
#[derive(Clone, Debug)]
pub struct ToBeSigned {
    algorithm: SignatureAlgorithm,
    bytes: Vec<u8>,
}

impl ToBeSigned {
    /// Takes the bytes that a prepared signature is over, and its algorithm.
    #[must_use]
    pub fn new(algorithm: SignatureAlgorithm, bytes: &[u8]) -> Self {
        Self { algorithm, bytes: bytes.to_vec() }
    }

    fn scheme(&self) -> Scheme {
        scheme_of(self.algorithm)
    }
}

impl<T> From<&pades::Prepared<T>> for ToBeSigned {
    fn from(prepared: &pades::Prepared<T>) -> Self {
        Self::new(prepared.algorithm(), prepared.signed_attributes())
    }
}

impl From<&cades::Prepared> for ToBeSigned {
    fn from(prepared: &cades::Prepared) -> Self {
        Self::new(prepared.algorithm(), prepared.signed_attributes())
    }
}

/// The token's name for an algorithm.
#[must_use]
pub const fn scheme_of(algorithm: SignatureAlgorithm) -> Scheme {
    match algorithm {
        SignatureAlgorithm::EcdsaP256Sha256 => Scheme::EcdsaSha256,
        SignatureAlgorithm::EcdsaP384Sha384 => Scheme::EcdsaSha384,
        SignatureAlgorithm::RsaPkcs1Sha256 => Scheme::RsaPkcs1Sha256,
        SignatureAlgorithm::RsaPssSha256 => Scheme::RsaPssSha256,
        SignatureAlgorithm::Ed25519 => Scheme::Ed25519,
    }
}

/// Random bytes from the first token that gives some.
fn random(pools: &[Pool], n: usize) -> Result<Zeroizing<Vec<u8>>, KeysError> {
    let mut last = KeysError::NoKey;
    for pool in pools {
        match pool.random(n) {
            Ok(bytes) => return Ok(bytes),
            Err(err) => last = err.into(),
        }
    }
    Err(last)
}

/// Runs what blocks on a thread for it. The token's own queue bounds how many wait there.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, KeysError> + Send + 'static,
) -> Result<T, KeysError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|err| Err(KeysError::Invalid(err.to_string())))
}

/// What kinds of keys a new installation makes: members' and organisation's keys, and the log's.
pub const SIGNER_KEY: KeyKind = KeyKind::EcP256;
/// The log's key.
pub const LOG_KEY: KeyKind = KeyKind::Ed25519;

/// Loads a PKCS#11 module, for provisioning.
///
/// # Errors
///
/// * [`TokenError::ModuleUnusable`].
pub fn load_module(path: &std::path::Path) -> Result<Module, TokenError> {
    Module::load(path)
}
