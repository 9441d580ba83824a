//! The revisions after a signature: each whole, reachable, and made of accounted bytes.

use super::awaited::{Awaited, Revision};
use super::changes::{self, Policy};
use super::{Change, ChangeKind, Coverage, Malformed};
use crate::pdf::{Document, Entry, PdfError, Section};

/// Everything that was done to `document` since `base`, one revision after the other.
///
/// Costs a walk over the objects of `base` if something follows it, else nothing.
pub(super) fn since(
    document: &Document<'_>,
    base: &Document<'_>,
    policy: &Policy,
    awaited: &Awaited,
) -> Result<(Vec<Change>, Coverage), Malformed> {
    let len = document.source().len();
    let mut end = base.end()?;
    if end == len {
        return Ok((Vec::new(), Coverage::Whole));
    }
    let mut previous = base.newest()?.offset;
    let later: Vec<&Section> = document.sections().take_while(|section| section.offset >= end).collect();
    let older = document.sections().nth(later.len()).map(|section| section.offset);
    let structure = Change { kind: ChangeKind::Structure, lawful: false };
    if older != Some(previous) {
        return Ok((vec![structure], Coverage::Revision));
    }
    let mut revisions: Vec<(&Section, Revision)> = Vec::new();
    let mut is_whole = true;
    for section in later.into_iter().rev() {
        let Some(next_end) = whole_revision(section, previous, end) else {
            is_whole = false;
            break;
        };
        revisions.push((section, (section.offset, next_end)));
        (end, previous) = (next_end, section.offset);
    }
    let places: Vec<Revision> = revisions.iter().map(|(_, place)| *place).collect();
    let waited_for =
        if places.is_empty() { Default::default() } else { awaited.in_revisions(base, document, &places)? };
    let mut changes = Vec::new();
    let mut old = base.clone();
    for (section, (offset, next_end)) in revisions {
        let new = document.prefix(next_end)?;
        if !is_accounted(&new, section, old.end()?)? {
            changes.push(Change { kind: ChangeKind::StrayBytes, lawful: false });
        }
        changes.extend(changes::between(&old, &new, policy, waited_for.contains(&offset))?);
        old = new;
    }
    if !is_whole {
        changes.push(structure);
    } else if end != len {
        changes.push(Change { kind: ChangeKind::StrayBytes, lawful: false });
    }
    Ok((changes, Coverage::Revision))
}

/// The end of the revision that `section` closes, if it was appended as it should be.
fn whole_revision(section: &Section, previous: usize, start: usize) -> Option<usize> {
    let prev = section.trailer.get("Prev")?.as_integer()?;
    let follows = usize::try_from(prev).ok()? == previous && section.offset >= start;
    let is_own = section.declared == Some(section.offset) && !section.is_hybrid;
    section.end.filter(|_| follows && is_own)
}

/// Whether every byte since `start` belongs to a listed object, the section or white space.
fn is_accounted(new: &Document<'_>, section: &Section, start: usize) -> Result<bool, PdfError> {
    let own = section.offset..section.body_end;
    let mut spans = Vec::from([own]);
    for (_, entry) in section.entries.iter() {
        let Entry::InUse { offset, .. } = entry else { continue };
        if section.stream.is_some() && offset == section.offset {
            continue;
        }
        match new.indirect_at(offset) {
            Ok(indirect) if offset >= start => spans.push(indirect.span),
            Ok(_) | Err(_) => return Ok(false),
        }
    }
    spans.sort_by_key(|span| span.start);
    let mut at = start;
    for span in spans {
        if at > span.start || !new.source().is_blank(&(at..span.start))? {
            return Ok(false);
        }
        at = span.end;
    }
    // Between the section and the end stand only startxref, its number and %%EOF, as read before.
    Ok(section.body_end == at)
}
