//! `ecabinet doctor`: examines an installation without changing it, running or not. Each line says what to do.

use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use hsm::{Need, Scheme, TokenSurvey};
use office::clock::Clock;
use office::keys::config::{KeysConfig, TokenConfig};
use office::keys::{anchors, inventory};
use office::store::examine;
use serde_json::json;
use signing::Certificate;

use super::{say, serve};
use crate::config::Config;

/// Stands under `ecabinet doctor --help`.
pub(super) const EXAMPLE: &str = "Example: ecabinet doctor --config /etc/ecabinet/ecabinet.toml\n\nNo PIN is used and nothing is changed.\nExit: 0 nothing \
fails, 1 something does, 2 the configuration cannot be read.";

/// How long a service may take to accept a connection.
const REACH: Duration = Duration::from_secs(3);
/// Entries that may wait for a signed head: a second's worth of a busy appliance.
const MAX_LAG: u64 = 4_096;

/// What the command line says.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The appliance's configuration file.
    #[arg(long)]
    config: PathBuf,
    /// One JSON object per line.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

impl Verdict {
    const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

struct Findings(Vec<(Verdict, String, String)>);

impl Findings {
    fn add(&mut self, verdict: Verdict, what: impl Into<String>, says: impl Into<String>) {
        self.0.push((verdict, what.into(), says.into()));
    }
}

/// Examines everything and tells it.
pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let config = Config::read(&options.config)?;
    serve::restart_with(&config.keys.environment)?;
    let mut found = Findings(Vec::new());
    found.add(Verdict::Ok, "configuration", "reads");
    found.files(&options.config, &config);
    found.modules(&config.keys);
    found.certificates(&config.keys);
    found.database(&config)?;
    found.services(&config);
    found.appliance(&config);
    for (verdict, what, says) in &found.0 {
        if options.json {
            say(&json!({"verdict": verdict.name(), "what": what, "says": says}).to_string())?;
        } else {
            say(&format!("{:<4}  {what}: {says}", verdict.name()))?;
        }
    }
    let fails = found.0.iter().any(|(verdict, ..)| *verdict == Verdict::Fail);
    Ok(ExitCode::from(u8::from(fails)))
}

impl Findings {
    fn files(&mut self, path: &Path, config: &Config) {
        let mut secret = vec![("tls.key".to_owned(), config.tls.key.clone())];
        for (part, token) in config.keys.tokens() {
            secret.push((format!("keys.{part}.pin_file"), token.pin_file.clone()));
        }
        for (what, path) in secret {
            match std::fs::metadata(&path) {
                Err(err) => {
                    let says = format!("{}: {err}; after a ceremony: ecabinet keys activate", path.display());
                    self.add(Verdict::Fail, what, says);
                }
                Ok(about) if about.mode() & 0o077 != 0 => {
                    let says = format!("{} is open to other accounts: chmod 600", path.display());
                    self.add(Verdict::Fail, what, says);
                }
                Ok(_) => self.add(Verdict::Ok, what, "for this account alone"),
            }
        }
        if std::fs::metadata(path).is_ok_and(|about| about.mode() & 0o022 != 0) {
            self.add(Verdict::Fail, "configuration", "others may write to it: chmod go-w");
        }
    }

    fn modules(&mut self, config: &KeysConfig) {
        for (part, token) in config.tokens() {
            let what = format!("token {part}");
            let survey = config.module_of(token).map_err(|err| err.to_string()).and_then(|module| {
                hsm::Module::load_with(&module)
                    .and_then(|module| module.survey())
                    .map_err(|err| err.to_string())
            });
            match survey {
                Err(says) => self.add(Verdict::Fail, what, says),
                Ok(survey) => {
                    let found = survey.tokens.iter().find(|candidate| is_named(&candidate.info, token));
                    match found {
                        None => {
                            let says = format!(
                                "{} {} has no token {}: insert it, or hold the ceremony",
                                survey.manufacturer, survey.version, token.token
                            );
                            self.add(Verdict::Fail, what, says);
                        }
                        Some(found) => self.token(&what, &part, token, found),
                    }
                }
            }
        }
    }

    fn token(&mut self, what: &str, part: &str, token: &TokenConfig, found: &TokenSurvey) {
        let mut wanted = vec![Need::Initialised, Need::Login];
        match part.split('-').next().unwrap_or_default() {
            "encryption" => wanted.extend([Need::AesGcm, Need::Random]),
            "log" => wanted.push(Need::Sign(Scheme::Ed25519)),
            _ => wanted.extend(scheme(token).map(Need::Sign)),
        }
        let unmet: Vec<_> = found.unmet.iter().filter(|need| wanted.contains(need)).collect();
        if unmet.is_empty() {
            self.add(Verdict::Ok, what, format!("{} {}", found.info.manufacturer, found.info.model));
        }
        for need in unmet {
            self.add(Verdict::Fail, what, need.to_string());
        }
    }

