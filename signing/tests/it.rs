//! What the formats promise to the outside: foreign judges accept our signatures, attacks are refused.
//!
//! Needs `openssl`, `pdfsig`, `qpdf` and `xmllint`, and the outside data in `ECABINET_DATA`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on must fail"
)]

#[path = "it/attacks.rs"]
mod attacks;
#[path = "it/cades.rs"]
mod cades;
#[path = "it/etsi.rs"]
mod etsi;
#[path = "it/files.rs"]
mod files;
#[path = "it/fixtures.rs"]
mod fixtures;
#[path = "it/later.rs"]
mod later;
#[path = "it/ocsp.rs"]
mod ocsp;
#[path = "it/pades.rs"]
mod pades;
#[path = "it/pkits.rs"]
mod pkits;
#[path = "it/timestamp.rs"]
mod timestamp;
#[path = "it/world.rs"]
mod world;
