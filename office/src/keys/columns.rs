//! Sealing of SQL columns: what a person wrote is sealed per row before it reaches SQL.

use std::sync::Arc;

use archive::{ColumnKey, KEY_LEN_BYTES, Place, wrap_aad};
use hsm::{KekSet, KeyLabel, Pool, Wraps};
use sqlx::Row as _;
use zeroize::Zeroizing;

use super::{KeysError, blocking, random};
use crate::store::{Db, StoreError, SystemAct};

/// Where the wrapped column key stands in `settings`.
pub(super) const SETTING: &str = "column-key-1";
/// Where stands which key's label the wrap is bound to: the first token's when it was made, whichever is first now.
const BOUND_TO: &str = "column-key-1-kek";
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
        let stored = wrapped(db, kek.as_str()).await.map_err(|err| store(&err))?;
        let (encryption, pools) = (encryption.clone(), pools.to_vec());
        let key = if let Some((wrapped, aad)) = stored {
            blocking(move || {
                let opened = encryption.unwrap(&Wraps::parse(&wrapped)?, &aad);
                Ok(opened.map_err(|err| err.error)?.value)
            })
            .await?
        } else {
            let aad = aad(kek.as_str());
            let (key, wrapped) = blocking(move || {
                let key = random(&pools, KEY_LEN_BYTES)?;
                let wrapping = encryption.wrap(&key, &aad).map_err(|err| err.error)?;
                Ok((key, wrapping.wraps.to_bytes()))
            })
            .await?;
            keep(db, wrapped, kek.as_str()).await.map_err(|err| store(&err))?;
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

/// The wrapped column key, and what the wrap is bound to; `first` is the first token's key of the configuration.
pub(super) async fn wrapped(db: &Db, first: &str) -> Result<Option<(Vec<u8>, Vec<u8>)>, StoreError> {
    let Some(wrapped) = setting(db, SETTING).await? else { return Ok(None) };
    let bound_to = match setting(db, BOUND_TO).await? {
        Some(label) => String::from_utf8(label).map_err(|err| StoreError::Corrupt(err.to_string()))?,
        None => first.to_owned(),
    };
    Ok(Some((wrapped, aad(&bound_to))))
}

fn aad(kek: &str) -> Vec<u8> {
    wrap_aad("column-key", SETTING.as_bytes(), 1, kek, EPOCH)
}

async fn setting(db: &Db, name: &'static str) -> Result<Option<Vec<u8>>, StoreError> {
    let row = sqlx::query("select value from settings where name = $1")
        .bind(name)
        .fetch_optional(db.readers())
        .await?;
    Ok(row.map(|row| row.try_get("value")).transpose()?)
}

async fn keep(db: &Db, wrapped: Vec<u8>, bound_to: &str) -> Result<(), StoreError> {
    let mut tx = db.begin_system(SystemAct("keep the column key")).await?;
    for (name, value) in [(SETTING, wrapped), (BOUND_TO, bound_to.as_bytes().to_vec())] {
        sqlx::query("insert into settings (name, value) values ($1, $2)")
            .bind(name)
            .bind(value)
            .execute(tx.connection().await?)
            .await?;
    }
    tx.commit_unlogged(SystemAct("keep the column key")).await
}

fn store(err: &StoreError) -> KeysError {
    KeysError::Invalid(format!("the column key: {err}"))
}
