//! One signed revision: fills, appearance, signature dictionary; then the signature itself.

use std::ops::Range;
use std::path::Path;

use cabinet::{Digest, Timestamp};

use super::appearance::line;
use super::fields::FONT;
use super::reserve::{Plan, Reserved, WIDE};
use super::{DocMdp, Fill, Lock, NewFile, PadesError, Rect, SignRequest};
use crate::cades::{self, ClaimedTime};
use crate::pdf::form::{self, Field};
use crate::pdf::update::Update;
use crate::pdf::{Dictionary, Document, Object, PdfError, PdfFile, Ref};
use crate::{Certificate, Hash, Imprint, Invalid, SignatureAlgorithm, cms};

/// Size of the built-in font if the field does not say, in points.
const DEFAULT_FONT_POINTS: i64 = 13;

/// A revision that only lacks its signature, in memory or in a [`NewFile`].
#[derive(Clone, Debug)]
pub struct Prepared<T = Vec<u8>> {
    reserved: Reserved<T>,
    signer: Certificate,
    signature: cades::Prepared,
}

/// Appends a revision to `pdf` that fills the requested fields and holds everything but the signature value.
///
/// # Errors
///
/// [`PadesError`]: nothing was changed; its sentence says what to do. [`PadesError::Refused`]: the revision
/// would break an earlier signature, or one is broken already; nobody should be asked to sign it.
pub fn prepare(pdf: &[u8], request: &SignRequest) -> Result<Prepared, PadesError> {
    let document = Document::open(pdf)?;
    let (plan, draft) = Draft::plan(&document, request)?;
    draft.over(plan.in_memory(&document)?)
}

/// Like [`prepare`], of the file `pdf`, whose signed copy will be at `place`. Memory stays bounded, and `pdf` is
/// read once; nobody may write to it meanwhile. Blocks on the disk.
///
/// # Errors
///
/// As [`prepare`]; [`PdfError::Disk`] too. Nothing is at `place` yet, whatever happens.
pub fn prepare_file(
    pdf: &Path,
    place: &Path,
    request: &SignRequest,
) -> Result<Prepared<NewFile>, PadesError> {
    let file = PdfFile::open(pdf)?;
    let document = Document::open(file.source())?;
    let (plan, draft) = Draft::plan(&document, request)?;
    draft.over(plan.in_file(&document, place)?)
}

impl<T> Prepared<T> {
    /// The SHA-256 digest of the CMS signed attributes: the name of what is signed, for records. Tokens sign
    /// [`Prepared::imprint`].
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.signature.digest()
    }

    /// The digest that the token must sign, by the algorithm's own hash.
    ///
    /// # Errors
    ///
    /// [`PadesError::Signature`]: with Ed25519 the token signs no digest but [`Prepared::signed_attributes`].
    pub fn imprint(&self) -> Result<Imprint, PadesError> {
        Ok(self.signature.imprint()?)
    }

    /// What the token signs: the CMS signed attributes as a DER SET.
    #[must_use]
    pub fn signed_attributes(&self) -> &[u8] {
        self.signature.signed_attributes()
    }

    /// The algorithm that the token must use.
    #[must_use]
    pub const fn algorithm(&self) -> SignatureAlgorithm {
        self.signature.algorithm()
    }

    /// The finished CMS, verified, for a caller that adds a time-stamp before [`Prepared::embed_cms`].
    ///
    /// # Errors
    ///
    /// [`PadesError::Signature`]: `raw` is not the signer's.
    pub fn cms(&self, raw: &[u8]) -> Result<Vec<u8>, PadesError> {
        Ok(self.signature.clone().embed(raw)?)
    }

    /// Checks a CMS that did not come from [`Prepared::cms`] unchanged.
    fn check(&self, cms: &[u8]) -> Result<(), PadesError> {
        let content = &self.reserved.content;
        let covered = |hash| {
            if hash == content.hash() { Ok(content.digest().to_vec()) } else { Err(Invalid::ContentDiffers) }
        };
        let checked = cms::parse(cms)?.check(&covered)?;
        if checked.signer == self.signer { Ok(()) } else { Err(Invalid::WrongSigner.into()) }
    }
}

impl Prepared {
    /// Returns the signed file. The new signature is verified first; that it breaks no earlier one, and stands
    /// where validation accepts it, was checked before it could be made.
    ///
    /// # Errors
    ///
    /// [`PadesError::Signature`]: `raw` is not the signer's; [`PadesError::Room`]: prepare again with
    /// [`Room::doubled`](super::Room::doubled).
    pub fn embed(self, raw: &[u8]) -> Result<Vec<u8>, PadesError> {
        self.reserved.fill(&self.signature.embed(raw)?)
    }

    /// Like [`Prepared::embed`], with the CMS that [`Prepared::cms`] gave and a time-stamp was added to.
    ///
    /// # Errors
    ///
    /// As [`Prepared::embed`].
    pub fn embed_cms(self, cms: &[u8]) -> Result<Vec<u8>, PadesError> {
        self.check(cms)?;
        self.reserved.fill(cms)
    }
}

