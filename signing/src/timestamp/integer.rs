//! Numbers of any size and sign: nonces and serial numbers.

use std::fmt;

use crate::{Invalid, tlv};

/// Longest nonce or serial number, in bytes; RFC 3161 asks for 160 bits at least.
const MAX_INTEGER_BYTES: usize = 64;

/// An ASN.1 INTEGER, kept as it was sent so that it can be echoed exactly, its sign included.
///
/// Invariant: the shortest two's complement, not empty.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Integer(Vec<u8>);

impl Integer {
    /// The non-negative number with these big-endian octets, for instance random ones.
    #[must_use]
    pub fn from_unsigned(octets: &[u8]) -> Self {
        let mut shortest: Vec<u8> = octets.iter().copied().skip_while(|octet| *octet == 0).collect();
        if shortest.first().is_none_or(|first| *first >= 0x80) {
            shortest.insert(0, 0);
        }
        Self(shortest)
    }

    /// Takes the content octets of an INTEGER.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Invalid> {
        let is_shortest = match body {
            [] | [0, 0..=0x7f, ..] | [0xff, 0x80..=0xff, ..] => false,
            [..] => true,
        };
        if is_shortest && body.len() <= MAX_INTEGER_BYTES {
            Ok(Self(body.to_vec()))
        } else {
            Err(Invalid::Structure("a number that is too long or not in its shortest form"))
        }
    }

    pub(super) fn to_der(&self) -> Vec<u8> {
        tlv::write(tlv::INTEGER, &[&self.0])
    }

    /// The number, if it is not negative and small.
    pub(super) fn to_u32(&self) -> Option<u32> {
        if self.0.first().is_some_and(|first| *first >= 0x80) {
            return None;
        }
        self.0.iter().try_fold(0_u32, |number, octet| number.checked_mul(256)?.checked_add(u32::from(*octet)))
    }
}

/// Lower-case hex of the content octets.
impl fmt::Display for Integer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_sign_and_have_one_form() {
        for (octets, der) in [
            (&[][..], &[2, 1, 0][..]),
            (&[0, 0], &[2, 1, 0]),
            (&[0x7f], &[2, 1, 0x7f]),
            (&[0x80], &[2, 2, 0, 0x80]),
            (&[0, 0xff, 1], &[2, 3, 0, 0xff, 1]),
        ] {
            assert_eq!(Integer::from_unsigned(octets).to_der(), der);
        }
        for body in [&[0xb3, 0x38][..], &[0xff], &[0], &[0, 0x80], &[0xff, 0x7f]] {
            assert_eq!(Integer::parse(body).unwrap().to_der()[2..], *body);
        }
        for body in [&[][..], &[0, 1], &[0xff, 0x80], &[1; MAX_INTEGER_BYTES + 1]] {
            assert!(Integer::parse(body).is_err(), "{body:?}");
        }
        assert_eq!(Integer::parse(&[0x80]).unwrap().to_u32(), None);
        assert_eq!(Integer::parse(&[1, 0]).unwrap().to_u32(), Some(256));
        assert_eq!(Integer::parse(&[1, 0, 0, 0, 0]).unwrap().to_u32(), None);
    }
}
