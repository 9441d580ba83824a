//! Every key of the appliance on one page: certificate, uses, quota, state, and what will end soon.

use std::collections::BTreeMap;

use cabinet::Timestamp;
use serde::Serialize;
use signing::algorithm_policy::{AlgorithmPolicy, HashName, SchemeName, Suite, Use};
use signing::{Certificate, KeyKind};
use utoipa::ToSchema;

use super::config::read;
use super::standing::Standing;
use super::{KeysConfig, KeysError};
use crate::cards::Card;

/// Days before its end from which a certificate is warned of.
pub const CERTIFICATE_WARNING_DAYS: i64 = 60;
/// Days before its end from which an algorithm is warned of: keys and certificates take a year to replace.
pub const ALGORITHM_WARNING_DAYS: i64 = 730;
/// Part of the quota, in percent, from which it is warned of.
const QUOTA_WARNING_PERCENT: u64 = 90;
const DAY_S: i64 = 86_400;

/// A key of the appliance.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct KeyView {
    /// Its label.
    pub label: String,
    /// The part of the configuration that uses it: `organisation`, `organisation-2`, `log` …; `card` for a member's card.
    pub part: String,
    /// Its token.
    pub token: String,
    /// What kind of key its certificate certifies; `AES-256` for the keys that wrap.
    pub kind: String,
    /// `active`, `suspended` or `destroyed`.
    pub state: String,
    /// Signatures on documents that were begun with it.
    pub n_uses: u64,
    /// How many of these it may make in its life.
    pub quota: Option<u32>,
    /// Whom the certificate names.
    pub subject: Option<String>,
    /// From when the certificate is valid.
    pub not_before: Option<String>,
    /// Until when.
    pub not_after: Option<String>,
    /// Days until then; negative once it is over.
    pub days_left: Option<i64>,
    /// When its algorithm ends, where an end is in sight.
    pub algorithm_ends: Option<String>,
    /// What somebody should do soon.
    pub warnings: Vec<String>,
}

/// Lists the keys of the configuration with what their certificates say at `now`. Reads the disk, asks no token.
///
/// # Errors
///
/// [`KeysError::Invalid`]: a certificate does not read.
pub fn list(
    config: &KeysConfig,
    standing: &BTreeMap<String, Standing>,
    now: Timestamp,
) -> Result<Vec<KeyView>, KeysError> {
    let policy = AlgorithmPolicy::default_dated().map_err(|err| KeysError::Invalid(err.to_string()))?;
    let mut found = Vec::new();
    for (part, token) in config.tokens() {
        let standing = standing.get(token.key.as_str()).copied().unwrap_or_default();
        let mut view = KeyView {
            label: token.key.to_string(),
            part,
            token: token.token.to_string(),
            kind: "AES-256".to_owned(),
            state: standing.state.name().to_owned(),
            n_uses: standing.n_uses,
            quota: token.quota,
            subject: None,
            not_before: None,
            not_after: None,
            days_left: None,
            algorithm_ends: None,
            warnings: Vec::new(),
        };
        match token.certificate.as_deref().filter(|path| path.exists()) {
            Some(path) => {
                let certificate = Certificate::from_pem(&read(path)?)
                    .map_err(|err| KeysError::Invalid(format!("{}: {err}", path.display())))?;
                view.describe(&certificate, &policy, now);
            }
            None if token.certificate.is_some() => {
                "unknown".clone_into(&mut view.kind);
                view.warnings.push("there is no certificate yet: ecabinet csr, then import-cert".to_owned());
            }
            None => {}
        }
        if let Some(quota) = view.quota
            && view.n_uses.saturating_mul(100) >= u64::from(quota).saturating_mul(QUOTA_WARNING_PERCENT)
        {
            view.warnings
                .push(format!("{} of {quota} uses are taken: raise the quota or renew", view.n_uses));
        }
        found.push(view);
    }
    Ok(found)
}

