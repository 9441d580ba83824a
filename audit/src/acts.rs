//! The bodies of the entries that evidence rests on, defined once for who writes and who verifies them.

use std::collections::BTreeMap;
use std::str::FromStr;

use cabinet::id::{AgendaItemId, BallotId, DocumentVersionId, MeetingId, PersonId, ResolutionId, VoteId};
use cabinet::statement::VoteStatement;
use cabinet::vote::Outcome;
use cabinet::{Digest, canonical};

use crate::act::Act;
use crate::entry::{BadEntry, Entry, Stamp};

/// A body of a known shape: exactly these fields, each in one spelling.
pub trait Fact: Eq + Sized {
    /// The act that it belongs to.
    const ACT: Act;

    /// The fields as text.
    fn fields(&self) -> Vec<(&'static str, String)>;

    /// Reads the fields; `None` if one is missing or does not parse.
    fn from_fields(fields: &Fields<'_>) -> Option<Self>;

    /// The entry that says it.
    ///
    /// # Errors
    ///
    /// [`BadEntry`]: only where a field is free text and too long.
    fn entry(&self, stamp: Stamp) -> Result<Entry, BadEntry> {
        Entry::new(stamp, Self::ACT, self.fields())
    }

    /// What `entry` says; `None` if it is about another act, or says more, less or otherwise than it should.
    fn read(entry: &Entry) -> Option<Self> {
        if entry.act() != Self::ACT {
            return None;
        }
        let fact = Self::from_fields(&Fields(entry.body()))?;
        let again: BTreeMap<_, _> =
            fact.fields().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        (again == *entry.body()).then_some(fact)
    }
}

/// The fields of a body, to be parsed by name.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a>(&'a BTreeMap<String, String>);

impl Fields<'_> {
    /// The value of that name, parsed.
    #[must_use]
    pub fn parse<T: FromStr>(&self, name: &str) -> Option<T> {
        self.0.get(name)?.parse().ok()
    }
}

/// A paper was taken in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DocumentUploaded {
    /// Digest of the file as it was uploaded.
    pub digest: Digest,
    /// The paper.
    pub document: DocumentVersionId,
    /// The item that it belongs to.
    pub item: AgendaItemId,
    /// The meeting.
    pub meeting: MeetingId,
}

impl Fact for DocumentUploaded {
    const ACT: Act = Act::DocumentUploaded;

    fn fields(&self) -> Vec<(&'static str, String)> {
        let Self { digest, document, item, meeting } = self;
        vec![
            ("digest", digest.to_string()),
            ("document", document.to_string()),
            ("item", item.to_string()),
            ("meeting", meeting.to_string()),
        ]
    }

    fn from_fields(fields: &Fields<'_>) -> Option<Self> {
        Some(Self {
            digest: fields.parse("digest")?,
            document: fields.parse("document")?,
            item: fields.parse("item")?,
            meeting: fields.parse("meeting")?,
        })
    }
}

/// A vote was opened on what the statement freezes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct VoteOpened {
    /// The item voted on.
    pub item: AgendaItemId,
    /// The meeting.
    pub meeting: MeetingId,
    /// Digest of the canonical [`VoteStatement`].
    pub statement: Digest,
    /// The vote.
    pub vote: VoteId,
}

impl VoteOpened {
    /// What is logged of this statement.
    #[must_use]
    pub fn of(frozen: &VoteStatement) -> Self {
        Self {
            item: frozen.item,
            meeting: frozen.meeting,
            statement: Digest::of(&frozen.encode()),
            vote: frozen.vote,
        }
    }
}

impl Fact for VoteOpened {
    const ACT: Act = Act::VoteOpened;

    fn fields(&self) -> Vec<(&'static str, String)> {
        let Self { item, meeting, statement, vote } = self;
        vec![
            ("item", item.to_string()),
            ("meeting", meeting.to_string()),
            ("statement", statement.to_string()),
            ("vote", vote.to_string()),
        ]
    }

    fn from_fields(fields: &Fields<'_>) -> Option<Self> {
        Some(Self {
            item: fields.parse("item")?,
            meeting: fields.parse("meeting")?,
            statement: fields.parse("statement")?,
            vote: fields.parse("vote")?,
        })
    }
}

