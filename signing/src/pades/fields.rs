//! Reserving fields on an unsigned document.

use std::path::Path;

use super::{NewFile, PadesError, Rect, reserve};
use crate::pdf::update::{Update, Written};
use crate::pdf::{Dictionary, Document, Object, PdfFile, Ref, Stream, form, pages};

/// Name of the built-in font in the form's resources.
pub(super) const FONT: &str = "TiRo";
/// Annotation flags: printed, and locked in its place.
const PRINT_AND_LOCKED: i64 = 4 | 128;
/// Form flags: signatures exist, and the file may only be appended to.
const SIG_FLAGS: i64 = 3;
/// Field flag: not to be edited by hand.
const READ_ONLY: i64 = 1;

/// A field to reserve.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its full name; no dots.
    pub name: String,
    /// The page, counted from 0.
    pub page: usize,
    /// Where on the page it will show.
    pub rect: Rect,
    /// What it will hold.
    pub kind: FieldKind,
}

/// What a field will hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FieldKind {
    /// A signature.
    Signature,
    /// A line of text that looks like the paper's own: no border, no background.
    Text {
        /// Size of the built-in font, in points.
        font_points: u16,
    },
}

impl Field {
    /// A signature field on the first page that does not show.
    #[must_use]
    pub fn invisible(name: &str) -> Self {
        let rect = Rect::from_points(0, 0, 0, 0);
        Self { name: name.to_owned(), page: 0, rect, kind: FieldKind::Signature }
    }
}

/// The full name of the first empty signature field of a document, if it has one.
///
/// # Errors
///
/// [`PadesError::Pdf`].
pub fn empty_signature_field(pdf: &[u8]) -> Result<Option<String>, PadesError> {
    first_empty(&Document::open(pdf)?)
}

/// Like [`empty_signature_field`], of a file. Blocks on the disk.
///
/// # Errors
///
/// [`PadesError::Pdf`].
pub fn empty_signature_field_file(pdf: &Path) -> Result<Option<String>, PadesError> {
    let file = PdfFile::open(pdf)?;
    first_empty(&Document::open(file.source())?)
}

fn first_empty(document: &Document<'_>) -> Result<Option<String>, PadesError> {
    let fields = form::fields(document)?;
    document.source().check_disk()?;
    Ok(fields
        .into_iter()
        .find(|field| field.is_signature() && *field.value == Object::Null)
        .map(|field| field.name))
}

/// Reserves empty fields on an unsigned document, as an incremental update, and returns the new file.
///
/// # Errors
///
/// [`PadesError::AlreadySigned`], [`PadesError::NoPage`], [`PadesError::Field`] for a name that is taken or
/// has a dot, [`PadesError::Pdf`].
pub fn add_fields(pdf: &[u8], fields: &[Field]) -> Result<Vec<u8>, PadesError> {
    let document = Document::open(pdf)?;
    reserve::in_memory(&document, &fields_update(&document, fields)?)
}

/// Like [`add_fields`], of the file `pdf`; the new file will be at `place`. Blocks on the disk.
///
/// # Errors
///
/// As [`add_fields`]; [`PdfError::Disk`](crate::PdfError::Disk) too.
pub fn add_fields_file(pdf: &Path, place: &Path, fields: &[Field]) -> Result<NewFile, PadesError> {
    let file = PdfFile::open(pdf)?;
    let document = Document::open(file.source())?;
    reserve::in_file(&document, &fields_update(&document, fields)?, place)
}

fn fields_update(document: &Document<'_>, fields: &[Field]) -> Result<Written, PadesError> {
    let mut known: Vec<String> = Vec::new();
    for field in form::fields(document)? {
        if field.is_signature() && *field.value != Object::Null {
            return Err(PadesError::AlreadySigned);
        }
        known.push(field.name);
    }
    let all_pages = pages::pages(document)?;
    let mut update = Update::new(document);
    let mut added = Vec::new();
    for field in fields {
        if field.name.is_empty() || field.name.contains('.') || known.contains(&field.name) {
            return Err(PadesError::Field(field.name.clone()));
        }
        known.push(field.name.clone());
        let page = all_pages.get(field.page).ok_or(PadesError::NoPage(field.page))?;
        let widget = widget(field, page.reference, &mut update);
        let widget = Object::Reference(update.add(Object::Dictionary(widget)));
        annotate(document, &mut update, page.reference, &widget)?;
        added.push(widget);
    }
    extend_form(document, &mut update, added)?;
    Ok(update.finish()?)
}

