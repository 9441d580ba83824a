//! What is pushed to screens: numbered events per meeting, stored with the act, sent after its commit.
//!
//! An event says what changed and how far, never content, so one serialisation serves everybody who
//! may see the meeting; who may see what, the resource itself answers.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use cabinet::id::MeetingId;
use serde::Serialize;
use sqlx::Row as _;
use tokio::sync::broadcast;

use crate::store::{Db, StoreError, Tx};

/// Events that a slow screen may lag behind before it must load its state again.
const BACKLOG: usize = 256;
/// Events replayed at most after a reconnect.
const MAX_REPLAY: i64 = 1_000;

/// What changed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Change {
    /// The kind, in the words of the API.
    pub kind: &'static str,
    /// The item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// The vote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vote: Option<String>,
    /// The Resolution.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<String>,
    /// The document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// Members who have cast a ballot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_cast: Option<i64>,
    /// Members on the roll.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_members: Option<usize>,
}

/// An event as it goes over the wire.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its number within the meeting, gap-free.
    pub seq: i64,
    /// Its kind.
    pub kind: String,
    /// Its data, JSON.
    pub body: String,
}

/// An event that was stored in an act and waits for its commit.
#[derive(Debug)]
#[must_use = "send it after the commit, or no screen hears of the act"]
pub struct Pending {
    meeting: MeetingId,
    event: Event,
}

/// The channels of meetings that are being watched.
#[derive(Clone, Debug, Default)]
pub struct Live(Arc<std::sync::Mutex<HashMap<MeetingId, broadcast::Sender<Arc<Event>>>>>);

impl Live {
    /// Stores an event with the act.
    ///
    /// # Errors
    ///
    /// * [`StoreError`].
    pub async fn store(tx: &mut Tx, meeting: MeetingId, change: &Change) -> Result<Pending, StoreError> {
        #[derive(Serialize)]
        struct Body<'a> {
            meeting: MeetingId,
            #[serde(flatten)]
            change: &'a Change,
        }
        let body = serde_json::to_string(&Body { meeting, change })
            .map_err(|err| StoreError::Corrupt(err.to_string()))?;
        let seq: i64 = sqlx::query(
            "insert into events (meeting, seq, kind, body) \
             select $1, coalesce(max(seq), 0) + 1, $2, $3 from events where meeting = $1 returning seq",
        )
        .bind(meeting.to_string())
        .bind(change.kind)
        .bind(body.clone())
        .fetch_one(tx.connection().await?)
        .await?
        .try_get("seq")?;
        Ok(Pending { meeting, event: Event { seq, kind: change.kind.to_owned(), body } })
    }

    /// Sends an event to every screen that watches its meeting.
    pub fn send(&self, pending: Pending) {
        let channels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(channel) = channels.get(&pending.meeting) {
            // Nobody listens any more: the next one who does reads it from the table.
            drop(channel.send(Arc::new(pending.event)));
        }
    }

    /// Starts to watch a meeting.
    #[must_use]
    pub fn watch(&self, meeting: MeetingId) -> broadcast::Receiver<Arc<Event>> {
        let mut channels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        channels.retain(|id, channel| *id == meeting || channel.receiver_count() > 0);
        channels.entry(meeting).or_insert_with(|| broadcast::channel(BACKLOG).0).subscribe()
    }

    /// Events of a meeting after number `after`, for a screen that was away.
    ///
    /// # Errors
    ///
    /// * [`StoreError`].
    pub async fn since(db: &Db, meeting: MeetingId, after: i64) -> Result<Vec<Event>, StoreError> {
        let rows = sqlx::query(
            "select seq, kind, body from events where meeting = $1 and seq > $2 order by seq limit $3",
        )
        .bind(meeting.to_string())
        .bind(after)
        .bind(MAX_REPLAY)
        .fetch_all(db.readers())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Event { seq: row.try_get("seq")?, kind: row.try_get("kind")?, body: row.try_get("body")? })
            })
            .collect()
    }

    /// The number of the newest event of a meeting; 0 if there is none.
    ///
    /// # Errors
    ///
    /// * [`StoreError`].
    pub async fn newest(db: &Db, meeting: MeetingId) -> Result<i64, StoreError> {
        let row = sqlx::query("select coalesce(max(seq), 0) as seq from events where meeting = $1")
            .bind(meeting.to_string())
            .fetch_one(db.readers())
            .await?;
        Ok(row.try_get("seq")?)
    }
}
