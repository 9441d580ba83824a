//! What can go wrong with a token, sorted by what the receiver can do.

use cryptoki::context::Function;
use cryptoki::error::{Error as Ck, RvError};

use crate::label::PinForm;
use crate::{KeyLabel, TokenLabel, TokenName};

/// A token did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The person should type the PIN again; it was tried once and is never tried again by itself.
    #[error("the PIN is incorrect; type it again ({tries})")]
    PinIncorrect {
        /// What the token says about further tries.
        tries: TriesLeft,
    },
    /// An officer must set a new PIN.
    #[error("the PIN is locked, expired or was never set; the token's security officer must set a new one")]
    PinLocked,
    /// The key must be made, or the configuration names the wrong one.
    #[error("there is no key {label}; run the key ceremony, or correct the label in the configuration")]
    KeyNotFound {
        /// The label that was looked for.
        label: KeyLabel,
    },
    /// The set-up is wrong; the same call fails again.
    #[error("{n} keys bear the label {label}; rename or destroy all but one")]
    KeyNotUnique {
        /// The label that was looked for.
        label: KeyLabel,
        /// How many keys bear it.
        n: usize,
    },
    /// A key with this label exists and is left alone.
    #[error("a key {label} exists already; choose another label")]
    KeyExists {
        /// The label.
        label: KeyLabel,
    },
    /// The key can leave its token: it is not used, and if it was just made, it was destroyed.
    #[error("the token does not keep the key {label} inside; use a token that honours CKA_EXTRACTABLE")]
    KeyNotProtected {
        /// The label.
        label: KeyLabel,
    },
    /// The token must be plugged in, or made.
    #[error("no slot holds a token {token}; insert it, or run the key ceremony, or correct the label")]
    TokenNotFound {
        /// The name that was looked for.
        token: TokenName,
    },
    /// The set-up is wrong: two tokens answer to one name.
    #[error("there are {n} tokens {token}; name one by its serial number, or re-initialise all but one")]
    TokenNotUnique {
        /// The name.
        token: TokenName,
        /// How many tokens answer to it.
        n: usize,
    },
    /// A token with this label exists and is left alone.
    #[error("a token {label} exists already; choose another label")]
    TokenExists {
        /// The label.
        label: TokenLabel,
    },
    /// No slot has room for another token.
    #[error("no slot holds an uninitialised token; insert one")]
    NoFreeSlot,
    /// The token belongs to a pool of this process; one login would serve both.
    #[error("the token {token} is in use by a pool of this process; use a token of its own")]
    TokenInUse {
        /// Its name.
        token: TokenName,
    },
    /// The PIN is not of the form that this kind of token takes; the token was not asked.
    #[error("this token takes PINs of {form}; choose another")]
    PinForm {
        /// What it takes.
        form: PinForm,
    },
    /// Too many calls wait; the token was not asked. Try again soon.
    #[error("the token is busy; nothing was sent to it, try again in a moment")]
    Busy,
    /// The deadline passed.
    #[error("the token did not answer in time ({sent})")]
    Timeout {
        /// Whether the call may still take effect.
        sent: Sent,
    },
    /// What was given to be unwrapped is not what was wrapped; the token itself is well.
    #[error("the wrapped data is corrupt or belongs elsewhere; restore it from a backup")]
    Corrupt,
    /// What was given to the call breaks a limit of this crate.
    #[error("{what} is {len} bytes long, over the limit of {max}; send less")]
    TooLong {
        /// Which input.
        what: &'static str,
        /// Its length.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// The token cannot do this; use another token or scheme.
    #[error("the token does not offer {mechanism}; use another scheme or another token")]
    Unsupported {
        /// The mechanism, in PKCS#11's spelling.
        mechanism: &'static str,
    },
    /// The session was lost and could not be rebuilt, or the call must not be repeated.
    #[error("the session with the token was lost in {call} ({code}, {sent}); try again")]
    SessionLost {
        /// The PKCS#11 function.
        call: &'static str,
        /// Its return code.
        code: String,
        /// Whether the call may have taken effect.
        sent: Sent,
    },
    /// The library cannot be used; an operator must look.
    #[error("the PKCS#11 library {path} cannot be used: {reason}; correct its path or reinstall it")]
    ModuleUnusable {
        /// The path as configured.
        path: String,
        /// Why.
        reason: String,
    },
    /// A file of vendor's quirks cannot be used; an operator must correct it.
    #[error(
        "the quirks file {name} cannot be used: {reason}; correct it or leave it out of the configuration"
    )]
    QuirksUnusable {
        /// Its path or name.
        name: String,
        /// Why.
        reason: String,
    },
    /// The token failed in a way that nobody can mend by trying again.
    #[error("the token failed in {call} ({code}); look at the token and its library")]
    Device {
        /// The PKCS#11 function, or the step of ours.
        call: &'static str,
        /// Its return code.
        code: String,
    },
}

