//! Which modules, tokens, keys and certificates the appliance uses.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hsm::{KeyLabel, ModuleConfig, PersonalConfig, Pin, PoolConfig, TokenName};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::KeysError;

/// The most tokens that stand in for one.
pub const MAX_STAND_INS: usize = hsm::MAX_MEMBERS - 1;
const WORKERS: RangeInclusive<usize> = 1..=64;
const WAITING: RangeInclusive<usize> = 1..=4_096;
const STUCK: RangeInclusive<usize> = 0..=64;
const DEADLINE_MS: RangeInclusive<u64> = 100..=120_000;
const MAKE_KEY_DEADLINE_MS: RangeInclusive<u64> = 1_000..=600_000;

/// The `[keys]` part of the configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysConfig {
    /// Path of the PKCS#11 library.
    pub module: PathBuf,
    /// A text that the library wants when it is initialised; most want none.
    #[serde(default)]
    pub init_argument: Option<String>,
    /// A file of this library's quirks, instead of the one that comes with the program.
    #[serde(default)]
    pub quirks: Option<PathBuf>,
    /// Further libraries, by the names that tokens use for them.
    #[serde(default)]
    pub modules: BTreeMap<String, OtherModule>,
    /// Variables that the libraries read; the program starts itself again with them.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Folder of trust anchors, PEM; with `trust_signers`, the file of a signed trust bundle.
    pub trust: PathBuf,
    /// PEM certificates, a file or a folder, one of which must have signed the trust bundle.
    #[serde(default)]
    pub trust_signers: Option<PathBuf>,
    /// PEM file of the certificates between our signers and the anchors.
    pub chain: PathBuf,
    /// The organisation's token: its key seals Resolutions.
    pub organisation: TokenConfig,
    /// Tokens that seal when the organisation's cannot, each with a key and a certificate of its own or a clone's.
    #[serde(default)]
    pub organisation_stand_ins: Vec<TokenConfig>,
    /// The log's token: its key signs checkpoints and evidence.
    pub log: TokenConfig,
    /// The key-encryption token.
    pub encryption: TokenConfig,
    /// Further key-encryption tokens, each with a key of another label: every data key is wrapped under each of them.
    #[serde(default)]
    pub encryption_stand_ins: Vec<TokenConfig>,
    /// The token whose key signs lists of documents, if there is one.
    #[serde(default)]
    pub batch: Option<TokenConfig>,
    /// The token whose key signs time-stamps, if this appliance issues any.
    #[serde(default)]
    pub timestamping: Option<TokenConfig>,
    /// The token whose key signs answers about a TEST authority's certificates; test installations only.
    #[serde(default)]
    pub responder: Option<TokenConfig>,
    /// Size and patience of the threads that use members' tokens.
    #[serde(default)]
    pub members: Threads,
}

/// A library besides the first.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherModule {
    /// Path of the library.
    pub path: PathBuf,
    /// A text that the library wants when it is initialised.
    #[serde(default)]
    pub init_argument: Option<String>,
    /// A file of its quirks.
    #[serde(default)]
    pub quirks: Option<PathBuf>,
}

/// One token that stays logged in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenConfig {
    /// Name of its library in `keys.modules`; `keys.module` if left out.
    #[serde(default)]
    pub module: Option<String>,
    /// Label of the token, or `serial:` and its serial number.
    #[serde(deserialize_with = "parsed")]
    pub token: TokenName,
    /// Label of the key on it.
    #[serde(deserialize_with = "parsed")]
    pub key: KeyLabel,
    /// File that holds the PIN, readable by the service alone.
    pub pin_file: PathBuf,
    /// PEM file of the key's certificate; the encryption key has none.
    #[serde(default)]
    pub certificate: Option<PathBuf>,
    /// How many signatures on documents the key may make in its life; without it, as many as are asked for.
    #[serde(default)]
    pub quota: Option<u32>,
    /// Size and patience of the threads that use the token.
    #[serde(default)]
    pub threads: Threads,
}

/// Size and patience of the threads that use a token. What is left out stays as it is by default.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Threads {
    /// Threads with a session each; 1 to 64.
    pub n_workers: Option<usize>,
    /// Calls that wait for a thread; 1 to 4096.
    pub n_waiting_max: Option<usize>,
    /// Threads that may hang and be replaced; 0 to 64.
    pub n_stuck_max: Option<usize>,
    /// How long a call may take in all, in milliseconds; 100 to 120 000.
    pub deadline_ms: Option<u64>,
    /// The same for making a key; 1000 to 600 000.
    pub make_key_deadline_ms: Option<u64>,
}

fn parsed<'de, D: serde::Deserializer<'de>, T: std::str::FromStr<Err: std::fmt::Display>>(
    deserializer: D,
) -> Result<T, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

