//! Why a signature is not valid.

/// The reason a signature was not accepted, each with what the reader should do.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Invalid {
    /// The bytes are no DER.
    #[error(
        "the signature is not DER: it was damaged on the way or comes from a lenient producer; ask for the original file"
    )]
    NotDer,
    /// The structure is DER, but not that of a signature accepted here.
    #[error(
        "the signature's structure is not acceptable ({0}): ask the signer's software vendor for a baseline signature"
    )]
    Structure(&'static str),
    /// A byte differs from the one canonical encoding of the same parts.
    #[error(
        "the signature is not in its canonical encoding: a byte was added or changed; ask for the original file"
    )]
    NotCanonical,
    /// The content is not the one that was signed.
    #[error("the content is not the one that was signed: compare it with the signer's copy")]
    ContentDiffers,
    /// The signature value does not fit the certificate's key.
    #[error("the signature value does not fit the certificate's key: the signature is forged or damaged")]
    SignatureWrong,
    /// The certificate is not the one that the signed attributes name, or that the caller expected.
    #[error(
        "the certificate is not the signer's: another one was put in its place, or another person signed"
    )]
    WrongSigner,
    /// The algorithm is not allowed.
    #[error("the algorithm {0} is not accepted: sign again with SHA-256 or stronger and ECDSA or RSA")]
    Algorithm(String),
    /// No path leads from the certificate to a trust anchor.
    #[error("no certification path to a trust anchor ({0}): add the issuer's anchor if you trust it")]
    Untrusted(String),
    /// A certificate of the path is not valid at the time asked for.
    #[error("a certificate of the path is not valid at that time ({0}): verify at a proven earlier time")]
    OutOfValidity(String),
    /// The certificate may not sign documents.
    #[error("the certificate's key usage does not allow signatures: use a signing certificate")]
    KeyUsage,
    /// OpenSSL could not do its part.
    #[error("the cryptographic library failed ({0}): try again, then ask the operator")]
    Library(String),
}

impl Invalid {
    /// The sub-indication of ETSI EN 319 102-1 that says the same.
    ///
    /// Source: `docs/sources.md`, entry `en319102`.
    #[must_use]
    pub const fn sub_indication(&self) -> &'static str {
        match self {
            Self::NotDer | Self::Structure(_) | Self::NotCanonical => "FORMAT_FAILURE",
            Self::ContentDiffers => "HASH_FAILURE",
            Self::SignatureWrong => "SIG_CRYPTO_FAILURE",
            Self::WrongSigner => "NO_SIGNING_CERTIFICATE_FOUND",
            Self::Algorithm(_) => "CRYPTO_CONSTRAINTS_FAILURE",
            Self::Untrusted(_) | Self::Library(_) => "NO_CERTIFICATE_CHAIN_FOUND",
            Self::OutOfValidity(_) => "OUT_OF_BOUNDS_NO_POE",
            Self::KeyUsage => "CHAIN_CONSTRAINTS_FAILURE",
        }
    }
}

impl From<openssl::error::ErrorStack> for Invalid {
    fn from(stack: openssl::error::ErrorStack) -> Self {
        Self::Library(stack.to_string())
    }
}
