//! One signed revision: fills, appearance, signature dictionary; then the signature itself.

use cabinet::{Digest, Timestamp};

use super::appearance::line;
use super::fields::FONT;
use super::{DocMdp, Fill, Lock, PadesError, Rect, SignRequest};
use crate::cades::{self, ClaimedTime};
use crate::pdf::form::{self, Field};
use crate::pdf::update::{Update, Written};
use crate::pdf::{Dictionary, Document, Object, PdfError, Ref};
use crate::{SignatureAlgorithm, validation};

/// Room beyond the measured CMS, in bytes: for a time-stamp token added later.
const MARGIN_BYTES: usize = 8192;
/// A placeholder as wide as any offset in the file can be.
const WIDE: i64 = 9_999_999_999;
/// Size of the built-in font if the field does not say, in points.
const DEFAULT_FONT_POINTS: i64 = 13;

/// A revision that only lacks its signature.
#[derive(Clone, Debug)]
pub struct Prepared {
    pdf: Vec<u8>,
    /// Where the hexadecimal digits of `/Contents` begin.
    digits_at: usize,
    room_bytes: usize,
    at: Timestamp,
    signature: cades::Prepared,
}

/// Appends a revision to `pdf` that fills the requested fields and holds everything but the signature value.
///
/// # Errors
///
/// [`PadesError`]: nothing was changed; its sentence says what to do.
pub fn prepare(pdf: &[u8], request: &SignRequest) -> Result<Prepared, PadesError> {
    let document = Document::open(pdf)?;
    if document.end()? != pdf.len() {
        return Err(PdfError::at(document.end()?, "bytes after the end").into());
    }
    let fields = form::fields(&document)?;
    let is_signed = fields.iter().any(|field| field.is_signature() && field.value != Object::Null);
    if is_signed && request.certify.is_some() {
        return Err(PadesError::AlreadySigned);
    }
    let field = empty_field(&fields, &request.field, "Sig")?;
    let algorithm = request.algorithm.map_or_else(|| SignatureAlgorithm::of(&request.signer), Ok)?;
    let draft = |content: &Digest| {
        cades::prepare_with(algorithm, content, &request.signer, &request.chain, ClaimedTime::InDocument)
    };
    let measured = draft(&Digest::of(&[]))?.size_bound_bytes().saturating_add(MARGIN_BYTES);
    let room_bytes = request.room_bytes.unwrap_or(measured);

    let mut update = Update::new(&document);
    for fill in &request.fills {
        fill_field(&document, &mut update, empty_field(&fields, &fill.field, "Tx")?, fill)?;
    }
    let signature = update.add(Object::Dictionary(signature_dictionary(request, room_bytes)));
    put_value(
        &document,
        &mut update,
        field,
        Object::Reference(signature),
        request
            .appearance
            .as_ref()
            .map(|appearance| move |update: &mut Update<'_>, rect: &Rect| appearance.add_to(update, rect)),
    )?;
    if request.certify.is_some() {
        let root = document.root()?;
        let mut catalog = update.dictionary(root)?;
        let permissions = Dictionary::of([("DocMDP", Object::Reference(signature))]);
        catalog.set("Perms", Object::Dictionary(permissions));
        update.put(document.current(root.number), Object::Dictionary(catalog));
    }
    let written = update.finish()?;
    let (pdf, digits_at, content) = cover(written, signature, room_bytes)?;
    Ok(Prepared { pdf, digits_at, room_bytes, at: request.at, signature: draft(&content)? })
}

impl Prepared {
    /// The SHA-256 digest that the token must sign: that of the CMS signed attributes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.signature.digest()
    }

    /// The bytes under that digest.
    #[must_use]
    pub fn signed_attributes(&self) -> &[u8] {
        self.signature.signed_attributes()
    }

    /// The algorithm that the token must use.
    #[must_use]
    pub const fn algorithm(&self) -> SignatureAlgorithm {
        self.signature.algorithm()
    }

    /// Returns the signed file. The new signature is verified and the whole file validated first, so that
    /// a revision that breaks an earlier signature never leaves this function.
    ///
    /// # Errors
    ///
    /// [`PadesError::Signature`]: `raw` is not the signer's; [`PadesError::Room`]: prepare again with more
    /// room; [`PadesError::Refused`]: the document must not be issued.
    pub fn embed(self, raw: &[u8]) -> Result<Vec<u8>, PadesError> {
        let cms = self.signature.embed(raw)?;
        if cms.len() > self.room_bytes {
            return Err(PadesError::Room { needed: cms.len(), room: self.room_bytes });
        }
        let mut pdf = self.pdf;
        let digits = hex::encode(cms);
        let end = self.digits_at.saturating_add(digits.len());
        let hole =
            pdf.get_mut(self.digits_at..end).ok_or(PdfError::at(self.digits_at, "the signature's room"))?;
        hole.copy_from_slice(digits.as_bytes());
        let report = validation::validate_pdf(&pdf, None, self.at)?;
        match report.signatures.iter().find(|signature| !signature.is_sound()) {
            None if !report.signatures.is_empty() => Ok(pdf),
            None => Err(PadesError::Refused("the signature is not found".to_owned())),
            Some(unsound) => Err(PadesError::Refused(unsound.explain())),
        }
    }
}

