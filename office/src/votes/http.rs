//! Votes over HTTP.

use audit::acts::{VoteClosed, VoteOpened};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use cabinet::id::{AgendaItemId, VoteId};
use cabinet::roll::{Roll, RollMember};
use cabinet::statement::{BallotStatement, PaperDigest, VOTE_TYPE, VoteStatement};
use cabinet::vote::Choice;
use cabinet::{Digest, Id, Refusal};
use policies::action::{CastBallot, CloseVote, OpenVote, ReadVote};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::by_card;
use super::cast::{self, Receipt};
use super::evidence;
use super::store::{self, Vote};
use super::view::{self, PreparedView, VoteView};
use crate::app::{App, SignedIn};
use crate::dossiers;
use crate::entries::Draft;
use crate::error::Problem;
use crate::idempotency::Repeatable;
use crate::json::{Json, Path};
use crate::live::{Change, Live};
use crate::meetings::{self, store::Meeting};
use crate::passkeys::unlock;
use crate::text::{Line, Paragraph, Secret, lower_first};

/// The routes of this room.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(open_vote))
        .routes(routes!(get_vote))
        .routes(routes!(prepare_ballot))
        .routes(routes!(cast_ballot))
        .routes(routes!(by_card::prepare_card_ballot))
        .routes(routes!(by_card::complete_card_ballot))
        .routes(routes!(close_vote))
        .routes(routes!(evidence::evidence_bundle))
}

/// A vote to be opened.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewVote {
    /// The question; made from the item's title if left out.
    #[schema(value_type = Option<String>)]
    question: Option<Line>,
}

/// A choice to be put into words.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewChoice {
    #[schema(value_type = String, pattern = "^(agree|disagree|other_opinion)$")]
    choice: Choice,
    /// Words; needed for another opinion.
    comment: Option<String>,
}

/// A ballot to be signed and cast.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBallot {
    #[schema(value_type = String, pattern = "^(agree|disagree|other_opinion)$")]
    choice: Choice,
    /// Words; needed for another opinion.
    comment: Option<String>,
    /// The exact statement that the member was shown; without it, one is written now.
    statement: Option<String>,
    activation: Activation,
}

/// What unlocks a person's key for one act.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Activation {
    /// The PIN of his token: the one that he knows, or the long one that his passkey unwrapped.
    #[schema(value_type = String, format = Password)]
    pin: Secret,
    /// Where his passkey unlocks his key: its answer to the digest of what is signed, without the PRF's results.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    passkey: Option<serde_json::Value>,
}

impl Activation {
    /// The PIN, once all that this person's way of unlocking asks for is there.
    ///
    /// # Errors
    ///
    /// As [`unlock::authorise`]: nothing was asked of the token.
    pub async fn unlock(self, app: &App, who: &SignedIn, shown: &Digest) -> Result<hsm::Pin, Problem> {
        unlock::authorise(app, who.id, self.pin, self.passkey, shown).await
    }
}

/// Opens the vote on an item: freezes the roll, the rule set and the digests of the item's papers.
#[utoipa::path(post, path = "/api/items/{item}/votes", operation_id = "openVote", tag = "votes",
    params(("item" = Uuid, Path)), request_body = NewVote,
    responses((status = 201, body = VoteView), (status = "4XX", body = Problem)))]
async fn open_vote(
    State(app): State<App>,
    who: SignedIn,
    Path(id): Path<AgendaItemId>,
    Json(new): Json<NewVote>,
) -> Result<(StatusCode, Json<VoteView>), Problem> {
    let item = meetings::store::item(&app.db, &app.keys, id).await?;
    let meeting = meetings::store::load(&app.db, &app.keys, item.meeting).await?;
    let permit = app.permit(&who, OpenVote, &meeting.item_resource(&item)).await?;
    if store::of_item(&app.db, &app.keys, id).await?.is_some() {
        return Err(Refusal::VoteExists.into());
    }
    if !meetings::view::quorum(&app, &meeting).is_reached() {
        return Err(Refusal::QuorumNotReached.into());
    }
    let frozen = freeze(&app, &who, &meeting, &item, new.question.map(Line::into_string)).await?;
    let mut tx = app.begin(&permit).await?;
    // The roll and the papers are the meeting's: neither may have changed since they were read.
    tx.require(&meeting.id.to_string(), meeting.version).await?;
    let now = app.now();
    store::insert(&mut tx, &app.keys, &frozen, now).await?;
    tx.touch(&id.to_string()).await?;
    let change = Change {
        kind: "vote-opened",
        item: Some(id.to_string()),
        vote: Some(frozen.vote.to_string()),
        n_members: Some(frozen.roll.members.len()),
        ..Change::default()
    };
    let event = Live::store(&mut tx, meeting.id, &change).await?;
    tx.commit(now, Draft::fact(who.id, VoteOpened::of(&frozen))).await?;
    app.live.send(event);
    let vote = store::load(&app.db, &app.keys, frozen.vote).await?;
    Ok((StatusCode::CREATED, Json(view::vote(&app, &who, &meeting, &vote).await?)))
}

