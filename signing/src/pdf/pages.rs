//! The page tree.

use std::collections::BTreeSet;

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
    pub(crate) resources: Object,
    pub(crate) media_box: Object,
}

/// All pages in order.
pub(crate) fn pages(document: &Document<'_>) -> Result<Vec<Page>, PdfError> {
    let root = document.catalog()?.get("Pages").and_then(Object::as_reference);
    let root = root.ok_or(PdfError::at(0, "no page tree"))?;
    let mut walk = Walk { document, seen: BTreeSet::new(), found: Vec::new() };
    walk.node(root, &Object::Null, &Object::Null, 0)?;
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
        resources: &Object,
        media_box: &Object,
        depth: usize,
    ) -> Result<(), PdfError> {
        if depth > MAX_DEPTH || self.found.len() >= MAX_PAGES || !self.seen.insert(reference) {
            return Err(PdfError::at(0, "the page tree"));
        }
        let Object::Dictionary(dictionary) = self.document.get(reference)? else {
            return Err(PdfError::at(0, "the page tree"));
        };
        let resources = dictionary.get("Resources").unwrap_or(resources).clone();
        let media_box = dictionary.get("MediaBox").unwrap_or(media_box).clone();
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
