//! The part of a text that answers a query, with what matched marked.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::Serialize;

use crate::analysis::{Syllable, analyse};
use crate::query::bounded;

/// A piece of a snippet; the pieces follow each other.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Piece {
    /// The text as it stands in the source; `…` where the snippet begins or ends within it.
    pub text: String,
    /// True if it is what matched.
    pub hit: bool,
}

impl Piece {
    fn new(text: &str, hit: bool) -> Self {
        Self { text: text.to_owned(), hit }
    }
}

/// Cuts the part of `text` with the most of `query` out of it, `max_chars` characters at most.
///
/// A syllable that was typed with diacritics marks those written so, and only if there is none, those
/// written otherwise; one typed without marks all. If nothing matches, the snippet is the beginning.
#[must_use]
pub fn snippet(text: &str, query: &str, max_chars: usize) -> Vec<Piece> {
    let syllables = analyse(text).syllables;
    let hits = matches(&syllables, query);
    let window = window(text, &syllables, &hits, max_chars);
    cut(text, window, &syllables, &hits)
}

/// Of each syllable that matched, which syllable of the query it is.
struct Match {
    at: usize,
    wanted: usize,
}

fn matches(syllables: &[Syllable], query: &str) -> Vec<Match> {
    let wanted = analyse(bounded(query)).syllables;
    let mut hits = Vec::new();
    let mut seen = BTreeSet::new();
    for (number, want) in wanted.iter().enumerate() {
        if !seen.insert(&want.text) {
            continue;
        }
        let written: Vec<_> = positions(syllables, |syllable| syllable.text == want.text);
        let is_bare = want.text == want.folded;
        let found = match is_bare || written.is_empty() {
            true => positions(syllables, |syllable| syllable.folded == want.folded),
            false => written,
        };
        hits.extend(found.into_iter().map(|at| Match { at, wanted: number }));
    }
    hits.sort_unstable_by_key(|hit| (hit.at, hit.wanted));
    hits.dedup_by_key(|hit| hit.at);
    hits
}

fn positions(syllables: &[Syllable], is: impl Fn(&Syllable) -> bool) -> Vec<usize> {
    syllables.iter().enumerate().filter(|(_, syllable)| is(syllable)).map(|(at, _)| at).collect()
}

/// The bytes of the text to show: from a match on, the window with the most different matches and pairs.
fn window(text: &str, syllables: &[Syllable], hits: &[Match], max_chars: usize) -> Range<usize> {
    let n_chars = |range: Range<usize>| text.get(range).map_or(0, |part| part.chars().count());
    // Score, start and end: of equal scores the tightest.
    let mut best = (0, 0..0);
    for (from, first) in hits.iter().enumerate() {
        let Some(start) = syllables.get(first.at).map(|syllable| syllable.at.start) else { continue };
        let mut wanted = BTreeSet::new();
        let mut n_pairs: usize = 0;
        let mut last = first;
        let mut n_shown: usize = 0;
        let mut shown_to = start;
        for hit in hits.iter().skip(from) {
            let Some(end) = syllables.get(hit.at).map(|syllable| syllable.at.end) else { continue };
            n_shown = n_shown.saturating_add(n_chars(shown_to..end));
            if n_shown > max_chars {
                break;
            }
            shown_to = end;
            wanted.insert(hit.wanted);
            let follows = hit.at == last.at.saturating_add(1) && hit.wanted == last.wanted.saturating_add(1);
            n_pairs = n_pairs.saturating_add(usize::from(follows));
            last = hit;
        }
        let score = wanted.len().saturating_mul(2).saturating_add(n_pairs.min(wanted.len()));
        let is_tighter = score == best.0 && shown_to.saturating_sub(start) < best.1.len();
        if score > best.0 || is_tighter {
            best = (score, start..shown_to);
        }
    }
    widen(text, syllables, best.1, max_chars)
}

/// Widens a range to whole syllables on both sides, a third of the room before it, up to `max_chars`.
fn widen(text: &str, syllables: &[Syllable], range: Range<usize>, max_chars: usize) -> Range<usize> {
    let n_chars = |range: Range<usize>| text.get(range).map_or(0, |part| part.chars().count());
    let room = max_chars.saturating_sub(n_chars(range.clone()));
    let before = room.checked_div(3).unwrap_or_default();
    // Backwards from the match, so that only what is shown is counted, however long the text.
    let start = syllables
        .iter()
        .rev()
        .map(|syllable| syllable.at.start)
        .skip_while(|start| *start > range.start)
        .take_while(|start| n_chars(*start..range.start) <= before)
        .last()
        .unwrap_or(range.start);
    // The end of the text, if it fits; else the end of the last syllable that does.
    if n_chars(start..text.len()) <= max_chars {
        return start..text.len();
    }
    let end = syllables
        .iter()
        .map(|syllable| syllable.at.end)
        .skip_while(|end| *end < range.end)
        .take_while(|end| n_chars(start..*end) <= max_chars)
        .last()
        .unwrap_or(range.end);
    start..end
}

