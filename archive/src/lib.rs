//! The sealed format and its keys: seal, open, ranges.
//!
//! Synchronous, and blind to what it seals. Keys come from outside: a [`DataKey`] per blob, wrapped by a
//! token with [`wrap_aad`] as associated data; a [`ColumnKey`] per epoch for short values in SQL.
//!
//! * [`seal`]: a stream becomes an *ECB1* blob, in chunks of 64 KiB.
//! * [`Opener`]: the whole of a blob, or a range of it, from anything that [`ReadAt`] can read.
//! * [`ColumnKey`]: values that open only in the table, row and column that they were sealed for.
//!
//! Nothing is released before its tag is verified, and what is released is wiped when dropped.

#![cfg_attr(
    not(test),
    warn(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::indexing_slicing,
        clippy::string_slice
    )
)]

mod aead;
mod column;
mod derive;
mod error;
mod header;
mod key;
mod layout;
mod open;
mod read_at;
mod seal;
mod wrap;

pub use column::{ColumnKey, MAX_VALUE_LEN_BYTES, Place};
pub use error::ArchiveError;
pub use header::HEADER_LEN_BYTES;
pub use key::{BlobId, DataKey, DataKeyId, KEY_LEN_BYTES, WrongKeyLength};
pub use layout::{CHUNK_LEN_BYTES, MAX_PLAIN_LEN_BYTES};
pub use open::{MAX_IN_MEMORY_BYTES, Opener};
pub use read_at::ReadAt;
pub use seal::{Sealed, seal};
pub use wrap::wrap_aad;
