//! Time-stamps from the first authority that gives a proper one.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use signing::Imprint;
use signing::timestamp::{MAX_RESPONSE_BYTES, Request, Token, verify_response};

use super::outside::Question;
use super::{TrustConfig, TrustError, TrustServices};
use crate::keys::Keys;

/// How long an authority that failed is asked last, in seconds.
const REST: Duration = Duration::from_secs(60);
const QUERY: &str = "application/timestamp-query";

/// The authorities, in the order of the configuration, and which of them failed lately.
#[derive(Debug)]
pub(super) struct Authorities {
    addresses: Vec<String>,
    failed: Mutex<HashMap<String, Instant>>,
}

impl Authorities {
    pub(super) fn new(config: &TrustConfig) -> Result<Self, String> {
        for address in &config.timestamps {
            let host = address.strip_prefix("http://").and_then(|rest| rest.split('/').next());
            if !host.is_some_and(|host| config.hosts.contains_key(host)) {
                return Err(format!("trust.timestamps names {address}: put its host into trust.hosts"));
            }
        }
        Ok(Self { addresses: config.timestamps.clone(), failed: Mutex::default() })
    }

    /// Those that have not failed lately first; none is left out.
    fn in_order(&self) -> Vec<String> {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.retain(|_, at| at.elapsed() < REST);
        let (resting, well): (Vec<_>, Vec<_>) =
            self.addresses.iter().cloned().partition(|address| failed.contains_key(address));
        well.into_iter().chain(resting).collect()
    }

    fn failed(&self, address: &str) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.insert(address.to_owned(), Instant::now());
    }
}

impl TrustServices {
    /// A time-stamp over `imprint`, whose authority has a path to an anchor of ours.
    ///
    /// # Errors
    ///
    /// [`TrustError::NoAuthority`], [`TrustError::NoTimestamp`].
    pub async fn stamp(&self, keys: &Keys, imprint: Imprint) -> Result<Token, TrustError> {
        let authorities = &self.0.timestamps;
        if authorities.addresses.is_empty() {
            return Err(TrustError::NoAuthority);
        }
        let mut reasons = String::new();
        for address in authorities.in_order() {
            match self.stamp_by(keys, &address, imprint.clone()).await {
                Ok(token) => return Ok(token),
                Err(why) => {
                    tracing::warn!(authority = %address, %why, "no time-stamp");
                    authorities.failed(&address);
                    // Writing to a String does not fail.
                    _ = write!(reasons, "{why}; ");
                }
            }
        }
        Err(TrustError::NoTimestamp(reasons.trim_end_matches("; ").to_owned()))
    }

    async fn stamp_by(&self, keys: &Keys, address: &str, imprint: Imprint) -> Result<Token, String> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|err| err.to_string())?;
        let request = Request::new(imprint, random);
        let body = request.to_der();
        let question = Question { address, body: Some((QUERY, &body)), max_answer_bytes: MAX_RESPONSE_BYTES };
        let answer = self.0.outside.ask(question).await?;
        let token = verify_response(&request, &answer, keys.chain()).map_err(|err| err.to_string())?;
        token.verify_path(keys.trust(), token.info().gen_time).map_err(|err| err.to_string())?;
        Ok(token)
    }
}
