//! The appliance's parts in one hand, and how handlers ask for permission.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use audit::Act;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use cabinet::Timestamp;
use cabinet::rules::RuleSet;
use policies::{Action, Forbidden, Permit, Policy, Principal};

use crate::batches::Work;
use crate::blobs::Blobs;
use crate::cards::Waiting;
use crate::clock::Clock;
use crate::dossiers::pages::Pages;
use crate::entries::Draft;
use crate::error::Problem;
use crate::keys::Keys;
use crate::live::Live;
use crate::log::Log;
use crate::parser::Parser;
use crate::passkeys::Ceremonies;
use crate::people::Directory;
use crate::people::sessions::Session;
use crate::search::Searching;
use crate::settings::BodyConfig;
use crate::store::{Db, StoreError, SystemAct, Tx};
use crate::trust::TrustServices;

/// The office, shared by all handlers. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<AppParts>);

/// What an [`App`] is made of.
#[expect(missing_debug_implementations, reason = "it holds keys; `App` says its name")]
pub struct AppParts {
    /// Sealed papers.
    pub blobs: Blobs,
    /// The body whose meetings these are: names, places, series, forms.
    pub body: BodyConfig,
    /// What waits for a card's signature.
    pub cards: Waiting,
    /// Wall clock.
    pub clock: Clock,
    /// Database.
    pub db: Db,
    /// Names and signers.
    pub directory: Directory,
    /// Keys and tokens.
    pub keys: Keys,
    /// What is pushed to screens.
    pub live: Live,
    /// The right to write the log: no command writes it meanwhile.
    pub lock: crate::keys::offline::Writer,
    /// The sequencer of the log.
    pub log: Log,
    /// Page images kept in memory.
    pub pages: Pages,
    /// Ceremonies of passkeys that are under way.
    pub passkeys: Ceremonies,
    /// The process that reads hostile files.
    pub parser: Parser,
    /// Policies in force.
    pub policy: Arc<Policy>,
    /// The rule set in force.
    pub rules: RuleSet,
    /// Time-stamps and the status of certificates.
    pub trust: TrustServices,
    /// The index.
    pub searching: Searching,
    /// Typesetting of our own papers.
    pub typesetter: Arc<papers::write::Typesetter>,
    /// Where large documents lie while they are signed.
    pub work: Work,
}

impl Deref for App {
    type Target = AppParts;

    fn deref(&self) -> &AppParts {
        &self.0
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("App")
    }
}

/// A person with two factors: whatever asks for this is closed to everybody else.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// As policies see him.
    pub principal: Arc<Principal>,
    /// His session.
    pub session: Arc<Session>,
}

impl Deref for SignedIn {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.principal
    }
}

impl<S: Sync> FromRequestParts<S> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // The gateway puts it there, and nobody else can: request extensions do not come over the wire.
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::not_signed_in)
    }
}

impl App {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: AppParts) -> Self {
        Self(Arc::new(parts))
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The Office as a resource: what is done on nothing in particular.
    #[must_use]
    pub const fn office(&self) -> policies::resource::Office {
        policies::resource::Office
    }

    /// Asks the policy. A refusal of something that the person may know of is logged.
    ///
    /// # Errors
    ///
    /// 404 where the thing may not be known, 403 with a code, 409 where it is too early or too late;
    /// 503 if the refusal could not be logged.
    pub async fn permit<A: Action>(
        &self,
        who: &SignedIn,
        action: A,
        resource: &A::On,
    ) -> Result<Permit<A>, Problem> {
        let forbidden = match self.policy.permit(&who.principal, action, resource, self.now()) {
            Ok(permit) => return Ok(permit),
            Err(forbidden) => forbidden,
        };
        let because = forbidden.because();
        if !because.errors.is_empty() {
            tracing::error!(action = A::NAME, errors = ?because.errors, "a policy failed to evaluate; the act was denied");
        }
        self.log_refusal(who, A::NAME, &forbidden).await?;
        Err(match forbidden {
            Forbidden::Hidden(_) => Problem::not_found(),
            Forbidden::Refused { code, .. } => {
                Problem::new(StatusCode::FORBIDDEN, code, "the policy refuses this act to this person")
            }
            Forbidden::Untimely { code, .. } => Problem::conflict(code, "not in this state"),
        })
    }

    /// Whether the policy would permit: for the `actions` that screens show.
    #[must_use]
    pub fn allows<A: Action>(&self, who: &SignedIn, action: A, resource: &A::On) -> bool {
        self.policy.allows(&who.principal, action, resource, self.now())
    }

    /// Begins an act on the database.
    ///
    /// # Errors
    ///
    /// * [`StoreError::Conflict`]: what was judged has changed.
    pub async fn begin<A>(&self, permit: &Permit<A>) -> Result<Tx, StoreError> {
        self.db.begin(permit, self.policy.digest(), self.now()).await
    }

    async fn log_refusal(
        &self,
        who: &SignedIn,
        action: &'static str,
        why: &Forbidden,
    ) -> Result<(), StoreError> {
        let kind = match why {
            Forbidden::Hidden(_) => "hidden".to_owned(),
            Forbidden::Refused { code, .. } | Forbidden::Untimely { code, .. } => code.clone(),
        };
        let actor = who.id;
        let tx = self.db.begin_system(SystemAct("log a refusal")).await?;
        tx.commit(
            self.now(),
            Draft::act(Act::PermissionRefused, Some(actor), [("action", action.to_owned()), ("why", kind)]),
        )
        .await?;
        Ok(())
    }
}
