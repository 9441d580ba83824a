//! Resolutions: drafted from an adopted vote, signed by the authorised person, numbered and sealed by the clerk.

pub mod by_card;
pub mod draft;
pub mod http;
pub mod seal;
pub mod sign;
pub mod store;
