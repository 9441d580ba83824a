//! The search for a path: depth first, the likeliest issuer first, within limits.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use cabinet::Timestamp;
use const_oid::ObjectIdentifier;

use super::facts::Facts;
use super::failure::{Place, Rule};
use super::name::NormalName;
use super::revocation::{NotCovered, RevocationStatus, Silence};
use super::{Constraints, Path, PathFailure, revocation, validate};
use crate::{Certificate, TrustStore};

/// Longest path, in certificates, leaf and anchor included.
const MAX_PATH_CERTIFICATES: usize = 10;
/// Most certificates that may be handed in beside the leaf.
const MAX_OTHERS: usize = 4096;
/// Most signatures that are checked in one search, those on revocation lists included.
const MAX_SIGNATURE_CHECKS: usize = 1024;
/// Most complete paths that are judged in one search.
const MAX_VALIDATIONS: usize = 64;

/// Everything a search looks at; a list's signer is searched with the same limits.
pub(super) struct Search<'a> {
    anchors: Vec<Facts<'a>>,
    others: Vec<Facts<'a>>,
    by_subject: BTreeMap<NormalName, Vec<usize>>,
    pub(super) constraints: &'a Constraints<'a>,
    n_checks: Cell<usize>,
    n_validations: Cell<usize>,
}

/// A valid path from below the anchor, leaf first.
#[derive(Debug)]
pub(super) struct Found<'s, 'a> {
    path: Vec<&'s Facts<'a>>,
    anchor: &'s Facts<'a>,
    policies: BTreeSet<ObjectIdentifier>,
    revocation: Vec<RevocationStatus>,
}

pub(super) fn build(
    leaf: &Certificate,
    others: &[Certificate],
    trust: &TrustStore,
    constraints: &Constraints<'_>,
) -> Result<Path, PathFailure> {
    let leaf_facts = Facts::of(leaf).map_err(|rule| rule.at(Place::Leaf, leaf))?;
    if others.len() > MAX_OTHERS {
        return Err(Rule::Limit("more than 4,096 certificates were handed in").at(Place::Leaf, leaf));
    }
    let search = Search::new(others, trust, constraints);
    let found = search.path(&leaf_facts)?;
    let mut certificates: Vec<Certificate> =
        found.path.iter().map(|facts| facts.certificate.clone()).collect();
    certificates.push(found.anchor.certificate.clone());
    Ok(Path { certificates, policies: found.policies, revocation: found.revocation })
}

impl<'a> Search<'a> {
    fn new(others: &'a [Certificate], trust: &'a TrustStore, constraints: &'a Constraints<'a>) -> Self {
        let facts = |certificate: &'a Certificate| Facts::of(certificate).ok();
        let anchors = trust.anchors_for(constraints.purpose, constraints.at).filter_map(facts).collect();
        let others: Vec<Facts<'a>> = others.iter().filter_map(facts).collect();
        let mut by_subject: BTreeMap<NormalName, Vec<usize>> = BTreeMap::new();
        for (i, facts) in others.iter().enumerate() {
            by_subject.entry(facts.subject.clone()).or_default().push(i);
        }
        let (n_checks, n_validations) = (Cell::new(0), Cell::new(0));
        Self { anchors, others, by_subject, constraints, n_checks, n_validations }
    }