impl KeysConfig {
    /// Every token of the appliance with the name of its part: `organisation`, `organisation-2`, `log` …
    ///
    /// The names are the closed set of labels in metrics.
    #[must_use]
    pub fn tokens(&self) -> Vec<(String, &TokenConfig)> {
        let further = |part: &'static str, tokens: &[TokenConfig]| -> Vec<String> {
            (2..).take(tokens.len()).map(|n| format!("{part}-{n}")).collect()
        };
        let mut found = vec![("organisation".to_owned(), &self.organisation)];
        found.extend(
            further("organisation", &self.organisation_stand_ins)
                .into_iter()
                .zip(&self.organisation_stand_ins),
        );
        found.push(("log".to_owned(), &self.log));
        found.push(("encryption".to_owned(), &self.encryption));
        found.extend(
            further("encryption", &self.encryption_stand_ins).into_iter().zip(&self.encryption_stand_ins),
        );
        for (name, token) in
            [("batch", &self.batch), ("timestamping", &self.timestamping), ("responder", &self.responder)]
        {
            found.extend(token.as_ref().map(|token| (name.to_owned(), token)));
        }
        found
    }

    /// The token whose key bears this label, with the name of its part.
    #[must_use]
    pub fn token_of_key(&self, label: &str) -> Option<(String, &TokenConfig)> {
        self.tokens().into_iter().find(|(_, token)| token.key.as_str() == label)
    }

    /// Checks what can be checked without asking a token.
    ///
    /// # Errors
    ///
    /// A sentence that names the key of the configuration and what to do.
    pub fn check(&self) -> Result<(), String> {
        self.members.check("keys.members")?;
        for (part, stand_ins) in [
            ("keys.organisation_stand_ins", &self.organisation_stand_ins),
            ("keys.encryption_stand_ins", &self.encryption_stand_ins),
        ] {
            if stand_ins.len() > MAX_STAND_INS {
                return Err(format!("{part}: {MAX_STAND_INS} at most"));
            }
        }
        let tokens = self.tokens();
        for (index, (part, token)) in tokens.iter().enumerate() {
            token.threads.check(&format!("keys.{part}.threads"))?;
            if let Some(name) = &token.module
                && !self.modules.contains_key(name)
            {
                return Err(format!("keys.{part}.module names `{name}`: put it into keys.modules"));
            }
            let earlier = tokens.get(..index).unwrap_or_default();
            if let Some((other, _)) = earlier.iter().find(|(_, other)| other.key == token.key) {
                return Err(format!(
                    "keys.{part} and keys.{other} name one key label, {}: give every key a label of its own",
                    token.key
                ));
            }
        }
        Ok(())
    }

    /// The library of a token, as it is to be loaded.
    ///
    /// # Errors
    ///
    /// [`KeysError::Invalid`]: the token names a library that is not configured.
    pub fn module_of(&self, token: &TokenConfig) -> Result<ModuleConfig, KeysError> {
        let Some(name) = &token.module else { return Ok(self.first_module()) };
        let other = self.modules.get(name).ok_or_else(|| {
            KeysError::Invalid(format!("no module `{name}` is configured: put it into keys.modules"))
        })?;
        Ok(ModuleConfig {
            path: other.path.clone(),
            init_argument: other.init_argument.clone(),
            quirks: other.quirks.clone(),
        })
    }

    /// The library of members' tokens, and of whatever names no other.
    #[must_use]
    pub fn first_module(&self) -> ModuleConfig {
        ModuleConfig {
            path: self.module.clone(),
            init_argument: self.init_argument.clone(),
            quirks: self.quirks.clone(),
        }
    }
}

impl TokenConfig {
    /// The PIN out of its file.
    ///
    /// # Errors
    ///
    /// [`KeysError::Invalid`]: it is not there, or holds no PIN; after a ceremony, activate the key first.
    pub fn pin(&self) -> Result<Pin, KeysError> {
        let text = Zeroizing::new(
            String::from_utf8(read(&self.pin_file)?).map_err(|err| invalid(&self.pin_file, err))?,
        );
        Pin::parse(text.trim_end()).map_err(|err| invalid(&self.pin_file, err))
    }
}

impl Threads {
    /// For a token that stays logged in.
    #[must_use]
    pub fn for_pool(self) -> PoolConfig {
        let default = PoolConfig::default();
        PoolConfig {
            n_workers: self.n_workers.unwrap_or(default.n_workers),
            n_waiting_max: self.n_waiting_max.unwrap_or(default.n_waiting_max),
            n_stuck_max: self.n_stuck_max.unwrap_or(default.n_stuck_max),
            deadline: self.deadline_ms.map_or(default.deadline, Duration::from_millis),
            make_key_deadline: self
                .make_key_deadline_ms
                .map_or(default.make_key_deadline, Duration::from_millis),
        }
    }

    /// For members' tokens.
    #[must_use]
    pub fn for_members(self) -> PersonalConfig {
        let default = PersonalConfig::default();
        PersonalConfig {
            n_workers: self.n_workers.unwrap_or(default.n_workers),
            n_waiting_max: self.n_waiting_max.unwrap_or(default.n_waiting_max),
            n_stuck_max: self.n_stuck_max.unwrap_or(default.n_stuck_max),
            deadline: self.deadline_ms.map_or(default.deadline, Duration::from_millis),
            make_key_deadline: self
                .make_key_deadline_ms
                .map_or(default.make_key_deadline, Duration::from_millis),
        }
    }

    fn check(self, place: &str) -> Result<(), String> {
        within(place, "n_workers", self.n_workers, &WORKERS)?;
        within(place, "n_waiting_max", self.n_waiting_max, &WAITING)?;
        within(place, "n_stuck_max", self.n_stuck_max, &STUCK)?;
        within(place, "deadline_ms", self.deadline_ms, &DEADLINE_MS)?;
        within(place, "make_key_deadline_ms", self.make_key_deadline_ms, &MAKE_KEY_DEADLINE_MS)
    }
}

fn within<N: PartialOrd + std::fmt::Display>(
    place: &str,
    name: &str,
    value: Option<N>,
    range: &RangeInclusive<N>,
) -> Result<(), String> {
    match value {
        Some(value) if !range.contains(&value) => {
            Err(format!("{place}.{name} is {value}: give {} to {}", range.start(), range.end()))
        }
        Some(_) | None => Ok(()),
    }
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, KeysError> {
    std::fs::read(path).map_err(|err| invalid(path, err))
}

pub(super) fn invalid(path: &Path, cause: impl std::fmt::Display) -> KeysError {
    KeysError::Invalid(format!("{}: {cause}", path.display()))
}

#[cfg(test)]
mod tests;
