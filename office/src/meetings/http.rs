//! Meetings over HTTP.

use std::collections::BTreeMap;

use audit::Act;
use axum::extract::State;
use axum::http::StatusCode;
use cabinet::id::{AgendaItemId, MeetingId, PersonId};
use cabinet::meeting::{MeetingKind, MeetingState};
use cabinet::roll::{self, Capacity};
use cabinet::{Id, Role};
use policies::action::{
    AddItem, CreateMeeting, EndMeeting, ListMeetings, OpenMeeting, ReadMeeting, SendInvitations,
    SetAttendance, SetRoll,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::store::{self, Attendance, Item, Meeting, Participant};
use super::view::{self, ItemView, MeetingSummary, MeetingView};
use super::{events, invitations};
use crate::app::{App, SignedIn};
use crate::entries::Draft;
use crate::error::Problem;
use crate::json::{Json, Path};
use crate::live::{Change, Live};
use crate::text::{self, Line};
use crate::votes;

/// The most items on one agenda.
const MAX_ITEMS: i64 = 200;

/// The routes of this room.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_meetings, create_meeting))
        .routes(routes!(get_meeting))
        .routes(routes!(add_item))
        .routes(routes!(set_roll))
        .routes(routes!(send_invitations))
        .routes(routes!(set_attendance))
        .routes(routes!(open_meeting))
        .routes(routes!(end_meeting))
        .routes(routes!(events::meeting_events))
}

/// Meetings that this person may see.
#[derive(Debug, Serialize, ToSchema)]
pub struct Meetings {
    meetings: Vec<MeetingSummary>,
    actions: Vec<&'static str>,
}

/// A meeting to be created.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMeeting {
    #[schema(value_type = String)]
    title: Line,
    #[schema(value_type = String, pattern = "^(regular|thematic|extraordinary)$")]
    kind: MeetingKind,
    /// ISO 8601 with an offset.
    starts_at: String,
    #[schema(value_type = String)]
    place: Line,
    #[schema(value_type = Uuid)]
    chair: PersonId,
    /// The secretary of the session; whoever creates the meeting, unless somebody else is named.
    #[schema(value_type = Option<Uuid>)]
    secretary: Option<PersonId>,
}

/// An item to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewItem {
    #[schema(value_type = String)]
    title: Line,
    #[schema(value_type = Option<String>)]
    presenter: Option<Line>,
}

/// Who takes part.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRoll {
    /// Members, in order of precedence.
    #[schema(value_type = Vec<Uuid>)]
    members: Vec<PersonId>,
    #[serde(default)]
    substitutes: Vec<NewSubstitute>,
    #[serde(default)]
    guests: Vec<NewGuest>,
}

/// Somebody who sits in for a member.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSubstitute {
    #[schema(value_type = Uuid)]
    person: PersonId,
    #[serde(rename = "for")]
    #[schema(value_type = Uuid)]
    of: PersonId,
}

/// Somebody who is invited to some items.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGuest {
    #[schema(value_type = Uuid)]
    person: PersonId,
    #[schema(value_type = Vec<Uuid>)]
    items: Vec<AgendaItemId>,
}

/// Who is where; everybody else is not recorded.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAttendance {
    #[schema(value_type = Vec<Uuid>)]
    in_room: Vec<PersonId>,
    #[serde(default)]
    #[schema(value_type = Vec<Uuid>)]
    elsewhere: Vec<PersonId>,
}

/// Lists the meetings that this person may see, latest first.
#[utoipa::path(get, path = "/api/meetings", operation_id = "listMeetings", tag = "meetings",
    responses((status = 200, body = Meetings), (status = "4XX", body = Problem)))]
async fn list_meetings(State(app): State<App>, who: SignedIn) -> Result<Json<Meetings>, Problem> {
    app.permit(&who, ListMeetings, &app.office()).await?;
    let mut meetings = Vec::new();
    for meeting in store::all(&app.db, &app.keys).await? {
        if app.allows(&who, ReadMeeting, &meeting.resource()) {
            meetings.push(view::summary(&app, &who, meeting).await?);
        }
    }
    let may_create = app.allows(&who, CreateMeeting, &app.office());
    Ok(Json(Meetings { meetings, actions: may_create.then_some("create-meeting").into_iter().collect() }))
}

/// Creates a meeting in draft; only its secretary and its chair see it.
#[utoipa::path(post, path = "/api/meetings", operation_id = "createMeeting", tag = "meetings",
    request_body = NewMeeting,
    responses((status = 201, body = MeetingView), (status = "4XX", body = Problem)))]
