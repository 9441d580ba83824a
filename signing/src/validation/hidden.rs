//! Signatures of this file to which none of its revisions leads: somebody signed, and a later revision passes it by.
//!
//! A revision names the one before it, so one that names an earlier one hides what lies between. The bytes are still
//! there, and a signature says in them where it stands. Who takes the bytes away too leaves a file like one that was
//! never signed; nothing in the file can tell those apart.
//!
//! Source: `docs/sources.md`, entry `pdf-attacks` (incremental saving).

use std::ops::Range;

use memchr::memmem::Finder;

use super::MAX_SIGNATURES;
use crate::pdf::{Object, PdfError, Source};

/// Why such a file is not accepted.
pub(super) const WHY: &str = "no revision of the file leads to this signature, which is in its bytes";

const WORD: &[u8] = b"/ByteRange";

/// Where a byte range stands that fits this file and lies in none of the `known` dictionaries. One pass over the file.
pub(super) fn find(source: &Source<'_>, known: &[Range<usize>]) -> Result<Vec<usize>, PdfError> {
    let finder = Finder::new(WORD);
    let (mut at, mut tail, mut found) = (0_usize, Vec::new(), Vec::new());
    source.pass(&(0..source.len()), &mut |piece| {
        // A word may lie across two pieces: as much of each is looked at as holds no whole word.
        let edge = WORD.len().saturating_sub(1);
        let seam = [tail.as_slice(), piece.get(..edge).unwrap_or(piece)].concat();
        let start = at.saturating_sub(tail.len());
        let across = finder.find_iter(&seam).map(|place| start.saturating_add(place));
        let within = finder.find_iter(piece).map(|place| at.saturating_add(place));
        for place in across.chain(within) {
            let is_known = known.iter().any(|dictionary| dictionary.contains(&place));
            if !is_known && fits(source, place)? {
                found.push(place);
            }
            if found.len() > MAX_SIGNATURES {
                return Err(PdfError::at(place, "too many signatures"));
            }
        }
        at = at.saturating_add(piece.len());
        let whole = if piece.len() < edge { seam.as_slice() } else { piece };
        tail = whole.get(whole.len().saturating_sub(edge)..).unwrap_or(whole).to_vec();
        Ok(())
    })?;
    Ok(found)
}

/// Whether the byte range at `place` leaves out a hexadecimal string of this file. That of a signed paper which is
/// attached to this one counts from its own beginning, and does not.
fn fits(source: &Source<'_>, place: usize) -> Result<bool, PdfError> {
    let read = source.parse(place.saturating_add(WORD.len()), |parser| {
        parser.skip_space();
        parser.object()
    });
    source.check_disk()?;
    let Ok(Object::Array(range)) = read else { return Ok(false) };
    let number = |number: &Object| number.as_integer().and_then(|number| usize::try_from(number).ok());
    let Some(range) = range.iter().map(number).collect::<Option<Vec<_>>>() else { return Ok(false) };
    let &[_, hole, behind, _] = range.as_slice() else { return Ok(false) };
    if behind <= hole || behind > source.len() {
        return Ok(false);
    }
    let byte = |at: usize| Ok::<_, PdfError>(source.load(&(at..at.saturating_add(1)))?.first().copied());
    Ok(byte(hole)? == Some(b'<') && byte(behind.saturating_sub(1))? == Some(b'>'))
}
