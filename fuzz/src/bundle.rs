//! Evidence bundles and log exports, as an outsider hands them to the verifier.

use audit::bundle::Bundle;
use audit::verify::{self, Conditions, Verdict};
use audit::{LogExport, SignedCheckpoint};
use cabinet::{Timestamp, canonical};

/// 2026-06-07T16:05:31+07:00.
const NOW: Timestamp = Timestamp::from_micros(1_780_823_131_000_000);

pub(crate) fn run(bytes: &[u8]) {
    let report = verify::file(bytes, &Conditions::at(None, NOW));
    assert!(report.verdict != Verdict::Verified, "nothing is verified without anchors");
    if let Ok(bundle) = Bundle::from_bytes(bytes) {
        assert_eq!(bundle.encode(), bytes);
    }
    drop(canonical::from_bytes::<LogExport>(bytes));
    if let Ok(note) = std::str::from_utf8(bytes) {
        drop(SignedCheckpoint::parse(note));
    }
}
