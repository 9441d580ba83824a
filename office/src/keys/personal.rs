//! A new key for a person: made on a token of his own, certified elsewhere, taken into use. The appliance is stopped.
//!
//! His PIN is his alone. The officer's PIN of the token is drawn and forgotten: whoever had it could set another PIN,
//! so a forgotten PIN, or the loss of all passkeys, means a new key.

use audit::Act;
use cabinet::id::PersonId;
use cabinet::{Digest, Timestamp};
use hsm::{KeyKind, KeyLabel, Module, Pin, PublicKeyDer, RawSignature, ToSign, TokenLabel};
use signing::Certificate;
use signing::csr::Prepared;
use sqlx::Row as _;

use super::custody::{CustodyError, Secret};
use super::offline::Writer;
use super::{Keys, KeysConfig, KeysError, scheme_of};
use crate::entries::Draft;
use crate::people::directory::Account;
use crate::people::store::TABLE;
use crate::store::{Db, StoreError, SystemAct};

/// Label of a person's signing key on his token.
pub const KEY: &str = "signature";

/// Why no key was made.
#[derive(Debug, thiserror::Error)]
pub enum NotMade {
    /// The token.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// No PIN could be drawn.
    #[error(transparent)]
    Pin(#[from] CustodyError),
}

/// A key that waits for its certificate.
#[derive(Clone, Debug)]
pub struct WaitingKey {
    /// Whose it is.
    pub person: PersonId,
    /// His new token.
    pub token: TokenLabel,
    /// The key on it.
    pub key: KeyLabel,
    /// Its public half, as a certificate would hold it.
    pub spki_der: Vec<u8>,
}

/// Makes a token that opens with `pin`, and a key on it. Blocks, for RSA some seconds.
///
/// # Errors
///
/// * [`NotMade`]: nothing was made, or a token without a key, which must be initialised again by hand.
pub fn make(
    config: &KeysConfig,
    token: &TokenLabel,
    key: &KeyLabel,
    pin: &Pin,
    kind: KeyKind,
) -> Result<PublicKeyDer, NotMade> {
    let module = Module::load_with(&config.first_module()).map_err(KeysError::from)?;
    let officers = Secret::draw(token.as_str(), module.quirks().pin)?.so_pin()?;
    let made = || {
        module.provision(token, &officers, pin)?;
        module.personal(config.members.for_members())?.generate_key_pair(token, pin, key, kind)
    };
    Ok(made().map_err(KeysError::from)?)
}

/// Signs a request for a certificate with the person's new key.
///
/// # Errors
///
/// * [`KeysError::Token`].
pub fn sign_request(
    config: &KeysConfig,
    waiting: &WaitingKey,
    pin: &Pin,
    request: &Prepared,
) -> Result<RawSignature, KeysError> {
    let personal = Module::load_with(&config.first_module())?.personal(config.members.for_members())?;
    let (message, scheme) = (ToSign::Message(request.to_sign()), scheme_of(request.algorithm()));
    Ok(personal.sign(&waiting.token, pin, &waiting.key, message, scheme)?)
}

/// Records the key that was made, and what it signs next: the request. One that waited before is given up.
///
/// # Errors
///
/// * [`StoreError`]: nothing was recorded; the key must sign nothing.
pub async fn record_made(
    db: &Db,
    _: &Writer,
    waiting: &WaitingKey,
    request: Digest,
    now: Timestamp,
) -> Result<(), StoreError> {
    let person = waiting.person.to_string();
    let public_key = Digest::of(&waiting.spki_der).to_string();
    let mut tx = db.begin_system(SystemAct("make a person's key")).await?;
    sqlx::query("delete from waiting_keys where person = $1")
        .bind(person.clone())
        .execute(tx.connection().await?)
        .await?;
    sqlx::query(
        "insert into waiting_keys (person, token, key, public_key, made_at) values ($1, $2, $3, $4, $5)",
    )
    .bind(person.clone())
    .bind(waiting.token.to_string())
    .bind(waiting.key.to_string())
    .bind(waiting.spki_der.clone())
    .bind(now.as_micros())
    .execute(tx.connection().await?)
    .await?;
    let body = [
        ("key", waiting.key.to_string()),
        ("person", person),
        ("public_key", public_key),
        ("request", request.to_string()),
        ("token", waiting.token.to_string()),
    ];
    tx.commit(now, Draft::act(Act::CertificateRequested, None, body)).await?;
    Ok(())
}

/// The key of this person that waits for its certificate.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn waiting(db: &Db, person: PersonId) -> Result<Option<WaitingKey>, StoreError> {
    let row = sqlx::query("select token, key, public_key from waiting_keys where person = $1")
        .bind(person.to_string())
        .fetch_optional(db.readers())
        .await?;
    row.map(|row| {
        let corrupt = |what: &dyn std::fmt::Display| StoreError::Corrupt(format!("a waiting key: {what}"));
        Ok(WaitingKey {
            person,
            token: row.try_get::<String, _>("token")?.parse().map_err(|err| corrupt(&err))?,
            key: row.try_get::<String, _>("key")?.parse().map_err(|err| corrupt(&err))?,
            spki_der: row.try_get("public_key")?,
        })
    })
    .transpose()
}

/// Takes the key and its certificate into use from the next start, unlocked by the PIN that it was made with.
///
/// What passkeys unlocked before is forgotten. The earlier key is off the record, and stays on its token.
///
/// # Errors
///
/// * [`StoreError`]: nothing was changed.
pub async fn take_into_use(
    db: &Db,
    keys: &Keys,
    _: &Writer,
    account: &Account,
    waiting: &WaitingKey,
    certificate: &Certificate,
    now: Timestamp,
) -> Result<(), StoreError> {
    let person = account.person.id.to_string();
    let sealed = keys.columns().seal(TABLE, &person, "certificate", certificate.to_der())?;
    let mut tx = db.begin_system(SystemAct("take a person's key into use")).await?;
    sqlx::query(
        "update people set token_label = $1, key_label = $2, certificate_sealed = $3, pin_failed = 0, \
         pin_locked_until = 0 where id = $4",
    )
    .bind(waiting.token.to_string())
    .bind(waiting.key.to_string())
    .bind(sealed)
    .bind(person.clone())
    .execute(tx.connection().await?)
    .await?;
    for statement in [
        "delete from unlocks where person = $1",
        "delete from pin_wraps where person = $1",
        "delete from waiting_keys where person = $1",
    ] {
        sqlx::query(statement).bind(person.clone()).execute(tx.connection().await?).await?;
    }
    let earlier = account.signer.as_ref().map(|signer| signer.certificate.fingerprint().to_string());
    let body = [
        ("certificate", certificate.fingerprint().to_string()),
        ("earlier", earlier.unwrap_or_else(|| "none".to_owned())),
        ("key", waiting.key.to_string()),
        ("not_after", certificate.not_after().iso_vietnam()),
        ("part", "person".to_owned()),
        ("person", person),
        ("token", waiting.token.to_string()),
    ];
    tx.commit(now, Draft::act(Act::CertificateImported, None, body)).await?;
    Ok(())
}
