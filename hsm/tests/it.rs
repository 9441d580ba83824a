//! The tokens, tried on `SoftHSM2`, with OpenSSL and a second PKCS#11 binding as judges.

#[path = "it/personal.rs"]
mod personal;
#[path = "it/recovery.rs"]
mod recovery;
#[path = "it/second_binding.rs"]
mod second_binding;
#[path = "it/signatures.rs"]
mod signatures;
#[path = "it/store.rs"]
mod store;
#[path = "it/wraps.rs"]
mod wraps;
