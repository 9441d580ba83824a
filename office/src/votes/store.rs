//! Votes and ballots in SQL. What was frozen, and what was cast, is sealed.

use audit::acts::BallotCast;
use cabinet::id::{AgendaItemId, BallotId, EntryId, MeetingId, PersonId, VoteId};
use cabinet::statement::{BallotStatement, VoteStatement};
use cabinet::vote::{Cast, Closed, Open, Outcome};
use cabinet::{Digest, Timestamp, canonical};
use signing::Signed;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::keys::Keys;
use crate::meetings::store::Meeting;
use crate::people::store::parse;
use crate::store::{Db, StoreError, Tx};

/// A vote.
#[derive(Clone, Debug)]
pub struct Vote {
    /// Id.
    pub id: VoteId,
    /// Version of its row.
    pub version: i64,
    /// What was frozen when it opened.
    pub frozen: VoteStatement,
    /// When it opened.
    pub opened_at: Timestamp,
    /// When the chair closed it.
    pub closed_at: Option<Timestamp>,
    /// What came of it, once closed.
    pub outcome: Option<Outcome>,
}

/// A ballot, one version.
#[derive(Clone, Debug)]
pub struct Ballot {
    /// Id.
    pub id: BallotId,
    /// The exact bytes that were signed.
    pub statement_bytes: Vec<u8>,
    /// What they say.
    pub statement: BallotStatement,
    /// CMS signature.
    pub signature: Vec<u8>,
    /// Its log entry.
    pub entry: EntryId,
    /// When it was recorded.
    pub cast_at: Timestamp,
}

impl Ballot {
    /// What the log says of it.
    #[must_use]
    pub fn fact(&self) -> BallotCast {
        BallotCast {
            ballot: self.id,
            member: self.statement.member,
            signature: Digest::of(&self.signature),
            statement: Digest::of(&self.statement_bytes),
            version: self.statement.version,
            vote: self.statement.vote,
        }
    }

    /// What counting needs of it.
    #[must_use]
    pub const fn cast(&self) -> Cast {
        Cast { choice: self.statement.choice, member: self.statement.member, version: self.statement.version }
    }
}

impl Vote {
    /// Whether it takes ballots.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.closed_at.is_none()
    }

    /// The word for its state.
    #[must_use]
    pub const fn state_name(&self) -> &'static str {
        if self.is_open() { "open" } else { "closed" }
    }

    /// The vote as one that takes ballots.
    ///
    /// # Errors
    ///
    /// * [`cabinet::Refusal::VoteClosed`].
    pub fn as_open(&self) -> Result<Open, cabinet::Refusal> {
        if self.is_open() { Ok(Open::new(self.frozen.clone())) } else { Err(cabinet::Refusal::VoteClosed) }
    }

    /// The vote as a resource of `meeting`.
    #[must_use]
    pub fn resource(&self, meeting: &Meeting) -> policies::resource::Vote {
        policies::resource::Vote {
            id: self.id,
            version: self.version,
            sitting: meeting.sitting(),
            roll: self.frozen.roll.members.iter().map(|member| member.id).collect(),
            state: match &self.outcome {
                Some(outcome) if !self.is_open() => {
                    policies::resource::VoteState::Closed { adopted: outcome.adopted }
                }
                _ => policies::resource::VoteState::Open,
            },
        }
    }
}

/// The vote of that id.
///
/// # Errors
///
/// * [`StoreError::NotFound`], [`StoreError::Unavailable`].
pub async fn load(db: &Db, keys: &Keys, id: VoteId) -> Result<Vote, StoreError> {
    let row = sqlx::query(
        "select v.id, r.version, v.statement_sealed, v.outcome_sealed, v.opened_at, v.closed_at \
         from votes v join resources r on r.id = v.id where v.id = $1",
    )
    .bind(id.to_string())
    .fetch_one(db.readers())
    .await?;
    vote(&row, keys)
}

/// The vote on an item, if there is one.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn of_item(db: &Db, keys: &Keys, item: AgendaItemId) -> Result<Option<Vote>, StoreError> {
    let row = sqlx::query(
        "select v.id, r.version, v.statement_sealed, v.outcome_sealed, v.opened_at, v.closed_at \
         from votes v join resources r on r.id = v.id where v.item = $1",
    )
    .bind(item.to_string())
    .fetch_optional(db.readers())
    .await?;
    row.map(|row| vote(&row, keys)).transpose()
}

