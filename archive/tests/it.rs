//! Blobs that were cut, changed and put together anew: an error each time, never wrong plaintext.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where it stopped"
)]

#[path = "../../fuzz/src/replay.rs"]
mod replay;
#[path = "../../fuzz/src/sealed.rs"]
mod sealed;

use std::cell::RefCell;
use std::io::{self, Read};

use archive::{
    ArchiveError, BlobId, CHUNK_LEN_BYTES, DataKey, DataKeyId, HEADER_LEN_BYTES, Opener, ReadAt, Sealed, seal,
};
use cabinet::Digest;
use proptest::prelude::*;
use zeroize::Zeroizing;

const BLOB: BlobId = BlobId([1; 16]);
const KEY_ID: DataKeyId = DataKeyId([2; 16]);
const SEALED_CHUNK: usize = CHUNK_LEN_BYTES + 16;

fn key(first: u8) -> DataKey {
    DataKey::parse(&[first; 32]).unwrap()
}

fn sealed(plaintext: &[u8]) -> (Vec<u8>, Sealed) {
    let mut blob = Vec::new();
    let facts = seal(&key(9), BLOB, KEY_ID, &mut &*plaintext, &mut blob).unwrap();
    (blob, facts)
}

fn opener(blob: &[u8]) -> Result<Opener, ArchiveError> {
    let header = blob.get(..HEADER_LEN_BYTES).unwrap_or(blob);
    Opener::new(&key(9), BLOB, KEY_ID, header, u64::try_from(blob.len()).unwrap())
}

fn open(blob: &[u8]) -> Result<Zeroizing<Vec<u8>>, ArchiveError> {
    opener(blob)?.open_all(blob)
}

/// Bytes that differ from chunk to chunk.
fn document(len: usize) -> Vec<u8> {
    (0..len).map(|i| u8::try_from((i / 251 + i) % 256).unwrap()).collect()
}

#[test]
fn documents_around_the_chunk_edges_come_back() {
    for len in [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000] {
        let plaintext = document(len);
        let (blob, facts) = sealed(&plaintext);
        let n_chunks = len.div_ceil(CHUNK_LEN_BYTES).max(1);
        assert_eq!(blob.len(), HEADER_LEN_BYTES + len + 16 * n_chunks);
        assert_eq!(facts.plain_len, u64::try_from(len).unwrap());
        assert_eq!(facts.sealed_len, u64::try_from(blob.len()).unwrap());
        assert_eq!(facts.digest, Digest::of(&plaintext));
        assert_eq!(*open(&blob).unwrap(), plaintext);
        let mut copied = Vec::new();
        opener(&blob).unwrap().copy_to(&blob, &mut copied).unwrap();
        assert_eq!(copied, plaintext);
        assert_eq!(opener(&blob).unwrap().plain_len(), facts.plain_len);
        assert!(len < 16 || !blob.windows(16).any(|window| window == &plaintext[..16]));
    }
}

#[test]
fn sealing_twice_gives_other_bytes() {
    let (one, two) = (sealed(b"the same").0, sealed(b"the same").0);
    assert_ne!(one[40..], two[40..]);
    assert_eq!(one[..40], two[..40]);
}

#[test]
fn every_changed_bit_is_noticed() {
    let (blob, _) = sealed(b"Ngh\xe1\xbb\x8b quy\xe1\xba\xbft");
    for at in 0..blob.len() {
        for bit in 0..8 {
            let mut changed = blob.clone();
            changed[at] ^= 1 << bit;
            assert!(open(&changed).is_err(), "byte {at} bit {bit}");
        }
    }
}

#[test]
fn a_cut_or_lengthened_blob_is_noticed() {
    let (blob, _) = sealed(&document(3 * CHUNK_LEN_BYTES));
    let edges = (0..3).map(|n| HEADER_LEN_BYTES + n * SEALED_CHUNK);
    for edge in edges {
        for len in [edge.saturating_sub(1), edge, edge + 1, edge + 16, edge + 17] {
            assert!(open(&blob[..len]).is_err(), "cut to {len}");
        }
    }
    assert!(open(&blob[..blob.len() - 1]).is_err());
    assert!(open(&[blob.as_slice(), &[0]].concat()).is_err());
    assert!(open(&[blob.as_slice(), &[0; 16]].concat()).is_err());
    assert!(open(&[blob.as_slice(), &blob[HEADER_LEN_BYTES..][..SEALED_CHUNK]].concat()).is_err());
    // The store says one length and gives another.
    assert!(opener(&blob).unwrap().open_all(&blob[..blob.len() - 1]).is_err());
    for len in 0..200 {
        assert!(open(&vec![0; len]).is_err());
    }
}

#[test]
fn exchanged_chunks_are_noticed() {
    let (blob, _) = sealed(&document(3 * CHUNK_LEN_BYTES));
    let (other, _) = sealed(&document(3 * CHUNK_LEN_BYTES));
    let place = |n: usize| HEADER_LEN_BYTES + n * SEALED_CHUNK..HEADER_LEN_BYTES + (n + 1) * SEALED_CHUNK;
    for (a, b) in [(0, 1), (1, 2), (0, 2)] {
        let mut changed = blob.clone();
        changed[place(a)].copy_from_slice(&blob[place(b)]);
        changed[place(b)].copy_from_slice(&blob[place(a)]);
        assert!(matches!(open(&changed), Err(ArchiveError::Corrupt { .. })), "{a} {b}");
    }
    // The same place of another blob under the same key and ids.
    for n in 0..3 {
        let mut changed = blob.clone();
        changed[place(n)].copy_from_slice(&other[place(n)]);
        assert!(matches!(open(&changed), Err(ArchiveError::Corrupt { .. })), "{n}");
    }
    let mut changed = blob;
    changed[..HEADER_LEN_BYTES].copy_from_slice(&other[..HEADER_LEN_BYTES]);
    assert!(matches!(open(&changed), Err(ArchiveError::Corrupt { .. })), "another's header");
}

