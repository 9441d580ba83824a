//! Sealed objects: written once under a random id, durable before their row is, read back whole.

use std::path::Path;
use std::sync::Arc;

use archive::{BlobId, DataKey, DataKeyId, HEADER_LEN_BYTES, KEY_LEN_BYTES, Opener, wrap_aad};
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload};
use sqlx::Row as _;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::keys::{Keys, KeysError};
use crate::store::{Db, StoreError, SystemAct, Tx};

/// Epoch of the key-encryption key, as data keys are bound to it.
const KEK_EPOCH: u32 = 1;

/// An object cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The object store failed: nothing was recorded, try again.
    #[error("the object store failed: {0}")]
    Unavailable(String),
    /// The object or its key was changed or lost: tell the operator, restore from backup.
    #[error("a sealed object cannot be opened: {0}")]
    Corrupt(String),
    /// The token failed.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The object store.
#[derive(Clone, Debug)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
}

/// An object that is on disk, and whose row the act must still write.
#[derive(Debug)]
#[must_use = "an object without its row is removed at the next start"]
pub struct Written {
    id: Uuid,
    purpose: &'static str,
    data_key: Uuid,
    wrapped: Vec<u8>,
    kek: String,
    sealed_len: i64,
}

impl Blobs {
    /// Objects as files below `folder`, each synced before it counts as written.
    ///
    /// # Errors
    ///
    /// * [`BlobError::Unavailable`]: the folder is not there.
    pub fn local(folder: &Path) -> Result<Self, BlobError> {
        std::fs::create_dir_all(folder).map_err(|err| BlobError::Unavailable(err.to_string()))?;
        let store =
            LocalFileSystem::new_with_prefix(folder).map_err(|err| unavailable(&err))?.with_fsync(true);
        Ok(Self { store: Arc::new(store) })
    }

    /// Seals `plaintext` under a fresh data key and writes it. Its name is noted as staged first, so that
    /// start-up can remove it if the act never comes to its row.
    ///
    /// # Errors
    ///
    /// * [`BlobError`]: nothing is left but perhaps a staged object.
    pub async fn write(
        &self,
        db: &Db,
        keys: &Keys,
        purpose: &'static str,
        plaintext: Zeroizing<Vec<u8>>,
        at: cabinet::Timestamp,
    ) -> Result<Written, BlobError> {
        let (id, data_key) = (Uuid::new_v4(), Uuid::new_v4());
        let key = keys.random(KEY_LEN_BYTES).await?;
        let kek = keys.encryption_label().to_owned();
        let wrapped = keys.wrap(key.clone(), aad(purpose, id, &kek)).await?;
        stage(db, id, at).await?;
        let sealed = tokio::task::spawn_blocking(move || seal(&key, id, data_key, &plaintext))
            .await
            .map_err(|err| BlobError::Corrupt(err.to_string()))??;
        let sealed_len = i64::try_from(sealed.len()).unwrap_or(i64::MAX);
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        self.store
            .put_opts(&path(id), PutPayload::from(sealed), options)
            .await
            .map_err(|err| unavailable(&err))?;
        Ok(Written { id, purpose, data_key, wrapped, kek, sealed_len })
    }

    /// Reads and opens an object.
    ///
    /// # Errors
    ///
    /// * [`BlobError::Corrupt`]: some bit of it is not as it was written.
    pub async fn read(&self, db: &Db, keys: &Keys, id: Uuid) -> Result<Zeroizing<Vec<u8>>, BlobError> {
        let row = sqlx::query("select purpose, data_key, wrapped, kek from blobs where id = $1")
            .bind(id.to_string())
            .fetch_one(db.readers())
            .await
            .map_err(StoreError::from)?;
        let text = |name: &str| row.try_get::<String, _>(name).map_err(StoreError::from);
        let wrapped: Vec<u8> = row.try_get("wrapped").map_err(StoreError::from)?;
        let data_key =
            Uuid::parse_str(&text("data_key")?).map_err(|err| BlobError::Corrupt(err.to_string()))?;
        let key = keys.unwrap(wrapped, aad(&text("purpose")?, id, &text("kek")?)).await?;
        let sealed = self
            .store
            .get(&path(id))
            .await
            .map_err(|err| unavailable(&err))?
            .bytes()
            .await
            .map_err(|err| unavailable(&err))?;
        tokio::task::spawn_blocking(move || open(&key, id, data_key, &sealed))
            .await
            .map_err(|err| BlobError::Corrupt(err.to_string()))?
    }

