//! The authorised person's signature: PAdES, certifying, with his blue image; then only number, date and seal may follow.

use audit::Act;
use audit::acts::ResolutionSigned;
use cabinet::Digest;
use policies::Permit;
use policies::action::SignResolution;
use signing::pades::{self, Appearance, DocMdp, SignRequest};
use zeroize::Zeroizing;

use super::draft::SIGNATURE;
use super::store::{self, Resolution};
use crate::app::{App, SignedIn};
use crate::batches::Level;
use crate::dossiers::intake::{self, NewDocument};
use crate::dossiers::{self};
use crate::entries::Draft;
use crate::error::Problem;
use crate::idempotency::Repeatable;
use crate::intentions::Intention;
use crate::keys::ToBeSigned;
use crate::live::{Change, Live};
use crate::trust::levels;
use crate::votes::cast;

/// Signs the current revision, which must be the one with the digest that the signer was shown.
pub(super) async fn sign(
    app: &App,
    who: &SignedIn,
    permit: &Permit<SignResolution>,
    resolution: &Resolution,
    shown: Digest,
    pin: hsm::Pin,
    repeatable: &Repeatable,
) -> Result<(), Problem> {
    let state = resolution.state.sign()?;
    let document = dossiers::store::load(&app.db, &app.keys, resolution.document).await?;
    if document.digest != shown {
        return Err(cabinet::Refusal::StatementStale.into());
    }
    let signer = cast::signer(app, who)?;
    app.keys.check_clock()?;
    let now = app.now();
    let paper = app.blobs.read(&app.db, &app.keys, document.paper_blob).await?;
    let image = tokio::fs::read(
        app.body.signature_images.join(format!("{}.png", app.directory.person(who.id).username)),
    )
    .await
    .map_err(|err| {
        Problem::conflict("no-signature-image", format!("the signer's image is missing: {err}"))
    })?;
    // Evidence is added once the last signature is there: the clerk seals exactly what was signed here.
    let level = if app.trust.level() == Level::B { Level::B } else { Level::T };
    let mut request = SignRequest::new(SIGNATURE, signer.certificate.clone(), app.keys.chain().to_vec(), now);
    request.certify = Some(DocMdp::FillAndSign);
    request.room = levels::room(level);
    request.location = Some(app.body.place.clone());
    let prepared = tokio::task::spawn_blocking(move || {
        request.appearance = Some(Appearance::image_png(&image)?);
        pades::prepare(&paper, &request)
    })
    .await
    .map_err(|err| Problem::internal(&err))?
    .map_err(|err| Problem::internal(&err))?;

    let tx = app.begin(permit).await?;
    let subject = resolution.id.to_string();
    let intention =
        Intention::declare(tx, Act::ResolutionIntended, subject, who.id, prepared.digest(), now).await?;
    let recorded = async {
        let raw = app.keys.sign_as(&signer, pin, ToBeSigned::from(&prepared)).await?;
        let signed = levels::finish(app, prepared, raw.as_bytes(), level).await?;
        record(app, who, permit, resolution, state, &document, signed, &intention, repeatable).await
    };
    let recorded = recorded.await;
    if recorded.is_err() {
        intention.came_to_nothing(&app.db, app.now()).await;
    }
    recorded
}

#[expect(clippy::too_many_arguments, reason = "one act's whole context, used in one place")]
async fn record(
    app: &App,
    who: &SignedIn,
    permit: &Permit<SignResolution>,
    resolution: &Resolution,
    state: cabinet::resolution::ResolutionState,
    unsigned: &dossiers::store::Document,
    pdf: Vec<u8>,
    intention: &Intention,
    repeatable: &Repeatable,
) -> Result<(), Problem> {
    let taken = intake::take_in(app, who, revision(resolution, unsigned), Zeroizing::new(pdf)).await?;
    let document = taken.document.clone();
    let now = app.now();
    let mut tx = app.begin(permit).await?;
    let indexed = taken.record(&mut tx, app).await?;
    store::set_signed(&mut tx, resolution.id, state, document.id, now).await?;
    intention.end(&mut tx).await?;
    repeatable.keep(&mut tx, app, &document.id.to_string(), now).await?;
    let event = Live::store(&mut tx, resolution.meeting, &change(resolution, "resolution-signed")).await?;
    let fact = ResolutionSigned {
        digest: document.digest,
        resolution: resolution.id,
        signed: unsigned.digest,
        vote: resolution.vote,
    };
    tx.commit(now, Draft::fact(who.id, fact)).await?;
    app.searching.replace(unsigned.id, indexed);
    app.live.send(event);
    Ok(())
}

/// The next revision of a Resolution's document.
pub(super) fn revision(resolution: &Resolution, earlier: &dossiers::store::Document) -> NewDocument {
    NewDocument {
        meeting: resolution.meeting,
        item: earlier.item,
        resolution: Some(resolution.id),
        kind: "resolution",
        title: earlier.title.clone(),
    }
}

/// What screens hear of a Resolution.
pub(super) fn change(resolution: &Resolution, kind: &'static str) -> Change {
    Change {
        kind,
        item: Some(resolution.item.to_string()),
        vote: Some(resolution.vote.to_string()),
        resolution: Some(resolution.id.to_string()),
        ..Change::default()
    }
}
