//! The harness: the real binary in a folder of its own, and people who use it over TLS.

pub mod authenticator;
pub mod client;
pub mod house;
pub mod tools;

pub use authenticator::Authenticator;
pub use client::{Answer, User};
pub use house::House;