fn vote(row: &AnyRow, keys: &Keys) -> Result<Vote, StoreError> {
    let id: String = row.try_get("id")?;
    let frozen =
        keys.columns().open("votes", &id, "statement", &row.try_get::<Vec<u8>, _>("statement_sealed")?)?;
    let outcome = row
        .try_get::<Option<Vec<u8>>, _>("outcome_sealed")?
        .map(|sealed| keys.columns().open("votes", &id, "outcome", &sealed))
        .transpose()?;
    Ok(Vote {
        id: parse(&id)?,
        version: row.try_get("version")?,
        frozen: read(&frozen)?,
        opened_at: Timestamp::from_micros(row.try_get("opened_at")?),
        closed_at: row.try_get::<Option<i64>, _>("closed_at")?.map(Timestamp::from_micros),
        outcome: outcome.map(|bytes| read(&bytes)).transpose()?,
    })
}

fn read<T: serde::de::DeserializeOwned + serde::Serialize>(bytes: &[u8]) -> Result<T, StoreError> {
    canonical::from_bytes(bytes).map_err(|err| StoreError::Corrupt(err.to_string()))
}

/// How many votes of a meeting are open.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn n_open(db: &Db, meeting: MeetingId) -> Result<usize, StoreError> {
    let row = sqlx::query("select count(*) as n from votes where meeting = $1 and state = 'open'")
        .bind(meeting.to_string())
        .fetch_one(db.readers())
        .await?;
    Ok(usize::try_from(row.try_get::<i64, _>("n")?).unwrap_or(usize::MAX))
}

/// How many versions of his ballot a member has cast.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn n_ballots_of(db: &Db, vote: VoteId, member: PersonId) -> Result<u32, StoreError> {
    let row = sqlx::query("select count(*) as n from ballots where vote = $1 and member = $2")
        .bind(vote.to_string())
        .bind(member.to_string())
        .fetch_one(db.readers())
        .await?;
    u32::try_from(row.try_get::<i64, _>("n")?).map_err(|err| StoreError::Corrupt(err.to_string()))
}

/// How many members have cast a ballot.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn n_cast(db: &Db, vote: VoteId) -> Result<i64, StoreError> {
    let row = sqlx::query("select count(distinct member) as n from ballots where vote = $1")
        .bind(vote.to_string())
        .fetch_one(db.readers())
        .await?;
    Ok(row.try_get("n")?)
}

/// How many members have cast a ballot, as the writer sees it.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn n_cast_in(tx: &mut Tx, vote: VoteId) -> Result<i64, StoreError> {
    let row = sqlx::query("select count(distinct member) as n from ballots where vote = $1")
        .bind(vote.to_string())
        .fetch_one(tx.connection().await?)
        .await?;
    Ok(row.try_get("n")?)
}

/// All ballots of a member, every version.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn ballots_of(
    db: &Db,
    keys: &Keys,
    vote: VoteId,
    member: PersonId,
) -> Result<Vec<Ballot>, StoreError> {
    let rows = sqlx::query(
        "select id, statement_sealed, signature_sealed, entry, cast_at from ballots \
         where vote = $1 and member = $2 order by version",
    )
    .bind(vote.to_string())
    .bind(member.to_string())
    .fetch_all(db.readers())
    .await?;
    rows.iter().map(|row| ballot(row, keys)).collect()
}

/// The last ballot of a member.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn last_ballot_of(
    db: &Db,
    keys: &Keys,
    vote: VoteId,
    member: PersonId,
) -> Result<Option<Ballot>, StoreError> {
    let row = sqlx::query(
        "select id, statement_sealed, signature_sealed, entry, cast_at from ballots \
         where vote = $1 and member = $2 order by version desc limit 1",
    )
    .bind(vote.to_string())
    .bind(member.to_string())
    .fetch_optional(db.readers())
    .await?;
    row.map(|row| ballot(&row, keys)).transpose()
}

/// All ballots of a vote, every version, as the writer sees them: none can slip in between reading and closing.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn ballots_for_closing(tx: &mut Tx, keys: &Keys, vote: VoteId) -> Result<Vec<Ballot>, StoreError> {
    let rows = sqlx::query(
        "select id, statement_sealed, signature_sealed, entry, cast_at from ballots where vote = $1 \
         order by member, version",
    )
    .bind(vote.to_string())
    .fetch_all(tx.connection().await?)
    .await?;
    rows.iter().map(|row| ballot(row, keys)).collect()
}

