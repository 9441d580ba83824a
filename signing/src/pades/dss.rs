//! The document security store: certificates and revocation data kept beside the signatures.
//!
//! Source: `docs/sources.md`, entry `en319142` (clause 5.4: DSS and VRI dictionaries).

use std::collections::BTreeMap;
use std::path::Path;

use cabinet::Digest;
use openssl::hash::MessageDigest;

use super::prepare::require_whole;
use super::{NewFile, PadesError, reserve};
use crate::pdf::update::{Update, Written};
use crate::pdf::{Dictionary, Document, Object, PdfError, PdfFile, Ref, Stream, form};

/// Most values of one kind in a store, and most signatures that it is about.
const MAX_VALUES: usize = 1_000;
/// Largest store, in bytes of its values (64 MiB).
const MAX_STORE_BYTES: usize = 64 << 20;
/// The names of the three lists, in a store and in the part about one signature.
const LISTS: [(&str, &str); 3] = [("Certs", "Cert"), ("CRLs", "CRL"), ("OCSPs", "OCSP")];

const BAD: PdfError = PdfError::at(0, "the document security store");

/// What a document keeps for the validation of its signatures, each value in DER.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Dss {
    /// Certificates.
    pub certificates: Vec<Vec<u8>>,
    /// Certificate revocation lists.
    pub crls: Vec<Vec<u8>>,
    /// OCSP responses.
    pub ocsps: Vec<Vec<u8>>,
    /// Which of them belong to which signature, by [`vri_key`].
    pub vri: BTreeMap<String, Vri>,
}

/// What belongs to one signature; the values are also in the lists of the [`Dss`].
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Vri {
    /// Certificates.
    pub certificates: Vec<Vec<u8>>,
    /// Certificate revocation lists.
    pub crls: Vec<Vec<u8>>,
    /// OCSP responses.
    pub ocsps: Vec<Vec<u8>>,
}

/// The name under which a store keeps what belongs to a signature: the SHA-1 digest, in upper-case
/// hexadecimal, of its `/Contents` with all its padding. A name only, nothing rests on SHA-1's strength.
///
/// # Errors
///
/// [`PadesError::Signature`]: this machine's OpenSSL refuses SHA-1 altogether; allow it or do without VRI.
pub fn vri_key(contents: &[u8]) -> Result<String, PadesError> {
    let digest = openssl::hash::hash(MessageDigest::sha1(), contents).map_err(crate::Invalid::from)?;
    Ok(hex::encode_upper(digest))
}

/// The signature fields of a document that are signed, each with the [`vri_key`] of its signature.
///
/// # Errors
///
/// [`PadesError::Pdf`]: it cannot be read.
pub fn signature_keys(pdf: &[u8]) -> Result<Vec<(String, String)>, PadesError> {
    keys(&Document::open(pdf)?)
}

/// Like [`signature_keys`], of a file.
///
/// # Errors
///
/// As [`signature_keys`].
pub fn signature_keys_file(pdf: &Path) -> Result<Vec<(String, String)>, PadesError> {
    keys(&Document::open(PdfFile::open(pdf)?.source())?)
}

fn keys(document: &Document<'_>) -> Result<Vec<(String, String)>, PadesError> {
    let mut keys = Vec::new();
    for field in form::fields(document)?.iter().filter(|field| field.is_signature()) {
        let value = document.resolve(&field.value)?;
        let contents = value.as_dictionary().and_then(|value| value.get("Contents"));
        if let Some(Object::String(contents)) = contents {
            keys.push((field.name.clone(), vri_key(contents)?));
        }
    }
    Ok(keys)
}

/// Reads the store of a document; it is empty if there is none.
///
/// # Errors
///
/// [`PadesError::Pdf`]: the document or its store cannot be read, or the store is too large.
pub fn read_dss(pdf: &[u8]) -> Result<Dss, PadesError> {
    Ok(Store::read(&Document::open(pdf)?)?.values())
}

/// Like [`read_dss`], of a file.
///
/// # Errors
///
/// As [`read_dss`].
pub fn read_dss_file(pdf: &Path) -> Result<Dss, PadesError> {
    Ok(Store::read(&Document::open(PdfFile::open(pdf)?.source())?)?.values())
}

/// The store of an opened document.
pub(crate) fn of(document: &Document<'_>) -> Result<Dss, PdfError> {
    Ok(Store::read(document)?.values())
}

