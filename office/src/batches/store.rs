//! Batches in the database.

use cabinet::id::BatchId;
use cabinet::{Digest, Timestamp};
use sqlx::Row as _;

use super::{Batch, BatchDocument, DocumentState};
use crate::keys::Keys;
use crate::people::store::parse;
use crate::store::{Db, StoreError, Tx};

const TABLE: &str = "batch_documents";

/// Writes a new batch down.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn insert(tx: &mut Tx, keys: &Keys, batch: &Batch) -> Result<(), StoreError> {
    sqlx::query(
        "insert into batches (id, person, key_label, level, authorised_at, expires_at) \
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(batch.id.to_string())
    .bind(batch.person.to_string())
    .bind(batch.key.clone())
    .bind(batch.level.name())
    .bind(batch.authorised_at.as_micros())
    .bind(batch.expires_at.as_micros())
    .execute(tx.connection().await?)
    .await?;
    for document in &batch.documents {
        let name =
            keys.columns().seal(TABLE, &row(batch.id, document.number), "name", document.name.as_bytes())?;
        sqlx::query(
            "insert into batch_documents (batch, number, name_sealed, digest, state) values ($1, $2, $3, $4, $5)",
        )
        .bind(batch.id.to_string())
        .bind(i64::from(document.number))
        .bind(name)
        .bind(document.digest.to_string())
        .bind(document.state.name())
        .execute(tx.connection().await?)
        .await?;
    }
    Ok(())
}

/// Reads a batch.
///
/// # Errors
///
/// * [`StoreError::NotFound`], [`StoreError`].
pub async fn load(db: &Db, keys: &Keys, id: BatchId) -> Result<Batch, StoreError> {
    let found =
        sqlx::query("select person, key_label, level, authorised_at, expires_at from batches where id = $1")
            .bind(id.to_string())
            .fetch_optional(db.readers())
            .await?
            .ok_or(StoreError::NotFound)?;
    let rows = sqlx::query(
        "select number, name_sealed, digest, state, why, signed_digest from batch_documents \
         where batch = $1 order by number",
    )
    .bind(id.to_string())
    .fetch_all(db.readers())
    .await?;
    let documents = rows
        .iter()
        .map(|found| {
            let number: i64 = found.try_get("number")?;
            let number = u32::try_from(number).map_err(|err| StoreError::Corrupt(err.to_string()))?;
            let sealed: Vec<u8> = found.try_get("name_sealed")?;
            let name = keys.columns().open(TABLE, &row(id, number), "name", &sealed)?;
            let signed: Option<String> = found.try_get("signed_digest")?;
            Ok(BatchDocument {
                number,
                name: String::from_utf8_lossy(&name).into_owned(),
                digest: parse(&found.try_get::<String, _>("digest")?)?,
                state: parse(&found.try_get::<String, _>("state")?)?,
                why: found.try_get("why")?,
                signed_digest: signed.as_deref().map(parse).transpose()?,
            })
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    Ok(Batch {
        id,
        person: parse(&found.try_get::<String, _>("person")?)?,
        key: found.try_get("key_label")?,
        level: parse(&found.try_get::<String, _>("level")?)?,
        authorised_at: Timestamp::from_micros(found.try_get("authorised_at")?),
        expires_at: Timestamp::from_micros(found.try_get("expires_at")?),
        documents,
    })
}

/// Settles what became of a document that is still authorised.
///
/// # Errors
///
/// * [`StoreError::Conflict`]: it was settled before; nothing is signed twice under one authorisation.
pub async fn settle(
    tx: &mut Tx,
    batch: BatchId,
    number: u32,
    state: DocumentState,
    why: Option<&str>,
    signed: Option<Digest>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let done = sqlx::query(
        "update batch_documents set state = $1, why = $2, signed_digest = $3, done_at = $4 \
         where batch = $5 and number = $6 and state = 'authorised'",
    )
    .bind(state.name())
    .bind(why.map(ToOwned::to_owned))
    .bind(signed.map(|digest| digest.to_string()))
    .bind(now.as_micros())
    .bind(batch.to_string())
    .bind(i64::from(number))
    .execute(tx.connection().await?)
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Conflict) }
}

/// Takes the authorisation of all that is left back; says how many that were.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn withdraw(tx: &mut Tx, batch: BatchId, now: Timestamp) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "update batch_documents set state = 'withdrawn', done_at = $1 where batch = $2 and state = 'authorised'",
    )
    .bind(now.as_micros())
    .bind(batch.to_string())
    .execute(tx.connection().await?)
    .await?;
    Ok(done.rows_affected())
}

fn row(batch: BatchId, number: u32) -> String {
    format!("{batch}:{number}")
}
