//! Where a PDF's bytes are: in memory, or in a file that is read piece by piece.
//!
//! A file is never held whole. What is parsed comes through small windows that grow until the object
//! fits; what is hashed or copied passes through one buffer.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::rc::Rc;

use super::parser::{Parser, is_space};
use super::{MAX_PDF_BYTES, PdfError};

/// Size of the pieces in which a file is parsed, in bytes.
const BLOCK_BYTES: usize = 16 << 10;
/// Pieces that are kept, so at most 4 MiB.
const N_BLOCKS: usize = 256;
/// Largest object without its stream data, in bytes (16 MiB), when the PDF is in a file.
const MAX_OBJECT_BYTES: usize = 16 << 20;
/// Largest stream that is loaded for decoding or copying, in bytes (64 MiB).
const MAX_STREAM_BYTES: usize = 64 << 20;
/// Size of the buffer through which bytes are hashed and copied: what was read is still near when it is written.
const CHUNK_BYTES: usize = 256 << 10;

/// A PDF's bytes, perhaps only those of an earlier revision.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    kind: Kind<'a>,
    len: usize,
}

#[derive(Clone, Copy, Debug)]
enum Kind<'a> {
    Memory(&'a [u8]),
    File(&'a PdfFile),
}

/// A file opened for reading. Nobody may write to it meanwhile.
pub(crate) struct PdfFile {
    file: File,
    len: usize,
    blocks: RefCell<Vec<Option<Block>>>,
    /// The first failure of the disk, so that nobody takes it for a fault of the document.
    failure: RefCell<Option<PdfError>>,
}

/// A piece of the file with the number of its place.
type Block = (usize, Rc<[u8]>);

enum Window<'a> {
    Whole(&'a [u8]),
    Block(Rc<[u8]>, Range<usize>),
    Own(Vec<u8>),
}

impl PdfFile {
    pub(crate) fn open(path: &Path) -> Result<Self, PdfError> {
        Self::of(File::open(path)?)
    }

    pub(crate) fn of(file: File) -> Result<Self, PdfError> {
        let len = usize::try_from(file.metadata()?.len()).ok().ok_or(PdfError::TooLarge)?;
        let blocks = RefCell::new(vec![None; N_BLOCKS]);
        Ok(Self { file, len, blocks, failure: RefCell::new(None) })
    }

    pub(crate) const fn source(&self) -> Source<'_> {
        Source { kind: Kind::File(self), len: self.len }
    }

    fn read(&self, at: usize, into: &mut [u8]) -> Result<(), PdfError> {
        let offset = u64::try_from(at).ok().ok_or(PdfError::TooLarge)?;
        self.file.read_exact_at(into, offset).map_err(|error| {
            let error = PdfError::from(error);
            self.failure.borrow_mut().get_or_insert_with(|| error.clone());
            error
        })
    }

    /// The piece that holds the byte at `at`, from that byte on.
    fn block(&self, at: usize) -> Result<(Rc<[u8]>, usize), PdfError> {
        let number = at.checked_div(BLOCK_BYTES).unwrap_or_default();
        let start = number.saturating_mul(BLOCK_BYTES);
        let skip = at.saturating_sub(start);
        let slot = number.checked_rem(N_BLOCKS).unwrap_or_default();
        if let Some(Some((known, block))) = self.blocks.borrow().get(slot)
            && *known == number
        {
            return Ok((Rc::clone(block), skip));
        }
        let mut bytes = vec![0; BLOCK_BYTES.min(self.len.saturating_sub(start))];
        self.read(start, &mut bytes)?;
        let block: Rc<[u8]> = bytes.into();
        if let Some(kept) = self.blocks.borrow_mut().get_mut(slot) {
            *kept = Some((number, Rc::clone(&block)));
        }
        Ok((block, skip))
    }
}

impl fmt::Debug for PdfFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PdfFile").field("file", &self.file).field("len", &self.len).finish_non_exhaustive()
    }
}

impl<'a> From<&'a [u8]> for Source<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self { kind: Kind::Memory(bytes), len: bytes.len() }
    }
}

impl Window<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Whole(bytes) => bytes,
            Self::Block(block, part) => block.get(part.clone()).unwrap_or_default(),
            Self::Own(bytes) => bytes,
        }
    }
}

