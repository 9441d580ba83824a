//! Secrets of a token, drawn at random and split among custodians: any quorum of them restores it, fewer learn nothing.
//!
//! What is split is the PINs of the token, not its keys: no key ever leaves a token. Shamir's scheme over GF(256), by
//! the crate `vsss-rs`; around it stand checksums, so that a sheet that was copied wrongly or belongs to another
//! ceremony is named instead of giving another PIN, of which the token counts every wrong one.
//!
//! Source: `docs/sources.md`, entry `shamir`.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use cabinet::Digest;
use getrandom_04::SysRng;
use getrandom_04::rand_core::UnwrapErr;
use hsm::{Pin, PinForm};
use vsss_rs::Gf256;
use zeroize::Zeroizing;

/// The fewest custodians of whom one alone cannot act, and the most that a ceremony has.
pub const MIN_QUORUM: u8 = 2;
/// The most custodians.
pub const MAX_CUSTODIANS: u8 = 16;
/// Letters of a PIN where the token takes any: more than 128 bits.
const PIN_LEN: usize = 26;
/// The fewest letters of a PIN that is drawn.
const MIN_PIN_LEN: usize = 8;
/// Letters that are not taken for each other.
const LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
const DIGITS: &[u8] = b"0123456789";
/// Random bytes beside the PINs, so that the digest of the secret tells nobody a short PIN.
const NONCE_BYTES: usize = 16;
/// Bytes of the checksums.
const CHECK_BYTES: usize = 8;
/// Digits of a ceremony's name.
const CEREMONY_DIGITS: usize = 12;
/// How a written share begins.
const MARK: &str = "ECAB1";
/// Longest written share, in bytes.
const MAX_TEXT_BYTES: usize = 4_096;

/// The secret of a token cannot be split or restored; the sentence says what to do.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CustodyError {
    /// Such a quorum makes no sense.
    #[error("a quorum has 2 to all of at most 16 custodians")]
    Quorum,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
    /// A share does not read, or was copied wrongly.
    #[error("a share is damaged ({0}): compare it with its sheet, letter by letter")]
    Damaged(&'static str),
    /// Two shares are one.
    #[error("share {0} was given twice: each custodian gives his own")]
    Twice(u8),
    /// The shares do not belong together.
    #[error("the shares are of different ceremonies: give those of the ceremony that the minutes name")]
    Mixed,
    /// The quorum is not reached.
    #[error("{have} shares of the {need} that are needed: call more custodians")]
    TooFew {
        /// How many were given.
        have: usize,
        /// The quorum.
        need: u8,
    },
}

/// The PINs of a token, and whose they are.
pub struct Secret {
    nonce: [u8; NONCE_BYTES],
    /// Label of the token.
    pub token: String,
    so_pin: Zeroizing<String>,
    user_pin: Zeroizing<String>,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret of {}", self.token)
    }
}

impl Secret {
    /// Draws the PINs for a new token, in the form that its kind takes.
    ///
    /// # Errors
    ///
    /// [`CustodyError::Random`].
    pub fn draw(token: &str, form: Option<PinForm>) -> Result<Self, CustodyError> {
        let (alphabet, len) = form.map_or((LETTERS, PIN_LEN), |form| {
            let len = PIN_LEN
                .min(form.max_len_bytes)
                .max(form.min_len_bytes)
                .max(MIN_PIN_LEN.min(form.max_len_bytes));
            (if form.digits_only { DIGITS } else { LETTERS }, len)
        });
        let mut nonce = [0; NONCE_BYTES];
        fill(&mut nonce)?;
        Ok(Self {
            nonce,
            token: token.to_owned(),
            so_pin: draw(len, alphabet)?,
            user_pin: draw(len, alphabet)?,
        })
    }

    /// The PIN of the security officer.
    ///
    /// # Errors
    ///
    /// [`CustodyError::Damaged`].
    pub fn so_pin(&self) -> Result<Pin, CustodyError> {
        Pin::parse(&self.so_pin).map_err(|_cause| CustodyError::Damaged("no PIN"))
    }

