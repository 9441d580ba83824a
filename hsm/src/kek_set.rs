//! Key-encryption keys on several tokens: every secret is wrapped by each of them, any of them opens it.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use zeroize::Zeroizing;

use crate::error::TokenError;
use crate::signer_set::{DoneBy, MemberHealth, NotDone, check_n};
use crate::standing::{Rank, Standing, order, speaks_against_token};
use crate::wraps::Wraps;
use crate::{KeyLabel, Pool};

/// A key-encryption token, and its key.
#[derive(Clone, Debug)]
pub struct KekMember {
    /// What operators call it.
    pub name: String,
    /// The pool on its token.
    pub pool: Pool,
    /// The key on that token; another label than any other member's, since wraps are told apart by it.
    pub key: KeyLabel,
}

/// What [`KekSet::wrap`] made.
#[derive(Clone, Debug)]
pub struct Wrapping {
    /// What to store.
    pub wraps: Wraps,
    /// Members that could not wrap, by place: [`KekSet::complete`] when they are back.
    pub missing: Vec<usize>,
}

/// Key-encryption tokens, in order of preference. Clones share them.
///
/// Invariant: one to [`crate::MAX_MEMBERS`] members, no two with one label of their keys.
#[derive(Clone, Debug)]
pub struct KekSet(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    members: Vec<(KekMember, Standing)>,
    calls: AtomicU32,
}

impl KekSet {
    /// Takes the members, the preferred one first. No token is asked.
    ///
    /// # Errors
    ///
    /// * [`TokenError::TooLong`]: more than [`crate::MAX_MEMBERS`], or none.
    /// * [`TokenError::KeyNotUnique`]: two members' keys bear one label.
    pub fn new(members: Vec<KekMember>) -> Result<Self, TokenError> {
        check_n(members.len())?;
        for member in &members {
            let n = members.iter().filter(|other| other.key == member.key).count();
            if n > 1 {
                return Err(TokenError::KeyNotUnique { label: member.key.clone(), n });
            }
        }
        let members = members.into_iter().map(|member| (member, Standing::default())).collect();
        Ok(Self(Arc::new(Inner { members, calls: AtomicU32::new(0) })))
    }

    /// Wraps a secret under every member's key. One is enough for success; the others are told as missing.
    ///
    /// A member that is down, or hung lately, is not waited for as long as another can wrap.
    ///
    /// # Errors
    ///
    /// [`NotDone`]: no member could, or the input breaks a limit; as [`Pool::wrap`].
    pub fn wrap(&self, plaintext: &[u8], aad: &[u8]) -> Result<Wrapping, NotDone> {
        let (mut wraps, mut missing, mut last) = (Vec::new(), Vec::new(), None);
        for (rank, index) in self.order() {
            let Some((member, standing)) = self.0.members.get(index) else { continue };
            if rank >= Rank::SlowLately && !wraps.is_empty() {
                missing.push(index);
                continue;
            }
            let result = member.pool.wrap(&member.key, plaintext, aad);
            standing.note(&result);
            match result {
                Ok(wrapped) => wraps.push((Some(member.key.clone()), wrapped.as_bytes().to_vec())),
                Err(error) => {
                    let goes_on = speaks_against_token(&error);
                    let failed = NotDone { index, name: member.name.clone(), error };
                    if !goes_on {
                        return Err(failed);
                    }
                    missing.push(index);
                    last = Some(failed);
                }
            }
        }
        match last {
            Some(failed) if wraps.is_empty() => Err(failed),
            Some(_) | None => Ok(Wrapping { wraps: Wraps(wraps), missing }),
        }
    }

    /// Opens a secret with whoever can: the first healthy member, then the others.
    ///
    /// A wrap that is corrupt says nothing against its token, and does not keep another member's from being opened.
    ///
    /// # Errors
    ///
    /// [`NotDone`]: with [`TokenError::Corrupt`] if no member's wrap is whole; with a token's own error if a member
    /// that might have opened it could not be asked: try again.
    pub fn unwrap(&self, wraps: &Wraps, aad: &[u8]) -> Result<DoneBy<Zeroizing<Vec<u8>>>, NotDone> {
        let mut last: Option<NotDone> = None;
        for (_, index) in self.order() {
            let Some((member, standing)) = self.0.members.get(index) else { continue };
            let Some(wrapped) = wraps.under(&member.key) else { continue };
            let result = wrapped.and_then(|wrapped| member.pool.unwrap(&member.key, &wrapped, aad));
            standing.note(&result);
            match result {
                Ok(value) => return Ok(DoneBy { index, value }),
                // What could not be asked outweighs what is corrupt: it may be whole there.
                Err(TokenError::Corrupt) if last.is_some() => (),
                Err(error) => last = Some(NotDone { index, name: member.name.clone(), error }),
            }
        }
        Err(last.unwrap_or_else(|| NotDone {
            index: 0,
            name: "no member".to_owned(),
            error: TokenError::Corrupt,
        }))
    }

    /// Whether every member has a wrap of its own there. What is inside the wraps is not looked at.
    #[must_use]
    pub fn is_complete(&self, wraps: &Wraps) -> bool {
        let mut members = self.0.members.iter();
        // A single wrap without a label is the only member's, and never all of several members'.
        members.len() == wraps.0.len() && members.all(|(member, _)| wraps.entry(&member.key).is_some())
    }

    /// Wraps anew under every member's key what some of them have no whole wrap of. Who cannot wrap now keeps
    /// the wrap that he had.
    ///
    /// # Errors
    ///
    /// As [`KekSet::unwrap`] and [`KekSet::wrap`]; what was stored is as good as before.
    pub fn complete(&self, wraps: &Wraps, aad: &[u8]) -> Result<Wrapping, NotDone> {
        let opened = self.unwrap(wraps, aad)?;
        let mut made = self.wrap(&opened.value, aad)?;
        for index in &made.missing {
            if let Some((member, _)) = self.0.members.get(*index)
                && let Some((_, kept)) = wraps.entry(&member.key)
            {
                made.wraps.0.push((Some(member.key.clone()), kept.clone()));
            }
        }
        Ok(made)
    }

    /// How each member is, without asking its token. Does not block.
    #[must_use]
    pub fn health(&self) -> Vec<MemberHealth> {
        let members = self.0.members.iter();
        members
            .map(|(member, standing)| MemberHealth {
                name: member.name.clone(),
                health: member.pool.health(),
                n_failed: standing.n_failed(),
            })
            .collect()
    }

    fn order(&self) -> Vec<(Rank, usize)> {
        let Inner { members, calls } = &*self.0;
        order(members.iter().map(|(member, standing)| (&member.pool, standing)), calls)
    }
}
