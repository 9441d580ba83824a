//! What one revision changed, object by object. An object that no rule explains is unlawful.
//!
//! The rules explain changed objects; a new object is explained by being reachable from a value that
//! a rule allows. Nothing else may be in the revision.

use std::collections::{BTreeMap, BTreeSet};

use super::lock::{FieldLock, certification_level};
use super::{Change, ChangeKind, Malformed, appearance, byte_range};
use crate::pdf::form::{self, Field};
use crate::pdf::{Dictionary, Document, Entry, Object, PdfError, Ref, pages};

/// What a signature allows to be done later.
#[derive(Debug)]
pub(super) struct Policy {
    level: i64,
    lock: FieldLock,
}

impl Policy {
    /// The policy of the signature `dictionary`, in the revision that it covers.
    pub(super) fn of(base: &Document<'_>, dictionary: &Dictionary) -> Result<Self, PdfError> {
        Ok(Self { level: certification_level(base)?, lock: FieldLock::read(base, dictionary)? })
    }

    fn allows_fields(&self) -> bool {
        self.level >= 2
    }
}

/// The changes from `old` to `new`, its next revision, which adds an object that is `is_awaited` by `old` or not.
pub(super) fn between(
    old: &Document<'_>,
    new: &Document<'_>,
    policy: &Policy,
    is_awaited: bool,
) -> Result<Vec<Change>, Malformed> {
    let mut comparison = Comparison {
        old,
        new,
        policy,
        changed: changed_numbers(old, new)?,
        explained: BTreeSet::new(),
        changes: Vec::new(),
    };
    if is_awaited {
        // A new object that the old revision already pointed to changes what was signed.
        comparison.note(ChangeKind::Object, false);
    }
    comparison.structure()?;
    comparison.trailer()?;
    let new_fields = form::fields(new)?;
    comparison.fields(&form::fields(old)?, &new_fields)?;
    comparison.form(&new_fields)?;
    comparison.catalog()?;
    comparison.pages()?;
    comparison.rest()?;
    Ok(comparison.changes)
}

/// The numbers of all objects whose value differs.
fn changed_numbers(old: &Document<'_>, new: &Document<'_>) -> Result<BTreeSet<u32>, PdfError> {
    let mut changed = BTreeSet::new();
    for (number, _) in new.newest()?.entries.iter() {
        let (before, after) = (old.current(number), new.current(number));
        let is_same = before == after && new.is_same(&old.get(before)?, &new.get(after)?)?;
        if !is_same {
            changed.insert(number);
        }
    }
    Ok(changed)
}

struct Comparison<'a> {
    old: &'a Document<'a>,
    new: &'a Document<'a>,
    policy: &'a Policy,
    changed: BTreeSet<u32>,
    explained: BTreeSet<u32>,
    changes: Vec<Change>,
}

