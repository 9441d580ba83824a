//! Searching: the index in memory, fed from the archive at start and from each act after its commit.

pub mod http;

use std::collections::BTreeSet;
use std::sync::Arc;

use cabinet::id::DocumentVersionId;
use papers::read::PageWords;
use search::{Acl, Index, Query, ReaderScope, Results};

use crate::blobs::Blobs;
use crate::dossiers::store::{self, Document};
use crate::keys::Keys;
use crate::store::Db;

/// A paper with its words, for the index.
#[derive(Debug)]
pub struct IndexedPaper {
    /// The document.
    pub document: Document,
    /// Text of each page.
    pub text: Vec<String>,
}

/// The index, shared.
#[derive(Clone)]
pub struct Searching(Arc<Index>);

impl std::fmt::Debug for Searching {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Searching")
    }
}

/// Whoever may see a meeting may see documents that bear this term.
#[must_use]
pub fn meeting_term(id: impl std::fmt::Display) -> String {
    format!("meeting:{id}")
}

/// Guests of an item see its papers by this term.
#[must_use]
pub fn item_term(id: impl std::fmt::Display) -> String {
    format!("item:{id}")
}

/// Clerks see revisions of Resolutions by this term.
pub const RESOLUTIONS: &str = "kind:resolution";

impl Searching {
    /// An empty index.
    ///
    /// # Errors
    ///
    /// The index cannot be made.
    pub fn new() -> Result<Self, search::SearchError> {
        Ok(Self(Arc::new(Index::new()?)))
    }

    /// Indexes all papers of the archive; returns how many. A revision of a Resolution that was followed by another
    /// is left out.
    ///
    /// # Errors
    ///
    /// A paper cannot be opened: it is named in the message.
    pub async fn rebuild(&self, db: &Db, keys: &Keys, blobs: &Blobs) -> Result<usize, String> {
        let documents = store::all(db, keys).await.map_err(|err| err.to_string())?;
        let mut current: Vec<Document> = Vec::new();
        for document in documents {
            if document.resolution.is_some() {
                current.retain(|earlier| earlier.resolution != document.resolution);
            }
            current.push(document);
        }
        let n = current.len();
        for document in current {
            let words = blobs
                .read(db, keys, document.words_blob)
                .await
                .map_err(|err| format!("{}: {err}", document.id))?;
            let pages: Vec<PageWords> =
                serde_json::from_slice(&words).map_err(|err| format!("{}: {err}", document.id))?;
            self.index(IndexedPaper { document, text: pages.iter().map(PageWords::text).collect() });
        }
        self.commit();
        Ok(n)
    }

    /// Adds a paper after its act was committed.
    pub fn add(&self, paper: IndexedPaper) {
        self.index(paper);
        self.commit();
    }

    /// Puts a new revision in the place of an earlier one.
    pub fn replace(&self, earlier: DocumentVersionId, paper: IndexedPaper) {
        self.0.remove(&earlier.to_string());
        self.add(paper);
    }

    fn index(&self, paper: IndexedPaper) {
        let IndexedPaper { document, text } = paper;
        let mut terms = BTreeSet::from([meeting_term(document.meeting)]);
        if document.resolution.is_some() {
            terms.insert(RESOLUTIONS.to_owned());
        } else if let Some(item) = document.item {
            terms.insert(item_term(item));
        }
        let id = document.id.to_string();
        let indexed = search::Document {
            id: id.clone(),
            pages: text,
            title: document.title,
            kind: document.kind,
            acl: terms.into_iter().collect::<Acl>(),
        };
        // The index can be built again at any time; the act stands without it.
        if let Err(err) = self.0.add(&indexed) {
            tracing::error!(%err, document.id = %id, "a paper is missing from the index until the next start");
        }
    }

    fn commit(&self) {
        if let Err(err) = self.0.commit() {
            tracing::error!(%err, "the index lags behind until the next start");
        }
    }

    /// Searches within what `scope` may see. Blocks for milliseconds.
    ///
    /// # Errors
    ///
    /// The index failed.
    pub fn search(
        &self,
        text: &str,
        scope: ReaderScope,
        limit: usize,
    ) -> Result<Results, search::SearchError> {
        self.0.search(&Query { text: text.to_owned(), reader: scope, limit })
    }
}

/// Measures the product's own analysis and index on a judged collection.
///
/// # Errors
///
/// The collection cannot be read: the file and line are named.
pub fn evaluate(
    dir: &std::path::Path,
    run: Option<&std::path::Path>,
) -> Result<search::eval::Metrics, search::eval::EvalError> {
    search::eval::evaluate(dir, run)
}
