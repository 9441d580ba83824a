//! The configuration file: every key is known, every file it names is there, or the appliance does not start.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use office::clock::Clock;
use office::keys::{KeysConfig, anchors};
use office::passkeys::DoorNames;
use office::settings::BodyConfig;
use office::start::OfficeConfig;
use office::trust::TrustConfig;
use serde::Deserialize;

/// The whole configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Whether this is a test installation: only then are TEST trust anchors accepted.
    #[serde(default)]
    pub test_installation: bool,
    /// Addresses and names.
    pub listen: ListenConfig,
    /// Certificates of the listeners.
    pub tls: TlsConfig,
    /// Limits.
    #[serde(default)]
    pub limits: LimitsConfig,
    /// The office.
    pub office: OfficeConfig,
    /// Tokens and keys.
    pub keys: KeysConfig,
    /// The body whose meetings these are.
    pub body: BodyConfig,
    /// Time-stamps and the status of certificates.
    #[serde(default)]
    pub trust: TrustConfig,
}

/// Addresses and names of the listeners.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenConfig {
    /// Password and TOTP.
    pub public: SocketAddr,
    /// Client certificate required.
    pub card: SocketAddr,
    /// Officers, auditors and operators; client certificate required.
    pub admin: SocketAddr,
    /// Metrics.
    pub metrics: SocketAddr,
    /// Time-stamps and, on test installations, certificate status, for everybody: plain HTTP, for all of it is signed.
    #[serde(default)]
    pub services: Option<SocketAddr>,
    /// Path of the appliance's own socket, for `ecabinet sign`; there is none if left out. Its folder must belong to
    /// the service alone.
    #[serde(default)]
    pub local: Option<PathBuf>,
    /// Host names that clients use; a request for another host is refused. Passkeys are bound to the first.
    pub names: Vec<String>,
    /// Exactly the origins at which passkeys may be used, as browsers write them: `https://ecabinet.example`. If left
    /// out, the first name with the public port.
    #[serde(default)]
    pub origins: Vec<String>,
}

impl ListenConfig {
    /// The names that passkeys are bound to.
    #[must_use]
    pub fn door_names(&self) -> DoorNames {
        let host = self.names.first().cloned().unwrap_or_default();
        let origins = if self.origins.is_empty() {
            vec![format!("https://{host}:{}", self.public.port())]
        } else {
            self.origins.clone()
        };
        DoorNames { host, origins }
    }
}

/// Certificates of the listeners.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// PEM chain, own certificate first.
    pub certificate: PathBuf,
    /// PEM private key.
    pub key: PathBuf,
    /// PEM anchors of card holders' certificates.
    pub client_anchors: PathBuf,
}

/// Limits, with their units. The defaults are for a Government.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Connections open at once.
    pub n_connections: usize,
    /// Connections open at once from one address.
    pub n_connections_per_address: usize,
    /// How long a TLS handshake may take, in seconds.
    pub handshake_s: u64,
    /// How long a request's head may take, in seconds.
    pub head_s: u64,
    /// How long a request may take until its answer begins, in seconds.
    pub request_s: u64,
    /// Sign-in attempts from one address that are let through at once.
    pub sign_ins_per_address: u32,
    /// After how many seconds one more is let through.
    pub sign_in_refill_s: u32,
    /// Wrong sign-ins to one account before it slows down.
    pub sign_in_failures: u32,
    /// How long it then takes until one more is let through, in seconds.
    pub sign_in_failure_refill_s: u32,
    /// Requests of one session that are let through at once.
    pub requests_burst: u32,
    /// Requests of one session per second after that.
    pub requests_per_s: u32,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            n_connections: 4_096,
            n_connections_per_address: 512,
            handshake_s: 5,
            head_s: 10,
            request_s: 120,
            sign_ins_per_address: 120,
            sign_in_refill_s: 1,
            sign_in_failures: 5,
            sign_in_failure_refill_s: 30,
            requests_burst: 400,
            requests_per_s: 100,
        }
    }
}

/// The configuration cannot be used; the sentence says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: {cause}; name a file that this account may read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// A key is unknown, missing or of another type.
    #[error("{path}: {cause}; correct or remove that key")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and why.
        cause: String,
    },
    /// A value cannot be used.
    #[error("{path}: {cause}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why, and what to do.
        cause: String,
    },
}

impl Config {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    ///
    /// * [`ConfigError`]: nothing is started.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|cause| ConfigError::Unreadable { path: path.to_owned(), cause })?;
        let config: Self = toml::from_str(&text).map_err(|err| ConfigError::Malformed {
            path: path.to_owned(),
            cause: err.to_string().trim().to_owned(),
        })?;
        config.check().map_err(|cause| ConfigError::Unusable { path: path.to_owned(), cause })?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        if self.listen.names.is_empty() {
            return Err("listen.names is empty: name the hosts that clients use".to_owned());
        }
        let limits = &self.limits;
        let times = [limits.handshake_s, limits.head_s, limits.request_s];
        if times.iter().any(|seconds| !(1..=3_600).contains(seconds)) {
            return Err("limits: times are 1 to 3600 seconds".to_owned());
        }
        let counts = [
            limits.sign_ins_per_address,
            limits.sign_in_refill_s,
            limits.sign_in_failures,
            limits.sign_in_failure_refill_s,
            limits.requests_burst,
            limits.requests_per_s,
        ];
        if counts.contains(&0) || limits.n_connections == 0 || limits.n_connections_per_address == 0 {
            return Err("limits: counts are at least 1".to_owned());
        }
        for (what, path) in [
            ("tls.certificate", &self.tls.certificate),
            ("tls.key", &self.tls.key),
            ("tls.client_anchors", &self.tls.client_anchors),
            ("keys.module", &self.keys.module),
            ("keys.trust", &self.keys.trust),
            ("keys.chain", &self.keys.chain),
            ("office.rules", &self.office.rules),
            ("body.seal_image", &self.body.seal_image),
        ] {
            if !path.exists() {
                return Err(format!("{what} names {}, which is not there", path.display()));
            }
        }
        self.keys.check()?;
        if !self.trust.test_authorities.is_empty() && !self.test_installation {
            return Err(
                "trust.test_authorities: a TEST authority belongs on a test installation only".to_owned()
            );
        }
        self.check_anchors()
    }

    /// A TEST authority vouches for nobody: it is accepted only where the configuration says so.
    fn check_anchors(&self) -> Result<(), String> {
        let (trust, _) = anchors::read(&self.keys, None, Clock.now()).map_err(|err| err.to_string())?;
        let test = trust.anchors().iter().map(signing::Certificate::common_name).find(|name| is_test(name));
        match test {
            Some(name) if !self.test_installation => Err(format!(
                "keys.trust holds the TEST anchor `{name}`: remove it, or set test_installation = true on a test installation"
            )),
            _ => Ok(()),
        }
    }
}

fn is_test(name: &str) -> bool {
    name.contains("TEST") || name.contains("THỬ NGHIỆM") || name.contains("THU NGHIEM")
}
