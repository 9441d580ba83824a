//! A running appliance: `ecabinet demo` in a folder of its own, on free ports.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::client::User;

/// How long the appliance may take until it says that it is ready.
const READY_WITHIN: Duration = Duration::from_secs(180);

/// A running appliance. Stops, and its folder goes, when this is dropped.
#[derive(Debug)]
pub struct House {
    folder: TempDir,
    process: Option<Child>,
    /// Variables that the program is started with.
    environment: Vec<(String, String)>,
    /// The kind of keys that a new appliance makes.
    keys: &'static str,
}

/// The built program of that name.
///
/// # Errors
///
/// It is not built.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    let test = std::env::current_exe()?;
    let folder = test.parent().and_then(Path::parent).context("target folder")?;
    let path = folder.join(name);
    if path.exists() {
        Ok(path)
    } else {
        bail!("{} is not built: cargo build --workspace --bins", path.display())
    }
}

impl House {
    /// Sets up a fresh appliance and waits until it is ready.
    ///
    /// # Errors
    ///
    /// It does not come up; its log stands in the message.
    pub fn start() -> anyhow::Result<Self> {
        Self::start_with(&[])
    }

    /// As [`House::start`], with variables of ours.
    ///
    /// # Errors
    ///
    /// As [`House::start`].
    pub fn start_with(environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        Self::open(environment, "p256")
    }

    /// As [`House::start`], with keys of another kind: what `ecabinet demo --keys` takes.
    ///
    /// # Errors
    ///
    /// As [`House::start`].
    pub fn start_on(keys: &'static str) -> anyhow::Result<Self> {
        Self::open(&[], keys)
    }

    fn open(environment: &[(&str, &str)], keys: &'static str) -> anyhow::Result<Self> {
        let environment =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut house = Self { folder: tempfile::tempdir()?, process: None, environment, keys };
        house.run()?;
        Ok(house)
    }

    /// Sets the variables for the next start.
    pub fn set_environment(&mut self, environment: &[(&str, &str)]) {
        self.environment =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    }

    /// The appliance's folder.
    #[must_use]
    pub fn dir(&self) -> PathBuf {
        self.folder.path().join("demo")
    }

    /// Starts the program and waits until it is ready.
    ///
    /// # Errors
    ///
    /// As [`House::start`].
    pub fn run(&mut self) -> anyhow::Result<()> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log())?;
        let mut command = Command::new(program("ecabinet")?);
        command
            .args(["demo", "--listen", "127.0.0.1:0", "--keys", self.keys, "--dir"])
            .arg(self.dir())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log);
        let mut child = command.spawn()?;
        let output = child.stdout.take().context("standard output")?;
        self.process = Some(child);
        let (sender, ready) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if line == "ready" {
                    // Nobody waits any more if it came too late.
                    if sender.send(()).is_err() {
                        return;
                    }
                }
            }
        });
        if ready.recv_timeout(READY_WITHIN).is_err() {
            bail!(
                "the appliance did not come up:\n{}",
                std::fs::read_to_string(self.log()).unwrap_or_default()
            );
        }
        Ok(())
    }

    /// What the appliance logged.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.folder.path().join("log.jsonl")
    }

    /// Kills the program as a power cut would.
    ///
    /// # Errors
    ///
    /// It does not run.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        let mut process = self.process.take().context("running")?;
        process.kill()?;
        process.wait()?;
        Ok(())
    }

    /// Interrupts the program and waits until it has stopped.
    ///
    /// # Errors
    ///
    /// It does not stop.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        let mut process = self.process.take().context("running")?;
        Command::new("kill").args(["-TERM", &process.id().to_string()]).status()?;
        let started = Instant::now();
        while process.try_wait()?.is_none() {
            if started.elapsed() > Duration::from_secs(20) {
                process.kill()?;
                bail!("the appliance did not stop when asked");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// The program's process id.
    ///
    /// # Errors
    ///
    /// It does not run.
    pub fn pid(&self) -> anyhow::Result<u32> {
        Ok(self.process.as_ref().context("running")?.id())
    }

    /// What a JSON file of the folder holds.
    ///
    /// # Errors
    ///
    /// It is not there.
    pub fn json(&self, name: &str) -> anyhow::Result<Value> {
        Ok(serde_json::from_slice(&std::fs::read(self.dir().join(name))?)?)
    }

    /// The prepared session's id.
    ///
    /// # Errors
    ///
    /// `addresses.json` is not there.
    pub fn meeting(&self) -> anyhow::Result<String> {
        Ok(self.json("addresses.json")?["meeting"].as_str().context("meeting")?.to_owned())
    }

    /// Names of the 27 accounts of members, the Prime Minister first.
    ///
    /// # Errors
    ///
    /// `accounts.json` is not there.
    pub fn member_names(&self) -> anyhow::Result<Vec<String>> {
        let accounts = self.json("accounts.json")?;
        let members = ["prime_minister", "chairman_of_office", "member"];
        Ok(accounts
            .as_array()
            .context("accounts")?
            .iter()
            .filter(|account| members.iter().any(|role| account["role"] == *role))
            .filter_map(|account| account["username"].as_str().map(str::to_owned))
            .collect())
    }

    /// Somebody who has not signed in.
    ///
    /// # Errors
    ///
    /// The appliance's addresses cannot be read.
    pub fn visitor(&self, username: &str) -> anyhow::Result<User> {
        User::new(&self.json("addresses.json")?, &self.json("accounts.json")?, username)
    }

    /// Somebody who has signed in with password and code.
    ///
    /// # Errors
    ///
    /// He could not.
    pub async fn user(&self, username: &str) -> anyhow::Result<User> {
        let mut user = self.visitor(username)?;
        user.sign_in().await?;
        Ok(user)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            drop(process.kill());
            drop(process.wait());
        }
    }
}
