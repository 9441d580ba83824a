//! The revisions after a signature: each whole, reachable, and made of accounted bytes.

use super::changes::{self, Policy};
use super::{Change, ChangeKind, Coverage, Malformed};
use crate::pdf::{Document, Entry, Section};

/// Everything that was done to `document` since `base`, one revision after the other.
pub(super) fn since(
    document: &Document<'_>,
    base: &Document<'_>,
    policy: &Policy,
) -> Result<(Vec<Change>, Coverage), Malformed> {
    let bytes = document.bytes();
    let mut end = base.end()?;
    let mut previous = base.newest()?.offset;
    let later: Vec<&Section> =
        document.sections().iter().take_while(|section| section.offset >= end).collect();
    let older = document.sections().get(later.len()).map(|section| section.offset);
    let mut changes = Vec::new();
    if older != Some(previous) {
        return Ok((vec![Change { kind: ChangeKind::Structure, lawful: false }], Coverage::Revision));
    }
    for section in later.iter().rev() {
        let Some(next_end) = whole_revision(section, previous, end) else {
            changes.push(Change { kind: ChangeKind::Structure, lawful: false });
            return Ok((changes, Coverage::Revision));
        };
        let old = Document::open(bytes.get(..end).unwrap_or_default())?;
        let new = Document::open(bytes.get(..next_end).unwrap_or_default())?;
        if !is_accounted(&new, section, end) {
            changes.push(Change { kind: ChangeKind::StrayBytes, lawful: false });
        }
        changes.extend(changes::between(&old, &new, policy)?);
        (end, previous) = (next_end, section.offset);
    }
    if end != bytes.len() {
        changes.push(Change { kind: ChangeKind::StrayBytes, lawful: false });
    }
    let is_whole = base.end()? == bytes.len();
    Ok((changes, if is_whole { Coverage::Whole } else { Coverage::Revision }))
}

/// The end of the revision that `section` closes, if it was appended as it should be.
fn whole_revision(section: &Section, previous: usize, start: usize) -> Option<usize> {
    let prev = section.trailer.get("Prev")?.as_integer()?;
    let follows = usize::try_from(prev).ok()? == previous && section.offset >= start;
    let is_own = section.declared == Some(section.offset) && !section.is_hybrid;
    section.end.filter(|_| follows && is_own)
}

/// Whether every byte since `start` belongs to a listed object, the section or white space.
fn is_accounted(new: &Document<'_>, section: &Section, start: usize) -> bool {
    let own = section.offset..section.body_end;
    let mut spans = Vec::from([own]);
    for entry in section.entries.values() {
        let Entry::InUse { offset, .. } = *entry else { continue };
        if section.stream.is_some() && offset == section.offset {
            continue;
        }
        match new.indirect_at(offset) {
            Ok(indirect) if offset >= start => spans.push(indirect.span),
            Ok(_) | Err(_) => return false,
        }
    }
    spans.sort_by_key(|span| span.start);
    let mut at = start;
    for span in spans {
        let gap = new.bytes().get(at..span.start);
        if !gap.is_some_and(|gap| gap.iter().copied().all(crate::pdf::parser::is_space)) {
            return false;
        }
        at = span.end;
    }
    // Between the section and the end stand only startxref, its number and %%EOF, as read before.
    section.body_end == at
}
