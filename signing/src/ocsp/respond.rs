//! The responder: reads a request, prepares the response, embeds the token's signature.

use cabinet::{Digest, Timestamp};
use der::Encode as _;

use super::response::{self, ENUMERATED};
use super::{ErrorStatus, NoAnswer, id, request, verify};
use crate::certificate::fields::Fields;
use crate::register::Status;
use crate::{Certificate, Invalid, SignatureAlgorithm, tlv};

/// Who answers for which authority, and how long an answer holds.
#[derive(Clone, Copy, Debug)]
pub struct Responder<'a> {
    /// The certificate of the key that signs: the issuer's own, or one that it issued with `OCSPSigning`.
    pub certificate: &'a Certificate,
    /// The authority whose certificates are answered for.
    pub issuer: &'a Certificate,
    /// The time of the answer.
    pub now: Timestamp,
    /// How long it holds, in seconds.
    pub validity_s: i64,
}

/// What to send back.
#[derive(Debug)]
pub enum Reply {
    /// An error, ready to send: errors are not signed.
    Ready(Vec<u8>),
    /// An answer that only lacks its signature.
    ToSign(Box<Prepared>),
}

/// An answer that only lacks its signature.
#[derive(Clone, Debug)]
pub struct Prepared {
    signed: Vec<u8>,
    responder: Certificate,
    issuer: Certificate,
    algorithm: SignatureAlgorithm,
}

/// Prepares the reply to `request`; `lookup` gives the state of a serial number in lower-case hex.
///
/// # Errors
///
/// [`NoAnswer::WrongResponder`]: the responder's certificate was not issued for this; [`NoAnswer::Invalid`]:
/// its key cannot sign. Both are the operator's to repair; send [`ErrorStatus::InternalError`] meanwhile.
pub fn respond(
    request: &[u8],
    responder: &Responder<'_>,
    lookup: impl Fn(&str) -> Status,
) -> Result<Reply, NoAnswer> {
    let algorithm = SignatureAlgorithm::of(responder.certificate)?;
    let Ok(request) = request::parse(request) else {
        return Ok(Reply::Ready(error_response(ErrorStatus::MalformedRequest)));
    };
    let issuer = Fields::of(responder.issuer)?;
    let this_update = time(responder.now)?;
    let next_update =
        tlv::write(tlv::context(0), &[&time(responder.now.plus_seconds(responder.validity_s))?]);
    let mut singles = Vec::new();
    for id in &request.ids {
        if !id.is_of(&issuer)? {
            return Ok(Reply::Ready(error_response(ErrorStatus::Unauthorized)));
        }
        let status = status(lookup(&id.serial()))?;
        singles.extend(tlv::write(tlv::SEQUENCE, &[id.whole, &status, &this_update, &next_update]));
    }
    let key = tlv::write(tlv::OCTET_STRING, &[&id::key_hash(&Fields::of(responder.certificate)?)?]);
    let extensions = request.nonce.map_or_else(Vec::new, |nonce| {
        tlv::write(tlv::context(1), &[&tlv::write(tlv::SEQUENCE, &[&nonce.extension()])])
    });
    let signed = tlv::write(
        tlv::SEQUENCE,
        &[
            &tlv::write(tlv::context(2), &[&key]),
            &this_update,
            &tlv::write(tlv::SEQUENCE, &[&singles]),
            &extensions,
        ],
    );
    Ok(Reply::ToSign(Box::new(Prepared {
        signed,
        responder: responder.certificate.clone(),
        issuer: responder.issuer.clone(),
        algorithm,
    })))
}

impl Prepared {
    /// The bytes that the token must sign: `tbsResponseData`.
    #[must_use]
    pub fn to_sign(&self) -> &[u8] {
        &self.signed
    }

    /// Their SHA-256 digest.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.signed)
    }

    /// The algorithm that the token must use.
    #[must_use]
    pub const fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    /// Returns the finished `OCSPResponse`, after judging it as whoever asked will.
    ///
    /// # Errors
    ///
    /// [`NoAnswer::WrongResponder`] or [`NoAnswer::Invalid`]: the key is not the certificate's, or the issuer
    /// did not appoint it; send [`ErrorStatus::InternalError`] and tell the operator.
    pub fn embed(self, raw: &[u8]) -> Result<Vec<u8>, NoAnswer> {
        let value = self.algorithm.cms_value(raw)?;
        let certificates = if self.responder == self.issuer {
            Vec::new()
        } else {
            tlv::write(tlv::context(0), &[&tlv::write(tlv::SEQUENCE, &[self.responder.to_der()])])
        };
        let basic = tlv::write(
            tlv::SEQUENCE,
            &[
                &self.signed,
                &self.algorithm.identifier(),
                &tlv::write(tlv::BIT_STRING, &[&[0], &value]),
                &certificates,
            ],
        );
        let found = verify::responder(&response::parse(&basic)?, &self.issuer)?;
        if found == self.responder { Ok(super::response_of(&basic)) } else { Err(NoAnswer::WrongResponder) }
    }
}

/// An error response, ready to send.
#[must_use]
pub fn error_response(error: ErrorStatus) -> Vec<u8> {
    tlv::write(tlv::SEQUENCE, &[&tlv::write(ENUMERATED, &[&[error.code()]])])
}

fn status(status: Status) -> Result<Vec<u8>, Invalid> {
    Ok(match status {
        Status::Good => vec![0x80, 0],
        Status::Unknown => vec![0x82, 0],
        Status::Revoked { at, reason } => {
            let reason = reason.map_or_else(Vec::new, |reason| {
                tlv::write(tlv::context(0), &[&tlv::write(ENUMERATED, &[&[reason.code()]])])
            });
            tlv::write(tlv::context(1), &[&time(at)?, &reason])
        }
    })
}

fn time(at: Timestamp) -> Result<Vec<u8>, Invalid> {
    let bad = Invalid::Structure("a time before 1970 or after 9999");
    let seconds = u64::try_from(at.as_seconds()).ok().ok_or(bad.clone())?;
    let since = std::time::Duration::from_secs(seconds);
    let time = der::asn1::GeneralizedTime::from_unix_duration(since).ok().ok_or(bad.clone())?;
    time.to_der().ok().ok_or(bad)
}
