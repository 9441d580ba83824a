//! Opening connections with the durability that acknowledged acts rely on, and checking that it holds.

use std::str::FromStr as _;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, Connection as _, Executor as _, Row as _};

use super::StoreError;

/// Which engine a database URL names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Engine {
    /// PostgreSQL.
    Postgres,
    /// SQLite, one file.
    Sqlite,
}

impl Engine {
    /// Reads the engine off a URL.
    ///
    /// # Errors
    ///
    /// * [`StoreError::Unavailable`]: neither `sqlite:` nor `postgres:`.
    pub fn of(url: &str) -> Result<Self, StoreError> {
        if url.starts_with("sqlite:") {
            Ok(Self::Sqlite)
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            Ok(Self::Postgres)
        } else {
            Err(StoreError::Unavailable("the database URL must begin with sqlite: or postgres:".to_owned()))
        }
    }

    /// Starts a transaction that will write.
    pub(super) const fn begin(self) -> &'static str {
        match self {
            Self::Postgres => "begin",
            Self::Sqlite => "begin immediate",
        }
    }
}

/// A connection for the one writer.
pub(super) async fn writer(engine: Engine, url: &str) -> Result<AnyConnection, StoreError> {
    let mut connection = AnyConnection::connect(url).await?;
    make_durable(engine, &mut connection).await?;
    Ok(connection)
}

/// The readers' pool.
pub(super) async fn readers(engine: Engine, url: &str, n: u32) -> Result<AnyPool, StoreError> {
    let options = AnyConnectOptions::from_str(url)?;
    let pool = AnyPoolOptions::new().max_connections(n).after_connect(move |connection, _| {
        Box::pin(async move {
            make_durable(engine, connection).await.map_err(|err| sqlx::Error::Configuration(Box::new(err)))
        })
    });
    Ok(pool.connect_with(options).await?)
}

/// Sets what an acknowledgement rests on, then reads it back: SQLite ignores a pragma that it does not know.
async fn make_durable(engine: Engine, connection: &mut AnyConnection) -> Result<(), StoreError> {
    let (set, checks): (&[&'static str], &[(&'static str, &str)]) = match engine {
        Engine::Sqlite => (
            &[
                "pragma busy_timeout = 5000",
                "pragma journal_mode = wal",
                "pragma synchronous = full",
                "pragma foreign_keys = on",
                "pragma secure_delete = on",
                "pragma temp_store = memory",
            ],
            &[("pragma journal_mode", "wal"), ("pragma synchronous", "2"), ("pragma foreign_keys", "1")],
        ),
        Engine::Postgres => (&[], &[("show fsync", "on"), ("show synchronous_commit", "on")]),
    };
    for statement in set {
        connection.execute(*statement).await?;
    }
    for (question, wanted) in checks {
        let row = connection.fetch_one(*question).await?;
        let answer = row
            .try_get::<String, _>(0)
            .or_else(|_| row.try_get::<i64, _>(0).map(|n| n.to_string()))
            .or_else(|_| row.try_get::<i32, _>(0).map(|n| n.to_string()))?;
        if answer != *wanted {
            return Err(StoreError::Unavailable(format!(
                "`{question}` answers `{answer}`, but acknowledged acts need `{wanted}`: correct the database's settings"
            )));
        }
    }
    Ok(())
}

/// Brings the tables up to date; refuses a database that is newer than this program.
pub(super) async fn migrate(connection: &mut AnyConnection) -> Result<(), StoreError> {
    sqlx::migrate!().run(connection).await.map_err(|err| {
        StoreError::Unavailable(format!(
            "the tables cannot be brought up to date: {err}; use the program version that wrote them"
        ))
    })
}
