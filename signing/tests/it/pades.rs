//! The two-signature flow, judged by ourselves, pdfsig and qpdf, on our paper and on Word's.

use std::path::Path;
use std::process::Command;

use signing::cades;
use signing::pades::{self, PadesError, SignRequest};
use signing::validation::{ChangeKind, Coverage, Indication, Integrity, validate_pdf};

use crate::world::{self, NOW, World};

fn flow(world: &World, pdf: &[u8]) -> [Vec<u8>; 3] {
    let reserved = pades::add_fields(pdf, &world::fields()).unwrap();
    let signed = world.leader_signs(&reserved);
    let sealed = world.organisation_seals(&signed);
    [reserved, signed, sealed]
}

fn assert_two_valid(world: &World, sealed: &[u8]) {
    let report = validate_pdf(sealed, Some(&world.trust()), NOW).unwrap();
    let [first, second] = report.signatures.as_slice() else { panic!("{report:?}") };
    assert_eq!(first.indication, Indication::TotalPassed, "{first:?}");
    assert_eq!(first.coverage, Coverage::Revision);
    assert_eq!(first.signer.as_deref(), Some("Thủ tướng (THỬ NGHIỆM)"));
    let kinds: Vec<_> = first.changes.iter().map(|change| (change.kind, change.lawful)).collect();
    assert_eq!(kinds, [(ChangeKind::TextFieldFilled, true), (ChangeKind::Signature, true)]);
    assert_eq!(second.indication, Indication::TotalPassed, "{second:?}");
    assert_eq!(second.coverage, Coverage::Whole);
    assert_eq!(second.changes, []);
    assert_eq!(second.time, Some(NOW));
    let untrusted = validate_pdf(sealed, None, NOW).unwrap();
    for signature in untrusted.signatures {
        assert_eq!(signature.integrity, Integrity::Intact);
        assert_eq!(signature.indication, Indication::Indeterminate);
    }
}

fn assert_judges_accept(path: &Path, n_signatures: usize) {
    let (says, output) = world::judge(Command::new("qpdf").arg("--check").arg(path));
    assert!(output.status.success(), "{says}");
    let (says, _) = world::judge(Command::new("pdfsig").args(["-nocert"]).arg(path));
    assert_eq!(says.matches("Signature is Valid.").count(), n_signatures, "{says}");
}

#[test]
fn whoever_is_handed_a_revision_to_sign_can_check_it_by_himself() {
    let world = World::new();
    let reserved = pades::add_fields(&world::paper("Nghi quyet"), &world::fields()).unwrap();
    let signer = &world.leader.certificate;
    let request = SignRequest::new("nguoi-ky", signer.clone(), world.chain(), NOW);
    let prepared = pades::prepare(&reserved, &request).unwrap();
    let (mut pdf, hole) = (prepared.unsigned().to_vec(), prepared.hole());
    assert!(pdf.starts_with(&reserved));
    let written_again = |pdf: &[u8]| {
        let content = pades::content_imprint(pdf, hole.clone(), prepared.algorithm().hash())?;
        Ok::<_, PadesError>(cades::signed_attributes(content, signer, None)?)
    };
    assert_eq!(written_again(&pdf).unwrap(), prepared.signed_attributes());
    for at in [0, reserved.len() / 2, hole.start - 1, hole.end, pdf.len() - 1] {
        pdf[at] ^= 1;
        assert_ne!(written_again(&pdf).unwrap(), prepared.signed_attributes(), "byte {at}");
        pdf[at] ^= 1;
    }
    for at in [hole.start, hole.start + 1, hole.end - 2, hole.end - 1] {
        pdf[at] ^= 1;
        assert!(written_again(&pdf).is_err(), "byte {at} of the hole");
        pdf[at] ^= 1;
    }
    for elsewhere in [hole.start..hole.end + 1, hole.start + 1..hole.end, 0..pdf.len() + 1] {
        assert!(pades::content_imprint(&pdf, elsewhere, prepared.algorithm().hash()).is_err());
    }
    let raw = world::sign_raw(&world.leader.key, prepared.algorithm(), prepared.signed_attributes());
    let signed = prepared.embed(&raw).unwrap();
    assert_eq!((&signed[..hole.start], &signed[hole.end..]), (&pdf[..hole.start], &pdf[hole.end..]));
}

#[test]
fn leader_and_organisation_sign_our_paper_and_words() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let keep = std::env::var_os("SIGNING_KEEP").map(std::path::PathBuf::from);
    let mut papers = world::outside("vn-pdf");
    papers.push(("ours.pdf".to_owned(), world::paper("Nghi quyet")));
    for (name, pdf) in papers {
        assert!(validate_pdf(&pdf, None, NOW).unwrap().signatures.is_empty(), "{name}");
        let [reserved, signed, sealed] = flow(&world, &pdf);
        for (earlier, later) in [(&pdf, &reserved), (&reserved, &signed), (&signed, &sealed)] {
            assert!(later.starts_with(earlier), "{name}: an earlier byte changed");
        }
        assert_two_valid(&world, &sealed);
        for (step, n_signatures, bytes) in [("signed", 1, &signed), ("sealed", 2, &sealed)] {
            let path = keep.as_deref().unwrap_or(folder.path()).join(format!("{step}-{name}"));
            std::fs::write(&path, bytes).unwrap();
            assert_judges_accept(&path, n_signatures);
        }
    }
    if let Some(keep) = keep {
        std::fs::write(keep.join("root.pem"), world.root.certificate().to_pem()).unwrap();
    }
}

