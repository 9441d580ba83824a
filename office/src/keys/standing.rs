//! How a key stands and how often it was used: in SQL, changed and counted in the act's own transaction.

use std::collections::BTreeMap;
use std::str::FromStr;

use cabinet::Timestamp;
use sqlx::Row as _;

use super::{CertifiedKey, KeysError};
use crate::error::Problem;
use crate::store::{Db, StoreError, Tx};

/// Whether a key may sign.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyState {
    /// It may.
    Active,
    /// Not until it is resumed.
    Suspended,
    /// Never again; its token may not have destroyed it yet.
    Destroyed,
}

impl KeyState {
    const ALL: [Self; 3] = [Self::Active, Self::Suspended, Self::Destroyed];

    /// The word of the API and of the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Destroyed => "destroyed",
        }
    }
}

impl FromStr for KeyState {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|state| state.name() == name).ok_or_else(|| format!("no state `{name}`"))
    }
}

/// How a key stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Standing {
    /// Whether it may sign.
    pub state: KeyState,
    /// How many signatures on documents were begun with it.
    pub n_uses: u64,
}

impl Default for Standing {
    fn default() -> Self {
        Self { state: KeyState::Active, n_uses: 0 }
    }
}

/// How every key stands that was used or changed so far, by label.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn all(db: &Db) -> Result<BTreeMap<String, Standing>, StoreError> {
    let rows = sqlx::query("select label, state, n_uses from key_standing order by label")
        .fetch_all(db.readers())
        .await?;
    rows.iter()
        .map(|row| {
            let state = row.try_get::<String, _>("state")?.parse().map_err(StoreError::Corrupt)?;
            let n_uses = u64::try_from(row.try_get::<i64, _>("n_uses")?).unwrap_or(0);
            Ok((row.try_get("label")?, Standing { state, n_uses }))
        })
        .collect()
}

/// Counts one use of the key in the act that begins the signature, or refuses: suspended, destroyed, quota reached.
///
/// A signature that came to nothing counts too: whether a token made it is not always known.
///
/// # Errors
///
/// 409 `key-suspended`, `key-destroyed` or `key-quota-reached`; nothing is counted.
pub async fn take_use(tx: &mut Tx, key: &CertifiedKey, now: Timestamp) -> Result<(), Problem> {
    take_use_of(tx, key.label(), key.quota(), now).await
}

/// As [`take_use`], of a key by its label: of one that is on no token of ours, too.
///
/// # Errors
///
/// As [`take_use`].
pub async fn take_use_of(
    tx: &mut Tx,
    label: &str,
    quota: Option<u32>,
    now: Timestamp,
) -> Result<(), Problem> {
    let most = quota.map_or(i64::MAX, i64::from);
    touch(tx, label, now).await?;
    let done = sqlx::query(
        "update key_standing set n_uses = n_uses + 1 where label = $1 and state = 'active' and n_uses < $2",
    )
    .bind(label.to_owned())
    .bind(most)
    .execute(tx.connection().await?)
    .await
    .map_err(StoreError::from)?;
    if done.rows_affected() == 1 {
        return Ok(());
    }
    Err(match state(tx, label).await? {
        KeyState::Active => Problem::conflict(
            "key-quota-reached",
            "this key has made as many signatures as its quota allows: raise keys.….quota, or renew the key",
        ),
        KeyState::Suspended => KeysError::Suspended.into(),
        KeyState::Destroyed => Problem::conflict("key-destroyed", "this key was destroyed"),
    })
}

/// Refuses unless the key may sign: for the act that records what was signed some time after its use was counted.
///
/// # Errors
///
/// 409 `key-suspended` or `key-destroyed`.
pub async fn require_active(tx: &mut Tx, label: &str) -> Result<(), Problem> {
    match state(tx, label).await? {
        KeyState::Active => Ok(()),
        KeyState::Suspended => Err(KeysError::Suspended.into()),
        KeyState::Destroyed => Err(Problem::conflict("key-destroyed", "this key was destroyed")),
    }
}

/// Changes how a key stands.
///
/// # Errors
///
/// 409 `key-destroyed`, or `key-state` if the key is not in one of the states `from`.
pub async fn change(
    tx: &mut Tx,
    label: &str,
    from: &[KeyState],
    to: KeyState,
    now: Timestamp,
) -> Result<(), Problem> {
    touch(tx, label, now).await?;
    let found = state(tx, label).await?;
    if !from.contains(&found) {
        let says = format!("the key is {}", found.name());
        let code = if found == KeyState::Destroyed { "key-destroyed" } else { "key-state" };
        return Err(Problem::conflict(code, says));
    }
    sqlx::query("update key_standing set state = $1, changed_at = $2 where label = $3")
        .bind(to.name())
        .bind(now.as_micros())
        .bind(label.to_owned())
        .execute(tx.connection().await?)
        .await
        .map_err(StoreError::from)?;
    Ok(())
}

/// Writes a row for a key that has none yet.
async fn touch(tx: &mut Tx, label: &str, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query(
        "insert into key_standing (label, state, n_uses, changed_at) values ($1, 'active', 0, $2) \
         on conflict (label) do nothing",
    )
    .bind(label.to_owned())
    .bind(now.as_micros())
    .execute(tx.connection().await?)
    .await?;
    Ok(())
}

async fn state(tx: &mut Tx, label: &str) -> Result<KeyState, StoreError> {
    let row = sqlx::query("select state from key_standing where label = $1")
        .bind(label.to_owned())
        .fetch_one(tx.connection().await?)
        .await?;
    row.try_get::<String, _>("state")?.parse().map_err(StoreError::Corrupt)
}
