//! What waits for a card's signature: in memory, bound to its person and session, used once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use audit::Act;
use audit::bundle::Blob;
use cabinet::id::PersonId;
use cabinet::{Digest, Timestamp};
use policies::Permit;
use signing::SignatureAlgorithm;
use uuid::Uuid;

use super::{Card, PREPARED_LIFE_S, ToSignView, check_still_his, nothing_prepared};
use crate::app::{App, SignedIn};
use crate::entries::Draft;
use crate::error::Problem;
use crate::intentions::Intention;
use crate::resolutions::sign::Begun as BegunSignature;
use crate::store::{StoreError, SystemAct};
use crate::votes::cast::Begun as BegunBallot;

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

    fn view(&self, id: Uuid, until: Timestamp) -> ToSignView {
        let (bytes, algorithm, at) = match self {
            Self::Ballot(begun) => {
                (begun.prepared.signed_attributes(), begun.prepared.algorithm(), Some(begun.at))
            }
            // The time of a PDF's signature stands in the document.
            Self::Signature(begun) => (begun.prepared.signed_attributes(), begun.prepared.algorithm(), None),
        };
        let certificate = self.card().map(|card| card.certificate.fingerprint().to_string());
        ToSignView {
            id,
            signed_attributes: Blob(bytes.to_vec()),
            digest: Digest::of(bytes).to_string(),
            algorithm: name_of(algorithm),
            certificate: certificate.unwrap_or_default(),
            signing_time: at.map(Timestamp::iso_vietnam),
            expires_at: until.iso_vietnam(),
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

/// The most sign-in sessions of one person in which something waits.
const MAX_SESSIONS: usize = 8;

#[derive(Clone, Debug)]
struct Held {
    id: Uuid,
    person: PersonId,
    until: Timestamp,
    begun: Begun,
}

/// What waits for cards, by sign-in session: one thing in each, and few sessions a person, so that memory is bounded.
///
/// Nobody's session touches what waits in another, not even the same person's: it may be somebody else who has it.
#[derive(Clone, Debug, Default)]
pub struct Waiting(Arc<Mutex<HashMap<String, Held>>>);

impl Waiting {
    /// Puts it there and gives what it replaces; gives it back where the person has too much waiting elsewhere.
    fn put(&self, session: &str, held: Held) -> Result<Option<Held>, Held> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let elsewhere = waiting.iter().filter(|(other, one)| *other != session && one.person == held.person);
        if elsewhere.count() >= MAX_SESSIONS {
            return Err(held);
        }
        Ok(waiting.insert(session.to_owned(), held))
    }

    fn find(&self, session: &str, is_it: impl Fn(&Held) -> bool) -> Option<Held> {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.get(session).filter(|held| is_it(held)).cloned()
    }

    /// Takes it out, so that nobody else has it: each is used once.
    fn take(&self, session: &str, is_it: impl Fn(&Held) -> bool) -> Option<Held> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.get(session).is_some_and(is_it) { waiting.remove(session) } else { None }
    }
}

/// Lets something wait for its signature. What waited in the same session before is given up.
///
/// # Errors
///
/// 503 `overloaded`: too much waits in other sessions of the same person.
pub async fn hold(app: &App, who: &SignedIn, begun: Begun) -> Result<ToSignView, Problem> {
    let (id, until) = (Uuid::new_v4(), app.now().plus_seconds(PREPARED_LIFE_S));
    let view = begun.view(id, until);
    match app.cards.put(&who.session.id, Held { id, person: who.id, until, begun }) {
        Ok(None) => {}
        Ok(Some(earlier)) => earlier.begun.intention().refused(&app.db, "replaced", app.now()).await,
        Err(refused) => {
            refused.begun.intention().refused(&app.db, "overloaded", app.now()).await;
            return Err(Problem::unavailable(
                "overloaded",
                "too much waits for signatures in other sessions of this person: complete it, or wait",
                PREPARED_LIFE_S.unsigned_abs(),
            ));
        }
    }
    let (forgetful, session) = (app.clone(), who.session.id.clone());
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(PREPARED_LIFE_S.unsigned_abs())).await;
        if let Some(held) = forgetful.cards.take(&session, |held| held.id == id) {
            held.begun.intention().refused(&forgetful.db, "expired", forgetful.now()).await;
        }
    });
    Ok(view)
}

/// What waits under `id` for this person in this session, about `subject`; it goes on waiting.
///
/// # Errors
///
/// 409 `nothing-prepared`.
pub fn peek(app: &App, who: &SignedIn, id: Uuid, subject: &str) -> Result<Begun, Problem> {
    let held =
        app.cards.find(&who.session.id, |held| is_for(held, who, id, subject) && app.now() < held.until);
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
    let held = app.cards.take(&who.session.id, |held| is_for(held, who, id, subject));
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
    held.id == id && held.person == who.id && held.begun.subject() == subject
}

async fn log_refusal(app: &App, who: &SignedIn, subject: &str, why: &str) -> Result<(), StoreError> {
    let tx = app.db.begin_system(SystemAct("log a refusal")).await?;
    let body = [("subject", subject.to_owned()), ("why", why.to_owned())];
    tx.commit(app.now(), Draft::act(Act::ActRefused, Some(who.id), body)).await?;
    Ok(())
}

const fn name_of(algorithm: SignatureAlgorithm) -> &'static str {
    match algorithm {
        SignatureAlgorithm::EcdsaP256Sha256 => "ecdsa-p256-sha256",
        SignatureAlgorithm::EcdsaP384Sha384 => "ecdsa-p384-sha384",
        SignatureAlgorithm::RsaPkcs1Sha256 => "rsa-pkcs1-sha256",
        SignatureAlgorithm::RsaPssSha256 => "rsa-pss-sha256",
        SignatureAlgorithm::Ed25519 => "ed25519",
    }
}
