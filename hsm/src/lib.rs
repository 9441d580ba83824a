//! PKCS#11 tokens: keys by label, sign, wrap, random, provisioning.
//!
//! Everything here is synchronous and blocks for at most the configured deadline: a token cannot be
//! interrupted, so each call runs on a thread of a [`Pool`] or of [`PersonalTokens`], and a caller that
//! waited long enough gets [`TokenError::Timeout`] while the thread is written off.
//!
//! * [`Module`]: one loaded PKCS#11 library, initialised once per process and never unloaded.
//! * [`Pool`]: the organisation's, log's and key-encryption tokens, logged in as long as the process lives.
//! * [`PersonalTokens`]: members' tokens, logged in for one act with the member's own PIN.
//! * [`SignerSet`] and [`KekSet`]: several pools that stand in for each other.
//!
//! PKCS#11 login is per token and process, not per session. Hence one token per member, and never a
//! pool and personal acts on the same token.
//!
//! Do not fork after [`Module::load`]: the library's state does not survive it.
//!
//! Source: `docs/sources.md`, entry `pkcs11`.

mod aead;
mod crew;
mod door;
mod error;
mod generate;
mod kek_set;
mod keys;
mod label;
mod module;
mod personal;
mod pool;
mod quirks;
mod raw;
mod scheme;
mod seat;
mod sign;
mod signer_set;
mod slots;
mod spki;
mod standing;
mod survey;
mod wraps;

pub use aead::{MAX_AAD_LEN_BYTES, MAX_WRAP_LEN_BYTES, Wrapped};
pub use error::{Sent, TokenError, TriesLeft};
pub use generate::KeyKind;
pub use kek_set::{KekMember, KekSet, Wrapping};
pub use label::{
    KeyLabel, NotALabel, NotAPin, NotATokenName, Pin, PinForm, TokenLabel, TokenName, TokenSerial,
};
pub use module::{Module, ModuleConfig, TokenInfo};
pub use personal::{PersonalConfig, PersonalTokens};
pub use pool::{Health, HealthState, MAX_RANDOM_LEN_BYTES, Pool, PoolConfig};
pub use quirks::{Anchor, CurveForm, EcdsaHalves, GcmIv, PinFlags, Quirks};
pub use scheme::{MAX_MESSAGE_LEN_BYTES, RawSignature, SHA384_LEN_BYTES, Scheme, ToSign};
pub use signer_set::{DoneBy, MAX_MEMBERS, MemberHealth, Next, NotDone, SignerMember, SignerSet};
pub use spki::PublicKeyDer;
pub use survey::{Need, Survey, TokenSurvey};
pub use wraps::Wraps;