impl Prepared {
    /// The whole file as it will be signed, its hole still empty: for whoever must see what he signs.
    #[must_use]
    pub fn unsigned(&self) -> &[u8] {
        &self.reserved.output
    }

    /// Where in it the hole lies: the digits of the signature and the brackets around them. All else is signed.
    #[must_use]
    pub fn hole(&self) -> Range<usize> {
        self.reserved.hole.clone()
    }
}

/// The digest, by `hash`, of everything in `pdf` but the empty `hole`: what a signature over that file is about.
///
/// For whoever is handed a file and bytes to sign, and trusts nobody that they belong together.
///
/// # Errors
///
/// [`PdfError`]: there is something in the hole, which nobody would sign.
pub fn content_imprint(pdf: &[u8], hole: Range<usize>, hash: Hash) -> Result<Imprint, PadesError> {
    let not_empty = || PdfError::at(hole.start, "the signature's room is not empty");
    let inside = pdf.get(hole.clone()).ok_or_else(not_empty)?;
    let digits = inside.strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">"));
    if !digits.is_some_and(|digits| digits.iter().all(|digit| *digit == b'0')) {
        return Err(not_empty().into());
    }
    let (before, after) =
        (pdf.get(..hole.start).unwrap_or_default(), pdf.get(hole.end..).unwrap_or_default());
    Ok(Imprint::of(hash, &[before, after].concat())?)
}

impl Prepared<NewFile> {
    /// Puts the signature into the new file, which still has to be published. The new signature is verified
    /// first.
    ///
    /// # Errors
    ///
    /// [`PadesError::Signature`]: `raw` is not the signer's; [`PadesError::Room`]: prepare again with
    /// [`Room::doubled`](super::Room::doubled); [`PdfError::Disk`].
    pub fn embed(self, raw: &[u8]) -> Result<NewFile, PadesError> {
        self.reserved.fill(&self.signature.embed(raw)?)
    }

    /// Like [`Prepared::embed`], with the CMS that [`Prepared::cms`] gave and a time-stamp was added to.
    ///
    /// # Errors
    ///
    /// As [`Prepared::embed`].
    pub fn embed_cms(self, cms: &[u8]) -> Result<NewFile, PadesError> {
        self.check(cms)?;
        self.reserved.fill(cms)
    }
}

/// What is known of a signature before its content is.
struct Draft<'a> {
    request: &'a SignRequest,
    algorithm: SignatureAlgorithm,
}

impl<'a> Draft<'a> {
    /// Plans the revision: fills, appearance, signature dictionary with its measured room.
    fn plan(document: &Document<'_>, request: &'a SignRequest) -> Result<(Plan, Self), PadesError> {
        require_whole(document)?;
        let fields = form::fields(document)?;
        let is_signed = fields.iter().any(|field| field.is_signature() && *field.value != Object::Null);
        if is_signed && request.certify.is_some() {
            return Err(PadesError::AlreadySigned);
        }
        let field = empty_field(&fields, &request.field, "Sig")?;
        let algorithm = request.algorithm.map_or_else(|| SignatureAlgorithm::of(&request.signer), Ok)?;
        let draft = Self { request, algorithm };
        let room_bytes =
            request.room.bytes(draft.signature(Imprint::of(algorithm.hash(), &[])?)?.size_bound_bytes())?;

        let mut update = Update::new(document);
        for fill in &request.fills {
            fill_field(document, &mut update, empty_field(&fields, &fill.field, "Tx")?, fill)?;
        }
        let signature = update.add(Object::Dictionary(signature_dictionary(request, room_bytes)));
        put_value(
            document,
            &mut update,
            field,
            Object::Reference(signature),
            request.appearance.as_ref().map(|appearance| {
                move |update: &mut Update<'_>, rect: &Rect| appearance.add_to(update, rect)
            }),
        )?;
        if request.certify.is_some() {
            let root = document.root()?;
            let mut catalog = update.dictionary(root)?;
            let permissions = Dictionary::of([("DocMDP", Object::Reference(signature))]);
            catalog.set("Perms", Object::Dictionary(permissions));
            update.put(document.current(root.number), Object::Dictionary(catalog));
        }
        Ok((Plan::new(update.finish()?, signature, room_bytes, algorithm.hash())?, draft))
    }

    fn signature(&self, content: Imprint) -> Result<cades::Prepared, Invalid> {
        let request = self.request;
        let time = ClaimedTime::InDocument;
        cades::prepare_with(self.algorithm, content, &request.signer, &request.chain, time)
    }

    fn over<T>(self, reserved: Reserved<T>) -> Result<Prepared<T>, PadesError> {
        let signature = self.signature(reserved.content.clone())?;
        Ok(Prepared { reserved, signer: self.request.signer.clone(), signature })
    }
}

/// What follows the end of the document would come before the new revision, and nobody could explain it.
pub(super) fn require_whole(document: &Document<'_>) -> Result<(), PdfError> {
    let end = document.end()?;
    if end == document.source().len() { Ok(()) } else { Err(PdfError::at(end, "bytes after the end")) }
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
