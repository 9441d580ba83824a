//! The authorised person's signature: PAdES, certifying, with his blue image; then only number, date and seal may follow.

use audit::Act;
use audit::acts::ResolutionSigned;
use cabinet::resolution::ResolutionState;
use cabinet::{Digest, Timestamp};
use policies::Permit;
use policies::action::SignResolution;
use signing::pades::{self, Appearance, DocMdp, Prepared, SignRequest};
use zeroize::Zeroizing;

use super::draft::SIGNATURE;
use super::store::{self, Resolution};
use crate::app::{App, SignedIn};
use crate::batches::Level;
use crate::cards::{self, Card, KeyPlace};
use crate::dossiers::intake::{self, NewDocument};
use crate::dossiers::{self, store::Document};
use crate::entries::Draft;
use crate::error::Problem;
use crate::idempotency::Repeatable;
use crate::intentions::Intention;
use crate::keys::{ToBeSigned, standing};
use crate::live::{Change, Live};
use crate::trust::levels;
use crate::votes::cast;

/// A signature whose intention is on disk and which only lacks its value.
#[derive(Debug)]
pub struct Begun {
    /// The Resolution, before.
    pub resolution: Resolution,
    /// Its state once signed.
    state: ResolutionState,
    /// The revision that is signed.
    unsigned: Document,
    /// The revision with the signature, but for its value.
    pub prepared: Prepared,
    level: Level,
    /// The card that is to sign, if one is.
    card: Option<Card>,
    /// When it was begun: the time that the signature claims.
    pub at: Timestamp,
    /// To be ended by the act that records it.
    pub intention: Intention,
}

impl Begun {
    /// The card that is to sign, if one is.
    #[must_use]
    pub const fn card(&self) -> Option<&Card> {
        self.card.as_ref()
    }
}

/// Signs the current revision, which must be the one with the digest that the signer was shown, with his key on his
/// token here.
pub(super) async fn sign(
    app: &App,
    who: &SignedIn,
    permit: &Permit<SignResolution>,
    resolution: &Resolution,
    shown: Digest,
    pin: hsm::Pin,
    repeatable: &Repeatable,
) -> Result<(), Problem> {
    let signer = cast::signer(app, who)?;
    let begun = begin(app, who, permit, resolution, shown, KeyPlace::Token(&signer)).await?;
    match app.keys.sign_as(&signer, pin, ToBeSigned::from(&begun.prepared)).await {
        Ok(raw) => finish(app, who, permit, &begun, raw.as_bytes(), repeatable).await,
        Err(err) => {
            begun.intention.came_to_nothing(&app.db, app.now()).await;
            Err(err.into())
        }
    }
}

/// Prepares the revision with the signature of `key` and writes down that it is intended. `shown` is the digest of the
/// revision that the signer saw.
pub(super) async fn begin(
    app: &App,
    who: &SignedIn,
    permit: &Permit<SignResolution>,
    resolution: &Resolution,
    shown: Digest,
    key: KeyPlace<'_>,
) -> Result<Begun, Problem> {
    let state = resolution.state.sign()?;
    let unsigned = dossiers::store::load(&app.db, &app.keys, resolution.document).await?;
    if unsigned.digest != shown {
        return Err(cabinet::Refusal::StatementStale.into());
    }
    app.keys.check_clock()?;
    let now = app.now();
    let paper = app.blobs.read(&app.db, &app.keys, unsigned.paper_blob).await?;
    let image = tokio::fs::read(
        app.body.signature_images.join(format!("{}.png", app.directory.person(who.id).username)),
    )
    .await
    .map_err(|err| {
        Problem::conflict("no-signature-image", format!("the signer's image is missing: {err}"))
    })?;
    // Evidence is added once the last signature is there: the clerk seals exactly what was signed here.
    let level = if app.trust.level() == Level::B { Level::B } else { Level::T };
    let mut request = SignRequest::new(SIGNATURE, key.certificate().clone(), app.keys.chain().to_vec(), now);
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

    let mut tx = app.begin(permit).await?;
    if let Some(card) = key.card() {
        standing::take_use_of(&mut tx, &card.label, None, now).await?;
    }
    let subject = resolution.id.to_string();
    let intention =
        Intention::declare(tx, Act::ResolutionIntended, subject, who.id, prepared.digest(), now).await?;
    let (resolution, card) = (resolution.clone(), key.card().cloned());
    Ok(Begun { resolution, state, unsigned, prepared, level, card, at: now, intention })
}

/// Puts the raw signature into what was begun, validates it, and records the signed revision; otherwise closes the
/// intention.
pub(super) async fn finish(
    app: &App,
    who: &SignedIn,
    permit: &Permit<SignResolution>,
    begun: &Begun,
    raw: &[u8],
    repeatable: &Repeatable,
) -> Result<(), Problem> {
    let recorded = async {
        app.keys.check_clock()?;
        if begun.card.is_some() {
            // Whose fault it is, is told before anything else is done with it.
            begun.prepared.cms(raw).map_err(|err| cards::not_his_signature(&err))?;
        }
        let signed = levels::finish(app, begun.prepared.clone(), raw, begun.level).await?;
        record(app, who, permit, begun, signed, repeatable).await
    };
    let recorded = recorded.await;
    if let Err(problem) = &recorded {
        let why = begun.card.as_ref().map_or("not-signed", |_| problem.code.as_ref());
        begun.intention.clone().refused(&app.db, why, app.now()).await;
    }
    recorded
}

async fn record(
    app: &App,
    who: &SignedIn,
    permit: &Permit<SignResolution>,
    begun: &Begun,
    pdf: Vec<u8>,
    repeatable: &Repeatable,
) -> Result<(), Problem> {
    let (resolution, unsigned) = (&begun.resolution, &begun.unsigned);
    let taken = intake::take_in(app, who, revision(resolution, unsigned), Zeroizing::new(pdf)).await?;
    let document = taken.document.clone();
    let now = app.now();
    let mut tx = app.begin(permit).await?;
    if let Some(card) = &begun.card {
        // Minutes may have gone by since it was prepared.
        standing::require_active(&mut tx, &card.label).await?;
        tx.require(&resolution.id.to_string(), resolution.version).await?;
    }
    let indexed = taken.record(&mut tx, app).await?;
    store::set_signed(&mut tx, resolution.id, begun.state, document.id, now).await?;
    begun.intention.end(&mut tx).await?;
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
pub(super) fn revision(resolution: &Resolution, earlier: &Document) -> NewDocument {
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
