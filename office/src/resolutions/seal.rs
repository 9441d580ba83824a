//! The clerk's revision: number and date filled, the organisation's signature with its red seal; in one revision,
//! and only on what the authorised person has signed.
//!
//! Source: `docs/sources.md`, entry `two-signatures` (Decree 30/2020, Articles 32 and 33).

use audit::Act;
use audit::acts::ResolutionSealed;
use cabinet::resolution::{NumberAndSymbol, ResolutionState, register_year};
use cabinet::{Digest, Timestamp};
use papers::write::vietnamese_date;
use policies::Permit;
use policies::action::SealResolution;
use signing::pades::{self, Appearance, Fill, Lock, PadesError, Prepared, SignRequest};
use signing::validation::{Coverage, Indication, Integrity, validate_pdf};
use zeroize::Zeroizing;

use super::draft::{DATE, NUMBER, SEAL};
use super::sign::{change, revision};
use super::store::{self, Resolution};
use crate::app::{App, SignedIn};
use crate::dossiers::{self, intake};
use crate::entries::Draft;
use crate::error::Problem;
use crate::idempotency::Repeatable;
use crate::intentions::{self, Intention, SignedIntention, ToDeclare};
use crate::keys::{CertifiedKey, Signer};
use crate::live::Live;
use crate::trust::levels;

/// What the register gives this Resolution, if nobody is faster.
struct Number {
    year: i32,
    number: u32,
    text: String,
}

/// Numbers, dates and seals the signed revision.
pub(super) async fn seal(
    app: &App,
    who: &SignedIn,
    permit: &Permit<SealResolution>,
    resolution: &Resolution,
    clerk: &Signer,
    pin: hsm::Pin,
    repeatable: &Repeatable,
) -> Result<(), Problem> {
    let state = resolution.state.seal()?;
    let signed = dossiers::store::load(&app.db, &app.keys, resolution.document).await?;
    if resolution.signed_document != Some(signed.id) {
        return Err(cabinet::Refusal::ResolutionState.into());
    }
    // The clerk proves himself at his own token before the organisation's key moves.
    app.keys.check_pin(who.id, clerk.token.clone(), pin).await?;
    let now = app.now();
    let paper = app.blobs.read(&app.db, &app.keys, signed.paper_blob).await?;
    check_signed(app, resolution, &paper, signed.digest, now)?;
    let year = register_year(now);
    let number = store::next_number(&app.db, year, &resolution.symbol).await?;
    let text = NumberAndSymbol { number, symbol: resolution.symbol.clone() }.to_string();
    let number = Number { year, number, text };
    let what = ToDeclare {
        permit,
        key: app.keys.organisation(),
        act: Act::SealIntended,
        subject: resolution.id.to_string(),
        actor: who.id,
        now,
    };
    let prepare = |key| prepare(app, resolution, key, paper.clone(), &number, now);
    let SignedIntention { prepared, raw, intention } = intentions::sign_in_turn(app, what, prepare).await?;
    let recorded = async {
        let pdf = levels::finish(app, prepared, raw.as_bytes(), app.trust.level()).await?;
        record(app, who, permit, resolution, state, &signed, pdf, &number, &intention, repeatable).await
    };
    let recorded = recorded.await;
    if recorded.is_err() {
        intention.came_to_nothing(&app.db, app.now()).await;
    }
    recorded
}

/// The organisation's key never moves over a revision that does not bear, as its only and whole signature, a valid
/// one of the authorised person.
fn check_signed(
    app: &App,
    resolution: &Resolution,
    paper: &[u8],
    recorded: Digest,
    now: Timestamp,
) -> Result<(), Problem> {
    let refuse = |why: &str| not_properly_signed(resolution, why);
    let signer = app.directory.account(resolution.signer).ok_or_else(|| refuse("there is no such signer"))?;
    if Digest::of(paper) != recorded {
        return Err(refuse("the stored paper is not the recorded one"));
    }
    let report = validate_pdf(paper, Some(app.keys.trust()), now).map_err(|err| refuse(&err.to_string()))?;
    let [signature] = report.signatures.as_slice() else {
        return Err(refuse("not exactly one signature"));
    };
    let is_good = signature.integrity == Integrity::Intact
        && signature.coverage == Coverage::Whole
        && signature.indication == Indication::TotalPassed
        && signer.certificates().any(|expected| signature.certificate.as_ref() == Some(expected));
    if is_good {
        Ok(())
    } else {
        Err(refuse("the signature is not whole, valid and the authorised person's"))
    }
}

fn not_properly_signed(resolution: &Resolution, why: &str) -> Problem {
    tracing::error!(resolution.id = %resolution.id, why, "the organisation's key was asked to seal what is not properly signed");
    unsigned()
}

/// The answer for a revision that the authorised person has not signed.
pub(crate) fn unsigned() -> Problem {
    Problem::conflict(
        "not-properly-signed",
        "this revision does not bear the authorised person's valid signature",
    )
}

