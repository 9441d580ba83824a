//! The offline verifier: named checks over a bundle, a log export, a signed PDF or a CMS signature, and the verdict
//! they add up to.
//!
//! Nothing stops at the first finding; every check that can run does. Callers pass the time and the anchors.

mod ballots;
mod bundle;
mod chain;
mod document;
mod export;
mod log;
mod resolution;

use std::fmt;

use cabinet::Timestamp;
use cabinet::vote::Outcome;
use serde::{Serialize, Serializer};
use signing::validation::{self, Context, Foreign, SignatureReport, TimestampReport, etsi};
use signing::{Invalid, TrustStore};

/// The largest file that is verified, in bytes.
pub const MAX_FILE_BYTES: u64 = 512 << 20;
/// How many doubts of one check are told in full.
const MAX_TOLD: usize = 5;
/// How a CMS begins.
const DER_SEQUENCE: &[u8] = &[0x30];
/// Where a PDF's header may stand at the latest, in bytes.
const PDF_HEADER_WITHIN: usize = 1_024;

/// What is taken for granted.
#[derive(Clone, Copy, Debug)]
pub struct Conditions<'a> {
    /// Anchors, time, algorithms, and what is asked and known of revocation. Without anchors nothing is more than
    /// intact; evidence inside bundles and log exports is judged by anchors and time alone.
    pub context: Context<'a>,
    /// What a CMS signature is over that does not hold its content.
    pub content: Option<&'a [u8]>,
    /// A checkpoint kept elsewhere, which a log export must extend.
    pub seen: Option<&'a str>,
}

impl<'a> Conditions<'a> {
    /// Anchors and the instant at which certificates must be valid; for the rest what is built in.
    #[must_use]
    pub fn at(trust: Option<&'a TrustStore>, at: Timestamp) -> Self {
        Self { context: Context::at(trust, at), content: None, seen: None }
    }
}

/// What a check, or all of them, came to.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It holds.
    Verified,
    /// It can neither be shown nor refuted with what was given.
    CannotTell,
    /// It does not hold.
    Contradicted,
}

impl Verdict {
    /// The process's exit code: 0 verified, 1 contradicted, 2 cannot tell.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Verified => 0,
            Self::Contradicted => 1,
            Self::CannotTell => 2,
        }
    }

    /// What a reason for invalidity amounts to: a missing anchor refutes nothing.
    pub(crate) const fn of(invalid: &Invalid) -> Self {
        match invalid {
            Invalid::Untrusted(_) | Invalid::OutOfValidity(_) | Invalid::Library(_) => Self::CannotTell,
            Invalid::NotDer
            | Invalid::Structure(_)
            | Invalid::NotCanonical
            | Invalid::ContentDiffers
            | Invalid::SignatureWrong
            | Invalid::WrongSigner
            | Invalid::Algorithm(_)
            | Invalid::KeyUsage => Self::Contradicted,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Verified => "verified",
            Self::CannotTell => "cannot tell",
            Self::Contradicted => "contradicted",
        })
    }
}

/// One check and what it came to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Check {
    /// Stable name.
    pub name: &'static str,
    /// A sentence for people.
    pub says: String,
    /// What it came to.
    pub verdict: Verdict,
}

impl Serialize for Check {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Line<'a> {
            name: &'a str,
            ok: bool,
            says: &'a str,
        }
        let Self { name, says, verdict } = self;
        Line { name, ok: *verdict == Verdict::Verified, says }.serialize(serializer)
    }
}

/// All findings about one file.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What they add up to.
    pub verdict: Verdict,
    /// One for each signature.
    pub signatures: Vec<SignatureReport>,
    /// One for each document time-stamp.
    pub timestamps: Vec<TimestampReport>,
    /// One for each check.
    pub checks: Vec<Check>,
    /// The outcome as recounted from the ballots, where there is a vote.
    #[serde(skip)]
    pub recount: Option<Outcome>,
    /// Whether the file is a signed document, not a bundle or an export.
    #[serde(skip)]
    pub is_document: bool,
}

impl Report {
    pub(crate) fn new(
        signatures: Vec<SignatureReport>,
        checks: Vec<Check>,
        recount: Option<Outcome>,
    ) -> Self {
        // Without a single check nothing was shown.
        let verdict = checks.iter().map(|check| check.verdict).max().unwrap_or(Verdict::CannotTell);
        Self { verdict, signatures, timestamps: Vec::new(), checks, recount, is_document: false }
    }

