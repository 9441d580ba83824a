//! What goes over the pipe: a length, a JSON head, and for papers and images their bytes.

use std::io::{self, Read, Write};

use papers::marking::Found;
use papers::read::{PageWords, ReadError};
use serde::{Deserialize, Serialize};

/// The largest head or body either side takes, in bytes: a paper to be signed, and some room.
const MAX_FRAME_BYTES: usize = papers::read::MAX_LARGE_PDF_BYTES + (1 << 20);

/// A question.
#[derive(Debug, Deserialize, Serialize)]
pub(super) enum Question {
    /// Is the paper in the body one that may be kept? What does it say?
    Inspect,
    /// Keeps the paper in the body under this name.
    Keep { name: String },
    /// Draws a page (from 0) of a kept paper.
    Draw { name: String, page: usize, width_px: u16 },
}

/// An answer.
#[derive(Debug, Deserialize, Serialize)]
pub(super) enum Answer {
    Inspected(Box<Inspected>),
    Refused(Refused),
    Kept,
    /// The image is in the body.
    Drawn,
    /// The paper is not among those kept: send it.
    NotKept,
}

/// What a paper says.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Inspected {
    /// Words of each page.
    pub pages: Vec<PageWords>,
    /// The secrecy stamp, if it bears one.
    pub marking: Option<Found>,
}

/// Why a file is not taken.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Refused {
    /// Encrypted.
    Encrypted,
    /// Not a PDF.
    NotAPdf,
    /// More bytes than allowed.
    TooLarge,
    /// More pages than allowed.
    TooManyPages,
    /// Damaged, or without the page that was asked for.
    Unreadable,
}

impl From<ReadError> for Refused {
    fn from(err: ReadError) -> Self {
        match err {
            ReadError::Encrypted => Self::Encrypted,
            ReadError::NotAPdf => Self::NotAPdf,
            ReadError::TooLarge => Self::TooLarge,
            ReadError::TooManyPages(_) => Self::TooManyPages,
            ReadError::NoSuchPage(_) | ReadError::Unreadable => Self::Unreadable,
        }
    }
}

/// The beginning of a frame, which a body of so many bytes follows.
pub(super) fn encode<T: Serialize>(head: &T, body_len: u64) -> io::Result<Vec<u8>> {
    let head = serde_json::to_vec(head)?;
    let mut frame = Vec::with_capacity(head.len().saturating_add(16));
    frame.extend(u64::try_from(head.len()).map_err(io::Error::other)?.to_be_bytes());
    frame.extend(body_len.to_be_bytes());
    frame.extend(head);
    Ok(frame)
}

/// The lengths of head and body in the 16 bytes that a frame begins with.
pub(super) fn lengths(prefix: [u8; 16]) -> io::Result<(usize, usize)> {
    let (head, body) = prefix.split_at(8);
    let len = |bytes: &[u8]| -> io::Result<usize> {
        let len = u64::from_be_bytes(bytes.try_into().map_err(io::Error::other)?);
        let len = usize::try_from(len).map_err(io::Error::other)?;
        if len > MAX_FRAME_BYTES { Err(io::ErrorKind::InvalidData.into()) } else { Ok(len) }
    };
    Ok((len(head)?, len(body)?))
}

/// Reads a frame; `None` at the end of the pipe.
pub(super) fn read<T: for<'de> Deserialize<'de>>(source: &mut impl Read) -> io::Result<Option<(T, Vec<u8>)>> {
    let mut prefix = [0; 16];
    match source.read_exact(&mut prefix) {
        Ok(()) => {}
        Err(err) if err.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(err) => return Err(err),
    }
    let (head_len, body_len) = lengths(prefix)?;
    let mut head = vec![0; head_len];
    source.read_exact(&mut head)?;
    let mut body = vec![0; body_len];
    source.read_exact(&mut body)?;
    Ok(Some((serde_json::from_slice(&head)?, body)))
}

/// Writes a frame.
pub(super) fn write<T: Serialize>(sink: &mut impl Write, head: &T, body: &[u8]) -> io::Result<()> {
    sink.write_all(&encode(head, u64::try_from(body.len()).map_err(io::Error::other)?)?)?;
    sink.write_all(body)?;
    sink.flush()
}
