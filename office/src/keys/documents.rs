//! The appliance's keys that sign documents: the organisation's, and one for lists.

use cabinet::Digest;
use hsm::{KeyLabel, Pool, RawSignature, ToSign};
use policies::resource::KeyPurpose;
use signing::Certificate;

use super::{KeysError, blocking, scheme_of};

/// A key of the appliance that signs documents, with its certificate and its token.
#[derive(Debug)]
pub struct DocumentKey {
    label: KeyLabel,
    purpose: KeyPurpose,
    certificate: Certificate,
    pool: Pool,
}

impl DocumentKey {
    pub(super) const fn new(
        label: KeyLabel,
        purpose: KeyPurpose,
        certificate: Certificate,
        pool: Pool,
    ) -> Self {
        Self { label, purpose, certificate, pool }
    }

    /// Its label.
    #[must_use]
    pub fn label(&self) -> &str {
        self.label.as_str()
    }

    /// What it signs.
    #[must_use]
    pub const fn purpose(&self) -> KeyPurpose {
        self.purpose
    }

    /// Its certificate.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    pub(super) const fn pool(&self) -> &Pool {
        &self.pool
    }

    pub(super) async fn sign(&self, digest: Digest) -> Result<RawSignature, KeysError> {
        let scheme = scheme_of(&self.certificate)?;
        let (pool, label) = (self.pool.clone(), self.label.clone());
        blocking(move || Ok(pool.sign(&label, ToSign::Digest(&digest), scheme)?)).await
    }
}
