//! Files that must not pass: byte-range games and revisions appended after a signature.
//!
//! Source: `docs/sources.md`, entry `pdf-attacks` (signature wrapping, incremental saving, shadow documents).

use signing::pades;
use signing::validation::{ChangeKind, Indication, Integrity, Report, validate_pdf};

use crate::world::{self, NOW, World};

#[path = "attacks/hidden.rs"]
mod hidden;
#[path = "attacks/isa.rs"]
mod isa;
#[path = "attacks/lawful.rs"]
mod lawful;
#[path = "attacks/shadow.rs"]
mod shadow;
#[path = "attacks/table.rs"]
mod table;
#[path = "attacks/usf.rs"]
mod usf;

struct Attack {
    world: World,
    reserved: Vec<u8>,
    signed: Vec<u8>,
}

impl Attack {
    fn new() -> Self {
        let world = World::new();
        let reserved = pades::add_fields(&world::paper("Nghi quyet"), &world::fields()).unwrap();
        let signed = world.leader_signs(&reserved);
        Self { world, reserved, signed }
    }

    fn request_of_the_seal(&self) -> pades::SignRequest {
        let organisation = &self.world.organisation;
        pades::SignRequest::new("co-quan", organisation.certificate.clone(), self.world.chain(), NOW)
    }

    fn report(&self, pdf: &[u8]) -> Report {
        validate_pdf(pdf, Some(&self.world.trust()), NOW).unwrap()
    }

    fn assert_refused(&self, pdf: &[u8], kind: ChangeKind) {
        let report = self.report(pdf);
        let first = &report.signatures[0];
        assert_eq!(first.integrity, Integrity::Intact, "{first:?}");
        assert!(first.changes.iter().any(|change| change.kind == kind && !change.lawful), "{first:?}");
        assert_eq!(first.indication, Indication::TotalFailed);
        assert_eq!(first.sub_indication, Some("FORMAT_FAILURE"));
    }

    fn assert_broken(&self, pdf: &[u8], why: &str) {
        let report = self.report(pdf);
        assert!(!report.signatures.is_empty(), "{why}: the signature vanished");
        for signature in &report.signatures {
            assert_eq!(signature.integrity, Integrity::Broken, "{why}: {signature:?}");
            assert_eq!(signature.indication, Indication::TotalFailed, "{why}");
        }
    }
}

fn find(pdf: &[u8], word: &str) -> usize {
    pdf.windows(word.len())
        .rposition(|window| window == word.as_bytes())
        .unwrap_or_else(|| panic!("no {word}"))
}

/// Replaces the last `from` by `to` of the same length.
fn swap(pdf: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = find(pdf, from);
    [&pdf[..at], to.as_bytes(), &pdf[at + from.len()..]].concat()
}

/// Appends a revision with these objects (`number`, body), as an attacker's writer would.
fn append(pdf: &[u8], objects: &[(u32, String)]) -> Vec<u8> {
    let text = String::from_utf8_lossy(&pdf[find(pdf, "startxref")..]).into_owned();
    let prev: usize = text.split_whitespace().nth(1).unwrap().parse().unwrap();
    let trailer = String::from_utf8_lossy(&pdf[find(pdf, "trailer")..]).into_owned();
    let after = |key: &str| trailer.split_once(key).unwrap().1.trim_start().to_owned();
    let root = after("/Root").split_whitespace().next().unwrap().to_owned();
    let id = after("/ID").split(']').next().unwrap().to_owned();
    let mut out = pdf.to_vec();
    let mut table = String::from("xref\n");
    for (number, body) in objects {
        table += &format!("{number} 1\n{:010} 00000 n \n", out.len());
        out.extend(format!("{number} 0 obj\n{body}\nendobj\n").bytes());
    }
    let at = out.len();
    out.extend(table.bytes());
    out.extend(
        format!("trailer\n<</Root {root} 0 R/Size 900/Prev {prev}/ID {id}]>>\nstartxref\n{at}\n%%EOF\n")
            .bytes(),
    );
    out
}