async fn freeze(
    app: &App,
    who: &SignedIn,
    meeting: &Meeting,
    item: &meetings::store::Item,
    question: Option<String>,
) -> Result<VoteStatement, Problem> {
    let papers: Vec<_> = dossiers::store::of_meeting(&app.db, &app.keys, meeting.id)
        .await?
        .into_iter()
        .filter(|document| document.item == Some(item.id))
        .map(|document| PaperDigest { digest: document.digest, id: document.id, title: document.title })
        .collect();
    if papers.is_empty() {
        return Err(Refusal::AgendaEmpty.into());
    }
    let members = meeting.members().into_iter().map(|id| {
        let account = app.directory.account(id)?;
        let mut certificates = account.certificates().map(signing::Certificate::fingerprint);
        Some(RollMember {
            certificate: certificates.next()?,
            card: certificates.next(),
            id,
            name: account.person.name.clone(),
            position: account.person.position.clone(),
        })
    });
    let members = members.collect::<Option<Vec<_>>>().ok_or_else(|| {
        Problem::conflict(
            "no-signing-key",
            "a member on the roll has no signing key: enrol it, or correct the roll",
        )
    })?;
    Ok(VoteStatement {
        at: app.now().iso_vietnam(),
        chair: who.id,
        documents: papers,
        item: item.id,
        meeting: meeting.id,
        meeting_title: meeting.title.clone(),
        question: question.unwrap_or_else(|| format!("Thông qua {}?", lower_first(&item.title))),
        roll: Roll::freeze(members, meetings::http::prime_minister(app)?)?,
        rules: app.rules.clone(),
        type_: VOTE_TYPE.to_owned(),
        vote: Id::from_uuid(Uuid::now_v7()),
    })
}

/// A vote, as this person sees it.
#[utoipa::path(get, path = "/api/votes/{vote}", operation_id = "getVote", tag = "votes",
    params(("vote" = Uuid, Path)),
    responses((status = 200, body = VoteView), (status = "4XX", body = Problem)))]
async fn get_vote(
    State(app): State<App>,
    who: SignedIn,
    Path(id): Path<VoteId>,
) -> Result<Json<VoteView>, Problem> {
    let (meeting, vote) = load(&app, id).await?;
    app.permit(&who, ReadVote, &vote.resource(&meeting)).await?;
    Ok(Json(view::vote(&app, &who, &meeting, &vote).await?))
}

/// Puts a choice into the exact words that would be signed. Nothing is recorded.
#[utoipa::path(post, path = "/api/votes/{vote}/ballots/prepare", operation_id = "prepareBallot", tag = "votes",
    params(("vote" = Uuid, Path)), request_body = NewChoice,
    responses((status = 200, body = PreparedView), (status = "4XX", body = Problem)))]
async fn prepare_ballot(
    State(app): State<App>,
    who: SignedIn,
    Path(id): Path<VoteId>,
    Json(new): Json<NewChoice>,
) -> Result<Json<PreparedView>, Problem> {
    let (meeting, vote) = load(&app, id).await?;
    app.permit(&who, CastBallot, &vote.resource(&meeting)).await?;
    let comment = comment(new.comment)?;
    let statement = cast::prepare(&app, &who, &vote, new.choice, comment).await?;
    Ok(Json(PreparedView::new(&statement)))
}

