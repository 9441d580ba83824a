//! Bundles: untouched, changed by somebody, and forged by somebody who holds the log key.

use audit::Act;
use audit::acts::VoteClosed;
use audit::bundle::Bundle;
use audit::verify::{self, Conditions, Report, Verdict};
use cabinet::vote::Choice;
use cabinet::{Digest, canonical};
use signing::TrustStore;
use signing::authority::{Authority, Profile};
use signing::validation::{Indication, Integrity};

use crate::world::{self, NOW, PKI, World, id, rewritten, seal};

fn verify(bytes: &[u8]) -> Report {
    verify::file(bytes, &Conditions::at(Some(&world::trust()), NOW.plus_seconds(60)))
}

/// The bundle is contradicted, and the named checks, not just any, say so.
#[track_caller]
fn contradicted(bytes: &[u8], names: &[&str]) {
    let report = verify(bytes);
    assert_eq!(report.verdict, Verdict::Contradicted, "{:#?}", report.checks);
    for name in names {
        let check = report.check(name).unwrap_or_else(|| panic!("no check {name}"));
        assert_eq!(check.verdict, Verdict::Contradicted, "{name}: {}", check.says);
    }
    for (name, check) in [("spelling", report.check("spelling")), ("seal", report.check("seal"))] {
        let is_named = names.contains(&name);
        assert_eq!(
            check.map(|check| check.verdict == Verdict::Contradicted),
            Some(is_named),
            "{name}: {check:?}"
        );
    }
}

#[test]
fn an_untouched_bundle_is_verified_and_counted_again() {
    let report = verify(&World::voted().bundle());
    for check in &report.checks {
        assert_eq!(check.verdict, Verdict::Verified, "{}: {}", check.name, check.says);
    }
    assert_eq!(report.verdict, Verdict::Verified);
    let names: Vec<_> = report.checks.iter().map(|check| check.name).collect();
    assert_eq!(
        names,
        [
            "spelling",
            "log-certificate",
            "seal-certificates",
            "seal",
            "checkpoint",
            "entries",
            "vote-opened",
            "papers",
            "ballot-statements",
            "ballot-signatures",
            "ballot-entries",
            "ballot-versions",
            "vote-closed",
            "outcome",
            "made-at",
        ]
    );
    let recount = report.recount.unwrap();
    assert_eq!((recount.n_agree, recount.n_disagree, recount.n_members, recount.adopted), (2, 1, 3, true));
    assert_eq!(report.signatures.len(), 4);
    assert!(
        report.signatures.iter().all(|line| line.indication == Indication::TotalPassed),
        "{:?}",
        report.signatures
    );
}

#[test]
fn without_the_right_anchor_or_at_a_wrong_time_nothing_can_be_told() {
    let bytes = World::voted().bundle();
    let stranger = Authority::create_root("TEST root", NOW).unwrap();
    let strange = TrustStore::new(vec![stranger.certificate().clone()]);
    let known = world::trust();
    for (trust, at) in [
        (None, NOW),
        (Some(&strange), NOW),
        (Some(&known), NOW.plus_seconds(366 * 86_400)),
        (Some(&known), NOW.plus_seconds(-86_400)),
    ] {
        let report = verify::file(&bytes, &Conditions::at(trust, at));
        assert_eq!(report.verdict, Verdict::CannotTell, "{:#?}", report.checks);
        assert_eq!(report.check("outcome").unwrap().verdict, Verdict::Verified);
        for line in report.signatures {
            assert_eq!((line.integrity, line.indication), (Integrity::Intact, Indication::Indeterminate));
        }
    }
}