/// Whether `paper` is, bit for bit, a revision of a Resolution that the authorised person has signed: the only
/// thing that the organisation's key signs.
///
/// # Errors
///
/// 409 `not-properly-signed`.
pub async fn check_signed_revision(app: &App, paper: &[u8], now: Timestamp) -> Result<(), Problem> {
    let digest = Digest::of(paper);
    let found = store::of_signed_revision(&app.db, &app.keys, digest).await?;
    let resolution = found.ok_or_else(unsigned)?;
    check_signed(app, &resolution, paper, digest, now)
}

async fn prepare(
    app: &App,
    resolution: &Resolution,
    key: CertifiedKey,
    paper: Zeroizing<Vec<u8>>,
    number: &Number,
    now: Timestamp,
) -> Result<Prepared, Problem> {
    let seal_image = tokio::fs::read(&app.body.seal_image)
        .await
        .map_err(|err| Problem::conflict("no-seal-image", format!("the seal's image is missing: {err}")))?;
    let typesetter = std::sync::Arc::clone(&app.typesetter);
    let size = |name: &str| {
        let blank = resolution.anchors.get(name).copied();
        blank.map(|blank| (points(blank.w), points(blank.h))).ok_or_else(|| Problem::internal(&"no blank"))
    };
    let ((number_w, number_h), (date_w, date_h)) = (size(NUMBER)?, size(DATE)?);
    let (digits, date_words) = (format!("{:02}", number.number), vietnamese_date(now.in_vietnam().date()));
    let text = number.text.clone();
    let mut request = SignRequest::new(SEAL, key.certificate().clone(), app.keys.chain().to_vec(), now);
    request.algorithm = Some(key.algorithm());
    request.location = Some(app.body.place.clone());
    request.lock = Lock::AllFields;
    request.room = levels::room(app.trust.level());
    tokio::task::spawn_blocking(move || {
        let typeset = |result: Result<papers::write::Typeset, papers::write::WriteError>| {
            result.map(|typeset| typeset.pdf).map_err(|err| Problem::internal(&err))
        };
        let number_pdf = typeset(typesetter.resolution_number(&digits, number_w, number_h))?;
        let date_pdf = typeset(typesetter.resolution_date(now.in_vietnam().date(), date_w, date_h))?;
        let build = || -> Result<Prepared, PadesError> {
            request.appearance = Some(Appearance::image_png(&seal_image)?);
            request.fills = vec![
                Fill {
                    field: NUMBER.to_owned(),
                    value: text,
                    appearance: Some(Appearance::pdf_page(&number_pdf)?),
                },
                Fill {
                    field: DATE.to_owned(),
                    value: date_words,
                    appearance: Some(Appearance::pdf_page(&date_pdf)?),
                },
            ];
            pades::prepare(&paper, &request)
        };
        build().map_err(|err| Problem::internal(&err))
    })
    .await
    .map_err(|err| Problem::internal(&err))?
}

#[expect(clippy::cast_precision_loss, reason = "a page is far below 2^53 thousandths of a point")]
#[expect(clippy::float_arithmetic, reason = "typesetting measures in fractions of points")]
fn points(thousandths: i64) -> f64 {
    thousandths as f64 / 1_000.0
}

#[expect(clippy::too_many_arguments, reason = "one act's whole context, used in one place")]
async fn record(
    app: &App,
    who: &SignedIn,
    permit: &Permit<SealResolution>,
    resolution: &Resolution,
    state: ResolutionState,
    signed: &dossiers::store::Document,
    pdf: Vec<u8>,
    number: &Number,
    intention: &Intention,
    repeatable: &Repeatable,
) -> Result<(), Problem> {
    let taken = intake::take_in(app, who, revision(resolution, signed), Zeroizing::new(pdf)).await?;
    let document = taken.document.clone();
    let now = app.now();
    let mut tx = app.begin(permit).await?;
    // The number is taken here and nowhere else: what fails leaves no gap.
    store::take_number(&mut tx, number.year, &resolution.symbol, number.number).await?;
    let indexed = taken.record(&mut tx, app).await?;
    store::set_sealed(&mut tx, resolution.id, state, document.id, (number.year, number.number), now).await?;
    intention.end(&mut tx).await?;
    repeatable.keep(&mut tx, app, &document.id.to_string(), now).await?;
    let event = Live::store(&mut tx, resolution.meeting, &change(resolution, "resolution-sealed")).await?;
    let fact = ResolutionSealed {
        digest: document.digest,
        number: number.text.clone(),
        resolution: resolution.id,
        signed: signed.digest,
        vote: resolution.vote,
    };
    tx.commit(now, Draft::fact(who.id, fact)).await?;
    app.searching.replace(signed.id, indexed);
    app.live.send(event);
    Ok(())
}
