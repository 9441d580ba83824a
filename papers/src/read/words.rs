//! Words out of positioned glyphs.
//!
//! Word processors write the letters of one Vietnamese word in two fonts and several text blocks, so the order in the file
//! and its strings say nothing about words. Positions do: a gap wider than [`WORD_GAP`] ends a word.
//! Source: `docs/sources.md`, entry `text-by-position`.

use std::collections::BTreeMap;

use hayro_interpret::font::{Glyph, GlyphRun};
use hayro_interpret::hayro_cmap::BfString;
use hayro_interpret::hayro_syntax::page::Page;
use hayro_interpret::hayro_syntax::xref::XRef;
use hayro_interpret::kurbo::{Affine, BezPath, Point, Rect};
use hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps, InterpreterCache,
    InterpreterSettings, SoftMask, TransformExt as _, interpret_page,
};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Glyphs beyond this number are not read.
pub const MAX_GLYPHS_PER_PAGE: usize = 200_000;
/// Words beyond this number are not given.
pub const MAX_WORDS_PER_PAGE: usize = 50_000;

/// A gap wider than this share of the type size ends a word.
const WORD_GAP: f64 = 0.30;
/// Baselines nearer than this share of the type size are one line: exponents and indices belong to it.
const LINE_REACH: f64 = 0.40;
/// The same letter again within this share of the type size is bold by overprinting, not two letters.
const OVERPRINT: f64 = 0.10;
/// How far a line reaches over and under its baseline, in shares of the type size.
const ASCENT: f64 = 0.90;
const DESCENT: f64 = 0.24;
/// Units a glyph's em has.
const EM: f64 = 1000.0;

/// The words of a page. Points; the origin is the page's top left as it is shown.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct PageWords {
    /// The page's width as shown.
    pub width: f64,
    /// The page's height as shown.
    pub height: f64,
    /// The words, lines from the top, words from the left; turned lines come last.
    pub words: Vec<Word>,
}

/// A word and the rectangle that its line gives it. Points; the origin is the page's top left.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Word {
    /// The word, NFC. A glyph whose letter is unknown is U+FFFD.
    pub text: String,
    /// The left edge.
    pub x: f64,
    /// The top edge.
    pub y: f64,
    /// The width.
    pub w: f64,
    /// The height.
    pub h: f64,
    /// The type size.
    pub size_pt: f64,
    /// The line it stands on, from 0.
    pub line: usize,
    /// The direction it is read in, in whole degrees, clockwise from left-to-right: 0 for nearly all.
    pub turn_deg: i32,
}

impl PageWords {
    /// The text: a line break after each line, a space between words.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut line = None;
        for word in &self.words {
            match line {
                None => {}
                Some(line) if line == word.line => text.push(' '),
                Some(_) => text.push('\n'),
            }
            line = Some(word.line);
            text.push_str(&word.text);
        }
        text
    }
}

/// Interprets the page and joins its glyphs.
pub(super) fn read(page: &Page<'_>, xref: &XRef) -> PageWords {
    let (width, height) = page.render_dimensions();
    let (width, height) = (f64::from(width), f64::from(height));
    let view = Rect::new(0.0, 0.0, width, height);
    let cache = InterpreterCache::new();
    let upright = page.initial_transform(true).to_kurbo();
    let mut context = Context::new(upright, view, &cache, xref, InterpreterSettings::default());
    let mut seen = Seen { view, letters: Vec::new() };
    interpret_page(page, &mut context, &mut seen);

    let mut words = Vec::new();
    let mut n_lines = 0;
    for (turn_deg, letters) in by_direction(seen.letters) {
        for line in lines(letters) {
            let before = words.len();
            join(&line, n_lines, turn_deg, &mut words);
            n_lines += usize::from(words.len() > before);
        }
    }
    words.truncate(MAX_WORDS_PER_PAGE);
    PageWords { width, height, words }
}

/// A glyph in reading coordinates: `along` its baseline, `down` across it.
#[derive(Clone, Debug)]
struct Letter {
    text: String,
    along: f64,
    down: f64,
    advance: f64,
    size: f64,
    turn_deg: i32,
}

/// The device that the interpreter draws on: it keeps letters only.
struct Seen {
    view: Rect,
    letters: Vec<Letter>,
}

