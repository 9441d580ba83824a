//! Signing intentions: what is about to be signed is on disk before the token is asked.
//!
//! An intention ends with the act that records the signature, or with an entry that says it came to nothing.
//! One that is still open at start-up was cut off by a crash: no signature of it was kept.

use audit::Act;
use cabinet::id::PersonId;
use cabinet::{Digest, Timestamp};
use hsm::{Next, RawSignature};
use policies::Permit;
use signing::pades::Prepared;
use sqlx::Row as _;
use uuid::Uuid;

use crate::app::App;
use crate::entries::Draft;
use crate::error::Problem;
use crate::keys::{CertifiedKey, DocumentKey, KeysError, ToBeSigned, standing};
use crate::people::store::parse;
use crate::store::{Db, StoreError, SystemAct, Tx};

/// An intention that is on disk and not yet ended.
#[derive(Clone, Debug)]
#[must_use = "end it with the act, or with `came_to_nothing`"]
pub struct Intention {
    id: String,
    actor: PersonId,
}

impl Intention {
    /// Writes an intention down within `tx`, which commits it.
    ///
    /// # Errors
    ///
    /// * [`StoreError`]: nothing may be signed.
    pub async fn declare(
        mut tx: Tx,
        act: Act,
        subject: String,
        actor: PersonId,
        digest: Digest,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let id = Uuid::now_v7().to_string();
        sqlx::query(
            "insert into intentions (id, act, subject, actor, digest, at) values ($1, $2, $3, $4, $5, $6)",
        )
        .bind(id.clone())
        .bind(act.name())
        .bind(subject.clone())
        .bind(actor.to_string())
        .bind(digest.to_string())
        .bind(now.as_micros())
        .execute(tx.connection().await?)
        .await?;
        let body = [("intention", id.clone()), ("subject", subject), ("statement", digest.to_string())];
        tx.commit(now, Draft::act(act, Some(actor), body)).await?;
        Ok(Self { id, actor })
    }

    /// Ends it with the act that `tx` records.
    ///
    /// # Errors
    ///
    /// * [`StoreError::Conflict`]: it has ended already.
    pub async fn end(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let done = sqlx::query("delete from intentions where id = $1")
            .bind(self.id.clone())
            .execute(tx.connection().await?)
            .await?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Conflict) }
    }

    /// Ends it because nothing was signed, or what was signed was not recorded.
    pub async fn came_to_nothing(self, db: &Db, now: Timestamp) {
        self.refused(db, "not-signed", now).await;
    }

    /// The same, with a word for the reason.
    pub async fn refused(self, db: &Db, why: &str, now: Timestamp) {
        // If even this fails, start-up closes it.
        if let Err(err) = close(db, &self.id, self.actor, why, now).await {
            tracing::warn!(%err, intention = %self.id, "intention stays open until the next start");
        }
    }
}

/// What a token signed, and the intention under which it did.
#[derive(Debug)]
pub struct SignedIntention<P> {
    /// What was prepared for the signer's certificate.
    pub prepared: Prepared<P>,
    /// The signature.
    pub raw: RawSignature,
    /// To be ended by the act that records it.
    pub intention: Intention,
}

/// What is to be signed, by whom, under which act.
#[derive(Debug)]
pub struct ToDeclare<'a, A> {
    /// The permission.
    pub permit: &'a Permit<A>,
    /// The key.
    pub key: &'a DocumentKey,
    /// The act that announces the signature.
    pub act: Act,
    /// What it is about.
    pub subject: String,
    /// Whose act it is.
    pub actor: PersonId,
    /// The signing time.
    pub now: Timestamp,
}

/// Declares and signs with the key's tokens in turn.
///
/// For each, `prepare` names its certificate inside what is signed, and the intention and the use of the key are on
/// disk before the token is asked. The next token is asked only when the one before has surely signed nothing.
///
/// # Errors
///
/// What `prepare` says; 409 where the key is suspended, destroyed or has reached its quota; 503 where no token signs.
pub async fn sign_in_turn<A, P, F: Future<Output = Result<Prepared<P>, Problem>>>(
    app: &App,
    what: ToDeclare<'_, A>,
    prepare: impl Fn(CertifiedKey) -> F,
) -> Result<SignedIntention<P>, Problem> {
    let mut last = Problem::from(KeysError::NoKey);
    for turn in what.key.in_turn() {
        let prepared = prepare(turn.key().clone()).await?;
        let mut tx = app.begin(what.permit).await?;
        standing::take_use(&mut tx, turn.key(), what.now).await?;
        let digest = prepared.digest();
        let intention =
            Intention::declare(tx, what.act, what.subject.clone(), what.actor, digest, what.now).await?;
        match app.keys.sign_with(what.key, &turn, ToBeSigned::from(&prepared)).await {
            Ok(raw) => return Ok(SignedIntention { prepared, raw, intention }),
            Err((err, next)) => {
                tracing::error!(%err, key = turn.key().label(), "a token did not sign");
                intention.came_to_nothing(&app.db, app.now()).await;
                last = err.into();
                if next == Next::Nobody {
                    break;
                }
            }
        }
    }
    Err(last)
}

async fn close(db: &Db, id: &str, actor: PersonId, why: &str, now: Timestamp) -> Result<(), StoreError> {
    let mut tx = db.begin_system(SystemAct("close an intention")).await?;
    sqlx::query("delete from intentions where id = $1")
        .bind(id.to_owned())
        .execute(tx.connection().await?)
        .await?;
    let body = [("intention", id.to_owned()), ("why", why.to_owned())];
    tx.commit(now, Draft::act(Act::IntentionClosed, Some(actor), body)).await?;
    Ok(())
}

/// Closes what a crash cut off. Runs before anybody is served.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn close_cut_off(db: &Db, now: Timestamp) -> Result<usize, StoreError> {
    let rows = sqlx::query("select id, actor from intentions order by at").fetch_all(db.readers()).await?;
    for row in &rows {
        let (id, actor): (String, String) = (row.try_get("id")?, row.try_get("actor")?);
        close(db, &id, parse(&actor)?, "cut-off", now).await?;
    }
    Ok(rows.len())
}
