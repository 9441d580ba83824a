//! Why the rules say no: a closed list, each with a stable code that clients translate.

/// The domain refuses an act; nothing was changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The agenda has no item, or the item no paper.
    #[error("there is nothing to decide on: add an item and its paper first")]
    AgendaEmpty,
    /// Somebody stands on the roll twice, or in two capacities.
    #[error("a person stands on the roll twice: keep each once, in one capacity")]
    DuplicateOnRoll,
    /// The meeting is not in the state that the act needs.
    #[error("the meeting is not in the state this act needs: look at its state first")]
    MeetingState,
    /// A person named as a member is not a member of the Government.
    #[error("only a member of the Government stands on the roll as a member")]
    NotAMember,
    /// He has no vote here: not on the roll, or a substitute, or a guest.
    #[error("not on the roll as a member: a substitute or guest may speak, not vote")]
    NotOnRoll,
    /// The vote did not adopt, so there is nothing to resolve.
    #[error("the vote did not adopt this item: no Resolution follows from it")]
    NotAdopted,
    /// The Prime Minister is not on the roll, so equal votes could not be decided.
    #[error("the Prime Minister is not on the roll: put him there, he decides at equal votes")]
    PrimeMinisterMissing,
    /// Fewer are in the room than the rule asks for.
    #[error("the quorum is not reached: record who is in the room first")]
    QuorumNotReached,
    /// The Resolution is not in the state that the act needs, for instance sealed before it was signed.
    #[error(
        "the Resolution is not in the state this act needs: the authorised person signs first, then the clerk seals"
    )]
    ResolutionState,
    /// The statement that was shown is not the one that would be signed now.
    #[error("the statement shown is out of date: prepare it again and show it again")]
    StatementStale,
    /// An opinion in words is missing, or longer than allowed.
    #[error("another opinion needs its words, at most 4000 characters")]
    CommentNeeded,
    /// The chair has closed the vote.
    #[error("the vote is closed: no ballot is taken any more")]
    VoteClosed,
    /// There is an open vote on this item already, or it was decided.
    #[error("this item has a vote already")]
    VoteExists,
}

impl Refusal {
    /// The stable code that goes over HTTP; clients own the sentence.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::AgendaEmpty => "agenda-empty",
            Self::CommentNeeded => "comment-needed",
            Self::DuplicateOnRoll => "duplicate-on-roll",
            Self::MeetingState => "meeting-state",
            Self::NotAMember => "not-a-member",
            Self::NotAdopted => "not-adopted",
            Self::NotOnRoll => "not-on-roll",
            Self::PrimeMinisterMissing => "prime-minister-missing",
            Self::QuorumNotReached => "quorum-not-reached",
            Self::ResolutionState => "resolution-state",
            Self::StatementStale => "statement-stale",
            Self::VoteClosed => "vote-closed",
            Self::VoteExists => "vote-exists",
        }
    }
}
