//! Taking a paper in: read in the parser process, refused if it bears a secrecy stamp, sealed, then recorded.

use std::path::Path;

use audit::Act;
use axum::http::StatusCode;
use cabinet::id::{AgendaItemId, MeetingId, ResolutionId};
use cabinet::{Digest, Id};
use papers::read::PageWords;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::store::{self, Document};
use crate::app::{App, SignedIn};
use crate::blobs::{BlobError, Written};
use crate::entries::Draft;
use crate::error::Problem;
use crate::parser::{Inspected, ParserError, Refused};
use crate::search::IndexedPaper;
use crate::store::{StoreError, SystemAct, Tx};

/// What a new document is of.
#[derive(Clone, Debug)]
pub struct NewDocument {
    /// Its meeting.
    pub meeting: MeetingId,
    /// Its item.
    pub item: Option<AgendaItemId>,
    /// Its Resolution.
    pub resolution: Option<ResolutionId>,
    /// Kind, in the words of the API.
    pub kind: &'static str,
    /// Title.
    pub title: String,
}

/// A paper that was read and sealed, and waits for its act.
#[derive(Debug)]
#[must_use = "record it within an act"]
pub struct TakenIn {
    /// The document as it will be recorded.
    pub document: Document,
    paper: Written,
    words: Written,
    text: Vec<String>,
}

/// Reads, checks and seals a paper.
///
/// # Errors
///
/// 422 with the reason; nothing of a refused paper is kept, only an entry that one was refused.
pub async fn take_in(
    app: &App,
    who: &SignedIn,
    new: NewDocument,
    bytes: Zeroizing<Vec<u8>>,
) -> Result<TakenIn, Problem> {
    let inspected = match inspect(app, &bytes).await {
        Ok(inspected) => inspected,
        Err(problem) if problem.status >= 500 => return Err(problem),
        Err(problem) => {
            log_refusal(app, who, &new, problem.code.to_string()).await?;
            return Err(problem);
        }
    };
    seal(app, who, new, bytes, &inspected.pages).await
}

/// Reads a paper in the parser process, and refuses what must not come in.
///
/// # Errors
///
/// 422 with the reason, 413; 503 if no parser process can be started.
pub async fn inspect(app: &App, bytes: &[u8]) -> Result<Inspected, Problem> {
    if bytes.len() > papers::read::MAX_PDF_BYTES {
        return Err(refusal(Refused::TooLarge));
    }
    judge(app.parser.inspect(bytes).await)
}

/// Like [`inspect`], of a file of up to 1 GiB that is to be signed and not kept.
///
/// # Errors
///
/// As [`inspect`].
pub async fn inspect_file(app: &App, paper: &Path) -> Result<Inspected, Problem> {
    judge(app.parser.inspect_file(paper).await)
}

fn judge(inspected: Result<Inspected, ParserError>) -> Result<Inspected, Problem> {
    let inspected = match inspected {
        Ok(inspected) => inspected,
        Err(ParserError::Refused(refused)) => return Err(refusal(refused)),
        Err(ParserError::GaveUp) => return Err(refusal(Refused::Unreadable)),
        Err(ParserError::Unavailable(err)) => {
            tracing::error!(%err, "no parser process");
            return Err(Problem::unavailable("parser-unavailable", "nothing was kept; try again", 5));
        }
    };
    match &inspected.marking {
        None => Ok(inspected),
        Some(found) => Err(Problem::unusable(
            "secrecy-marked",
            format!(
                "the paper is marked {}: state secrets stay out of this system; nothing of it was kept",
                found.level
            ),
        )),
    }
}

async fn seal(
    app: &App,
    who: &SignedIn,
    new: NewDocument,
    bytes: Zeroizing<Vec<u8>>,
    pages: &[PageWords],
) -> Result<TakenIn, Problem> {
    let now = app.now();
    let digest = Digest::of(&bytes);
    let size_bytes = i64::try_from(bytes.len()).map_err(|err| Problem::internal(&err))?;
    let words = Zeroizing::new(serde_json::to_vec(pages).map_err(|err| Problem::internal(&err))?);
    let paper = app.blobs.write(&app.db, &app.keys, "paper", bytes, now).await?;
    let words = app.blobs.write(&app.db, &app.keys, "words", words, now).await?;
    let document = Document {
        id: Id::from_uuid(Uuid::now_v7()),
        version: 1,
        meeting: new.meeting,
        item: new.item,
        resolution: new.resolution,
        kind: new.kind.to_owned(),
        title: new.title,
        n_pages: i64::try_from(pages.len()).map_err(|err| Problem::internal(&err))?,
        size_bytes,
        digest,
        paper_blob: paper.id(),
        words_blob: words.id(),
        uploaded_by: who.id,
        uploaded_at: now,
    };
    Ok(TakenIn { document, paper, words, text: pages.iter().map(PageWords::text).collect() })
}

impl TakenIn {
    /// Records the document within an act. Index what comes back after the commit.
    ///
    /// # Errors
    ///
    /// * [`StoreError`].
    pub async fn record(self, tx: &mut Tx, app: &App) -> Result<IndexedPaper, StoreError> {
        self.paper.promote(tx).await?;
        self.words.promote(tx).await?;
        store::insert(tx, &app.keys, &self.document).await?;
        Ok(IndexedPaper { document: self.document, text: self.text })
    }
}

fn refusal(refused: Refused) -> Problem {
    let (status, code, detail) = match refused {
        Refused::Encrypted => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "pdf-encrypted",
            "save the PDF without a password and send it again",
        ),
        Refused::NotAPdf => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "not-a-pdf",
            "the file is no PDF: export it as PDF and send it again",
        ),
        Refused::TooLarge => {
            (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "the file is over the limit of 64 MiB")
        }
        Refused::TooManyPages => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "too-many-pages",
            "the paper is over the limit of 2000 pages: split it",
        ),
        Refused::Unreadable => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "pdf-unreadable",
            "the PDF is damaged: export it again and send it again",
        ),
    };
    Problem::new(status, code, detail)
}

async fn log_refusal(app: &App, who: &SignedIn, new: &NewDocument, why: String) -> Result<(), StoreError> {
    let tx = app.db.begin_system(SystemAct("log a refused paper")).await?;
    let body = [("meeting", new.meeting.to_string()), ("why", why)];
    tx.commit(app.now(), Draft::act(Act::DocumentRefused, Some(who.id), body)).await?;
    Ok(())
}

impl From<BlobError> for Problem {
    fn from(err: BlobError) -> Self {
        match err {
            BlobError::Unavailable(cause) => {
                tracing::error!(%cause, "object store unavailable");
                Self::unavailable("store-unavailable", "nothing was recorded; try again", 5)
            }
            BlobError::Corrupt(cause) => Self::internal(&cause),
            BlobError::Keys(err) => err.into(),
            BlobError::Store(err) => err.into(),
        }
    }
}
