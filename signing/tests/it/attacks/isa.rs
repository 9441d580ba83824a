//! Incremental saving: something is appended after the signature.

use signing::validation::ChangeKind;

use super::table::{Refused, assert_refused, row};
use super::{Attack, append, find, object};

pub(super) fn with(pdf: &[u8], tail: &str) -> Vec<u8> {
    [pdf, tail.as_bytes()].concat()
}

/// An appended revision whose last `from` becomes `to`, of any length.
pub(super) fn edited(pdf: &[u8], from: &str, to: &str) -> Vec<u8> {
    let at = find(pdf, from);
    [&pdf[..at], to.as_bytes(), &pdf[at + from.len()..]].concat()
}

/// A widget's body with another content of its appearance dictionary.
pub(super) fn relook(body: &str, look: &str) -> String {
    let at = body.find("/N ").unwrap();
    let end = at + body[at..].find('R').unwrap() + 1;
    format!("{}{look}{}", &body[..at], &body[end..])
}

fn cut(pdf: &[u8], before: &str) -> Vec<u8> {
    pdf[..find(pdf, before)].to_vec()
}

#[test]
fn half_a_revision_is_no_revision() {
    use Refused::{Changed, Unreadable};
    let attack = Attack::new();
    let signed = &attack.signed;
    let (content, body) = object(signed, "Td (Nghi quyet) Tj");
    let body = body.replace("Nghi quyet", "Phan quyet");
    let whole = append(signed, &[(content, body.clone())]);
    let old = find(signed, "startxref");
    let last: String = String::from_utf8_lossy(&signed[old..]).split_whitespace().nth(1).unwrap().to_owned();
    let new: String = String::from_utf8_lossy(&whole[find(&whole, "startxref")..])
        .split_whitespace()
        .nth(1)
        .unwrap()
        .to_owned();
    let paper = String::from_utf8_lossy(&attack.reserved).into_owned();
    let first = paper.split("startxref\n").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let prev = format!("/Prev {last}");
    let stray = Changed(ChangeKind::StrayBytes);
    let rows = [
        row("objects only", cut(&whole, "xref\n"[..4].trim_end()), stray, "1 valid"),
        row("no trailer", cut(&whole, "trailer"), stray, "1 valid"),
        row("no startxref", cut(&whole, "startxref"), stray, "1 valid"),
        row("no end mark", cut(&whole, "%%EOF"), Unreadable("%%EOF"), "1 valid"),
        row(
            "startxref of the signed revision",
            edited(&whole, &format!("startxref\n{new}"), &format!("startxref\n{last}")),
            Unreadable("%%EOF"),
            "1 valid",
        ),
        row(
            "startxref of nothing",
            edited(&whole, &format!("startxref\n{new}"), "startxref\n7"),
            Unreadable(""),
            "1 valid",
        ),
        row(
            "startxref beyond the file",
            edited(&whole, &format!("startxref\n{new}"), "startxref\n99999999"),
            Unreadable(""),
            "1 valid",
        ),
        row("another end mark", with(signed, "%%EOF\n"), stray, "1 valid"),
        row(
            "another startxref",
            with(signed, &format!("startxref\n{last}\n%%EOF\n")),
            Unreadable("%%EOF"),
            "1 valid",
        ),
        row(
            "past the signed revision",
            edited(&whole, &prev, &format!("/Prev {first}")),
            super::hidden::PASSED_BY,
            "0 valid",
        ),
        row("before no revision", edited(&whole, &prev, "/Past 0"), Unreadable("catalogue"), "1 valid"),
        row("before itself", edited(&whole, &prev, &format!("/Prev {new}")), Unreadable(""), "1 valid"),
        row(
            "a hybrid table",
            edited(&whole, &prev, &format!("{prev}/XRefStm {last}")),
            Unreadable(""),
            "1 valid",
        ),
        row(
            "a remark between objects",
            append(&with(signed, "% TEST\n"), &[(content, body)]),
            stray,
            "1 valid",
        ),
    ];
    assert_refused(&attack, signed, &rows);
}

/// A form's stream with this content.
pub(super) fn form(content: &str) -> String {
    let n_bytes = content.len();
    format!("<</Type/XObject/Subtype/Form/BBox[0 0 99 20]/Length {n_bytes}>>\nstream\n{content}\nendstream")
}

fn into(body: &str, what: &str) -> String {
    body.replacen("<<", &format!("<<{what}"), 1)
}

