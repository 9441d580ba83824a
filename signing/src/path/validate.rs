//! The certification path validation algorithm, from the anchor down to the leaf.
//!
//! Signatures and the chaining of names were checked while the path was built.
//!
//! Source: `docs/sources.md`, entry `rfc5280` (6.1); `rfc5937` (constraints of the anchor).

use std::collections::BTreeSet;

use cabinet::Timestamp;
use const_oid::ObjectIdentifier;

use super::facts::{Extensions, Facts};
use super::failure::{Place, Rule};
use super::policies::Graph;
use super::subtrees::Subtrees;
use super::{PathFailure, Policies, algorithms};

/// What is carried from one certificate to the next.
struct State {
    graph: Graph,
    subtrees: Subtrees,
    explicit_policy: usize,
    inhibit_any_policy: usize,
    policy_mapping: usize,
    max_path_length: usize,
}

/// Validates the certificates from below `anchor` to the leaf at `at`; gives the policies that hold.
pub(super) fn validate(
    anchor: &Facts<'_>,
    path: &[&Facts<'_>],
    wanted: &Policies,
    at: Timestamp,
) -> Result<BTreeSet<ObjectIdentifier>, PathFailure> {
    let mut state = State::new(anchor, path.len(), wanted, at)
        .map_err(|rule| rule.at(Place::Anchor, anchor.certificate))?;
    let last = path.len().saturating_sub(1);
    for (i, facts) in path.iter().enumerate() {
        let place = if i == last { Place::Leaf } else { Place::Intermediate };
        state.certificate(facts, place, at).map_err(|rule| rule.at(place, facts.certificate))?;
    }
    let policies = state.graph.user_constrained(&wanted.accepted);
    match path.last() {
        Some(leaf) if state.explicit_policy == 0 && policies.is_empty() => {
            Err(Rule::Policy.at(Place::Leaf, leaf.certificate))
        }
        Some(_) | None => Ok(policies),
    }
}

/// Checks that `at` lies in the certificate's validity.
pub(super) fn in_validity(facts: &Facts<'_>, at: Timestamp) -> Result<(), Rule> {
    if at.as_seconds() < facts.certificate.not_before().as_seconds() {
        return Err(Rule::NotYetValid);
    }
    if facts.certificate.is_valid_at(at) { Ok(()) } else { Err(Rule::Expired) }
}

impl State {
    fn new(anchor: &Facts<'_>, n: usize, wanted: &Policies, at: Timestamp) -> Result<Self, Rule> {
        let next = n.saturating_add(1);
        let start = |is_set: bool| if is_set { 0 } else { next };
        let mut state = Self {
            graph: Graph::new(),
            subtrees: Subtrees::default(),
            explicit_policy: start(wanted.is_explicit_required),
            inhibit_any_policy: start(wanted.is_any_inhibited),
            policy_mapping: start(wanted.is_mapping_inhibited),
            max_path_length: n,
        };
        in_validity(anchor, at)?;
        algorithms::key(anchor.certificate)?;
        let extensions = known(anchor)?;
        state.issues(extensions, true)?;
        state.constrain(extensions)?;
        Ok(state)
    }

    fn certificate(&mut self, facts: &Facts<'_>, place: Place, at: Timestamp) -> Result<(), Rule> {
        in_validity(facts, at)?;
        algorithms::key(facts.certificate)?;
        let extensions = known(facts)?;
        let is_leaf = place == Place::Leaf;
        let is_free = facts.is_self_issued() && !is_leaf;
        if !is_free {
            self.subtrees.check(facts, extensions)?;
        }
        let may_be_any = self.inhibit_any_policy > 0 || is_free;
        self.graph.certificate(extensions.policies.as_deref(), may_be_any);
        if self.explicit_policy == 0 && self.graph.is_null() {
            return Err(Rule::Policy);
        }
        if is_leaf {
            self.wrap_up(extensions);
            Ok(())
        } else {
            self.prepare(facts, extensions)
        }
    }

    /// Prepares for the next certificate, RFC 5280, 6.1.4.
    fn prepare(&mut self, facts: &Facts<'_>, extensions: &Extensions) -> Result<(), Rule> {
        self.graph.map(&extensions.mappings, self.policy_mapping > 0)?;
        if !facts.is_self_issued() {
            for counter in [&mut self.explicit_policy, &mut self.policy_mapping, &mut self.inhibit_any_policy]
            {
                *counter = counter.saturating_sub(1);
            }
        }
        if let Some(constraints) = &extensions.policy_constraints {
            lower(&mut self.explicit_policy, constraints.require_explicit_policy);
            lower(&mut self.policy_mapping, constraints.inhibit_policy_mapping);
        }
        lower(&mut self.inhibit_any_policy, extensions.inhibit_any_policy);
        self.issues(extensions, facts.is_self_issued())?;
        self.constrain(extensions)
    }

    /// The end, RFC 5280, 6.1.5 (a) and (b).
    fn wrap_up(&mut self, extensions: &Extensions) {
        self.explicit_policy = self.explicit_policy.saturating_sub(1);
        let required = extensions.policy_constraints.as_ref().and_then(|it| it.require_explicit_policy);
        if required == Some(0) {
            self.explicit_policy = 0;
        }
    }

    /// The issuer is an authority, within the length that those above allow, whose key may sign certificates;
    /// 6.1.4 (k) to (n). One that is free, self-issued or the anchor, does not lengthen the path.
    fn issues(&mut self, extensions: &Extensions, is_free: bool) -> Result<(), Rule> {
        let basic = extensions.basic.as_ref().filter(|basic| basic.ca).ok_or(Rule::NotAnAuthority)?;
        if !is_free {
            self.max_path_length = self.max_path_length.checked_sub(1).ok_or(Rule::PathLength)?;
        }
        lower(&mut self.max_path_length, basic.path_len_constraint.map(u32::from));
        if extensions.usage.as_ref().is_some_and(|usage| !usage.key_cert_sign()) {
            return Err(Rule::KeyUsage);
        }
        Ok(())
    }

    fn constrain(&mut self, extensions: &Extensions) -> Result<(), Rule> {
        extensions.name_constraints.as_ref().map_or(Ok(()), |constraints| self.subtrees.add(constraints))
    }
}

/// The extensions, if every critical one is understood.
fn known<'f>(facts: &'f Facts<'_>) -> Result<&'f Extensions, Rule> {
    let extensions = facts.extensions.as_ref().map_err(Clone::clone)?;
    match extensions.unknown_critical {
        Some(unknown) => Err(Rule::UnknownCriticalExtension(unknown.to_string())),
        None => Ok(extensions),
    }
}

fn lower(counter: &mut usize, to: Option<u32>) {
    if let Some(to) = to.and_then(|to| usize::try_from(to).ok()) {
        *counter = (*counter).min(to);
    }
}
