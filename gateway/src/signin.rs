//! Signing in and out: password, then a one-time code; or a passkey; or a card.

mod passkey;

use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use cabinet::Timestamp;
use cabinet::id::PersonId;
use office::json::Json;
use office::people::sessions::{self, Session, Stage};
use office::people::{Person, store};
use office::store::StoreError;
use office::text::Secret;
use office::{App, Problem, SignedIn};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

use crate::passwords::{MAX_PASSWORD_BYTES, Passwords};
use crate::session::{COOKIE, FIRST_STEP_COOKIE, Listener, Peer, cookie, too_many};
use crate::throttle::{Throttle, TooMany};
use crate::totp;

/// Bytes of a session token.
const TOKEN_BYTES: usize = 32;

/// The routes of the door.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(sign_in, who_am_i, sign_out))
        .routes(routes!(second_step))
        .routes(routes!(passkey::sign_in))
        .routes(routes!(passkey::begin))
        .routes(routes!(card))
        .routes(routes!(local))
}

/// Account and password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FirstStep {
    username: String,
    #[schema(value_type = String, format = Password)]
    password: Secret,
}

/// A one-time code.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecondStep {
    #[schema(value_type = String)]
    code: Secret,
}

/// Account and the PIN of its token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LocalStep {
    username: String,
    #[schema(value_type = String, format = Password)]
    pin: Secret,
}

/// What comes next.
#[derive(Debug, Serialize, ToSchema)]
pub struct Next {
    next: &'static str,
}

/// Who signed in.
#[derive(Debug, Serialize, ToSchema)]
pub struct Welcome {
    member: Person,
    roles: Vec<&'static str>,
}

/// Who I am.
#[derive(Debug, Serialize, ToSchema)]
pub struct Me {
    person: Person,
    roles: Vec<&'static str>,
    factors: Vec<String>,
    signed_in_at: String,
    expires_at: String,
}

/// First step: account and password. The answer sets a cookie for the second step.
#[utoipa::path(post, path = "/api/session", operation_id = "signIn", tag = "session", request_body = FirstStep,
    responses((status = 200, body = Next), (status = "4XX", body = Problem)))]
async fn sign_in(
    State(app): State<App>,
    Extension(passwords): Extension<Passwords>,
    Extension(throttle): Extension<Throttle>,
    Extension(peer): Extension<Peer>,
    Json(step): Json<FirstStep>,
) -> Result<Response, Problem> {
    if peer.listener != Listener::Public {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "card-needed",
            "sign in with your card on this door",
        ));
    }
    limit(throttle.sign_in(peer.address))?;
    if step.password.expose().len() > MAX_PASSWORD_BYTES || step.username.len() > MAX_PASSWORD_BYTES {
        return Err(failed());
    }
    limit(throttle.may_try(&step.username, peer.address))?;
    let found = store::credentials(&app.db, &app.keys, &step.username).await?;
    let phc = found.as_ref().map(|found| found.password_phc.clone());
    let is_right =
        passwords.is_right(step.password.into_inner(), phc).await.map_err(|err| Problem::internal(&err))?;
    let now = app.now();
    let Some(found) = found.filter(|_| is_right) else {
        return Err(refuse(&app, &throttle, &peer, None, &step.username, "password", now).await?);
    };
    let token = draw_token()?;
    sessions::begin(
        &app.db,
        sessions::NewSession {
            token: token.as_bytes(),
            person: found.person,
            epoch: found.epoch,
            factors: &["password"],
            stage: Stage::Password,
            used_step: None,
        },
        now,
    )
    .await?;
    let cookie = set_cookie(FIRST_STEP_COOKIE, &token, sessions::SECOND_STEP_LIMIT_S)?;
    Ok(([(header::SET_COOKIE, cookie)], Json(Next { next: "totp" })).into_response())
}

/// Second step: the code of the authenticator app. Each code works once.
#[utoipa::path(post, path = "/api/session/totp", operation_id = "signInTotp", tag = "session",
    request_body = SecondStep,
    responses((status = 200, body = Welcome), (status = "4XX", body = Problem)))]
