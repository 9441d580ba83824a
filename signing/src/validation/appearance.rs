//! What a later appearance may show and where.
//!
//! Source: `docs/sources.md`, entry `decree30-signatures`: the organisation's seal lies over about
//! a third of the personal signature's image, on its left. That is the one overlap that is lawful.

use crate::pdf::form::Field;
use crate::pdf::parser::Parser;
use crate::pdf::{Dictionary, Document, Object, PdfError, Rect, Ref, Stream, pages};

/// The largest part of an earlier signature's field that a later one may cover, in percent: a third, and
/// some room because images are placed by hand.
const MAX_OVERLAP_PERCENT: i128 = 45;
/// The largest part of the page that one later appearance may take, in percent.
const MAX_PAGE_PERCENT: i128 = 25;
/// Operators that draw something else than text.
const NOT_TEXT: [&[u8]; 4] = [b"Do", b"BI", b"sh", b"ID"];

/// Whether `filled`'s new appearance stays in its place among the other fields and annotations.
pub(super) fn keeps_its_place(
    new: &Document<'_>,
    fields: &[Field],
    filled: &Field,
) -> Result<bool, PdfError> {
    for (widget, dictionary) in &filled.widgets {
        let Some(rect) = widget_rect(new, dictionary)? else { return Ok(false) };
        if rect.area() == 0 {
            continue;
        }
        let Some(page) = page_of(new, *widget)? else { return Ok(false) };
        let Some(bounds) = Rect::read(new, &page.media_box)? else { return Ok(false) };
        if rect.area().saturating_mul(100) > bounds.area().saturating_mul(MAX_PAGE_PERCENT) {
            return Ok(false);
        }
        if !clears_neighbours(new, fields, filled, &page, &rect)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn clears_neighbours(
    new: &Document<'_>,
    fields: &[Field],
    filled: &Field,
    page: &pages::Page,
    rect: &Rect,
) -> Result<bool, PdfError> {
    let annotations = new.value(&page.dictionary, "Annots")?;
    for annotation in annotations.as_array().unwrap_or_default() {
        let owns =
            |field: &Field| field.widgets.iter().any(|(own, _)| annotation.as_reference() == Some(*own));
        if owns(filled) {
            continue;
        }
        let neighbour = new.resolve(annotation)?;
        // An annotation without a place does not show.
        let place = neighbour.as_dictionary().map_or(Ok(None), |neighbour| widget_rect(new, neighbour))?;
        let Some(place) = place else { continue };
        let common = rect.common(&place).area();
        if common == 0 {
            continue;
        }
        let owner = fields.iter().find(|field| owns(field));
        let is_empty = owner.is_some_and(Field::is_empty);
        let are_signatures = filled.is_signature() && owner.is_some_and(Field::is_signature);
        let is_third = common.saturating_mul(100) <= place.area().saturating_mul(MAX_OVERLAP_PERCENT);
        let is_lawful = is_empty || (are_signatures && is_third);
        if !is_lawful {
            return Ok(false);
        }
    }
    Ok(true)
}

fn widget_rect(document: &Document<'_>, widget: &Dictionary) -> Result<Option<Rect>, PdfError> {
    widget.get("Rect").map_or(Ok(None), |rect| Rect::read(document, rect))
}

/// The page that lists the widget among its annotations; `P` is only the widget's own claim.
fn page_of(document: &Document<'_>, widget: Ref) -> Result<Option<pages::Page>, PdfError> {
    for page in pages::pages(document)? {
        let annotations = document.value(&page.dictionary, "Annots")?;
        if annotations.as_array().unwrap_or_default().contains(&Object::Reference(widget)) {
            return Ok(Some(page));
        }
    }
    Ok(None)
}

/// Whether an appearance dictionary has one normal appearance and, for text fields, only text in it.
pub(super) fn is_plain(
    document: &Document<'_>,
    appearance: &Object,
    is_text: bool,
) -> Result<bool, PdfError> {
    let Object::Dictionary(appearance) = document.resolve(appearance)? else { return Ok(false) };
    if appearance.iter().any(|(key, _)| key != b"N") {
        return Ok(false);
    }
    let Object::Stream(normal) = document.value(&appearance, "N")? else { return Ok(false) };
    Ok(!is_text || shows_only_text(document, &normal))
}

fn shows_only_text(document: &Document<'_>, appearance: &Stream) -> bool {
    let Ok(content) = document.decode(appearance) else { return false };
    let mut parser = Parser::new(&content, 0);
    loop {
        parser.skip_space();
        if parser.peek().is_none() {
            return true;
        }
        if parser.peek().is_some_and(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'\'' | b'"')) {
            if NOT_TEXT.contains(&parser.operator()) {
                return false;
            }
        } else if parser.object().is_err() {
            return false;
        }
    }
}