    /// Removes objects that were staged and never came to their row. Runs before anybody is served.
    ///
    /// # Errors
    ///
    /// * [`BlobError`].
    pub async fn remove_staged(&self, db: &Db) -> Result<usize, BlobError> {
        let rows = sqlx::query("select blob from staged where blob not in (select id from blobs)")
            .fetch_all(db.readers())
            .await
            .map_err(StoreError::from)?;
        for row in &rows {
            let id: String = row.try_get("blob").map_err(StoreError::from)?;
            let id = Uuid::parse_str(&id).map_err(|err| BlobError::Corrupt(err.to_string()))?;
            match self.store.delete(&path(id)).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(err) => return Err(unavailable(&err)),
            }
        }
        let mut tx = db.begin_system(SystemAct("forget staged objects")).await?;
        sqlx::query("delete from staged").execute(tx.connection().await?).await.map_err(StoreError::from)?;
        tx.commit_unlogged(SystemAct("forget staged objects")).await?;
        Ok(rows.len())
    }
}

impl Written {
    /// The object's id.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// Writes the object's row within the act: from then on it is there.
    ///
    /// # Errors
    ///
    /// * [`StoreError`].
    pub async fn promote(self, tx: &mut Tx) -> Result<(), StoreError> {
        sqlx::query(
            "insert into blobs (id, purpose, data_key, wrapped, kek, sealed_len) values ($1, $2, $3, $4, $5, $6)",
        )
        .bind(self.id.to_string())
        .bind(self.purpose)
        .bind(self.data_key.to_string())
        .bind(self.wrapped)
        .bind(self.kek)
        .bind(self.sealed_len)
        .execute(tx.connection().await?)
        .await?;
        sqlx::query("delete from staged where blob = $1")
            .bind(self.id.to_string())
            .execute(tx.connection().await?)
            .await?;
        Ok(())
    }
}

async fn stage(db: &Db, id: Uuid, at: cabinet::Timestamp) -> Result<(), StoreError> {
    let mut tx = db.begin_system(SystemAct("stage an object")).await?;
    sqlx::query("insert into staged (blob, at) values ($1, $2)")
        .bind(id.to_string())
        .bind(at.as_micros())
        .execute(tx.connection().await?)
        .await?;
    tx.commit_unlogged(SystemAct("stage an object")).await
}

fn seal(key: &[u8], id: Uuid, data_key: Uuid, plaintext: &[u8]) -> Result<Vec<u8>, BlobError> {
    let key = DataKey::parse(key).map_err(|err| BlobError::Corrupt(err.to_string()))?;
    let mut sealed = Vec::new();
    archive::seal(
        &key,
        BlobId(id.into_bytes()),
        DataKeyId(data_key.into_bytes()),
        &mut &*plaintext,
        &mut sealed,
    )
    .map_err(|err| BlobError::Corrupt(err.to_string()))?;
    Ok(sealed)
}

fn open(key: &[u8], id: Uuid, data_key: Uuid, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, BlobError> {
    let corrupt = |err: &dyn std::fmt::Display| BlobError::Corrupt(err.to_string());
    let key = DataKey::parse(key).map_err(|err| corrupt(&err))?;
    let header = sealed.get(..HEADER_LEN_BYTES).unwrap_or_default();
    let total = u64::try_from(sealed.len()).map_err(|err| corrupt(&err))?;
    Opener::new(&key, BlobId(id.into_bytes()), DataKeyId(data_key.into_bytes()), header, total)
        .and_then(|opener| opener.open_all(sealed))
        .map_err(|err| corrupt(&err))
}

pub(crate) fn aad(purpose: &str, id: Uuid, kek: &str) -> Vec<u8> {
    wrap_aad(purpose, id.as_bytes(), 1, kek, KEK_EPOCH)
}

fn path(id: Uuid) -> ObjectPath {
    ObjectPath::from(id.to_string())
}

fn unavailable(err: &object_store::Error) -> BlobError {
    BlobError::Unavailable(err.to_string())
}
