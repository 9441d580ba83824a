//! The status of certificates: a responder's answer, or else a list; kept until half of its time is over.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use cabinet::Timestamp;
use signing::crl::{Crl, MAX_CRL_BYTES};
use signing::ocsp::{self, IdHash, MAX_RESPONSE_BYTES, Nonce, Status};
use signing::validation::Material;
use signing::{Certificate, TrustStore, path};

use super::addresses::Addresses;
use super::outside::Question;
use super::{TrustError, TrustServices};
use crate::clock::Clock;

/// Most answers and lists that are kept.
const MAX_KEPT: usize = 4_096;
const QUERY: &str = "application/ocsp-request";

/// What was learned and is still good, by the certificate's fingerprint or the list's address.
#[derive(Debug, Default)]
pub(super) struct Statuses(Mutex<HashMap<String, Kept>>);

#[derive(Clone, Debug)]
struct Kept {
    der: Vec<u8>,
    kind: Kind,
    until: Timestamp,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Answer,
    List,
}

impl Statuses {
    fn find(&self, key: &str, now: Timestamp) -> Option<Kept> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(key).filter(|kept| now < kept.until).cloned()
    }

    fn keep(&self, key: String, kept: Kept, now: Timestamp) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_KEPT {
            all.retain(|_, kept| now < kept.until);
        }
        if all.len() < MAX_KEPT {
            all.insert(key, kept);
        }
    }
}

/// Half of what is left: fresh enough for whoever asks next, and asked again long before it ends.
fn half(now: Timestamp, until: Timestamp) -> Timestamp {
    let left_s = until.as_seconds().saturating_sub(now.as_seconds()).max(0);
    now.plus_seconds(left_s / 2)
}

impl TrustServices {
    /// Everything that shows that no certificate of `path`, leaf first and anchor last, was revoked by `now`.
    ///
    /// # Errors
    ///
    /// * [`TrustError::Revoked`]: one was.
    /// * [`TrustError::NoStatus`]: nobody who may be asked says.
    pub async fn evidence(&self, path: &[Certificate], now: Timestamp) -> Result<Material, TrustError> {
        let mut found = Material { certificates: path.to_vec(), ..Material::default() };
        for pair in path.windows(2) {
            let [certificate, issuer] = pair else { continue };
            let kept = self.status(certificate, issuer, now).await?;
            match kept.kind {
                Kind::Answer => found.ocsps.push(kept.der),
                Kind::List => found.crls.push(kept.der),
            }
        }
        Ok(found)
    }

    async fn status(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
        now: Timestamp,
    ) -> Result<Kept, TrustError> {
        let key = certificate.fingerprint().to_string();
        if let Some(kept) = self.0.status.find(&key, now) {
            return Ok(kept);
        }
        let addresses = Addresses::of(certificate, &self.0.config);
        let mut why = Vec::new();
        for address in &addresses.responders {
            match self.ask_responder(address, certificate, issuer, now).await {
                Ok(kept) => {
                    self.0.status.keep(key, kept.clone(), now);
                    return Ok(kept);
                }
                Err(Failed::Revoked(err)) => return Err(err),
                Err(Failed::Other(err)) => why.push(err),
            }
        }
        for address in &addresses.lists {
            match self.fetch_list(address, certificate, issuer, now).await {
                Ok(kept) => {
                    self.0.status.keep(key, kept.clone(), now);
                    return Ok(kept);
                }
                Err(Failed::Revoked(err)) => return Err(err),
                Err(Failed::Other(err)) => why.push(err),
            }
        }
        if why.is_empty() {
            why.push("it names no address that may be asked".to_owned());
        }
        Err(TrustError::NoStatus { subject: certificate.common_name(), why: why.join("; ") })
    }

    async fn ask_responder(
        &self,
        address: &str,
        certificate: &Certificate,
        issuer: &Certificate,
        now: Timestamp,
    ) -> Result<Kept, Failed> {
        let nonce = Nonce::fresh().map_err(|err| Failed::other(&err))?;
        let body = ocsp::request(certificate, issuer, IdHash::Sha1, Some(&nonce))
            .map_err(|err| Failed::other(&err))?;
        let question = Question { address, body: Some((QUERY, &body)), max_answer_bytes: MAX_RESPONSE_BYTES };
        let der = self.0.outside.ask(question).await.map_err(Failed::Other)?;
        let answer =
            ocsp::verify(&der, certificate, issuer, Some(&nonce)).map_err(|err| Failed::other(&err))?;
        answer.check_current(now).map_err(|err| Failed::other(&err))?;
        match answer.status {
            Status::Good => {
                let until = half(now, answer.open_until());
                Ok(Kept { der: der.to_vec(), kind: Kind::Answer, until })
            }
            Status::Revoked { at, .. } => Err(Failed::revoked(certificate, at)),
            Status::Unknown => Err(Failed::Other("the responder does not know it".to_owned())),
        }
    }

    async fn fetch_list(
        &self,
        address: &str,
        certificate: &Certificate,
        issuer: &Certificate,
        now: Timestamp,
    ) -> Result<Kept, Failed> {
        let kept = match self.0.status.find(address, now) {
            Some(kept) => kept,
            None => {
                let question = Question { address, body: None, max_answer_bytes: MAX_CRL_BYTES };
                let der = self.0.outside.ask(question).await.map_err(Failed::Other)?.to_vec();
                let list = Crl::from_der(&der).map_err(|err| Failed::other(&err))?;
                let kept = Kept { der, kind: Kind::List, until: half(now, list.next_update()) };
                self.0.status.keep(address.to_owned(), kept.clone(), now);
                kept
            }
        };
        // An authority may write its list as it is asked, after `now`.
        let now = now.max(Clock.now());
        let (der, certificate, issuer) = (kept.der.clone(), certificate.clone(), issuer.clone());
        // A long list takes a moment.
        tokio::task::spawn_blocking(move || judge(&der, &certificate, &issuer, now))
            .await
            .map_err(|err| Failed::other(&err))??;
        Ok(kept)
    }
}

/// Whether the list says that the issuer has not revoked the certificate.
fn judge(der: &[u8], certificate: &Certificate, issuer: &Certificate, now: Timestamp) -> Result<(), Failed> {
    let list = Crl::from_der(der).map_err(|err| Failed::other(&err))?;
    let evidence = path::Evidence::of_lists(vec![list], now);
    let constraints = path::Constraints { revocation: Some(&evidence), ..path::Constraints::at(now) };
    // The issuer stands for the anchor here; its own place on the path is asked by the caller.
    let trust = TrustStore::new(vec![issuer.clone()]);
    match path::build(certificate, &[], &trust, &constraints) {
        Ok(_) => Ok(()),
        Err(path::PathFailure { rule: path::Rule::Revoked { at, .. }, .. }) => {
            Err(Failed::revoked(certificate, at))
        }
        Err(failure) => Err(Failed::other(&failure)),
    }
}

enum Failed {
    Revoked(TrustError),
    Other(String),
}

impl Failed {
    fn other(cause: &dyn std::fmt::Display) -> Self {
        Self::Other(cause.to_string())
    }

    fn revoked(certificate: &Certificate, at: Timestamp) -> Self {
        Self::Revoked(TrustError::Revoked { subject: certificate.common_name(), at: at.iso_vietnam() })
    }
}