/// The file with one object less: its entry says that it is free.
fn freed(pdf: &[u8], number: u32) -> Vec<u8> {
    let made = append(pdf, &[(number, "null".to_owned())]);
    let tail = String::from_utf8_lossy(&made[pdf.len()..]).into_owned();
    let tail = &tail[tail.find("xref\n").unwrap()..find(tail.as_bytes(), "startxref\n")];
    let entry = tail.lines().nth(2).unwrap();
    let tail = tail.replacen(entry, "0000000000 00001 f ", 1);
    with(pdf, &format!("{tail}startxref\n{}\n%%EOF\n", pdf.len()))
}

#[test]
fn catalogue_and_trailer_stay_as_they_were_signed() {
    use Refused::{Changed, Unreadable};
    let attack = Attack::new();
    let signed = &attack.signed;
    let (root, catalog) = object(signed, "/Type /Catalog");
    let in_catalog = |what: &str| append(signed, &[(root, into(&catalog, what))]);
    let last_trailer = |from: &str, to: &str| edited(&in_catalog(""), from, to);
    let titled = append(signed, &[(800, "<</Title(TEST)>>".to_owned())]);
    let titled = edited(&titled, "/Size 900", "/Size 900/Info 800 0 R");
    let (catalogue, trailer) = (Changed(ChangeKind::Catalog), Changed(ChangeKind::Trailer));
    let rows = [
        row(
            "an action on opening",
            in_catalog("/OpenAction<</S/JavaScript/JS(TEST)>>"),
            catalogue,
            "1 valid",
        ),
        row(
            "actions of the document",
            in_catalog("/AA<</WC<</S/JavaScript/JS(TEST)>>>>"),
            catalogue,
            "1 valid",
        ),
        row(
            "scripts by name",
            in_catalog("/Names<</JavaScript<</Names[(a)<</S/JavaScript/JS(TEST)>>]>>>>"),
            catalogue,
            "1 valid",
        ),
        row(
            "optional content toggled",
            in_catalog("/OCProperties<</OCGs[]/D<</OFF[]>>>>"),
            catalogue,
            "1 valid",
        ),
        row("permissions replaced", in_catalog("/Legal<<>>"), catalogue, "1 valid"),
        row("another language", in_catalog("/Lang(vi)"), catalogue, "1 valid"),
        row(
            "a viewer's preferences",
            in_catalog("/ViewerPreferences<</HideToolbar true>>"),
            catalogue,
            "1 valid",
        ),
        row(
            "another catalogue",
            last_trailer(&format!("/Root {root} 0 R"), "/Root 800 0 R"),
            Unreadable("catalogue"),
            "1 valid",
        ),
        row("another identifier", last_trailer("/ID [", "/ID [<00>"), trailer, "1 valid"),
        row("another key in the trailer", last_trailer("/Size 900", "/Size 900/Evil 1"), trailer, "1 valid"),
        row(
            "encryption",
            last_trailer("/Size 900", "/Size 900/Encrypt<</Filter/Standard>>"),
            Unreadable("encrypted"),
            "1 valid",
        ),
        row("a key twice", in_catalog("/Type/Catalog"), Unreadable("twice"), "1 valid"),
        row("another title", titled, Changed(ChangeKind::Information), "1 valid"),
    ];
    assert_refused(&attack, signed, &rows);
}

