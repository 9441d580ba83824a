//! The signed head of the log: a note in the form of C2SP `tlog-checkpoint`, signed by the log's key.
//!
//! Source: `docs/sources.md`, entries `signed-note` and `tlog-checkpoint`.

use std::fmt;

use base64ct::{Base64, Encoding as _};
use cabinet::{Digest, Timestamp};
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest as _, Sha256};
use signing::{Certificate, Invalid, TrustStore};

/// Length of an Ed25519 signature, in bytes.
pub const SIGNATURE_BYTES: usize = 64;
/// The longest origin, in bytes.
pub const MAX_ORIGIN_BYTES: usize = 200;
/// C2SP's number for Ed25519 signatures on notes.
const ED25519_TYPE: u8 = 1;
/// How a line with a signature begins.
const SIGNATURE_MARK: &str = "\u{2014} ";
/// What stands before the 32 bytes of an Ed25519 key in a `SubjectPublicKeyInfo`.
///
/// Source: RFC 8410, section 4.
const ED25519_SPKI_PREFIX: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// What a log key's certificate says in its common name, so that no other key passes for one.
const LOG_KEY_MARK: &str = "LOG";

/// The note or its key is not acceptable.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadNote {
    /// The origin cannot name a log.
    #[error(
        "an origin is 1 to 200 characters without spaces, plus signs and control characters: correct the configuration"
    )]
    Origin,
    /// The text is not a checkpoint in its one spelling.
    #[error(
        "not a checkpoint: origin, size, root, an empty line and one signature line are expected; ask for the original"
    )]
    Spelling,
    /// The certificate does not certify a log key.
    #[error(
        "not the certificate of a log key: it must hold an Ed25519 key, allow signatures and say LOG in its common name"
    )]
    NotALogKey,
    /// The signature is not by this key.
    #[error("the signature is not by this log key: the text was changed, or another key signed it")]
    SignatureWrong,
    /// The certificate's path was refused.
    #[error("the log key's certificate is not accepted: {0}")]
    Path(#[from] Invalid),
}

/// The log's public key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogKey(VerifyingKey);

impl LogKey {
    /// Takes the 32 bytes of an Ed25519 public key.
    ///
    /// # Errors
    ///
    /// [`BadNote::NotALogKey`]: not a point of the curve, or one of small order.
    pub fn from_public_key(key: &[u8; 32]) -> Result<Self, BadNote> {
        match VerifyingKey::from_bytes(key) {
            Ok(key) if !key.is_weak() => Ok(Self(key)),
            Ok(_) | Err(_) => Err(BadNote::NotALogKey),
        }
    }

    /// Takes the key out of a log key's certificate, whoever issued it.
    ///
    /// # Errors
    ///
    /// [`BadNote::NotALogKey`].
    pub fn of_certificate(certificate: &Certificate) -> Result<Self, BadNote> {
        if !certificate.common_name().contains(LOG_KEY_MARK) || !certificate.may_sign_documents() {
            return Err(BadNote::NotALogKey);
        }
        let spki = certificate.spki_der();
        let key = spki.strip_prefix(&ED25519_SPKI_PREFIX).and_then(|key| key.try_into().ok());
        Self::from_public_key(key.ok_or(BadNote::NotALogKey)?)
    }

    /// Takes the key out of the first of `certificates` once they lead, one by one, to an anchor at the time `at`.
    ///
    /// # Errors
    ///
    /// [`BadNote::NotALogKey`]; [`BadNote::Path`] with [`Invalid::Untrusted`] where no anchor is found, and with
    /// [`Invalid::NotCanonical`] where a certificate is given that the path does not need.
    pub fn from_certificates(
        certificates: &[Certificate],
        trust: &TrustStore,
        at: Timestamp,
    ) -> Result<Self, BadNote> {
        let (first, others) = certificates.split_first().ok_or(BadNote::NotALogKey)?;
        let key = Self::of_certificate(first)?;
        let path = trust.path(first, others, at)?;
        if path.starts_with(certificates) { Ok(key) } else { Err(Invalid::NotCanonical.into()) }
    }

