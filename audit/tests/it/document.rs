//! Anybody's signed documents: time-stamps, evidence handed in, the XML report, signatures beside their content.

use std::path::Path;
use std::process::{Command, Output};

use cabinet::{Digest, Timestamp};
use openssl::pkey::{PKey, Private};
use signing::authority::{Authority, Profile, Subject, Validity};
use signing::pades::{self, Room};
use signing::timestamp::{Accuracy, Answer, Policy, Request, Settings, respond, verify_response};
use signing::trust::{Anchor, Bundle, Purpose};
use signing::{Hash, Imprint, cades};

use crate::resolution::{authorised, draft};
use crate::world::{Holder, NOW, PKI, certify, sign_raw};

const AT: &str = "--at=2026-06-08T00:00:00+07:00";

/// An authority for time-stamps under the TEST root, and the one that certified it.
fn clock() -> (Holder<PKey<Private>>, Authority) {
    let sub = PKI.root.create_sub("TEST sub for time-stamps", NOW).unwrap();
    let key = PKI.members[0].key.clone();
    let spki = key.public_key_to_der().unwrap();
    let chain = certify(&sub, &spki, "TEST time-stamping authority", 300, Profile::TimeStamping);
    (Holder { key, chain }, sub)
}

fn stamped(pdf: &[u8], clock: &Holder<PKey<Private>>, at: Timestamp) -> Vec<u8> {
    let prepared = pades::prepare_document_timestamp(pdf, Room::TIMESTAMPED).unwrap();
    let imprint = Imprint::parse(Hash::Sha256, prepared.digest().as_bytes()).unwrap();
    let request = Request::new(imprint, [7; 16]);
    let policy = Policy::parse("1.3.6.1.4.1.99999.1").unwrap();
    let accuracy = Accuracy::from_micros(500_000);
    let settings =
        Settings::verify(&clock.chain[0], &clock.chain[1..], policy, accuracy, &[Hash::Sha256]).unwrap();
    let Answer::ToSign(answer) = respond(&request.to_der(), &settings, 1, at) else { panic!("not granted") };
    let raw = sign_raw(&clock.key, answer.to_sign());
    let token = verify_response(&request, &answer.embed(&raw).unwrap(), &[]).unwrap();
    prepared.embed(token.to_der()).unwrap()
}

/// A folder with a signed and time-stamped paper, anchors, evidence and a policy.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    for name in ["trust", "evidence", "broken"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    write("trust/root.pem", PKI.root.certificate().to_pem().as_bytes());
    let (clock, _) = clock();
    let holder = signer();
    let signed = authorised(&draft(), &holder.0);
    let with_time = stamped(&signed, &clock, NOW.plus_seconds(3_600));
    write("signed.pdf", &signed);
    write("stamped.pdf", &with_time);
    let at = with_time.windows(11).rposition(|window| window == b"/Contents <").unwrap() + 180;
    let mut broken = with_time;
    broken[at] = if broken[at] == b'0' { b'1' } else { b'0' };
    write("broken.pdf", &broken);
    let list = |authority: &Authority| authority.crl(NOW.plus_seconds(60)).unwrap();
    write("evidence/sub.crl", &list(&holder.1));
    write("evidence/root.CRL", &list(&PKI.root));
    write("evidence/sub.der", holder.1.certificate().to_der());
    write("evidence/readme.txt", b"passed over");
    write("broken/some.crl", b"no list");
    let policy = include_str!("../../../signing/policies/algorithms.json");
    write(
        "policy.json",
        policy.replace("\"ecdsa\", \"from_bits\": 256", "\"ecdsa\", \"from_bits\": 384").as_bytes(),
    );
    folder
}

