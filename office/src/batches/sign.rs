//! One document of a batch: checked against what was authorised, signed once, handed back.

use std::sync::Arc;

use audit::Act;
use audit::acts::BatchSigned;
use axum::body::Body;
use cabinet::{Digest, Timestamp};
use hsm::RawSignature;
use policies::Permit;
use policies::action::SignBatch;
use policies::resource::KeyPurpose;
use signing::pades::{self, PadesError, Prepared, SignRequest};

use super::received::{self, Received};
use super::{Batch, BatchDocument, DocumentState, store};
use crate::app::{App, SignedIn};
use crate::dossiers::intake;
use crate::entries::Draft;
use crate::error::Problem;
use crate::intentions::{self, Intention, SignedIntention, ToDeclare};
use crate::keys::DocumentKey;
use crate::resolutions;
use crate::trust::levels;
use crate::trust::pdf::{Pdf, prepare_file};

/// Name of the field that is added to a document without an empty signature field.
const FIELD: &str = "signature";
/// The code of a document that cannot bear another signature.
const NOT_SIGNABLE: &str = "not-signable";

/// One document's turn: who asks for which document of his list.
pub(super) struct Asked<'a> {
    pub(super) who: &'a SignedIn,
    pub(super) permit: &'a Permit<SignBatch>,
    pub(super) batch: &'a Batch,
    pub(super) document: &'a BatchDocument,
}

/// Signs what was received, which must be the document that was authorised. Gives the answer's body and its length.
///
/// What is refused for good is settled as refused; what failed on our side may be sent again.
pub(super) async fn sign(
    app: &App,
    asked: &Asked<'_>,
    received: Received,
    digest: Digest,
) -> Result<(u64, Body), Problem> {
    let key = app.keys.document_key(&asked.batch.key).ok_or_else(Problem::not_found)?;
    app.keys.check_clock()?;
    let now = app.now();
    if let Err(problem) = check(app, key, asked.document, (&received, digest), now).await {
        return Err(asked.refuse(app, problem).await?);
    }
    match received {
        Received::Memory(bytes) => {
            let bytes = Arc::new(bytes);
            let pdf = asked.sign(app, key, now, move |request| prepare(&bytes, request)).await?;
            let len = u64::try_from(pdf.len()).map_err(|err| Problem::internal(&err))?;
            Ok((len, pdf.into()))
        }
        Received::File(file) => {
            let path = file.path().to_owned();
            let pdf = asked.sign(app, key, now, move |request| prepare_file(&path, request)).await?;
            drop(file);
            received::send(pdf).await
        }
    }
}

/// Whether this is the document that was authorised, and one that the key may sign.
async fn check(
    app: &App,
    key: &DocumentKey,
    document: &BatchDocument,
    (received, digest): (&Received, Digest),
    now: Timestamp,
) -> Result<(), Problem> {
    if digest != document.digest {
        return Err(Problem::unusable(
            "not-the-authorised-document",
            "the document is not the one of the list that was authorised: review it and authorise a new list",
        ));
    }
    match (received, key.purpose()) {
        (Received::Memory(bytes), purpose) => {
            intake::inspect(app, bytes).await?;
            match purpose {
                KeyPurpose::Batch => Ok(()),
                KeyPurpose::Organisation => resolutions::seal::check_signed_revision(app, bytes, now).await,
            }
        }
        (Received::File(file), KeyPurpose::Batch) => intake::inspect_file(app, file.path()).await.map(drop),
        // A Resolution is never that large, so this is none that the authorised person signed.
        (Received::File(_), KeyPurpose::Organisation) => Err(resolutions::seal::unsigned()),
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

impl Asked<'_> {
    /// Prepares, declares, signs and finishes the document.
    async fn sign<P: Pdf>(
        &self,
        app: &App,
        key: &DocumentKey,
        now: Timestamp,
        prepare: impl Fn(SignRequest) -> Result<Prepared<P>, PadesError> + Clone + Send + 'static,
    ) -> Result<P, Problem> {
        let what = ToDeclare {
            permit: self.permit,
            key,
            act: Act::BatchSignatureIntended,
            subject: format!("{}:{}", self.batch.id, self.document.number),
            actor: self.who.id,
            now,
        };
        let level = self.batch.level;
        let signed = intentions::sign_in_turn(app, what, |key| {
            let chain = app.keys.chain().to_vec();
            let mut request = SignRequest::new(FIELD, key.certificate().clone(), chain, now);
            (request.algorithm, request.room) = (Some(key.algorithm()), levels::room(level));
            let prepare = prepare.clone();
            async move {
                tokio::task::spawn_blocking(move || prepare(request))
                    .await
                    .map_err(|err| Problem::internal(&err))?
                    .map_err(|err| unsignable(&err))
            }
        });
        let signed = match signed.await {
            Ok(signed) => signed,
            Err(problem) if problem.code == NOT_SIGNABLE => return Err(self.refuse(app, problem).await?),
            Err(problem) => return Err(problem),
        };
        let SignedIntention { prepared, raw, intention } = signed;
        let finished = self.finish(app, prepared, &raw, &intention).await;
        if finished.is_err() {
            intention.came_to_nothing(&app.db, app.now()).await;
        }
        finished
    }

    async fn finish<P: Pdf>(
        &self,
        app: &App,
        prepared: Prepared<P>,
        raw: &RawSignature,
        intention: &Intention,
    ) -> Result<P, Problem> {
        let Self { batch, document, .. } = self;
        let pdf = levels::finish(app, prepared, raw.as_bytes(), batch.level).await?;
        let (pdf, signed) = tokio::task::spawn_blocking(move || pdf.digest().map(|digest| (pdf, digest)))
            .await
            .map_err(|err| Problem::internal(&err))?
            .map_err(|err| Problem::internal(&err))?;
        let now = app.now();
        let mut tx = app.begin(self.permit).await?;
        let state = DocumentState::Signed;
        store::settle(&mut tx, batch.id, document.number, state, None, Some(signed), now).await?;
        intention.end(&mut tx).await?;
        let fact =
            BatchSigned { batch: batch.id, document: document.digest, number: document.number, signed };
        tx.commit(now, Draft::fact(self.who.id, fact)).await?;
        Ok(pdf)
    }

    /// Settles and logs a refusal; gives it back to be answered.
    async fn refuse(&self, app: &App, problem: Problem) -> Result<Problem, Problem> {
        let Self { batch, document, .. } = self;
        // Ours to mend: the person may send the same document again.
        if problem.status >= 500 {
            return Ok(problem);
        }
        let now = app.now();
        let mut tx = app.begin(self.permit).await?;
        let state = DocumentState::Refused;
        store::settle(&mut tx, batch.id, document.number, state, Some(&problem.code), None, now).await?;
        let body = [
            ("batch", batch.id.to_string()),
            ("document", document.digest.to_string()),
            ("number", document.number.to_string()),
            ("why", problem.code.to_string()),
        ];
        tx.commit(now, Draft::act(Act::BatchRefused, Some(self.who.id), body)).await?;
        Ok(problem)
    }
}
