//! The rules of Government meetings: pure, without clock, disk or network.
//!
//! Floor 0 of the house. States are types, transitions take them by value, and what the law
//! leaves open is a [`rules::RuleSet`] read from data. Callers pass `now` and store what comes back.

pub mod canonical;
pub mod digest;
pub mod id;
pub mod meeting;
pub mod person;
pub mod refusal;
pub mod resolution;
pub mod roll;
pub mod rules;
pub mod statement;
pub mod timestamp;
pub mod vote;

pub use digest::Digest;
pub use id::Id;
pub use person::Role;
pub use refusal::Refusal;
pub use timestamp::Timestamp;
