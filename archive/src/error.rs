//! What can go wrong, by what the receiver can do.

use openssl::error::ErrorStack;

/// Sealing or opening failed. What was not returned with `Ok` must not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The sealed bytes were changed, cut or put together from others.
    #[error("the sealed {part} is damaged; restore it from a backup")]
    Corrupt {
        /// What did not verify.
        part: &'static str,
    },
    /// The header does not belong to this blob, or names another data key.
    #[error("this is another blob or was sealed under another data key; look up both ids again")]
    NotThisBlob,
    /// The key is not the one it was sealed with; nothing was decrypted.
    #[error("the key does not fit; unwrap the data key that the blob's row names")]
    WrongKey,
    /// What was unwrapped is no key.
    #[error("{0}; unwrap the key that the row names")]
    KeyLength(#[from] crate::WrongKeyLength),
    /// A column value was sealed in another epoch.
    #[error("the value was sealed under key epoch {found}, not {expected}; open it with that epoch's key")]
    WrongEpoch {
        /// The epoch in the value.
        found: u32,
        /// The epoch of the key.
        expected: u32,
    },
    /// A newer version wrote this.
    #[error("the sealed format is unknown to this version; upgrade the appliance")]
    UnknownFormat,
    /// The input is over a limit of this crate.
    #[error("{what} is longer than {max} bytes; refuse it, or read it in parts")]
    TooLong {
        /// Which input.
        what: &'static str,
        /// The limit.
        max: u64,
    },
    /// The range ends after the document does, or is turned round.
    #[error("the range {start}..{end} is not within the {plain_len} bytes of the document; ask for less")]
    OutOfRange {
        /// First byte asked for.
        start: u64,
        /// First byte not asked for.
        end: u64,
        /// What there is.
        plain_len: u64,
    },
    /// The source failed; it may be tried again.
    #[error("reading failed; try again, or look at the disk or object store")]
    Read(#[source] std::io::Error),
    /// The destination failed; what it holds is not a blob and must be discarded.
    #[error("writing failed; discard what was written and try again")]
    Write(#[source] std::io::Error),
    /// OpenSSL failed, which it does only when memory runs out or its provider is missing.
    #[error("the cryptographic library failed; restart, and check the installation of OpenSSL")]
    Library(#[from] ErrorStack),
}
