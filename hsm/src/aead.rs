//! Small secrets wrapped by an AES-256 key that never leaves the token.
//!
//! AES-GCM inside the token rather than AES key wrap: it binds associated data, and every module offers
//! it. The initialisation vector is drawn from the token; some modules draw their own instead, so the one
//! that the token *used* is kept. Random vectors allow 2³² wraps under one key: callers count their rows.
//!
//! Source: `docs/sources.md`, entries `pkcs11`, `sp800-38d`.

use std::fmt;

use cryptoki::mechanism::aead::GcmParams;
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use zeroize::Zeroizing;

use crate::KeyLabel;
use crate::door::{LoggedIn, is_user};
use crate::error::{Fault, TokenError};
use crate::keys::wrapping_key;
use crate::quirks::{GcmIv, Quirks};

/// The longest secret that is wrapped: keys and the like, not documents.
pub const MAX_WRAP_LEN_BYTES: usize = 4096;
/// The longest associated data.
pub const MAX_AAD_LEN_BYTES: usize = 4096;

const VERSION: u8 = 1;
const IV_LEN_BYTES: usize = 12;
const TAG_LEN_BYTES: usize = 16;
const TAG_LEN_BITS: u64 = 128;

/// A wrapped secret: a version byte, the vector of 12 bytes, the ciphertext, the tag of 16 bytes.
#[derive(Clone, Eq, PartialEq)]
pub struct Wrapped(Vec<u8>);

impl Wrapped {
    /// Takes what was stored.
    ///
    /// # Errors
    ///
    /// [`TokenError::Corrupt`]: of a length or version that no wrap has.
    pub fn parse(bytes: &[u8]) -> Result<Self, TokenError> {
        let overhead = 1 + IV_LEN_BYTES + TAG_LEN_BYTES;
        let fits = (overhead..=overhead + MAX_WRAP_LEN_BYTES).contains(&bytes.len());
        if fits && bytes.first() == Some(&VERSION) {
            Ok(Self(bytes.to_vec()))
        } else {
            Err(TokenError::Corrupt)
        }
    }

    /// What to store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn of(iv: [u8; IV_LEN_BYTES], sealed: &[u8]) -> Self {
        Self([&[VERSION], iv.as_slice(), sealed].concat())
    }

    fn parts(&self) -> Option<([u8; IV_LEN_BYTES], &[u8])> {
        let (iv, sealed) = self.0.get(1..)?.split_first_chunk()?;
        Some((*iv, sealed))
    }
}

impl fmt::Debug for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wrapped({} bytes)", self.0.len())
    }
}

/// Refuses what no token call should carry.
pub(crate) fn check_lengths(plaintext: &[u8], aad: &[u8]) -> Result<(), TokenError> {
    for (what, len, max) in [
        ("the secret to wrap", plaintext.len(), MAX_WRAP_LEN_BYTES),
        ("the associated data", aad.len(), MAX_AAD_LEN_BYTES),
    ] {
        if len > max {
            return Err(TokenError::TooLong { what, len, max });
        }
    }
    Ok(())
}

pub(crate) fn wrap(
    logged_in: &LoggedIn,
    label: &KeyLabel,
    plaintext: &[u8],
    aad: &[u8],
) -> Result<Wrapped, Fault> {
    offered(logged_in)?;
    let key = wrapping_key(&logged_in.session, label)?;
    encrypt(&logged_in.session, &logged_in.library.quirks, key, plaintext, aad)
}

/// A blob that does not open is `Corrupt` only if the token still does its work with the same key:
/// modules answer bad ciphertext with the codes of a dead device.
pub(crate) fn unwrap(
    logged_in: &LoggedIn,
    label: &KeyLabel,
    wrapped: &Wrapped,
    aad: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Fault> {
    offered(logged_in)?;
    let LoggedIn { session, library, .. } = logged_in;
    let key = wrapping_key(session, label)?;
    match decrypt(session, key, wrapped, aad) {
        Err(fault) if blames_the_data(&fault) => {
            if !is_user(session).unwrap_or(false) {
                return Err(fault);
            }
            // In a session of its own: a call that failed may have left its operation open in the other.
            let beside = logged_in.beside()?;
            let probe = [0x5a; TAG_LEN_BYTES];
            let sealed = encrypt(&beside, &library.quirks, key, &probe, b"probe")?;
            match decrypt(&beside, key, &sealed, b"probe") {
                Ok(opened) if opened.as_slice() == probe => (),
                Ok(_) | Err(_) => return Err(fault),
            }
            // The token is well. It may have failed for a moment: the blob is asked for once more.
            decrypt(&beside, key, wrapped, aad)
                .map_err(|again| if blames_the_data(&again) { TokenError::Corrupt.into() } else { again })
        }
        other => other,
    }
}

fn offered(logged_in: &LoggedIn) -> Result<(), TokenError> {
    if logged_in.mechanisms.offers(MechanismType::AES_GCM) {
        Ok(())
    } else {
        Err(TokenError::Unsupported { mechanism: "CKM_AES_GCM" })
    }
}

fn encrypt(
    session: &Session,
    quirks: &Quirks,
    key: ObjectHandle,
    plaintext: &[u8],
    aad: &[u8],
) -> Result<Wrapped, Fault> {
    let mut iv = [0; IV_LEN_BYTES];
    // A module that makes the vector writes it over these zeros.
    let made = quirks.gcm_iv == GcmIv::Made;
    if !made {
        session.generate_random_slice(&mut iv)?;
    }
    let sealed = {
        let mechanism = Mechanism::AesGcm(GcmParams::new(&mut iv, aad, TAG_LEN_BITS.into())?);
        session.encrypt(&mechanism, key, plaintext)?
    };
    if made && iv == [0; IV_LEN_BYTES] {
        return Err(TokenError::Device { call: "C_Encrypt", code: "no vector made".to_owned() }.into());
    }
    // A module that appends its own vector, or cuts the tag, must not pass for sealed data.
    if sealed.len() != plaintext.len() + TAG_LEN_BYTES {
        let code = format!("{} bytes for {}", sealed.len(), plaintext.len());
        return Err(TokenError::Device { call: "C_Encrypt", code }.into());
    }
    Ok(Wrapped::of(iv, &sealed))
}

fn decrypt(
    session: &Session,
    key: ObjectHandle,
    wrapped: &Wrapped,
    aad: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let (mut iv, sealed) = wrapped.parts().ok_or(TokenError::Corrupt)?;
    let mechanism = Mechanism::AesGcm(GcmParams::new(&mut iv, aad, TAG_LEN_BITS.into())?);
    Ok(Zeroizing::new(session.decrypt(&mechanism, key, sealed)?))
}

fn blames_the_data(fault: &Fault) -> bool {
    const CODES: [&str; 5] =
        ["EncryptedDataInvalid", "EncryptedDataLenRange", "DataInvalid", "DataLenRange", "ArgumentsBad"];
    match fault {
        Fault::Doubtful { call, .. } => *call == "C_Decrypt",
        Fault::Final(TokenError::Device { call, code }) => {
            *call == "C_Decrypt" && CODES.contains(&code.as_str())
        }
        Fault::Final(_) | Fault::Lost { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_wrap_looks_like_is_corrupt() {
        assert!(Wrapped::parse(&[&[1][..], &[0; 28]].concat()).is_ok());
        for bad in [vec![], vec![1; 28], vec![2; 61], vec![1; 1 + 12 + 16 + MAX_WRAP_LEN_BYTES + 1]] {
            assert!(matches!(Wrapped::parse(&bad), Err(TokenError::Corrupt)), "{} bytes", bad.len());
        }
    }
}
