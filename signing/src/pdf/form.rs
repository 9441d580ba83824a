//! The interactive form: its terminal fields with their names and widgets.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::{Dictionary, Document, Object, PdfError, Ref};

/// Most fields that are walked.
const MAX_FIELDS: usize = 20_000;
/// Deepest field hierarchy.
const MAX_DEPTH: usize = 32;

/// A terminal field.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) reference: Ref,
    /// Fully qualified, with dots.
    pub(crate) name: String,
    /// `FT`, perhaps inherited.
    pub(crate) kind: Vec<u8>,
    pub(crate) dictionary: Dictionary,
    /// `V` as written, perhaps inherited; null if there is none.
    pub(crate) value: Rc<Object>,
    /// The field itself if it is its own widget, else its kids.
    pub(crate) widgets: Vec<(Ref, Dictionary)>,
}

impl Field {
    pub(crate) fn is_signature(&self) -> bool {
        self.kind == b"Sig"
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self.value == Object::Null || *self.value == Object::String(Vec::new())
    }
}

/// The form's dictionary, if there is one.
pub(crate) fn form(document: &Document<'_>) -> Result<Option<Dictionary>, PdfError> {
    let form = document.value(&document.catalog()?, "AcroForm")?;
    if form == Object::Null {
        return Ok(None);
    }
    form.into_dictionary().map(Some).ok_or(PdfError::at(0, "the form is no dictionary"))
}

/// All terminal fields, in the form's order.
pub(crate) fn fields(document: &Document<'_>) -> Result<Vec<Field>, PdfError> {
    let Some(form) = form(document)? else { return Ok(Vec::new()) };
    let roots = document.value(&form, "Fields")?;
    let mut walk = Walk { document, seen: BTreeSet::new(), found: Vec::new() };
    for root in roots.as_array().unwrap_or_default() {
        walk.node(root, "", &Inherited::default(), 0)?;
    }
    Ok(walk.found)
}

#[derive(Clone, Debug)]
struct Inherited {
    kind: Vec<u8>,
    value: Rc<Object>,
}

impl Default for Inherited {
    fn default() -> Self {
        Self { kind: Vec::new(), value: Rc::new(Object::Null) }
    }
}

struct Walk<'a> {
    document: &'a Document<'a>,
    seen: BTreeSet<Ref>,
    found: Vec<Field>,
}

impl Walk<'_> {
    fn node(
        &mut self,
        node: &Object,
        above: &str,
        inherited: &Inherited,
        depth: usize,
    ) -> Result<(), PdfError> {
        let bad = PdfError::at(0, "the form's fields");
        let reference = node.as_reference().ok_or(bad.clone())?;
        if depth > MAX_DEPTH || self.found.len() >= MAX_FIELDS || !self.seen.insert(reference) {
            return Err(bad);
        }
        let Object::Dictionary(dictionary) = self.document.get(reference)? else { return Err(bad) };
        let own = self.document.value(&dictionary, "T")?.as_text().unwrap_or_default();
        let name = match (above.is_empty(), own.is_empty()) {
            (true, _) => own,
            (false, true) => above.to_owned(),
            (false, false) => format!("{above}.{own}"),
        };
        let kind = self
            .document
            .value(&dictionary, "FT")?
            .as_name()
            .map_or_else(|| inherited.kind.clone(), <[u8]>::to_vec);
        let own = dictionary.get("V").map(|value| Rc::new(value.clone()));
        let value = own.unwrap_or_else(|| Rc::clone(&inherited.value));
        let kids = self.document.value(&dictionary, "Kids")?;
        let mut widgets = Vec::new();
        let mut has_fields_below = false;
        for kid in kids.as_array().unwrap_or_default() {
            let kid_reference = kid.as_reference().ok_or(bad.clone())?;
            let Object::Dictionary(below) = self.document.get(kid_reference)? else { return Err(bad) };
            if below.get("T").is_some() {
                has_fields_below = true;
                let inherited = Inherited { kind: kind.clone(), value: Rc::clone(&value) };
                self.node(kid, &name, &inherited, depth.saturating_add(1))?;
            } else {
                if !self.seen.insert(kid_reference) {
                    return Err(bad);
                }
                widgets.push((kid_reference, below));
            }
        }
        if !has_fields_below {
            if widgets.is_empty() {
                widgets.push((reference, dictionary.clone()));
            }
            self.found.push(Field { reference, name, kind, dictionary, value, widgets });
        }
        Ok(())
    }
}
