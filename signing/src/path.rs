//! Certification paths: built from what was handed in, validated in full, with revocation where it is asked for.
//!
//! [`build`] searches from the leaf to the anchors of a [`TrustStore`], tries alternatives within fixed
//! limits, and judges each path by RFC 5280, section 6.1: signatures, validity, names, basic constraints,
//! key usage, certificate policies, name constraints, critical extensions. What fails is told as one
//! [`PathFailure`]: which certificate, which rule.
//!
//! An anchor is a name and a key that somebody trusts; of its certificate its validity, its right to
//! certify, its path length and its name constraints count too (RFC 5937), its own signature does not.
//!
//! Source: `docs/sources.md`, entries `rfc5280` (6), `rfc9618`, `rfc5937`, `pkits`.

pub(crate) mod algorithms;
pub(crate) mod facts;
mod failure;
mod name;
mod policies;
mod revocation;
mod search;
mod subtrees;
#[cfg(test)]
mod tests;
mod validate;

use std::collections::BTreeSet;

use cabinet::Timestamp;
use const_oid::ObjectIdentifier;

pub use failure::{PathFailure, Place, Rule};
pub(crate) use name::NormalName;
pub use revocation::{Evidence, NotCovered, RevocationStatus, Silence};

use crate::trust::Purpose;
use crate::{Certificate, TrustStore};

/// What a path must fulfil.
#[derive(Clone, Debug)]
pub struct Constraints<'a> {
    /// The instant at which every certificate must be valid.
    pub at: Timestamp,
    /// What the leaf is to be used for: only anchors trusted for that are looked at.
    pub purpose: Purpose,
    /// The initial settings about certificate policies.
    pub policies: Policies,
    /// Whether every certificate below the anchor must be shown not to be revoked, and by what.
    pub revocation: Option<&'a Evidence>,
}

impl Constraints<'_> {
    /// Validity at `at`, any policy, revocation not asked.
    #[must_use]
    pub fn at(at: Timestamp) -> Self {
        Self { at, purpose: Purpose::Signing, policies: Policies::default(), revocation: None }
    }
}

/// The user's side of certificate policies, RFC 5280, 6.1.1 (c), (e), (f), (g).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Policies {
    /// The policies that are acceptable, user-initial-policy-set; empty accepts any.
    pub accepted: BTreeSet<ObjectIdentifier>,
    /// Whether an acceptable policy must hold, initial-explicit-policy.
    pub is_explicit_required: bool,
    /// Whether mapped policies count for nothing, initial-policy-mapping-inhibit.
    pub is_mapping_inhibited: bool,
    /// Whether anyPolicy counts for nothing, initial-any-policy-inhibit.
    pub is_any_inhibited: bool,
}

/// A valid path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Path {
    /// From the leaf to the anchor, both included.
    pub certificates: Vec<Certificate>,
    /// The policies that hold for the whole path, in the anchor's words; may hold anyPolicy.
    pub policies: BTreeSet<ObjectIdentifier>,
    /// For each certificate below the anchor, leaf first: what the evidence says; empty if it was not asked.
    pub revocation: Vec<RevocationStatus>,
}

/// Finds a valid path from `leaf` over some of `others` to an anchor of `trust`.
///
/// At most 10 certificates long; at most 1,024 signatures are checked and 64 paths judged, so hostile
/// input costs at most about a second.
///
/// # Errors
///
/// [`PathFailure`]: of all paths that were tried, the failure that says most.
pub fn build(
    leaf: &Certificate,
    others: &[Certificate],
    trust: &TrustStore,
    constraints: &Constraints<'_>,
) -> Result<Path, PathFailure> {
    search::build(leaf, others, trust, constraints)
}
