//! Votes: opened by the chair on frozen texts, roll and rules; ballots signed by members; closed and counted.

pub mod by_card;
pub mod cast;
pub mod evidence;
pub mod http;
pub mod store;
pub mod view;
