//! The policies in force, and the one question that is asked of them.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::path::Path;

use cabinet::{Digest, Timestamp};
use cedar_policy::{Authorizer, Context, Decision, Entities, Entity, PolicySet, Request, Schema};

use crate::action::Action;
use crate::bundle::{Bundle, BundleError};
use crate::cases;
use crate::permit::{Because, Forbidden, PERMIT_VALID_S, Permit};
use crate::principal::Principal;
use crate::resource::Resource;
use crate::vocabulary::{Malformed, Words};

/// What a `forbid` policy answers when it decides.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Says {
    Refused(String),
    Untimely(String),
}

/// A bundle of policies that validated and passed its own tests.
///
/// Immutable: a new bundle is a new `Policy`. Asking costs some hundred microseconds and blocks nothing.
#[derive(Debug)]
pub struct Policy {
    pub(crate) schema: Schema,
    /// Every policy: what decides.
    pub(crate) all: PolicySet,
    /// Without the `@untimely` ones: tells "not you" from "not now" once the answer is no.
    pub(crate) who: PolicySet,
    /// By `@id`, what each `forbid` says.
    pub(crate) says: BTreeMap<String, Says>,
    pub(crate) words: Words,
    pub(crate) digest: Digest,
}

/// Who, when and how: with the best circumstances we ask what someone may know of at all.
#[derive(Clone, Copy)]
enum Circumstances {
    Actual,
    Best,
}

impl Policy {
    /// The bundle that this build carries.
    ///
    /// # Errors
    ///
    /// As [`Policy::load`]; a test of this crate holds that it loads.
    pub fn embedded() -> Result<Self, BundleError> {
        Self::from_bundle(&Bundle::embedded())
    }

    /// Reads, validates and tests the bundle in `folder`: `schema.cedarschema`, `*.cedar`, `tests.toml`.
    ///
    /// # Errors
    ///
    /// [`BundleError`] names the file and the line to mend. Nothing of the bundle is used then.
    pub fn load(folder: &Path) -> Result<Self, BundleError> {
        Self::from_bundle(&Bundle::read(folder)?)
    }

    fn from_bundle(bundle: &Bundle) -> Result<Self, BundleError> {
        let policy = bundle.compile()?;
        cases::check(&policy, &bundle.tests)?;
        Ok(policy)
    }

    /// The digest of the bundle's files, names and contents.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Permits `principal` to do `action` on `resource` at `now`, for [`PERMIT_VALID_S`] seconds.
    ///
    /// # Errors
    ///
    /// [`Forbidden`]: the caller answers 404, 403 or 409 with its code, and records what decided.
    pub fn permit<A: Action>(
        &self,
        principal: &Principal,
        _action: A,
        resource: &A::On,
        now: Timestamp,
    ) -> Result<Permit<A>, Forbidden> {
        let because = self.judge(principal, A::NAME, resource, now)?;
        Ok(Permit {
            principal: principal.id,
            resource_id: resource.id(),
            resource_version: resource.version(),
            bundle: self.digest,
            session_epoch: principal.session_epoch,
            expires: now.plus_seconds(PERMIT_VALID_S),
            because,
            action: PhantomData,
        })
    }

    /// True if [`Policy::permit`] would permit: for the lists of acts that a client shows.
    #[must_use]
    pub fn allows<A: Action>(
        &self,
        principal: &Principal,
        _action: A,
        resource: &A::On,
        now: Timestamp,
    ) -> bool {
        self.ask(&self.all, principal, A::NAME, resource, now, Circumstances::Actual).is_ok()
    }

    /// The answer and its reasons, for an act given by name. An unknown act is refused.
    pub(crate) fn judge<R: Resource>(
        &self,
        principal: &Principal,
        action: &str,
        resource: &R,
        now: Timestamp,
    ) -> Result<Because, Forbidden> {
        let because = match self.ask(&self.all, principal, action, resource, now, Circumstances::Actual) {
            Ok(because) => return Ok(because),
            Err(because) => because,
        };
        let known = R::KIND.seen_by().is_none_or(|reading| {
            self.ask(&self.all, principal, reading, resource, now, Circumstances::Best).is_ok()
        });
        if !known {
            return Err(Forbidden::Hidden(because));
        }
        if !because.errors.is_empty() {
            return Err(Forbidden::Refused { code: "policy-error".into(), because });
        }
        match self.ask(&self.who, principal, action, resource, now, Circumstances::Actual) {
            Ok(_) => {
                let code = self.first_code(&because).unwrap_or("not-now").to_owned();
                Err(Forbidden::Untimely { code, because })
            }
            Err(because) => {
                let code = self.first_code(&because).unwrap_or("not-permitted").to_owned();
                Err(Forbidden::Refused { code, because })
            }
        }
    }

    fn first_code(&self, because: &Because) -> Option<&str> {
        because.policies.iter().find_map(|id| self.says.get(id)).map(|says| match says {
            Says::Refused(code) | Says::Untimely(code) => code.as_str(),
        })
    }

    /// Evaluates. Any error denies: Cedar itself would skip the policy, also a `forbid`.
    fn ask<R: Resource>(
        &self,
        set: &PolicySet,
        principal: &Principal,
        action: &str,
        resource: &R,
        now: Timestamp,
        circumstances: Circumstances,
    ) -> Result<Because, Because> {
        let asked = self.request(principal, action, resource, now, circumstances);
        let (request, entities) =
            asked.map_err(|Malformed(says)| Because { policies: Vec::new(), errors: vec![says] })?;
        let response = Authorizer::new().is_authorized(&request, set, &entities);
        let mut policies: Vec<_> = response.diagnostics().reason().map(ToString::to_string).collect();
        policies.sort_unstable();
        let errors: Vec<_> = response.diagnostics().errors().map(ToString::to_string).collect();
        let because = Because { policies, errors };
        if response.decision() == Decision::Allow && because.errors.is_empty() {
            Ok(because)
        } else {
            Err(because)
        }
    }

    fn request<R: Resource>(
        &self,
        principal: &Principal,
        action: &str,
        resource: &R,
        now: Timestamp,
        circumstances: Circumstances,
    ) -> Result<(Request, Entities), Malformed> {
        let who = self.words.principal(principal)?;
        let what = self.words.resource(resource)?;
        let context = self.context(principal, now, circumstances)?;
        let action = self.words.uid("Action", action)?;
        let request = Request::new(who.uid(), action, what.uid(), context, Some(&self.schema))
            .map_err(|err| Malformed(err.to_string()))?;
        let entities: [Entity; 2] = [who, what];
        let entities = Entities::from_entities(entities, Some(&self.schema))
            .map_err(|err| Malformed(err.to_string()))?;
        Ok((request, entities))
    }

    fn context(
        &self,
        principal: &Principal,
        now: Timestamp,
        circumstances: Circumstances,
    ) -> Result<Context, Malformed> {
        match circumstances {
            Circumstances::Actual => {
                let signed_in_s = now.as_seconds().saturating_sub(principal.authenticated_at.as_seconds());
                self.words.context(principal.factors.iter().map(|factor| factor.as_str()), signed_in_s)
            }
            Circumstances::Best => self.words.context(["password", "totp", "passkey", "card"], 0),
        }
    }
}
