//! What a field shows: an image, a page typeset elsewhere, or a line in the built-in font.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::fields::{FONT, form_dictionary};
use super::{PadesError, Rect};
use crate::pdf::update::Update;
use crate::pdf::{Dictionary, Document, Object, Ref, Stream, pages, stream};

/// Largest image, in pixels: a square of 2048 a side.
const MAX_IMAGE_PIXELS: u64 = 4 << 20;
/// Most objects that one imported page may bring.
const MAX_IMPORTED: usize = 2_000;

/// What a field shows.
#[derive(Clone, Debug)]
pub struct Appearance(Arc<Kind>);

#[derive(Debug)]
enum Kind {
    Image { width: u32, height: u32, rgb: Vec<u8>, alpha: Vec<u8> },
    Page(Vec<u8>),
}

impl Appearance {
    /// An image from a PNG of 8 bits a channel; transparent parts stay transparent. It is fitted into the
    /// field without distortion and centred.
    ///
    /// # Errors
    ///
    /// [`PadesError::Appearance`]: not such a PNG, or of more than four million pixels.
    pub fn image_png(png: &[u8]) -> Result<Self, PadesError> {
        let bad = PadesError::Appearance("the PNG cannot be read");
        let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
        decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
        let mut reader = decoder.read_info().ok().ok_or(bad.clone())?;
        let (width, height) = (reader.info().width, reader.info().height);
        if u64::from(width).saturating_mul(u64::from(height)) > MAX_IMAGE_PIXELS {
            return Err(PadesError::Appearance("the image is too large"));
        }
        let mut pixels = vec![0; reader.output_buffer_size().ok_or(bad.clone())?];
        let frame = reader.next_frame(&mut pixels).ok().ok_or(bad)?;
        pixels.truncate(frame.buffer_size());
        let (mut rgb, mut alpha) = (Vec::new(), Vec::new());
        for pixel in pixels.chunks(frame.color_type.samples()) {
            match *pixel {
                [grey] => (rgb.extend([grey; 3]), alpha.push(255)),
                [grey, opacity] => (rgb.extend([grey; 3]), alpha.push(opacity)),
                [red, green, blue] => (rgb.extend([red, green, blue]), alpha.push(255)),
                [red, green, blue, opacity] => (rgb.extend([red, green, blue]), alpha.push(opacity)),
                _ => return Err(PadesError::Appearance("the PNG's colours")),
            };
        }
        Ok(Self(Arc::new(Kind::Image { width, height, rgb, alpha })))
    }

    /// The first page of a PDF, with its fonts, scaled to the field: typeset it in the field's size.
    ///
    /// # Errors
    ///
    /// [`PadesError::Pdf`]: it cannot be read; [`PadesError::Appearance`]: it has no page.
    pub fn pdf_page(pdf: &[u8]) -> Result<Self, PadesError> {
        let document = Document::open(pdf)?;
        if pages::pages(&document)?.is_empty() {
            return Err(PadesError::Appearance("it has no page"));
        }
        Ok(Self(Arc::new(Kind::Page(pdf.to_vec()))))
    }

    /// Adds the appearance stream for a field of this size.
    pub(super) fn add_to(&self, update: &mut Update<'_>, rect: &Rect) -> Result<Ref, PadesError> {
        match &*self.0 {
            Kind::Image { width, height, rgb, alpha } => {
                let mask = image(*width, *height, "DeviceGray", alpha)?;
                let mask = update.add(Object::Stream(mask));
                let mut picture = image(*width, *height, "DeviceRGB", rgb)?;
                picture.dictionary.set("SMask", Object::Reference(mask));
                let picture = update.add(Object::Stream(picture));
                Ok(update.add(Object::Stream(fitted(picture, i64::from(*width), i64::from(*height), rect))))
            }
            Kind::Page(pdf) => import(pdf, update),
        }
    }
}

fn image(width: u32, height: u32, colours: &str, samples: &[u8]) -> Result<Stream, PadesError> {
    let dictionary = Dictionary::of([
        ("Type", Object::name("XObject")),
        ("Subtype", Object::name("Image")),
        ("Width", Object::Integer(i64::from(width))),
        ("Height", Object::Integer(i64::from(height))),
        ("ColorSpace", Object::name(colours)),
        ("BitsPerComponent", Object::Integer(8)),
        ("Filter", Object::name("FlateDecode")),
    ]);
    Ok(Stream::own(dictionary, stream::deflate(samples)?))
}

/// A form that draws the image as large as fits, centred.
fn fitted(picture: Ref, width: i64, height: i64, rect: &Rect) -> Stream {
    let (room_width, room_height) = (rect.width(), rect.height());
    let scaled =
        |side: i64, room: i64, by: i64| side.saturating_mul(room).checked_div(by).unwrap_or_default();
    let is_wide = width.saturating_mul(room_height) > height.saturating_mul(room_width);
    let (shown_width, shown_height) = if is_wide {
        (room_width, scaled(height, room_width, width))
    } else {
        (scaled(width, room_height, height), room_height)
    };
    let half = |room: i64, shown: i64| room.saturating_sub(shown).checked_div(2).unwrap_or_default();
    let mut data = b"q ".to_vec();
    for number in
        [shown_width, 0, 0, shown_height, half(room_width, shown_width), half(room_height, shown_height)]
    {
        Object::thousandths(number).write(&mut data);
        data.push(b' ');
    }
    data.extend(b"cm /Image Do Q");
    let mut dictionary = form_dictionary(rect);
    let images = Dictionary::of([("Image", Object::Reference(picture))]);
    let resources = Dictionary::of([("XObject", Object::Dictionary(images))]);
    dictionary.set("Resources", Object::Dictionary(resources));
    Stream::own(dictionary, data)
}

