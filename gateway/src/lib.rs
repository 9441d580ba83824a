//! The front door: TLS, sign-in, sessions, limits, request hygiene, metrics; and the program `ecabinet`.
//!
//! Floor 4 of the house. Nothing comes into the office but through here.

pub mod assets;
pub mod commands;
pub mod config;
pub mod demo;
pub mod door;
pub mod listeners;
pub mod local;
pub mod metrics;
pub mod passwords;
pub mod session;
pub mod signin;
pub mod throttle;
pub mod tls;
pub mod totp;
