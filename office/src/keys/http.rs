//! The appliance's keys over HTTP: the list, suspending and resuming, destroying with a quorum.

use audit::Act;
use axum::extract::State;
use axum::http::StatusCode;
use hsm::KeyLabel;
use policies::action::{DestroyKey, ListKeys, SuspendKey};
use policies::resource::System;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::custody::{CustodyError, MAX_CUSTODIANS, Secret, Share};
use super::inventory::{self, KeyView};
use super::offline;
use super::standing::{self, KeyState};
use crate::app::{App, SignedIn};
use crate::entries::Draft;
use crate::error::Problem;
use crate::json::{Json, Path};
use crate::text;

/// Why a key is suspended; the log keeps the word.
const REASONS: [&str; 4] = ["compromise-suspected", "maintenance", "personnel", "other"];

/// The routes of this room.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_keys))
        .routes(routes!(suspend_key, resume_key))
        .routes(routes!(destroy_key))
}

/// The appliance's keys.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeysView {
    keys: Vec<KeyView>,
}

/// Why a key is suspended.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Suspension {
    /// `compromise-suspected`, `maintenance`, `personnel` or `other`.
    reason: String,
}

/// What it takes to destroy a key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Destruction {
    /// The key's label once more.
    confirm: String,
    /// Shares of a quorum of the custodians, each in the one line of its sheet.
    #[schema(value_type = Vec<String>, format = Password)]
    shares: Vec<text::Secret>,
}

/// Lists the appliance's keys and members' signing cards: certificates, uses, quotas, states, warnings.
#[utoipa::path(get, path = "/api/keys", operation_id = "listKeys", tag = "keys",
    responses((status = 200, body = KeysView), (status = "4XX", body = Problem)))]
async fn list_keys(State(app): State<App>, who: SignedIn) -> Result<Json<KeysView>, Problem> {
    app.permit(&who, ListKeys, &System).await?;
    let standing = standing::all(&app.db).await?;
    let (keys, now, people) = (app.keys.clone(), app.now(), app.directory.everybody());
    let listed = super::blocking(move || {
        let mut listed = inventory::list(keys.config(), &standing, now)?;
        for (part, health) in keys.token_health() {
            if let Some(key) = listed.iter_mut().find(|key| !health.is_up() && key.part == part) {
                key.warnings.push(format!("the token {} does not answer: look at it", key.token));
            }
        }
        for card in people.iter().filter_map(|account| account.signing_card.as_ref()) {
            listed.push(inventory::card(card, &standing, now)?);
        }
        Ok(listed)
    });
    Ok(Json(KeysView { keys: listed.await? }))
}

