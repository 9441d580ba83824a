//! An evidence bundle: all that an outsider needs to recount a vote, sealed by the log's key.
//!
//! The file is canonical JSON without a free byte. What was signed or logged stands in it as the exact text
//! that was signed or logged. The seal is made in two phases, like every signature here.

use base64ct::{Base64, Encoding as _};
use cabinet::id::{EntryId, MeetingId, ResolutionId};
use cabinet::statement::{BallotStatement, VoteStatement};
use cabinet::vote::Outcome;
use cabinet::{Digest, Timestamp, canonical};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use signing::Certificate;

use crate::checkpoint::{BadNote, LogKey, SIGNATURE_BYTES, SignedCheckpoint};
use crate::merkle::{self, Tree};

/// What a bundle's seal signs begins with this, so that it is never mistaken for another signature.
const SEAL_CONTEXT: &str = "ecabinet/bundle/v1";

/// Bytes that are written as base64.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Blob(pub Vec<u8>);

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Base64::encode_string(&self.0))
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Base64::decode_vec(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// One version of one member's ballot.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BallotPart {
    /// The detached signature.
    pub cms: Blob,
    /// The entry that recorded it.
    pub entry: EntryId,
    /// The exact canonical text that was signed.
    pub statement: String,
}

/// An entry of the log and the proof that it is in there.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EntryPart {
    /// Its place in the log, from 0.
    pub index: u64,
    /// The inclusion proof in the tree of the checkpoint, from the leaf upwards.
    pub proof: Vec<Digest>,
    /// Its exact canonical text.
    pub text: String,
}

impl EntryPart {
    /// Takes the entry with this exact text and its proof in the tree of the first `size` entries; `None` if it is
    /// not the one at `index`.
    #[must_use]
    pub fn prove(text: String, index: u64, tree: &Tree, size: u64) -> Option<Self> {
        let proof = tree.inclusion(index, size)?;
        let leaf = merkle::leaf_hash(text.as_bytes());
        let is_there = merkle::is_included(leaf, index, size, tree.root_at(size)?, &proof);
        is_there.then_some(Self { index, proof, text })
    }
}

/// The sealed Resolution.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ResolutionPart {
    /// Its id.
    pub id: ResolutionId,
    /// Number and symbol.
    pub number: String,
    /// The PDF with both signatures.
    pub pdf: Blob,
}

/// What the caller puts into a bundle.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Every version of every ballot, in any order.
    pub ballots: Vec<BallotPart>,
    /// The log key's certificate, then those that lead from it towards the anchor; the anchor itself may be left out.
    pub certificates: Vec<Certificate>,
    /// The head of the log that the proofs lead to.
    pub checkpoint: SignedCheckpoint,
    /// The entries about this vote, its papers and its Resolution, in any order.
    pub entries: Vec<EntryPart>,
    /// When the bundle is made.
    pub made_at: Timestamp,
    /// What came of the vote.
    pub outcome: Outcome,
    /// The Resolution, once it is sealed.
    pub resolution: Option<ResolutionPart>,
    /// What was frozen when the vote opened.
    pub vote: VoteStatement,
}

/// What the seal signs. Fields stand in alphabetical order: [`canonical`].
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// By member, then version.
    pub ballots: Vec<BallotPart>,
    /// Fingerprints of the seal's certificates, so that these cannot be exchanged either.
    pub certificates: Vec<Digest>,
    /// The signed checkpoint, a whole note.
    pub checkpoint: String,
    /// By index.
    pub entries: Vec<EntryPart>,
    /// When the bundle was made, ISO 8601 at +07:00.
    pub made_at: String,
    /// The meeting.
    pub meeting: MeetingId,
    /// What came of the vote, by the count of the appliance.
    pub outcome: Outcome,
    /// The Resolution, if there is one.
    pub resolution: Option<ResolutionPart>,
    #[serde(rename = "type")]
    type_: BundleType,
    /// The exact canonical text of the vote's statement.
    pub vote: String,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
enum BundleType {
    #[serde(rename = "ecabinet/bundle/v1")]
    V1,
}

/// Who sealed the bundle, and the signature.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// DER certificates: the log key's own first.
    pub certificates: Vec<Blob>,
    /// The Ed25519 signature.
    pub value: Blob,
}

/// A whole bundle.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    body: Body,
    seal: Seal,
}

/// A bundle that only lacks its seal.
#[derive(Clone, Debug)]
pub struct Prepared {
    body: Body,
    certificates: Vec<Certificate>,
}

impl Bundle {
    /// Puts the parts into their one order; the log key has then to sign [`Prepared::to_sign`].
    #[must_use]
    pub fn prepare(parts: Parts) -> Prepared {
        let Parts { mut ballots, certificates, checkpoint, mut entries, made_at, outcome, resolution, vote } =
            parts;
        ballots.sort_by_cached_key(|ballot| {
            let statement = canonical::from_bytes::<BallotStatement>(ballot.statement.as_bytes());
            statement.ok().map(|statement| (statement.member, statement.version))
        });
        entries.sort_by_key(|entry| entry.index);
        entries.dedup_by_key(|entry| entry.index);
        let body = Body {
            ballots,
            certificates: certificates.iter().map(Certificate::fingerprint).collect(),
            checkpoint: checkpoint.to_string(),
            entries,
            made_at: made_at.iso_vietnam(),
            meeting: vote.meeting,
            outcome,
            resolution,
            type_: BundleType::V1,
            vote: String::from_utf8_lossy(&vote.encode()).into_owned(),
        };
        Prepared { body, certificates }
    }

    /// Reads a bundle in its one spelling. Nothing is verified yet.
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

    /// What is sealed.
    #[must_use]
    pub const fn body(&self) -> &Body {
        &self.body
    }

    /// The seal.
    #[must_use]
    pub const fn seal(&self) -> &Seal {
        &self.seal
    }
}

impl Body {
    /// The bytes that the seal's Ed25519 signature is over: a context, and the digest of the canonical body,
    /// because hardware tokens take only short messages for Ed25519.
    #[must_use]
    pub fn to_sign(&self) -> Vec<u8> {
        format!("{SEAL_CONTEXT}\n{}\n", Digest::of(&canonical::to_bytes(self))).into_bytes()
    }
}

impl Prepared {
    /// The message that the log key signs with plain Ed25519.
    #[must_use]
    pub fn to_sign(&self) -> Vec<u8> {
        self.body.to_sign()
    }

    /// Takes the token's raw signature once it is checked.
    ///
    /// # Errors
    ///
    /// [`BadNote::NotALogKey`]: the first certificate is no log key's; [`BadNote::SignatureWrong`].
    pub fn embed(self, raw: &[u8; SIGNATURE_BYTES]) -> Result<Bundle, BadNote> {
        let first = self.certificates.first().ok_or(BadNote::NotALogKey)?;
        LogKey::of_certificate(first)?.verify(&self.to_sign(), raw)?;
        let certificates =
            self.certificates.iter().map(|certificate| Blob(certificate.to_der().to_vec())).collect();
        Ok(Bundle { body: self.body, seal: Seal { certificates, value: Blob(raw.to_vec()) } })
    }
}
