//! The sequencer: gives committed entries their index, derives the tree and its tiles, and signs its head.
//!
//! The truth is the table of entries. Everything here is derived from it, bit for bit: after a crash the next
//! step does what was left undone. A head is signed only over tiles that are on disk.

mod tiles;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use audit::bundle::EntryPart;
use audit::{Checkpoint, Entry, LogKey, SignedCheckpoint, Tree};
use cabinet::id::EntryId;
use cabinet::{Digest, Timestamp};
use sqlx::Row as _;
use tokio::sync::{Mutex, watch};

use crate::clock::Clock;
use crate::keys::{Keys, KeysError};
use crate::people::store::parse;
use crate::store::{Db, StoreError, SystemAct};

/// Entries that one step takes at most.
const MAX_STEP: i64 = 4_096;
/// Pause between steps, in milliseconds: what comes meanwhile shares the next head.
const PAUSE_MS: u64 = 100;
/// How long the sequencer waits after a failure, in milliseconds.
const RETRY_MS: u64 = 1_000;
/// How long somebody waits for an entry to be covered by a head, in seconds.
const SETTLE_S: u64 = 10;

/// The log cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The table of entries does not lead to the head that was signed: somebody changed it. Do not start; compare
    /// with the head that a witness or an auditor holds.
    #[error("the log contradicts its own signed head: {0}")]
    Contradicted(String),
    /// The database failed; the next step tries again.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The token failed; the next step tries again.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// Tiles cannot be written; the next step tries again.
    #[error("tiles cannot be written: {0}")]
    Tiles(#[from] std::io::Error),
    /// No head covers the entry in time.
    #[error("the log's head lags behind; try again")]
    Lagging,
}

/// The sequencer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Log(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Db,
    keys: Keys,
    folder: PathBuf,
    origin: String,
    key: LogKey,
    state: Mutex<State>,
    /// Size that the newest head covers.
    covered: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    tree: Tree,
    head: Option<SignedCheckpoint>,
}

impl Log {
    /// Rebuilds the tree from the table and holds it against the newest signed head.
    ///
    /// # Errors
    ///
    /// * [`LogError::Contradicted`]: do not serve.
    pub async fn open(db: Db, keys: Keys, folder: PathBuf, origin: String) -> Result<Self, LogError> {
        let key = LogKey::of_certificate(keys.log_certificate())
            .map_err(|err| LogError::Contradicted(format!("the log key's certificate: {err}")))?;
        let state = State { tree: tree(&db).await?, head: head(&db).await? };
        if let Some(head) = &state.head {
            let signed = head.verify(&key).map_err(|err| LogError::Contradicted(err.to_string()))?;
            if state.tree.root_at(signed.size()) != Some(signed.root()) {
                return Err(LogError::Contradicted(format!(
                    "the first {} entries were changed",
                    signed.size()
                )));
            }
        }
        std::fs::create_dir_all(&folder)?;
        let covered = watch::channel(state.head.as_ref().map_or(0, |head| head.checkpoint().size())).0;
        Ok(Self(Arc::new(Inner { db, keys, folder, origin, key, state: Mutex::new(state), covered })))
    }

    /// Runs the sequencer for as long as the process lives.
    pub async fn run(self) {
        loop {
            match self.step().await {
                Ok(0) => self.0.db.entries_committed().await,
                Ok(_) => tokio::time::sleep(Duration::from_millis(PAUSE_MS)).await,
                Err(err) => {
                    tracing::error!(%err, "the sequencer could not take its step; it tries again");
                    tokio::time::sleep(Duration::from_millis(RETRY_MS)).await;
                }
            }
        }
    }

