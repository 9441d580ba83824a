//! The digests of what signatures cover: all of them in one pass over the file.

use std::cell::RefCell;
use std::ops::Range;

use openssl::error::ErrorStack;
use openssl::hash::Hasher;

use crate::Invalid;
use crate::algorithm::Hash;
use crate::pdf::{PdfError, Source};

/// What a signature covers: everything before `end` but the hole.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Place {
    pub(crate) hole: Range<usize>,
    pub(crate) end: usize,
}

/// Hashes bytes as they pass. Until its hole a signature covers what all others cover, so that part is
/// hashed only once.
pub(crate) struct Sweep {
    at: usize,
    common: Hasher,
    /// With their index, the next one last.
    waiting: Vec<(usize, Place)>,
    running: Vec<(usize, Range<usize>, Hasher)>,
    n_places: usize,
}

impl Sweep {
    pub(crate) fn new(hash: Hash, places: &[Place]) -> Result<Self, Invalid> {
        let mut waiting: Vec<(usize, Place)> = places.iter().cloned().enumerate().collect();
        waiting.sort_by_key(|(_, place)| std::cmp::Reverse(place.hole.start));
        let common = Hasher::new(hash.message_digest())?;
        Ok(Self { at: 0, common, waiting, running: Vec::new(), n_places: places.len() })
    }

    /// Takes the next bytes of the file.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<(), Invalid> {
        Ok(self.feed(bytes)?)
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<(), ErrorStack> {
        let mut rest = bytes;
        while !rest.is_empty() {
            while let Some((index, place)) = self.waiting.pop_if(|(_, place)| place.hole.start <= self.at) {
                self.running.push((index, place.hole.end..place.end, self.common.clone()));
            }
            let next = self.waiting.last().map(|(_, place)| place.hole.start.saturating_sub(self.at));
            let (piece, behind) = rest.split_at(next.unwrap_or(rest.len()).min(rest.len()));
            if next.is_some() {
                self.common.update(piece)?;
            }
            for (_, covered, hasher) in &mut self.running {
                let from = covered.start.saturating_sub(self.at);
                let to = covered.end.saturating_sub(self.at).min(piece.len());
                hasher.update(piece.get(from..to).unwrap_or_default())?;
            }
            self.at = self.at.saturating_add(piece.len());
            rest = behind;
        }
        Ok(())
    }

    /// The digests in the order of the places.
    pub(crate) fn finish(self) -> Result<Vec<Vec<u8>>, Invalid> {
        let mut digests = vec![Vec::new(); self.n_places];
        if !self.waiting.is_empty() {
            return Err(Invalid::Structure("it ends before the signature"));
        }
        for (index, covered, mut hasher) in self.running {
            if covered.end > self.at {
                return Err(Invalid::Structure("it ends before what is signed"));
            }
            if let Some(digest) = digests.get_mut(index) {
                *digest = hasher.finish()?.to_vec();
            }
        }
        Ok(digests)
    }
}

/// The digests of a file's signed parts, made when they are first asked for.
pub(crate) struct Digests<'a> {
    source: Source<'a>,
    places: Vec<Place>,
    known: RefCell<Vec<(Hash, Vec<Vec<u8>>)>>,
}

impl<'a> Digests<'a> {
    pub(crate) const fn new(source: Source<'a>, places: Vec<Place>) -> Self {
        Self { source, places, known: RefCell::new(Vec::new()) }
    }

    /// Takes over what a sweep found while the file was written.
    pub(crate) fn know(&self, hash: Hash, digests: Vec<Vec<u8>>) {
        self.known.borrow_mut().push((hash, digests));
    }

    /// The digest of what stands in `place`, by `hash`.
    pub(crate) fn of(&self, place: &Place, hash: Hash) -> Result<Vec<u8>, Invalid> {
        let index = self.places.iter().position(|known| known == place);
        let index = index.ok_or(Invalid::Structure("a place that was not looked for"))?;
        let is_known = self.known.borrow().iter().any(|(known, _)| *known == hash);
        if !is_known {
            let digests = self.sweep(hash)?;
            self.know(hash, digests);
        }
        let known = self.known.borrow();
        let digests = known.iter().find(|(known, _)| *known == hash).map(|(_, digests)| digests);
        digests.and_then(|digests| digests.get(index)).cloned().ok_or(Invalid::ContentDiffers)
    }

    fn sweep(&self, hash: Hash) -> Result<Vec<Vec<u8>>, Invalid> {
        let end = self.places.iter().map(|place| place.end).max().unwrap_or_default();
        let mut sweep = Sweep::new(hash, &self.places)?;
        let mut failed = Ok(());
        let passed = self.source.pass(&(0..end), &mut |piece| {
            if failed.is_ok() {
                failed = sweep.take(piece);
            }
            Ok(())
        });
        passed.map_err(|error: PdfError| Invalid::Library(error.to_string()))?;
        failed?;
        sweep.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_pass_gives_the_digests_of_all_places_however_the_bytes_arrive() {
        let bytes: Vec<u8> = (0..=255).cycle().take(5000).collect();
        let places = [
            Place { hole: 4000..4100, end: 5000 },
            Place { hole: 100..200, end: 3000 },
            Place { hole: 150..1000, end: 1000 },
            Place { hole: 100..101, end: 5000 },
        ];
        let expected: Vec<Vec<u8>> = places
            .iter()
            .map(|place| {
                let covered = [&bytes[..place.hole.start], &bytes[place.hole.end..place.end]].concat();
                Hash::Sha384.digest(&covered).unwrap()
            })
            .collect();
        for step in [1, 7, 100, 4999, 5000] {
            let mut sweep = Sweep::new(Hash::Sha384, &places).unwrap();
            bytes.chunks(step).for_each(|piece| sweep.take(piece).unwrap());
            assert_eq!(sweep.finish().unwrap(), expected, "{step}");
        }
        let mut short = Sweep::new(Hash::Sha256, &places).unwrap();
        short.take(&bytes[..4999]).unwrap();
        assert!(short.finish().is_err(), "a digest of less than is covered");
    }
}
