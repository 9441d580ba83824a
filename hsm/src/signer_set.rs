//! Several tokens that can sign in each other's place.
//!
//! Either a vendor's clones, with one key and one certificate, or tokens with a key and a certificate each: the
//! answer says who signed, so that the caller takes the right certificate.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use crate::error::{Sent, TokenError};
use crate::scheme::{RawSignature, Scheme, ToSign};
use crate::standing::{Standing, order, speaks_against_token};
use crate::{Health, KeyLabel, Pool};

/// The most members of a set.
pub const MAX_MEMBERS: usize = 8;

/// A token that signs, and its key.
#[derive(Clone, Debug)]
pub struct SignerMember {
    /// What operators call it; told in answers and health.
    pub name: String,
    /// The pool on its token, perhaps of another library than the others'.
    pub pool: Pool,
    /// The key on that token.
    pub key: KeyLabel,
    /// How that key signs.
    pub scheme: Scheme,
}

impl SignerMember {
    /// Signs with this member, and with no other.
    ///
    /// # Errors
    ///
    /// As [`Pool::sign`].
    pub fn sign(&self, message: ToSign<'_>) -> Result<RawSignature, TokenError> {
        self.pool.sign(&self.key, message, self.scheme)
    }
}

/// What a member did.
#[derive(Clone, Debug)]
pub struct DoneBy<T> {
    /// The member's place in the set.
    pub index: usize,
    /// What came of it.
    pub value: T,
}

/// Who may be asked after a member.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next {
    /// The member has surely done nothing, and another might do better.
    Another,
    /// It is done, or may be, or would fail everywhere.
    Nobody,
}

/// Nobody did what was asked, or nobody knows whether it was done.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {error}")]
pub struct NotDone {
    /// The place in the set of the member that was asked last.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// Why. If [`TokenError::sent`] says [`Sent::Perhaps`], no other member was asked.
    #[source]
    pub error: TokenError,
}

/// How one member of a set is.
#[derive(Clone, Debug)]
pub struct MemberHealth {
    /// Its name.
    pub name: String,
    /// Its pool's health.
    pub health: Health,
    /// Failures since it last did its work.
    pub n_failed: u32,
}

/// Tokens that sign in each other's place, in order of preference. Clones share them.
///
/// Invariant: there are one to [`MAX_MEMBERS`] members.
#[derive(Clone, Debug)]
pub struct SignerSet(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    members: Vec<(SignerMember, Standing)>,
    calls: AtomicU32,
}

impl SignerSet {
    /// Takes the members, the preferred one first. No token is asked.
    ///
    /// # Errors
    ///
    /// [`TokenError::TooLong`]: more than [`MAX_MEMBERS`], or none.
    pub fn new(members: Vec<SignerMember>) -> Result<Self, TokenError> {
        check_n(members.len())?;
        let members = members.into_iter().map(|member| (member, Standing::default())).collect();
        Ok(Self(Arc::new(Inner { members, calls: AtomicU32::new(0) })))
    }

    /// Signs the same message with whoever can: for clones, and for formats that do not name the signer inside
    /// what is signed.
    ///
    /// # Errors
    ///
    /// As [`SignerSet::in_turn`].
    pub fn sign(&self, message: ToSign<'_>) -> Result<DoneBy<RawSignature>, NotDone> {
        self.in_turn(|_, member| member.sign(message))
    }

    /// Lets `act` prepare and sign with one member, and with the next if that one has surely done nothing.
    ///
    /// `act` gets the member's place in the set, by which the caller finds its certificate.
    ///
    /// # Errors
    ///
    /// [`NotDone`]: if its error says [`Sent::Perhaps`], a signature may exist: record it before anything is tried
    /// again. Otherwise nothing was signed, and every member that might have was asked.
    pub fn in_turn<T>(
        &self,
        act: impl Fn(usize, &SignerMember) -> Result<T, TokenError>,
    ) -> Result<DoneBy<T>, NotDone> {
        let mut last = NotDone { index: 0, name: String::new(), error: TokenError::Busy };
        for index in self.order() {
            let Some((member, _)) = self.0.members.get(index) else { continue };
            let result = act(index, member);
            let next = self.note(index, &result);
            match result {
                Ok(value) => return Ok(DoneBy { index, value }),
                Err(error) => {
                    last = NotDone { index, name: member.name.clone(), error };
                    if next == Next::Nobody {
                        break;
                    }
                }
            }
        }
        Err(last)
    }

    /// The places of the members in the order in which to ask them now. For callers that must do something between
    /// two members, such as writing down whom they ask; they give each outcome to [`SignerSet::note`].
    #[must_use]
    pub fn order(&self) -> Vec<usize> {
        let Inner { members, calls } = &*self.0;
        let ranked = order(members.iter().map(|(member, standing)| (&member.pool, standing)), calls);
        ranked.into_iter().map(|(_, index)| index).collect()
    }

    /// Remembers how the member at `index` did, and says whether another may be asked for the same.
    pub fn note<T>(&self, index: usize, result: &Result<T, TokenError>) -> Next {
        if let Some((_, standing)) = self.0.members.get(index) {
            standing.note(result);
        }
        match result {
            Err(error) if error.sent() == Sent::No && speaks_against_token(error) => Next::Another,
            Ok(_) | Err(_) => Next::Nobody,
        }
    }

    /// The members, in order of preference.
    pub fn members(&self) -> impl Iterator<Item = &SignerMember> {
        self.0.members.iter().map(|(member, _)| member)
    }

    /// How each member is, without asking its token. Does not block.
    #[must_use]
    pub fn health(&self) -> Vec<MemberHealth> {
        self.0
            .members
            .iter()
            .map(|(member, standing)| MemberHealth {
                name: member.name.clone(),
                health: member.pool.health(),
                n_failed: standing.n_failed(),
            })
            .collect()
    }
}

pub(crate) fn check_n(n: usize) -> Result<(), TokenError> {
    if (1..=MAX_MEMBERS).contains(&n) {
        Ok(())
    } else {
        Err(TokenError::TooLong { what: "the list of members", len: n, max: MAX_MEMBERS })
    }
}