/// The number and the body of the newest object that contains `word`.
fn object(pdf: &[u8], word: &str) -> (u32, String) {
    let at = find(pdf, word);
    let start = pdf[..at].windows(5).rposition(|window| window == b" obj\n").unwrap();
    let line = pdf[..start].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    let end = at + pdf[at..].windows(6).position(|window| window == b"endobj").unwrap();
    let number = String::from_utf8_lossy(&pdf[line..start]).split(' ').next().unwrap().parse().unwrap();
    (number, String::from_utf8_lossy(&pdf[start + 5..end]).trim_end().to_owned())
}

#[test]
fn byte_range_games_break_the_signature() {
    let attack = Attack::new();
    let at = find(&attack.signed, "/ByteRange [") + "/ByteRange [".len();
    let end = at + attack.signed[at..].iter().position(|byte| *byte == b']').unwrap();
    let text = String::from_utf8_lossy(&attack.signed[at..end]).into_owned();
    let range: Vec<i64> = text.split_whitespace().map(|number| number.parse().unwrap()).collect();
    let [a, b, c, d] = range[..] else { panic!("{range:?}") };
    let with = |numbers: &[i64]| {
        let numbers = numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let room = attack.signed[end..].iter().take_while(|byte| matches!(byte, b']' | b' ')).count();
        let field = format!("{numbers}]");
        let mut pdf = attack.signed.clone();
        let width = end - at + room;
        assert!(field.len() <= width, "{field}");
        pdf[at..at + width].fill(b' ');
        pdf[at..at + field.len()].copy_from_slice(field.as_bytes());
        pdf
    };
    assert!(attack.report(&with(&[a, b, c, d])).is_passed(), "the harness itself changes nothing");
    for (why, numbers) in [
        ("starts later", vec![1, b - 1, c, d]),
        ("overlaps the contents", vec![a, b + 1, c, d]),
        ("a gap before the contents", vec![a, b - 1, c, d]),
        ("a gap after the contents", vec![a, b, c + 1, d - 1]),
        ("ends early", vec![a, b, c, d - 1]),
        ("ends in the middle of a revision", vec![a, b, c, d - 700]),
        ("ends after the file", vec![a, b, c, d + 1]),
        ("negative", vec![a, b, c, -1]),
        ("overflow", vec![a, b, i64::MAX, d]),
        ("three numbers", vec![a, b, c]),
        ("six numbers", vec![a, b, c, 1, 1, 1]),
        ("backward", vec![a, c, b, d]),
        ("empty", vec![]),
    ] {
        attack.assert_broken(&with(&numbers), why);
    }
}

#[test]
fn contents_hide_nothing() {
    let attack = Attack::new();
    let at = find(&attack.signed, "/Contents <") + "/Contents <".len();
    let end = at + attack.signed[at..].iter().position(|byte| *byte == b'>').unwrap();
    let mut edits: Vec<(&str, usize, u8)> = vec![
        ("hidden behind the CMS", end - 2, b'7'),
        ("white space", end - 1, b' '),
        ("no digit", end - 1, b'z'),
    ];
    let letter = attack.signed[at..].iter().position(u8::is_ascii_lowercase).unwrap() + at;
    edits.push(("another case", letter, attack.signed[letter].to_ascii_uppercase()));
    for (why, at, byte) in edits {
        let mut pdf = attack.signed.clone();
        pdf[at] = byte;
        attack.assert_broken(&pdf, why);
    }
}

#[test]
fn no_byte_of_a_signed_file_is_free() {
    let attack = Attack::new();
    let mut pdf = attack.signed.clone();
    let zeros = find(&pdf, "/Contents <") + 6000..find(&pdf, "/Contents <") + 16_000;
    let cms = find(&pdf, "/Contents <") + 11..zeros.start;
    // Any other bit of the text, and the lowest bit of the signature's digits, which keeps most of them digits.
    let text = (0..pdf.len()).step_by(37).filter(|at| !zeros.contains(at)).map(|at| (at, 0x20));
    let digits = cms.clone().take(120).chain(cms.step_by(11)).map(|at| (at, 0x01));
    for (at, mask) in text.chain(digits) {
        pdf[at] ^= mask;
        let passed =
            validate_pdf(&pdf, Some(&attack.world.trust()), NOW).is_ok_and(|report| report.is_passed());
        assert!(!passed, "byte {at}");
        pdf[at] ^= mask;
    }
}

