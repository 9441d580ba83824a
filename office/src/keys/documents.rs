//! The appliance's certified keys: those that sign documents, and those of its trust services.

use cabinet::Digest;
use hsm::{KeyLabel, Pool, RawSignature, ToSign};
use policies::resource::KeyPurpose;
use signing::Certificate;

use super::{KeysError, blocking, scheme_of};

/// A key of the appliance, with its certificate and its token.
#[derive(Clone, Debug)]
pub struct CertifiedKey {
    label: KeyLabel,
    certificate: Certificate,
    pool: Pool,
}

impl CertifiedKey {
    pub(super) const fn new(label: KeyLabel, certificate: Certificate, pool: Pool) -> Self {
        Self { label, certificate, pool }
    }

    /// Its label.
    #[must_use]
    pub fn label(&self) -> &str {
        self.label.as_str()
    }

    /// Its certificate.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    pub(super) const fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Signs a digest by the algorithm of the certificate's key.
    ///
    /// # Errors
    ///
    /// * [`KeysError::Token`].
    pub async fn sign(&self, digest: Digest) -> Result<RawSignature, KeysError> {
        let scheme = scheme_of(&self.certificate)?;
        let (pool, label) = (self.pool.clone(), self.label.clone());
        blocking(move || Ok(pool.sign(&label, ToSign::Digest(&digest), scheme)?)).await
    }
}

/// A key of the appliance that signs documents.
#[derive(Clone, Debug)]
pub struct DocumentKey {
    key: CertifiedKey,
    purpose: KeyPurpose,
}

impl DocumentKey {
    pub(super) const fn new(key: CertifiedKey, purpose: KeyPurpose) -> Self {
        Self { key, purpose }
    }

    /// What it signs.
    #[must_use]
    pub const fn purpose(&self) -> KeyPurpose {
        self.purpose
    }
}

impl std::ops::Deref for DocumentKey {
    type Target = CertifiedKey;

    fn deref(&self) -> &CertifiedKey {
        &self.key
    }
}
