//! Relevance and speed on a published set: `corpus.jsonl`, `queries.jsonl`, `qrels.tsv`.
//!
//! The set goes through the product's own analysis, index and queries; nothing is tuned to it.
#![expect(clippy::float_arithmetic, reason = "metrics are floats")]

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::index::{Acl, Document, Hit, Index, Query, ReaderScope, SearchError};

/// Hits that are judged, a query.
const DEPTH: usize = 100;
/// The longest line of a set that is read, in bytes.
const MAX_LINE_BYTES: usize = 16 << 20;
/// What everybody may open, in the index that is made here.
const EVERYBODY: &str = "everybody";

/// A set could not be evaluated.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// The index failed.
    #[error(transparent)]
    Index(#[from] SearchError),
    /// A file is not of the form that is expected: mend it there.
    #[error("{path}:{line}: {says}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        says: String,
    },
    /// A file cannot be read or written: give its folder and the right to use it.
    #[error("{path} cannot be used")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// What was measured; averages over the queries that have a relevant document.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Metrics {
    /// Normalised discounted cumulative gain of the first 10.
    #[serde(rename = "ndcg@10")]
    pub ndcg_at_10: f64,
    /// Share of the relevant documents among the first 10.
    #[serde(rename = "recall@10")]
    pub recall_at_10: f64,
    /// Share of the relevant documents among the first 100.
    #[serde(rename = "recall@100")]
    pub recall_at_100: f64,
    /// Reciprocal of the first relevant rank, 0 after the tenth.
    #[serde(rename = "mrr@10")]
    pub mrr_at_10: f64,
    /// Time to read and index the corpus, in seconds.
    pub index_s: f64,
    /// Median time of a search, in milliseconds.
    pub p50_ms: f64,
    /// The time that 95 of 100 searches stay within, in milliseconds.
    pub p95_ms: f64,
}

#[derive(Deserialize)]
struct Text {
    #[serde(rename = "_id")]
    id: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    text: String,
}

/// Relevant documents and their grades, by query.
type Judgements = HashMap<String, HashMap<String, f64>>;

/// Indexes the corpus in `dir`, asks every query and judges the answers; writes the run to `run`:
/// query, document, rank and score, separated by tabs, 100 a query.
///
/// # Errors
///
/// [`EvalError`] names the file and line to mend.
pub fn evaluate(dir: &Path, run: Option<&Path>) -> Result<Metrics, EvalError> {
    evaluate_queries(dir, run, str::to_owned)
}

/// As [`evaluate`], with each query changed by `typed` first: as a reader without a Vietnamese
/// keyboard would type it, for instance.
///
/// # Errors
///
/// As [`evaluate`].
pub fn evaluate_queries(
    dir: &Path,
    run: Option<&Path>,
    typed: impl Fn(&str) -> String,
) -> Result<Metrics, EvalError> {
    let begun = Instant::now();
    let index = index_corpus(&dir.join("corpus.jsonl"))?;
    let index_s = begun.elapsed().as_secs_f64();
    let judgements = judgements(&dir.join("qrels.tsv"))?;

    let mut out = run.map(Run::create).transpose()?;
    let (mut sum, mut times) = (Sum::default(), Vec::new());
    for_lines(&dir.join("queries.jsonl"), |line| {
        let query: Text = parse(line)?;
        let reader = ReaderScope::from_iter([EVERYBODY]);
        let asked = Instant::now();
        let results = index.search(&Query { text: typed(&query.text), reader, limit: DEPTH })?;
        times.push(asked.elapsed());
        if let Some(out) = &mut out {
            out.write(&query.id, &results.hits)?;
        }
        if let Some(relevant) = judgements.get(&query.id) {
            let ranked: Vec<_> = results.hits.iter().map(|hit| hit.id.as_str()).collect();
            sum.add(&ranked, relevant);
        }
        Ok(())
    })?;
    if let Some(out) = out {
        out.finish()?;
    }
    times.sort_unstable();
    let n = sum.n_queries.max(1.0);
    Ok(Metrics {
        ndcg_at_10: sum.ndcg_at_10 / n,
        recall_at_10: sum.recall_at_10 / n,
        recall_at_100: sum.recall_at_100 / n,
        mrr_at_10: sum.mrr_at_10 / n,
        index_s,
        p50_ms: percentile_ms(&times, 50),
        p95_ms: percentile_ms(&times, 95),
    })
}

fn index_corpus(path: &Path) -> Result<Index, EvalError> {
    let index = Index::new()?;
    for_lines(path, |line| {
        let Text { id, title, text } = parse(line)?;
        let acl = Acl::from_iter([EVERYBODY]);
        Ok(index.add(&Document { id, pages: vec![text], title, kind: String::new(), acl })?)
    })?;
    index.commit()?;
    Ok(index)
}