/// Suspends a key that signs documents or for a trust service: it signs nothing until it is resumed.
#[utoipa::path(post, path = "/api/keys/{label}/suspension", operation_id = "suspendKey", tag = "keys",
    params(("label" = String, Path)), request_body = Suspension,
    responses((status = 204), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
async fn suspend_key(
    State(app): State<App>,
    who: SignedIn,
    Path(label): Path<String>,
    Json(suspension): Json<Suspension>,
) -> Result<StatusCode, Problem> {
    let permit = app.permit(&who, SuspendKey, &System).await?;
    let label = of_documents_or_services(&app, &label)?;
    let reason = REASONS.into_iter().find(|reason| *reason == suspension.reason);
    let reason = reason.ok_or_else(|| Problem::unusable("bad-reason", format!("give one of {REASONS:?}")))?;
    let now = app.now();
    let mut tx = app.begin(&permit).await?;
    standing::change(&mut tx, label.as_str(), &[KeyState::Active], KeyState::Suspended, now).await?;
    let body = [("key", label.to_string()), ("reason", reason.to_owned())];
    tx.commit(now, Draft::act(Act::KeySuspended, Some(who.id), body)).await?;
    app.keys.reload_standing().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Resumes a suspended key.
#[utoipa::path(delete, path = "/api/keys/{label}/suspension", operation_id = "resumeKey", tag = "keys",
    params(("label" = String, Path)),
    responses((status = 204), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
async fn resume_key(
    State(app): State<App>,
    who: SignedIn,
    Path(label): Path<String>,
) -> Result<StatusCode, Problem> {
    let permit = app.permit(&who, SuspendKey, &System).await?;
    let label = of_documents_or_services(&app, &label)?;
    let now = app.now();
    let mut tx = app.begin(&permit).await?;
    standing::change(&mut tx, label.as_str(), &[KeyState::Suspended], KeyState::Active, now).await?;
    let body = [("key", label.to_string())];
    tx.commit(now, Draft::act(Act::KeyResumed, Some(who.id), body)).await?;
    app.keys.reload_standing().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Destroys a suspended key in its token. The entry is on disk first; what a token then failed to do is done by
/// asking again.
#[utoipa::path(post, path = "/api/keys/{label}/destruction", operation_id = "destroyKey", tag = "keys",
    params(("label" = String, Path)), request_body = Destruction,
    responses((status = 204), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
async fn destroy_key(
    State(app): State<App>,
    who: SignedIn,
    Path(label): Path<String>,
    Json(destruction): Json<Destruction>,
) -> Result<StatusCode, Problem> {
    let permit = app.permit(&who, DestroyKey, &System).await?;
    let label = of_documents_or_services(&app, &label)?;
    if destruction.confirm != label.as_str() {
        return Err(Problem::unusable("label-not-confirmed", "the label was not repeated as it is"));
    }
    let n_shares = destruction.shares.len();
    check_quorum(&app, &label, destruction.shares).await?;
    let now = app.now();
    let mut tx = app.begin(&permit).await?;
    let from = [KeyState::Suspended, KeyState::Destroyed];
    let is_again = standing::all(&app.db).await?.get(label.as_str()).map(|found| found.state)
        == Some(KeyState::Destroyed);
    if !is_again {
        standing::change(&mut tx, label.as_str(), &from, KeyState::Destroyed, now).await?;
    }
    let body = [("key", label.to_string()), ("n_shares", n_shares.to_string())];
    tx.commit(now, Draft::act(Act::KeyDestroyed, Some(who.id), body)).await?;
    app.keys.reload_standing().await?;
    app.keys.destroy(&label).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether the shares restore the very secret that was split when the key was made.
async fn check_quorum(app: &App, label: &KeyLabel, shares: Vec<text::Secret>) -> Result<(), Problem> {
    let recorded = offline::secret_check(&app.db, label.as_str()).await?.ok_or_else(|| {
        Problem::conflict(
            "no-quorum-on-record",
            "this key was made without a ceremony, so nobody can be its quorum: suspend it, and destroy it by the maker's tool",
        )
    })?;
    if shares.len() > usize::from(MAX_CUSTODIANS) {
        return Err(Problem::unusable("bad-shares", "more shares than a ceremony has custodians"));
    }
    let refused = |err: &CustodyError| {
        let code = match err {
            CustodyError::TooFew { .. } => "quorum-not-reached",
            CustodyError::Quorum
            | CustodyError::Random(_)
            | CustodyError::Damaged(_)
            | CustodyError::Twice(_)
            | CustodyError::Mixed => "bad-shares",
        };
        Problem::unusable(code, err.to_string())
    };
    let shares: Vec<Share> = shares
        .into_iter()
        .map(|share| share.expose().parse())
        .collect::<Result<_, _>>()
        .map_err(|err| refused(&err))?;
    let secret = Secret::restore(&shares).map_err(|err| refused(&err))?;
    if secret.check() == recorded {
        Ok(())
    } else {
        Err(Problem::unusable("bad-shares", "these shares belong to another key's ceremony"))
    }
}

/// The label of a key that can be done without: not the log's, without which nothing is recorded, and no
/// key-encryption key, without which nothing opens.
fn of_documents_or_services(app: &App, label: &str) -> Result<KeyLabel, Problem> {
    if let Some(card) = app.directory.signing_card(label) {
        // The key is not here, but whether what it signs is taken is decided here.
        return card.label.parse().map_err(|err: hsm::NotALabel| Problem::internal(&err));
    }
    let key = app.keys.certified().find(|key| key.label() == label);
    if let Some(key) = key {
        return Ok(key.label_on_token().clone());
    }
    Err(if app.keys.config().token_of_key(label).is_some() {
        Problem::conflict(
            "key-indispensable",
            "without this key nothing is recorded or nothing opens: stop the appliance instead",
        )
    } else {
        Problem::not_found()
    })
}
