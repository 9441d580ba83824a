//! Signature formats and their validation: CMS/CAdES, PAdES, certificates. Never keys, never the network.
//!
//! Floor 1 of the house. Signing has two phases everywhere: `prepare` gives the digest to sign, a
//! token signs it elsewhere, `embed` takes the raw signature back, checks it against the
//! certificate and gives the finished bytes. Validation reads the original bytes and fails closed:
//! what is not understood is not valid. Callers pass the time; nothing here reads a clock.
//!
//! | module | holds |
//! |---|---|
//! | [`certificate`], [`trust`] | X.509 certificates and the anchors a path must end at |
//! | [`path`] | certification paths by RFC 5280, with revocation |
//! | [`crl`], [`ocsp`] | revocation lists and online answers, read, judged and prepared |
//! | [`cades`] | CAdES signatures of levels B and T, detached as under a ballot or with the content inside |
//! | [`timestamp`] | RFC 3161: requests, answers and tokens, for the client and for the authority |
//! | [`signed`] | the type that proves a verified signature |
//! | [`pades`] | fields, signatures and visible images in a PDF, by incremental revisions |
//! | [`validation`] | the report on a signed PDF and on what was changed after each signature |
//! | [`ocsp`], [`register`] | the status of a certificate: asked, answered, judged; and kept |
//! | [`algorithm_policy`] | until when which algorithms are accepted |
//! | [`profile`] | whether a certificate is fit for the use it is imported for |
//! | [`csr`] | certification requests over a token's key |
//! | [`authority`] | a TEST certification authority with software keys, for demo and tests |
#![cfg_attr(
    not(test),
    warn(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::indexing_slicing,
        clippy::string_slice
    )
)]

pub mod algorithm;
pub mod algorithm_policy;
pub mod authority;
pub mod cades;
pub mod certificate;
mod cms;
pub mod crl;
pub mod csr;
mod extension;
pub mod invalid;
pub mod ocsp;
pub mod pades;
pub mod path;
mod pdf;
pub mod profile;
mod reason;
pub mod register;
pub mod signed;
#[cfg(test)]
mod testing;
pub mod timestamp;
mod tlv;
pub mod trust;
pub mod validation;

pub use algorithm::{Hash, Imprint, SignatureAlgorithm};
pub use certificate::{Certificate, KeyKind};
pub use invalid::Invalid;
pub use pdf::{MAX_PDF_BYTES, PdfError};
pub use signed::Signed;
pub use trust::TrustStore;
