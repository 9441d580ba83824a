//! A meeting as a screen shows it to one person: only what he may see, and what he may do now.

use cabinet::id::{AgendaItemId, MeetingId, PersonId, ResolutionId, VoteId};
use cabinet::meeting::{MeetingState, Quorum};
use cabinet::roll::Capacity;
use serde::Serialize;
use utoipa::ToSchema;

use super::store::{self, Attendance, Item, Meeting};
use crate::app::{App, SignedIn};
use crate::dossiers::view::DocumentView;
use crate::error::Problem;
use crate::people::Person;
use crate::{dossiers, resolutions, votes};

/// A meeting in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct MeetingSummary {
    #[schema(value_type = uuid::Uuid)]
    id: MeetingId,
    title: String,
    kind: &'static str,
    state: &'static str,
    starts_at: String,
    place: String,
    n_items: usize,
    #[schema(value_type = Option<uuid::Uuid>)]
    open_vote: Option<VoteId>,
    /// Whether something waits for this person: his ballot, signature or seal.
    needs_me: bool,
}

/// A meeting.
#[derive(Debug, Serialize, ToSchema)]
pub struct MeetingView {
    #[schema(value_type = uuid::Uuid)]
    id: MeetingId,
    title: String,
    kind: &'static str,
    state: &'static str,
    starts_at: String,
    place: String,
    chair: Person,
    secretary: Person,
    roll: Vec<ParticipantView>,
    quorum: QuorumView,
    invitations: Vec<DocumentView>,
    items: Vec<ItemView>,
    /// Number of the newest live event when this was read.
    newest_event: i64,
    /// What this person may do now.
    actions: Vec<&'static str>,
}

/// Somebody who takes part.
#[derive(Debug, Serialize, ToSchema)]
pub struct ParticipantView {
    person: Person,
    /// `member`, `substitute` or `guest`.
    capacity: &'static str,
    /// For whom a substitute sits in.
    #[serde(rename = "for")]
    #[schema(value_type = Option<uuid::Uuid>)]
    of: Option<PersonId>,
    /// Items a guest is invited to.
    #[schema(value_type = Vec<uuid::Uuid>)]
    items: Vec<AgendaItemId>,
    attendance: &'static str,
}

/// Whether enough are present.
#[derive(Debug, Serialize, ToSchema)]
pub struct QuorumView {
    n_members: usize,
    n_in_room: usize,
    needed: usize,
    reached: bool,
}

/// An agenda item.
#[derive(Debug, Serialize, ToSchema)]
pub struct ItemView {
    #[schema(value_type = uuid::Uuid)]
    id: AgendaItemId,
    number: i64,
    title: String,
    presenter: String,
    documents: Vec<DocumentView>,
    votes: Vec<VoteSummary>,
    resolution: Option<ResolutionSummary>,
    actions: Vec<&'static str>,
}

/// A vote in an agenda.
#[derive(Debug, Serialize, ToSchema)]
pub struct VoteSummary {
    #[schema(value_type = uuid::Uuid)]
    id: VoteId,
    state: &'static str,
    question: String,
    adopted: Option<bool>,
}

/// A Resolution in an agenda.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResolutionSummary {
    #[schema(value_type = uuid::Uuid)]
    id: ResolutionId,
    state: &'static str,
    title: String,
    number: Option<String>,
}

/// The quorum of a meeting under the rule set in force.
#[must_use]
pub fn quorum(app: &App, meeting: &Meeting) -> Quorum {
    Quorum::count(
        &app.rules,
        meeting.members().len(),
        meeting.n_members_at(Attendance::InRoom),
        meeting.n_members_at(Attendance::Elsewhere),
    )
}

/// The meeting of that id as `who` sees it.
///
/// # Errors
///
/// 503.
pub async fn meeting(app: &App, who: &SignedIn, id: MeetingId) -> Result<MeetingView, Problem> {
    let newest_event = crate::live::Live::newest(&app.db, id).await?;
    let meeting = store::load(&app.db, &app.keys, id).await?;
    let documents = dossiers::store::of_meeting(&app.db, &app.keys, id).await?;
    let mut items = Vec::new();
    for item in store::items(&app.db, &app.keys, id).await? {
        if app.allows(who, policies::action::ReadItem, &meeting.item_resource(&item)) {
            items.push(item_view(app, who, &meeting, item, &documents).await?);
        }
    }
    let count = quorum(app, &meeting);
    let invitations = documents
        .iter()
        .filter(|document| document.item.is_none() && document.resolution.is_none())
        .filter(|document| app.allows(who, policies::action::ReadDocument, &document.resource(&meeting)))
        .map(|document| DocumentView::new(app, who, &meeting, document))
        .collect();
    Ok(MeetingView {
        id,
        actions: actions(app, who, &meeting, items.len(), &count),
        kind: meeting.kind.name(),
        state: meeting.state.name(),
        starts_at: meeting.starts_at.iso_vietnam(),
        chair: app.directory.person(meeting.chair),
        secretary: app.directory.person(meeting.secretary),
        roll: meeting.participants.iter().map(|one| participant(app, one)).collect(),
        quorum: QuorumView {
            n_members: count.n_members,
            n_in_room: count.n_present,
            needed: count.needed,
            reached: count.is_reached(),
        },
        invitations,
        items,
        newest_event,
        title: meeting.title,
        place: meeting.place,
    })
}

