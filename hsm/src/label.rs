//! Names and PINs, checked once at the edge.

use std::fmt;
use std::str::FromStr;

use cryptoki::types::AuthPin;
use zeroize::Zeroizing;

/// The longest label of a token, in bytes of UTF-8: PKCS#11 gives it 32 padded bytes.
const MAX_LABEL_LEN_BYTES: usize = 32;
/// The longest serial number of a token, in bytes: PKCS#11 gives it 16 padded bytes.
const MAX_SERIAL_LEN_BYTES: usize = 16;
/// What stands before a serial number where a token's name is written.
const SERIAL_PREFIX: &str = "serial:";
/// The shortest PIN, in bytes of UTF-8.
const MIN_PIN_LEN_BYTES: usize = 4;
/// The longest PIN, in bytes of UTF-8; `SoftHSM2`'s own limit.
const MAX_PIN_LEN_BYTES: usize = 255;

/// The text is not a label.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a label has 1 to 32 bytes of UTF-8, no control characters and no space at either end")]
pub struct NotALabel;

/// The text does not name a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "a token is named by its label, or by `serial:` and its serial number of 1 to 16 printable characters"
)]
pub struct NotATokenName;

/// The text is not a PIN.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a PIN has 4 to 255 bytes of UTF-8 and no NUL")]
pub struct NotAPin;

/// The label of a key (`CKA_LABEL`), compared byte for byte.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct KeyLabel(String);

/// The label of a token, compared byte for byte after the module's padding is cut off.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TokenLabel(String);

/// How a token is found: by its label, or by its maker's serial number where clones bear one label.
///
/// Written as the label itself, or as `serial:` and the serial number. Use one name for one token: acts on
/// a token wait for each other by its name.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum TokenName {
    /// The one token with this label.
    Label(TokenLabel),
    /// The one token with this serial number.
    Serial(TokenSerial),
}

/// The serial number that a token's maker gave it.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TokenSerial(String);

/// The PIN of a token's user or security officer. Zeroized on drop, never printed, never compared.
#[derive(Clone)]
pub struct Pin {
    secret: AuthPin,
    len_bytes: usize,
    digits_only: bool,
}

/// The PINs that a kind of token takes, beyond what [`Pin::parse`] asks.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinForm {
    /// The fewest bytes.
    pub min_len_bytes: usize,
    /// The most bytes.
    pub max_len_bytes: usize,
    /// Whether only the digits 0 to 9 will do.
    pub digits_only: bool,
}

impl fmt::Display for PinForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.digits_only { "digits" } else { "bytes" };
        write!(f, "{} to {} {what}", self.min_len_bytes, self.max_len_bytes)
    }
}

impl KeyLabel {
    /// The label as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.0.clone().into_bytes()
    }
}

impl TokenLabel {
    /// The label as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TokenSerial {
    /// The serial number as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&Self> for TokenName {
    fn from(name: &Self) -> Self {
        name.clone()
    }
}

impl From<TokenLabel> for TokenName {
    fn from(label: TokenLabel) -> Self {
        Self::Label(label)
    }
}

impl From<&TokenLabel> for TokenName {
    fn from(label: &TokenLabel) -> Self {
        Self::Label(label.clone())
    }
}

impl FromStr for TokenName {
    type Err = NotATokenName;

    fn from_str(text: &str) -> Result<Self, NotATokenName> {
        match text.strip_prefix(SERIAL_PREFIX) {
            None => Ok(Self::Label(text.parse().map_err(|_cause: NotALabel| NotATokenName)?)),
            Some(serial)
                if (1..=MAX_SERIAL_LEN_BYTES).contains(&serial.len())
                    && serial.trim() == serial
                    && serial.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) =>
            {
                Ok(Self::Serial(TokenSerial(serial.to_owned())))
            }
            Some(_) => Err(NotATokenName),
        }
    }
}

impl fmt::Display for TokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(label) => write!(f, "labelled {label}"),
            Self::Serial(serial) => write!(f, "with serial number {}", serial.0),
        }
    }
}

