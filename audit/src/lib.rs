//! The tamper-evident log, evidence bundles and the offline verifier.
//!
//! Floor 2 of the house: synchronous, without network, token or clock. `office` writes entries through
//! [`acts`], derives [`tiles`] and [`checkpoint`] from them and hands out [`bundle`]s; an outsider runs [`verify`]
//! (the binary `ecabinet-audit`) over those and needs nothing else but the trust anchors.
//!
//! | module | holds |
//! |---|---|
//! | [`act`], [`entry`], [`acts`] | what is logged, and the bodies that evidence rests on |
//! | [`merkle`], [`tiles`], [`checkpoint`] | the log as a tree, as files, and its signed head |
//! | [`bundle`], [`export`] | what leaves the appliance as evidence |
//! | [`verify`] | named checks over such files, and the verdict |
#![cfg_attr(
    not(test),
    warn(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::indexing_slicing,
        clippy::string_slice
    )
)]

pub mod act;
pub mod acts;
pub mod bundle;
pub mod checkpoint;
pub mod entry;
pub mod export;
pub mod merkle;
pub mod tiles;
pub mod verify;

pub use act::Act;
pub use acts::Fact;
pub use bundle::Bundle;
pub use checkpoint::{Checkpoint, LogKey, SignedCheckpoint};
pub use entry::{Entry, Stamp};
pub use export::LogExport;
pub use merkle::{Tree, leaf_hash};
pub use tiles::Tile;
