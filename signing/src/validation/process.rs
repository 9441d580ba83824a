//! Judgement in time: a signature is accepted now, or at an earlier time that time-stamps prove.
//!
//! Every signature, time-stamps included, is first judged at the time of validation. Where only time speaks against it
//! (an expired or since revoked certificate, an algorithm that has ended, evidence that has grown old), it is judged at
//! the earliest time at which a time-stamp proves that it existed. Time-stamps are judged from the last to the first, so
//! that a later one vouches for an earlier one.
//!
//! Source: `docs/sources.md`, entry `en319102` (clauses 5.2.6, 5.2.8, 5.5, 5.6).

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use cabinet::{Digest, Timestamp};
use serde::Serialize;

use super::context::{Context, Material, RevocationRule};
use super::timestamps::Proofs;
use crate::algorithm_policy::{NotAccepted, Suite, Use};
use crate::crl::{Crl, Reason};
use crate::path::{self, Constraints, Evidence, Path, PathFailure, RevocationStatus, Rule, Silence};
use crate::trust::Purpose;
use crate::{Certificate, Invalid, ocsp};

/// Most revocation lists and answers that one validation looks at.
const MAX_EVIDENCE: usize = 256;

/// Who signed, by which algorithms, and for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    pub(super) signer: &'a Certificate,
    /// The certificates that came with the signature.
    pub(super) others: &'a [Certificate],
    pub(super) suite: Suite,
    pub(super) usage: Use,
}

/// A signature that is accepted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Accepted {
    /// From the signer to the anchor.
    pub(super) path: Vec<Certificate>,
    /// What is known of the revocation of the path below the anchor.
    pub(super) revocation: Revocation,
    /// Since when an authority of the path is revoked, if one is: after the time at which it was judged.
    falls: Option<Timestamp>,
    /// When a certificate of the path or an algorithm in it ends.
    pub(super) holds_until: Timestamp,
}

/// What is known of revocation along a path.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Revocation {
    /// Evidence says that nothing on the path was revoked at the time at which it was judged.
    NotRevoked,
    /// For some certificate there is no evidence at all.
    NotChecked,
}

/// A certificate of the path that was revoked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Revoked {
    /// SHA-256 of the certificate.
    pub certificate: Digest,
    /// Since when.
    pub at: Timestamp,
    /// Why, as far as the authority says.
    pub reason: Option<Reason>,
}

/// Why a signature is not accepted at a time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Refusal {
    pub(super) sub_indication: &'static str,
    pub(super) says: String,
    /// The certificate that was revoked, if that is why.
    pub(super) revoked: Option<Revoked>,
    /// Whether a proof of an earlier existence could mend it.
    is_of_time: bool,
}

/// All that is known beside the signature itself.
pub(super) struct Process<'a> {
    context: Context<'a>,
    certificates: Vec<Certificate>,
    evidence: Rc<Evidence>,
    /// The same, with silence accepted.
    lenient: Evidence,
    /// What of it the document itself holds.
    own: Kept,
}

/// Evidence that is kept somewhere: a part of what [`Process`] knows.
#[derive(Clone, Debug)]
pub(super) struct Kept(Rc<Evidence>);

impl<'a> Process<'a> {
    /// Reads the evidence of the document and that of the context.
    pub(super) fn new(context: Context<'a>, own: Material) -> Self {
        let handed_in = context.evidence;
        // What the caller knows goes first: a document must not crowd it out.
        let crls = handed_in.crls.iter().chain(&own.crls);
        let ocsps = handed_in.ocsps.iter().chain(&own.ocsps);
        let lists = crls.filter_map(|der| Crl::from_der(der).ok()).take(MAX_EVIDENCE).collect();
        let answers =
            ocsps.filter_map(|der| Some(ocsp::basic_of(der).ok()?.to_vec())).take(MAX_EVIDENCE).collect();
        let evidence = Evidence { lists, answers, silence: Silence::Refused, now: context.at };
        let lenient = Evidence { silence: Silence::Accepted, ..evidence.clone() };
        let evidence = Rc::new(evidence);
        let kept = keep(&evidence, &own);
        let mut certificates = own.certificates;
        certificates.extend(handed_in.certificates.iter().cloned());
        Self { context, certificates, evidence, lenient, own: kept }
    }

    /// What of the evidence is in `material`. Costs a hashing of both.
    pub(super) fn keep(&self, material: &Material) -> Kept {
        keep(&self.evidence, material)
    }

    /// The time of validation.
    pub(super) const fn at(&self) -> Timestamp {
        self.context.at
    }

