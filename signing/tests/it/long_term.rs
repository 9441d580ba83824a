//! Signatures of every level under a clock that moves: what is still accepted, at which level, and since when proven.
//!
//! Source: `docs/sources.md`, entries `en319102`, `en319142`; decision 0015 says what is our own reading.

use signing::algorithm_policy::AlgorithmPolicy;
use signing::pades::{DocMdp, Dss};
use signing::register::{Reason, Register};
use signing::validation::{
    Context, Indication, Material, Report, RevocationRule, SignatureReport, TimestampReport, validate_in,
};
use signing::{Certificate, SignatureAlgorithm};

use crate::lasting::{CLOCK_DAYS, LATE_CLOCK_DAYS, Lasting, Registers, SIGNER_DAYS, Step, day};
use crate::world::{NOW, Person};

/// The day of signing.
const SIGNED: i64 = 10;
/// The day of the evidence; lists hold for thirty days.
const KEPT: i64 = 11;
/// The day of the document time-stamp.
const ARCHIVED: i64 = 12;

/// What a validation is given.
#[derive(Clone, Copy)]
struct Given<'a> {
    rule: RevocationRule,
    evidence: Option<&'a Material>,
    algorithms: Option<&'a AlgorithmPolicy>,
}

const LOOSE: Given<'static> = Given { rule: RevocationRule::WhereKnown, evidence: None, algorithms: None };
const STRICT: Given<'static> = Given { rule: RevocationRule::Required, ..LOOSE };

fn report(lasting: &Lasting, pdf: &[u8], on: i64, given: Given<'_>) -> Report {
    let trust = lasting.trust();
    let mut context = Context::at(Some(&trust), day(on));
    context.revocation = given.rule;
    context.evidence = given.evidence.unwrap_or(context.evidence);
    context.algorithms = given.algorithms.or(context.algorithms);
    validate_in(pdf, &context).unwrap()
}

fn proven(signature: &SignatureReport) -> String {
    match signature.proven_time {
        Some(time) => format!("day {}", (time.as_seconds() - NOW.as_seconds()) / 86_400),
        None => "unproven".to_owned(),
    }
}

/// Indication, sub-indication or level, proven time.
fn verdict(signature: &SignatureReport) -> String {
    let what = match signature.indication {
        Indication::TotalPassed => format!("passed {}", signature.level.unwrap_or("without a level")),
        Indication::TotalFailed => format!("failed {}", signature.sub_indication.unwrap()),
        Indication::Indeterminate => format!("unclear {}", signature.sub_indication.unwrap()),
    };
    format!("{what}, {}", proven(signature))
}

fn stamp_verdict(stamp: &TimestampReport) -> String {
    match stamp.indication {
        Indication::TotalPassed => "passed".to_owned(),
        Indication::TotalFailed => format!("failed {}", stamp.sub_indication.unwrap()),
        Indication::Indeterminate => format!("unclear {}", stamp.sub_indication.unwrap()),
    }
}

fn first(lasting: &Lasting, pdf: &[u8], on: i64, given: Given<'_>) -> String {
    verdict(&report(lasting, pdf, on, given).signatures[0])
}

type Row<'a> = (&'a str, &'a [u8], i64, Given<'a>, &'a str);