impl TokenError {
    /// Whether what was asked may have taken effect all the same, so that it must not be asked of another.
    #[must_use]
    pub fn sent(&self) -> Sent {
        match self {
            Self::Timeout { sent } | Self::SessionLost { sent, .. } => *sent,
            Self::Device { call, .. } if LEAVES_SOMETHING.contains(call) => Sent::Perhaps,
            Self::Device { .. }
            | Self::PinIncorrect { .. }
            | Self::PinLocked
            | Self::PinForm { .. }
            | Self::KeyNotFound { .. }
            | Self::KeyNotUnique { .. }
            | Self::KeyExists { .. }
            | Self::KeyNotProtected { .. }
            | Self::TokenNotFound { .. }
            | Self::TokenNotUnique { .. }
            | Self::TokenExists { .. }
            | Self::TokenInUse { .. }
            | Self::NoFreeSlot
            | Self::Busy
            | Self::Corrupt
            | Self::TooLong { .. }
            | Self::Unsupported { .. }
            | Self::ModuleUnusable { .. }
            | Self::QuirksUnusable { .. } => Sent::No,
        }
    }
}

/// The calls whose effect outlives them, as [`call_name`] writes them, and a worker that stopped in one.
const LEAVES_SOMETHING: [&str; 8] = [
    "C_Sign",
    "C_GenerateKey",
    "C_GenerateKeyPair",
    "C_CreateObject",
    "C_InitToken",
    "C_InitPIN",
    "C_SetPIN",
    "a worker",
];

/// What a token says about further tries of a PIN; it does not tell their number.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TriesLeft {
    /// More than one, or the token does not count.
    #[error("there are tries left")]
    Several,
    /// At least one try was burned since the last correct PIN (`CKF_USER_PIN_COUNT_LOW`).
    #[error("few tries are left")]
    Few,
    /// The next incorrect PIN locks the token (`CKF_USER_PIN_FINAL_TRY`).
    #[error("the next incorrect PIN locks the token")]
    One,
    /// This kind of token sets its flags at will.
    #[error("the token does not say how many tries are left")]
    Unknown,
}

/// Whether a call that failed may still have taken effect inside the token.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Sent {
    /// Surely not: it may be repeated.
    #[error("it was not sent")]
    No,
    /// Perhaps: a signature or a key may exist. Record it before anything is tried again.
    #[error("it may have taken effect")]
    Perhaps,
}

