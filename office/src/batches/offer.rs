//! What somebody may put on a list: which keys sign for him, at which levels, how much.

use axum::extract::State;
use policies::action::SignBatch;
use policies::resource::{KeyPurpose, SigningKey};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Level, MAX_DOCUMENT_BYTES, MAX_DOCUMENTS};
use crate::app::{App, SignedIn};
use crate::error::Problem;
use crate::json::Json;

/// The route of the offer.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_signing_offer))
}

/// Keys, levels and limits of lists, for whoever asks.
#[derive(Debug, Serialize, ToSchema)]
struct SigningOffer {
    /// The keys that sign for this person; none, if he signs no lists.
    keys: Vec<OfferedKey>,
    /// The levels that this appliance reaches: of `B`, `T`, `LT`, `LTA`.
    levels: Vec<&'static str>,
    /// The most documents of one list.
    n_documents_max: usize,
    /// The largest document, in bytes.
    n_bytes_max: usize,
}

/// A key that signs lists.
#[derive(Debug, Serialize, ToSchema)]
struct OfferedKey {
    label: String,
    /// Whose signature it makes, as its certificate says.
    holder: String,
    /// `batch`, or `organisation`: over what the authorised person has signed.
    purpose: &'static str,
}

/// Which keys sign lists for the caller, at which levels, and how much at a time.
#[utoipa::path(get, path = "/api/batches", operation_id = "getSigningOffer", tag = "batches",
    responses((status = 200, body = SigningOffer), (status = "4XX", body = Problem)))]
async fn get_signing_offer(State(app): State<App>, who: SignedIn) -> Json<SigningOffer> {
    let keys = app.keys.document_keys().filter_map(|key| {
        let resource = SigningKey { label: key.label().to_owned(), purpose: key.purpose() };
        app.allows(&who, SignBatch, &resource).then(|| OfferedKey {
            label: resource.label,
            holder: key.certificate().common_name(),
            purpose: match resource.purpose {
                KeyPurpose::Batch => "batch",
                KeyPurpose::Organisation => "organisation",
            },
        })
    });
    let is_reached = |level: &Level| *level == Level::B || app.trust.has_authority();
    Json(SigningOffer {
        keys: keys.collect(),
        levels: Level::ALL.iter().filter(|level| is_reached(level)).map(|level| level.name()).collect(),
        n_documents_max: MAX_DOCUMENTS,
        n_bytes_max: MAX_DOCUMENT_BYTES,
    })
}