/// Appends a revision that adds `dss` to the document's store, and returns the new file. What the store
/// has already stays and is not written again. Any signature allows it.
///
/// # Errors
///
/// [`PadesError::Pdf`]: the document or its store cannot be read, or would become too large.
pub fn append_dss(pdf: &[u8], dss: &Dss) -> Result<Vec<u8>, PadesError> {
    let document = Document::open(pdf)?;
    reserve::in_memory(&document, &update(&document, dss)?)
}

/// Like [`append_dss`], of the file `pdf`; the new file will be at `place`. Blocks on the disk.
///
/// # Errors
///
/// As [`append_dss`]; [`PdfError::Disk`] too.
pub fn append_dss_file(pdf: &Path, place: &Path, dss: &Dss) -> Result<NewFile, PadesError> {
    let file = PdfFile::open(pdf)?;
    let document = Document::open(file.source())?;
    reserve::in_file(&document, &update(&document, dss)?, place)
}

/// A store as it stands in a document: lists of references, and the value of each.
#[derive(Debug, Default)]
struct Store {
    lists: [Vec<Ref>; 3],
    vri: BTreeMap<String, Entry>,
    values: BTreeMap<Ref, Vec<u8>>,
    total_bytes: usize,
}

/// The part about one signature; what is not one of the lists stays as it is.
#[derive(Debug, Default)]
struct Entry {
    lists: [Vec<Ref>; 3],
    others: Dictionary,
}

impl Store {
    fn read(document: &Document<'_>) -> Result<Self, PdfError> {
        let mut store = Self::default();
        let Some(found) = optional_dictionary(document, &document.catalog()?, "DSS")? else {
            return Ok(store);
        };
        for (index, (name, _)) in LISTS.into_iter().enumerate() {
            let list = store.list(document, &found, name)?;
            *store.lists.get_mut(index).ok_or(BAD)? = list;
        }
        let parts = optional_dictionary(document, &found, "VRI")?.unwrap_or_default();
        for (key, part) in parts.iter() {
            if key == b"Type" {
                continue;
            }
            let key = std::str::from_utf8(key).ok().ok_or(BAD)?.to_owned();
            let mut others = document.resolve(part)?.into_dictionary().ok_or(BAD)?;
            let mut entry = Entry::default();
            for (index, (_, name)) in LISTS.into_iter().enumerate() {
                *entry.lists.get_mut(index).ok_or(BAD)? = store.list(document, &others, name)?;
                others.remove(name);
            }
            entry.others = others;
            store.vri.insert(key, entry);
            if store.vri.len() > MAX_VALUES {
                return Err(PdfError::at(0, "the document security store is too large"));
            }
        }
        document.source().check_disk()?;
        Ok(store)
    }

    /// Reads an array of references to streams, and those streams that were not read yet.
    fn list(
        &mut self,
        document: &Document<'_>,
        holder: &Dictionary,
        name: &str,
    ) -> Result<Vec<Ref>, PdfError> {
        const LARGE: PdfError = PdfError::at(0, "the document security store is too large");
        let items = document.value(holder, name)?;
        if items == Object::Null {
            return Ok(Vec::new());
        }
        let items = items.as_array().ok_or(BAD)?;
        if items.len() > MAX_VALUES {
            return Err(LARGE);
        }
        let mut list = Vec::new();
        for item in items {
            let reference = item.as_reference().ok_or(BAD)?;
            list.push(reference);
            if self.values.contains_key(&reference) {
                continue;
            }
            let Object::Stream(stream) = document.get(reference)? else { return Err(BAD) };
            let value = document.decode(&stream)?;
            self.total_bytes = self.total_bytes.saturating_add(value.len());
            if self.total_bytes > MAX_STORE_BYTES {
                return Err(LARGE);
            }
            self.values.insert(reference, value);
        }
        Ok(list)
    }

    fn values(&self) -> Dss {
        let values = |lists: &[Vec<Ref>; 3]| {
            lists.each_ref().map(|list| {
                list.iter().filter_map(|reference| self.values.get(reference)).cloned().collect::<Vec<_>>()
            })
        };
        let [certificates, crls, ocsps] = values(&self.lists);
        let vri = self.vri.iter().map(|(key, entry)| {
            let [certificates, crls, ocsps] = values(&entry.lists);
            (key.clone(), Vri { certificates, crls, ocsps })
        });
        Dss { certificates, crls, ocsps, vri: vri.collect() }
    }
}

