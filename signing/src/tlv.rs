//! DER as bytes: single tags, shortest definite lengths, nothing left over.
//!
//! A signature is over the bytes that were sent, so the verifier slices them here instead of
//! decoding into structures and encoding again, which would quietly repair them.

use crate::Invalid;

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const NULL: u8 = 0x05;
pub(crate) const OID: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// Returns the constructed context-specific tag `[number]`, for numbers below 31.
pub(crate) const fn context(number: u8) -> u8 {
    0xa0 | (number & 0x1f)
}

/// One element: its tag, its content, and both together with the length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tlv<'a> {
    pub(crate) tag: u8,
    pub(crate) body: &'a [u8],
    pub(crate) whole: &'a [u8],
}

/// Reads elements in turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Reads the next element, whatever its tag.
    pub(crate) fn any(&mut self) -> Result<Tlv<'a>, Invalid> {
        let (tag, len, header_len) = header(self.rest).ok_or(Invalid::NotDer)?;
        let end = header_len.checked_add(len).ok_or(Invalid::NotDer)?;
        let whole = self.rest.get(..end).ok_or(Invalid::NotDer)?;
        let body = whole.get(header_len..).ok_or(Invalid::NotDer)?;
        self.rest = self.rest.get(end..).ok_or(Invalid::NotDer)?;
        Ok(Tlv { tag, body, whole })
    }

    /// Reads the next element, which must bear `tag`.
    pub(crate) fn expect(&mut self, tag: u8) -> Result<Tlv<'a>, Invalid> {
        let element = self.any()?;
        if element.tag == tag { Ok(element) } else { Err(Invalid::NotDer) }
    }

    /// Reads the next element if it bears `tag`.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Tlv<'a>>, Invalid> {
        if self.rest.first() == Some(&tag) { self.any().map(Some) } else { Ok(None) }
    }

    /// Ends the reading: nothing may be left.
    pub(crate) const fn finish(self) -> Result<(), Invalid> {
        if self.rest.is_empty() { Ok(()) } else { Err(Invalid::NotDer) }
    }
}

/// Reads exactly one element with `tag` and gives a reader over its content.
pub(crate) fn only(bytes: &[u8], tag: u8) -> Result<Reader<'_>, Invalid> {
    let mut reader = Reader::new(bytes);
    let element = reader.expect(tag)?;
    reader.finish()?;
    Ok(Reader::new(element.body))
}

/// The tag, content length and header length at the start of `bytes`; `None` unless it is DER.
fn header(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let tag = *bytes.first()?;
    if tag & 0x1f == 0x1f {
        return None;
    }
    let first = *bytes.get(1)?;
    if first < 0x80 {
        return Some((tag, usize::from(first), 2));
    }
    let n_octets = usize::from(first & 0x7f);
    if n_octets == 0 || n_octets > 4 {
        return None;
    }
    let header_len = n_octets.checked_add(2)?;
    let octets = bytes.get(2..header_len)?;
    if octets.first() == Some(&0) {
        return None;
    }
    let mut len = 0_usize;
    for octet in octets {
        len = len.checked_mul(256)?.checked_add(usize::from(*octet))?;
    }
    if len < 0x80 { None } else { Some((tag, len, header_len)) }
}

/// Writes one element whose content is `parts`, one after the other.
pub(crate) fn write(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut out = vec![tag];
    match u8::try_from(body.len()) {
        Ok(short) if short < 0x80 => out.push(short),
        Ok(_) | Err(_) => {
            let octets = body.len().to_be_bytes();
            let significant: Vec<u8> = octets.iter().copied().skip_while(|octet| *octet == 0).collect();
            out.push(0x80 | u8::try_from(significant.len()).unwrap_or(8));
            out.extend(significant);
        }
    }
    out.extend(body);
    out
}

/// Writes a SET OF in DER: the encodings in ascending order.
pub(crate) fn write_set(tag: u8, mut items: Vec<Vec<u8>>) -> Vec<u8> {
    items.sort();
    write(tag, &[&items.concat()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_the_shortest_both_ways() {
        for len in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
            let body = vec![7; len];
            let written = write(OCTET_STRING, &[&body]);
            let mut reader = Reader::new(&written);
            assert_eq!(reader.expect(OCTET_STRING).unwrap().body, body);
            reader.finish().unwrap();
        }
        assert!(Reader::new(&[4, 0x81, 1, 7]).any().is_err(), "a long form of a short length");
        assert!(Reader::new(&[0x30, 0x80, 0, 0]).any().is_err(), "an indefinite length");
        assert!(Reader::new(&[4, 2, 7]).any().is_err(), "an end before its time");
    }
}
