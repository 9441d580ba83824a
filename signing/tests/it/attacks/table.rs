//! Attacks as rows: each is refused for its own reason, and the file it was made of is accepted.

use std::collections::BTreeSet;
use std::process::Command;

use signing::validation::{ChangeKind, Indication, Integrity, Report, validate_pdf};

use super::Attack;
use crate::world::{self, NOW, World};

/// Why a file is refused.
#[derive(Clone, Copy, Debug)]
pub(super) enum Refused {
    /// What was changed after the first signature.
    Changed(ChangeKind),
    /// No signature verifies, for a reason with these words in it.
    Broken(&'static str),
    /// A signature is in the file that its own chain of revisions passes by; the reason has these words in it.
    Hidden(&'static str),
    /// Nothing can be said about the file, for a reason with these words in it.
    Unreadable(&'static str),
}

pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) pdf: Vec<u8>,
    pub(super) why: Refused,
    /// What pdfsig 22.12 says: how many signatures are valid. For information only.
    pub(super) pdfsig: &'static str,
}

pub(super) fn row(name: &'static str, pdf: Vec<u8>, why: Refused, pdfsig: &'static str) -> Row {
    Row { name, pdf, why, pdfsig }
}

pub(super) fn report(world: &World, pdf: &[u8]) -> Result<Report, String> {
    validate_pdf(pdf, Some(&world.trust()), NOW).map_err(|error| error.to_string())
}

/// All rows are judged before the test fails.
pub(super) fn assert_refused(attack: &Attack, original: &[u8], rows: &[Row]) {
    assert!(report(&attack.world, original).unwrap().is_passed(), "the untouched original");
    let names: BTreeSet<_> = rows.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), rows.len(), "a name twice");
    let folder = tempfile::tempdir().unwrap();
    let (version, _) = world::judge(Command::new("pdfsig").arg("-v"));
    let is_known_judge = version.contains("version 22.12");
    let mut wrong = Vec::new();
    for row in rows {
        assert_ne!(row.pdf, original, "{}: nothing was changed", row.name);
        let found = report(&attack.world, &row.pdf);
        if !fits(row.why, &found) {
            let found = found.map(|report| {
                let says = |signature: &signing::validation::SignatureReport| {
                    (signature.integrity, signature.reason.clone(), signature.changes.clone())
                };
                report.signatures.iter().map(says).collect::<Vec<_>>()
            });
            wrong.push(format!("{}: expected {:?}, found {found:?}", row.name, row.why));
        }
        let path = folder.path().join("attack.pdf");
        std::fs::write(&path, &row.pdf).unwrap();
        let (says, _) = world::judge(Command::new("pdfsig").arg("-nocert").arg(&path));
        let says = format!("{} valid", says.matches("Signature is Valid.").count());
        if is_known_judge && says != row.pdfsig {
            wrong.push(format!("{}: pdfsig says {says}", row.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn fits(why: Refused, found: &Result<Report, String>) -> bool {
    match (why, found) {
        (Refused::Unreadable(words), Err(error)) => error.contains(words),
        (Refused::Unreadable(_), Ok(_)) | (_, Err(_)) => false,
        (Refused::Hidden(words), Ok(report)) => {
            let told = report.signatures.iter().find(|one| one.reason.contains(words));
            told.is_some_and(|one| one.indication == Indication::TotalFailed) && !report.is_passed()
        }
        (Refused::Changed(kind), Ok(report)) => report.signatures.first().is_some_and(|first| {
            first.integrity == Integrity::Intact
                && first.indication == Indication::TotalFailed
                && first.sub_indication == Some("FORMAT_FAILURE")
                && first.changes.iter().any(|change| change.kind == kind && !change.lawful)
        }),
        (Refused::Broken(words), Ok(report)) => {
            let all = || report.signatures.iter();
            !report.signatures.is_empty()
                && all().all(|one| one.integrity == Integrity::Broken)
                && all().all(|one| one.indication != Indication::TotalPassed)
                && all().any(|one| one.reason.contains(words))
        }
    }
}
