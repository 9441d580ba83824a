//! What an entry can be about: a closed list of acts with stable names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An act that the log knows. The names are part of what is hashed and never change.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Act {
    ActRefused,
    ApplianceStarted,
    ApplianceStopped,
    AttendanceSet,
    BallotCast,
    BallotIntended,
    DocumentDownloaded,
    DocumentRead,
    DocumentRefused,
    DocumentUploaded,
    EvidenceExported,
    IntentionClosed,
    InvitationsSent,
    ItemAdded,
    KeyCreated,
    LogExported,
    MeetingCreated,
    MeetingEnded,
    MeetingOpened,
    PermissionRefused,
    PinFailed,
    PinUnlocked,
    ResolutionDrafted,
    ResolutionIntended,
    ResolutionSealed,
    ResolutionSigned,
    RollSet,
    SealIntended,
    SessionClosed,
    SessionOpened,
    SessionRefused,
    VoteClosed,
    VoteOpened,
}

impl Act {
    /// Every act, in the order of their names.
    pub const ALL: &[Self] = &[
        Self::ActRefused,
        Self::ApplianceStarted,
        Self::ApplianceStopped,
        Self::AttendanceSet,
        Self::BallotCast,
        Self::BallotIntended,
        Self::DocumentDownloaded,
        Self::DocumentRead,
        Self::DocumentRefused,
        Self::DocumentUploaded,
        Self::EvidenceExported,
        Self::IntentionClosed,
        Self::InvitationsSent,
        Self::ItemAdded,
        Self::KeyCreated,
        Self::LogExported,
        Self::MeetingCreated,
        Self::MeetingEnded,
        Self::MeetingOpened,
        Self::PermissionRefused,
        Self::PinFailed,
        Self::PinUnlocked,
        Self::ResolutionDrafted,
        Self::ResolutionIntended,
        Self::ResolutionSealed,
        Self::ResolutionSigned,
        Self::RollSet,
        Self::SealIntended,
        Self::SessionClosed,
        Self::SessionOpened,
        Self::SessionRefused,
        Self::VoteClosed,
        Self::VoteOpened,
    ];

    /// The stable name, as in entries, SQL and over HTTP.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ActRefused => "act-refused",
            Self::ApplianceStarted => "appliance-started",
            Self::ApplianceStopped => "appliance-stopped",
            Self::AttendanceSet => "attendance-set",
            Self::BallotCast => "ballot-cast",
            Self::BallotIntended => "ballot-intended",
            Self::DocumentDownloaded => "document-downloaded",
            Self::DocumentRead => "document-read",
            Self::DocumentRefused => "document-refused",
            Self::DocumentUploaded => "document-uploaded",
            Self::EvidenceExported => "evidence-exported",
            Self::IntentionClosed => "intention-closed",
            Self::InvitationsSent => "invitations-sent",
            Self::ItemAdded => "item-added",
            Self::KeyCreated => "key-created",
            Self::LogExported => "log-exported",
            Self::MeetingCreated => "meeting-created",
            Self::MeetingEnded => "meeting-ended",
            Self::MeetingOpened => "meeting-opened",
            Self::PermissionRefused => "permission-refused",
            Self::PinFailed => "pin-failed",
            Self::PinUnlocked => "pin-unlocked",
            Self::ResolutionDrafted => "resolution-drafted",
            Self::ResolutionIntended => "resolution-intended",
            Self::ResolutionSealed => "resolution-sealed",
            Self::ResolutionSigned => "resolution-signed",
            Self::RollSet => "roll-set",
            Self::SealIntended => "seal-intended",
            Self::SessionClosed => "session-closed",
            Self::SessionOpened => "session-opened",
            Self::SessionRefused => "session-refused",
            Self::VoteClosed => "vote-closed",
            Self::VoteOpened => "vote-opened",
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No act has that name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no act is called `{0}`: use a version of this program that knows it")]
pub struct UnknownAct(String);

impl FromStr for Act {
    type Err = UnknownAct;

    fn from_str(name: &str) -> Result<Self, UnknownAct> {
        Self::ALL.iter().copied().find(|act| act.name() == name).ok_or_else(|| UnknownAct(name.to_owned()))
    }
}

impl Serialize for Act {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Act {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_read_back() {
        for act in Act::ALL {
            assert_eq!(act.name().parse(), Ok(*act));
        }
        assert!(Act::ALL.is_sorted_by(|a, b| a.name() < b.name()));
        assert!("ballot-sold".parse::<Act>().is_err());
    }
}
