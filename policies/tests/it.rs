//! Bundles from folders: what is refused, with its place; and what an evaluation error does.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test may panic, also in what it calls")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use cabinet::{Id, Timestamp};
use policies::action::{CastBallot, CreateMeeting, OpenVote, ReadMetrics};
use policies::resource::{MeetingState, Office, Sitting, System, Vote, VoteState};
use policies::{BundleError, Factor, Forbidden, Policy, Principal, Role};
use tempfile::TempDir;
use uuid::Uuid;

const NOW: Timestamp = Timestamp::from_micros(1_780_823_131_000_000);

/// A folder with our own bundle in it, to be broken.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("bundle");
    for entry in fs::read_dir(ours).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    folder
}

fn principal(role: Role) -> Principal {
    Principal {
        id: Id::from_uuid(Uuid::from_u128(1)),
        roles: [role].into(),
        factors: [Factor::Password, Factor::Totp].into(),
        authenticated_at: NOW,
        session_epoch: 7,
        unit: Some("THỬ NGHIỆM".to_owned()),
        assists: None,
    }
}

fn open_vote() -> Vote {
    let member = Id::from_uuid(Uuid::from_u128(1));
    Vote {
        id: Id::from_uuid(Uuid::from_u128(9)),
        version: 42,
        sitting: Sitting {
            chair: Id::from_uuid(Uuid::from_u128(2)),
            secretary: Id::from_uuid(Uuid::from_u128(3)),
            members: [member].into(),
            substitutes: BTreeSet::new(),
            guests: BTreeSet::new(),
            state: MeetingState::InSession,
        },
        roll: [member].into(),
        state: VoteState::Open,
    }
}

#[test]
fn a_permit_holds_what_was_judged() {
    let policy = Policy::embedded().unwrap();
    let vote = open_vote();
    let permit = policy.permit(&principal(Role::Member), CastBallot, &vote, NOW).unwrap();
    assert_eq!(permit.action(), "CastBallot");
    assert_eq!(permit.principal(), Id::from_uuid(Uuid::from_u128(1)));
    assert_eq!(permit.resource_id(), vote.id.to_string());
    assert_eq!(permit.resource_version(), 42);
    assert_eq!(permit.bundle(), policy.digest());
    assert_eq!(permit.session_epoch(), 7);
    assert_eq!(permit.expires(), NOW.plus_seconds(policies::permit::PERMIT_VALID_S));
    assert_eq!(permit.because().policies, ["members-on-the-roll-vote"]);
}

#[test]
fn the_embedded_bundle_is_the_folders() {
    let loaded = Policy::load(folder().path()).unwrap();
    assert_eq!(loaded.digest(), Policy::embedded().unwrap().digest());
}

#[test]
fn any_changed_byte_changes_the_digest() {
    let folder = folder();
    let path = folder.path().join("oversight.cedar");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text + "\n").unwrap();
    assert_ne!(Policy::load(folder.path()).unwrap().digest(), Policy::embedded().unwrap().digest());
}

/// Replaces the first `old` in `file` by `new`; the bundle must be refused at `file:line`, saying `says`.
#[track_caller]
fn refused(file: &str, old: &str, new: &str, says: &str) {
    let folder = folder();
    let path = folder.path().join(file);
    let text = fs::read_to_string(&path).unwrap();
    let at = text.find(old).expect("the text to break");
    let line = text[..at].matches('\n').count() + 1;
    fs::write(&path, text.replacen(old, new, 1)).unwrap();
    let err = Policy::load(folder.path()).unwrap_err().to_string();
    assert!(err.starts_with(&format!("{file}:{line}: ")), "expected {file}:{line}, got {err}");
    assert!(err.contains(says), "{err}");
}

#[test]
fn a_wrong_text_is_refused_at_its_file_and_line() {
    refused("vote.cedar", "resource.roll.contains", "resource.rolls.contains", "rolls");
    refused("vote.cedar", "Role::\"assistant\"", "Role::\"asistant\"", "asistant");
    refused("timely.cedar", "MeetingState::\"ended\"", "MeetingState::\"over\"", "over");
    let operators =
        "@id(\"operators-keep-it-running\")\npermit (\n  principal in Role::\"operator\",\n  action in [";
    refused("oversight.cedar", operators, &format!("{operators}Action::\"Opperate\", "), "applicable action");
    refused("always.cedar", "||", "|| ||", "unexpected token");
    refused("always.cedar", "context.signed_in_s > 43200", "context.signed_in_s > \"12h\"", "type");
    refused("vote.cedar", "principal has assists && ", "", "assists");
    refused("oversight.cedar", "@id(\"auditors-check-evidence\")\npermit", "permit", "@id");
    refused("oversight.cedar", "@id(\"operators-keep-it-running\")", "@id(\"auditors-read-the-log\")", "");
    refused(
        "timely.cedar",
        "@id(\"drafts-are-signed\")\n@untimely(\"resolution-already-signed\")",
        "@id(\"x\")",
        "code",
    );
    refused(
        "resolution.cedar",
        "@id(\"prime-minister-signs\")",
        "@id(\"y\") @refused(\"z\")",
        "a permit has no code",
    );
    refused("schema.cedarschema", "entity Log enum", "entity Log enumm", "unexpected token");
    refused(
        "tests.toml",
        "{ who = \"guest\", does = \"Search\"",
        "{ who = \"ghost\", does = \"Search\"",
        "ghost",
    );
    refused("tests.toml", "cases = [", "case = [", "case");
}

