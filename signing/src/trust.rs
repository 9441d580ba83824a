//! Trust anchors, what each is trusted for and when, and the path from a certificate to one of them.

mod bundle;

use std::path::Path;

use cabinet::Timestamp;
use serde::{Deserialize, Serialize};

pub use bundle::{Anchor, BadBundle, Bundle};

use crate::certificate::NotACertificate;
use crate::path::{self, Constraints};
use crate::{Certificate, Invalid};

/// Largest file of anchors that is read, in bytes.
const MAX_ANCHOR_FILE_BYTES: u64 = 1 << 20;

/// The anchors that are trusted, by whoever set them up.
///
/// Invariant: `terms` is as long as `anchors`, or empty where every anchor is trusted for everything, always.
#[derive(Clone, Debug, Default)]
pub struct TrustStore {
    anchors: Vec<Certificate>,
    terms: Vec<Terms>,
}

/// What a certificate under an anchor may be used for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Signatures on documents, ballots and the log.
    Signing,
    /// Time-stamps.
    TimeStamping,
    /// Signing in with a card, over TLS.
    TlsCard,
}

impl Purpose {
    /// The word of the trust bundle.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signing => "signing",
            Self::TimeStamping => "time-stamping",
            Self::TlsCard => "tls-card",
        }
    }
}

/// For what and from when until when an anchor is trusted.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Terms {
    purposes: Vec<Purpose>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

/// The anchors could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The folder or a file could not be read.
    #[error("the trust anchors at {path} cannot be read ({source}): check the path and its permissions")]
    File {
        /// The path.
        path: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file holds something else than certificates, or is too large.
    #[error("{path} holds no certificates: remove the file or replace it by PEM certificates")]
    NotCertificates {
        /// The path.
        path: String,
        /// The parser's reason.
        source: NotACertificate,
    },
    /// A file with a list is refused.
    #[error("{path}: {source}")]
    Bundle {
        /// The path.
        path: String,
        /// Why.
        source: BadBundle,
    },
    /// There is no anchor at all.
    #[error("no .pem file at {path}: put the trust anchors there")]
    Empty {
        /// The path.
        path: String,
    },
}

impl TrustStore {
    /// Trusts these certificates, for everything and always.
    #[must_use]
    pub const fn new(anchors: Vec<Certificate>) -> Self {
        Self { anchors, terms: Vec::new() }
    }

    /// Trusts these certificates, each in DER.
    ///
    /// # Errors
    ///
    /// [`NotACertificate`] if one does not parse.
    pub fn from_der(anchors: &[&[u8]]) -> Result<Self, NotACertificate> {
        Ok(Self::new(anchors.iter().map(|der| Certificate::from_der(der)).collect::<Result<_, _>>()?))
    }

    /// Trusts every certificate of every `*.pem` file of the folder (or of the one file) `path`. Reads the disk.
    ///
    /// # Errors
    ///
    /// [`Unreadable`]: one bad file refuses them all, because a missing anchor is found too late.
    pub fn from_pem_files(path: &Path) -> Result<Self, Unreadable> {
        let shown = path.display().to_string();
        let file_error = |source| Unreadable::File { path: shown.clone(), source };
        let mut files = Vec::new();
        if path.is_dir() {
            for entry in std::fs::read_dir(path).map_err(file_error)? {
                let file = entry.map_err(file_error)?.path();
                if file.extension().is_some_and(|extension| extension == "pem") {
                    files.push(file);
                }
            }
            files.sort();
        } else {
            files.push(path.to_owned());
        }
        let mut anchors = Vec::new();
        for file in files {
            anchors.extend(read_anchors(&file)?);
        }
        if anchors.is_empty() { Err(Unreadable::Empty { path: shown }) } else { Ok(Self::new(anchors)) }
    }

    /// The anchors.
    #[must_use]
    pub fn anchors(&self) -> &[Certificate] {
        &self.anchors
    }

    /// The anchors that are trusted for `purpose` at `at`.
    pub(crate) fn anchors_for(&self, purpose: Purpose, at: Timestamp) -> impl Iterator<Item = &Certificate> {
        self.anchors.iter().enumerate().filter_map(move |(i, anchor)| {
            let is_trusted = self.terms.is_empty() || self.terms.get(i)?.hold(purpose, at);
            is_trusted.then_some(anchor)
        })
    }

    /// Finds the path from `signer` over some of `others` to an anchor for signing, all valid at `at` by RFC 5280.
    ///
    /// Revocation and certificate policies are not asked here: see [`path::build`].
    ///
    /// # Errors
    ///
    /// [`Invalid::Untrusted`] or [`Invalid::OutOfValidity`].
    pub fn path(
        &self,
        signer: &Certificate,
        others: &[Certificate],
        at: Timestamp,
    ) -> Result<Vec<Certificate>, Invalid> {
        Ok(path::build(signer, others, self, &Constraints::at(at))?.certificates)
    }
}

impl Terms {
    fn hold(&self, purpose: Purpose, at: Timestamp) -> bool {
        self.purposes.contains(&purpose)
            && self.from.is_none_or(|from| from <= at)
            && self.until.is_none_or(|until| at <= until)
    }
}

fn read_anchors(file: &Path) -> Result<Vec<Certificate>, Unreadable> {
    use std::io::Read as _;
    let path = file.display().to_string();
    let mut pem = Vec::new();
    std::fs::File::open(file)
        .and_then(|opened| opened.take(MAX_ANCHOR_FILE_BYTES).read_to_end(&mut pem))
        .map_err(|source| Unreadable::File { path: path.clone(), source })?;
    Certificate::all_from_pem(&pem).map_err(|source| Unreadable::NotCertificates { path, source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::Authority;
    use crate::testing::NOW;

    #[test]
    fn a_folder_of_anchors_is_read_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(TrustStore::from_pem_files(folder.path()), Err(Unreadable::Empty { .. })));
        let one = Authority::create_root("TEST one", NOW).unwrap();
        let two = Authority::create_root("TEST two", NOW).unwrap();
        std::fs::write(folder.path().join("1.pem"), one.certificate().to_pem()).unwrap();
        std::fs::write(folder.path().join("2.pem"), two.certificate().to_pem()).unwrap();
        std::fs::write(folder.path().join("readme.txt"), "not read").unwrap();
        let trust = TrustStore::from_pem_files(folder.path()).unwrap();
        assert_eq!(trust.anchors(), [one.certificate().clone(), two.certificate().clone()]);
        std::fs::write(folder.path().join("3.pem"), "nothing").unwrap();
        assert!(matches!(TrustStore::from_pem_files(folder.path()), Err(Unreadable::NotCertificates { .. })));
        assert!(TrustStore::from_pem_files(&folder.path().join("none")).is_err());
    }
}
