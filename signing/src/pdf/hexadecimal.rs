//! Hexadecimal digits, fast: the room of a signature is thousands of them and is read more than once.

const DIGITS: &[u8; 16] = b"0123456789abcdef";
const NO_DIGIT: u8 = 0xff;

/// The value of every byte as a digit.
const VALUES: [u8; 256] = values();

#[expect(
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "evaluated by the compiler, within bounds"
)]
const fn values() -> [u8; 256] {
    let mut values = [NO_DIGIT; 256];
    let mut value = 0_u8;
    while value < 16 {
        let digit = DIGITS[value as usize];
        values[digit as usize] = value;
        values[digit.to_ascii_uppercase() as usize] = value;
        value = value.wrapping_add(1);
    }
    values
}

fn value(digit: u8) -> u8 {
    VALUES.get(usize::from(digit)).copied().unwrap_or(NO_DIGIT)
}

pub(crate) fn is_digit(byte: u8) -> bool {
    value(byte) != NO_DIGIT
}

/// The bytes of an even number of digits; `None` if there is anything else.
pub(crate) fn decode(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    let mut seen = 0;
    let bytes = pairs.iter().map(|[high, low]| {
        let (high, low) = (value(*high), value(*low));
        seen |= high | low;
        (high << 4) | (low & 0x0f)
    });
    let bytes = bytes.collect();
    if seen & 0xf0 == 0 { Some(bytes) } else { None }
}

/// Appends the digits of `bytes`.
pub(crate) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or_default();
    out.reserve(bytes.len().saturating_mul(2));
    for byte in bytes {
        out.extend_from_slice(&[digit(byte >> 4), digit(byte & 0x0f)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_hex_crate() {
        let bytes: Vec<u8> = (0..=255).collect();
        let mut digits = Vec::new();
        encode(&bytes, &mut digits);
        assert_eq!(digits, hex::encode(&bytes).into_bytes());
        assert_eq!(decode(&digits), Some(bytes.clone()));
        assert_eq!(decode(&digits.to_ascii_uppercase()), Some(bytes.clone()));
        for byte in bytes {
            assert_eq!(decode(&[byte, b'0']).is_some(), byte.is_ascii_hexdigit(), "{byte}");
            assert_eq!(decode(&[b'0', byte]).is_some(), byte.is_ascii_hexdigit(), "{byte}");
        }
        assert_eq!(decode(b"123"), None);
    }
}
