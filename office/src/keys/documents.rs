//! The appliance's certified keys: those that sign documents, and those of its trust services.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hsm::{KeyLabel, Next, Pool, RawSignature, SignerSet, ToSign, TokenError};
use policies::resource::KeyPurpose;
use signing::{Certificate, SignatureAlgorithm};

use super::config::{RsaPadding, TokenConfig};
use super::{KeysError, ToBeSigned, blocking};

/// A key of the appliance, with its certificate and its token. Clones share its standing.
#[derive(Clone, Debug)]
pub struct CertifiedKey {
    label: KeyLabel,
    certificate: Certificate,
    algorithm: SignatureAlgorithm,
    pool: Pool,
    quota: Option<u32>,
    /// Suspended or destroyed: it signs nothing more.
    is_withdrawn: Arc<AtomicBool>,
}

impl CertifiedKey {
    pub(super) fn new(token: &TokenConfig, certificate: Certificate, pool: Pool) -> Result<Self, KeysError> {
        let invalid = |why: String| KeysError::Invalid(format!("the key {}: {why}", token.key));
        let algorithm = match token.rsa_padding {
            None => SignatureAlgorithm::of(&certificate).map_err(|err| invalid(err.to_string()))?,
            Some(RsaPadding::Pkcs1) => SignatureAlgorithm::RsaPkcs1Sha256,
            Some(RsaPadding::Pss) => SignatureAlgorithm::RsaPssSha256,
        };
        if !algorithm.fits(certificate.key_kind()) {
            return Err(invalid(
                "rsa_padding is for RSA keys of 2048 bits and more: leave it out".to_owned(),
            ));
        }
        let (label, quota) = (token.key.clone(), token.quota);
        Ok(Self { label, certificate, algorithm, pool, quota, is_withdrawn: Arc::default() })
    }

    /// Its label.
    #[must_use]
    pub fn label(&self) -> &str {
        self.label.as_str()
    }

    pub(super) const fn label_on_token(&self) -> &KeyLabel {
        &self.label
    }

    /// Its certificate.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The algorithm that it signs documents by.
    #[must_use]
    pub const fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    /// How many documents it may sign in its life.
    #[must_use]
    pub const fn quota(&self) -> Option<u32> {
        self.quota
    }

    pub(super) const fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Lets it sign no more, or again. The durable word on it is in SQL.
    pub(super) fn set_withdrawn(&self, is_withdrawn: bool) {
        self.is_withdrawn.store(is_withdrawn, Ordering::Release);
    }

    /// Signs a message.
    ///
    /// # Errors
    ///
    /// * [`KeysError::Token`]; [`KeysError::Suspended`] while the key is suspended or once it is destroyed.
    pub async fn sign(&self, message: ToBeSigned) -> Result<RawSignature, KeysError> {
        if self.is_withdrawn.load(Ordering::Acquire) {
            return Err(KeysError::Suspended);
        }
        let (pool, label) = (self.pool.clone(), self.label.clone());
        blocking(move || Ok(pool.sign(&label, ToSign::Message(&message.bytes), message.scheme())?)).await
    }
}

/// A key of the appliance that signs documents: on one token, or on several that stand in for each other.
///
/// Invariant: as many keys as the set has members, in its order; at least one.
#[derive(Clone, Debug)]
pub struct DocumentKey {
    first: CertifiedKey,
    keys: Arc<[CertifiedKey]>,
    set: SignerSet,
    purpose: KeyPurpose,
}

/// A token's turn to sign, with the key and the certificate that it would sign by.
#[derive(Clone, Debug)]
pub struct Turn {
    index: usize,
    key: CertifiedKey,
}

impl Turn {
    /// The key.
    #[must_use]
    pub const fn key(&self) -> &CertifiedKey {
        &self.key
    }
}

impl DocumentKey {
    pub(super) fn new(
        keys: Vec<CertifiedKey>,
        set: SignerSet,
        purpose: KeyPurpose,
    ) -> Result<Self, KeysError> {
        let first = keys.first().cloned().ok_or(KeysError::NoKey)?;
        Ok(Self { first, keys: keys.into(), set, purpose })
    }

    /// What it signs.
    #[must_use]
    pub const fn purpose(&self) -> KeyPurpose {
        self.purpose
    }

    /// The keys on its tokens, the preferred one first.
    #[must_use]
    pub fn all(&self) -> &[CertifiedKey] {
        &self.keys
    }

    /// Its tokens in the order in which to ask them now.
    ///
    /// Each names itself inside what is signed, so the caller prepares, and writes its intention down, for each anew.
    #[must_use]
    pub fn in_turn(&self) -> Vec<Turn> {
        let order = self.set.order().into_iter();
        order.filter_map(|index| Some(Turn { index, key: self.keys.get(index)?.clone() })).collect()
    }

    /// Signs with the token whose turn it is; with the error comes whether the next may be asked. It may not when
    /// a signature may have been made.
    ///
    /// # Errors
    ///
    /// As [`CertifiedKey::sign`].
    pub(super) async fn sign(
        &self,
        turn: &Turn,
        message: ToBeSigned,
    ) -> Result<RawSignature, (KeysError, Next)> {
        let result = match turn.key.sign(message).await {
            Ok(raw) => Ok(raw),
            Err(KeysError::Token(err)) => Err(err),
            Err(other) => return Err((other, Next::Nobody)),
        };
        let next = self.set.note::<RawSignature>(turn.index, &result);
        result.map_err(|err: TokenError| (KeysError::Token(err), next))
    }
}

impl std::ops::Deref for DocumentKey {
    type Target = CertifiedKey;

    fn deref(&self) -> &CertifiedKey {
        &self.first
    }
}
