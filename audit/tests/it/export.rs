//! Log exports: whole, changed, cut and reordered.

use audit::verify::{self, Conditions, Report, Verdict};
use audit::{Act, LogExport};

use crate::world::{self, NOW, PKI, World, rewritten};

fn verify_seen(bytes: &[u8], seen: Option<&str>) -> Report {
    verify::file(bytes, &Conditions { seen, ..Conditions::at(Some(&world::trust()), NOW.plus_seconds(60)) })
}

#[track_caller]
fn contradicted(export: &LogExport, names: &[&str]) {
    let report = verify_seen(&export.encode(), None);
    assert_eq!(report.verdict, Verdict::Contradicted);
    let found: Vec<_> = report
        .checks
        .iter()
        .filter(|check| check.verdict == Verdict::Contradicted)
        .map(|check| check.name)
        .collect();
    assert_eq!(found, names);
}

#[test]
fn an_untouched_export_is_verified() {
    let report = verify_seen(&World::voted().export().encode(), None);
    assert_eq!(report.verdict, Verdict::Verified, "{:#?}", report.checks);
    let report = verify::file(&World::voted().export().encode(), &Conditions::at(None, NOW));
    assert_eq!(report.verdict, Verdict::CannotTell);
}

#[test]
fn every_entry_changed_dropped_doubled_or_moved_is_found() {
    let whole = World::voted().export();
    for i in 0..whole.entries.len() {
        let mut export = whole.clone();
        export.entries[i] = export.entries[i].replace("\"at_us\":1", "\"at_us\":2");
        let report = verify_seen(&export.encode(), None);
        assert_eq!(report.check("root").unwrap().verdict, Verdict::Contradicted, "entry {i} changed");
        let mut export = whole.clone();
        export.entries.remove(i);
        contradicted(&export, &["root"]);
        let mut export = whole.clone();
        export.entries.insert(i, whole.entries[i].clone());
        contradicted(&export, &["root", "entries"]);
        if i > 0 {
            let mut export = whole.clone();
            export.entries.swap(i - 1, i);
            contradicted(&export, &["root"]);
        }
    }
}

#[test]
fn no_byte_of_an_export_is_free() {
    let mut world = World::opened(1);
    world.log_act(Act::LogExported);
    let bytes = world.export().encode();
    for i in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[i] ^= 1;
        assert_ne!(verify_seen(&changed, None).verdict, Verdict::Verified, "byte {i}");
    }
}

#[test]
fn another_key_and_a_back_dated_entry_are_found() {
    let world = World::voted();
    let texts = world.export().entries;
    let forged = LogExport::new(&world.checkpoint(&PKI.other_log), &PKI.log.chain, texts);
    contradicted(&forged, &["checkpoint"]);
    let mut world = World::voted();
    let last = world.log.len() - 1;
    world.log[last] = rewritten(&world.log[last], "\"at_us\":17808", "\"at_us\":17708");
    contradicted(&world.export(), &["times"]);
}

#[test]
fn a_log_that_was_cut_or_rewritten_since_a_head_was_kept_is_found() {
    let mut world = World::voted();
    let kept = world.checkpoint(&PKI.log).to_string();
    let verdict = |world: &World| {
        let report = verify_seen(&world.export().encode(), Some(&kept));
        (report.verdict, report.check("seen").unwrap().verdict)
    };
    assert_eq!(verdict(&world), (Verdict::Verified, Verdict::Verified));
    world.log_act(Act::ApplianceStopped);
    assert_eq!(verdict(&world), (Verdict::Verified, Verdict::Verified));
    let mut cut = World::voted();
    cut.log.pop();
    assert_eq!(verdict(&cut), (Verdict::Contradicted, Verdict::Contradicted));
    cut.log_act(Act::ApplianceStopped);
    assert_eq!(verdict(&cut), (Verdict::Contradicted, Verdict::Contradicted));
    let foreign = world.checkpoint(&PKI.other_log).to_string();
    let report = verify_seen(&world.export().encode(), Some(&foreign));
    assert_eq!(report.verdict, Verdict::CannotTell);
}
