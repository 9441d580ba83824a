//! An installation of one's own: what the demonstration set up, served by another configuration.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use signing::authority::{Authority, Profile, Services, Subject, Validity};
use signing::csr;
use signing::register::Register;
use tests::{House, house, tools};

/// What the demonstration set up, stopped, with a configuration of its own.
pub(crate) struct Installation {
    pub(crate) house: House,
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
    /// Stops the house; `change` gets `[keys]` and the house's folder.
    pub(crate) fn new(
        mut house: House,
        change: impl FnOnce(&mut toml::Table, &str) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        house.stop()?;
        let work = tempfile::tempdir()?;
        let mut config: toml::Table = fs::read_to_string(house.dir().join("ecabinet.toml"))?.parse()?;
        let keys = config.get_mut("keys").and_then(toml::Value::as_table_mut).context("[keys]")?;
        change(keys, &house.dir().display().to_string())?;
        let listen = config.get_mut("listen").and_then(toml::Value::as_table_mut).context("[listen]")?;
        // The demonstration's own socket goes with its process.
        listen.insert("local".to_owned(), work.path().join("local.sock").display().to_string().into());
        let path = work.path().join("own.toml");
        fs::write(&path, toml::to_string(&config)?)?;
        Ok(Self { house, config: path, work, serving: None })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
    }

    /// Runs the program with this configuration.
    pub(crate) fn run(&self, command: &[&str], arguments: &[&str]) -> anyhow::Result<Output> {
        let mut program = Command::new(house::program("ecabinet")?);
        program.args(command).arg("--config").arg(&self.config).args(arguments).stdin(Stdio::null());
        program.output().context("ecabinet")
    }

    /// Runs it as a person, with his PIN on descriptor 3.
    pub(crate) fn run_as(&self, user: &str, command: &[&str], arguments: &[&str]) -> anyhow::Result<Output> {
        let accounts = self.house.json("accounts.json")?;
        let account = accounts.as_array().context("accounts")?.iter().find(|one| one["username"] == user);
        let pin = account.context("account")?["pin"].as_str().context("pin")?.to_owned();
        let arguments: Vec<_> = ["--user", user, "--pin-fd", "3"].iter().chain(arguments).copied().collect();
        self.run_with_pin(&pin, command, &arguments)
    }

    /// Runs it with a PIN on descriptor 3.
    pub(crate) fn run_with_pin(
        &self,
        pin: &str,
        command: &[&str],
        arguments: &[&str],
    ) -> anyhow::Result<Output> {
        let file = self.path("pin");
        fs::write(&file, pin)?;
        let mut program = Command::new("sh");
        program.args(["-c", "exec 3<\"$0\"; exec \"$@\""]).arg(&file).arg(house::program("ecabinet")?);
        program.args(command).arg("--config").arg(&self.config).args(arguments);
        program.output().context("ecabinet")
    }

    /// Serves; the ports are those that the demonstration had, which somebody may hold for a moment.
    pub(crate) fn serve(&mut self) -> anyhow::Result<()> {
        let mut said = String::new();
        for _ in 0..5 {
            match self.serve_once()? {
                None => return Ok(()),
                Some(refusal) if refusal.contains("in use") => said = refusal,
                Some(refusal) => bail!("it does not serve:\n{refusal}"),
            }
            std::thread::sleep(Duration::from_secs(1));
        }
        bail!("it does not serve:\n{said}")
    }