fn actions(
    app: &App,
    who: &SignedIn,
    meeting: &Meeting,
    n_items: usize,
    count: &Quorum,
) -> Vec<&'static str> {
    let resource = meeting.resource();
    let may_prepare = meeting.state.prepare().is_ok();
    let may_invite = meeting.state.invite(n_items).is_ok() && count.n_members > 0;
    [
        ("add-item", may_prepare && app.allows(who, policies::action::AddItem, &resource)),
        ("set-roll", may_prepare && app.allows(who, policies::action::SetRoll, &resource)),
        ("send-invitations", may_invite && app.allows(who, policies::action::SendInvitations, &resource)),
        (
            "set-attendance",
            may_prepare
                && meeting.state != MeetingState::Draft
                && app.allows(who, policies::action::SetAttendance, &resource),
        ),
        ("open-meeting", app.allows(who, policies::action::OpenMeeting, &resource)),
        ("end-meeting", app.allows(who, policies::action::EndMeeting, &resource)),
    ]
    .into_iter()
    .filter_map(|(action, may)| may.then_some(action))
    .collect()
}

fn participant(app: &App, one: &store::Participant) -> ParticipantView {
    let (capacity, of, items) = match &one.capacity {
        Capacity::Member => ("member", None, Vec::new()),
        Capacity::Substitute { of } => ("substitute", Some(*of), Vec::new()),
        Capacity::Guest { items } => ("guest", None, items.iter().copied().collect()),
    };
    ParticipantView {
        person: app.directory.person(one.person),
        capacity,
        of,
        items,
        attendance: one.attendance.name(),
    }
}

async fn item_view(
    app: &App,
    who: &SignedIn,
    meeting: &Meeting,
    item: Item,
    documents: &[dossiers::store::Document],
) -> Result<ItemView, Problem> {
    let resource = meeting.item_resource(&item);
    let vote = votes::store::of_item(&app.db, &app.keys, item.id).await?;
    let visible_vote =
        vote.as_ref().filter(|vote| app.allows(who, policies::action::ReadVote, &vote.resource(meeting)));
    let resolution = match &vote {
        Some(vote) => resolutions::store::of_vote(&app.db, &app.keys, vote.id).await?,
        None => None,
    };
    let resolution =
        resolution.filter(|one| app.allows(who, policies::action::ReadResolution, &one.resource(meeting)));
    let of_item: Vec<_> = documents.iter().filter(|document| document.item == Some(item.id)).collect();
    let may_vote =
        vote.is_none() && !of_item.is_empty() && app.allows(who, policies::action::OpenVote, &resource);
    let may_upload = vote.is_none() && app.allows(who, policies::action::UploadDocument, &resource);
    Ok(ItemView {
        id: item.id,
        number: item.number,
        title: item.title,
        presenter: item.presenter,
        documents: of_item
            .into_iter()
            .filter(|document| app.allows(who, policies::action::ReadDocument, &document.resource(meeting)))
            .map(|document| DocumentView::new(app, who, meeting, document))
            .collect(),
        votes: visible_vote
            .map(|vote| VoteSummary {
                id: vote.id,
                state: vote.state_name(),
                question: vote.frozen.question.clone(),
                adopted: vote.outcome.as_ref().map(|outcome| outcome.adopted),
            })
            .into_iter()
            .collect(),
        resolution: resolution.map(|one| ResolutionSummary {
            id: one.id,
            state: one.state.name(),
            number: one.number_text(),
            title: one.title,
        }),
        actions: [("upload-document", may_upload), ("open-vote", may_vote)]
            .into_iter()
            .filter_map(|(action, may)| may.then_some(action))
            .collect(),
    })
}

/// A meeting for the list of `who`.
///
/// # Errors
///
/// 503.
pub async fn summary(app: &App, who: &SignedIn, meeting: Meeting) -> Result<MeetingSummary, Problem> {
    let mut open_vote = None;
    let mut needs_me = false;
    let mut n_items: usize = 0;
    for item in store::items(&app.db, &app.keys, meeting.id).await? {
        if !app.allows(who, policies::action::ReadItem, &meeting.item_resource(&item)) {
            continue;
        }
        n_items = n_items.saturating_add(1);
        let Some(vote) = votes::store::of_item(&app.db, &app.keys, item.id).await? else { continue };
        let resource = vote.resource(&meeting);
        if vote.is_open() && app.allows(who, policies::action::ReadVote, &resource) {
            open_vote = Some(vote.id);
            needs_me |= app.allows(who, policies::action::CastBallot, &resource)
                && votes::store::n_ballots_of(&app.db, vote.id, who.id).await? == 0;
        }
        if let Some(resolution) = resolutions::store::of_vote(&app.db, &app.keys, vote.id).await? {
            let resource = resolution.resource(&meeting);
            needs_me |= app.allows(who, policies::action::SignResolution, &resource)
                || app.allows(who, policies::action::SealResolution, &resource);
        }
    }
    Ok(MeetingSummary {
        id: meeting.id,
        kind: meeting.kind.name(),
        state: meeting.state.name(),
        starts_at: meeting.starts_at.iso_vietnam(),
        title: meeting.title,
        place: meeting.place,
        n_items,
        open_vote,
        needs_me,
    })
}

impl MeetingView {
    /// One of its items, if this person sees it.
    #[must_use]
    pub fn into_item(self, id: AgendaItemId) -> Option<ItemView> {
        self.items.into_iter().find(|item| item.id == id)
    }
}
