//! What unlocks one's signing key, over HTTP: from a PIN to a passkey, to one more passkey, and back.

use axum::extract::State;
use axum::http::StatusCode;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use policies::action::SetUnlock;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::ceremonies::Challenge;
use super::http::own;
use super::store::{self, Kept};
use super::unlock::{self, Change};
use crate::app::{App, SignedIn};
use crate::error::Problem;
use crate::json::{Json, Path};
use crate::store::StoreError;
use crate::text::Secret;
use crate::votes::cast;

/// Lengths of what a browser wraps: version, vector, 43 letters and tag. What it is, only the browser knows.
const WRAP_BYTES: std::ops::RangeInclusive<usize> = 64..=128;

/// The routes of this part of the room.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(begin_confirming))
        .routes(routes!(unlock_by_passkey))
        .routes(routes!(unlock_by_pin))
        .routes(routes!(unlock_by_passkey_too))
        .routes(routes!(settle_unlock))
}

/// A passkey's answer with the PIN that it unwrapped or is to unwrap.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUnlock {
    ceremony: Uuid,
    /// What `navigator.credentials.get` gave, without the PRF's results, bytes in base64url.
    #[schema(value_type = Object)]
    credential: Value,
    /// The PIN that opens the token now.
    #[schema(value_type = String, format = Password)]
    pin: Secret,
    /// The PIN that shall open it.
    #[schema(value_type = String, format = Password)]
    new_pin: Secret,
    /// The new PIN, wrapped by the browser, base64url; none when going back to a PIN.
    wrap: Option<String>,
}

/// A further passkey's wrap of the PIN, and the answer of one that unlocks already.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWrap {
    ceremony: Uuid,
    #[schema(value_type = Object)]
    credential: Value,
    /// The long PIN.
    #[schema(value_type = String, format = Password)]
    pin: Secret,
    /// The same, wrapped for the further passkey, base64url.
    wrap: String,
}

/// The PIN that opens.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Settlement {
    #[schema(value_type = String, format = Password)]
    pin: Secret,
}

/// Begins a confirmation by one of one's own passkeys.
#[utoipa::path(post, path = "/api/session/passkey/unlock/challenge", operation_id = "beginConfirming",
    tag = "session", responses((status = 200, body = Challenge), (status = "4XX", body = Problem)))]
async fn begin_confirming(State(app): State<App>, who: SignedIn) -> Result<Json<Challenge>, Problem> {
    app.permit(&who, SetUnlock, &app.office()).await?;
    let own = store::of(&app.db, &app.keys, who.id).await?;
    if own.is_empty() {
        return Err(Problem::conflict("passkey-missing", "add a passkey first"));
    }
    let begun = app.passkeys.begin_confirming(&who.session.id, &own, app.now());
    Ok(Json(begun.map_err(|err| Problem::internal(&err))?))
}

/// Has a passkey unlock the signing key from now on: the token's PIN becomes a long one that only the passkey gives.
#[utoipa::path(put, path = "/api/session/passkey/unlock", operation_id = "unlockByPasskey", tag = "session",
    request_body = NewUnlock,
    responses((status = 204), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
async fn unlock_by_passkey(
    State(app): State<App>,
    who: SignedIn,
    Json(new): Json<NewUnlock>,
) -> Result<StatusCode, Problem> {
    let permit = app.permit(&who, SetUnlock, &app.office()).await?;
    let signer = cast::signer(&app, &who)?;
    let wrap = wrap(new.wrap.as_deref().unwrap_or_default())?;
    let kept = confirmed(&app, &who, new.ceremony, new.credential).await?;
    let change = Change { permit: &permit, signer: &signer, kept: &kept, old: new.pin, new: new.new_pin };
    unlock::to_passkey(&app, change, &wrap).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Has a PIN that one knows unlock the signing key again.
#[utoipa::path(put, path = "/api/session/passkey/unlock/pin", operation_id = "unlockByPin", tag = "session",
    request_body = NewUnlock,
    responses((status = 204), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
async fn unlock_by_pin(
    State(app): State<App>,
    who: SignedIn,
    Json(new): Json<NewUnlock>,
) -> Result<StatusCode, Problem> {
    let permit = app.permit(&who, SetUnlock, &app.office()).await?;
    let signer = cast::signer(&app, &who)?;
    let kept = confirmed(&app, &who, new.ceremony, new.credential).await?;
    let change = Change { permit: &permit, signer: &signer, kept: &kept, old: new.pin, new: new.new_pin };
    unlock::to_pin(&app, change).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Has one more passkey unlock the signing key.
#[utoipa::path(put, path = "/api/session/passkey/keys/{passkey}/wrap", operation_id = "unlockByPasskeyToo",
    tag = "session", params(("passkey" = Uuid, Path)), request_body = NewWrap,
    responses((status = 204), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
async fn unlock_by_passkey_too(
    State(app): State<App>,
    who: SignedIn,
    Path(id): Path<Uuid>,
    Json(new): Json<NewWrap>,
) -> Result<StatusCode, Problem> {
    let permit = app.permit(&who, SetUnlock, &app.office()).await?;
    let signer = cast::signer(&app, &who)?;
    let wrap = wrap(&new.wrap)?;
    let other = own(&app, &who, &id.to_string()).await?;
    let kept = confirmed(&app, &who, new.ceremony, new.credential).await?;
    if kept.wrap.is_none() {
        return Err(Problem::passkey_refused());
    }
    unlock::extend(&app, &permit, &signer, new.pin, &other, &wrap).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends a doubt about which PIN opens the token: one gives the one that one takes for the right one.
#[utoipa::path(put, path = "/api/session/passkey/unlock/settlement", operation_id = "settleUnlock", tag = "session",
    request_body = Settlement,
    responses((status = 204), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
async fn settle_unlock(
    State(app): State<App>,
    who: SignedIn,
    Json(new): Json<Settlement>,
) -> Result<StatusCode, Problem> {
    app.permit(&who, SetUnlock, &app.office()).await?;
    unlock::settle(&app, &cast::signer(&app, &who)?, new.pin).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The passkey that answered this session's challenge, its use written down.
async fn confirmed(app: &App, who: &SignedIn, ceremony: Uuid, answer: Value) -> Result<Kept, Problem> {
    let now = app.now();
    let result = match app.passkeys.finish_confirming(ceremony, &who.session.id, who.id, answer, now) {
        Ok(result) => result,
        Err(err) => return Err(unlock::refuse(app, who.id, "confirm", &err).await?),
    };
    // Looked up now: a passkey that was removed since the challenge confirms nothing.
    let kept = store::by_credential(&app.db, &app.keys, result.cred_id()).await?;
    let kept = kept.filter(|kept| kept.person == who.id).ok_or_else(Problem::passkey_refused)?;
    match store::note_use(&app.db, &app.keys, &kept, &result, now).await {
        Err(StoreError::Conflict) => Err(Problem::passkey_refused()),
        Err(err) => Err(err.into()),
        Ok(()) => Ok(kept),
    }
}

fn wrap(text: &str) -> Result<Vec<u8>, Problem> {
    let wrap = Base64UrlUnpadded::decode_vec(text).ok().filter(|wrap| WRAP_BYTES.contains(&wrap.len()));
    wrap.ok_or_else(|| Problem::malformed("a wrap is 64 to 128 bytes in base64url"))
}
