//! What an entry can be about: a closed list of acts with stable names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The table of acts. [`Act::ALL`] and the names are made of the same rows: an act that could be written and not
/// be read back cannot be added.
macro_rules! acts {
    ($($act:ident = $name:literal,)+) => {
        /// An act that the log knows. The names are part of what is hashed and never change.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[expect(missing_docs, reason = "the names say it")]
        pub enum Act {
            $($act,)+
        }

        impl Act {
            /// Every act, in the order of their names.
            pub const ALL: &[Self] = &[$(Self::$act,)+];

            /// The stable name, as in entries, SQL and over HTTP.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$act => $name,)+
                }
            }
        }
    };
}

acts! {
    ActRefused = "act-refused",
    ApplianceStarted = "appliance-started",
    ApplianceStopped = "appliance-stopped",
    AttendanceSet = "attendance-set",
    BallotCast = "ballot-cast",
    BallotIntended = "ballot-intended",
    BatchAuthorised = "batch-authorised",
    BatchRefused = "batch-refused",
    BatchSignatureIntended = "batch-signature-intended",
    BatchSigned = "batch-signed",
    BatchWithdrawn = "batch-withdrawn",
    CertificateImported = "certificate-imported",
    CertificateRequested = "certificate-requested",
    DataKeysWrapped = "data-keys-wrapped",
    DocumentDownloaded = "document-downloaded",
    DocumentRead = "document-read",
    DocumentRefused = "document-refused",
    DocumentUploaded = "document-uploaded",
    DocumentValidated = "document-validated",
    EvidenceExported = "evidence-exported",
    IntentionClosed = "intention-closed",
    InvitationsSent = "invitations-sent",
    ItemAdded = "item-added",
    KeyActivated = "key-activated",
    KeyCeremonyHeld = "key-ceremony-held",
    KeyCreated = "key-created",
    KeyDestroyed = "key-destroyed",
    KeyResumed = "key-resumed",
    KeySuspended = "key-suspended",
    LogExported = "log-exported",
    MeetingCreated = "meeting-created",
    MeetingEnded = "meeting-ended",
    MeetingOpened = "meeting-opened",
    PasskeyAdded = "passkey-added",
    PasskeyNamed = "passkey-named",
    PasskeyRefused = "passkey-refused",
    PasskeyRemoved = "passkey-removed",
    PermissionRefused = "permission-refused",
    PinFailed = "pin-failed",
    PinUnlocked = "pin-unlocked",
    ResolutionArchived = "resolution-archived",
    ResolutionDrafted = "resolution-drafted",
    ResolutionIntended = "resolution-intended",
    ResolutionSealed = "resolution-sealed",
    ResolutionSigned = "resolution-signed",
    RollSet = "roll-set",
    SealIntended = "seal-intended",
    SessionClosed = "session-closed",
    SessionOpened = "session-opened",
    SessionRefused = "session-refused",
    SigningConfirmed = "signing-confirmed",
    TimestampsIssued = "timestamps-issued",
    TrustListAdopted = "trust-list-adopted",
    UnlockChanged = "unlock-changed",
    UnlockIntended = "unlock-intended",
    VoteClosed = "vote-closed",
    VoteOpened = "vote-opened",
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
