//! A revision with a hole for its signature, written in one pass over the document.

use std::ops::Range;
use std::path::Path;

use super::{NewFile, PadesError};
use crate::Invalid;
use crate::algorithm::{Hash, Imprint};
use crate::pdf::update::Written;
use crate::pdf::{Document, PdfError, PdfFile, Ref, Source};
use crate::validation::digests::{Digests, Place, Sweep};
use crate::validation::{Survey, refusal_of_new};

/// A placeholder as wide as any offset in the file can be.
pub(super) const WIDE: i64 = 9_999_999_999;

/// The digests, by one hash, of all that signatures cover.
type Swept = (Hash, Vec<Vec<u8>>);

/// An update with a hole, not yet appended.
pub(super) struct Plan {
    written: Written,
    signature: Ref,
    place: Place,
    /// Of the content.
    hash: Hash,
}

/// A file that only lacks what goes into the hole of its newest revision.
#[derive(Clone, Debug)]
pub(super) struct Reserved<T> {
    pub(super) output: T,
    pub(super) hole: Range<usize>,
    /// The digest of everything but the hole.
    pub(super) content: Imprint,
}

impl Plan {
    /// Writes the byte range of `signature`, whose `/Contents` of `room_bytes` stands before it and whose content
    /// will be hashed by `hash`.
    pub(super) fn new(
        mut written: Written,
        signature: Ref,
        room_bytes: usize,
        hash: Hash,
    ) -> Result<Self, PadesError> {
        let lost = PdfError::at(0, "the signature dictionary");
        let base_len = written.base_len;
        let start = written.offsets.get(&signature).and_then(|start| start.checked_sub(base_len));
        let update = &mut written.bytes;
        let after = |update: &[u8], from: usize, word: &[u8]| {
            let found = update.get(from..)?.windows(word.len()).position(|window| window == word)?;
            from.checked_add(found)?.checked_add(word.len())
        };
        let digits_at = after(update, start.ok_or(lost.clone())?, b"/Contents <").ok_or(lost.clone())?;
        let hole_start = digits_at.saturating_sub(1);
        let hole_end = digits_at.saturating_add(room_bytes.saturating_mul(2)).saturating_add(1);
        let range_at = after(update, hole_end, b"/ByteRange ").ok_or(lost.clone())?;
        let tail_len = update.len().saturating_sub(hole_end);
        let hole = base_len.saturating_add(hole_start)..base_len.saturating_add(hole_end);
        let range = format!("[0 {} {} {tail_len}]", hole.start, hole.end);
        let width = format!("[0 {WIDE} {WIDE} {WIDE}]").len();
        let field = update.get_mut(range_at..range_at.saturating_add(width)).ok_or(lost.clone())?;
        field.fill(b' ');
        field.get_mut(..range.len()).ok_or(lost)?.copy_from_slice(range.as_bytes());
        let end = base_len.saturating_add(update.len());
        Ok(Self { written, signature, place: Place { hole, end }, hash })
    }

    /// Makes the new file in memory.
    pub(super) fn in_memory(self, document: &Document<'_>) -> Result<Reserved<Vec<u8>>, PadesError> {
        let mut output = Vec::with_capacity(self.place.end);
        let (survey, digests) = self.write(document, &mut |piece| {
            output.extend_from_slice(piece);
            Ok(())
        })?;
        let content = self.check(document, &survey, digests, output.as_slice().into())?;
        Ok(Reserved { output, hole: self.place.hole, content })
    }

    /// Makes the new file beside `place`. The document is read from the disk once.
    pub(super) fn in_file(
        self,
        document: &Document<'_>,
        place: &Path,
    ) -> Result<Reserved<NewFile>, PadesError> {
        let mut output = NewFile::create(place)?;
        let (survey, digests) = self.write(document, &mut |piece| output.append(piece))?;
        let written = PdfFile::of(output.reading()?)?;
        let content = self.check(document, &survey, digests, written.source())?;
        Ok(Reserved { output, hole: self.place.hole, content })
    }