async fn create_meeting(
    State(app): State<App>,
    who: SignedIn,
    Json(new): Json<NewMeeting>,
) -> Result<(StatusCode, Json<MeetingView>), Problem> {
    let permit = app.permit(&who, CreateMeeting, &app.office()).await?;
    let meeting = Meeting {
        id: Id::from_uuid(Uuid::now_v7()),
        version: 1,
        kind: new.kind,
        state: MeetingState::Draft,
        starts_at: text::instant(&new.starts_at)?,
        title: new.title.into_string(),
        place: new.place.into_string(),
        chair: new.chair,
        secretary: new.secretary.unwrap_or(who.id),
        participants: Vec::new(),
    };
    check_role(&app, meeting.chair, |role| role.is_member())?;
    check_role(&app, meeting.secretary, |role| role == Role::Secretary)?;
    let now = app.now();
    let mut tx = app.begin(&permit).await?;
    store::insert(&mut tx, &app.keys, &meeting, now).await?;
    let id = meeting.id.to_string();
    tx.commit(now, Draft::act(Act::MeetingCreated, Some(who.id), [("meeting", id)])).await?;
    Ok((StatusCode::CREATED, Json(view::meeting(&app, &who, meeting.id).await?)))
}

/// A meeting, as this person sees it.
#[utoipa::path(get, path = "/api/meetings/{meeting}", operation_id = "getMeeting", tag = "meetings",
    params(("meeting" = Uuid, Path)),
    responses((status = 200, body = MeetingView), (status = "4XX", body = Problem)))]
async fn get_meeting(
    State(app): State<App>,
    who: SignedIn,
    Path(id): Path<MeetingId>,
) -> Result<Json<MeetingView>, Problem> {
    let meeting = store::load(&app.db, &app.keys, id).await?;
    app.permit(&who, ReadMeeting, &meeting.resource()).await?;
    Ok(Json(view::meeting(&app, &who, id).await?))
}

/// Adds an item at the end of the agenda.
#[utoipa::path(post, path = "/api/meetings/{meeting}/items", operation_id = "addItem", tag = "meetings",
    params(("meeting" = Uuid, Path)), request_body = NewItem,
    responses((status = 201, body = ItemView), (status = "4XX", body = Problem)))]
async fn add_item(
    State(app): State<App>,
    who: SignedIn,
    Path(id): Path<MeetingId>,
    Json(new): Json<NewItem>,
) -> Result<(StatusCode, Json<ItemView>), Problem> {
    let meeting = store::load(&app.db, &app.keys, id).await?;
    let permit = app.permit(&who, AddItem, &meeting.resource()).await?;
    meeting.state.prepare()?;
    let items = store::items(&app.db, &app.keys, id).await?;
    let number = items.last().map_or(0, |item| item.number).saturating_add(1);
    if number > MAX_ITEMS {
        return Err(Problem::unusable("too-many-items", "an agenda has at most 200 items"));
    }
    let item = Item {
        id: Id::from_uuid(Uuid::now_v7()),
        version: 1,
        meeting: id,
        number,
        title: new.title.into_string(),
        presenter: new.presenter.map(Line::into_string).unwrap_or_default(),
    };
    let now = app.now();
    let mut tx = app.begin(&permit).await?;
    store::insert_item(&mut tx, &app.keys, &item, now).await?;
    let change = Change { kind: "agenda-changed", item: Some(item.id.to_string()), ..Change::default() };
    let event = Live::store(&mut tx, id, &change).await?;
    let body = [("meeting", id.to_string()), ("item", item.id.to_string())];
    tx.commit(now, Draft::act(Act::ItemAdded, Some(who.id), body)).await?;
    app.live.send(event);
    let view = view::meeting(&app, &who, id).await?;
    let added = view.into_item(item.id).ok_or_else(Problem::not_found)?;
    Ok((StatusCode::CREATED, Json(added)))
}

/// Sets who takes part, replacing the roll. Attendance of those who stay is kept.
#[utoipa::path(put, path = "/api/meetings/{meeting}/roll", operation_id = "setRoll", tag = "meetings",
    params(("meeting" = Uuid, Path)), request_body = NewRoll,
    responses((status = 200, body = MeetingView), (status = "4XX", body = Problem)))]
