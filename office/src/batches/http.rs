//! Batches over HTTP.

use audit::Act;
use audit::acts::BatchAuthorised;
use axum::body::{Body, BodyDataStream};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use cabinet::id::BatchId;
use cabinet::{Digest, Id, canonical};
use policies::action::SignBatch;
use policies::resource::SigningKey;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{
    AUTHORISED_S, Batch, BatchDocument, DocumentState, Level, MAX_DOCUMENTS, offer, received, sign, store,
};
use crate::app::{App, SignedIn};
use crate::entries::Draft;
use crate::error::Problem;
use crate::idempotency::Repeatable;
use crate::json::{Json, Path};
use crate::text::Line;
use crate::votes::cast;
use crate::votes::http::Activation;

/// The routes of this room.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(offer::routes())
        .routes(routes!(authorise_batch))
        .routes(routes!(get_batch, withdraw_batch))
        .routes(routes!(sign_batch_document))
}

/// A list of documents as it was reviewed, and what unlocks the signing of exactly these.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBatch {
    /// Label of the key that signs.
    key: String,
    /// `B`, `T`, `LT` or `LTA`.
    level: String,
    /// 1 to 1000 documents.
    documents: Vec<NewBatchDocument>,
    activation: Activation,
}

/// A document of the list.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBatchDocument {
    /// The name under which it was reviewed.
    #[schema(value_type = String)]
    name: Line,
    /// Its SHA-256, hexadecimal.
    #[schema(value_type = String)]
    digest: Digest,
}

/// A list and what became of each document.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatchView {
    #[schema(value_type = Uuid)]
    id: BatchId,
    key: String,
    level: &'static str,
    authorised_at: String,
    expires_at: String,
    documents: Vec<BatchDocumentView>,
}

/// A document of the list and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatchDocumentView {
    number: u32,
    name: String,
    digest: String,
    /// `authorised`, `signed`, `refused` or `withdrawn`.
    state: &'static str,
    /// The code of the reason, if it was refused.
    why: Option<String>,
    /// SHA-256 of the signed document.
    signed_digest: Option<String>,
}

/// Authorises the signing of exactly these documents, each once, within a quarter of an hour.
#[utoipa::path(post, path = "/api/batches", operation_id = "authoriseBatch", tag = "batches",
    params(("Idempotency-Key" = String, Header)), request_body = NewBatch,
    responses((status = 201, body = BatchView), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
async fn authorise_batch(
    State(app): State<App>,
    who: SignedIn,
    headers: HeaderMap,
    Json(new): Json<NewBatch>,
) -> Result<(StatusCode, Json<BatchView>), Problem> {
    let digests: Vec<_> = new.documents.iter().map(|document| document.digest).collect();
    let repeatable = Repeatable::read(&headers, &who, "authoriseBatch", &(&new.key, &new.level, &digests))?;
    if let Some(id) = repeatable.earlier::<BatchId>(&app).await? {
        return Ok((StatusCode::CREATED, Json(view(&own(&app, &who, id).await?))));
    }
    let permit = app.permit(&who, SignBatch, &resource(&app, &new.key)?).await?;
    let (batch, activation) = drawn_up(&app, &who, new)?;
    let signer = cast::signer(&app, &who)?;
    let pin = activation.unlock(&app, &who, &set_digest(&batch.documents)).await?;
    app.keys.check_pin(who.id, signer.token, pin).await?;
    let fact = BatchAuthorised {
        batch: batch.id,
        documents: set_digest(&batch.documents),
        key: batch.key.clone(),
        level: batch.level.to_string(),
        n_documents: batch.documents.len(),
    };
    let mut tx = app.begin(&permit).await?;
    store::insert(&mut tx, &app.keys, &batch).await?;
    repeatable.keep(&mut tx, &app, &batch.id, batch.authorised_at).await?;
    tx.commit(batch.authorised_at, Draft::fact(who.id, fact)).await?;
    Ok((StatusCode::CREATED, Json(view(&batch))))
}

/// One's own list and what became of each document.
#[utoipa::path(get, path = "/api/batches/{batch}", operation_id = "getBatch", tag = "batches",
    params(("batch" = Uuid, Path)),
    responses((status = 200, body = BatchView), (status = "4XX", body = Problem)))]
async fn get_batch(
    State(app): State<App>,
    who: SignedIn,
    Path(id): Path<BatchId>,
) -> Result<Json<BatchView>, Problem> {
    Ok(Json(view(&own(&app, &who, id).await?)))
}

/// Takes the authorisation of whatever is not signed yet back.
#[utoipa::path(delete, path = "/api/batches/{batch}", operation_id = "withdrawBatch", tag = "batches",
    params(("batch" = Uuid, Path)),
    responses((status = 200, body = BatchView), (status = "4XX", body = Problem)))]
async fn withdraw_batch(
    State(app): State<App>,
    who: SignedIn,
    Path(id): Path<BatchId>,
) -> Result<Json<BatchView>, Problem> {
    let batch = own(&app, &who, id).await?;
    let permit = app.permit(&who, SignBatch, &resource(&app, &batch.key)?).await?;
    let now = app.now();
    let mut tx = app.begin(&permit).await?;
    let n_left = store::withdraw(&mut tx, id, now).await?;
    let body = [("batch", id.to_string()), ("n_documents", n_left.to_string())];
    tx.commit(now, Draft::act(Act::BatchWithdrawn, Some(who.id), body)).await?;
    Ok(Json(view(&own(&app, &who, id).await?)))
}

