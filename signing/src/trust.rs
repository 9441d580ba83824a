//! Trust anchors and the path from a certificate to one of them.

use std::path::Path;

use cabinet::Timestamp;
use openssl::stack::Stack;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::verify::{X509VerifyFlags, X509VerifyParam};
use openssl::x509::{X509, X509StoreContext};

use crate::certificate::NotACertificate;
use crate::{Certificate, Invalid};

/// OpenSSL's security level for every certificate of a path: 112 bits, so no SHA-1, no RSA below 2048.
const SECURITY_LEVEL: i32 = 2;
/// Longest accepted path between a signer and its anchor, in certificates.
const MAX_PATH_DEPTH: i32 = 8;
/// Largest file of anchors that is read, in bytes.
const MAX_ANCHOR_FILE_BYTES: u64 = 1 << 20;

/// The anchors that are trusted, by whoever set them up.
#[derive(Clone, Debug, Default)]
pub struct TrustStore {
    anchors: Vec<Certificate>,
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
    /// There is no anchor at all.
    #[error("no .pem file at {path}: put the trust anchors there")]
    Empty {
        /// The path.
        path: String,
    },
}

impl TrustStore {
    /// Trusts these certificates.
    #[must_use]
    pub const fn new(anchors: Vec<Certificate>) -> Self {
        Self { anchors }
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
        if anchors.is_empty() { Err(Unreadable::Empty { path: shown }) } else { Ok(Self { anchors }) }
    }

    /// The anchors.
    #[must_use]
    pub fn anchors(&self) -> &[Certificate] {
        &self.anchors
    }

    /// Finds the path from `signer` over some of `others` to an anchor, all valid at `at` by RFC 5280.
    ///
    /// Revocation is not asked here: its evidence is handed in with the long-term levels.
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
        let store = self.store(at)?;
        let mut untrusted = Stack::new()?;
        for certificate in others {
            untrusted.push(certificate.x509()?)?;
        }
        let mut context = X509StoreContext::new()?;
        let mut chain: Vec<X509> = Vec::new();
        let leaf = signer.x509()?;
        let (is_ok, error) = context.init(&store, &leaf, &untrusted, |context| {
            let is_ok = context.verify_cert()?;
            if let Some(found) = context.chain() {
                chain.extend(found.iter().map(ToOwned::to_owned));
            }
            Ok((is_ok, context.error()))
        })?;
        if !is_ok {
            let says = error.error_string().to_owned();
            return Err(match error.as_raw() {
                openssl_codes::NOT_YET_VALID | openssl_codes::HAS_EXPIRED => Invalid::OutOfValidity(says),
                _ => Invalid::Untrusted(says),
            });
        }
        chain
            .iter()
            .map(|x509| Certificate::from_x509(x509).map_err(|e| Invalid::Untrusted(e.to_string())))
            .collect()
    }

    fn store(&self, at: Timestamp) -> Result<X509Store, Invalid> {
        let mut parameters = X509VerifyParam::new()?;
        parameters.set_time(at.as_seconds());
        parameters.set_depth(MAX_PATH_DEPTH);
        parameters.set_auth_level(SECURITY_LEVEL);
        parameters.set_flags(X509VerifyFlags::CHECK_SS_SIGNATURE)?;
        let mut builder = X509StoreBuilder::new()?;
        builder.set_param(&parameters)?;
        for anchor in &self.anchors {
            builder.add_cert(anchor.x509()?)?;
        }
        Ok(builder.build())
    }
}

/// OpenSSL's `X509_V_ERR_*` numbers that mean "wrong time".
mod openssl_codes {
    pub(super) const NOT_YET_VALID: i32 = 9;
    pub(super) const HAS_EXPIRED: i32 = 10;
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
