//! Stream filters that the file's own structure uses: none, and deflate with or without predictor.

use std::borrow::Cow;
use std::io::Read as _;

use super::object::Data;
use super::source::Source;
use super::{Dictionary, Object, PdfError, Stream};

/// Largest decoded stream, in bytes (64 MiB).
const MAX_DECODED_BYTES: usize = 64 << 20;

const UNKNOWN: PdfError = PdfError::at(0, "a stream filter other than deflate where structure is kept");
const BAD: PdfError = PdfError::at(0, "a compressed stream does not decompress");

/// Loads the stream's data as stored.
pub(crate) fn load<'a>(source: &Source<'a>, stream: &'a Stream) -> Result<Cow<'a, [u8]>, PdfError> {
    match &stream.data {
        Data::Own(data) => Ok(Cow::Borrowed(data)),
        Data::Stored(range) => source.load(range),
    }
}

/// Decodes the stream's data.
pub(crate) fn decode(source: &Source<'_>, stream: &Stream) -> Result<Vec<u8>, PdfError> {
    decode_within(source, stream, MAX_DECODED_BYTES)
}

/// Decodes the stream's data if it is at most `max_bytes`.
pub(crate) fn decode_within(
    source: &Source<'_>,
    stream: &Stream,
    max_bytes: usize,
) -> Result<Vec<u8>, PdfError> {
    let one = |object: Option<&Object>| match object {
        Some(Object::Array(items)) => match items.as_slice() {
            [] => Ok(None),
            [only] => Ok(Some(only.clone())),
            _ => Err(UNKNOWN),
        },
        other => Ok(other.cloned()),
    };
    match one(stream.dictionary.get("Filter"))? {
        None | Some(Object::Null) => {
            let stored = load(source, stream)?;
            return if stored.len() > max_bytes { Err(BAD) } else { Ok(stored.into_owned()) };
        }
        Some(Object::Name(name)) if name == b"FlateDecode" => {}
        Some(_) => return Err(UNKNOWN),
    }
    let inflated = inflate(&load(source, stream)?, max_bytes)?;
    match one(stream.dictionary.get("DecodeParms"))? {
        Some(Object::Dictionary(parameters)) => unpredict(&parameters, inflated),
        Some(Object::Null) | None => Ok(inflated),
        Some(_) => Err(UNKNOWN),
    }
}

fn inflate(data: &[u8], max_bytes: usize) -> Result<Vec<u8>, PdfError> {
    let mut decoded = Vec::new();
    let limit = u64::try_from(max_bytes).ok().ok_or(BAD)?.saturating_add(1);
    flate2::read::ZlibDecoder::new(data).take(limit).read_to_end(&mut decoded).ok().ok_or(BAD)?;
    if decoded.len() > max_bytes { Err(BAD) } else { Ok(decoded) }
}

/// Compresses bytes for a stream of ours.
pub(crate) fn deflate(data: &[u8]) -> Result<Vec<u8>, PdfError> {
    use std::io::Write as _;
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(data).and_then(|()| encoder.finish()).ok().ok_or(BAD)
}

/// Undoes the PNG predictors, as cross-reference streams use them.
fn unpredict(parameters: &Dictionary, data: Vec<u8>) -> Result<Vec<u8>, PdfError> {
    let number = |key: &str, default: i64| {
        parameters.get(key).map_or(Some(default), Object::as_integer).ok_or(UNKNOWN)
    };
    let predictor = number("Predictor", 1)?;
    if predictor == 1 {
        return Ok(data);
    }
    if !(10..=15).contains(&predictor) || number("BitsPerComponent", 8)? != 8 {
        return Err(UNKNOWN);
    }
    let pixel =
        usize::try_from(number("Colors", 1)?).ok().filter(|pixel| (1..=32).contains(pixel)).ok_or(UNKNOWN)?;
    let columns =
        usize::try_from(number("Columns", 1)?).ok().filter(|n| (1..=1 << 20).contains(n)).ok_or(UNKNOWN)?;
    let row_len = columns.saturating_mul(pixel);
    let mut decoded = Vec::with_capacity(data.len());
    let mut above = vec![0_u8; row_len];
    for encoded in data.chunks(row_len.saturating_add(1)) {
        let (kind, encoded) = encoded.split_first().ok_or(BAD)?;
        let mut row: Vec<u8> = Vec::with_capacity(row_len);
        for (index, byte) in encoded.iter().enumerate() {
            let behind =
                |line: &[u8]| index.checked_sub(pixel).and_then(|at| line.get(at)).copied().unwrap_or(0);
            let (left, up, corner) = (behind(&row), above.get(index).copied().unwrap_or(0), behind(&above));
            let guess = match kind {
                0 => 0,
                1 => left,
                2 => up,
                3 => u8::try_from(u16::midpoint(left.into(), up.into())).unwrap_or_default(),
                4 => paeth(left, up, corner),
                _ => return Err(BAD),
            };
            row.push(byte.wrapping_add(guess));
        }
        decoded.extend(&row);
        row.resize(row_len, 0);
        above = row;
    }
    Ok(decoded)
}

fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let estimate = i16::from(left).saturating_add(i16::from(up)).saturating_sub(i16::from(corner));
    let distance = |value: u8| estimate.saturating_sub(i16::from(value)).abs();
    if distance(left) <= distance(up) && distance(left) <= distance(corner) {
        left
    } else if distance(up) <= distance(corner) {
        up
    } else {
        corner
    }
}
