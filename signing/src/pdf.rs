//! PDF as the signer and the verifier read it: strictly, without repair, and written by appending only.
//!
//! One reader serves signing and validation, so that what was checked is what was signed. A file
//! that only a lenient viewer could open is refused here.
//!
//! Source: `docs/sources.md`, entry `iso32000`.

pub(crate) mod document;
pub(crate) mod form;
pub(crate) mod hexadecimal;
pub(crate) mod object;
pub(crate) mod pages;
pub(crate) mod parser;
pub(crate) mod rect;
pub(crate) mod source;
pub(crate) mod stream;
pub(crate) mod update;
mod xref;

pub(crate) use document::Document;
pub(crate) use object::{Dictionary, Object, Ref, Stream};
pub use rect::Rect;
pub(crate) use source::{PdfFile, Source};
pub(crate) use xref::{Entry, Section};

/// Largest PDF that is read, in bytes (1 GiB). Of a file only pieces are in memory at any time.
pub const MAX_PDF_BYTES: usize = 1 << 30;

/// The PDF cannot be read or written here.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PdfError {
    /// Larger than [`MAX_PDF_BYTES`].
    #[error("the PDF is larger than 1 GiB: split it or compress its images")]
    TooLarge,
    /// It is encrypted.
    #[error("the PDF is encrypted: remove the password and save it again")]
    Encrypted,
    /// It breaks the rules of its format, near the given byte.
    #[error("the PDF is damaged near byte {offset} ({what}): open it and save it again with its own program")]
    Damaged {
        /// Position in the file, in bytes.
        offset: usize,
        /// The rule that is broken.
        what: &'static str,
    },
    /// The disk failed, or the file is not there.
    #[error(
        "the file cannot be read or written ({0}): check its place, its rights and the disk, then try again"
    )]
    Disk(String),
}

impl PdfError {
    pub(crate) const fn at(offset: usize, what: &'static str) -> Self {
        Self::Damaged { offset, what }
    }
}

impl From<std::io::Error> for PdfError {
    fn from(error: std::io::Error) -> Self {
        Self::Disk(error.to_string())
    }
}
