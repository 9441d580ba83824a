//! One document of a batch: checked against what was authorised, signed once, handed back.

use std::sync::Arc;

use audit::Act;
use audit::acts::BatchSigned;
use cabinet::{Digest, Timestamp};
use hsm::RawSignature;
use policies::Permit;
use policies::action::SignBatch;
use policies::resource::KeyPurpose;
use signing::pades::{self, PadesError, Prepared, SignRequest};
use zeroize::Zeroizing;

use super::{Batch, BatchDocument, DocumentState, store};
use crate::app::{App, SignedIn};
use crate::dossiers::intake;
use crate::entries::Draft;
use crate::error::Problem;
use crate::intentions::{self, Intention, SignedIntention, ToDeclare};
use crate::keys::DocumentKey;
use crate::resolutions;
use crate::trust::levels;

/// Name of the field that is added to a document without an empty signature field.
const FIELD: &str = "signature";
/// The code of a document that cannot bear another signature.
const NOT_SIGNABLE: &str = "not-signable";

/// Signs `bytes`, which must be the document that was authorised.
///
/// What is refused for good is settled as refused; what failed on our side may be sent again.
pub(super) async fn sign(
    app: &App,
    who: &SignedIn,
    permit: &Permit<SignBatch>,
    batch: &Batch,
    document: &BatchDocument,
    bytes: Zeroizing<Vec<u8>>,
) -> Result<Vec<u8>, Problem> {
    let key = app.keys.document_key(&batch.key).ok_or_else(Problem::not_found)?;
    app.keys.check_clock()?;
    let now = app.now();
    if let Err(problem) = check(app, key, document, &bytes, now).await {
        return Err(refuse(app, who, permit, batch, document, problem).await?);
    }
    let what = ToDeclare {
        permit,
        key,
        act: Act::BatchSignatureIntended,
        subject: format!("{}:{}", batch.id, document.number),
        actor: who.id,
        now,
    };
    let (bytes, level) = (Arc::new(bytes), batch.level);
    let signed = intentions::sign_in_turn(app, what, |key| {
        let mut request = SignRequest::new(FIELD, key.certificate().clone(), app.keys.chain().to_vec(), now);
        (request.algorithm, request.room) = (Some(key.algorithm()), levels::room(level));
        let bytes = Arc::clone(&bytes);
        async move {
            tokio::task::spawn_blocking(move || prepare(&bytes, request))
                .await
                .map_err(|err| Problem::internal(&err))?
                .map_err(|err| unsignable(&err))
        }
    });
    let SignedIntention { prepared, raw, intention } = match signed.await {
        Ok(signed) => signed,
        Err(problem) if problem.code == NOT_SIGNABLE => {
            return Err(refuse(app, who, permit, batch, document, problem).await?);
        }
        Err(problem) => return Err(problem),
    };
    let signed = finish(app, who, permit, batch, document, prepared, &raw, &intention).await;
    if signed.is_err() {
        intention.came_to_nothing(&app.db, app.now()).await;
    }
    signed
}

/// Whether this is the document that was authorised, and one that the key may sign.
async fn check(
    app: &App,
    key: &DocumentKey,
    document: &BatchDocument,
    bytes: &[u8],
    now: Timestamp,
) -> Result<(), Problem> {
    if Digest::of(bytes) != document.digest {
        return Err(Problem::unusable(
            "not-the-authorised-document",
            "the document is not the one of the list that was authorised: review it and authorise a new list",
        ));
    }
    intake::inspect(app, bytes).await?;
    match key.purpose() {
        KeyPurpose::Batch => Ok(()),
        KeyPurpose::Organisation => resolutions::seal::check_signed_revision(app, bytes, now).await,
    }
}

/// Takes the first empty signature field; a document without one gets one that does not show.
fn prepare(pdf: &[u8], mut request: SignRequest) -> Result<Prepared, PadesError> {
    if let Some(field) = pades::empty_signature_field(pdf)? {
        request.field = field;
        return pades::prepare(pdf, &request);
    }
    let reserved = pades::add_fields(pdf, &[pades::Field::invisible(&request.field)])?;
    pades::prepare(&reserved, &request)
}

fn unsignable(err: &PadesError) -> Problem {
    Problem::unusable(NOT_SIGNABLE, err.to_string())
}

#[expect(clippy::too_many_arguments, reason = "one act's whole context, used in one place")]
async fn finish(
    app: &App,
    who: &SignedIn,
    permit: &Permit<SignBatch>,
    batch: &Batch,
    document: &BatchDocument,
    prepared: Prepared,
    raw: &RawSignature,
    intention: &Intention,
) -> Result<Vec<u8>, Problem> {
    let pdf = levels::finish(app, prepared, raw.as_bytes(), batch.level).await?;
    let (signed, now) = (Digest::of(&pdf), app.now());
    let mut tx = app.begin(permit).await?;
    store::settle(&mut tx, batch.id, document.number, DocumentState::Signed, None, Some(signed), now).await?;
    intention.end(&mut tx).await?;
    let fact = BatchSigned { batch: batch.id, document: document.digest, number: document.number, signed };
    tx.commit(now, Draft::fact(who.id, fact)).await?;
    Ok(pdf)
}

/// Settles and logs a refusal; gives it back to be answered.
async fn refuse(
    app: &App,
    who: &SignedIn,
    permit: &Permit<SignBatch>,
    batch: &Batch,
    document: &BatchDocument,
    problem: Problem,
) -> Result<Problem, Problem> {
    // Ours to mend: the person may send the same document again.
    if problem.status >= 500 {
        return Ok(problem);
    }
    let now = app.now();
    let mut tx = app.begin(permit).await?;
    let state = DocumentState::Refused;
    store::settle(&mut tx, batch.id, document.number, state, Some(&problem.code), None, now).await?;
    let body = [
        ("batch", batch.id.to_string()),
        ("document", document.digest.to_string()),
        ("number", document.number.to_string()),
        ("why", problem.code.to_string()),
    ];
    tx.commit(now, Draft::act(Act::BatchRefused, Some(who.id), body)).await?;
    Ok(problem)
}
