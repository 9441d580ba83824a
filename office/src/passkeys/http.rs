//! One's own passkeys over HTTP: list, add, name, remove. Signing in by one is the door's.

use audit::Act;
use axum::extract::State;
use axum::http::StatusCode;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use policies::action::KeepPasskeys;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::ceremonies::Challenge;
use super::store::{self, Kept, NewPasskey, SALT_BYTES};
use super::unlock::{self, Unlock};
use crate::app::{App, SignedIn};
use crate::entries::Draft;
use crate::error::Problem;
use crate::json::{Json, Path};
use crate::store::StoreError;
use crate::text::Line;

/// The longest name of a passkey, in characters.
const MAX_NAME_CHARS: usize = 60;

/// The routes of this room.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_passkeys, add_passkey))
        .routes(routes!(begin_adding_passkey))
        .routes(routes!(rename_passkey, remove_passkey))
        .merge(super::unlock_http::routes())
}

/// A person's own passkeys, and what unlocks his key.
#[derive(Debug, Serialize, ToSchema)]
pub struct Passkeys {
    passkeys: Vec<PasskeyView>,
    /// `pin`, `passkey`, or `to-passkey` and `to-pin` while nobody knows which PIN opens.
    unlock: &'static str,
    /// Whether this person has a key that a passkey could unlock.
    may_unlock: bool,
}

/// A passkey.
#[derive(Debug, Serialize, ToSchema)]
pub struct PasskeyView {
    #[schema(value_type = Uuid)]
    id: String,
    name: String,
    /// Whether it is copied to other devices of its owner.
    is_synced: bool,
    added_at: String,
    used_at: Option<String>,
    /// The credential's id, base64url.
    credential: String,
    /// What its PRF is asked with, base64url.
    salt: String,
    /// The long PIN as the browser wrapped it, base64url; none where this passkey does not unlock the key.
    wrap: Option<String>,
}

/// The answer of a new passkey.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPasskeyAnswer {
    ceremony: Uuid,
    #[schema(value_type = String)]
    name: Line,
    /// What `navigator.credentials.create` gave, bytes in base64url.
    #[schema(value_type = Object)]
    credential: Value,
}

/// Another name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewName {
    #[schema(value_type = String)]
    name: Line,
}

impl From<Kept> for PasskeyView {
    fn from(kept: Kept) -> Self {
        Self {
            credential: Base64UrlUnpadded::encode_string(kept.credential.cred_id()),
            salt: Base64UrlUnpadded::encode_string(&kept.salt),
            wrap: kept.wrap.as_deref().map(Base64UrlUnpadded::encode_string),
            id: kept.id,
            name: kept.name,
            is_synced: kept.is_synced,
            added_at: kept.added_at.iso_vietnam(),
            used_at: kept.used_at.map(cabinet::Timestamp::iso_vietnam),
        }
    }
}

/// One's own passkeys, and what unlocks one's signing key.
#[utoipa::path(get, path = "/api/session/passkey/keys", operation_id = "listPasskeys", tag = "session",
    responses((status = 200, body = Passkeys), (status = "4XX", body = Problem)))]
async fn list_passkeys(State(app): State<App>, who: SignedIn) -> Result<Json<Passkeys>, Problem> {
    let has_key = app.directory.account(who.id).is_some_and(|account| account.signer.is_some());
    Ok(Json(Passkeys {
        passkeys: store::of(&app.db, &app.keys, who.id).await?.into_iter().map(Into::into).collect(),
        unlock: unlock::of(&app.db, who.id).await?.name(),
        may_unlock: has_key && app.allows(&who, policies::action::SetUnlock, &app.office()),
    }))
}

/// Begins to add a passkey.
#[utoipa::path(post, path = "/api/session/passkey/keys/challenge", operation_id = "beginAddingPasskey",
    tag = "session", responses((status = 200, body = Challenge), (status = "4XX", body = Problem)))]
async fn begin_adding_passkey(State(app): State<App>, who: SignedIn) -> Result<Json<Challenge>, Problem> {
    app.permit(&who, KeepPasskeys, &app.office()).await?;
    let there = store::of(&app.db, &app.keys, who.id).await?;
    let person = app.directory.person(who.id);
    let begun = app.passkeys.begin_adding(&person, &who.session.id, &there, app.now());
    Ok(Json(begun.map_err(|err| Problem::internal(&err))?))
}

