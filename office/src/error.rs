//! What goes wrong, by what the receiver can do, and how it goes over HTTP (RFC 9457).

use std::borrow::Cow;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use cabinet::Refusal;
use hsm::TokenError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::keys::KeysError;
use crate::store::StoreError;

/// A problem document: what every failed request answers with.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Identifies the kind of problem: `urn:ecabinet:problem:` and the code.
    #[serde(rename = "type")]
    pub type_: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The stable code that clients translate.
    #[schema(value_type = String)]
    pub code: Cow<'static, str>,
    /// What to do, in English; clients show their own sentence for the code.
    pub detail: String,
    /// After how many seconds to try again, where that is true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
    /// How many tries are left before a PIN locks, where that is what failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tries_left: Option<u32>,
}

impl Problem {
    /// A problem with its status, code and advice.
    #[must_use]
    pub fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        let code = code.into();
        Self {
            type_: format!("urn:ecabinet:problem:{code}"),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            code,
            detail: detail.into(),
            retry_after_s: None,
            tries_left: None,
        }
    }

    /// 404: there is none, or it may not be known.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "there is no such thing, or it is not for you to know of",
        )
    }

    /// 401: nobody is signed in.
    #[must_use]
    pub fn not_signed_in() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "not-signed-in", "sign in first")
    }

    /// 403: this person's key is unlocked by his passkey alone.
    #[must_use]
    pub fn passkey_required() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "passkey-required",
            "this key is unlocked by a passkey: confirm with it what is to be signed",
        )
    }

    /// 403: a passkey's answer does not count.
    #[must_use]
    pub fn passkey_refused() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "passkey-refused",
            "the passkey's answer does not count here: begin again, or use another passkey",
        )
    }

    /// 400: the request cannot be read.
    #[must_use]
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed-request", detail)
    }

    /// 422: the request can be read, and a value in it cannot be used.
    #[must_use]
    pub fn unusable(code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    /// 409: the state does not allow it.
    #[must_use]
    pub fn conflict(code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 503 with the time after which trying again makes sense.
    #[must_use]
    pub fn unavailable(
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<String>,
        retry_after_s: u64,
    ) -> Self {
        Self {
            retry_after_s: Some(retry_after_s),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail)
        }
    }

    /// 500 for a fault of ours: logged here with its cause, shown without it.
    #[must_use]
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "request failed by a fault of ours");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the appliance made a mistake; tell the operator the request id",
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal {
            Refusal::CommentNeeded
            | Refusal::DuplicateOnRoll
            | Refusal::NotAMember
            | Refusal::PrimeMinisterMissing => StatusCode::UNPROCESSABLE_ENTITY,
            Refusal::AgendaEmpty
            | Refusal::MeetingState
            | Refusal::NotAdopted
            | Refusal::NotOnRoll
            | Refusal::QuorumNotReached
            | Refusal::ResolutionState
            | Refusal::StatementStale
            | Refusal::VoteClosed
            | Refusal::VoteExists => StatusCode::CONFLICT,
        };
        Self::new(status, refusal.code(), refusal.to_string())
    }
}

impl From<StoreError> for Problem {
    fn from(err: StoreError) -> Self {
        match err {
            StoreError::Conflict => Self::conflict(
                "changed-meanwhile",
                "the thing changed while you worked on it: load it again, then repeat",
            ),
            StoreError::NotFound => Self::not_found(),
            StoreError::Unavailable(cause) => {
                tracing::error!(%cause, "database unavailable");
                Self::unavailable("store-unavailable", "nothing was recorded; try again", 2)
            }
            StoreError::Corrupt(what) => Self::internal(&what),
        }
    }
}

impl From<KeysError> for Problem {
    fn from(err: KeysError) -> Self {
        match err {
            KeysError::PinIncorrect { tries_left } => Self {
                tries_left: Some(tries_left),
                ..Self::unusable("pin-incorrect", "the PIN is wrong; nothing was signed")
            },
            KeysError::PinLocked => Self::new(
                StatusCode::LOCKED,
                "pin-locked",
                "too many wrong PINs: signing is locked for this person; ask a security officer",
            ),
            KeysError::NoKey => {
                Self::conflict("no-signing-key", "this person has no signing key and certificate on file")
            }
            KeysError::SignsByCard => Self::conflict(
                "signs-by-card",
                "this person's key is on the card in his own hand and not here: sign with `ecabinet card`",
            ),
            KeysError::ClockWentBack => Self::unavailable(
                "clock-went-back",
                "the clock stands before the last entry of the log: nothing is signed until it is right; tell the operator",
                30,
            ),
            KeysError::Suspended => Self::conflict(
                "key-suspended",
                "this key is suspended: a security officer resumes it (`ecabinet keys resume`)",
            ),
            KeysError::Token(TokenError::PinForm { form }) => {
                Self::unusable("pin-form", format!("this token takes PINs of {form}"))
            }
            KeysError::Token(cause) => {
                tracing::error!(%cause, "token unavailable");
                Self::unavailable(
                    "token-unavailable",
                    "the signing token did not answer; nothing was recorded, try again",
                    5,
                )
            }
            KeysError::Trust(cause) => Self::internal(&cause.to_string()),
            KeysError::Invalid(cause) => Self::internal(&cause),
        }
    }
}
