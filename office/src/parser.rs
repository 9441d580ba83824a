//! The process that reads hostile files: PDFs go in, page images and words come out.
//!
//! It is this program started again with one argument, holds no key, opens no file and no socket, and is
//! limited in memory and time. When it hangs or dies, the request fails and the next one gets a fresh process.

mod client;
mod wire;
mod worker;

pub use client::{Parser, ParserError};
pub use wire::{Inspected, Refused};
pub use worker::run as run_worker;

/// How long one question may take, in seconds.
const DEADLINE_S: u64 = 20;
/// Address space of the process, in bytes.
const MAX_MEMORY_BYTES: u64 = 2 << 30;
/// Papers that the process keeps open, so that turning a page does not send the paper again.
const N_PAPERS_KEPT: usize = 6;
