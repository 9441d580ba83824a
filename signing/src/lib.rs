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
//! | [`crl`] | revocation lists, read and prepared |
//! | [`cades`] | detached CAdES-B signatures, as under a ballot |
//! | [`signed`] | the type that proves a verified signature |
//! | [`pades`] | fields, signatures and visible images in a PDF, by incremental revisions |
//! | [`validation`] | the report on a signed PDF and on what was changed after each signature |
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
pub mod authority;
pub mod cades;
pub mod certificate;
mod cms;
pub mod crl;
pub mod invalid;
pub mod pades;
pub mod path;
mod pdf;
pub mod signed;
#[cfg(test)]
mod testing;
mod tlv;
pub mod trust;
pub mod validation;

pub use algorithm::SignatureAlgorithm;
pub use certificate::{Certificate, KeyKind};
pub use invalid::Invalid;
pub use pdf::{MAX_PDF_BYTES, PdfError};
pub use signed::Signed;
pub use trust::TrustStore;
