//! Cross-reference sections: tables, streams, and the hybrids that Word writes.

use super::parser::{Parser, is_space};
use super::{Dictionary, Object, PdfError, Ref, Source, Stream, object, stream};

/// Most objects in one file.
const MAX_OBJECTS: u64 = 1_000_000;
/// Entries of a table that are read at a time.
const BATCH: u64 = 512;

/// Where an object is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Entry {
    Free,
    InUse { offset: usize, generation: u16 },
    Compressed { stream: u32, index: usize },
}

/// The entries of one section.
///
/// Invariant: in ascending order, no object twice.
#[derive(Debug, Default)]
pub(crate) struct Entries(Vec<(u32, Entry)>);

/// One cross-reference section with its trailer.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) offset: usize,
    pub(crate) entries: Entries,
    pub(crate) trailer: Dictionary,
    /// The object that holds the section, unless it is a table.
    pub(crate) stream: Option<Ref>,
    pub(crate) is_hybrid: bool,
    /// After the trailer, or after the stream's `endobj`.
    pub(crate) body_end: usize,
    /// After its `%%EOF` line, if `startxref` follows it.
    pub(crate) end: Option<usize>,
    /// The number after `startxref`.
    pub(crate) declared: Option<usize>,
    /// A file that ends here or later has this same section; `None` if that is not known.
    pub(crate) reach: Option<usize>,
}

impl Entries {
    fn sorted(mut entries: Vec<(u32, Entry)>, offset: usize) -> Result<Self, PdfError> {
        entries.sort_by_key(|(number, _)| *number);
        if entries.array_windows().any(|[(one, _), (next, _)]| one == next) {
            return Err(PdfError::at(offset, "an object is listed twice"));
        }
        Ok(Self(entries))
    }

    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn get(&self, number: u32) -> Option<Entry> {
        let index = self.0.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        self.0.get(index).map(|(_, entry)| *entry)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, Entry)> {
        self.0.iter().copied()
    }

    pub(crate) fn last_number(&self) -> Option<u32> {
        self.0.last().map(|(number, _)| *number)
    }

    /// What this table has in use wins; what it calls free or does not list, `hidden` may define.
    fn fill(&mut self, hidden: &Self) {
        let known = std::mem::take(&mut self.0);
        let is_used = |entry: &Entry| *entry != Entry::Free;
        let used: Vec<(u32, Entry)> = known.iter().copied().filter(|(_, entry)| is_used(entry)).collect();
        let used = Self(used);
        let defined = hidden.iter().filter(|(number, _)| used.get(*number).is_none());
        let defined = Self(defined.collect());
        let free =
            known.into_iter().filter(|(number, entry)| !is_used(entry) && defined.get(*number).is_none());
        let mut all: Vec<(u32, Entry)> = free.chain(used.iter()).chain(defined.iter()).collect();
        all.sort_by_key(|(number, _)| *number);
        self.0 = all;
    }
}

/// Reads the section at `offset`, with the stream that a hybrid table points to.
pub(super) fn read(source: &Source<'_>, offset: usize) -> Result<Section, PdfError> {
    let is_table = source.parse(offset, |parser| Ok(parser.take_word("xref")))?;
    let mut section = if is_table { table(source, offset)? } else { stream_section(source, offset)? };
    if let Some(hidden_at) = section.trailer.get("XRefStm") {
        if section.stream.is_some() {
            return Err(PdfError::at(offset, "a cross-reference stream with XRefStm"));
        }
        let hidden_at = hidden_at.as_integer().and_then(|at| usize::try_from(at).ok());
        let hidden = stream_section(source, hidden_at.ok_or(PdfError::at(offset, "XRefStm"))?)?;
        section.entries.fill(&hidden.entries);
        section.is_hybrid = true;
        section.reach = section.reach.map(|reach| reach.max(hidden.body_end.saturating_add(1)));
    }
    Ok(section)
}

/// What stands next in a table.
enum Part {
    Run { first: u64, end: u64 },
    Trailer(Dictionary),
}

fn table(source: &Source<'_>, offset: usize) -> Result<Section, PdfError> {
    let mut entries = Vec::new();
    let mut at = offset.saturating_add(b"xref".len());
    let trailer = loop {
        let (part, after) = source.parse(at, part)?;
        at = after;
        let (mut next, end) = match part {
            Part::Trailer(trailer) => break trailer,
            Part::Run { first, end } => (first, end),
        };
        while next < end {
            let stop = end.min(next.saturating_add(BATCH));
            let (batch, after) = source.parse(at, |parser| {
                let batch: Result<Vec<_>, PdfError> =
                    (next..stop).map(|number| row(parser, number)).collect();
                Ok((batch?, parser.at))
            })?;
            entries.extend(batch);
            (at, next) = (after, stop);
            if u64::try_from(entries.len()).is_ok_and(|n_entries| n_entries > MAX_OBJECTS) {
                return Err(PdfError::at(at, "too many objects"));
            }
        }
    };
    let (end, declared) = source.parse(at, |parser| Ok(file_end(parser)))?;
    Ok(Section {
        offset,
        entries: Entries::sorted(entries, offset)?,
        trailer,
        stream: None,
        is_hybrid: false,
        body_end: at,
        end,
        declared,
        reach: end,
    })
}

