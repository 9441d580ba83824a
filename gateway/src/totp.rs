//! Time-based one-time codes (RFC 6238): six digits, thirty seconds, one step of skew, each code once.

use cabinet::Timestamp;
use totp_rs::{Builder, Totp};

/// Bytes of a secret.
pub const SECRET_BYTES: usize = 20;

/// The secret cannot be used; a fault of ours or of the database.
#[derive(Debug, thiserror::Error)]
#[error("the one-time code's secret cannot be used: {0}")]
pub struct BadSecret(String);

/// The step that `code` belongs to, if it is right at `now`. Whoever signs in with it must find the step later
/// than the last one used.
///
/// # Errors
///
/// * [`BadSecret`].
pub fn matching_step(secret: &[u8], code: &str, now: Timestamp) -> Result<Option<i64>, BadSecret> {
    let seconds = u64::try_from(now.as_seconds()).map_err(|err| BadSecret(err.to_string()))?;
    let is_code = code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit());
    if !is_code {
        return Ok(None);
    }
    let step = totp(secret)?.check(code, seconds);
    Ok(step.and_then(|step| i64::try_from(step).ok()))
}

/// The code at `now`, for tests and the demonstration.
///
/// # Errors
///
/// * [`BadSecret`].
pub fn code(secret: &[u8], now: Timestamp) -> Result<String, BadSecret> {
    let seconds = u64::try_from(now.as_seconds()).map_err(|err| BadSecret(err.to_string()))?;
    Ok(totp(secret)?.generate(seconds).to_string())
}

fn totp(secret: &[u8]) -> Result<Totp, BadSecret> {
    Builder::new().with_secret(secret.to_vec()).build().map_err(|err| BadSecret(err.to_string()))
}

/// Base32 without padding, as authenticator apps take it.
#[must_use]
pub fn base32(secret: &[u8]) -> String {
    totp_rs::Secret::from(secret).to_base32()
}

/// Reads what [`base32`] wrote.
#[must_use]
pub fn from_base32(text: &str) -> Option<Vec<u8>> {
    totp_rs::Secret::try_from_base32(text).ok().map(|secret| secret.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, SHA-1 vectors cut to six digits.
    #[test]
    fn codes_are_those_of_the_rfc() {
        let secret = b"12345678901234567890";
        for (seconds, expected) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            let now = Timestamp::from_micros(seconds * 1_000_000);
            assert_eq!(code(secret, now).unwrap(), expected);
            assert_eq!(matching_step(secret, expected, now).unwrap(), Some(seconds / 30));
            assert_eq!(matching_step(secret, expected, now.plus_seconds(61)).unwrap(), None);
        }
        assert_eq!(matching_step(secret, "28708", Timestamp::from_micros(59_000_000)).unwrap(), None);
        assert_eq!(base32(secret), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }
}
