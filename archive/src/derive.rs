//! HKDF and HMAC, as OpenSSL does them.
//!
//! Source: `docs/sources.md`, entries `rfc5869`, `rfc2104`.

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::md::{Md, MdRef};
use openssl::pkey::{Id, PKey};
use openssl::pkey_ctx::PkeyCtx;
use openssl::sign::Signer;

/// Fills `out` from a key, a salt and what the result is for.
pub(crate) fn hkdf(
    hash: &MdRef,
    key: &[u8],
    salt: &[u8],
    info: &[u8],
    out: &mut [u8],
) -> Result<(), ErrorStack> {
    let mut context = PkeyCtx::new_id(Id::HKDF)?;
    context.derive_init()?;
    context.set_hkdf_md(hash)?;
    context.set_hkdf_key(key)?;
    if !salt.is_empty() {
        context.set_hkdf_salt(salt)?;
    }
    if !info.is_empty() {
        context.add_hkdf_info(info)?;
    }
    context.derive(Some(out))?;
    Ok(())
}

pub(crate) fn hkdf_sha256(key: &[u8], salt: &[u8], info: &[u8], out: &mut [u8]) -> Result<(), ErrorStack> {
    hkdf(Md::sha256(), key, salt, info, out)
}

pub(crate) fn hkdf_sha512(key: &[u8], salt: &[u8], info: &[u8], out: &mut [u8]) -> Result<(), ErrorStack> {
    hkdf(Md::sha512(), key, salt, info, out)
}

pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> Result<[u8; 32], ErrorStack> {
    let key = PKey::hmac(key)?;
    let mut signer = Signer::new(MessageDigest::sha256(), &key)?;
    let mut tag = [0; 32];
    signer.sign_oneshot(&mut tag, message)?;
    Ok(tag)
}

/// Appends `part` behind its length, so that no two lists of parts give the same bytes.
pub(crate) fn push_part(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
    bytes.extend_from_slice(part);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aead::tests::{bytes_of, wycheproof};

    #[test]
    fn wycheproof_hkdf() {
        for (file, hash) in [("hkdf_sha256.json", Md::sha256()), ("hkdf_sha512.json", Md::sha512())] {
            let mut n_tried = 0;
            for test in wycheproof(file, |_| true) {
                let size = usize::try_from(test["size"].as_u64().unwrap()).unwrap();
                let key = bytes_of(&test, "ikm");
                // OpenSSL refuses an empty key, which we never have.
                if key.is_empty() {
                    continue;
                }
                let mut out = vec![0; size];
                let derived = hkdf(hash, &key, &bytes_of(&test, "salt"), &bytes_of(&test, "info"), &mut out);
                let expected = test["result"] == "valid";
                assert_eq!(derived.is_ok() && out == bytes_of(&test, "okm"), expected, "{test}");
                n_tried += 1;
            }
            assert!(n_tried > 50, "{file}: {n_tried}");
        }
    }

    #[test]
    fn hmac_of_rfc_4231() {
        let tag = hmac_sha256(b"Jefe", b"what do ya want for nothing?").unwrap();
        assert_eq!(hex::encode(tag), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
