//! Sealing of SQL columns: what a person wrote is sealed per row before it reaches SQL.

use std::sync::Arc;

use archive::{ColumnKey, KEY_LEN_BYTES, Place, wrap_aad};
use hsm::{KekSet, KeyLabel, Pool, Wraps};
use sqlx::Row as _;
use zeroize::Zeroizing;

use super::{KeysError, blocking, random};
use crate::store::{Db, StoreError, SystemAct};

/// Where the wrapped column key stands in `settings`.
const SETTING: &str = "column-key-1";
/// Epoch of the column key.
const EPOCH: u32 = 1;

/// Seals and opens columns.
#[derive(Clone)]
pub struct Columns(Arc<ColumnKey>);

impl std::fmt::Debug for Columns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Columns")
    }
}

impl Columns {
    /// Unwraps the column key in the token; a new installation draws it there and keeps the wrap.
    pub(super) async fn unwrap(
        encryption: &KekSet,
        pools: &[Pool],
        kek: &KeyLabel,
        db: &Db,
    ) -> Result<Self, KeysError> {
        let aad = wrap_aad("column-key", SETTING.as_bytes(), 1, kek.as_str(), EPOCH);
        let stored = stored(db).await.map_err(|err| store(&err))?;
        let (encryption, pools) = (encryption.clone(), pools.to_vec());
        let key = if let Some(wrapped) = stored {
            blocking(move || {
                let opened = encryption.unwrap(&Wraps::parse(&wrapped)?, &aad);
                Ok(opened.map_err(|err| err.error)?.value)
            })
            .await?
        } else {
            let (key, wrapped) = blocking(move || {
                let key = random(&pools, KEY_LEN_BYTES)?;
                let wrapping = encryption.wrap(&key, &aad).map_err(|err| err.error)?;
                Ok((key, wrapping.wraps.to_bytes()))
            })
            .await?;
            keep(db, wrapped).await.map_err(|err| store(&err))?;
            key
        };
        let key = ColumnKey::new(&key, EPOCH).map_err(|err| KeysError::Invalid(err.to_string()))?;
        Ok(Self(Arc::new(key)))
    }

    /// Seals a value for one column of one row.
    ///
    /// # Errors
    ///
    /// * [`StoreError::Corrupt`]: the value is too long.
    pub fn seal(&self, table: &str, row: &str, column: &str, value: &[u8]) -> Result<Vec<u8>, StoreError> {
        let place = Place { table, row: row.as_bytes(), column };
        self.0.seal(place, value).map_err(|err| StoreError::Corrupt(err.to_string()))
    }

    /// Opens a value; one that was moved from another place does not open.
    ///
    /// # Errors
    ///
    /// * [`StoreError::Corrupt`].
    pub fn open(
        &self,
        table: &str,
        row: &str,
        column: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let place = Place { table, row: row.as_bytes(), column };
        self.0
            .open(place, sealed)
            .map_err(|err| StoreError::Corrupt(format!("{table}.{column} of {row}: {err}")))
    }

    /// Opens a value that is text.
    ///
    /// # Errors
    ///
    /// * [`StoreError::Corrupt`].
    pub fn open_text(
        &self,
        table: &str,
        row: &str,
        column: &str,
        sealed: &[u8],
    ) -> Result<String, StoreError> {
        let bytes = self.open(table, row, column, sealed)?;
        String::from_utf8(bytes.to_vec()).map_err(|err| StoreError::Corrupt(err.to_string()))
    }
}

async fn stored(db: &Db) -> Result<Option<Vec<u8>>, StoreError> {
    let row = sqlx::query("select value from settings where name = $1")
        .bind(SETTING)
        .fetch_optional(db.readers())
        .await?;
    Ok(row.map(|row| row.try_get("value")).transpose()?)
}

async fn keep(db: &Db, wrapped: Vec<u8>) -> Result<(), StoreError> {
    let mut tx = db.begin_system(SystemAct("keep the column key")).await?;
    sqlx::query("insert into settings (name, value) values ($1, $2)")
        .bind(SETTING)
        .bind(wrapped)
        .execute(tx.connection().await?)
        .await?;
    tx.commit_unlogged(SystemAct("keep the column key")).await
}

fn store(err: &StoreError) -> KeysError {
    KeysError::Invalid(format!("the column key: {err}"))
}
