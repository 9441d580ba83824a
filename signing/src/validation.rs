//! The report on a signed PDF: who signed what, and what was changed afterwards.
//!
//! Evidence first, judgement second: the byte range, the signature value, the certification path
//! and the later revisions are each examined, then one indication follows. Whatever is not known
//! to be lawful is unlawful. A signature that time alone speaks against is judged at the earliest time
//! that a time-stamp proves.
//!
//! A file is read piece by piece and hashed once, however many signatures it bears.
//!
//! Source: `docs/sources.md`, entries `en319102`, `iso32000`, `pdf-attacks`.

mod appearance;
mod awaited;
mod byte_range;
mod changes;
mod context;
pub(crate) mod digests;
pub mod etsi;
mod evidence;
mod facts;
mod foreign;
mod hidden;
mod lock;
mod message;
mod process;
mod report;
mod revisions;
pub mod text;
mod timestamps;

pub use context::{Context, Material, RevocationRule};
pub use facts::Facts;
pub use foreign::Foreign;
pub use message::validate_cms;
pub use process::{Revocation, Revoked};
pub use report::{Change, ChangeKind, Coverage, Indication, Integrity, Report, SignatureReport};
pub use timestamps::{TimestampKind, TimestampReport};

use std::ops::Range;
use std::path::Path;

use cabinet::Timestamp;

use crate::algorithm::Hash;
use crate::algorithm_policy::{Suite, Use};
use crate::pdf::parser::Parser;
use crate::pdf::{Document, Entry, Object, PdfFile, Ref, Source, form};
use crate::timestamp::Token;
use crate::{Invalid, PdfError, TrustStore, cades, cms};
use awaited::Awaited;
use byte_range::Covered;
use changes::Policy;
use digests::{Digests, Place};
use process::{Kept, Process, Refusal, Subject};
use report::{Lasting, Proven};
use timestamps::Proofs;

/// Most signatures that one file may bear.
const MAX_SIGNATURES: usize = 64;
/// Most document time-stamps, from the last one back, for which it is looked up what evidence they cover.
const MAX_ARCHIVES: usize = 8;
/// How much of a file may be read as part of several objects, beside once the whole of it, in bytes (1 MiB).
pub(crate) const MAX_OVERLAP_BYTES: usize = 1 << 20;

/// Validates every signature of a PDF at the time `at`; an unsigned one has an empty report.
///
/// Without `trust` no path is built, and an intact signature stays [`Indication::Indeterminate`].
/// Costs one hashing of the file, whatever the number of signatures.
///
/// # Errors
///
/// [`PdfError`]: the file cannot be read strictly, so nothing can be said about it.
pub fn validate_pdf(pdf: &[u8], trust: Option<&TrustStore>, at: Timestamp) -> Result<Report, PdfError> {
    validate_in(pdf, &Context::at(trust, at))
}

/// Like [`validate_pdf`], in a context of the caller's.
///
/// # Errors
///
/// As [`validate_pdf`].
pub fn validate_in(pdf: &[u8], context: &Context<'_>) -> Result<Report, PdfError> {
    validate(pdf.into(), context)
}

/// Like [`validate_pdf`], of a file, in bounded memory. Nobody may write to the file meanwhile.
///
/// # Errors
///
/// As [`validate_pdf`]; [`PdfError::Disk`] when the disk failed, whatever was found before.
pub fn validate_file(path: &Path, trust: Option<&TrustStore>, at: Timestamp) -> Result<Report, PdfError> {
    validate_file_in(path, &Context::at(trust, at))
}

/// Like [`validate_file`], in a context of the caller's.
///
/// # Errors
///
/// As [`validate_file`].
pub fn validate_file_in(path: &Path, context: &Context<'_>) -> Result<Report, PdfError> {
    validate(PdfFile::open(path)?.source(), context)
}

