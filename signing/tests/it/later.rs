//! What is added after signing: validation data and document time-stamps, which every signature allows.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use signing::pades::{self, DocMdp, Dss, PadesError, Room, SignRequest, Vri};
use signing::validation::{Change, ChangeKind, Indication, validate_pdf};
use signing::{Hash, Imprint};

use crate::world::{self, NOW, World};

/// A paper that its only signature allows no changes of.
fn certified(world: &World) -> Vec<u8> {
    let reserved = pades::add_fields(&world::paper("Nghi quyet"), &world::fields()).unwrap();
    let mut request = SignRequest::new("nguoi-ky", world.leader.certificate.clone(), world.chain(), NOW);
    request.certify = Some(DocMdp::NoChanges);
    world::sign(&reserved, &request, &world.leader)
}

fn store(world: &World, pdf: &[u8]) -> Dss {
    let certificates =
        vec![world.sub.certificate().to_der().to_vec(), world.root.certificate().to_der().to_vec()];
    let crls = vec![world.sub.crl(NOW).unwrap()];
    let part = Vri { certificates: certificates.clone(), crls: crls.clone(), ocsps: Vec::new() };
    let keys = pades::signature_keys(pdf).unwrap();
    let vri: BTreeMap<_, _> = keys.into_iter().map(|(_, key)| (key, part.clone())).collect();
    Dss { certificates, crls, ocsps: Vec::new(), vri }
}

fn timestamped(pdf: &[u8]) -> Vec<u8> {
    let prepared = pades::prepare_document_timestamp(pdf, Room::TIMESTAMPED).unwrap();
    // Not a token: only its place is looked at here.
    prepared.embed(&[0x30, 3, 2, 1, 7]).unwrap()
}

fn kinds(world: &World, pdf: &[u8]) -> Vec<(ChangeKind, bool)> {
    let report = validate_pdf(pdf, Some(&world.trust()), NOW).unwrap();
    let first = &report.signatures[0];
    assert!(first.is_sound(), "{first:?}");
    first.changes.iter().map(|change| (change.kind, change.lawful)).collect()
}

fn assert_readable(world: &World, name: &str, pdf: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, pdf).unwrap();
    if let Some(keep) = std::env::var_os("SIGNING_KEEP") {
        std::fs::write(Path::new(&keep).join(name), pdf).unwrap();
        std::fs::write(Path::new(&keep).join("root.pem"), world.root.certificate().to_pem()).unwrap();
    }
    let (says, output) = world::judge(Command::new("qpdf").arg("--check").arg(&path));
    assert!(output.status.success(), "{name}: {says}");
    let (says, _) = world::judge(Command::new("pdfsig").arg("-nocert").arg(&path));
    assert_eq!(says.matches("Signature is Valid.").count(), 1, "{name}: {says}");
}

#[test]
fn validation_data_and_time_stamps_follow_a_signature_that_forbids_changes() {
    let world = World::new();
    let signed = certified(&world);
    let dss = store(&world, &signed);
    let kept = pades::append_dss(&signed, &dss).unwrap();
    assert!(kept.starts_with(&signed), "an earlier byte changed");
    assert_eq!(kinds(&world, &kept), [(ChangeKind::ValidationData, true), (ChangeKind::Extension, true)]);
    let stamped = timestamped(&kept);
    assert!(stamped.starts_with(&kept));
    assert!(kinds(&world, &stamped).contains(&(ChangeKind::DocumentTimestamp, true)));
    // The archive goes on: more data, another time-stamp, each over all that was there before.
    let later = Dss { ocsps: vec![b"TEST answer".to_vec()], ..Dss::default() };
    let renewed = timestamped(&pades::append_dss(&stamped, &later).unwrap());
    assert!(kinds(&world, &renewed).iter().all(|(_, lawful)| *lawful));
    for (name, pdf) in [("kept.pdf", &kept), ("stamped.pdf", &stamped), ("renewed.pdf", &renewed)] {
        assert_readable(&world, name, pdf);
    }
}

#[test]
fn a_store_is_merged_and_nothing_is_kept_twice() {
    let world = World::new();
    let signed = certified(&world);
    assert_eq!(pades::read_dss(&signed).unwrap(), Dss::default());
    let dss = store(&world, &signed);
    let kept = pades::append_dss(&signed, &dss).unwrap();
    assert_eq!(pades::read_dss(&kept).unwrap(), dss);
    let [(field, key)] = &pades::signature_keys(&signed).unwrap()[..] else { panic!("one signature") };
    assert_eq!((field.as_str(), key.len()), ("nguoi-ky", 40));
    assert!(
        dss.vri.contains_key(key)
            && key.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
    );

    let more = Dss { ocsps: vec![b"TEST answer".to_vec()], crls: dss.crls.clone(), ..Dss::default() };
    let merged = pades::append_dss(&kept, &more).unwrap();
    assert_eq!(pades::read_dss(&merged).unwrap(), Dss { ocsps: more.ocsps, ..dss });
    let list = more.crls[0].as_slice();
    let n_lists = merged.windows(list.len()).filter(|window| *window == list).count();
    assert_eq!(n_lists, 1, "a value that is there is not written again");
}