#[test]
fn no_byte_of_a_bundle_is_free() {
    let bytes = World::small().bundle();
    assert_eq!(verify(&bytes).verdict, Verdict::Verified);
    let trust = world::trust();
    let n_threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for thread in 0..n_threads {
            let (mut bytes, trust) = (bytes.clone(), &trust);
            scope.spawn(move || {
                let conditions = Conditions::at(Some(trust), NOW.plus_seconds(60));
                for i in (thread..bytes.len()).step_by(n_threads) {
                    // A digit stays a digit and a letter a letter: the file still parses.
                    bytes[i] ^= 1;
                    assert_ne!(verify::file(&bytes, &conditions).verdict, Verdict::Verified, "byte {i}");
                    bytes[i] ^= 1;
                }
            });
        }
    });
    for cut in [0, 1, bytes.len() / 2, bytes.len() - 1] {
        assert_ne!(verify(&bytes[..cut]).verdict, Verdict::Verified, "{cut} bytes");
    }
    assert_ne!(verify(&[bytes.as_slice(), b"\n"].concat()).verdict, Verdict::Verified);
}

#[test]
fn what_is_changed_after_sealing_breaks_the_seal() {
    let bundle = Bundle::from_bytes(&World::voted().bundle()).unwrap();
    contradicted(&rewritten(&bundle, "\"n_agree\":2", "\"n_agree\":3").encode(), &["seal", "outcome"]);
    contradicted(
        &rewritten(&bundle, "Thành viên 1", "Thành viên 9").encode(),
        &["seal", "vote-opened", "ballot-statements"],
    );
}

#[test]
fn a_dropped_ballot_is_missed() {
    let mut world = World::voted();
    world.ballots.remove(0);
    contradicted(&world.bundle(), &["ballot-entries", "vote-closed", "outcome"]);
    world.hidden.push(world.place(Act::BallotCast, 0));
    contradicted(&world.bundle(), &["vote-closed", "outcome"]);
}

#[test]
fn a_dropped_replacement_is_missed_even_if_it_changes_no_number() {
    let mut world = World::opened(3);
    world.cast(0, Choice::Agree);
    world.cast(0, Choice::Agree);
    world.close();
    world.ballots.remove(1);
    world.hidden.push(world.place(Act::BallotCast, 1));
    contradicted(&world.bundle(), &["vote-closed"]);
    let mut world = World::voted();
    world.ballots.remove(1);
    world.hidden.push(world.place(Act::BallotCast, 1));
    contradicted(&world.bundle(), &["ballot-versions", "vote-closed"]);
}

#[test]
fn swapped_signatures_and_swapped_entries_are_found() {
    let mut world = World::voted();
    let cms = world.ballots[0].cms.clone();
    world.ballots[0].cms = world.ballots[1].cms.clone();
    world.ballots[1].cms = cms;
    contradicted(&world.bundle(), &["ballot-signatures", "ballot-entries"]);
    let mut world = World::voted();
    let entry = world.ballots[0].entry;
    world.ballots[0].entry = world.ballots[1].entry;
    world.ballots[1].entry = entry;
    contradicted(&world.bundle(), &["ballot-entries"]);
    let mut world = World::voted();
    world.ballots[1] = world.ballots[0].clone();
    contradicted(&world.bundle(), &["ballot-entries", "ballot-versions", "vote-closed"]);
}

#[test]
fn a_ballot_by_somebody_not_on_the_roll_is_refused_though_logged() {
    let mut world = World::opened(3);
    world.cast(0, Choice::Agree);
    let mut statement = world.statement(1, Choice::Agree);
    statement.member = id(3);
    world.cast_as(&statement, 3);
    world.close();
    contradicted(&world.bundle(), &["ballot-statements", "ballot-signatures"]);
}

#[test]
fn a_ballot_signed_with_anothers_key_is_refused_though_logged() {
    let mut world = World::opened(3);
    let statement = world.statement(1, Choice::Agree);
    world.cast_as(&statement, 2);
    world.close();
    contradicted(&world.bundle(), &["ballot-signatures"]);
}

