//! A whole file: its chain of cross-reference sections and the objects they list.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use super::object::{Data, Indirect};
use super::parser::Parser;
use super::xref::{self, Entry, Section};
use super::{Dictionary, Object, PdfError, Ref, Source, Stream, object, stream};

/// Most revisions that one file may have.
const MAX_SECTIONS: usize = 512;
/// Most entries in the cross-reference sections of all revisions together.
const MAX_ENTRIES: usize = 2_000_000;
/// Longest chain of references from a value to its object.
const MAX_HOPS: usize = 8;
/// Unpacked object streams that are kept, and the largest one, in decoded bytes (8 MiB).
const MAX_UNPACKED_BYTES: usize = 8 << 20;
/// How much is unpacked in all, again and again too, in decoded bytes (256 MiB) …
const MAX_UNPACKING_BYTES: usize = 256 << 20;
/// … and so many times the length of the file.
const MAX_UNPACKING_RATIO: usize = 16;

/// A decoded object stream: the numbers of its objects and where in its data they begin.
#[derive(Debug)]
struct Unpacked {
    data: Vec<u8>,
    index: Vec<(u32, usize)>,
}

/// A PDF, read strictly.
#[derive(Clone, Debug)]
pub(crate) struct Document<'a> {
    source: Source<'a>,
    /// Newest first.
    sections: Vec<Rc<Section>>,
    /// The file's last `startxref`.
    keyword: usize,
    known: Rc<Known>,
}

/// What was read already, for all revisions of one file: an earlier revision has the same bytes.
#[derive(Debug, Default)]
struct Known {
    sections: RefCell<HashMap<usize, Rc<Section>>>,
    /// By the offsets of the object and of its data's end.
    unpacked: RefCell<HashMap<(usize, usize), Rc<Unpacked>>>,
    unpacked_bytes: Cell<usize>,
    /// What was unpacked in all, in decoded bytes.
    unpacking_bytes: Cell<usize>,
}

impl<'a> Document<'a> {
    /// Reads the chain of sections from the file's last `startxref`.
    pub(crate) fn open(source: impl Into<Source<'a>>) -> Result<Self, PdfError> {
        Self::open_knowing(source.into(), Rc::default())
    }

