//! NIST's Public Key Interoperability Test Suite: every test of sections 4.1 to 4.16 that is published as files.
//!
//! Source: `docs/sources.md`, entry `pkits`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cabinet::Timestamp;
use const_oid::ObjectIdentifier;
use serde::Deserialize;
use signing::crl::Crl;
use signing::path::{self, Constraints, Evidence, PathFailure, Policies, Rule};
use signing::{Certificate, TrustStore};

/// 2020-01-01: all of the suite's certificates that are to be valid are valid then.
const AT: Timestamp = Timestamp::from_micros(1_577_836_800_000_000);

/// Where our verdict is not the suite's, and why. Every one refuses what the suite accepts.
const DEVIATIONS: [(&str, &str); 4] = [
    (
        "valid_dsa_signatures_test4",
        "DSA is not accepted: neither Thông tư 15/2025 nor today's practice has it",
    ),
    ("valid_dsa_parameter_inheritance_test5", "DSA is not accepted"),
    ("valid_pre2000_utc_notbefore_date_test3", "a notBefore of 1950: the reader's time begins in 1970"),
    ("valid_crlissuer_test30", "a list's signer whose own status only its own list tells is not believed"),
];

#[derive(Deserialize)]
struct Case {
    name: String,
    cert: String,
    #[serde(default)]
    other_certs: Vec<String>,
    #[serde(default)]
    crls: Vec<String>,
    path_len: usize,
    error: Option<serde_json::Value>,
    #[serde(default)]
    params: Parameters,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Parameters {
    user_initial_policy_set: Vec<String>,
    initial_explicit_policy: bool,
    initial_policy_mapping_inhibit: bool,
    initial_any_policy_inhibit: bool,
}

fn folder() -> PathBuf {
    let data = std::env::var_os("ECABINET_DATA").expect("ECABINET_DATA names the folder of outside data");
    Path::new(&data).join("pki-fixtures/certvalidator-fixtures/nist_pkits")
}

fn certificate(name: &str) -> Option<Certificate> {
    Certificate::from_der(&std::fs::read(folder().join("certs").join(name)).unwrap()).ok()
}

fn trust() -> TrustStore {
    TrustStore::new(vec![certificate("TrustAnchorRootCertificate.crt").unwrap()])
}

/// The path, or the rule that was broken.
fn verdict(case: &Case) -> Result<path::Path, Rule> {
    let leaf = certificate(&case.cert).ok_or(Rule::Malformed("the leaf does not parse"))?;
    let others: Vec<Certificate> = case.other_certs.iter().filter_map(|name| certificate(name)).collect();
    let names = case.crls.iter().map(String::as_str).chain(["TrustAnchorRootCRL.crl"]);
    let lists = names
        .filter_map(|name| Crl::from_der(&std::fs::read(folder().join("crls").join(name)).unwrap()).ok())
        .collect();
    let evidence = Evidence::of_lists(lists, AT);
    let parameters = &case.params;
    let accepted: BTreeSet<ObjectIdentifier> =
        parameters.user_initial_policy_set.iter().map(|oid| oid.parse().unwrap()).collect();
    let constraints = Constraints {
        policies: Policies {
            accepted,
            is_explicit_required: parameters.initial_explicit_policy,
            is_mapping_inhibited: parameters.initial_policy_mapping_inhibit,
            is_any_inhibited: parameters.initial_any_policy_inhibit,
        },
        revocation: Some(&evidence),
        ..Constraints::at(AT)
    };
    path::build(&leaf, &others, &trust(), &constraints).map_err(|failure: PathFailure| failure.rule)
}

/// Whether `rule` is what the other validator, which the table was written for, says in its words.
fn is_the_reason(rule: &Rule, words: &str) -> bool {
    let says = |part: &str| words.contains(part);
    match rule {
        // A corrupted signature whose bits are no signature at all is found while reading.
        Rule::Malformed(_) | Rule::SignatureWrong => says("signature of"),
        Rule::NoIssuer => says("issuer name could not be matched") || says("signature of intermediate"),
        Rule::NotYetValid => says("is not valid until"),
        Rule::Expired => says("expired"),
        Rule::NotAnAuthority => says("is not a CA"),
        Rule::KeyUsage => says("not allowed to sign certificates"),
        Rule::PathLength => says("maximum path length"),
        Rule::UnknownCriticalExtension(_) => says("unsupported critical extension"),
        Rule::Policy => says("no valid set of policies"),
        Rule::PolicyMapping => says("contains a policy mapping for"),
        Rule::NameConstraint(_) => says("permitted namespace") || says("excluded from the namespace"),
        Rule::Revoked { .. } => says("was revoked at"),
        Rule::RevocationUnknown(_) => {
            says("no revocation information could be found") || says("revocation checks failed")
        }
        Rule::Algorithm(_) | Rule::Limit(_) | Rule::Library(_) => false,
    }
}

#[test]
fn every_verdict_is_the_suites_or_a_named_deviation() {
    let table = std::fs::read(folder().join("pkits.json")).unwrap();
    let cases: Vec<Case> = serde_json::from_slice(&table).unwrap();
    let (mut wrong, mut deviations) = (Vec::new(), BTreeSet::new());
    for case in &cases {
        match (verdict(case), &case.error) {
            (Ok(path), None) if path.certificates.len() == case.path_len => {}
            (Ok(path), None) => wrong.push(format!("{}: {} long", case.name, path.certificates.len())),
            (Ok(_), Some(_)) => wrong.push(format!("FALSE ACCEPT {}", case.name)),
            (Err(rule), Some(error)) => {
                let words = error["msg_regex"].as_str().unwrap();
                if !is_the_reason(&rule, words) {
                    wrong.push(format!("another reason {}: {rule}, not {words}", case.name));
                }
            }
            (Err(why), None) => match DEVIATIONS.iter().find(|(name, _)| *name == case.name) {
                Some((name, reason)) => {
                    println!("{name}: {reason} ({why})");
                    deviations.insert(*name);
                }
                None => wrong.push(format!("false reject {}: {why}", case.name)),
            },
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(deviations.len(), DEVIATIONS.len(), "a deviation that is none any more: {deviations:?}");
    assert_eq!(cases.len(), 246);
}