#[test]
fn a_ballot_by_the_card_that_the_roll_names_is_taken_from_that_member_alone() {
    let mut world = World::opened_with(3, Some((1, 3)));
    let by_card = world.statement(1, Choice::Agree);
    world.cast_as(&by_card, 3);
    world.cast(1, Choice::Disagree);
    world.close();
    assert_eq!(verify(&world.bundle()).verdict, Verdict::Verified);
    let mut world = World::opened_with(3, Some((1, 3)));
    let anothers = world.statement(2, Choice::Agree);
    world.cast_as(&anothers, 3);
    world.close();
    contradicted(&world.bundle(), &["ballot-signatures"]);
}

#[test]
fn a_ballot_about_something_else_is_refused_though_signed_and_logged() {
    let world = World::opened(3);
    let statement = world.statement(1, Choice::Agree);
    let digest = |bytes: &[u8]| Digest::of(bytes).to_string();
    for (from, to) in [
        ("Thông qua dự thảo".to_owned(), "Bác dự thảo"),
        (digest(b"paper"), digest(b"other paper").as_str()),
        ("ecabinet/ballot/v1".to_owned(), "ecabinet/ballot/v2"),
        (statement.roll.to_string(), digest(b"").as_str()),
        (statement.rules.to_string(), digest(b"").as_str()),
        (statement.item.to_string(), id::<()>(77).to_string().as_str()),
        (statement.meeting.to_string(), id::<()>(77).to_string().as_str()),
        ("\"agree\"".to_owned(), "\"other_opinion\""),
    ] {
        let mut world = world.clone();
        world.cast_as(&rewritten(&statement, &from, to), 1);
        world.close();
        contradicted(&world.bundle(), &["ballot-statements"]);
    }
}

#[test]
fn a_ballot_after_the_close_or_before_the_opening_is_refused_though_logged() {
    let mut world = World::opened(3);
    world.cast(0, Choice::Agree);
    world.close();
    world.cast(1, Choice::Agree);
    contradicted(&world.bundle(), &["ballot-entries", "vote-closed", "outcome"]);
    let mut world = World::opened(3);
    let opening = world.log.remove(world.place(Act::VoteOpened, 0));
    world.cast(0, Choice::Agree);
    world.log.push(opening);
    world.close();
    contradicted(&world.bundle(), &["ballot-entries"]);
}

#[test]
fn an_altered_outcome_is_counted_again() {
    let mut world = World::voted();
    world.outcome.n_agree = 3;
    world.outcome.n_disagree = 0;
    contradicted(&world.bundle(), &["outcome"]);
    // Even where the log was made to say so.
    let mut world = World::opened(3);
    world.cast(0, Choice::Agree);
    world.outcome.adopted = true;
    let casts: Vec<_> = world.casts.iter().map(|(cast, _)| *cast).collect();
    world.state(&VoteClosed::of(world.frozen.vote, &casts, &world.outcome));
    contradicted(&world.bundle(), &["outcome"]);
}

#[test]
fn a_missing_entry_is_missed() {
    let whole = World::voted();
    for (act, names) in [
        (Act::DocumentUploaded, ["papers"].as_slice()),
        (Act::VoteOpened, &["vote-opened", "ballot-entries"]),
        (Act::BallotCast, &["ballot-entries", "vote-closed"]),
        (Act::VoteClosed, &["vote-closed"]),
    ] {
        let mut world = whole.clone();
        world.hidden.push(world.place(act, 0));
        contradicted(&world.bundle(), names);
    }
}

#[test]
fn an_entry_that_is_not_in_the_log_is_refused() {
    let mut parts = World::voted().parts();
    parts.entries[1].text = parts.entries[1].text.replace("document-uploaded", "document-refused");
    contradicted(&seal(parts, &PKI.log), &["entries", "papers"]);
    let mut parts = World::voted().parts();
    parts.entries[1].index = 2;
    parts.entries.remove(2);
    contradicted(&seal(parts, &PKI.log), &["entries"]);
    let mut parts = World::voted().parts();
    parts.entries[2].proof.pop();
    contradicted(&seal(parts, &PKI.log), &["entries", "vote-opened"]);
}