/// Signs one document of the list: the body is the document, of 1 GiB at most, the answer is the signed document.
#[utoipa::path(put, path = "/api/batches/{batch}/documents/{number}", operation_id = "signBatchDocument",
    tag = "batches", params(("batch" = Uuid, Path), ("number" = u32, Path, minimum = 1)),
    request_body(content_type = "application/pdf", content = Vec<u8>),
    responses((status = 200, content_type = "application/pdf", body = Vec<u8>), (status = "4XX", body = Problem),
        (status = "5XX", body = Problem)))]
async fn sign_batch_document(
    State(app): State<App>,
    who: SignedIn,
    Path((id, number)): Path<(BatchId, u32)>,
    body: Body,
) -> Result<Response, Problem> {
    let mut pieces = body.into_data_stream();
    let signed = sign_one(&app, &who, id, number, &mut pieces).await;
    if signed.is_err() {
        received::pass_over(&mut pieces).await;
    }
    let (len, pdf) = signed?;
    let head =
        [(header::CONTENT_TYPE, "application/pdf".to_owned()), (header::CONTENT_LENGTH, len.to_string())];
    Ok((head, pdf).into_response())
}

async fn sign_one(
    app: &App,
    who: &SignedIn,
    id: BatchId,
    number: u32,
    pieces: &mut BodyDataStream,
) -> Result<(u64, Body), Problem> {
    let batch = own(app, who, id).await?;
    let permit = app.permit(who, SignBatch, &resource(app, &batch.key)?).await?;
    let document = batch.documents.iter().find(|document| document.number == number);
    let document = document.ok_or_else(Problem::not_found)?;
    if document.state != DocumentState::Authorised {
        return Err(Problem::conflict(
            "document-settled",
            format!(
                "this document is {} already: authorise a new list to sign it again",
                document.state.name()
            ),
        ));
    }
    if app.now() >= batch.expires_at {
        return Err(Problem::conflict(
            "batch-expired",
            "the authorisation of this list has expired: authorise what is left as a new list",
        ));
    }
    let (received, digest) = received::receive(&app.work, pieces).await?;
    let asked = sign::Asked { who, permit: &permit, batch: &batch, document };
    sign::sign(app, &asked, received, digest).await
}

/// The key as a resource; a label that no key of ours bears is not found.
fn resource(app: &App, label: &str) -> Result<SigningKey, Problem> {
    let key = app.keys.document_key(label).ok_or_else(Problem::not_found)?;
    Ok(SigningKey { label: label.to_owned(), purpose: key.purpose() })
}

/// The list as it will be recorded; what unlocks it is given back.
fn drawn_up(app: &App, who: &SignedIn, new: NewBatch) -> Result<(Batch, Activation), Problem> {
    let level: Level = new.level.parse().map_err(|err| Problem::unusable("bad-level", err))?;
    if level != Level::B && !app.trust.has_authority() {
        return Err(Problem::unusable(
            "level-unavailable",
            "this appliance has no time-stamping authority: choose level B",
        ));
    }
    if !(1..=MAX_DOCUMENTS).contains(&new.documents.len()) {
        return Err(Problem::unusable("bad-list", "a list has 1 to 1000 documents"));
    }
    let now = app.now();
    let documents = new
        .documents
        .into_iter()
        .zip(1..)
        .map(|(document, number)| BatchDocument {
            number,
            name: document.name.into_string(),
            digest: document.digest,
            state: DocumentState::Authorised,
            why: None,
            signed_digest: None,
        })
        .collect();
    let batch = Batch {
        id: Id::from_uuid(Uuid::now_v7()),
        person: who.id,
        key: new.key,
        level,
        authorised_at: now,
        expires_at: now.plus_seconds(AUTHORISED_S),
        documents,
    };
    Ok((batch, new.activation))
}

/// A batch of this very person; anybody else's is not found.
async fn own(app: &App, who: &SignedIn, id: BatchId) -> Result<Batch, Problem> {
    let batch = store::load(&app.db, &app.keys, id).await?;
    if batch.person == who.id { Ok(batch) } else { Err(Problem::not_found()) }
}

/// Digest of the canonical list of `[number, digest]`: what the log says was authorised.
fn set_digest(documents: &[BatchDocument]) -> Digest {
    let list: Vec<_> = documents.iter().map(|document| (document.number, document.digest)).collect();
    Digest::of(&canonical::to_bytes(&list))
}

fn view(batch: &Batch) -> BatchView {
    BatchView {
        id: batch.id,
        key: batch.key.clone(),
        level: batch.level.name(),
        authorised_at: batch.authorised_at.iso_vietnam(),
        expires_at: batch.expires_at.iso_vietnam(),
        documents: batch
            .documents
            .iter()
            .map(|document| BatchDocumentView {
                number: document.number,
                name: document.name.clone(),
                digest: document.digest.to_string(),
                state: document.state.name(),
                why: document.why.clone(),
                signed_digest: document.signed_digest.map(|digest| digest.to_string()),
            })
            .collect(),
    }
}
