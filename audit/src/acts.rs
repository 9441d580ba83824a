//! The bodies of the entries that evidence rests on, defined once for who writes and who verifies them.

use std::collections::BTreeMap;
use std::str::FromStr;

use cabinet::id::{
    AgendaItemId, BallotId, BatchId, DocumentVersionId, MeetingId, PersonId, ResolutionId, VoteId,
};
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

/// Declares a body: its fields are public, and are written and read under their own names.
///
/// A field that is added cannot be forgotten in the writing or in the reading.
macro_rules! fact {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $field:ident: $type:ty,)+ }) => {
        $(#[$meta])*
        pub struct $name {
            $($(#[$doc])* pub $field: $type,)+
        }

        impl Fact for $name {
            const ACT: Act = Act::$name;

            fn fields(&self) -> Vec<(&'static str, String)> {
                vec![$((stringify!($field), self.$field.to_string()),)+]
            }

            fn from_fields(fields: &Fields<'_>) -> Option<Self> {
                Some(Self { $($field: fields.parse(stringify!($field))?,)+ })
            }
        }
    };
}

fact! {
    /// A paper was taken in.
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    DocumentUploaded {
        /// Digest of the file as it was uploaded.
        digest: Digest,
        /// The paper.
        document: DocumentVersionId,
        /// The item that it belongs to.
        item: AgendaItemId,
        /// The meeting.
        meeting: MeetingId,
    }
}

fact! {
    /// A vote was opened on what the statement freezes.
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    VoteOpened {
        /// The item voted on.
        item: AgendaItemId,
        /// The meeting.
        meeting: MeetingId,
        /// Digest of the canonical [`VoteStatement`].
        statement: Digest,
        /// The vote.
        vote: VoteId,
    }
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

fact! {
    /// A signed ballot was recorded.
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    BallotCast {
        /// This version of the ballot.
        ballot: BallotId,
        /// Whose.
        member: PersonId,
        /// Digest of the CMS signature.
        signature: Digest,
        /// Digest of the canonical statement. It holds a nonce, so the choice cannot be guessed from it.
        statement: Digest,
        /// 1, 2, 3 …
        version: u32,
        /// The vote.
        vote: VoteId,
    }
}

fact! {
    /// A vote was closed and counted.
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    VoteClosed {
        /// Digest of the list of all ballots, every version.
        ballots: Digest,
        /// How many they are.
        n_ballots: usize,
        /// Digest of the canonical [`Outcome`].
        outcome: Digest,
        /// The vote.
        vote: VoteId,
    }
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

fact! {
    /// A Resolution was typeset.
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    ResolutionDrafted {
        /// Digest of the PDF.
        digest: Digest,
        /// The Resolution.
        resolution: ResolutionId,
        /// The vote that adopted it.
        vote: VoteId,
    }
}

fact! {
    /// The authorised person signed a Resolution.
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    ResolutionSigned {
        /// Digest of the PDF with his signature.
        digest: Digest,
        /// The Resolution.
        resolution: ResolutionId,
        /// Digest of the PDF that he signed.
        signed: Digest,
        /// The vote that adopted it.
        vote: VoteId,
    }
}

fact! {
    /// The clerk numbered a Resolution and put the organisation's signature on it.
    #[derive(Clone, Debug, Eq, PartialEq)]
    ResolutionSealed {
        /// Digest of the PDF with number and both signatures.
        digest: Digest,
        /// Number and symbol, `87/NQ-CP`.
        number: String,
        /// The Resolution.
        resolution: ResolutionId,
        /// Digest of the PDF that was sealed: the one with the authorised person's signature.
        signed: Digest,
        /// The vote that adopted it.
        vote: VoteId,
    }
}

fact! {
    /// A person had exactly this list of documents authorised for signing.
    #[derive(Clone, Debug, Eq, PartialEq)]
    BatchAuthorised {
        /// The batch.
        batch: BatchId,
        /// Digest of the canonical list of `[number, digest]`.
        documents: Digest,
        /// Label of the key that is to sign.
        key: String,
        /// The signature level: `B`, `T`, `LT` or `LTA`.
        level: String,
        /// How many they are.
        n_documents: usize,
    }
}

fact! {
    /// One document of a batch was signed.
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    BatchSigned {
        /// The batch.
        batch: BatchId,
        /// Digest of the document as it was authorised.
        document: Digest,
        /// Its number in the list.
        number: u32,
        /// Digest of the signed document.
        signed: Digest,
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
