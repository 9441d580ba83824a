//! The audit log as its auditor sees it: entries appear once the sequencer has given them their index.

use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::Value;
use tests::User;

const WITHIN: Duration = Duration::from_secs(20);

/// The first 1000 entries, once `is_there` finds in them what it looks for.
pub(crate) async fn until(auditor: &mut User, is_there: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
    let started = Instant::now();
    loop {
        let entries = auditor.get("/api/log/entries?limit=1000").await?.expect(200)?;
        if is_there(&entries) {
            return Ok(entries);
        }
        ensure!(started.elapsed() < WITHIN, "not in the log: {entries}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The entries of that kind.
pub(crate) fn of_kind<'a>(entries: &'a Value, kind: &str) -> Vec<&'a Value> {
    let all = entries["entries"].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().filter(|entry| entry["kind"] == kind).collect()
}
