//! RFC 3161 time-stamps: asked for, verified and issued. Nothing here sends or waits.
//!
//! | who | does |
//! |---|---|
//! | client | [`Request::new`], sends its DER, gives the answer to [`verify_response`] and gets a [`Token`] |
//! | reader | [`Token::verify`], [`Token::verify_imprint`], then [`Token::verify_path`] at [`Info::gen_time`] |
//! | authority | [`respond`] gives the bytes to sign, [`Prepared::embed`] takes the signature and gives the answer |
//!
//! Source: `docs/sources.md`, entries `rfc3161`, `rfc5816`.

mod authority;
mod info;
mod integer;
mod policy;
mod request;
mod response;
mod token;

use const_oid::ObjectIdentifier;

pub use self::authority::{Answer, Prepared, Settings, respond};
pub use self::info::{Accuracy, Info};
pub use self::integer::Integer;
pub use self::policy::Policy;
pub use self::request::{MAX_REQUEST_BYTES, Request};
pub use self::response::{Failure, MAX_RESPONSE_BYTES, Rejection, Response, ResponseError, verify_response};
pub use self::token::{Token, TokenError};
pub use crate::cms::Reference;

/// The content type of a token.
const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
/// The one version of requests and tokens.
const VERSION_1: &[u8] = &[1];
const BOOLEAN: u8 = 0x01;
