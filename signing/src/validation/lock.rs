//! What a signature forbids: `DocMDP` and `FieldMDP`.

use crate::pdf::{Dictionary, Document, Object, PdfError};

/// The fields that a signature locks.
#[derive(Clone, Debug, Default)]
pub(super) enum FieldLock {
    #[default]
    None,
    All,
    Only(Vec<String>),
    AllBut(Vec<String>),
}

impl FieldLock {
    /// The locks of a signature dictionary.
    pub(super) fn read(document: &Document<'_>, signature: &Dictionary) -> Result<Self, PdfError> {
        let references = document.value(signature, "Reference")?;
        let mut lock = Self::None;
        for reference in references.as_array().unwrap_or_default() {
            let reference = document.resolve(reference)?;
            let Some(reference) = reference.as_dictionary() else { continue };
            if !reference.is_name("TransformMethod", "FieldMDP") {
                continue;
            }
            // Several: whichever a viewer heeds, no field is free that one of them locks.
            if !matches!(lock, Self::None) {
                return Ok(Self::All);
            }
            let parameters = document.value(reference, "TransformParams")?;
            let Some(parameters) = parameters.as_dictionary() else { return Ok(Self::All) };
            let names = document.value(parameters, "Fields")?;
            let names = names.as_array().unwrap_or_default().iter().filter_map(Object::as_text).collect();
            lock = match document.value(parameters, "Action")?.as_name() {
                Some(b"Include") => Self::Only(names),
                Some(b"Exclude") => Self::AllBut(names),
                // Also what is not understood locks everything.
                Some(_) | None => Self::All,
            };
        }
        Ok(lock)
    }

    pub(super) fn locks(&self, field: &str) -> bool {
        let within = |names: &[String]| {
            names.iter().any(|name| {
                field == name || field.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('.'))
            })
        };
        match self {
            Self::None => false,
            Self::All => true,
            Self::Only(names) => within(names),
            Self::AllBut(names) => !within(names),
        }
    }
}

/// The level of the document's certification: 1, 2 or 3; 2 if it is not certified.
pub(super) fn certification_level(document: &Document<'_>) -> Result<i64, PdfError> {
    const UNCERTIFIED: i64 = 2;
    let catalog = document.catalog()?;
    let permissions = document.value(&catalog, "Perms")?;
    let Some(permissions) = permissions.as_dictionary() else { return Ok(UNCERTIFIED) };
    let signature = document.value(permissions, "DocMDP")?;
    let Some(signature) = signature.as_dictionary() else { return Ok(UNCERTIFIED) };
    let references = document.value(signature, "Reference")?;
    for reference in references.as_array().unwrap_or_default() {
        let reference = document.resolve(reference)?;
        let Some(reference) = reference.as_dictionary() else { continue };
        if reference.is_name("TransformMethod", "DocMDP") {
            let parameters = document.value(reference, "TransformParams")?;
            let level =
                parameters.as_dictionary().map_or(Ok(Object::Null), |found| document.value(found, "P"))?;
            // The standard's default is 2; a level that is not understood allows nothing.
            if level == Object::Null {
                return Ok(UNCERTIFIED);
            }
            return Ok(level.as_integer().filter(|level| (1..=3).contains(level)).unwrap_or(1));
        }
    }
    Ok(1)
}
