//! A document as a screen shows it.

use serde::Serialize;
use utoipa::ToSchema;

use super::store::Document;
use crate::app::{App, SignedIn};
use crate::meetings::store::Meeting;

/// A document.
#[derive(Debug, Serialize, ToSchema)]
pub struct DocumentView {
    id: String,
    title: String,
    /// `submission`, `draft`, `report`, `other`, `invitation` or `resolution`.
    kind: String,
    n_pages: i64,
    size_bytes: i64,
    /// SHA-256 of the file.
    digest: String,
    uploaded_at: String,
    #[schema(value_type = Option<uuid::Uuid>)]
    item: Option<String>,
    #[schema(value_type = uuid::Uuid)]
    meeting: String,
    #[schema(value_type = Option<uuid::Uuid>)]
    resolution: Option<String>,
    actions: Vec<&'static str>,
}

impl DocumentView {
    /// The document as `who` sees it.
    #[must_use]
    pub fn new(app: &App, who: &SignedIn, meeting: &Meeting, document: &Document) -> Self {
        let may_download = app.allows(who, policies::action::DownloadDocument, &document.resource(meeting));
        Self {
            id: document.id.to_string(),
            title: document.title.clone(),
            kind: document.kind.clone(),
            n_pages: document.n_pages,
            size_bytes: document.size_bytes,
            digest: document.digest.to_string(),
            uploaded_at: document.uploaded_at.iso_vietnam(),
            item: document.item.map(|id| id.to_string()),
            meeting: document.meeting.to_string(),
            resolution: document.resolution.map(|id| id.to_string()),
            actions: may_download.then_some("download").into_iter().collect(),
        }
    }
}
