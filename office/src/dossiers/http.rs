//! Papers over HTTP.

#![expect(unused_qualifications, reason = "the API's description macro writes whole paths")]

use audit::Act;
use audit::acts::DocumentUploaded;
use axum::body::Body;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use cabinet::id::{AgendaItemId, DocumentVersionId};
use papers::read::PageWords;
use policies::action::{DownloadDocument, ReadDocument, UploadDocument};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

use super::intake::{self, NewDocument};
use super::pages;
use super::store::{self, Document};
use super::view::DocumentView;
use crate::app::{App, SignedIn};
use crate::entries::Draft;
use crate::error::Problem;
use crate::json::{Json, Path, Query};
use crate::live::{Change, Live};
use crate::meetings::{self, store::Meeting};
use crate::store::SystemAct;
use crate::text::Line;
use crate::votes;

/// The largest paper, in bytes.
pub const MAX_PAPER_BYTES: usize = papers::read::MAX_PDF_BYTES;

/// The routes of this room.
pub fn routes() -> OpenApiRouter<App> {
    let upload = OpenApiRouter::new()
        .routes(routes!(upload_document))
        .layer(axum::extract::DefaultBodyLimit::max(MAX_PAPER_BYTES));
    OpenApiRouter::new()
        .routes(routes!(get_document))
        .routes(routes!(read_page))
        .routes(routes!(read_page_words))
        .routes(routes!(download_document))
        .merge(upload)
}

/// What an uploaded paper is.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NewPaper {
    /// Title.
    #[param(value_type = String)]
    title: Line,
    /// `submission` (tờ trình), `draft` (dự thảo), `report` (báo cáo) or `other`.
    #[serde(default)]
    #[param(value_type = Option<String>, pattern = "^(submission|draft|report|other)$")]
    kind: PaperKind,
}

/// Kinds of papers.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PaperKind {
    Submission,
    Draft,
    Report,
    #[default]
    Other,
}

impl PaperKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Submission => "submission",
            Self::Draft => "draft",
            Self::Report => "report",
            Self::Other => "other",
        }
    }
}

/// How wide a page image should be.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageSize {
    /// Pixels, 200 to 2400; 1200 if left out. The image may be wider.
    #[param(minimum = 200, maximum = 2400)]
    width: Option<u16>,
}

/// Words of a page with their places.
#[derive(Debug, Serialize, ToSchema)]
pub struct WordsView {
    /// Width of the page in points.
    width: f64,
    /// Height of the page in points.
    height: f64,
    words: Vec<WordView>,
}

/// A word; its place is measured in points from the top left.
#[derive(Debug, Serialize, ToSchema)]
pub struct WordView {
    text: String,
    x: f64,
    y: f64,
    w: f64,
    h: f64,
}

/// Takes a PDF in as a paper of an item: read, refused if it bears a secrecy stamp, sealed.
#[utoipa::path(post, path = "/api/items/{item}/documents", operation_id = "uploadDocument", tag = "papers",
    params(("item" = uuid::Uuid, Path), NewPaper),
    request_body(content_type = "application/pdf", content = Vec<u8>),
    responses((status = 201, body = DocumentView), (status = "4XX", body = Problem)))]
async fn upload_document(
    State(app): State<App>,
    who: SignedIn,
    Path(item): Path<AgendaItemId>,
    Query(new): Query<NewPaper>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<DocumentView>), Problem> {
    let item = meetings::store::item(&app.db, &app.keys, item).await?;
    let meeting = meetings::store::load(&app.db, &app.keys, item.meeting).await?;
    let permit = app.permit(&who, UploadDocument, &meeting.item_resource(&item)).await?;
    meeting.state.prepare()?;
    if votes::store::of_item(&app.db, &app.keys, item.id).await?.is_some() {
        return Err(Problem::conflict("vote-exists", "a vote on this item has frozen its papers"));
    }
    if !headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/pdf"))
    {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "not-a-pdf",
            "send the file itself as the body, with Content-Type: application/pdf",
        ));
    }
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "the file is over the limit of 64 MiB")
        }
        _ => Problem::malformed(rejection.body_text()),
    })?;
    let new = NewDocument {
        meeting: meeting.id,
        item: Some(item.id),
        resolution: None,
        kind: new.kind.name(),
        title: new.title.into_string(),
    };
    let taken = intake::take_in(&app, &who, new, Zeroizing::new(body.into())).await?;
    let document = taken.document.clone();
    let mut tx = app.begin(&permit).await?;
    let indexed = taken.record(&mut tx, &app).await?;
    // The meeting's papers are what a vote freezes: opening one now must look again.
    tx.touch(&item.id.to_string()).await?;
    tx.touch(&meeting.id.to_string()).await?;
    let change = Change {
        kind: "document-added",
        item: Some(item.id.to_string()),
        document: Some(document.id.to_string()),
        ..Change::default()
    };
    let event = Live::store(&mut tx, meeting.id, &change).await?;
    let fact = DocumentUploaded {
        digest: document.digest,
        document: document.id,
        item: item.id,
        meeting: meeting.id,
    };
    tx.commit(app.now(), Draft::fact(who.id, fact)).await?;
    app.searching.add(indexed);
    app.live.send(event);
    Ok((StatusCode::CREATED, Json(DocumentView::new(&app, &who, &meeting, &document))))
}

