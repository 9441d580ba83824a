//! The report as XML: valid by the schema of ETSI for every kind of verdict, the same bytes each time.

use std::path::{Path, PathBuf};
use std::process::Command;

use cabinet::Timestamp;
use signing::authority::{Profile, Subject, Validity};
use signing::pades::{self, Dss, Room, SignRequest};
use signing::register::{Reason, Register};
use signing::timestamp::{Accuracy, Answer, Policy, Request, Settings, respond, verify_response};
use signing::validation::{
    Context, Indication, Integrity, Material, Report, RevocationRule, etsi, text, validate_cms, validate_in,
};
use signing::{Certificate, Hash, Imprint, TrustStore, cades};

use crate::world::{self, NOW, Person, World};

/// A year after, when certificates are still valid.
const LATER: Timestamp = Timestamp::from_micros(1_780_823_131_000_000 + 365 * 86_400_000_000);
/// Twenty years after.
const TOO_LATE: Timestamp = Timestamp::from_micros(1_780_823_131_000_000 + 20 * 365 * 86_400_000_000);

struct Stamped {
    world: World,
    clock: Person,
}

impl Stamped {
    fn new() -> Self {
        let (world, key) = (World::new(), world::ec_key());
        let (spki, subject) =
            (key.public_key_to_der().unwrap(), Subject::named("TEST time-stamping authority"));
        let validity = Validity::days(NOW, 3 * 365);
        let certificate =
            world.sub.issue_signer(&spki, &subject, 77, validity, Profile::TimeStamping).unwrap();
        Self { world, clock: Person { key, certificate } }
    }

    fn token(&self, imprint: Imprint, at: Timestamp) -> signing::timestamp::Token {
        let request = Request::new(imprint, [7; 16]);
        let policy = Policy::parse("1.3.6.1.4.1.99999.1").unwrap();
        let (chain, accuracy) = (self.world.chain(), Accuracy::from_micros(500_000));
        let settings =
            Settings::verify(&self.clock.certificate, &chain, policy, accuracy, &[Hash::Sha256]).unwrap();
        let Answer::ToSign(prepared) = respond(&request.to_der(), &settings, 1, at) else {
            panic!("not granted")
        };
        let raw = world::sign_raw(&self.clock.key, prepared.algorithm(), prepared.to_sign());
        verify_response(&request, &prepared.embed(&raw).unwrap(), &[]).unwrap()
    }

    /// A paper with a signature of level B or, with a time-stamp, T.
    fn signed(&self, is_stamped: bool) -> Vec<u8> {
        let mut request =
            SignRequest::new("nguoi-ky", self.world.leader.certificate.clone(), self.world.chain(), NOW);
        request.room = Room::TIMESTAMPED;
        let paper = pades::add_fields(&world::paper("Nghi quyet"), &world::fields()).unwrap();
        let prepared = pades::prepare(&paper, &request).unwrap();
        let leader = &self.world.leader;
        let raw = world::sign_raw(&leader.key, prepared.algorithm(), prepared.signed_attributes());
        let mut cms = prepared.cms(&raw).unwrap();
        if is_stamped {
            let value = cades::signature_value(&cms).unwrap();
            let token = self.token(Imprint::of(Hash::Sha256, value).unwrap(), NOW.plus_seconds(60));
            cms = cades::add_timestamp(&cms, &token).unwrap();
        }
        prepared.embed_cms(&cms).unwrap()
    }

    fn archived(&self, pdf: &[u8], at: Timestamp) -> Vec<u8> {
        let certificates = vec![self.world.sub.certificate().to_der().to_vec()];
        let crls = vec![self.world.sub.crl(at).unwrap(), self.world.root.crl(at).unwrap()];
        let kept = pades::append_dss(pdf, &Dss { certificates, crls, ..Dss::default() }).unwrap();
        let prepared = pades::prepare_document_timestamp(&kept, Room::TIMESTAMPED).unwrap();
        let imprint = prepared.imprint().clone();
        prepared.embed(self.token(imprint, at).to_der()).unwrap()
    }
}

/// `xmllint` with the schemas of the outside data; what they import is found by a catalog, never fetched.
struct Schema(tempfile::TempDir);

