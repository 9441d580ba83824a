//! What `ecabinet doctor` asks of the database, without changing it.

use cabinet::Timestamp;
use sqlx::Row as _;

use super::{StoreError, connect};

/// How the database and the log in it stand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LogStanding {
    /// Entries in all.
    pub n_entries: u64,
    /// Entries that no signed head covers yet.
    pub n_uncovered: u64,
    /// Time of the newest entry.
    pub last_entry: Timestamp,
}

/// Reads how the log stands.
///
/// # Errors
///
/// * [`StoreError`]: the database does not answer, or has no tables yet.
pub async fn log_standing(url: &str) -> Result<LogStanding, StoreError> {
    sqlx::any::install_default_drivers();
    let engine = connect::Engine::of(url)?;
    let pool = connect::readers(engine, url, 1).await?;
    let row = sqlx::query(
        "select count(*) as n, coalesce(max(at), 0) as last, \
         (select coalesce(max(size), 0) from checkpoints) as covered from entries",
    )
    .fetch_one(&pool)
    .await?;
    let number = |name: &str| -> Result<u64, StoreError> {
        Ok(u64::try_from(row.try_get::<i64, _>(name)?).unwrap_or(0))
    };
    let n_entries = number("n")?;
    Ok(LogStanding {
        n_entries,
        n_uncovered: n_entries.saturating_sub(number("covered")?),
        last_entry: Timestamp::from_micros(row.try_get("last")?),
    })
}