    /// Checks an Ed25519 signature by the strict rules: no malleability, no keys of small order.
    ///
    /// # Errors
    ///
    /// [`BadNote::SignatureWrong`].
    pub fn verify(&self, message: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> Result<(), BadNote> {
        match self.0.verify_strict(message, &Signature::from_bytes(signature)) {
            Ok(()) => Ok(()),
            Err(_) => Err(BadNote::SignatureWrong),
        }
    }

    /// The four bytes that name this key together with `name` on a note.
    #[must_use]
    pub fn id(&self, name: &str) -> [u8; 4] {
        let hash = Sha256::new()
            .chain_update(name)
            .chain_update([b'\n', ED25519_TYPE])
            .chain_update(self.0.as_bytes())
            .finalize();
        let [a, b, c, d, ..]: [u8; 32] = hash.into();
        [a, b, c, d]
    }

    /// The key in the form that other verifiers of notes take: `<name>+<id>+<key>`.
    #[must_use]
    pub fn vkey(&self, name: &str) -> String {
        let key = [&[ED25519_TYPE], self.0.as_bytes().as_slice()].concat();
        format!("{name}+{}+{}", hex::encode(self.id(name)), Base64::encode_string(&key))
    }
}

/// The head of a log: how many entries, and the root over them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Digest,
}

impl Checkpoint {
    /// Makes the head of the log called `origin`.
    ///
    /// # Errors
    ///
    /// [`BadNote::Origin`].
    pub fn new(origin: &str, size: u64, root: Digest) -> Result<Self, BadNote> {
        let is_name = (1..=MAX_ORIGIN_BYTES).contains(&origin.len())
            && !origin.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+');
        if is_name { Ok(Self { origin: origin.to_owned(), size, root }) } else { Err(BadNote::Origin) }
    }

    /// The log's name; its key bears the same.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many entries the log has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root over their hashes.
    #[must_use]
    pub const fn root(&self) -> Digest {
        self.root
    }

    /// The text that the log key signs.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, Base64::encode_string(self.root.as_bytes()))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let root = Base64::decode_vec(root).ok()?.try_into().ok()?;
        let checkpoint = Self::new(origin, size.parse().ok()?, Digest::from_bytes(root)).ok()?;
        (checkpoint.text() == text).then_some(checkpoint)
    }
}

/// A checkpoint with the log's own signature line. Cosignatures of witnesses are kept beside it, not in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    key_id: [u8; 4],
    signature: [u8; SIGNATURE_BYTES],
}

impl SignedCheckpoint {
    /// Puts the token's raw signature over [`Checkpoint::text`] onto the checkpoint, once it is checked.
    ///
    /// # Errors
    ///
    /// [`BadNote::SignatureWrong`]: the token signed something else, or with another key.
    pub fn embed(
        checkpoint: Checkpoint,
        key: &LogKey,
        signature: &[u8; SIGNATURE_BYTES],
    ) -> Result<Self, BadNote> {
        key.verify(checkpoint.text().as_bytes(), signature)?;
        let key_id = key.id(&checkpoint.origin);
        Ok(Self { checkpoint, key_id, signature: *signature })
    }

    /// Reads a note in its one spelling. Nothing is verified yet.
    ///
    /// # Errors
    ///
    /// [`BadNote::Spelling`].
    pub fn parse(note: &str) -> Result<Self, BadNote> {
        Self::read(note).filter(|signed| signed.to_string() == note).ok_or(BadNote::Spelling)
    }

    fn read(note: &str) -> Option<Self> {
        let text_len = note.find("\n\n")?.checked_add(1)?;
        let (text, rest) = note.split_at_checked(text_len)?;
        let checkpoint = Checkpoint::parse(text)?;
        let line = rest.strip_prefix('\n')?.strip_suffix('\n')?.strip_prefix(SIGNATURE_MARK)?;
        let (name, value) = line.split_once(' ')?;
        if name != checkpoint.origin {
            return None;
        }
        let value = Base64::decode_vec(value).ok()?;
        let (key_id, signature) = value.split_at_checked(4)?;
        Some(Self { checkpoint, key_id: key_id.try_into().ok()?, signature: signature.try_into().ok()? })
    }

    /// Checks that `key` signed the note, and gives the checkpoint.
    ///
    /// # Errors
    ///
    /// [`BadNote::SignatureWrong`].
    pub fn verify(&self, key: &LogKey) -> Result<&Checkpoint, BadNote> {
        if key.id(&self.checkpoint.origin) != self.key_id {
            return Err(BadNote::SignatureWrong);
        }
        key.verify(self.checkpoint.text().as_bytes(), &self.signature)?;
        Ok(&self.checkpoint)
    }

    /// The checkpoint, verified or not.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }
}

