//! Papers are typeset here, in the form of Decree 30/2020, to PDF/A-2b.
//!
//! The templates (`templates/*.typ`) hold the geometry; the words arrive as data in a virtual JSON file and are never
//! pasted into source. Source: `docs/sources.md`, entry `decree-30-2020`.

#![expect(clippy::float_arithmetic, reason = "page geometry is measured in fractions of points")]

pub mod content;
mod fonts;
mod world;

use std::collections::BTreeMap;
use std::path::PathBuf;

use cabinet::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use time::Date;

pub use content::{
    Article, Invitation, Issue, Letterhead, Paper, Resolution, Section, SignatureBlock, vietnamese_date,
};
use world::{Press, Proof, Template};

/// The most text one paper may hold, as JSON; a paper this long has some 500 pages.
pub const MAX_TEXT_BYTES: usize = 2 * 1024 * 1024;
/// The smallest and largest seal, in millimetres of diameter.
pub const SEAL_MM: std::ops::RangeInclusive<f64> = 15.0..=60.0;
/// The smallest and largest page that [`Typesetter::stamp`] makes, in points.
pub const STAMP_PT: std::ops::RangeInclusive<f64> = 4.0..=1000.0;
/// The type size of the number in a letterhead, in points; it is upright.
pub const NUMBER_SIZE_PT: f64 = 13.0;
/// The type size of the date in a letterhead, in points; it is italic.
pub const DATE_SIZE_PT: f64 = 14.0;

/// Sets papers in type. Built once: the fonts are loaded and checked then.
#[derive(Debug)]
pub struct Typesetter {
    press: Press,
}

/// A typeset paper.
#[derive(Clone, Debug)]
pub struct Typeset {
    /// The PDF/A-2b file. The same input gives the same bytes.
    pub pdf: Vec<u8>,
    /// How many pages it has.
    pub n_pages: usize,
    /// Where its blanks lie, by name: `number`, `date`, `signature`, `seal`, each only if the paper has it.
    pub anchors: BTreeMap<String, Anchor>,
}

/// The rectangle of a blank, in points of 1/72 inch; the origin is the page's bottom left, as in PDF.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Anchor {
    /// The page, from 0.
    pub page: usize,
    /// The left edge.
    pub x: f64,
    /// The bottom edge.
    pub y: f64,
    /// The width.
    pub w: f64,
    /// The height.
    pub h: f64,
}

/// How [`Typesetter::stamp`] sets its line.
#[derive(Clone, Copy, Debug)]
pub struct StampStyle {
    /// The type size in points.
    pub size_pt: f64,
    /// Sloped or upright.
    pub italic: bool,
    /// Where the line lies across the page.
    pub align: Align,
}

/// Where a line lies across its page.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Align {
    /// In the middle.
    Center,
    /// At the left edge.
    Left,
    /// At the right edge.
    Right,
}

/// Why a paper could not be typeset.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A font folder cannot be read: correct the configuration or the permissions.
    #[error("cannot read the font folder {}: {source}; correct the path in the configuration", path.display())]
    FontFolder {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// No usable font: install one of the packages named.
    #[error(
        "no font with all Vietnamese letters in regular, italic, bold and bold italic was found{lacking}; install the Debian \
         package fonts-croscore (Tinos) or fonts-liberation2 (Liberation Serif 2)"
    )]
    NoFont {
        /// What was found and does not do, as a clause; may be empty.
        lacking: String,
    },
    /// The text holds a character that the font cannot show: correct the text.
    #[error("the text holds U+{:04X}, which the font cannot show; remove or replace it", u32::from(*.0))]
    Letter(char),
    /// The text is longer than [`MAX_TEXT_BYTES`]: shorten it.
    #[error("the text is longer than {MAX_TEXT_BYTES} bytes; shorten it or put a part in an annex")]
    TooLong,
    /// A length is out of range: correct the setting.
    #[error("the {what} of {value} is out of range; correct the setting")]
    OutOfRange {
        /// Which length.
        what: &'static str,
        /// The value given.
        value: f64,
    },
    /// The template failed; the fault is ours.
    #[error("the template failed: {0}; report this with the paper's kind")]
    Template(String),
}

impl Typesetter {
    /// Loads Tinos or Liberation Serif from `font_folders` (searched in order, three levels deep) and checks that all four
    /// styles have every Vietnamese letter.
    ///
    /// # Errors
    ///
    /// * [`WriteError::FontFolder`]: a folder is missing or cannot be read.
    /// * [`WriteError::NoFont`]: install the package that the message names.
    pub fn open(font_folders: &[PathBuf]) -> Result<Self, WriteError> {
        Ok(Self { press: Press::new(fonts::load(font_folders)?)? })
    }

    /// Sets a Resolution (template 1.1). Anchors: `number` and `date` unless issued already; `signature`; `seal`.
    ///
    /// `now` becomes the file's creation time.
    ///
    /// # Errors
    ///
    /// [`WriteError::Letter`], [`WriteError::TooLong`], [`WriteError::OutOfRange`] for the seal: correct the input.
    pub fn resolution(&self, resolution: &Resolution, now: Timestamp) -> Result<Typeset, WriteError> {
        check_seal(resolution.seal_mm)?;
        self.paper_of(Template::Resolution, resolution, now)
    }

