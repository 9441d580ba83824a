//! Fuzz targets for everything that reads hostile bytes: one module a target, each with `run`.
//!
//! A target panics when a promise is broken; an input that is refused is no find. [`mutate`] keeps mutated inputs
//! whole enough to be looked at: lengths in DER, offsets in PDF.

pub mod mutate;

mod appearance;
mod bundle;
mod certificate;
mod cms;
mod crl;
mod csr;
mod ocsp;
mod pdf;
mod sealed;
mod statement;
mod timestamp;
mod trust;
mod world;

/// Runs one input of a target.
///
/// # Panics
///
/// If a promise is broken: a find.
pub fn run(target: &str, bytes: &[u8]) {
    let run: fn(&[u8]) = match target {
        "appearance" => appearance::run,
        "bundle" => bundle::run,
        "certificate" => certificate::run,
        "cms" => cms::run,
        "crl" => crl::run,
        "csr" => csr::run,
        "ocsp" => ocsp::run,
        "pdf" => pdf::run,
        "sealed" => sealed::run,
        "statement" => statement::run,
        "timestamp" => timestamp::run,
        "trust" => trust::run,
        unknown => panic!("no target {unknown}"),
    };
    run(bytes);
}