impl<'a> Source<'a> {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) const fn check_size(&self) -> Result<(), PdfError> {
        if self.len > MAX_PDF_BYTES { Err(PdfError::TooLarge) } else { Ok(()) }
    }

    /// The first `len` bytes.
    pub(crate) fn prefix(&self, len: usize) -> Self {
        Self { kind: self.kind, len: len.min(self.len) }
    }

    /// The disk's first failure, if there was one: then nothing that was concluded counts.
    pub(crate) fn check_disk(&self) -> Result<(), PdfError> {
        match self.kind {
            Kind::Memory(_) => Ok(()),
            Kind::File(file) => file.failure.borrow().clone().map_or(Ok(()), Err),
        }
    }

    fn window(&self, at: usize, len: usize) -> Result<Window<'a>, PdfError> {
        let end = at.saturating_add(len).min(self.len);
        match self.kind {
            Kind::Memory(bytes) => Ok(Window::Whole(bytes.get(at..self.len).unwrap_or_default())),
            Kind::File(_) if at >= end => Ok(Window::Whole(&[])),
            Kind::File(file) if len <= BLOCK_BYTES => {
                let (block, skip) = file.block(at)?;
                // The last piece of an earlier revision also holds bytes of the next.
                let stop = block.len().min(skip.saturating_add(self.len.saturating_sub(at)));
                Ok(Window::Block(block, skip..stop))
            }
            Kind::File(file) => {
                let mut bytes = vec![0; end.saturating_sub(at)];
                file.read(at, &mut bytes)?;
                Ok(Window::Own(bytes))
            }
        }
    }

    /// What `read` makes of the bytes at `at`; it is asked again with more of them if they do not suffice.
    pub(crate) fn parse<T>(
        &self,
        at: usize,
        read: impl Fn(&mut Parser<'_>) -> Result<T, PdfError>,
    ) -> Result<T, PdfError> {
        let mut len = BLOCK_BYTES;
        loop {
            let window = self.window(at, len)?;
            let is_last = at.saturating_add(window.bytes().len()) >= self.len;
            let mut parser = Parser::within(window.bytes(), at);
            let found = read(&mut parser);
            if is_last || !parser.is_starved() {
                return found;
            }
            if len >= MAX_OBJECT_BYTES {
                return Err(PdfError::at(at.saturating_add(len), "an object larger than 16 MiB"));
            }
            len = len.saturating_mul(4).min(MAX_OBJECT_BYTES);
        }
    }

    /// The bytes of a range, for decoding: at most 64 MiB.
    pub(crate) fn load(&self, range: &Range<usize>) -> Result<Cow<'a, [u8]>, PdfError> {
        let cut = PdfError::at(range.start, "bytes after the end");
        let len = range.end.checked_sub(range.start).filter(|_| range.end <= self.len).ok_or(cut.clone())?;
        match self.kind {
            Kind::Memory(bytes) => bytes.get(range.clone()).map(Cow::Borrowed).ok_or(cut),
            Kind::File(_) if len > MAX_STREAM_BYTES => {
                Err(PdfError::at(range.start, "a stream larger than 64 MiB"))
            }
            Kind::File(file) => {
                let mut bytes = vec![0; len];
                file.read(range.start, &mut bytes)?;
                Ok(Cow::Owned(bytes))
            }
        }
    }

    /// Gives the bytes of a range to `take`, one piece after the other.
    pub(crate) fn pass(
        &self,
        range: &Range<usize>,
        take: &mut dyn FnMut(&[u8]) -> Result<(), PdfError>,
    ) -> Result<(), PdfError> {
        let cut = PdfError::at(range.start, "bytes after the end");
        if range.end > self.len || range.start > range.end {
            return Err(cut);
        }
        match self.kind {
            Kind::Memory(bytes) => take(bytes.get(range.clone()).ok_or(cut)?),
            Kind::File(file) => {
                let mut buffer = vec![0; CHUNK_BYTES.min(range.end.saturating_sub(range.start))];
                let mut at = range.start;
                while at < range.end {
                    let len = buffer.len().min(range.end.saturating_sub(at));
                    let piece = buffer.get_mut(..len).ok_or(cut.clone())?;
                    file.read(at, piece)?;
                    take(piece)?;
                    at = at.saturating_add(len);
                }
                Ok(())
            }
        }
    }

    /// Whether nothing but white space stands in a range.
    pub(crate) fn is_blank(&self, range: &Range<usize>) -> Result<bool, PdfError> {
        let mut is_blank = true;
        self.pass(range, &mut |piece| {
            is_blank &= piece.iter().copied().all(is_space);
            Ok(())
        })?;
        Ok(is_blank)
    }

    /// Whether two ranges hold the same bytes.
    pub(crate) fn is_same(&self, one: &Range<usize>, other: &Range<usize>) -> Result<bool, PdfError> {
        if one == other {
            return Ok(true);
        }
        if one.len() != other.len() {
            return Ok(false);
        }
        let mut is_same = true;
        let mut at = other.start;
        self.pass(one, &mut |piece| {
            let end = at.saturating_add(piece.len());
            let mut offset = 0_usize;
            self.pass(&(at..end), &mut |opposite| {
                let next = offset.saturating_add(opposite.len());
                is_same &= piece.get(offset..next) == Some(opposite);
                offset = next;
                Ok(())
            })?;
            at = end;
            Ok(())
        })?;
        Ok(is_same)
    }

    /// Where `word` stands last.
    pub(crate) fn rfind(&self, word: &[u8]) -> Result<Option<usize>, PdfError> {
        const STEP_BYTES: usize = 4 << 10;
        let mut end = self.len;
        loop {
            let start = end.saturating_sub(STEP_BYTES);
            let stop = end.saturating_add(word.len()).saturating_sub(1).min(self.len);
            let piece = self.load(&(start..stop))?;
            if let Some(found) = piece.windows(word.len()).rposition(|window| window == word) {
                return Ok(start.checked_add(found));
            }
            if start == 0 {
                return Ok(None);
            }
            end = start;
        }
    }
}
