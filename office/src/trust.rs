//! Trust services: time-stamps and the status of certificates, asked of others through an allow-list; and our own.
//!
//! Nobody is asked who is not in the configuration, by the address that stands there: no name is looked up, no
//! redirection followed. What comes back is verified before it is used, and a signature is verified whole at the level
//! that was asked for before it leaves.

mod addresses;
pub mod config;
pub mod levels;
mod outside;
pub mod pdf;
pub(crate) mod renewal;
pub mod services;
mod status;
mod timestamps;

use std::sync::Arc;

pub use config::{TestAuthorityConfig, TrustConfig};

use crate::app::App;
use crate::batches::Level;
use crate::clock::Watch;

/// The trust services that this appliance uses and offers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TrustServices(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    outside: outside::Outside,
    timestamps: timestamps::Authorities,
    status: status::Statuses,
    own: services::Own,
    watch: Watch,
    config: TrustConfig,
}

/// A trust service gave nothing that can be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TrustError {
    /// No authority is configured.
    #[error("no time-stamping authority is configured: set trust.timestamps")]
    NoAuthority,
    /// None of the authorities gave a time-stamp; each with its reason.
    #[error("no time-stamping authority answered properly: {0}")]
    NoTimestamp(String),
    /// Nothing says whether a certificate was revoked.
    #[error("the status of the certificate of {subject} could not be learned: {why}")]
    NoStatus {
        /// Whose.
        subject: String,
        /// Why not.
        why: String,
    },
    /// A certificate of the path was revoked.
    #[error("the certificate of {subject} was revoked at {at}")]
    Revoked {
        /// Whose.
        subject: String,
        /// When, ISO 8601.
        at: String,
    },
}

impl TrustServices {
    /// The services of the configuration.
    ///
    /// # Errors
    ///
    /// A sentence: an address is wrong, or a TEST authority cannot be read.
    pub fn open(config: TrustConfig, keys: &crate::keys::Keys) -> Result<Self, String> {
        let outside = outside::Outside::new(&config);
        let timestamps = timestamps::Authorities::new(&config)?;
        let own = services::Own::open(&config, keys)?;
        let watch = Watch::start();
        let status = status::Statuses::default();
        Ok(Self(Arc::new(Inner { outside, timestamps, status, own, watch, config })))
    }

    /// Begins to renew the proofs of sealed Resolutions before they end, for as long as the process lives.
    pub fn start_renewal(app: App) {
        tokio::spawn(renewal::run(app));
    }

    /// Whether there is anybody to ask for a time-stamp.
    #[must_use]
    pub fn has_authority(&self) -> bool {
        !self.0.config.timestamps.is_empty()
    }

    /// The level of the signatures on Resolutions.
    #[must_use]
    pub fn level(&self) -> Level {
        self.0.config.level
    }
}