impl Comparison<'_> {
    fn note(&mut self, kind: ChangeKind, lawful: bool) {
        let change = Change { kind, lawful };
        if !self.changes.contains(&change) {
            self.changes.push(change);
        }
    }

    fn is_new(&self, number: u32) -> bool {
        self.old.entry(number) == Entry::Free
    }

    fn explain(&mut self, reference: Ref) {
        self.explained.insert(reference.number);
    }

    /// Explains the object that `value` stands in, if it stood there before or is new: no other object of the signed
    /// document may become it.
    fn explain_holder(&mut self, before: Option<&Object>, value: Option<&Object>) {
        let Some(reference) = value.and_then(Object::as_reference) else { return };
        if before == value || self.is_new(reference.number) {
            self.explain(reference);
        }
    }

    /// Explains the new objects reachable from an allowed value; existing ones stay as they were or unexplained.
    fn explain_new(&mut self, value: &Object) -> Result<(), PdfError> {
        let mut waiting = Vec::new();
        value.references(&mut waiting);
        while let Some(reference) = waiting.pop() {
            let is_fresh = self.changed.contains(&reference.number) && self.is_new(reference.number);
            if is_fresh && self.explained.insert(reference.number) {
                self.new.get(reference)?.references(&mut waiting);
            }
        }
        Ok(())
    }

    /// The objects that hold the revision's own structure: its cross-reference stream and its object streams.
    fn structure(&mut self) -> Result<(), PdfError> {
        let section = self.new.newest()?;
        let holders = section.entries.iter().filter_map(|(_, entry)| match entry {
            Entry::Compressed { stream, .. } => Some(stream),
            Entry::Free | Entry::InUse { .. } => None,
        });
        let own: Vec<u32> = holders.chain(section.stream.map(|stream| stream.number)).collect();
        for number in own {
            if self.is_new(number) {
                self.explained.insert(number);
            }
        }
        Ok(())
    }

    fn trailer(&mut self) -> Result<(), PdfError> {
        const OWN: [&[u8]; 9] =
            [b"Size", b"Prev", b"ID", b"Info", b"Type", b"W", b"Index", b"Filter", b"DecodeParms"];
        let (old, new) = (self.old.trailer()?, self.new.trailer()?);
        let differing = old.differing_keys(new);
        let others =
            differing.iter().filter(|key| !OWN.contains(key) && **key != b"Length" && **key != b"XRefStm");
        let mut is_kept = others.count() == 0;
        let first = |document: &Document<'_>, trailer: &Dictionary| {
            document.value(trailer, "ID").map(|id| id.as_array().and_then(|id| id.first().cloned()))
        };
        let before = first(self.old, old)?;
        is_kept &= before.is_none() || before == first(self.new, new)?;
        if !is_kept {
            self.note(ChangeKind::Trailer, false);
        }
        self.information(old.get("Info"), new.get("Info"))
    }

    /// Only the date and the program may change in the document information.
    fn information(&mut self, old: Option<&Object>, new: Option<&Object>) -> Result<(), PdfError> {
        const LAWFUL: [&[u8]; 2] = [b"ModDate", b"Producer"];
        let (before, after) = match (old, new) {
            (None, None) => return Ok(()),
            (None, Some(after)) => (Object::Null, after),
            (Some(before), Some(after)) if before == after => (self.old.resolve(before)?, after),
            (Some(_), Some(_) | None) => {
                self.note(ChangeKind::Trailer, false);
                return Ok(());
            }
        };
        let after = self.new.resolve(after)?;
        if before == after {
            return Ok(());
        }
        let empty = Dictionary::new();
        let before = before.as_dictionary().unwrap_or(&empty);
        let after = after.as_dictionary().unwrap_or(&empty);
        // The same words in another encoding are the same words.
        let words = |dictionary: &Dictionary, key: &[u8]| dictionary.get_bytes(key).and_then(Object::as_text);
        let is_same = |key: &[u8]| words(before, key).is_some_and(|text| Some(text) == words(after, key));
        let is_lawful = before.differing_keys(after).iter().all(|key| LAWFUL.contains(key) || is_same(key));
        self.note(ChangeKind::Information, is_lawful);
        self.explain_holder(old, new);
        Ok(())
    }

    fn fields(&mut self, old: &[Field], new: &[Field]) -> Result<(), Malformed> {
        let before: BTreeMap<Ref, &Field> = old.iter().map(|field| (field.reference, field)).collect();
        for field in new {
            match before.get(&field.reference) {
                Some(earlier) => self.field(earlier, field, new)?,
                None => self.added_field(field)?,
            }
        }
        let now: BTreeSet<Ref> = new.iter().map(|field| field.reference).collect();
        if old.iter().any(|field| !now.contains(&field.reference)) {
            self.note(ChangeKind::FieldRemoved, false);
        }
        Ok(())
    }

    fn field(&mut self, old: &Field, new: &Field, all: &[Field]) -> Result<(), Malformed> {
        let touched = new.widgets.iter().map(|(widget, _)| *widget).chain([new.reference]);
        let touched: Vec<Ref> =
            touched.filter(|reference| self.changed.contains(&reference.number)).collect();
        if touched.is_empty() && old.value == new.value {
            return Ok(());
        }
        let kind = match (new.is_signature(), new.kind.as_slice()) {
            (true, _) => ChangeKind::Signature,
            (false, b"Tx") => ChangeKind::TextFieldFilled,
            (false, _) => ChangeKind::FieldChanged,
        };
        for reference in &touched {
            self.explain(*reference);
        }
        let is_first_value =
            old.is_empty() && !new.is_empty() && old.kind == new.kind && old.name == new.name;
        let is_allowed = self.policy.allows_fields() && !self.policy.lock.locks(&new.name);
        let is_lawful = is_first_value
            && is_allowed
            && kind != ChangeKind::FieldChanged
            && self.only_value_and_look(old, new)?
            && self.is_value_lawful(new)?;
        if !is_lawful {
            self.note(ChangeKind::FieldChanged, false);
        } else if appearance::keeps_its_place(self.new, all, new)? {
            self.note(kind, true);
        } else {
            self.note(ChangeKind::Overlay, false);
        }
        Ok(())
    }

    /// Whether the field and its widgets differ in value and plain appearance only.
    fn only_value_and_look(&mut self, old: &Field, new: &Field) -> Result<bool, PdfError> {
        let same_widgets =
            old.widgets.iter().map(|(widget, _)| widget).eq(new.widgets.iter().map(|(widget, _)| widget));
        if !same_widgets {
            return Ok(false);
        }
        let is_merged = new.widgets.iter().any(|(widget, _)| *widget == new.reference);
        let allowed: &[&[u8]] = if is_merged { &[b"V", b"AP"] } else { &[b"V"] };
        if old.dictionary.differing_keys(&new.dictionary).iter().any(|key| !allowed.contains(key)) {
            return Ok(false);
        }
        for ((_, before), (_, after)) in old.widgets.iter().zip(&new.widgets) {
            if !is_merged && before.differing_keys(after).iter().any(|key| *key != b"AP") {
                return Ok(false);
            }
            if before.get("AP") == after.get("AP") {
                continue;
            }
            let Some(look) = after.get("AP") else { return Ok(false) };
            if !appearance::is_plain(self.new, look, !new.is_signature())? {
                return Ok(false);
            }
            self.explain_new(look)?;
        }
        Ok(true)
    }

    /// A text, or a signature that covers exactly this revision.
    fn is_value_lawful(&mut self, field: &Field) -> Result<bool, Malformed> {
        if !field.is_signature() {
            return Ok(matches!(*field.value, Object::String(_)));
        }
        let Some(reference) = field.value.as_reference() else { return Ok(false) };
        let Entry::InUse { offset, .. } = self.new.entry(reference.number) else { return Ok(false) };
        self.explain_new(&field.value)?;
        let source = self.new.source();
        let covered = byte_range::read(&source, offset);
        Ok(self.is_new(reference.number) && covered.is_ok_and(|covered| covered.end == source.len()))
    }

    /// A field may be added only for a document time-stamp, and must not show.
    fn added_field(&mut self, field: &Field) -> Result<(), Malformed> {
        let value = self.new.resolve(&field.value)?;
        let is_timestamp = value.as_dictionary().is_some_and(|value| value.is_name("Type", "DocTimeStamp"));
        let mut is_invisible = true;
        for (_, widget) in &field.widgets {
            let rect = widget.get("Rect").map_or(Ok(None), |rect| crate::pdf::Rect::read(self.new, rect))?;
            is_invisible &= rect.is_none_or(|rect| rect.area() == 0)
                && widget.get("A").is_none()
                && widget.get("AA").is_none();
        }
        let is_fresh = self.is_new(field.reference.number);
        let is_lawful = field.is_signature()
            && is_timestamp
            && is_invisible
            && is_fresh
            && self.is_value_lawful(field)?;
        if is_lawful {
            self.explain_new(&Object::Reference(field.reference))?;
        }
        self.note(if is_lawful { ChangeKind::DocumentTimestamp } else { ChangeKind::FieldAdded }, is_lawful);
        Ok(())
    }

    /// The form may only list more fields (judged one by one) and say that there are signatures.
    fn form(&mut self, fields: &[Field]) -> Result<(), PdfError> {
        const LAWFUL: [&[u8]; 2] = [b"Fields", b"SigFlags"];
        let (old, new) = (form::form(self.old)?, form::form(self.new)?);
        let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
        let (before, after) = (self.old.catalog()?, self.new.catalog()?);
        self.explain_holder(before.get("AcroForm"), after.get("AcroForm"));
        self.explain_holder(old.get("Fields"), new.get("Fields"));
        let list = |document: &Document<'_>, form: &Dictionary| {
            document.value(form, "Fields").map(|fields| fields.as_array().unwrap_or_default().to_vec())
        };
        let (before, after) = (list(self.old, &old)?, list(self.new, &new)?);
        if old == new && before == after {
            return Ok(());
        }
        let listed = |item: &Object| fields.iter().any(|field| item.as_reference() == Some(field.reference));
        let is_longer = after.get(..before.len()) == Some(before.as_slice())
            && after.get(before.len()..).unwrap_or_default().iter().all(listed);
        let is_lawful = is_longer && old.differing_keys(&new).iter().all(|key| LAWFUL.contains(key));
        if !is_lawful {
            self.note(ChangeKind::FieldChanged, false);
        }
        Ok(())
    }

    fn catalog(&mut self) -> Result<(), PdfError> {
        let (old, new) = (self.old.catalog()?, self.new.catalog()?);
        let root = self.new.root()?;
        let mut is_lawful = true;
        for key in old.differing_keys(&new) {
            match key {
                b"DSS" => self.validation_data(&old, &new)?,
                b"AcroForm" => {
                    // The form itself is judged by `form`; its holder may move only once, from nowhere.
                    is_lawful &= old.get("AcroForm").is_none()
                        || old.get("AcroForm").and_then(Object::as_reference).is_none();
                }
                b"Extensions" => {
                    let mut references = Vec::new();
                    new.get("Extensions").unwrap_or(&Object::Null).references(&mut references);
                    self.note(ChangeKind::Extension, references.is_empty());
                }
                b"Version" => {
                    let is_name = new.get("Version").is_some_and(|version| version.as_name().is_some());
                    self.note(ChangeKind::Extension, is_name);
                }
                _ => is_lawful = false,
            }
        }
        if !is_lawful {
            self.note(ChangeKind::Catalog, false);
        }
        if self.changed.contains(&root.number) {
            self.explain(root);
        } else {
            self.validation_data(&old, &new)?;
        }
        Ok(())
    }

    /// The document security store: dictionaries, arrays and streams of certificates and the like.
    fn validation_data(&mut self, old: &Dictionary, new: &Dictionary) -> Result<(), PdfError> {
        let Some(store) = new.get("DSS") else { return Ok(()) };
        let mut own = BTreeSet::new();
        if let Some(before) = old.get("DSS") {
            reachable(self.old, before, &mut own)?;
        }
        let mut now = BTreeSet::new();
        reachable(self.new, store, &mut now)?;
        let touched: Vec<Ref> = now
            .into_iter()
            .filter(|reference| self.changed.contains(&reference.number))
            .filter(|reference| own.contains(reference) || self.is_new(reference.number))
            .collect();
        if touched.is_empty() && old.get("DSS") == new.get("DSS") {
            return Ok(());
        }
        // What the document uses elsewhere must not be changed through the store; a new object it does not use.
        let mut elsewhere = BTreeSet::new();
        if touched.iter().any(|reference| !self.is_new(reference.number)) {
            let mut without = old.clone();
            without.remove("DSS");
            reachable(self.old, &Object::Dictionary(without), &mut elsewhere)?;
        }
        for reference in touched.iter().filter(|reference| !elsewhere.contains(reference)) {
            self.explain(*reference);
        }
        self.note(ChangeKind::ValidationData, true);
        Ok(())
    }

    /// A page may only list more annotations, and only those of fields that were allowed.
    fn pages(&mut self) -> Result<(), PdfError> {
        let mut has_page = false;
        for number in &self.changed {
            let before = self.old.get(self.old.current(*number))?;
            has_page |= before.as_dictionary().is_some_and(|before| before.is_name("Type", "Page"));
        }
        if !has_page {
            return Ok(());
        }
        for page in pages::pages(self.old)? {
            if !self.changed.contains(&page.reference.number) {
                continue;
            }
            self.explain(page.reference);
            let after = self.new.get(page.reference)?;
            let empty = Dictionary::new();
            let after = after.as_dictionary().unwrap_or(&empty);
            let list = |document: &Document<'_>, page: &Dictionary| {
                document.value(page, "Annots").map(|items| items.as_array().unwrap_or_default().to_vec())
            };
            let (earlier, later) = (list(self.old, &page.dictionary)?, list(self.new, after)?);
            let added = later.get(earlier.len()..).unwrap_or_default();
            let is_lawful = page.dictionary.differing_keys(after).iter().all(|key| *key == b"Annots")
                && later.get(..earlier.len()) == Some(earlier.as_slice())
                && added.iter().all(|item| {
                    item.as_reference().is_some_and(|item| self.explained.contains(&item.number))
                });
            if !is_lawful {
                self.note(ChangeKind::Page, false);
            }
        }
        Ok(())
    }

    /// Whatever is left has no excuse.
    fn rest(&mut self) -> Result<(), PdfError> {
        let left: Vec<u32> = self.changed.difference(&self.explained).copied().collect();
        for number in left {
            let old = self.old.get(self.old.current(number))?;
            let new = self.new.get(self.new.current(number))?;
            let seen = if old == Object::Null { &new } else { &old };
            let kind = match seen.as_dictionary() {
                Some(found) if found.is_name("Type", "Page") || found.is_name("Type", "Pages") => {
                    ChangeKind::Page
                }
                Some(found) if found.is_name("Type", "Catalog") => ChangeKind::Catalog,
                Some(found) if found.get("Subtype").is_some() && found.get("Rect").is_some() => {
                    ChangeKind::Annotation
                }
                Some(_) if matches!(seen, Object::Stream(_)) => ChangeKind::Content,
                Some(found) if found.is_name("Type", "Font") => ChangeKind::Content,
                Some(_) | None => ChangeKind::Object,
            };
            self.note(kind, false);
        }
        Ok(())
    }
}

/// Everything reachable from `value`.
fn reachable(document: &Document<'_>, value: &Object, found: &mut BTreeSet<Ref>) -> Result<(), PdfError> {
    let mut waiting = Vec::new();
    value.references(&mut waiting);
    while let Some(reference) = waiting.pop() {
        if found.insert(reference) {
            document.get(reference)?.references(&mut waiting);
        }
    }
    Ok(())
}
