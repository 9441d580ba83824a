//! Sign-in sessions: reference tokens, kept as hashes, checked against the person's epoch at every request.

use audit::Act;
use cabinet::id::PersonId;
use cabinet::{Digest, Timestamp};
use sqlx::Row as _;
use uuid::Uuid;

use super::store::parse;
use crate::entries::Draft;
use crate::store::{Db, StoreError, SystemAct};

/// How long a session may stay unused, in seconds.
///
/// Source: `docs/sources.md`, entry `session-times`.
pub const IDLE_LIMIT_S: i64 = 15 * 60;
/// How long a session lasts at most, in seconds.
pub const TOTAL_LIMIT_S: i64 = 12 * 3_600;
/// How long the second step of sign-in may take, in seconds.
pub const SECOND_STEP_LIMIT_S: i64 = 5 * 60;
/// A session's last use is written down at most this often, in seconds.
const SEEN_STEP_S: i64 = 60;

/// How far a sign-in has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stage {
    /// The password was right; a second factor is awaited.
    Password,
    /// Signed in.
    Full,
}

/// A session that is in force.
#[derive(Clone, Debug)]
pub struct Session {
    /// Id, for bookkeeping; the token is known to the browser alone.
    pub id: String,
    /// Who.
    pub person: PersonId,
    /// How far.
    pub stage: Stage,
    /// Factors used: `password`, `totp`, `card`.
    pub factors: Vec<String>,
    /// The person's epoch when it began.
    pub epoch: u64,
    /// When.
    pub created_at: Timestamp,
    /// Last written use.
    pub seen_at: Timestamp,
    /// End, whatever happens.
    pub expires_at: Timestamp,
}

/// A session to begin.
#[derive(Clone, Copy, Debug)]
pub struct NewSession<'a> {
    /// What the browser will hold; only its hash is kept.
    pub token: &'a [u8],
    /// Who.
    pub person: PersonId,
    /// His epoch, as read with his credentials.
    pub epoch: i64,
    /// Factors used.
    pub factors: &'a [&'a str],
    /// How far the sign-in has come.
    pub stage: Stage,
    /// The step of the one-time code that was used: it must be later than the last one used.
    pub used_step: Option<i64>,
}

/// Begins a session; a full one is logged.
///
/// # Errors
///
/// * [`StoreError::Conflict`]: the code was used already; nothing began.
/// * [`StoreError::Unavailable`].
pub async fn begin(db: &Db, new: NewSession<'_>, now: Timestamp) -> Result<(), StoreError> {
    let NewSession { token, person, epoch, factors, stage, used_step } = new;
    let lifetime_s = match stage {
        Stage::Password => SECOND_STEP_LIMIT_S,
        Stage::Full => TOTAL_LIMIT_S,
    };
    let id = Uuid::now_v7().to_string();
    let mut tx = db.begin_system(SystemAct("begin a session")).await?;
    if let Some(step) = used_step {
        // Decided inside the transaction, so that one code works once, also in parallel.
        let used = sqlx::query("update people set totp_last_step = $1 where id = $2 and totp_last_step < $1")
            .bind(step)
            .bind(person.to_string())
            .execute(tx.connection().await?)
            .await?;
        if used.rows_affected() != 1 {
            return Err(StoreError::Conflict);
        }
    }
    sqlx::query(
        "insert into sessions (id, token_hash, person, stage, factors, epoch, created_at, seen_at, expires_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $7, $8)",
    )
    .bind(id.clone())
    .bind(hash(token))
    .bind(person.to_string())
    .bind(match stage {
        Stage::Password => "password",
        Stage::Full => "full",
    })
    .bind(factors.join(" "))
    .bind(epoch)
    .bind(now.as_micros())
    .bind(now.plus_seconds(lifetime_s).as_micros())
    .execute(tx.connection().await?)
    .await?;
    if stage == Stage::Password {
        return tx.commit_unlogged(SystemAct("begin a session")).await;
    }
    let factors = factors.join(" ");
    tx.commit(now, Draft::act(Act::SessionOpened, Some(person), [("session", id), ("factors", factors)]))
        .await?;
    Ok(())
}

