//! Small files made to cost much: minutes or gigabytes each, before there was a limit against it.

use std::fmt::Write as _;
use std::io::Write as _;

/// Name and input, for the target `pdf`.
pub(crate) fn pdfs() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("sections-of-nothing", sections_of_nothing(500)),
        ("packed-array", packed_array()),
        ("packed-many-times", packed_many_times()),
        ("one-widget-many-times", one_widget_many_times()),
        ("pages-inherit", pages_inherit()),
        ("fields-inherit", fields_inherit()),
        ("many-keys", many_keys()),
        ("objects-within-objects", objects_within_objects()),
        ("one-offset-many-objects", one_offset()),
    ]
}

/// Each section lists a million objects in rows of no width: half a billion entries.
fn sections_of_nothing(n_sections: usize) -> Vec<u8> {
    let mut pdf = b"%PDF-1.7\n".to_vec();
    let mut prev = String::new();
    for _ in 0..n_sections {
        let at = pdf.len();
        let row = format!(
            "7 0 obj<</Type/XRef/W[0 0 0]/Size 1000000/Length 0{prev}/Root 1 0 R>>stream\n\nendstream endobj\n"
        );
        pdf.extend(format!("{row}startxref\n{at}\n%%EOF\n").as_bytes());
        prev = format!("/Prev {at}");
    }
    pdf
}

