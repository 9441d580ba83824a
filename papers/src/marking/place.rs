//! Where on a page a stamp stands, and what stands there alone.

use super::{Level, labelled, level_of, plain};
use crate::read::{PageWords, Word};

/// The share of the first page, from the top, in which the head stands with its stamps.
const HEAD: f64 = 0.45;
/// The share of any page, at the top and at the bottom, that is margin.
const MARGIN: f64 = 0.09;
/// A gap wider than this share of the type size parts a line into what stands alone.
const APART: f64 = 1.2;
/// Words nearer than this share of the type size on both sides make a word part of a sentence, however loosely set.
const SENTENCE: f64 = 3.0;
/// Letters of a stamp may be spaced this far, in shares of the type size.
const SPACED: f64 = 4.0;
/// A line nearer than this share of the type size is the line before in the same paragraph.
const NEXT_LINE: f64 = 1.9;

/// The highest level that is stamped on the page.
pub(super) fn stamp_on(page: &PageWords, is_first: bool) -> Option<Level> {
    let lines: Vec<&[Word]> = page.words.chunk_by(|a, b| a.line == b.line).collect();
    let mut highest = None;
    for (n, line) in lines.iter().enumerate() {
        let above = n.checked_sub(1).and_then(|n| lines.get(n)).copied().unwrap_or_default();
        let Some(first) = line.first() else { continue };
        if in_stamp_place(page, first, is_first) {
            highest = highest.max(stamp_in(line, above));
        }
    }
    highest
}

fn in_stamp_place(page: &PageWords, word: &Word, is_first: bool) -> bool {
    let middle = word.y + word.h / 2.0;
    let in_head = is_first && middle < HEAD * page.height;
    let in_margin = middle < MARGIN * page.height || middle > (1.0 - MARGIN) * page.height;
    in_head || in_margin || is_turned(word)
}

/// Across the page, as a watermark is. (A whole page turned by a quarter is read along its lines by the reader.)
const fn is_turned(word: &Word) -> bool {
    word.turn_deg != 0
}

fn stamp_in(line: &[Word], above: &[Word]) -> Option<Level> {
    let whole = text_of(line);
    if let Some(level) = labelled(&whole) {
        return Some(level);
    }
    let alone = segments(line, APART).into_iter().filter_map(|(segment, is_in_sentence)| {
        let text = text_of(segment);
        if is_in_sentence || continues(segment, above) {
            return None;
        }
        stamped(&text, segment, above).or_else(|| labelled(&text))
    });
    // M Ậ T, each letter so far from the next that it stands alone.
    let spaced = line
        .chunk_by(|a, b| is_letter(a) && is_letter(b) && gap(a, b) <= SPACED * a.size_pt)
        .filter(|letters| letters.len() > 1 && letters.iter().all(is_letter))
        .filter_map(|letters| stamped(&text_of(letters), letters, above));
    alone.chain(spaced).max()
}

/// The level of words that stand alone in capitals, perhaps framed or beside a mark of urgency.
fn stamped(text: &str, segment: &[Word], above: &[Word]) -> Option<Level> {
    let text = without_urgency(unframed(text.trim()));
    let text = unframed(text.trim());
    if text.chars().any(char::is_lowercase) {
        return None;
    }
    let level = level_of(text)?;
    // TỐI / MẬT on two lines of one box.
    let over = overhead(segment, above).map(|words| plain(&text_of(words)).to_lowercase());
    match over.as_deref().map(|words| words.trim_start_matches(['[', '|', ' '])) {
        Some("tối") if level == Level::Mat => Some(Level::ToiMat),
        Some("tuyệt") if level == Level::Mat => Some(Level::TuyetMat),
        _ => Some(level),
    }
}