/// The session of `token`, if it is in force: known, not expired, not idle too long, of the person's present epoch.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn find(db: &Db, token: &[u8], now: Timestamp) -> Result<Option<Session>, StoreError> {
    let row = sqlx::query(
        "select s.id, s.person, s.stage, s.factors, s.epoch, s.created_at, s.seen_at, s.expires_at \
         from sessions s join people p on p.id = s.person and p.epoch = s.epoch where s.token_hash = $1",
    )
    .bind(hash(token))
    .fetch_optional(db.readers())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let time = |name| row.try_get::<i64, _>(name).map(Timestamp::from_micros);
    let session = Session {
        id: row.try_get("id")?,
        person: parse(&row.try_get::<String, _>("person")?)?,
        stage: if row.try_get::<String, _>("stage")? == "full" { Stage::Full } else { Stage::Password },
        factors: row.try_get::<String, _>("factors")?.split_whitespace().map(str::to_owned).collect(),
        epoch: u64::try_from(row.try_get::<i64, _>("epoch")?)
            .map_err(|err| StoreError::Corrupt(err.to_string()))?,
        created_at: time("created_at")?,
        seen_at: time("seen_at")?,
        expires_at: time("expires_at")?,
    };
    let in_force = now < session.expires_at && now < session.seen_at.plus_seconds(IDLE_LIMIT_S + SEEN_STEP_S);
    Ok(in_force.then_some(session))
}

/// Writes down that a session was used, if that was long enough ago.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn seen(db: &Db, session: &Session, now: Timestamp) -> Result<(), StoreError> {
    if now < session.seen_at.plus_seconds(SEEN_STEP_S) {
        return Ok(());
    }
    let mut tx = db.begin_system(SystemAct("session seen")).await?;
    sqlx::query("update sessions set seen_at = $1 where id = $2")
        .bind(now.as_micros())
        .bind(session.id.clone())
        .execute(tx.connection().await?)
        .await?;
    tx.commit_unlogged(SystemAct("session seen")).await
}

/// Ends a session now.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn end(db: &Db, session: &Session, now: Timestamp) -> Result<(), StoreError> {
    let mut tx = db.begin_system(SystemAct("end a session")).await?;
    sqlx::query("delete from sessions where id = $1")
        .bind(session.id.clone())
        .execute(tx.connection().await?)
        .await?;
    if session.stage == Stage::Password {
        return tx.commit_unlogged(SystemAct("end a session")).await;
    }
    let (person, id) = (session.person, session.id.clone());
    tx.commit(now, Draft::act(Act::SessionClosed, Some(person), [("session", id)])).await?;
    Ok(())
}

/// Logs a sign-in that was refused. The account is named only if there is one.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn refused(
    db: &Db,
    person: Option<PersonId>,
    step: &'static str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let tx = db.begin_system(SystemAct("refuse a sign-in")).await?;
    tx.commit(now, Draft::act(Act::SessionRefused, person, [("step", step.to_owned())])).await?;
    Ok(())
}

fn hash(token: &[u8]) -> Vec<u8> {
    Digest::of(token).as_bytes().to_vec()
}

/// Whether a session that was found earlier is still there: not ended, not expired, its person's epoch unchanged.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn is_in_force(db: &Db, session: &Session, now: Timestamp) -> Result<bool, StoreError> {
    if session.expires_at <= now {
        return Ok(false);
    }
    let row = sqlx::query(
        "select s.id from sessions s join people p on p.id = s.person and p.epoch = s.epoch where s.id = $1",
    )
    .bind(session.id.clone())
    .fetch_optional(db.readers())
    .await?;
    Ok(row.is_some())
}