#[test]
fn pages_and_what_they_show_stay_as_they_were_signed() {
    use Refused::Changed;
    let attack = Attack::new();
    let signed = &attack.signed;
    let (page, page_body) = object(signed, "/MediaBox");
    let (pages, pages_body) = object(signed, "/Type/Pages");
    let (font, font_body) = object(signed, "/BaseFont");
    let (content, _) = object(signed, "Td (Nghi quyet) Tj");
    let in_page = |what: &str| append(signed, &[(page, into(&page_body, what))]);
    let annotated = |annotation: &str| {
        let listed = page_body.replacen("/Annots [", "/Annots [800 0 R ", 1);
        append(signed, &[(page, listed), (800, annotation.to_owned())])
    };
    let evil = "<</Type/Page/Parent 1 0 R/MediaBox[0 0 595 842]>>".to_owned();
    let kids = pages_body.replacen("/Kids[", "/Kids[800 0 R ", 1);
    let (of_page, annotation) = (Changed(ChangeKind::Page), Changed(ChangeKind::Annotation));
    let content_changed = Changed(ChangeKind::Content);
    let rows = [
        row(
            "a note over the text",
            annotated("<</Type/Annot/Subtype/FreeText/Rect[100 590 300 620]/Contents(TEST)>>"),
            annotation,
            "1 valid",
        ),
        row(
            "a stamp over the text",
            annotated("<</Type/Annot/Subtype/Stamp/Rect[0 0 595 842]/Name/Approved>>"),
            annotation,
            "1 valid",
        ),
        row(
            "a redaction",
            annotated("<</Type/Annot/Subtype/Redact/Rect[100 590 300 620]>>"),
            annotation,
            "1 valid",
        ),
        row(
            "a link",
            annotated("<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A<</S/URI/URI(http://x)>>>>"),
            annotation,
            "1 valid",
        ),
        row(
            "an annotation that shows nowhere",
            annotated("<</Type/Annot/Subtype/Popup/Rect[0 0 0 0]>>"),
            annotation,
            "1 valid",
        ),
        row("another page", append(signed, &[(pages, kids), (800, evil.clone())]), of_page, "1 valid"),
        row("a page nobody lists", append(signed, &[(800, evil)]), of_page, "1 valid"),
        row("a page turned", in_page("/Rotate 180"), of_page, "1 valid"),
        row("a page cropped", in_page("/CropBox[0 0 9 9]"), of_page, "1 valid"),
        row(
            "an action on turning to the page",
            in_page("/AA<</O<</S/JavaScript/JS(TEST)>>>>"),
            of_page,
            "1 valid",
        ),
        row(
            "another font",
            append(signed, &[(font, font_body.replace("Times-Roman", "ZapfDingbats"))]),
            content_changed,
            "1 valid",
        ),
        row("the text taken away", freed(signed, content), content_changed, "1 valid"),
        row("the font taken away", freed(signed, font), content_changed, "1 valid"),
    ];
    assert_refused(&attack, signed, &rows);
}

#[test]
fn fields_take_a_value_and_a_plain_look_only() {
    use Refused::Changed;
    let attack = Attack::new();
    let signed = &attack.signed;
    let (field, field_body) = object(signed, "/T (so)");
    let (seal, seal_body) = object(signed, "/T (co-quan)");
    let in_field = |what: &str| append(signed, &[(field, into(&field_body, &format!("/V (9){what}")))]);
    let filled = |look: &str, content: &str| {
        let body = into(&relook(&field_body, look), "/V (9)");
        append(signed, &[(field, body), (801, form(content))])
    };
    let of_field = Changed(ChangeKind::FieldChanged);
    let rows = [
        row("a field with a script", in_field("/AA<</F<</S/JavaScript/JS(TEST)>>>>"), of_field, "1 valid"),
        row("a field with rich text", in_field("/RV(<p>TEST</p>)"), of_field, "1 valid"),
        row(
            "a field made multi-line",
            append(signed, &[(field, into(&field_body, "/V (9)").replacen("/Ff 1", "/Ff 4097", 1))]),
            of_field,
            "1 valid",
        ),
        row("a field with another background", in_field("/MK<</BG[1 1 1]>>"), of_field, "1 valid"),
        row("a field's look draws an image", filled("/N 801 0 R", "/X Do"), of_field, "1 valid"),
        row("a field's look under the mouse", filled("/N 801 0 R/R 801 0 R", "BT ET"), of_field, "1 valid"),
        row("a field's looks by state", filled("/N<</On 801 0 R>>", "BT ET"), of_field, "1 valid"),
        row(
            "a field grown over the page",
            append(
                signed,
                &[(field, into(&field_body, "/V (9)").replacen("/Rect [", "/Rect [0 0 595 842] /Old [", 1))],
            ),
            of_field,
            "1 valid",
        ),
        row(
            "the seal's field signed by nobody",
            append(
                signed,
                &[
                    (seal, into(&seal_body, "/V 800 0 R")),
                    (800, "<</Type/Sig/Filter/Adobe.PPKLite>>".to_owned()),
                ],
            ),
            of_field,
            "1 valid",
        ),
        row(
            "the seal's field becomes text",
            append(signed, &[(seal, into(&seal_body, "/V (TEST)").replacen("/FT /Sig", "/FT /Tx", 1))]),
            of_field,
            "1 valid",
        ),
    ];
    assert_refused(&attack, signed, &rows);
}