    /// Sets an invitation (giấy mời, template 1.7). Anchors as for a Resolution.
    ///
    /// # Errors
    ///
    /// As for [`Typesetter::resolution`].
    pub fn invitation(&self, invitation: &Invitation, now: Timestamp) -> Result<Typeset, WriteError> {
        check_seal(invitation.seal_mm)?;
        self.paper_of(Template::Invitation, invitation, now)
    }

    /// Sets a dossier paper (tờ trình, báo cáo, dự thảo …; template 1.4). Anchors as for a Resolution; without a
    /// signature block there is no `signature` and no `seal`.
    ///
    /// # Errors
    ///
    /// As for [`Typesetter::resolution`].
    pub fn paper(&self, paper: &Paper, now: Timestamp) -> Result<Typeset, WriteError> {
        check_seal(paper.seal_mm)?;
        self.paper_of(Template::Paper, paper, now)
    }

    /// Sets one line on a transparent page of exactly `w` × `h` points, for the appearance of a form field.
    ///
    /// The baseline lies 0.28 × size above the page's bottom edge, as it does in the anchors.
    ///
    /// # Errors
    ///
    /// As for [`Typesetter::resolution`], with [`WriteError::OutOfRange`] for the page and the type size.
    pub fn stamp(&self, text: &str, style: StampStyle, w: f64, h: f64) -> Result<Typeset, WriteError> {
        self.stamped(text, None, style, w, h)
    }

    /// Sets the running number (`148`, `08`) for the anchor `number`: upright 13 pt, against the slash on its right.
    ///
    /// # Errors
    ///
    /// As for [`Typesetter::stamp`].
    pub fn resolution_number(&self, number: &str, w: f64, h: f64) -> Result<Typeset, WriteError> {
        self.stamp(number, StampStyle { size_pt: NUMBER_SIZE_PT, italic: false, align: Align::Right }, w, h)
    }

    /// Sets the figures of the date for the anchor `date`: italic 14 pt, day, month and year each over its gap. The words
    /// "ngày … tháng … năm" stand on the paper already and are left out here.
    ///
    /// # Errors
    ///
    /// As for [`Typesetter::stamp`].
    pub fn resolution_date(&self, date: Date, w: f64, h: f64) -> Result<Typeset, WriteError> {
        let style = StampStyle { size_pt: DATE_SIZE_PT, italic: true, align: Align::Left };
        self.stamped(&vietnamese_date(date), Some(date), style, w, h)
    }

    /// Draws the TEST seal as a one-page PDF, transparent, in real size.
    pub(crate) fn seal(&self, organisation: &str, seal_mm: f64) -> Result<Typeset, WriteError> {
        check_seal(seal_mm)?;
        let data = json!({ "title": organisation, "organisation": organisation, "seal_mm": seal_mm });
        self.press.print(Template::Seal, &data, None).map(Typeset::from)
    }

    fn stamped(
        &self,
        text: &str,
        date: Option<Date>,
        style: StampStyle,
        w: f64,
        h: f64,
    ) -> Result<Typeset, WriteError> {
        for (what, value) in
            [("stamp's width", w), ("stamp's height", h), ("stamp's type size", style.size_pt)]
        {
            if !STAMP_PT.contains(&value) {
                return Err(WriteError::OutOfRange { what, value });
            }
        }
        let figures = date.map(content::figures);
        let data = json!({
            "title": text, "text": text, "date": figures, "w": w, "h": h,
            "size_pt": style.size_pt, "italic": style.italic, "align": style.align,
        });
        self.press.print(Template::Stamp, &data, None).map(Typeset::from)
    }

    fn paper_of(
        &self,
        template: Template,
        paper: &impl content::Titled,
        now: Timestamp,
    ) -> Result<Typeset, WriteError> {
        let mut data = serde_json::to_value(paper).map_err(|err| WriteError::Template(err.to_string()))?;
        let mut proof = None;
        // A second printing only where the first left the signature block alone on its page.
        for keep_last in [false, true] {
            if let Value::Object(fields) = &mut data {
                fields.insert("title".to_owned(), paper.title().into());
                fields.insert("keep_last".to_owned(), keep_last.into());
            }
            let printed = self.press.print(template, &data, Some(now))?;
            let is_good = !printed.signature_is_alone();
            proof = Some(printed);
            if is_good {
                break;
            }
        }
        proof.map(Typeset::from).ok_or_else(|| WriteError::Template("nothing was printed".to_owned()))
    }
}

impl From<Proof> for Typeset {
    fn from(proof: Proof) -> Self {
        let place = |slot: world::Slot| {
            let anchor = Anchor {
                page: slot.page.saturating_sub(1),
                x: slot.x,
                y: slot.page_height - slot.y - slot.h,
                w: slot.w,
                h: slot.h,
            };
            (slot.name, anchor)
        };
        let anchors =
            proof.slots.into_iter().filter(|slot| slot.name != world::BODY_END).map(place).collect();
        Self { pdf: proof.pdf, n_pages: proof.n_pages, anchors }
    }
}

fn check_seal(value: f64) -> Result<(), WriteError> {
    if SEAL_MM.contains(&value) {
        Ok(())
    } else {
        Err(WriteError::OutOfRange { what: "seal's diameter", value })
    }
}
