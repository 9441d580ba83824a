//! Dossiers: papers taken in, sealed, drawn, read and given out.

pub mod http;
pub mod intake;
pub mod pages;
pub mod store;
pub mod view;
