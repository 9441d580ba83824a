//! Universal signature forgery and signature wrapping: the signature's own dictionary is played with.

use signing::validation::ChangeKind;

use super::table::{Refused, assert_refused, row};
use super::{Attack, append, find, object, swap};

/// Where the hexadecimal digits of the last `/Contents` stand.
fn digits(pdf: &[u8]) -> std::ops::Range<usize> {
    let at = find(pdf, "/Contents <") + "/Contents <".len();
    at..at + pdf[at..].iter().position(|byte| *byte == b'>').unwrap()
}

/// Writes over what stands at `at`.
fn over(pdf: &[u8], at: usize, text: &[u8]) -> Vec<u8> {
    [&pdf[..at], text, &pdf[at + text.len()..]].concat()
}

/// The byte range with its brackets and the white space behind it, replaced and filled up.
fn with_range(pdf: &[u8], text: &str) -> Vec<u8> {
    let at = find(pdf, "/ByteRange [") + "/ByteRange ".len();
    let end = at + pdf[at..].iter().position(|byte| *byte == b']').unwrap() + 1;
    over(pdf, at, format!("{text:width$}", width = end - at).as_bytes())
}

#[test]
fn a_signature_without_its_parts_is_broken() {
    use Refused::Broken;
    let attack = Attack::new();
    let signed = &attack.signed;
    let place = digits(signed);
    let zeros = vec![b'0'; place.len()];
    let literal = [b"(", vec![b'x'; place.len()].as_slice(), b")"].concat();
    let mut empty = vec![b' '; place.len() + 2];
    empty[..2].copy_from_slice(b"<>");
    let mut null = vec![b' '; place.len() + 2];
    null[..4].copy_from_slice(b"null");
    let mut upper = signed.clone();
    upper[place.clone()].make_ascii_uppercase();
    let rows = [
        row("no contents", swap(signed, "/Contents <", "/Kontents <"), Broken("no /Contents"), "0 valid"),
        row("contents of zeros", over(signed, place.start, &zeros), Broken(""), "0 valid"),
        row("contents empty", over(signed, place.start - 1, &empty), Broken("the gap"), "0 valid"),
        row("contents null", over(signed, place.start - 1, &null), Broken("the gap"), "0 valid"),
        row(
            "contents in brackets",
            over(signed, place.start - 1, &literal),
            Broken("hexadecimal"),
            "0 valid",
        ),
        row(
            "no byte range",
            swap(signed, "/ByteRange", "/BiteRange"),
            Broken("not an object of its own"),
            "0 valid",
        ),
        row("byte range null", with_range(signed, "null"), Broken("the byte range"), "0 valid"),
        row("byte range of zeros", with_range(signed, "[0 0 0 0]"), Broken("the gap"), "0 valid"),
        row("byte range elsewhere", with_range(signed, "1 0 R"), Broken("the byte range"), "0 valid"),
        row("byte range of reals", with_range(signed, "[0.0 1.0 2 3]"), Broken("the byte range"), "0 valid"),
        row(
            "byte range beyond numbers",
            with_range(signed, "[0 1 2 9223372036854775807]"),
            Broken("ends after"),
            "0 valid",
        ),
        row("byte range of names", with_range(signed, "[/a /b /c /d]"), Broken("the byte range"), "0 valid"),
        row(
            "another subfilter",
            swap(signed, "/ETSI.CAdES.detached", "/adbe.x509.rsa_sha1 "),
            Broken("SubFilter"),
            "0 valid",
        ),
        row(
            "another type",
            swap(
                signed,
                "/Type /Sig
",
                "/Type /Sog
",
            ),
            Broken("not a signature"),
            "0 valid",
        ),
    ];
    assert_refused(&attack, signed, &rows);
}

