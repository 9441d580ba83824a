//! Passkeys in SQL: names, public keys, salts and wraps sealed; ids, counters, flags and times not.

use audit::Act;
use cabinet::id::PersonId;
use cabinet::{Digest, Timestamp};
use serde_json::json;
use sqlx::Row as _;
use uuid::Uuid;
use webauthn_rs::prelude::{AuthenticationResult, Passkey};

use super::ceremonies::{backup_flags, counter};
use crate::entries::Draft;
use crate::keys::Keys;
use crate::people::store::parse;
use crate::store::{Db, StoreError, SystemAct, Tx};

/// Passkeys of one person at most.
pub const MAX_PASSKEYS: i64 = 8;
/// Length of the salt that a passkey's PRF is asked with, in bytes.
pub const SALT_BYTES: usize = 32;

const TABLE: &str = "passkeys";
const WRAPS: &str = "pin_wraps";
const CONFIRMATIONS: &str = "confirmations";

/// A passkey on file.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Id.
    pub id: String,
    /// Whose.
    pub person: PersonId,
    /// How he calls it.
    pub name: String,
    /// Public key, counter and flags.
    pub credential: Passkey,
    /// What its PRF is asked with.
    pub salt: Vec<u8>,
    /// Whether it is on more than one device.
    pub is_synced: bool,
    /// How often it says that it was used.
    pub counter: i64,
    /// When it was added.
    pub added_at: Timestamp,
    /// When it was last used.
    pub used_at: Option<Timestamp>,
    /// The long PIN, wrapped in the browser.
    pub wrap: Option<Vec<u8>>,
}

/// All passkeys of a person, the oldest first.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn of(db: &Db, keys: &Keys, person: PersonId) -> Result<Vec<Kept>, StoreError> {
    let rows = sqlx::query(
        "select k.id, k.person, k.name_sealed, k.credential_sealed, k.salt_sealed, k.backup_state, k.counter, \
         k.added_at, k.used_at, w.wrap_sealed \
         from passkeys k left join pin_wraps w on w.passkey = k.id \
         where k.person = $1 order by k.added_at, k.id",
    )
    .bind(person.to_string())
    .fetch_all(db.readers())
    .await?;
    rows.iter().map(|row| kept(row, keys)).collect()
}

/// The passkey with that credential id.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn by_credential(db: &Db, keys: &Keys, credential: &[u8]) -> Result<Option<Kept>, StoreError> {
    let row = sqlx::query(
        "select k.id, k.person, k.name_sealed, k.credential_sealed, k.salt_sealed, k.backup_state, k.counter, \
         k.added_at, k.used_at, w.wrap_sealed \
         from passkeys k left join pin_wraps w on w.passkey = k.id \
         where k.credential_digest = $1",
    )
    .bind(Digest::of(credential).to_string())
    .fetch_optional(db.readers())
    .await?;
    row.map(|row| kept(&row, keys)).transpose()
}

fn kept(row: &sqlx::any::AnyRow, keys: &Keys) -> Result<Kept, StoreError> {
    let id: String = row.try_get("id")?;
    let open = |table: &str, column: &str| -> Result<Option<Vec<u8>>, StoreError> {
        let sealed: Option<Vec<u8>> = row.try_get(format!("{column}_sealed").as_str())?;
        let opened = sealed.map(|sealed| keys.columns().open(table, &id, column, &sealed)).transpose()?;
        Ok(opened.map(|opened| opened.to_vec()))
    };
    let must = |column: &str| open(TABLE, column)?.ok_or_else(|| StoreError::Corrupt(column.to_owned()));
    let corrupt = |err: &dyn std::fmt::Display| StoreError::Corrupt(format!("passkey {id}: {err}"));
    Ok(Kept {
        person: parse(&row.try_get::<String, _>("person")?)?,
        name: String::from_utf8(must("name")?).map_err(|err| corrupt(&err))?,
        credential: serde_json::from_slice(&must("credential")?).map_err(|err| corrupt(&err))?,
        salt: must("salt")?,
        is_synced: row.try_get::<i64, _>("backup_state")? != 0,
        counter: row.try_get("counter")?,
        added_at: Timestamp::from_micros(row.try_get("added_at")?),
        used_at: row.try_get::<Option<i64>, _>("used_at")?.map(Timestamp::from_micros),
        wrap: open(WRAPS, "wrap")?,
        id,
    })
}

