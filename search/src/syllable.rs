//! One spelling for a Vietnamese syllable: where its tone mark stands, and how it is without marks.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// The five tone marks: huyền, sắc, ngã, hỏi, nặng.
const TONES: [char; 5] = ['\u{300}', '\u{301}', '\u{303}', '\u{309}', '\u{323}'];
/// The longest syllable, "nghiêng", in letters.
const MAX_LETTERS: usize = 7;

/// Without diacritics, and đ as d: "định" becomes "dinh". Works letter by letter, so any text may be given.
#[must_use]
pub fn fold(text: &str) -> String {
    text.nfd().filter(|c| !is_combining_mark(*c)).map(fold_stroke).collect()
}

const fn fold_stroke(c: char) -> char {
    match c {
        'đ' | 'ð' => 'd',
        'Đ' | 'Ð' => 'D',
        _ => c,
    }
}

/// The tone mark on the letter of the older, commoner spelling: "hoà" becomes "hòa", "uỷ" becomes "ủy".
///
/// `word` is in lower case and composed. What is not one syllable with one tone stays as it is:
/// "résumé", "2020".
pub(crate) fn place_tone(word: &str) -> String {
    let Some((letters, tone)) = split_tone(word) else { return word.to_owned() };
    let Some(at) = tone_letter(&letters) else { return word.to_owned() };
    let mut placed = String::with_capacity(word.len().saturating_add(2));
    for (i, letter) in letters.iter().enumerate() {
        placed.push(*letter);
        if i == at {
            placed.push(tone);
        }
    }
    placed.nfc().collect()
}

/// The letters without their one tone mark, and that mark; `None` if there is not exactly one.
fn split_tone(word: &str) -> Option<(Vec<char>, char)> {
    if word.is_ascii() {
        return None;
    }
    let mut tone = None;
    let mut bare = String::new();
    for c in word.nfd() {
        if TONES.contains(&c) {
            if tone.replace(c).is_some() {
                return None;
            }
        } else {
            bare.push(c);
        }
    }
    let letters: Vec<char> = bare.nfc().collect();
    (letters.len() <= MAX_LETTERS && letters.iter().all(|c| c.is_alphabetic())).then_some((letters, tone?))
}

/// The index of the letter that carries the tone: `None` unless the vowels stand together.
fn tone_letter(letters: &[char]) -> Option<usize> {
    let mut start = letters.iter().position(|c| is_vowel(*c))?;
    let next_is_vowel = letters.get(start.checked_add(1)?).is_some_and(|c| is_vowel(*c));
    let before = start.checked_sub(1).and_then(|before| letters.get(before));
    // The u of qu- and the i of gi- belong to the onset: quý, già; but gì.
    let is_onset = matches!((before, letters.get(start)), (Some('q'), Some('u')) | (Some('g'), Some('i')));
    if is_onset && next_is_vowel {
        start = start.checked_add(1)?;
    }
    let vowels: Vec<char> = letters.iter().skip(start).copied().take_while(|c| is_vowel(*c)).collect();
    let end = start.checked_add(vowels.len())?;
    if letters.iter().skip(end).any(|c| is_vowel(*c)) {
        return None;
    }
    let is_closed = end < letters.len();
    let within = match (vowels.iter().rposition(|c| is_marked(*c)), vowels.len()) {
        (Some(marked), _) => marked,
        (None, 1) => 0,
        (None, 2) if !is_closed => 0,
        (None, _) => 1,
    };
    start.checked_add(within)
}

const fn is_vowel(c: char) -> bool {
    matches!(c, 'a' | 'e' | 'i' | 'o' | 'u' | 'y') || is_marked(c)
}

const fn is_marked(c: char) -> bool {
    matches!(c, 'ă' | 'â' | 'ê' | 'ô' | 'ơ' | 'ư')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tone_marks_have_one_place() {
        for (written, placed) in [
            ("hoà", "hòa"),
            ("hòa", "hòa"),
            ("hoàn", "hoàn"),
            ("hòan", "hoàn"),
            ("khoẻ", "khỏe"),
            ("uỷ", "ủy"),
            ("ủy", "ủy"),
            ("thuỷ", "thủy"),
            ("quý", "quý"),
            ("qúy", "quý"),
            ("quỹ", "quỹ"),
            ("quả", "quả"),
            ("qủa", "quả"),
            ("quốc", "quốc"),
            ("già", "già"),
            ("gìa", "già"),
            ("gì", "gì"),
            ("giếng", "giếng"),
            ("nghị", "nghị"),
            ("quyết", "quyết"),
            ("chuyển", "chuyển"),
            ("khuỷu", "khuỷu"),
            ("ngoài", "ngoài"),
            ("của", "của"),
            ("mía", "mía"),
            ("thuở", "thuở"),
            ("người", "người"),
            ("rượu", "rượu"),
            ("loét", "loét"),
            ("xoong", "xoong"),
            ("ý", "ý"),
            ("đ", "đ"),
            ("résumé", "résumé"),
            ("café", "café"),
            ("2020", "2020"),
        ] {
            assert_eq!(place_tone(written), placed, "{written}");
            assert_eq!(place_tone(placed), placed, "twice: {written}");
        }
    }

    #[test]
    fn folding_takes_all_marks_and_the_stroke() {
        assert_eq!(fold("Định danh ĐIỆN TỬ, ngữ nghĩa"), "Dinh danh DIEN TU, ngu nghia");
        assert_eq!(fold("đi\u{323}nh"), "dinh");
    }
}
