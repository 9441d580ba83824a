//! The database: readers, and the one writer through which everything that changes goes.
//!
//! An act takes the writer, does its statements inside a savepoint, gives its log entry and lets go; it is
//! answered after the next `COMMIT`, which it shares with all acts that waited meanwhile (group commit).
//! Invariant: nothing is answered before the commit that holds it has returned.

mod connect;
pub mod examine;
#[cfg(test)]
mod tests;
mod tx;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use cabinet::Timestamp;
use sqlx::{AnyPool, Row};
use tokio::sync::{Mutex, Notify};

pub use connect::Engine;
pub use tx::{Receipt, SystemAct, Tx};
use writer::Writer;

/// Readers open at once.
const N_READERS: u32 = 4;

/// The database cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// What the permit was judged on has changed: load again and repeat.
    #[error("the thing changed meanwhile: load it again and repeat")]
    Conflict,
    /// There is no such row.
    #[error("there is no such row")]
    NotFound,
    /// The database did not answer, or the commit failed: nothing was recorded, try again.
    #[error("the database did not answer: {0}")]
    Unavailable(String),
    /// A stored value cannot be read: tell the operator, restore from backup.
    #[error("stored data cannot be read: {0}")]
    Corrupt(String),
}

impl From<sqlx::Error> for StoreError {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the foreign enum is open; what is unknown means try again"
    )]
    fn from(err: sqlx::Error) -> Self {
        match err {
            sqlx::Error::RowNotFound => Self::NotFound,
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnNotFound(_) => {
                Self::Corrupt(err.to_string())
            }
            other => Self::Unavailable(other.to_string()),
        }
    }
}

/// The database of one appliance. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Db(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    readers: AnyPool,
    writer: Arc<Mutex<Writer>>,
    /// Wakes the committer: an act waits for its commit.
    waiting: Notify,
    /// Wakes the sequencer: entries were committed.
    committed: Notify,
    /// Time of the newest entry, microseconds UTC.
    last_entry_us: AtomicI64,
}

impl Db {
    /// Opens the database at `url` (`sqlite:…` or `postgres:…`), brings its tables up to date and
    /// starts the committer.
    ///
    /// # Errors
    ///
    /// * [`StoreError::Unavailable`]: it cannot be reached, or its durability settings do not hold.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let engine = Engine::of(url)?;
        let mut connection = connect::writer(engine, url).await?;
        connect::migrate(&mut connection).await?;
        let last: Option<i64> = sqlx::query("select max(at) as last from entries")
            .fetch_one(&mut connection)
            .await?
            .try_get("last")?;
        let readers = connect::readers(engine, url, N_READERS).await?;
        let db = Self(Arc::new(Inner {
            readers,
            writer: Arc::new(Mutex::new(Writer::new(engine, url.to_owned(), connection))),
            waiting: Notify::new(),
            committed: Notify::new(),
            last_entry_us: AtomicI64::new(last.unwrap_or(0)),
        }));
        let committer = db.clone();
        tokio::spawn(async move { committer.commit_groups().await });
        Ok(db)
    }

    /// The pool for reading; it sees what was committed.
    #[must_use]
    pub fn readers(&self) -> &AnyPool {
        &self.0.readers
    }

    /// Time of the newest entry: no signature is made before it.
    #[must_use]
    pub fn last_entry(&self) -> Timestamp {
        Timestamp::from_micros(self.0.last_entry_us.load(Ordering::Acquire))
    }

    /// Waits until entries were committed since the last call.
    pub async fn entries_committed(&self) {
        self.0.committed.notified().await;
    }

    async fn commit_groups(&self) {
        loop {
            self.0.waiting.notified().await;
            // Acts that are already queued for the writer stand before us: they join this commit.
            let mut writer = self.0.writer.lock().await;
            writer.commit_group().await;
            drop(writer);
            self.0.committed.notify_one();
        }
    }
}