/// A passkey that its ceremony accepted.
#[derive(Debug)]
pub struct NewPasskey {
    /// How its owner calls it.
    pub name: String,
    /// Public key, counter and flags.
    pub credential: Passkey,
    /// What its PRF will be asked with.
    pub salt: [u8; SALT_BYTES],
}

/// Files a passkey and gives its id.
///
/// # Errors
///
/// * [`StoreError::Conflict`]: somebody has this credential already, or this person has too many.
pub async fn insert(
    tx: &mut Tx,
    keys: &Keys,
    person: PersonId,
    new: &NewPasskey,
    now: Timestamp,
) -> Result<String, StoreError> {
    let n: i64 = sqlx::query("select count(*) as n from passkeys where person = $1")
        .bind(person.to_string())
        .fetch_one(tx.connection().await?)
        .await?
        .try_get("n")?;
    if n >= MAX_PASSKEYS {
        return Err(StoreError::Conflict);
    }
    let id = Uuid::now_v7().to_string();
    let (eligible, state) = backup_flags(&new.credential);
    let seal = |column: &str, value: &[u8]| keys.columns().seal(TABLE, &id, column, value);
    let done = sqlx::query(
        "insert into passkeys (id, person, credential_digest, name_sealed, credential_sealed, salt_sealed, \
         backup_eligible, backup_state, counter, added_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
         on conflict (credential_digest) do nothing",
    )
    .bind(id.clone())
    .bind(person.to_string())
    .bind(Digest::of(new.credential.cred_id()).to_string())
    .bind(seal("name", new.name.as_bytes())?)
    .bind(seal("credential", &json_of(&new.credential)?)?)
    .bind(seal("salt", &new.salt)?)
    .bind(i64::from(eligible))
    .bind(i64::from(state))
    .bind(i64::from(counter(&new.credential)))
    .bind(now.as_micros())
    .execute(tx.connection().await?)
    .await?;
    if done.rows_affected() == 1 { Ok(id) } else { Err(StoreError::Conflict) }
}

/// Gives a person's passkey another name.
///
/// # Errors
///
/// * [`StoreError::NotFound`]: he has no such passkey.
pub async fn rename(
    tx: &mut Tx,
    keys: &Keys,
    person: PersonId,
    id: &str,
    name: &str,
) -> Result<(), StoreError> {
    let done = sqlx::query("update passkeys set name_sealed = $1 where id = $2 and person = $3")
        .bind(keys.columns().seal(TABLE, id, "name", name.as_bytes())?)
        .bind(id.to_owned())
        .bind(person.to_string())
        .execute(tx.connection().await?)
        .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::NotFound) }
}

/// Removes a person's passkey, with what it wrapped. Whoever calls has made sure that it is not the last that unlocks.
///
/// # Errors
///
/// * [`StoreError::NotFound`]: he has no such passkey.
pub async fn remove(tx: &mut Tx, person: PersonId, id: &str) -> Result<(), StoreError> {
    for sql in [
        "delete from pin_wraps where passkey = $1 and person = $2",
        "delete from passkeys where id = $1 and person = $2",
    ] {
        let done = sqlx::query(sql)
            .bind(id.to_owned())
            .bind(person.to_string())
            .execute(tx.connection().await?)
            .await?;
        if sql.starts_with("delete from passkeys") && done.rows_affected() != 1 {
            return Err(StoreError::NotFound);
        }
    }
    Ok(())
}

/// Writes down that a passkey was used: its counter only rises, also under two answers at once.
///
/// # Errors
///
/// * [`StoreError::Conflict`]: it was used meanwhile, or is gone: refuse.
pub async fn used(
    tx: &mut Tx,
    keys: &Keys,
    kept: &Kept,
    result: &AuthenticationResult,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut credential = kept.credential.clone();
    credential.update_credential(result);
    let done = sqlx::query(
        "update passkeys set credential_sealed = $1, backup_eligible = $2, backup_state = $3, counter = $4, \
         used_at = $5 where id = $6 and counter = $7",
    )
    .bind(keys.columns().seal(TABLE, &kept.id, "credential", &json_of(&credential)?)?)
    .bind(i64::from(result.backup_eligible()))
    .bind(i64::from(result.backup_state()))
    .bind(i64::from(result.counter()))
    .bind(now.as_micros())
    .bind(kept.id.clone())
    .bind(kept.counter)
    .execute(tx.connection().await?)
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Conflict) }
}

