//! The suites over the real binary: one session end to end, bad input, crashes.

mod bad_input;
mod batch;
mod crash;
mod durable;
mod floors;
mod keys;
mod session;
mod stage;
