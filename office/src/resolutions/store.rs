//! Resolutions and the register of numbers in SQL.

use std::collections::BTreeMap;

use cabinet::id::{AgendaItemId, DocumentVersionId, MeetingId, PersonId, ResolutionId, VoteId};
use cabinet::resolution::{NumberAndSymbol, ResolutionState};
use cabinet::{Digest, Timestamp, canonical};
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::keys::Keys;
use crate::meetings::store::Meeting;
use crate::people::store::parse;
use crate::store::{Db, StoreError, Tx};

/// A Resolution.
#[derive(Clone, Debug)]
pub struct Resolution {
    /// Id.
    pub id: ResolutionId,
    /// Version of its row.
    pub version: i64,
    /// The vote that adopted it.
    pub vote: VoteId,
    /// The meeting.
    pub meeting: MeetingId,
    /// The item.
    pub item: AgendaItemId,
    /// State.
    pub state: ResolutionState,
    /// What it is about.
    pub title: String,
    /// Its current revision.
    pub document: DocumentVersionId,
    /// The revision that bears the authorised person's signature alone.
    pub signed_document: Option<DocumentVersionId>,
    /// Blanks on its pages.
    pub anchors: Anchors,
    /// The authorised person.
    pub signer: PersonId,
    /// When he signed.
    pub signed_at: Option<Timestamp>,
    /// Its number, once sealed.
    pub number: Option<u32>,
    /// Type and issuer.
    pub symbol: String,
    /// When it was sealed.
    pub sealed_at: Option<Timestamp>,
}

/// Size of a blank, in thousandths of a point, by name.
pub type Anchors = BTreeMap<String, BlankSize>;

/// Size of a blank, in thousandths of a point.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct BlankSize {
    /// Width.
    pub w: i64,
    /// Height.
    pub h: i64,
}

impl Resolution {
    /// The Resolution as a resource of `meeting`.
    #[must_use]
    pub fn resource(&self, meeting: &Meeting) -> policies::resource::Resolution {
        policies::resource::Resolution {
            id: self.id,
            version: self.version,
            sitting: meeting.sitting(),
            signer: self.signer,
            state: match self.state {
                ResolutionState::Draft => policies::resource::ResolutionState::Draft,
                ResolutionState::Signed => policies::resource::ResolutionState::Signed,
                ResolutionState::Sealed => policies::resource::ResolutionState::Sealed,
            },
        }
    }

    /// Its number and symbol, once sealed.
    #[must_use]
    pub fn number_text(&self) -> Option<String> {
        let number = self.number?;
        Some(NumberAndSymbol { number, symbol: self.symbol.clone() }.to_string())
    }
}

/// The Resolution of that id.
///
/// # Errors
///
/// * [`StoreError::NotFound`], [`StoreError::Unavailable`].
pub async fn load(db: &Db, keys: &Keys, id: ResolutionId) -> Result<Resolution, StoreError> {
    let row = sqlx::query(
        "select s.id, r.version, s.vote, s.meeting, s.item, s.state, s.title_sealed, s.document, s.signed_document, \
         s.anchors_sealed, s.signer, s.signed_at, s.number, s.symbol, s.sealed_at \
         from resolutions s join resources r on r.id = s.id where s.id = $1",
    )
    .bind(id.to_string())
    .fetch_one(db.readers())
    .await?;
    resolution(&row, keys)
}

/// All Resolutions, latest first.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn all(db: &Db, keys: &Keys) -> Result<Vec<Resolution>, StoreError> {
    let rows = sqlx::query(
        "select s.id, r.version, s.vote, s.meeting, s.item, s.state, s.title_sealed, s.document, s.signed_document, \
         s.anchors_sealed, s.signer, s.signed_at, s.number, s.symbol, s.sealed_at \
         from resolutions s join resources r on r.id = s.id order by s.id desc",
    )
    .fetch_all(db.readers())
    .await?;
    rows.iter().map(|row| resolution(row, keys)).collect()
}

/// The Resolution that follows from a vote, if there is one.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn of_vote(db: &Db, keys: &Keys, vote: VoteId) -> Result<Option<Resolution>, StoreError> {
    let found = sqlx::query("select id from resolutions where vote = $1").bind(vote.to_string());
    found_by(db, keys, found.fetch_optional(db.readers()).await?).await
}

/// The Resolution whose revision with the authorised person's signature has this digest, if there is one.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn of_signed_revision(
    db: &Db,
    keys: &Keys,
    digest: Digest,
) -> Result<Option<Resolution>, StoreError> {
    let found = sqlx::query(
        "select s.id from resolutions s join documents d on d.id = s.signed_document where d.digest = $1",
    )
    .bind(digest.to_string());
    found_by(db, keys, found.fetch_optional(db.readers()).await?).await
}

async fn found_by(db: &Db, keys: &Keys, row: Option<AnyRow>) -> Result<Option<Resolution>, StoreError> {
    let Some(row) = row else { return Ok(None) };
    load(db, keys, parse(&row.try_get::<String, _>("id")?)?).await.map(Some)
}

