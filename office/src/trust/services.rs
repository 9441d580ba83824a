//! The trust services that this appliance offers to others, over plain HTTP.
//!
//! Time-stamps; and for a TEST authority its list, its certificate and answers about what it issued. All of it is
//! signed, none of it is secret.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use audit::Act;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use cabinet::{Digest, Timestamp, canonical};
use signing::authority::Authority;
use signing::ocsp::{self, ErrorStatus, Reply, Responder};
use signing::register::Register;
use signing::timestamp::{
    Accuracy, Answer, Failure, MAX_REQUEST_BYTES, Policy, Rejection, Settings, respond,
};
use signing::{Certificate, Hash};
use uuid::Uuid;

use super::{TrustConfig, TrustServices};
use crate::app::App;
use crate::entries::Draft;
use crate::keys::{CertifiedKey, Keys, ToBeSigned};
use crate::store::SystemAct;

/// How long an answer about a certificate holds, in seconds.
const ANSWER_S: i64 = 24 * 3_600;
/// How often issued time-stamps are written into the log.
const JOURNAL_STEP: Duration = Duration::from_secs(1);

/// What this appliance offers.
#[derive(Debug)]
pub(super) struct Own {
    timestamping: Option<(CertifiedKey, Settings)>,
    responder: Option<CertifiedKey>,
    authorities: BTreeMap<String, TestAuthority>,
    /// Time-stamps issued since the last entry: serial number and digest of the token.
    journal: Mutex<Vec<(String, Digest)>>,
}

/// A TEST authority: its software key, and what it issued.
#[derive(Debug)]
struct TestAuthority {
    authority: Authority,
    register: Register,
}

impl Own {
    pub(super) fn open(config: &TrustConfig, keys: &Keys) -> Result<Self, String> {
        let timestamping = keys.timestamping().map(|key| Ok((key.clone(), settings(config, keys, key)?)));
        let mut authorities = BTreeMap::new();
        for test in &config.test_authorities {
            let read =
                |path: &std::path::Path| fs::read(path).map_err(|err| format!("{}: {err}", path.display()));
            let authority = Authority::from_pem(&read(&test.key)?)
                .map_err(|err| format!("{}: {err}", test.key.display()))?;
            let register: Register = serde_json::from_slice(&read(&test.register)?)
                .map_err(|err| format!("{}: {err}", test.register.display()))?;
            authorities.insert(test.name.clone(), TestAuthority { authority, register });
        }
        Ok(Self {
            timestamping: timestamping.transpose().map_err(|err: String| err)?,
            responder: keys.responder().cloned(),
            authorities,
            journal: Mutex::default(),
        })
    }

    /// The authority that issued the responder's certificate.
    fn responders_issuer(&self, responder: &Certificate) -> Option<&TestAuthority> {
        self.authorities
            .values()
            .find(|test| responder.is_issued_by(test.authority.certificate()).unwrap_or(false))
    }
}

fn settings(config: &TrustConfig, keys: &Keys, key: &CertifiedKey) -> Result<Settings, String> {
    let policy = config.timestamp_policy.as_deref();
    let policy =
        policy.ok_or("trust.timestamp_policy is missing: give the object identifier of your policy")?;
    let policy = Policy::parse(policy).map_err(|err| format!("trust.timestamp_policy: {err}"))?;
    let accuracy = Accuracy::from_micros(config.timestamp_accuracy_us);
    let hashes = [Hash::Sha256, Hash::Sha384, Hash::Sha512];
    Settings::verify(key.certificate(), keys.chain(), policy, accuracy, &hashes)
        .map_err(|err| format!("keys.timestamping: {err}"))
}

/// The services, for a listener of their own.
pub fn router(app: App) -> Router {
    tokio::spawn(journal(app.clone()));
    // Only once our own authority answers: it may be the one that is asked.
    TrustServices::start_renewal(app.clone());
    Router::new()
        .route("/tsa", post(stamp).layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES)))
        .route("/ocsp", post(answer).layer(DefaultBodyLimit::max(ocsp::MAX_REQUEST_BYTES)))
        .route("/{file}", get(file))
        .with_state(app)
}

