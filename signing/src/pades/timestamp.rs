//! Document time-stamps: a revision whose `/Contents` will be a time-stamp token over everything before it.
//!
//! Source: `docs/sources.md`, entry `en319142` (clause 5.4.3).

use std::path::Path;

use super::prepare::require_whole;
use super::reserve::{Plan, Reserved, WIDE};
use super::{NewFile, PadesError, Rect, Room};
use crate::pdf::update::Update;
use crate::pdf::{Dictionary, Document, Object, PdfFile, form};
use crate::{Hash, Imprint, PdfError, tlv};

/// Annotation flags: printed, and locked in its place.
const PRINT_AND_LOCKED: i64 = 4 | 128;
/// Form flags: signatures exist, and the file may only be appended to.
const SIG_FLAGS: i64 = 3;
/// What a time-stamp field is called, before its number.
const NAME: &str = "Timestamp";

/// A revision that only lacks its time-stamp token, in memory or in a [`NewFile`].
#[derive(Clone, Debug)]
pub struct PreparedTimestamp<T = Vec<u8>> {
    reserved: Reserved<T>,
}

/// Appends a revision with an invisible field for a document time-stamp. Any signature allows it.
///
/// # Errors
///
/// [`PadesError`]: nothing was changed; its sentence says what to do.
pub fn prepare_document_timestamp(pdf: &[u8], room: Room) -> Result<PreparedTimestamp, PadesError> {
    let document = Document::open(pdf)?;
    Ok(PreparedTimestamp { reserved: plan(&document, room)?.in_memory(&document)? })
}

/// Like [`prepare_document_timestamp`], of the file `pdf`; the new file will be at `place`. Blocks on the disk.
///
/// # Errors
///
/// As [`prepare_document_timestamp`]; [`PdfError::Disk`] too.
pub fn prepare_document_timestamp_file(
    pdf: &Path,
    place: &Path,
    room: Room,
) -> Result<PreparedTimestamp<NewFile>, PadesError> {
    let file = PdfFile::open(pdf)?;
    let document = Document::open(file.source())?;
    Ok(PreparedTimestamp { reserved: plan(&document, room)?.in_file(&document, place)? })
}

impl<T> PreparedTimestamp<T> {
    /// The digest (SHA-256) that the token must bear as its message imprint.
    #[must_use]
    pub const fn imprint(&self) -> &Imprint {
        &self.reserved.content
    }
}

impl PreparedTimestamp {
    /// Returns the file with the token, which the caller has verified against [`PreparedTimestamp::imprint`].
    ///
    /// # Errors
    ///
    /// [`PadesError::Signature`]: it is not one DER element; [`PadesError::Room`].
    pub fn embed(self, token: &[u8]) -> Result<Vec<u8>, PadesError> {
        tlv::only(token, tlv::SEQUENCE)?;
        self.reserved.fill(token)
    }
}

impl PreparedTimestamp<NewFile> {
    /// Puts the token, which the caller has verified against [`PreparedTimestamp::imprint`], into the new file.
    ///
    /// # Errors
    ///
    /// [`PadesError::Signature`]: it is not one DER element; [`PadesError::Room`]; [`PdfError::Disk`].
    pub fn embed(self, token: &[u8]) -> Result<NewFile, PadesError> {
        tlv::only(token, tlv::SEQUENCE)?;
        self.reserved.fill(token)
    }
}

fn plan(document: &Document<'_>, room: Room) -> Result<Plan, PadesError> {
    require_whole(document)?;
    let room_bytes = room.bytes(0)?;
    let names: Vec<String> = form::fields(document)?.into_iter().map(|field| field.name).collect();
    let name = (1..=names.len().saturating_add(1)).map(|number| format!("{NAME}{number}"));
    let name =
        name.into_iter().find(|name| !names.contains(name)).ok_or(PadesError::Field(NAME.to_owned()))?;
    let mut update = Update::new(document);
    let signature = update.add(Object::Dictionary(Dictionary::of([
        ("Contents", Object::String(vec![0; room_bytes])),
        ("ByteRange", Object::Array([0, WIDE, WIDE, WIDE].map(Object::Integer).to_vec())),
        ("Type", Object::name("DocTimeStamp")),
        ("Filter", Object::name("Adobe.PPKLite")),
        ("SubFilter", Object::name("ETSI.RFC3161")),
    ])));
    let field = update.add(Object::Dictionary(Dictionary::of([
        ("Type", Object::name("Annot")),
        ("Subtype", Object::name("Widget")),
        ("FT", Object::name("Sig")),
        ("T", Object::text(&name)),
        ("F", Object::Integer(PRINT_AND_LOCKED)),
        ("Rect", Rect::from_points(0, 0, 0, 0).to_object()),
        ("V", Object::Reference(signature)),
    ])));
    list_field(document, &mut update, Object::Reference(field))?;
    Plan::new(update.finish()?, signature, room_bytes, Hash::Sha256)
}

/// Adds the field to the form where the form is: validation does not let a form move after a signature.
fn list_field(document: &Document<'_>, update: &mut Update<'_>, field: Object) -> Result<(), PdfError> {
    let mut form = form::form(document)?.unwrap_or_default();
    let mut fields = document.value(&form, "Fields")?.as_array().unwrap_or_default().to_vec();
    fields.push(field);
    // Who lists the fields in an object of their own is left to do so.
    match form.get("Fields").and_then(Object::as_reference) {
        Some(list) => update.put(document.current(list.number), Object::Array(fields)),
        None => form.set("Fields", Object::Array(fields)),
    }
    form.set("SigFlags", Object::Integer(SIG_FLAGS));
    let root = document.root()?;
    let mut catalog = update.dictionary(root)?;
    match catalog.get("AcroForm").and_then(Object::as_reference) {
        Some(holder) => update.put(document.current(holder.number), Object::Dictionary(form)),
        None => {
            catalog.set("AcroForm", Object::Dictionary(form));
            update.put(document.current(root.number), Object::Dictionary(catalog));
        }
    }
    Ok(())
}