    /// What of the evidence the document itself holds.
    pub(super) const fn own(&self) -> &Kept {
        &self.own
    }

    /// Certificates that anybody may have left out.
    pub(super) fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// Accepts the subject now, or at the time `proven` at which it is known to have existed.
    ///
    /// A time at which everything is known goes before one at which revocation could not be checked.
    pub(super) fn accept(
        &self,
        subject: Subject<'_>,
        proven: Option<Timestamp>,
        proofs: &Proofs,
    ) -> Result<Accepted, Refusal> {
        if proven.is_some_and(|proven| proven.as_seconds() < subject.signer.not_before().as_seconds()) {
            let says =
                "it is proven to be older than its signer's certificate: one of them is forged".to_owned();
            return Err(Refusal::final_("NOT_YET_VALID", says));
        }
        let known = OnceCell::new();
        let others = || known.get_or_init(|| self.others(subject));
        let earlier = proven.filter(|proven| *proven < self.context.at);
        let judge = |at, evidence| {
            let accepted = self.judge(subject, others(), at, evidence)?;
            self.outlives_its_authorities(subject, at, accepted, proofs)
        };
        let mut first = None;
        for at in [Some(self.context.at), earlier].into_iter().flatten() {
            match judge(at, &self.evidence) {
                Ok(accepted) => return Ok(accepted),
                Err(refusal) if !refusal.is_of_time => return Err(refusal),
                Err(refusal) => first = first.or(Some(refusal)),
            }
        }
        if self.context.revocation == RevocationRule::WhereKnown {
            for at in [Some(self.context.at), earlier].into_iter().flatten() {
                match judge(at, &self.lenient) {
                    Ok(accepted) => return Ok(accepted),
                    // Of what else speaks against it, this says more than that nothing is known.
                    Err(refusal) => {
                        first = first.filter(|kept| kept.sub_indication != "TRY_LATER").or(Some(refusal));
                    }
                }
            }
        }
        Err(first.unwrap_or_else(|| {
            Refusal::final_("NO_CERTIFICATE_CHAIN_FOUND", "no time to judge at".to_owned())
        }))
    }

    /// Whether the evidence in `kept` alone says that nothing on the subject's path was revoked at `at`.
    pub(super) fn is_covered(&self, subject: Subject<'_>, at: Timestamp, kept: &Kept) -> bool {
        let accepted = self.judge(subject, &self.others(subject), at, &kept.0);
        accepted.is_ok_and(|accepted| accepted.revocation == Revocation::NotRevoked)
    }

    fn others(&self, subject: Subject<'_>) -> Vec<Certificate> {
        let known = self.certificates.iter().filter(|other| !subject.others.contains(other));
        subject.others.iter().chain(known).cloned().collect()
    }

    /// Whoever got hold of an authority's key can sign evidence for any time. So if one on the path was revoked later,
    /// only evidence counts that a time-stamp proves to be older than that.
    fn outlives_its_authorities(
        &self,
        subject: Subject<'_>,
        at: Timestamp,
        accepted: Accepted,
        proofs: &Proofs,
    ) -> Result<Accepted, Refusal> {
        let Some(falls) = accepted.falls else { return Ok(accepted) };
        let is_covered = proofs.kept_before(falls).any(|kept| self.is_covered(subject, at, kept));
        if is_covered {
            return Ok(accepted);
        }
        Err(Refusal {
            sub_indication: "REVOKED_CA_NO_POE",
            says: format!(
                "an authority on the path was revoked at {falls}, and nothing proves that the evidence is older"
            ),
            is_of_time: true,
            revoked: None,
        })
    }

    fn judge(
        &self,
        subject: Subject<'_>,
        others: &[Certificate],
        at: Timestamp,
        evidence: &Evidence,
    ) -> Result<Accepted, Refusal> {
        let ends = self.accepts(subject.usage, &subject.suite, at)?;
        let path = self.path(subject, others, at, evidence)?;
        let certificates = path.certificates.iter().map(Certificate::not_after);
        let mut holds_until = certificates.chain(ends).min().unwrap_or(at);
        for pair in path.certificates.windows(2) {
            let [certificate, issuer] = pair else { continue };
            let suite =
                Suite::of_certificate(certificate, issuer).map_err(|invalid| Refusal::of(&invalid))?;
            let ends = self.accepts(Use::Certificate, &suite, at)?;
            holds_until = ends.map_or(holds_until, |ends| ends.min(holds_until));
        }
        // A path that is valid holds no certificate that was revoked by then; what says that it was revoked later
        // says also that it was not yet.
        let is_told = |status: &RevocationStatus| !matches!(status, RevocationStatus::NotCovered(_));
        let is_known = !path.revocation.is_empty() && path.revocation.iter().all(is_told);
        // An anchor that signs itself has nobody above it who could revoke.
        let revocation = if is_known || path.certificates.len() == 1 {
            Revocation::NotRevoked
        } else {
            Revocation::NotChecked
        };
        let falls = |status: &RevocationStatus| match status {
            RevocationStatus::Revoked { at, invalidity_date, .. } => {
                Some(invalidity_date.map_or(*at, |date| date.min(*at)))
            }
            RevocationStatus::Good { .. } | RevocationStatus::NotCovered(_) => None,
        };
        let falls = path.revocation.iter().skip(1).filter_map(falls).min();
        Ok(Accepted { path: path.certificates, revocation, falls, holds_until })
    }