#[test]
fn a_second_byte_range_makes_the_file_unreadable() {
    let attack = Attack::new();
    // The name grows into a second /ByteRange within the same dictionary.
    let pdf = swap(&attack.signed, "/Filter /Adobe.PPKLite", "/ByteRange [0 1 2 3]  ");
    assert!(!validate_pdf(&pdf, Some(&attack.world.trust()), NOW).is_ok_and(|report| report.is_passed()));
}

#[test]
fn page_content_replaced_after_signing_is_unlawful() {
    let attack = Attack::new();
    let (number, body) = object(&attack.signed, "Td (Nghi quyet) Tj");
    let pdf = append(&attack.signed, &[(number, body.replace("Nghi quyet", "Phan quyet"))]);
    attack.assert_refused(&pdf, ChangeKind::Content);
    let (number, body) = object(&attack.signed, "/MediaBox");
    let pdf = append(&attack.signed, &[(number, body.replace("595", "495"))]);
    attack.assert_refused(&pdf, ChangeKind::Page);
}

#[test]
fn an_overlay_annotation_is_unlawful() {
    let attack = Attack::new();
    let (number, body) = object(&attack.signed, "/Annots");
    let at = body.find("/Annots [").unwrap() + "/Annots [".len();
    let page = format!("{}800 0 R {}", &body[..at], &body[at..]);
    let note =
        "<</Type/Annot/Subtype/FreeText/Rect[100 590 300 620]/Contents(TEST)/DA(/TiRo 12 Tf)>>".to_owned();
    let pdf = append(&attack.signed, &[(number, page), (800, note)]);
    attack.assert_refused(&pdf, ChangeKind::Page);
    attack.assert_refused(&pdf, ChangeKind::Annotation);
}

#[test]
fn bytes_after_the_end_and_between_objects_are_flagged() {
    let attack = Attack::new();
    for stray in [" ", "\n\n", "%% a remark", "1 0 obj <<>> endobj"] {
        let pdf = [attack.signed.as_slice(), stray.as_bytes()].concat();
        attack.assert_refused(&pdf, ChangeKind::StrayBytes);
    }
    let hidden = [attack.signed.as_slice(), b"700 0 obj\n<</Evil true>>\nendobj\n"].concat();
    attack.assert_refused(&append(&hidden, &[(800, "null".to_owned())]), ChangeKind::StrayBytes);
}

#[test]
fn an_orphan_object_or_another_catalogue_is_unlawful() {
    let attack = Attack::new();
    attack.assert_refused(&append(&attack.signed, &[(800, "<</Any 1>>".to_owned())]), ChangeKind::Object);
    let (number, body) = object(&attack.signed, "/Type /Catalog");
    let action = body.replacen("<<", "<</OpenAction<</S/JavaScript/JS(app.alert)>>", 1);
    attack.assert_refused(&append(&attack.signed, &[(number, action)]), ChangeKind::Catalog);
}

#[test]
fn an_object_the_signed_revision_waited_for_is_unlawful() {
    let world = World::new();
    let paper = world::paper("Nghi quyet");
    let (number, body) = object(&paper, "/MediaBox");
    // A shadow: the signed page shows an XObject that does not exist yet.
    let shadow = append_first(&paper, number, &body.replacen("/Font", "/XObject<</X 801 0 R>>/Font", 1));
    let reserved = pades::add_fields(&shadow, &world::fields()).unwrap();
    let signed = world.leader_signs(&reserved);
    let attack = Attack { world, reserved, signed };
    let (root, catalog) = object(&attack.signed, "/Type /Catalog");
    let catalog = catalog.replacen("<<", "<</DSS<</Certs[801 0 R]>>", 1);
    let form = "<</Type/XObject/Subtype/Form/BBox[0 0 595 842]/Length 0>>\nstream\n\nendstream".to_owned();
    attack.assert_refused(&append(&attack.signed, &[(root, catalog), (801, form)]), ChangeKind::Object);
}

