//! Whom trust services are asked of, and which this appliance offers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

use crate::batches::Level;

/// The `[trust]` part of the configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrustConfig {
    /// Who may be asked: host name and address. Nobody else ever is.
    pub hosts: BTreeMap<String, SocketAddr>,
    /// Time-stamping authorities, `http://host/path`; the first is asked first.
    pub timestamps: Vec<String>,
    /// How long one answer may take, in seconds; 1 to 180.
    pub deadline_s: u64,
    /// The level of the signatures on Resolutions: `B`, `T`, `LT` or `LTA`.
    #[serde(deserialize_with = "parsed")]
    pub level: Level,
    /// How many days before its proofs end a sealed Resolution gets a new time-stamp; 1 to 3650.
    pub renew_before_days: u16,
    /// The policy of this appliance's own time-stamps, as an object identifier.
    pub timestamp_policy: Option<String>,
    /// Accuracy of this appliance's own time-stamps, in microseconds; the clock may drift no further.
    pub timestamp_accuracy_us: u32,
    /// TEST authorities whose lists and answers this appliance gives; test installations only.
    pub test_authorities: Vec<TestAuthorityConfig>,
}

/// A TEST authority with a software key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestAuthorityConfig {
    /// Its name in addresses: `/NAME.crl`, `/NAME.crt`.
    pub name: String,
    /// PEM file with its key and certificates.
    pub key: PathBuf,
    /// JSON file with the status of what it issued.
    pub register: PathBuf,
}

impl Default for TrustConfig {
    fn default() -> Self {
        Self {
            hosts: BTreeMap::new(),
            timestamps: Vec::new(),
            deadline_s: 10,
            level: Level::B,
            renew_before_days: 90,
            timestamp_policy: None,
            timestamp_accuracy_us: 1_000_000,
            test_authorities: Vec::new(),
        }
    }
}

fn parsed<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Level, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}
