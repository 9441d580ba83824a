//! The evidence bundle of a closed vote: everything an outsider needs to count again, in one file.

use audit::bundle::{BallotPart, Blob, Bundle, Parts, ResolutionPart};
use audit::{Act, SignedCheckpoint};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use cabinet::id::{EntryId, VoteId};
use cabinet::resolution::ResolutionState;
use policies::action::ReadEvidence;

use super::store::{self, Vote};
use crate::app::{App, SignedIn};
use crate::entries::Draft;
use crate::error::Problem;
use crate::json::Path;
use crate::keys::KeysError;
use crate::log::{self, LogError};
use crate::store::SystemAct;
use crate::{dossiers, resolutions};

/// The evidence of a closed vote: papers' digests, all ballots with certificates, outcome, Resolution, log entries
/// with proofs. `ecabinet-audit verify` checks it without this server.
///
/// # Errors
///
/// 404, 403, 409 while the vote is open, 503.
#[utoipa::path(get, path = "/api/votes/{vote}/evidence", operation_id = "evidenceBundle", tag = "votes",
    params(("vote" = uuid::Uuid, Path)),
    responses((status = 200, content_type = "application/json", body = Vec<u8>), (status = "4XX", body = Problem)))]
pub async fn evidence_bundle(
    State(app): State<App>,
    who: SignedIn,
    Path(id): Path<VoteId>,
) -> Result<Response, Problem> {
    let (meeting, vote) = super::http::load(&app, id).await?;
    app.permit(&who, ReadEvidence, &vote.resource(&meeting)).await?;
    let bundle = bundle(&app, &vote).await?;
    let tx = app.db.begin_system(SystemAct("log an export")).await?;
    tx.commit(app.now(), Draft::act(Act::EvidenceExported, Some(who.id), [("vote", id.to_string())])).await?;
    let name = format!("attachment; filename=\"vote-{id}.evidence.json\"");
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_str(&name).map_err(|err| Problem::internal(&err))?),
    ];
    Ok((headers, bundle.encode()).into_response())
}

async fn bundle(app: &App, vote: &Vote) -> Result<Bundle, Problem> {
    let outcome = vote.outcome.clone().ok_or_else(Problem::not_found)?;
    let ballots = store::ballots(&app.db, &app.keys, vote.id).await?;
    let ballots = ballots
        .into_iter()
        .map(|ballot| {
            let statement =
                String::from_utf8(ballot.statement_bytes).map_err(|err| Problem::internal(&err))?;
            Ok(BallotPart { cms: Blob(ballot.signature), entry: ballot.entry, statement })
        })
        .collect::<Result<Vec<_>, Problem>>()?;
    let resolution = resolution(app, vote).await?;
    let (checkpoint, entries) = proofs(app, vote).await?;
    let certificates =
        std::iter::once(app.keys.log_certificate().clone()).chain(app.keys.chain().iter().cloned()).collect();
    let prepared = Bundle::prepare(Parts {
        ballots,
        certificates,
        checkpoint,
        entries,
        made_at: app.now(),
        outcome,
        resolution,
        vote: vote.frozen.clone(),
    });
    let raw = app.keys.sign_as_log(prepared.to_sign()).await?;
    let raw = <&[u8; 64]>::try_from(raw.as_bytes())
        .map_err(|_cause| KeysError::Invalid("an Ed25519 signature has 64 bytes".to_owned()))?;
    prepared.embed(raw).map_err(|err| Problem::internal(&err))
}

async fn resolution(app: &App, vote: &Vote) -> Result<Option<ResolutionPart>, Problem> {
    let Some(resolution) = resolutions::store::of_vote(&app.db, &app.keys, vote.id).await? else {
        return Ok(None);
    };
    let (ResolutionState::Sealed, Some(number)) = (resolution.state, resolution.number_text()) else {
        return Ok(None);
    };
    let document = dossiers::store::load(&app.db, &app.keys, resolution.document).await?;
    let pdf = app.blobs.read(&app.db, &app.keys, document.paper_blob).await?;
    Ok(Some(ResolutionPart { id: resolution.id, number, pdf: Blob(pdf.to_vec()) }))
}

async fn proofs(
    app: &App,
    vote: &Vote,
) -> Result<(SignedCheckpoint, Vec<audit::bundle::EntryPart>), Problem> {
    let id = vote.id.to_string();
    let acts = [
        Act::VoteOpened,
        Act::BallotCast,
        Act::VoteClosed,
        Act::ResolutionDrafted,
        Act::ResolutionSigned,
        Act::ResolutionSealed,
    ];
    let mut entries: Vec<EntryId> = log::entries_about(&app.db, &acts, "vote", &id).await?;
    for paper in &vote.frozen.documents {
        let document = paper.id.to_string();
        entries.extend(log::entries_about(&app.db, &[Act::DocumentUploaded], "document", &document).await?);
    }
    for entry in &entries {
        app.log.settled(*entry).await?;
    }
    Ok(app.log.prove(&entries).await?)
}

impl From<LogError> for Problem {
    fn from(err: LogError) -> Self {
        match err {
            LogError::Store(err) => err.into(),
            LogError::Keys(err) => err.into(),
            LogError::Lagging => {
                Self::unavailable("log-lagging", "the log's head is on its way; try again", 1)
            }
            LogError::Contradicted(_) | LogError::Tiles(_) => Self::internal(&err),
        }
    }
}