fn resolution(row: &AnyRow, keys: &Keys) -> Result<Resolution, StoreError> {
    let id: String = row.try_get("id")?;
    let text = |name: &str| row.try_get::<String, _>(name);
    let time = |name: &str| -> Result<_, sqlx::Error> {
        Ok(row.try_get::<Option<i64>, _>(name)?.map(Timestamp::from_micros))
    };
    let title =
        keys.columns().open_text("resolutions", &id, "title", &row.try_get::<Vec<u8>, _>("title_sealed")?)?;
    let anchors =
        keys.columns().open("resolutions", &id, "anchors", &row.try_get::<Vec<u8>, _>("anchors_sealed")?)?;
    Ok(Resolution {
        id: parse(&id)?,
        version: row.try_get("version")?,
        vote: parse(&text("vote")?)?,
        meeting: parse(&text("meeting")?)?,
        item: parse(&text("item")?)?,
        state: parse(&text("state")?)?,
        title,
        document: parse(&text("document")?)?,
        signed_document: row
            .try_get::<Option<String>, _>("signed_document")?
            .as_deref()
            .map(parse)
            .transpose()?,
        anchors: canonical::from_bytes(&anchors).map_err(|err| StoreError::Corrupt(err.to_string()))?,
        signer: parse(&text("signer")?)?,
        signed_at: time("signed_at")?,
        number: row
            .try_get::<Option<i64>, _>("number")?
            .map(u32::try_from)
            .transpose()
            .map_err(|err| StoreError::Corrupt(err.to_string()))?,
        symbol: text("symbol")?,
        sealed_at: time("sealed_at")?,
    })
}

/// Stores a new draft.
///
/// # Errors
///
/// * [`StoreError::Conflict`]: the vote has a Resolution already.
pub async fn insert(tx: &mut Tx, keys: &Keys, new: &Resolution) -> Result<(), StoreError> {
    let id = new.id.to_string();
    tx.new_resource(&id, "resolution").await?;
    let done = sqlx::query(
        "insert into resolutions (id, vote, meeting, item, state, title_sealed, document, anchors_sealed, signer, symbol) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict (vote) do nothing",
    )
    .bind(id.clone())
    .bind(new.vote.to_string())
    .bind(new.meeting.to_string())
    .bind(new.item.to_string())
    .bind(new.state.name())
    .bind(keys.columns().seal("resolutions", &id, "title", new.title.as_bytes())?)
    .bind(new.document.to_string())
    .bind(keys.columns().seal("resolutions", &id, "anchors", &canonical::to_bytes(&new.anchors))?)
    .bind(new.signer.to_string())
    .bind(new.symbol.clone())
    .execute(tx.connection().await?)
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Conflict) }
}

/// Records the authorised person's signature.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn set_signed(
    tx: &mut Tx,
    id: ResolutionId,
    state: ResolutionState,
    document: DocumentVersionId,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.touch(&id.to_string()).await?;
    sqlx::query("update resolutions set state = $1, document = $2, signed_document = $2, signed_at = $3 where id = $4")
        .bind(state.name())
        .bind(document.to_string())
        .bind(now.as_micros())
        .bind(id.to_string())
        .execute(tx.connection().await?)
        .await?;
    Ok(())
}

/// Records number and seal.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn set_sealed(
    tx: &mut Tx,
    id: ResolutionId,
    state: ResolutionState,
    document: DocumentVersionId,
    (year, number): (i32, u32),
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.touch(&id.to_string()).await?;
    sqlx::query(
        "update resolutions set state = $1, document = $2, year = $3, number = $4, sealed_at = $5 where id = $6",
    )
    .bind(state.name())
    .bind(document.to_string())
    .bind(i64::from(year))
    .bind(i64::from(number))
    .bind(now.as_micros())
    .bind(id.to_string())
    .execute(tx.connection().await?)
    .await?;
    Ok(())
}

/// The number that the next Resolution of a year and series would get. Nothing is taken.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn next_number(db: &Db, year: i32, series: &str) -> Result<u32, StoreError> {
    let row = sqlx::query("select last from register where year = $1 and series = $2")
        .bind(i64::from(year))
        .bind(series.to_owned())
        .fetch_optional(db.readers())
        .await?;
    let last: i64 = row.map(|row| row.try_get("last")).transpose()?.unwrap_or(0);
    u32::try_from(last.saturating_add(1)).map_err(|err| StoreError::Corrupt(err.to_string()))
}

/// Takes `number`, if it is still the next one: the register has no gap and no number twice.
///
/// # Errors
///
/// * [`StoreError::Conflict`]: another document took it meanwhile; nothing was taken.
pub async fn take_number(tx: &mut Tx, year: i32, series: &str, number: u32) -> Result<(), StoreError> {
    sqlx::query(
        "insert into register (year, series, last) values ($1, $2, 0) on conflict (year, series) do nothing",
    )
    .bind(i64::from(year))
    .bind(series.to_owned())
    .execute(tx.connection().await?)
    .await?;
    let done = sqlx::query("update register set last = $1 where year = $2 and series = $3 and last = $1 - 1")
        .bind(i64::from(number))
        .bind(i64::from(year))
        .bind(series.to_owned())
        .execute(tx.connection().await?)
        .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Conflict) }
}