/// The dictionary under `key`; anything else than none is refused.
fn optional_dictionary(
    document: &Document<'_>,
    holder: &Dictionary,
    key: &str,
) -> Result<Option<Dictionary>, PdfError> {
    let value = document.value(holder, key)?;
    if value == Object::Null { Ok(None) } else { value.into_dictionary().map(Some).ok_or(BAD) }
}

/// Adds values to an update, each only once.
struct Values<'u, 'd> {
    update: &'u mut Update<'d>,
    known: BTreeMap<[u8; 32], Ref>,
    total_bytes: usize,
}

impl Values<'_, '_> {
    fn extend(&mut self, list: &mut Vec<Ref>, values: &[Vec<u8>]) -> Result<(), PdfError> {
        for value in values {
            let digest = *Digest::of(value).as_bytes();
            let reference = match self.known.get(&digest) {
                Some(known) => *known,
                None => {
                    self.total_bytes = self.total_bytes.saturating_add(value.len());
                    let stream = Object::Stream(Stream::own(Dictionary::new(), value.clone()));
                    let own = self.update.add(stream);
                    self.known.insert(digest, own);
                    own
                }
            };
            if !list.contains(&reference) {
                list.push(reference);
            }
        }
        if list.len() > MAX_VALUES || self.total_bytes > MAX_STORE_BYTES {
            return Err(PdfError::at(0, "the document security store is too large"));
        }
        Ok(())
    }

    fn extend_all(&mut self, lists: &mut [Vec<Ref>; 3], values: [&[Vec<u8>]; 3]) -> Result<(), PdfError> {
        for (list, values) in lists.iter_mut().zip(values) {
            self.extend(list, values)?;
        }
        Ok(())
    }
}

fn update(document: &Document<'_>, dss: &Dss) -> Result<Written, PadesError> {
    require_whole(document)?;
    let mut store = Store::read(document)?;
    let mut update = Update::new(document);
    let known = store.values.iter().map(|(reference, value)| (*Digest::of(value).as_bytes(), *reference));
    let mut values = Values { known: known.collect(), update: &mut update, total_bytes: store.total_bytes };
    values.extend_all(&mut store.lists, [&dss.certificates, &dss.crls, &dss.ocsps])?;
    for (key, part) in &dss.vri {
        let parts = [part.certificates.as_slice(), &part.crls, &part.ocsps];
        // Whatever belongs to a signature is in the common lists too.
        values.extend_all(&mut store.lists, parts)?;
        values.extend_all(&mut store.vri.entry(key.clone()).or_default().lists, parts)?;
    }
    let root = document.root()?;
    let mut catalog = update.dictionary(root)?;
    let mut dictionary = document.value(&catalog, "DSS")?.into_dictionary().unwrap_or_default();
    dictionary.set("Type", Object::name("DSS"));
    set_lists(&mut dictionary, &store.lists, LISTS.map(|(name, _)| name));
    let mut parts = Dictionary::new();
    for (key, entry) in store.vri {
        let mut part = entry.others;
        set_lists(&mut part, &entry.lists, LISTS.map(|(_, name)| name));
        parts.set(&key, Object::Dictionary(part));
    }
    if parts != Dictionary::new() {
        dictionary.set("VRI", Object::Dictionary(parts));
    }
    // A new object, and never an old one rewritten: nothing else in the document can point to it.
    let dictionary = update.add(Object::Dictionary(dictionary));
    catalog.set("DSS", Object::Reference(dictionary));
    if catalog.get("Extensions").is_none() {
        catalog.set("Extensions", Object::Dictionary(extension()));
    }
    update.put(document.current(root.number), Object::Dictionary(catalog));
    Ok(update.finish()?)
}

fn set_lists(holder: &mut Dictionary, lists: &[Vec<Ref>; 3], names: [&str; 3]) {
    for (list, name) in lists.iter().zip(names) {
        if !list.is_empty() {
            holder.set(name, Object::Array(list.iter().copied().map(Object::Reference).collect()));
        }
    }
}

/// Says to readers of PDF 1.7 that the document has a store.
fn extension() -> Dictionary {
    let own = Dictionary::of([
        ("Type", Object::name("DeveloperExtensions")),
        ("BaseVersion", Object::name("1.7")),
        ("ExtensionLevel", Object::Integer(1)),
    ]);
    Dictionary::of([("ESIC", Object::Dictionary(own))])
}
