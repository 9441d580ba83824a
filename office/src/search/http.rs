//! Search over HTTP.

#![expect(unused_qualifications, reason = "the API's description macro writes whole paths")]

use axum::extract::State;
use cabinet::Role;
use cabinet::id::DocumentVersionId;
use policies::action::{ReadDocument, ReadMeeting, Search};
use search::ReaderScope;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{RESOLUTIONS, item_term, meeting_term};
use crate::app::{App, SignedIn};
use crate::dossiers;
use crate::error::Problem;
use crate::json::{Json, Query};
use crate::meetings;

/// Hits in one answer at most.
const MAX_HITS: usize = 100;
/// Characters of a snippet.
const SNIPPET_CHARS: usize = 240;

/// The routes of this room.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(search_papers))
}

/// What to look for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct What {
    /// Words, with or without diacritics.
    q: String,
    /// Hits at most, 1 to 100; 20 if left out.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
}

/// What was found among the papers that this person may read.
#[derive(Debug, Serialize, ToSchema)]
pub struct Found {
    total: usize,
    hits: Vec<HitView>,
}

/// A paper that was found.
#[derive(Debug, Serialize, ToSchema)]
pub struct HitView {
    document: String,
    #[schema(value_type = uuid::Uuid)]
    meeting: String,
    #[schema(value_type = Option<uuid::Uuid>)]
    item: Option<String>,
    #[schema(value_type = Option<uuid::Uuid>)]
    resolution: Option<String>,
    title: String,
    kind: String,
    /// Its best page, from 1.
    page: usize,
    snippet: Vec<PieceView>,
}

/// A piece of a snippet.
#[derive(Debug, Serialize, ToSchema)]
pub struct PieceView {
    text: String,
    /// Whether it is what was looked for.
    hit: bool,
}

/// Finds papers and Resolutions by the words of their text. What this person may not open is neither listed nor
/// counted.
#[utoipa::path(get, path = "/api/search", operation_id = "search", tag = "search", params(What),
    responses((status = 200, body = Found), (status = "4XX", body = Problem)))]
async fn search_papers(
    State(app): State<App>,
    who: SignedIn,
    Query(what): Query<What>,
) -> Result<Json<Found>, Problem> {
    app.permit(&who, Search, &app.office()).await?;
    let limit = what.limit.unwrap_or(20).clamp(1, MAX_HITS);
    let scope = scope(&app, &who).await?;
    let (searching, text) = (app.searching.clone(), what.q.clone());
    let results = tokio::task::spawn_blocking(move || searching.search(&text, scope, limit))
        .await
        .map_err(|err| Problem::internal(&err))?
        .map_err(|err| Problem::internal(&err))?;
    let mut hits = Vec::new();
    let mut n_hidden: usize = 0;
    for hit in results.hits {
        let page = usize::try_from(hit.page).unwrap_or(1);
        match view(&app, &who, &hit.id, page, &what.q).await? {
            Some(view) => hits.push(view),
            // The terms said yes and the policy says no: the policy decides, and the count follows it.
            None => n_hidden = n_hidden.saturating_add(1),
        }
    }
    Ok(Json(Found { total: results.total.saturating_sub(n_hidden), hits }))
}

/// Terms of what this person may read.
async fn scope(app: &App, who: &SignedIn) -> Result<ReaderScope, Problem> {
    let mut terms = Vec::new();
    for meeting in meetings::store::all(&app.db, &app.keys).await? {
        if !app.allows(who, ReadMeeting, &meeting.resource()) {
            continue;
        }
        if meeting.sitting().guests.contains(&who.id) {
            for item in meetings::store::items(&app.db, &app.keys, meeting.id).await? {
                if meeting.invited_to(item.id).contains(&who.id) {
                    terms.push(item_term(item.id));
                }
            }
        } else {
            terms.push(meeting_term(meeting.id));
        }
    }
    let is_clerk = app.directory.account(who.id).is_some_and(|account| account.roles.contains(&Role::Clerk));
    if is_clerk {
        terms.push(RESOLUTIONS.to_owned());
    }
    Ok(terms.into_iter().collect())
}

async fn view(
    app: &App,
    who: &SignedIn,
    id: &str,
    page: usize,
    query: &str,
) -> Result<Option<HitView>, Problem> {
    let id: DocumentVersionId = id.parse().map_err(|err| Problem::internal(&err))?;
    let (meeting, document) = dossiers::http::load(app, id).await?;
    if !app.allows(who, ReadDocument, &document.resource(&meeting)) {
        return Ok(None);
    }
    let words = dossiers::http::words(app, &document).await?;
    let text = words.get(page.saturating_sub(1)).map(papers::read::PageWords::text).unwrap_or_default();
    let snippet = search::snippet(&text, query, SNIPPET_CHARS)
        .into_iter()
        .map(|piece| PieceView { text: piece.text, hit: piece.hit })
        .collect();
    Ok(Some(HitView {
        document: document.id.to_string(),
        meeting: document.meeting.to_string(),
        item: document.item.map(|id| id.to_string()),
        resolution: document.resolution.map(|id| id.to_string()),
        title: document.title,
        kind: document.kind,
        page,
        snippet,
    }))
}