impl Schema {
    /// The one import that the data lacks: the report uses nothing of it.
    const TRUSTED_LISTS: &str = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"
        targetNamespace="http://uri.etsi.org/02231/v2#"><xs:complexType name="DigitalIdentityType"/>
        <xs:complexType name="TSPInformationType"/></xs:schema>"#;

    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = schemas();
        let uri = |address: &str, file: &str| {
            format!(
                r#"<system systemId="{address}" uri="file://{file}"/><uri name="{address}" uri="file://{file}"/>"#
            )
        };
        let ours = |file: &str| data.join(file).display().to_string();
        let lists = folder.path().join("lists.xsd");
        std::fs::write(&lists, Self::TRUSTED_LISTS).unwrap();
        let entries = [
            uri(
                "http://www.w3.org/TR/2002/REC-xmldsig-core-20020212/xmldsig-core-schema.xsd",
                &ours("xmldsig-core-schema.xsd"),
            ),
            uri("http://uri.etsi.org/01903/v1.3.2/XAdES.xsd", &ours("XAdES.xsd")),
            uri(
                "http://uri.etsi.org/19612/v2.2.1/ts_119612v020201_201601xsd.xsd",
                &lists.display().to_string(),
            ),
        ];
        let catalog = format!(
            r#"<catalog xmlns="urn:oasis:names:tc:entity:xmlns:xml:catalog">{}</catalog>"#,
            entries.concat()
        );
        std::fs::write(folder.path().join("catalog.xml"), catalog).unwrap();
        Self(folder)
    }

    fn assert_valid(&self, reports: &[(String, String)]) {
        let mut command = Command::new("xmllint");
        command.env("XML_CATALOG_FILES", self.0.path().join("catalog.xml"));
        command.args(["--nonet", "--noout", "--schema"]).arg(schemas().join("TS119102-2-v141.xsd"));
        for (name, xml) in reports {
            let path = self.0.path().join(name).with_extension("xml");
            std::fs::write(&path, xml).unwrap();
            command.arg(path);
        }
        let (says, output) = world::judge(&mut command);
        assert!(output.status.success(), "{says}");
    }
}

fn schemas() -> PathBuf {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    std::env::var_os("ECABINET_DATA").map_or(default, PathBuf::from).join("etsi-xsd").canonicalize().unwrap()
}

fn assert_references_lead_somewhere(xml: &str) {
    for (at, mark) in xml.match_indices("VOReference=\"") {
        let id = xml[at + mark.len()..].split('"').next().unwrap();
        assert_eq!(xml.matches(&format!(" id=\"{id}\"")).count(), 1, "{id}");
    }
}

fn told(pdf: &[u8], context: &Context<'_>) -> (Report, String) {
    let report = validate_in(pdf, context).unwrap();
    let xml = etsi::to_xml(&report, context);
    assert_eq!(xml, etsi::to_xml(&validate_in(pdf, context).unwrap(), context), "the same bytes each time");
    assert_references_lead_somewhere(&xml);
    (report, xml)
}

