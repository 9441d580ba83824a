//! Same key, same answer: what a signing act answered is kept with the act, in its own transaction.

use axum::http::{HeaderMap, StatusCode};
use cabinet::{Digest, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row as _;

use crate::app::{App, SignedIn};
use crate::error::Problem;
use crate::store::{StoreError, Tx};

/// The longest key, in characters.
const MAX_KEY_CHARS: usize = 128;
const TABLE: &str = "idempotency";

/// A request that may be repeated after a lost answer.
#[derive(Clone, Debug)]
pub struct Repeatable {
    person: String,
    token: String,
    operation: &'static str,
    request: Digest,
}

impl Repeatable {
    /// Reads the `Idempotency-Key` of a signing act. `request` is what makes the request this one: its path
    /// and body, but never the PIN.
    ///
    /// # Errors
    ///
    /// 400 `idempotency-key-missing`.
    pub fn read(
        headers: &HeaderMap,
        who: &SignedIn,
        operation: &'static str,
        request: &impl Serialize,
    ) -> Result<Self, Problem> {
        let token = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !(8..=MAX_KEY_CHARS).contains(&token.len()) || !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "idempotency-key-missing",
                "send an Idempotency-Key header of 8 to 128 printable characters, the same when you repeat the request",
            ));
        }
        let request = Digest::of(&cabinet::canonical::to_bytes(request));
        Ok(Self { person: who.id.to_string(), token: token.to_owned(), operation, request })
    }

    /// What was answered before under this key, if anything.
    ///
    /// # Errors
    ///
    /// 422 `idempotency-key-reused`: the key was used for something else.
    pub async fn earlier<T: DeserializeOwned>(&self, app: &App) -> Result<Option<T>, Problem> {
        let row = sqlx::query(
            "select operation, request, answer_sealed from idempotency where person = $1 and token = $2",
        )
        .bind(self.person.clone())
        .bind(self.token.clone())
        .fetch_optional(app.db.readers())
        .await
        .map_err(StoreError::from)?;
        let Some(row) = row else { return Ok(None) };
        let (operation, request): (String, String) = (
            row.try_get("operation").map_err(StoreError::from)?,
            row.try_get("request").map_err(StoreError::from)?,
        );
        if operation != self.operation || request != self.request.to_string() {
            return Err(Problem::unusable(
                "idempotency-key-reused",
                "this Idempotency-Key was used for another request: take a new one",
            ));
        }
        let sealed: Vec<u8> = row.try_get("answer_sealed").map_err(StoreError::from)?;
        let answer = app.keys.columns().open(TABLE, &self.row(), "answer", &sealed)?;
        serde_json::from_slice(&answer).map(Some).map_err(|err| Problem::internal(&err))
    }

    /// Keeps the answer with the act. Two requests under one key that race: the later one conflicts, and finds
    /// the answer when it repeats.
    ///
    /// # Errors
    ///
    /// * [`StoreError::Conflict`].
    pub async fn keep<T: Serialize>(
        &self,
        tx: &mut Tx,
        app: &App,
        answer: &T,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let answer = serde_json::to_vec(answer).map_err(|err| StoreError::Corrupt(err.to_string()))?;
        let done = sqlx::query(
            "insert into idempotency (person, token, operation, request, status, answer_sealed, at) \
             values ($1, $2, $3, $4, 200, $5, $6) on conflict (person, token) do nothing",
        )
        .bind(self.person.clone())
        .bind(self.token.clone())
        .bind(self.operation)
        .bind(self.request.to_string())
        .bind(app.keys.columns().seal(TABLE, &self.row(), "answer", &answer)?)
        .bind(now.as_micros())
        .execute(tx.connection().await?)
        .await?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Conflict) }
    }

    fn row(&self) -> String {
        format!("{}:{}", self.person, self.token)
    }
}