/// A member's signing card: its key is in his hand, its certificate and its standing are here.
///
/// # Errors
///
/// [`KeysError::Invalid`]: the algorithm policy does not read.
pub fn card(
    card: &Card,
    standing: &BTreeMap<String, Standing>,
    now: Timestamp,
) -> Result<KeyView, KeysError> {
    let policy = AlgorithmPolicy::default_dated().map_err(|err| KeysError::Invalid(err.to_string()))?;
    let standing = standing.get(&card.label).copied().unwrap_or_default();
    let mut view = KeyView {
        label: card.label.clone(),
        part: "card".to_owned(),
        token: "in its holder's hand".to_owned(),
        kind: String::new(),
        state: standing.state.name().to_owned(),
        n_uses: standing.n_uses,
        quota: None,
        subject: None,
        not_before: None,
        not_after: None,
        days_left: None,
        algorithm_ends: None,
        warnings: Vec::new(),
    };
    view.describe(&card.certificate, &policy, now);
    Ok(view)
}

impl KeyView {
    fn describe(&mut self, certificate: &Certificate, policy: &AlgorithmPolicy, now: Timestamp) {
        self.kind = kind(certificate.key_kind());
        self.subject = Some(certificate.subject());
        self.not_before = Some(certificate.not_before().iso_vietnam());
        self.not_after = Some(certificate.not_after().iso_vietnam());
        let days = days_between(now, certificate.not_after());
        self.days_left = Some(days);
        if days < 0 {
            self.warnings.push("the certificate is over: renew it (csr, import-cert)".to_owned());
        } else if days < CERTIFICATE_WARNING_DAYS {
            self.warnings.push(format!("the certificate ends in {days} days: renew it (csr, import-cert)"));
        }
        match suite(certificate.key_kind()).map(|suite| policy.expiry(Use::Signature, &suite)) {
            Some(Ok(Some(end))) => {
                self.algorithm_ends = Some(end.iso_vietnam());
                let days = days_between(now, end);
                if days < ALGORITHM_WARNING_DAYS {
                    self.warnings
                        .push(format!("the algorithm ends in {days} days: make a key of another kind"));
                }
            }
            Some(Ok(None)) => {}
            Some(Err(err)) => self.warnings.push(format!("the algorithm is not accepted: {err}")),
            None => self.warnings.push("no algorithm policy speaks of such a key".to_owned()),
        }
    }
}

/// Whole days from one instant to another, rounded down.
#[must_use]
pub const fn days_between(from: Timestamp, to: Timestamp) -> i64 {
    to.as_seconds().saturating_sub(from.as_seconds()).div_euclid(DAY_S)
}

/// The kind of key in the words of the command line.
#[must_use]
pub fn kind(kind: KeyKind) -> String {
    match kind {
        KeyKind::EcP256 => "p256".to_owned(),
        KeyKind::EcP384 => "p384".to_owned(),
        KeyKind::Rsa { modulus_bits } => format!("rsa{modulus_bits}"),
        KeyKind::Ed25519 => "ed25519".to_owned(),
        KeyKind::Other => "other".to_owned(),
    }
}

const fn suite(kind: KeyKind) -> Option<Suite> {
    match kind {
        KeyKind::EcP256 => Some(Suite { hash: Some(HashName::Sha256), scheme: SchemeName::Ecdsa, bits: 256 }),
        KeyKind::EcP384 => Some(Suite { hash: Some(HashName::Sha384), scheme: SchemeName::Ecdsa, bits: 384 }),
        KeyKind::Rsa { modulus_bits: bits } => {
            Some(Suite { hash: Some(HashName::Sha256), scheme: SchemeName::RsaPkcs1, bits })
        }
        KeyKind::Ed25519 => Some(Suite { hash: None, scheme: SchemeName::Ed25519, bits: 256 }),
        KeyKind::Other => None,
    }
}
