//! The one connection that writes: savepoints for acts, one commit for all that waited.

use sqlx::{AnyConnection, Executor as _};
use tokio::sync::oneshot;

use super::StoreError;
use super::connect::{self, Engine};

/// The writing connection and what is under way on it.
#[derive(Debug)]
pub(super) struct Writer {
    engine: Engine,
    url: String,
    connection: Option<AnyConnection>,
    in_transaction: bool,
    /// An act left its savepoint without releasing it: its handler failed or was dropped.
    pub(super) abandoned: bool,
    waiting: Vec<oneshot::Sender<Result<(), StoreError>>>,
}

impl Writer {
    pub(super) const fn new(engine: Engine, url: String, connection: AnyConnection) -> Self {
        Self {
            engine,
            url,
            connection: Some(connection),
            in_transaction: false,
            abandoned: false,
            waiting: Vec::new(),
        }
    }

    /// The connection, inside a transaction and a fresh savepoint.
    pub(super) async fn savepoint(&mut self) -> Result<(), StoreError> {
        self.tidy().await;
        if let Err(err) = self.enter().await {
            self.give_up(&err).await;
            return Err(err);
        }
        Ok(())
    }

    async fn enter(&mut self) -> Result<(), StoreError> {
        let engine = self.engine;
        let begin = !self.in_transaction;
        let connection = self.connection().await?;
        if begin {
            connection.execute(engine.begin()).await?;
            self.in_transaction = true;
        }
        self.abandoned = true;
        self.connection().await?.execute("savepoint act").await?;
        Ok(())
    }

    pub(super) async fn connection(&mut self) -> Result<&mut AnyConnection, StoreError> {
        if self.connection.is_none() {
            self.connection = Some(connect::writer(self.engine, &self.url).await?);
            self.in_transaction = false;
        }
        self.connection.as_mut().ok_or_else(|| StoreError::Unavailable("no connection".to_owned()))
    }

    /// Ends the act's savepoint well; the receiver hears when its commit has returned.
    pub(super) async fn release(&mut self) -> Result<oneshot::Receiver<Result<(), StoreError>>, StoreError> {
        self.connection().await?.execute("release savepoint act").await?;
        self.abandoned = false;
        let (sender, receiver) = oneshot::channel();
        self.waiting.push(sender);
        Ok(receiver)
    }

    /// Undoes what an abandoned act had done; the acts beside it keep theirs.
    async fn tidy(&mut self) {
        if !self.abandoned {
            return;
        }
        self.abandoned = false;
        let undone = match self.connection().await {
            Ok(connection) => undo(connection).await,
            Err(err) => Err(err),
        };
        if let Err(err) = undone {
            self.give_up(&err).await;
        }
    }

    /// Commits all released acts and tells them.
    pub(super) async fn commit_group(&mut self) {
        self.tidy().await;
        if self.waiting.is_empty() {
            self.end_empty().await;
            return;
        }
        let committed = match self.connection().await {
            Ok(connection) => connection.execute("commit").await.map(|_| ()).map_err(StoreError::from),
            Err(err) => Err(err),
        };
        match committed {
            Ok(()) => {
                self.in_transaction = false;
                for waiting in self.waiting.drain(..) {
                    // A handler that was dropped meanwhile does not hear of it; its act is kept all the same.
                    drop(waiting.send(Ok(())));
                }
            }
            Err(err) => self.give_up(&err).await,
        }
    }

    /// Ends a transaction in which every act was given up, so that its lock is not held for nothing.
    async fn end_empty(&mut self) {
        if !self.in_transaction {
            return;
        }
        let ended = match self.connection().await {
            Ok(connection) => connection.execute("rollback").await.map(|_| ()).map_err(StoreError::from),
            Err(err) => Err(err),
        };
        self.in_transaction = false;
        if let Err(err) = ended {
            self.give_up(&err).await;
        }
    }

    /// The state of the transaction is unknown: nobody is acknowledged, and the connection is replaced.
    async fn give_up(&mut self, cause: &StoreError) {
        for waiting in self.waiting.drain(..) {
            drop(waiting.send(Err(StoreError::Unavailable(cause.to_string()))));
        }
        self.abandoned = false;
        self.in_transaction = false;
        if let Some(mut connection) = self.connection.take() {
            // Closing rolls back; a connection that cannot even do that is dropped.
            if let Err(err) = connection.execute("rollback").await {
                tracing::warn!(%err, "rollback failed; the connection is replaced");
            }
        }
    }
}

async fn undo(connection: &mut AnyConnection) -> Result<(), StoreError> {
    connection.execute("rollback to savepoint act").await?;
    connection.execute("release savepoint act").await?;
    Ok(())
}