    /// The user's PIN.
    ///
    /// # Errors
    ///
    /// [`CustodyError::Damaged`].
    pub fn user_pin(&self) -> Result<Pin, CustodyError> {
        Pin::parse(&self.user_pin).map_err(|_cause| CustodyError::Damaged("no PIN"))
    }

    /// The user's PIN as text, for the file that the service reads.
    #[must_use]
    pub fn user_pin_text(&self) -> &str {
        &self.user_pin
    }

    /// Tells this secret from any other, and nothing about it.
    #[must_use]
    pub fn check(&self) -> Digest {
        Digest::of(&self.encode())
    }

    /// One share for each of `n` custodians, any `quorum` of which restore the secret.
    ///
    /// # Errors
    ///
    /// [`CustodyError::Quorum`], [`CustodyError::Random`].
    pub fn split(&self, ceremony: &str, quorum: u8, n: u8) -> Result<Vec<Share>, CustodyError> {
        if !(MIN_QUORUM..=MAX_CUSTODIANS).contains(&quorum) || !(quorum..=MAX_CUSTODIANS).contains(&n) {
            return Err(CustodyError::Quorum);
        }
        // Asked first with an answer: the generator below has none to give when the system fails.
        fill(&mut [0; 1])?;
        let secret = self.encode();
        let made = Gf256::split_bytes(quorum.into(), n.into(), secret.as_slice(), UnwrapErr(SysRng))
            .map_err(|_cause| CustodyError::Quorum)?;
        let made = made.into_iter().map(Zeroizing::new);
        Ok(made
            .zip(1_u8..)
            .map(|(value, number)| Share { ceremony: ceremony.to_owned(), number, quorum, n, value })
            .collect())
    }

    /// The secret that the shares restore.
    ///
    /// # Errors
    ///
    /// [`CustodyError`]: nothing is restored, and no token was asked.
    pub fn restore(shares: &[Share]) -> Result<Self, CustodyError> {
        let first = shares.first().ok_or(CustodyError::TooFew { have: 0, need: MIN_QUORUM })?;
        let mut numbers = BTreeSet::new();
        for share in shares {
            let is_same = (&share.ceremony, share.quorum, share.n, share.value.len())
                == (&first.ceremony, first.quorum, first.n, first.value.len());
            if !is_same {
                return Err(CustodyError::Mixed);
            }
            if !numbers.insert(share.number) {
                return Err(CustodyError::Twice(share.number));
            }
        }
        if numbers.len() < usize::from(first.quorum) {
            return Err(CustodyError::TooFew { have: numbers.len(), need: first.quorum });
        }
        let values: Zeroizing<Vec<Vec<u8>>> =
            Zeroizing::new(shares.iter().map(|share| share.value.to_vec()).collect());
        let restored = Gf256::combine_bytes(values.as_slice())
            .map_err(|_cause| CustodyError::Damaged("the shares do not fit together"))?;
        Self::decode(&Zeroizing::new(restored)).ok_or(CustodyError::Damaged("the shares do not fit together"))
    }

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(self.nonce.to_vec());
        for text in [&self.token, &*self.so_pin, &*self.user_pin] {
            // A label has 32 bytes at most, a PIN 255.
            bytes.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
            bytes.extend_from_slice(text.as_bytes());
        }
        let check = checksum(&[b"ecabinet/custody-secret/v1", bytes.as_slice()]);
        bytes.extend_from_slice(&check);
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (body, check) = bytes.split_last_chunk::<CHECK_BYTES>()?;
        if checksum(&[b"ecabinet/custody-secret/v1", body]) != *check {
            return None;
        }
        let (nonce, mut rest) = body.split_first_chunk::<NONCE_BYTES>()?;
        let mut text = || {
            let (len, after) = rest.split_first()?;
            let (text, after) = after.split_at_checked(usize::from(*len))?;
            rest = after;
            Some(Zeroizing::new(std::str::from_utf8(text).ok()?.to_owned()))
        };
        let (token, so_pin, user_pin) = (text()?, text()?, text()?);
        rest.is_empty().then(|| Self { nonce: *nonce, token: token.to_string(), so_pin, user_pin })
    }
}

