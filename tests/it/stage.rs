//! Bringing a house to the point where a test begins.

use anyhow::Context as _;
use serde_json::{Value, json};
use tests::{House, User};

/// The prepared session with its first item.
pub(crate) struct Stage {
    pub(crate) house: House,
    pub(crate) meeting: String,
    pub(crate) item: String,
    pub(crate) chair: User,
    pub(crate) secretary: User,
}

/// Members in the room and elsewhere at the first e-Cabinet session; two stay silent.
pub(crate) const N_IN_ROOM: usize = 21;
pub(crate) const N_ELSEWHERE: usize = 4;

impl Stage {
    /// The prepared session, in session, with 21 members in the room and 4 elsewhere.
    pub(crate) async fn in_session() -> anyhow::Result<Self> {
        Self::in_session_in(House::start()?).await
    }

    /// The same in a house of the caller's.
    pub(crate) async fn in_session_in(house: House) -> anyhow::Result<Self> {
        let mut stage = Self::invited_to(house).await?;
        let names = stage.house.member_names()?;
        let ids = stage.ids(&names).await?;
        let attendance =
            json!({"in_room": ids[..N_IN_ROOM], "elsewhere": ids[N_IN_ROOM..N_IN_ROOM + N_ELSEWHERE]});
        let path = format!("/api/meetings/{}", stage.meeting);
        let meeting = stage.secretary.put(&format!("{path}/attendance"), &attendance).await?.expect(200)?;
        assert_eq!(meeting["quorum"]["reached"], true, "{meeting}");
        stage.chair.post(&format!("{path}/open"), &json!({})).await?.expect(200)?;
        Ok(stage)
    }

    /// The prepared session as `ecabinet demo` leaves it.
    pub(crate) async fn invited() -> anyhow::Result<Self> {
        Self::invited_to(House::start()?).await
    }

    async fn invited_to(house: House) -> anyhow::Result<Self> {
        let meeting = house.meeting()?;
        let mut secretary = house.user("thuky").await?;
        let chair = house.user("thutuong").await?;
        let view = secretary.get(&format!("/api/meetings/{meeting}")).await?.expect(200)?;
        let item = view["items"][0]["id"].as_str().context("item")?.to_owned();
        Ok(Self { house, meeting, item, chair, secretary })
    }

    /// Ids of people by the names of their accounts.
    pub(crate) async fn ids(&mut self, usernames: &[String]) -> anyhow::Result<Vec<Value>> {
        let people = self.secretary.get("/api/people").await?.expect(200)?;
        let people = people["people"].as_array().context("people")?.clone();
        usernames
            .iter()
            .map(|name| {
                let person = people.iter().find(|person| person["username"] == *name);
                Ok(person.with_context(|| format!("no {name}"))?["id"].clone())
            })
            .collect()
    }

    /// Opens the vote on the first item; gives its id.
    pub(crate) async fn open_vote(&mut self) -> anyhow::Result<String> {
        let path = format!("/api/items/{}/votes", self.item);
        let vote = self.chair.post(&path, &json!({})).await?.expect(201)?;
        Ok(vote["id"].as_str().context("vote")?.to_owned())
    }

    /// Signs in the members who vote: those in the room and those elsewhere.
    pub(crate) async fn voters(&self) -> anyhow::Result<Vec<User>> {
        let names = self.house.member_names()?;
        let mut voters = Vec::new();
        for name in names.iter().take(N_IN_ROOM + N_ELSEWHERE) {
            voters.push(self.house.user(name).await?);
        }
        Ok(voters)
    }
}
