//! From cookie to person: every request's session is looked up, and the person's roles as they are now.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use cabinet::Role;
use office::people::sessions::{self, Session, Stage};
use office::{App, Problem, SignedIn};
use policies::{Factor, Principal};
use signing::Certificate;

use crate::throttle::{Throttle, TooMany};

/// Cookie of a signed-in session.
pub const COOKIE: &str = "__Host-session";
/// Cookie between the first and the second step of sign-in.
pub const FIRST_STEP_COOKIE: &str = "__Host-sign-in";

/// Which door a request came through.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Listener {
    /// Password and TOTP.
    Public,
    /// Client certificate.
    Card,
    /// Client certificate; officers, auditors and operators only.
    Admin,
    /// The appliance's own socket: commands on the same machine.
    Local,
    /// Trust services, over plain HTTP. Nobody signs in there.
    Services,
}

/// What we know of a connection ourselves.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// Its door.
    pub listener: Listener,
    /// The verified client certificate.
    pub certificate: Option<Certificate>,
}

/// What the door needs beside the office.
#[derive(Clone, Debug)]
pub struct Door {
    /// The office.
    pub app: App,
    /// Limits.
    pub throttle: Throttle,
}

/// Puts [`SignedIn`] into requests of a session in force, on the door that it may use.
pub async fn attach(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    let Some(token) = cookie(request.headers(), COOKIE) else { return next.run(request).await };
    let now = door.app.now();
    let found = match sessions::find(&door.app.db, token.as_bytes(), now).await {
        Ok(found) => found,
        Err(err) => return Problem::from(err).into_response(),
    };
    let Some(session) = found.filter(|session| session.stage == Stage::Full) else {
        return next.run(request).await;
    };
    if let Err(TooMany { retry_after_s }) = door.throttle.request(&session.id) {
        return too_many(retry_after_s).into_response();
    }
    let Some(principal) = principal(&door.app, &session) else { return next.run(request).await };
    if let Err(problem) = check_door(request.extensions().get::<Peer>(), &door.app, &principal, &session) {
        return problem.into_response();
    }
    if let Err(err) = sessions::seen(&door.app.db, &session, now).await {
        return Problem::from(err).into_response();
    }
    request.extensions_mut().insert(SignedIn { principal: Arc::new(principal), session: Arc::new(session) });
    next.run(request).await
}

/// A session opened on the appliance's own socket is good only there, and one opened with a card only with that card; the admin door is for those who watch over the house.
fn check_door(
    peer: Option<&Peer>,
    app: &App,
    principal: &Principal,
    session: &Session,
) -> Result<(), Problem> {
    let peer = peer.ok_or_else(Problem::not_signed_in)?;
    let is_local = session.factors.iter().any(|factor| factor == "local");
    if is_local != (peer.listener == Listener::Local) {
        return Err(Problem::not_signed_in());
    }
    if is_local {
        return Ok(());
    }
    let by_card = session.factors.iter().any(|factor| factor == "card");
    if by_card || peer.listener != Listener::Public {
        let holder = peer.certificate.as_ref().and_then(|certificate| app.directory.card_holder(certificate));
        if holder.is_none_or(|holder| holder.person.id != principal.id) {
            return Err(Problem::not_signed_in());
        }
    }
    let account = app.directory.account(principal.id).ok_or_else(Problem::not_signed_in)?;
    let watches = [Role::SecurityOfficer, Role::Operator, Role::Auditor];
    if peer.listener == Listener::Admin && !account.roles.iter().any(|role| watches.contains(role)) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "not-permitted",
            "this door is for officers, auditors and operators",
        ));
    }
    Ok(())
}

/// The person as policies see him, with his roles of now.
#[must_use]
pub fn principal(app: &App, session: &Session) -> Option<Principal> {
    let account = app.directory.account(session.person)?;
    let factors: BTreeSet<Factor> = session
        .factors
        .iter()
        .filter_map(|factor| match factor.as_str() {
            "password" => Some(Factor::Password),
            "totp" => Some(Factor::Totp),
            "card" => Some(Factor::Card),
            "local" => Some(Factor::Local),
            "pin" => Some(Factor::Pin),
            "passkey" => Some(Factor::Passkey),
            _ => None,
        })
        .collect();
    Some(Principal {
        id: session.person,
        roles: account.roles.clone(),
        factors,
        authenticated_at: session.created_at,
        session_epoch: session.epoch,
        unit: Some(account.person.unit.clone()),
        assists: account.assists,
    })
}

/// The value of a cookie; `None` if it is missing or sent twice.
#[must_use]
pub fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut values = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned());
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value),
        _ => None,
    }
}

/// 429 with the time to wait.
#[must_use]
pub fn too_many(retry_after_s: u64) -> Problem {
    let mut problem = Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too-many-tries",
        "too many requests: wait as long as Retry-After says",
    );
    problem.retry_after_s = Some(retry_after_s);
    problem
}