    /// Finds a valid path from `leaf`.
    fn path<'s>(&'s self, leaf: &'s Facts<'a>) -> Result<Found<'s, 'a>, PathFailure> {
        let mut best = Rule::NoIssuer.at(Place::Leaf, leaf.certificate);
        let mut chain = vec![leaf];
        match self.extend(&mut chain, &mut best) {
            Ok(Some(found)) => Ok(found),
            Ok(None) => Err(best),
            Err(limit) => Err(limit.at(Place::Leaf, leaf.certificate)),
        }
    }

    /// The certificates with this name that were handed in; one whose key has that identifier first.
    pub(super) fn named<'s>(
        &'s self,
        subject: &NormalName,
        key_id: Option<&[u8]>,
    ) -> impl Iterator<Item = &'s Facts<'a>> + use<'s, 'a> {
        let places = self.by_subject.get(subject).map(Vec::as_slice).unwrap_or_default();
        let mut named: Vec<&Facts<'a>> = places.iter().filter_map(|i| self.others.get(*i)).collect();
        named.sort_by_key(|facts| key_id_distance(facts, key_id));
        named.into_iter()
    }

    /// Counts one signature check.
    pub(super) fn spend(&self) -> Result<(), Rule> {
        let n_checks = self.n_checks.get().saturating_add(1);
        self.n_checks.set(n_checks);
        if n_checks > MAX_SIGNATURE_CHECKS {
            Err(Rule::Limit("1,024 signatures were checked"))
        } else {
            Ok(())
        }
    }

    /// Looks for issuers of the chain's last certificate. `Err` ends the whole search.
    fn extend<'s>(
        &'s self,
        chain: &mut Vec<&'s Facts<'a>>,
        best: &mut PathFailure,
    ) -> Result<Option<Found<'s, 'a>>, Rule> {
        let Some(last) = chain.last().copied() else { return Ok(None) };
        let place = if chain.len() == 1 { Place::Leaf } else { Place::Intermediate };
        let mut note = |failure: PathFailure| {
            if failure.rule.weight() > best.rule.weight() {
                *best = failure;
            }
        };
        for anchor in &self.anchors {
            let is_anchor_itself = chain.len() == 1 && anchor.certificate == last.certificate;
            if !is_anchor_itself {
                if anchor.subject != last.issuer {
                    continue;
                }
                self.spend()?;
                if let Err(rule) = self.is_signed_by(last, anchor) {
                    note(rule.at(place, last.certificate));
                    continue;
                }
            }
            let found = if is_anchor_itself {
                trusted_itself(anchor, self.constraints.at)
            } else {
                self.judge(chain, anchor, &mut Vec::new())?
            };
            match found {
                Ok(found) => return Ok(Some(found)),
                Err(failure) => note(failure),
            }
        }
        if chain.len().saturating_add(1) >= MAX_PATH_CERTIFICATES {
            return Ok(None);
        }
        for issuer in self.named(&last.issuer, last.authority_key_id()) {
            if chain.iter().any(|facts| is_same_entity(facts, issuer)) {
                continue;
            }
            self.spend()?;
            match self.is_signed_by(last, issuer) {
                Ok(()) => {
                    chain.push(issuer);
                    let found = self.extend(chain, best)?;
                    chain.pop();
                    if found.is_some() {
                        return Ok(found);
                    }
                }
                Err(rule) => {
                    let failure = rule.at(place, last.certificate);
                    if failure.rule.weight() > best.rule.weight() {
                        *best = failure;
                    }
                }
            }
        }
        Ok(None)
    }

    pub(super) fn is_signed_by(&self, facts: &Facts<'a>, issuer: &Facts<'a>) -> Result<(), Rule> {
        let (certificate, issuer) = (facts.certificate, issuer.certificate);
        // The same bytes and the same key always agree; what time decides is asked below all the same.
        if certificate.is_known_to_be_signed_by(issuer) {
            return facts.signed.allow(issuer);
        }
        facts.signed.verify(issuer)?;
        certificate.found_signed_by(issuer);
        Ok(())
    }

    /// Judges a complete path, leaf first. `asked` holds the certificates whose status is being asked further
    /// out. The outer `Err` ends the whole search.
    pub(super) fn judge<'s>(
        &'s self,
        chain: &[&'s Facts<'a>],
        anchor: &'s Facts<'a>,
        asked: &mut Vec<&'s Facts<'a>>,
    ) -> Result<Result<Found<'s, 'a>, PathFailure>, Rule> {
        let n_validations = self.n_validations.get().saturating_add(1);
        self.n_validations.set(n_validations);
        if n_validations > MAX_VALIDATIONS {
            return Err(Rule::Limit("64 paths were judged"));
        }
        let at = self.constraints.at;
        let down: Vec<&Facts<'a>> = chain.iter().rev().copied().collect();
        let policies = match validate::validate(anchor, &down, &self.constraints.policies, at) {
            Ok(policies) => policies,
            Err(failure) => return Ok(Err(failure)),
        };
        let mut found = Found { path: chain.to_vec(), anchor, policies, revocation: Vec::new() };
        let Some(evidence) = self.constraints.revocation else { return Ok(Ok(found)) };
        let mut authorities = vec![anchor];
        for (i, facts) in down.iter().copied().enumerate() {
            let status = revocation::status(self, facts, &authorities, evidence, asked)?;
            let is_silence =
                matches!(status, RevocationStatus::NotCovered(NotCovered::NoList | NotCovered::NotFresh));
            if is_silence && evidence.silence == Silence::Accepted {
                found.revocation.push(status);
                authorities.push(facts);
                continue;
            }
            if let Err(rule) = Rule::of_status(&status, at) {
                let is_leaf = i.saturating_add(1) == down.len();
                let place = if is_leaf { Place::Leaf } else { Place::Intermediate };
                return Ok(Err(rule.at(place, facts.certificate)));
            }
            found.revocation.push(status);
            authorities.push(facts);
        }
        found.revocation.reverse();
        Ok(Ok(found))
    }
}

/// The path of an anchor that is asked about itself.
fn trusted_itself<'s, 'a>(anchor: &'s Facts<'a>, at: Timestamp) -> Result<Found<'s, 'a>, PathFailure> {
    match validate::in_validity(anchor, at) {
        Ok(()) => Ok(Found { path: Vec::new(), anchor, policies: BTreeSet::new(), revocation: Vec::new() }),
        Err(rule) => Err(rule.at(Place::Leaf, anchor.certificate)),
    }
}

/// The same name and key: another certificate of somebody who is already on the path leads in a circle.
fn is_same_entity(one: &Facts<'_>, other: &Facts<'_>) -> bool {
    let key = |facts: &Facts<'_>| facts.certificate.spki_der();
    one.subject == other.subject && key(one) == key(other)
}

/// 0 if the key's identifier is the wanted one, 1 if one of them is unknown, 2 if they differ.
fn key_id_distance(facts: &Facts<'_>, wanted: Option<&[u8]>) -> u8 {
    match (facts.subject_key_id(), wanted) {
        (Some(own), Some(wanted)) if own == wanted => 0,
        (Some(_), Some(_)) => 2,
        _ => 1,
    }
}