#[test]
fn the_report_is_valid_by_the_schema_for_every_kind_of_verdict() {
    let stamped = Stamped::new();
    let trust = stamped.world.trust();
    let plain = stamped.signed(false);
    let with_time = stamped.signed(true);
    let archived = stamped.archived(&with_time, NOW.plus_seconds(3_600));
    let twice = stamped.archived(&archived, LATER);
    let mut tampered = plain.clone();
    let at = tampered.windows(10).position(|window| window == b"Nghi quyet").unwrap();
    tampered[at] = b'M';
    let stray = [plain.as_slice(), b"stray"].concat();
    let mut broken_stamp = archived.clone();
    let at = broken_stamp.windows(11).rposition(|window| window == b"/Contents <").unwrap() + 180;
    broken_stamp[at] = if broken_stamp[at] == b'0' { b'1' } else { b'0' };
    let both = {
        let reserved = pades::add_fields(&world::paper("Nghi quyet"), &world::fields()).unwrap();
        stamped.world.organisation_seals(&stamped.world.leader_signs(&reserved))
    };
    let material = Material { crls: vec![stamped.world.sub.crl(NOW).unwrap()], ..Material::default() };
    let mut register = Register::default();
    register.issued(&stamped.world.leader.certificate);
    register.revoke(&stamped.world.leader.certificate.serial(), NOW, Reason::KeyCompromise).unwrap();
    let list = stamped.world.sub.crl_of(&register, NOW.plus_seconds(3_600)).unwrap();
    let withdrawn = Material { crls: vec![list], ..Material::default() };
    let now = Context::at(Some(&trust), NOW.plus_seconds(7_200));
    let revoked = Context { evidence: &withdrawn, ..now };
    let strict = Context { revocation: RevocationRule::Required, evidence: &material, ..now };
    let too_late = Context::at(Some(&trust), TOO_LATE);
    let passed = "mainindication:total-passed";
    let mut reports = Vec::new();
    for (name, pdf, context, expected) in [
        ("plain", &plain, now, [passed, "level</vr:Type>", "B-B"]),
        ("with-time", &with_time, now, [passed, "SignatureTimeStamp", "B-T"]),
        ("archived", &archived, now, [passed, "DocTimeStamp", "B-LTA"]),
        ("twice", &twice, Context::at(Some(&trust), LATER), [passed, "time-stamp-3", "B-LTA"]),
        ("both", &both, now, [passed, "signature-2", "text-field-filled lawful"]),
        (
            "stranger",
            &plain,
            Context::at(None, NOW),
            ["vr:SigningTime", "indeterminate", "NO_CERTIFICATE_CHAIN_FOUND"],
        ),
        ("expired", &plain, too_late, ["SigPolicyHash", "indeterminate", "OUT_OF_BOUNDS_NO_POE"]),
        ("too-late", &twice, too_late, ["time-stamp-3", "indeterminate", "SignerInformation"]),
        ("revocation", &plain, strict, [">required<", "indeterminate", "TRY_LATER"]),
        ("revoked", &plain, revoked, ["keyCompromise", "2026-06-07T09:05:31Z", "REVOKED_NO_POE"]),
        ("tampered", &tampered, now, ["SignersDocument", "total-failed", "HASH_FAILURE"]),
        ("stray", &stray, now, ["stray-bytes unlawful", "total-failed", "FORMAT_FAILURE"]),
        ("broken-stamp", &broken_stamp, now, ["mainindication:failed", "time-stamp-1", "SubIndication"]),
        ("unsigned", &world::paper("Nghi quyet"), now, ["no signature", "indeterminate", "ValidationTime"]),
    ] {
        let (_, xml) = told(pdf, &context);
        for word in expected {
            assert!(xml.contains(word), "{name}: no {word} in {xml}");
        }
        reports.push((name.to_owned(), xml));
    }
    Schema::new().assert_valid(&reports);
}

#[test]
fn reports_on_the_files_of_others_are_valid_too() {
    let mut reports = Vec::new();
    for folder in ["pki-fixtures/data/pdf", "vn-pdf"] {
        for (n, (_, pdf)) in (0..).zip(world::outside(folder)) {
            let context = Context::at(None, NOW);
            let Ok(report) = validate_in(&pdf, &context) else { continue };
            let xml = etsi::to_xml(&report, &context);
            assert_references_lead_somewhere(&xml);
            assert!(text::of(&report).lines().count() >= 1);
            reports.push((format!("{}-{n}", &folder[..2]), xml));
        }
    }
    assert!(reports.len() > 20, "{}", reports.len());
    Schema::new().assert_valid(&reports);
}

