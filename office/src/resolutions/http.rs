//! Resolutions over HTTP.

use audit::Act;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use cabinet::Digest;
use cabinet::id::{ResolutionId, VoteId};
use policies::action::{DraftResolution, ListResolutions, ReadResolution, SealResolution, SignResolution};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::store::{self, Resolution};
use super::{by_card, draft, seal, sign};
use crate::app::{App, SignedIn};
use crate::cards;
use crate::dossiers;
use crate::entries::Draft;
use crate::error::Problem;
use crate::idempotency::Repeatable;
use crate::json::{Json, Path};
use crate::meetings::{self, store::Meeting};
use crate::people::Person;
use crate::store::SystemAct;
use crate::text::{Line, Paragraph};
use crate::trust::renewal;
use crate::votes;
use crate::votes::cast;
use crate::votes::http::Activation;

/// The routes of this room.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_resolutions))
        .routes(routes!(draft_resolution))
        .routes(routes!(get_resolution))
        .routes(routes!(sign_resolution))
        .routes(routes!(by_card::prepare_card_signature))
        .routes(routes!(by_card::download_prepared_revision, by_card::complete_card_signature))
        .routes(routes!(seal_resolution))
        .routes(routes!(download_archive))
}

/// A Resolution to be drafted; what is left out comes from the body's settings and the item.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewResolution {
    /// What it is about (trích yếu).
    #[schema(value_type = Option<String>)]
    pub(super) title: Option<Line>,
    /// Legal bases.
    #[schema(value_type = Option<Vec<String>>)]
    pub(super) bases: Option<Vec<Line>>,
    /// Articles.
    pub(super) articles: Option<Vec<NewArticle>>,
    /// Recipients.
    #[schema(value_type = Option<Vec<String>>)]
    pub(super) recipients: Option<Vec<Line>>,
}

/// An article to be drafted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewArticle {
    #[schema(value_type = Option<String>)]
    pub(super) heading: Option<Line>,
    #[schema(value_type = String)]
    pub(super) text: Paragraph,
}

/// What the authorised person signs, and what unlocks his key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSignature {
    /// Digest of the revision that he was shown.
    #[schema(value_type = String)]
    digest: Digest,
    activation: Activation,
}

/// What unlocks the clerk's part.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSeal {
    activation: Activation,
}

/// A Resolution.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResolutionView {
    #[schema(value_type = uuid::Uuid)]
    id: ResolutionId,
    #[schema(value_type = uuid::Uuid)]
    vote: VoteId,
    #[schema(value_type = uuid::Uuid)]
    meeting: String,
    #[schema(value_type = uuid::Uuid)]
    item: String,
    state: &'static str,
    title: String,
    /// `87/NQ-CP`, once sealed.
    number: Option<String>,
    issued_on: Option<String>,
    /// The current revision, to be read under `/api/documents`.
    #[schema(value_type = uuid::Uuid)]
    document: String,
    /// Its SHA-256.
    digest: String,
    n_pages: i64,
    /// Who is to sign.
    signer: Person,
    signed_by: Option<Person>,
    signed_at: Option<String>,
    sealed_at: Option<String>,
    /// Whether the person who asks has his key on the card in his own hand alone: he is to be asked for no PIN here.
    by_card_only: bool,
    actions: Vec<&'static str>,
}

/// Resolutions that this person may see.
#[derive(Debug, Serialize, ToSchema)]
pub struct Resolutions {
    resolutions: Vec<ResolutionView>,
}

/// Lists the Resolutions that this person may see, latest first: where the clerk finds what waits for his seal.
#[utoipa::path(get, path = "/api/resolutions", operation_id = "listResolutions", tag = "resolutions",
    responses((status = 200, body = Resolutions), (status = "4XX", body = Problem)))]
async fn list_resolutions(State(app): State<App>, who: SignedIn) -> Result<Json<Resolutions>, Problem> {
    app.permit(&who, ListResolutions, &app.office()).await?;
    let mut resolutions = Vec::new();
    for resolution in store::all(&app.db, &app.keys).await? {
        let meeting = meetings::store::load(&app.db, &app.keys, resolution.meeting).await?;
        if app.allows(&who, ReadResolution, &resolution.resource(&meeting)) {
            resolutions.push(view(&app, &who, &meeting, &resolution).await?);
        }
    }
    Ok(Json(Resolutions { resolutions }))
}

