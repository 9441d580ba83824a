//! A meeting (phiên họp): draft → invited → in session → ended.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Refusal;
use crate::rules::RuleSet;

/// What kind of session it is.
///
/// Source: `docs/sources.md`, entry `session-kinds`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MeetingKind {
    /// Thường kỳ: once a month.
    Regular,
    /// Chuyên đề.
    Thematic,
    /// Bất thường.
    Extraordinary,
}

impl MeetingKind {
    /// The stable name used in SQL and over HTTP.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Regular => "regular",
            Self::Thematic => "thematic",
            Self::Extraordinary => "extraordinary",
        }
    }

    /// The word for people.
    #[must_use]
    pub const fn vietnamese(self) -> &'static str {
        match self {
            Self::Regular => "thường kỳ",
            Self::Thematic => "chuyên đề",
            Self::Extraordinary => "bất thường",
        }
    }
}

/// Where a meeting stands.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MeetingState {
    /// Dự thảo: the secretary prepares it; only he and the chair see it.
    Draft,
    /// Đã gửi giấy mời: papers are released to those on the roll.
    Invited,
    /// Đang họp.
    InSession,
    /// Đã kết thúc.
    Ended,
}

impl MeetingState {
    const ALL: [Self; 4] = [Self::Draft, Self::Invited, Self::InSession, Self::Ended];

    /// The stable name used in SQL, policies and over HTTP.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Invited => "invited",
            Self::InSession => "in_session",
            Self::Ended => "ended",
        }
    }

    /// Sends the invitations.
    ///
    /// # Errors
    ///
    /// * [`Refusal::MeetingState`]: only a draft can be sent; [`Refusal::AgendaEmpty`]: no item.
    pub const fn invite(self, n_items: usize) -> Result<Self, Refusal> {
        match self {
            Self::Draft if n_items == 0 => Err(Refusal::AgendaEmpty),
            Self::Draft => Ok(Self::Invited),
            Self::Invited | Self::InSession | Self::Ended => Err(Refusal::MeetingState),
        }
    }

    /// Opens the session.
    ///
    /// # Errors
    ///
    /// * [`Refusal::MeetingState`]: invitations were not sent, or it was opened before.
    pub const fn open(self) -> Result<Self, Refusal> {
        match self {
            Self::Invited => Ok(Self::InSession),
            Self::Draft | Self::InSession | Self::Ended => Err(Refusal::MeetingState),
        }
    }

    /// Ends the session.
    ///
    /// # Errors
    ///
    /// * [`Refusal::MeetingState`]: it is not in session, or a vote is open.
    pub const fn end(self, n_open_votes: usize) -> Result<Self, Refusal> {
        match self {
            Self::InSession if n_open_votes == 0 => Ok(Self::Ended),
            Self::InSession | Self::Draft | Self::Invited | Self::Ended => Err(Refusal::MeetingState),
        }
    }

    /// Whether agenda, roll and papers may still be changed.
    ///
    /// # Errors
    ///
    /// * [`Refusal::MeetingState`]: it has ended.
    pub const fn prepare(self) -> Result<(), Refusal> {
        match self {
            Self::Draft | Self::Invited | Self::InSession => Ok(()),
            Self::Ended => Err(Refusal::MeetingState),
        }
    }
}

impl fmt::Display for MeetingState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The stored text is no state; the row was written by something else.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is not a state of a meeting")]
pub struct NotAState(pub String);

impl FromStr for MeetingState {
    type Err = NotAState;

    fn from_str(text: &str) -> Result<Self, NotAState> {
        Self::ALL.into_iter().find(|state| state.name() == text).ok_or_else(|| NotAState(text.to_owned()))
    }
}

impl FromStr for MeetingKind {
    type Err = NotAState;

    fn from_str(text: &str) -> Result<Self, NotAState> {
        [Self::Regular, Self::Thematic, Self::Extraordinary]
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| NotAState(text.to_owned()))
    }
}

/// Whether enough members are present, and how many that takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Quorum {
    /// Members on the roll.
    pub n_members: usize,
    /// Members counted as present under the rule set.
    pub n_present: usize,
    /// How many are needed.
    pub needed: usize,
}

impl Quorum {
    /// Counts under `rules`; those elsewhere count only if the rule set says so.
    #[must_use]
    pub fn count(rules: &RuleSet, n_members: usize, n_in_room: usize, n_elsewhere: usize) -> Self {
        let remote = if rules.remote_counts_for_quorum { n_elsewhere } else { 0 };
        Self { n_members, n_present: n_in_room.saturating_add(remote), needed: rules.quorum(n_members) }
    }

    /// Whether a vote may open.
    #[must_use]
    pub const fn is_reached(&self) -> bool {
        self.n_present >= self.needed && self.n_members > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tests::government;

    #[test]
    fn states_follow_their_only_path() {
        use MeetingState::{Draft, Ended, InSession, Invited};
        assert_eq!(Draft.invite(1), Ok(Invited));
        assert_eq!(Draft.invite(0), Err(Refusal::AgendaEmpty));
        assert_eq!(Invited.open(), Ok(InSession));
        assert_eq!(InSession.end(0), Ok(Ended));
        for refused in
            [Invited.invite(1), Ended.invite(1), Draft.open(), Ended.open(), InSession.end(1), Draft.end(0)]
        {
            assert_eq!(refused, Err(Refusal::MeetingState));
        }
    }

    #[test]
    fn remote_members_do_not_make_the_quorum_unless_the_rules_say_so() {
        let mut rules = government();
        assert!(!Quorum::count(&rules, 27, 17, 10).is_reached());
        assert!(Quorum::count(&rules, 27, 18, 0).is_reached());
        rules.remote_counts_for_quorum = true;
        assert!(Quorum::count(&rules, 27, 17, 1).is_reached());
        assert!(!Quorum::count(&rules, 0, 0, 0).is_reached());
    }
}
