//! Checks of the log key: its certificates, and what it signed.

use signing::{Certificate, Invalid};

use super::{Check, Conditions, Doubts, Verdict};
use crate::bundle::Blob;
use crate::checkpoint::{BadNote, Checkpoint, LogKey, SIGNATURE_BYTES, SignedCheckpoint};

/// Checks `log-certificate`: the first certificate holds a log key and the others lead from it to an anchor.
///
/// The key is returned even when no anchor is known, so that integrity can still be judged.
pub(super) fn log_key(certificates: &[Blob], conditions: &Conditions<'_>) -> (Option<LogKey>, Check) {
    const NAME: &str = "log-certificate";
    let mut doubts = Doubts::default();
    let parsed: Result<Vec<_>, _> = certificates.iter().map(|blob| Certificate::from_der(&blob.0)).collect();
    let parsed = match parsed {
        Ok(parsed) => parsed,
        Err(reason) => {
            doubts.contradict(format!("A certificate of the log key does not parse: {reason}."));
            return (None, doubts.finish(NAME, ""));
        }
    };
    let key = match parsed.first().map(LogKey::of_certificate) {
        Some(Ok(key)) => key,
        Some(Err(reason)) => {
            doubts.contradict(format!("The first certificate was refused: {reason}."));
            return (None, doubts.finish(NAME, ""));
        }
        None => {
            doubts.contradict("There is no certificate of a log key.");
            return (None, doubts.finish(NAME, ""));
        }
    };
    match conditions.context.trust {
        None => doubts.cannot_tell("No trust anchors were given (--trust), so the log key may be anybody's."),
        Some(trust) => match LogKey::from_certificates(&parsed, trust, conditions.context.at) {
            Ok(_) => {}
            Err(BadNote::Path(reason)) => doubts.doubt(Verdict::of(&reason), told(&reason)),
            Err(reason) => doubts.contradict(format!("{reason}.")),
        },
    }
    let name = parsed.first().map(Certificate::common_name).unwrap_or_default();
    (
        Some(key),
        doubts.finish(NAME, format!("The log key is that of “{name}”, certified up to a trust anchor.")),
    )
}

/// Checks `checkpoint`: the head of the log is a note by the log key.
pub(super) fn checkpoint(note: &str, key: Option<&LogKey>) -> (Option<Checkpoint>, Check) {
    const NAME: &str = "checkpoint";
    let mut doubts = Doubts::default();
    let signed = match SignedCheckpoint::parse(note) {
        Ok(signed) => signed,
        Err(reason) => {
            doubts.contradict(format!("{reason}."));
            return (None, doubts.finish(NAME, ""));
        }
    };
    match key {
        None => doubts.cannot_tell("There is no usable log key to check the head of the log with."),
        Some(key) => {
            if let Err(reason) = signed.verify(key) {
                doubts.contradict(format!("The head of the log: {reason}."));
            }
        }
    }
    let head = signed.checkpoint().clone();
    let says = format!(
        "The head of the log “{}” with {} entries is signed by the log key.",
        head.origin(),
        head.size()
    );
    (Some(head), doubts.finish(NAME, says))
}

/// Checks `seal`: the log key signed `message`.
pub(super) fn seal(message: &[u8], value: &[u8], key: Option<&LogKey>) -> Check {
    let mut doubts = Doubts::default();
    match (key, <&[u8; SIGNATURE_BYTES]>::try_from(value)) {
        (_, Err(_)) => doubts.contradict("The seal's signature is not 64 bytes long."),
        (None, Ok(_)) => doubts.cannot_tell("There is no usable log key to check the seal with."),
        (Some(key), Ok(value)) => {
            if key.verify(message, value).is_err() {
                doubts.contradict("The seal does not fit: the bundle was changed after it was sealed, or another key sealed it.");
            }
        }
    }
    doubts.finish("seal", "The bundle is as it was when the log key sealed it.")
}

/// A sentence about a path that was not found.
fn told(reason: &Invalid) -> String {
    format!("The log key's certificate: {reason}.")
}
