//! A ballot that the card in the member's own hand signs: prepared, signed elsewhere, completed.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use cabinet::Refusal;
use cabinet::id::VoteId;
use cabinet::vote::Choice;
use policies::action::CastBallot;
use serde::{Deserialize, Serialize};

use utoipa::ToSchema;
use uuid::Uuid;

use super::cast::{self, Receipt};
use super::http::{self, load};
use super::view::PreparedView;
use crate::app::{App, SignedIn};
use crate::cards::{self, Begun, CardSignature, KeyPlace, ToSignView};
use crate::error::Problem;
use crate::idempotency::Repeatable;
use crate::json::{Json, Path};

/// A ballot that a card is to sign.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCardBallot {
    #[schema(value_type = String, pattern = "^(agree|disagree|other_opinion)$")]
    choice: Choice,
    /// Words; needed for another opinion.
    comment: Option<String>,
    /// The exact statement that the member was shown; without it, one is written now.
    statement: Option<String>,
}

/// What the member is shown, and what his card is to sign.
#[derive(Debug, Serialize, ToSchema)]
pub struct PreparedCardBallot {
    shown: PreparedView,
    to_sign: ToSignView,
}

/// Prepares the signed-in member's ballot for the card in his own hand.
///
/// Every check of `castBallot` is made and the intention is on disk; the ballot counts once `completeCardBallot`
/// brings the signature. What was prepared in the same session before is given up.
#[utoipa::path(post, path = "/api/votes/{vote}/ballots/card", operation_id = "prepareCardBallot", tag = "votes",
    params(("vote" = Uuid, Path)), request_body = NewCardBallot,
    responses((status = 201, body = PreparedCardBallot), (status = "4XX", body = Problem),
        (status = "5XX", body = Problem)))]
pub(super) async fn prepare_card_ballot(
    State(app): State<App>,
    who: SignedIn,
    Path(id): Path<VoteId>,
    Json(new): Json<NewCardBallot>,
) -> Result<(StatusCode, Json<PreparedCardBallot>), Problem> {
    let comment = http::comment(new.comment)?;
    let (meeting, vote) = load(&app, id).await?;
    let permit = app.permit(&who, CastBallot, &vote.resource(&meeting)).await?;
    let card = cards::own(&app, &who)?;
    cards::check_fit(&app, &card).await?;
    let statement = http::statement(&app, &who, &vote, new.choice, comment, new.statement.as_deref()).await?;
    let on_roll = vote.frozen.roll.member(who.id).ok_or(Refusal::NotOnRoll)?;
    let begun = cast::begin(&app, &who, &permit, on_roll, statement, KeyPlace::Card(&card)).await?;
    let shown = PreparedView::new(&begun.statement);
    let to_sign = cards::hold(&app, &who, Begun::Ballot(Arc::new(begun))).await?;
    Ok((StatusCode::CREATED, Json(PreparedCardBallot { shown, to_sign })))
}

/// Casts the ballot that was prepared, with the signature that the member's card made over it.
///
/// The signature is verified over exactly the prepared bytes, against the enrolled certificate, before anything
/// counts. What was prepared is used up by the first try, whatever comes of it.
#[utoipa::path(post, path = "/api/votes/{vote}/ballots/card/{prepared}", operation_id = "completeCardBallot",
    tag = "votes",
    params(("vote" = Uuid, Path), ("prepared" = Uuid, Path), ("Idempotency-Key" = String, Header)),
    request_body = CardSignature,
    responses((status = 201, body = Receipt), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(super) async fn complete_card_ballot(
    State(app): State<App>,
    who: SignedIn,
    Path((id, prepared)): Path<(VoteId, Uuid)>,
    headers: HeaderMap,
    Json(signed): Json<CardSignature>,
) -> Result<(StatusCode, Json<Receipt>), Problem> {
    let request = (id, prepared, &signed.signature);
    let repeatable = Repeatable::read(&headers, &who, "completeCardBallot", &request)?;
    let (meeting, vote) = load(&app, id).await?;
    if let Some(entry) = repeatable.earlier::<String>(&app).await? {
        let receipt = cast::receipt_of(&app, &who, &vote, &entry).await?.ok_or_else(Problem::not_found)?;
        return Ok((StatusCode::CREATED, Json(receipt)));
    }
    let permit = app.permit(&who, CastBallot, &vote.resource(&meeting)).await;
    let (permit, begun) = cards::take(&app, &who, prepared, &id.to_string(), permit).await?;
    let Begun::Ballot(begun) = begun else { return Err(Problem::not_found()) };
    match cast::finish(&app, &who, &permit, &begun, &signed.signature.0, &repeatable).await {
        Ok(receipt) => Ok((StatusCode::CREATED, Json(receipt))),
        Err(problem) => Err(http::closed_meanwhile(&app, id, problem).await?),
    }
}
