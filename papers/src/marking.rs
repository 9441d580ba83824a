//! The secrecy stamp: MẬT, TỐI MẬT, TUYỆT MẬT.
//!
//! A paper that bears one must not enter the appliance. A paper that merely speaks of secrets must. So the words count only
//! where a stamp stands (alone, in capitals, in the upper part of the first page or in any page's margin, or turned across a
//! page) and where a file declares itself. Source: `docs/sources.md`, entries `state-secrets`, `decree-30-2020`.
//!
//! A stamp that is only a picture, as on a scan, is not seen here: it has no words.

#![expect(clippy::float_arithmetic, reason = "page geometry is measured in fractions of points")]

mod place;

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use crate::read::{Metadata, PageWords};

/// A level of secrecy, by its Vietnamese name: translations of the three disagree.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// MẬT: protected for ten years.
    Mat,
    /// TỐI MẬT: twenty years.
    ToiMat,
    /// TUYỆT MẬT: thirty years.
    TuyetMat,
}

/// A secrecy stamp that was found.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Found {
    /// The level it states.
    pub level: Level,
    /// Where it stands.
    pub at: Place,
}

/// Where a secrecy stamp stands.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In the file's own description, in the property of this name.
    Metadata(String),
    /// On this page, from 0.
    Page(usize),
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mat => "MẬT",
            Self::ToiMat => "TỐI MẬT",
            Self::TuyetMat => "TUYỆT MẬT",
        })
    }
}

/// Looks for a secrecy stamp on the pages, then in the metadata; the highest level found counts.
#[must_use]
pub fn find(pages: &[PageWords], metadata: &Metadata) -> Option<Found> {
    let on_pages = pages.iter().enumerate().filter_map(|(n, page)| {
        let level = place::stamp_on(page, n == 0)?;
        Some(Found { level, at: Place::Page(n) })
    });
    let standard =
        [("Title", &metadata.title), ("Subject", &metadata.subject), ("Keywords", &metadata.keywords)];
    let standard = standard.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
    let properties = metadata.properties.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let in_metadata = standard.chain(properties).filter_map(|(name, value)| {
        let level = declared(name, value)?;
        Some(Found { level, at: Place::Metadata(name.to_owned()) })
    });
    // The first of the highest, so that a page is named rather than the property that repeats it.
    on_pages.chain(in_metadata).reduce(|best, next| if next.level > best.level { next } else { best })
}

/// What `name: value` declares, as a property of the file.
fn declared(name: &str, value: &str) -> Option<Level> {
    if is_label(name) {
        return level_of(value).or_else(|| unaccented(value));
    }
    if let Some(level) = level_of(value).or_else(|| labelled(value)) {
        return Some(level);
    }
    // One of several keywords, or before a title: `[TỐI MẬT] Tờ trình …`. In small letters it may be honey.
    let parts = value.split(['[', ']', '(', ')', ',', ';', ':', '|', '/', '\n', '–', '—']);
    let parts = parts.flat_map(|part| part.split(" - ")).map(str::trim);
    parts
        .filter(|part| part.starts_with(char::is_uppercase))
        .filter_map(|part| level_of(part).or_else(|| labelled(part)))
        .max()
}

/// The level in `Độ mật: Tối mật`, `secrecy: MẬT`, whatever the case.
fn labelled(text: &str) -> Option<Level> {
    let (label, value) = text.split_once([':', '='])?;
    if is_label(label) { level_of(value) } else { None }
}

/// Whether these words announce a level of secrecy.
fn is_label(words: &str) -> bool {
    let words = plain(words).to_lowercase();
    let words = words.rsplit(':').next().unwrap_or_default();
    let letters: String = words.chars().filter(|c| c.is_alphanumeric()).collect();
    matches!(
        letters.as_str(),
        "độmật"
            | "mứcđộmật"
            | "cấpđộmật"
            | "chếđộmật"
            | "dấuđộmật"
            | "mứcmật"
            | "domat"
            | "mucdomat"
            | "capdomat"
            | "secrecy"
            | "secrecylevel"
            | "classification"
            | "securityclassification"
            | "marking"
            | "sensitivity"
    )
}

/// The level that `text` is, and nothing else; whatever the case, letters spaced or not.
fn level_of(text: &str) -> Option<Level> {
    let letters: String = plain(text).to_lowercase().chars().filter(|c| !c.is_whitespace()).collect();
    match letters.as_str() {
        "mật" => Some(Level::Mat),
        "tốimật" => Some(Level::ToiMat),
        "tuyệtmật" => Some(Level::TuyetMat),
        _ => None,
    }
}

/// The level in a labelled property of a program that knows no accents. Never used on text: "MAT" is a word there.
fn unaccented(text: &str) -> Option<Level> {
    let letters: String = text.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
    match letters.as_str() {
        "mat" => Some(Level::Mat),
        "toimat" => Some(Level::ToiMat),
        "tuyetmat" => Some(Level::TuyetMat),
        _ => None,
    }
}

/// Composed, compatibility forms resolved, without characters that show nothing.
fn plain(text: &str) -> String {
    let invisible = |c: &char| matches!(c, '\u{00AD}' | '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}');
    text.trim().nfkc().filter(|c| !invisible(c)).collect()
}

#[cfg(test)]
mod tests;
