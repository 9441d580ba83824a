//! A text cut into syllables: one pass, offsets into the text as it was given.
//!
//! NFC and NFD, upper and lower case, "hoà" and "hòa" give the same syllables. Nothing is stemmed and
//! no word is too common: both lose more than they win in Vietnamese.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

pub use crate::syllable::fold;
use crate::syllable::place_tone;

/// Syllables longer than this, in bytes, are cut: base64 and long lines of dots are not words.
const MAX_SYLLABLE_BYTES: usize = 120;

/// A syllable (or a number, or a foreign word) of a text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Syllable {
    /// In lower case, composed, tone mark in its place.
    pub text: String,
    /// The same without diacritics; đ is d.
    pub folded: String,
    /// Where it stands in the text that was given, in bytes.
    pub at: Range<usize>,
    /// True if a sentence or a block of lines ends before it: no pair spans that.
    pub starts: bool,
}

/// What a text is cut into.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Analysis {
    /// The syllables in order.
    pub syllables: Vec<Syllable>,
    /// Numbers of documents as one token each, folded: `15/2020/nd-cp`.
    pub numbers: Vec<String>,
}

impl Analysis {
    /// Neighbouring syllables, not across a sentence's end.
    pub fn pairs(&self) -> impl Iterator<Item = (&Syllable, &Syllable)> {
        self.syllables.iter().zip(self.syllables.iter().skip(1)).filter(|(_, second)| !second.starts)
    }
}

/// Cuts `text` into syllables and finds the numbers of documents in it.
#[must_use]
pub fn analyse(text: &str) -> Analysis {
    let mut cutter = Cutter::default();
    let mut chars = text.char_indices().peekable();
    while let Some((start, first)) = chars.next() {
        let mut end = start.saturating_add(first.len_utf8());
        while let Some((at, mark)) = chars.next_if(|(_, c)| is_combining_mark(*c)) {
            end = at.saturating_add(mark.len_utf8());
        }
        if is_ignorable(first) && end == start.saturating_add(first.len_utf8()) {
            continue;
        }
        // Compatibility forms (ﬁ, full-width) only here, in the copy that is searched.
        let cluster = text.get(start..end).unwrap_or_default();
        for c in cluster.nfkc().flat_map(char::to_lowercase).nfkc() {
            cutter.take(c, start..end);
        }
    }
    cutter.finish()
}

/// Zero-width characters and the soft hyphen: they stand inside words and mean nothing.
const fn is_ignorable(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}

/// What stands between two syllables.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Gap {
    /// Nothing yet, or what separates words.
    #[default]
    Word,
    /// One line break: the line was full.
    Line,
    /// A full stop or the like; a sentence ends if white space follows.
    Stop,
    /// A sentence or a block of lines has ended.
    End,
}

#[derive(Default)]
struct Cutter {
    done: Analysis,
    word: String,
    at: Range<usize>,
    gap: Gap,
    /// The one character between the last syllable and this one, if there is just one.
    joint: Option<char>,
    n_between: usize,
    number: Number,
}

impl Cutter {
    fn take(&mut self, c: char, at: Range<usize>) {
        if c.is_alphanumeric() {
            // Eth is what a Latin-1 keyboard offers for đ.
            let c = if c == 'ð' { 'đ' } else { c };
            if self.word.is_empty() {
                self.at = at.clone();
            }
            self.at.end = at.end;
            self.word.push(c);
            if self.word.len() >= MAX_SYLLABLE_BYTES {
                self.end_word();
            }
            return;
        }
        if is_combining_mark(c) {
            return;
        }
        self.end_word();
        self.n_between = self.n_between.saturating_add(1);
        self.joint = (self.n_between == 1).then_some(c);
        self.gap = match (self.gap, c) {
            (Gap::End, _) | (Gap::Line, '\n') | (_, '\u{2029}' | '\u{c}') => Gap::End,
            (Gap::Stop, c) if c.is_whitespace() => Gap::End,
            (_, '.' | '!' | '?' | ';' | ':' | '…') => Gap::Stop,
            (Gap::Stop, _) => Gap::Stop,
            (_, '\n') => Gap::Line,
            (Gap::Line, c) if c.is_whitespace() => Gap::Line,
            (Gap::Word | Gap::Line, _) => Gap::Word,
        };
    }

    fn end_word(&mut self) {
        if self.word.is_empty() {
            return;
        }
        let text = place_tone(&self.word);
        let folded = fold(&text);
        self.number.take(&folded, self.joint, &mut self.done.numbers);
        let starts = self.done.syllables.is_empty() || self.gap == Gap::End;
        self.done.syllables.push(Syllable { text, folded, at: self.at.clone(), starts });
        self.word.clear();
        self.gap = Gap::Word;
        self.joint = None;
        self.n_between = 0;
    }

    fn finish(mut self) -> Analysis {
        self.end_word();
        self.number.end(&mut self.done.numbers);
        self.done
    }
}

/// The number of a document as it grows: `15` `/` `2020` `/` `nd` `-` `cp`.
#[derive(Default)]
struct Number {
    text: String,
}

