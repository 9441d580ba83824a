//! Papers are read here: opened, drawn, taken apart into words.
//!
//! What is read comes from outside and may be hostile. Run this in the parser process, with limits on time and memory;
//! the limits below bound our own loops, not the interpreter's. Nothing is fetched, no script is run, and encrypted files
//! are refused because nobody could read them later. A paper that is only a scan has no words.

#![expect(clippy::float_arithmetic, reason = "page geometry is measured in fractions of points")]

mod draw;
mod metadata;
mod names;
mod words;
mod xmp;

use std::fmt;

use hayro_interpret::hayro_syntax::page::Page;
use hayro_interpret::hayro_syntax::{LoadPdfError, Pdf};

pub(crate) use draw::{Ground, encode_rgba, raster};
pub use metadata::{MAX_PROPERTIES, MAX_XMP_BYTES, Metadata};
pub use words::{MAX_GLYPHS_PER_PAGE, MAX_WORDS_PER_PAGE, PageWords, Word};

/// The largest file that is opened.
pub const MAX_PDF_BYTES: usize = 64 * 1024 * 1024;
/// The largest file that is opened to be signed and not kept: 1 GiB, as much as one process may hold.
pub const MAX_LARGE_PDF_BYTES: usize = 1 << 30;
/// The most pages a paper may have.
pub const MAX_PAGES: usize = 2000;
/// The most pixels of a page image; a page that would have more is drawn smaller.
pub const MAX_PIXELS: u32 = 16_000_000;
/// The longest side of a page image, in pixels.
pub const MAX_SIDE_PX: u16 = 8_000;

/// The header stands in the first kilobyte, the end mark near the end: what other programs append is at most this long.
const HEADER_BYTES: usize = 1024;
const TRAILER_BYTES: usize = 4096;

/// A PDF that could be opened.
pub struct Paper {
    pdf: Pdf,
    metadata: Metadata,
}

/// Why a file is refused, or a page cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file is encrypted, even if with an empty password: send it without encryption.
    #[error("the PDF is encrypted; save it without a password and send it again")]
    Encrypted,
    /// There is no such page; the caller counts from 0.
    #[error("the paper has no page {0} (counted from 0)")]
    NoSuchPage(usize),
    /// The file does not begin as a PDF does.
    #[error("the file is not a PDF; export it as PDF and send it again")]
    NotAPdf,
    /// The file is larger than [`MAX_PDF_BYTES`].
    #[error("the file is larger than {MAX_PDF_BYTES} bytes; split it or lower the resolution of its images")]
    TooLarge,
    /// The paper has more pages than [`MAX_PAGES`].
    #[error("the paper has {0} pages, more than {MAX_PAGES}; split it")]
    TooManyPages(usize),
    /// The file begins as a PDF but is damaged or cut off: export it again.
    #[error("the PDF is damaged or incomplete; export it again")]
    Unreadable,
}

impl Paper {
    /// Opens a PDF. Its pages are not read yet.
    ///
    /// # Errors
    ///
    /// Every one refuses the file for good: [`ReadError::NotAPdf`], [`ReadError::Encrypted`],
    /// [`ReadError::Unreadable`] (also when the file does not end as a PDF does), [`ReadError::TooManyPages`],
    /// [`ReadError::TooLarge`].
    pub fn open(bytes: Vec<u8>) -> Result<Self, ReadError> {
        if bytes.len() > MAX_PDF_BYTES { Err(ReadError::TooLarge) } else { Self::open_large(bytes) }
    }

    /// Like [`Paper::open`], of at most [`MAX_LARGE_PDF_BYTES`].
    ///
    /// # Errors
    ///
    /// As [`Paper::open`].
    pub fn open_large(bytes: Vec<u8>) -> Result<Self, ReadError> {
        if bytes.len() > MAX_LARGE_PDF_BYTES {
            return Err(ReadError::TooLarge);
        }
        if !contains(bytes.get(..HEADER_BYTES).unwrap_or(&bytes), b"%PDF-") {
            return Err(ReadError::NotAPdf);
        }
        let tail = bytes.get(bytes.len().saturating_sub(TRAILER_BYTES)..).unwrap_or_default();
        if !contains(tail, b"%%EOF") {
            return Err(ReadError::Unreadable);
        }
        let trailers = names::trailers(&bytes);
        if trailers.encrypted {
            return Err(ReadError::Encrypted);
        }
        let pdf = Pdf::new(bytes).map_err(|err| match err {
            LoadPdfError::Decryption(_) => ReadError::Encrypted,
            LoadPdfError::Invalid => ReadError::Unreadable,
        })?;
        match pdf.pages().len() {
            0 => return Err(ReadError::Unreadable),
            n if n > MAX_PAGES => return Err(ReadError::TooManyPages(n)),
            _ => {}
        }
        let metadata = metadata::read(&pdf, &trailers.infos);
        Ok(Self { pdf, metadata })
    }

    /// How many pages it has: 1 to [`MAX_PAGES`].
    #[must_use]
    pub fn n_pages(&self) -> usize {
        self.pdf.pages().len()
    }

    /// What the file says about itself.
    #[must_use]
    pub const fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Draws page `n` (from 0) with its annotations on white, as PNG, `width_px` wide; the height follows.
    ///
    /// An image that would break [`MAX_PIXELS`] or [`MAX_SIDE_PX`] is drawn smaller, in the same proportion.
    ///
    /// # Errors
    ///
    /// [`ReadError::NoSuchPage`]; [`ReadError::Unreadable`] if no picture came of it.
    pub fn page_png(&self, n: usize, width_px: u16) -> Result<Vec<u8>, ReadError> {
        let page = self.page(n)?;
        let (width_pt, _) = page.render_dimensions();
        let scale = f32::from(width_px.max(1)) / width_pt.max(1.0);
        draw::encode_page(&raster(page, scale, Ground::White)).ok_or(ReadError::Unreadable)
    }

    /// Takes page `n` (from 0) apart into words with their places, lines from the top, words from the left.
    ///
    /// # Errors
    ///
    /// [`ReadError::NoSuchPage`].
    pub fn page_words(&self, n: usize) -> Result<PageWords, ReadError> {
        Ok(words::read(self.page(n)?, self.pdf.xref()))
    }

    /// The text of page `n` (from 0): a line break after each line, a space between words.
    ///
    /// # Errors
    ///
    /// [`ReadError::NoSuchPage`].
    pub fn page_text(&self, n: usize) -> Result<String, ReadError> {
        Ok(self.page_words(n)?.text())
    }

    fn page(&self, n: usize) -> Result<&Page<'_>, ReadError> {
        self.pdf.pages().get(n).ok_or(ReadError::NoSuchPage(n))
    }
}

impl fmt::Debug for Paper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paper").field("n_pages", &self.n_pages()).finish_non_exhaustive()
    }
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}
