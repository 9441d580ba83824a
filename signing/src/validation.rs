//! The report on a signed PDF: who signed what, and what was changed afterwards.
//!
//! Evidence first, judgement second: the byte range, the signature value, the certification path
//! and the later revisions are each examined, then one indication follows. Whatever is not known
//! to be lawful is unlawful.
//!
//! Source: `docs/sources.md`, entries `en319102`, `iso32000`, `pdf-attacks`.

mod appearance;
mod byte_range;
mod changes;
mod lock;
mod report;
mod revisions;

pub use report::{Change, ChangeKind, Coverage, Indication, Integrity, Report, SignatureReport};

use std::collections::BTreeSet;

use cabinet::Timestamp;

use crate::pdf::parser::Parser;
use crate::pdf::{Document, Entry, Object, Ref, form};
use crate::{Invalid, PdfError, TrustStore, cms};
use byte_range::Covered;
use changes::Policy;

/// Most signatures that one file may bear.
const MAX_SIGNATURES: usize = 64;

/// Validates every signature of a PDF at the time `at`; an unsigned one has an empty report.
///
/// Without `trust` no path is built, and an intact signature stays [`Indication::Indeterminate`].
/// Revocation is not examined here. Costs one reading of the file for each signature and later revision.
///
/// # Errors
///
/// [`PdfError`]: the file cannot be read strictly, so nothing can be said about it.
pub fn validate_pdf(pdf: &[u8], trust: Option<&TrustStore>, at: Timestamp) -> Result<Report, PdfError> {
    let document = Document::open(pdf)?;
    let mut signatures = Vec::new();
    for candidate in candidates(&document)? {
        let report = match examine(&document, candidate, trust, at) {
            Ok(report) => report,
            Err(Malformed(what)) => SignatureReport::malformed(what),
        };
        signatures.push((candidate.offset, report));
    }
    // Order of signing: the order in which the revisions were appended.
    signatures.sort_by_key(|(offset, _)| *offset);
    Ok(Report { signatures: signatures.into_iter().map(|(_, report)| report).collect() })
}

/// The signature's place in the file breaks a rule.
#[derive(Debug)]
struct Malformed(&'static str);

impl From<PdfError> for Malformed {
    fn from(error: PdfError) -> Self {
        match error {
            PdfError::TooLarge => Self("the revision is too large"),
            PdfError::Encrypted => Self("the revision is encrypted"),
            PdfError::Damaged { what, .. } => Self(what),
        }
    }
}

/// A signature dictionary: its object and where that begins; 0 if it lies in no place of its own.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    reference: Option<Ref>,
    offset: usize,
}

/// Every object of every revision that looks like a signature, reachable or not, and every value of
/// a signature field that is no such object: a signature cannot hide, nor be quietly taken away.
fn candidates(document: &Document<'_>) -> Result<Vec<Candidate>, PdfError> {
    let mut found: Vec<Candidate> = Vec::new();
    let mut seen = BTreeSet::new();
    for section in document.sections() {
        for entry in section.entries.values() {
            let Entry::InUse { offset, .. } = *entry else { continue };
            if !seen.insert(offset) {
                continue;
            }
            // What cannot be read is no valid signature; if it matters elsewhere it is met there.
            let Ok(indirect) = document.indirect_at(offset) else { continue };
            let is_signature = indirect
                .object
                .as_dictionary()
                .is_some_and(|dictionary| dictionary.get("ByteRange").is_some());
            if is_signature {
                found.push(Candidate { reference: Some(indirect.reference), offset });
            }
        }
    }
    for field in
        form::fields(document)?.iter().filter(|field| field.is_signature() && field.value != Object::Null)
    {
        let reference = field.value.as_reference();
        if reference.is_none() || !found.iter().any(|known| known.reference == reference) {
            found.push(Candidate { reference: None, offset: document.bytes().len() });
        }
    }
    if found.len() > MAX_SIGNATURES { Err(PdfError::at(0, "too many signatures")) } else { Ok(found) }
}

fn examine(
    document: &Document<'_>,
    candidate: Candidate,
    trust: Option<&TrustStore>,
    at: Timestamp,
) -> Result<SignatureReport, Malformed> {
    let reference = candidate.reference.ok_or(Malformed("the signature is not an object of its own"))?;
    let bytes = document.bytes();
    let covered = byte_range::read(bytes, candidate.offset)?;
    let base = Document::open(bytes.get(..covered.end).unwrap_or_default())?;
    if base.end()? != covered.end {
        return Err(Malformed("the byte range ends within a revision"));
    }
    let is_newest = matches!(base.newest()?.entries.get(&reference.number), Some(Entry::InUse { offset, .. }) if *offset == candidate.offset);
    if !is_newest {
        return Err(Malformed("the signature is older than the revision it covers"));
    }
    let fields = form::fields(&base)?;
    let field =
        fields.iter().find(|field| field.is_signature() && field.value.as_reference() == Some(reference));
    let field = field.ok_or(Malformed("no signature field holds the signature"))?;
    let policy = Policy::of(&base, &covered.dictionary)?;
    let (changes, coverage) = revisions::since(document, &base, &policy)?;
    let time = base.value(&covered.dictionary, "M")?.as_text().and_then(|text| report::parse_date(&text));
    let mut report = judge(bytes, &covered, trust, at);
    report.field.clone_from(&field.name);
    report.covered_bytes = covered.end;
    report.time = time.or(report.time);
    report.coverage = coverage;
    report.changes = changes;
    report.weigh_changes();
    Ok(report)
}

/// Checks the signature value, then the path.
fn judge(bytes: &[u8], covered: &Covered, trust: Option<&TrustStore>, at: Timestamp) -> SignatureReport {
    let content = covered.content(bytes);
    let checked = covered.cms().and_then(|der| cms::parse(der)?.check(&|hash| hash.digest(&content)));
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

/// Reads the object header at `offset` and leaves the parser before its value.
fn object_body(bytes: &[u8], offset: usize) -> Result<Parser<'_>, PdfError> {
    let mut parser = Parser::new(bytes, offset);
    parser.unsigned()?;
    parser.skip_space();
    parser.unsigned()?;
    parser.skip_space();
    if !parser.take_word("obj") {
        return Err(PdfError::at(offset, "obj is expected"));
    }
    parser.skip_space();
    Ok(parser)
}