/// Whether a heading is wrapped here: the line above ends with the first half of a word that "mật" completes.
fn continues(segment: &[Word], above: &[Word]) -> bool {
    let Some(over) = overhead(segment, above) else { return false };
    let Some(last) = over.last() else { return false };
    match plain(&last.text).to_lowercase().as_str() {
        "bí" | "bảo" | "cơ" | "kín" | "giữ" => true,
        "tối" | "tuyệt" | "độ" => over.len() > 2,
        _ => false,
    }
}

/// The words that stand right above `segment` in the same paragraph.
fn overhead<'a>(segment: &[Word], above: &'a [Word]) -> Option<&'a [Word]> {
    let (first, last) = (segment.first()?, segment.last()?);
    segments(above, APART).into_iter().map(|(over, _)| over).find(|over| {
        let (Some(a), Some(b)) = (over.first(), over.last()) else { return false };
        let beside = a.x <= last.x + last.w && first.x <= b.x + b.w;
        beside && first.y - a.y <= NEXT_LINE * first.size_pt.max(a.size_pt)
    })
}

/// The parts of a line that stand apart, and whether each has a sentence on both sides all the same.
fn segments(line: &[Word], apart: f64) -> Vec<(&[Word], bool)> {
    let parts: Vec<&[Word]> = line.chunk_by(|a, b| gap(a, b) <= apart * a.size_pt.max(b.size_pt)).collect();
    let near = |left: Option<&&[Word]>, right: Option<&&[Word]>| match (
        left.and_then(|part| part.last()),
        right.and_then(|part| part.first()),
    ) {
        (Some(a), Some(b)) => gap(a, b) <= SENTENCE * a.size_pt.max(b.size_pt),
        _ => false,
    };
    let inside = |n: usize| {
        let before = n.checked_sub(1).and_then(|n| parts.get(n));
        near(before, parts.get(n)) && near(parts.get(n), parts.get(n + 1))
    };
    parts.iter().enumerate().map(|(n, part)| (*part, inside(n))).collect()
}

/// The gap between two words of a line, along it.
fn gap(a: &Word, b: &Word) -> f64 {
    if is_turned(a) {
        let (dx, dy) = (b.x + b.w / 2.0 - a.x - a.w / 2.0, b.y + b.h / 2.0 - a.y - a.h / 2.0);
        return dx.hypot(dy) - (a.w.hypot(a.h) + b.w.hypot(b.h)) / 2.0;
    }
    b.x - (a.x + a.w)
}

fn is_letter(word: &Word) -> bool {
    plain(&word.text).chars().count() == 1
}

fn text_of(words: &[Word]) -> String {
    let words: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    plain(&words.join(" "))
}

/// Without a frame of characters: `[MẬT]`, `- MẬT -`, `*** MẬT ***`. A dash on one side only is a list's.
fn unframed(text: &str) -> &str {
    const PAIRS: [(char, char); 10] = [
        ('[', ']'),
        ('(', ')'),
        ('{', '}'),
        ('<', '>'),
        ('|', '|'),
        ('-', '-'),
        ('–', '–'),
        ('*', '*'),
        ('"', '"'),
        ('“', '”'),
    ];
    let mut text = text;
    while let Some(inner) =
        PAIRS.iter().find_map(|&(left, right)| text.strip_prefix(left)?.strip_suffix(right).map(str::trim))
    {
        text = inner;
    }
    text
}

/// Without a mark of urgency that shares the line: `MẬT - HỎA TỐC`.
fn without_urgency(text: &str) -> &str {
    let mut rest = text;
    for mark in ["HẸN GIỜ", "HỎA TỐC", "HOẢ TỐC", "THƯỢNG KHẨN", "KHẨN"] {
        if let Some(before) = rest.strip_suffix(mark) {
            rest = before.trim_end_matches([' ', '-', '–', '/', ',', '+']);
        } else if let Some(after) = rest.strip_prefix(mark) {
            rest = after.trim_start_matches([' ', '-', '–', '/', ',', '+']);
        }
    }
    rest
}