fn validate(source: Source<'_>, context: &Context<'_>) -> Result<Report, PdfError> {
    let document = Document::open(source)?;
    let survey = Survey::of(&document)?;
    let digests = Digests::new(source, survey.places());
    let awaited = Awaited::default();
    let process = Process::new(*context, evidence::of(&document, &survey));
    let mut proofs = Proofs::default();
    let mut timestamps = Vec::new();
    for (index, (candidate, covered)) in survey.timestamps().into_iter().enumerate() {
        let standing = stand(&document, candidate, covered, &awaited);
        let revision = document.prefix(covered.end).ok().filter(|_| index < MAX_ARCHIVES);
        let material = revision.map_or_else(Material::default, |old| evidence::of(&old, &survey));
        let kept = process.keep(&material);
        let proofs = (&mut proofs, kept);
        timestamps.push(timestamps::of_document(covered, standing, &digests, &process, proofs));
    }
    // In the order in which the revisions were appended.
    timestamps.reverse();
    let mut signatures = Vec::new();
    for (candidate, covered) in &survey.0 {
        let report = match covered {
            Ok(covered) if covered.is_timestamp() => continue,
            Ok(covered) => match stand(&document, *candidate, covered, &awaited) {
                Ok(standing) => {
                    let judged = judge(covered, &digests, &process, &proofs);
                    let facts = Some(Facts::of(covered, &digests));
                    standing.report(SignatureReport { facts, ..judged })
                }
                Err(Malformed(what)) => SignatureReport::malformed(what),
            },
            Err(Malformed(what)) => SignatureReport::malformed(what),
        };
        signatures.push((candidate.offset, report));
    }
    source.check_disk()?;
    signatures.sort_by_key(|(offset, _)| *offset);
    Ok(Report { signatures: signatures.into_iter().map(|(_, report)| report).collect(), timestamps })
}

/// The signature's place in the file breaks a rule.
#[derive(Debug)]
pub(crate) struct Malformed(&'static str);

impl From<PdfError> for Malformed {
    fn from(error: PdfError) -> Self {
        match error {
            PdfError::TooLarge => Self("the revision is too large"),
            PdfError::Encrypted => Self("the revision is encrypted"),
            PdfError::Damaged { what, .. } => Self(what),
            // Never seen by anybody: the disk is asked before a report is given.
            PdfError::Disk(_) => Self("the disk failed"),
        }
    }
}

/// A signature dictionary: its object and where that begins; 0 if it lies in no place of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    reference: Option<Ref>,
    offset: usize,
}

/// Everything in a file that is or claims to be a signature, with what it covers.
pub(crate) struct Survey(Vec<(Candidate, Result<Covered, Malformed>)>);

impl Survey {
    /// Every object of every revision that looks like a signature, reachable or not, and every value of
    /// a signature field that is no such object: a signature cannot hide, nor be quietly taken away. Nor can one be
    /// passed by: what lies in the bytes and in no revision is found too, in one pass over the file.
    pub(crate) fn of(document: &Document<'_>) -> Result<Self, PdfError> {
        let (mut found, dictionaries) = written(document)?;
        let fields = form::fields(document)?;
        for field in fields.iter().filter(|field| field.is_signature() && *field.value != Object::Null) {
            let reference = field.value.as_reference();
            if reference.is_none() || !found.iter().any(|known| known.reference == reference) {
                found.push(Candidate { reference: None, offset: document.source().len() });
            }
        }
        let source = document.source();
        let hidden = hidden::find(&source, &dictionaries)?;
        if found.len().saturating_add(hidden.len()) > MAX_SIGNATURES {
            return Err(PdfError::at(0, "too many signatures"));
        }
        let mut all: Vec<_> =
            found.into_iter().map(|candidate| (candidate, candidate.covered(&source))).collect();
        all.extend(
            hidden
                .into_iter()
                .map(|offset| (Candidate { reference: None, offset }, Err(Malformed(hidden::WHY)))),
        );
        Ok(Self(all))
    }

    /// What the signatures cover, as far as that can be read.
    pub(crate) fn places(&self) -> Vec<Place> {
        self.0.iter().filter_map(|(_, covered)| covered.as_ref().ok()).map(Covered::place).collect()
    }

    /// The hashes by which the signatures cover, each once; time-stamps are verified elsewhere.
    pub(crate) fn hashes(&self) -> Vec<Hash> {
        let mut found = Vec::new();
        for covered in self.0.iter().filter_map(|(_, covered)| covered.as_ref().ok()) {
            let hash = covered.cms().and_then(cms::parse).and_then(|parts| parts.hash());
            found.extend(hash.ok().filter(|hash| !found.contains(hash)));
        }
        found
    }

    /// The document time-stamps whose place is in order, the last first.
    fn timestamps(&self) -> Vec<(Candidate, &Covered)> {
        let placed =
            self.0.iter().filter_map(|(candidate, covered)| Some((*candidate, covered.as_ref().ok()?)));
        let mut found: Vec<_> = placed.filter(|(_, covered)| covered.is_timestamp()).collect();
        found.sort_by_key(|(_, covered)| std::cmp::Reverse(covered.end));
        found
    }

