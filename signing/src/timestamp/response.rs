//! An authority's answer: `TimeStampResp`.
//!
//! Source: `docs/sources.md`, entry `rfc3161`, section 2.4.2.

use super::token::{Token, TokenError};
use super::{Integer, Request};
use crate::tlv::{self, Reader};
use crate::{Certificate, Invalid};

/// Largest answer that is looked at, in bytes.
pub const MAX_RESPONSE_BYTES: usize = 1 << 18;
/// Most bytes of an authority's words that are kept.
const MAX_TEXT_BYTES: usize = 1000;

const UTF8_STRING: u8 = 0x0c;
const GRANTED: u32 = 0;
const GRANTED_WITH_MODS: u32 = 1;
const REJECTION: u8 = 2;
const WAITING: u32 = 3;

/// Why an authority rejects: the bits of `PKIFailureInfo` that RFC 3161 knows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Failure {
    /// The hash is unknown or not accepted.
    BadAlg,
    /// The transaction is not permitted or supported.
    BadRequest,
    /// The data has the wrong format.
    BadDataFormat,
    /// The authority's clock is not available.
    TimeNotAvailable,
    /// The policy is not the authority's.
    UnacceptedPolicy,
    /// An extension is not known.
    UnacceptedExtension,
    /// Additional information was asked for that is not available.
    AddInfoNotAvailable,
    /// The authority failed.
    SystemFailure,
}

impl Failure {
    const ALL: [Self; 8] = [
        Self::BadAlg,
        Self::BadRequest,
        Self::BadDataFormat,
        Self::TimeNotAvailable,
        Self::UnacceptedPolicy,
        Self::UnacceptedExtension,
        Self::AddInfoNotAvailable,
        Self::SystemFailure,
    ];

    /// Its place in the bit string: byte and bit.
    const fn place(self) -> (usize, u8) {
        match self {
            Self::BadAlg => (0, 0),
            Self::BadRequest => (0, 2),
            Self::BadDataFormat => (0, 5),
            Self::TimeNotAvailable => (1, 6),
            Self::UnacceptedPolicy => (1, 7),
            Self::UnacceptedExtension => (2, 0),
            Self::AddInfoNotAvailable => (2, 1),
            Self::SystemFailure => (3, 1),
        }
    }

    /// Whether the same request may succeed with the same authority later.
    const fn passes(self) -> bool {
        matches!(self, Self::TimeNotAvailable | Self::SystemFailure)
    }

    fn to_der(self) -> Vec<u8> {
        let (byte, bit) = self.place();
        let mut bits = vec![0; byte];
        bits.push(0x80_u8.wrapping_shr(u32::from(bit)));
        tlv::write(tlv::BIT_STRING, &[&[7_u8.saturating_sub(bit)], &bits])
    }

    /// The first failure of a bit string; `None` if it is none that RFC 3161 knows.
    fn parse(bit_string: &[u8]) -> Option<Self> {
        let (_, bits) = bit_string.split_first()?;
        Self::ALL.into_iter().find(|failure| {
            let (byte, bit) = failure.place();
            bits.get(byte).is_some_and(|octet| octet & 0x80_u8.wrapping_shr(u32::from(bit)) != 0)
        })
    }
}

/// A request that was not granted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rejection {
    /// Why, if the authority says it in a way that is known.
    pub failure: Option<Failure>,
    /// The authority's words, for the operator.
    pub text: String,
    /// Whether it asks to wait.
    pub is_waiting: bool,
}

impl Rejection {
    /// A rejection of ours.
    #[must_use]
    pub fn new(failure: Failure, text: &str) -> Self {
        Self { failure: Some(failure), text: text.to_owned(), is_waiting: false }
    }

    /// The `TimeStampResp` to send, as `application/timestamp-reply`.
    #[must_use]
    pub fn to_der(&self) -> Vec<u8> {
        let text = tlv::write(UTF8_STRING, &[self.text.as_bytes()]);
        let status = tlv::write(
            tlv::SEQUENCE,
            &[
                &tlv::write(tlv::INTEGER, &[&[REJECTION]]),
                &tlv::write(tlv::SEQUENCE, &[&text]),
                &self.failure.map_or_else(Vec::new, Failure::to_der),
            ],
        );
        tlv::write(tlv::SEQUENCE, &[&status])
    }
}