    /// The same file after more bytes were added to it: `source` must begin with the bytes of this document.
    pub(crate) fn grown<'b>(&self, source: Source<'b>) -> Result<Document<'b>, PdfError> {
        Document::open_knowing(source, Rc::clone(&self.known))
    }

    /// The earlier revision that ends at `end`.
    pub(crate) fn prefix(&self, end: usize) -> Result<Self, PdfError> {
        self.grown(self.source.prefix(end))
    }

    fn open_knowing(source: Source<'a>, known: Rc<Known>) -> Result<Self, PdfError> {
        source.check_size()?;
        if !source.parse(0, |parser| Ok(parser.starts_with(b"%PDF-")))? {
            return Err(PdfError::at(0, "no PDF header"));
        }
        let keyword = source.rfind(b"startxref")?.ok_or(PdfError::at(source.len(), "no startxref"))?;
        let mut next = source.parse(keyword.saturating_add(b"startxref".len()), |parser| {
            parser.skip_space();
            Ok(usize::try_from(parser.unsigned()?).ok())
        })?;
        let mut sections: Vec<Rc<Section>> = Vec::new();
        let mut n_entries = 0_usize;
        while let Some(offset) = next {
            if sections.len() >= MAX_SECTIONS || sections.iter().any(|section| section.offset == offset) {
                return Err(PdfError::at(offset, "the cross-reference sections run in a circle"));
            }
            let section = known.section(&source, offset)?;
            n_entries = n_entries.saturating_add(section.entries.len());
            if n_entries > MAX_ENTRIES {
                return Err(PdfError::at(offset, "too many objects"));
            }
            next = match section.trailer.get("Prev") {
                None => None,
                Some(prev) => match prev.as_integer().and_then(|at| usize::try_from(at).ok()) {
                    Some(at) => Some(at),
                    None => return Err(PdfError::at(offset, "Prev is no offset")),
                },
            };
            if section.trailer.get("Encrypt").is_some() {
                return Err(PdfError::Encrypted);
            }
            sections.push(section);
        }
        let document = Self { source, sections, keyword, known };
        document.end()?;
        Ok(document)
    }

    pub(crate) const fn source(&self) -> Source<'a> {
        self.source
    }

    /// The sections, newest first.
    pub(crate) fn sections(&self) -> impl DoubleEndedIterator<Item = &Section> + Clone {
        self.sections.iter().map(Rc::as_ref)
    }

    pub(crate) fn newest(&self) -> Result<&Section, PdfError> {
        self.sections().next().ok_or(PdfError::at(0, "no cross-reference section"))
    }

    /// The byte after the last `%%EOF` and its line end; what follows is no part of the document.
    pub(crate) fn end(&self) -> Result<usize, PdfError> {
        // In a linearized file the end belongs to an older section than the newest.
        let ends = self.sections().filter_map(|section| section.end).max();
        ends.filter(|end| *end > self.keyword).ok_or(PdfError::at(self.keyword, "no %%EOF after startxref"))
    }

    pub(crate) fn trailer(&self) -> Result<&Dictionary, PdfError> {
        Ok(&self.newest()?.trailer)
    }

    pub(crate) fn entry(&self, number: u32) -> Entry {
        self.sections().find_map(|section| section.entries.get(number)).unwrap_or(Entry::Free)
    }

    /// The numbers of all objects in use, one section after the other.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u32> {
        self.sections().enumerate().flat_map(move |(age, section)| {
            let is_current =
                move |number: u32| self.sections().take(age).all(|newer| newer.entries.get(number).is_none());
            let used = section.entries.iter().filter(|(_, entry)| *entry != Entry::Free);
            used.map(|(number, _)| number).filter(move |number| is_current(*number))
        })
    }

    /// One more than the highest object number in use or claimed.
    pub(crate) fn size(&self) -> u32 {
        let listed = self.sections().filter_map(|section| section.entries.last_number()).max();
        let listed = listed.map_or(0, |number| number.saturating_add(1));
        let claimed = self.sections().filter_map(|section| section.trailer.get("Size"));
        let claimed =
            claimed.filter_map(Object::as_integer).filter_map(|size| u32::try_from(size).ok()).max();
        listed.max(claimed.unwrap_or_default())
    }

    pub(crate) fn root(&self) -> Result<Ref, PdfError> {
        let root = self.trailer()?.get("Root").and_then(Object::as_reference);
        root.ok_or(PdfError::at(0, "no document catalogue"))
    }

    pub(crate) fn catalog(&self) -> Result<Dictionary, PdfError> {
        self.get(self.root()?)?.into_dictionary().ok_or(PdfError::at(0, "no document catalogue"))
    }

    /// The object, or null if there is none of that name.
    pub(crate) fn get(&self, reference: Ref) -> Result<Object, PdfError> {
        match self.entry(reference.number) {
            Entry::Free => Ok(Object::Null),
            Entry::InUse { generation, .. } if generation != reference.generation => Ok(Object::Null),
            Entry::InUse { offset, generation } => {
                let found = self.indirect_at(offset)?;
                if found.reference == (Ref { number: reference.number, generation }) {
                    Ok(found.object)
                } else {
                    Err(PdfError::at(offset, "another object than the cross-reference says"))
                }
            }
            Entry::Compressed { .. } if reference.generation != 0 => Ok(Object::Null),
            Entry::Compressed { stream, index } => {
                let unpacked = self.unpack(stream)?;
                match unpacked.index.get(index) {
                    Some((number, at)) if *number == reference.number => {
                        Parser::new(&unpacked.data, *at).object()
                    }
                    Some(_) | None => Err(PdfError::at(0, "another object than the cross-reference says")),
                }
            }
        }
    }

    /// The object behind a value: itself, unless it is a reference.
    pub(crate) fn resolve(&self, value: &Object) -> Result<Object, PdfError> {
        let Object::Reference(mut reference) = *value else { return Ok(value.clone()) };
        for _ in 0..MAX_HOPS {
            let found = self.get(reference)?;
            let Object::Reference(next) = found else { return Ok(found) };
            reference = next;
        }
        Err(PdfError::at(0, "references run in a circle"))
    }

    /// The resolved value of `key`; null if absent.
    pub(crate) fn value(&self, dictionary: &Dictionary, key: &str) -> Result<Object, PdfError> {
        dictionary.get(key).map_or(Ok(Object::Null), |value| self.resolve(value))
    }

    /// The indirect object that begins at `offset`.
    pub(crate) fn indirect_at(&self, offset: usize) -> Result<Indirect, PdfError> {
        object::read(&self.source, offset, &|reference| match self.entry(reference.number) {
            Entry::InUse { .. } | Entry::Free => self.plain_length(reference),
            Entry::Compressed { .. } => self.get(reference).ok()?.as_integer(),
        })
    }

    fn plain_length(&self, reference: Ref) -> Option<i64> {
        let Entry::InUse { offset, .. } = self.entry(reference.number) else { return None };
        let found = self.source.parse(offset, |parser| parser.head()).ok()?;
        if found.reference == reference && !found.is_stream { found.object.as_integer() } else { None }
    }

    /// The stream's data without its filters.
    pub(crate) fn decode(&self, stream: &Stream) -> Result<Vec<u8>, PdfError> {
        stream::decode(&self.source, stream)
    }

    /// The stream with its data in memory, so that it can be written elsewhere.
    pub(crate) fn loaded(&self, stream: Stream) -> Result<Stream, PdfError> {
        let data = stream::load(&self.source, &stream)?.into_owned();
        Ok(Stream::own(stream.dictionary, data))
    }

    /// Whether two objects, of this or an earlier revision, are the same to the last byte of their streams.
    pub(crate) fn is_same(&self, one: &Object, other: &Object) -> Result<bool, PdfError> {
        let (Object::Stream(one), Object::Stream(other)) = (one, other) else { return Ok(one == other) };
        match (&one.data, &other.data) {
            (Data::Stored(here), Data::Stored(there)) => {
                Ok(one.dictionary == other.dictionary && self.source.is_same(here, there)?)
            }
            (Data::Own(_), _) | (_, Data::Own(_)) => Ok(one == other),
        }
    }

    fn unpack(&self, number: u32) -> Result<Rc<Unpacked>, PdfError> {
        let bad = PdfError::at(0, "an object stream");
        let Entry::InUse { offset, .. } = self.entry(number) else { return Err(bad) };
        // A stream length may not itself be packed: object streams cannot nest.
        let container = object::read(&self.source, offset, &|reference| self.plain_length(reference))?;
        let Object::Stream(packed) = container.object else { return Err(bad) };
        let Data::Stored(place) = &packed.data else { return Err(bad) };
        let place = (offset, place.end);
        if let Some(known) = self.known.unpacked.borrow().get(&place) {
            return Ok(Rc::clone(known));
        }
        let data = stream::decode_within(&self.source, &packed, MAX_UNPACKED_BYTES)?;
        self.known.count_unpacking(data.len(), self.source.len())?;
        let unpacked = Rc::new(Unpacked::new(&packed.dictionary, data)?);
        self.known.keep_unpacked(place, &unpacked);
        Ok(unpacked)
    }
}

