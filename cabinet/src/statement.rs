//! The exact bytes that are signed: what a ballot says, and what a vote was about.
//!
//! A statement names everything its signature must not be moved away from: the vote, the texts by
//! digest, the roll, the rule set, the member, the version and a nonce that keeps the digest from being guessed.

use serde::{Deserialize, Serialize};

use crate::id::{AgendaItemId, DocumentVersionId, MeetingId, PersonId, VoteId};
use crate::roll::Roll;
use crate::rules::RuleSet;
use crate::vote::Choice;
use crate::{Digest, canonical};

/// Marks a ballot's statement and its version.
pub const BALLOT_TYPE: &str = "ecabinet/ballot/v1";
/// Marks an opened vote and its version.
pub const VOTE_TYPE: &str = "ecabinet/vote/v1";
/// The longest opinion in words, in characters.
pub const MAX_COMMENT_CHARS: usize = 4_000;

/// A paper by its digest: the text that was voted on is this one and no other.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PaperDigest {
    /// SHA-256 of the file's bytes.
    pub digest: Digest,
    /// The version of the paper.
    pub id: DocumentVersionId,
    /// Its title, as the members saw it.
    pub title: String,
}

/// What a member signs when he votes. Fields stand in alphabetical order: [`canonical`].
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BallotStatement {
    /// When it was written, ISO 8601 at +07:00.
    pub at: String,
    /// His choice.
    pub choice: Choice,
    /// His words, if any.
    pub comment: Option<String>,
    /// Papers of the item when the vote opened.
    pub documents: Vec<PaperDigest>,
    /// The item voted on.
    pub item: AgendaItemId,
    /// The meeting.
    pub meeting: MeetingId,
    /// Who votes.
    pub member: PersonId,
    /// His name as on the roll.
    pub name: String,
    /// 128 random bits in hex: without them six choices would be six guessable digests.
    pub nonce: Nonce,
    /// The question.
    pub question: String,
    /// Digest of the frozen roll.
    pub roll: Digest,
    /// Digest of the frozen rule set.
    pub rules: Digest,
    /// [`BALLOT_TYPE`].
    #[serde(rename = "type")]
    pub type_: String,
    /// 1 for the first ballot of this member, then 2, 3 …; the highest before the close counts.
    pub version: u32,
    /// The vote.
    pub vote: VoteId,
}

/// What was frozen when a vote opened. Fields stand in alphabetical order: [`canonical`].
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct VoteStatement {
    /// When it opened, ISO 8601 at +07:00.
    pub at: String,
    /// Who opened it.
    pub chair: PersonId,
    /// Papers of the item.
    pub documents: Vec<PaperDigest>,
    /// The item.
    pub item: AgendaItemId,
    /// The meeting.
    pub meeting: MeetingId,
    /// The meeting's title.
    pub meeting_title: String,
    /// The question.
    pub question: String,
    /// Everybody who may vote.
    pub roll: Roll,
    /// The rules it is counted by.
    pub rules: RuleSet,
    /// [`VOTE_TYPE`].
    #[serde(rename = "type")]
    pub type_: String,
    /// The vote.
    pub vote: VoteId,
}

/// 128 random bits, drawn by the caller and written as 32 hex digits.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String")]
pub struct Nonce(String);

impl Nonce {
    /// Takes 16 bytes from a random generator.
    #[must_use]
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(hex::encode(bytes))
    }
}

impl TryFrom<String> for Nonce {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_hex = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if is_hex { Ok(Self(text)) } else { Err("a nonce is 32 lower-case hex digits") }
    }
}

impl BallotStatement {
    /// The canonical bytes that are shown, signed and kept.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        canonical::to_bytes(self)
    }
}

impl VoteStatement {
    /// The canonical bytes whose digest is logged when the vote opens.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        canonical::to_bytes(self)
    }

    /// Digest of the rule set alone, as ballots name it.
    #[must_use]
    pub fn rules_digest(&self) -> Digest {
        Digest::of(&canonical::to_bytes(&self.rules))
    }
}