/// Casts the signed-in member's ballot and returns the receipt of its log entry.
///
/// The statement that was shown is signed by the member's own key on his token. Repeating after a lost answer
/// is safe: the same `Idempotency-Key` returns the same receipt; a new key is the ballot's next version, and the
/// last before the close counts.
#[utoipa::path(post, path = "/api/votes/{vote}/ballots", operation_id = "castBallot", tag = "votes",
    params(("vote" = Uuid, Path), ("Idempotency-Key" = String, Header)), request_body = NewBallot,
    responses((status = 201, body = Receipt), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
async fn cast_ballot(
    State(app): State<App>,
    who: SignedIn,
    Path(id): Path<VoteId>,
    headers: HeaderMap,
    Json(new): Json<NewBallot>,
) -> Result<(StatusCode, Json<Receipt>), Problem> {
    let comment = comment(new.comment)?;
    let request = (id, new.choice, &comment, &new.statement);
    let repeatable = Repeatable::read(&headers, &who, "castBallot", &request)?;
    let (meeting, vote) = load(&app, id).await?;
    if let Some(entry) = repeatable.earlier::<String>(&app).await? {
        let receipt = cast::receipt_of(&app, &who, &vote, &entry).await?.ok_or_else(Problem::not_found)?;
        return Ok((StatusCode::CREATED, Json(receipt)));
    }
    let permit = app.permit(&who, CastBallot, &vote.resource(&meeting)).await?;
    let statement = statement(&app, &who, &vote, new.choice, comment, new.statement.as_deref()).await?;
    let on_roll = vote.frozen.roll.member(who.id).ok_or(Refusal::NotOnRoll)?;
    let pin = new.activation.unlock(&app, &who, &Digest::of(&statement.encode())).await?;
    match cast::cast(&app, &who, &permit, on_roll, statement, pin, &repeatable).await {
        Ok(receipt) => Ok((StatusCode::CREATED, Json(receipt))),
        Err(problem) => Err(closed_meanwhile(&app, id, problem).await?),
    }
}

/// What is to be signed: the statement that comes back, if it is still the right one, or one written now.
pub(super) async fn statement(
    app: &App,
    who: &SignedIn,
    vote: &Vote,
    choice: Choice,
    comment: Option<String>,
    shown: Option<&str>,
) -> Result<BallotStatement, Problem> {
    let Some(text) = shown else { return cast::prepare(app, who, vote, choice, comment).await };
    let n_cast = store::n_ballots_of(&app.db, vote.id, who.id).await?;
    let shown = cast::accept_shown(&vote.as_open()?, who, n_cast, text, app.now())?;
    if (shown.choice, &shown.comment) != (choice, &comment) {
        return Err(Refusal::StatementStale.into());
    }
    Ok(shown)
}

/// The chair closed it while it was being signed: say so, rather than "changed meanwhile".
pub(super) async fn closed_meanwhile(app: &App, id: VoteId, problem: Problem) -> Result<Problem, Problem> {
    if problem.code != "changed-meanwhile" || store::load(&app.db, &app.keys, id).await?.is_open() {
        return Ok(problem);
    }
    Ok(Refusal::VoteClosed.into())
}

pub(super) fn comment(comment: Option<String>) -> Result<Option<String>, Problem> {
    let comment = comment.filter(|text| !text.trim().is_empty()).map(Paragraph::try_from).transpose();
    Ok(comment.map_err(|err| Problem::unusable("comment-needed", err))?.map(Paragraph::into_string))
}

/// Closes a vote, counts it and shows the outcome to everybody who may see it.
#[utoipa::path(post, path = "/api/votes/{vote}/close", operation_id = "closeVote", tag = "votes",
    params(("vote" = Uuid, Path)),
    responses((status = 200, body = VoteView), (status = "4XX", body = Problem)))]
async fn close_vote(
    State(app): State<App>,
    who: SignedIn,
    Path(id): Path<VoteId>,
) -> Result<Json<VoteView>, Problem> {
    let (meeting, vote) = load(&app, id).await?;
    let permit = app.permit(&who, CloseVote, &vote.resource(&meeting)).await?;
    vote.as_open()?;
    let now = app.now();
    let mut tx = app.begin(&permit).await?;
    let ballots = store::ballots_for_closing(&mut tx, &app.keys, id).await?;
    let outcome = store::count(vote.frozen.clone(), &ballots);
    store::close(&mut tx, &app.keys, id, &outcome, now).await?;
    let facts: Vec<_> = ballots.iter().map(store::Ballot::fact).collect();
    let change = Change {
        kind: "vote-closed",
        item: Some(vote.frozen.item.to_string()),
        vote: Some(id.to_string()),
        ..Change::default()
    };
    let event = Live::store(&mut tx, meeting.id, &change).await?;
    tx.commit(now, Draft::fact(who.id, VoteClosed::of(id, &facts, &outcome))).await?;
    app.live.send(event);
    let vote = store::load(&app.db, &app.keys, id).await?;
    Ok(Json(view::vote(&app, &who, &meeting, &vote).await?))
}

/// A vote with its meeting.
///
/// # Errors
///
/// 404, 503.
pub async fn load(app: &App, id: VoteId) -> Result<(Meeting, Vote), Problem> {
    let vote = store::load(&app.db, &app.keys, id).await?;
    let meeting = meetings::store::load(&app.db, &app.keys, vote.frozen.meeting).await?;
    Ok((meeting, vote))
}