/// All rows are judged before the test fails, so that one run shows every difference.
fn assert_rows(lasting: &Lasting, rows: &[Row<'_>]) {
    let mut wrong = Vec::new();
    for (why, pdf, on, given, expected) in rows {
        let found = first(lasting, pdf, *on, *given);
        if found != *expected {
            let reason = &report(lasting, pdf, *on, *given).signatures[0].reason.clone();
            wrong.push(format!("{why} (day {on}): expected {expected}, found {found} [{reason}]"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// One paper at each level.
struct Levels {
    b: Vec<u8>,
    t: Vec<u8>,
    lt: Vec<u8>,
    lta: Vec<u8>,
}

fn levels(
    lasting: &Lasting,
    signer: &Person,
    certify: Option<DocMdp>,
    algorithm: Option<SignatureAlgorithm>,
) -> Levels {
    let paper = Lasting::paper();
    let plain = Step { certify, algorithm, ..Step::plain("nguoi-ky", day(SIGNED)) };
    let b = lasting.sign(&paper, signer, plain);
    let stamp = Some((&lasting.clock, day(SIGNED)));
    let t = lasting.sign(&paper, signer, Step { stamp, ..plain });
    let lt = Lasting::keep(&t, &lasting.evidence(&lasting.registers, day(KEPT)));
    let lta = lasting.archive(&lt, &lasting.clock, day(ARCHIVED));
    Levels { b, t, lt, lta }
}

fn ec(lasting: &Lasting) -> Levels {
    levels(lasting, &lasting.leader, None, None)
}

/// Registers with one more revocation.
fn revoked(registers: &Registers, who: &Certificate, on: i64, reason: Reason) -> Registers {
    let mut registers = registers.clone();
    let Registers { root, sub, clocks } = &mut registers;
    // Only one of them issued it: serial numbers differ throughout this world.
    let done = [root, sub, clocks].map(|register| register.revoke(&who.serial(), day(on), reason).is_ok());
    assert_eq!(done.iter().filter(|done| **done).count(), 1);
    registers
}

/// Evidence handed in beside the document: the lists of a day.
fn handed_in(lasting: &Lasting, registers: &Registers, on: i64) -> Material {
    Material { crls: lasting.lists(registers, day(on)), ..Material::default() }
}

/// An end that nobody here lives to see.
const NEVER: &str = "2999-01-01";

/// A policy that accepts ECDSA on P-256 for each use until a day.
fn policy(ends: &[(&str, &str)]) -> AlgorithmPolicy {
    let schemes: Vec<_> = ends
        .iter()
        .map(|(usage, until)| {
            serde_json::json!({
                "scheme": "ecdsa", "from_bits": 256, "until": until, "uses": [usage], "source": "ours",
            })
        })
        .collect();
    let policy = serde_json::json!({
        "id": "TEST", "title": "TEST", "citation": "TEST", "unconfirmed": [],
        "hashes": [{ "hash": "sha256", "source": "ours" }], "schemes": schemes,
    });
    AlgorithmPolicy::parse(&policy.to_string()).unwrap()
}

#[test]
fn every_level_lasts_as_long_as_it_promises() {
    let lasting = Lasting::new();
    let after_signer = SIGNER_DAYS + 10;
    let lists = handed_in(&lasting, &lasting.registers, after_signer);
    let fresh = Given { evidence: Some(&lists), ..STRICT };
    let late = handed_in(&lasting, &lasting.registers, CLOCK_DAYS + 1);
    let late = Given { evidence: Some(&late), ..STRICT };
    for (signer, algorithm, certify) in [
        (&lasting.leader, None, None),
        (&lasting.leader, None, Some(DocMdp::NoChanges)),
        (&lasting.organisation, None, None),
        (&lasting.organisation, Some(SignatureAlgorithm::RsaPssSha256), Some(DocMdp::FillAndSign)),
    ] {
        let Levels { b, t, lt, lta } = levels(&lasting, signer, certify, algorithm);
        let is_ec = signer.certificate == lasting.leader.certificate;
        // RSA of 2048 bits ends before the clock's certificate does.
        let end = if is_ec { "OUT_OF_BOUNDS_NO_POE" } else { "CRYPTO_CONSTRAINTS_FAILURE_NO_POE" };
        let end = format!("unclear {end}, unproven");
        assert_rows(
            &lasting,
            &[
                ("B-B on the day", &b, SIGNED, LOOSE, "passed B-B, unproven"),
                ("B-B without evidence", &b, SIGNED, STRICT, "unclear TRY_LATER, unproven"),
                (
                    "B-B after the certificate",
                    &b,
                    after_signer,
                    LOOSE,
                    "unclear OUT_OF_BOUNDS_NO_POE, unproven",
                ),
                ("B-T on the day", &t, SIGNED, LOOSE, "passed B-T, day 10"),
                ("B-T without evidence", &t, SIGNED, STRICT, "unclear TRY_LATER, unproven"),
                ("B-T after the certificate", &t, after_signer, LOOSE, "passed B-T, day 10"),
                (
                    "B-T with lists of after the certificate",
                    &t,
                    after_signer,
                    fresh,
                    "unclear OUT_OF_BOUNDS_NO_POE, day 10",
                ),
                ("B-T after the clock", &t, CLOCK_DAYS + 1, LOOSE, &end),
                ("B-LT when kept", &lt, KEPT, STRICT, "passed B-LT, day 10"),
                ("B-LT with stale lists only", &lt, 300, LOOSE, "passed B-LT, day 10"),
                ("B-LT with stale lists, strictly", &lt, 300, STRICT, "unclear TRY_LATER, unproven"),
                ("B-LT after the certificate", &lt, after_signer, fresh, "passed B-LT, day 10"),
                ("B-LT after the clock", &lt, CLOCK_DAYS + 1, late, &end),
                ("B-LTA when archived", &lta, ARCHIVED, STRICT, "passed B-LTA, day 10"),
                ("B-LTA after the certificate", &lta, after_signer, fresh, "passed B-LTA, day 10"),
                ("B-LTA after the clock", &lta, CLOCK_DAYS + 1, late, &end),
            ],
        );
    }
}

#[test]
fn a_document_time_stamp_carries_the_signature_over_the_end_of_the_first_clock() {
    let lasting = Lasting::new();
    let archived = ec(&lasting).lta;
    let renewal = CLOCK_DAYS - 5;
    let renewed = Lasting::keep(&archived, &lasting.evidence(&lasting.registers, day(renewal)));
    let renewed = lasting.archive(&renewed, &lasting.late_clock, day(renewal + 1));
    let late = CLOCK_DAYS + 500;
    let lists = handed_in(&lasting, &lasting.registers, late);
    let fresh = Given { evidence: Some(&lists), ..STRICT };
    let too_late = handed_in(&lasting, &lasting.registers, LATE_CLOCK_DAYS + 1);
    let too_late = Given { evidence: Some(&too_late), ..STRICT };
    assert_rows(
        &lasting,
        &[
            ("renewed", &renewed, late, fresh, "passed B-LTA, day 10"),
            (
                "renewed, without the new lists",
                &renewed,
                late,
                STRICT,
                "unclear OUT_OF_BOUNDS_NO_POE, unproven",
            ),
            ("not renewed", &archived, late, fresh, "unclear OUT_OF_BOUNDS_NO_POE, unproven"),
            (
                "after the last clock",
                &renewed,
                LATE_CLOCK_DAYS + 1,
                too_late,
                "unclear OUT_OF_BOUNDS_NO_POE, unproven",
            ),
        ],
    );
    // Renewed too late: the first clock's certificate had ended.
    let gap = lasting.archive(&archived, &lasting.late_clock, day(CLOCK_DAYS + 1));
    let found = report(&lasting, &gap, late, fresh);
    assert_eq!(verdict(&found.signatures[0]), "unclear OUT_OF_BOUNDS_NO_POE, day 1461");
    assert_eq!(stamp_verdict(&found.timestamps[0]), "unclear OUT_OF_BOUNDS_NO_POE");
    assert_eq!(stamp_verdict(&found.timestamps[1]), "passed");
}

#[test]
fn revocation_counts_from_its_day_and_a_time_stamp_before_it_helps() {
    let lasting = Lasting::new();
    let Levels { b, t, lt, lta } = ec(&lasting);
    let signer = &lasting.leader.certificate;
    let on = |who, when| revoked(&lasting.registers, who, when, Reason::KeyCompromise);
    let lists = |registers: &Registers| handed_in(&lasting, registers, 20);
    let [before, after] = [SIGNED - 1, SIGNED + 1].map(|when| lists(&on(signer, when)));
    let [before, after] = [&before, &after].map(|lists| Given { evidence: Some(lists), ..STRICT });
    let [sub_before, sub_after] =
        [SIGNED - 1, SIGNED + 3].map(|when| lists(&on(lasting.sub.certificate(), when)));
    let [sub_before, sub_after] =
        [&sub_before, &sub_after].map(|lists| Given { evidence: Some(lists), ..STRICT });
    let [clock_before, clock_after] =
        [SIGNED - 1, ARCHIVED + 1].map(|when| lists(&on(&lasting.clock.certificate, when)));
    let [clock_before, clock_after] =
        [&clock_before, &clock_after].map(|lists| Given { evidence: Some(lists), ..STRICT });
    // A second clock, under the same authority, stamped the archive again.
    let twice = Lasting::keep(&lta, &lasting.evidence(&lasting.registers, day(ARCHIVED)));
    let twice = lasting.archive(&twice, &lasting.late_clock, day(ARCHIVED));
    assert_rows(
        &lasting,
        &[
            ("B-B, revoked before", &b, 20, before, "unclear REVOKED_NO_POE, unproven"),
            ("B-B, revoked after, but who can tell", &b, 20, after, "unclear REVOKED_NO_POE, unproven"),
            ("B-T, revoked before", &t, 20, before, "unclear REVOKED_NO_POE, day 10"),
            ("B-T, revoked after", &t, 20, after, "passed B-T, day 10"),
            (
                "B-LT, revoked before, though its own lists do not know",
                &lt,
                20,
                before,
                "unclear REVOKED_NO_POE, day 10",
            ),
            ("B-LT, revoked after", &lt, 20, after, "passed B-LT, day 10"),
            ("B-LTA, revoked before", &lta, 20, before, "unclear REVOKED_NO_POE, day 10"),
            ("B-LTA, revoked after", &lta, 20, after, "passed B-LTA, day 10"),
            ("B-T, authority revoked before", &t, 20, sub_before, "unclear REVOKED_CA_NO_POE, day 10"),
            (
                "B-LT, authority revoked after: its lists are not proven to be older",
                &lt,
                20,
                sub_after,
                "unclear REVOKED_CA_NO_POE, day 10",
            ),
            (
                "B-LTA, authority revoked after its lists were archived",
                &lta,
                20,
                sub_after,
                "passed B-LTA, day 10",
            ),
            ("B-LTA, authority revoked before", &lta, 20, sub_before, "unclear REVOKED_CA_NO_POE, day 10"),
            ("B-T, clock revoked before", &t, 20, clock_before, "passed B-B, unproven"),
            ("B-T, clock revoked after", &t, 20, clock_after, "passed B-B, unproven"),
            ("B-LTA, clock revoked after, nobody vouches", &lta, 20, clock_after, "passed B-B, unproven"),
            (
                "archived twice, first clock revoked in between",
                &twice,
                20,
                clock_after,
                "passed B-LTA, day 10",
            ),
        ],
    );
}

#[test]
fn an_end_of_an_algorithm_is_mended_by_a_proof_from_before() {
    let lasting = Lasting::new();
    let Levels { b, t, lta, .. } = ec(&lasting);
    // 2026-06-12 is day 5, 2026-06-27 is day 20.
    let [ended_before, ended_after] = ["2026-06-12", "2026-06-27"]
        .map(|until| policy(&[("signature", until), ("certificate", NEVER), ("time_stamp", NEVER)]));
    let all_ended = policy(&["signature", "certificate", "time_stamp"].map(|usage| (usage, "2026-06-27")));
    let given = |algorithms| Given { algorithms: Some(algorithms), ..LOOSE };
    assert_rows(
        &lasting,
        &[
            ("B-B", &b, 25, given(&ended_after), "unclear CRYPTO_CONSTRAINTS_FAILURE_NO_POE, unproven"),
            ("B-B in time", &b, 15, given(&ended_after), "passed B-B, unproven"),
            ("B-T, signature's algorithm ended since", &t, 25, given(&ended_after), "passed B-T, day 10"),
            (
                "B-T, ended before",
                &t,
                25,
                given(&ended_before),
                "unclear CRYPTO_CONSTRAINTS_FAILURE_NO_POE, day 10",
            ),
            (
                "B-T, the time-stamp's ended too",
                &t,
                25,
                given(&all_ended),
                "unclear CRYPTO_CONSTRAINTS_FAILURE_NO_POE, unproven",
            ),
            (
                "B-LTA, all time-stamps' ended too",
                &lta,
                25,
                given(&all_ended),
                "unclear CRYPTO_CONSTRAINTS_FAILURE_NO_POE, unproven",
            ),
            ("B-LTA, ended since", &lta, 25, given(&ended_after), "passed B-LTA, day 10"),
        ],
    );
}

#[test]
fn what_evidence_says_of_revocation_outlives_the_evidence() {
    let lasting = Lasting::new();
    let Levels { b, t, .. } = ec(&lasting);
    let signer = &lasting.leader.certificate;
    let good = lasting.registers.clone();
    let lists = |on: i64, registers: &Registers| lasting.lists(registers, day(on));
    let material = |crls: Vec<Vec<u8>>| Material { crls, ..Material::default() };
    let gone = revoked(&good, signer, 8, Reason::CessationOfOperation);
    let held = revoked(&good, signer, 8, Reason::CertificateHold);
    let released = good.clone();
    let stale_good = material(lists(10, &good));
    // Only the signing authority's own list is stale.
    let roots = || vec![lasting.root.crl_of(&good.root, day(44)).unwrap()];
    let stale_revoked = material([lists(9, &gone), roots()].concat());
    let revoked_then_good = material([lists(9, &gone), lists(44, &good)].concat());
    let stale_held = material([lists(9, &held), roots()].concat());
    let held_then_released = material([lists(20, &held), lists(30, &released)].concat());
    let good_then_held = material([lists(20, &good), lists(30, &held)].concat());
    let from_the_future = material(lists(50, &good));
    let given = |evidence| Given { evidence: Some(evidence), ..LOOSE };
    let strict = |evidence| Given { evidence: Some(evidence), ..STRICT };
    assert_rows(
        &lasting,
        &[
            ("a stale good list", &b, 45, given(&stale_good), "passed B-B, unproven"),
            (
                "a stale list that says revoked",
                &b,
                45,
                given(&stale_revoked),
                "unclear REVOKED_NO_POE, unproven",
            ),
            (
                "revoked once, good later: revoked",
                &b,
                45,
                strict(&revoked_then_good),
                "unclear REVOKED_NO_POE, unproven",
            ),
            ("a stale hold", &b, 45, given(&stale_held), "unclear REVOKED_NO_POE, unproven"),
            ("held, then released", &b, 45, strict(&held_then_released), "passed B-B, unproven"),
            (
                "held, then released, asked in between",
                &b,
                25,
                strict(&held_then_released),
                "unclear REVOKED_NO_POE, unproven",
            ),
            ("good, then held", &b, 31, strict(&good_then_held), "unclear REVOKED_NO_POE, unproven"),
            ("only lists of later", &b, 45, strict(&from_the_future), "unclear TRY_LATER, unproven"),
            (
                "stamped during a hold that was not released",
                &t,
                31,
                strict(&good_then_held),
                "unclear REVOKED_NO_POE, day 10",
            ),
        ],
    );
}

#[test]
fn answers_count_beside_lists() {
    let lasting = Lasting::new();
    let Levels { b, t, .. } = ec(&lasting);
    let signer = &lasting.leader.certificate;
    let gone = revoked(&lasting.registers, signer, 8, Reason::KeyCompromise);
    let nobody = Registers { sub: Register::default(), ..lasting.registers.clone() };
    let root_list = || vec![lasting.root.crl_of(&lasting.registers.root, day(10)).unwrap()];
    let with = |registers: &Registers, crls: Vec<Vec<u8>>| Material {
        crls,
        ocsps: vec![lasting.ocsp(signer, registers, day(10))],
        ..Material::default()
    };
    let good = with(&lasting.registers, root_list());
    let unknown = with(&nobody, root_list());
    let unknown_but_listed_good = with(&nobody, lasting.lists(&lasting.registers, day(10)));
    let revoked_but_listed_good = with(&gone, lasting.lists(&lasting.registers, day(10)));
    let mut revoked_long_ago = with(&gone, lasting.lists(&lasting.registers, day(195)));
    revoked_long_ago.crls.remove(1);
    let given = |evidence| Given { evidence: Some(evidence), ..LOOSE };
    let strict = |evidence| Given { evidence: Some(evidence), ..STRICT };
    assert_rows(
        &lasting,
        &[
            ("good", &b, 10, strict(&good), "passed B-B, unproven"),
            ("a stale good answer, without a proof", &b, 12, strict(&good), "unclear TRY_LATER, unproven"),
            ("unknown", &b, 10, given(&unknown), "unclear TRY_LATER, unproven"),
            ("unknown, strictly", &b, 10, strict(&unknown), "unclear TRY_LATER, unproven"),
            (
                "unknown, but a list says good",
                &b,
                10,
                strict(&unknown_but_listed_good),
                "passed B-B, unproven",
            ),
            (
                "revoked, but a list says good",
                &b,
                10,
                strict(&revoked_but_listed_good),
                "unclear REVOKED_NO_POE, unproven",
            ),
            (
                "revoked, though the answer is old",
                &t,
                200,
                given(&revoked_long_ago),
                "unclear REVOKED_NO_POE, day 10",
            ),
        ],
    );
}

#[test]
fn times_that_contradict_each_other_prove_nothing() {
    let lasting = Lasting::new();
    let paper = Lasting::paper();
    let sign = |claimed: i64, clock: &Person, stamped: i64| {
        let stamp = Some((clock, day(stamped)));
        lasting.sign(&paper, &lasting.leader, Step { stamp, ..Step::plain("nguoi-ky", day(claimed)) })
    };
    // Its own certificate begins on day 5.
    let spki = lasting.leader.key.public_key_to_der().unwrap();
    let subject = signing::authority::Subject::named("Người mới (THỬ NGHIỆM)");
    let validity = signing::authority::Validity::days(day(5), 100);
    let profile = signing::authority::Profile::Person;
    let certificate = lasting.sub.issue_signer(&spki, &subject, 1077, validity, profile).unwrap();
    let newcomer = Person { key: lasting.leader.key.clone(), certificate };
    let step = Step { stamp: Some((&lasting.clock, day(3))), ..Step::plain("nguoi-ky", day(3)) };
    let too_early = lasting.sign(&paper, &newcomer, step);
    let younger = lasting.archive(&sign(10, &lasting.clock, 12), &lasting.late_clock, day(11));
    let future = sign(10, &lasting.clock, 30);
    let claims_a_day = sign(11, &lasting.clock, 10);
    let claims_a_week = sign(17, &lasting.clock, 10);
    let claims_earlier = sign(1, &lasting.clock, 10);
    assert_rows(
        &lasting,
        &[
            ("older than its certificate", &too_early, 20, LOOSE, "unclear NOT_YET_VALID, day 3"),
            (
                "younger than the time-stamp over it",
                &younger,
                20,
                LOOSE,
                "unclear TIMESTAMP_ORDER_FAILURE, day 11",
            ),
            ("stamped in the future", &future, 20, LOOSE, "unclear TIMESTAMP_ORDER_FAILURE, unproven"),
            ("the same, when it has come", &future, 30, LOOSE, "passed B-T, day 30"),
            ("claims a day later than proven", &claims_a_day, 20, LOOSE, "passed B-T, day 10"),
            (
                "claims a week later than proven",
                &claims_a_week,
                20,
                LOOSE,
                "unclear SIG_CONSTRAINTS_FAILURE, day 10",
            ),
            ("claims earlier than proven", &claims_earlier, 20, LOOSE, "passed B-T, day 10"),
        ],
    );
    let two = lasting.archive(&sign(10, &lasting.clock, 10), &lasting.clock, day(15));
    let two = lasting.archive(&two, &lasting.late_clock, day(12));
    let found = report(&lasting, &two, 20, LOOSE);
    assert_eq!(stamp_verdict(&found.timestamps[0]), "unclear TIMESTAMP_ORDER_FAILURE");
    assert_eq!(stamp_verdict(&found.timestamps[1]), "passed");
    assert!(!found.is_passed());
}

#[test]
fn the_archive_counts_only_over_the_evidence() {
    let lasting = Lasting::new();
    let Levels { t, lt, lta, .. } = ec(&lasting);
    let evidence = lasting.evidence(&lasting.registers, day(KEPT));
    let beside = Lasting::keep(&lasting.archive(&t, &lasting.clock, day(KEPT)), &evidence);
    let forged = Dss {
        crls: vec![b"TEST no list".to_vec()],
        ocsps: vec![b"TEST no answer".to_vec()],
        ..Dss::default()
    };
    let forged_only = Lasting::keep(&t, &forged);
    let forged_too = Lasting::keep(&lt, &forged);
    let stranger = Lasting::new();
    let strangers = Lasting::keep(&t, &stranger.evidence(&stranger.registers, day(KEPT)));
    let without_clock = Dss { crls: evidence.crls[..2].to_vec(), ..evidence.clone() };
    let without_clock = Lasting::keep(&t, &without_clock);
    assert_rows(
        &lasting,
        &[
            ("over the store", &lta, ARCHIVED, STRICT, "passed B-LTA, day 10"),
            ("not over the store", &beside, ARCHIVED, STRICT, "passed B-LT, day 10"),
            ("a forged store", &forged_only, ARCHIVED, STRICT, "unclear TRY_LATER, unproven"),
            ("a forged store where none is asked", &forged_only, ARCHIVED, LOOSE, "passed B-T, day 10"),
            ("forged values beside true ones", &forged_too, ARCHIVED, STRICT, "passed B-LT, day 10"),
            ("another world's evidence", &strangers, ARCHIVED, STRICT, "unclear TRY_LATER, unproven"),
            ("nothing about the clock", &without_clock, ARCHIVED, LOOSE, "passed B-T, day 10"),
            ("nothing about the clock, strictly", &without_clock, ARCHIVED, STRICT, "passed B-B, unproven"),
        ],
    );
}

#[test]
fn somebody_elses_time_stamp_proves_nothing() {
    let lasting = Lasting::new();
    let paper = Lasting::paper();
    let plain = Step::plain("nguoi-ky", day(SIGNED));
    let stamp = Some((&lasting.clock, day(SIGNED)));
    let step = Step { stamp, ..plain };
    let [one, other] = [(); 2].map(|()| lasting.sign(&paper, &lasting.leader, step));
    // The same length of everything, so that the token can be laid over the other one.
    let contents = |pdf: &[u8]| {
        let at = pdf.windows(11).rposition(|window| window == b"/Contents <").unwrap() + 11;
        at..at + pdf[at..].iter().position(|byte| *byte == b'>').unwrap()
    };
    let der = |pdf: &[u8]| hex_bytes(&pdf[contents(pdf)]);
    let token = |der: &[u8]| signing::cades::time_stamps(trimmed(der)).unwrap()[0].to_der().to_vec();
    let (own, foreign) = (token(&der(&one)), token(&der(&other)));
    let Some(at) = der(&one).windows(own.len()).position(|window| window == own) else { panic!() };
    let mut moved = one.clone();
    let start = contents(&one).start + 2 * at;
    let digits: String = foreign.iter().map(|byte| format!("{byte:02x}")).collect();
    if foreign.len() == own.len() {
        moved[start..start + digits.len()].copy_from_slice(digits.as_bytes());
        assert_eq!(first(&lasting, &moved, SIGNED, LOOSE), "failed HASH_FAILURE, unproven");
    }
    // A document time-stamp of another file at the same place.
    let [one, other] = [&one, &other].map(|pdf| lasting.archive(pdf, &lasting.clock, day(ARCHIVED)));
    let mut moved = one.clone();
    let (to, from) = (contents(&one), contents(&other));
    assert_eq!(to.len(), from.len());
    moved[to].copy_from_slice(&other[from]);
    let found = report(&lasting, &moved, ARCHIVED, LOOSE);
    assert_eq!(stamp_verdict(&found.timestamps[0]), "failed HASH_FAILURE");
    assert!(!found.is_passed());
    assert_eq!(verdict(&found.signatures[0]), "passed B-T, day 10");
}

fn hex_bytes(digits: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(digits).unwrap();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// The one element at the start.
fn trimmed(der: &[u8]) -> &[u8] {
    let len = usize::from(der[2]) * 256 + usize::from(der[3]) + 4;
    assert_eq!(der[1], 0x82);
    &der[..len]
}

#[test]
fn no_flipped_digit_of_a_token_gives_a_better_verdict() {
    let lasting = Lasting::new();
    let Levels { t, lta, .. } = ec(&lasting);
    let contents = |pdf: &[u8]| {
        let at = pdf.windows(11).rposition(|window| window == b"/Contents <").unwrap() + 11;
        let end = at + pdf[at..].iter().position(|byte| *byte == b'>').unwrap();
        at..at + 2 * trimmed(&hex_bytes(&pdf[at..end])).len()
    };
    // A token may carry certificates that are elsewhere in the document too: whether these copies are damaged does
    // not matter.
    let spares = [lasting.clocks.certificate(), &lasting.clock.certificate]
        .map(|certificate| certificate.to_der().iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    let is_spare = |pdf: &[u8], at: usize| {
        spares.iter().any(|spare| {
            let start = pdf.windows(spare.len()).rposition(|window| window == spare.as_bytes()).unwrap();
            (start..start + spare.len()).contains(&at)
        })
    };
    for (pdf, expected, step) in [(t, "passed B-T, day 10", 19), (lta, "passed B-LTA, day 10", 23)] {
        assert_eq!(first(&lasting, &pdf, ARCHIVED, LOOSE), expected);
        for at in contents(&pdf).step_by(step) {
            let mut changed = pdf.clone();
            changed[at] = if changed[at] == b'3' { b'5' } else { b'3' };
            let found = report(&lasting, &changed, ARCHIVED, LOOSE);
            let signature = &found.signatures[0];
            let is_same = verdict(signature) == expected && found.is_passed();
            assert!(!is_same || is_spare(&pdf, at), "digit {at}: still {expected}");
            let is_older = signature.proven_time.is_some_and(|time| time < day(SIGNED));
            assert!(!is_older, "digit {at}: proven to be older than before");
        }
    }
}

#[test]
fn two_signers_with_the_seal_over_a_third_last_together() {
    let lasting = Lasting::new();
    let stamp = Some((&lasting.clock, day(SIGNED)));
    let step = Step { stamp, ..Step::plain("nguoi-ky", day(SIGNED)) };
    let step = Step { certify: Some(DocMdp::FillAndSign), ..step };
    let signed = lasting.sign(&Lasting::paper(), &lasting.leader, step);
    let stamp = Some((&lasting.clock, day(KEPT)));
    let seal = Step { stamp, ..Step::plain("co-quan", day(KEPT)) };
    let sealed = lasting.sign(&signed, &lasting.organisation, seal);
    let kept = Lasting::keep(&sealed, &lasting.evidence(&lasting.registers, day(ARCHIVED)));
    let archived = lasting.archive(&kept, &lasting.clock, day(ARCHIVED));
    assert!(archived.starts_with(&kept) && kept.starts_with(&sealed) && sealed.starts_with(&signed));
    let lists = handed_in(&lasting, &lasting.registers, SIGNER_DAYS + 1);
    for (on, given) in [(ARCHIVED, STRICT), (SIGNER_DAYS + 1, Given { evidence: Some(&lists), ..STRICT })] {
        let found = report(&lasting, &archived, on, given);
        let verdicts: Vec<_> = found.signatures.iter().map(verdict).collect();
        assert_eq!(verdicts, ["passed B-LTA, day 10", "passed B-LTA, day 11"]);
        assert!(found.is_passed());
    }
}

#[test]
fn evidence_that_a_revoked_authority_could_have_forged_is_not_believed() {
    let lasting = Lasting::new();
    let signer = &lasting.leader.certificate;
    let gone = revoked(&lasting.registers, signer, SIGNED - 1, Reason::KeyCompromise);
    // The thief of the authority's key leaves the true lists out and makes an answer of his own.
    let t = ec(&lasting).t;
    let authority_gone = revoked(&gone, lasting.sub.certificate(), 15, Reason::CaCompromise);
    let forged = Dss {
        crls: vec![
            lasting.root.crl_of(&authority_gone.root, day(20)).unwrap(),
            lasting.clocks.crl_of(&authority_gone.clocks, day(20)).unwrap(),
        ],
        ocsps: vec![lasting.ocsp(signer, &lasting.registers, day(10))],
        ..Dss::default()
    };
    let pdf = Lasting::keep(&t, &forged);
    let archived_late = lasting.archive(&pdf, &lasting.clock, day(20));
    assert_rows(
        &lasting,
        &[
            ("in the store", &pdf, 20, STRICT, "unclear REVOKED_CA_NO_POE, day 10"),
            ("where revocation counts if known", &pdf, 20, LOOSE, "unclear REVOKED_CA_NO_POE, day 10"),
            ("archived after the theft", &archived_late, 20, STRICT, "unclear REVOKED_CA_NO_POE, day 10"),
        ],
    );
}

#[test]
fn a_document_full_of_lists_does_not_crowd_out_what_the_caller_knows() {
    let lasting = Lasting::new();
    let stranger = signing::authority::Authority::create_root("TEST stranger", NOW).unwrap();
    let b = ec(&lasting).b;
    let gone = revoked(&lasting.registers, &lasting.leader.certificate, 8, Reason::KeyCompromise);
    let crls = (0..300).map(|number| stranger.crl(day(5).plus_seconds(number)).unwrap()).collect();
    let full = Lasting::keep(&b, &Dss { crls, ..Dss::default() });
    let known = handed_in(&lasting, &gone, 12);
    let given = Given { evidence: Some(&known), ..LOOSE };
    assert_rows(&lasting, &[("crowded", &full, 12, given, "unclear REVOKED_NO_POE, unproven")]);
}
