//! Passkeys: how a person signs in without a password, and what unlocks his signing key instead of a short PIN.
//!
//! A passkey with user verification is two factors. Its *PRF* gives the browser, and nobody else, a secret under which
//! the long PIN of the person's token is wrapped; what is kept here opens nothing. Decision 0020.
//!
//! Source: `docs/sources.md`, entry `webauthn`.

pub mod ceremonies;
pub mod http;
pub mod store;
pub mod unlock;
pub mod unlock_http;

pub use ceremonies::{Ceremonies, Challenge, DoorNames, PasskeyError};
