//! Live events of a meeting over HTTP (SSE): numbered, resumable, checked again while they run.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{self, KeepAlive, Sse};
use cabinet::id::MeetingId;
use futures_util::stream::{self, Stream, StreamExt as _};
use policies::action::ReadMeeting;
use tokio_stream::wrappers::BroadcastStream;

use super::store;
use crate::app::{App, SignedIn};
use crate::error::Problem;
use crate::json::Path;
use crate::live::{Event, Live};
use crate::people::sessions;

/// How often a silent stream says that it lives, in seconds.
const KEEP_ALIVE_S: u64 = 15;

/// Streams what changes in a meeting. Send `Last-Event-ID` to get what was missed.
///
/// # Errors
///
/// 404, 400 for an id that is no number, 503.
#[utoipa::path(get, path = "/api/meetings/{meeting}/events", operation_id = "meetingEvents", tag = "meetings",
    params(("meeting" = uuid::Uuid, Path), ("Last-Event-ID" = Option<i64>, Header)),
    responses((status = 200, content_type = "text/event-stream", body = String), (status = "4XX", body = Problem)))]
pub async fn meeting_events(
    State(app): State<App>,
    who: SignedIn,
    Path(id): Path<MeetingId>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<sse::Event, Infallible>>>, Problem> {
    let meeting = store::load(&app.db, &app.keys, id).await?;
    app.permit(&who, ReadMeeting, &meeting.resource()).await?;
    let after = match headers.get("last-event-id") {
        Some(value) => value
            .to_str()
            .ok()
            .and_then(|text| text.parse::<i64>().ok())
            .ok_or_else(|| Problem::malformed("Last-Event-ID is the number of an event"))?,
        None => Live::newest(&app.db, id).await?,
    };
    // Watch first, then read what was missed: an event in between comes twice and is dropped by its number.
    let channel = app.live.watch(id);
    let missed = Live::since(&app.db, id, after).await?;
    let newest = missed.last().map_or(after, |event| event.seq);
    let missed = stream::iter(missed.into_iter().map(Arc::new));
    let live = BroadcastStream::new(channel)
        // A screen that fell too far behind is cut off, reconnects, and reads from the table.
        .take_while(|event| std::future::ready(event.is_ok()))
        .filter_map(|event| std::future::ready(event.ok()))
        .filter(move |event| std::future::ready(event.seq > newest));
    let hears = hears(&app, &who, &meeting);
    let events = missed.chain(live).filter(move |event| std::future::ready(hears.includes(&event.kind)));
    let events = events.take_while(move |_| {
        let (app, who) = (app.clone(), who.clone());
        async move { may_still_watch(&app, &who, id).await }
    });
    let events = events.map(|event| Ok(wire(&event)));
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(KEEP_ALIVE_S))))
}

/// What a person hears of a meeting. An event carries ids and counts; who may not know of a vote hears only that the
/// meeting changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Hears {
    Everything,
    AllButTurnout,
    ThatItChanged,
}

/// Asked of the policy with a vote on the meeting's own roll.
fn hears(app: &App, who: &SignedIn, meeting: &store::Meeting) -> Hears {
    let vote = policies::resource::Vote {
        id: cabinet::Id::from_uuid(uuid::Uuid::nil()),
        version: 0,
        sitting: meeting.sitting(),
        roll: meeting.members().into_iter().collect(),
        state: policies::resource::VoteState::Open,
    };
    match (
        app.allows(who, policies::action::ReadVote, &vote),
        app.allows(who, policies::action::ReadTurnout, &vote),
    ) {
        (true, true) => Hears::Everything,
        (true, false) => Hears::AllButTurnout,
        (false, _) => Hears::ThatItChanged,
    }
}

impl Hears {
    fn includes(self, kind: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::AllButTurnout => kind != "ballot-cast",
            Self::ThatItChanged => kind == "meeting-changed",
        }
    }
}

/// Whether the session and the permission that opened the stream are still there.
async fn may_still_watch(app: &App, who: &SignedIn, id: MeetingId) -> bool {
    let is_in_force = sessions::is_in_force(&app.db, &who.session, app.now()).await.unwrap_or(false);
    let meeting = store::load(&app.db, &app.keys, id).await;
    is_in_force && meeting.is_ok_and(|meeting| app.allows(who, ReadMeeting, &meeting.resource()))
}

fn wire(event: &Event) -> sse::Event {
    sse::Event::default().id(event.seq.to_string()).event(event.kind.clone()).data(event.body.clone())
}
