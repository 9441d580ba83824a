//! A request for a time-stamp: `TimeStampReq`.
//!
//! Source: `docs/sources.md`, entry `rfc3161`, section 2.4.1.

use super::info::{encode_imprint, parse_imprint};
use super::response::{Failure, Rejection};
use super::{BOOLEAN, Integer, Policy, VERSION_1};
use crate::Invalid;
use crate::algorithm::Imprint;
use crate::tlv::{self, Reader};

/// Largest request that is looked at, in bytes.
pub const MAX_REQUEST_BYTES: usize = 4096;

/// A request for a time-stamp.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// The digest of what is to be stamped.
    pub imprint: Imprint,
    /// The rules under which it is to be stamped; `None`: the authority's own.
    pub policy: Option<Policy>,
    /// Ties the answer to this request.
    pub nonce: Option<Integer>,
    /// Whether the token shall hold the authority's certificate.
    pub wants_certificate: bool,
}

impl Request {
    /// A request as we send it: with a nonce of 128 random bits and the authority's certificate asked for.
    #[must_use]
    pub fn new(imprint: Imprint, random: [u8; 16]) -> Self {
        let nonce = Some(Integer::from_unsigned(&random));
        Self { imprint, policy: None, nonce, wants_certificate: true }
    }

    /// The DER to send, as `application/timestamp-query`.
    #[must_use]
    pub fn to_der(&self) -> Vec<u8> {
        let wants_certificate: &[u8] = if self.wants_certificate { &[BOOLEAN, 1, 0xff] } else { &[] };
        tlv::write(
            tlv::SEQUENCE,
            &[
                &tlv::write(tlv::INTEGER, &[VERSION_1]),
                &encode_imprint(&self.imprint),
                &self.policy.as_ref().map_or_else(Vec::new, Policy::to_der),
                &self.nonce.as_ref().map_or_else(Vec::new, Integer::to_der),
                wants_certificate,
            ],
        )
    }

    /// Reads the request in `der`, on the authority's side.
    ///
    /// # Errors
    ///
    /// The [`Rejection`] to answer with.
    pub fn parse(der: &[u8]) -> Result<Self, Rejection> {
        if der.len() > MAX_REQUEST_BYTES {
            return Err(Rejection::new(Failure::BadDataFormat, "the request is too large"));
        }
        let mut fields = tlv::only(der, tlv::SEQUENCE).map_err(|e| reject(&e))?;
        if fields.expect(tlv::INTEGER).map_err(|e| reject(&e))?.body != VERSION_1 {
            return Err(Rejection::new(Failure::BadRequest, "the version of the request must be 1"));
        }
        let imprint = parse_imprint(fields.expect(tlv::SEQUENCE).map_err(|e| reject(&e))?.body)
            .map_err(|e| reject(&e))?;
        let (policy, nonce, wants_certificate) = Self::parse_options(&mut fields).map_err(|e| reject(&e))?;
        if fields.optional(tlv::context(0)).map_err(|e| reject(&e))?.is_some() {
            return Err(Rejection::new(Failure::UnacceptedExtension, "no extension is known here"));
        }
        fields.finish().map_err(|e| reject(&e))?;
        Ok(Self { imprint, policy, nonce, wants_certificate })
    }

    fn parse_options(fields: &mut Reader<'_>) -> Result<(Option<Policy>, Option<Integer>, bool), Invalid> {
        let policy = fields.optional(tlv::OID)?.map(|found| Policy::from_octets(found.body)).transpose()?;
        let nonce = fields.optional(tlv::INTEGER)?.map(|found| Integer::parse(found.body)).transpose()?;
        let wants_certificate = match fields.optional(BOOLEAN)?.map(|found| found.body) {
            // A default that is written out is not DER, but cannot be misunderstood either.
            None | Some([0]) => false,
            Some([0xff]) => true,
            Some(_) => return Err(Invalid::NotDer),
        };
        Ok((policy, nonce, wants_certificate))
    }
}

/// What the requester is told.
fn reject(invalid: &Invalid) -> Rejection {
    if let Invalid::Algorithm(_) = invalid {
        Rejection::new(Failure::BadAlg, "hash with SHA-256, SHA-384 or SHA-512")
    } else if let Invalid::Structure(what) = invalid {
        Rejection::new(Failure::BadDataFormat, what)
    } else {
        Rejection::new(Failure::BadDataFormat, "the request is not DER")
    }
}
