//! A log export: every entry from the first on, with the signed head that they lead to.

use cabinet::canonical;
use serde::{Deserialize, Serialize};
use signing::Certificate;

use crate::bundle::Blob;
use crate::checkpoint::SignedCheckpoint;

/// A whole log in one canonical JSON file. Fields stand in alphabetical order: [`canonical`].
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LogExport {
    /// DER certificates: the log key's own first, then those that lead towards the anchor.
    pub certificates: Vec<Blob>,
    /// The signed checkpoint, a whole note.
    pub checkpoint: String,
    /// The exact canonical text of each entry, from index 0 on.
    pub entries: Vec<String>,
    #[serde(rename = "type")]
    type_: ExportType,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
enum ExportType {
    #[serde(rename = "ecabinet/log/v1")]
    V1,
}

impl LogExport {
    /// Puts an export together; `entries` are those that `checkpoint` counts.
    #[must_use]
    pub fn new(checkpoint: &SignedCheckpoint, certificates: &[Certificate], entries: Vec<String>) -> Self {
        Self {
            certificates: certificates
                .iter()
                .map(|certificate| Blob(certificate.to_der().to_vec()))
                .collect(),
            checkpoint: checkpoint.to_string(),
            entries,
            type_: ExportType::V1,
        }
    }

    /// Reads an export in its one spelling. Nothing is verified yet.
    ///
    /// # Errors
    ///
    /// [`canonical::NotCanonical`]: a byte was changed; ask for the original.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, canonical::NotCanonical> {
        canonical::from_bytes(bytes)
    }

    /// The file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        canonical::to_bytes(self)
    }
}