/// Counts what is read.
struct Watched<'a>(&'a [u8], RefCell<Vec<u64>>);

impl ReadAt for Watched<'_> {
    fn read_at(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.1.borrow_mut().push(offset);
        self.0.read_at(offset, len)
    }
}

#[test]
fn a_wrong_key_or_id_is_told_before_a_chunk_is_touched() {
    let (blob, _) = sealed(b"x");
    let total = u64::try_from(blob.len()).unwrap();
    let with =
        |key: &DataKey, blob_id, key_id| Opener::new(key, blob_id, key_id, &blob[..104], total).map(drop);
    assert!(matches!(with(&key(8), BLOB, KEY_ID), Err(ArchiveError::WrongKey)));
    assert!(matches!(with(&key(9), BlobId([3; 16]), KEY_ID), Err(ArchiveError::NotThisBlob)));
    assert!(matches!(with(&key(9), BLOB, DataKeyId([3; 16])), Err(ArchiveError::NotThisBlob)));
    let mut newer = blob.clone();
    newer[4] = 2;
    assert!(matches!(open(&newer), Err(ArchiveError::UnknownFormat)));
    assert!(DataKey::parse(&[0; 31]).is_err());
    assert_eq!(format!("{:?}", key(9)), "DataKey(…)");
}

#[test]
fn a_range_reads_only_its_chunks() {
    let plaintext = document(200_000);
    let (blob, _) = sealed(&plaintext);
    let opener = opener(&blob).unwrap();
    for (range, chunks) in [
        (0..1, vec![0]),
        (65_535..65_536, vec![0]),
        (65_536..65_537, vec![1]),
        (65_535..131_073, vec![0, 1, 2]),
        (199_999..200_000, vec![3]),
        (100..100, vec![]),
        (200_000..200_000, vec![]),
    ] {
        let watched = Watched(&blob, RefCell::default());
        let part = opener.read_range(&watched, range.clone()).unwrap();
        let slice = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        assert_eq!(*part, plaintext[slice]);
        let offsets: Vec<u64> = chunks.iter().map(|n: &u64| 104 + n * 65_552).collect();
        assert_eq!(*watched.1.borrow(), offsets, "{range:?}");
    }
    // A damaged chunk spoils the ranges that touch it, and no others.
    let mut damaged = blob.clone();
    damaged[HEADER_LEN_BYTES + SEALED_CHUNK + 5] ^= 1;
    assert!(opener.read_range(&damaged, 0..65_536).is_ok());
    assert!(matches!(opener.read_range(&damaged, 0..65_537), Err(ArchiveError::Corrupt { .. })));
    assert!(opener.open_all(&damaged).is_err());
    #[expect(clippy::reversed_empty_ranges, reason = "a range turned round is what is tried")]
    for range in [0..200_001, 200_001..200_001, 5..4, 0..u64::MAX] {
        assert!(matches!(opener.read_range(&blob, range), Err(ArchiveError::OutOfRange { .. })));
    }
}

#[test]
fn an_empty_document_must_verify_too() {
    let (mut blob, _) = sealed(b"");
    assert!(open(&blob).unwrap().is_empty());
    *blob.last_mut().unwrap() ^= 1;
    assert!(open(&blob).is_err());
}

/// Gives a few bytes at a time, and then fails.
struct Faulty(usize);

impl Read for Faulty {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.0.min(buffer.len()).min(1000);
        self.0 -= n;
        if n == 0 { Err(io::Error::other("cable pulled")) } else { Ok(n) }
    }
}

#[test]
fn a_source_that_fails_seals_nothing_that_opens() {
    for len in [0, 10, 65_536, 70_000] {
        let mut blob = Vec::new();
        let failed = seal(&key(9), BLOB, KEY_ID, &mut Faulty(len), &mut blob);
        assert!(matches!(failed, Err(ArchiveError::Read(_))));
        assert!(open(&blob).is_err(), "{len}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_document_comes_back_and_any_range_is_its_slice(
        len in 0_usize..150_000, from in 0.0_f64..1.0, to in 0.0_f64..1.0, step in 1_usize..70_000,
    ) {
        let plaintext = document(len);
        // A source that gives less than was asked for.
        struct Slow<'a>(&'a [u8], usize);
        impl Read for Slow<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let n = self.1.min(buffer.len());
                self.0.read(&mut buffer[..n])
            }
        }
        let mut blob = Vec::new();
        seal(&key(9), BLOB, KEY_ID, &mut Slow(&plaintext, step), &mut blob).unwrap();
        prop_assert_eq!(&*open(&blob).unwrap(), &plaintext);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss,
            clippy::float_arithmetic, reason = "a random place in a small document")]
        let place = |part: f64| (part * len as f64) as usize;
        let (start, end) = (place(from).min(place(to)), place(from).max(place(to)));
        let range = u64::try_from(start).unwrap()..u64::try_from(end).unwrap();
        prop_assert_eq!(&*opener(&blob).unwrap().read_range(&blob, range).unwrap(), &plaintext[start..end]);
    }
}

#[test]
fn no_sealed_input_of_the_corpus_breaks_a_promise() {
    replay::replay("sealed", sealed::run);
}
