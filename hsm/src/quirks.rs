//! Where a vendor's module departs from the standard, as data.
//!
//! One small file per vendor, found by the maker's name that the library gives of itself; an operator can
//! name another file. Without a file, or for what a file does not say, the standard is taken at its word.

use std::path::Path;

use serde::Deserialize;

use crate::error::TokenError;
use crate::label::PinForm;

/// The longest quirks file, in bytes.
const MAX_FILE_LEN_BYTES: u64 = 64 * 1024;

/// The files that come with this crate.
const KNOWN: [(&str, &str); 3] = [
    ("softhsm2", include_str!("../quirks/softhsm2.toml")),
    ("kryoptic", include_str!("../quirks/kryoptic.toml")),
    ("opencryptoki", include_str!("../quirks/opencryptoki.toml")),
];

/// What is peculiar to a vendor's module.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Quirks {
    /// What `C_GetInfo` gives as `manufacturerID`; the whole of it.
    pub manufacturer: String,
    /// Who makes the vector of AES-GCM.
    pub gcm_iv: GcmIv,
    /// How long the halves of an ECDSA signature are.
    pub ecdsa_halves: EcdsaHalves,
    /// How the curve is named when an Ed25519 key is made.
    pub ed25519_curve: CurveForm,
    /// Which PINs the tokens take; others are refused without asking the token.
    pub pin: Option<PinForm>,
    /// What the flags say about the tries that are left for a PIN.
    pub pin_flags: PinFlags,
    /// Whether a pool may keep a session open that nobody uses.
    pub anchor: Anchor,
    /// The security officer's PIN of a token that was never initialised.
    pub first_so_pin: Option<String>,
}

/// Who makes the initialisation vector of AES-GCM.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum GcmIv {
    /// The caller's is used.
    #[default]
    Given,
    /// The module makes one and writes it over the caller's; if it does not, nothing was sealed.
    Made,
}

/// How long the halves of an ECDSA signature are.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum EcdsaHalves {
    /// As long as the curve's order.
    #[default]
    Full,
    /// Both may lack leading zeros.
    Shortened,
}

/// How a curve is named to the module.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum CurveForm {
    /// By its object identifier.
    #[default]
    Oid,
    /// By its name, as a `PrintableString`.
    Name,
}

/// What `CKF_USER_PIN_COUNT_LOW` and `CKF_USER_PIN_FINAL_TRY` are worth.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum PinFlags {
    /// What the standard says.
    #[default]
    Reliable,
    /// Nothing: do not tell anybody how many tries are left.
    Unreliable,
}

/// Whether a pool may hold a session besides its workers'.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Anchor {
    /// Yes: the login outlives idle workers.
    #[default]
    Allowed,
    /// No: sessions are few, or idle ones are cut. Each worker logs in for itself.
    Forbidden,
}

impl Quirks {
    /// The file of this vendor, or none of its own.
    pub(crate) fn known(manufacturer: &str) -> Result<Self, TokenError> {
        for (name, text) in KNOWN {
            let quirks = Self::parse(name, text)?;
            if quirks.manufacturer == manufacturer {
                return Ok(quirks);
            }
        }
        Ok(Self { manufacturer: manufacturer.to_owned(), ..Self::default() })
    }

    /// Reads an operator's file, which is taken for whatever module it is given for.
    pub(crate) fn read(path: &Path) -> Result<Self, TokenError> {
        let name = path.display().to_string();
        let unusable = |reason: String| TokenError::QuirksUnusable { name: name.clone(), reason };
        let len_bytes = path.metadata().map_err(|error| unusable(error.to_string()))?.len();
        if len_bytes > MAX_FILE_LEN_BYTES {
            return Err(unusable(format!("{len_bytes} bytes, over the limit of {MAX_FILE_LEN_BYTES}")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
        Self::parse(&name, &text)
    }

    fn parse(name: &str, text: &str) -> Result<Self, TokenError> {
        toml::from_str(text).map_err(|error| TokenError::QuirksUnusable {
            name: name.to_owned(),
            reason: error.message().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_file_is_read_and_found_by_its_maker() {
        for (name, text) in KNOWN {
            let quirks = Quirks::parse(name, text).unwrap();
            assert_eq!(Quirks::known(&quirks.manufacturer).unwrap(), quirks, "{name}");
        }
        let stranger = Quirks::known("Acme TEST").unwrap();
        assert_eq!(stranger, Quirks { manufacturer: "Acme TEST".to_owned(), ..Quirks::default() });
    }

    #[test]
    fn what_is_not_understood_in_a_file_refuses_it_by_name() {
        for text in ["gcm_iv = \"perhaps\"", "speed = 9", "pin = { min_len_bytes = -1 }", "="] {
            let error = Quirks::parse("acme.toml", text).unwrap_err();
            assert!(
                matches!(&error, TokenError::QuirksUnusable { name, .. } if name == "acme.toml"),
                "{error}"
            );
        }
        assert!(matches!(Quirks::read("/nowhere/x.toml".as_ref()), Err(TokenError::QuirksUnusable { .. })));
    }
}
