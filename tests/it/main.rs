//! The suites over the real binary: one session end to end, bad input, crashes.

mod attacker;
mod bad_input;
mod batch;
mod card;
mod card_attacks;
mod clock;
mod crash;
mod durable;
mod floors;
mod installation;
mod keys;
mod log;
mod passkeys;
mod personal_key;
mod renewal;
mod session;
mod stage;
mod stand_in;
mod trust;
mod trust_list;
mod validate;