    /// Why a revision must not be appended, if so: the first of these signatures that is not sound in `grown`,
    /// the document with that revision. Time-stamps are not verified here, but their place is.
    pub(crate) fn refusal(&self, grown: &Document<'_>, digests: &Digests<'_>) -> Option<String> {
        let awaited = Awaited::default();
        self.0.iter().find_map(|(candidate, covered)| {
            let malformed = |what: &str| Some(SignatureReport::malformed(what).explain());
            let covered = match covered {
                Ok(covered) => covered,
                Err(Malformed(what)) => return malformed(what),
            };
            let standing = match stand(grown, *candidate, covered, &awaited) {
                Ok(standing) => standing,
                Err(Malformed(what)) => return malformed(what),
            };
            if covered.is_timestamp() {
                return standing.refusal();
            }
            match examine(covered, digests) {
                Ok(_) => standing.refusal(),
                Err(invalid) => Some(format!("{} {invalid}", standing.field)),
            }
        })
    }
}

/// Why the signature `reference`, which the newest revision of `document` adds in `place`, would not be
/// accepted by [`validate_pdf`], if so. Its value is not looked at.
pub(crate) fn refusal_of_new(
    document: &Document<'_>,
    reference: Ref,
    place: &Place,
) -> Result<Option<String>, PdfError> {
    let Entry::InUse { offset, .. } = document.entry(reference.number) else {
        return Ok(Some("the signature is not found".to_owned()));
    };
    let candidate = Candidate { reference: Some(reference), offset };
    let examined = candidate.covered(&document.source()).and_then(|covered| {
        let standing = stand(document, candidate, &covered, &Awaited::default())?;
        let is_whole = covered.place() == *place && standing.coverage == Coverage::Whole;
        Ok(if is_whole { standing.refusal() } else { Some("it does not cover the file".to_owned()) })
    });
    document.source().check_disk()?;
    Ok(examined.unwrap_or_else(|Malformed(what)| Some(what.to_owned())))
}

/// The objects of all revisions that have a byte range, and where their dictionaries stand.
fn written(document: &Document<'_>) -> Result<(Vec<Candidate>, Vec<Range<usize>>), PdfError> {
    let in_use = |entry: Entry| if let Entry::InUse { offset, .. } = entry { Some(offset) } else { None };
    let entries = document.sections().flat_map(|section| section.entries.iter());
    let mut offsets: Vec<usize> = entries.filter_map(|(_, entry)| in_use(entry)).collect();
    offsets.sort_unstable();
    offsets.dedup();
    let (mut found, mut dictionaries) = (Vec::new(), Vec::new());
    let mut work_bytes = 0_usize;
    let limit = document.source().len().saturating_mul(2).saturating_add(MAX_OVERLAP_BYTES);
    for offset in offsets {
        let read = |parser: &mut Parser<'_>| Ok((parser.head(), parser.at));
        let (head, end) = document.source().parse(offset, read)?;
        work_bytes = work_bytes.saturating_add(end.saturating_sub(offset));
        if work_bytes > limit {
            return Err(PdfError::at(offset, "objects that lie in each other"));
        }
        // What cannot be read is no valid signature; if it matters elsewhere it is met there.
        let Ok(head) = head else { continue };
        let dictionary = head.object.as_dictionary();
        if dictionary.is_some_and(|dictionary| dictionary.get("ByteRange").is_some()) {
            found.push(Candidate { reference: Some(head.reference), offset });
            dictionaries.push(offset..end);
        }
        if found.len() > MAX_SIGNATURES {
            return Err(PdfError::at(offset, "too many signatures"));
        }
    }
    document.source().check_disk()?;
    Ok((found, dictionaries))
}

impl Candidate {
    fn covered(&self, source: &Source<'_>) -> Result<Covered, Malformed> {
        if self.reference.is_none() {
            return Err(Malformed("the signature is not an object of its own"));
        }
        byte_range::read(source, self.offset)
    }
}

/// How a signature stands in its file, whatever its value: its field and what came after it.
struct Standing {
    field: String,
    covered_bytes: usize,
    time: Option<Timestamp>,
    changes: Vec<Change>,
    coverage: Coverage,
}

fn stand(
    document: &Document<'_>,
    candidate: Candidate,
    covered: &Covered,
    awaited: &Awaited,
) -> Result<Standing, Malformed> {
    let reference = candidate.reference.ok_or(Malformed("the signature is not an object of its own"))?;
    let base = document.prefix(covered.end)?;
    if base.end()? != covered.end {
        return Err(Malformed("the byte range ends within a revision"));
    }
    let is_newest = matches!(base.newest()?.entries.get(reference.number), Some(Entry::InUse { offset, .. }) if offset == candidate.offset);
    if !is_newest {
        return Err(Malformed("the signature is older than the revision it covers"));
    }
    let fields = form::fields(&base)?;
    let field =
        fields.iter().find(|field| field.is_signature() && field.value.as_reference() == Some(reference));
    let field = field.ok_or(Malformed("no signature field holds the signature"))?;
    let policy = Policy::of(&base, &covered.dictionary)?;
    let (changes, coverage) = revisions::since(document, &base, &policy, awaited)?;
    let time = base.value(&covered.dictionary, "M")?.as_text().and_then(|text| report::parse_date(&text));
    Ok(Standing { field: field.name.clone(), covered_bytes: covered.end, time, changes, coverage })
}