/// Drafts the Resolution that an adopted vote leads to: typesets it and reserves its blanks.
#[utoipa::path(post, path = "/api/votes/{vote}/resolution", operation_id = "draftResolution", tag = "resolutions",
    params(("vote" = uuid::Uuid, Path)), request_body = NewResolution,
    responses((status = 201, body = ResolutionView), (status = "4XX", body = Problem)))]
async fn draft_resolution(
    State(app): State<App>,
    who: SignedIn,
    Path(id): Path<VoteId>,
    Json(new): Json<NewResolution>,
) -> Result<(StatusCode, Json<ResolutionView>), Problem> {
    let (meeting, vote) = votes::http::load(&app, id).await?;
    let permit = app.permit(&who, DraftResolution, &vote.resource(&meeting)).await?;
    if store::of_vote(&app.db, &app.keys, id).await?.is_some() {
        return Err(Problem::conflict("resolution-exists", "this vote has its Resolution already"));
    }
    let id = draft::draft(&app, &who, &permit, &meeting, &vote, new).await?;
    let (meeting, resolution) = load(&app, id).await?;
    Ok((StatusCode::CREATED, Json(view(&app, &who, &meeting, &resolution).await?)))
}

/// A Resolution and how far it has come.
#[utoipa::path(get, path = "/api/resolutions/{resolution}", operation_id = "getResolution", tag = "resolutions",
    params(("resolution" = uuid::Uuid, Path)),
    responses((status = 200, body = ResolutionView), (status = "4XX", body = Problem)))]
async fn get_resolution(
    State(app): State<App>,
    who: SignedIn,
    Path(id): Path<ResolutionId>,
) -> Result<Json<ResolutionView>, Problem> {
    let (meeting, resolution) = load(&app, id).await?;
    app.permit(&who, ReadResolution, &resolution.resource(&meeting)).await?;
    Ok(Json(view(&app, &who, &meeting, &resolution).await?))
}

/// Signs the revision with the given digest as the authorised person.
#[utoipa::path(post, path = "/api/resolutions/{resolution}/signature", operation_id = "signResolution",
    tag = "resolutions", params(("resolution" = uuid::Uuid, Path), ("Idempotency-Key" = String, Header)),
    request_body = NewSignature,
    responses((status = 200, body = ResolutionView), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
async fn sign_resolution(
    State(app): State<App>,
    who: SignedIn,
    Path(id): Path<ResolutionId>,
    headers: HeaderMap,
    Json(new): Json<NewSignature>,
) -> Result<Json<ResolutionView>, Problem> {
    let repeatable = Repeatable::read(&headers, &who, "signResolution", &(id, new.digest))?;
    let (meeting, resolution) = load(&app, id).await?;
    if repeatable.earlier::<String>(&app).await?.is_none() {
        let permit = app.permit(&who, SignResolution, &resolution.resource(&meeting)).await?;
        let pin = new.activation.unlock(&app, &who, &new.digest).await?;
        sign::sign(&app, &who, &permit, &resolution, new.digest, pin, &repeatable).await?;
    }
    let (meeting, resolution) = load(&app, id).await?;
    Ok(Json(view(&app, &who, &meeting, &resolution).await?))
}

/// Takes the next number, dates the Resolution and puts the organisation's signature and seal on it.
#[utoipa::path(post, path = "/api/resolutions/{resolution}/seal", operation_id = "sealResolution",
    tag = "resolutions", params(("resolution" = uuid::Uuid, Path), ("Idempotency-Key" = String, Header)),
    request_body = NewSeal,
    responses((status = 200, body = ResolutionView), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
async fn seal_resolution(
    State(app): State<App>,
    who: SignedIn,
    Path(id): Path<ResolutionId>,
    headers: HeaderMap,
    Json(new): Json<NewSeal>,
) -> Result<Json<ResolutionView>, Problem> {
    let repeatable = Repeatable::read(&headers, &who, "sealResolution", &id)?;
    let (meeting, resolution) = load(&app, id).await?;
    if repeatable.earlier::<String>(&app).await?.is_none() {
        let permit = app.permit(&who, SealResolution, &resolution.resource(&meeting)).await?;
        // The clerk confirms the revision that he was shown: the current one, which he is about to seal.
        let document = dossiers::store::load(&app.db, &app.keys, resolution.document).await?;
        let pin = new.activation.unlock(&app, &who, &document.digest).await?;
        let clerk = cast::signer(&app, &who)?;
        seal::seal(&app, &who, &permit, &resolution, &clerk, pin, &repeatable).await?;
    }
    let (meeting, resolution) = load(&app, id).await?;
    Ok(Json(view(&app, &who, &meeting, &resolution).await?))
}

/// The sealed file with its proofs renewed, for keeping; 404 before the first renewal.
#[utoipa::path(get, path = "/api/resolutions/{resolution}/archive", operation_id = "downloadArchive",
    tag = "resolutions", params(("resolution" = uuid::Uuid, Path)),
    responses((status = 200, content_type = "application/pdf", body = Vec<u8>), (status = "4XX", body = Problem)))]
