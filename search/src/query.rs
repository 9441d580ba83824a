//! What a reader types becomes a query, term by term: there is no syntax, so nothing is a mistake.
//!
//! Each syllable asks for itself, with its diacritics if it has any and, for less, without; so do
//! pairs of neighbours. A part of the syllables must be found; the rest, pairs, the whole phrase and
//! numbers of documents add to the score.
#![expect(clippy::float_arithmetic, reason = "scores and weights are floats")]

use std::collections::BTreeMap;

use tantivy::query::{
    BooleanQuery, BoostQuery, ConstScoreQuery, Occur, PhraseQuery, Query, TermQuery, TermSetQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{Score, Searcher, Term};

use crate::analysis::{Analysis, Syllable, analyse};
use crate::index::{Fields, ReaderScope};

/// What is read of a query, at most, in bytes.
pub(crate) const MAX_QUERY_BYTES: usize = 1024;
/// Different syllables and pairs that are asked for, at most, each.
const MAX_CLAUSES: usize = 64;
/// The weight of a match without the diacritics that the reader typed.
const FOLDED: Score = 0.3;
/// The weight of the whole query as one phrase, and how long it may be for that, in syllables.
const PHRASE: Score = 2.0;
const PHRASE_SYLLABLES: std::ops::RangeInclusive<usize> = 2..=8;
/// The weight of a number of a document.
const NUMBER: Score = 8.0;
/// A bare syllable in a query with diacritics was typed in haste if, of its folded occurrences, fewer
/// than one in this many are written bare.
const BARE_IS_RARE: u64 = 20;

/// The first [`MAX_QUERY_BYTES`] of what was typed, whole characters.
pub(crate) fn bounded(text: &str) -> &str {
    let end = (0..=MAX_QUERY_BYTES.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or_default()).unwrap_or_default()
}

/// How a syllable of the query is to be found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Spelling {
    /// As written; without diacritics for less.
    Written,
    /// Without diacritics: so it was typed.
    Bare,
}

/// The query for `text`, of what `scope` may open; `None` if there is no word in it, or nothing to open.
pub(crate) fn build(
    text: &str,
    scope: &ReaderScope,
    fields: &Fields,
    searcher: &Searcher,
) -> tantivy::Result<Option<BooleanQuery>> {
    let analysis = analyse(bounded(text));
    if analysis.syllables.is_empty() || scope.is_empty() {
        return Ok(None);
    }
    let spellings = spellings(&analysis, fields, searcher)?;
    let mut clauses =
        vec![(Occur::Must, readable(scope, fields)), (Occur::Must, syllables(&analysis, &spellings, fields))];
    clauses.extend(pairs(&analysis, &spellings, fields).into_iter().map(|pair| (Occur::Should, pair)));
    clauses.extend(phrase(&analysis, &spellings, fields).map(|phrase| (Occur::Should, phrase)));
    clauses.extend(
        analysis
            .numbers
            .iter()
            .take(MAX_CLAUSES)
            .map(|number| (Occur::Should, term(fields.number, number, NUMBER))),
    );
    Ok(Some(BooleanQuery::new(clauses)))
}

/// Any of the reader's access terms. It filters and adds nothing to the score.
fn readable(scope: &ReaderScope, fields: &Fields) -> Box<dyn Query> {
    let terms = scope.iter().map(|word| Term::from_field_text(fields.acl, word));
    Box::new(ConstScoreQuery::new(Box::new(TermSetQuery::new(terms)), 0.0))
}

fn spellings(analysis: &Analysis, fields: &Fields, searcher: &Searcher) -> tantivy::Result<Vec<Spelling>> {
    let has_diacritics = |syllable: &Syllable| syllable.text != syllable.folded;
    let any = analysis.syllables.iter().any(has_diacritics);
    let spelling = |syllable: &Syllable| {
        if has_diacritics(syllable) {
            return Ok(Spelling::Written);
        }
        if !any {
            return Ok(Spelling::Bare);
        }
        let n_written = searcher.doc_freq(&Term::from_field_text(fields.syl, &syllable.text))?;
        let n_folded = searcher.doc_freq(&Term::from_field_text(fields.fold, &syllable.folded))?;
        let is_rare = n_written.saturating_mul(BARE_IS_RARE) < n_folded;
        Ok(if is_rare { Spelling::Bare } else { Spelling::Written })
    };
    analysis.syllables.iter().map(spelling).collect()
}