#[test]
fn names_from_foreign_certificates_neither_end_an_element_nor_break_the_document() {
    let world = World::new();
    let key = world::ec_key();
    let name = "TEST </vr:Signer><evil a=\"1\">& \u{1}\u{fffe}\r\u{202e}";
    let spki = key.public_key_to_der().unwrap();
    let (subject, validity) = (Subject::named(name), Validity::days(NOW, 100));
    let certificate = world.sub.issue_signer(&spki, &subject, 9, validity, Profile::Person).unwrap();
    let person = Person { key, certificate };
    let request = SignRequest::new("nguoi-ky", person.certificate.clone(), world.chain(), NOW);
    let paper = pades::add_fields(&world::paper("Nghi quyet"), &world::fields()).unwrap();
    let signed = world::sign(&paper, &request, &person);
    let trust = world.trust();
    let (report, xml) = told(&signed, &Context::at(Some(&trust), NOW));
    assert_eq!(report.signatures[0].signer.as_deref(), Some(name));
    assert!(!xml.contains("<evil") && !xml.contains('\u{1}'));
    Schema::new().assert_valid(&[("names".to_owned(), xml)]);
    assert!(!text::of(&report).contains(['\u{1}', '\r', '\u{202e}']));
}

#[test]
fn people_read_who_signed_when_and_what_is_known() {
    let stamped = Stamped::new();
    let trust = stamped.world.trust();
    let archived = stamped.archived(&stamped.signed(true), NOW.plus_seconds(3_600));
    let report = validate_in(&archived, &Context::at(Some(&trust), NOW.plus_seconds(7_200))).unwrap();
    let says = text::of(&report);
    for line in [
        "Chữ ký 1/1: HỢP LỆ (TOTAL-PASSED)",
        "  Người ký (signer): Thủ tướng (THỬ NGHIỆM)",
        "  Thời điểm ký theo lời người ký (claimed): 2026-06-07T16:05:31+07:00",
        "  Thời điểm được chứng minh (proven): có từ trước 2026-06-07T16:06:31+07:00",
        "  Mức (level): B-LTA",
        "  Thu hồi (revocation): có căn cứ là chưa bị thu hồi (not revoked).",
        "  Sau khi ký (after signing): thêm dữ liệu kiểm tra (validation-data) — được phép",
        "Dấu thời gian của văn bản 1 (document time-stamp): 2026-06-07T17:05:31+07:00, do TEST time-stamping authority, trên toàn bộ tệp: HỢP LỆ (TOTAL-PASSED)",
    ] {
        assert!(says.lines().any(|said| said == line), "no {line:?} in\n{says}");
    }
    let report = validate_in(&stamped.signed(false), &Context::at(None, NOW)).unwrap();
    let says = text::of(&report);
    assert!(says.starts_with("Chữ ký 1/1: CHƯA KẾT LUẬN ĐƯỢC: không dẫn được đến"), "{says}");
}

#[test]
fn a_signature_beside_its_content_is_judged_like_one_in_a_pdf() {
    let stamped = Stamped::new();
    let trust: TrustStore = stamped.world.trust();
    let leader = &stamped.world.leader;
    let (content, chain) = ("nội dung".as_bytes(), stamped.world.chain());
    let embed = |prepared: cades::Prepared| {
        let raw = world::sign_raw(&leader.key, prepared.algorithm(), prepared.signed_attributes());
        prepared.embed(&raw).unwrap()
    };
    let detached = embed(cades::prepare_content(content, &leader.certificate, &chain, NOW).unwrap());
    let attached = embed(cades::prepare_attached(content, &leader.certificate, &chain, NOW).unwrap());
    let value = cades::signature_value(&detached).unwrap();
    let token = stamped.token(Imprint::of(Hash::Sha256, value).unwrap(), NOW.plus_seconds(60));
    let with_time = cades::add_timestamp(&detached, &token).unwrap();
    let now = Context::at(Some(&trust), NOW.plus_seconds(3_600));
    let too_late = Context::at(Some(&trust), TOO_LATE);
    let passed = (Indication::TotalPassed, None);
    let mut reports = Vec::new();
    for (name, cms, content, context, expected) in [
        ("detached", &detached, Some(content), now, passed),
        ("attached", &attached, None, now, passed),
        ("both", &attached, Some(content), now, passed),
        ("stamped", &with_time, Some(content), now, passed),
        ("other", &attached, Some(&b"x"[..]), now, (Indication::TotalFailed, Some("HASH_FAILURE"))),
        ("changed", &with_time, Some(&b"x"[..]), now, (Indication::TotalFailed, Some("HASH_FAILURE"))),
        ("missing", &detached, None, now, (Indication::Indeterminate, Some("SIGNED_DATA_NOT_FOUND"))),
        (
            "late",
            &detached,
            Some(content),
            too_late,
            (Indication::Indeterminate, Some("OUT_OF_BOUNDS_NO_POE")),
        ),
        ("no-cms", &vec![7; 9], Some(content), now, (Indication::TotalFailed, Some("FORMAT_FAILURE"))),
    ] {
        let report = validate_cms(cms, content, &context);
        let [signature] = &report.signatures[..] else { panic!("one signature") };
        assert_eq!((signature.indication, signature.sub_indication), expected, "{name}: {signature:?}");
        assert_eq!(
            signature.integrity == Integrity::Intact,
            name != "no-cms" && !["other", "changed", "missing"].contains(&name)
        );
        let xml = etsi::to_xml(&report, &context);
        assert_references_lead_somewhere(&xml);
        reports.push((name.to_owned(), xml));
    }
    assert_eq!(validate_cms(&with_time, Some(content), &now).signatures[0].level, Some("B-T"));
    let known: &[Certificate] = &validate_cms(&attached, None, &now).signatures[0].path;
    assert_eq!(known.len(), 3);
    Schema::new().assert_valid(&reports);
}