/// Copies the first page of `pdf` as a form `XObject`, with everything its resources need.
fn import(pdf: &[u8], update: &mut Update<'_>) -> Result<Ref, PadesError> {
    let source = Document::open(pdf)?;
    let pages = pages::pages(&source)?;
    let page = pages.first().ok_or(PadesError::Appearance("it has no page"))?;
    let bounds =
        Rect::read(&source, &page.media_box)?.ok_or(PadesError::Appearance("its page has no size"))?;
    let mut copy = Copy { source: &source, update, copied: BTreeMap::new() };
    let resources = copy.value(&source.resolve(&page.resources)?)?;
    let mut dictionary = Dictionary::of([
        ("Type", Object::name("XObject")),
        ("Subtype", Object::name("Form")),
        ("BBox", bounds.to_object()),
        ("Resources", resources),
    ]);
    if let Some(group) = page.dictionary.get("Group") {
        dictionary.set("Group", copy.value(&source.resolve(group)?)?);
    }
    let data = stream::deflate(&contents(&source, &page.dictionary)?)?;
    dictionary.set("Filter", Object::name("FlateDecode"));
    Ok(update.add(Object::Stream(Stream::own(dictionary, data))))
}

fn contents(source: &Document<'_>, page: &Dictionary) -> Result<Vec<u8>, PadesError> {
    let content = source.value(page, "Contents")?;
    let parts = content.as_array().map_or_else(|| vec![content.clone()], <[Object]>::to_vec);
    let mut joined = Vec::new();
    for part in parts {
        let Object::Stream(part) = source.resolve(&part)? else {
            return Err(PadesError::Appearance("its content is no stream"));
        };
        joined.extend(source.decode(&part)?);
        joined.push(b'\n');
    }
    Ok(joined)
}

/// Copies objects from one document into an update, giving them new numbers.
struct Copy<'a, 'u> {
    source: &'a Document<'a>,
    update: &'a mut Update<'u>,
    copied: BTreeMap<Ref, Ref>,
}

impl Copy<'_, '_> {
    fn value(&mut self, value: &Object) -> Result<Object, PadesError> {
        let mut value = value.clone();
        let mut references = Vec::new();
        value.references(&mut references);
        for reference in references {
            self.reference(reference)?;
        }
        renumber(&mut value, &self.copied);
        Ok(value)
    }

    fn reference(&mut self, reference: Ref) -> Result<(), PadesError> {
        if self.copied.contains_key(&reference) {
            return Ok(());
        }
        if self.copied.len() >= MAX_IMPORTED {
            return Err(PadesError::Appearance("it needs too many objects"));
        }
        let mut object = self.source.get(reference)?;
        if let Some(dictionary) = object.as_dictionary()
            && (dictionary.is_name("Type", "Page") || dictionary.is_name("Type", "Catalog"))
        {
            return Err(PadesError::Appearance("its resources refer to the document"));
        }
        if let Object::Stream(stream) = object {
            let mut stream = self.source.loaded(stream)?;
            // A stream's length is written anew with the stream.
            stream.dictionary.remove("Length");
            object = Object::Stream(stream);
        }
        let own = self.update.add(Object::Null);
        self.copied.insert(reference, own);
        let copy = self.value(&object)?;
        self.update.put(own, copy);
        Ok(())
    }
}

fn renumber(value: &mut Object, numbers: &BTreeMap<Ref, Ref>) {
    match value {
        Object::Reference(reference) => {
            if let Some(own) = numbers.get(reference) {
                *reference = *own;
            }
        }
        Object::Array(items) => items.iter_mut().for_each(|item| renumber(item, numbers)),
        Object::Dictionary(dictionary) | Object::Stream(Stream { dictionary, .. }) => {
            dictionary.map_values(&mut |value| renumber(value, numbers));
        }
        Object::Null
        | Object::Boolean(_)
        | Object::Integer(_)
        | Object::Real(_)
        | Object::Name(_)
        | Object::String(_) => {}
    }
}

/// A line of Latin-1 text in the built-in font, on a base line a quarter of its size above the lower edge.
pub(super) fn line(
    update: &mut Update<'_>,
    rect: &Rect,
    font: Object,
    font_points: i64,
    text: &str,
) -> Option<Ref> {
    let bytes: Vec<u8> = text.chars().map(|letter| u8::try_from(letter).ok()).collect::<Option<_>>()?;
    let is_printable = bytes.iter().all(|byte| (0x20..0x7f).contains(byte) || *byte >= 0xa0);
    if !is_printable {
        return None;
    }
    let mut data = format!("/Tx BMC q BT /{FONT} {font_points} Tf 0 g 0 ").into_bytes();
    Object::thousandths(font_points.saturating_mul(250)).write(&mut data);
    data.extend(b" Td ");
    Object::String(bytes).write(&mut data);
    data.extend(b" Tj ET Q EMC");
    let mut dictionary = form_dictionary(rect);
    let fonts = Dictionary::of([(FONT, font)]);
    dictionary.set("Resources", Object::Dictionary(Dictionary::of([("Font", Object::Dictionary(fonts))])));
    Some(update.add(Object::Stream(Stream::own(dictionary, data))))
}
