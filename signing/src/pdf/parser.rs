//! PDF syntax, from bytes to objects, without guesses.

use std::ops::Range;

use super::{Dictionary, Object, PdfError, Ref, Stream};

/// Deepest nesting of arrays and dictionaries.
const MAX_DEPTH: usize = 64;

/// A parser at a position in the file.
#[derive(Clone, Debug)]
pub(crate) struct Parser<'a> {
    bytes: &'a [u8],
    pub(crate) at: usize,
}

/// An indirect object with the bytes it occupies, from its number to `endobj`.
#[derive(Debug)]
pub(crate) struct Indirect {
    pub(crate) reference: Ref,
    pub(crate) object: Object,
    pub(crate) span: Range<usize>,
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
        Self { bytes, at }
    }

    fn error<T>(&self, what: &'static str) -> Result<T, PdfError> {
        Err(PdfError::at(self.at, what))
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at = self.at.saturating_add(1);
        Some(byte)
    }

    fn starts_with(&self, text: &[u8]) -> bool {
        self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(text))
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
        let end = self.at.saturating_add(word.len());
        let ends = self.bytes.get(end).is_none_or(|byte| is_space(*byte) || is_delimiter(*byte));
        let is_here = ends && self.starts_with(word.as_bytes());
        if is_here {
            self.at = end;
        }
        is_here
    }

    fn regular(&mut self) -> &'a [u8] {
        let start = self.at;
        while self.peek().is_some_and(|byte| !is_space(byte) && !is_delimiter(byte)) {
            self.at = self.at.saturating_add(1);
        }
        self.bytes.get(start..self.at).unwrap_or_default()
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
        let mut ahead = self.clone();
        ahead.skip_space();
        let generation = u16::try_from(ahead.unsigned().ok()?).ok()?;
        ahead.skip_space();
        if !ahead.take_word("R") {
            return None;
        }
        self.at = ahead.at;
        Some(Ref { number, generation })
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
        let mut dictionary = Dictionary::new();
        self.entries(depth, &mut |key, value, _| dictionary.insert_new(key, value))?;
        Ok(dictionary)
    }

    /// The entries of the dictionary that begins here, each with the span of its value.
    pub(crate) fn spanned_entries(&mut self) -> Result<Vec<Spanned>, PdfError> {
        let mut found: Vec<Spanned> = Vec::new();
        self.entries(0, &mut |key, value, span| {
            let is_new = found.iter().all(|(known, ..)| *known != key);
            found.push((key, value, span));
            is_new
        })?;
        Ok(found)
    }

    fn entries(
        &mut self,
        depth: usize,
        take: &mut dyn FnMut(Vec<u8>, Object, Range<usize>) -> bool,
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
            if !take(key, value, start..self.at) {
                return self.error("a key occurs twice");
            }
        }
    }

    fn hexadecimal(&mut self) -> Result<Vec<u8>, PdfError> {
        self.next();
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
        hex::decode(digits).ok().ok_or(PdfError::at(self.at, "a hexadecimal string is expected"))
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

    /// Reads the indirect object that begins here; `length` resolves a stream length kept elsewhere.
    pub(crate) fn indirect(&mut self, length: &dyn Fn(Ref) -> Option<i64>) -> Result<Indirect, PdfError> {
        let start = self.at;
        let number = u32::try_from(self.unsigned()?).ok().ok_or(PdfError::at(start, "the object number"))?;
        self.skip_space();
        let generation = u16::try_from(self.unsigned()?).ok().ok_or(PdfError::at(start, "the generation"))?;
        self.skip_space();
        if !self.take_word("obj") {
            return self.error("obj is expected");
        }
        let mut object = self.object()?;
        self.skip_space();
        if self.starts_with(b"stream") {
            let Object::Dictionary(dictionary) = object else {
                return self.error("a stream without a dictionary");
            };
            let data = self.stream_data(&dictionary, length)?;
            object = Object::Stream(Stream { dictionary, data });
        }
        self.skip_space();
        if !self.take_word("endobj") {
            return self.error("endobj is expected");
        }
        Ok(Indirect { reference: Ref { number, generation }, object, span: start..self.at })
    }

    fn stream_data(
        &mut self,
        dictionary: &Dictionary,
        length: &dyn Fn(Ref) -> Option<i64>,
    ) -> Result<Vec<u8>, PdfError> {
        self.at = self.at.saturating_add(b"stream".len());
        if self.starts_with(b"\r\n") {
            self.at = self.at.saturating_add(2);
        } else if self.peek() == Some(b'\n') {
            self.next();
        } else {
            return self.error("a line end after stream");
        }
        let len = match dictionary.get("Length") {
            Some(Object::Integer(len)) => Some(*len),
            Some(Object::Reference(reference)) => length(*reference),
            Some(_) | None => None,
        };
        let end = len.and_then(|len| usize::try_from(len).ok()).and_then(|len| self.at.checked_add(len));
        let Some(data) = end.and_then(|end| self.bytes.get(self.at..end)) else {
            return self.error("the stream's length");
        };
        self.at = self.at.saturating_add(data.len());
        if self.starts_with(b"\r\n") {
            self.at = self.at.saturating_add(2);
        } else if matches!(self.peek(), Some(b'\n' | b'\r')) {
            self.next();
        }
        if !self.take_word("endstream") {
            return self.error("the stream's length");
        }
        Ok(data.to_vec())
    }
}