#[test]
fn what_is_wrapped_around_a_signature_is_not_signed() {
    use Refused::{Broken, Unreadable};
    let attack = Attack::new();
    let signed = &attack.signed;
    let place = digits(signed);
    let cms_end = place.start
        + 2 * (4 + usize::from_str_radix(
            &String::from_utf8_lossy(&signed[place.start + 4..place.start + 8]),
            16,
        )
        .unwrap());
    let evil = b"> 900 0 obj <</Evil true>> endobj <00";
    // The second part moves down; what was inserted lies in the gap.
    let inserted = b"\n900 0 obj\n<</Evil true>>\nendobj\n";
    let moved = |range: bool| {
        let text = String::from_utf8_lossy(&signed[find(signed, "/ByteRange [")..]).into_owned();
        let numbers: Vec<usize> = text[12..text.find(']').unwrap()]
            .split_whitespace()
            .map(|number| number.parse().unwrap())
            .collect();
        let split = numbers[2];
        let pdf = [&signed[..split], inserted.as_slice(), &signed[split..]].concat();
        let shifted = format!("[0 {} {} {}]", numbers[1], split + inserted.len(), numbers[3]);
        if range { with_range(&pdf, &shifted) } else { pdf }
    };
    let second = format!("> /ByteRange [0 {} {} 10] /X <00", place.start - 1, place.end + 1);
    let rows = [
        row("an object in the gap", over(signed, cms_end, evil), Broken(""), "0 valid"),
        row(
            "white space in the gap",
            over(signed, place.end - 1, b">"),
            Broken("not an object of its own"),
            "1 valid",
        ),
        row("a remark in the gap", over(signed, cms_end, b">%"), Broken(""), "1 valid"),
        row(
            "a second byte range in the gap",
            over(signed, cms_end, second.as_bytes()),
            Broken("not an object of its own"),
            "1 valid",
        ),
        row("the second part moved", moved(false), Unreadable("number"), "0 valid"),
        row("the second part moved, and the range", moved(true), Unreadable("number"), "0 valid"),
        row(
            "something before the header",
            [b"%!PS\n", signed.as_slice()].concat(),
            Unreadable("header"),
            "0 valid",
        ),
        row("the file twice", [signed.as_slice(), signed].concat(), Unreadable("%%EOF"), "1 valid"),
    ];
    assert_refused(&attack, signed, &rows);
}

#[test]
fn a_signature_rewritten_by_a_later_revision_is_noticed() {
    use Refused::Changed;
    let attack = Attack::new();
    let signed = &attack.signed;
    let (signature, body) = object(signed, "/ByteRange [");
    let (field, widget) = object(signed, "/T (nguoi-ky)");
    let value = widget.split("/V ").nth(1).unwrap().split(" R").next().unwrap().to_owned();
    let without = |from: &str| body.replacen(from, "/Gone", 1);
    let rows = [
        row(
            "its contents taken",
            append(signed, &[(signature, without("/Contents"))]),
            Changed(ChangeKind::Object),
            "0 valid",
        ),
        row(
            "its byte range taken",
            append(signed, &[(signature, without("/ByteRange"))]),
            Changed(ChangeKind::Object),
            "0 valid",
        ),
        row(
            "made null",
            append(signed, &[(signature, "null".to_owned())]),
            Changed(ChangeKind::Object),
            "0 valid",
        ),
        row(
            "copied to another object",
            append(
                signed,
                &[(850, body.clone()), (field, widget.replace(&format!("/V {value} R"), "/V 850 0 R"))],
            ),
            Changed(ChangeKind::FieldChanged),
            "1 valid",
        ),
        row(
            "copied and left alone",
            append(signed, &[(850, body.clone())]),
            Changed(ChangeKind::Object),
            "1 valid",
        ),
        row(
            "its field renamed",
            append(signed, &[(field, widget.replace("nguoi-ky", "nguoi-ka"))]),
            Changed(ChangeKind::FieldChanged),
            "1 valid",
        ),
        row(
            "its field moved",
            append(signed, &[(field, widget.replacen("/Rect [", "/Rect [1 1 9 9] /Old [", 1))]),
            Changed(ChangeKind::FieldChanged),
            "1 valid",
        ),
    ];
    assert_refused(&attack, signed, &rows);
}
