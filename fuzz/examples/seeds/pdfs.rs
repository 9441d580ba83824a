//! Papers: with tables, with streams, reserved, signed, stamped, with a store.

use signing::pades::{self, Dss, Room, SignRequest, Vri};

use crate::hostile::table;
use crate::papers;
use crate::world::{NOW, sign_raw, world};

pub(crate) fn reserved() -> Vec<u8> {
    pades::add_fields(&papers::paper("TEST"), &papers::fields()).unwrap()
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let signed = sign(&reserved(), "nguoi-ky", true);
    let twice = sign(&signed, "co-quan", false);
    let (certificate, list) = (world().sub.to_der().to_vec(), b"\x30\x00".to_vec());
    let vri = Vri { certificates: vec![certificate.clone()], crls: vec![list.clone()], ocsps: Vec::new() };
    let key = pades::signature_keys(&signed).unwrap()[0].1.clone();
    let dss = Dss {
        certificates: vec![certificate],
        crls: vec![list],
        ocsps: Vec::new(),
        vri: [(key, vri)].into(),
    };
    let kept = pades::append_dss(&signed, &dss).unwrap();
    let stamped = pades::prepare_document_timestamp(&kept, Room::SIGNATURE).unwrap();
    let stamped = stamped.embed(b"\x30\x00").unwrap();
    vec![papers::paper("TEST"), reserved(), signed, twice, stamped, packed(), streamed(), hybrid(), nested()]
}

fn sign(pdf: &[u8], field: &str, certifies: bool) -> Vec<u8> {
    let mut request = SignRequest::new(field, world().signer.clone(), vec![world().sub.clone()], NOW);
    request.room = Room::SIGNATURE;
    request.certify = certifies.then_some(pades::DocMdp::FillAndSign);
    let prepared = pades::prepare(pdf, &request).unwrap();
    let raw = sign_raw(prepared.signed_attributes());
    prepared.embed(&raw).unwrap()
}

const CATALOG: &str = "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[5 0 R]/SigFlags 3>>>>";
const PAGES: &str = "<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 595 842]>>";
const PAGE: &str = "<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<<>>/Annots[5 0 R]>>";
const FIELD: &str = "<</FT/Sig/T(ky)/Type/Annot/Subtype/Widget/F 132/Rect[0 0 0 0]/P 3 0 R>>";
const CONTENT: &str = "<</Length 4>>stream\nq Q\n\nendstream";

fn objects() -> Vec<String> {
    [CATALOG, PAGES, PAGE, CONTENT, FIELD].map(str::to_owned).to_vec()
}

/// Objects 1, 2, 3 and 5 in an object stream, listed by a cross-reference stream, all without filters.
pub(crate) fn packed() -> Vec<u8> {
    let mut pdf = format!("%PDF-1.7\n4 0 obj\n{CONTENT}\nendobj\n").into_bytes();
    let (mut head, mut body) = (String::new(), String::new());
    for (number, object) in [(1, CATALOG), (2, PAGES), (3, PAGE), (5, FIELD)] {
        head += &format!("{number} {} ", body.len());
        body += &format!("{object} ");
    }
    let container = pdf.len();
    let (first, len) = (head.len(), head.len() + body.len());
    pdf.extend(
        format!("6 0 obj\n<</Type/ObjStm/N 4/First {first}/Length {len}>>stream\n{head}{body}\nendstream\nendobj\n")
            .as_bytes(),
    );
    let at = pdf.len();
    let row = |kind: u8, second: usize, third: u8| {
        let [.., high, low] = second.to_be_bytes();
        vec![kind, high, low, third]
    };
    let rows = [
        row(0, 0, 0),
        row(2, 6, 0),
        row(2, 6, 1),
        row(2, 6, 2),
        row(1, 9, 0),
        row(2, 6, 3),
        row(1, container, 0),
        row(1, at, 0),
    ];
    xref_stream(&mut pdf, &rows.concat(), "");
    pdf
}

fn xref_stream(pdf: &mut Vec<u8>, rows: &[u8], more: &str) {
    let (at, len, size) = (pdf.len(), rows.len(), rows.len() / 4);
    pdf.extend(
        format!("7 0 obj\n<</Type/XRef/W[1 2 1]/Size {size}/Length {len}/Root 1 0 R{more}>>stream\n")
            .as_bytes(),
    );
    pdf.extend(rows);
    pdf.extend(format!("\nendstream\nendobj\nstartxref\n{at}\n%%EOF\n").as_bytes());
}

/// A file with a table, then a revision that moves an object and is listed by a cross-reference stream.
fn streamed() -> Vec<u8> {
    let mut pdf = table(&objects(), "");
    let before = pdf.windows(9).rposition(|window| window == b"startxref").unwrap();
    let before: String =
        pdf[before + 10..].iter().take_while(|b| b.is_ascii_digit()).map(|b| char::from(*b)).collect();
    let [.., high, low] = pdf.len().to_be_bytes();
    pdf.extend(format!("5 0 obj\n{}\nendobj\n", FIELD.replace("(ky)", "(dau)")).as_bytes());
    xref_stream(&mut pdf, &[1, high, low, 0], &format!("/Index[5 1]/Prev {before}"));
    pdf
}

/// A table whose trailer points to a cross-reference stream too.
fn hybrid() -> Vec<u8> {
    let mut all = objects();
    all.push(
        "<</Type/XRef/W[1 2 1]/Size 7/Index[6 1]/Length 4>>stream\n\u{1}\u{0}\u{9}\u{0}\nendstream"
            .to_owned(),
    );
    let plain = table(&all, "");
    let at = plain.windows(7).position(|window| window == b"6 0 obj").unwrap();
    table(&all, &format!("/XRefStm {at}"))
}

/// Fields below fields, kids that are widgets, indirect lists.
fn nested() -> Vec<u8> {
    let mut all = objects();
    all[0] = "<</Type/Catalog/Pages 2 0 R/AcroForm 6 0 R/Perms<<>>>>".to_owned();
    all.extend(
        [
            "<</Fields 7 0 R/DA(/Helv 0 Tf)/DR<</Font<<>>>>>>",
            "[8 0 R 9 0 R]",
            "<</FT/Sig/T(cha)/Kids[5 0 R]/Lock<</Type/SigFieldLock/Action/All>>>>",
            "<</FT/Tx/T(so)/V(12)/Kids[10 0 R 11 0 R]>>",
            "<</Type/Annot/Subtype/Widget/Parent 9 0 R/Rect[0 0 9 9]>>",
            "<</Type/Annot/Subtype/Widget/Parent 9 0 R/Rect[9 9 18 18]>>",
        ]
        .map(str::to_owned),
    );
    table(&all, "")
}