/// A signed ballot was recorded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BallotCast {
    /// This version of the ballot.
    pub ballot: BallotId,
    /// Whose.
    pub member: PersonId,
    /// Digest of the CMS signature.
    pub signature: Digest,
    /// Digest of the canonical statement. It holds a nonce, so the choice cannot be guessed from it.
    pub statement: Digest,
    /// 1, 2, 3 …
    pub version: u32,
    /// The vote.
    pub vote: VoteId,
}

impl Fact for BallotCast {
    const ACT: Act = Act::BallotCast;

    fn fields(&self) -> Vec<(&'static str, String)> {
        let Self { ballot, member, signature, statement, version, vote } = self;
        vec![
            ("ballot", ballot.to_string()),
            ("member", member.to_string()),
            ("signature", signature.to_string()),
            ("statement", statement.to_string()),
            ("version", version.to_string()),
            ("vote", vote.to_string()),
        ]
    }

    fn from_fields(fields: &Fields<'_>) -> Option<Self> {
        Some(Self {
            ballot: fields.parse("ballot")?,
            member: fields.parse("member")?,
            signature: fields.parse("signature")?,
            statement: fields.parse("statement")?,
            version: fields.parse("version")?,
            vote: fields.parse("vote")?,
        })
    }
}

/// A vote was closed and counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct VoteClosed {
    /// Digest of the list of all ballots, every version.
    pub ballots: Digest,
    /// How many they are.
    pub n_ballots: usize,
    /// Digest of the canonical [`Outcome`].
    pub outcome: Digest,
    /// The vote.
    pub vote: VoteId,
}

impl VoteClosed {
    /// What is logged when `vote` ends with these ballots and this outcome.
    #[must_use]
    pub fn of(vote: VoteId, ballots: &[BallotCast], outcome: &Outcome) -> Self {
        Self {
            ballots: ballots_digest(ballots),
            n_ballots: ballots.len(),
            outcome: Digest::of(&canonical::to_bytes(outcome)),
            vote,
        }
    }
}

/// Digest of the canonical list of `[ballot, statement, signature]`, by member, then version.
#[must_use]
pub fn ballots_digest(ballots: &[BallotCast]) -> Digest {
    let mut sorted: Vec<&BallotCast> = ballots.iter().collect();
    sorted.sort_by_key(|cast| (cast.member, cast.version));
    let list: Vec<_> = sorted.iter().map(|cast| (cast.ballot, cast.statement, cast.signature)).collect();
    Digest::of(&canonical::to_bytes(&list))
}

impl Fact for VoteClosed {
    const ACT: Act = Act::VoteClosed;

    fn fields(&self) -> Vec<(&'static str, String)> {
        let Self { ballots, n_ballots, outcome, vote } = self;
        vec![
            ("ballots", ballots.to_string()),
            ("n_ballots", n_ballots.to_string()),
            ("outcome", outcome.to_string()),
            ("vote", vote.to_string()),
        ]
    }

    fn from_fields(fields: &Fields<'_>) -> Option<Self> {
        Some(Self {
            ballots: fields.parse("ballots")?,
            n_ballots: fields.parse("n_ballots")?,
            outcome: fields.parse("outcome")?,
            vote: fields.parse("vote")?,
        })
    }
}

/// A Resolution was typeset.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ResolutionDrafted {
    /// Digest of the PDF.
    pub digest: Digest,
    /// The Resolution.
    pub resolution: ResolutionId,
    /// The vote that adopted it.
    pub vote: VoteId,
}

impl Fact for ResolutionDrafted {
    const ACT: Act = Act::ResolutionDrafted;

    fn fields(&self) -> Vec<(&'static str, String)> {
        let Self { digest, resolution, vote } = self;
        vec![
            ("digest", digest.to_string()),
            ("resolution", resolution.to_string()),
            ("vote", vote.to_string()),
        ]
    }

    fn from_fields(fields: &Fields<'_>) -> Option<Self> {
        Some(Self {
            digest: fields.parse("digest")?,
            resolution: fields.parse("resolution")?,
            vote: fields.parse("vote")?,
        })
    }
}

