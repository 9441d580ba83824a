//! The report on a signed PDF: who signed what, and what was changed afterwards.
//!
//! Evidence first, judgement second: the byte range, the signature value, the certification path
//! and the later revisions are each examined, then one indication follows. Whatever is not known
//! to be lawful is unlawful.
//!
//! A file is read piece by piece and hashed once, however many signatures it bears.
//!
//! Source: `docs/sources.md`, entries `en319102`, `iso32000`, `pdf-attacks`.

mod appearance;
mod awaited;
mod byte_range;
mod changes;
pub(crate) mod digests;
mod lock;
mod report;
mod revisions;

pub use report::{Change, ChangeKind, Coverage, Indication, Integrity, Report, SignatureReport};

use std::path::Path;

use cabinet::Timestamp;

use crate::pdf::parser::Parser;
use crate::pdf::{Document, Entry, Object, PdfFile, Ref, Source, form};
use crate::{Invalid, PdfError, TrustStore, cms};
use awaited::Awaited;
use byte_range::Covered;
use changes::Policy;
use digests::{Digests, Place};

/// Most signatures that one file may bear.
const MAX_SIGNATURES: usize = 64;
/// How much of a file may be read as part of several objects, beside once the whole of it, in bytes (1 MiB).
pub(crate) const MAX_OVERLAP_BYTES: usize = 1 << 20;

/// Validates every signature of a PDF at the time `at`; an unsigned one has an empty report.
///
/// Without `trust` no path is built, and an intact signature stays [`Indication::Indeterminate`].
/// Revocation is not examined here. Costs one hashing of the file, whatever the number of signatures.
///
/// # Errors
///
/// [`PdfError`]: the file cannot be read strictly, so nothing can be said about it.
pub fn validate_pdf(pdf: &[u8], trust: Option<&TrustStore>, at: Timestamp) -> Result<Report, PdfError> {
    validate(pdf.into(), trust, at)
}

/// Like [`validate_pdf`], of a file, in bounded memory. Nobody may write to the file meanwhile.
///
/// # Errors
///
/// As [`validate_pdf`]; [`PdfError::Disk`] when the disk failed, whatever was found before.
pub fn validate_file(path: &Path, trust: Option<&TrustStore>, at: Timestamp) -> Result<Report, PdfError> {
    validate(PdfFile::open(path)?.source(), trust, at)
}

fn validate(source: Source<'_>, trust: Option<&TrustStore>, at: Timestamp) -> Result<Report, PdfError> {
    let document = Document::open(source)?;
    let survey = Survey::of(&document)?;
    let digests = Digests::new(source, survey.places());
    let awaited = Awaited::default();
    let mut signatures = Vec::new();
    for (candidate, covered) in survey.0 {
        let report = covered.and_then(|covered| {
            let standing = stand(&document, candidate, &covered, &awaited)?;
            Ok(standing.report(judge(&covered, &digests, trust, at)))
        });
        let report = report.unwrap_or_else(|Malformed(what)| SignatureReport::malformed(what));
        signatures.push((candidate.offset, report));
    }
    source.check_disk()?;
    // Order of signing: the order in which the revisions were appended.
    signatures.sort_by_key(|(offset, _)| *offset);
    Ok(Report { signatures: signatures.into_iter().map(|(_, report)| report).collect() })
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
    /// a signature field that is no such object: a signature cannot hide, nor be quietly taken away.
    pub(crate) fn of(document: &Document<'_>) -> Result<Self, PdfError> {
        let mut found = written(document)?;
        let fields = form::fields(document)?;
        for field in fields.iter().filter(|field| field.is_signature() && *field.value != Object::Null) {
            let reference = field.value.as_reference();
            if reference.is_none() || !found.iter().any(|known| known.reference == reference) {
                found.push(Candidate { reference: None, offset: document.source().len() });
            }
        }
        if found.len() > MAX_SIGNATURES {
            return Err(PdfError::at(0, "too many signatures"));
        }
        let source = document.source();
        Ok(Self(found.into_iter().map(|candidate| (candidate, candidate.covered(&source))).collect()))
    }

    /// What the signatures cover, as far as that can be read.
    pub(crate) fn places(&self) -> Vec<Place> {
        self.0.iter().filter_map(|(_, covered)| covered.as_ref().ok()).map(Covered::place).collect()
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
            let report = standing.report(judge(covered, digests, None, Timestamp::from_micros(0)));
            if report.is_sound() { None } else { Some(report.explain()) }
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

/// The objects of all revisions that have a byte range.
fn written(document: &Document<'_>) -> Result<Vec<Candidate>, PdfError> {
    let in_use = |entry: Entry| if let Entry::InUse { offset, .. } = entry { Some(offset) } else { None };
    let entries = document.sections().flat_map(|section| section.entries.iter());
    let mut offsets: Vec<usize> = entries.filter_map(|(_, entry)| in_use(entry)).collect();
    offsets.sort_unstable();
    offsets.dedup();
    let mut found: Vec<Candidate> = Vec::new();
    let mut work_bytes = 0_usize;
    let limit = document.source().len().saturating_mul(2).saturating_add(MAX_OVERLAP_BYTES);
    for offset in offsets {
        let read = |parser: &mut Parser<'_>| Ok((parser.head(), parser.at));
        let (head, end) = document.source().parse(offset, read)?;
        work_bytes = work_bytes.saturating_add(end.saturating_sub(offset));
        if work_bytes > limit {
            return Err(PdfError::at(offset, "objects lie within objects"));
        }
        // What cannot be read is no valid signature; if it matters elsewhere it is met there.
        let Ok(head) = head else { continue };
        let dictionary = head.object.as_dictionary();
        if dictionary.is_some_and(|dictionary| dictionary.get("ByteRange").is_some()) {
            found.push(Candidate { reference: Some(head.reference), offset });
        }
        if found.len() > MAX_SIGNATURES {
            return Err(PdfError::at(offset, "too many signatures"));
        }
    }
    document.source().check_disk()?;
    Ok(found)
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
        report.weigh_changes();
        report
    }

    fn refusal(&self) -> Option<String> {
        let unlawful = self.changes.iter().find(|change| !change.lawful)?;
        Some(format!("{} {:?}", self.field, unlawful.kind))
    }
}

/// Checks the signature value, then the path.
fn judge(
    covered: &Covered,
    digests: &Digests<'_>,
    trust: Option<&TrustStore>,
    at: Timestamp,
) -> SignatureReport {
    let place = covered.place();
    let checked = covered.cms().and_then(|der| cms::parse(der)?.check(&|hash| digests.of(&place, hash)));
    let checked = match checked {
        Ok(checked) => checked,
        Err(invalid) => return SignatureReport::broken(&invalid),
    };
    let is_allowed = if checked.signer.may_sign_documents() { Ok(()) } else { Err(Invalid::KeyUsage) };
    let path = match trust {
        Some(trust) => is_allowed.and_then(|()| trust.path(&checked.signer, &checked.others, at)),
        None => Err(Invalid::Untrusted("no trust anchors were given".to_owned())),
    };
    SignatureReport::intact(checked, path)
}
