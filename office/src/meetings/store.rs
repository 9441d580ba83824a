//! Meetings, items and participants in SQL.

use std::collections::{BTreeMap, BTreeSet};

use cabinet::Timestamp;
use cabinet::id::{AgendaItemId, MeetingId, PersonId};
use cabinet::meeting::{MeetingKind, MeetingState};
use cabinet::roll::Capacity;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::keys::Keys;
use crate::people::store::parse;
use crate::store::{Db, StoreError, Tx};

/// Where somebody is during the meeting.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Attendance {
    /// Not recorded.
    Unknown,
    /// In the room: counts for the quorum.
    InRoom,
    /// Takes part from elsewhere.
    Elsewhere,
}

impl Attendance {
    /// The word used in SQL and over HTTP.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::InRoom => "in_room",
            Self::Elsewhere => "elsewhere",
        }
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        match text {
            "unknown" => Ok(Self::Unknown),
            "in_room" => Ok(Self::InRoom),
            "elsewhere" => Ok(Self::Elsewhere),
            other => Err(StoreError::Corrupt(format!("attendance `{other}`"))),
        }
    }
}

/// Somebody who takes part.
#[derive(Clone, Debug)]
pub struct Participant {
    /// Who.
    pub person: PersonId,
    /// As what.
    pub capacity: Capacity,
    /// Where.
    pub attendance: Attendance,
}

/// A meeting with everybody who takes part in it.
#[derive(Clone, Debug)]
pub struct Meeting {
    /// Id.
    pub id: MeetingId,
    /// Version of its row.
    pub version: i64,
    /// Kind.
    pub kind: MeetingKind,
    /// State.
    pub state: MeetingState,
    /// Planned start.
    pub starts_at: Timestamp,
    /// Title.
    pub title: String,
    /// Place.
    pub place: String,
    /// Who presides.
    pub chair: PersonId,
    /// Who prepares.
    pub secretary: PersonId,
    /// Everybody, in order of precedence.
    pub participants: Vec<Participant>,
}

/// An agenda item.
#[derive(Clone, Debug)]
pub struct Item {
    /// Id.
    pub id: AgendaItemId,
    /// Version of its row.
    pub version: i64,
    /// Its meeting.
    pub meeting: MeetingId,
    /// From 1 on.
    pub number: i64,
    /// Title.
    pub title: String,
    /// Who presents it; may be empty.
    pub presenter: String,
}

impl Meeting {
    /// Ids of the members on the roll, in order of precedence.
    #[must_use]
    pub fn members(&self) -> Vec<PersonId> {
        self.of_capacity(|capacity| matches!(capacity, Capacity::Member)).collect()
    }

    fn of_capacity<'a>(
        &'a self,
        wanted: impl Fn(&Capacity) -> bool + 'a,
    ) -> impl Iterator<Item = PersonId> + 'a {
        self.participants.iter().filter(move |one| wanted(&one.capacity)).map(|one| one.person)
    }

    /// Guests invited to `item`.
    #[must_use]
    pub fn invited_to(&self, item: AgendaItemId) -> BTreeSet<PersonId> {
        self.of_capacity(|capacity| matches!(capacity, Capacity::Guest { items } if items.contains(&item)))
            .collect()
    }

    /// How many members are where.
    #[must_use]
    pub fn n_members_at(&self, place: Attendance) -> usize {
        self.participants
            .iter()
            .filter(|one| one.capacity == Capacity::Member && one.attendance == place)
            .count()
    }

    /// Its people and state, as policies ask for them.
    #[must_use]
    pub fn sitting(&self) -> policies::resource::Sitting {
        policies::resource::Sitting {
            chair: self.chair,
            secretary: self.secretary,
            members: self.members().into_iter().collect(),
            substitutes: self.of_capacity(|c| matches!(c, Capacity::Substitute { .. })).collect(),
            guests: self.of_capacity(|c| matches!(c, Capacity::Guest { .. })).collect(),
            state: match self.state {
                MeetingState::Draft => policies::resource::MeetingState::Draft,
                MeetingState::Invited => policies::resource::MeetingState::Invited,
                MeetingState::InSession => policies::resource::MeetingState::InSession,
                MeetingState::Ended => policies::resource::MeetingState::Ended,
            },
        }
    }

    /// The meeting as a resource.
    #[must_use]
    pub fn resource(&self) -> policies::resource::Meeting {
        policies::resource::Meeting { id: self.id, version: self.version, sitting: self.sitting() }
    }

    /// One of its items as a resource.
    #[must_use]
    pub fn item_resource(&self, item: &Item) -> policies::resource::AgendaItem {
        policies::resource::AgendaItem {
            id: item.id,
            version: item.version,
            sitting: self.sitting(),
            invited: self.invited_to(item.id),
        }
    }
}

