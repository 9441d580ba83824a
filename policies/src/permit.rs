//! The answers: a permit that a write needs, or why there is none.

use std::marker::PhantomData;

use cabinet::id::PersonId;
use cabinet::{Digest, Timestamp};

/// How long a permit may be used, in seconds: a token call and its retry fit, a coffee does not.
pub const PERMIT_VALID_S: i64 = 60;

/// What decided: for the audit entry, the log line and `ecabinet policy explain`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Because {
    /// The `@id`s of the policies that decided, sorted. Empty when no policy permits.
    pub policies: Vec<String>,
    /// Evaluation errors. Not empty means deny, and an alarm: a policy did not take part.
    pub errors: Vec<String>,
}

/// Permission to do `A` once, soon, on one version of one thing.
///
/// Only [`crate::Policy::permit`] makes one. Whoever writes re-checks inside the transaction that
/// version, bundle and session epoch are still those and that it has not expired.
#[derive(Clone, Debug)]
pub struct Permit<A> {
    pub(crate) principal: PersonId,
    pub(crate) resource_id: String,
    pub(crate) resource_version: i64,
    pub(crate) bundle: Digest,
    pub(crate) session_epoch: u64,
    pub(crate) expires: Timestamp,
    pub(crate) because: Because,
    pub(crate) action: PhantomData<fn() -> A>,
}

impl<A: crate::Action> Permit<A> {
    /// The act's name in the schema.
    #[must_use]
    pub const fn action(&self) -> &'static str {
        A::NAME
    }
}

impl<A> Permit<A> {
    /// Whom it was given to.
    #[must_use]
    pub const fn principal(&self) -> PersonId {
        self.principal
    }

    /// The id of the thing: a UUID, or `office`, `log`, `system`.
    #[must_use]
    pub fn resource_id(&self) -> &str {
        &self.resource_id
    }

    /// The version of the thing that was judged.
    #[must_use]
    pub const fn resource_version(&self) -> i64 {
        self.resource_version
    }

    /// The digest of the policy bundle that judged.
    #[must_use]
    pub const fn bundle(&self) -> Digest {
        self.bundle
    }

    /// The epoch of the sign-in session that asked.
    #[must_use]
    pub const fn session_epoch(&self) -> u64 {
        self.session_epoch
    }

    /// The first instant at which it is void.
    #[must_use]
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }

    /// The policies that decided.
    #[must_use]
    pub const fn because(&self) -> &Because {
        &self.because
    }
}

/// There is no permit.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Forbidden {
    /// The caller may not even know of the thing: answer 404, as for one that does not exist.
    #[error("there is no such thing for this caller")]
    Hidden(Because),
    /// The caller may not do this: answer 403 with the code.
    #[error("the policy refuses: {code}")]
    Refused {
        /// A stable code: `not-permitted`, or the `@refused` of the policy that forbids.
        code: String,
        /// What decided.
        because: Because,
    },
    /// The caller may do this, but not in the thing's present state: answer 409 with the code.
    #[error("not in this state: {code}")]
    Untimely {
        /// A stable code: the `@untimely` of the policy that forbids.
        code: String,
        /// What decided.
        because: Because,
    },
}

impl Forbidden {
    /// What decided.
    #[must_use]
    pub const fn because(&self) -> &Because {
        match self {
            Self::Hidden(because) | Self::Refused { because, .. } | Self::Untimely { because, .. } => because,
        }
    }
}
