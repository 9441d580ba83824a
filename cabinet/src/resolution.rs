//! A Resolution (nghị quyết): draft → signed by the authorised person → numbered and sealed by the clerk.
//!
//! Source: `docs/sources.md`, entries `decree-30-numbering` and `two-signatures`.

use std::fmt;
use std::str::FromStr;

use crate::Refusal;
use crate::Timestamp;
use crate::meeting::NotAState;
use crate::vote::Outcome;

/// Where a Resolution stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ResolutionState {
    /// Dự thảo: typeset, no signature.
    Draft,
    /// Đã ký: the authorised person's signature is on this revision; no number yet.
    Signed,
    /// Đã cấp số, đóng dấu: number, date and the organisation's signature are on it.
    Sealed,
}

impl ResolutionState {
    /// The stable name used in SQL, policies and over HTTP.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Signed => "signed",
            Self::Sealed => "sealed",
        }
    }

    /// A draft follows only from an adopted vote.
    ///
    /// # Errors
    ///
    /// * [`Refusal::NotAdopted`].
    pub const fn draft(outcome: &Outcome) -> Result<Self, Refusal> {
        if outcome.adopted { Ok(Self::Draft) } else { Err(Refusal::NotAdopted) }
    }

    /// The authorised person signs.
    ///
    /// # Errors
    ///
    /// * [`Refusal::ResolutionState`]: signed already.
    pub const fn sign(self) -> Result<Self, Refusal> {
        match self {
            Self::Draft => Ok(Self::Signed),
            Self::Signed | Self::Sealed => Err(Refusal::ResolutionState),
        }
    }

    /// The clerk numbers and seals what the authorised person signed.
    ///
    /// # Errors
    ///
    /// * [`Refusal::ResolutionState`]: not signed yet, or sealed already.
    pub const fn seal(self) -> Result<Self, Refusal> {
        match self {
            Self::Signed => Ok(Self::Sealed),
            Self::Draft | Self::Sealed => Err(Refusal::ResolutionState),
        }
    }
}

impl FromStr for ResolutionState {
    type Err = NotAState;

    fn from_str(text: &str) -> Result<Self, NotAState> {
        [Self::Draft, Self::Signed, Self::Sealed]
            .into_iter()
            .find(|state| state.name() == text)
            .ok_or_else(|| NotAState(text.to_owned()))
    }
}

/// A number and symbol, `87/NQ-CP`: taken at sealing, gap-free within a year and a series.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NumberAndSymbol {
    /// From 1 on, anew each 1 January.
    pub number: u32,
    /// Type and issuer, `NQ-CP`.
    pub symbol: String,
}

impl fmt::Display for NumberAndSymbol {
    /// Numbers below 10 get a leading zero.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}/{}", self.number, self.symbol)
    }
}

/// The year of `now` in Vietnam: the register starts anew each 1 January.
#[must_use]
pub fn register_year(now: Timestamp) -> i32 {
    now.in_vietnam().year()
}

/// Place and date as Decree 30/2020 writes them: days below 10 and months 1 and 2 get a leading zero.
#[must_use]
pub fn place_and_date(place: &str, now: Timestamp) -> String {
    let date = now.in_vietnam();
    let month = u8::from(date.month());
    let month = if month <= 2 { format!("{month:02}") } else { month.to_string() };
    format!("{place}, ngày {:02} tháng {month} năm {}", date.day(), date.year())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clerk_seals_only_what_was_signed() {
        assert_eq!(ResolutionState::Draft.seal(), Err(Refusal::ResolutionState));
        assert_eq!(
            ResolutionState::Draft.sign().and_then(ResolutionState::seal),
            Ok(ResolutionState::Sealed)
        );
        assert_eq!(ResolutionState::Signed.sign(), Err(Refusal::ResolutionState));
        assert_eq!(ResolutionState::Sealed.seal(), Err(Refusal::ResolutionState));
    }

    #[test]
    fn numbers_and_dates_are_written_as_the_decree_wants() {
        let number = |number| NumberAndSymbol { number, symbol: "NQ-CP".to_owned() }.to_string();
        assert_eq!((number(7), number(148)), ("07/NQ-CP".to_owned(), "148/NQ-CP".to_owned()));
        let at = |text| {
            let time =
                time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).unwrap();
            Timestamp::from_micros(time.unix_timestamp() * 1_000_000)
        };
        assert_eq!(
            place_and_date("Hà Nội", at("2026-02-05T10:00:00+07:00")),
            "Hà Nội, ngày 05 tháng 02 năm 2026"
        );
        assert_eq!(
            place_and_date("Hà Nội", at("2026-11-22T23:30:00+07:00")),
            "Hà Nội, ngày 22 tháng 11 năm 2026"
        );
        assert_eq!(register_year(at("2026-12-31T23:59:59+07:00")), 2026);
        assert_eq!(register_year(at("2027-01-01T00:00:00+07:00")), 2027);
    }
}