    /// Takes one step; returns how many entries the new head covers more than the last.
    ///
    /// # Errors
    ///
    /// * [`LogError`]: the step is done again later.
    pub async fn step(&self) -> Result<u64, LogError> {
        let inner = &self.0;
        let mut state = inner.state.lock().await;
        let leaves = self.number_entries(state.tree.size()).await?;
        for leaf in leaves {
            state.tree.append(leaf);
        }
        let old = state.head.as_ref().map_or(0, |head| head.checkpoint().size());
        let new = state.tree.size();
        if new == old {
            return Ok(0);
        }
        tiles::write(&inner.db, &inner.folder, &state.tree, old, new).await?;
        let checkpoint = Checkpoint::new(&inner.origin, new, state.tree.root())
            .map_err(|err| LogError::Contradicted(err.to_string()))?;
        let raw = inner.keys.sign_as_log(checkpoint.text().into_bytes()).await?;
        let raw = <&[u8; 64]>::try_from(raw.as_bytes())
            .map_err(|_cause| KeysError::Invalid("an Ed25519 signature has 64 bytes".to_owned()))?;
        let head = SignedCheckpoint::embed(checkpoint, &inner.key, raw)
            .map_err(|err| KeysError::Invalid(err.to_string()))?;
        self.keep(&head).await?;
        state.head = Some(head);
        drop(state);
        inner.covered.send_replace(new);
        Ok(new.saturating_sub(old))
    }

    /// Gives the oldest entries without index theirs, in the order in which their acts were done.
    async fn number_entries(&self, from: u64) -> Result<Vec<Digest>, LogError> {
        let rows = sqlx::query("select id, leaf from entries where idx is null order by at limit $1")
            .bind(MAX_STEP)
            .fetch_all(self.0.db.readers())
            .await
            .map_err(StoreError::from)?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let mut tx = self.0.db.begin_system(SystemAct("number entries")).await?;
        let mut leaves = Vec::with_capacity(rows.len());
        for (index, row) in (from..).zip(&rows) {
            leaves.push(digest(row.try_get("leaf").map_err(StoreError::from)?)?);
            sqlx::query("update entries set idx = $1 where id = $2 and idx is null")
                .bind(i64::try_from(index).unwrap_or(i64::MAX))
                .bind(row.try_get::<String, _>("id").map_err(StoreError::from)?)
                .execute(tx.connection().await?)
                .await
                .map_err(StoreError::from)?;
        }
        tx.commit_unlogged(SystemAct("number entries")).await?;
        Ok(leaves)
    }

    async fn keep(&self, head: &SignedCheckpoint) -> Result<(), LogError> {
        let mut tx = self.0.db.begin_system(SystemAct("keep the log's head")).await?;
        sqlx::query("insert into checkpoints (size, note, at) values ($1, $2, $3)")
            .bind(i64::try_from(head.checkpoint().size()).unwrap_or(i64::MAX))
            .bind(head.to_string())
            .bind(Clock.now().as_micros())
            .execute(tx.connection().await?)
            .await
            .map_err(StoreError::from)?;
        Ok(tx.commit_unlogged(SystemAct("keep the log's head")).await?)
    }

    /// The newest signed head.
    pub async fn head(&self) -> Option<SignedCheckpoint> {
        self.0.state.lock().await.head.clone()
    }

