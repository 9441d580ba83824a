//! The index: documents in, hits out, each reader seeing only his own.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cabinet::Digest;
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions,
    Value as _,
};
use tantivy::tokenizer::{PreTokenizedString, Token};
use tantivy::{IndexReader, IndexSettings, IndexWriter, ReloadPolicy, TantivyDocument, Term};

use crate::analysis::{Analysis, Syllable, analyse};
use crate::collector::ByDocument;
use crate::{directory, query};

/// Memory for documents that are not committed yet, in bytes. It blocks no reader.
const WRITER_BYTES: usize = 32 << 20;
/// Hits that one search returns, at most.
pub const MAX_HITS: usize = 1000;
/// Access terms of one reader or of one document, at most.
pub const MAX_ACCESS_TERMS: usize = 100_000;
/// Positions left free between sentences, so that no phrase spans them.
const SENTENCE_GAP: usize = 8;

/// The index failed.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The index cannot be used: make a new one and feed it from the archive.
    #[error("the search index failed; rebuild it from the archive")]
    Broken(#[from] tantivy::TantivyError),
    /// The document or the reader has too many access terms: grant by group.
    #[error("more than {MAX_ACCESS_TERMS} access terms; grant access by group")]
    TooManyAccessTerms,
}

/// Who may open a document: any reader who holds one of these terms, such as `meeting:…`, `person:…`.
///
/// The terms are opaque here. Without any, nobody may.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Acl(BTreeSet<String>);

/// What a reader may open: the access terms that he holds. Without any, he sees nothing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ReaderScope(BTreeSet<String>);

impl<S: Into<String>> FromIterator<S> for Acl {
    fn from_iter<I: IntoIterator<Item = S>>(terms: I) -> Self {
        Self(terms.into_iter().map(Into::into).collect())
    }
}

impl<S: Into<String>> FromIterator<S> for ReaderScope {
    fn from_iter<I: IntoIterator<Item = S>>(terms: I) -> Self {
        Self(terms.into_iter().map(Into::into).collect())
    }
}

impl ReaderScope {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// A document to be found.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its id; another document of the same id is replaced.
    pub id: String,
    /// The plain text of each page; found, not kept.
    pub pages: Vec<String>,
    /// Its title; found as part of the first page, and kept for the list of hits.
    pub title: String,
    /// What it is, in the caller's words; kept for the list of hits.
    pub kind: String,
    /// Who may open it.
    pub acl: Acl,
}

/// A search.
#[derive(Clone, Debug)]
pub struct Query {
    /// What was typed: words, no syntax. The first 1024 bytes count.
    pub text: String,
    /// What the reader may open.
    pub reader: ReaderScope,
    /// Hits wanted; at most [`MAX_HITS`] are given.
    pub limit: usize,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Results {
    /// Documents that match and that the reader may open.
    pub total: usize,
    /// The best of them, best first.
    pub hits: Vec<Hit>,
}

/// A document that matches, by its best page.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The document's id.
    pub id: String,
    /// The best page, from 1.
    pub page: u64,
    /// How well it matches; comparable within one search.
    pub score: f32,
    /// The document's title.
    pub title: String,
    /// The document's kind.
    pub kind: String,
}

/// The fields of a page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields {
    pub(crate) acl: Field,
    pub(crate) bi: Field,
    pub(crate) fold: Field,
    pub(crate) fold_bi: Field,
    pub(crate) number: Field,
    pub(crate) syl: Field,
    id: Field,
    key: Field,
    kind: Field,
    page: Field,
    title: Field,
}

impl Fields {
    fn new() -> (Schema, Self) {
        // The tokens are given, not made: the name of the tokenizer is never used.
        let words = |record| {
            let options = TextFieldIndexing::default().set_tokenizer("raw").set_index_option(record);
            TextOptions::default().set_indexing_options(options)
        };
        let mut schema = Schema::builder();
        let fields = Self {
            acl: schema.add_text_field("acl", STRING),
            bi: schema.add_text_field("bi", words(IndexRecordOption::WithFreqs)),
            fold: schema.add_text_field("fold", words(IndexRecordOption::WithFreqsAndPositions)),
            fold_bi: schema.add_text_field("fold_bi", words(IndexRecordOption::WithFreqs)),
            number: schema.add_text_field("number", STRING),
            syl: schema.add_text_field("syl", words(IndexRecordOption::WithFreqsAndPositions)),
            id: schema.add_text_field("id", STRING | STORED),
            key: schema.add_u64_field("key", FAST | INDEXED),
            kind: schema.add_text_field("kind", STORED),
            page: schema.add_u64_field("page", FAST),
            title: schema.add_text_field("title", STORED),
        };
        (schema.build(), fields)
    }

    fn page(&self, document: &Document, key: u64, page: u64, analysis: &Analysis) -> TantivyDocument {
        let mut entry = TantivyDocument::new();
        entry.add_text(self.id, &document.id);
        entry.add_u64(self.key, key);
        entry.add_u64(self.page, page);
        entry.add_text(self.kind, &document.kind);
        entry.add_text(self.title, &document.title);
        for term in &document.acl.0 {
            entry.add_text(self.acl, term);
        }
        for number in &analysis.numbers {
            entry.add_text(self.number, number);
        }
        let pair = query::pair;
        entry.add_pre_tokenized_text(self.syl, tokens(&analysis.syllables, |s| s.text.clone()));
        entry.add_pre_tokenized_text(self.fold, tokens(&analysis.syllables, |s| s.folded.clone()));
        entry.add_pre_tokenized_text(self.bi, plain(analysis.pairs().map(|(a, b)| pair(&a.text, &b.text))));
        entry.add_pre_tokenized_text(
            self.fold_bi,
            plain(analysis.pairs().map(|(a, b)| pair(&a.folded, &b.folded))),
        );
        entry
    }
}