#[test]
fn an_object_that_a_later_revision_waited_for_is_unlawful() {
    let attack = Attack::new();
    let (root, catalog) = object(&attack.signed, "/Type /Catalog");
    let catalog = catalog.replacen("<<", "<</DSS<</Certs[800 0 R 801 0 R]>>", 1);
    let data = "<</Length 3>>\nstream\nabc\nendstream".to_owned();
    let waiting = append(&attack.signed, &[(root, catalog), (800, data.clone())]);
    assert!(attack.report(&waiting).is_passed(), "{:?}", attack.report(&waiting));
    attack.assert_refused(&append(&waiting, &[(801, data)]), ChangeKind::Object);
}

/// An update before any signature; lopdf's own trailer has no identifier.
fn append_first(pdf: &[u8], number: u32, body: &str) -> Vec<u8> {
    let prev =
        String::from_utf8_lossy(&pdf[find(pdf, "startxref")..]).split_whitespace().nth(1).unwrap().to_owned();
    let trailer = String::from_utf8_lossy(&pdf[find(pdf, "/Root")..]).into_owned();
    let root = trailer.split_whitespace().nth(1).unwrap().to_owned();
    let mut out = pdf.to_vec();
    let at = out.len();
    let body = format!("{number} 0 obj\n{body}\nendobj\n");
    let section = at + body.len();
    out.extend(body.bytes());
    out.extend(
        format!(
            "xref\n{number} 1\n{at:010} 00000 n \ntrailer\n<</Root {root} 0 R/Size 100/Prev {prev}>>\nstartxref\n{section}\n%%EOF\n"
        )
        .bytes(),
    );
    out
}

#[test]
fn validation_data_may_be_added_but_not_reach_into_the_document() {
    let attack = Attack::new();
    let (root, catalog) = object(&attack.signed, "/Type /Catalog");
    let catalog = catalog.replacen("<<", "<</DSS<</Certs[800 0 R]>>", 1);
    let data = "<</Length 3>>\nstream\nabc\nendstream".to_owned();
    let lawful = append(&attack.signed, &[(root, catalog.clone()), (800, data.clone())]);
    assert!(attack.report(&lawful).is_passed(), "{:?}", attack.report(&lawful));
    let (content, body) = object(&attack.signed, "Td (Nghi quyet) Tj");
    let reaching = catalog.replace("800 0 R", &format!("800 0 R {content} 0 R"));
    let body = body.replace("Nghi quyet", "Phan quyet");
    let pdf = append(&attack.signed, &[(root, reaching), (800, data), (content, body)]);
    attack.assert_refused(&pdf, ChangeKind::Content);
}

#[test]
fn a_signature_taken_away_is_missed() {
    let attack = Attack::new();
    let (field, body) = object(&attack.signed, "/T (nguoi-ky)");
    let at = body.find("/V ").unwrap();
    let end = at + body[at..].find('R').unwrap() + 1;
    let pdf = append(&attack.signed, &[(field, format!("{}{}", &body[..at], &body[end..]))]);
    attack.assert_refused(&pdf, ChangeKind::FieldChanged);
}

#[test]
fn a_filled_number_cannot_be_changed_again() {
    let attack = Attack::new();
    let sealed = attack.world.organisation_seals(&attack.signed);
    assert!(attack.report(&sealed).is_passed());
    let (field, body) = object(&sealed, "/V (12/NQ-CP)");
    let pdf = append(&sealed, &[(field, body.replace("12/NQ-CP", "99/NQ-CP"))]);
    attack.assert_refused(&pdf, ChangeKind::FieldChanged);
    let seal = &attack.report(&pdf).signatures[1];
    assert_eq!(seal.indication, Indication::TotalFailed);
}

#[test]
fn after_the_seal_no_field_may_be_filled_though_the_leader_allows_it() {
    let world = World::new();
    let mut fields = world::fields();
    let mut spare = fields[0].clone();
    spare.name = "them".to_owned();
    spare.rect = pades::Rect::from_points(80, 700, 200, 720);
    fields.push(spare);
    let reserved = pades::add_fields(&world::paper("Nghi quyet"), &fields).unwrap();
    let sealed = world.organisation_seals(&world.leader_signs(&reserved));
    let (field, body) = object(&sealed, "/T (them)");
    let pdf = append(&sealed, &[(field, body.replacen("<<", "<</V (TEST)", 1))]);
    let report = validate_pdf(&pdf, Some(&world.trust()), NOW).unwrap();
    assert_eq!(report.signatures[0].indication, Indication::TotalPassed);
    assert_eq!(report.signatures[1].indication, Indication::TotalFailed);
}

