//! Evidence as an outsider gets it: whole, cut, exchanged and forged, judged by the verifier and its binary.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on must fail"
)]

#[path = "it/binary.rs"]
mod binary;
#[path = "it/bundle.rs"]
mod bundle;
#[path = "it/corpus.rs"]
mod corpus;
#[path = "it/document.rs"]
mod document;
#[path = "it/export.rs"]
mod export;
#[path = "it/resolution.rs"]
mod resolution;
#[path = "it/world.rs"]
mod world;
