//! One act on the database: begun with a permit, ended with a log entry, answered after its commit.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use cabinet::id::EntryId;
use cabinet::{Digest, Timestamp};
use policies::Permit;
use sqlx::{AnyConnection, Row as _};
use tokio::sync::OwnedMutexGuard;

use super::writer::Writer;
use super::{Db, StoreError};
use crate::entries::Draft;

/// Why the appliance itself writes, without a person's permit. Private to `office`: handlers cannot make one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SystemAct(pub(crate) &'static str);

/// What an act gets back once it is on disk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Receipt {
    /// The entry.
    pub entry: EntryId,
    /// Its leaf hash: inclusion is proved with it once a checkpoint covers it.
    pub leaf: Digest,
    /// The entry's time.
    pub at: Timestamp,
}

/// An act under way. Dropped without [`Tx::commit`], it leaves nothing.
#[derive(Debug)]
pub struct Tx {
    writer: OwnedMutexGuard<Writer>,
    db: Db,
}

impl Db {
    /// Begins an act that `permit` allows: its resource must still be at the version that was judged,
    /// the person's epoch and the policy bundle the same, and the permit not expired.
    ///
    /// # Errors
    ///
    /// * [`StoreError::Conflict`]: one of these changed; load again and ask again.
    /// * [`StoreError::Unavailable`]: nothing was begun.
    pub async fn begin<A>(
        &self,
        permit: &Permit<A>,
        bundle: Digest,
        now: Timestamp,
    ) -> Result<Tx, StoreError> {
        if permit.bundle() != bundle || permit.expires() <= now {
            return Err(StoreError::Conflict);
        }
        let mut tx = self.begin_system(SystemAct("permitted act")).await?;
        tx.check_version(permit.resource_id(), permit.resource_version()).await?;
        let epoch: i64 = sqlx::query("select epoch from people where id = $1")
            .bind(permit.principal().to_string())
            .fetch_one(tx.connection().await?)
            .await?
            .try_get("epoch")?;
        if u64::try_from(epoch) != Ok(permit.session_epoch()) {
            return Err(StoreError::Conflict);
        }
        Ok(tx)
    }

    /// Begins an act of the appliance itself.
    ///
    /// # Errors
    ///
    /// * [`StoreError::Unavailable`]: nothing was begun.
    pub async fn begin_system(&self, _: SystemAct) -> Result<Tx, StoreError> {
        let mut writer = Arc::clone(&self.0.writer).lock_owned().await;
        writer.savepoint().await?;
        Ok(Tx { writer, db: self.clone() })
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        // An act that was given up is undone by whoever comes next: the committer, if nobody else.
        self.db.0.waiting.notify_one();
    }
}

impl Tx {
    /// The connection, for this act's statements.
    ///
    /// # Errors
    ///
    /// * [`StoreError::Unavailable`]: it is gone; the act is undone.
    pub async fn connection(&mut self) -> Result<&mut AnyConnection, StoreError> {
        self.writer.connection().await
    }

    /// Refuses unless the resource is still at `version`. Version 0 is a resource without a row: a whole
    /// collection, whose permit does not depend on any row's state.
    async fn check_version(&mut self, id: &str, version: i64) -> Result<(), StoreError> {
        if version == 0 {
            return Ok(());
        }
        let row = sqlx::query("select version from resources where id = $1")
            .bind(id.to_owned())
            .fetch_optional(self.connection().await?)
            .await?;
        match row {
            Some(row) if row.try_get::<i64, _>("version")? == version => Ok(()),
            _ => Err(StoreError::Conflict),
        }
    }

    /// Refuses unless another resource that the act rests on is still at `version`.
    ///
    /// # Errors
    ///
    /// * [`StoreError::Conflict`].
    pub async fn require(&mut self, id: &str, version: i64) -> Result<(), StoreError> {
        self.check_version(id, version).await
    }

    /// Registers a new resource at version 1.
    ///
    /// # Errors
    ///
    /// * [`StoreError::Unavailable`].
    pub async fn new_resource(&mut self, id: &str, kind: &'static str) -> Result<(), StoreError> {
        sqlx::query("insert into resources (id, kind, version) values ($1, $2, 1)")
            .bind(id.to_owned())
            .bind(kind)
            .execute(self.connection().await?)
            .await?;
        Ok(())
    }

    /// Marks a resource as changed: permits judged on its earlier state no longer hold.
    ///
    /// # Errors
    ///
    /// * [`StoreError::NotFound`]: there is no such resource.
    pub async fn touch(&mut self, id: &str) -> Result<(), StoreError> {
        let done = sqlx::query("update resources set version = version + 1 where id = $1")
            .bind(id.to_owned())
            .execute(self.connection().await?)
            .await?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::NotFound) }
    }

    /// Writes the entry that `draft` becomes, and waits until the act is on disk.
    ///
    /// Entries' times rise strictly: the log's order is the order in which acts were done.
    ///
    /// # Errors
    ///
    /// * [`StoreError::Unavailable`]: nothing was recorded.
    pub async fn commit(self, now: Timestamp, draft: Draft) -> Result<Receipt, StoreError> {
        self.commit_all(now, vec![draft])
            .await?
            .pop()
            .ok_or_else(|| StoreError::Corrupt("no entry".to_owned()))
    }

    /// As [`Tx::commit`], with several entries for one act.
    ///
    /// # Errors
    ///
    /// * [`StoreError::Unavailable`]: nothing was recorded.
    pub async fn commit_all(
        mut self,
        now: Timestamp,
        drafts: Vec<Draft>,
    ) -> Result<Vec<Receipt>, StoreError> {
        let mut receipts = Vec::new();
        for draft in drafts {
            receipts.push(self.append(now, draft).await?);
        }
        let committed = self.writer.release().await?;
        // Letting go of the writer wakes the committer.
        drop(self);
        committed.await.unwrap_or_else(|_| Err(StoreError::Unavailable("the writer stopped".to_owned())))?;
        Ok(receipts)
    }

    /// Ends an act that leaves no entry of its own: the sequencer's and the sessions' bookkeeping.
    ///
    /// # Errors
    ///
    /// * [`StoreError::Unavailable`]: nothing was recorded.
    pub(crate) async fn commit_unlogged(mut self, _: SystemAct) -> Result<(), StoreError> {
        let committed = self.writer.release().await?;
        // Letting go of the writer wakes the committer.
        drop(self);
        committed.await.unwrap_or_else(|_| Err(StoreError::Unavailable("the writer stopped".to_owned())))
    }

    async fn append(&mut self, now: Timestamp, draft: Draft) -> Result<Receipt, StoreError> {
        // The writer is ours alone here, so reading and raising the last time does not race.
        let last = self.db.0.last_entry_us.load(Ordering::Acquire);
        let at_us = now.as_micros().max(last.saturating_add(1));
        let entry = draft
            .at(Timestamp::from_micros(at_us))
            .map_err(|err| StoreError::Corrupt(format!("the act cannot be logged: {err}")))?;
        let leaf = entry.leaf_hash();
        sqlx::query("insert into entries (id, at, act, bytes, leaf) values ($1, $2, $3, $4, $5)")
            .bind(entry.id().to_string())
            .bind(at_us)
            .bind(entry.act().name())
            .bind(entry.bytes())
            .bind(leaf.as_bytes().to_vec())
            .execute(self.connection().await?)
            .await?;
        self.db.0.last_entry_us.store(at_us, Ordering::Release);
        Ok(Receipt { entry: entry.id(), leaf, at: Timestamp::from_micros(at_us) })
    }
}
