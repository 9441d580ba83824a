//! The harness: the real binary in a folder of its own, and people who use it over TLS.

pub mod client;
pub mod house;
pub mod tools;

pub use client::{Answer, User};
pub use house::House;
