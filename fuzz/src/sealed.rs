//! Sealed blobs and values: nothing comes out but what was sealed.

use archive::{BlobId, ColumnKey, DataKey, DataKeyId, HEADER_LEN_BYTES, Opener, Place};

pub(crate) const BLOB: BlobId = BlobId([1; 16]);
pub(crate) const KEY_ID: DataKeyId = DataKeyId([2; 16]);

pub(crate) fn key() -> DataKey {
    DataKey::parse(&[9; 32]).expect("32 bytes")
}

pub(crate) fn column_key() -> ColumnKey {
    ColumnKey::new(&[9; 32], 3).expect("32 bytes")
}

pub(crate) const fn place() -> Place<'static> {
    Place { table: "opinions", row: b"1", column: "text" }
}

pub(crate) fn run(bytes: &[u8]) {
    let header = bytes.get(..HEADER_LEN_BYTES).unwrap_or(bytes);
    let len = u64::try_from(bytes.len()).expect("a length");
    if let Ok(opener) = Opener::new(&key(), BLOB, KEY_ID, header, len) {
        let mut copied = Vec::new();
        let done = opener.copy_to(bytes, &mut copied).is_ok();
        assert!(!done || u64::try_from(copied.len()) == Ok(opener.plain_len()));
        assert_eq!(opener.open_all(bytes).ok().map(|plain| plain.to_vec()), done.then_some(copied));
        drop(opener.read_range(bytes, 1..opener.plain_len()));
    }
    drop(column_key().open(place(), bytes));
}