/// What a document is.
#[utoipa::path(get, path = "/api/documents/{document}", operation_id = "getDocument", tag = "papers",
    params(("document" = uuid::Uuid, Path)),
    responses((status = 200, body = DocumentView), (status = "4XX", body = Problem)))]
async fn get_document(
    State(app): State<App>,
    who: SignedIn,
    Path(id): Path<DocumentVersionId>,
) -> Result<Json<DocumentView>, Problem> {
    let (meeting, document) = load(&app, id).await?;
    app.permit(&who, ReadDocument, &document.resource(&meeting)).await?;
    Ok(Json(DocumentView::new(&app, &who, &meeting, &document)))
}

/// The image of a page, counted from 1.
#[utoipa::path(get, path = "/api/documents/{document}/pages/{page}", operation_id = "readPage", tag = "papers",
    params(("document" = uuid::Uuid, Path), ("page" = usize, Path, minimum = 1), PageSize),
    responses((status = 200, content_type = "image/png", body = Vec<u8>), (status = "4XX", body = Problem)))]
async fn read_page(
    State(app): State<App>,
    who: SignedIn,
    Path((id, page)): Path<(DocumentVersionId, usize)>,
    Query(size): Query<PageSize>,
) -> Result<Response, Problem> {
    let (meeting, document) = load(&app, id).await?;
    app.permit(&who, ReadDocument, &document.resource(&meeting)).await?;
    let page = page_index(&document, page)?;
    let image = pages::image(&app, &document, page, size.width.unwrap_or(1_200).clamp(200, 2_400)).await?;
    Ok(([(header::CONTENT_TYPE, "image/png")], image).into_response())
}

/// The words of a page with their places, for selecting, copying and reading aloud.
#[utoipa::path(get, path = "/api/documents/{document}/pages/{page}/words", operation_id = "readPageWords",
    tag = "papers", params(("document" = uuid::Uuid, Path), ("page" = usize, Path, minimum = 1)),
    responses((status = 200, body = WordsView), (status = "4XX", body = Problem)))]
async fn read_page_words(
    State(app): State<App>,
    who: SignedIn,
    Path((id, page)): Path<(DocumentVersionId, usize)>,
) -> Result<Json<WordsView>, Problem> {
    let (meeting, document) = load(&app, id).await?;
    app.permit(&who, ReadDocument, &document.resource(&meeting)).await?;
    let page = page_index(&document, page)?;
    let words = words(&app, &document).await?.into_iter().nth(page).ok_or_else(Problem::not_found)?;
    Ok(Json(WordsView {
        width: words.width,
        height: words.height,
        words: words
            .words
            .into_iter()
            .map(|word| WordView { text: word.text, x: word.x, y: word.y, w: word.w, h: word.h })
            .collect(),
    }))
}

/// The words of all pages of a document.
///
/// # Errors
///
/// 503.
pub async fn words(app: &App, document: &Document) -> Result<Vec<PageWords>, Problem> {
    let words = app.blobs.read(&app.db, &app.keys, document.words_blob).await?;
    serde_json::from_slice(&words).map_err(|err| Problem::internal(&err))
}

/// The file itself.
#[utoipa::path(get, path = "/api/documents/{document}/content", operation_id = "downloadDocument", tag = "papers",
    params(("document" = uuid::Uuid, Path)),
    responses((status = 200, content_type = "application/pdf", body = Vec<u8>), (status = "4XX", body = Problem)))]
async fn download_document(
    State(app): State<App>,
    who: SignedIn,
    Path(id): Path<DocumentVersionId>,
) -> Result<Response, Problem> {
    let (meeting, document) = load(&app, id).await?;
    app.permit(&who, DownloadDocument, &document.resource(&meeting)).await?;
    // On record before a byte leaves: what is taken away cannot be called back.
    let tx = app.db.begin_system(SystemAct("log a download")).await?;
    let body = [("document", id.to_string()), ("digest", document.digest.to_string())];
    tx.commit(app.now(), Draft::act(Act::DocumentDownloaded, Some(who.id), body)).await?;
    let paper = app.blobs.read(&app.db, &app.keys, document.paper_blob).await?;
    let name = format!("attachment; filename=\"{}.pdf\"", document.id);
    let disposition = HeaderValue::from_str(&name).map_err(|err| Problem::internal(&err))?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/pdf")),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    Ok((headers, Body::from(paper.to_vec())).into_response())
}

fn page_index(document: &Document, page: usize) -> Result<usize, Problem> {
    let n_pages = usize::try_from(document.n_pages).unwrap_or(0);
    if (1..=n_pages).contains(&page) { Ok(page.saturating_sub(1)) } else { Err(Problem::not_found()) }
}

/// A document with its meeting.
///
/// # Errors
///
/// 404, 503.
pub async fn load(app: &App, id: DocumentVersionId) -> Result<(Meeting, Document), Problem> {
    let document = store::load(&app.db, &app.keys, id).await?;
    let meeting = meetings::store::load(&app.db, &app.keys, document.meeting).await?;
    Ok((meeting, document))
}
