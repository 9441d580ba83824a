//! The tokens, tried on `SoftHSM2`, Kryoptic, openCryptoki and a library that fails on purpose, with OpenSSL and
//! a second PKCS#11 binding as judges.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on should say where it stopped"
)]

#[path = "it/attacker.rs"]
mod attacker;
#[path = "it/conformance.rs"]
mod conformance;
#[path = "it/faults.rs"]
mod faults;
#[path = "it/held_keys.rs"]
mod held_keys;
#[path = "it/personal.rs"]
mod personal;
#[path = "it/recovery.rs"]
mod recovery;
#[path = "it/redundancy.rs"]
mod redundancy;
#[path = "it/rig.rs"]
mod rig;
#[path = "it/second_binding.rs"]
mod second_binding;
#[path = "it/signatures.rs"]
mod signatures;
#[path = "it/store.rs"]
mod store;
#[path = "it/wraps.rs"]
mod wraps;
