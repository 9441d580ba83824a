//! Shadow documents: what is hidden was signed, and a later revision brings it out. And certified documents.

use signing::pades::{self, DocMdp, SignRequest};
use signing::validation::ChangeKind;

use super::table::{Refused, Row, assert_refused, row};
use super::{Attack, append, append_first, find, object};
use crate::world::{self, NOW, World};

/// Signs a paper that the attacker prepared.
fn signed_over(paper: &[u8]) -> Attack {
    let world = World::new();
    let reserved = pades::add_fields(paper, &world::fields()).unwrap();
    let signed = world.leader_signs(&reserved);
    Attack { world, reserved, signed }
}

fn one(attack: &Attack, row: Row) {
    assert_refused(attack, &attack.signed, &[row]);
}

const OVERLAY: &str =
    "<</Type/XObject/Subtype/Form/BBox[0 0 595 842]/Length 18>>\nstream\n0 0 595 842 re f  \nendstream";

/// A paper whose object 70 has this body; page, catalogue and the like may point to it.
fn paper_with(number: u32, body: &str, edit: impl Fn(&str) -> String, word: &str) -> Vec<u8> {
    let paper = append_first(&world::paper("Nghi quyet"), number, body);
    let (holder, text) = object(&paper, word);
    append_first(&paper, holder, &edit(&text))
}

#[test]
fn what_was_hidden_is_not_brought_out() {
    // Hide: an overlay is signed and taken away later.
    let shows = |text: &str| text.replacen("/Font", "/XObject<</X 70 0 R>>/Font", 1);
    let attack = signed_over(&paper_with(70, OVERLAY, shows, "/MediaBox"));
    let gone = append(&attack.signed, &[(70, OVERLAY.replace("re f", "re n"))]);
    one(&attack, row("an overlay emptied", gone, Refused::Changed(ChangeKind::Content), "1 valid"));
    let gone = append(&attack.signed, &[(70, "null".to_owned())]);
    one(&attack, row("an overlay made null", gone, Refused::Changed(ChangeKind::Content), "1 valid"));
    // Hide and replace: another catalogue, or another page, is signed but not shown.
    let hidden = "<</Type/Page/MediaBox[0 0 595 842]/Parent 1 0 R>>";
    let attack = signed_over(&append_first(&world::paper("Nghi quyet"), 70, hidden));
    let (pages, body) = object(&attack.signed, "/Type/Pages");
    let at = body.find("/Kids[").unwrap() + 6;
    let end = at + body[at..].find(']').unwrap();
    let swapped = append(&attack.signed, &[(pages, format!("{}70 0 R{}", &body[..at], &body[end..]))]);
    one(&attack, row("a hidden page shown", swapped, Refused::Changed(ChangeKind::Page), "1 valid"));
    let (root, _) = object(&attack.signed, "/Type /Catalog");
    let again = append(&attack.signed, &[]);
    let at = find(&again, &format!("/Root {root} 0 R"));
    let other = [
        &again[..at],
        format!("/Root {root} 1 R").as_bytes(),
        &again[at + format!("/Root {root} 0 R").len()..],
    ]
    .concat();
    one(&attack, row("the catalogue of another generation", other, Refused::Unreadable(""), "1 valid"));
}

#[test]
fn a_table_alone_changes_nothing() {
    // A copy of the page's content, with other words, lies in the signed bytes under another number.
    let attack = signed_over(&{
        let paper = world::paper("Nghi quyet");
        let (_, body) = object(&paper, "Td (Nghi quyet) Tj");
        append_first(&paper, 70, &body.replace("Nghi quyet", "Phan quyet"))
    });
    let (content, _) = object(&attack.signed, "Td (Nghi quyet) Tj");
    let place = find(&attack.signed, "70 0 obj");
    let (page, _) = object(&attack.signed, "/MediaBox");
    let first_page =
        attack.signed.windows(8).position(|window| window == format!("\n{page} 0 obj").as_bytes()).unwrap()
            + 1;
    let point_from = |number: u32, at: usize| {
        let made = append(&attack.signed, &[(number, "null".to_owned())]);
        let own = made.len() - attack.signed.len();
        let tail = String::from_utf8_lossy(&made[made.len() - own..]).into_owned();
        let tail = &tail[tail.find("xref").unwrap()..];
        let entry = tail.lines().nth(2).unwrap().to_owned();
        let tail = tail.replacen(&entry, &format!("{at:010} 00000 n "), 1);
        let tail = &tail[..tail.find("startxref\n").unwrap()];
        [attack.signed.as_slice(), format!("{tail}startxref\n{}\n%%EOF\n", attack.signed.len()).as_bytes()]
            .concat()
    };
    let point = |at: usize| point_from(content, at);
    let body = place + "70 0 obj\n".len();
    let older = point_from(page, first_page);
    let rows = [
        row("the table points to a signed copy", point(place), Refused::Broken("another object"), "1 valid"),
        row("the table points into a signed copy", point(body), Refused::Broken("a number"), "1 valid"),
        row(
            "the table points back to an older version",
            older,
            Refused::Changed(ChangeKind::StrayBytes),
            "1 valid",
        ),
    ];
    assert_refused(&attack, &attack.signed, &rows);
}