impl Pin {
    /// Takes a PIN that a person typed or a file holds.
    ///
    /// # Errors
    ///
    /// [`NotAPin`]: not 4 to 255 bytes, or it holds a NUL; ask again. The token was not asked.
    pub fn parse(text: &str) -> Result<Self, NotAPin> {
        let fits = (MIN_PIN_LEN_BYTES..=MAX_PIN_LEN_BYTES).contains(&text.len());
        if !fits || text.contains('\0') {
            return Err(NotAPin);
        }
        let digits_only = text.bytes().all(|byte| byte.is_ascii_digit());
        Ok(Self { secret: text.into(), len_bytes: text.len(), digits_only })
    }

    /// Takes a PIN out of a buffer that is wiped here.
    ///
    /// # Errors
    ///
    /// As [`Pin::parse`].
    pub fn take(text: Zeroizing<String>) -> Result<Self, NotAPin> {
        let pin = Self::parse(&text);
        drop(text);
        pin
    }

    pub(crate) const fn secret(&self) -> &AuthPin {
        &self.secret
    }

    /// Whether such a token takes a PIN of this form; its value is not looked at.
    pub(crate) const fn fits(&self, form: PinForm) -> bool {
        self.len_bytes >= form.min_len_bytes
            && self.len_bytes <= form.max_len_bytes
            && (self.digits_only || !form.digits_only)
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(…)")
    }
}

impl FromStr for KeyLabel {
    type Err = NotALabel;

    fn from_str(text: &str) -> Result<Self, NotALabel> {
        if is_label(text) { Ok(Self(text.to_owned())) } else { Err(NotALabel) }
    }
}

impl FromStr for TokenLabel {
    type Err = NotALabel;

    fn from_str(text: &str) -> Result<Self, NotALabel> {
        if is_label(text) { Ok(Self(text.to_owned())) } else { Err(NotALabel) }
    }
}

impl fmt::Display for KeyLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for TokenLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Spaces at the ends would vanish in the module's padding, and NULs end some modules' labels.
fn is_label(text: &str) -> bool {
    (1..=MAX_LABEL_LEN_BYTES).contains(&text.len())
        && text.trim() == text
        && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_short_and_clean() {
        for good in ["a", "ecab-org", "Chữ ký số THỬ NGHIỆM", &"x".repeat(32)] {
            assert!(good.parse::<KeyLabel>().is_ok() && good.parse::<TokenLabel>().is_ok(), "{good}");
        }
        for bad in ["", " a", "a ", "a\0b", "a\n", &"x".repeat(33), &"ữ".repeat(11)] {
            assert_eq!(bad.parse::<KeyLabel>(), Err(NotALabel), "{bad}");
            assert_eq!(bad.parse::<TokenLabel>(), Err(NotALabel), "{bad}");
        }
    }

    #[test]
    fn a_token_is_named_by_label_or_by_serial_number() {
        let name: TokenName = "serial:0123 abcd".parse().unwrap();
        assert_eq!(name.to_string(), "with serial number 0123 abcd");
        assert_eq!("TEST org".parse(), Ok(TokenName::from(&"TEST org".parse::<TokenLabel>().unwrap())));
        for bad in ["", "serial:", "serial: 1", "serial:12345678901234567", "serial:ữ", "serial:1\n", " a"]
        {
            assert_eq!(bad.parse::<TokenName>(), Err(NotATokenName), "{bad}");
        }
    }

    #[test]
    fn a_pin_is_held_against_its_tokens_form() {
        let form = PinForm { min_len_bytes: 4, max_len_bytes: 8, digits_only: true };
        let fits = |text| Pin::parse(text).unwrap().fits(form);
        assert!(fits("1234") && fits("12345678"));
        assert!(!fits("123456789") && !fits("12a4"));
    }

    #[test]
    fn a_pin_is_bounded_and_never_printed() {
        assert!(Pin::parse("123").is_err() && Pin::parse("12\x0034").is_err());
        assert!(Pin::parse(&"9".repeat(255)).is_ok() && Pin::parse(&"9".repeat(256)).is_err());
        assert_eq!(format!("{:?}", Pin::parse("secret-1").unwrap()), "Pin(…)");
    }
}
