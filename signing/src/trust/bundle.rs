//! A signed, dated list of trust anchors in one file that people can read: JSON, then its signature as PEM.
//!
//! The file is refused unless one of the configured certificates signed exactly this text, and unless its
//! sequence number is at least the last one seen: who can replace the file cannot bring an old list back.

#[cfg(test)]
mod tests;

use std::path::Path;

use base64ct::{Base64, Encoding as _};
use cabinet::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Purpose, Terms, TrustStore, Unreadable};
use crate::certificate::{NotACertificate, pem};
use crate::{Certificate, Invalid, cades};

/// Largest bundle that is read, in bytes.
const MAX_BUNDLE_BYTES: usize = 4 << 20;
/// Most anchors of one bundle.
const MAX_ANCHORS: usize = 1000;
/// Longest remark on an anchor, in bytes.
const MAX_REMARK_BYTES: usize = 2000;
/// What the text says it is.
const FORMAT: &str = "ecabinet-trust-bundle-1";
/// The label of the signature's PEM block.
const LABEL: &str = "CMS";
const SIGNATURE_BEGIN: &str = "-----BEGIN CMS-----\n";

/// A list of anchors with its number and date.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Bundle {
    /// Counts up with every list.
    pub sequence: u64,
    /// When the list was made.
    pub issued: Timestamp,
    /// The anchors.
    pub anchors: Vec<Anchor>,
}

/// An anchor and the terms on which it is trusted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Anchor {
    /// The anchor's certificate.
    pub certificate: Certificate,
    /// What it is trusted for.
    pub uses: Vec<Purpose>,
    /// From when it is trusted; `None` from ever.
    pub from: Option<Timestamp>,
    /// Until when it is trusted, its sunset; `None` for ever.
    pub until: Option<Timestamp>,
    /// Why it is here, for people.
    pub remark: String,
}

/// The bundle is refused.
#[derive(Debug, thiserror::Error)]
pub enum BadBundle {
    /// The file is no bundle.
    #[error("not a trust bundle ({0}): ask its publisher for the original file")]
    Malformed(String),
    /// An anchor is no certificate.
    #[error(transparent)]
    NotACertificate(#[from] NotACertificate),
    /// Nobody who is configured signed this text.
    #[error(
        "the trust bundle is not signed by a configured certificate ({0}): ask its publisher for the original file"
    )]
    Signature(#[from] Invalid),
    /// Another list than the one that was seen under this number.
    #[error(
        "the trust bundle has number {0}, under which another list was seen: its publisher must give every list a number of its own"
    )]
    Forked(u64),
    /// An older list than one that was seen.
    #[error(
        "the trust bundle has number {found}, but number {seen} was seen: somebody brought an old list back; get the newest"
    )]
    RolledBack {
        /// The number of this list.
        found: u64,
        /// The highest number that was seen.
        seen: u64,
    },
    /// The list comes from the future.
    #[error("the trust bundle was made at {0}, which is yet to come: check the clock")]
    FromTheFuture(Timestamp),
}

impl Bundle {
    /// Reads a bundle that one of `signers` must have signed; `last_sequence` is the highest number seen so far,
    /// to be kept by the caller. The signer's certificate must be valid when the list was made: a list stays in force
    /// when its publisher's certificate runs out, and a publisher is dismissed by taking him out of `signers`.
    ///
    /// # Errors
    ///
    /// [`BadBundle`]: keep the anchors in force and tell the operator.
    pub fn open(
        file: &[u8],
        signers: &[Certificate],
        last_sequence: Option<u64>,
        now: Timestamp,
    ) -> Result<Self, BadBundle> {
        let malformed = |what: &str| BadBundle::Malformed(what.to_owned());
        if file.len() > MAX_BUNDLE_BYTES {
            return Err(malformed("larger than 4 megabytes"));
        }
        let file = std::str::from_utf8(file).ok().ok_or_else(|| malformed("not UTF-8"))?;
        let (text, _) = file.split_once(SIGNATURE_BEGIN).ok_or_else(|| malformed("no signature"))?;
        let signature = file.strip_prefix(text).unwrap_or_default();
        let cms = read_pem(signature).ok_or_else(|| malformed("the signature is not one PEM block"))?;
        let bundle = Self::parse(text)?;
        let trust = TrustStore::new(signers.to_vec());
        let verified = cades::verify(&cms, &Digest::of(text.as_bytes()), &trust, bundle.issued)?;
        // A certificate under a configured one is not configured itself.
        if !signers.contains(&verified.signer) {
            return Err(Invalid::WrongSigner.into());
        }
        if let Some(seen) = last_sequence.filter(|seen| bundle.sequence < *seen) {
            return Err(BadBundle::RolledBack { found: bundle.sequence, seen });
        }
        if bundle.issued > now { Err(BadBundle::FromTheFuture(bundle.issued)) } else { Ok(bundle) }
    }

