//! PDF syntax, from bytes to objects, without guesses.

use std::cell::Cell;
use std::collections::HashSet;
use std::ops::Range;

use super::{Dictionary, Object, PdfError, Ref, hexadecimal};

/// Deepest nesting of arrays and dictionaries.
const MAX_DEPTH: usize = 64;

const TWICE: &str = "a key occurs twice";
/// Most values that one object holds, at any depth.
const MAX_VALUES: usize = 500_000;

/// A parser at a position in the file.
#[derive(Clone, Debug)]
pub(crate) struct Parser<'a> {
    bytes: &'a [u8],
    /// Where in the file `bytes` begin.
    origin: usize,
    /// The position in the file.
    pub(crate) at: usize,
    /// Whether it looked for a byte after the last one.
    is_starved: Cell<bool>,
    /// How many values may still be read.
    n_values_left: usize,
}

/// An indirect object up to its end, or to the first byte of its stream.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) reference: Ref,
    /// A stream's dictionary, if it is a stream.
    pub(crate) object: Object,
    pub(crate) is_stream: bool,
    /// After `endobj`, or after the line of `stream`.
    pub(crate) end: usize,
}

/// A dictionary's key, its value, and the bytes of the value.
pub(crate) type Spanned = (Vec<u8>, Object, Range<usize>);

pub(crate) const fn is_space(byte: u8) -> bool {
    matches!(byte, 0 | b'\t' | b'\n' | 0x0c | b'\r' | b' ')
}

const fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

