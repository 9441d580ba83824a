//! What a wrapped key is bound to.

use crate::derive::push_part;

/// The associated data of a wrapped data key: what may change about it, and must not change unnoticed.
///
/// A wrap that is moved to another object, version, purpose, key-encryption key or epoch does not open.
/// What never changes about a blob is in its header instead.
#[must_use]
pub fn wrap_aad(purpose: &str, object_id: &[u8], version: u64, kek_label: &str, kek_epoch: u32) -> Vec<u8> {
    let mut aad = b"ecab-wrap-v1".to_vec();
    for part in [
        purpose.as_bytes(),
        object_id,
        &version.to_be_bytes(),
        kek_label.as_bytes(),
        &kek_epoch.to_be_bytes(),
    ] {
        push_part(&mut aad, part);
    }
    aad
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_uses_share_their_bytes() {
        let all = [
            wrap_aad("document", b"1", 1, "kek", 1),
            wrap_aad("column", b"1", 1, "kek", 1),
            wrap_aad("document", b"2", 1, "kek", 1),
            wrap_aad("document", b"1", 2, "kek", 1),
            wrap_aad("document", b"1", 1, "kek2", 1),
            wrap_aad("document", b"1", 1, "kek", 2),
            wrap_aad("document1", b"", 1, "kek", 1),
            wrap_aad("documen", b"t1", 1, "kek", 1),
        ];
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
        assert!(all.iter().all(|aad| aad.starts_with(b"ecab-wrap-v1")));
    }
}
