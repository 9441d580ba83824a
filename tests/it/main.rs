//! The suites over the real binary: one session end to end, bad input, crashes.

mod bad_input;
mod batch;
mod clock;
mod crash;
mod durable;
mod floors;
mod keys;
mod log;
mod passkeys;
mod renewal;
mod session;
mod stage;
mod trust;
mod trust_list;
mod validate;