impl Standing {
    fn report(self, judged: SignatureReport) -> SignatureReport {
        let mut report = judged;
        report.field = self.field;
        report.covered_bytes = self.covered_bytes;
        report.time = self.time.or(report.time);
        report.coverage = self.coverage;
        report.changes = self.changes;
        report.weigh_claim();
        report.weigh_changes();
        report
    }

    fn refusal(&self) -> Option<String> {
        let unlawful = self.changes.iter().find(|change| !change.lawful)?;
        Some(format!("{} {:?}", self.field, unlawful.kind))
    }
}

/// What the CMS of a signature holds, once its value fits what is covered.
struct Examined {
    checked: cms::Checked,
    suite: Suite,
    tokens: Vec<Token>,
}

/// Checks the signature value, and that the time-stamps beside it are over it.
fn examine(covered: &Covered, digests: &Digests<'_>) -> Result<Examined, Invalid> {
    let place = covered.place();
    let der = covered.cms()?;
    let parts = cms::parse(der)?;
    let checked = parts.check(&|hash| digests.of(&place, hash))?;
    let suite = Suite::of_cms(parts.signature_algorithm(), &checked.signer, parts.hash()?)?;
    Ok(Examined { checked, suite, tokens: cades::time_stamps(der)? })
}

/// Checks the signature value, then the path, now or at a proven time.
fn judge(
    covered: &Covered,
    digests: &Digests<'_>,
    process: &Process<'_>,
    proofs: &Proofs,
) -> SignatureReport {
    match examine(covered, digests) {
        Ok(examined) => weigh(examined, covered.end, process, proofs),
        Err(invalid) => SignatureReport::broken(&invalid),
    }
}

/// Judges the path of a signature whose value fits and which covers a document up to `end`.
fn weigh(examined: Examined, end: usize, process: &Process<'_>, proofs: &Proofs) -> SignatureReport {
    let Examined { checked, suite, tokens } = examined;
    let judge = |token: &Token| timestamps::of_signature(token, end, process, proofs);
    let timestamps: Vec<_> = tokens.iter().map(judge).collect();
    let passed = |(_, stamp): &(&Token, &TimestampReport)| stamp.indication == Indication::TotalPassed;
    let stamps: Vec<&Token> = tokens.iter().zip(&timestamps).filter(passed).map(|(token, _)| token).collect();
    let times = stamps.iter().map(|token| token.info().gen_time);
    let earliest = times.chain(proofs.of_what_ends_at(end)).min();
    let subject = Subject { signer: &checked.signer, others: &checked.others, suite, usage: Use::Signature };
    let accepted = if !checked.signer.may_sign_documents() {
        Err(Refusal::of(&Invalid::KeyUsage))
    } else if timestamps.iter().any(TimestampReport::is_out_of_order) {
        Err(Refusal::out_of_order())
    } else {
        process.accept(subject, earliest, proofs)
    };
    let lasting = match earliest {
        Some(at) if accepted.is_ok() => lasting((subject, at, end), &stamps, process, proofs),
        Some(_) | None => Lasting::Elsewhere,
    };
    let judged = SignatureReport::intact(checked, accepted, Proven { earliest, lasting }, timestamps);
    SignatureReport { suite: Some(suite), ..judged }
}

/// Where the evidence is about a signature that existed at a time, and about one of the time-stamps that prove it.
fn lasting(
    (subject, at, end): (Subject<'_>, Timestamp, usize),
    stamps: &[&Token],
    process: &Process<'_>,
    proofs: &Proofs,
) -> Lasting {
    let is_told = |token: &Token, kept: &Kept| {
        let stamped = token.info().gen_time;
        timestamps::subject(token).is_ok_and(|subject| process.is_covered(subject, stamped, kept))
    };
    let is_in = |kept: &Kept| {
        let mut over = proofs.archives(end).map(|(token, _)| token);
        let is_stamp_told = if stamps.is_empty() {
            over.any(|token| is_told(token, kept))
        } else {
            stamps.iter().any(|token| is_told(token, kept))
        };
        is_stamp_told && process.is_covered(subject, at, kept)
    };
    if proofs.archives(end).any(|(_, kept)| is_in(kept)) {
        Lasting::Archived
    } else if is_in(process.own()) {
        Lasting::Kept
    } else {
        Lasting::Elsewhere
    }
}
