//! Cross-reference sections: tables, streams, and the hybrids that Word writes.

use std::collections::BTreeMap;

use super::parser::Parser;
use super::{Dictionary, Entry, Object, PdfError, Ref, Section, stream};

/// Most objects in one file.
const MAX_OBJECTS: u64 = 1_000_000;

/// Reads the section at `offset`, with the stream that a hybrid table points to.
pub(crate) fn read(bytes: &[u8], offset: usize) -> Result<Section, PdfError> {
    let mut parser = Parser::new(bytes, offset);
    let mut section =
        if parser.take_word("xref") { table(bytes, parser, offset)? } else { stream_section(bytes, offset)? };
    if let Some(hidden_at) = section.trailer.get("XRefStm") {
        if section.stream.is_some() {
            return Err(PdfError::at(offset, "a cross-reference stream with XRefStm"));
        }
        let hidden_at = hidden_at.as_integer().and_then(|at| usize::try_from(at).ok());
        let hidden = stream_section(bytes, hidden_at.ok_or(PdfError::at(offset, "XRefStm"))?)?;
        // What the table has in use wins; what it calls free, the stream may define.
        for (number, entry) in hidden.entries {
            if !matches!(section.entries.get(&number), Some(Entry::InUse { .. } | Entry::Compressed { .. })) {
                section.entries.insert(number, entry);
            }
        }
        section.is_hybrid = true;
    }
    Ok(section)
}

fn table(bytes: &[u8], mut parser: Parser<'_>, offset: usize) -> Result<Section, PdfError> {
    let mut entries = BTreeMap::new();
    loop {
        parser.skip_space();
        if parser.take_word("trailer") {
            break;
        }
        let first = parser.unsigned()?;
        parser.skip_space();
        let n_entries = parser.unsigned()?;
        let end = first.saturating_add(n_entries);
        if end > MAX_OBJECTS {
            return Err(PdfError::at(parser.at, "too many objects"));
        }
        for number in first..end {
            let at = parser.at;
            let entry = table_entry(&mut parser)?;
            let number = u32::try_from(number).ok().ok_or(PdfError::at(at, "an object number"))?;
            if entries.insert(number, entry).is_some() {
                return Err(PdfError::at(at, "an object is listed twice"));
            }
        }
    }
    let Object::Dictionary(trailer) = parser.object()? else {
        return Err(PdfError::at(parser.at, "the trailer"));
    };
    let (end, declared) = file_end(bytes, parser.at);
    Ok(Section {
        offset,
        entries,
        trailer,
        stream: None,
        is_hybrid: false,
        body_end: parser.at,
        end,
        declared,
    })
}

fn table_entry(parser: &mut Parser<'_>) -> Result<Entry, PdfError> {
    parser.skip_space();
    let at = parser.at;
    let bad = PdfError::at(at, "a cross-reference entry");
    let offset = parser.unsigned()?;
    parser.skip_space();
    let generation = parser.unsigned()?;
    parser.skip_space();
    if parser.take_word("f") {
        return Ok(Entry::Free);
    }
    if !parser.take_word("n") {
        return Err(bad);
    }
    in_use(offset, generation).ok_or(bad)
}

fn in_use(offset: u64, generation: u64) -> Option<Entry> {
    let offset = usize::try_from(offset).ok()?;
    let generation = u16::try_from(generation).ok()?;
    // Some writers call object 0 "in use at 0"; nothing can be there.
    Some(if offset == 0 { Entry::Free } else { Entry::InUse { offset, generation } })
}

fn stream_section(bytes: &[u8], offset: usize) -> Result<Section, PdfError> {
    let bad = PdfError::at(offset, "a cross-reference stream");
    let mut parser = Parser::new(bytes, offset);
    let indirect = parser.indirect(&|_: Ref| None)?;
    let Object::Stream(found) = indirect.object else { return Err(bad) };
    let trailer = found.dictionary.clone();
    if !trailer.is_name("Type", "XRef") {
        return Err(bad);
    }
    let widths: Vec<usize> =
        integers(&trailer, "W")?.into_iter().filter_map(|w| usize::try_from(w).ok()).collect();
    let [kind_len, second_len, third_len] = *widths.as_slice() else { return Err(bad) };
    let size = trailer.get("Size").and_then(Object::as_integer).ok_or(bad.clone())?;
    let index = if trailer.get("Index").is_some() { integers(&trailer, "Index")? } else { vec![0, size] };
    let data = stream::decode(&found)?;
    let mut data = data.as_slice();
    let mut entries = BTreeMap::new();
    for run in index.chunks(2) {
        let &[first, n_entries] = run else { return Err(bad) };
        let end = first.checked_add(n_entries).filter(|end| *end <= 1_000_000).ok_or(bad.clone())?;
        for number in first..end {
            let number = u32::try_from(number).ok().ok_or(bad.clone())?;
            let kind = if kind_len == 0 { 1 } else { field(&mut data, kind_len).ok_or(bad.clone())? };
            let second = field(&mut data, second_len).ok_or(bad.clone())?;
            let third = field(&mut data, third_len).ok_or(bad.clone())?;
            let entry = stream_entry(kind, second, third).ok_or(bad.clone())?;
            if entries.insert(number, entry).is_some() {
                return Err(PdfError::at(offset, "an object is listed twice"));
            }
        }
    }
    let (end, declared) = file_end(bytes, indirect.span.end);
    let stream = Some(indirect.reference);
    Ok(Section {
        offset,
        entries,
        trailer,
        stream,
        is_hybrid: false,
        body_end: indirect.span.end,
        end,
        declared,
    })
}

fn stream_entry(kind: u64, second: u64, third: u64) -> Option<Entry> {
    match kind {
        0 => Some(Entry::Free),
        1 => in_use(second, third),
        2 => Some(Entry::Compressed {
            stream: u32::try_from(second).ok()?,
            index: usize::try_from(third).ok()?,
        }),
        _ => None,
    }
}

fn integers(dictionary: &Dictionary, key: &str) -> Result<Vec<i64>, PdfError> {
    let items = dictionary.get(key).and_then(Object::as_array);
    items
        .and_then(|items| items.iter().map(Object::as_integer).collect())
        .ok_or(PdfError::at(0, "a cross-reference stream"))
}

/// Takes a big-endian field of `len` bytes.
fn field(data: &mut &[u8], len: usize) -> Option<u64> {
    if len > 8 {
        return None;
    }
    let (octets, rest) = data.split_at_checked(len)?;
    *data = rest;
    Some(octets.iter().fold(0, |number, octet| (number << 8) | u64::from(*octet)))
}

/// The end of the file as it was when the section was written: after `startxref N %%EOF` and one line end.
fn file_end(bytes: &[u8], at: usize) -> (Option<usize>, Option<usize>) {
    let mut parser = Parser::new(bytes, at);
    while parser.peek().is_some_and(super::parser::is_space) {
        parser.at = parser.at.saturating_add(1);
    }
    if !parser.take_word("startxref") {
        return (None, None);
    }
    parser.skip_space();
    let Ok(declared) = parser.unsigned() else { return (None, None) };
    while parser.peek().is_some_and(super::parser::is_space) {
        parser.at = parser.at.saturating_add(1);
    }
    let rest = bytes.get(parser.at..).unwrap_or_default();
    let Some(after) = rest.strip_prefix(b"%%EOF") else { return (None, None) };
    let line_end = match after {
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        _ => 0,
    };
    let end = parser.at.saturating_add(5).saturating_add(line_end);
    (Some(end), usize::try_from(declared).ok())
}
