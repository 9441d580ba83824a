//! Renewal: a sealed Resolution gets a new time-stamp before what proves its signatures ends.
//!
//! What ends may be a certificate of a time-stamping authority or an algorithm. The sealed file stays as it is: a copy
//! of it, with fresh evidence and a time-stamp over everything, is kept beside it, and the next renewal goes on from that.
//!
//! Source: `docs/sources.md`, entry `en319142`.

use std::time::Duration;

use audit::Act;
use cabinet::resolution::ResolutionState;
use cabinet::{Digest, Timestamp};
use signing::validation::{Context, validate_in};
use sqlx::Row as _;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::levels;
use crate::app::App;
use crate::batches::Level;
use crate::dossiers;
use crate::entries::Draft;
use crate::error::Problem;
use crate::people::store::parse;
use crate::resolutions::store::{self, Resolution};
use crate::store::{StoreError, SystemAct};

/// How often all Resolutions are looked at.
const STEP: Duration = Duration::from_secs(6 * 3_600);
/// How soon they are looked at again when one could not be renewed; twice as long each time.
const SOON: Duration = Duration::from_secs(15);
const DAY_S: i64 = 86_400;

/// The newest file of a Resolution.
struct Newest {
    blob: Uuid,
    digest: Digest,
}

/// Looks at every Resolution, again and again.
pub(super) async fn run(app: App) {
    let mut soon = SOON;
    loop {
        let mut is_done = true;
        if app.trust.has_authority() && app.trust.level() == Level::Lta {
            match store::all(&app.db, &app.keys).await {
                Ok(resolutions) => is_done = renew_all(&app, resolutions).await,
                Err(err) => {
                    tracing::error!(%err, "Resolutions could not be listed for renewal");
                    is_done = false;
                }
            }
        }
        let wait = if is_done { STEP } else { soon.min(STEP) };
        soon = if is_done { SOON } else { wait.saturating_mul(2) };
        tokio::time::sleep(wait).await;
    }
}

/// Whether nothing is left that should be renewed now.
async fn renew_all(app: &App, resolutions: Vec<Resolution>) -> bool {
    let mut is_done = true;
    for resolution in resolutions.iter().filter(|one| one.state == ResolutionState::Sealed) {
        if let Err(problem) = renew(app, resolution).await {
            // Asked again, sooner than otherwise; there are days left.
            is_done = false;
            tracing::error!(resolution.id = %resolution.id, code = %problem.code, "a Resolution's proofs could not be renewed");
        }
    }
    is_done
}

/// Renews the Resolution if that is due.
async fn renew(app: &App, resolution: &Resolution) -> Result<(), Problem> {
    let newest = newest(app, resolution).await?;
    let pdf = app.blobs.read(&app.db, &app.keys, newest.blob).await?;
    let now = app.now();
    let before_s = i64::from(app.trust.0.config.renew_before_days.clamp(1, 3_650)).saturating_mul(DAY_S);
    match proofs_end(app, pdf.clone(), now).await? {
        Some(end) if end > now.plus_seconds(before_s) => return Ok(()),
        Some(_) => {}
        // What is proven no more cannot be mended by a time-stamp: somebody must look.
        None => {
            return Err(Problem::internal(&"nothing proves the signatures of a sealed Resolution any more"));
        }
    }
    let renewed = levels::raise(app, pdf.to_vec(), Level::Lta).await?;
    let end = proofs_end(app, Zeroizing::new(renewed.clone()), now).await?;
    keep(app, resolution, &newest, renewed, end.unwrap_or(now)).await
}

async fn proofs_end(
    app: &App,
    pdf: Zeroizing<Vec<u8>>,
    now: Timestamp,
) -> Result<Option<Timestamp>, Problem> {
    let keys = app.keys.clone();
    let report =
        tokio::task::spawn_blocking(move || validate_in(&pdf, &Context::at(Some(keys.trust()), now)))
            .await
            .map_err(|err| Problem::internal(&err))?
            .map_err(|err| Problem::internal(&err))?;
    Ok(if report.is_passed() { report.proofs_end() } else { None })
}

async fn newest(app: &App, resolution: &Resolution) -> Result<Newest, Problem> {
    let copy = sqlx::query(
        "select paper_blob, digest from archive_copies where resolution = $1 order by at desc limit 1",
    )
    .bind(resolution.id.to_string())
    .fetch_optional(app.db.readers())
    .await
    .map_err(StoreError::from)?;
    let Some(copy) = copy else {
        let sealed = dossiers::store::load(&app.db, &app.keys, resolution.document).await?;
        return Ok(Newest { blob: sealed.paper_blob, digest: sealed.digest });
    };
    let text = |name: &str| copy.try_get::<String, _>(name).map_err(StoreError::from);
    Ok(Newest { blob: parse(&text("paper_blob")?)?, digest: parse(&text("digest")?)? })
}

async fn keep(
    app: &App,
    resolution: &Resolution,
    newest: &Newest,
    pdf: Vec<u8>,
    end: Timestamp,
) -> Result<(), Problem> {
    let (digest, now) = (Digest::of(&pdf), app.now());
    let paper = app.blobs.write(&app.db, &app.keys, "paper", Zeroizing::new(pdf), now).await?;
    let blob = paper.id();
    let mut tx = app.db.begin_system(SystemAct("renew a Resolution's proofs")).await?;
    paper.promote(&mut tx).await?;
    sqlx::query(
        "insert into archive_copies (id, resolution, paper_blob, digest, renewed, proofs_end, at) \
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(Uuid::now_v7().to_string())
    .bind(resolution.id.to_string())
    .bind(blob.to_string())
    .bind(digest.to_string())
    .bind(newest.digest.to_string())
    .bind(end.as_micros())
    .bind(now.as_micros())
    .execute(tx.connection().await?)
    .await
    .map_err(StoreError::from)?;
    let body = [
        ("digest", digest.to_string()),
        ("proofs_end", end.iso_vietnam()),
        ("renewed", newest.digest.to_string()),
        ("resolution", resolution.id.to_string()),
    ];
    tx.commit(now, Draft::act(Act::ResolutionArchived, None, body)).await?;
    tracing::info!(resolution.id = %resolution.id, %end, "a Resolution's proofs were renewed");
    Ok(())
}

/// The newest copy of a Resolution whose proofs were renewed, if there is one.
///
/// # Errors
///
/// 503.
pub(crate) async fn copy(app: &App, resolution: &Resolution) -> Result<Option<Zeroizing<Vec<u8>>>, Problem> {
    let newest = newest(app, resolution).await?;
    let sealed = dossiers::store::load(&app.db, &app.keys, resolution.document).await?;
    if newest.blob == sealed.paper_blob {
        return Ok(None);
    }
    Ok(Some(app.blobs.read(&app.db, &app.keys, newest.blob).await?))
}
