//! Passwords: Argon2id, bounded in parallel, and the same work for accounts that do not exist.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// The longest password, in bytes: longer ones are refused before they cost anything.
pub const MAX_PASSWORD_BYTES: usize = 256;
/// Memory of one hash, in KiB.
const MEMORY_KIB: u32 = 64 * 1_024;
/// Passes over the memory.
const N_PASSES: u32 = 3;
/// Hashes computed at once: others wait, so that sign-ins cannot take the machine from everybody else.
const N_AT_ONCE: usize = 2;

/// Hashing and checking of passwords. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    /// A hash of a password that nobody has: checked where there is no account.
    nobody: Arc<str>,
}

/// The password cannot be hashed; a fault of ours.
#[derive(Debug, thiserror::Error)]
#[error("password hashing failed: {0}")]
pub struct HashError(String);

impl Passwords {
    /// Prepares the hash that stands for accounts that do not exist.
    ///
    /// # Errors
    ///
    /// * [`HashError`].
    pub fn new() -> Result<Self, HashError> {
        let mut secret = Zeroizing::new([0; 32]);
        getrandom::fill(secret.as_mut_slice()).map_err(|err| HashError(err.to_string()))?;
        let nobody = hash(secret.as_slice())?;
        Ok(Self { turns: Arc::new(Semaphore::new(N_AT_ONCE)), nobody: nobody.as_str().into() })
    }

    /// Whether `password` is the one of `phc`; takes as long where there is no account.
    ///
    /// # Errors
    ///
    /// * [`HashError`]: the check could not be made; treat it as no.
    pub async fn is_right(
        &self,
        password: Zeroizing<String>,
        phc: Option<Zeroizing<String>>,
    ) -> Result<bool, HashError> {
        let _turn = self.turns.acquire().await.map_err(|err| HashError(err.to_string()))?;
        let is_known = phc.is_some();
        let phc = phc.unwrap_or_else(|| Zeroizing::new(self.nobody.to_string()));
        let matches = tokio::task::spawn_blocking(move || verify(password.as_bytes(), &phc))
            .await
            .map_err(|err| HashError(err.to_string()))??;
        Ok(matches && is_known)
    }
}

/// Hashes a new password into PHC form.
///
/// # Errors
///
/// * [`HashError`].
pub fn hash(password: &[u8]) -> Result<Zeroizing<String>, HashError> {
    let hash = argon2()?.hash_password(password).map_err(|err| HashError(err.to_string()))?;
    Ok(Zeroizing::new(hash.to_string()))
}

fn verify(password: &[u8], phc: &str) -> Result<bool, HashError> {
    let hash = PasswordHash::new(phc).map_err(|err| HashError(err.to_string()))?;
    Ok(argon2()?.verify_password(password, &hash).is_ok())
}

fn argon2() -> Result<Argon2<'static>, HashError> {
    let params = Params::new(MEMORY_KIB, N_PASSES, 1, None).map_err(|err| HashError(err.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_of_a_known_account_passes() {
        let passwords = Passwords::new().unwrap();
        let phc = hash("đúng mật khẩu".as_bytes()).unwrap();
        let is_right = async |password: &str, phc: Option<&Zeroizing<String>>| {
            passwords.is_right(Zeroizing::new(password.to_owned()), phc.cloned()).await.unwrap()
        };
        assert!(phc.starts_with("$argon2id$v=19$m=65536,t=3,p=1$"), "{phc:?}");
        assert!(is_right("đúng mật khẩu", Some(&phc)).await);
        assert!(!is_right("sai mật khẩu", Some(&phc)).await);
        assert!(!is_right("đúng mật khẩu", None).await);
    }
}