async fn download_archive(
    State(app): State<App>,
    who: SignedIn,
    Path(id): Path<ResolutionId>,
) -> Result<Response, Problem> {
    let (meeting, resolution) = load(&app, id).await?;
    let document = dossiers::store::load(&app.db, &app.keys, resolution.document).await?;
    app.permit(&who, policies::action::DownloadDocument, &document.resource(&meeting)).await?;
    let pdf = renewal::copy(&app, &resolution).await?.ok_or_else(Problem::not_found)?;
    let tx = app.db.begin_system(SystemAct("log a download")).await?;
    let body = [("document", document.id.to_string()), ("digest", Digest::of(&pdf).to_string())];
    tx.commit(app.now(), Draft::act(Act::DocumentDownloaded, Some(who.id), body)).await?;
    Ok(([(header::CONTENT_TYPE, "application/pdf")], Body::from(pdf.to_vec())).into_response())
}

pub(super) async fn load(app: &App, id: ResolutionId) -> Result<(Meeting, Resolution), Problem> {
    let resolution = store::load(&app.db, &app.keys, id).await?;
    let meeting = meetings::store::load(&app.db, &app.keys, resolution.meeting).await?;
    Ok((meeting, resolution))
}

pub(super) async fn view(
    app: &App,
    who: &SignedIn,
    meeting: &Meeting,
    resolution: &Resolution,
) -> Result<ResolutionView, Problem> {
    let document = dossiers::store::load(&app.db, &app.keys, resolution.document).await?;
    let resource = resolution.resource(meeting);
    let actions = [
        ("sign-resolution", app.allows(who, SignResolution, &resource)),
        ("seal-resolution", app.allows(who, SealResolution, &resource)),
        ("download", app.allows(who, policies::action::DownloadDocument, &document.resource(meeting))),
    ];
    Ok(ResolutionView {
        id: resolution.id,
        vote: resolution.vote,
        meeting: resolution.meeting.to_string(),
        item: resolution.item.to_string(),
        state: resolution.state.name(),
        title: resolution.title.clone(),
        number: resolution.number_text(),
        issued_on: resolution.sealed_at.map(|at| at.in_vietnam().date().to_string()),
        document: document.id.to_string(),
        digest: document.digest.to_string(),
        n_pages: document.n_pages,
        signer: app.directory.person(resolution.signer),
        signed_by: resolution.signed_at.map(|_| app.directory.person(resolution.signer)),
        signed_at: resolution.signed_at.map(cabinet::Timestamp::iso_vietnam),
        sealed_at: resolution.sealed_at.map(cabinet::Timestamp::iso_vietnam),
        by_card_only: cards::is_only_way(app, who),
        actions: actions.into_iter().filter_map(|(action, may)| may.then_some(action)).collect(),
    })
}