/// Adds the passkey that answered.
#[utoipa::path(post, path = "/api/session/passkey/keys", operation_id = "addPasskey", tag = "session",
    request_body = NewPasskeyAnswer,
    responses((status = 201, body = PasskeyView), (status = "4XX", body = Problem)))]
async fn add_passkey(
    State(app): State<App>,
    who: SignedIn,
    Json(new): Json<NewPasskeyAnswer>,
) -> Result<(StatusCode, Json<PasskeyView>), Problem> {
    let permit = app.permit(&who, KeepPasskeys, &app.office()).await?;
    let (now, name) = (app.now(), name(new.name)?);
    let credential = match app.passkeys.finish_adding(new.ceremony, &who.session.id, new.credential, now) {
        Ok(credential) => credential,
        Err(err) => return Err(unlock::refuse(&app, who.id, "add", &err).await?),
    };
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(|err| Problem::internal(&err))?;
    let new = NewPasskey { name, credential, salt };
    let mut tx = app.begin(&permit).await?;
    let id = match store::insert(&mut tx, &app.keys, who.id, &new, now).await {
        Err(StoreError::Conflict) => {
            return Err(Problem::conflict(
                "passkey-not-added",
                "this passkey is on file already, or there are too many: remove one first",
            ));
        }
        other => other?,
    };
    tx.commit(now, Draft::act(Act::PasskeyAdded, Some(who.id), [("passkey", id.clone())])).await?;
    Ok((StatusCode::CREATED, Json(own(&app, &who, &id).await?.into())))
}

/// Gives one's passkey another name.
#[utoipa::path(put, path = "/api/session/passkey/keys/{passkey}", operation_id = "renamePasskey", tag = "session",
    params(("passkey" = Uuid, Path)), request_body = NewName,
    responses((status = 200, body = PasskeyView), (status = "4XX", body = Problem)))]
async fn rename_passkey(
    State(app): State<App>,
    who: SignedIn,
    Path(id): Path<Uuid>,
    Json(new): Json<NewName>,
) -> Result<Json<PasskeyView>, Problem> {
    let permit = app.permit(&who, KeepPasskeys, &app.office()).await?;
    let (id, name) = (id.to_string(), name(new.name)?);
    let mut tx = app.begin(&permit).await?;
    store::rename(&mut tx, &app.keys, who.id, &id, &name).await?;
    tx.commit(app.now(), Draft::act(Act::PasskeyNamed, Some(who.id), [("passkey", id.clone())])).await?;
    Ok(Json(own(&app, &who, &id).await?.into()))
}

/// Removes one's passkey. Password and one-time code stay; a passkey that alone unlocks the signing key does too.
#[utoipa::path(delete, path = "/api/session/passkey/keys/{passkey}", operation_id = "removePasskey", tag = "session",
    params(("passkey" = Uuid, Path)),
    responses((status = 204), (status = "4XX", body = Problem)))]
async fn remove_passkey(
    State(app): State<App>,
    who: SignedIn,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let permit = app.permit(&who, KeepPasskeys, &app.office()).await?;
    let id = id.to_string();
    let kept = own(&app, &who, &id).await?;
    let mut tx = app.begin(&permit).await?;
    let is_needed = match unlock::of_within(&mut tx, who.id).await? {
        Unlock::Pin => false,
        Unlock::Passkey => kept.wrap.is_some() && store::n_wraps(&mut tx, who.id, &id).await? == 0,
        Unlock::ToPasskey | Unlock::ToPin => kept.wrap.is_some(),
    };
    if is_needed {
        return Err(Problem::conflict(
            "passkey-unlocks-signing",
            "this passkey alone unlocks your signing key: add another one, or go back to a PIN first",
        ));
    }
    store::remove(&mut tx, who.id, &id).await?;
    tx.commit(app.now(), Draft::act(Act::PasskeyRemoved, Some(who.id), [("passkey", id)])).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A passkey of this very person; anybody else's is not found.
pub(super) async fn own(app: &App, who: &SignedIn, id: &str) -> Result<Kept, Problem> {
    let own = store::of(&app.db, &app.keys, who.id).await?;
    own.into_iter().find(|kept| kept.id == id).ok_or_else(Problem::not_found)
}

fn name(name: Line) -> Result<String, Problem> {
    let name = name.into_string();
    if name.chars().count() <= MAX_NAME_CHARS {
        Ok(name)
    } else {
        Err(Problem::malformed(format!("a passkey's name has at most {MAX_NAME_CHARS} characters")))
    }
}