/// One custodian's part, as it is written on his sheet.
#[derive(Clone)]
pub struct Share {
    ceremony: String,
    number: u8,
    quorum: u8,
    n: u8,
    value: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share {} of ceremony {}", self.number, self.ceremony)
    }
}

impl Share {
    /// The checksum that stands on the sheet and in the minutes.
    #[must_use]
    pub fn check(&self) -> String {
        let header = self.header();
        checksum(&[b"ecabinet/custody-share/v1", header.as_bytes(), &self.value])
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// The share in one line.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(format!("{}-", self.header()));
        for (byte, at) in self.value.iter().zip(0..) {
            if at > 0 && at % 4 == 0 {
                text.push('.');
            }
            text.push_str(&format!("{byte:02x}"));
        }
        text.push('-');
        text.push_str(&self.check());
        text
    }

    fn header(&self) -> String {
        format!("{MARK}-{}-{}-{}of{}", self.ceremony, self.number, self.quorum, self.n)
    }
}

impl FromStr for Share {
    type Err = CustodyError;

    /// Reads a share off a line, or off a whole sheet with one such line.
    fn from_str(text: &str) -> Result<Self, CustodyError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(CustodyError::Damaged("it is too long"));
        }
        let mut lines = text.lines().map(str::trim).filter(|line| line.starts_with(MARK));
        let (Some(line), None) = (lines.next(), lines.next()) else {
            return Err(CustodyError::Damaged("no line, or several, begin with ECAB1"));
        };
        let share = read(line).ok_or(CustodyError::Damaged("it is not of the form ECAB1-…"))?;
        let check = line.rsplit('-').next().unwrap_or_default();
        if share.check() == check { Ok(share) } else { Err(CustodyError::Damaged("its checksum is wrong")) }
    }
}

fn read(line: &str) -> Option<Share> {
    let parts: Vec<_> = line.split('-').collect();
    let [_, ceremony, number, quorum, value, _] = parts.as_slice() else { return None };
    let is_name = ceremony.len() == CEREMONY_DIGITS && ceremony.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (quorum, n) = quorum.split_once("of")?;
    let digits = Zeroizing::new(value.replace('.', ""));
    let mut bytes = Zeroizing::new(Vec::with_capacity(digits.len() / 2));
    for pair in digits.as_bytes().chunks(2) {
        bytes.push(
            u8::from_str_radix(std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?, 16).ok()?,
        );
    }
    let share = Share {
        ceremony: (*ceremony).to_owned(),
        number: number.parse().ok()?,
        quorum: quorum.parse().ok()?,
        n: n.parse().ok()?,
        value: bytes,
    };
    (is_name && (MIN_QUORUM..=MAX_CUSTODIANS).contains(&share.quorum) && share.value.len() > 1)
        .then_some(share)
}

/// A fresh name for a ceremony.
///
/// # Errors
///
/// [`CustodyError::Random`].
pub fn draw_ceremony() -> Result<String, CustodyError> {
    Ok(draw(CEREMONY_DIGITS, DIGITS)?.to_string())
}

fn checksum(parts: &[&[u8]]) -> [u8; CHECK_BYTES] {
    let digest = Digest::of(&Zeroizing::new(parts.concat()));
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(digest.as_bytes().first_chunk::<CHECK_BYTES>().unwrap_or(&[0; CHECK_BYTES]));
    check
}

/// Draws letters evenly: bytes beyond the last whole round of the alphabet are thrown away.
fn draw(n: usize, alphabet: &[u8]) -> Result<Zeroizing<String>, CustodyError> {
    let len = alphabet.len().max(1);
    let fair = 256 - 256 % len;
    let mut text = Zeroizing::new(String::with_capacity(n));
    while text.len() < n {
        let mut byte = [0; 1];
        fill(&mut byte)?;
        let value = usize::from(byte[0]);
        if value < fair {
            text.extend(alphabet.get(value % len).copied().map(char::from));
        }
    }
    Ok(text)
}