async fn set_roll(
    State(app): State<App>,
    who: SignedIn,
    Path(id): Path<MeetingId>,
    Json(new): Json<NewRoll>,
) -> Result<Json<MeetingView>, Problem> {
    let meeting = store::load(&app.db, &app.keys, id).await?;
    let permit = app.permit(&who, SetRoll, &meeting.resource()).await?;
    meeting.state.prepare()?;
    let participants = participants(&app, &meeting, &new).await?;
    let mut tx = app.begin(&permit).await?;
    store::replace_participants(&mut tx, id, &participants).await?;
    let event = Live::store(&mut tx, id, &Change { kind: "meeting-changed", ..Change::default() }).await?;
    let body = [("meeting", id.to_string()), ("n_members", new.members.len().to_string())];
    tx.commit(app.now(), Draft::act(Act::RollSet, Some(who.id), body)).await?;
    app.live.send(event);
    Ok(Json(view::meeting(&app, &who, id).await?))
}

async fn participants(app: &App, meeting: &Meeting, new: &NewRoll) -> Result<Vec<Participant>, Problem> {
    for member in &new.members {
        check_role(app, *member, |role| role.is_member())?;
    }
    let substitutes: Vec<_> = new.substitutes.iter().map(|one| (one.person, one.of)).collect();
    let guests: Vec<_> = new.guests.iter().map(|one| (one.person, one.items.clone())).collect();
    for person in substitutes.iter().map(|(person, _)| person).chain(guests.iter().map(|(person, _)| person))
    {
        check_role(app, *person, |_| true)?;
    }
    let known: Vec<_> =
        store::items(&app.db, &app.keys, meeting.id).await?.iter().map(|item| item.id).collect();
    if guests.iter().flat_map(|(_, items)| items).any(|item| !known.contains(item)) {
        return Err(Problem::unusable(
            "unknown-item",
            "a guest is invited to an item that this agenda does not have",
        ));
    }
    let prime_minister = prime_minister(app)?;
    let capacities = roll::check_participants(&new.members, &substitutes, &guests, prime_minister)?;
    let earlier: BTreeMap<_, _> =
        meeting.participants.iter().map(|one| (one.person, one.attendance)).collect();
    let order = new
        .members
        .iter()
        .copied()
        .chain(substitutes.iter().map(|one| one.0))
        .chain(guests.iter().map(|one| one.0));
    Ok(order
        .filter_map(|person| {
            let capacity: Capacity = capacities.get(&person)?.clone();
            let attendance = earlier.get(&person).copied().unwrap_or(Attendance::Unknown);
            Some(Participant { person, capacity, attendance })
        })
        .collect())
}

/// Who is the Prime Minister: his side decides at equal votes, and he signs Resolutions.
pub(crate) fn prime_minister(app: &App) -> Result<PersonId, Problem> {
    let account = app.directory.holder(Role::PrimeMinister);
    account.map(|account| account.person.id).ok_or_else(|| {
        Problem::conflict("prime-minister-missing", "no account has the role prime_minister: set it up first")
    })
}

fn check_role(app: &App, person: PersonId, wanted: impl Fn(Role) -> bool) -> Result<(), Problem> {
    let account = app.directory.account(person);
    if account.is_some_and(|account| account.roles.iter().any(|role| wanted(*role))) {
        Ok(())
    } else {
        Err(Problem::unusable(
            "unsuitable-person",
            format!("person {person} is unknown or has no suitable role"),
        ))
    }
}

/// Sends the invitations: typesets and seals them, and releases the papers to everybody on the roll.
#[utoipa::path(post, path = "/api/meetings/{meeting}/invitations", operation_id = "sendInvitations",
    tag = "meetings", params(("meeting" = Uuid, Path)),
    responses((status = 200, body = MeetingView), (status = "4XX", body = Problem)))]
async fn send_invitations(
    State(app): State<App>,
    who: SignedIn,
    Path(id): Path<MeetingId>,
) -> Result<Json<MeetingView>, Problem> {
    let meeting = store::load(&app.db, &app.keys, id).await?;
    let permit = app.permit(&who, SendInvitations, &meeting.resource()).await?;
    let items = store::items(&app.db, &app.keys, id).await?;
    let state = meeting.state.invite(items.len())?;
    if meeting.members().is_empty() {
        return Err(Problem::conflict("roll-empty", "set the roll before inviting"));
    }
    invitations::send(&app, &who, &permit, &meeting, &items, state).await?;
    Ok(Json(view::meeting(&app, &who, id).await?))
}

