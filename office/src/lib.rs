//! The Government Office at work.
//!
//! Floor 3 of the house: where async begins and where disk, network and token are reached. One folder a noun; beside
//! them the application's parts, the database, keys, objects, log, live events and the parser process.

pub mod app;
pub mod batches;
pub mod blobs;
pub mod cards;
pub mod clock;
pub mod dossiers;
pub mod entries;
pub mod error;
pub mod idempotency;
pub mod intentions;
pub mod json;
pub mod keys;
pub mod live;
pub mod log;
pub mod meetings;
pub mod parser;
pub mod passkeys;
pub mod people;
pub mod resolutions;
pub mod router;
pub mod search;
pub mod settings;
pub mod setup;
pub mod start;
pub mod store;
pub mod text;
pub mod trust;
pub mod validation;
pub mod votes;

pub use app::{App, SignedIn};
pub use error::Problem;