/// The meeting of that id.
///
/// # Errors
///
/// * [`StoreError::NotFound`], [`StoreError::Unavailable`].
pub async fn load(db: &Db, keys: &Keys, id: MeetingId) -> Result<Meeting, StoreError> {
    let row = sqlx::query(
        "select m.id, r.version, m.kind, m.state, m.starts_at, m.title_sealed, m.place_sealed, m.chair, m.secretary \
         from meetings m join resources r on r.id = m.id where m.id = $1",
    )
    .bind(id.to_string())
    .fetch_one(db.readers())
    .await?;
    let participants = participants(db, Some(id)).await?.remove(&id).unwrap_or_default();
    meeting(&row, keys, participants)
}

/// All meetings, next first.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn all(db: &Db, keys: &Keys) -> Result<Vec<Meeting>, StoreError> {
    let rows = sqlx::query(
        "select m.id, r.version, m.kind, m.state, m.starts_at, m.title_sealed, m.place_sealed, m.chair, m.secretary \
         from meetings m join resources r on r.id = m.id",
    )
    .fetch_all(db.readers())
    .await?;
    let mut everybody = participants(db, None).await?;
    let mut meetings = rows
        .iter()
        .map(|row| {
            let id: MeetingId = parse(&row.try_get::<String, _>("id")?)?;
            meeting(row, keys, everybody.remove(&id).unwrap_or_default())
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    meetings.sort_by_key(|meeting| std::cmp::Reverse((meeting.starts_at, meeting.id)));
    Ok(meetings)
}

fn meeting(row: &AnyRow, keys: &Keys, participants: Vec<Participant>) -> Result<Meeting, StoreError> {
    let id: String = row.try_get("id")?;
    let text = |column: &str, name: &str| -> Result<String, StoreError> {
        keys.columns().open_text("meetings", &id, name, &row.try_get::<Vec<u8>, _>(column)?)
    };
    Ok(Meeting {
        id: parse(&id)?,
        version: row.try_get("version")?,
        kind: parse(&row.try_get::<String, _>("kind")?)?,
        state: parse(&row.try_get::<String, _>("state")?)?,
        starts_at: Timestamp::from_micros(row.try_get("starts_at")?),
        title: text("title_sealed", "title")?,
        place: text("place_sealed", "place")?,
        chair: parse(&row.try_get::<String, _>("chair")?)?,
        secretary: parse(&row.try_get::<String, _>("secretary")?)?,
        participants,
    })
}

async fn participants(
    db: &Db,
    only: Option<MeetingId>,
) -> Result<BTreeMap<MeetingId, Vec<Participant>>, StoreError> {
    let only = only.map(|id| id.to_string());
    let mut guest_items: BTreeMap<(String, String), BTreeSet<AgendaItemId>> = BTreeMap::new();
    let rows = sqlx::query("select meeting, person, item from guest_items where $1 is null or meeting = $1")
        .bind(only.clone())
        .fetch_all(db.readers())
        .await?;
    for row in rows {
        let item = parse(&row.try_get::<String, _>("item")?)?;
        guest_items.entry((row.try_get("meeting")?, row.try_get("person")?)).or_default().insert(item);
    }
    let rows = sqlx::query(
        "select meeting, person, capacity, substitute_for, attendance from participants \
         where $1 is null or meeting = $1 order by meeting, rank",
    )
    .bind(only)
    .fetch_all(db.readers())
    .await?;
    let mut all: BTreeMap<MeetingId, Vec<Participant>> = BTreeMap::new();
    for row in rows {
        let (meeting, person): (String, String) = (row.try_get("meeting")?, row.try_get("person")?);
        let of: Option<String> = row.try_get("substitute_for")?;
        let capacity = match (row.try_get::<String, _>("capacity")?.as_str(), of) {
            ("member", None) => Capacity::Member,
            ("substitute", Some(of)) => Capacity::Substitute { of: parse(&of)? },
            ("guest", None) => {
                let items = guest_items.remove(&(meeting.clone(), person.clone())).unwrap_or_default();
                Capacity::Guest { items }
            }
            (other, _) => return Err(StoreError::Corrupt(format!("capacity `{other}`"))),
        };
        let attendance = Attendance::parse(&row.try_get::<String, _>("attendance")?)?;
        all.entry(parse(&meeting)?).or_default().push(Participant {
            person: parse(&person)?,
            capacity,
            attendance,
        });
    }
    Ok(all)
}

/// The items of a meeting, in order.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn items(db: &Db, keys: &Keys, meeting: MeetingId) -> Result<Vec<Item>, StoreError> {
    let rows = sqlx::query(
        "select i.id, r.version, i.meeting, i.number, i.title_sealed, i.presenter_sealed \
         from items i join resources r on r.id = i.id where i.meeting = $1 order by i.number",
    )
    .bind(meeting.to_string())
    .fetch_all(db.readers())
    .await?;
    rows.iter().map(|row| item_of(row, keys)).collect()
}

/// The item of that id.
///
/// # Errors
///
/// * [`StoreError::NotFound`], [`StoreError::Unavailable`].
pub async fn item(db: &Db, keys: &Keys, id: AgendaItemId) -> Result<Item, StoreError> {
    let row = sqlx::query(
        "select i.id, r.version, i.meeting, i.number, i.title_sealed, i.presenter_sealed \
         from items i join resources r on r.id = i.id where i.id = $1",
    )
    .bind(id.to_string())
    .fetch_one(db.readers())
    .await?;
    item_of(&row, keys)
}