impl Known {
    fn section(&self, source: &Source<'_>, offset: usize) -> Result<Rc<Section>, PdfError> {
        if let Some(known) = self.sections.borrow().get(&offset)
            && known.reach.is_some_and(|reach| reach <= source.len())
        {
            return Ok(Rc::clone(known));
        }
        let section = Rc::new(xref::read(source, offset)?);
        self.sections.borrow_mut().insert(offset, Rc::clone(&section));
        Ok(section)
    }

    /// Refuses a file whose objects lie so that its object streams would be unpacked over and over.
    fn count_unpacking(&self, len_bytes: usize, file_len_bytes: usize) -> Result<(), PdfError> {
        let total = self.unpacking_bytes.get().saturating_add(len_bytes);
        self.unpacking_bytes.set(total);
        let limit = file_len_bytes.saturating_mul(MAX_UNPACKING_RATIO).saturating_add(MAX_UNPACKING_BYTES);
        if total > limit { Err(PdfError::at(0, "object streams that unpack to too much")) } else { Ok(()) }
    }

    fn keep_unpacked(&self, place: (usize, usize), unpacked: &Rc<Unpacked>) {
        let len_bytes = unpacked.data.len();
        let mut kept = self.unpacked.borrow_mut();
        let total = self.unpacked_bytes.get().saturating_add(len_bytes);
        if total > MAX_UNPACKED_BYTES {
            kept.clear();
            self.unpacked_bytes.set(len_bytes);
        } else {
            self.unpacked_bytes.set(total);
        }
        kept.insert(place, Rc::clone(unpacked));
    }
}

impl Unpacked {
    fn new(dictionary: &Dictionary, data: Vec<u8>) -> Result<Self, PdfError> {
        let bad = PdfError::at(0, "an object stream");
        let n_objects = dictionary.get("N").and_then(Object::as_integer).ok_or(bad.clone())?;
        let first = dictionary.get("First").and_then(Object::as_integer);
        let first = first.and_then(|first| usize::try_from(first).ok()).ok_or(bad.clone())?;
        if !dictionary.is_name("Type", "ObjStm") {
            return Err(bad);
        }
        let mut header = Parser::new(&data, 0);
        let mut index: Vec<(u32, usize)> = Vec::new();
        for _ in 0..n_objects {
            header.skip_space();
            let own = u32::try_from(header.unsigned()?).ok().ok_or(bad.clone())?;
            header.skip_space();
            let at = usize::try_from(header.unsigned()?).ok().and_then(|at| at.checked_add(first));
            // In the order of their offsets, as ISO 32000-1, 7.5.7 wants it: no object lies in another.
            let before = index.last().map(|(_, before)| *before);
            let at = at.filter(|at| before.is_none_or(|before| before < *at)).ok_or(bad.clone())?;
            index.push((own, at));
        }
        Ok(Self { data, index })
    }
}