impl std::fmt::Display for Rejection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.failure {
            Some(failure) => write!(f, "{failure:?}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

/// An answer taken apart; nothing in a token is believed yet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Response<'a> {
    /// The DER of a token.
    Granted(&'a [u8]),
    /// No token.
    Rejected(Rejection),
}

/// Why an answer gave no time-stamp.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ResponseError {
    /// The authority cannot serve now.
    #[error("the time-stamping authority cannot serve now ({0}): ask another one, or later")]
    Unavailable(Rejection),
    /// The authority does not take such a request, now or later.
    #[error(
        "the time-stamping authority takes no such request ({0}): ask another one and check the settings"
    )]
    Refused(Rejection),
    /// The bytes are no answer.
    #[error("this is no answer of a time-stamping authority ({0}): ask another one and check the address")]
    NoAnswer(Invalid),
    /// The token is not the answer to this request, or not valid.
    #[error("the time-stamp must not be used ({0}): reject it, ask another authority and tell the operator")]
    BadToken(TokenError),
}

impl<'a> Response<'a> {
    /// Takes an answer apart.
    ///
    /// # Errors
    ///
    /// [`Invalid`]: it is no answer.
    pub fn parse(der: &'a [u8]) -> Result<Self, Invalid> {
        if der.len() > MAX_RESPONSE_BYTES {
            return Err(Invalid::Structure("larger than any time-stamp"));
        }
        let mut fields = tlv::only(der, tlv::SEQUENCE)?;
        let mut status = Reader::new(fields.expect(tlv::SEQUENCE)?.body);
        let code = Integer::parse(status.expect(tlv::INTEGER)?.body)?.to_u32();
        let text = match status.optional(tlv::SEQUENCE)? {
            Some(lines) => parse_text(lines.body)?,
            None => String::new(),
        };
        let failure = status.optional(tlv::BIT_STRING)?.map(|bits| bits.body);
        status.finish()?;
        let token = fields.optional(tlv::SEQUENCE)?.map(|token| token.whole);
        fields.finish()?;
        match (code, token) {
            (Some(GRANTED | GRANTED_WITH_MODS), Some(token)) if failure.is_none() => Ok(Self::Granted(token)),
            (Some(GRANTED | GRANTED_WITH_MODS), _) => Err(Invalid::Structure("granted, and yet not")),
            (_, Some(_)) => Err(Invalid::Structure("rejected, and yet stamped")),
            (code, None) => Ok(Self::Rejected(Rejection {
                failure: failure.and_then(Failure::parse),
                text,
                is_waiting: code == Some(WAITING),
            })),
        }
    }
}

/// The authority's words in one line.
fn parse_text(lines: &[u8]) -> Result<String, Invalid> {
    let mut lines = Reader::new(lines);
    let mut text = String::new();
    while !lines.is_empty() {
        let line = String::from_utf8_lossy(lines.expect(UTF8_STRING)?.body);
        for character in line.chars().map(|character| if character.is_control() { ' ' } else { character }) {
            if text.len() < MAX_TEXT_BYTES {
                text.push(character);
            }
        }
    }
    Ok(text)
}

/// Reads an authority's answer to `request` and gives its token.
///
/// The token is signed, meant for time-stamps only, over the same imprint, with the same nonce and under the
/// policy asked for. Only the path of its certificate is left to the caller.
///
/// `known` are certificates of authorities, for requests that do not ask for them.
///
/// # Errors
///
/// [`ResponseError`]; each says whether to ask another authority.
pub fn verify_response(
    request: &Request,
    response: &[u8],
    known: &[Certificate],
) -> Result<Token, ResponseError> {
    let token = match Response::parse(response).map_err(ResponseError::NoAnswer)? {
        Response::Granted(token) => token,
        Response::Rejected(rejection) => {
            let passes = rejection.is_waiting || rejection.failure.is_some_and(Failure::passes);
            let error = if passes { ResponseError::Unavailable } else { ResponseError::Refused };
            return Err(error(rejection));
        }
    };
    let token = Token::verify(token, known).map_err(ResponseError::BadToken)?;
    token.answers(request).map_err(ResponseError::BadToken)?;
    Ok(token)
}
