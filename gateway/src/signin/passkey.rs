//! Signing in by passkey: one answer of a device that verified its user, which is two factors.

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::Response;
use cabinet::id::PersonId;
use office::json::Json;
use office::passkeys::ceremonies::Answer;
use office::passkeys::{Challenge, store as passkeys};
use office::people::sessions::{self, Stage};
use office::people::store;
use office::store::StoreError;
use office::{App, Problem};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Welcome, draw_token, failed, limit, welcome};
use crate::session::{Listener, Peer};
use crate::throttle::Throttle;

/// A passkey's answer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PasskeyStep {
    ceremony: Uuid,
    /// What `navigator.credentials.get` gave, without the PRF's results, bytes in base64url.
    #[schema(value_type = Object)]
    credential: Value,
}

/// Asks for a passkey. The answer is the same for everybody: it names no account and no credential.
#[utoipa::path(post, path = "/api/session/passkey/challenge", operation_id = "beginPasskeySignIn", tag = "session",
    responses((status = 200, body = Challenge), (status = "4XX", body = Problem)))]
pub(super) async fn begin(
    State(app): State<App>,
    Extension(throttle): Extension<Throttle>,
    Extension(peer): Extension<Peer>,
) -> Result<Json<Challenge>, Problem> {
    check_door(&peer)?;
    limit(throttle.sign_in(peer.address))?;
    Ok(Json(app.passkeys.begin_sign_in(app.now()).map_err(|err| Problem::internal(&err))?))
}

/// Signs in by the passkey that answered. Each challenge works once.
#[utoipa::path(post, path = "/api/session/passkey", operation_id = "signInPasskey", tag = "session",
    request_body = PasskeyStep,
    responses((status = 200, body = Welcome), (status = "4XX", body = Problem)))]
pub(super) async fn sign_in(
    State(app): State<App>,
    Extension(throttle): Extension<Throttle>,
    Extension(peer): Extension<Peer>,
    Json(step): Json<PasskeyStep>,
) -> Result<Response, Problem> {
    check_door(&peer)?;
    limit(throttle.sign_in(peer.address))?;
    // No count of wrong answers: a signature cannot be guessed, and a count could be used to keep a minister out.
    let now = app.now();
    let Ok(answer) = app.passkeys.take_sign_in(step.ceremony, step.credential, now) else {
        return Err(refuse(&app, None).await?);
    };
    let Some(account) = app.directory.account(answer.person) else {
        return Err(refuse(&app, None).await?);
    };
    let person = account.person.id;
    if !is_right(&app, person, answer).await? {
        return Err(refuse(&app, Some(person)).await?);
    }
    let credentials = store::credentials_by_id(&app.db, &app.keys, person).await?;
    let token = draw_token()?;
    sessions::begin(
        &app.db,
        sessions::NewSession {
            token: token.as_bytes(),
            person,
            epoch: credentials.epoch,
            factors: &["passkey"],
            stage: Stage::Full,
            used_step: None,
        },
        now,
    )
    .await?;
    welcome(&app, person, &token)
}

/// Judges an answer with the passkey on file that it names, and writes down its use.
async fn is_right(app: &App, person: PersonId, answer: Answer) -> Result<bool, Problem> {
    let Some(kept) = passkeys::by_credential(&app.db, &app.keys, &answer.credential).await? else {
        return Ok(false);
    };
    let result = match app.passkeys.finish_sign_in(answer, &kept) {
        Ok(result) => result,
        Err(err) => {
            tracing::warn!(%err, person.id = %person, "a sign-in by passkey was refused");
            return Ok(false);
        }
    };
    match passkeys::note_use(&app.db, &app.keys, &kept, &result, app.now()).await {
        Ok(()) => Ok(true),
        // Used meanwhile, or removed.
        Err(StoreError::Conflict) => Ok(false),
        Err(err) => Err(err.into()),
    }
}

/// The same words whatever was wrong, and an entry.
async fn refuse(app: &App, person: Option<PersonId>) -> Result<Problem, Problem> {
    sessions::refused(&app.db, person, "passkey", app.now()).await?;
    Ok(failed())
}

fn check_door(peer: &Peer) -> Result<(), Problem> {
    if peer.listener == Listener::Public {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "card-needed", "sign in with your card on this door"))
}
