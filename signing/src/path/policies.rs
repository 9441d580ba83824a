//! Certificate policies along a path: a graph with one node for each policy and depth.
//!
//! RFC 5280's tree can grow with the power of its depth; RFC 9618 gives the same answers with a graph
//! that cannot.
//!
//! Source: `docs/sources.md`, entries `rfc5280` (6.1) and `rfc9618`.

use std::collections::{BTreeMap, BTreeSet};

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::ANY_POLICY;

use super::failure::Rule;

/// The nodes of one depth, by their valid policy.
type Level = BTreeMap<ObjectIdentifier, Node>;

#[derive(Clone, Debug, Default)]
struct Node {
    expected: BTreeSet<ObjectIdentifier>,
    parents: BTreeSet<ObjectIdentifier>,
}

/// The valid policy graph; without levels it is NULL.
#[derive(Clone, Debug)]
pub(crate) struct Graph {
    levels: Vec<Level>,
}

impl Graph {
    /// The graph before the first certificate: anyPolicy alone.
    pub(crate) fn new() -> Self {
        let root = Node { expected: BTreeSet::from([ANY_POLICY]), parents: BTreeSet::new() };
        Self { levels: vec![Level::from([(ANY_POLICY, root)])] }
    }

    pub(crate) const fn is_null(&self) -> bool {
        self.levels.is_empty()
    }

    /// Processes a certificate's policies, RFC 5280, 6.1.3 (d) and (e).
    pub(crate) fn certificate(&mut self, policies: Option<&[ObjectIdentifier]>, may_be_any: bool) {
        let Some(policies) = policies else {
            self.levels.clear();
            return;
        };
        let Some(above) = self.levels.last() else { return };
        let expecting = |policy: &ObjectIdentifier| -> BTreeSet<ObjectIdentifier> {
            above.iter().filter(|(_, node)| node.expected.contains(policy)).map(|(own, _)| *own).collect()
        };
        let mut level = Level::new();
        for policy in policies.iter().filter(|policy| **policy != ANY_POLICY) {
            let mut parents = expecting(policy);
            if parents.is_empty() && above.contains_key(&ANY_POLICY) {
                parents.insert(ANY_POLICY);
            }
            if !parents.is_empty() {
                level.insert(*policy, Node { expected: BTreeSet::from([*policy]), parents });
            }
        }
        if may_be_any && policies.contains(&ANY_POLICY) {
            for policy in above.values().flat_map(|node| &node.expected) {
                if !level.contains_key(policy) {
                    let parents = expecting(policy);
                    level.insert(*policy, Node { expected: BTreeSet::from([*policy]), parents });
                }
            }
        }
        self.levels.push(level);
        self.prune();
    }

    /// Processes a certificate's policy mappings, RFC 5280, 6.1.4 (a) and (b).
    pub(crate) fn map(
        &mut self,
        mappings: &[(ObjectIdentifier, ObjectIdentifier)],
        is_mapping_allowed: bool,
    ) -> Result<(), Rule> {
        if mappings.iter().any(|(from, to)| *from == ANY_POLICY || *to == ANY_POLICY) {
            return Err(Rule::PolicyMapping);
        }
        let mut by_issuer: BTreeMap<ObjectIdentifier, BTreeSet<ObjectIdentifier>> = BTreeMap::new();
        for (from, to) in mappings {
            by_issuer.entry(*from).or_default().insert(*to);
        }
        let Some(level) = self.levels.last_mut() else { return Ok(()) };
        for (policy, expected) in by_issuer {
            if !is_mapping_allowed {
                level.remove(&policy);
            } else if let Some(node) = level.get_mut(&policy) {
                node.expected = expected;
            } else if level.contains_key(&ANY_POLICY) {
                level.insert(policy, Node { expected, parents: BTreeSet::from([ANY_POLICY]) });
            }
        }
        self.prune();
        Ok(())
    }

    /// The policies, in the anchor's words, that hold for the whole path and that the user accepts;
    /// an empty `accepted` accepts any. RFC 5280, 6.1.5 (g).
    pub(crate) fn user_constrained(
        &self,
        accepted: &BTreeSet<ObjectIdentifier>,
    ) -> BTreeSet<ObjectIdentifier> {
        let mut authority = BTreeSet::new();
        for level in self.levels.iter().skip(1) {
            for (policy, node) in level {
                if *policy != ANY_POLICY && node.parents.contains(&ANY_POLICY) {
                    authority.insert(*policy);
                }
            }
        }
        let ends_in_any = self.levels.last().is_some_and(|level| level.contains_key(&ANY_POLICY));
        if accepted.is_empty() {
            if ends_in_any {
                authority.insert(ANY_POLICY);
            }
            return authority;
        }
        if ends_in_any { accepted.clone() } else { authority.intersection(accepted).copied().collect() }
    }

    /// Takes away what has no child, upwards; if nothing is left at the lowest depth, the graph is NULL.
    fn prune(&mut self) {
        let mut needed: Option<BTreeSet<ObjectIdentifier>> = None;
        for level in self.levels.iter_mut().rev() {
            if let Some(needed) = &needed {
                level.retain(|policy, _| needed.contains(policy));
            }
            if level.is_empty() {
                self.levels.clear();
                return;
            }
            needed = Some(level.values().flat_map(|node| &node.parents).copied().collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(n: usize) -> ObjectIdentifier {
        format!("1.2.3.{n}").parse().unwrap()
    }

    #[test]
    fn policies_mapped_to_each_other_do_not_explode() {
        let policies: Vec<_> = (0..40).map(policy).collect();
        let all_to_all: Vec<_> =
            policies.iter().flat_map(|from| policies.iter().map(move |to| (*from, *to))).collect();
        let mut graph = Graph::new();
        for _ in 0..10 {
            graph.certificate(Some(&policies), true);
            graph.map(&all_to_all, true).unwrap();
        }
        assert!(graph.levels.iter().all(|level| level.len() <= 40));
        assert_eq!(graph.user_constrained(&BTreeSet::new()).len(), 40);
        assert_eq!(graph.user_constrained(&BTreeSet::from([policy(3), policy(99)])), [policy(3)].into());
        graph.certificate(Some(&[policy(99)]), true);
        assert!(graph.is_null());
    }

    #[test]
    fn any_policy_is_neither_mapped_nor_kept_when_inhibited() {
        let mut graph = Graph::new();
        assert_eq!(graph.map(&[(ANY_POLICY, policy(1))], true), Err(Rule::PolicyMapping));
        assert_eq!(graph.map(&[(policy(1), ANY_POLICY)], true), Err(Rule::PolicyMapping));
        graph.certificate(Some(&[ANY_POLICY]), true);
        assert_eq!(graph.user_constrained(&BTreeSet::from([policy(1)])), [policy(1)].into());
        graph.certificate(Some(&[ANY_POLICY]), false);
        assert!(graph.is_null());
    }
}
