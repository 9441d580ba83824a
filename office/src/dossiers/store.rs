//! Documents in SQL.

use cabinet::id::{AgendaItemId, DocumentVersionId, MeetingId, PersonId, ResolutionId};
use cabinet::{Digest, Timestamp};
use policies::resource::DocumentKind;
use sqlx::Row as _;
use sqlx::any::AnyRow;
use uuid::Uuid;

use crate::keys::Keys;
use crate::meetings::store::Meeting;
use crate::people::store::parse;
use crate::store::{Db, StoreError, Tx};

/// One version of one paper.
#[derive(Clone, Debug)]
pub struct Document {
    /// Id.
    pub id: DocumentVersionId,
    /// Version of its row.
    pub version: i64,
    /// Its meeting.
    pub meeting: MeetingId,
    /// Its item; invitations have none.
    pub item: Option<AgendaItemId>,
    /// The Resolution that it is a revision of.
    pub resolution: Option<ResolutionId>,
    /// `submission`, `draft`, `report`, `other`, `invitation` or `resolution`.
    pub kind: String,
    /// Title.
    pub title: String,
    /// Pages.
    pub n_pages: i64,
    /// Size of the file.
    pub size_bytes: i64,
    /// Digest of the file.
    pub digest: Digest,
    /// The sealed file.
    pub paper_blob: Uuid,
    /// The sealed words of its pages.
    pub words_blob: Uuid,
    /// Who took it in.
    pub uploaded_by: PersonId,
    /// When.
    pub uploaded_at: Timestamp,
}

impl Document {
    /// The document as a resource of `meeting`.
    #[must_use]
    pub fn resource(&self, meeting: &Meeting) -> policies::resource::Document {
        let sitting = meeting.sitting();
        let kind = match (self.resolution, self.item) {
            (Some(_), _) => DocumentKind::Resolution,
            (None, None) => DocumentKind::Invitation,
            (None, Some(_)) => DocumentKind::Dossier,
        };
        policies::resource::Document {
            id: self.id,
            version: self.version,
            invited: match self.item {
                Some(item) => meeting.invited_to(item),
                None => sitting.guests.clone(),
            },
            // A paper is given out with the invitations; one that comes later, at once.
            released: meeting.state != cabinet::meeting::MeetingState::Draft,
            kind,
            sitting,
        }
    }
}

/// The document of that id.
///
/// # Errors
///
/// * [`StoreError::NotFound`], [`StoreError::Unavailable`].
pub async fn load(db: &Db, keys: &Keys, id: DocumentVersionId) -> Result<Document, StoreError> {
    let row = sqlx::query(
        "select d.id, r.version, d.meeting, d.item, d.resolution, d.kind, d.title_sealed, d.n_pages, d.size_bytes, \
         d.digest, d.paper_blob, d.words_blob, d.uploaded_by, d.uploaded_at \
         from documents d join resources r on r.id = d.id where d.id = $1",
    )
    .bind(id.to_string())
    .fetch_one(db.readers())
    .await?;
    document(&row, keys)
}

/// All documents of a meeting, oldest first.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn of_meeting(db: &Db, keys: &Keys, meeting: MeetingId) -> Result<Vec<Document>, StoreError> {
    let rows = sqlx::query(
        "select d.id, r.version, d.meeting, d.item, d.resolution, d.kind, d.title_sealed, d.n_pages, d.size_bytes, \
         d.digest, d.paper_blob, d.words_blob, d.uploaded_by, d.uploaded_at \
         from documents d join resources r on r.id = d.id where d.meeting = $1 and d.resolution is null order by d.id",
    )
    .bind(meeting.to_string())
    .fetch_all(db.readers())
    .await?;
    rows.iter().map(|row| document(row, keys)).collect()
}

/// All documents, oldest first: what the index is built from.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn all(db: &Db, keys: &Keys) -> Result<Vec<Document>, StoreError> {
    let rows = sqlx::query(
        "select d.id, r.version, d.meeting, d.item, d.resolution, d.kind, d.title_sealed, d.n_pages, d.size_bytes, \
         d.digest, d.paper_blob, d.words_blob, d.uploaded_by, d.uploaded_at \
         from documents d join resources r on r.id = d.id order by d.id",
    )
    .fetch_all(db.readers())
    .await?;
    rows.iter().map(|row| document(row, keys)).collect()
}

fn document(row: &AnyRow, keys: &Keys) -> Result<Document, StoreError> {
    let id: String = row.try_get("id")?;
    let text = |name: &str| row.try_get::<String, _>(name);
    let title =
        keys.columns().open_text("documents", &id, "title", &row.try_get::<Vec<u8>, _>("title_sealed")?)?;
    Ok(Document {
        id: parse(&id)?,
        version: row.try_get("version")?,
        meeting: parse(&text("meeting")?)?,
        item: row.try_get::<Option<String>, _>("item")?.as_deref().map(parse).transpose()?,
        resolution: row.try_get::<Option<String>, _>("resolution")?.as_deref().map(parse).transpose()?,
        kind: text("kind")?,
        title,
        n_pages: row.try_get("n_pages")?,
        size_bytes: row.try_get("size_bytes")?,
        digest: parse(&text("digest")?)?,
        paper_blob: parse(&text("paper_blob")?)?,
        words_blob: parse(&text("words_blob")?)?,
        uploaded_by: parse(&text("uploaded_by")?)?,
        uploaded_at: Timestamp::from_micros(row.try_get("uploaded_at")?),
    })
}

/// Stores a document whose objects are written.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn insert(tx: &mut Tx, keys: &Keys, document: &Document) -> Result<(), StoreError> {
    let id = document.id.to_string();
    tx.new_resource(&id, "document").await?;
    sqlx::query(
        "insert into documents (id, meeting, item, resolution, kind, title_sealed, n_pages, size_bytes, digest, \
         paper_blob, words_blob, uploaded_by, uploaded_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(id.clone())
    .bind(document.meeting.to_string())
    .bind(document.item.map(|id| id.to_string()))
    .bind(document.resolution.map(|id| id.to_string()))
    .bind(document.kind.clone())
    .bind(keys.columns().seal("documents", &id, "title", document.title.as_bytes())?)
    .bind(document.n_pages)
    .bind(document.size_bytes)
    .bind(document.digest.to_string())
    .bind(document.paper_blob.to_string())
    .bind(document.words_blob.to_string())
    .bind(document.uploaded_by.to_string())
    .bind(document.uploaded_at.as_micros())
    .execute(tx.connection().await?)
    .await?;
    Ok(())
}