    fn certificates(&mut self, config: &KeysConfig) {
        let now = Clock.now();
        match inventory::list(config, &std::collections::BTreeMap::new(), now) {
            Err(err) => self.add(Verdict::Fail, "certificates", err.to_string()),
            Ok(keys) => {
                for key in keys.into_iter().filter(|key| key.kind != "AES-256") {
                    let what = format!("certificate of {}", key.label);
                    let is_over = key.days_left.is_none_or(|days| days < 0);
                    for warning in &key.warnings {
                        let verdict = if is_over { Verdict::Fail } else { Verdict::Warn };
                        self.add(verdict, what.clone(), warning.clone());
                    }
                    if let (true, Some(days)) = (key.warnings.is_empty(), key.days_left) {
                        self.add(Verdict::Ok, what, format!("{days} days left"));
                    }
                }
            }
        }
        match anchors::read(config, None, now) {
            Ok((trust, list)) => {
                let source = list
                    .map_or_else(|| "of a folder".to_owned(), |list| format!("of list {}", list.sequence));
                self.add(Verdict::Ok, "trust anchors", format!("{}, {source}", trust.anchors().len()));
            }
            Err(err) => self.add(Verdict::Fail, "trust anchors", err.to_string()),
        }
    }

    fn database(&mut self, config: &Config) -> anyhow::Result<()> {
        // SQLite would make a file that is not there.
        let file = config
            .office
            .database
            .strip_prefix("sqlite://")
            .map(|rest| rest.split('?').next().unwrap_or(rest));
        if let Some(file) = file.filter(|file| !Path::new(file).exists()) {
            self.add(Verdict::Warn, "database", format!("{file} is not there yet: the first start makes it"));
            return Ok(());
        }
        match serve::runtime()?.block_on(examine::log_standing(&config.office.database)) {
            Err(err) => self.add(Verdict::Fail, "database", err.to_string()),
            Ok(standing) => {
                self.add(Verdict::Ok, "database", format!("{} entries", standing.n_entries));
                if Clock.went_back(standing.last_entry) {
                    let says = format!(
                        "stands before the log's last entry of {}: set it; nothing is signed until then",
                        standing.last_entry.iso_vietnam()
                    );
                    self.add(Verdict::Fail, "clock", says);
                } else {
                    self.add(Verdict::Ok, "clock", "after the log's last entry");
                }
                let (verdict, says) = if standing.n_uncovered > MAX_LAG {
                    (
                        Verdict::Fail,
                        "no signed head covers them: look at the log's token and at the log lines",
                    )
                } else {
                    (Verdict::Ok, "wait for a signed head")
                };
                self.add(verdict, "log", format!("{} entries {says}", standing.n_uncovered));
            }
        }
        Ok(())
    }

    fn services(&mut self, config: &Config) {
        if config.trust.timestamps.is_empty() {
            self.add(Verdict::Warn, "time-stamps", "no authority is configured: signatures stay at level B");
        }
        for (host, address) in &config.trust.hosts {
            let what = format!("service {host}");
            match reach(address) {
                Ok(()) => self.add(Verdict::Ok, what, format!("{address} accepts connections")),
                Err(err) => {
                    let says = format!(
                        "{address}: {err}; look at the network, or at the service (this appliance's own answers only while it runs)"
                    );
                    self.add(Verdict::Warn, what, says);
                }
            }
        }
    }

    fn appliance(&mut self, config: &Config) {
        match config.listen.local.as_ref().map(UnixStream::connect) {
            Some(Ok(_)) => self.add(Verdict::Ok, "appliance", "runs"),
            Some(Err(_)) => self.add(Verdict::Warn, "appliance", "does not answer on its socket: start it"),
            None => self.add(
                Verdict::Warn,
                "appliance",
                "listen.local is not set: `sign` and `keys` cannot reach it",
            ),
        }
    }
}

fn reach(address: &SocketAddr) -> std::io::Result<()> {
    TcpStream::connect_timeout(address, REACH).map(drop)
}

fn is_named(info: &hsm::TokenInfo, token: &TokenConfig) -> bool {
    match &token.token {
        hsm::TokenName::Label(label) => info.initialised && info.label == label.as_str(),
        hsm::TokenName::Serial(serial) => info.serial == serial.as_str(),
    }
}

/// How the certified key of a token signs.
fn scheme(token: &TokenConfig) -> Option<Scheme> {
    let pem = std::fs::read(token.certificate.as_ref()?).ok()?;
    let certificate = Certificate::from_pem(&pem).ok()?;
    match certificate.key_kind() {
        signing::KeyKind::EcP256 => Some(Scheme::EcdsaSha256),
        signing::KeyKind::EcP384 => Some(Scheme::EcdsaSha384),
        signing::KeyKind::Rsa { .. } => Some(Scheme::RsaPkcs1Sha256),
        signing::KeyKind::Ed25519 => Some(Scheme::Ed25519),
        signing::KeyKind::Other => None,
    }
}
