//! Validation over HTTP: anybody's PDF against the appliance's trust anchors.
//!
//! The PDF is hostile. Few are judged at once, each under a deadline, on threads that may block; one that goes on after
//! its deadline keeps its place, so that late work cannot pile up.

use std::time::Duration;

use audit::Act;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use cabinet::{Digest, Timestamp};
use policies::action::ValidateDocument;
use serde::Serialize;
use signing::PdfError;
use signing::validation::{Context, Foreign, Report, etsi, text, validate_in};
use tokio::sync::Semaphore;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::{App, SignedIn};
use crate::entries::Draft;
use crate::error::Problem;
use crate::json::Json;

/// The largest PDF that is judged, in bytes (64 MiB).
const MAX_VALIDATED_BYTES: usize = 64 << 20;
/// Most documents that are judged at once.
const MAX_AT_ONCE: usize = 2;
/// How long one may take, in seconds.
const DEADLINE_S: u64 = 20;

static PLACES: Semaphore = Semaphore::const_new(MAX_AT_ONCE);

/// The routes of this room.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(validate_document)).layer(DefaultBodyLimit::max(MAX_VALIDATED_BYTES))
}

/// The report on a document, by ETSI EN 319 102-1.
#[derive(Debug, Serialize, ToSchema)]
pub struct ValidationView {
    /// SHA-256 of the document, hexadecimal.
    digest: String,
    /// The time of validation, ISO 8601.
    at: String,
    /// `signatures` and `timestamps`, as `ecabinet-audit verify --json` has them.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    report: Report,
    /// The same in Vietnamese lines.
    text: String,
}

/// Judges every signature and time-stamp of a PDF against the appliance's trust anchors. The PDF is not kept.
///
/// With `Accept: application/xml` the answer is the report of ETSI TS 119 102-2.
#[utoipa::path(post, path = "/api/validate", operation_id = "validateDocument", tag = "signing",
    request_body(content_type = "application/pdf", content = Vec<u8>),
    responses(
        (status = 200, content((ValidationView = "application/json"), (String = "application/xml"))),
        (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
async fn validate_document(
    State(app): State<App>,
    who: SignedIn,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let permit = app.permit(&who, ValidateDocument, &app.office()).await?;
    let pdf = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "the file is over the limit of 64 MiB")
        }
        _ => Problem::malformed(rejection.body_text()),
    })?;
    if let Some(foreign) = Foreign::of(&pdf) {
        return Err(Problem::unusable("format-not-judged", foreign.to_string()));
    }
    let (now, digest) = (app.now(), Digest::of(&pdf));
    let (report, xml) = judged(&app, pdf, now).await?;
    let tx = app.begin(&permit).await?;
    let entry = Draft::act(Act::DocumentValidated, Some(who.id), [("digest", digest.to_string())]);
    tx.commit(app.now(), entry).await?;
    if wants_xml(&headers) {
        return Ok(([(header::CONTENT_TYPE, "application/xml")], xml).into_response());
    }
    let text = text::of(&report);
    let view = ValidationView { digest: digest.to_string(), at: now.iso_vietnam(), report, text };
    Ok(Json(view).into_response())
}

/// The report and its XML.
async fn judged(app: &App, pdf: Bytes, at: Timestamp) -> Result<(Report, String), Problem> {
    let place = PLACES.try_acquire().map_err(|_full| {
        Problem::unavailable("overloaded", "other documents are being validated: try again shortly", 5)
    })?;
    let app = app.clone();
    let work = tokio::task::spawn_blocking(move || {
        let _place = place;
        let context = Context::at(Some(app.keys.trust()), at);
        let report = validate_in(&pdf, &context)?;
        let xml = etsi::to_xml(&report, &context);
        Ok((report, xml))
    });
    let Ok(done) = tokio::time::timeout(Duration::from_secs(DEADLINE_S), work).await else {
        return Err(Problem::unusable(
            "timeout",
            "the document takes too long to validate: use ecabinet-audit, or split it",
        ));
    };
    done.map_err(|err| Problem::internal(&err))?.map_err(|error: PdfError| match error {
        PdfError::TooLarge => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", error.to_string()),
        PdfError::Encrypted => Problem::unusable("pdf-encrypted", error.to_string()),
        PdfError::Damaged { .. } | PdfError::Disk(_) => {
            Problem::unusable("pdf-unreadable", error.to_string())
        }
    })
}

/// Whether XML is named before JSON, or JSON not at all.
fn wants_xml(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let mut kinds = accept.split(',').filter_map(|range| range.split(';').next()).map(str::trim);
    kinds
        .find(|kind| matches!(*kind, "application/xml" | "text/xml" | "application/json" | "*/*"))
        .is_some_and(|kind| kind.ends_with("/xml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_is_given_to_whom_asks_for_it_first() {
        for (accept, expected) in [
            ("application/xml", true),
            ("text/html, text/xml;q=0.9, */*", true),
            ("application/json, application/xml", false),
            ("*/*", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            assert_eq!(wants_xml(&headers), expected, "{accept}");
        }
    }
}