#[test]
fn the_json_row_is_the_surface() {
    let world = World::new();
    let [_, signed, _] = flow(&world, &world::paper("Nghi quyet"));
    let report = validate_pdf(&signed, Some(&world.trust()), NOW).unwrap();
    assert_eq!(
        serde_json::to_value(&report.signatures).unwrap(),
        serde_json::json!([{
            "signer": "Thủ tướng (THỬ NGHIỆM)", "integrity": "intact", "coverage": "whole", "changes": [],
            "indication": "TOTAL_PASSED", "sub_indication": null, "time": "2026-06-07T16:05:31+07:00",
            "proven_time": null, "revocation": "not-checked", "level": "B-B", "timestamps": [],
        }])
    );
}

#[test]
fn a_paper_with_cross_reference_streams_keeps_them() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain.pdf");
    let packed = folder.path().join("packed.pdf");
    std::fs::write(&plain, world::paper("Nghi quyet")).unwrap();
    for extra in ["--object-streams=generate", "--linearize"] {
        let (says, output) = world::judge(
            Command::new("qpdf").args(["--object-streams=generate", extra]).arg(&plain).arg(&packed),
        );
        assert!(output.status.success(), "{says}");
        let [_, _, sealed] = flow(&world, &std::fs::read(&packed).unwrap());
        let n_tables = sealed.windows(8).filter(|window| window == b"\ntrailer").count();
        assert_eq!(n_tables, 0, "a table after a stream");
        assert_two_valid(&world, &sealed);
        let path = folder.path().join("sealed.pdf");
        std::fs::write(&path, &sealed).unwrap();
        if let Some(keep) = std::env::var_os("SIGNING_KEEP") {
            std::fs::write(Path::new(&keep).join(format!("packed{extra}.pdf")), &sealed).unwrap();
            std::fs::write(Path::new(&keep).join("root.pem"), world.root.certificate().to_pem()).unwrap();
        }
        assert_judges_accept(&path, 2);
    }
}

#[test]
fn what_cannot_be_signed_is_refused() {
    use signing::pades::{DocMdp, PadesError, SignRequest};
    let world = World::new();
    let paper = world::paper("Nghi quyet");
    let request = |field: &str| SignRequest::new(field, world.leader.certificate.clone(), world.chain(), NOW);
    let refused = |pdf: &[u8], request: &SignRequest| pades::prepare(pdf, request).unwrap_err();
    assert_eq!(refused(&paper, &request("nguoi-ky")), PadesError::Field("nguoi-ky".to_owned()));
    let [reserved, signed, _] = flow(&world, &paper);
    assert_eq!(refused(&reserved, &request("so")), PadesError::Field("so".to_owned()), "a text field");
    assert_eq!(refused(&signed, &request("nguoi-ky")), PadesError::Field("nguoi-ky".to_owned()), "filled");
    let late = SignRequest { certify: Some(DocMdp::NoChanges), ..request("co-quan") };
    assert_eq!(refused(&signed, &late), PadesError::AlreadySigned);
    assert_eq!(pades::add_fields(&signed, &[]).unwrap_err(), PadesError::AlreadySigned);
    assert!(matches!(pades::prepare(b"GIF89a", &request("x")), Err(PadesError::Pdf(_))));
    let tight = SignRequest { room: pades::Room::fixed(100), ..request("nguoi-ky") };
    let prepared = pades::prepare(&reserved, &tight).unwrap();
    let raw = world::sign_raw(&world.leader.key, prepared.algorithm(), prepared.signed_attributes());
    assert!(matches!(prepared.embed(&raw), Err(PadesError::Room { room: 100, .. })));
    let prepared = pades::prepare(&reserved, &request("nguoi-ky")).unwrap();
    let raw = world::sign_raw(&world::ec_key(), prepared.algorithm(), prepared.signed_attributes());
    assert!(matches!(prepared.embed(&raw), Err(PadesError::Signature(_))));
}

#[test]
fn the_local_placeholder_of_32_kilobytes_works() {
    use signing::pades::SignRequest;
    let world = World::new();
    let reserved = pades::add_fields(&world::paper("Cong van"), &world::fields()).unwrap();
    let organisation = &world.organisation;
    let mut request = SignRequest::new("co-quan", organisation.certificate.clone(), world.chain(), NOW);
    request.room = pades::Room::LOCAL_PRACTICE;
    let signed = world::sign(&reserved, &request, organisation);
    assert!(validate_pdf(&signed, Some(&world.trust()), NOW).unwrap().is_passed());
}