fn widget(field: &Field, page: Ref, update: &mut Update<'_>) -> Dictionary {
    let empty = Stream::own(form_dictionary(&field.rect), Vec::new());
    let empty = update.add(Object::Stream(empty));
    let mut widget = Dictionary::of([
        ("Type", Object::name("Annot")),
        ("Subtype", Object::name("Widget")),
        ("T", Object::text(&field.name)),
        ("F", Object::Integer(PRINT_AND_LOCKED)),
        ("Rect", field.rect.to_object()),
        ("P", Object::Reference(page)),
        ("AP", Object::Dictionary(Dictionary::of([("N", Object::Reference(empty))]))),
    ]);
    match field.kind {
        FieldKind::Signature => widget.set("FT", Object::name("Sig")),
        FieldKind::Text { font_points } => {
            widget.set("FT", Object::name("Tx"));
            widget.set("Ff", Object::Integer(READ_ONLY));
            widget.set("DA", Object::String(format!("/{FONT} {font_points} Tf 0 g").into_bytes()));
        }
    }
    widget
}

/// The dictionary of a form `XObject` as large as the rectangle.
pub(super) fn form_dictionary(rect: &Rect) -> Dictionary {
    let bounds = Rect::from_thousandths(0, 0, rect.width(), rect.height());
    Dictionary::of([
        ("Type", Object::name("XObject")),
        ("Subtype", Object::name("Form")),
        ("BBox", bounds.to_object()),
        ("Resources", Object::Dictionary(Dictionary::new())),
    ])
}

/// Adds the widget to its page's annotations, wherever these are kept.
fn annotate(
    document: &Document<'_>,
    update: &mut Update<'_>,
    page: Ref,
    widget: &Object,
) -> Result<(), PadesError> {
    let page_reference = document.current(page.number);
    let mut page = update.dictionary(page)?;
    let mut annotations = match page.get("Annots") {
        Some(Object::Array(items)) => items.clone(),
        Some(reference @ Object::Reference(_)) => {
            document.resolve(reference)?.as_array().unwrap_or_default().to_vec()
        }
        Some(_) | None => Vec::new(),
    };
    annotations.push(widget.clone());
    page.set("Annots", Object::Array(annotations));
    update.put(page_reference, Object::Dictionary(page));
    Ok(())
}

fn extend_form(
    document: &Document<'_>,
    update: &mut Update<'_>,
    added: Vec<Object>,
) -> Result<(), PadesError> {
    let mut form = form::form(document)?.unwrap_or_default();
    let mut fields = document.value(&form, "Fields")?.as_array().unwrap_or_default().to_vec();
    fields.extend(added);
    form.set("Fields", Object::Array(fields));
    form.set("SigFlags", Object::Integer(SIG_FLAGS));
    let font = Dictionary::of([
        ("Type", Object::name("Font")),
        ("Subtype", Object::name("Type1")),
        ("BaseFont", Object::name("Times-Roman")),
        ("Encoding", Object::name("WinAnsiEncoding")),
    ]);
    let font = update.add(Object::Dictionary(font));
    let mut resources = document.value(&form, "DR")?.into_dictionary().unwrap_or_default();
    let mut fonts = document.value(&resources, "Font")?.into_dictionary().unwrap_or_default();
    fonts.set(FONT, Object::Reference(font));
    resources.set("Font", Object::Dictionary(fonts));
    form.set("DR", Object::Dictionary(resources));
    let root = document.root()?;
    let mut catalog = update.dictionary(root)?;
    let form = update.add(Object::Dictionary(form));
    catalog.set("AcroForm", Object::Reference(form));
    update.put(document.current(root.number), Object::Dictionary(catalog));
    Ok(())
}
