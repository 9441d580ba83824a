//! What a signature consists of, told whether or not it verifies.

use super::byte_range::Covered;
use super::digests::Digests;
use crate::algorithm::Hash;
use crate::cms::{self, Parts};
use crate::pdf::Object;

/// What a signature consists of. What could not be read is empty.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Facts {
    /// In a PDF: the byte range as it is written there.
    pub byte_range: Option<[usize; 4]>,
    /// In a PDF: the kind of signature, as the file names it.
    pub sub_filter: Option<String>,
    /// The hash of the content and of the signed attributes.
    pub hash: Option<Hash>,
    /// The digest of what is covered, as it is now.
    pub content_digest: Vec<u8>,
    /// The digest of the signed attributes: what the signer's key signed.
    pub attributes_digest: Vec<u8>,
    /// The signature value.
    pub value: Vec<u8>,
}

impl Facts {
    /// Reads them; hashes what is covered unless that was done before.
    pub(super) fn of(covered: &Covered, digests: &Digests<'_>) -> Self {
        let place = covered.place();
        let tail = place.end.saturating_sub(place.hole.end);
        let sub_filter = covered.dictionary.get("SubFilter").and_then(Object::as_name).unwrap_or_default();
        let facts = match covered.der().and_then(cms::parse) {
            Ok(parts) => Self::of_parts(&parts, |hash| digests.of(&place, hash).unwrap_or_default()),
            Err(_) => Self::default(),
        };
        Self {
            byte_range: Some([0, place.hole.start, place.hole.end, tail]),
            sub_filter: Some(String::from_utf8_lossy(sub_filter).into_owned()),
            ..facts
        }
    }

    /// Those of the CMS alone; `content` hashes what is signed.
    pub(super) fn of_parts(parts: &Parts<'_>, content: impl FnOnce(Hash) -> Vec<u8>) -> Self {
        let facts = Self { value: parts.signature.to_vec(), ..Self::default() };
        let Ok(hash) = parts.hash() else { return facts };
        Self {
            hash: Some(hash),
            content_digest: content(hash),
            attributes_digest: hash.digest(&parts.to_be_signed()).unwrap_or_default(),
            ..facts
        }
    }
}
