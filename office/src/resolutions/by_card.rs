//! The authorised person's signature by the card in his own hand: prepared, signed elsewhere, completed.

use std::sync::Arc;

use audit::Act;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use cabinet::Digest;
use cabinet::id::ResolutionId;
use policies::action::SignResolution;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::http::{ResolutionView, load, view};
use super::sign;
use crate::app::{App, SignedIn};
use crate::cards::{self, Begun, CardSignature, KeyPlace, ToSignView};
use crate::entries::Draft;
use crate::error::Problem;
use crate::idempotency::Repeatable;
use crate::json::{Json, Path};
use crate::store::SystemAct;
use crate::text;
use crate::votes::view::LineView;

/// What the authorised person is about to sign with his card.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCardSignature {
    /// Digest of the revision that he was shown.
    #[schema(value_type = String)]
    digest: Digest,
}

/// The file that will be signed, whose signature still is an empty hole.
#[derive(Debug, Serialize, ToSchema)]
pub struct PreparedRevision {
    /// SHA-256 of the whole file, the hole still empty.
    digest: String,
    n_bytes: usize,
    /// Where the hole begins, brackets included; all else is signed.
    hole_start: usize,
    /// Where it ends.
    hole_end: usize,
    /// The same in words.
    readable: Vec<LineView>,
}

/// What the authorised person is shown, and what his card is to sign.
#[derive(Debug, Serialize, ToSchema)]
pub struct PreparedCardSignature {
    shown: PreparedRevision,
    to_sign: ToSignView,
}

/// Prepares the authorised person's signature for the card in his own hand.
///
/// Every check of `signResolution` is made and the intention is on disk; the Resolution is signed once
/// `completeCardSignature` brings the signature. What was prepared in the same session before is given up.
#[utoipa::path(post, path = "/api/resolutions/{resolution}/signature/card", operation_id = "prepareCardSignature",
    tag = "resolutions", params(("resolution" = Uuid, Path)), request_body = NewCardSignature,
    responses((status = 201, body = PreparedCardSignature), (status = "4XX", body = Problem),
        (status = "5XX", body = Problem)))]
pub(super) async fn prepare_card_signature(
    State(app): State<App>,
    who: SignedIn,
    Path(id): Path<ResolutionId>,
    Json(new): Json<NewCardSignature>,
) -> Result<(StatusCode, Json<PreparedCardSignature>), Problem> {
    let (meeting, resolution) = load(&app, id).await?;
    let permit = app.permit(&who, SignResolution, &resolution.resource(&meeting)).await?;
    let card = cards::own(&app, &who)?;
    cards::check_fit(&app, &card).await?;
    let key = KeyPlace::Card(&card);
    let begun = sign::begin(&app, &who, &permit, &resolution, new.digest, key).await?;
    let pdf = begun.prepared.unsigned();
    let hole = begun.prepared.hole();
    let shown = PreparedRevision {
        digest: Digest::of(pdf).to_string(),
        n_bytes: pdf.len(),
        hole_start: hole.start,
        hole_end: hole.end,
        readable: vec![
            LineView::new("Người ký", app.directory.person(who.id).name),
            LineView::new("Văn bản", format!("Nghị quyết {}", resolution.title)),
            LineView::new("Bản đã xem", format!("SHA-256 {}", new.digest)),
            LineView::new("Thời điểm", text::civil(&begun.at.iso_vietnam())),
        ],
    };
    let to_sign = cards::hold(&app, &who, Begun::Signature(Arc::new(begun))).await?;
    Ok((StatusCode::CREATED, Json(PreparedCardSignature { shown, to_sign })))
}

/// The file that was prepared: exactly what will be signed, its signature still an empty hole.
#[utoipa::path(get, path = "/api/resolutions/{resolution}/signature/card/{prepared}",
    operation_id = "downloadPreparedRevision", tag = "resolutions",
    params(("resolution" = Uuid, Path), ("prepared" = Uuid, Path)),
    responses((status = 200, content_type = "application/pdf", body = Vec<u8>), (status = "4XX", body = Problem)))]
pub(super) async fn download_prepared_revision(
    State(app): State<App>,
    who: SignedIn,
    Path((id, prepared)): Path<(ResolutionId, Uuid)>,
) -> Result<Response, Problem> {
    let (meeting, resolution) = load(&app, id).await?;
    app.permit(&who, SignResolution, &resolution.resource(&meeting)).await?;
    let Begun::Signature(begun) = cards::peek(&app, &who, prepared, &id.to_string())? else {
        return Err(Problem::not_found());
    };
    let pdf = begun.prepared.unsigned().to_vec();
    let tx = app.db.begin_system(SystemAct("log a download")).await?;
    let body = [("document", resolution.document.to_string()), ("digest", Digest::of(&pdf).to_string())];
    tx.commit(app.now(), Draft::act(Act::DocumentDownloaded, Some(who.id), body)).await?;
    Ok(([(header::CONTENT_TYPE, "application/pdf")], Body::from(pdf)).into_response())
}

/// Signs the Resolution with the signature that the authorised person's card made over what was prepared.
///
/// The signature is verified over exactly the prepared bytes, against the enrolled certificate, before anything
/// counts. What was prepared is used up by the first try, whatever comes of it.
#[utoipa::path(post, path = "/api/resolutions/{resolution}/signature/card/{prepared}",
    operation_id = "completeCardSignature", tag = "resolutions",
    params(("resolution" = Uuid, Path), ("prepared" = Uuid, Path), ("Idempotency-Key" = String, Header)),
    request_body = CardSignature,
    responses((status = 200, body = ResolutionView), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(super) async fn complete_card_signature(
    State(app): State<App>,
    who: SignedIn,
    Path((id, prepared)): Path<(ResolutionId, Uuid)>,
    headers: HeaderMap,
    Json(signed): Json<CardSignature>,
) -> Result<Json<ResolutionView>, Problem> {
    let request = (id, prepared, &signed.signature);
    let repeatable = Repeatable::read(&headers, &who, "completeCardSignature", &request)?;
    let (meeting, resolution) = load(&app, id).await?;
    if repeatable.earlier::<String>(&app).await?.is_none() {
        let permit = app.permit(&who, SignResolution, &resolution.resource(&meeting)).await;
        let (permit, begun) = cards::take(&app, &who, prepared, &id.to_string(), permit).await?;
        let Begun::Signature(begun) = begun else { return Err(Problem::not_found()) };
        sign::finish(&app, &who, &permit, &begun, &signed.signature.0, &repeatable).await?;
    }
    let (meeting, resolution) = load(&app, id).await?;
    Ok(Json(view(&app, &who, &meeting, &resolution).await?))
}