fn fill(bytes: &mut [u8]) -> Result<(), CustodyError> {
    getrandom::fill(bytes).map_err(|err| CustodyError::Random(err.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(quorum: u8, n: u8) -> (Secret, Vec<Share>) {
        let secret = Secret::draw("TEST token", None).unwrap();
        let shares = secret.split(&draw_ceremony().unwrap(), quorum, n).unwrap();
        (secret, shares)
    }

    #[test]
    fn any_quorum_restores_the_secret_and_one_less_does_not() {
        let (secret, shares) = shares(3, 5);
        for skip in 0..5 {
            for other in 0..5 {
                let part: Vec<_> = shares
                    .iter()
                    .enumerate()
                    .filter(|(at, _)| *at != skip && *at != other)
                    .map(|(_, share)| share.to_text().parse().unwrap())
                    .collect();
                let restored = Secret::restore(&part).unwrap();
                assert_eq!(restored.check(), secret.check());
                assert_eq!((restored.token.as_str(), &restored.user_pin), ("TEST token", &secret.user_pin));
                let few = Secret::restore(&part[..2]).unwrap_err();
                assert_eq!(few, CustodyError::TooFew { have: 2, need: 3 });
            }
        }
        // Not only by counting: two points of a polynomial of degree two give something else.
        let lie: Vec<_> = shares[..2].iter().map(|share| Share { quorum: 2, ..share.clone() }).collect();
        assert!(matches!(Secret::restore(&lie), Err(CustodyError::Damaged(_))));
    }

    #[test]
    fn every_changed_letter_of_a_share_is_noticed() {
        let (_, shares) = shares(2, 3);
        let text = shares[0].to_text();
        for at in 0..text.len() {
            let mut changed = text.as_bytes().to_vec();
            changed[at] = if changed[at] == b'1' { b'2' } else { b'1' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(matches!(changed.parse::<Share>(), Err(CustodyError::Damaged(_))), "{at}");
        }
        let sheet = format!("Tờ của người giữ thứ nhất\n\n  {}\n", *text);
        assert_eq!(sheet.parse::<Share>().unwrap().check(), shares[0].check());
        assert!(format!("{sheet}{sheet}").parse::<Share>().is_err());
    }

    #[test]
    fn shares_of_two_ceremonies_and_one_share_twice_are_refused() {
        let ((_, one), (_, other)) = (shares(2, 3), shares(2, 3));
        assert_eq!(Secret::restore(&[one[0].clone(), other[1].clone()]).unwrap_err(), CustodyError::Mixed);
        assert_eq!(Secret::restore(&[one[0].clone(), one[0].clone()]).unwrap_err(), CustodyError::Twice(1));
        assert_eq!(Secret::restore(&[]).unwrap_err(), CustodyError::TooFew { have: 0, need: 2 });
    }

    #[test]
    fn a_quorum_is_two_at_least_and_everybody_at_most() {
        let secret = Secret::draw("TEST token", None).unwrap();
        for (quorum, n) in [(0, 3), (1, 3), (4, 3), (2, 17), (17, 17)] {
            assert_eq!(secret.split("123456789012", quorum, n).unwrap_err(), CustodyError::Quorum);
        }
        assert!(secret.split("123456789012", 2, 2).is_ok() && secret.split("123456789012", 16, 16).is_ok());
    }

    #[test]
    fn pins_are_drawn_in_the_tokens_form() {
        let form = PinForm { min_len_bytes: 4, max_len_bytes: 8, digits_only: true };
        let secret = Secret::draw("TEST token", Some(form)).unwrap();
        assert!(secret.user_pin.len() == 8 && secret.user_pin.bytes().all(|byte| byte.is_ascii_digit()));
        assert_ne!(secret.user_pin, secret.so_pin);
        assert_eq!(Secret::draw("TEST token", None).unwrap().so_pin.len(), PIN_LEN);
        assert_eq!(format!("{secret:?}"), "Secret of TEST token");
    }
}