async fn second_step(
    State(app): State<App>,
    Extension(throttle): Extension<Throttle>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Json(step): Json<SecondStep>,
) -> Result<Response, Problem> {
    limit(throttle.sign_in(peer.address))?;
    let now = app.now();
    let first = cookie(&headers, FIRST_STEP_COOKIE).ok_or_else(failed)?;
    let first = sessions::find(&app.db, first.as_bytes(), now).await?;
    let first = first.filter(|session| session.stage == Stage::Password).ok_or_else(failed)?;
    let account = app.directory.account(first.person).ok_or_else(failed)?;
    limit(throttle.may_try(&account.person.username, peer.address))?;
    let credentials = store::credentials_by_id(&app.db, &app.keys, first.person).await?;
    let matched = totp::matching_step(&credentials.totp_secret, step.code.expose().trim(), now)
        .map_err(|err| Problem::internal(&err))?;
    let Some(matched) = matched else {
        let name = account.person.username.clone();
        return Err(refuse(&app, &throttle, &peer, Some(first.person), &name, "totp", now).await?);
    };
    let token = draw_token()?;
    let begun = sessions::begin(
        &app.db,
        sessions::NewSession {
            token: token.as_bytes(),
            person: first.person,
            epoch: credentials.epoch,
            factors: &["password", "totp"],
            stage: Stage::Full,
            used_step: Some(matched),
        },
        now,
    )
    .await;
    match begun {
        Ok(()) => {}
        Err(StoreError::Conflict) => {
            sessions::refused(&app.db, Some(first.person), "totp-replayed", now).await?;
            return Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "code-already-used",
                "this code was used already: wait for the next one",
            ));
        }
        Err(err) => return Err(err.into()),
    }
    sessions::end(&app.db, &first, now).await?;
    throttle.succeeded(&account.person.username, peer.address);
    welcome(&app, first.person, &token)
}

/// Signs in with the certificate that the card listener verified.
#[utoipa::path(post, path = "/api/session/card", operation_id = "signInCard", tag = "session",
    responses((status = 200, body = Welcome), (status = "4XX", body = Problem)))]
async fn card(
    State(app): State<App>,
    Extension(throttle): Extension<Throttle>,
    Extension(peer): Extension<Peer>,
) -> Result<Response, Problem> {
    limit(throttle.sign_in(peer.address))?;
    let now = app.now();
    let holder = peer.certificate.as_ref().and_then(|certificate| app.directory.card_holder(certificate));
    let Some(holder) = holder else {
        sessions::refused(&app.db, None, "card", now).await?;
        return Err(failed());
    };
    let person = holder.person.id;
    let credentials = store::credentials_by_id(&app.db, &app.keys, person).await?;
    let token = draw_token()?;
    sessions::begin(
        &app.db,
        sessions::NewSession {
            token: token.as_bytes(),
            person,
            epoch: credentials.epoch,
            factors: &["card"],
            stage: Stage::Full,
            used_step: None,
        },
        now,
    )
    .await?;
    welcome(&app, person, &token)
}

/// Signs in on the appliance's own socket, for commands on the same machine. The session signs lists of documents
/// and does nothing else.
#[utoipa::path(post, path = "/api/session/local", operation_id = "signInLocal", tag = "session",
    request_body = LocalStep,
    responses((status = 200, body = Welcome), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
async fn local(
    State(app): State<App>,
    Extension(throttle): Extension<Throttle>,
    Extension(peer): Extension<Peer>,
    Json(step): Json<LocalStep>,
) -> Result<Response, Problem> {
    if peer.listener != Listener::Local {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "local-only",
            "this way in is for commands on the appliance's own machine",
        ));
    }
    if step.username.len() > MAX_PASSWORD_BYTES {
        return Err(failed());
    }
    limit(throttle.may_try(&step.username, peer.address))?;
    let now = app.now();
    let account = app.directory.account_of(&step.username);
    let Some((person, signer)) =
        account.and_then(|account| Some((account.person.id, account.signer.clone()?)))
    else {
        return Err(refuse(&app, &throttle, &peer, None, &step.username, "local", now).await?);
    };
    let pin = office::passkeys::unlock::pin_alone(&app, person, step.pin).await?;
    app.keys.check_pin(person, signer.token, pin).await?;
    let credentials = store::credentials_by_id(&app.db, &app.keys, person).await?;
    let token = draw_token()?;
    sessions::begin(
        &app.db,
        sessions::NewSession {
            token: token.as_bytes(),
            person,
            epoch: credentials.epoch,
            factors: &["local", "pin"],
            stage: Stage::Full,
            used_step: None,
        },
        now,
    )
    .await?;
    throttle.succeeded(&step.username, peer.address);
    welcome(&app, person, &token)
}

