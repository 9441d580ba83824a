//! Text and times from outside, parsed once: NFC, trimmed, bounded.

use cabinet::Timestamp;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use crate::error::Problem;

/// The longest single line that a person types, in characters.
///
/// Source: `docs/sources.md`, entry `decree-30-fields` (subjects have at most 500).
pub const MAX_LINE_CHARS: usize = 500;
/// The longest paragraph, in characters.
pub const MAX_PARAGRAPH_CHARS: usize = 20_000;

/// One line: not empty, without control characters, in NFC.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "String")]
pub struct Line(String);

/// Text of several lines: not empty, without control characters but line breaks, in NFC.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "String")]
pub struct Paragraph(String);

/// A PIN, password or code that somebody typed; wiped when it is no longer needed, never printed.
#[derive(Deserialize)]
#[serde(from = "String")]
pub struct Secret(Zeroizing<String>);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// The text, still wiped on drop.
    #[must_use]
    pub fn into_inner(self) -> Zeroizing<String> {
        self.0
    }

    /// The text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Line {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let text: String = text.trim().nfc().collect();
        let fits = (1..=MAX_LINE_CHARS).contains(&text.chars().count());
        if fits && !text.chars().any(char::is_control) {
            Ok(Self(text))
        } else {
            Err("expected one line of 1 to 500 characters")
        }
    }
}

impl TryFrom<String> for Paragraph {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let text: String = text.trim().replace("\r\n", "\n").nfc().collect();
        let fits = (1..=MAX_PARAGRAPH_CHARS).contains(&text.chars().count());
        if fits && !text.chars().any(|c| c.is_control() && c != '\n') {
            Ok(Self(text))
        } else {
            Err("expected text of 1 to 20000 characters")
        }
    }
}

impl Line {
    /// The text.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl Paragraph {
    /// The text.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

/// The text with its first letter small, for the middle of a sentence.
#[must_use]
pub fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// The text with its first letter capital.
#[must_use]
pub fn upper_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// An ISO 8601 time as people write it: `23:36:59 ngày 22/11/2026`.
#[must_use]
pub fn civil(iso: &str) -> String {
    OffsetDateTime::parse(iso, &Rfc3339).map_or_else(
        |_| iso.to_owned(),
        |time| {
            let (hour, minute, second) = time.to_hms();
            let (year, month, day) = time.to_calendar_date();
            format!("{hour:02}:{minute:02}:{second:02} ngày {day:02}/{:02}/{year}", u8::from(month))
        },
    )
}

/// Reads an ISO 8601 time with its offset.
///
/// # Errors
///
/// 422 `bad-time`.
pub fn instant(text: &str) -> Result<Timestamp, Problem> {
    let time = OffsetDateTime::parse(text, &Rfc3339)
        .ok()
        .and_then(|time| i64::try_from(time.unix_timestamp_nanos() / 1_000).ok());
    let time = time
        .ok_or_else(|| Problem::unusable("bad-time", "expected a time such as 2026-11-24T08:00:00+07:00"))?;
    Ok(Timestamp::from_micros(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_normalised_and_bounded() {
        let line = |text: &str| Line::try_from(text.to_owned());
        assert_eq!(line(" Phie\u{302}n ho\u{323}p ").map(Line::into_string), Ok("Phiên họp".to_owned()));
        for bad in ["", "   ", "a\nb", &"ă".repeat(501)] {
            assert!(line(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_time_is_shown_as_people_write_it() {
        assert_eq!(civil("2026-06-07T16:05:31+07:00"), "16:05:31 ngày 07/06/2026");
    }

    #[test]
    fn a_time_needs_its_offset() {
        assert_eq!(
            instant("2026-11-24T08:00:00+07:00").map(Timestamp::iso_vietnam).ok().as_deref(),
            Some("2026-11-24T08:00:00+07:00")
        );
        assert!(instant("2026-11-24T08:00:00").is_err());
    }
}
