//! The one font family that papers are set in.

use std::fs;
use std::path::{Path, PathBuf};

use typst::foundations::Bytes;
use typst::text::{Font, FontStyle, FontWeight};

use super::WriteError;

/// Families with the metrics of Times New Roman, best first.
const FAMILIES: [&str; 2] = ["Tinos", "Liberation Serif"];
/// How deep font folders are searched.
const MAX_DEPTH: usize = 3;
/// Larger files are not the fonts we look for.
const MAX_FONT_BYTES: u64 = 8 * 1024 * 1024;

/// The 67 Vietnamese letters beyond ASCII, small; with their capitals 134.
pub(super) const LETTERS: &str = "àáảãạăằắẳẵặâầấẩẫậđèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵ";

/// A family in four styles.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) fonts: Vec<Font>,
}

impl Family {
    /// Whether each style can show `letter`.
    pub(super) fn shows(&self, letter: char) -> bool {
        self.fonts.iter().all(|font| font.info().coverage.contains(letter.into()))
    }
}

/// Loads the best family of [`FAMILIES`] that the folders hold completely.
pub(super) fn load(folders: &[PathBuf]) -> Result<Family, WriteError> {
    let mut files = Vec::new();
    for folder in folders {
        list(folder, MAX_DEPTH, &mut files)?;
    }
    files.sort();
    let mut fonts = Vec::new();
    for file in files {
        let bytes = fs::read(&file).map_err(|source| WriteError::FontFolder { path: file, source })?;
        fonts.extend(Font::iter(Bytes::new(bytes)));
    }
    let mut lacking = String::new();
    for name in FAMILIES {
        let family = Family { name, fonts: four_styles(&fonts, name) };
        let missing =
            LETTERS.chars().chain(LETTERS.to_uppercase().chars()).filter(|&c| !family.shows(c)).count();
        match (family.fonts.len(), missing) {
            (4, 0) => return Ok(family),
            (0, _) => {}
            (4, _) => lacking.push_str(&format!("; {name} lacks {missing} letters")),
            (_, _) => lacking.push_str(&format!("; {name} lacks a style")),
        }
    }
    Err(WriteError::NoFont { lacking })
}

fn four_styles(fonts: &[Font], name: &str) -> Vec<Font> {
    let wanted = [
        (FontStyle::Normal, FontWeight::REGULAR),
        (FontStyle::Italic, FontWeight::REGULAR),
        (FontStyle::Normal, FontWeight::BOLD),
        (FontStyle::Italic, FontWeight::BOLD),
    ];
    let matching = |(style, weight)| {
        fonts.iter().find(|font| {
            let info = font.info();
            info.family == name && info.variant.style == style && info.variant.weight == weight
        })
    };
    wanted.into_iter().filter_map(matching).cloned().collect()
}

fn list(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), WriteError> {
    let failed = |source| WriteError::FontFolder { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let meta = fs::metadata(entry.path()).map_err(failed)?;
        let path = entry.path();
        if meta.is_dir() && depth > 1 {
            list(&path, depth - 1, files)?;
        } else if is_wanted(&path) && meta.len() <= MAX_FONT_BYTES {
            files.push(path);
        }
    }
    Ok(())
}

/// Only files named like a wanted family are parsed: a system's font folder can hold gigabytes.
fn is_wanted(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let ends = [".ttf", ".otf"].iter().any(|end| name.ends_with(end));
    ends && FAMILIES.iter().any(|family| name.starts_with(&family.to_lowercase().replace(' ', "")))
}