/// The authorised person signed a Resolution.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ResolutionSigned {
    /// Digest of the PDF with his signature.
    pub digest: Digest,
    /// The Resolution.
    pub resolution: ResolutionId,
    /// Digest of the PDF that he signed.
    pub signed: Digest,
    /// The vote that adopted it.
    pub vote: VoteId,
}

impl Fact for ResolutionSigned {
    const ACT: Act = Act::ResolutionSigned;

    fn fields(&self) -> Vec<(&'static str, String)> {
        let Self { digest, resolution, signed, vote } = self;
        vec![
            ("digest", digest.to_string()),
            ("resolution", resolution.to_string()),
            ("signed", signed.to_string()),
            ("vote", vote.to_string()),
        ]
    }

    fn from_fields(fields: &Fields<'_>) -> Option<Self> {
        Some(Self {
            digest: fields.parse("digest")?,
            resolution: fields.parse("resolution")?,
            signed: fields.parse("signed")?,
            vote: fields.parse("vote")?,
        })
    }
}

/// The clerk numbered a Resolution and put the organisation's signature on it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ResolutionSealed {
    /// Digest of the PDF with number and both signatures.
    pub digest: Digest,
    /// Number and symbol, `87/NQ-CP`.
    pub number: String,
    /// The Resolution.
    pub resolution: ResolutionId,
    /// Digest of the PDF that was sealed: the one with the authorised person's signature.
    pub signed: Digest,
    /// The vote that adopted it.
    pub vote: VoteId,
}

impl Fact for ResolutionSealed {
    const ACT: Act = Act::ResolutionSealed;

    fn fields(&self) -> Vec<(&'static str, String)> {
        let Self { digest, number, resolution, signed, vote } = self;
        vec![
            ("digest", digest.to_string()),
            ("number", number.clone()),
            ("resolution", resolution.to_string()),
            ("signed", signed.to_string()),
            ("vote", vote.to_string()),
        ]
    }

    fn from_fields(fields: &Fields<'_>) -> Option<Self> {
        Some(Self {
            digest: fields.parse("digest")?,
            number: fields.parse("number")?,
            resolution: fields.parse("resolution")?,
            signed: fields.parse("signed")?,
            vote: fields.parse("vote")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use cabinet::Timestamp;

    use super::*;

    fn id<K>(n: u8) -> cabinet::Id<K> {
        format!("00000000-0000-7000-8000-0000000000{n:02x}").parse().unwrap()
    }

    fn stamp() -> Stamp {
        Stamp { actor: None, at: Timestamp::from_micros(1), id: id(9) }
    }

    fn cast(member: u8, version: u32) -> BallotCast {
        BallotCast {
            ballot: id(member),
            member: id(member),
            signature: Digest::of(&[member]),
            statement: Digest::of(&version.to_be_bytes()),
            version,
            vote: id(3),
        }
    }

    #[test]
    fn what_is_written_is_read_back_and_nothing_else_is() {
        let entry = cast(1, 2).entry(stamp()).unwrap();
        assert_eq!(BallotCast::read(&entry), Some(cast(1, 2)));
        assert_eq!(VoteOpened::read(&entry), None);
        let with = |change: fn(&mut BTreeMap<String, String>)| {
            let mut body = entry.body().clone();
            change(&mut body);
            BallotCast::read(&Entry::new(stamp(), Act::BallotCast, body).unwrap())
        };
        assert_eq!(with(|_| ()), Some(cast(1, 2)));
        assert_eq!(with(|body| drop(body.insert("version".to_owned(), "02".to_owned()))), None);
        assert_eq!(with(|body| drop(body.insert("more".to_owned(), "1".to_owned()))), None);
        assert_eq!(with(|body| drop(body.remove("member"))), None);
    }

    #[test]
    fn the_list_of_ballots_has_one_order() {
        assert_eq!(
            ballots_digest(&[cast(2, 1), cast(1, 2), cast(1, 1)]),
            ballots_digest(&[cast(1, 1), cast(1, 2), cast(2, 1)])
        );
        assert_ne!(ballots_digest(&[cast(1, 1)]), ballots_digest(&[cast(1, 1), cast(1, 2)]));
    }
}
