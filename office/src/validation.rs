//! Signed documents that somebody brings to have them judged: nothing of them is kept.

pub mod http;
