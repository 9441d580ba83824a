//! Counting wrong PINs per person: one try at a time, each counted before the next.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use audit::Act;
use cabinet::id::PersonId;
use hsm::TokenError;
use sqlx::Row as _;
use tokio::sync::Mutex;

use super::KeysError;
use crate::clock::Clock;
use crate::entries::Draft;
use crate::store::{Db, StoreError, SystemAct};

/// After so many wrong PINs in a row, signing is locked for the person until an officer unlocks it.
///
/// Source: `docs/sources.md`, entry `lockout`.
pub const MAX_WRONG_PINS: u32 = 5;

/// One lock per person, so that tries cannot overtake the count.
#[derive(Debug, Default)]
pub(super) struct Pins(std::sync::Mutex<HashMap<PersonId, Arc<Mutex<()>>>>);

impl Pins {
    fn of(&self, person: PersonId) -> Arc<Mutex<()>> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(locks.entry(person).or_default())
    }

    /// Runs `attempt` unless the person is locked, and counts a wrong PIN before anybody may try again.
    pub(super) async fn guard<T, F: Future<Output = Result<T, KeysError>>>(
        &self,
        db: &Db,
        person: PersonId,
        attempt: impl FnOnce() -> F,
    ) -> Result<T, KeysError> {
        let lock = self.of(person);
        let _one_at_a_time = lock.lock().await;
        let n_wrong = wrong_so_far(db, person).await?;
        if n_wrong >= MAX_WRONG_PINS {
            return Err(KeysError::PinLocked);
        }
        match attempt().await {
            Err(KeysError::Token(TokenError::PinIncorrect { .. })) => {
                let n_wrong = n_wrong.saturating_add(1);
                count(db, person, n_wrong).await?;
                Err(KeysError::PinIncorrect { tries_left: MAX_WRONG_PINS.saturating_sub(n_wrong) })
            }
            Err(KeysError::Token(TokenError::PinLocked)) => Err(KeysError::PinLocked),
            Ok(done) => {
                if n_wrong > 0 {
                    reset(db, person).await?;
                }
                Ok(done)
            }
            Err(other) => Err(other),
        }
    }
}

async fn wrong_so_far(db: &Db, person: PersonId) -> Result<u32, KeysError> {
    let n: i64 = sqlx::query("select pin_failed from people where id = $1")
        .bind(person.to_string())
        .fetch_one(db.readers())
        .await
        .and_then(|row| row.try_get("pin_failed"))
        .map_err(|err| store(&err.into()))?;
    Ok(u32::try_from(n).unwrap_or(u32::MAX))
}

async fn count(db: &Db, person: PersonId, n_wrong: u32) -> Result<(), KeysError> {
    let mut tx = db.begin_system(SystemAct("count a wrong PIN")).await.map_err(|err| store(&err))?;
    set(&mut tx, person, n_wrong).await.map_err(|err| store(&err))?;
    tx.commit(Clock.now(), Draft::act(Act::PinFailed, Some(person), [("n_wrong", n_wrong.to_string())]))
        .await
        .map_err(|err| store(&err))?;
    Ok(())
}

async fn reset(db: &Db, person: PersonId) -> Result<(), KeysError> {
    let mut tx = db.begin_system(SystemAct("forget wrong PINs")).await.map_err(|err| store(&err))?;
    set(&mut tx, person, 0).await.map_err(|err| store(&err))?;
    tx.commit_unlogged(SystemAct("forget wrong PINs")).await.map_err(|err| store(&err))
}

async fn set(tx: &mut crate::store::Tx, person: PersonId, n_wrong: u32) -> Result<(), StoreError> {
    sqlx::query("update people set pin_failed = $1 where id = $2")
        .bind(i64::from(n_wrong))
        .bind(person.to_string())
        .execute(tx.connection().await?)
        .await?;
    Ok(())
}

fn store(err: &StoreError) -> KeysError {
    KeysError::Token(TokenError::Device { call: "counting PINs", code: err.to_string() })
}
