//! Certification requests, as found and signed anew.

use signing::csr;

use super::world;

pub(crate) fn run(bytes: &[u8]) {
    drop(csr::verify(bytes));
    if let Some(anew) = world::signed_anew(bytes)
        && csr::verify(&anew).is_ok()
    {
        assert!(csr::to_pem(&anew).starts_with("-----BEGIN"));
    }
}
