//! Keys and the ids that blobs carry.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The length of every key here.
pub const KEY_LEN_BYTES: usize = 32;

/// The bytes are not a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a key has 32 bytes, not {0}")]
pub struct WrongKeyLength(pub usize);

/// The key of one blob. Wiped on drop, never printed, used for one blob only.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct DataKey([u8; KEY_LEN_BYTES]);

/// Names a blob; its header carries it, so that blobs cannot be exchanged.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct BlobId(pub [u8; 16]);

/// Names a data key; the blob's header carries it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct DataKeyId(pub [u8; 16]);

impl DataKey {
    /// Takes 32 random bytes, drawn from a token or unwrapped by it.
    ///
    /// # Errors
    ///
    /// [`WrongKeyLength`]: not 32 bytes; what was unwrapped is no data key.
    pub fn parse(bytes: &[u8]) -> Result<Self, WrongKeyLength> {
        bytes.try_into().map(Self).map_err(|_wrong_length| WrongKeyLength(bytes.len()))
    }

    /// The key, to be wrapped.
    #[must_use]
    pub const fn expose(&self) -> &[u8; KEY_LEN_BYTES] {
        &self.0
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(…)")
    }
}

/// A key that was derived.
pub(crate) type Derived = Zeroizing<[u8; KEY_LEN_BYTES]>;
