//! People: accounts, credentials, sign-in sessions, and the directory of names everybody else's rooms show.

pub mod directory;
pub mod http;
pub mod sessions;
pub mod store;

pub use directory::{Directory, Person};
