//! Every secret is wrapped by every key-encryption token: also those from before a token was added, or while it was away.

use std::time::Duration;

use audit::Act;
use sqlx::Row as _;

use super::{Keys, KeysError, Wraps, blocking, columns};
use crate::blobs;
use crate::clock::Clock;
use crate::entries::Draft;
use crate::store::{Db, StoreError, SystemAct};

/// How long a token that is back may wait for what was wrapped without it.
const EVERY: Duration = Duration::from_secs(600);
/// Rows that are read at a time.
const PAGE: i64 = 200;

/// Why not everything could be completed; what was stored is as good as before.
#[derive(Debug, thiserror::Error)]
pub enum Incomplete {
    /// A token.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A token is away: the next turn finds it, or not.
    #[error("a key-encryption token is away")]
    Away,
}

/// A wrapped secret, where it stands and what it is bound to.
struct Stored {
    place: Place,
    wrapped: Vec<u8>,
    aad: Vec<u8>,
}

enum Place {
    ColumnKey,
    Blob(String),
}

/// Completes the wraps again and again, for as long as the process lives. With one token there is nothing to do.
pub async fn keep(db: Db, keys: Keys) {
    if keys.config().encryption_stand_ins.is_empty() {
        return;
    }
    loop {
        match complete(&db, &keys).await {
            Ok(0) => {}
            Ok(n) => tracing::info!(n, "data keys wrapped by every token"),
            Err(Incomplete::Away) => tracing::warn!("a key-encryption token is away: data keys wait for it"),
            Err(err) => tracing::error!(%err, "data keys cannot be wrapped by every token"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Wraps under every token's key what some of them have no wrap of; gives how many secrets that were.
///
/// # Errors
///
/// * [`Incomplete`]: what was completed before it stays, and is logged.
pub async fn complete(db: &Db, keys: &Keys) -> Result<u64, Incomplete> {
    let mut n = 0;
    let done = complete_all(db, keys, &mut n).await;
    if n > 0 {
        let tx = db.begin_system(SystemAct("data keys wrapped by every token")).await?;
        let body = [("n_data_keys", n.to_string())];
        tx.commit(Clock.now(), Draft::act(Act::DataKeysWrapped, None, body)).await?;
    }
    done.map(|()| n)
}

async fn complete_all(db: &Db, keys: &Keys, n: &mut u64) -> Result<(), Incomplete> {
    if let Some((wrapped, aad)) = columns::wrapped(db, keys.encryption_label()).await? {
        *n += complete_one(db, keys, Stored { place: Place::ColumnKey, wrapped, aad }).await?;
    }
    let mut after = String::new();
    loop {
        let rows =
            sqlx::query("select id, purpose, wrapped, kek from blobs where id > $1 order by id limit $2")
                .bind(after.clone())
                .bind(PAGE)
                .fetch_all(db.readers())
                .await
                .map_err(StoreError::from)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.try_get("id").map_err(StoreError::from)?;
        for row in &rows {
            *n += complete_one(db, keys, stored(row)?).await?;
        }
    }
}

fn stored(row: &sqlx::any::AnyRow) -> Result<Stored, StoreError> {
    let text = |name: &str| row.try_get::<String, _>(name);
    let id = text("id")?;
    let uuid = id.parse().map_err(|err| StoreError::Corrupt(format!("{err}")))?;
    let aad = blobs::aad(&text("purpose")?, uuid, &text("kek")?);
    Ok(Stored { place: Place::Blob(id), wrapped: row.try_get("wrapped")?, aad })
}

/// 1 if there was something to complete.
async fn complete_one(db: &Db, keys: &Keys, stored: Stored) -> Result<u64, Incomplete> {
    let Stored { place, wrapped, aad } = stored;
    let (encryption, old) = (keys.0.encryption.clone(), wrapped.clone());
    let completed = blocking(move || {
        let wraps = Wraps::parse(&old)?;
        if encryption.is_complete(&wraps) {
            return Ok(None);
        }
        let made = encryption.complete(&wraps, &aad).map_err(|err| err.error)?;
        Ok(Some((made.wraps.to_bytes(), made.missing.is_empty())))
    })
    .await?;
    let Some((new, is_whole)) = completed else { return Ok(0) };
    if !is_whole {
        return Err(Incomplete::Away);
    }
    let mut tx = db.begin_system(SystemAct("wrap a data key by every token")).await?;
    // Only over what was read: an act in between is not undone.
    let query = match place {
        Place::ColumnKey => sqlx::query("update settings set value = $1 where name = $2 and value = $3")
            .bind(new)
            .bind(columns::SETTING),
        Place::Blob(id) => {
            sqlx::query("update blobs set wrapped = $1 where id = $2 and wrapped = $3").bind(new).bind(id)
        }
    };
    query.bind(wrapped).execute(tx.connection().await?).await.map_err(StoreError::from)?;
    tx.commit_unlogged(SystemAct("wrap a data key by every token")).await?;
    Ok(1)
}