impl Number {
    fn take(&mut self, folded: &str, joint: Option<char>, numbers: &mut Vec<String>) {
        let joint = match joint {
            Some('/') => Some('/'),
            Some('-' | '\u{2010}'..='\u{2013}' | '\u{2212}') => Some('-'),
            _ => None,
        };
        if let (Some(joint), false) = (joint, self.text.is_empty()) {
            self.text.push(joint);
            self.text.push_str(folded);
            return;
        }
        self.end(numbers);
        if folded.starts_with(|c: char| c.is_ascii_digit()) {
            folded.clone_into(&mut self.text);
        }
    }

    /// Keeps what has grown if it is a number of a document: with a stroke and a letter, so no date.
    fn end(&mut self, numbers: &mut Vec<String>) {
        let text = std::mem::take(&mut self.text);
        let is_number = text.contains('/') && text.contains(char::is_alphabetic);
        if is_number && text.len() <= MAX_SYLLABLE_BYTES {
            numbers.push(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        analyse(text).syllables.into_iter().map(|syllable| syllable.text).collect()
    }

    const TEXTS: [&str; 9] = [
        "Nghị định số 15/2020/NĐ-CP ngày 03/02/2020: xử phạt.\n\nĐiều 5. Hoà giải, uỷ quyền; quý I",
        "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM\nĐộc lập - Tự do - Hạnh phúc",
        "ﬁle “quỹ” 6½ điểm — 1.234,5 m² ÐIỀU Ⅳ",
        "İstanbul, Straße, café résumé, Ｆｕｌｌ",
        "th\u{200b}ủ t\u{ad}ướng",
        "\u{301} ´ a\u{301}\u{323} e\u{302}\u{301}",
        "khoản 2;khoản 3... (điểm a)",
        "",
        "…///---123/456/AB-",
    ];

    #[test]
    fn composed_and_decomposed_are_the_same() {
        for text in TEXTS {
            let nfd: String = text.nfd().collect();
            let (composed, decomposed) = (analyse(text), analyse(&nfd));
            assert_eq!(composed.numbers, decomposed.numbers);
            let strip = |analysis: Analysis| -> Vec<_> {
                analysis.syllables.into_iter().map(|s| (s.text, s.folded, s.starts)).collect()
            };
            assert_eq!(strip(composed), strip(decomposed), "{text}");
        }
        assert_eq!(words("e\u{302}\u{301}"), ["ế"]);
    }

    #[test]
    fn folding_before_or_after_is_the_same() {
        for text in TEXTS {
            let after: Vec<_> = analyse(text).syllables.into_iter().map(|s| s.folded).collect();
            assert_eq!(words(&fold(text)), after, "{text}");
            assert_eq!(analyse(&fold(text)).numbers, analyse(text).numbers);
        }
    }

    #[test]
    fn a_second_analysis_changes_nothing() {
        for text in TEXTS {
            let once = words(text);
            assert_eq!(words(&once.join(" ")), once, "{text}");
        }
    }

    #[test]
    fn offsets_are_of_the_text_as_given() {
        for text in TEXTS {
            for syllable in analyse(text).syllables {
                let again = words(&text[syllable.at.clone()]);
                assert!(again.contains(&syllable.text), "{syllable:?} in {text}: {again:?}");
            }
        }
        let text = "Thủ t\u{ad}ướng";
        assert_eq!(&text[analyse(text).syllables[1].at.clone()], "t\u{ad}ướng");
    }

    #[test]
    fn spellings_are_one() {
        assert_eq!(words("Hoà ƯỶ uỷ quý Đ ð"), words("hòa ưỷ ủy quý đ đ"));
        assert_eq!(words("CHÍNH PHỦ"), ["chính", "phủ"]);
        assert_ne!(words("định"), words("đinh"));
    }

    #[test]
    fn numbers_of_documents_are_one_token_besides() {
        for text in ["số 15/2020/NĐ-CP,", "15/2020/nd-cp", "15/2020/NĐ–CP.", "15/2020/NĐ-CP ngày 3/2/2020"]
        {
            assert_eq!(analyse(text).numbers, ["15/2020/nd-cp"], "{text}");
        }
        assert_eq!(analyse("148/NQ-CP và 43/2021/AL").numbers, ["148/nq-cp", "43/2021/al"]);
        assert!(analyse("ngày 24/06/2019, 1/2 số, A/B").numbers.is_empty());
        assert_eq!(words("15/2020/NĐ-CP"), ["15", "2020", "nđ", "cp"]);
    }

    #[test]
    fn pairs_stop_at_sentences_and_blocks_but_not_at_lines() {
        let pairs = |text: &str| -> Vec<String> {
            analyse(text).pairs().map(|(a, b)| format!("{}_{}", a.text, b.text)).collect()
        };
        assert_eq!(pairs("định danh\nđiện tử"), ["định_danh", "danh_điện", "điện_tử"]);
        assert_eq!(pairs("định danh\n\nđiện tử"), ["định_danh", "điện_tử"]);
        assert_eq!(pairs("định danh. Điện tử"), ["định_danh", "điện_tử"]);
        assert_eq!(pairs("1.234 đồng"), ["1_234", "234_đồng"]);
        assert_eq!(pairs("điều 5: khoản 2"), ["điều_5", "khoản_2"]);
    }
}