impl fmt::Display for SignedCheckpoint {
    /// The whole note.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = [self.key_id.as_slice(), &self.signature].concat();
        let Checkpoint { origin, .. } = &self.checkpoint;
        write!(f, "{}\n{SIGNATURE_MARK}{origin} {}\n", self.checkpoint.text(), Base64::encode_string(&value))
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};

    use super::*;

    const ORIGIN: &str = "cabinet.example.vn/log";

    fn signing_key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    fn log_key(seed: u8) -> LogKey {
        LogKey::from_public_key(signing_key(seed).verifying_key().as_bytes()).unwrap()
    }

    fn signed(seed: u8) -> SignedCheckpoint {
        let checkpoint = Checkpoint::new(ORIGIN, 7, Digest::of(b"root")).unwrap();
        let signature = signing_key(seed).sign(checkpoint.text().as_bytes()).to_bytes();
        SignedCheckpoint::embed(checkpoint, &log_key(seed), &signature).unwrap()
    }

    /// The example in the documentation of Go's `golang.org/x/mod/sumdb/note`.
    #[test]
    fn a_note_signed_by_another_implementation_verifies() {
        let vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let text = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
        let line =
            "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";
        let encoded = Base64::decode_vec(vkey.splitn(3, '+').last().unwrap()).unwrap();
        let key = LogKey::from_public_key(encoded[1..].try_into().unwrap()).unwrap();
        assert_eq!(key.vkey("PeterNeumann"), vkey);
        let value = Base64::decode_vec(line).unwrap();
        assert_eq!(value[..4], key.id("PeterNeumann"));
        assert_eq!(key.verify(text.as_bytes(), value[4..].try_into().unwrap()), Ok(()));
        assert_eq!(
            key.verify(&text.as_bytes()[1..], value[4..].try_into().unwrap()),
            Err(BadNote::SignatureWrong)
        );
    }

    #[test]
    fn the_text_is_that_of_the_specification() {
        let root = Base64::decode_vec("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=").unwrap();
        let root = Digest::from_bytes(root.try_into().unwrap());
        let checkpoint = Checkpoint::new("example.com/behind-the-sofa", 20_852_163, root).unwrap();
        let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        assert_eq!(checkpoint.text(), text);
        assert_eq!(signed(1).to_string().lines().count(), 5);
    }

    #[test]
    fn only_the_key_that_signed_verifies() {
        let signed = signed(1);
        assert_eq!(signed.verify(&log_key(1)), Ok(signed.checkpoint()));
        assert_eq!(signed.verify(&log_key(2)), Err(BadNote::SignatureWrong));
        let checkpoint = signed.checkpoint().clone();
        let foreign = signing_key(2).sign(checkpoint.text().as_bytes()).to_bytes();
        assert_eq!(SignedCheckpoint::embed(checkpoint, &log_key(1), &foreign), Err(BadNote::SignatureWrong));
    }

    #[test]
    fn no_byte_of_a_note_is_free() {
        let note = signed(1).to_string();
        assert_eq!(SignedCheckpoint::parse(&note), Ok(signed(1)));
        let bytes = note.as_bytes();
        for i in 0..bytes.len() {
            for mask in [1, 2, 0x20, 0x80] {
                let mut changed = bytes.to_vec();
                changed[i] ^= mask;
                let Ok(text) = String::from_utf8(changed) else { continue };
                let verified =
                    SignedCheckpoint::parse(&text).is_ok_and(|signed| signed.verify(&log_key(1)).is_ok());
                assert!(!verified, "byte {i} ^ {mask}: {text}");
            }
        }
        for wrong in [
            format!("{note}\n"),
            format!("\n{note}"),
            note.replace("\n7\n", "\n07\n"),
            note.replace("\n\n", "\nx\n\n"),
        ] {
            assert_eq!(SignedCheckpoint::parse(&wrong), Err(BadNote::Spelling), "{wrong}");
        }
    }

    #[test]
    fn an_origin_names_one_log() {
        for wrong in ["", "a b", "a+b", "a\nb", "a\u{a0}b", &"a".repeat(201)] {
            assert_eq!(Checkpoint::new(wrong, 0, Digest::of(b"")), Err(BadNote::Origin), "{wrong:?}");
        }
    }

    #[test]
    fn a_weak_key_is_no_log_key() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(LogKey::from_public_key(&identity), Err(BadNote::NotALogKey));
    }
}
