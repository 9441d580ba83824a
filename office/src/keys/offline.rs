//! Acts on keys while the appliance is stopped, each with its entry in the log.
//!
//! Only one process writes the log at a time: entries' times rise strictly, and the running appliance remembers the
//! last. So whoever writes holds the lock beside the log's tiles; the entry gets its place in the tree at the next
//! start.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use audit::Act;
use cabinet::{Digest, Timestamp};
use sqlx::Row as _;

use crate::clock::Clock;
use crate::entries::Draft;
use crate::store::{Db, StoreError, SystemAct};

/// Name of the lock in the log's folder.
const LOCK: &str = "writer.lock";

/// The right to write the log, until it is dropped.
#[derive(Debug)]
pub struct Writer {
    _lock: File,
}

/// Another process writes the log.
#[derive(Debug, thiserror::Error)]
pub enum NotAlone {
    /// The appliance runs, or another command.
    #[error("the appliance or another command is using this installation: stop it first, then repeat")]
    Held,
    /// The folder cannot be used.
    #[error("the lock beside the log cannot be taken: {0}")]
    Io(#[from] std::io::Error),
}

impl Writer {
    /// Takes the lock in the log's folder.
    ///
    /// # Errors
    ///
    /// [`NotAlone`].
    pub fn alone(folder: &Path) -> Result<Self, NotAlone> {
        std::fs::create_dir_all(folder)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(NotAlone::Held),
            Err(TryLockError::Error(err)) => Err(err.into()),
        }
    }
}

/// What a ceremony made, to be recorded.
#[derive(Clone, Debug)]
pub struct CeremonyRecord {
    /// Its name.
    pub ceremony: String,
    /// The key's label.
    pub key: String,
    /// The token's label.
    pub token: String,
    /// The kind of key.
    pub kind: String,
    /// How many custodians there are.
    pub n_custodians: u8,
    /// How many restore the secret.
    pub quorum: u8,
    /// Tells the secret from any other.
    pub secret_check: Digest,
    /// Digest of the minutes.
    pub minutes: Digest,
    /// Digest of the public key, if there is one.
    pub public_key: Option<Digest>,
}

/// Records a ceremony: whose quorum the key was made under, and its entries.
///
/// # Errors
///
/// * [`StoreError`]: nothing was recorded; the key must not be used.
pub async fn record_ceremony(db: &Db, _: &Writer, record: &CeremonyRecord) -> Result<(), StoreError> {
    let now = Clock.now();
    let mut tx = db.begin_system(SystemAct("record a key ceremony")).await?;
    sqlx::query(
        "insert into key_ceremonies (label, ceremony, token, n_custodians, quorum, secret_check, minutes, held_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(record.key.clone())
    .bind(record.ceremony.clone())
    .bind(record.token.clone())
    .bind(i64::from(record.n_custodians))
    .bind(i64::from(record.quorum))
    .bind(record.secret_check.to_string())
    .bind(record.minutes.to_string())
    .bind(now.as_micros())
    .execute(tx.connection().await?)
    .await?;
    let public_key = record.public_key.map_or_else(|| "none".to_owned(), |digest| digest.to_string());
    let held = [
        ("ceremony", record.ceremony.clone()),
        ("key", record.key.clone()),
        ("minutes", record.minutes.to_string()),
        ("n_custodians", record.n_custodians.to_string()),
        ("quorum", record.quorum.to_string()),
        ("secret", record.secret_check.to_string()),
        ("token", record.token.clone()),
    ];
    let created = [
        ("ceremony", record.ceremony.clone()),
        ("key", record.key.clone()),
        ("kind", record.kind.clone()),
        ("public_key", public_key),
    ];
    let drafts =
        vec![Draft::act(Act::KeyCeremonyHeld, None, held), Draft::act(Act::KeyCreated, None, created)];
    tx.commit_all(now, drafts).await?;
    Ok(())
}

/// Writes one entry about a key.
///
/// # Errors
///
/// * [`StoreError`]: nothing was recorded; do not go on.
pub async fn record<const N: usize>(
    db: &Db,
    _: &Writer,
    act: Act,
    body: [(&'static str, String); N],
) -> Result<(), StoreError> {
    let tx = db.begin_system(SystemAct("record an act on a key")).await?;
    tx.commit(Clock.now(), Draft::act(act, None, body)).await?;
    Ok(())
}

/// Whether any key of this label stands in the record of ceremonies.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn is_known(db: &Db, label: &str) -> Result<bool, StoreError> {
    let row = sqlx::query("select count(*) as n from key_ceremonies where label = $1")
        .bind(label.to_owned())
        .fetch_one(db.readers())
        .await?;
    Ok(row.try_get::<i64, _>("n")? > 0)
}

/// The digest of the secret that was split when the key was made; none if it was made without a ceremony.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn secret_check(db: &Db, label: &str) -> Result<Option<Digest>, StoreError> {
    let row = sqlx::query("select secret_check from key_ceremonies where label = $1")
        .bind(label.to_owned())
        .fetch_optional(db.readers())
        .await?;
    let Some(row) = row else { return Ok(None) };
    let text: String = row.try_get("secret_check")?;
    text.parse().map(Some).map_err(|_cause| StoreError::Corrupt("the check of a ceremony".to_owned()))
}

/// Whether the clock stands where entries may be written.
#[must_use]
pub fn clock_is_right(db: &Db, now: Timestamp) -> bool {
    now.plus_seconds(2) >= db.last_entry()
}
