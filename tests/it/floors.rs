//! The floors of the house: who may call whom, and which crate may not use what, held against `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use serde_json::Value;

/// Floor of each crate, what of ours it may use, and what from outside it may not.
const HOUSE: [(&str, &[&str], &[&str]); 13] = [
    ("cabinet", &[], &["tokio"]),
    ("hsm", &["cabinet"], &["tokio", "openssl", "pkcs11"]),
    ("signing", &["cabinet"], &["cryptoki", "tokio", "hyper"]),
    ("archive", &["cabinet"], &["cryptoki", "tokio"]),
    ("papers", &["cabinet"], &["tokio"]),
    ("search", &["cabinet"], &["tokio", "lopdf"]),
    ("audit", &["signing", "cabinet"], &["cryptoki", "axum", "tokio", "hyper"]),
    ("policies", &["cabinet"], &["tokio"]),
    (
        "office",
        &["audit", "policies", "hsm", "signing", "archive", "papers", "search", "cabinet"],
        &["rustls", "cedar-policy", "cryptoki"],
    ),
    (
        "gateway",
        &["office", "policies", "audit", "signing", "hsm", "cabinet"],
        &["lopdf", "tantivy", "cryptoki", "openssl"],
    ),
    ("tests", &["cabinet", "gateway"], &[]),
    ("bench", &["signing", "hsm", "cabinet"], &["tokio"]),
    ("faults", &[], &["cryptoki", "tokio", "openssl"]),
];

#[test]
fn every_crate_keeps_to_its_floor() -> anyhow::Result<()> {
    let packages = direct_dependencies()?;
    let ours: BTreeSet<&str> = HOUSE.iter().map(|(name, ..)| *name).collect();
    assert_eq!(
        packages.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        ours,
        "every crate has its floor"
    );
    for (name, may_use, may_not) in HOUSE {
        let found = packages.get(name).context(name)?;
        for dependency in found {
            let is_ours = ours.contains(dependency.as_str());
            assert!(!is_ours || may_use.contains(&dependency.as_str()), "{name} may not use {dependency}");
            assert!(!may_not.contains(&dependency.as_str()), "{name} may not use {dependency}");
        }
    }
    Ok(())
}

/// Direct dependencies of our crates, without those of their tests.
fn direct_dependencies() -> anyhow::Result<BTreeMap<String, BTreeSet<String>>> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline", "--manifest-path"])
        .arg(manifest)
        .output()?;
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("packages")?;
    Ok(packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().into_iter().flatten();
            let direct = dependencies.filter(|one| one["kind"].is_null());
            let names = direct.filter_map(|one| one["name"].as_str().map(str::to_owned)).collect();
            (package["name"].as_str().unwrap_or_default().to_owned(), names)
        })
        .collect())
}
