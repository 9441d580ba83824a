//! Why there is no answer to rely on.

use cabinet::Timestamp;

use crate::Invalid;

/// The responder answered with an error instead of a status. Such a response is not signed: anyone on the way can send it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ErrorStatus {
    /// `malformedRequest`.
    #[error("the responder could not read the request: ask without a nonce or with SHA-1, then its operator")]
    MalformedRequest,
    /// `internalError`.
    #[error("the responder failed: ask again in a minute, then take the revocation list")]
    InternalError,
    /// `tryLater`.
    #[error("the responder is busy: ask again in a minute, then take the revocation list")]
    TryLater,
    /// `sigRequired`.
    #[error("the responder wants signed requests, which are not made here: take the revocation list")]
    SignatureRequired,
    /// `unauthorized`.
    #[error(
        "the responder does not speak for this issuer or certificate: check the address in the certificate, then take the revocation list"
    )]
    Unauthorized,
}

impl ErrorStatus {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::MalformedRequest => 1,
            Self::InternalError => 2,
            Self::TryLater => 3,
            Self::SignatureRequired => 5,
            Self::Unauthorized => 6,
        }
    }

    pub(crate) const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::MalformedRequest),
            2 => Some(Self::InternalError),
            3 => Some(Self::TryLater),
            5 => Some(Self::SignatureRequired),
            6 => Some(Self::Unauthorized),
            _ => None,
        }
    }
}

/// The reason a response gives no answer, each with what to do. None of them means "good".
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoAnswer {
    /// The responder sent an error status.
    #[error(transparent)]
    Error(#[from] ErrorStatus),
    /// The caller's issuer is not the certificate's.
    #[error("the issuer given did not issue the certificate: give the next certificate of the path")]
    NotTheIssuer,
    /// No status in it is about this certificate.
    #[error(
        "the response is about another certificate: ask again; if it stays so, the responder is at fault"
    )]
    OtherCertificate,
    /// Signed by nobody who may.
    #[error(
        "the response is signed neither by the issuer nor by a responder that the issuer appointed: do not rely on it, tell the operator"
    )]
    WrongResponder,
    /// The nonce was not sent back, or another one was.
    #[error("the response does not carry the nonce of the request: it may be an old one, ask again")]
    Nonce,
    /// An extension that must be understood is not.
    #[error("the response has a critical extension that is not understood ({0}): take the revocation list")]
    UnknownExtension(String),
    /// The response speaks of the future.
    #[error("the response begins only at {this_update}: check the clocks of both sides")]
    NotYet {
        /// When the status begins.
        this_update: Timestamp,
    },
    /// The response is too old.
    #[error("the response was good until {until}: ask for a new one")]
    Expired {
        /// The end of its time.
        until: Timestamp,
    },
    /// It is no OCSP response that is accepted here, or its signature is wrong.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

impl From<openssl::error::ErrorStack> for NoAnswer {
    fn from(stack: openssl::error::ErrorStack) -> Self {
        Self::Invalid(stack.into())
    }
}
