//! The Resolution in a bundle, and signed PDFs by themselves.

use audit::Act;
use audit::acts::{ResolutionDrafted, ResolutionSealed, ResolutionSigned};
use audit::bundle::{Blob, ResolutionPart};
use audit::verify::{self, Conditions, Report, Verdict};
use cabinet::Digest;
use cabinet::vote::Choice;
use openssl::pkey::{PKey, Private};
use signing::pades::{self, DocMdp, Field, FieldKind, Fill, Lock, Rect, SignRequest};
use signing::validation::{Coverage, Indication};

use crate::world::{self, Holder, NOW, PKI, World, id, sign_raw};

const NUMBER: &str = "87/NQ-CP";

fn verify(bytes: &[u8]) -> Report {
    verify::file(bytes, &Conditions::at(Some(&world::trust()), NOW.plus_seconds(60)))
}

#[track_caller]
fn contradicted(world: &World, names: &[&str]) {
    let report = verify(&world.bundle());
    assert_eq!(report.verdict, Verdict::Contradicted, "{:#?}", report.checks);
    for name in names {
        let check = report.check(name).unwrap_or_else(|| panic!("no check {name}"));
        assert_eq!(check.verdict, Verdict::Contradicted, "{name}: {}", check.says);
    }
}

/// A paper of one page with fields for number and two signatures, as it is typeset.
pub(crate) fn draft() -> Vec<u8> {
    let mut pdf = b"%PDF-1.7\n".to_vec();
    let mut offsets = Vec::new();
    for (number, body) in (1..).zip([
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<<>>>>",
    ]) {
        offsets.push(pdf.len());
        pdf.extend(format!("{number} 0 obj\n{body}\nendobj\n").bytes());
    }
    let at = pdf.len();
    pdf.extend(b"xref\n0 4\n0000000000 65535 f \n");
    for offset in offsets {
        pdf.extend(format!("{offset:010} 00000 n \n").bytes());
    }
    pdf.extend(format!("trailer\n<</Size 4/Root 1 0 R/ID[<00><00>]>>\nstartxref\n{at}\n%%EOF\n").bytes());
    let field = |name: &str, y, kind| Field {
        name: name.to_owned(),
        page: 0,
        rect: Rect::from_points(100, y, 200, y + 40),
        kind,
    };
    let fields = [
        field("number", 700, FieldKind::Text { font_points: 13 }),
        field("authorised", 200, FieldKind::Signature),
        field("organisation", 100, FieldKind::Signature),
    ];
    pades::add_fields(&pdf, &fields).unwrap()
}

fn sign(pdf: &[u8], mut request: SignRequest, by: &Holder<PKey<Private>>) -> Vec<u8> {
    request.signer = by.chain[0].clone();
    request.chain = by.chain[1..].to_vec();
    let prepared = pades::prepare(pdf, &request).unwrap();
    let raw = sign_raw(&by.key, prepared.signed_attributes());
    prepared.embed(&raw).unwrap()
}

pub(crate) fn authorised(pdf: &[u8], by: &Holder<PKey<Private>>) -> Vec<u8> {
    let mut request = SignRequest::new("authorised", by.chain[0].clone(), Vec::new(), NOW);
    request.certify = Some(DocMdp::FillAndSign);
    sign(pdf, request, by)
}

fn sealed(pdf: &[u8], by: &Holder<PKey<Private>>) -> Vec<u8> {
    let mut request = SignRequest::new("organisation", by.chain[0].clone(), Vec::new(), NOW);
    request.fills = vec![Fill { field: "number".to_owned(), value: NUMBER.to_owned(), appearance: None }];
    request.lock = Lock::AllFields;
    sign(pdf, request, by)
}

/// Logs the three steps to `revisions` and carries the last of them.
fn issue(world: &mut World, revisions: [&[u8]; 3]) {
    let [drafted, signed, sealed] = revisions.map(Digest::of);
    let (resolution, vote) = (id(30), world.frozen.vote);
    world.state(&ResolutionDrafted { digest: drafted, resolution, vote });
    world.state(&ResolutionSigned { digest: signed, resolution, signed: drafted, vote });
    let number = NUMBER.to_owned();
    world.state(&ResolutionSealed { digest: sealed, number: number.clone(), resolution, signed, vote });
    world.resolution = Some(ResolutionPart { id: resolution, number, pdf: Blob(revisions[2].to_vec()) });
}

fn issued() -> World {
    let mut world = World::voted();
    let draft = draft();
    let signed = authorised(&draft, &PKI.members[0]);
    let sealed = sealed(&signed, &PKI.organisation);
    issue(&mut world, [&draft, &signed, &sealed]);
    world
}

