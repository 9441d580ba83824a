//! Which module, tokens, keys and certificates the appliance uses.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hsm::{KeyLabel, Module, PersonalConfig, PersonalTokens, Pin, Pool, PoolConfig, TokenLabel};
use policies::resource::KeyPurpose;
use serde::Deserialize;
use signing::{Certificate, TrustStore};
use zeroize::Zeroizing;

use super::{CertifiedKey, DocumentKey, KeysError};

/// The `[keys]` part of the configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysConfig {
    /// Path of the PKCS#11 library.
    pub module: PathBuf,
    /// Variables that the library reads; the program starts itself again with them.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Folder of trust anchors, PEM.
    pub trust: PathBuf,
    /// PEM file of the certificates between our signers and the anchors.
    pub chain: PathBuf,
    /// The organisation's token: its key seals Resolutions.
    pub organisation: TokenConfig,
    /// The log's token: its key signs checkpoints and evidence.
    pub log: TokenConfig,
    /// The key-encryption token.
    pub encryption: TokenConfig,
    /// The token whose key signs lists of documents, if there is one.
    #[serde(default)]
    pub batch: Option<TokenConfig>,
    /// The token whose key signs time-stamps, if this appliance issues any.
    #[serde(default)]
    pub timestamping: Option<TokenConfig>,
    /// The token whose key signs answers about a TEST authority's certificates; test installations only.
    #[serde(default)]
    pub responder: Option<TokenConfig>,
}

/// One token that stays logged in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenConfig {
    /// Label of the token.
    #[serde(deserialize_with = "parsed")]
    pub token: TokenLabel,
    /// Label of the key on it.
    #[serde(deserialize_with = "parsed")]
    pub key: KeyLabel,
    /// File that holds the PIN, readable by the service alone.
    pub pin_file: PathBuf,
    /// PEM file of the key's certificate; the encryption key has none.
    #[serde(default)]
    pub certificate: Option<PathBuf>,
}

fn parsed<'de, D: serde::Deserializer<'de>, T: std::str::FromStr<Err: std::fmt::Display>>(
    deserializer: D,
) -> Result<T, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

/// What [`KeysConfig::load`] found.
pub(super) struct Loaded {
    pub(super) config: KeysConfig,
    pub(super) personal: PersonalTokens,
    pub(super) organisation: DocumentKey,
    pub(super) batch: Option<DocumentKey>,
    pub(super) timestamping: Option<CertifiedKey>,
    pub(super) responder: Option<CertifiedKey>,
    pub(super) log: Pool,
    pub(super) encryption: Pool,
    pub(super) trust: TrustStore,
    pub(super) chain: Vec<Certificate>,
    pub(super) log_certificate: Certificate,
}

impl KeysConfig {
    /// Loads the module, logs in, and checks that each certificate belongs to its key. Blocks.
    pub(super) fn load(self) -> Result<Loaded, KeysError> {
        let module = Module::load(&self.module)?;
        let personal = module.personal(PersonalConfig::default())?;
        let log = self.log.open(&module)?;
        let encryption = self.encryption.open(&module)?;
        if !encryption.has_key(&self.encryption.key)? {
            return Err(hsm::TokenError::KeyNotFound { label: self.encryption.key }.into());
        }
        let trust = TrustStore::from_pem_files(&self.trust).map_err(|err| invalid(&self.trust, err))?;
        let chain =
            Certificate::all_from_pem(&read(&self.chain)?).map_err(|err| invalid(&self.chain, err))?;
        let organisation = self.organisation.document_key(&module, KeyPurpose::Organisation)?;
        let batch =
            self.batch.as_ref().map(|batch| batch.document_key(&module, KeyPurpose::Batch)).transpose()?;
        let certified = |token: &Option<TokenConfig>| {
            token.as_ref().map(|token| token.certified_key(&module)).transpose()
        };
        let (timestamping, responder) = (certified(&self.timestamping)?, certified(&self.responder)?);
        let log_certificate = self.log.certificate_of(&log)?;
        Ok(Loaded {
            config: self,
            personal,
            organisation,
            batch,
            timestamping,
            responder,
            log,
            encryption,
            trust,
            chain,
            log_certificate,
        })
    }
}

impl TokenConfig {
    fn open(&self, module: &Module) -> Result<Pool, KeysError> {
        let text = Zeroizing::new(
            String::from_utf8(read(&self.pin_file)?).map_err(|err| invalid(&self.pin_file, err))?,
        );
        let pin = Pin::parse(text.trim_end()).map_err(|err| invalid(&self.pin_file, err))?;
        Ok(module.open_pool(&self.token, &pin, PoolConfig::default())?)
    }

    fn certified_key(&self, module: &Module) -> Result<CertifiedKey, KeysError> {
        let pool = self.open(module)?;
        let certificate = self.certificate_of(&pool)?;
        Ok(CertifiedKey::new(self.key.clone(), certificate, pool))
    }

    fn document_key(&self, module: &Module, purpose: KeyPurpose) -> Result<DocumentKey, KeysError> {
        Ok(DocumentKey::new(self.certified_key(module)?, purpose))
    }

    /// The certificate, if it belongs to the key on the token.
    fn certificate_of(&self, pool: &Pool) -> Result<Certificate, KeysError> {
        let path = self.certificate.as_ref().ok_or(KeysError::NoKey)?;
        let certificate = Certificate::from_pem(&read(path)?).map_err(|err| invalid(path, err))?;
        if pool.public_key(&self.key)?.as_bytes() == certificate.spki_der() {
            Ok(certificate)
        } else {
            Err(invalid(
                path,
                "it does not belong to the key on the token; import the one issued for that key",
            ))
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, KeysError> {
    std::fs::read(path).map_err(|err| invalid(path, err))
}

fn invalid(path: &Path, cause: impl std::fmt::Display) -> KeysError {
    KeysError::Invalid(format!("{}: {cause}", path.display()))
}