/// The pieces of the window. Matches with only white space between them are one piece.
fn cut(text: &str, window: Range<usize>, syllables: &[Syllable], hits: &[Match]) -> Vec<Piece> {
    let mut marked: Vec<Range<usize>> = Vec::new();
    for hit in hits {
        let Some(at) = syllables.get(hit.at).map(|syllable| syllable.at.clone()) else { continue };
        if at.start < window.start || at.end > window.end {
            continue;
        }
        let joins =
            |last: &Range<usize>| text.get(last.end..at.start).is_some_and(|gap| gap.trim().is_empty());
        match marked.last_mut() {
            Some(last) if joins(last) => last.end = at.end,
            _ => marked.push(at),
        }
    }
    let mut pieces = Vec::new();
    let mut push = |range: Range<usize>, hit| {
        let part = text.get(range).unwrap_or_default();
        if !part.is_empty() {
            pieces.push(Piece::new(part, hit));
        }
    };
    let mut done = window.start;
    for at in marked {
        push(done..at.start, false);
        done = at.end;
        push(at, true);
    }
    push(done..window.end, false);
    let is_more = |rest: Option<&str>| rest.is_some_and(|rest| !rest.trim().is_empty());
    if is_more(text.get(..window.start)) {
        pieces.insert(0, Piece::new("… ", false));
    }
    if is_more(text.get(window.end..)) {
        pieces.push(Piece::new(" …", false));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Chính phủ họp về đề nghị xây dựng Nghị định quy định về định danh và xác thực điện tử \
        cho cá nhân, tổ chức; Bộ Công an trình.";

    /// The snippet with what matched in brackets.
    #[track_caller]
    fn check(text: &str, query: &str, max_chars: usize, expected: &str) {
        let pieces = snippet(text, query, max_chars);
        let marked: String = pieces
            .iter()
            .map(|piece| if piece.hit { format!("[{}]", piece.text) } else { piece.text.clone() })
            .collect();
        assert_eq!(marked, expected, "{query}");
        let shown: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
        let shown = shown.trim_start_matches("… ").trim_end_matches(" …");
        assert!(text.contains(shown) && shown.chars().count() <= max_chars, "{shown}");
    }

    #[test]
    fn marks_what_matched_with_and_without_diacritics() {
        let text = "Luật định danh điện tử.";
        check(text, "định danh", 100, "Luật [định danh] điện tử.");
        check(text, "dinh danh", 100, "Luật [định danh] điện tử.");
        check(text, "DINH DANH dien tu", 100, "Luật [định danh điện tử].");
        check(text, "định danh dien", 100, "Luật [định danh điện] tử.");
        check(text, "xyz", 100, text);
        check("", "định danh", 100, "");
    }

    #[test]
    fn diacritics_that_were_typed_are_respected() {
        check("đinh, định, dinh", "định", 100, "đinh, [định], dinh");
        check("đinh, định, dinh", "dinh", 100, "[đinh], [định], [dinh]");
        check("đinh, dinh", "định", 100, "[đinh], [dinh]");
    }

    #[test]
    fn takes_the_window_with_most_of_the_query() {
        check(TEXT, "định danh và xác thực", 40, "… về [định danh và xác thực] điện tử cho cá …");
        check(TEXT, "dinh danh dien tu", 45, "… về [định danh] và xác thực [điện tử] cho cá nhân …");
    }

    #[test]
    fn offsets_survive_decomposition_and_soft_hyphens() {
        check("Luật đi\u{323}nh da\u{ad}nh.", "định danh", 100, "Luật [đi\u{323}nh da\u{ad}nh].");
        check("HOÀ GIẢI", "hòa giải", 100, "[HOÀ GIẢI]");
        check("số 15/2020/NĐ-CP.", "15/2020/nd-cp", 100, "số [15]/[2020]/[NĐ]-[CP].");
    }

    #[test]
    fn any_length_is_respected() {
        for max_chars in 0..TEXT.chars().count() {
            let shown: String = snippet(TEXT, "dinh danh xac thuc", max_chars)
                .into_iter()
                .map(|piece| piece.text)
                .filter(|text| !text.contains('…'))
                .collect();
            assert!(shown.chars().count() <= max_chars, "{max_chars}: {shown}");
        }
    }
}
