//! The log over HTTP: entries for auditors, and the tlog-tiles interface.

#![expect(unused_qualifications, reason = "the API's description macro writes whole paths")]

use audit::Tile;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use cabinet::Timestamp;
use policies::action::{ListEntries, ReadCheckpoint};
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::{App, SignedIn};
use crate::error::Problem;
use crate::json::{Json, Path, Query};
use crate::store::StoreError;

/// Entries in one answer at most.
const MAX_PAGE: u32 = 1_000;

/// The routes of this room.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_entries))
        .routes(routes!(read_checkpoint))
        .routes(routes!(read_tile))
}

/// Which entries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// Index of the first entry wanted; 0 if left out.
    #[serde(default)]
    after: u32,
    /// How many at most, 1 to 1000; 100 if left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Entries of the log.
#[derive(Debug, Serialize, ToSchema)]
pub struct Entries {
    entries: Vec<EntryView>,
    /// The newest signed head, a C2SP note.
    checkpoint: Option<String>,
}

/// An entry.
#[derive(Debug, Serialize, ToSchema)]
pub struct EntryView {
    index: i64,
    id: String,
    kind: String,
    at: String,
    /// Id of who acted; null for the appliance itself.
    actor: Option<String>,
    leaf_hash: String,
    /// The exact canonical text that is hashed.
    body: String,
}

/// Lists entries of the log in its order.
#[utoipa::path(get, path = "/api/log/entries", operation_id = "listEntries", tag = "log", params(Which),
    responses((status = 200, body = Entries), (status = "4XX", body = Problem)))]
async fn list_entries(
    State(app): State<App>,
    who: SignedIn,
    Query(which): Query<Which>,
) -> Result<Json<Entries>, Problem> {
    app.permit(&who, ListEntries, &policies::resource::Log).await?;
    let limit = which.limit.unwrap_or(100).clamp(1, MAX_PAGE);
    let rows = sqlx::query(
        "select idx, id, act, at, bytes, leaf from entries where idx >= $1 order by idx limit $2",
    )
    .bind(i64::from(which.after))
    .bind(i64::from(limit))
    .fetch_all(app.db.readers())
    .await
    .map_err(StoreError::from)?;
    let entries = rows.iter().map(view).collect::<Result<Vec<_>, StoreError>>()?;
    Ok(Json(Entries { entries, checkpoint: app.log.head().await.map(|head| head.to_string()) }))
}

fn view(row: &sqlx::any::AnyRow) -> Result<EntryView, StoreError> {
    let bytes: Vec<u8> = row.try_get("bytes")?;
    let entry = audit::Entry::from_bytes(&bytes).map_err(|err| StoreError::Corrupt(err.to_string()))?;
    Ok(EntryView {
        index: row.try_get("idx")?,
        id: row.try_get("id")?,
        kind: row.try_get("act")?,
        at: Timestamp::from_micros(row.try_get("at")?).iso_vietnam(),
        actor: entry.actor().map(|actor| actor.to_string()),
        leaf_hash: entry.leaf_hash().to_string(),
        body: String::from_utf8_lossy(&bytes).into_owned(),
    })
}

/// The newest signed head of the log (C2SP tlog-checkpoint).
#[utoipa::path(get, path = "/log/checkpoint", operation_id = "readCheckpoint", tag = "log",
    responses((status = 200, content_type = "text/plain", body = String), (status = "4XX", body = Problem)))]
async fn read_checkpoint(State(app): State<App>, who: SignedIn) -> Result<Response, Problem> {
    app.permit(&who, ReadCheckpoint, &policies::resource::Log).await?;
    let head = app.log.head().await.ok_or_else(Problem::not_found)?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], head.to_string()).into_response())
}

/// A tile of the log (C2SP tlog-tiles).
#[utoipa::path(get, path = "/log/tile/{*path}", operation_id = "readTile", tag = "log",
    params(("path" = String, Path)),
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>), (status = "4XX", body = Problem)))]
async fn read_tile(
    State(app): State<App>,
    who: SignedIn,
    Path(path): Path<String>,
) -> Result<Response, Problem> {
    app.permit(&who, ReadCheckpoint, &policies::resource::Log).await?;
    // Parsed and written again: no path of a caller's making reaches the disk.
    let tile: Tile = format!("tile/{path}").parse().map_err(|_cause| Problem::not_found())?;
    let bytes = tokio::fs::read(app.log.folder().join(tile.to_string()))
        .await
        .map_err(|_cause| Problem::not_found())?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}
