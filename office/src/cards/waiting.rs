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

/// Lets something wait for its signature. What waited for the same person before is given up.
pub async fn hold(app: &App, who: &SignedIn, begun: Begun) -> ToSignView {
    let (id, until) = (Uuid::new_v4(), app.now().plus_seconds(PREPARED_LIFE_S));
    let view = begun.view(id, until);
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
    view
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
    }
}
