//! Signing with the card in a person's own hand: prepared here, signed elsewhere, completed here.
//!
//! What is prepared has passed every check of the act, and its intention is on disk. It waits in memory, a few minutes
//! and for one use, bound to its person and sign-in session; a restart loses it, and closes the intention with an entry.

pub mod enrol;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use audit::Act;
use audit::bundle::Blob;
use axum::http::StatusCode;
use cabinet::id::PersonId;
use cabinet::{Digest, Timestamp};
use policies::Permit;
use serde::Serialize;
use signing::{Certificate, SignatureAlgorithm};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::{App, SignedIn};
use crate::batches::Level;
use crate::entries::Draft;
use crate::error::Problem;
use crate::intentions::Intention;
use crate::keys::Signer;
use crate::resolutions::sign::Begun as BegunSignature;
use crate::store::{StoreError, SystemAct};
use crate::trust::TrustError;
use crate::votes::cast::Begun as BegunBallot;

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

/// What waits for a signature.
#[derive(Clone, Debug)]
pub enum Begun {
    /// A ballot.
    Ballot(Arc<BegunBallot>),
    /// The authorised person's signature.
    Signature(Arc<BegunSignature>),
}

impl Begun {
    fn intention(&self) -> Intention {
        match self {
            Self::Ballot(begun) => begun.intention.clone(),
            Self::Signature(begun) => begun.intention.clone(),
        }
    }

    fn card(&self) -> Option<&Card> {
        match self {
            Self::Ballot(begun) => begun.card(),
            Self::Signature(begun) => begun.card(),
        }
    }

    /// What it is about: the id of a vote or of a Resolution.
    fn subject(&self) -> String {
        match self {
            Self::Ballot(begun) => begun.statement.vote.to_string(),
            Self::Signature(begun) => begun.resolution.id.to_string(),
        }
    }
}

#[derive(Clone, Debug)]
struct Held {
    id: Uuid,
    session: String,
    until: Timestamp,
    begun: Begun,
}

/// What waits for cards: at most one thing a person, so that their number bounds the memory.
#[derive(Clone, Debug, Default)]
pub struct Waiting(Arc<Mutex<HashMap<PersonId, Held>>>);

impl Waiting {
    fn put(&self, person: PersonId, held: Held) -> Option<Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(person, held)
    }

    fn find(&self, person: PersonId, is_it: impl Fn(&Held) -> bool) -> Option<Held> {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.get(&person).filter(|held| is_it(held)).cloned()
    }

    /// Takes it out, so that nobody else has it: each is used once.
    fn take(&self, person: PersonId, is_it: impl Fn(&Held) -> bool) -> Option<Held> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.get(&person).is_some_and(is_it) { waiting.remove(&person) } else { None }
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
#[derive(Debug, serde::Deserialize, ToSchema)]
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

/// Lets something wait for its signature. What waited for the same person before is given up.
///
/// # Errors
///
/// 500: the certificate's key is of a kind that nobody here signs with.
pub async fn hold(
    app: &App,
    who: &SignedIn,
    begun: Begun,
    card: &Card,
    bytes: &[u8],
    signing_time: Option<Timestamp>,
) -> Result<ToSignView, Problem> {
    let algorithm = SignatureAlgorithm::of(&card.certificate).map_err(|err| Problem::internal(&err))?;
    let (id, until) = (Uuid::new_v4(), app.now().plus_seconds(PREPARED_LIFE_S));
    let held = Held { id, session: who.session.id.clone(), until, begun };
    if let Some(earlier) = app.cards.put(who.id, held) {
        earlier.begun.intention().refused(&app.db, "replaced", app.now()).await;
    }
    let (forgetful, person) = (app.clone(), who.id);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(PREPARED_LIFE_S.unsigned_abs())).await;
        if let Some(held) = forgetful.cards.take(person, |held| held.id == id) {
            held.begun.intention().refused(&forgetful.db, "expired", forgetful.now()).await;
        }
    });
    Ok(ToSignView {
        id,
        signed_attributes: Blob(bytes.to_vec()),
        digest: Digest::of(bytes).to_string(),
        algorithm: name_of(algorithm),
        certificate: card.certificate.fingerprint().to_string(),
        signing_time: signing_time.map(Timestamp::iso_vietnam),
        expires_at: until.iso_vietnam(),
    })
}

const fn name_of(algorithm: SignatureAlgorithm) -> &'static str {
    match algorithm {
        SignatureAlgorithm::EcdsaP256Sha256 => "ecdsa-p256-sha256",
        SignatureAlgorithm::EcdsaP384Sha384 => "ecdsa-p384-sha384",
        SignatureAlgorithm::RsaPkcs1Sha256 => "rsa-pkcs1-sha256",
        SignatureAlgorithm::RsaPssSha256 => "rsa-pss-sha256",
    }
}

/// What waits under `id` for this person in this session, about `subject`; it goes on waiting.
///
/// # Errors
///
/// 409 `nothing-prepared`.
pub fn peek(app: &App, who: &SignedIn, id: Uuid, subject: &str) -> Result<Begun, Problem> {
    let held = app.cards.find(who.id, |held| is_for(held, who, id, subject) && app.now() < held.until);
    held.map(|held| held.begun).ok_or_else(nothing_prepared)
}

/// Takes what waits under `id` for this person in this session, about `subject`, if he has the permit and his card is
/// still fit. It is used up, whatever comes of it.
///
/// # Errors
///
/// What keeps `permit`; 409 `nothing-prepared`, logged as a refusal; as [`check_fit`].
pub async fn take<A>(
    app: &App,
    who: &SignedIn,
    id: Uuid,
    subject: &str,
    permit: Result<Permit<A>, Problem>,
) -> Result<(Permit<A>, Begun), Problem> {
    let held = app.cards.take(who.id, |held| is_for(held, who, id, subject));
    let (permit, held) = match (permit, held) {
        (Ok(permit), Some(held)) => (permit, held),
        (Ok(_), None) => {
            log_refusal(app, who, subject, "nothing-prepared").await?;
            return Err(nothing_prepared());
        }
        (Err(problem), Some(held)) => {
            held.begun.intention().refused(&app.db, &problem.code, app.now()).await;
            return Err(problem);
        }
        (Err(problem), None) => return Err(problem),
    };
    if held.until <= app.now() {
        held.begun.intention().refused(&app.db, "expired", app.now()).await;
        return Err(nothing_prepared());
    }
    match check_still_his(app, who, held.begun.card()).await {
        Ok(()) => Ok((permit, held.begun)),
        Err(problem) => {
            held.begun.intention().refused(&app.db, &problem.code, app.now()).await;
            Err(problem)
        }
    }
}

fn is_for(held: &Held, who: &SignedIn, id: Uuid, subject: &str) -> bool {
    held.id == id && held.session == who.session.id && held.begun.subject() == subject
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

async fn log_refusal(app: &App, who: &SignedIn, subject: &str, why: &str) -> Result<(), StoreError> {
    let tx = app.db.begin_system(SystemAct("log a refusal")).await?;
    let body = [("subject", subject.to_owned()), ("why", why.to_owned())];
    tx.commit(app.now(), Draft::act(Act::ActRefused, Some(who.id), body)).await?;
    Ok(())
}