#[test]
fn a_vote_opened_or_closed_twice_is_refused() {
    let mut world = World::voted();
    world.close();
    contradicted(&world.bundle(), &["vote-closed"]);
    let mut world = World::voted();
    world.state(&audit::acts::VoteOpened::of(&world.frozen.clone()));
    contradicted(&world.bundle(), &["vote-opened"]);
}

#[test]
fn another_statement_than_the_one_that_was_opened_is_refused() {
    let mut parts = World::voted().parts();
    parts.vote.rules.majority_more_than.numerator = 0;
    contradicted(&seal(parts, &PKI.log), &["vote-opened", "ballot-statements"]);
}

#[test]
fn another_log_key_is_refused() {
    let world = World::voted();
    let mut parts = world.parts();
    parts.certificates = PKI.other_log.chain.clone();
    contradicted(&seal(parts, &PKI.other_log), &["checkpoint"]);
    let mut parts = world.parts();
    parts.checkpoint = world.checkpoint(&PKI.other_log);
    contradicted(&seal(parts, &PKI.log), &["checkpoint"]);
}

#[test]
fn a_certificate_that_is_no_log_keys_cannot_seal() {
    let root = &PKI.root;
    let key = world::spki(&PKI.log.key);
    let parts = |name| {
        let mut parts = World::voted().parts();
        parts.certificates = world::certify(root, &key, name, 9, Profile::Log);
        parts
    };
    assert!(Bundle::prepare(parts("TEST batch")).embed(&[0; 64]).is_err());
    // A genuine certificate, for the same key, that does not say LOG, put in by hand.
    let bundle = Bundle::from_bytes(&World::voted().bundle()).unwrap();
    let own = |der: &[u8]| serde_json::to_string(&audit::bundle::Blob(der.to_vec())).unwrap();
    let other = &parts("TEST batch").certificates[0];
    let forged = rewritten(&bundle, &own(PKI.log.chain[0].to_der()), &own(other.to_der()));
    let report = verify(&forged.encode());
    for name in ["log-certificate", "seal-certificates"] {
        assert_eq!(report.check(name).unwrap().verdict, Verdict::Contradicted, "{name}");
    }
}

#[test]
fn a_certificate_that_leads_nowhere_is_not_carried_along() {
    let stranger = Authority::create_root("TEST stranger", NOW).unwrap();
    let mut parts = World::voted().parts();
    parts.certificates.push(stranger.certificate().clone());
    contradicted(&seal(parts, &PKI.log), &["log-certificate"]);
}

#[test]
fn a_bundle_made_before_its_last_entry_is_refused() {
    let mut parts = World::voted().parts();
    parts.made_at = NOW;
    contradicted(&seal(parts, &PKI.log), &["made-at"]);
}

#[test]
fn a_format_that_is_not_judged_is_named() {
    for (bytes, named) in [
        (b"PK\x03\x04mimetypeapplication/vnd.etsi.asic-e+zip %PDF-1.7".as_slice(), "ASiC container"),
        (b"PK\x03\x04word/document.xml", "ZIP file"),
        (b"<a><Signature xmlns='http://www.w3.org/2000/09/xmldsig#'/></a>", "signed XML document"),
    ] {
        let report = verify(bytes);
        let says = &report.check("kind").unwrap().says;
        assert!(says.contains(named) && says.contains("not a format that is judged here"), "{says}");
        assert_eq!(report.verdict, Verdict::CannotTell);
    }
}

#[test]
fn a_file_of_another_kind_cannot_be_told() {
    for bytes in [b"".as_slice(), b"{}", b"\xff\xfe", &canonical::to_bytes(&[1, 2, 3])] {
        assert_eq!(verify(bytes).verdict, Verdict::CannotTell);
    }
}