#[test]
fn a_sealed_resolution_is_verified_with_its_vote() {
    let world = issued();
    let report = verify(&world.bundle());
    for check in &report.checks {
        assert_eq!(check.verdict, Verdict::Verified, "{}: {}", check.name, check.says);
    }
    for name in ["resolution-entries", "resolution-signatures", "resolution-signers"] {
        assert!(report.check(name).is_some(), "{name}");
    }
    let [.., first, second] = report.signatures.as_slice() else { panic!("no signatures") };
    assert_eq!((first.coverage, second.coverage), (Coverage::Revision, Coverage::Whole));
    let conditions = Conditions::at(None, NOW);
    assert_eq!(verify::file(&world.bundle(), &conditions).verdict, Verdict::CannotTell);
}

/// How often the certificate of the signers' authority stands in the hexadecimal digits of signatures.
fn n_copies_of_the_authority(pdf: &[u8]) -> usize {
    let digits = hex::encode(PKI.members[0].chain[1].to_der());
    String::from_utf8_lossy(pdf).to_lowercase().matches(&digits).count()
}

#[test]
fn a_signed_pdf_is_verified_by_itself() {
    let pdf = issued().resolution.unwrap().pdf.0;
    let report = verify(&pdf);
    assert_eq!(report.verdict, Verdict::Verified, "{:#?}", report.checks);
    assert_eq!(report.signatures.len(), 2);
    assert!(report.signatures.iter().all(|signature| signature.indication == Indication::TotalPassed));
    let report = verify::file(&pdf, &Conditions::at(None, NOW));
    assert_eq!(report.verdict, Verdict::CannotTell);
    assert!(report.signatures.iter().all(|signature| signature.indication == Indication::Indeterminate));
    assert_eq!(verify(&draft()).verdict, Verdict::CannotTell);
    let n_authorities = n_copies_of_the_authority(&pdf);
    for i in (0..pdf.len()).step_by(397) {
        let mut changed = pdf.clone();
        changed[i] ^= 1;
        // No signature covers the authority's certificate that comes with it; the other signature's copy serves.
        let is_spare = n_copies_of_the_authority(&changed) < n_authorities;
        assert!(is_spare || verify(&changed).verdict != Verdict::Verified, "byte {i}");
    }
    let longer = [pdf.as_slice(), b"\n"].concat();
    assert_ne!(verify(&longer).verdict, Verdict::Verified);
}

#[test]
fn a_resolution_signed_or_sealed_by_the_wrong_person_is_refused() {
    for (authorised_by, sealed_by) in
        [(&PKI.members[1], &PKI.organisation), (&PKI.members[0], &PKI.members[2])]
    {
        let mut world = World::voted();
        let draft = draft();
        let signed = authorised(&draft, authorised_by);
        let sealed = sealed(&signed, sealed_by);
        issue(&mut world, [&draft, &signed, &sealed]);
        contradicted(&world, &["resolution-signers"]);
    }
}

#[test]
fn a_resolution_without_its_seal_is_refused() {
    let mut world = World::voted();
    let draft = draft();
    let signed = authorised(&draft, &PKI.members[0]);
    issue(&mut world, [&draft, &signed, &signed]);
    contradicted(&world, &["resolution-signers"]);
}

#[test]
fn another_revision_than_the_logged_ones_is_refused() {
    let other = draft();
    let mut world = World::voted();
    let draft = [other.as_slice(), b"\n"].concat();
    let signed = authorised(&other, &PKI.members[0]);
    let sealed = sealed(&signed, &PKI.organisation);
    issue(&mut world, [&[draft.as_slice(), b"%"].concat(), &signed, &sealed]);
    contradicted(&world, &["resolution-entries"]);
    let mut world = issued();
    let stranger = issued().resolution.unwrap().pdf;
    world.resolution.as_mut().unwrap().pdf = stranger;
    contradicted(&world, &["resolution-entries"]);
    let mut world = issued();
    world.resolution.as_mut().unwrap().number = "88/NQ-CP".to_owned();
    contradicted(&world, &["resolution-entries"]);
}

#[test]
fn a_missing_step_is_missed() {
    for act in [Act::ResolutionDrafted, Act::ResolutionSigned, Act::ResolutionSealed] {
        let mut world = issued();
        world.hidden.push(world.place(act, 0));
        contradicted(&world, &["resolution-entries"]);
    }
    let mut world = issued();
    let (signing, sealing) = (world.place(Act::ResolutionSigned, 0), world.place(Act::ResolutionSealed, 0));
    world.log.swap(signing, sealing);
    contradicted(&world, &["resolution-entries"]);
}

#[test]
fn a_resolution_of_a_vote_that_did_not_adopt_or_is_not_closed_is_refused() {
    let issued = issued();
    let steps = |world: &mut World| {
        let from = issued.place(Act::ResolutionDrafted, 0);
        world.log.extend_from_slice(&issued.log[from..]);
        world.resolution.clone_from(&issued.resolution);
    };
    let mut world = World::opened(3);
    world.cast(0, Choice::Disagree);
    world.close();
    steps(&mut world);
    contradicted(&world, &["resolution-entries"]);
    let mut world = World::opened(3);
    world.cast(0, Choice::Agree);
    world.cast(1, Choice::Agree);
    steps(&mut world);
    contradicted(&world, &["vote-closed", "resolution-entries"]);
}