    fn path(
        &self,
        subject: Subject<'_>,
        others: &[Certificate],
        at: Timestamp,
        evidence: &Evidence,
    ) -> Result<Path, Refusal> {
        let Some(trust) = self.context.trust else {
            let says = "no trust anchors were given: give the folder of those that you trust".to_owned();
            return Err(Refusal::final_("NO_CERTIFICATE_CHAIN_FOUND", says));
        };
        let purpose = match subject.usage {
            Use::TimeStamp => Purpose::TimeStamping,
            Use::Signature | Use::Certificate => Purpose::Signing,
        };
        let constraints = Constraints { purpose, revocation: Some(evidence), ..Constraints::at(at) };
        path::build(subject.signer, others, trust, &constraints).map_err(Refusal::of_path)
    }

    /// Whether the algorithms are accepted at `at`; gives their end, if one is in sight.
    fn accepts(&self, usage: Use, suite: &Suite, at: Timestamp) -> Result<Option<Timestamp>, Refusal> {
        let Some(policy) = self.context.algorithms else {
            let says = "no algorithm policy could be read: give one".to_owned();
            return Err(Refusal::final_("CRYPTO_CONSTRAINTS_FAILURE_NO_POE", says));
        };
        let accepted = policy.accepts(usage, suite, at).and_then(|()| policy.expiry(usage, suite));
        accepted.map_err(|refused| Refusal {
            sub_indication: "CRYPTO_CONSTRAINTS_FAILURE_NO_POE",
            is_of_time: matches!(refused, NotAccepted::Expired { .. }),
            says: refused.to_string(),
            revoked: None,
        })
    }
}

fn keep(evidence: &Rc<Evidence>, material: &Material) -> Kept {
    let digest = |der: &[u8]| *Digest::of(der).as_bytes();
    let lists = material.crls.iter().map(|der| digest(der));
    let answers = material.ocsps.iter().filter_map(|der| Some(digest(ocsp::basic_of(der).ok()?)));
    let kept: BTreeSet<[u8; 32]> = lists.chain(answers).collect();
    let Evidence { lists, answers, silence, now } = &**evidence;
    let lists: Vec<Crl> =
        lists.iter().filter(|list| kept.contains(&digest(list.to_der()))).cloned().collect();
    let answers: Vec<Vec<u8>> =
        answers.iter().filter(|basic| kept.contains(&digest(basic))).cloned().collect();
    if lists.len() == evidence.lists.len() && answers.len() == evidence.answers.len() {
        return Kept(Rc::clone(evidence));
    }
    Kept(Rc::new(Evidence { lists, answers, silence: *silence, now: *now }))
}

impl Refusal {
    fn final_(sub_indication: &'static str, says: String) -> Self {
        Self { sub_indication, says, revoked: None, is_of_time: false }
    }

    pub(super) fn of(invalid: &Invalid) -> Self {
        Self::final_(invalid.sub_indication(), invalid.to_string())
    }

    /// For a signature whose time-stamps contradict each other.
    pub(super) fn out_of_order() -> Self {
        let says = "its time-stamp is younger than it can be".to_owned();
        Self::final_(super::timestamps::ORDER, says)
    }

    #[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
    fn of_path(failure: PathFailure) -> Self {
        let is_of_time =
            matches!(failure.rule, Rule::Expired | Rule::Revoked { .. } | Rule::RevocationUnknown(_));
        let revoked = if let Rule::Revoked { at, reason } = failure.rule {
            Some(Revoked { certificate: failure.fingerprint, at, reason })
        } else {
            None
        };
        let (sub_indication, says) = (failure.sub_indication(), failure.to_string());
        Self { sub_indication, says, revoked, is_of_time }
    }
}
