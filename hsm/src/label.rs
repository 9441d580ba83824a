//! Names and PINs, checked once at the edge.

use std::fmt;
use std::str::FromStr;

use cryptoki::types::AuthPin;
use zeroize::Zeroizing;

/// The longest label of a token, in bytes of UTF-8: PKCS#11 gives it 32 padded bytes.
const MAX_LABEL_LEN_BYTES: usize = 32;
/// The shortest PIN, in bytes of UTF-8.
const MIN_PIN_LEN_BYTES: usize = 4;
/// The longest PIN, in bytes of UTF-8; `SoftHSM2`'s own limit.
const MAX_PIN_LEN_BYTES: usize = 255;

/// The text is not a label.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a label has 1 to 32 bytes of UTF-8, no control characters and no space at either end")]
pub struct NotALabel;

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

/// The PIN of a token's user or security officer. Zeroized on drop, never printed, never compared.
#[derive(Clone)]
pub struct Pin(AuthPin);

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

impl Pin {
    /// Takes a PIN that a person typed or a file holds.
    ///
    /// # Errors
    ///
    /// [`NotAPin`]: not 4 to 255 bytes, or it holds a NUL; ask again. The token was not asked.
    pub fn parse(text: &str) -> Result<Self, NotAPin> {
        let fits = (MIN_PIN_LEN_BYTES..=MAX_PIN_LEN_BYTES).contains(&text.len());
        if fits && !text.contains('\0') { Ok(Self(text.into())) } else { Err(NotAPin) }
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
        &self.0
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
    fn a_pin_is_bounded_and_never_printed() {
        assert!(Pin::parse("123").is_err() && Pin::parse("12\x0034").is_err());
        assert!(Pin::parse(&"9".repeat(255)).is_ok() && Pin::parse(&"9".repeat(256)).is_err());
        assert_eq!(format!("{:?}", Pin::parse("secret-1").unwrap()), "Pin(…)");
    }
}