/// Signs the two fields after moving the seal's; gives the kinds of change the first signature sees.
fn with_seal_at(rect: pades::Rect) -> Result<Vec<u8>, pades::PadesError> {
    let world = World::new();
    let mut fields = world::fields();
    fields[3].rect = rect;
    let reserved = pades::add_fields(&world::paper("Nghi quyet"), &fields).unwrap();
    let signed = world.leader_signs(&reserved);
    let organisation = &world.organisation;
    let request = pades::SignRequest::new("co-quan", organisation.certificate.clone(), world.chain(), NOW);
    let image = pades::Appearance::image_png(&world::disc([220, 0, 0])).unwrap();
    let request = pades::SignRequest { appearance: Some(image), ..request };
    let prepared = pades::prepare(&signed, &request)?;
    let raw = world::sign_raw(&organisation.key, prepared.algorithm(), prepared.signed_attributes());
    prepared.embed(&raw)
}

#[test]
fn a_seal_covers_a_third_of_the_signature_and_no_more() {
    with_seal_at(pades::Rect::from_points(300, 85, 400, 185)).unwrap();
    with_seal_at(pades::Rect::from_points(100, 85, 200, 185)).unwrap();
    for too_much in [
        pades::Rect::from_points(340, 85, 440, 185),
        pades::Rect::from_points(350, 100, 500, 160),
        pades::Rect::from_points(0, 0, 595, 842),
    ] {
        let refused = with_seal_at(too_much).unwrap_err();
        assert!(matches!(&refused, pades::PadesError::Refused(why) if why.contains("Overlay")), "{refused}");
    }
}

#[test]
fn a_document_certified_against_changes_takes_no_second_signature() {
    let attack = Attack::new();
    let leader = &attack.world.leader;
    let request = pades::SignRequest::new("nguoi-ky", leader.certificate.clone(), attack.world.chain(), NOW);
    let request = pades::SignRequest { certify: Some(pades::DocMdp::NoChanges), ..request };
    let signed = world::sign(&attack.reserved, &request, leader);
    let organisation = &attack.world.organisation;
    let second =
        pades::SignRequest::new("co-quan", organisation.certificate.clone(), attack.world.chain(), NOW);
    assert!(matches!(pades::prepare(&signed, &second), Err(pades::PadesError::Refused(_))));
}

#[test]
fn strangers_and_expiry_are_indeterminate() {
    let attack = Attack::new();
    let stranger = World::new();
    for (trust, at, sub_indication) in [
        (stranger.trust(), NOW, "NO_CERTIFICATE_CHAIN_FOUND"),
        (attack.world.trust(), NOW.plus_seconds(5 * 365 * 86_400), "OUT_OF_BOUNDS_NO_POE"),
    ] {
        let report = validate_pdf(&attack.signed, Some(&trust), at).unwrap();
        assert_eq!(report.signatures[0].integrity, Integrity::Intact);
        assert_eq!(report.signatures[0].indication, Indication::Indeterminate);
        assert_eq!(report.signatures[0].sub_indication, Some(sub_indication));
    }
}

#[test]
fn a_thousand_objects_within_one_endless_string_are_given_up_soon() {
    use std::fmt::Write as _;
    const STRING_BYTES: usize = 1 << 20;
    let mut pdf = b"%PDF-1.7\n".to_vec();
    let objects = "1 0 obj (".repeat(2_000);
    let start = pdf.len();
    pdf.extend(objects.bytes());
    pdf.resize(pdf.len() + STRING_BYTES, b'(');
    let section = pdf.len() + 1;
    let mut table = String::from("\nxref\n0 2000\n");
    for number in 0..2_000 {
        writeln!(table, "{:010} 00000 n ", start + 9 * number).unwrap();
    }
    pdf.extend(table.bytes());
    pdf.extend(format!("trailer\n<</Size 2000/Root 1 0 R>>\nstartxref\n{section}\n%%EOF\n").bytes());
    let refused = validate_pdf(&pdf, None, NOW).unwrap_err();
    assert!(refused.to_string().contains("lie in each other"), "{refused}");
}