/// Records who is in the room and who takes part from elsewhere.
#[utoipa::path(put, path = "/api/meetings/{meeting}/attendance", operation_id = "setAttendance",
    tag = "meetings", params(("meeting" = Uuid, Path)), request_body = NewAttendance,
    responses((status = 200, body = MeetingView), (status = "4XX", body = Problem)))]
async fn set_attendance(
    State(app): State<App>,
    who: SignedIn,
    Path(id): Path<MeetingId>,
    Json(new): Json<NewAttendance>,
) -> Result<Json<MeetingView>, Problem> {
    let meeting = store::load(&app.db, &app.keys, id).await?;
    let permit = app.permit(&who, SetAttendance, &meeting.resource()).await?;
    meeting.state.prepare()?;
    let known: Vec<_> = meeting.participants.iter().map(|one| one.person).collect();
    if new.in_room.iter().chain(&new.elsewhere).any(|person| !known.contains(person)) {
        return Err(Problem::unusable("not-on-roll", "somebody named does not take part in this meeting"));
    }
    if new.in_room.iter().any(|person| new.elsewhere.contains(person)) {
        return Err(Problem::unusable("in-two-places", "somebody is named both in the room and elsewhere"));
    }
    let of = |person| {
        if new.in_room.contains(&person) {
            Attendance::InRoom
        } else if new.elsewhere.contains(&person) {
            Attendance::Elsewhere
        } else {
            Attendance::Unknown
        }
    };
    let mut tx = app.begin(&permit).await?;
    store::set_attendance(&mut tx, id, of, &meeting.participants).await?;
    let event = Live::store(&mut tx, id, &Change { kind: "meeting-changed", ..Change::default() }).await?;
    let body = [
        ("meeting", id.to_string()),
        ("n_in_room", new.in_room.len().to_string()),
        ("n_elsewhere", new.elsewhere.len().to_string()),
    ];
    tx.commit(app.now(), Draft::act(Act::AttendanceSet, Some(who.id), body)).await?;
    app.live.send(event);
    Ok(Json(view::meeting(&app, &who, id).await?))
}

/// Opens the session. Without a quorum it is open, but no vote can be.
#[utoipa::path(post, path = "/api/meetings/{meeting}/open", operation_id = "openMeeting", tag = "meetings",
    params(("meeting" = Uuid, Path)),
    responses((status = 200, body = MeetingView), (status = "4XX", body = Problem)))]
async fn open_meeting(
    State(app): State<App>,
    who: SignedIn,
    Path(id): Path<MeetingId>,
) -> Result<Json<MeetingView>, Problem> {
    let meeting = store::load(&app.db, &app.keys, id).await?;
    let permit = app.permit(&who, OpenMeeting, &meeting.resource()).await?;
    let state = meeting.state.open()?;
    move_to(&app, &who, &permit, id, state, Act::MeetingOpened).await?;
    Ok(Json(view::meeting(&app, &who, id).await?))
}

/// Ends the session; no vote may be open.
#[utoipa::path(post, path = "/api/meetings/{meeting}/end", operation_id = "endMeeting", tag = "meetings",
    params(("meeting" = Uuid, Path)),
    responses((status = 200, body = MeetingView), (status = "4XX", body = Problem)))]
async fn end_meeting(
    State(app): State<App>,
    who: SignedIn,
    Path(id): Path<MeetingId>,
) -> Result<Json<MeetingView>, Problem> {
    let meeting = store::load(&app.db, &app.keys, id).await?;
    let permit = app.permit(&who, EndMeeting, &meeting.resource()).await?;
    let n_open = votes::store::n_open(&app.db, id).await?;
    let state = meeting.state.end(n_open)?;
    move_to(&app, &who, &permit, id, state, Act::MeetingEnded).await?;
    Ok(Json(view::meeting(&app, &who, id).await?))
}

async fn move_to<A>(
    app: &App,
    who: &SignedIn,
    permit: &policies::Permit<A>,
    id: MeetingId,
    state: MeetingState,
    act: Act,
) -> Result<(), Problem> {
    let mut tx = app.begin(permit).await?;
    store::set_state(&mut tx, id, state).await?;
    let event = Live::store(&mut tx, id, &Change { kind: "meeting-changed", ..Change::default() }).await?;
    tx.commit(app.now(), Draft::act(act, Some(who.id), [("meeting", id.to_string())])).await?;
    app.live.send(event);
    Ok(())
}
