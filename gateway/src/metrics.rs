//! Metrics for the operator: closed labels only, on an address of their own.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use office::App;
use prometheus::{
    Encoder as _, HistogramOpts, HistogramVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

/// Seconds of a day.
const DAY_S: i64 = 86_400;

/// The appliance's metrics. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    requests: HistogramVec,
    tokens_well: IntGauge,
    token_up: IntGaugeVec,
    certificate_days: IntGaugeVec,
    connections: IntGauge,
}

impl Metrics {
    /// An empty registry with the appliance's metrics.
    ///
    /// # Errors
    ///
    /// A name is used twice; a fault of ours.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let requests = HistogramVec::new(
            HistogramOpts::new(
                "ecabinet_http_request_seconds",
                "Time until an answer began, by route and outcome",
            )
            .buckets(vec![0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0]),
            &["method", "route", "status"],
        )?;
        let tokens_well = IntGauge::with_opts(Opts::new(
            "ecabinet_tokens_well",
            "1 when every token of the appliance takes calls",
        ))?;
        let token_up = IntGaugeVec::new(
            Opts::new("ecabinet_token_up", "1 when this token of the configuration takes calls"),
            &["token"],
        )?;
        let certificate_days = IntGaugeVec::new(
            Opts::new(
                "ecabinet_certificate_days_left",
                "Days until the certificate of this key of the configuration ends",
            ),
            &["key"],
        )?;
        let connections = IntGauge::with_opts(Opts::new("ecabinet_connections", "Connections open now"))?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(tokens_well.clone()))?;
        registry.register(Box::new(token_up.clone()))?;
        registry.register(Box::new(certificate_days.clone()))?;
        registry.register(Box::new(connections.clone()))?;
        Ok(Self { registry, requests, tokens_well, token_up, certificate_days, connections })
    }

    /// Counts an answered request. `route` is a template of ours, never a path of a caller's.
    pub fn request(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        let class = match status.as_u16() {
            200..=299 => "2xx",
            300..=399 => "3xx",
            400..=499 => "4xx",
            _ => "5xx",
        };
        let method = match *method {
            Method::GET => "GET",
            Method::POST => "POST",
            Method::PUT => "PUT",
            Method::DELETE => "DELETE",
            _ => "other",
        };
        self.requests.with_label_values(&[method, route, class]).observe(took.as_secs_f64());
    }

    /// The gauge of open connections.
    #[must_use]
    pub const fn connections(&self) -> &IntGauge {
        &self.connections
    }

    /// The service of the metrics listener.
    pub fn service(self, app: App) -> Router {
        Router::new().route("/metrics", get(show)).with_state((self, app))
    }
}

async fn show(State((metrics, app)): State<(Metrics, App)>) -> Response {
    metrics.tokens_well.set(i64::from(app.keys.is_well()));
    // Labels are the names of parts and keys in the configuration: a closed set.
    for (token, health) in app.keys.token_health() {
        metrics.token_up.with_label_values(&[token.as_str()]).set(i64::from(health.is_up()));
    }
    let now = app.now();
    let certificates = app.keys.certified().map(|key| (key.label(), key.certificate()));
    let log = (app.keys.config().log.key.as_str(), app.keys.log_certificate());
    for (key, certificate) in certificates.chain([log]) {
        let left_s = certificate.not_after().as_seconds().saturating_sub(now.as_seconds());
        metrics.certificate_days.with_label_values(&[key]).set(left_s.div_euclid(DAY_S));
    }
    let encoder = TextEncoder::new();
    let mut text = Vec::new();
    if encoder.encode(&metrics.registry.gather(), &mut text).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}