    /// Reads a bundle and the certificates of its publishers from files; else as [`Bundle::open`].
    ///
    /// # Errors
    ///
    /// [`Unreadable`]: keep the anchors in force and tell the operator.
    pub fn open_file(
        path: &Path,
        signers: &Path,
        last_sequence: Option<u64>,
        now: Timestamp,
    ) -> Result<(Self, Digest), Unreadable> {
        use std::io::Read as _;
        let signers = TrustStore::from_pem_files(signers)?;
        let shown = path.display().to_string();
        let mut file = Vec::new();
        let most = u64::try_from(MAX_BUNDLE_BYTES).unwrap_or(u64::MAX).saturating_add(1);
        std::fs::File::open(path)
            .and_then(|opened| opened.take(most).read_to_end(&mut file))
            .map_err(|source| Unreadable::File { path: shown.clone(), source })?;
        let bundle = Self::open(&file, signers.anchors(), last_sequence, now)
            .map_err(|source| Unreadable::Bundle { path: shown, source })?;
        Ok((bundle, Digest::of(&file)))
    }

    /// The text to be signed, detached, with [`cades::prepare`].
    ///
    /// # Errors
    ///
    /// [`BadBundle::Malformed`]: a date out of range, or nothing that [`Bundle::open`] would take.
    pub fn to_text(&self) -> Result<String, BadBundle> {
        let anchors = self.anchors.iter().map(Anchor::write).collect::<Result<_, _>>()?;
        let file =
            File { format: FORMAT.to_owned(), sequence: self.sequence, issued: date(self.issued)?, anchors };
        let mut text =
            serde_json::to_string_pretty(&file).map_err(|e| BadBundle::Malformed(e.to_string()))?;
        text.push('\n');
        Self::parse(&text)?;
        Ok(text)
    }

    /// The file: the text and its signature.
    #[must_use]
    pub fn seal(text: &str, cms: &[u8]) -> String {
        format!("{text}{}", pem(LABEL, cms))
    }

    /// The store that trusts these anchors on these terms.
    #[must_use]
    pub fn into_store(self) -> TrustStore {
        let (anchors, terms) = self
            .anchors
            .into_iter()
            .map(|Anchor { certificate, uses, from, until, remark: _ }| {
                (certificate, Terms { purposes: uses, from, until })
            })
            .unzip();
        TrustStore { anchors, terms }
    }

    fn parse(text: &str) -> Result<Self, BadBundle> {
        let file: File = serde_json::from_str(text).map_err(|e| BadBundle::Malformed(e.to_string()))?;
        if file.format != FORMAT {
            return Err(BadBundle::Malformed(format!("the format is not {FORMAT}")));
        }
        if file.anchors.is_empty() || file.anchors.len() > MAX_ANCHORS {
            return Err(BadBundle::Malformed("1 to 1,000 anchors are expected".to_owned()));
        }
        let anchors = file.anchors.into_iter().map(Anchor::read).collect::<Result<_, _>>()?;
        Ok(Self { sequence: file.sequence, issued: parse_date(&file.issued)?, anchors })
    }
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    sequence: u64,
    issued: String,
    anchors: Vec<FileAnchor>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct FileAnchor {
    /// For people: the certificate says it too, and must say the same.
    subject: String,
    uses: Vec<Purpose>,
    from: Option<String>,
    until: Option<String>,
    remark: String,
    /// DER in base64.
    certificate: String,
}

impl Anchor {
    fn read(file: FileAnchor) -> Result<Self, BadBundle> {
        let malformed = |what: &str| BadBundle::Malformed(format!("{what} of {}", file.subject));
        let der = Base64::decode_vec(&file.certificate).ok().ok_or_else(|| malformed("the base64"))?;
        let certificate = Certificate::from_der(&der)?;
        if certificate.subject() != file.subject {
            return Err(malformed("the subject"));
        }
        if file.uses.is_empty() || file.remark.len() > MAX_REMARK_BYTES {
            return Err(malformed("the uses or the remark"));
        }
        let from = file.from.as_deref().map(parse_date).transpose()?;
        let until = file.until.as_deref().map(parse_date).transpose()?;
        if from.zip(until).is_some_and(|(from, until)| from >= until) {
            return Err(malformed("the dates"));
        }
        Ok(Self { certificate, uses: file.uses, from, until, remark: file.remark })
    }

    fn write(&self) -> Result<FileAnchor, BadBundle> {
        Ok(FileAnchor {
            subject: self.certificate.subject(),
            uses: self.uses.clone(),
            from: self.from.map(date).transpose()?,
            until: self.until.map(date).transpose()?,
            remark: self.remark.clone(),
            certificate: Base64::encode_string(self.certificate.to_der()),
        })
    }
}

/// Takes the one PEM block, in the one spelling that we write.
fn read_pem(text: &str) -> Option<Vec<u8>> {
    let body = text.strip_prefix(SIGNATURE_BEGIN)?.strip_suffix("-----END CMS-----\n")?;
    let der = Base64::decode_vec(&body.replace('\n', "")).ok()?;
    (pem(LABEL, &der) == text).then_some(der)
}

fn date(at: Timestamp) -> Result<String, BadBundle> {
    let text = at.iso_vietnam();
    if text.is_empty() { Err(BadBundle::Malformed("a date out of range".to_owned())) } else { Ok(text) }
}

fn parse_date(text: &str) -> Result<Timestamp, BadBundle> {
    use time::format_description::well_known::Rfc3339;
    let parsed = time::OffsetDateTime::parse(text, &Rfc3339).ok().ok_or_else(|| {
        BadBundle::Malformed(format!("{text} is no date such as 2026-06-07T16:05:31+07:00"))
    })?;
    Ok(Timestamp::from_micros(0).plus_seconds(parsed.unix_timestamp()))
}
