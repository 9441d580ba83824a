//! What was asked of a signature or time-stamp, and what each question came to, as far as it is known for certain.
//!
//! A check that ended before a question came up says nothing about it, so the question is left out.

use super::writer::Writer;
use super::{Common, digest, status_of_step, words};
use crate::Hash;
use crate::algorithm_policy::AlgorithmPolicy;
use crate::validation::{Change, Indication, Integrity, RevocationRule, SignatureReport, TimestampReport};

/// A question and its answer.
struct Constraint {
    name: &'static str,
    indication: Indication,
    sub_indication: Option<&'static str>,
}

/// The questions in the order in which they are told.
const ORDER: [&str; 6] = ["integrity", "changes", "algorithms", "path", "revocation", "time-stamps"];

pub(super) fn of_signature(writer: &mut Writer, signature: &SignatureReport, common: &Common<'_>) {
    let constraints =
        answered(signature.integrity, &signature.changes, (signature.indication, signature.sub_indication));
    write(writer, &constraints, common);
}

pub(super) fn of_timestamp(writer: &mut Writer, stamp: &TimestampReport, common: &Common<'_>) {
    let constraints = answered(stamp.integrity, &stamp.changes, (stamp.indication, stamp.sub_indication));
    write(writer, &constraints, common);
}

fn answered(
    integrity: Integrity,
    changes: &[Change],
    (indication, sub_indication): (Indication, Option<&'static str>),
) -> Vec<Constraint> {
    if integrity == Integrity::Broken {
        return vec![Constraint { name: "integrity", indication, sub_indication }];
    }
    let passed = |name| Constraint { name, indication: Indication::TotalPassed, sub_indication: None };
    let mut found = vec![passed("integrity")];
    if changes.iter().all(|change| change.lawful) {
        found.push(passed("changes"));
    }
    match sub_indication {
        None => found.extend(["algorithms", "path", "revocation"].map(passed)),
        Some(sub) => found.push(Constraint { name: asked_by(sub), indication, sub_indication }),
    }
    found.sort_by_key(|constraint| ORDER.iter().position(|name| *name == constraint.name));
    found
}

/// The question that this sub-indication answers.
fn asked_by(sub_indication: &str) -> &'static str {
    if sub_indication == "FORMAT_FAILURE" {
        "changes"
    } else if sub_indication.starts_with("CRYPTO_CONSTRAINTS") {
        "algorithms"
    } else if sub_indication.starts_with("REVOKED") || sub_indication == "TRY_LATER" {
        "revocation"
    } else if sub_indication == "TIMESTAMP_ORDER_FAILURE" {
        "time-stamps"
    } else {
        "path"
    }
}

fn write(writer: &mut Writer, constraints: &[Constraint], common: &Common<'_>) {
    writer.element("vr:ValidationConstraintsEvaluationReport", &[], |writer| {
        if let Some(algorithms) = common.context.algorithms {
            policy(writer, algorithms);
        }
        for constraint in constraints {
            writer.element("vr:ValidationConstraint", &[], |writer| {
                let id = format!("urn:ecabinet:constraint:{}", constraint.name);
                writer.leaf("vr:ValidationConstraintIdentifier", &[], &id);
                if constraint.name == "revocation" {
                    let rule = match common.context.revocation {
                        RevocationRule::Required => "required",
                        RevocationRule::WhereKnown => "where-known",
                    };
                    writer.element("vr:ValidationConstraintParameter", &[], |writer| {
                        writer.leaf("vr:Type", &[], "urn:ecabinet:constraint:revocation:rule");
                        writer.leaf("vr:Value", &[], rule);
                    });
                }
                writer.element("vr:ConstraintStatus", &[], |writer| {
                    writer.leaf("vr:Status", &[], words::APPLIED);
                });
                writer.element("vr:ValidationStatus", &[], |writer| {
                    status_of_step(writer, constraint.indication, constraint.sub_indication);
                });
            });
        }
    });
}

/// The policy's name, and the digest of its rules: who has the same policy can tell that it is the same.
fn policy(writer: &mut Writer, algorithms: &AlgorithmPolicy) {
    let rules = serde_json::to_vec(algorithms).unwrap_or_default();
    let value = cabinet::Digest::of(&rules);
    writer.element("vr:SignatureValidationPolicy", &[], |writer| {
        writer.element("vr:SignaturePolicyIdentifier", &[], |writer| {
            writer.element("XAdES:SignaturePolicyId", &[], |writer| {
                writer.element("XAdES:SigPolicyId", &[], |writer| {
                    writer.leaf("XAdES:Identifier", &[], &words::policy(&algorithms.id));
                    writer.leaf("XAdES:Description", &[], &algorithms.citation);
                });
                digest(writer, "XAdES:SigPolicyHash", Hash::Sha256, value.as_bytes());
            });
        });
        writer.leaf("vr:PolicyName", &[], &algorithms.title);
    });
}