/// As [`used`], by itself: before a session begins.
///
/// # Errors
///
/// As [`used`].
pub async fn note_use(
    db: &Db,
    keys: &Keys,
    kept: &Kept,
    result: &AuthenticationResult,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut tx = db.begin_system(SystemAct("use a passkey")).await?;
    used(&mut tx, keys, kept, result, now).await?;
    tx.commit_unlogged(SystemAct("use a passkey")).await
}

/// Logs that a passkey's answer was refused.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn refused(
    db: &Db,
    person: PersonId,
    step: &'static str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let tx = db.begin_system(SystemAct("refuse a passkey")).await?;
    let body = [("step", step.to_owned())];
    tx.commit(now, Draft::act(Act::PasskeyRefused, Some(person), body)).await?;
    Ok(())
}

/// Keeps what a person confirmed before his key signs, with the public key that verifies it.
///
/// # Errors
///
/// * [`StoreError::Conflict`]: the passkey was used meanwhile, or is gone.
pub async fn keep_confirmation(
    db: &Db,
    keys: &Keys,
    kept: &Kept,
    (answer, result): (&serde_json::Value, &AuthenticationResult),
    digest: &Digest,
    now: Timestamp,
) -> Result<(), StoreError> {
    let id = Uuid::now_v7().to_string();
    let assertion = json_of(&json!({"answer": answer, "key": kept.credential.get_public_key()}))?;
    let mut tx = db.begin_system(SystemAct("confirm a signature")).await?;
    used(&mut tx, keys, kept, result, now).await?;
    sqlx::query(
        "insert into confirmations (id, person, passkey, digest, assertion_sealed, at) \
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(id.clone())
    .bind(kept.person.to_string())
    .bind(kept.id.clone())
    .bind(digest.to_string())
    .bind(keys.columns().seal(CONFIRMATIONS, &id, "assertion", &assertion)?)
    .bind(now.as_micros())
    .execute(tx.connection().await?)
    .await?;
    let body = [
        ("assertion", Digest::of(&assertion).to_string()),
        ("confirmation", id),
        ("passkey", kept.id.clone()),
        ("statement", digest.to_string()),
    ];
    tx.commit(now, Draft::act(Act::SigningConfirmed, Some(kept.person), body)).await?;
    Ok(())
}

fn json_of<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|err| StoreError::Corrupt(err.to_string()))
}

/// Seals what a browser wrapped, for the row of its passkey.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn put_wrap(
    tx: &mut Tx,
    keys: &Keys,
    kept: &Kept,
    wrap: &[u8],
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into pin_wraps (passkey, person, wrap_sealed, at) values ($1, $2, $3, $4) \
         on conflict (passkey) do update set wrap_sealed = excluded.wrap_sealed, at = excluded.at",
    )
    .bind(kept.id.clone())
    .bind(kept.person.to_string())
    .bind(keys.columns().seal(WRAPS, &kept.id, "wrap", wrap)?)
    .bind(now.as_micros())
    .execute(tx.connection().await?)
    .await?;
    Ok(())
}

/// Drops all wraps of a person: his PIN is one that he knows.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn drop_wraps(tx: &mut Tx, person: PersonId) -> Result<(), StoreError> {
    sqlx::query("delete from pin_wraps where person = $1")
        .bind(person.to_string())
        .execute(tx.connection().await?)
        .await?;
    Ok(())
}

/// How many of a person's passkeys hold his PIN.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn n_wraps(tx: &mut Tx, person: PersonId, but: &str) -> Result<i64, StoreError> {
    let row = sqlx::query("select count(*) as n from pin_wraps where person = $1 and passkey <> $2")
        .bind(person.to_string())
        .bind(but.to_owned())
        .fetch_one(tx.connection().await?)
        .await?;
    Ok(row.try_get("n")?)
}
