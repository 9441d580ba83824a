//! The type that proves a verified signature.

use cabinet::{Digest, Timestamp};

use crate::{Certificate, Invalid, TrustStore, cades};

/// A statement whose canonical bytes carry a verified signature by the expected signer.
///
/// Invariant: the only way to make one is [`Signed::verify`].
#[derive(Clone, Debug)]
pub struct Signed<S> {
    statement: S,
    content: Digest,
    cms: Vec<u8>,
    signer: Certificate,
}

impl<S> Signed<S> {
    /// Takes `statement` as signed, once `cms` proves to be `expected_signer`'s detached signature over
    /// `content`, the statement's canonical bytes, with a path to an anchor of `trust` at the time `at`.
    ///
    /// # Errors
    ///
    /// [`Invalid`]; [`Invalid::WrongSigner`] when somebody else signed, however validly.
    pub fn verify(
        statement: S,
        content: &[u8],
        cms: Vec<u8>,
        expected_signer: &Certificate,
        at: Timestamp,
        trust: &TrustStore,
    ) -> Result<Self, Invalid> {
        let verified = cades::verify_content(&cms, content, trust, at)?;
        if verified.signer != *expected_signer {
            return Err(Invalid::WrongSigner);
        }
        Ok(Self { statement, content: Digest::of(content), cms, signer: verified.signer })
    }

    /// The statement.
    #[must_use]
    pub const fn statement(&self) -> &S {
        &self.statement
    }

    /// The SHA-256 digest of the statement's canonical bytes.
    #[must_use]
    pub const fn content_digest(&self) -> Digest {
        self.content
    }

    /// The signature, CMS in DER.
    #[must_use]
    pub fn cms(&self) -> &[u8] {
        &self.cms
    }

    /// Who signed.
    #[must_use]
    pub const fn signer(&self) -> &Certificate {
        &self.signer
    }

    /// The statement and its signature, for storing.
    #[must_use]
    pub fn into_parts(self) -> (S, Vec<u8>) {
        (self.statement, self.cms)
    }
}