    /// The report of ETSI TS 119 102-2 as XML on a signed document, by the same conditions; `None` on other files.
    #[must_use]
    pub fn to_xml(&self, conditions: &Conditions<'_>) -> Option<String> {
        Some(etsi::to_xml(&self.document()?, &conditions.context))
    }

    /// The report on a signed document in Vietnamese lines; `None` on other files.
    #[must_use]
    pub fn to_text(&self) -> Option<String> {
        Some(validation::text::of(&self.document()?))
    }

    fn document(&self) -> Option<validation::Report> {
        let (signatures, timestamps) = (self.signatures.clone(), self.timestamps.clone());
        self.is_document.then_some(validation::Report { signatures, timestamps })
    }

    /// The report on a file that could not be read.
    #[must_use]
    pub fn unreadable(says: &str) -> Self {
        let check = Check { name: "file", says: says.to_owned(), verdict: Verdict::CannotTell };
        Self::new(Vec::new(), vec![check], None)
    }

    /// The check of that name, if it was made.
    #[must_use]
    pub fn check(&self, name: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.name == name)
    }
}

/// Verifies a file of whatever kind: signed PDF, CMS signature, evidence bundle or log export.
#[must_use]
pub fn file(bytes: &[u8], conditions: &Conditions<'_>) -> Report {
    let has = |mark: &[u8], within: usize| {
        bytes
            .get(..within.min(bytes.len()))
            .is_some_and(|start| start.windows(mark.len()).any(|window| window == mark))
    };
    if let Some(foreign) = Foreign::of(bytes) {
        let check = Check { name: "kind", says: sentence(foreign), verdict: Verdict::CannotTell };
        Report::new(Vec::new(), vec![check], None)
    } else if has(b"%PDF-", PDF_HEADER_WITHIN) {
        document::pdf(bytes, conditions)
    } else if bytes.starts_with(DER_SEQUENCE) {
        document::cms(bytes, conditions)
    } else if bytes.starts_with(b"{\"body\":") || has(b"\"ecabinet/bundle/v1\"", usize::MAX) {
        bundle::file(bytes, conditions)
    } else if bytes.starts_with(b"{\"certificates\":") || has(b"\"ecabinet/log/v1\"", usize::MAX) {
        export::file(bytes, conditions)
    } else {
        let says = "This is no signed PDF, CMS signature, evidence bundle or log export; give one of these."
            .to_owned();
        Report::new(Vec::new(), vec![Check { name: "kind", says, verdict: Verdict::CannotTell }], None)
    }
}

/// What a format is, as a sentence of its own.
fn sentence(foreign: Foreign) -> String {
    let mut says = foreign.to_string();
    if let Some(first) = says.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    says + "."
}

/// Collects what speaks against one check, so that all of it is told, not the first only.
#[derive(Debug, Default)]
pub(crate) struct Doubts {
    told: Vec<String>,
    worst: Option<Verdict>,
}

impl Doubts {
    pub(crate) fn contradict(&mut self, says: impl Into<String>) {
        self.doubt(Verdict::Contradicted, says);
    }

    pub(crate) fn cannot_tell(&mut self, says: impl Into<String>) {
        self.doubt(Verdict::CannotTell, says);
    }

    pub(crate) fn doubt(&mut self, verdict: Verdict, says: impl Into<String>) {
        self.told.push(says.into());
        self.worst = self.worst.max(Some(verdict));
    }

    /// Notes `says` unless `holds`.
    pub(crate) fn unless(&mut self, holds: bool, says: impl Into<String>) {
        if !holds {
            self.contradict(says);
        }
    }

    /// The finished check; `holds` is what it says without any doubt.
    pub(crate) fn finish(self, name: &'static str, holds: impl Into<String>) -> Check {
        let Some(verdict) = self.worst else {
            return Check { name, says: holds.into(), verdict: Verdict::Verified };
        };
        let n_more = self.told.len().saturating_sub(MAX_TOLD);
        let mut says = self.told.into_iter().take(MAX_TOLD).collect::<Vec<_>>().join(" ");
        if n_more > 0 {
            says.push_str(&format!(" And {n_more} more of this kind."));
        }
        Check { name, says, verdict }
    }
}