/// Somebody whose authority gives lists.
fn signer() -> (Holder<PKey<Private>>, Authority) {
    let sub = PKI.root.create_sub("TEST sub for signers", NOW).unwrap();
    let key = PKI.members[1].key.clone();
    let (subject, validity) = (Subject::named("NGƯỜI KÝ (TEST)"), Validity::days(NOW, 365));
    let spki = key.public_key_to_der().unwrap();
    let own = sub.issue_signer(&spki, &subject, 301, validity, Profile::Person).unwrap();
    (Holder { key, chain: vec![own, sub.certificate().clone()] }, sub)
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ecabinet-audit"))
        .current_dir(folder)
        .args(["verify", "--trust=trust", AT])
        .args(arguments)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

#[test]
fn documents_exit_with_their_verdict_under_every_condition() {
    let folder = folder();
    for (arguments, code) in [
        (&["signed.pdf"][..], 0),
        (&["stamped.pdf"], 0),
        (&["broken.pdf"], 1),
        (&["signed.pdf", "--require-revocation"], 2),
        (&["signed.pdf", "--require-revocation", "--evidence=evidence"], 0),
        (&["signed.pdf", "--evidence=broken"], 2),
        (&["signed.pdf", "--evidence=absent"], 2),
        (&["signed.pdf", "--algorithms=policy.json"], 2),
        (&["signed.pdf", "--algorithms=trust/root.pem"], 2),
        (&["signed.pdf", "stamped.pdf", "--xml=report.xml"], 2),
        (&["policy.json", "--xml=report.xml"], 2),
        (&["signed.pdf", "--xml=absent/report.xml"], 2),
        (&["broken.pdf", "--xml=report.xml"], 1),
    ] {
        let output = run(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
    }
}

/// A list of the TEST root for these uses, by one of the members.
fn list(uses: Vec<Purpose>) -> String {
    let anchor = Anchor {
        certificate: PKI.root.certificate().clone(),
        uses,
        from: None,
        until: None,
        remark: String::new(),
    };
    let text = Bundle { sequence: 1, issued: NOW, anchors: vec![anchor] }.to_text().unwrap();
    let publisher = &PKI.members[2];
    let prepared = cades::prepare(&Digest::of(text.as_bytes()), &publisher.chain[0], &[], NOW).unwrap();
    let raw = sign_raw(&publisher.key, prepared.signed_attributes());
    Bundle::seal(&text, &prepared.embed(&raw).unwrap())
}

#[test]
fn a_signed_list_of_anchors_counts_for_what_its_publisher_says() {
    let folder = folder();
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    write("publisher.pem", PKI.members[2].chain[0].to_pem());
    write("stranger.pem", PKI.members[3].chain[0].to_pem());
    write("both.bundle", list(vec![Purpose::Signing, Purpose::TimeStamping]));
    write("stamps.bundle", list(vec![Purpose::TimeStamping]));
    for (list, signers, code) in [
        ("both.bundle", "publisher.pem", 0),
        ("stamps.bundle", "publisher.pem", 2),
        ("both.bundle", "stranger.pem", 2),
        ("trust/root.pem", "publisher.pem", 2),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_ecabinet-audit"))
            .current_dir(folder.path())
            .args(["verify", "stamped.pdf", AT, "--trust", list, "--trust-signers", signers])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(code), "{list} {signers}: {}", said(&output));
    }
}

#[test]
fn time_stamps_are_told_to_machines_and_people() {
    let folder = folder();
    let output = run(folder.path(), &["stamped.pdf", "--json"]);
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(line["checks"][1]["name"], "time-stamps");
    assert_eq!(line["checks"][1]["ok"], true);
    assert_eq!(line["timestamps"][0]["kind"], "document");
    assert_eq!(line["timestamps"][0]["time"], "2026-06-07T17:05:31+07:00");
    assert_eq!(line["signatures"][0]["proven_time"], "2026-06-07T17:05:31+07:00");
    let text = said(&run(folder.path(), &["stamped.pdf"]));
    for words in
        ["✔ time-stamps", "Người ký (signer): NGƯỜI KÝ (TEST)", "HỢP LỆ (TOTAL-PASSED)", "  verified\n"]
    {
        assert!(text.contains(words), "no {words} in {text}");
    }
    let line: serde_json::Value =
        serde_json::from_slice(&run(folder.path(), &["broken.pdf", "--json"]).stdout).unwrap();
    assert_eq!((&line["verdict"], &line["checks"][1]["ok"]), (&"contradicted".into(), &false.into()));
}

#[test]
fn without_any_network_the_same_evidence_gives_the_same_bytes() {
    let folder = folder();
    let reports: Vec<_> = ["first.xml", "second.xml"]
        .iter()
        .map(|name| {
            // A network of its own, in which there is nothing but a loopback that is down.
            let output = Command::new("unshare")
                .args(["--map-root-user", "--net", env!("CARGO_BIN_EXE_ecabinet-audit")])
                .args([
                    "verify",
                    "stamped.pdf",
                    "--trust=trust",
                    AT,
                    "--evidence=evidence",
                    "--json",
                    "--xml",
                    name,
                ])
                .current_dir(folder.path())
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(0), "{}", said(&output));
            (output.stdout, std::fs::read(folder.path().join(name)).unwrap())
        })
        .collect();
    assert_eq!(reports[0], reports[1]);
    let xml = String::from_utf8(reports[0].1.clone()).unwrap();
    assert!(
        xml.contains("urn:etsi:019102:mainindication:total-passed") && xml.contains("vr:POEProvisioning")
    );
}

#[test]
fn a_signature_beside_or_around_its_content_is_verified_with_it() {
    let folder = folder();
    let (holder, _) = signer();
    let content = "Công văn (TEST)".as_bytes();
    let chain = &holder.chain[1..];
    let embed = |prepared: cades::Prepared| {
        let raw = sign_raw(&holder.key, prepared.signed_attributes());
        prepared.embed(&raw).unwrap()
    };
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    write("letter.p7s", &embed(cades::prepare_content(content, &holder.chain[0], chain, NOW).unwrap()));
    write("letter.p7m", &embed(cades::prepare_attached(content, &holder.chain[0], chain, NOW).unwrap()));
    write("letter.txt", content);
    write("other.txt", b"other");
    for (arguments, code) in [
        (&["letter.p7s", "--content=letter.txt"][..], 0),
        (&["letter.p7s", "--content=other.txt"], 1),
        (&["letter.p7s"], 2),
        (&["letter.p7m", "--xml=letter.xml"], 0),
        (&["letter.p7m", "letter.p7s", "--content=letter.txt"], 2),
    ] {
        let output = run(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
    }
    let xml = std::fs::read_to_string(folder.path().join("letter.xml")).unwrap();
    assert!(xml.contains("NGƯỜI KÝ (TEST)"), "{xml}");
}
