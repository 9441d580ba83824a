//! Objects that an earlier revision waited for: it pointed to them before they were there.
//!
//! Source: `docs/sources.md`, entry `pdf-attacks` (shadow documents).

use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::pdf::{Document, Entry, Object, PdfError};

/// One revision after a signature: its section's offset and its end.
pub(super) type Revision = (usize, usize);

/// The revisions that add such an object, found by one walk over the objects for all signatures.
///
/// Only the numbers that later revisions bring are kept, so the memory does not grow with the document.
#[derive(Default)]
pub(super) struct Awaited(RefCell<Option<Found>>);

struct Found {
    base_end: usize,
    /// By the offsets of their sections.
    revisions: BTreeSet<usize>,
}

impl Awaited {
    /// Which of the `later` revisions, oldest first, add an object to which `base` or one of them before it
    /// pointed already.
    pub(super) fn in_revisions(
        &self,
        base: &Document<'_>,
        document: &Document<'_>,
        later: &[Revision],
    ) -> Result<BTreeSet<usize>, PdfError> {
        let base_end = base.end()?;
        if let Some(found) = &*self.0.borrow()
            && found.base_end <= base_end
        {
            return Ok(found.revisions.clone());
        }
        let revisions = walk(base, document, later)?;
        *self.0.borrow_mut() = Some(Found { base_end, revisions: revisions.clone() });
        Ok(revisions)
    }
}

fn walk(base: &Document<'_>, newest: &Document<'_>, later: &[Revision]) -> Result<BTreeSet<usize>, PdfError> {
    let mut documents = Vec::new();
    let mut fresh: BTreeSet<(u32, usize)> = BTreeSet::new();
    for (section, end) in later {
        let before = documents.last().unwrap_or(base);
        let document = newest.prefix(*end)?;
        for (number, entry) in document.newest()?.entries.iter() {
            if entry != Entry::Free && before.entry(number) == Entry::Free {
                fresh.insert((number, *section));
            }
        }
        documents.push(document);
    }
    let mut awaited = BTreeSet::new();
    if fresh.is_empty() {
        return Ok(awaited);
    }
    let mut look = |object: &Object, after: usize| {
        let mut references = Vec::new();
        object.references(&mut references);
        for reference in references {
            let from = (reference.number, after);
            awaited.extend(fresh.range(from..=(reference.number, usize::MAX)).map(|(_, section)| *section));
        }
    };
    for number in base.numbers() {
        look(&base.get(base.current(number))?, 0);
    }
    for ((section, _), document) in later.iter().zip(&documents) {
        for (number, _) in document.newest()?.entries.iter() {
            look(&document.get(document.current(number))?, section.saturating_add(1));
        }
    }
    Ok(awaited)
}
