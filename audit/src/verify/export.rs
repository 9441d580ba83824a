//! Checks of a log export: the root over all entries, computed again, is the one that was signed.

use std::collections::BTreeSet;

use cabinet::Timestamp;

use super::{Check, Conditions, Doubts, Report, chain, log};
use crate::checkpoint::{Checkpoint, LogKey, SignedCheckpoint};
use crate::entry::Entry;
use crate::export::LogExport;
use crate::merkle::{self, Tree};

/// How far an entry may be dated before an earlier one, in seconds: acts that overlap take a moment to be recorded.
const MAX_STEP_BACK_S: i64 = 600;

/// Verifies the bytes of a log export.
pub(super) fn file(bytes: &[u8], conditions: &Conditions<'_>) -> Report {
    let mut spelling = Doubts::default();
    let export = match LogExport::from_bytes(bytes) {
        Ok(export) => export,
        Err(reason) => {
            spelling.contradict(format!(
                "The file is no log export in its one spelling, so a byte was changed: {reason}."
            ));
            return Report::new(Vec::new(), vec![spelling.finish("spelling", "")], None);
        }
    };
    let mut checks = vec![spelling.finish("spelling", "The file is in its one spelling; no byte is free.")];
    let (key, check) = chain::log_key(&export.certificates, conditions);
    checks.push(check);
    let (head, check) = chain::checkpoint(&export.checkpoint, key.as_ref());
    checks.push(check);
    let tree: Tree = export.entries.iter().map(|text| merkle::leaf_hash(text.as_bytes())).collect();
    checks.push(root(&tree, head.as_ref()));
    checks.extend(entries(&export.entries));
    if let Some(note) = conditions.seen {
        checks.push(seen(note, &tree, key.as_ref(), head.as_ref()));
    }
    Report::new(Vec::new(), checks, None)
}

/// Checks `root`: these entries, in this order and number, are those under the signed head.
fn root(tree: &Tree, head: Option<&Checkpoint>) -> Check {
    let mut doubts = Doubts::default();
    match head {
        None => doubts.cannot_tell("There is no head of the log to compare the entries with."),
        Some(head) => {
            let (n, signed) = (tree.size(), head.size());
            doubts
                .unless(n == signed, format!("The export has {n} entries, the signed head counts {signed}."));
            doubts.unless(
                tree.root() == head.root(),
                "The entries do not hash to the signed root: one was changed, dropped, added or moved.",
            );
        }
    }
    doubts.finish("root", format!("All {} entries, hashed again, come to the signed root.", tree.size()))
}

/// Checks `entries` and `times`: each is an entry, none stands twice, and time does not run back.
fn entries(texts: &[String]) -> [Check; 2] {
    let (mut doubts, mut times) = (Doubts::default(), Doubts::default());
    let mut ids = BTreeSet::new();
    let mut latest = Timestamp::from_micros(i64::MIN);
    for (index, text) in texts.iter().enumerate() {
        match Entry::from_bytes(text.as_bytes()) {
            Ok(entry) => {
                doubts.unless(ids.insert(entry.id()), format!("Entry {index} has an id that another has."));
                doubts.unless(
                    log::is_well_formed(&entry),
                    format!("Entry {index} does not say what a {} says.", entry.act()),
                );
                let is_later = latest <= entry.at().plus_seconds(MAX_STEP_BACK_S);
                times.unless(
                    is_later,
                    format!("Entry {index} is dated {}, long before an earlier entry.", entry.at()),
                );
                latest = latest.max(entry.at());
            }
            Err(reason) => doubts.contradict(format!("Entry {index}: {reason}.")),
        }
    }
    let says = format!("Each of the {} entries is well formed, and none stands twice.", texts.len());
    [doubts.finish("entries", says), times.finish("times", "The entries' times do not run back.")]
}

/// Checks `seen`: the log extends the head that was kept elsewhere.
fn seen(note: &str, tree: &Tree, key: Option<&LogKey>, head: Option<&Checkpoint>) -> Check {
    let mut doubts = Doubts::default();
    let earlier = match (SignedCheckpoint::parse(note), key) {
        (Err(reason), _) => {
            doubts.cannot_tell(format!("The head kept elsewhere: {reason}."));
            return doubts.finish("seen", "");
        }
        (Ok(_), None) => {
            doubts.cannot_tell("There is no usable log key to check the head kept elsewhere with.");
            return doubts.finish("seen", "");
        }
        (Ok(earlier), Some(key)) => {
            if let Err(reason) = earlier.verify(key) {
                doubts.cannot_tell(format!("The head kept elsewhere: {reason}."));
            }
            earlier.checkpoint().clone()
        }
    };
    let is_same_log = head.is_some_and(|head| head.origin() == earlier.origin());
    doubts.unless(is_same_log, "The head kept elsewhere is another log's.");
    let size = earlier.size();
    match tree.root_at(size) {
        None => doubts.contradict(format!("The log was cut: it once had {size} entries.")),
        Some(root) => doubts.unless(
            root == earlier.root(),
            format!("The log's first {size} entries are not those that it once had."),
        ),
    }
    doubts.finish("seen", format!("The log extends the head with {size} entries that was kept elsewhere."))
}
