//! What a library and its tokens can do, and what the appliance would miss in them.

use std::fmt;

use cryptoki::mechanism::MechanismType;
use cryptoki::slot::TokenInfo as CkTokenInfo;

use crate::error::{Fault, TokenError};
use crate::generate::KeyKind;
use crate::module::{Library, TokenInfo};
use crate::scheme::Scheme;
use crate::sign;
use crate::slots::Mechanisms;

/// What the appliance asks of a token; not every token needs all of it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Need {
    /// Was initialised, so that it has a label.
    Initialised,
    /// Has a user's PIN that is not locked.
    Login,
    /// Signs: members', the organisation's and the log's tokens.
    Sign(Scheme),
    /// Makes keys for signing, at the key ceremony.
    Make(KeyKind),
    /// Seals and opens wrapped keys with associated data: the key-encryption token.
    AesGcm,
    /// Makes the key that wraps, at the key ceremony.
    MakeAes256,
    /// Draws random numbers: the key-encryption token.
    Random,
}

impl Need {
    /// Everything that the appliance can ask for.
    pub const ALL: [Self; 15] = [
        Self::Initialised,
        Self::Login,
        Self::Sign(Scheme::EcdsaSha256),
        Self::Sign(Scheme::EcdsaSha384),
        Self::Sign(Scheme::Ed25519),
        Self::Sign(Scheme::RsaPkcs1Sha256),
        Self::Sign(Scheme::RsaPssSha256),
        Self::Make(KeyKind::EcP256),
        Self::Make(KeyKind::EcP384),
        Self::Make(KeyKind::Ed25519),
        Self::Make(KeyKind::Rsa2048),
        Self::Make(KeyKind::Rsa3072),
        Self::AesGcm,
        Self::MakeAes256,
        Self::Random,
    ];

    fn is_met(self, info: &CkTokenInfo, mechanisms: &Mechanisms) -> bool {
        let offers = |wanted| mechanisms.offers(wanted);
        match self {
            Self::Initialised => info.token_initialized(),
            Self::Login => info.user_pin_initialized() && !info.user_pin_locked(),
            Self::Sign(scheme) => sign::serves(scheme, offers),
            Self::Make(kind) => offers(kind.mechanism().1),
            Self::AesGcm => offers(MechanismType::AES_GCM),
            Self::MakeAes256 => offers(MechanismType::AES_KEY_GEN),
            Self::Random => info.rng(),
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Initialised => f.write_str("is not initialised: run the key ceremony"),
            Self::Login => f.write_str("has no user PIN, or it is locked: the security officer sets one"),
            Self::Sign(scheme) => write!(f, "cannot sign by {scheme:?}: choose another scheme or token"),
            Self::Make(kind) => write!(f, "cannot make {kind:?} keys: choose another kind, or bring the key"),
            Self::AesGcm => f.write_str("has no CKM_AES_GCM: it cannot hold the key-encryption key"),
            Self::MakeAes256 => f.write_str("cannot make AES keys: bring the key-encryption key"),
            Self::Random => f.write_str("draws no random numbers: it cannot be the key-encryption token"),
        }
    }
}

/// A library, and what is in its slots.
#[derive(Clone, Debug)]
pub struct Survey {
    /// Who made the library, as it says of itself.
    pub manufacturer: String,
    /// What it is, as it says of itself.
    pub description: String,
    /// Its own version.
    pub version: String,
    /// The version of PKCS#11 that it speaks.
    pub cryptoki_version: String,
    /// The tokens, in the order of the slots.
    pub tokens: Vec<TokenSurvey>,
}

/// A token, and what it can do.
#[derive(Clone, Debug)]
pub struct TokenSurvey {
    /// What the token says of itself.
    pub info: TokenInfo,
    /// The shortest and the longest PIN that it takes, in bytes.
    pub pin_len_bytes: (usize, usize),
    /// The mechanisms it lists, in PKCS#11's spelling where the number is known.
    pub mechanisms: Vec<String>,
    /// What of [`Need::ALL`] it meets.
    pub met: Vec<Need>,
    /// What of [`Need::ALL`] it does not meet; each writes itself as a sentence on what to do.
    pub unmet: Vec<Need>,
}

/// Asks the library and every token; needs no PIN.
pub(crate) fn survey(library: &Library) -> Result<Survey, TokenError> {
    let info = library.pkcs11.get_library_info().map_err(Fault::from)?;
    let mut tokens = Vec::new();
    for (slot, token) in library.slots.all()? {
        let mechanisms = match library.slots.mechanisms(slot) {
            // Some libraries list none before there is a token.
            Err(_) if !token.token_initialized() => Mechanisms::none(),
            listed => listed?,
        };
        let (met, unmet) = Need::ALL.into_iter().partition(|need| need.is_met(&token, &mechanisms));
        tokens.push(TokenSurvey {
            info: TokenInfo::of(&token),
            pin_len_bytes: (token.min_pin_length(), token.max_pin_length()),
            mechanisms: mechanisms.names(),
            met,
            unmet,
        });
    }
    Ok(Survey {
        manufacturer: info.manufacturer_id().to_owned(),
        description: info.library_description().to_owned(),
        version: info.library_version().to_string(),
        cryptoki_version: info.cryptoki_version().to_string(),
        tokens,
    })
}
