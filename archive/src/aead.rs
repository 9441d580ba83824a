//! AES-256-GCM, the one cipher here: 12 bytes of nonce, 16 bytes of tag behind the ciphertext.
//!
//! Source: `docs/sources.md`, entry `sp800-38d`.

use openssl::cipher::Cipher;
use openssl::cipher_ctx::CipherCtx;
use zeroize::Zeroizing;

use crate::error::ArchiveError;
use crate::key::KEY_LEN_BYTES;

pub(crate) const NONCE_LEN_BYTES: usize = 12;
pub(crate) const TAG_LEN_BYTES: usize = 16;

/// Appends ciphertext and tag to `out`. A nonce is used once per key.
pub(crate) fn seal(
    key: &[u8; KEY_LEN_BYTES],
    nonce: &[u8; NONCE_LEN_BYTES],
    aad: &[u8],
    plaintext: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), ArchiveError> {
    let mut context = CipherCtx::new()?;
    context.encrypt_init(Some(Cipher::aes_256_gcm()), Some(key), Some(nonce))?;
    if !aad.is_empty() {
        context.cipher_update(aad, None)?;
    }
    if !plaintext.is_empty() {
        context.cipher_update_vec(plaintext, out)?;
    }
    context.cipher_final_vec(out)?;
    let mut tag = [0; TAG_LEN_BYTES];
    context.tag(&mut tag)?;
    out.extend_from_slice(&tag);
    Ok(())
}

/// Returns the plaintext, if its tag is right; what was decrypted before the tag was checked is wiped.
pub(crate) fn open(
    key: &[u8; KEY_LEN_BYTES],
    nonce: &[u8; NONCE_LEN_BYTES],
    aad: &[u8],
    sealed: &[u8],
    part: &'static str,
) -> Result<Zeroizing<Vec<u8>>, ArchiveError> {
    let (ciphertext, tag) =
        sealed.split_last_chunk::<TAG_LEN_BYTES>().ok_or(ArchiveError::Corrupt { part })?;
    let mut context = CipherCtx::new()?;
    context.decrypt_init(Some(Cipher::aes_256_gcm()), Some(key), Some(nonce))?;
    context.set_tag(tag)?;
    if !aad.is_empty() {
        context.cipher_update(aad, None)?;
    }
    // Of full length from the start: growing would leave copies behind.
    let mut plaintext = Zeroizing::new(vec![0; ciphertext.len()]);
    if !ciphertext.is_empty() {
        context.cipher_update(ciphertext, Some(&mut plaintext))?;
    }
    match context.cipher_final(&mut []) {
        Ok(_nothing_more) => Ok(plaintext),
        Err(_wrong_tag) => Err(ArchiveError::Corrupt { part }),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::PathBuf;

    use serde_json::Value;

    use super::*;

    /// The tests of a file of Wycheproof, in the groups wanted.
    pub(crate) fn wycheproof(file: &str, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        let data = std::env::var_os("ECABINET_DATA").map_or_else(
            || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
            PathBuf::from,
        );
        let path = data.join("wycheproof").join(file);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| {
            panic!("{}: {error}; set ECABINET_DATA to the folder of test data", path.display())
        });
        let whole: Value = serde_json::from_str(&text).unwrap();
        let groups = whole["testGroups"].as_array().unwrap();
        groups
            .iter()
            .filter(|group| wanted(group))
            .flat_map(|group| group["tests"].as_array().unwrap().clone())
            .collect()
    }

    pub(crate) fn bytes_of(test: &Value, field: &str) -> Vec<u8> {
        hex::decode(test[field].as_str().unwrap()).unwrap()
    }

    #[test]
    fn wycheproof_aes_256_gcm() {
        let ours =
            |group: &Value| group["keySize"] == 256 && group["ivSize"] == 96 && group["tagSize"] == 128;
        let tests = wycheproof("aes_gcm.json", ours);
        assert!(tests.len() > 50, "{}", tests.len());
        for test in tests {
            let key = bytes_of(&test, "key").try_into().unwrap();
            let nonce = bytes_of(&test, "iv").try_into().unwrap();
            let (aad, plaintext) = (bytes_of(&test, "aad"), bytes_of(&test, "msg"));
            let expected = [bytes_of(&test, "ct"), bytes_of(&test, "tag")].concat();
            let opened = open(&key, &nonce, &aad, &expected, "test");
            if test["result"] == "valid" {
                let mut sealed = Vec::new();
                seal(&key, &nonce, &aad, &plaintext, &mut sealed).unwrap();
                assert_eq!(sealed, expected, "{test}");
                assert_eq!(*opened.unwrap(), plaintext, "{test}");
            } else {
                assert!(matches!(opened, Err(ArchiveError::Corrupt { .. })), "{test}");
            }
        }
    }
}