/// Issues a time-stamp (RFC 3161 over HTTP).
async fn stamp(State(app): State<App>, headers: HeaderMap, body: Bytes) -> Response {
    let Some((key, settings)) = &app.trust.0.own.timestamping else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if headers.get(header::CONTENT_TYPE).is_none_or(|kind| kind != "application/timestamp-query") {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let der = match issue(&app, key, settings, &body).await {
        Ok(der) => der,
        Err(rejection) => rejection.to_der(),
    };
    ([(header::CONTENT_TYPE, "application/timestamp-reply")], der).into_response()
}

async fn issue(
    app: &App,
    key: &CertifiedKey,
    settings: &Settings,
    request: &[u8],
) -> Result<Vec<u8>, Rejection> {
    let now = app.now();
    let drift_us = app.trust.0.watch.drift_us(now);
    if drift_us > u64::from(app.trust.0.config.timestamp_accuracy_us) || app.keys.check_clock().is_err() {
        tracing::error!(
            drift_us,
            "the clock was set or drifts: no time-stamps until the appliance is started again"
        );
        return Err(Rejection::new(Failure::TimeNotAvailable, "the clock cannot be relied on now"));
    }
    let serial = Uuid::now_v7();
    let prepared = match respond(request, settings, serial.as_u128(), now) {
        Answer::ToSign(prepared) => prepared,
        Answer::Rejected(rejection) => return Err(rejection),
    };
    let failed = |err: &dyn std::fmt::Display| {
        tracing::error!(%err, "a time-stamp could not be signed");
        Rejection::new(Failure::SystemFailure, "the authority failed; ask another one, or later")
    };
    let raw = key
        .sign(ToBeSigned::new(prepared.algorithm(), prepared.to_sign()))
        .await
        .map_err(|err| failed(&err))?;
    let der = prepared.embed(raw.as_bytes()).map_err(|err| failed(&err))?;
    let mut journal = app.trust.0.own.journal.lock().unwrap_or_else(PoisonError::into_inner);
    journal.push((serial.simple().to_string(), Digest::of(&der)));
    Ok(der)
}

/// Writes what was issued into the log, one entry a second at most.
async fn journal(app: App) {
    loop {
        tokio::time::sleep(JOURNAL_STEP).await;
        let own = &app.trust.0.own;
        let issued = std::mem::take(&mut *own.journal.lock().unwrap_or_else(PoisonError::into_inner));
        let (Some((first, _)), Some((last, _))) = (issued.first(), issued.last()) else { continue };
        let body = [
            ("digest", Digest::of(&canonical::to_bytes(&issued)).to_string()),
            ("first", first.clone()),
            ("last", last.clone()),
            ("n", issued.len().to_string()),
        ];
        let draft = Draft::act(Act::TimestampsIssued, None, body);
        let kept = match app.db.begin_system(SystemAct("journal time-stamps")).await {
            Ok(tx) => tx.commit(app.now(), draft).await.map(|_| ()),
            Err(err) => Err(err),
        };
        if let Err(err) = kept {
            tracing::error!(%err, "issued time-stamps could not be logged; trying again");
            let mut journal = own.journal.lock().unwrap_or_else(PoisonError::into_inner);
            let newer = std::mem::replace(&mut *journal, issued);
            journal.extend(newer);
        }
    }
}

/// Answers about a certificate of the TEST authority that appointed our responder (RFC 6960 over HTTP).
async fn answer(State(app): State<App>, body: Bytes) -> Response {
    let der = match judge(&app, &body).await {
        Ok(der) => der,
        Err(status) => ocsp::error_response(status),
    };
    ([(header::CONTENT_TYPE, "application/ocsp-response")], der).into_response()
}

async fn judge(app: &App, request: &[u8]) -> Result<Vec<u8>, ErrorStatus> {
    let own = &app.trust.0.own;
    let responder = own.responder.as_ref().ok_or(ErrorStatus::Unauthorized)?;
    let issuer = own.responders_issuer(responder.certificate()).ok_or(ErrorStatus::Unauthorized)?;
    let asked = Responder {
        certificate: responder.certificate(),
        issuer: issuer.authority.certificate(),
        now: app.now(),
        validity_s: ANSWER_S,
    };
    let failed = |err: &dyn std::fmt::Display| {
        tracing::error!(%err, "a certificate's status could not be answered");
        ErrorStatus::InternalError
    };
    let reply = ocsp::respond(request, &asked, |serial| issuer.register.status(serial));
    let prepared = match reply.map_err(|err| failed(&err))? {
        Reply::Ready(der) => return Ok(der),
        Reply::ToSign(prepared) => prepared,
    };
    let raw = responder
        .sign(ToBeSigned::new(prepared.algorithm(), prepared.to_sign()))
        .await
        .map_err(|err| failed(&err))?;
    prepared.embed(raw.as_bytes()).map_err(|err| failed(&err))
}

/// `NAME.crl` and `NAME.crt` of a TEST authority.
async fn file(State(app): State<App>, Path(name): Path<String>) -> Response {
    let found = name.rsplit_once('.').and_then(|(name, kind)| {
        let test = app.trust.0.own.authorities.get(name)?;
        content(test, kind, app.now())
    });
    match found {
        Some((kind, der)) => ([(header::CONTENT_TYPE, kind)], der).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn content(test: &TestAuthority, kind: &str, now: Timestamp) -> Option<(&'static str, Vec<u8>)> {
    match kind {
        "crt" => Some(("application/pkix-cert", test.authority.certificate().to_der().to_vec())),
        "crl" => test
            .authority
            .crl_of(&test.register, now)
            .inspect_err(|err| tracing::error!(%err, "a TEST authority's list could not be signed"))
            .ok()
            .map(|der| ("application/pkix-crl", der)),
        _ => None,
    }
}