fn deflated(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// A file whose catalogue is object 1 in the object stream 2; `head` and `body` are its data.
fn packed(head: &str, body: &[u8], n_objects: usize) -> Vec<u8> {
    let mut pdf = b"%PDF-1.7\n".to_vec();
    let data = deflated(&[head.as_bytes(), body].concat());
    let dictionary = format!(
        "2 0 obj<</Type/ObjStm/N {n_objects}/First {}/Filter/FlateDecode/Length {}>>stream\n",
        head.len(),
        data.len()
    );
    pdf.extend([dictionary.as_bytes(), &data, b"\nendstream endobj\n"].concat());
    let at = pdf.len();
    let rows = [[0, 0, 0], [2, 2, 0], [1, 9, 0]].concat();
    pdf.extend(b"3 0 obj<</Type/XRef/W[1 1 1]/Size 3/Length 9/Root 1 0 R>>stream\n");
    pdf.extend(rows);
    pdf.extend(format!("\nendstream endobj\nstartxref\n{at}\n%%EOF\n").as_bytes());
    pdf
}

/// 60 MB of numbers in one array, deflated: thirty million objects.
fn packed_array() -> Vec<u8> {
    let body = [b"<</Type/Catalog/A[".as_slice(), &b"0 ".repeat(30_000_000), b"]>> "].concat();
    packed("1 0 ", &body, 1)
}

/// A thousand numbers listed a hundred thousand times.
fn packed_many_times() -> Vec<u8> {
    let head = "1 0 ".repeat(100_000);
    packed(&head, format!("<</Type/Catalog/A[{}]>> ", "0 ".repeat(1000)).as_bytes(), 100_000)
}

const PAGES: &str = "<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 9 9]>>";
const PAGE: &str = "<</Type/Page/Parent 2 0 R>>";

/// A field with the same large widget ten thousand times.
fn one_widget_many_times() -> Vec<u8> {
    let objects = [
        "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]>>>>".to_owned(),
        PAGES.to_owned(),
        PAGE.to_owned(),
        format!("<</FT/Sig/T(a)/Kids[{}]>>", "5 0 R ".repeat(8000)),
        format!("<</Subtype/Widget/A[{}]>>", "0 ".repeat(20_000)),
    ];
    table(&objects, "")
}

/// A thousand pages that inherit large resources.
fn pages_inherit() -> Vec<u8> {
    const N_PAGES: usize = 900;
    let kids = (0..N_PAGES).fold(String::new(), |mut kids, n| {
        write!(kids, "{} 0 R ", n + 3).unwrap();
        kids
    });
    let mut objects = vec![
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        format!("<</Type/Pages/Kids[{kids}]/MediaBox[0 0 9 9]/Resources[{}]>>", "0 ".repeat(20_000)),
    ];
    objects.resize(N_PAGES + 2, "<</Type/Page>>".to_owned());
    table(&objects, "")
}

/// A thousand fields that inherit a large value.
fn fields_inherit() -> Vec<u8> {
    const N_FIELDS: usize = 800;
    let kids = (0..N_FIELDS).fold(String::new(), |mut kids, n| {
        write!(kids, "{} 0 R ", n + 5).unwrap();
        kids
    });
    let mut objects = vec![
        "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]>>>>".to_owned(),
        PAGES.to_owned(),
        PAGE.to_owned(),
        format!("<</FT/Tx/T(a)/Kids[{kids}]/V[{}]>>", "0 ".repeat(20_000)),
    ];
    objects.extend((0..N_FIELDS).map(|n| format!("<</T({n})>>")));
    table(&objects, "")
}

/// One dictionary with twenty thousand keys, met again and again.
fn many_keys() -> Vec<u8> {
    let keys = (0..17_000).fold(String::new(), |mut keys, n| {
        write!(keys, "/{n:x} 0").unwrap();
        keys
    });
    let objects = [
        format!("<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[]>>{keys}>>"),
        PAGES.to_owned(),
        PAGE.to_owned(),
    ];
    table(&objects, "")
}

/// Every object begins in the comment of the one before, which runs to the end of the file.
fn objects_within_objects() -> Vec<u8> {
    const N_OBJECTS: usize = 60_000;
    let mut pdf = b"%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n".to_vec();
    let first = pdf.len();
    pdf.extend(b"9 0 obj%".repeat(N_OBJECTS));
    pdf.push(b'\n');
    let at = pdf.len();
    let mut rows = vec![1, 0, 0, 9];
    for n in 0..N_OBJECTS {
        let [.., high, middle, low] = (first + 8 * n).to_be_bytes();
        rows.extend([1, high, middle, low]);
    }
    // Rows differ by little from the row above: predicted, they deflate to almost nothing.
    let mut predicted = Vec::new();
    let mut above = [0; 4];
    for row in rows.as_chunks::<4>().0 {
        predicted.push(2);
        predicted.extend((0..4).map(|n: usize| row[n].wrapping_sub(above[n])));
        above = *row;
    }
    let data = deflated(&predicted);
    let size = N_OBJECTS + 2;
    pdf.extend(
        format!(
            "8 0 obj<</Type/XRef/W[1 3 0]/Index[1 {}]/Size {size}/Root 1 0 R/Filter/FlateDecode\
             /DecodeParms<</Predictor 12/Columns 4>>/Length {}>>stream\n",
            size - 1,
            data.len()
        )
        .as_bytes(),
    );
    pdf.extend(data);
    pdf.extend(format!("\nendstream endobj\nstartxref\n{at}\n%%EOF\n").as_bytes());
    pdf
}

/// A signed-looking file whose first revision calls very many objects by one offset, under many small revisions.
fn one_offset() -> Vec<u8> {
    let mut pdf = b"%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n".to_vec();
    let data = deflated(&[9].repeat(300_000));
    let mut at = pdf.len();
    pdf.extend(
        format!(
            "8 0 obj<</Type/XRef/W[0 1 0]/Size 300000/Root 1 0 R/Filter/FlateDecode/Length {}>>stream\n",
            data.len()
        )
        .as_bytes(),
    );
    pdf.extend(data);
    pdf.extend(format!("\nendstream endobj\nstartxref\n{at}\n%%EOF\n").as_bytes());
    for _ in 0..500 {
        let next = pdf.len();
        pdf.extend(
            format!("xref\n1 0\ntrailer<</Size 9/Root 1 0 R/Prev {at}>>\nstartxref\n{next}\n%%EOF\n")
                .as_bytes(),
        );
        at = next;
    }
    pdf
}

/// As many pixels as are taken, of one colour.
pub(crate) fn large_image() -> Vec<u8> {
    const SIDE: u32 = 4096;
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, SIDE, SIDE);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    let pixels = vec![0; 4 * 4096 * 4096];
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    bytes
}

/// A file with a table; objects are numbered from 1.
pub(crate) fn table(objects: &[String], trailer: &str) -> Vec<u8> {
    let mut pdf = b"%PDF-1.7\n".to_vec();
    let mut rows = String::from("0000000000 65535 f \n");
    for (n, object) in objects.iter().enumerate() {
        rows += &format!("{:010} 00000 n \n", pdf.len());
        pdf.extend(format!("{} 0 obj\n{object}\nendobj\n", n + 1).as_bytes());
    }
    let at = pdf.len();
    let size = objects.len() + 1;
    pdf.extend(format!("xref\n0 {size}\n{rows}trailer\n<</Size {size}/Root 1 0 R{trailer}>>\n").as_bytes());
    pdf.extend(format!("startxref\n{at}\n%%EOF\n").as_bytes());
    pdf
}