/// The text of the first element of that name.
fn first<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once('<').map(|(text, _)| text)
}

/// The part of the first signature's report that holds the verdict.
fn status(xml: &str) -> &str {
    xml.split_once("<vr:SignatureValidationStatus>").unwrap().1
}

fn pyhanko_reports(world: &World, at: Timestamp, files: &[(&str, &Vec<u8>)]) -> Vec<serde_json::Value> {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root.pem");
    std::fs::write(&root, world.root.certificate().to_pem()).unwrap();
    let home = std::env::var_os("HOME").unwrap();
    let mut command = Command::new(Path::new(&home).join(".cache/ecabinet/pyhanko/bin/python"));
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/scripts/report.py"));
    command.arg(root).arg(at.as_seconds().to_string());
    for (name, pdf) in files {
        let path = folder.path().join(name);
        std::fs::write(&path, pdf).unwrap();
        command.arg(path);
    }
    let (says, output) = world::judge(&mut command);
    assert!(output.status.success(), "{says}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn our_report_and_pyhankos_come_to_the_same_indications() {
    let stamped = Stamped::new();
    let trust = stamped.world.trust();
    let other = World::new();
    let (plain, with_time) = (stamped.signed(false), stamped.signed(true));
    let mut tampered = plain.clone();
    let at = tampered.windows(10).position(|window| window == b"Nghi quyet").unwrap();
    tampered[at] = b'M';
    let now = NOW.plus_seconds(7_200);
    let files = [("plain", &plain), ("with-time", &with_time), ("tampered", &tampered)];
    let strangers = other.trust();
    for (world, trust, at, files) in [
        (&stamped.world, &trust, now, &files[..]),
        (&other, &strangers, now, &files[..1]),
        (&stamped.world, &trust, TOO_LATE, &files[..1]),
    ] {
        let theirs = pyhanko_reports(world, at, files);
        assert_eq!(theirs.len(), files.len());
        for ((name, pdf), theirs) in files.iter().zip(theirs) {
            let (_, xml) = told(pdf, &Context::at(Some(trust), at));
            assert_eq!(first(status(&xml), "vr:MainIndication"), theirs["main"].as_str(), "{name}: {theirs}");
            // Of a signature that passed, pyHanko repeats the indication as sub-indication.
            if theirs["main"].as_str() != Some("urn:etsi:019102:mainindication:total-passed") {
                assert_eq!(
                    first(status(&xml), "vr:SubIndication"),
                    theirs["sub"].as_str(),
                    "{name}: {theirs}"
                );
            }
            let signed = xml.split_once("<vr:SignersDocument>").unwrap().1;
            assert_eq!(first(signed, "ds:DigestValue"), theirs["signed"].as_str(), "{name}");
            let value = theirs["value"].as_str().map(|value| value.split_whitespace().collect::<String>());
            assert_eq!(first(&xml, "ds:SignatureValue"), value.as_deref(), "{name}");
        }
    }
}