fn part(parser: &mut Parser<'_>) -> Result<(Part, usize), PdfError> {
    parser.skip_space();
    if parser.take_word("trailer") {
        let Object::Dictionary(trailer) = parser.object()? else {
            return Err(PdfError::at(parser.at, "the trailer"));
        };
        return Ok((Part::Trailer(trailer), parser.at));
    }
    let first = parser.unsigned()?;
    parser.skip_space();
    let n_entries = parser.unsigned()?;
    let end = first.saturating_add(n_entries);
    if end > MAX_OBJECTS {
        return Err(PdfError::at(parser.at, "too many objects"));
    }
    Ok((Part::Run { first, end }, parser.at))
}

fn row(parser: &mut Parser<'_>, number: u64) -> Result<(u32, Entry), PdfError> {
    parser.skip_space();
    let at = parser.at;
    let bad = PdfError::at(at, "a cross-reference entry");
    let number = u32::try_from(number).ok().ok_or(bad.clone())?;
    let offset = parser.unsigned()?;
    parser.skip_space();
    let generation = parser.unsigned()?;
    parser.skip_space();
    if parser.take_word("f") {
        return Ok((number, Entry::Free));
    }
    if !parser.take_word("n") {
        return Err(bad);
    }
    in_use(offset, generation).map(|entry| (number, entry)).ok_or(bad)
}

fn in_use(offset: u64, generation: u64) -> Option<Entry> {
    let offset = usize::try_from(offset).ok()?;
    let generation = u16::try_from(generation).ok()?;
    // Some writers call object 0 "in use at 0"; nothing can be there.
    Some(if offset == 0 { Entry::Free } else { Entry::InUse { offset, generation } })
}

fn stream_section(source: &Source<'_>, offset: usize) -> Result<Section, PdfError> {
    let bad = PdfError::at(offset, "a cross-reference stream");
    let indirect = object::read(source, offset, &|_: Ref| None)?;
    let Object::Stream(found) = indirect.object else { return Err(bad) };
    if !found.dictionary.is_name("Type", "XRef") {
        return Err(bad);
    }
    let entries = stream_entries(source, &found, offset)?;
    let (end, declared) = source.parse(indirect.span.end, |parser| Ok(file_end(parser)))?;
    Ok(Section {
        offset,
        entries,
        trailer: found.dictionary,
        stream: Some(indirect.reference),
        is_hybrid: false,
        body_end: indirect.span.end,
        end,
        declared,
        reach: end,
    })
}

fn stream_entries(source: &Source<'_>, found: &Stream, offset: usize) -> Result<Entries, PdfError> {
    let bad = PdfError::at(offset, "a cross-reference stream");
    let trailer = &found.dictionary;
    let widths: Vec<usize> =
        integers(trailer, "W")?.into_iter().filter_map(|w| usize::try_from(w).ok()).collect();
    let [kind_len, second_len, third_len] = *widths.as_slice() else { return Err(bad) };
    let size = trailer.get("Size").and_then(Object::as_integer).ok_or(bad.clone())?;
    let index = if trailer.get("Index").is_some() { integers(trailer, "Index")? } else { vec![0, size] };
    let data = stream::decode(source, found)?;
    let mut data = data.as_slice();
    let mut entries = Vec::new();
    for run in index.chunks(2) {
        let &[first, n_entries] = run else { return Err(bad) };
        let end = first.checked_add(n_entries).filter(|end| *end <= 1_000_000).ok_or(bad.clone())?;
        for number in first..end {
            let number = u32::try_from(number).ok().ok_or(bad.clone())?;
            let kind = if kind_len == 0 { 1 } else { field(&mut data, kind_len).ok_or(bad.clone())? };
            let second = field(&mut data, second_len).ok_or(bad.clone())?;
            let third = field(&mut data, third_len).ok_or(bad.clone())?;
            entries.push((number, stream_entry(kind, second, third).ok_or(bad.clone())?));
        }
        if u64::try_from(entries.len()).is_ok_and(|n_entries| n_entries > MAX_OBJECTS) {
            return Err(PdfError::at(offset, "too many objects"));
        }
    }
    Entries::sorted(entries, offset)
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
fn file_end(parser: &mut Parser<'_>) -> (Option<usize>, Option<usize>) {
    skip_white(parser);
    if !parser.take_word("startxref") {
        return (None, None);
    }
    parser.skip_space();
    let Ok(declared) = parser.unsigned() else { return (None, None) };
    skip_white(parser);
    if !parser.starts_with(b"%%EOF") {
        return (None, None);
    }
    parser.skip(b"%%EOF".len());
    if parser.starts_with(b"\r\n") {
        parser.skip(2);
    } else if matches!(parser.peek(), Some(b'\r' | b'\n')) {
        parser.skip(1);
    }
    (Some(parser.at), usize::try_from(declared).ok())
}

/// Passes over white space, but over no comment: `%%EOF` looks like one.
fn skip_white(parser: &mut Parser<'_>) {
    while parser.peek().is_some_and(is_space) {
        parser.skip(1);
    }
}
