//! The typst compiler at work: templates and one data file, no disk, no network, no clock.

use std::fmt;

use cabinet::{Digest, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use typst::diag::{FileError, FileResult, SourceDiagnostic};
use typst::foundations::{Bytes, Datetime, Duration, Label, Smart};
use typst::introspection::{Introspector as _, MetadataElem};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::{LazyHash, PicoStr};
use typst::{Library, LibraryExt as _, World};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards};
use unicode_normalization::UnicodeNormalization as _;

use super::fonts::Family;
use super::{MAX_TEXT_BYTES, WriteError};

/// How many compilations a result may stay in typst's memory unused.
const CACHE_AGE: usize = 8;
/// PDF/A demands a date; for a stamp or a seal, which go into another file, it means nothing.
const NO_TIME: Timestamp = Timestamp::from_micros(0);
/// Vietnam's offset from UTC, in minutes.
const VIETNAM_OFFSET_MINUTES: i32 = 420;

/// The templates by their names in the virtual root.
const SOURCES: [(&str, &str); 6] = [
    ("common.typ", include_str!("../../templates/common.typ")),
    ("invitation.typ", include_str!("../../templates/invitation.typ")),
    ("paper.typ", include_str!("../../templates/paper.typ")),
    ("resolution.typ", include_str!("../../templates/resolution.typ")),
    ("seal.typ", include_str!("../../templates/seal.typ")),
    ("stamp.typ", include_str!("../../templates/stamp.typ")),
];

/// A main file.
#[derive(Clone, Copy, Debug)]
pub(super) enum Template {
    Invitation,
    Paper,
    Resolution,
    Seal,
    Stamp,
}

impl Template {
    const fn file(self) -> &'static str {
        match self {
            Self::Invitation => "invitation.typ",
            Self::Paper => "paper.typ",
            Self::Resolution => "resolution.typ",
            Self::Seal => "seal.typ",
            Self::Stamp => "stamp.typ",
        }
    }
}

/// What came off the press.
#[derive(Debug)]
pub(super) struct Proof {
    pub(super) pdf: Vec<u8>,
    pub(super) n_pages: usize,
    pub(super) slots: Vec<Slot>,
}

/// The mark at the end of the body, not a blank.
pub(super) const BODY_END: &str = "body_end";

impl Proof {
    /// Whether no word of the body stands on the page of the signature block.
    pub(super) fn signature_is_alone(&self) -> bool {
        let page = |name: &str| self.slots.iter().find(|slot| slot.name == name).map(|slot| slot.page);
        match (page(BODY_END), page("signature")) {
            (Some(body), Some(signature)) => body != signature,
            _ => false,
        }
    }
}

/// A blank as the template publishes it: points from the page's top left, pages from 1.
#[derive(Debug, Deserialize)]
pub(super) struct Slot {
    pub(super) name: String,
    pub(super) page: usize,
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) w: f64,
    pub(super) h: f64,
    pub(super) page_height: f64,
}

/// Everything that stays the same from paper to paper.
pub(super) struct Press {
    library: LazyHash<Library>,
    book: LazyHash<FontBook>,
    family: Family,
    sources: Vec<Source>,
    data: FileId,
}

impl Press {
    pub(super) fn new(family: Family) -> Result<Self, WriteError> {
        let sources = SOURCES
            .iter()
            .map(|(name, text)| Ok(Source::new(file_id(name)?, (*text).to_owned())))
            .collect::<Result<_, WriteError>>()?;
        Ok(Self {
            library: LazyHash::new(Library::default()),
            book: LazyHash::new(FontBook::from_fonts(&family.fonts)),
            family,
            sources,
            data: file_id("data.json")?,
        })
    }

    /// Typesets `paper` by `template`; without `now` it is a part of another paper and bears [`NO_TIME`].
    pub(super) fn print(
        &self,
        template: Template,
        paper: &Value,
        now: Option<Timestamp>,
    ) -> Result<Proof, WriteError> {
        let data = json!({ "font": self.family.name, "paper": paper }).to_string();
        if data.len() > MAX_TEXT_BYTES {
            return Err(WriteError::TooLong);
        }
        let data: String = data.nfc().collect();
        if let Some(letter) = data.chars().find(|&c| c.is_control() || !self.family.shows(c)) {
            return Err(WriteError::Letter(letter));
        }
        let ident = Digest::of(data.as_bytes()).to_string();
        let sheet = Sheet { press: self, main: file_id(template.file())?, data: Bytes::from_string(data) };
        let proof = sheet.compile(ident, now);
        typst::comemo::evict(CACHE_AGE);
        proof
    }
}

impl fmt::Debug for Press {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Press").field("family", &self.family.name).finish_non_exhaustive()
    }
}

/// One paper on the press.
struct Sheet<'a> {
    press: &'a Press,
    main: FileId,
    data: Bytes,
}

impl Sheet<'_> {
    fn compile(&self, ident: String, now: Option<Timestamp>) -> Result<Proof, WriteError> {
        let document: PagedDocument = typst::compile(self).output.map_err(|found| failed(&found))?;
        let options = PdfOptions {
            ident: Smart::Custom(ident),
            creator: Smart::Custom(None),
            timestamp: pdf_time(now.unwrap_or(NO_TIME)),
            standards: PdfStandards::new(&[PdfStandard::A_2b])
                .map_err(|err| WriteError::Template(err.message().to_string()))?,
            ..PdfOptions::default()
        };
        let pdf = typst_pdf::pdf(&document, &options).map_err(|found| failed(&found))?;
        Ok(Proof { pdf, n_pages: document.pages().len(), slots: slots(&document)? })
    }
}

impl World for Sheet<'_> {
    fn library(&self) -> &LazyHash<Library> {
        &self.press.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &self.press.book
    }

    fn main(&self) -> FileId {
        self.main
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        let source = self.press.sources.iter().find(|source| source.id() == id);
        source.cloned().ok_or(FileError::AccessDenied)
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        if id == self.press.data { Ok(self.data.clone()) } else { Err(FileError::AccessDenied) }
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.press.family.fonts.get(index).cloned()
    }

    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None
    }
}

fn slots(document: &PagedDocument) -> Result<Vec<Slot>, WriteError> {
    let Some(label) = Label::new(PicoStr::intern("anchors")) else {
        return Ok(Vec::new());
    };
    // The stamps and the seal have no blanks.
    let Ok(found) = document.introspector().query_label(label) else {
        return Ok(Vec::new());
    };
    let Some(list) = found.to_packed::<MetadataElem>() else {
        return Ok(Vec::new());
    };
    let list = serde_json::to_value(&list.value).map_err(|err| WriteError::Template(err.to_string()))?;
    serde_json::from_value(list).map_err(|err| WriteError::Template(err.to_string()))
}

fn pdf_time(now: Timestamp) -> Option<typst_pdf::Timestamp> {
    let local = now.in_vietnam();
    let civil = Datetime::from_ymd_hms(
        local.year(),
        local.month().into(),
        local.day(),
        local.hour(),
        local.minute(),
        local.second(),
    )?;
    typst_pdf::Timestamp::new_local(civil, VIETNAM_OFFSET_MINUTES)
}

fn file_id(name: &str) -> Result<FileId, WriteError> {
    let path = VirtualPath::new(name).map_err(|err| WriteError::Template(err.to_string()))?;
    Ok(RootedPath::new(VirtualRoot::Project, path).intern())
}

fn failed(found: &[SourceDiagnostic]) -> WriteError {
    let messages: Vec<&str> = found.iter().map(|found| found.message.as_str()).collect();
    WriteError::Template(messages.join("; "))
}