    /// Folder of the tiles.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        &self.0.folder
    }

    /// Waits until the newest head covers `entry`.
    ///
    /// # Errors
    ///
    /// * [`LogError::Lagging`].
    pub async fn settled(&self, entry: EntryId) -> Result<(), LogError> {
        let mut covered = self.0.covered.subscribe();
        let wait = async {
            loop {
                let row = sqlx::query("select idx from entries where id = $1")
                    .bind(entry.to_string())
                    .fetch_one(self.0.db.readers())
                    .await
                    .map_err(StoreError::from)?;
                let index: Option<i64> = row.try_get("idx").map_err(StoreError::from)?;
                let index = index.and_then(|index| u64::try_from(index).ok());
                if index.is_some_and(|index| index < *covered.borrow_and_update()) {
                    return Ok(());
                }
                if covered.changed().await.is_err() {
                    return Err(LogError::Lagging);
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(SETTLE_S), wait).await.map_err(|_cause| LogError::Lagging)?
    }

    /// The newest head, and the proof of each of `entries` under it.
    ///
    /// # Errors
    ///
    /// * [`LogError::Lagging`]: an entry is not covered yet.
    pub async fn prove(&self, entries: &[EntryId]) -> Result<(SignedCheckpoint, Vec<EntryPart>), LogError> {
        let state = self.0.state.lock().await;
        let head = state.head.clone().ok_or(LogError::Lagging)?;
        let mut parts = Vec::with_capacity(entries.len());
        for entry in entries {
            let row = sqlx::query("select idx, bytes from entries where id = $1")
                .bind(entry.to_string())
                .fetch_one(self.0.db.readers())
                .await
                .map_err(StoreError::from)?;
            let index: Option<i64> = row.try_get("idx").map_err(StoreError::from)?;
            let index = index.and_then(|index| u64::try_from(index).ok()).ok_or(LogError::Lagging)?;
            let proof = state.tree.inclusion(index, head.checkpoint().size()).ok_or(LogError::Lagging)?;
            let bytes: Vec<u8> = row.try_get("bytes").map_err(StoreError::from)?;
            let text = String::from_utf8(bytes).map_err(|err| StoreError::Corrupt(err.to_string()))?;
            parts.push(EntryPart { index, proof, text });
        }
        Ok((head, parts))
    }
}

/// The tree over all numbered entries; each leaf is hashed again from the entry's bytes.
async fn tree(db: &Db) -> Result<Tree, LogError> {
    let mut tree = Tree::default();
    loop {
        let from = i64::try_from(tree.size()).unwrap_or(i64::MAX);
        let rows = sqlx::query(
            "select idx, bytes from entries where idx is not null and idx >= $1 order by idx limit $2",
        )
        .bind(from)
        .bind(MAX_STEP)
        .fetch_all(db.readers())
        .await
        .map_err(StoreError::from)?;
        if rows.is_empty() {
            return Ok(tree);
        }
        for row in rows {
            let index: i64 = row.try_get("idx").map_err(StoreError::from)?;
            if u64::try_from(index) != Ok(tree.size()) {
                return Err(LogError::Contradicted(format!("entry {} is missing", tree.size())));
            }
            let bytes: Vec<u8> = row.try_get("bytes").map_err(StoreError::from)?;
            let entry = Entry::from_bytes(&bytes)
                .map_err(|err| LogError::Contradicted(format!("entry {index}: {err}")))?;
            tree.append(entry.leaf_hash());
        }
    }
}

async fn head(db: &Db) -> Result<Option<SignedCheckpoint>, LogError> {
    let row = sqlx::query("select note from checkpoints order by size desc limit 1")
        .fetch_optional(db.readers())
        .await
        .map_err(StoreError::from)?;
    let Some(row) = row else { return Ok(None) };
    let note: String = row.try_get("note").map_err(StoreError::from)?;
    SignedCheckpoint::parse(&note).map(Some).map_err(|err| LogError::Contradicted(err.to_string()))
}

/// Leaf hash and time of an entry.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn leaf_of(db: &Db, entry: EntryId) -> Result<(Digest, Timestamp), StoreError> {
    let row = sqlx::query("select leaf, at from entries where id = $1")
        .bind(entry.to_string())
        .fetch_one(db.readers())
        .await?;
    Ok((digest(row.try_get("leaf")?)?, Timestamp::from_micros(row.try_get("at")?)))
}

/// Ids of entries of the given acts whose body names `value` under `field`, in the log's order.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn entries_about(
    db: &Db,
    acts: &[audit::Act],
    field: &str,
    value: &str,
) -> Result<Vec<EntryId>, StoreError> {
    let mut found = Vec::new();
    for act in acts {
        let rows = sqlx::query("select id, bytes from entries where act = $1 order by at")
            .bind(act.name())
            .fetch_all(db.readers())
            .await?;
        for row in rows {
            let entry = Entry::from_bytes(&row.try_get::<Vec<u8>, _>("bytes")?)
                .map_err(|err| StoreError::Corrupt(err.to_string()))?;
            if entry.body().get(field).is_some_and(|found| found == value) {
                found.push(parse(&row.try_get::<String, _>("id")?)?);
            }
        }
    }
    Ok(found)
}

fn digest(bytes: Vec<u8>) -> Result<Digest, StoreError> {
    let bytes = <[u8; 32]>::try_from(bytes)
        .map_err(|_cause| StoreError::Corrupt("a leaf has 32 bytes".to_owned()))?;
    Ok(Digest::from_bytes(bytes))
}
