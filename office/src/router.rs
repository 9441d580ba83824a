//! Every route of the office, room by room.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::error::Problem;
use crate::json::Json;
use crate::{
    batches, dossiers, entries, keys, meetings, passkeys, people, resolutions, search, validation, votes,
};

/// Largest JSON body, in bytes.
const MAX_JSON_BYTES: usize = 1 << 20;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "e-Cabinet",
        description = "Meetings of a Government, its papers, signed votes and Resolutions. Errors are RFC 9457 problem documents with a stable `code`.",
        version = "1"
    ),
    components(schemas(Problem))
)]
struct Api;

/// How the appliance is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `ok` or `degraded`.
    status: &'static str,
    /// Whether the tokens take calls.
    tokens: bool,
    /// Whether the database answers.
    store: bool,
    /// Whether the clock stands after the log's last entry.
    clock: bool,
}

/// The office's routes, to be merged with the door's own; the description covers both.
#[must_use]
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Api::openapi())
        .routes(routes!(health))
        .merge(people::http::routes())
        .merge(passkeys::http::routes())
        .merge(meetings::http::routes())
        .merge(dossiers::http::routes())
        .merge(votes::http::routes())
        .merge(resolutions::http::routes())
        .merge(batches::http::routes())
        .merge(validation::http::routes())
        .merge(keys::http::routes())
        .merge(search::http::routes())
        .merge(entries::http::routes())
}

/// The service, and its `OpenAPI` description as JSON.
///
/// # Errors
///
/// The description cannot be written.
pub fn finish(routes: OpenApiRouter<App>, app: App) -> Result<Router, serde_json::Error> {
    let (router, mut api) = routes.split_for_parts();
    // The router's mark of a parameter that takes the rest of a path; descriptions know no such mark.
    let paths = std::mem::take(&mut api.paths.paths);
    api.paths.paths = paths.into_iter().map(|(path, item)| (path.replace("{*", "{"), item)).collect();
    let description = serde_json::to_string(&api)?;
    let describe = axum::routing::get(move || {
        let description = description.clone();
        async move { ([(axum::http::header::CONTENT_TYPE, "application/json")], description).into_response() }
    });
    Ok(router
        .route("/api/openapi.json", describe)
        .fallback(|| async { Problem::not_found() })
        .method_not_allowed_fallback(|| async {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "this path takes other methods",
            )
        })
        .layer(axum::extract::DefaultBodyLimit::max(MAX_JSON_BYTES))
        .with_state(app))
}

/// Says whether the appliance can work. Open to everybody, and says nothing else.
#[utoipa::path(get, path = "/api/health", operation_id = "health", tag = "operations",
    responses((status = 200, body = Health), (status = 503, body = Health)))]
async fn health(State(app): State<App>) -> (StatusCode, Json<Health>) {
    let store = sqlx::query("select 1 as one").fetch_one(app.db.readers()).await.is_ok();
    let tokens = app.keys.is_well();
    let clock = app.keys.check_clock().is_ok();
    let is_well = store && tokens && clock;
    let status = if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Health { status: if is_well { "ok" } else { "degraded" }, tokens, store, clock }))
}