fn judgements(path: &Path) -> Result<Judgements, EvalError> {
    let mut judgements = Judgements::new();
    let mut is_header = true;
    for_lines(path, |line| {
        if std::mem::take(&mut is_header) {
            return Ok(());
        }
        let mut cells = line.split('\t');
        let (Some(query), Some(document), Some(grade)) = (cells.next(), cells.next(), cells.next()) else {
            return Err(Wrong::Line("three columns are wanted: query, document, score".into()));
        };
        let grade: f64 = grade.trim().parse().map_err(|err| Wrong::Line(format!("the score: {err}")))?;
        if grade > 0.0 {
            judgements.entry(query.into()).or_default().insert(document.into(), grade);
        }
        Ok(())
    })?;
    Ok(judgements)
}

/// What is wrong while a line is worked on.
enum Wrong {
    Line(String),
    Other(EvalError),
}

impl<E: Into<EvalError>> From<E> for Wrong {
    fn from(err: E) -> Self {
        Self::Other(err.into())
    }
}

fn parse(line: &str) -> Result<Text, Wrong> {
    serde_json::from_str(line).map_err(|err| Wrong::Line(err.to_string()))
}

fn for_lines(path: &Path, mut work: impl FnMut(&str) -> Result<(), Wrong>) -> Result<(), EvalError> {
    let unusable = |source| EvalError::File { path: path.to_owned(), source };
    let reader = BufReader::new(File::open(path).map_err(unusable)?);
    for (number, line) in (1..).zip(reader.lines()) {
        let line = line.map_err(unusable)?;
        let malformed = |says| EvalError::Malformed { path: path.to_owned(), line: number, says };
        if line.len() > MAX_LINE_BYTES {
            return Err(malformed(format!("longer than {MAX_LINE_BYTES} bytes")));
        }
        if line.trim().is_empty() {
            continue;
        }
        work(&line).map_err(|wrong| match wrong {
            Wrong::Line(says) => malformed(says),
            Wrong::Other(err) => err,
        })?;
    }
    Ok(())
}

/// The run, written line by line.
struct Run {
    path: PathBuf,
    out: BufWriter<File>,
}

impl Run {
    fn create(path: &Path) -> Result<Self, EvalError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)
                .map_err(|source| EvalError::File { path: folder.to_owned(), source })?;
        }
        let file = File::create(path).map_err(|source| EvalError::File { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), out: BufWriter::new(file) })
    }

    fn write(&mut self, query: &str, hits: &[Hit]) -> Result<(), EvalError> {
        for (rank, Hit { id, score, .. }) in (1_u32..).zip(hits) {
            writeln!(self.out, "{query}\t{id}\t{rank}\t{score}")
                .map_err(|source| EvalError::File { path: self.path.clone(), source })?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), EvalError> {
        self.out.flush().map_err(|source| EvalError::File { path: self.path, source })
    }
}

#[derive(Default)]
struct Sum {
    n_queries: f64,
    ndcg_at_10: f64,
    recall_at_10: f64,
    recall_at_100: f64,
    mrr_at_10: f64,
}

impl Sum {
    /// Adds one query's metrics, as `trec_eval` computes them.
    fn add(&mut self, ranked: &[&str], relevant: &HashMap<String, f64>) {
        let grade = |document: &&str| relevant.get(*document).copied().unwrap_or_default();
        let n_relevant = count(relevant.len());
        let found = |depth: usize| count(ranked.iter().take(depth).filter(|d| grade(d) > 0.0).count());
        let mut ideal: Vec<f64> = relevant.values().copied().collect();
        ideal.sort_unstable_by(|a, b| b.total_cmp(a));

        self.n_queries += 1.0;
        self.ndcg_at_10 += gain(ranked.iter().map(grade)) / gain(ideal.into_iter());
        self.recall_at_10 += found(10) / n_relevant;
        self.recall_at_100 += found(100) / n_relevant;
        let first = ranked.iter().take(10).position(|document| grade(document) > 0.0);
        self.mrr_at_10 += first.map_or(0.0, |rank| 1.0 / (count(rank) + 1.0));
    }
}

/// Discounted cumulative gain of the first 10.
fn gain(grades: impl Iterator<Item = f64>) -> f64 {
    grades.take(10).zip(2_u32..).map(|(grade, rank)| grade / f64::from(rank).log2()).sum()
}

fn count(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}

/// The nearest-rank percentile of sorted times.
fn percentile_ms(sorted: &[Duration], percent: usize) -> f64 {
    let rank = sorted.len().saturating_mul(percent).div_ceil(100).saturating_sub(1);
    sorted.get(rank).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_those_of_trec_eval() {
        let relevant = HashMap::from([("a".to_owned(), 1.0), ("b".to_owned(), 2.0)]);
        let mut sum = Sum::default();
        sum.add(&["x", "a", "y"], &relevant);
        let ideal = 2.0 + 1.0 / 3_f64.log2();
        assert!((sum.ndcg_at_10 - (1.0 / 3_f64.log2()) / ideal).abs() < 1e-12);
        assert!((sum.recall_at_10 - 0.5).abs() < 1e-12);
        assert!((sum.mrr_at_10 - 0.5).abs() < 1e-12);
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let times: Vec<_> = (1..=20).map(Duration::from_millis).collect();
        assert!((percentile_ms(&times, 50) - 10.0).abs() < 1e-9);
        assert!((percentile_ms(&times, 95) - 19.0).abs() < 1e-9);
        assert!(percentile_ms(&[], 95).abs() < 1e-9);
    }
}