/// Who is signed in, how, and until when.
#[utoipa::path(get, path = "/api/session", operation_id = "whoAmI", tag = "session",
    responses((status = 200, body = Me), (status = "4XX", body = Problem)))]
async fn who_am_i(State(app): State<App>, who: SignedIn) -> Json<Me> {
    let session: &Session = &who.session;
    Json(Me {
        person: app.directory.person(who.id),
        roles: who.roles.iter().map(|role| role.name()).collect(),
        factors: session.factors.clone(),
        signed_in_at: session.created_at.iso_vietnam(),
        expires_at: session.expires_at.iso_vietnam(),
    })
}

/// Signs out: the session is gone on the server, and the browser forgets what it kept.
#[utoipa::path(delete, path = "/api/session", operation_id = "signOut", tag = "session",
    responses((status = 204), (status = "4XX", body = Problem)))]
async fn sign_out(State(app): State<App>, who: SignedIn) -> Result<Response, Problem> {
    sessions::end(&app.db, &who.session, app.now()).await?;
    let clear = HeaderValue::from_static("\"cache\", \"storage\"");
    let headers = [
        (header::SET_COOKIE, set_cookie(COOKIE, "", 0)?),
        (header::HeaderName::from_static("clear-site-data"), clear),
    ];
    Ok((StatusCode::NO_CONTENT, headers).into_response())
}

fn welcome(app: &App, person: PersonId, token: &str) -> Result<Response, Problem> {
    let account = app.directory.account(person).ok_or_else(failed)?;
    let body = Welcome {
        member: account.person.clone(),
        roles: account.roles.iter().map(|role| role.name()).collect(),
    };
    let mut response = Json(body).into_response();
    for cookie in [set_cookie(COOKIE, token, sessions::TOTAL_LIMIT_S)?, set_cookie(FIRST_STEP_COOKIE, "", 0)?]
    {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// The same words whatever was wrong.
fn failed() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "sign-in-failed", "account, password or code is not right")
}

async fn refuse(
    app: &App,
    throttle: &Throttle,
    peer: &Peer,
    person: Option<PersonId>,
    account: &str,
    step: &'static str,
    now: Timestamp,
) -> Result<Problem, Problem> {
    throttle.failed(account, peer.address);
    sessions::refused(&app.db, person, step, now).await?;
    Ok(failed())
}

fn limit(checked: Result<(), TooMany>) -> Result<(), Problem> {
    checked.map_err(|TooMany { retry_after_s }| too_many(retry_after_s))
}

fn draw_token() -> Result<Zeroizing<String>, Problem> {
    let mut bytes = Zeroizing::new([0; TOKEN_BYTES]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|err| Problem::internal(&err))?;
    Ok(Zeroizing::new(hex::encode(bytes.as_slice())))
}

fn set_cookie(name: &str, value: &str, lifetime_s: i64) -> Result<HeaderValue, Problem> {
    let cookie = format!("{name}={value}; Path=/; Max-Age={lifetime_s}; Secure; HttpOnly; SameSite=Strict");
    let mut value = HeaderValue::from_str(&cookie).map_err(|err| Problem::internal(&err))?;
    value.set_sensitive(true);
    Ok(value)
}