/// Tokens with positions; the text itself stays out of the index.
fn tokens(syllables: &[Syllable], word: impl Fn(&Syllable) -> String) -> PreTokenizedString {
    let mut position: usize = 0;
    let token = |syllable: &Syllable| {
        position = position.saturating_add(if syllable.starts { SENTENCE_GAP } else { 1 });
        Token { position, text: word(syllable), ..Token::default() }
    };
    PreTokenizedString { text: String::new(), tokens: syllables.iter().map(token).collect() }
}

fn plain(words: impl Iterator<Item = String>) -> PreTokenizedString {
    let tokens =
        words.enumerate().map(|(position, text)| Token { position, text, ..Token::default() }).collect();
    PreTokenizedString { text: String::new(), tokens }
}

/// The search index. All methods take `&self`; one writes at a time, readers never wait.
pub struct Index {
    fields: Fields,
    writer: Mutex<IndexWriter>,
    reader: IndexReader,
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").field("n_pages", &self.reader.searcher().num_docs()).finish_non_exhaustive()
    }
}

impl Index {
    /// An empty index in memory.
    ///
    /// # Errors
    ///
    /// [`SearchError::Broken`] if memory or threads are wanting.
    pub fn new() -> Result<Self, SearchError> {
        let (schema, fields) = Fields::new();
        let index = tantivy::Index::create(directory::open(), schema, IndexSettings::default())?;
        let writer = Mutex::new(index.writer_with_num_threads(1, WRITER_BYTES)?);
        // Reloaded after each commit of ours; no watcher, which a sealed directory could not serve.
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        Ok(Self { fields, writer, reader })
    }

    /// Adds `document`, in place of the one with its id. Seen after [`Index::commit`].
    ///
    /// # Errors
    ///
    /// * [`SearchError::TooManyAccessTerms`]: nothing was changed.
    /// * [`SearchError::Broken`]: make a new index and feed it from the archive.
    pub fn add(&self, document: &Document) -> Result<(), SearchError> {
        if document.acl.0.len() > MAX_ACCESS_TERMS {
            return Err(SearchError::TooManyAccessTerms);
        }
        let key = key(&document.id);
        let writer = self.writer();
        writer.delete_term(Term::from_field_text(self.fields.id, &document.id));
        // A document without text is still found by its title.
        let n_pages = document.pages.len().max(1);
        for (number, i) in (1..).zip(0..n_pages) {
            let page = document.pages.get(i).map_or("", String::as_str);
            let analysis = match i {
                0 => analyse(&format!("{}\n\n{page}", document.title)),
                _ => analyse(page),
            };
            writer.add_document(self.fields.page(document, key, number, &analysis))?;
        }
        Ok(())
    }

    /// Removes the document with this id, if there is one. Gone after [`Index::commit`].
    pub fn remove(&self, id: &str) {
        self.writer().delete_term(Term::from_field_text(self.fields.id, id));
    }

    /// Shows what was added and removed since the last commit, to searches that begin now.
    ///
    /// # Errors
    ///
    /// [`SearchError::Broken`]: rebuild.
    pub fn commit(&self) -> Result<(), SearchError> {
        self.writer().commit()?;
        self.reader.reload()?;
        Ok(())
    }

    /// Finds documents that match and that the reader may open.
    ///
    /// Any text is a query; one without a word finds nothing.
    ///
    /// # Errors
    ///
    /// * [`SearchError::TooManyAccessTerms`]: the reader's scope is too large.
    /// * [`SearchError::Broken`]: make a new index and feed it from the archive.
    pub fn search(&self, query: &Query) -> Result<Results, SearchError> {
        if query.reader.0.len() > MAX_ACCESS_TERMS {
            return Err(SearchError::TooManyAccessTerms);
        }
        let searcher = self.reader.searcher();
        let Some(built) = query::build(&query.text, &query.reader, &self.fields, &searcher)? else {
            return Ok(Results::default());
        };
        let gathered = searcher.search(&built, &ByDocument { limit: query.limit.min(MAX_HITS) })?;
        let mut hits = Vec::with_capacity(gathered.best.len());
        for best in gathered.best {
            let entry: TantivyDocument = searcher.doc(best.address)?;
            let text = |field| {
                entry.get_first(field).and_then(|value| value.as_str()).unwrap_or_default().to_owned()
            };
            let Fields { id, title, kind, .. } = self.fields;
            hits.push(Hit {
                id: text(id),
                page: best.page,
                score: best.score,
                title: text(title),
                kind: text(kind),
            });
        }
        Ok(Results { total: gathered.total, hits })
    }

    /// A writer that panicked has poisoned nothing of ours: tantivy reports its own death at commit.
    fn writer(&self) -> MutexGuard<'_, IndexWriter> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The number by which pages of one document are told: 64 bits of the id's digest.
fn key(id: &str) -> u64 {
    let digest = Digest::of(id.as_bytes());
    digest.as_bytes().iter().take(8).fold(0, |key, byte| key << 8 | u64::from(*byte))
}