impl Seen {
    fn keep(&mut self, glyph: &Glyph<'_>, place: Affine) {
        let origin = place * Point::ZERO;
        // What lies off the page is not shown, and not read.
        if !origin.is_finite() || !self.view.contains(origin) || self.letters.len() >= MAX_GLYPHS_PER_PAGE {
            return;
        }
        let text = match glyph.as_unicode() {
            Some(BfString::Char(letter)) => letter.to_string(),
            Some(BfString::String(letters)) => letters,
            None => char::REPLACEMENT_CHARACTER.to_string(),
        };
        if text.chars().all(is_combining_mark)
            && let Some(base) = self.letters.last_mut()
        {
            base.text.push_str(&text);
            return;
        }
        let advance = match glyph {
            Glyph::Outline(outline) => outline.advance_width(),
            Glyph::Type3(drawn) => drawn.advance_width(),
        };
        let [a, b, c, d, _, _] = place.as_coeffs();
        let across = a.hypot(b);
        if across <= f64::EPSILON || !across.is_finite() {
            return;
        }
        let (cos, sin) = (a / across, b / across);
        let letter = Letter {
            text,
            along: origin.x * cos + origin.y * sin,
            down: origin.y * cos - origin.x * sin,
            advance: f64::from(advance.unwrap_or(0.0)) * across,
            size: ((d * cos - c * sin) * EM).abs(),
            turn_deg: whole_degrees(b.atan2(a)),
        };
        if letter.advance.is_finite() && letter.size.is_finite() {
            self.letters.push(letter);
        }
    }
}

impl<'a> Device<'a> for Seen {
    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, _: &DrawMode) {
        for glyph in run.glyphs() {
            self.keep(glyph, props.transform * glyph.transform());
        }
    }

    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}
    fn draw_image(&mut self, _: Image<'a, '_>, _: ImageDrawProps<'a>) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}

/// Upright lines first.
fn by_direction(letters: Vec<Letter>) -> BTreeMap<i32, Vec<Letter>> {
    let mut directions: BTreeMap<i32, Vec<Letter>> = BTreeMap::new();
    for letter in letters {
        directions.entry(letter.turn_deg).or_default().push(letter);
    }
    directions
}

/// Gathers letters by baseline, from the top, each line from the left.
fn lines(mut letters: Vec<Letter>) -> Vec<Vec<Letter>> {
    letters.sort_by(|a, b| a.down.total_cmp(&b.down));
    let mut lines: Vec<Vec<Letter>> = Vec::new();
    let mut top = f64::NEG_INFINITY;
    let mut size = 0.0_f64;
    for letter in letters {
        size = size.max(letter.size);
        match lines.last_mut() {
            Some(line) if letter.down - top <= LINE_REACH * size => line.push(letter),
            _ => {
                (top, size) = (letter.down, letter.size);
                lines.push(vec![letter]);
            }
        }
    }
    for line in &mut lines {
        line.sort_by(|a, b| a.along.total_cmp(&b.along));
    }
    lines
}

/// Joins the letters of a line into words.
fn join(line: &[Letter], number: usize, turn_deg: i32, words: &mut Vec<Word>) {
    let mut word: Vec<&Letter> = Vec::new();
    for letter in line {
        let blank = letter.text.chars().all(|c| c.is_whitespace() || c == '\0');
        let size = letter.size.max(word.last().map_or(0.0, |last| last.size));
        let overprinted =
            |last: &&&Letter| last.text == letter.text && letter.along - last.along < OVERPRINT * size;
        if word.last().filter(overprinted).is_some() {
            continue;
        }
        let end = word.iter().map(|last| last.along + last.advance).fold(f64::NEG_INFINITY, f64::max);
        if blank || letter.along - end > WORD_GAP * size {
            words.extend(finish(&word, number, turn_deg));
            word.clear();
        }
        if !blank {
            word.push(letter);
        }
    }
    words.extend(finish(&word, number, turn_deg));
}

fn finish(letters: &[&Letter], line: usize, turn_deg: i32) -> Option<Word> {
    let text: String =
        letters.iter().flat_map(|letter| letter.text.nfc()).filter(|c| !c.is_control()).collect();
    let text: String = text.nfc().collect();
    let (first, last) = (letters.first()?, letters.last()?);
    if text.is_empty() {
        return None;
    }
    let size_pt = letters.iter().map(|letter| letter.size).fold(0.0, f64::max);
    // The size of the line, not of an exponent, says how high the word is; its own letters say where it is.
    let down = letters.iter().map(|letter| letter.down).fold(f64::NEG_INFINITY, f64::max);
    let reading =
        Rect::new(first.along, down - ASCENT * size_pt, last.along + last.advance, down + DESCENT * size_pt);
    let shown = Affine::rotate(f64::from(turn_deg).to_radians()).transform_rect_bbox(reading);
    Some(Word {
        text,
        x: shown.x0,
        y: shown.y0,
        w: shown.width(),
        h: shown.height(),
        size_pt,
        line,
        turn_deg,
    })
}

#[expect(clippy::cast_possible_truncation, reason = "an angle in degrees is at most 180")]
fn whole_degrees(radians: f64) -> i32 {
    let degrees = radians.to_degrees().round() as i32;
    // Order upright lines first, then clockwise.
    degrees.rem_euclid(360)
}
