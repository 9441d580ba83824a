//! The online certificate status protocol: asked, answered and judged here; sent by somebody else.
//!
//! [`request`] gives the bytes to send. [`verify`] judges what came back: who signed, about which
//! certificate, in reply to which nonce. Whether that is fresh is [`Answer::check_current`]'s
//! question; an answer kept as evidence is judged against the times in it. The path of the responder's
//! certificate to an anchor is the caller's, and so is its revocation unless [`Answer::nocheck`].
//! [`respond`] is the other side, in two phases, for a key that lives in a token.
//!
//! Source: `docs/sources.md`, entries `rfc6960`, `rfc8954` (nonce), `rfc5019` (answers without nonce).

use cabinet::Timestamp;
use const_oid::ObjectIdentifier;

use crate::algorithm::oid;
use crate::{Certificate, Invalid, tlv};

mod error;
mod id;
mod request;
mod respond;
mod response;
#[cfg(test)]
mod tests;
mod verify;

pub use error::{ErrorStatus, NoAnswer};
pub use id::IdHash;
pub use request::{MAX_IDS, MAX_REQUEST_BYTES, request};
pub use respond::{Prepared, Reply, Responder, error_response, respond};
pub use response::{MAX_RESPONSE_BYTES, basic_of, response_of};
pub use verify::{verify, verify_basic};

pub use crate::register::{Reason, Status};

const NONCE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.2");
/// Extended key usage of a responder that the issuer appointed.
pub(crate) const OCSP_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.9");
/// `id-pkix-ocsp-nocheck`: the responder's certificate is not asked about in turn.
pub(crate) const NO_CHECK: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.5");

/// Longest nonce, in bytes: the upper bound of RFC 8954, and what we send.
const MAX_NONCE_BYTES: usize = 32;
/// How far two clocks may be apart, in seconds (our choice).
const CLOCK_SKEW_S: i64 = 300;
/// How long an answer without `nextUpdate` is current, in seconds (our choice): newer information is always available.
const OPEN_ANSWER_S: i64 = 600;

/// A number used once, which ties a response to its request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Nonce(Vec<u8>);

impl Nonce {
    /// A fresh one of 32 random bytes.
    ///
    /// # Errors
    ///
    /// [`Invalid::Library`]: no randomness; ask the operator.
    pub fn fresh() -> Result<Self, Invalid> {
        let mut octets = vec![0_u8; MAX_NONCE_BYTES];
        openssl::rand::rand_bytes(&mut octets)?;
        Ok(Self(octets))
    }

    /// Reads the value of the extension: an OCTET STRING of 1 to 32 bytes.
    fn read(value: &[u8]) -> Result<Self, Invalid> {
        let octets = tlv::only(value, tlv::OCTET_STRING)?.rest();
        if octets.is_empty() || octets.len() > MAX_NONCE_BYTES {
            return Err(Invalid::Structure("the length of the nonce"));
        }
        Ok(Self(octets.to_vec()))
    }

    fn extension(&self) -> Vec<u8> {
        crate::extension::write(NONCE, &tlv::write(tlv::OCTET_STRING, &[&self.0]))
    }
}

/// What a responder says of one certificate; its signature was verified.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Good, revoked or unknown. Only [`Status::Good`] is good.
    pub status: Status,
    /// From when the status is known to be right.
    pub this_update: Timestamp,
    /// When there will be newer information, if the responder says so.
    pub next_update: Option<Timestamp>,
    /// When the response was signed.
    pub produced_at: Timestamp,
    /// Who signed: the issuer itself, or a responder whose certificate the issuer issued for this.
    pub responder: Certificate,
    /// The other certificates of the response. Nothing is known of them.
    pub others: Vec<Certificate>,
    /// Whether the responder's certificate says that its own revocation is not to be asked.
    pub nocheck: bool,
}

impl Answer {
    /// Until when the answer holds: what it says, or ten minutes.
    #[must_use]
    pub fn open_until(&self) -> Timestamp {
        self.next_update.unwrap_or_else(|| self.this_update.plus_seconds(OPEN_ANSWER_S))
    }

    /// Whether the answer speaks of `now`: begun, and not yet over. Clocks may differ by five minutes.
    ///
    /// # Errors
    ///
    /// [`NoAnswer::NotYet`] or [`NoAnswer::Expired`]: ask again.
    pub fn check_current(&self, now: Timestamp) -> Result<(), NoAnswer> {
        let soon = now.plus_seconds(CLOCK_SKEW_S);
        if self.this_update > soon || self.produced_at > soon {
            return Err(NoAnswer::NotYet { this_update: self.this_update.max(self.produced_at) });
        }
        let until = self.open_until();
        if until.plus_seconds(CLOCK_SKEW_S) < now { Err(NoAnswer::Expired { until }) } else { Ok(()) }
    }
}

/// The value of `id-pkix-ocsp-nocheck`: NULL.
pub(crate) fn no_check_value() -> Vec<u8> {
    vec![tlv::NULL, 0]
}

/// An `AlgorithmIdentifier`'s own object identifier, in DER.
fn names_algorithm(identifier: &[u8], id: ObjectIdentifier) -> bool {
    tlv::only(identifier, tlv::SEQUENCE).is_ok_and(|fields| fields.rest().starts_with(&oid(id)))
}
