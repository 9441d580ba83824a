//! The acts that policies judge: one type without value for each, tied to what it is done on.

use crate::resource::{
    AgendaItem, Document, Kind, Log, Meeting, Office, Resolution, Resource, SigningKey, System, Vote,
};

/// An act of the schema. `A::On` is the only thing it can be asked of.
pub trait Action: Copy + Send + Sync + 'static + sealed::Sealed {
    /// The act's name in the schema.
    const NAME: &'static str;
    /// What it is done on.
    type On: Resource;
}

mod sealed {
    #[expect(unnameable_types, reason = "sealed: no other crate implements or calls it")]
    pub trait Sealed {}
}

/// The table of acts. [`ALL`] is made of the same rows, so that loading can hold it to the schema.
macro_rules! actions {
    ($($(#[$doc:meta])+ $name:ident on $on:ident;)+) => {
        $(
            $(#[$doc])+
            #[derive(Clone, Copy, Debug, Eq, PartialEq)]
            pub struct $name;
            impl sealed::Sealed for $name {}
            impl Action for $name {
                const NAME: &'static str = stringify!($name);
                type On = $on;
            }
        )+
        /// Every act by name, with the kind of thing it is done on.
        pub const ALL: &[(&str, Kind)] = &[$((stringify!($name), <$on as Resource>::KIND)),+];
    };
}

actions! {
    /// Creates a meeting.
    CreateMeeting on Office;
    /// Lists meetings; each is shown only to whom [`ReadMeeting`] is permitted.
    ListMeetings on Office;
    /// Lists Resolutions; each is shown only to whom [`ReadResolution`] is permitted.
    ListResolutions on Office;
    /// Lists people and their roles, to set a roll.
    ListPeople on Office;
    /// Has a document of his own judged; nothing of it is kept.
    ValidateDocument on Office;
    /// Adds a passkey of his own, names it, removes it.
    KeepPasskeys on Office;
    /// Has his passkey unlock his signing key instead of a PIN, or a PIN again.
    SetUnlock on Office;
    /// Searches; what the searcher may not open is neither listed nor counted.
    Search on Office;

    /// Sees a meeting: programme, roll, attendance.
    ReadMeeting on Meeting;
    /// Adds an agenda item.
    AddItem on Meeting;
    /// Sets who attends, in which capacity.
    SetRoll on Meeting;
    /// Sends the invitations.
    SendInvitations on Meeting;
    /// Records who is in the room.
    SetAttendance on Meeting;
    /// Opens the session.
    OpenMeeting on Meeting;
    /// Ends the session.
    EndMeeting on Meeting;

    /// Sees an agenda item.
    ReadItem on AgendaItem;
    /// Adds a paper to an agenda item.
    UploadDocument on AgendaItem;
    /// Opens a vote on an agenda item.
    OpenVote on AgendaItem;

    /// Sees a paper's data, page images and words.
    ReadDocument on Document;
    /// Takes a paper's file away.
    DownloadDocument on Document;

    /// Sees a vote, and once it is closed its ballots.
    ReadVote on Vote;
    /// Sees how many have voted while the vote is open.
    ReadTurnout on Vote;
    /// Casts one's own ballot.
    CastBallot on Vote;
    /// Closes a vote.
    CloseVote on Vote;
    /// Takes the evidence bundle of a closed vote.
    ReadEvidence on Vote;
    /// Drafts the Resolution that an adopted vote leads to.
    DraftResolution on Vote;

    /// Sees a Resolution.
    ReadResolution on Resolution;
    /// Signs a Resolution as the authorised person.
    SignResolution on Resolution;
    /// Numbers, dates and seals a signed Resolution.
    SealResolution on Resolution;

    /// Has a key of the appliance sign a list of documents.
    SignBatch on SigningKey;

    /// Lists entries of the audit log.
    ListEntries on Log;
    /// Reads checkpoints and tiles of the audit log.
    ReadCheckpoint on Log;

    /// Reads metrics.
    ReadMetrics on System;
    /// Runs operators' commands.
    Operate on System;
    /// Reads the policies in force.
    ReadPolicies on System;
    /// Lets a person try his PIN again after too many wrong ones.
    UnlockSigning on System;
    /// Lists the appliance's keys: certificates, uses, quotas, states, warnings.
    ListKeys on System;
    /// Suspends a key of the appliance, and resumes it.
    SuspendKey on System;
    /// Destroys a suspended key, with a quorum of its custodians.
    DestroyKey on System;
}