fn empty_field<'a>(fields: &'a [Field], name: &str, kind: &str) -> Result<&'a Field, PadesError> {
    fields
        .iter()
        .find(|field| field.name == name && field.kind == kind.as_bytes() && field.is_empty())
        .ok_or_else(|| PadesError::Field(name.to_owned()))
}

fn fill_field(
    document: &Document<'_>,
    update: &mut Update<'_>,
    field: &Field,
    fill: &Fill,
) -> Result<(), PadesError> {
    let drawn = |update: &mut Update<'_>, rect: &Rect| match &fill.appearance {
        Some(appearance) => appearance.add_to(update, rect),
        None => {
            let (font, points) = default_font(document, field)?;
            let letters = || PadesError::Letters(fill.field.clone());
            line(update, rect, font, points, &fill.value).ok_or_else(letters)
        }
    };
    put_value(document, update, field, Object::text(&fill.value), Some(drawn))
}

/// Sets a field's value, and its widget's appearance if there is one to draw.
fn put_value(
    document: &Document<'_>,
    update: &mut Update<'_>,
    field: &Field,
    value: Object,
    draw: Option<impl FnOnce(&mut Update<'_>, &Rect) -> Result<Ref, PadesError>>,
) -> Result<(), PadesError> {
    let mut dictionary = field.dictionary.clone();
    dictionary.set("V", value);
    update.put(document.current(field.reference.number), Object::Dictionary(dictionary));
    let (Some(draw), Some((widget, shown))) = (draw, field.widgets.first()) else { return Ok(()) };
    let rect = shown.get("Rect").map_or(Ok(None), |rect| Rect::read(document, rect))?;
    let rect = rect.filter(|rect| rect.area() > 0).ok_or_else(|| PadesError::Field(field.name.clone()))?;
    let drawn = draw(update, &rect)?;
    let widget = document.current(widget.number);
    let mut dictionary = update.dictionary(widget)?;
    dictionary.set("AP", Object::Dictionary(Dictionary::of([("N", Object::Reference(drawn))])));
    update.put(widget, Object::Dictionary(dictionary));
    Ok(())
}

/// The built-in font in the form's resources, and the size that the field asks for.
fn default_font(document: &Document<'_>, field: &Field) -> Result<(Object, i64), PadesError> {
    let form = form::form(document)?.unwrap_or_default();
    let resources = document.value(&form, "DR")?;
    let fonts =
        resources.as_dictionary().map_or(Ok(Object::Null), |resources| document.value(resources, "Font"))?;
    let font = fonts.as_dictionary().and_then(|fonts| fonts.get(FONT)).cloned();
    let look = document.value(&field.dictionary, "DA")?.as_text().unwrap_or_default();
    let points =
        look.split_whitespace().nth(1).and_then(|size| size.parse().ok()).unwrap_or(DEFAULT_FONT_POINTS);
    Ok((font.ok_or_else(|| PadesError::Letters(field.name.clone()))?, points))
}

/// `/Contents` stands first, so that its place is found without parsing.
fn signature_dictionary(request: &SignRequest, room_bytes: usize) -> Dictionary {
    let name = request.name.clone().unwrap_or_else(|| request.signer.common_name());
    let mut dictionary = Dictionary::of([
        ("Contents", Object::String(vec![0; room_bytes])),
        ("ByteRange", Object::Array([0, WIDE, WIDE, WIDE].map(Object::Integer).to_vec())),
        ("Type", Object::name("Sig")),
        ("Filter", Object::name("Adobe.PPKLite")),
        ("SubFilter", Object::name("ETSI.CAdES.detached")),
        ("M", Object::String(pdf_date(request.at).into_bytes())),
        ("Name", Object::text(&name)),
    ]);
    for (key, text) in [("Reason", &request.reason), ("Location", &request.location)] {
        if let Some(text) = text {
            dictionary.set(key, Object::text(text));
        }
    }
    let mut references = Vec::new();
    if let Some(level) = request.certify {
        let level = match level {
            DocMdp::NoChanges => 1,
            DocMdp::FillAndSign => 2,
        };
        references.push(transform("DocMDP", ("P", Object::Integer(level))));
    }
    if request.lock == Lock::AllFields {
        references.push(transform("FieldMDP", ("Action", Object::name("All"))));
    }
    if !references.is_empty() {
        dictionary.set("Reference", Object::Array(references));
    }
    dictionary
}

fn transform(method: &str, parameter: (&str, Object)) -> Object {
    let parameters =
        Dictionary::of([("Type", Object::name("TransformParams")), ("V", Object::name("1.2")), parameter]);
    Object::Dictionary(Dictionary::of([
        ("Type", Object::name("SigRef")),
        ("TransformMethod", Object::name(method)),
        ("TransformParams", Object::Dictionary(parameters)),
    ]))
}

/// `D:20260607160531+07'00'`.
fn pdf_date(at: Timestamp) -> String {
    let iso = at.iso_vietnam();
    let digits: String = iso.chars().take(19).filter(char::is_ascii_digit).collect();
    format!("D:{digits}+07'00'")
}

/// Writes the byte range around the hole and hashes what it covers.
fn cover(
    written: Written,
    signature: Ref,
    room_bytes: usize,
) -> Result<(Vec<u8>, usize, Digest), PadesError> {
    let mut pdf = written.bytes;
    let lost = PdfError::at(0, "the signature dictionary");
    let start = *written.offsets.get(&signature).ok_or(lost.clone())?;
    let after = |pdf: &[u8], from: usize, word: &[u8]| {
        let found = pdf.get(from..)?.windows(word.len()).position(|window| window == word)?;
        from.checked_add(found)?.checked_add(word.len())
    };
    let digits_at = after(&pdf, start, b"/Contents <").ok_or(lost.clone())?;
    let hole_start = digits_at.saturating_sub(1);
    let hole_end = digits_at.saturating_add(room_bytes.saturating_mul(2)).saturating_add(1);
    let range_at = after(&pdf, hole_end, b"/ByteRange ").ok_or(lost.clone())?;
    let tail_len = pdf.len().saturating_sub(hole_end);
    let range = format!("[0 {hole_start} {hole_end} {tail_len}]");
    let width = format!("[0 {WIDE} {WIDE} {WIDE}]").len();
    let place = pdf.get_mut(range_at..range_at.saturating_add(width)).ok_or(lost.clone())?;
    place.fill(b' ');
    place.get_mut(..range.len()).ok_or(lost.clone())?.copy_from_slice(range.as_bytes());
    let (before, behind) = (pdf.get(..hole_start).ok_or(lost.clone())?, pdf.get(hole_end..).ok_or(lost)?);
    let content = Digest::of(&[before, behind].concat());
    Ok((pdf, digits_at, content))
}