#[test]
fn a_policy_that_can_never_apply_is_refused() {
    refused(
        "oversight.cedar",
        "@id(\"security-officers-read-policies\")\npermit (principal in Role::\"security_officer\", action == Action::\"ReadPolicies\", resource);",
        "@id(\"p\")\npermit (principal in Role::\"security_officer\", action == Action::\"ReadPolicies\", resource is Vote);",
        "impossible",
    );
}

#[test]
fn a_bundle_that_fails_its_own_tests_is_refused() {
    let folder = folder();
    let path = folder.path().join("vote.cedar");
    let text = fs::read_to_string(&path).unwrap();
    // Anybody on the roll, also one who is no member any more: the tests know better.
    fs::write(
        &path,
        text.replace(
            "principal in Role::\"member\", action == Action::\"CastBallot\"",
            "principal in Role::\"guest\", action == Action::\"CastBallot\"",
        ),
    )
    .unwrap();
    let err = Policy::load(folder.path()).unwrap_err().to_string();
    assert!(err.starts_with("tests.toml:") && err.contains("CastBallot"), "{err}");
}

#[test]
fn an_act_without_a_case_is_refused() {
    let folder = folder();
    let path = folder.path().join("tests.toml");
    let text = fs::read_to_string(&path).unwrap();
    let without: Vec<_> = text.lines().filter(|line| !line.contains("\"ReadPolicies\"")).collect();
    fs::write(&path, without.join("\n")).unwrap();
    let err = Policy::load(folder.path()).unwrap_err().to_string();
    assert!(err.contains("ReadPolicies"), "{err}");
}

#[test]
fn a_folder_with_a_stray_or_a_missing_file_is_refused() {
    let stray = folder();
    fs::write(stray.path().join("vote.cedar.bak"), "").unwrap();
    assert!(matches!(Policy::load(stray.path()), Err(BundleError::Folder(_))));

    let missing = folder();
    fs::remove_file(missing.path().join("tests.toml")).unwrap();
    assert!(matches!(Policy::load(missing.path()), Err(BundleError::Folder(_))));

    assert!(matches!(Policy::load(Path::new("/nonexistent")), Err(BundleError::Unreadable { .. })));
}

#[test]
fn a_schema_with_other_acts_is_of_another_release() {
    let folder = folder();
    let path = folder.path().join("schema.cedarschema");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("ReadMetrics, Operate,", "ReadMetrics, Operate, Reboot,")).unwrap();
    let err = Policy::load(folder.path()).unwrap_err();
    assert!(matches!(err, BundleError::OtherRelease(_)) && err.to_string().contains("Reboot"), "{err}");
}

/// A `forbid` that overflows is skipped by Cedar, and the `permit` would win: we deny.
#[test]
fn a_policy_that_cannot_be_evaluated_denies() {
    let folder = folder();
    let overflow = "@id(\"overflow\") @refused(\"late\")\n\
        forbid (principal, action == Action::\"ReadMetrics\", resource)\n\
        when { context.signed_in_s * 4611686018427387904 > 9 };";
    fs::write(folder.path().join("zz.cedar"), overflow).unwrap();
    let policy = Policy::load(folder.path()).unwrap();
    let operator = principal(Role::Operator);

    assert!(policy.allows(&operator, ReadMetrics, &System, NOW));
    let later = NOW.plus_seconds(3);
    assert!(!policy.allows(&operator, ReadMetrics, &System, later));
    let Err(Forbidden::Refused { code, because }) = policy.permit(&operator, ReadMetrics, &System, later)
    else {
        panic!("must be refused");
    };
    assert_eq!(code, "policy-error");
    // Cedar alone would have allowed: only the permitting policy is among its reasons.
    assert_eq!(because.policies, ["operators-keep-it-running"]);
    assert!(because.errors.iter().any(|says| says.contains("overflow")), "{because:?}");
}

#[test]
fn acts_listed_are_acts_permitted() {
    let policy = Policy::embedded().unwrap();
    let secretary = principal(Role::Secretary);
    assert!(policy.allows(&secretary, CreateMeeting, &Office, NOW));
    assert!(!policy.allows(&principal(Role::Guest), CreateMeeting, &Office, NOW));
    // An act is asked only of what it is done on: `policy.allows(…, OpenVote, &Office, …)` does not compile.
    let _: fn(&Policy, &Principal, OpenVote, &policies::resource::AgendaItem, Timestamp) -> bool =
        Policy::allows;
}
