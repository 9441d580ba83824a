//! What the formats promise to the outside: foreign judges accept our signatures, attacks are refused.
//!
//! Needs `openssl`, `pdfsig`, `qpdf`, `xmllint` and pyHanko (`tests/scripts/pyhanko`), and the outside data in
//! `ECABINET_DATA`.
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
#[path = "it/corpus.rs"]
mod corpus;
#[path = "it/etsi.rs"]
mod etsi;
#[path = "it/files.rs"]
mod files;
#[path = "it/fixtures.rs"]
mod fixtures;
#[path = "it/judges.rs"]
mod judges;
#[path = "it/lasting.rs"]
mod lasting;
#[path = "it/later.rs"]
mod later;
#[path = "it/long_term.rs"]
mod long_term;
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
