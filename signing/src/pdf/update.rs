//! An incremental update: new and changed objects after the last byte; no earlier byte changes.
//!
//! The new cross-reference section has the form of the one before it: a table after a table (also
//! after Word's hybrids), a stream after a stream.

use std::collections::BTreeMap;

use cabinet::Digest;

use super::object::Data;
use super::{Dictionary, Document, Entry, MAX_PDF_BYTES, Object, PdfError, Ref, Stream};

/// What will be appended.
pub(crate) struct Update<'a> {
    document: &'a Document<'a>,
    objects: BTreeMap<Ref, Object>,
    next_number: u32,
}

/// The update alone, and where in the whole file each new object begins.
#[derive(Debug)]
pub(crate) struct Written {
    /// How much of the document stands before it.
    pub(crate) base_len: usize,
    pub(crate) bytes: Vec<u8>,
    pub(crate) offsets: BTreeMap<Ref, usize>,
}

impl<'a> Update<'a> {
    pub(crate) fn new(document: &'a Document<'a>) -> Self {
        Self { document, objects: BTreeMap::new(), next_number: document.size().max(1) }
    }

    /// Adds a new object.
    pub(crate) fn add(&mut self, object: Object) -> Ref {
        let reference = Ref { number: self.next_number, generation: 0 };
        self.next_number = self.next_number.saturating_add(1);
        self.objects.insert(reference, object);
        reference
    }

    /// Puts an object in place of an earlier one.
    pub(crate) fn put(&mut self, reference: Ref, object: Object) {
        self.objects.insert(reference, object);
    }

    /// The dictionary under `reference` as it stands so far.
    pub(crate) fn dictionary(&self, reference: Ref) -> Result<Dictionary, PdfError> {
        let object = match self.objects.get(&reference) {
            Some(object) => object.clone(),
            None => self.document.get(reference)?,
        };
        object.into_dictionary().ok_or(PdfError::at(0, "a dictionary is expected"))
    }

    /// Writes the update.
    pub(crate) fn finish(mut self) -> Result<Written, PdfError> {
        let base_len = self.document.end()?;
        let last = self.document.source().load(&(base_len.saturating_sub(1)..base_len))?;
        let mut bytes = Vec::new();
        if last.as_ref() != b"\n" {
            bytes.push(b'\n');
        }
        let mut offsets = BTreeMap::new();
        for (reference, object) in std::mem::take(&mut self.objects) {
            offsets.insert(reference, base_len.saturating_add(bytes.len()));
            write_indirect(reference, &object, &mut bytes)?;
        }
        let newest = self.document.newest()?;
        let at = base_len.saturating_add(bytes.len());
        if newest.stream.is_some() {
            let reference = Ref { number: self.next_number, generation: 0 };
            self.next_number = self.next_number.saturating_add(1);
            offsets.insert(reference, at);
            let section = self.stream(&offsets, &bytes)?;
            write_indirect(reference, &Object::Stream(section), &mut bytes)?;
        } else {
            write_table(&offsets, &mut bytes);
            bytes.extend_from_slice(b"trailer\n");
            Object::Dictionary(self.trailer(&bytes)?).write(&mut bytes);
            bytes.push(b'\n');
        }
        bytes.extend_from_slice(format!("startxref\n{at}\n%%EOF\n").as_bytes());
        if base_len.saturating_add(bytes.len()) > MAX_PDF_BYTES {
            return Err(PdfError::TooLarge);
        }
        Ok(Written { base_len, bytes, offsets })
    }

    fn trailer(&self, update: &[u8]) -> Result<Dictionary, PdfError> {
        let newest = self.document.newest()?;
        let mut trailer = Dictionary::new();
        for key in ["Root", "Info"] {
            if let Some(value) = newest.trailer.get(key) {
                trailer.set(key, value.clone());
            }
        }
        // The first identifier stays with the document; the second names this revision.
        let before = self.document.value(&newest.trailer, "ID")?;
        let mut seed = update.to_vec();
        before.write(&mut seed);
        let revision: Vec<u8> = Digest::of(&seed).as_bytes().iter().copied().take(16).collect();
        let first = match before.as_array() {
            Some([first, _]) => first.clone(),
            Some(_) | None => Object::String(revision.clone()),
        };
        trailer.set("ID", Object::Array(vec![first, Object::String(revision)]));
        trailer.set("Size", Object::Integer(i64::from(self.next_number)));
        trailer.set("Prev", Object::Integer(to_integer(newest.offset)));
        Ok(trailer)
    }

    fn stream(&self, offsets: &BTreeMap<Ref, usize>, bytes: &[u8]) -> Result<Stream, PdfError> {
        let mut dictionary = self.trailer(bytes)?;
        let mut data = Vec::new();
        let mut index = Vec::new();
        for (reference, offset) in offsets {
            index.extend([Object::Integer(i64::from(reference.number)), Object::Integer(1)]);
            data.push(1);
            data.extend(u32::try_from(*offset).ok().ok_or(PdfError::TooLarge)?.to_be_bytes());
            data.extend(reference.generation.to_be_bytes());
        }
        dictionary.set("Type", Object::name("XRef"));
        dictionary.set("W", Object::Array([1, 4, 2].map(Object::Integer).to_vec()));
        dictionary.set("Index", Object::Array(index));
        Ok(Stream::own(dictionary, data))
    }
}

fn write_indirect(reference: Ref, object: &Object, bytes: &mut Vec<u8>) -> Result<(), PdfError> {
    if matches!(object, Object::Stream(Stream { data: Data::Stored(_), .. })) {
        return Err(PdfError::at(0, "a stream of another file"));
    }
    bytes.extend_from_slice(format!("{} {} obj\n", reference.number, reference.generation).as_bytes());
    object.write(bytes);
    bytes.extend_from_slice(b"\nendobj\n");
    Ok(())
}

fn write_table(offsets: &BTreeMap<Ref, usize>, bytes: &mut Vec<u8>) {
    bytes.extend(b"xref\n");
    let mut run: Vec<(Ref, usize)> = Vec::new();
    for (reference, offset) in offsets {
        let follows =
            run.last().is_some_and(|(last, _)| last.number.checked_add(1) == Some(reference.number));
        if !follows {
            write_run(&run, bytes);
            run.clear();
        }
        run.push((*reference, *offset));
    }
    write_run(&run, bytes);
}

fn write_run(run: &[(Ref, usize)], bytes: &mut Vec<u8>) {
    let Some((first, _)) = run.first() else { return };
    bytes.extend(format!("{} {}\n", first.number, run.len()).bytes());
    for (reference, offset) in run {
        bytes.extend(format!("{offset:010} {:05} n \n", reference.generation).bytes());
    }
}

pub(crate) fn to_integer(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Document<'_> {
    /// The generation under which an object in use must be written again.
    pub(crate) fn current(&self, number: u32) -> Ref {
        let generation = match self.entry(number) {
            Entry::InUse { generation, .. } => generation,
            Entry::Free | Entry::Compressed { .. } => 0,
        };
        Ref { number, generation }
    }
}
