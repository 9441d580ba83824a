//! Signing with the card in a person's own hand: prepared here, signed elsewhere, completed here.
//!
//! What is prepared has passed every check of the act, and its intention is on disk. It waits in memory, a few minutes
//! and for one use, bound to its person and sign-in session; a restart loses it, and closes the intention with an entry.

pub mod enrol;
mod waiting;

use audit::bundle::Blob;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use signing::Certificate;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::{App, SignedIn};
use crate::batches::Level;
use crate::error::Problem;
use crate::keys::Signer;
use crate::trust::TrustError;

pub use waiting::{Begun, Waiting, hold, peek, take};

/// How long something prepared waits for its signature, in seconds.
///
/// Time to read it and to type the card's PIN, and half of what a ballot's statement stays fresh
/// ([`cabinet::vote::STATEMENT_LIFETIME_S`]).
pub const PREPARED_LIFE_S: i64 = 300;
/// Digits of a certificate's fingerprint in the label of its card.
const LABEL_DIGITS: usize = 8;

/// A signing card: its key is on no token of ours.
#[derive(Clone, Debug)]
pub struct Card {
    /// Names it where keys are listed and suspended: `card:bt05:1f0c9a3b`, the account and how its certificate's
    /// fingerprint begins.
    pub label: String,
    /// The certificate of its key.
    pub certificate: Certificate,
}

impl Card {
    /// The card of an account.
    #[must_use]
    pub fn new(username: &str, certificate: Certificate) -> Self {
        let fingerprint = certificate.fingerprint().to_string();
        let digits = fingerprint.get(..LABEL_DIGITS).unwrap_or_default();
        Self { label: format!("card:{username}:{digits}"), certificate }
    }
}

/// Where the key is that signs an act.
#[derive(Clone, Copy, Debug)]
pub enum KeyPlace<'a> {
    /// On the person's token here.
    Token(&'a Signer),
    /// On the card in his hand.
    Card(&'a Card),
}

impl<'a> KeyPlace<'a> {
    /// The key's certificate.
    #[must_use]
    pub const fn certificate(self) -> &'a Certificate {
        match self {
            Self::Token(signer) => &signer.certificate,
            Self::Card(card) => &card.certificate,
        }
    }

    /// The card, if it is on one.
    #[must_use]
    pub const fn card(self) -> Option<&'a Card> {
        match self {
            Self::Token(_) => None,
            Self::Card(card) => Some(card),
        }
    }
}

/// What a card is to sign.
#[derive(Debug, Serialize, ToSchema)]
pub struct ToSignView {
    /// Names what was prepared, for completing it.
    id: Uuid,
    /// The exact bytes to be signed: the signed attributes of the CMS signature, a DER SET; base64.
    #[schema(value_type = String, format = Byte)]
    signed_attributes: Blob,
    /// Their SHA-256.
    digest: String,
    /// How they are to be signed: `ecdsa-p256-sha256`, `rsa-pkcs1-sha256` or `rsa-pss-sha256`.
    algorithm: &'static str,
    /// SHA-256 of the certificate whose key must sign.
    certificate: String,
    /// The time of signing that stands in them; none in a PDF's.
    signing_time: Option<String>,
    /// Until when it waits.
    expires_at: String,
}

/// What a card signed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CardSignature {
    /// The raw signature value in base64: r‖s for ECDSA.
    #[schema(value_type = String, format = Byte)]
    pub signature: Blob,
}

/// The signed-in person's card.
///
/// # Errors
///
/// 409 `no-signing-card`.
pub fn own(app: &App, who: &SignedIn) -> Result<Card, Problem> {
    app.directory.account(who.id).and_then(|account| account.signing_card.clone()).ok_or_else(|| {
        Problem::conflict(
            "no-signing-card",
            "no signing card of this person is enrolled: an operator enrols it",
        )
    })
}

/// Whether the signed-in person signs by his card alone: then no screen asks him for a PIN, least of all the card's.
#[must_use]
pub fn is_only_way(app: &App, who: &SignedIn) -> bool {
    let account = app.directory.account(who.id);
    account.is_some_and(|account| account.signer.is_none() && account.signing_card.is_some())
}

/// Refuses a card whose certificate is not valid now, or is known to be revoked.
///
/// Where evidence of status is part of what is signed here (`trust.level` of LT or above), its status is asked. That
/// nobody answers stops nothing: the sealing of a Resolution asks again and insists.
///
/// # Errors
///
/// 409 `card-certificate-invalid`, `certificate-revoked`.
pub async fn check_fit(app: &App, card: &Card) -> Result<(), Problem> {
    let now = app.now();
    let path = app.keys.trust().path(&card.certificate, app.keys.chain(), now).map_err(|err| {
        let says = format!("the certificate of this card is not valid here and now: {err}");
        Problem::conflict("card-certificate-invalid", says)
    })?;
    if !matches!(app.trust.level(), Level::Lt | Level::Lta) {
        return Ok(());
    }
    match app.trust.evidence(&path, now).await {
        Err(revoked @ TrustError::Revoked { .. }) => Err(revoked.into()),
        Err(err) => {
            tracing::warn!(%err, "the status of a card's certificate is not known");
            Ok(())
        }
        Ok(_) => Ok(()),
    }
}

/// Refuses a signature by a card that is no longer the person's, or no longer fit.
///
/// # Errors
///
/// As [`own`] and [`check_fit`]; 409 `nothing-prepared`: another card was enrolled.
async fn check_still_his(app: &App, who: &SignedIn, card: Option<&Card>) -> Result<(), Problem> {
    let own = own(app, who)?;
    if card.is_none_or(|card| card.certificate != own.certificate) {
        return Err(nothing_prepared());
    }
    check_fit(app, &own).await
}

/// One answer for expired, used, replaced, another's, and lost in a restart: whoever asks learns nothing, and what to
/// do is the same.
fn nothing_prepared() -> Problem {
    Problem::conflict(
        "nothing-prepared",
        "nothing is prepared under this name any more: it expired, was used or replaced; prepare it again",
    )
}

/// What a value is answered that is not the enrolled key's signature over the prepared bytes.
#[must_use]
pub fn not_his_signature(why: &dyn std::fmt::Display) -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "signature-invalid",
        format!(
            "this is not the enrolled card's signature over what was prepared ({why}); nothing was recorded"
        ),
    )
}
