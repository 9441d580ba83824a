//! Judgement in time: a signature is accepted now, or at an earlier time that time-stamps prove.
//!
//! Every signature, time-stamps included, is first judged at the time of validation. Where only time speaks against it
//! (an expired or since revoked certificate, an algorithm that has ended, evidence that has grown old), it is judged at
//! the earliest time at which a time-stamp proves that it existed. Time-stamps are judged from the last to the first, so
//! that a later one vouches for an earlier one.
//!
//! Source: `docs/sources.md`, entry `en319102` (clauses 5.2.6, 5.2.8, 5.5, 5.6).

use std::cell::OnceCell;

use cabinet::Timestamp;
use serde::Serialize;

use super::context::{Context, Material, RevocationRule};
use crate::algorithm_policy::{NotAccepted, Suite, Use};
use crate::crl::Crl;
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
}

/// What is known of revocation along a path.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Revocation {
    /// Evidence says that nothing on the path was revoked.
    NotRevoked,
    /// For some certificate there is no evidence at all.
    NotChecked,
}

/// Why a signature is not accepted at a time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Refusal {
    pub(super) sub_indication: &'static str,
    pub(super) says: String,
    /// Whether a proof of an earlier existence could mend it.
    is_of_time: bool,
}

/// All that is known beside the signature itself.
pub(super) struct Process<'a> {
    context: Context<'a>,
    certificates: Vec<Certificate>,
    evidence: Evidence,
    /// The same, with silence accepted.
    lenient: Evidence,
}

impl<'a> Process<'a> {
    /// Reads the evidence of the document and that of the context.
    pub(super) fn new(context: Context<'a>, own: Material) -> Self {
        let handed_in = context.evidence;
        let crls = own.crls.iter().chain(&handed_in.crls);
        let ocsps = own.ocsps.iter().chain(&handed_in.ocsps);
        let lists = crls.filter_map(|der| Crl::from_der(der).ok()).take(MAX_EVIDENCE).collect();
        let answers =
            ocsps.filter_map(|der| Some(ocsp::basic_of(der).ok()?.to_vec())).take(MAX_EVIDENCE).collect();
        let mut certificates = own.certificates;
        certificates.extend(handed_in.certificates.iter().cloned());
        let evidence = Evidence { lists, answers, silence: Silence::Refused, now: context.at };
        let lenient = Evidence { silence: Silence::Accepted, ..evidence.clone() };
        Self { context, certificates, evidence, lenient }
    }

    /// Certificates that anybody may have left out.
    pub(super) fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// Whether no evidence was handed in beside the document's own.
    pub(super) fn is_self_contained(&self) -> bool {
        let Material { certificates, crls, ocsps } = self.context.evidence;
        certificates.is_empty() && crls.is_empty() && ocsps.is_empty()
    }

    /// Accepts the subject now, or at the time `proven` at which it is known to have existed.
    ///
    /// A time at which everything is known goes before one at which revocation could not be checked.
    pub(super) fn accept(
        &self,
        subject: Subject<'_>,
        proven: Option<Timestamp>,
    ) -> Result<Accepted, Refusal> {
        let known = OnceCell::new();
        let others = || -> &Vec<Certificate> {
            known.get_or_init(|| {
                let mut others = subject.others.to_vec();
                others.extend(
                    self.certificates.iter().filter(|other| !subject.others.contains(other)).cloned(),
                );
                others
            })
        };
        let earlier = proven.filter(|proven| *proven < self.context.at);
        let mut first = None;
        for at in [Some(self.context.at), earlier].into_iter().flatten() {
            match self.judge(subject, others(), at, Asked::Strictly) {
                Ok(accepted) => return Ok(accepted),
                Err(refusal) if !refusal.is_of_time => return Err(refusal),
                Err(refusal) => first = first.or(Some(refusal)),
            }
        }
        if self.context.revocation == RevocationRule::WhereKnown {
            for at in [Some(self.context.at), earlier].into_iter().flatten() {
                match self.judge(subject, others(), at, Asked::WhereKnown) {
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

    fn judge(
        &self,
        subject: Subject<'_>,
        others: &[Certificate],
        at: Timestamp,
        asked: Asked,
    ) -> Result<Accepted, Refusal> {
        self.accepts(subject.usage, &subject.suite, at)?;
        let path = self.path(subject, others, at, asked)?;
        for pair in path.certificates.windows(2) {
            let [certificate, issuer] = pair else { continue };
            let suite =
                Suite::of_certificate(certificate, issuer).map_err(|invalid| Refusal::of(&invalid))?;
            self.accepts(Use::Certificate, &suite, at)?;
        }
        let is_known = !path.revocation.is_empty()
            && path.revocation.iter().all(|status| matches!(status, RevocationStatus::Good { .. }));
        // An anchor that signs itself has nobody above it who could revoke.
        let revocation = if is_known || path.certificates.len() == 1 {
            Revocation::NotRevoked
        } else {
            Revocation::NotChecked
        };
        Ok(Accepted { path: path.certificates, revocation })
    }

    fn path(
        &self,
        subject: Subject<'_>,
        others: &[Certificate],
        at: Timestamp,
        asked: Asked,
    ) -> Result<Path, Refusal> {
        let Some(trust) = self.context.trust else {
            let says = "no trust anchors were given: give the folder of those that you trust".to_owned();
            return Err(Refusal::final_("NO_CERTIFICATE_CHAIN_FOUND", says));
        };
        let purpose = match subject.usage {
            Use::TimeStamp => Purpose::TimeStamping,
            Use::Signature | Use::Certificate => Purpose::Signing,
        };
        let evidence = match asked {
            Asked::Strictly => &self.evidence,
            Asked::WhereKnown => &self.lenient,
        };
        let constraints = Constraints { purpose, revocation: Some(evidence), ..Constraints::at(at) };
        path::build(subject.signer, others, trust, &constraints).map_err(Refusal::of_path)
    }

    fn accepts(&self, usage: Use, suite: &Suite, at: Timestamp) -> Result<(), Refusal> {
        let Some(policy) = self.context.algorithms else {
            let says = "no algorithm policy could be read: give one".to_owned();
            return Err(Refusal::final_("CRYPTO_CONSTRAINTS_FAILURE_NO_POE", says));
        };
        policy.accepts(usage, suite, at).map_err(|refused| Refusal {
            sub_indication: "CRYPTO_CONSTRAINTS_FAILURE_NO_POE",
            is_of_time: matches!(refused, NotAccepted::Expired { .. }),
            says: refused.to_string(),
        })
    }
}

/// How strictly revocation is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Asked {
    Strictly,
    WhereKnown,
}

impl Refusal {
    fn final_(sub_indication: &'static str, says: String) -> Self {
        Self { sub_indication, says, is_of_time: false }
    }

    pub(super) fn of(invalid: &Invalid) -> Self {
        Self::final_(invalid.sub_indication(), invalid.to_string())
    }

    #[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
    fn of_path(failure: PathFailure) -> Self {
        let is_of_time =
            matches!(failure.rule, Rule::Expired | Rule::Revoked { .. } | Rule::RevocationUnknown(_));
        Self { sub_indication: failure.sub_indication(), says: failure.to_string(), is_of_time }
    }
}
