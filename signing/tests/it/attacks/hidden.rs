//! What a later revision passes by, and what it makes of something else.

use signing::validation::ChangeKind;

use super::isa::{edited, with};
use super::table::{Refused, assert_refused, row};
use super::{Attack, append, object};

/// The reason for a signature that the file's own chain of revisions passes by.
pub(super) const PASSED_BY: Refused = Refused::Hidden("no revision of the file leads to");

#[test]
fn a_signature_that_the_newest_revision_passes_by_is_told() {
    let attack = Attack::new();
    let signed = &attack.signed;
    let start = |pdf: &[u8], nth: usize| {
        let text = String::from_utf8_lossy(pdf).into_owned();
        text.split("startxref\n").nth(nth).unwrap().split_whitespace().next().unwrap().to_owned()
    };
    let (paper, last) = (start(&attack.reserved, 2), start(signed, 3));
    let past = |pdf: &[u8]| edited(pdf, &format!("/Prev {last}"), &format!("/Prev {paper}"));
    let (content, body) = object(signed, "Td (Nghi quyet) Tj");
    let other = past(&append(signed, &[(content, body.replace("Nghi quyet", "Phan quyet"))]));
    // Somebody else signs what is left of it; his own signature verifies, and is not the only one.
    let kept = past(&append(signed, &[]));
    assert!(matches!(
        signing::pades::prepare(&kept, &attack.request_of_the_seal()),
        Err(signing::pades::PadesError::Refused(why)) if why.contains("leads to")
    ));
    let sealed = attack.world.organisation_seals(&attack.reserved);
    let beside = with(signed, &String::from_utf8_lossy(&sealed[attack.reserved.len()..]));
    let rows = [
        row("passed by without a change", kept, PASSED_BY, "0 valid"),
        row("passed by, the text changed", other.clone(), PASSED_BY, "0 valid"),
        row("passed by twice", append(&other, &[]), PASSED_BY, "0 valid"),
        row("a revision of another base behind it", beside, Refused::Unreadable(""), "0 valid"),
    ];
    assert_refused(&attack, signed, &rows);
    // What only looks like one is none: a signed paper that was attached, or the words of a byte range.
    let attached = |data: &[u8]| {
        let head = format!("<</Type/EmbeddedFile/Length {}>>\nstream\n", data.len());
        let head = head + std::str::from_utf8(data).unwrap() + "\nendstream";
        append(&attack.reserved, &[(800, head)])
    };
    let text: String = String::from_utf8_lossy(signed).chars().filter(char::is_ascii).collect();
    for data in [text.as_str(), "/ByteRange [0 10 20 30]", "/ByteRange", "/ByteRange [0 1 9999999 1]"] {
        let carrier = attached(data.as_bytes());
        assert!(attack.report(&carrier).signatures.is_empty(), "{data}");
        assert!(attack.report(&attack.world.leader_signs(&carrier)).is_passed(), "{data}");
    }
}

/// An object may not take over another's number to become what a revision may bring.
#[test]
fn nothing_that_was_signed_becomes_something_else() {
    use Refused::Changed;
    let attack = Attack::new();
    let signed = &attack.signed;
    let (content, _) = object(signed, "Td (Nghi quyet) Tj");
    let (form, form_body) = object(signed, "/SigFlags");
    let at = form_body.find("/Fields ").unwrap() + "/Fields ".len();
    let end = at + form_body[at..].find(']').unwrap() + 1;
    let list = form_body[at..end].to_owned();
    let moved = |to: &str| format!("{}{to}{}", &form_body[..at], &form_body[end..]);
    let dated = append(signed, &[(content, "<</ModDate(D:20260607160531Z)>>".to_owned())]);
    let of_content = Changed(ChangeKind::Content);
    let rows = [
        row(
            "the text becomes the information",
            edited(&dated, "/Size 900", &format!("/Size 900/Info {content} 0 R")),
            of_content,
            "1 valid",
        ),
        row(
            "the text becomes the list of fields",
            append(signed, &[(form, moved(&format!("{content} 0 R"))), (content, list.clone())]),
            of_content,
            "1 valid",
        ),
    ];
    assert_refused(&attack, signed, &rows);
    let fresh = append(signed, &[(form, moved("800 0 R")), (800, list)]);
    assert!(attack.report(&fresh).is_passed(), "a new object may hold the list");
    // The same for a form that stood in the catalogue itself.
    let (root, catalog) = object(&attack.reserved, "/Type /Catalog");
    let (_, reserved_form) = object(&attack.reserved, "/Fields");
    let at = catalog.find("/AcroForm ").unwrap() + "/AcroForm ".len();
    let end = at + catalog[at..].find('R').unwrap() + 1;
    let holding = |form: &str| format!("{}{form}{}", &catalog[..at], &catalog[end..]);
    let direct = append(&attack.reserved, &[(root, holding(&reserved_form))]);
    let attack = Attack { signed: attack.world.leader_signs(&direct), ..attack };
    let signed = &attack.signed;
    let (root, catalog) = object(signed, "/Type /Catalog");
    let at = catalog.find("/AcroForm ").unwrap() + "/AcroForm ".len();
    let end = at + catalog[at..].rfind(">>").unwrap();
    // The form's dictionary ends where its brackets do.
    let mut depth = 0_usize;
    let len = catalog.as_bytes()[at..end]
        .windows(2)
        .position(|pair| {
            depth = match pair {
                b"<<" => depth + 1,
                b">>" => depth - 1,
                _ => depth,
            };
            pair == b">>" && depth == 0
        })
        .unwrap()
        + 2;
    let form = catalog[at..at + len].to_owned();
    let elsewhere = |number: u32| format!("{}{number} 0 R{}", &catalog[..at], &catalog[at + len..]);
    let taken = append(signed, &[(root, elsewhere(content)), (content, form.clone())]);
    assert_refused(&attack, signed, &[row("the text becomes the form", taken, of_content, "1 valid")]);
    let fresh = append(signed, &[(root, elsewhere(800)), (800, form)]);
    assert!(attack.report(&fresh).is_passed(), "a new object may hold the form: {:?}", attack.report(&fresh));
}
