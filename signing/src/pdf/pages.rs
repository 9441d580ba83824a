//! The page tree.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::{Dictionary, Document, Object, PdfError, Ref};

/// Most pages that are walked.
const MAX_PAGES: usize = 20_000;
/// Deepest page tree.
const MAX_DEPTH: usize = 32;

/// A page with what it inherits.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) reference: Ref,
    pub(crate) dictionary: Dictionary,
    pub(crate) resources: Rc<Object>,
    pub(crate) media_box: Rc<Object>,
}

/// All pages in order.
pub(crate) fn pages(document: &Document<'_>) -> Result<Vec<Page>, PdfError> {
    let root = document.catalog()?.get("Pages").and_then(Object::as_reference);
    let root = root.ok_or(PdfError::at(0, "no page tree"))?;
    let mut walk = Walk { document, seen: BTreeSet::new(), found: Vec::new() };
    walk.node(root, &Rc::new(Object::Null), &Rc::new(Object::Null), 0)?;
    Ok(walk.found)
}

struct Walk<'a> {
    document: &'a Document<'a>,
    seen: BTreeSet<Ref>,
    found: Vec<Page>,
}

impl Walk<'_> {
    fn node(
        &mut self,
        reference: Ref,
        resources: &Rc<Object>,
        media_box: &Rc<Object>,
        depth: usize,
    ) -> Result<(), PdfError> {
        if depth > MAX_DEPTH || self.found.len() >= MAX_PAGES || !self.seen.insert(reference) {
            return Err(PdfError::at(0, "the page tree"));
        }
        let Object::Dictionary(dictionary) = self.document.get(reference)? else {
            return Err(PdfError::at(0, "the page tree"));
        };
        // Shared, not copied: thousands of pages may inherit something large.
        let own = |key: &str, inherited: &Rc<Object>| {
            dictionary.get(key).map_or_else(|| Rc::clone(inherited), |value| Rc::new(value.clone()))
        };
        let (resources, media_box) = (own("Resources", resources), own("MediaBox", media_box));
        if dictionary.is_name("Type", "Page") {
            self.found.push(Page { reference, dictionary, resources, media_box });
            return Ok(());
        }
        let kids = self.document.value(&dictionary, "Kids")?;
        for kid in kids.as_array().ok_or(PdfError::at(0, "the page tree"))? {
            let kid = kid.as_reference().ok_or(PdfError::at(0, "the page tree"))?;
            self.node(kid, &resources, &media_box, depth.saturating_add(1))?;
        }
        Ok(())
    }
}
