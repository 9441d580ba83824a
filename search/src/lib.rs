//! Full-text search with Vietnamese analysis: tantivy over a directory, fed with words, never files.
//!
//! * [`analysis`] cuts a text into syllables, in one spelling of tone marks, with and without
//!   diacritics, and maps each back to the bytes it came from.
//! * [`index`] keeps one entry a page; who may open a document is part of every query, so that what a
//!   reader may not open is neither listed nor counted.
//! * [`snippet`] cuts and highlights; the text is the caller's, the index does not keep it.
//! * [`eval`] measures relevance on published sets.
//!
//! One index per domain of readers: BM25's statistics are of all documents in the index, so the
//! *order* of hits is influenced, faintly, by documents that the reader may not open.

pub mod analysis;
mod collector;
mod directory;
pub mod eval;
pub mod index;
mod query;
pub mod snippet;
mod syllable;

pub use index::{Acl, Document, Hit, Index, Query, ReaderScope, Results, SearchError};
pub use snippet::{Piece, snippet};
