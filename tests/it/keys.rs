//! The life of a key over the real binary: ceremony, activation, request, certificate, use, suspension, destruction.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;
use signing::authority::{Authority, Profile, Subject, Validity};
use signing::csr;
use tests::{House, house, tools};

/// An installation whose batch key comes out of a ceremony.
struct Installation {
    house: House,
    config: PathBuf,
    work: tempfile::TempDir,
    serving: Option<Child>,
}

impl Drop for Installation {
    fn drop(&mut self) {
        if let Some(mut child) = self.serving.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

impl Installation {
    /// The demonstration's installation, stopped, with another key for lists in its configuration.
    fn new() -> anyhow::Result<Self> {
        let mut house = House::start()?;
        house.stop()?;
        let work = tempfile::tempdir()?;
        let mut config: toml::Table = fs::read_to_string(house.dir().join("ecabinet.toml"))?.parse()?;
        let batch = format!(
            "token = \"TEST batch 2\"\nkey = \"batch-2\"\nquota = 2\npin_file = \"{0}/secrets/batch-2.pin\"\n\
             certificate = \"{0}/data/batch-2.pem\"\n",
            house.dir().display()
        );
        let keys = config.get_mut("keys").and_then(toml::Value::as_table_mut).context("[keys]")?;
        keys.insert("batch".to_owned(), batch.parse::<toml::Table>()?.into());
        let listen = config.get_mut("listen").and_then(toml::Value::as_table_mut).context("[listen]")?;
        // The demonstration's own socket goes with its process.
        listen.insert("local".to_owned(), work.path().join("local.sock").display().to_string().into());
        let path = work.path().join("own.toml");
        fs::write(&path, toml::to_string(&config)?)?;
        Ok(Self { house, config: path, work, serving: None })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
    }

    /// Runs the program with this configuration.
    fn run(&self, command: &[&str], arguments: &[&str]) -> anyhow::Result<Output> {
        let mut program = Command::new(house::program("ecabinet")?);
        program.args(command).arg("--config").arg(&self.config).args(arguments).stdin(Stdio::null());
        program.output().context("ecabinet")
    }

    /// Runs it as a person, with his PIN on descriptor 3.
    fn run_as(&self, user: &str, command: &[&str], arguments: &[&str]) -> anyhow::Result<Output> {
        let accounts = self.house.json("accounts.json")?;
        let account = accounts.as_array().context("accounts")?.iter().find(|one| one["username"] == user);
        let pin = self.path("pin");
        fs::write(&pin, account.context("account")?["pin"].as_str().context("pin")?)?;
        let mut program = Command::new("sh");
        program
            .args(["-c", "exec 3<\"$0\"; exec \"$@\""])
            .arg(&pin)
            .arg(house::program("ecabinet")?)
            .args(command)
            .args(["--user", user, "--pin-fd", "3", "--config"])
            .arg(&self.config)
            .args(arguments);
        program.output().context("ecabinet")
    }

    fn serve(&mut self) -> anyhow::Result<()> {
        let log = fs::File::create(self.path("serve.jsonl"))?;
        let mut program = Command::new(house::program("ecabinet")?);
        program.args(["serve", "--config"]).arg(&self.config).stdin(Stdio::null()).stderr(log);
        let serving = self.serving.insert(program.spawn()?);
        let started = Instant::now();
        while UnixStream::connect(self.work.path().join("local.sock")).is_err() {
            if serving.try_wait()?.is_some() || started.elapsed() > Duration::from_secs(120) {
                bail!("it does not serve:\n{}", fs::read_to_string(self.path("serve.jsonl"))?);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// Has the operator sign one document, into a folder of its own.
    fn sign(&self, document: &Path, out: &str) -> anyhow::Result<Output> {
        let (out, document) = (self.path(out), document.to_str().context("path")?.to_owned());
        let arguments = ["--json", "--key", "batch-2", "--out", out.to_str().context("path")?, &document];
        self.run_as("vanhanh", &["sign"], &arguments)
    }

    fn suspend(&self, key: &str) -> anyhow::Result<Output> {
        self.run_as(OFFICER, &["keys", "suspend"], &["--key", key, "--reason", "maintenance"])
    }
}

const OFFICER: &str = "anninh1";

#[track_caller]
fn went(output: &Output, code: i32, says: &str) {
    let said = tools::said(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(says), "expected {says:?} in: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_lives_from_its_ceremony_to_its_destruction() -> anyhow::Result<()> {
    let mut house = Installation::new()?;
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
    let (minutes, folder) = (house.path("minutes.txt"), house.path("sheets"));
    let arguments = [
        "--token",
        "TEST batch 2",
        "--key",
        "batch-2",
        "--kind",
        "p256",
        "--custodians",
        "Nguyễn A (THỬ NGHIỆM)",
        "--custodians",
        "Trần B (THỬ NGHIỆM)",
        "--custodians",
        "Lê C (THỬ NGHIỆM)",
        "--quorum",
        "2",
        "--minutes",
        minutes.to_str().context("path")?,
        "--sheets",
        folder.to_str().context("path")?,
    ];
    went(&house.run(&["keys", "ceremony"], &arguments)?, 0, "BIÊN BẢN LỄ TẠO KHÓA");
    went(&house.run(&["keys", "ceremony"], &arguments)?, 2, "is there already");
    let text = fs::read_to_string(&minutes)?;
    assert!(text.contains("Cần 2 trong 3 người giữ"), "{text}");
    let sheets: Vec<_> = (1..=3).map(|n| folder.join(format!("TEST batch 2.share-{n}.txt"))).collect();
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
    let try_with = |paths: &[&PathBuf]| {
        let mut arguments = vec!["--key", "batch-2"];
        for path in paths {
            arguments.extend(["--share", path.to_str().unwrap_or_default()]);
        }
        house.run(&["keys", "activate"], &arguments)
    };
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
    let request = house.path("batch-2.csr");
    let place = request.to_str().context("path")?.to_owned();
    let name = "Văn phòng Chính phủ (THỬ NGHIỆM)";
    went(&house.run(&["csr"], &["--key", "batch-2", "--subject", name, "--out", &place])?, 0, "request for");
    let judged = tools::run("openssl", &["req", "-verify", "-noout", "-in", &place].map(AsRef::as_ref))?;
    went(&judged, 0, "verify OK");
    let der = tools::run("openssl", &["req", "-outform", "DER", "-in", &place].map(AsRef::as_ref))?;
    let requested = csr::verify(&der.stdout)?;
    let authority = Authority::from_pem(&fs::read(house.house.dir().join("secrets/signing.pem"))?)?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_micros();
    let now = cabinet::Timestamp::from_micros(i64::try_from(now)?);
    let validity = Validity::days(now.plus_seconds(-60), 365);
    let issue = |spki: &[u8], serial| {
        let subject = Subject::named(&requested.subject.common_name);
        authority.issue_signer(spki, &subject, serial, validity, Profile::Organisation)
    };
    let import = |name: &str, certificate: &signing::Certificate| {
        let chain = house.path(name);
        fs::write(&chain, format!("{}{}", certificate.to_pem(), authority.certificate().to_pem()))?;
        house.run(&["import-cert"], &["--key", "batch-2", chain.to_str().context("path")?])
    };
    let anothers = issue(&authority.certificate().spki_der(), 900)?;
    went(&import("anothers.pem", &anothers)?, 1, "does not belong to the key");
    let installed = house.house.dir().join("data/batch-2.pem");
    assert!(!installed.exists(), "what is refused is not taken into use");
    went(&import("first.pem", &issue(&requested.spki_der, 901)?)?, 0, "in use from the next start");
    let renewed = issue(&requested.spki_der, 902)?;
    went(&import("second.pem", &renewed)?, 0, "the earlier one is kept as batch-2.pem.before-");
    assert_eq!(fs::read_to_string(&installed)?, renewed.to_pem());
    Ok(())
}

fn use_until_the_quota(house: &Installation) -> anyhow::Result<()> {
    let data = tools::data()?.join("vn-pdf");
    let documents = [data.join("an_le_so_432021AL.pdf"), data.join("an_le_so_552022AL.pdf")];
    let request = house.path("late.csr");
    let late = ["--key", "batch-2", "--subject", "TEST", "--out", request.to_str().context("path")?];
    went(&house.run(&["csr"], &late)?, 2, "stop it first");

    went(&house.sign(&documents[0], "one")?, 0, "signed");
    let judged =
        tools::run("pdfsig", &["-nocert".as_ref(), house.path("one/an_le_so_432021AL.pdf").as_ref()])?;
    went(&judged, 0, "Signature is Valid");
    went(
        &house.run_as("vanhanh", &["keys", "suspend"], &["--key", "batch-2", "--reason", "other"])?,
        2,
        "not-permitted",
    );
    went(&house.suspend("batch-2")?, 0, "suspended");
    went(&house.sign(&documents[1], "two")?, 1, "key-suspended");
    went(&house.suspend("batch-2")?, 2, "key-state");
    went(&house.run_as(OFFICER, &["keys", "resume"], &["--key", "batch-2"])?, 0, "active");
    went(&house.sign(&documents[1], "two")?, 0, "signed");
    went(&house.sign(&documents[1], "three")?, 1, "key-quota-reached");

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
    went(&house.suspend("batch-2")?, 0, "suspended");
    went(&destroy("batch-2", "batch-1", &sheets[..2])?, 2, "label-not-confirmed");
    went(&destroy("batch-2", "batch-2", &sheets[..1])?, 2, "quorum-not-reached");
    went(&destroy("organisation", "organisation", &sheets[..2])?, 2, "no-quorum-on-record");
    went(&destroy("log", "log", &sheets[..2])?, 2, "key-indispensable");
    went(&destroy("batch-2", "batch-2", &sheets[1..])?, 0, "destroyed");
    went(&destroy("batch-2", "batch-2", &sheets[1..])?, 0, "destroyed");
    let resumed = house.run_as(OFFICER, &["keys", "resume"], &["--key", "batch-2"])?;
    went(&resumed, 2, "key-destroyed");
    let document = tools::data()?.join("vn-pdf/an_le_so_432021AL.pdf");
    went(&house.sign(&document, "four")?, 1, "key-destroyed");
    Ok(())
}
