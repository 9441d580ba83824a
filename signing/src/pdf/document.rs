//! A whole file: its chain of cross-reference sections and the objects they list.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::parser::{Indirect, Parser};
use super::{Dictionary, MAX_PDF_BYTES, Object, PdfError, Ref, stream, xref};

/// Most revisions that one file may have.
const MAX_SECTIONS: usize = 512;
/// Longest chain of references from a value to its object.
const MAX_HOPS: usize = 8;

/// Where an object is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Entry {
    Free,
    InUse { offset: usize, generation: u16 },
    Compressed { stream: u32, index: usize },
}

/// One cross-reference section with its trailer.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) offset: usize,
    pub(crate) entries: BTreeMap<u32, Entry>,
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
}

/// Objects of an object stream, by index.
type Unpacked = Rc<Vec<(u32, Object)>>;

/// A PDF, read strictly.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    bytes: &'a [u8],
    /// Newest first.
    sections: Vec<Section>,
    entries: BTreeMap<u32, Entry>,
    unpacked: RefCell<HashMap<u32, Unpacked>>,
}

impl<'a> Document<'a> {
    /// Reads the chain of sections from the file's last `startxref`.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, PdfError> {
        if bytes.len() > MAX_PDF_BYTES {
            return Err(PdfError::TooLarge);
        }
        if !bytes.starts_with(b"%PDF-") {
            return Err(PdfError::at(0, "no PDF header"));
        }
        let keyword = rfind(bytes, b"startxref").ok_or(PdfError::at(bytes.len(), "no startxref"))?;
        let mut parser = Parser::new(bytes, keyword.saturating_add(b"startxref".len()));
        parser.skip_space();
        let mut next = usize::try_from(parser.unsigned()?).ok();
        let mut sections: Vec<Section> = Vec::new();
        while let Some(offset) = next {
            if sections.len() >= MAX_SECTIONS || sections.iter().any(|known| known.offset == offset) {
                return Err(PdfError::at(offset, "the cross-reference sections run in a circle"));
            }
            let section = xref::read(bytes, offset)?;
            next = match section.trailer.get("Prev") {
                None => None,
                Some(prev) => match prev.as_integer().and_then(|at| usize::try_from(at).ok()) {
                    Some(at) => Some(at),
                    None => return Err(PdfError::at(offset, "Prev is no offset")),
                },
            };
            sections.push(section);
        }
        let mut entries = BTreeMap::new();
        for section in &sections {
            if section.trailer.get("Encrypt").is_some() {
                return Err(PdfError::Encrypted);
            }
            for (number, entry) in &section.entries {
                entries.entry(*number).or_insert(*entry);
            }
        }
        let document = Self { bytes, sections, entries, unpacked: RefCell::default() };
        document.end()?;
        Ok(document)
    }

    pub(crate) const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The sections, newest first.
    pub(crate) fn sections(&self) -> &[Section] {
        &self.sections
    }

    pub(crate) fn newest(&self) -> Result<&Section, PdfError> {
        self.sections.first().ok_or(PdfError::at(0, "no cross-reference section"))
    }

    /// The byte after the last `%%EOF` and its line end; what follows is no part of the document.
    pub(crate) fn end(&self) -> Result<usize, PdfError> {
        // In a linearized file the end belongs to an older section than the newest.
        let ends = self.sections.iter().filter_map(|section| section.end).max();
        let keyword = rfind(self.bytes, b"startxref").unwrap_or_default();
        ends.filter(|end| *end > keyword).ok_or(PdfError::at(keyword, "no %%EOF after startxref"))
    }

    pub(crate) fn trailer(&self) -> Result<&Dictionary, PdfError> {
        Ok(&self.newest()?.trailer)
    }

    pub(crate) fn entry(&self, number: u32) -> Entry {
        self.entries.get(&number).copied().unwrap_or(Entry::Free)
    }

    /// The numbers of all objects in use.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u32> {
        self.entries.iter().filter(|(_, entry)| **entry != Entry::Free).map(|(number, _)| *number)
    }

    /// One more than the highest object number in use or claimed.
    pub(crate) fn size(&self) -> u32 {
        let listed = self.entries.keys().next_back().map_or(0, |number| number.saturating_add(1));
        let claimed = self.sections.iter().filter_map(|section| section.trailer.get("Size"));
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
                match unpacked.get(index) {
                    Some((number, object)) if *number == reference.number => Ok(object.clone()),
                    Some(_) | None => Err(PdfError::at(0, "another object than the cross-reference says")),
                }
            }
        }
    }

    /// The object behind a value: itself, unless it is a reference.
    pub(crate) fn resolve(&self, value: &Object) -> Result<Object, PdfError> {
        let mut value = value.clone();
        for _ in 0..MAX_HOPS {
            let Object::Reference(reference) = value else { return Ok(value) };
            value = self.get(reference)?;
        }
        Err(PdfError::at(0, "references run in a circle"))
    }

    /// The resolved value of `key`; null if absent.
    pub(crate) fn value(&self, dictionary: &Dictionary, key: &str) -> Result<Object, PdfError> {
        dictionary.get(key).map_or(Ok(Object::Null), |value| self.resolve(value))
    }

    /// The indirect object that begins at `offset`.
    pub(crate) fn indirect_at(&self, offset: usize) -> Result<Indirect, PdfError> {
        let length = |reference: Ref| match self.entry(reference.number) {
            Entry::InUse { .. } | Entry::Free => self.plain_length(reference),
            Entry::Compressed { .. } => self.get(reference).ok()?.as_integer(),
        };
        Parser::new(self.bytes, offset).indirect(&length)
    }

    /// Like `indirect_at`, but a stream length may not itself be packed: object streams cannot nest.
    fn container_at(&self, offset: usize) -> Result<Indirect, PdfError> {
        Parser::new(self.bytes, offset).indirect(&|reference| self.plain_length(reference))
    }

    fn plain_length(&self, reference: Ref) -> Option<i64> {
        let Entry::InUse { offset, .. } = self.entry(reference.number) else { return None };
        let found = Parser::new(self.bytes, offset).indirect(&|_| None).ok()?;
        if found.reference == reference { found.object.as_integer() } else { None }
    }

    fn unpack(&self, number: u32) -> Result<Unpacked, PdfError> {
        if let Some(known) = self.unpacked.borrow().get(&number) {
            return Ok(Rc::clone(known));
        }
        let bad = PdfError::at(0, "an object stream");
        let Entry::InUse { offset, .. } = self.entry(number) else { return Err(bad) };
        let Object::Stream(packed) = self.container_at(offset)?.object else { return Err(bad) };
        let n_objects = packed.dictionary.get("N").and_then(Object::as_integer).ok_or(bad.clone())?;
        let first = packed.dictionary.get("First").and_then(Object::as_integer);
        let first = first.and_then(|first| usize::try_from(first).ok()).ok_or(bad.clone())?;
        if !packed.dictionary.is_name("Type", "ObjStm") {
            return Err(bad);
        }
        let data = stream::decode(&packed)?;
        let mut header = Parser::new(&data, 0);
        let mut objects = Vec::new();
        for _ in 0..n_objects {
            header.skip_space();
            let own = u32::try_from(header.unsigned()?).ok().ok_or(bad.clone())?;
            header.skip_space();
            let at = usize::try_from(header.unsigned()?).ok().and_then(|at| at.checked_add(first));
            objects.push((own, Parser::new(&data, at.ok_or(bad.clone())?).object()?));
        }
        let unpacked = Rc::new(objects);
        self.unpacked.borrow_mut().insert(number, Rc::clone(&unpacked));
        Ok(unpacked)
    }
}

fn rfind(bytes: &[u8], word: &[u8]) -> Option<usize> {
    bytes.windows(word.len()).rposition(|window| window == word)
}