    /// Writes document and update while hashing what each signature covers, the new one last.
    fn write(
        &self,
        document: &Document<'_>,
        out: &mut dyn FnMut(&[u8]) -> Result<(), PdfError>,
    ) -> Result<(Survey, Vec<Swept>), PadesError> {
        let survey = Survey::of(document)?;
        let mut places = survey.places();
        places.push(self.place.clone());
        let mut hashes = survey.hashes();
        if !hashes.contains(&self.hash) {
            hashes.push(self.hash);
        }
        let sweeps = hashes.into_iter().map(|hash| Ok((hash, Sweep::new(hash, &places)?)));
        let mut sweeps = sweeps.collect::<Result<Vec<_>, Invalid>>()?;
        let mut hashed = Ok(());
        let mut take = |piece: &[u8]| {
            if hashed.is_ok() {
                hashed = sweeps.iter_mut().try_for_each(|(_, sweep)| sweep.take(piece));
            }
            out(piece)
        };
        document.source().pass(&(0..self.written.base_len), &mut take)?;
        take(&self.written.bytes)?;
        hashed?;
        let swept = sweeps.into_iter().map(|(hash, sweep)| Ok((hash, sweep.finish()?)));
        Ok((survey, swept.collect::<Result<_, Invalid>>()?))
    }

    /// Refuses a revision that breaks an earlier signature, or whose own would not be accepted, before
    /// anybody is asked to sign it. Gives the digest of its content.
    fn check(
        &self,
        document: &Document<'_>,
        survey: &Survey,
        swept: Vec<Swept>,
        source: Source<'_>,
    ) -> Result<Imprint, PadesError> {
        let digests = Digests::new(source, survey.places());
        let mut content = None;
        for (hash, mut found) in swept {
            // The new signature's stands last, behind those of the survey.
            let own = found.pop();
            if hash == self.hash {
                content = own;
            }
            digests.know(hash, found);
        }
        let content = content.ok_or(PdfError::at(0, "the signature dictionary"))?;
        let content = Imprint::parse(self.hash, &content)?;
        let grown = document.grown(source)?;
        let refusal = survey.refusal(&grown, &digests);
        source.check_disk()?;
        match refusal
            .map_or_else(|| refusal_of_new(&grown, self.signature, &self.place), |why| Ok(Some(why)))?
        {
            None => Ok(content),
            Some(why) => Err(PadesError::Refused(why)),
        }
    }
}

/// The document with an update that has no hole, in memory.
pub(super) fn in_memory(document: &Document<'_>, written: &Written) -> Result<Vec<u8>, PadesError> {
    let mut output = Vec::with_capacity(written.base_len.saturating_add(written.bytes.len()));
    document.source().pass(&(0..written.base_len), &mut |piece| {
        output.extend_from_slice(piece);
        Ok(())
    })?;
    output.extend_from_slice(&written.bytes);
    Ok(output)
}

/// The document with an update that has no hole, in a new file beside `place`.
pub(super) fn in_file(
    document: &Document<'_>,
    written: &Written,
    place: &Path,
) -> Result<NewFile, PadesError> {
    let mut output = NewFile::create(place)?;
    document.source().pass(&(0..written.base_len), &mut |piece| output.append(piece))?;
    output.append(&written.bytes)?;
    Ok(output)
}

impl<T> Reserved<T> {
    /// The digits of `der`, if they fit.
    fn digits(&self, der: &[u8]) -> Result<String, PadesError> {
        let room = self.room_bytes();
        if der.len() > room {
            Err(PadesError::Room { needed: der.len(), room })
        } else {
            Ok(hex::encode(der))
        }
    }

    fn room_bytes(&self) -> usize {
        self.hole.len().saturating_sub(2).checked_div(2).unwrap_or_default()
    }

    fn digits_at(&self) -> usize {
        self.hole.start.saturating_add(1)
    }
}

impl Reserved<Vec<u8>> {
    /// Puts `der` into the hole.
    pub(super) fn fill(self, der: &[u8]) -> Result<Vec<u8>, PadesError> {
        let digits = self.digits(der)?;
        let start = self.digits_at();
        let mut pdf = self.output;
        let hole = pdf.get_mut(start..start.saturating_add(digits.len()));
        hole.ok_or(PdfError::at(start, "the signature's room"))?.copy_from_slice(digits.as_bytes());
        Ok(pdf)
    }
}

impl Reserved<NewFile> {
    /// Puts `der` into the hole.
    pub(super) fn fill(self, der: &[u8]) -> Result<NewFile, PadesError> {
        let digits = self.digits(der)?;
        self.output.put(self.digits_at(), digits.as_bytes())?;
        Ok(self.output)
    }
}