/// All ballots of a closed vote, every version.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn ballots(db: &Db, keys: &Keys, vote: VoteId) -> Result<Vec<Ballot>, StoreError> {
    let rows = sqlx::query(
        "select id, statement_sealed, signature_sealed, entry, cast_at from ballots where vote = $1 \
         order by member, version",
    )
    .bind(vote.to_string())
    .fetch_all(db.readers())
    .await?;
    rows.iter().map(|row| ballot(row, keys)).collect()
}

fn ballot(row: &AnyRow, keys: &Keys) -> Result<Ballot, StoreError> {
    let id: String = row.try_get("id")?;
    let bytes = |column: &str, name: &str| -> Result<Vec<u8>, StoreError> {
        Ok(keys.columns().open("ballots", &id, name, &row.try_get::<Vec<u8>, _>(column)?)?.to_vec())
    };
    let statement_bytes = bytes("statement_sealed", "statement")?;
    Ok(Ballot {
        statement: read(&statement_bytes)?,
        statement_bytes,
        signature: bytes("signature_sealed", "signature")?,
        entry: parse(&row.try_get::<String, _>("entry")?)?,
        cast_at: Timestamp::from_micros(row.try_get("cast_at")?),
        id: parse(&id)?,
    })
}

/// Stores an opened vote.
///
/// # Errors
///
/// * [`StoreError::Unavailable`]: also when the item has a vote already.
pub async fn insert(
    tx: &mut Tx,
    keys: &Keys,
    frozen: &VoteStatement,
    now: Timestamp,
) -> Result<(), StoreError> {
    let id = frozen.vote.to_string();
    tx.new_resource(&id, "vote").await?;
    sqlx::query(
        "insert into votes (id, meeting, item, state, statement_sealed, opened_at) \
         values ($1, $2, $3, 'open', $4, $5)",
    )
    .bind(id.clone())
    .bind(frozen.meeting.to_string())
    .bind(frozen.item.to_string())
    .bind(keys.columns().seal("votes", &id, "statement", &frozen.encode())?)
    .bind(now.as_micros())
    .execute(tx.connection().await?)
    .await?;
    Ok(())
}

/// Stores a ballot whose signature was verified. A second ballot with the same version is a conflict: of two
/// that raced, one is asked to look again.
///
/// # Errors
///
/// * [`StoreError::Conflict`], [`StoreError::Unavailable`].
pub async fn insert_ballot(
    tx: &mut Tx,
    keys: &Keys,
    id: BallotId,
    signed: &Signed<BallotStatement>,
    entry: EntryId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let statement = signed.statement();
    let row = id.to_string();
    let done = sqlx::query(
        "insert into ballots (id, vote, member, version, statement_sealed, signature_sealed, entry, cast_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (vote, member, version) do nothing",
    )
    .bind(row.clone())
    .bind(statement.vote.to_string())
    .bind(statement.member.to_string())
    .bind(i64::from(statement.version))
    .bind(keys.columns().seal("ballots", &row, "statement", &statement.encode())?)
    .bind(keys.columns().seal("ballots", &row, "signature", signed.cms())?)
    .bind(entry.to_string())
    .bind(now.as_micros())
    .execute(tx.connection().await?)
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Conflict) }
}

/// Closes a vote with its outcome. Its version rises, so that no permit of the open vote holds any more.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn close(
    tx: &mut Tx,
    keys: &Keys,
    vote: VoteId,
    outcome: &Outcome,
    now: Timestamp,
) -> Result<(), StoreError> {
    let id = vote.to_string();
    tx.touch(&id).await?;
    sqlx::query("update votes set state = 'closed', outcome_sealed = $1, closed_at = $2 where id = $3")
        .bind(keys.columns().seal("votes", &id, "outcome", &canonical::to_bytes(outcome))?)
        .bind(now.as_micros())
        .bind(id)
        .execute(tx.connection().await?)
        .await?;
    Ok(())
}

/// Counts the ballots of a vote that is being closed.
#[must_use]
pub fn count(frozen: VoteStatement, ballots: &[Ballot]) -> Outcome {
    Closed::new(frozen).outcome(ballots.iter().map(Ballot::cast))
}