    /// What it said when it ended at once.
    fn serve_once(&mut self) -> anyhow::Result<Option<String>> {
        let path = self.path("serve.jsonl");
        let mut program = Command::new(house::program("ecabinet")?);
        program
            .args(["serve", "--config"])
            .arg(&self.config)
            .stdin(Stdio::null())
            .stderr(fs::File::create(&path)?);
        let serving = self.serving.insert(program.spawn()?);
        let started = Instant::now();
        while UnixStream::connect(self.work.path().join("local.sock")).is_err() {
            if serving.try_wait()?.is_some() {
                return Ok(Some(fs::read_to_string(&path)?));
            }
            ensure!(started.elapsed() < Duration::from_secs(120), "{}", fs::read_to_string(&path)?);
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(None)
    }

    /// Stops serving.
    pub(crate) fn stop(&mut self) -> anyhow::Result<()> {
        if let Some(mut child) = self.serving.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Holds a ceremony for three custodians of whom two are enough; gives the minutes and the sheets.
    pub(crate) fn ceremony(&self, token: &str, key: &str, kind: &str) -> anyhow::Result<Vec<PathBuf>> {
        let (minutes, folder) = (self.path(&format!("{key}.minutes")), self.path(&format!("{key}.sheets")));
        let (minutes, place) = (minutes.to_str().context("path")?, folder.to_str().context("path")?);
        let mut arguments = vec!["--token", token, "--key", key, "--kind", kind, "--quorum", "2"];
        for name in ["Nguyễn A (THỬ NGHIỆM)", "Trần B (THỬ NGHIỆM)", "Lê C (THỬ NGHIỆM)"] {
            arguments.extend(["--custodians", name]);
        }
        arguments.extend(["--minutes", minutes, "--sheets", place]);
        went(&self.run(&["keys", "ceremony"], &arguments)?, 0, "BIÊN BẢN LỄ TẠO KHÓA");
        went(&self.run(&["keys", "ceremony"], &arguments)?, 2, "is there already");
        Ok((1..=3).map(|n| folder.join(format!("{token}.share-{n}.txt"))).collect())
    }

    /// Restores a key's PINs from shares.
    pub(crate) fn activate(&self, key: &str, sheets: &[&PathBuf]) -> anyhow::Result<Output> {
        let mut arguments = vec!["--key", key];
        for sheet in sheets {
            arguments.extend(["--share", sheet.to_str().context("path")?]);
        }
        self.run(&["keys", "activate"], &arguments)
    }

    /// Has a key's request signed and judged by OpenSSL; gives the request, and the authority that would certify it.
    pub(crate) fn request(&self, key: &str, name: &str) -> anyhow::Result<(csr::Requested, Authority)> {
        let request = self.path(&format!("{key}.csr"));
        let place = request.to_str().context("path")?.to_owned();
        went(&self.run(&["csr"], &["--key", key, "--subject", name, "--out", &place])?, 0, "request for");
        self.requested(&format!("{key}.csr"))
    }

    /// A request as OpenSSL accepts it, and the authority that would certify it.
    pub(crate) fn requested(&self, name: &str) -> anyhow::Result<(csr::Requested, Authority)> {
        let request = self.path(name);
        let place = request.to_str().context("path")?;
        let judged = tools::run("openssl", &["req", "-verify", "-noout", "-in", place].map(AsRef::as_ref))?;
        went(&judged, 0, "verify OK");
        let der = tools::run("openssl", &["req", "-outform", "DER", "-in", place].map(AsRef::as_ref))?;
        let authority = Authority::from_pem(&fs::read(self.house.dir().join("secrets/signing.pem"))?)?;
        let at = |what: &str| format!("http://pki.ecabinet.test/{what}");
        let services =
            Services { ocsp_url: at("ocsp"), crl_url: at("signing.crl"), issuer_url: at("signing.crt") };
        Ok((csr::verify(&der.stdout)?, authority.with_services(services)))
    }

    /// A certificate of the TEST authority; its status can be asked.
    pub(crate) fn issue(
        &self,
        authority: &Authority,
        spki: &[u8],
        name: &str,
        serial: u64,
        profile: Profile,
    ) -> anyhow::Result<signing::Certificate> {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_micros();
        let now = cabinet::Timestamp::from_micros(i64::try_from(now)?);
        let validity = Validity::days(now.plus_seconds(-60), 365);
        let subject = Subject::named(name);
        let certificate = authority.issue_signer(spki, &subject, serial, validity, profile)?;
        let path = self.house.dir().join("data/signing.register.json");
        let mut register: Register = serde_json::from_slice(&fs::read(&path)?)?;
        register.issued(&certificate);
        fs::write(&path, serde_json::to_vec_pretty(&register)?)?;
        Ok(certificate)
    }

    /// Imports a certificate with its issuer's.
    pub(crate) fn import(
        &self,
        key: &str,
        certificate: &signing::Certificate,
        authority: &Authority,
    ) -> anyhow::Result<Output> {
        let chain = self.path(&format!("{key}-{}.pem", certificate.fingerprint()));
        fs::write(&chain, format!("{}{}", certificate.to_pem(), authority.certificate().to_pem()))?;
        self.run(&["import-cert"], &["--key", key, chain.to_str().context("path")?])
    }
}

#[track_caller]
pub(crate) fn went(output: &Output, code: i32, says: &str) {
    let said = tools::said(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(says), "expected {says:?} in: {said}");
}