/// A revision whose table is a stream, uncompressed, with these entries (number, kind, two fields) and objects before it.
fn streamed(pdf: &[u8], objects: &[(u32, String)], packed: &[(u32, u32, u16)]) -> Vec<u8> {
    let plain = append(pdf, &[]);
    let tail = String::from_utf8_lossy(&plain[pdf.len()..]).into_owned();
    let trailer = tail.split("trailer\n<<").nth(1).unwrap().split(">>\nstartxref").next().unwrap().to_owned();
    let mut out = pdf.to_vec();
    let mut entries: Vec<(u32, u8, u32, u16)> =
        packed.iter().map(|(number, stream, index)| (*number, 2, *stream, *index)).collect();
    for (number, body) in objects {
        entries.push((*number, 1, u32::try_from(out.len()).unwrap(), 0));
        out.extend(format!("{number} 0 obj\n{body}\nendobj\n").bytes());
    }
    let at = out.len();
    entries.push((890, 1, u32::try_from(at).unwrap(), 0));
    entries.sort_unstable();
    let index: Vec<String> = entries.iter().map(|(number, ..)| format!("{number} 1")).collect();
    let data: Vec<u8> = entries
        .iter()
        .flat_map(|(_, kind, one, two)| [&[*kind][..], &one.to_be_bytes(), &two.to_be_bytes()].concat())
        .collect();
    let (index, len) = (index.join(" "), data.len());
    out.extend(
        format!("890 0 obj\n<</Type/XRef/W[1 4 2]/Index[{index}]/Length {len}{trailer}>>\nstream\n").bytes(),
    );
    out.extend(data);
    out.extend(format!("\nendstream\nendobj\nstartxref\n{at}\n%%EOF\n").bytes());
    out
}

#[test]
fn what_is_packed_into_streams_is_seen() {
    let attack = Attack::new();
    let signed = &attack.signed;
    let (page, page_body) = object(signed, "/MediaBox");
    let (root, catalog) = object(signed, "/Type /Catalog");
    let packed = |number: u32, body: &str| {
        let head = format!("{number} 0 ");
        let data = format!("{head}{body}");
        let holder = format!(
            "<</Type/ObjStm/N 1/First {}/Length {}>>\nstream\n{data}\nendstream",
            head.len(),
            data.len()
        );
        streamed(signed, &[(880, holder)], &[(number, 880, 0)])
    };
    let turned = page_body.replacen("<<", "<</Rotate 90", 1);
    let acting = catalog.replacen("<<", "<</OpenAction<</S/JavaScript/JS(TEST)>>", 1);
    let unlisted = "<</Length 4>>\nstream\nTEST\nendstream".to_owned();
    let rows = [
        row(
            "a page in an object stream",
            packed(page, &turned),
            Refused::Changed(ChangeKind::Page),
            "1 valid",
        ),
        row(
            "a catalogue in an object stream",
            packed(root, &acting),
            Refused::Changed(ChangeKind::Catalog),
            "1 valid",
        ),
        row(
            "a stray stream under a table in a stream",
            streamed(signed, &[(700, unlisted)], &[]),
            Refused::Changed(ChangeKind::Content),
            "1 valid",
        ),
        row(
            "an object in a stream that is not there",
            streamed(signed, &[], &[(700, 701, 0)]),
            Refused::Broken(""),
            "1 valid",
        ),
    ];
    assert_refused(&attack, signed, &rows);
    // The same way of writing, with nothing changed, is lawful.
    let same = super::table::report(&attack.world, &packed(page, &page_body)).unwrap();
    assert!(same.is_passed(), "{same:?}");
}

#[test]
fn what_a_certification_forbids_is_refused() {
    let world = World::new();
    let reserved = pades::add_fields(&world::paper("Nghi quyet"), &world::fields()).unwrap();
    let mut request = SignRequest::new("nguoi-ky", world.leader.certificate.clone(), world.chain(), NOW);
    request.certify = Some(DocMdp::NoChanges);
    let signed = world::sign(&reserved, &request, &world.leader);
    let (field, body) = object(&signed, "/T (so)");
    let (page, page_body) = object(&signed, "/MediaBox");
    let (form, form_body) = object(&signed, "/Fields");
    let (root, catalog) = object(&signed, "/Type /Catalog");
    let perms = catalog.replacen("/Perms", "/Parms", 1);
    let listed = |look: &str| {
        let widget = format!("<</Type/Annot/Subtype/Widget/FT/Sig/T(them)/Rect[0 0 {look}]/V 801 0 R>>");
        let fields = form_body.replacen("/Fields [", "/Fields [800 0 R ", 1);
        let page_body = page_body.replacen("/Annots [", "/Annots [800 0 R ", 1);
        let value = "<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached/ByteRange[0 1 2 3]/Contents<00>>>";
        append(&signed, &[(page, page_body), (800, widget), (801, value.to_owned()), (form, fields)])
    };
    let of_field = Refused::Changed(ChangeKind::FieldChanged);
    let rows = [
        row(
            "a field filled",
            append(&signed, &[(field, body.replacen("<<", "<</V (9)", 1))]),
            of_field,
            "1 valid",
        ),
        row(
            "a sneaky signature over the page",
            listed("595 842"),
            Refused::Changed(ChangeKind::FieldAdded),
            "1 valid",
        ),
        row(
            "a sneaky signature that does not show",
            listed("0 0"),
            Refused::Changed(ChangeKind::FieldAdded),
            "1 valid",
        ),
        row(
            "the certification taken back",
            append(&signed, &[(root, perms)]),
            Refused::Changed(ChangeKind::Catalog),
            "1 valid",
        ),
        row(
            "appearances to be drawn again",
            append(&signed, &[(form, form_body.replacen("<<", "<</NeedAppearances true", 1))]),
            of_field,
            "1 valid",
        ),
        row(
            "a form for another program",
            append(&signed, &[(form, form_body.replacen("<<", "<</XFA(TEST)", 1))]),
            of_field,
            "1 valid",
        ),
        row(
            "other default resources",
            append(&signed, &[(form, form_body.replacen("<<", "<</DA(/Evil 1 Tf)", 1))]),
            of_field,
            "1 valid",
        ),
    ];
    let attack = Attack { world, reserved, signed };
    assert_refused(&attack, &attack.signed, &rows);
}