impl<'a> Parser<'a> {
    pub(crate) const fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, origin: 0, at, is_starved: Cell::new(false), n_values_left: MAX_VALUES }
    }

    /// A parser of a piece of the file that begins at `origin`.
    pub(crate) const fn within(bytes: &'a [u8], origin: usize) -> Self {
        Self { bytes, origin, at: origin, is_starved: Cell::new(false), n_values_left: MAX_VALUES }
    }

    /// Whether the piece ended before what was read did.
    pub(crate) const fn is_starved(&self) -> bool {
        self.is_starved.get()
    }

    fn error<T>(&self, what: &'static str) -> Result<T, PdfError> {
        Err(PdfError::at(self.at, what))
    }

    fn rest(&self) -> &'a [u8] {
        self.at.checked_sub(self.origin).and_then(|from| self.bytes.get(from..)).unwrap_or_default()
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        let byte = self.bytes.get(self.at.wrapping_sub(self.origin)).copied();
        if byte.is_none() {
            self.is_starved.set(true);
        }
        byte
    }

    /// Moves over `n_bytes` that were looked at.
    pub(crate) const fn skip(&mut self, n_bytes: usize) {
        self.at = self.at.saturating_add(n_bytes);
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at = self.at.saturating_add(1);
        Some(byte)
    }

    pub(crate) fn starts_with(&self, text: &[u8]) -> bool {
        let rest = self.rest();
        if rest.len() < text.len() {
            self.is_starved.set(true);
        }
        rest.starts_with(text)
    }

    /// Passes over white space and comments.
    pub(crate) fn skip_space(&mut self) {
        while let Some(byte) = self.peek() {
            if byte == b'%' {
                while self.peek().is_some_and(|byte| !matches!(byte, b'\r' | b'\n')) {
                    self.at = self.at.saturating_add(1);
                }
            } else if is_space(byte) {
                self.at = self.at.saturating_add(1);
            } else {
                break;
            }
        }
    }

    /// Takes `word` if it stands here as a whole token.
    pub(crate) fn take_word(&mut self, word: &str) -> bool {
        let Some(behind) = self.rest().strip_prefix(word.as_bytes()) else {
            return self.starts_with(word.as_bytes());
        };
        if behind.is_empty() {
            self.is_starved.set(true);
        }
        let is_here = behind.first().is_none_or(|byte| is_space(*byte) || is_delimiter(*byte));
        if is_here {
            self.skip(word.len());
        }
        is_here
    }

    fn regular(&mut self) -> &'a [u8] {
        let rest = self.rest();
        let len = rest.iter().position(|byte| is_space(*byte) || is_delimiter(*byte));
        if len.is_none() {
            self.is_starved.set(true);
        }
        let word = rest.get(..len.unwrap_or(rest.len())).unwrap_or_default();
        self.skip(word.len());
        word
    }

    /// An operator of a content stream.
    pub(crate) fn operator(&mut self) -> &'a [u8] {
        self.regular()
    }

    /// An unsigned integer of digits only.
    pub(crate) fn unsigned(&mut self) -> Result<u64, PdfError> {
        let start = self.at;
        let word = self.regular();
        let digits =
            std::str::from_utf8(word).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        match digits.and_then(|text| text.parse().ok()) {
            Some(number) => Ok(number),
            None => Err(PdfError::at(start, "a number is expected")),
        }
    }

    pub(crate) fn object(&mut self) -> Result<Object, PdfError> {
        self.nested(0)
    }

    fn nested(&mut self, depth: usize) -> Result<Object, PdfError> {
        if depth > MAX_DEPTH {
            return self.error("nested too deeply");
        }
        let Some(n_left) = self.n_values_left.checked_sub(1) else {
            return self.error("more values than one object may hold");
        };
        self.n_values_left = n_left;
        self.skip_space();
        match self.peek() {
            Some(b'/') => Ok(Object::Name(self.name()?)),
            Some(b'(') => Ok(Object::String(self.literal()?)),
            Some(b'[') => self.array(depth),
            Some(b'<') if self.starts_with(b"<<") => Ok(Object::Dictionary(self.dictionary(depth)?)),
            Some(b'<') => Ok(Object::String(self.hexadecimal()?)),
            Some(b'+' | b'-' | b'.' | b'0'..=b'9') => self.number(),
            Some(_) if self.take_word("null") => Ok(Object::Null),
            Some(_) if self.take_word("true") => Ok(Object::Boolean(true)),
            Some(_) if self.take_word("false") => Ok(Object::Boolean(false)),
            Some(_) | None => self.error("an object is expected"),
        }
    }

    fn number(&mut self) -> Result<Object, PdfError> {
        let start = self.at;
        let word = self.regular();
        let text = std::str::from_utf8(word).ok().unwrap_or_default();
        if let Some(reference) = self.reference(text) {
            return Ok(Object::Reference(reference));
        }
        if let Ok(number) = text.parse() {
            return Ok(Object::Integer(number));
        }
        let digits = text.trim_start_matches(['+', '-']);
        let is_real = text.len().saturating_sub(digits.len()) <= 1
            && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
            && digits.bytes().any(|byte| byte.is_ascii_digit())
            && digits.bytes().filter(|byte| *byte == b'.').count() == 1;
        if is_real { Ok(Object::Real(text.to_owned())) } else { Err(PdfError::at(start, "not a number")) }
    }

    /// Reads on after an integer, if it begins `12 0 R`.
    fn reference(&mut self, number: &str) -> Option<Ref> {
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let number = number.parse().ok()?;
        let after = self.at;
        let generation = self.generation();
        if generation.is_none() {
            self.at = after;
        }
        generation.map(|generation| Ref { number, generation })
    }

    /// The rest of a reference: ` 0 R`.
    fn generation(&mut self) -> Option<u16> {
        self.skip_space();
        if !self.peek()?.is_ascii_digit() {
            return None;
        }
        let generation = u16::try_from(self.unsigned().ok()?).ok()?;
        self.skip_space();
        self.take_word("R").then_some(generation)
    }

    fn name(&mut self) -> Result<Vec<u8>, PdfError> {
        self.next();
        let mut name = Vec::new();
        let raw = self.regular();
        let mut rest = raw.iter();
        while let Some(byte) = rest.next() {
            if *byte == b'#' {
                let digits = [rest.next().copied(), rest.next().copied()].map(|digit| digit.unwrap_or(b'?'));
                match hex::decode(digits).as_deref() {
                    Ok([decoded]) => name.push(*decoded),
                    Ok(_) | Err(_) => return self.error("a name with a bad # escape"),
                }
            } else {
                name.push(*byte);
            }
        }
        Ok(name)
    }

    fn array(&mut self, depth: usize) -> Result<Object, PdfError> {
        self.next();
        let mut items = Vec::new();
        loop {
            self.skip_space();
            if self.peek() == Some(b']') {
                self.next();
                return Ok(Object::Array(items));
            }
            items.push(self.nested(depth.saturating_add(1))?);
        }
    }

    fn dictionary(&mut self, depth: usize) -> Result<Dictionary, PdfError> {
        let mut found = Vec::new();
        self.entries(depth, &mut |key, value, _| found.push((key, value)))?;
        Dictionary::read(found).ok_or(PdfError::at(self.at, TWICE))
    }

    /// The entries of the dictionary that begins here, each with the span of its value.
    pub(crate) fn spanned_entries(&mut self) -> Result<Vec<Spanned>, PdfError> {
        let mut found: Vec<Spanned> = Vec::new();
        self.entries(0, &mut |key, value, span| found.push((key, value, span)))?;
        let keys: HashSet<&[u8]> = found.iter().map(|(key, ..)| key.as_slice()).collect();
        if keys.len() == found.len() { Ok(found) } else { self.error(TWICE) }
    }

    fn entries(
        &mut self,
        depth: usize,
        take: &mut dyn FnMut(Vec<u8>, Object, Range<usize>),
    ) -> Result<(), PdfError> {
        if !self.starts_with(b"<<") {
            return self.error("a dictionary is expected");
        }
        self.at = self.at.saturating_add(2);
        loop {
            self.skip_space();
            if self.starts_with(b">>") {
                self.at = self.at.saturating_add(2);
                return Ok(());
            }
            if self.peek() != Some(b'/') {
                return self.error("a key is expected");
            }
            let key = self.name()?;
            self.skip_space();
            let start = self.at;
            let value = self.nested(depth.saturating_add(1))?;
            take(key, value, start..self.at);
        }
    }

    fn hexadecimal(&mut self) -> Result<Vec<u8>, PdfError> {
        self.next();
        let rest = self.rest();
        let plain = rest.iter().position(|byte| !hexadecimal::is_digit(*byte));
        let (plain, behind) = rest.split_at(plain.unwrap_or(rest.len()));
        if behind.starts_with(b">")
            && let Some(bytes) = hexadecimal::decode(plain)
        {
            self.skip(plain.len().saturating_add(1));
            return Ok(bytes);
        }
        let mut digits = Vec::new();
        loop {
            match self.next() {
                Some(b'>') => break,
                Some(byte) if byte.is_ascii_hexdigit() => digits.push(byte),
                Some(byte) if is_space(byte) => {}
                Some(_) | None => return self.error("a hexadecimal string is expected"),
            }
        }
        if digits.len() % 2 == 1 {
            digits.push(b'0');
        }
        hexadecimal::decode(&digits).ok_or(PdfError::at(self.at, "a hexadecimal string is expected"))
    }

    fn literal(&mut self) -> Result<Vec<u8>, PdfError> {
        self.next();
        let mut bytes = Vec::new();
        let mut open = 1_usize;
        loop {
            match self.next() {
                Some(b'(') => {
                    open = open.saturating_add(1);
                    bytes.push(b'(');
                }
                Some(b')') => {
                    open = open.saturating_sub(1);
                    if open == 0 {
                        return Ok(bytes);
                    }
                    bytes.push(b')');
                }
                Some(b'\\') => self.escape(&mut bytes),
                Some(b'\r') => {
                    if self.peek() == Some(b'\n') {
                        self.next();
                    }
                    bytes.push(b'\n');
                }
                Some(byte) => bytes.push(byte),
                None => return self.error("a string without end"),
            }
        }
    }

    fn escape(&mut self, bytes: &mut Vec<u8>) {
        match self.next() {
            Some(b'n') => bytes.push(b'\n'),
            Some(b'r') => bytes.push(b'\r'),
            Some(b't') => bytes.push(b'\t'),
            Some(b'b') => bytes.push(8),
            Some(b'f') => bytes.push(12),
            Some(b'\r') => {
                if self.peek() == Some(b'\n') {
                    self.next();
                }
            }
            Some(b'\n') | None => {}
            Some(first @ b'0'..=b'7') => {
                let mut code = u16::from(first.saturating_sub(b'0'));
                for _ in 0..2 {
                    let Some(digit @ b'0'..=b'7') = self.peek() else { break };
                    self.next();
                    code = code.saturating_mul(8).saturating_add(u16::from(digit.saturating_sub(b'0')));
                }
                bytes.push(u8::try_from(code & 0xff).unwrap_or_default());
            }
            Some(other) => bytes.push(other),
        }
    }

    /// Reads the indirect object that begins here, but not the data of a stream.
    pub(crate) fn head(&mut self) -> Result<Head, PdfError> {
        let reference = self.object_header()?;
        let object = self.object()?;
        self.skip_space();
        let is_stream = self.starts_with(b"stream");
        if is_stream {
            if !matches!(object, Object::Dictionary(_)) {
                return self.error("a stream without a dictionary");
            }
            self.skip(b"stream".len());
            if self.starts_with(b"\r\n") {
                self.skip(2);
            } else if self.peek() == Some(b'\n') {
                self.skip(1);
            } else {
                return self.error("a line end after stream");
            }
        } else if !self.take_word("endobj") {
            return self.error("endobj is expected");
        }
        Ok(Head { reference, object, is_stream, end: self.at })
    }

    /// Reads `12 0 obj`.
    pub(crate) fn object_header(&mut self) -> Result<Ref, PdfError> {
        let start = self.at;
        let number = u32::try_from(self.unsigned()?).ok().ok_or(PdfError::at(start, "the object number"))?;
        self.skip_space();
        let generation = u16::try_from(self.unsigned()?).ok().ok_or(PdfError::at(start, "the generation"))?;
        self.skip_space();
        if self.take_word("obj") { Ok(Ref { number, generation }) } else { self.error("obj is expected") }
    }

    /// Reads on after a stream's data; gives the byte after `endobj`.
    pub(crate) fn stream_end(&mut self) -> Result<usize, PdfError> {
        if self.starts_with(b"\r\n") {
            self.skip(2);
        } else if matches!(self.peek(), Some(b'\n' | b'\r')) {
            self.skip(1);
        }
        if !self.take_word("endstream") {
            return self.error("the stream's length");
        }
        self.skip_space();
        if self.take_word("endobj") { Ok(self.at) } else { self.error("endobj is expected") }
    }
}
