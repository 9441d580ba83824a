//! What every request passes: host, origin, headers, limits; and what every answer carries.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use office::{App, Problem};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;
use uuid::Uuid;

use crate::assets;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::passwords::Passwords;
use crate::session::{self, Door};
use crate::signin;
use crate::throttle::Throttle;

/// Names and ports that requests may be for.
#[derive(Clone, Debug)]
pub struct Names {
    hosts: Arc<Vec<String>>,
}

/// What stands on every answer.
const ALWAYS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, assets::CONTENT_SECURITY_POLICY),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// The whole service: office, sign-in, client, and the layers around them.
///
/// # Errors
///
/// The API's description cannot be written.
pub fn service(
    app: &App,
    config: &Config,
    passwords: Passwords,
    metrics: Metrics,
) -> Result<Router, serde_json::Error> {
    let throttle = Throttle::new(&config.limits);
    tokio::spawn(throttle.clone().sweep());
    let door = Door { app: app.clone(), throttle: throttle.clone() };
    let names = Names { hosts: Arc::new(config.listen.names.clone()) };
    let router = office::router::finish(office::router::routes().merge(signin::routes()), app.clone())?;
    let deadline = Duration::from_secs(config.limits.request_s);
    Ok(router
        .route("/", axum::routing::get(assets::index))
        .route("/assets/{*path}", axum::routing::get(assets::asset))
        .route("/{*screen}", axum::routing::get(assets::index_for_screens))
        .layer(axum::Extension(passwords))
        .layer(axum::Extension(throttle))
        .layer(middleware::from_fn_with_state(door, session::attach))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, deadline))
        .layer(CatchPanicLayer::custom(on_panic))
        .layer(middleware::from_fn_with_state(metrics, measure))
        .layer(middleware::from_fn_with_state(names, hygiene)))
}

/// Refuses what is not for us or not from us, and puts the standing headers on the answer.
async fn hygiene(State(names): State<Names>, request: Request, next: Next) -> Response {
    let id = Uuid::now_v7().to_string();
    let is_api = request.uri().path().starts_with("/api/") || request.uri().path().starts_with("/log/");
    let mut response = match names.check(&request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if is_api {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    response
}

impl Names {
    fn check(&self, request: &Request) -> Result<(), Problem> {
        let authority = authority(request).ok_or_else(|| Problem::malformed("name the host, once"))?;
        let is_ours = self.hosts.iter().any(|host| host == host_of(&authority));
        if !is_ours {
            return Err(Problem::new(
                StatusCode::MISDIRECTED_REQUEST,
                "unknown-host",
                "this is not that host",
            ));
        }
        if matches!(*request.method(), Method::GET | Method::HEAD) {
            return Ok(());
        }
        if !matches!(*request.method(), Method::POST | Method::PUT | Method::DELETE) {
            return Err(Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "this method is not used here",
            ));
        }
        // A page of another origin can make the browser send our cookie, but not another Origin than its own.
        let mut origins = request.headers().get_all(header::ORIGIN).iter();
        let ours = format!("https://{authority}");
        match (origins.next(), origins.next()) {
            (Some(origin), None) if origin.as_bytes() == ours.as_bytes() => Ok(()),
            _ => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "foreign-origin",
                "requests that change something need an Origin header of this very host",
            )),
        }
    }
}

/// The host and port that a request is for: HTTP/2's authority or HTTP/1.1's Host, exactly one.
fn authority(request: &Request) -> Option<String> {
    let from_uri = Uri::authority(request.uri()).map(ToString::to_string);
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let from_header = match (hosts.next(), hosts.next()) {
        (Some(host), None) => Some(host.to_str().ok()?.to_owned()),
        (None, _) => None,
        (Some(_), Some(_)) => return None,
    };
    match (from_uri, from_header) {
        (Some(uri), Some(host)) if uri != host => None,
        (uri, host) => uri.or(host),
    }
}

fn host_of(authority: &str) -> &str {
    authority.rsplit_once(':').map_or(authority, |(host, _)| host)
}

async fn measure(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned());
    let method = request.method().clone();
    let response = next.run(request).await;
    metrics.request(&method, &route, response.status(), started.elapsed());
    response
}

#[expect(clippy::needless_pass_by_value, reason = "the layer's signature")]
fn on_panic(panic: Box<dyn std::any::Any + Send>) -> Response {
    let what = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("unknown panic");
    Problem::internal(&what).into_response()
}