#[test]
fn the_name_of_a_signature_in_the_store_is_what_openssl_computes() {
    let world = World::new();
    let signed = certified(&world);
    let at = signed.windows(11).position(|window| window == b"/Contents <").unwrap() + 11;
    let end = at + signed[at..].iter().position(|byte| *byte == b'>').unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("contents");
    std::fs::write(&path, hex_bytes(&signed[at..end])).unwrap();
    let (says, _) = world::judge(Command::new("openssl").args(["dgst", "-sha1", "-r"]).arg(&path));
    let expected = says.split_whitespace().next().unwrap().to_uppercase();
    assert_eq!(pades::signature_keys(&signed).unwrap(), [("nguoi-ky".to_owned(), expected)]);
}

fn hex_bytes(digits: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(digits).unwrap();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn a_broken_store_is_refused() {
    let world = World::new();
    let signed = certified(&world);
    let kept = pades::append_dss(&signed, &store(&world, &signed)).unwrap();
    let at = kept.windows(8).rposition(|window| window == b"/Certs [").unwrap();
    let mut broken = kept;
    broken[at + 7..at + 10].copy_from_slice(b"(1)");
    assert!(matches!(pades::read_dss(&broken), Err(PadesError::Pdf(_))));
    let many =
        Dss { crls: (0..1_001_u32).map(|number| number.to_be_bytes().to_vec()).collect(), ..Dss::default() };
    assert!(matches!(pades::append_dss(&signed, &many), Err(PadesError::Pdf(_))), "too many values");
}

#[test]
fn a_time_stamp_covers_everything_and_shows_nothing() {
    let world = World::new();
    let signed = certified(&world);
    let prepared = pades::prepare_document_timestamp(&signed, Room::TIMESTAMPED).unwrap();
    let imprint = prepared.imprint().clone();
    assert!(matches!(prepared.clone().embed(b"no DER"), Err(PadesError::Signature(_))));
    let mut large = vec![0x30, 0x82, 0x40, 0x00];
    large.resize(4 + 0x4000, 0);
    assert!(matches!(prepared.clone().embed(&large), Err(PadesError::Room { .. })));
    let stamped = prepared.embed(&[0x30, 3, 2, 1, 7]).unwrap();
    let at = stamped.windows(11).rposition(|window| window == b"/Contents <").unwrap() + 10;
    let end = at + stamped[at..].iter().position(|byte| *byte == b'>').unwrap() + 1;
    let covered = [&stamped[..at], &stamped[end..]].concat();
    assert_eq!(imprint, Imprint::of(Hash::Sha256, &covered).unwrap());
    let text = String::from_utf8_lossy(&stamped[signed.len()..]).into_owned();
    for part in ["/Type /DocTimeStamp", "/SubFilter /ETSI.RFC3161", "/Rect [0 0 0 0]"] {
        assert!(text.contains(part), "{part}");
    }
}

#[test]
fn what_only_claims_to_be_a_time_stamp_is_unlawful() {
    let world = World::new();
    let stamped = timestamped(&certified(&world));
    for (from, to) in [
        ("/Rect [0 0 0 0]", "/Rect [0 0 9 9]"),
        ("/Type /DocTimeStamp", "/Type /Sig         "),
        ("/FT /Sig", "/FT /Btn"),
    ] {
        let at = stamped.windows(from.len()).rposition(|window| window == from.as_bytes()).unwrap();
        let mut pdf = stamped.clone();
        pdf[at..at + from.len()].copy_from_slice(to.as_bytes());
        let report = validate_pdf(&pdf, Some(&world.trust()), NOW).unwrap();
        let first = &report.signatures[0];
        assert!(
            first.changes.contains(&Change { kind: ChangeKind::FieldAdded, lawful: false }),
            "{to}: {first:?}"
        );
        assert_eq!(first.indication, Indication::TotalFailed, "{to}");
    }
}

#[test]
fn files_take_validation_data_and_time_stamps_too() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let signed = certified(&world);
    std::fs::write(at("signed"), &signed).unwrap();
    let dss = store(&world, &signed);
    let kept = pades::append_dss_file(&at("signed"), &at("final"), &dss).unwrap();
    let stamped =
        pades::prepare_document_timestamp_file(kept.path(), &at("final"), Room::TIMESTAMPED).unwrap();
    stamped.embed(&[0x30, 3, 2, 1, 7]).unwrap().publish().unwrap();
    drop(kept);
    let expected = timestamped(&pades::append_dss(&signed, &dss).unwrap());
    assert!(std::fs::read(at("final")).unwrap() == expected);
    assert_eq!(pades::read_dss_file(&at("final")).unwrap(), dss);
    assert_eq!(pades::signature_keys_file(&at("final")).unwrap().len(), 2);
}

#[test]
fn too_little_room_is_doubled_once_and_nothing_is_cut_off() {
    let world = World::new();
    let reserved = pades::add_fields(&world::paper("Cong van"), &world::fields()).unwrap();
    let mut request = SignRequest::new("nguoi-ky", world.leader.certificate.clone(), world.chain(), NOW);
    request.room = Room::fixed(700);
    let prepared = pades::prepare(&reserved, &request).unwrap();
    let raw = world::sign_raw(&world.leader.key, prepared.algorithm(), prepared.signed_attributes());
    let Err(PadesError::Room { needed, room: 700 }) = prepared.embed(&raw) else { panic!("it cannot fit") };
    // An ECDSA signature is a byte or two longer or shorter each time.
    request.room = Room::fixed(needed.saturating_add(4).div_ceil(2)).doubled().unwrap();
    assert_eq!(request.room.doubled(), None);
    let signed = world::sign(&reserved, &request, &world.leader);
    assert!(validate_pdf(&signed, Some(&world.trust()), NOW).unwrap().is_passed());
}
