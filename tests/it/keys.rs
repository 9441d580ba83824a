//! The life of a key over the real binary: ceremony, activation, request, certificate, use, suspension, destruction.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::Context as _;
use serde_json::Value;
use signing::authority::Profile;
use tests::{House, tools};

use crate::installation::{Installation, went};

const OFFICER: &str = "anninh1";

/// Has the operator sign one document, into a folder of its own.
fn sign(house: &Installation, document: &Path, out: &str) -> anyhow::Result<Output> {
    let (out, document) = (house.path(out), document.to_str().context("path")?.to_owned());
    let arguments = ["--json", "--key", "batch-2", "--out", out.to_str().context("path")?, &document];
    house.run_as("vanhanh", &["sign"], &arguments)
}

fn suspend(house: &Installation, key: &str) -> anyhow::Result<Output> {
    house.run_as(OFFICER, &["keys", "suspend"], &["--key", key, "--reason", "maintenance"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_lives_from_its_ceremony_to_its_destruction() -> anyhow::Result<()> {
    let mut house = Installation::new(House::start()?, |keys, dir| {
        let batch = format!(
            "token = \"TEST batch 2\"\nkey = \"batch-2\"\nquota = 2\npin_file = \"{dir}/secrets/batch-2.pin\"\n\
             certificate = \"{dir}/data/batch-2.pem\"\n",
        );
        keys.insert("batch".to_owned(), batch.parse::<toml::Table>()?.into());
        Ok(())
    })?;
    let sheets = hold_ceremony(&house)?;
    activate(&house, &sheets)?;
    certify(&house)?;
    house.serve()?;
    use_until_the_quota(&house)?;
    went(&house.run(&["doctor"], &[])?, 0, "token batch");
    destroy(&house, &sheets)?;

    let mut auditor = house.house.user("kiemtoan").await?;
    let entries = auditor.get("/api/log/entries?limit=200").await?.expect(200)?.to_string();
    for act in [
        "key-ceremony-held",
        "key-created",
        "key-activated",
        "certificate-requested",
        "certificate-imported",
        "key-suspended",
        "key-resumed",
        "key-destroyed",
    ] {
        assert!(entries.contains(act), "{act} is in the log");
    }
    assert!(!entries.contains("Nguyễn"), "names of custodians are not");
    Ok(())
}

fn hold_ceremony(house: &Installation) -> anyhow::Result<Vec<PathBuf>> {
    let sheets = house.ceremony("TEST batch 2", "batch-2", "p256")?;
    let text = fs::read_to_string(house.path("batch-2.minutes"))?;
    assert!(text.contains("Cần 2 trong 3 người giữ"), "{text}");
    for sheet in &sheets {
        assert_eq!(fs::metadata(sheet)?.permissions().mode() & 0o777, 0o600);
        let share = fs::read_to_string(sheet)?;
        let line = share.lines().find(|line| line.starts_with("ECAB1-")).context("share")?;
        assert!(text.contains(line.rsplit('-').next().context("check")?), "its checksum is in the minutes");
        assert!(!text.contains(line));
    }
    Ok(sheets)
}

fn activate(house: &Installation, sheets: &[PathBuf]) -> anyhow::Result<()> {
    let wrong = house.path("wrong.txt");
    let text = fs::read_to_string(&sheets[1])?;
    let at = text.find("ECAB1-").context("share")? + 40;
    let mut changed = text.into_bytes();
    changed[at] = if changed[at] == b'a' { b'b' } else { b'a' };
    fs::write(&wrong, changed)?;
    let try_with = |paths: &[&PathBuf]| house.activate("batch-2", paths);
    went(&try_with(&[&sheets[0]])?, 2, "1 shares of the 2 that are needed");
    went(&try_with(&[&sheets[0], &sheets[0]])?, 2, "was given twice");
    went(&try_with(&[&sheets[0], &wrong])?, 2, "a share is damaged");
    let pin = house.house.dir().join("secrets/batch-2.pin");
    assert!(!pin.exists());
    went(&try_with(&[&sheets[2], &sheets[0]])?, 0, "holds the PIN");
    assert_eq!(fs::metadata(&pin)?.permissions().mode() & 0o777, 0o600);
    Ok(())
}

fn certify(house: &Installation) -> anyhow::Result<()> {
    let name = "Văn phòng Chính phủ (THỬ NGHIỆM)";
    let (requested, authority) = house.request("batch-2", name)?;
    let anothers =
        house.issue(&authority, &authority.certificate().spki_der(), name, 900, Profile::Organisation)?;
    went(&house.import("batch-2", &anothers, &authority)?, 1, "does not belong to the key");
    let installed = house.house.dir().join("data/batch-2.pem");
    assert!(!installed.exists(), "what is refused is not taken into use");
    let first = house.issue(&authority, &requested.spki_der, name, 901, Profile::Organisation)?;
    went(&house.import("batch-2", &first, &authority)?, 0, "in use from the next start");
    let renewed = house.issue(&authority, &requested.spki_der, name, 902, Profile::Organisation)?;
    went(
        &house.import("batch-2", &renewed, &authority)?,
        0,
        "the earlier one is kept as batch-2.pem.before-",
    );
    assert_eq!(fs::read_to_string(&installed)?, renewed.to_pem());
    Ok(())
}

fn use_until_the_quota(house: &Installation) -> anyhow::Result<()> {
    let data = tools::data()?.join("vn-pdf");
    let documents = [data.join("an_le_so_432021AL.pdf"), data.join("an_le_so_552022AL.pdf")];
    let request = house.path("late.csr");
    let late = ["--key", "batch-2", "--subject", "TEST", "--out", request.to_str().context("path")?];
    went(&house.run(&["csr"], &late)?, 2, "stop it first");

    went(&sign(house, &documents[0], "one")?, 0, "signed");
    let judged =
        tools::run("pdfsig", &["-nocert".as_ref(), house.path("one/an_le_so_432021AL.pdf").as_ref()])?;
    went(&judged, 0, "Signature is Valid");
    went(
        &house.run_as("vanhanh", &["keys", "suspend"], &["--key", "batch-2", "--reason", "other"])?,
        2,
        "not-permitted",
    );
    went(&suspend(house, "batch-2")?, 0, "suspended");
    went(&sign(house, &documents[1], "two")?, 1, "key-suspended");
    went(&suspend(house, "batch-2")?, 2, "key-state");
    went(&house.run_as(OFFICER, &["keys", "resume"], &["--key", "batch-2"])?, 0, "active");
    went(&sign(house, &documents[1], "two")?, 0, "signed");
    went(&sign(house, &documents[1], "three")?, 1, "key-quota-reached");

    let listed = house.run_as("vanhanh", &["keys", "list"], &["--json"])?;
    let listed: Value = serde_json::from_slice(&listed.stdout)?;
    let keys = listed["keys"].as_array().context("keys")?;
    let batch = keys.iter().find(|key| key["label"] == "batch-2").context("batch-2")?;
    assert_eq!(
        (&batch["n_uses"], &batch["quota"], &batch["state"]),
        (&2.into(), &2.into(), &"active".into())
    );
    assert!(batch["warnings"].to_string().contains("2 of 2 uses"), "{batch}");
    assert!(keys.iter().any(|key| key["part"] == "encryption" && key["kind"] == "AES-256"));
    Ok(())
}

fn destroy(house: &Installation, sheets: &[PathBuf]) -> anyhow::Result<()> {
    let destroy = |key: &str, confirm: &str, sheets: &[PathBuf]| {
        let mut arguments = vec!["--key", key, "--confirm", confirm];
        for sheet in sheets {
            arguments.extend(["--share", sheet.to_str().unwrap_or_default()]);
        }
        house.run_as(OFFICER, &["keys", "destroy"], &arguments)
    };
    went(&destroy("batch-2", "batch-2", &sheets[..2])?, 2, "key-state");
    went(&suspend(house, "batch-2")?, 0, "suspended");
    went(&destroy("batch-2", "batch-1", &sheets[..2])?, 2, "label-not-confirmed");
    went(&destroy("batch-2", "batch-2", &sheets[..1])?, 2, "quorum-not-reached");
    went(&destroy("organisation", "organisation", &sheets[..2])?, 2, "no-quorum-on-record");
    went(&destroy("log", "log", &sheets[..2])?, 2, "key-indispensable");
    went(&destroy("batch-2", "batch-2", &sheets[1..])?, 0, "destroyed");
    went(&destroy("batch-2", "batch-2", &sheets[1..])?, 0, "destroyed");
    let resumed = house.run_as(OFFICER, &["keys", "resume"], &["--key", "batch-2"])?;
    went(&resumed, 2, "key-destroyed");
    let document = tools::data()?.join("vn-pdf/an_le_so_432021AL.pdf");
    went(&sign(house, &document, "four")?, 1, "key-destroyed");
    Ok(())
}