/// Why one PKCS#11 call failed, before the session was examined.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The session or the login is gone.
    Lost { call: &'static str, code: String, sent: Sent },
    /// Modules use this code for bad input and for a dead device alike: ask before believing either.
    Doubtful { call: &'static str, code: String, sent: Sent },
    /// Nothing helps.
    Final(TokenError),
}

impl Fault {
    /// Marks a fault that came after a step which left something behind.
    pub(crate) fn after_effect(self) -> Self {
        match self {
            Self::Lost { call, code, .. } => Self::Lost { call, code, sent: Sent::Perhaps },
            Self::Doubtful { call, code, .. } => Self::Doubtful { call, code, sent: Sent::Perhaps },
            Self::Final(error) => Self::Final(error),
        }
    }
}

impl From<TokenError> for Fault {
    fn from(error: TokenError) -> Self {
        Self::Final(error)
    }
}

impl From<Ck> for Fault {
    /// Sorts the module's return codes; an unknown one lands on "do not retry".
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "some ninety codes, and more in each version of PKCS#11"
    )]
    fn from(error: Ck) -> Self {
        let Ck::Pkcs11(code, function) = error else {
            return Self::Final(TokenError::Device { call: "the binding", code: error.to_string() });
        };
        let (call, sent) = (call_name(function), sent(function));
        let name = format!("{code:?}");
        match code {
            RvError::SessionHandleInvalid
            | RvError::SessionClosed
            | RvError::ObjectHandleInvalid
            | RvError::KeyHandleInvalid
            | RvError::DeviceRemoved
            | RvError::TokenNotPresent
            | RvError::SlotIdInvalid
            | RvError::UserNotLoggedIn
            | RvError::OperationActive
            | RvError::OperationNotInitialized
            | RvError::CryptokiNotInitialized => Self::Lost { call, code: name, sent },
            RvError::GeneralError | RvError::DeviceError | RvError::FunctionFailed => {
                Self::Doubtful { call, code: name, sent }
            }
            RvError::PinLocked | RvError::PinExpired | RvError::UserPinNotInitialized => {
                Self::Final(TokenError::PinLocked)
            }
            RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange => {
                Self::Final(TokenError::PinIncorrect { tries: TriesLeft::Several })
            }
            RvError::MechanismInvalid | RvError::CurveNotSupported | RvError::FunctionNotSupported => {
                Self::Final(TokenError::Unsupported { mechanism: call })
            }
            _ => Self::Final(TokenError::Device { call, code: name }),
        }
    }
}

impl From<Fault> for TokenError {
    /// For calls outside a logged-in session, where there is nothing to examine.
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Lost { call, code, sent } => Self::SessionLost { call, code, sent },
            Fault::Doubtful { call, code, .. } => Self::Device { call, code },
            Fault::Final(error) => error,
        }
    }
}

/// The functions whose effect outlives them: a second call makes a second signature, key or token.
#[expect(clippy::wildcard_enum_match_arm, reason = "all others, now and later, leave nothing behind")]
const fn sent(function: Function) -> Sent {
    match function {
        Function::Sign
        | Function::SignUpdate
        | Function::SignFinal
        | Function::GenerateKey
        | Function::GenerateKeyPair
        | Function::CreateObject
        | Function::InitToken
        | Function::InitPIN
        | Function::SetPIN => Sent::Perhaps,
        _ => Sent::No,
    }
}

/// PKCS#11's name of the functions that are used here.
#[expect(clippy::wildcard_enum_match_arm, reason = "the others are not called")]
const fn call_name(function: Function) -> &'static str {
    match function {
        Function::CloseSession => "C_CloseSession",
        Function::CreateObject => "C_CreateObject",
        Function::Decrypt => "C_Decrypt",
        Function::DecryptInit => "C_DecryptInit",
        Function::DestroyObject => "C_DestroyObject",
        Function::Encrypt => "C_Encrypt",
        Function::EncryptInit => "C_EncryptInit",
        Function::FindObjects => "C_FindObjects",
        Function::FindObjectsInit => "C_FindObjectsInit",
        Function::GenerateKey => "C_GenerateKey",
        Function::GenerateKeyPair => "C_GenerateKeyPair",
        Function::GenerateRandom => "C_GenerateRandom",
        Function::GetAttributeValue => "C_GetAttributeValue",
        Function::GetMechanismList => "C_GetMechanismList",
        Function::GetSessionInfo => "C_GetSessionInfo",
        Function::GetSlotList => "C_GetSlotList",
        Function::GetTokenInfo => "C_GetTokenInfo",
        Function::InitPIN => "C_InitPIN",
        Function::InitToken => "C_InitToken",
        Function::Initialize => "C_Initialize",
        Function::Login => "C_Login",
        Function::Logout => "C_Logout",
        Function::OpenSession => "C_OpenSession",
        Function::SetPIN => "C_SetPIN",
        Function::Sign => "C_Sign",
        Function::SignInit => "C_SignInit",
        _ => "a PKCS#11 call",
    }
}
