//! The evidence that a document holds: its store of validation data, and what came with its signatures.

use super::Survey;
use super::context::Material;
use crate::pades::dss;
use crate::pdf::Document;
use crate::timestamp::Token;
use crate::{Certificate, cades, cms};

/// Gathers it from the store of `document` and the signatures that cover nothing behind it. What does not parse proves
/// nothing; whether that matters is seen when a signature is judged.
pub(super) fn of(document: &Document<'_>, survey: &Survey) -> Material {
    let len = document.source().len();
    let store = dss::of(document).unwrap_or_default();
    let parse = |der: &Vec<u8>| Certificate::from_der(der).ok();
    let mut found = Material {
        certificates: store.certificates.iter().filter_map(parse).collect(),
        crls: store.crls,
        ocsps: store.ocsps,
    };
    for (_, covered) in &survey.0 {
        let covered = covered.as_ref().ok().filter(|covered| covered.end <= len);
        let Some(der) = covered.and_then(|covered| covered.der().ok()) else { continue };
        gather(&mut found, der);
    }
    found
}

/// The same of a signature that is no part of a document.
pub(super) fn of_cms(der: &[u8]) -> Material {
    let mut found = Material::default();
    gather(&mut found, der);
    found
}

fn gather(found: &mut Material, der: &[u8]) {
    let Ok(parts) = cms::parse(der) else { return };
    found.certificates.extend(parts.certificates.iter().filter_map(|der| Certificate::from_der(der).ok()));
    found.crls.extend(parts.crls.iter().map(|der| der.to_vec()));
    for token in cades::time_stamps(der).unwrap_or_default() {
        found.certificates.extend(from_token(&token));
    }
}

fn from_token(token: &Token) -> impl Iterator<Item = Certificate> {
    std::iter::once(token.authority().clone()).chain(token.others().to_vec())
}