/// The syllables, of which a part must be found. One that is typed twice weighs twice.
fn syllables(analysis: &Analysis, spellings: &[Spelling], fields: &Fields) -> Box<dyn Query> {
    let mut wanted: BTreeMap<(&str, &str, bool), Score> = BTreeMap::new();
    for (syllable, spelling) in analysis.syllables.iter().zip(spellings) {
        let key = (syllable.text.as_str(), syllable.folded.as_str(), *spelling == Spelling::Written);
        if wanted.len() < MAX_CLAUSES || wanted.contains_key(&key) {
            *wanted.entry(key).or_default() += 1.0;
        }
    }
    let n_needed = needed(wanted.len());
    let clauses = wanted
        .into_iter()
        .map(|((text, folded, is_written), weight)| {
            either((fields.syl, text), (fields.fold, folded), is_written, weight)
        })
        .collect();
    Box::new(BooleanQuery::union_with_minimum_required_clauses(clauses, n_needed))
}

/// How many of `n` different syllables a page must have: all of two, two of up to seven, then three in ten.
const fn needed(n: usize) -> usize {
    match n {
        0..=2 => n,
        3..=7 => 2,
        _ => n.saturating_mul(3).div_ceil(10),
    }
}

fn pairs(analysis: &Analysis, spellings: &[Spelling], fields: &Fields) -> Vec<Box<dyn Query>> {
    let mut wanted: BTreeMap<(String, String, bool), Score> = BTreeMap::new();
    let neighbours = analysis.syllables.iter().zip(spellings);
    for ((a, a_is), (b, b_is)) in neighbours.clone().zip(neighbours.skip(1)) {
        if !b.starts && wanted.len() < MAX_CLAUSES {
            let is_written = *a_is == Spelling::Written && *b_is == Spelling::Written;
            *wanted.entry((pair(&a.text, &b.text), pair(&a.folded, &b.folded), is_written)).or_default() +=
                1.0;
        }
    }
    wanted
        .into_iter()
        .map(|((text, folded, is_written), weight)| {
            either((fields.bi, &text), (fields.fold_bi, &folded), is_written, weight)
        })
        .collect()
}

/// The term of two neighbours: `định_danh`. No syllable has an underscore.
pub(crate) fn pair(first: &str, second: &str) -> String {
    format!("{first}_{second}")
}

/// The whole query as a phrase, if it is one sentence of a few syllables.
fn phrase(analysis: &Analysis, spellings: &[Spelling], fields: &Fields) -> Option<Box<dyn Query>> {
    let is_one = analysis.syllables.iter().skip(1).all(|syllable| !syllable.starts);
    if !is_one || !PHRASE_SYLLABLES.contains(&analysis.syllables.len()) {
        return None;
    }
    let is_written = spellings.iter().all(|spelling| *spelling == Spelling::Written);
    let term = |syllable: &Syllable| match is_written {
        true => Term::from_field_text(fields.syl, &syllable.text),
        false => Term::from_field_text(fields.fold, &syllable.folded),
    };
    let phrase = PhraseQuery::new(analysis.syllables.iter().map(term).collect());
    Some(Box::new(BoostQuery::new(Box::new(phrase), PHRASE)))
}

/// As written and, for less, folded; or only folded.
fn either(written: (Field, &str), folded: (Field, &str), is_written: bool, weight: Score) -> Box<dyn Query> {
    if !is_written {
        return term(folded.0, folded.1, weight);
    }
    Box::new(BooleanQuery::union(vec![
        term(written.0, written.1, weight),
        term(folded.0, folded.1, weight * FOLDED),
    ]))
}

fn term(field: Field, text: &str, weight: Score) -> Box<dyn Query> {
    let query = TermQuery::new(Term::from_field_text(field, text), IndexRecordOption::WithFreqs);
    Box::new(BoostQuery::new(Box::new(query), weight))
}