fn item_of(row: &AnyRow, keys: &Keys) -> Result<Item, StoreError> {
    let id: String = row.try_get("id")?;
    let text = |column: &str, name: &str| -> Result<String, StoreError> {
        keys.columns().open_text("items", &id, name, &row.try_get::<Vec<u8>, _>(column)?)
    };
    Ok(Item {
        id: parse(&id)?,
        version: row.try_get("version")?,
        meeting: parse(&row.try_get::<String, _>("meeting")?)?,
        number: row.try_get("number")?,
        title: text("title_sealed", "title")?,
        presenter: text("presenter_sealed", "presenter")?,
    })
}

/// Stores a new meeting in draft.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn insert(tx: &mut Tx, keys: &Keys, meeting: &Meeting, now: Timestamp) -> Result<(), StoreError> {
    let id = meeting.id.to_string();
    tx.new_resource(&id, "meeting").await?;
    sqlx::query(
        "insert into meetings (id, kind, state, starts_at, title_sealed, place_sealed, chair, secretary, created_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(id.clone())
    .bind(meeting.kind.name())
    .bind(meeting.state.name())
    .bind(meeting.starts_at.as_micros())
    .bind(keys.columns().seal("meetings", &id, "title", meeting.title.as_bytes())?)
    .bind(keys.columns().seal("meetings", &id, "place", meeting.place.as_bytes())?)
    .bind(meeting.chair.to_string())
    .bind(meeting.secretary.to_string())
    .bind(now.as_micros())
    .execute(tx.connection().await?)
    .await?;
    Ok(())
}

/// Stores a new item and marks the meeting as changed.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn insert_item(tx: &mut Tx, keys: &Keys, item: &Item, now: Timestamp) -> Result<(), StoreError> {
    let id = item.id.to_string();
    tx.new_resource(&id, "item").await?;
    tx.touch(&item.meeting.to_string()).await?;
    sqlx::query(
        "insert into items (id, meeting, number, title_sealed, presenter_sealed, created_at) \
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(id.clone())
    .bind(item.meeting.to_string())
    .bind(item.number)
    .bind(keys.columns().seal("items", &id, "title", item.title.as_bytes())?)
    .bind(keys.columns().seal("items", &id, "presenter", item.presenter.as_bytes())?)
    .bind(now.as_micros())
    .execute(tx.connection().await?)
    .await?;
    Ok(())
}

/// Replaces who takes part; attendance of those who stay is kept.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn replace_participants(
    tx: &mut Tx,
    meeting: MeetingId,
    participants: &[Participant],
) -> Result<(), StoreError> {
    let id = meeting.to_string();
    tx.touch(&id).await?;
    for table in ["delete from guest_items where meeting = $1", "delete from participants where meeting = $1"]
    {
        sqlx::query(table).bind(id.clone()).execute(tx.connection().await?).await?;
    }
    for (rank, participant) in (0_i64..).zip(participants) {
        let (capacity, of, items) = match &participant.capacity {
            Capacity::Member => ("member", None, None),
            Capacity::Substitute { of } => ("substitute", Some(of.to_string()), None),
            Capacity::Guest { items } => ("guest", None, Some(items)),
        };
        sqlx::query(
            "insert into participants (meeting, person, capacity, substitute_for, rank, attendance) \
             values ($1, $2, $3, $4, $5, $6)",
        )
        .bind(id.clone())
        .bind(participant.person.to_string())
        .bind(capacity)
        .bind(of)
        .bind(rank)
        .bind(participant.attendance.name())
        .execute(tx.connection().await?)
        .await?;
        for item in items.into_iter().flatten() {
            sqlx::query("insert into guest_items (meeting, person, item) values ($1, $2, $3)")
                .bind(id.clone())
                .bind(participant.person.to_string())
                .bind(item.to_string())
                .execute(tx.connection().await?)
                .await?;
        }
    }
    Ok(())
}

/// Records where the members and others are.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn set_attendance(
    tx: &mut Tx,
    meeting: MeetingId,
    of: impl Fn(PersonId) -> Attendance,
    participants: &[Participant],
) -> Result<(), StoreError> {
    tx.touch(&meeting.to_string()).await?;
    for participant in participants {
        sqlx::query("update participants set attendance = $1 where meeting = $2 and person = $3")
            .bind(of(participant.person).name())
            .bind(meeting.to_string())
            .bind(participant.person.to_string())
            .execute(tx.connection().await?)
            .await?;
    }
    Ok(())
}

/// Moves a meeting to another state.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn set_state(tx: &mut Tx, meeting: MeetingId, state: MeetingState) -> Result<(), StoreError> {
    tx.touch(&meeting.to_string()).await?;
    sqlx::query("update meetings set state = $1 where id = $2")
        .bind(state.name())
        .bind(meeting.to_string())
        .execute(tx.connection().await?)
        .await?;
    Ok(())
}
