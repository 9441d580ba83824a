//! Files that are damaged, locked or meant to do harm.

use std::process::Command;

use papers::read::{MAX_PDF_BYTES, Paper, ReadError};

use crate::samples::{NOW, TYPESETTER, paper, real_papers};

#[test]
fn an_encrypted_file_is_refused_even_with_an_empty_password() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, locked) = (folder.path().join("plain.pdf"), folder.path().join("locked.pdf"));
    std::fs::write(&plain, TYPESETTER.paper(&paper(&[]), NOW).unwrap().pdf).unwrap();
    for password in ["", "1234"] {
        for streams in ["--object-streams=generate", "--object-streams=disable"] {
            let done = Command::new("qpdf")
                .args(["--encrypt", password, "owner", "256", "--", streams])
                .args([&plain, &locked])
                .status()
                .expect("qpdf is installed");
            assert!(done.success());
            assert!(matches!(Paper::open(std::fs::read(&locked).unwrap()), Err(ReadError::Encrypted)));
        }
    }
}

#[test]
fn what_is_no_pdf_is_refused() {
    for junk in [
        &b""[..],
        b"%PDF",
        b"PK\x03\x04word/document.xml",
        b"\x89PNG\r\n\x1a\n",
        &[0; 5000],
        b"<html>%%EOF</html>",
    ] {
        assert!(matches!(Paper::open(junk.to_vec()), Err(ReadError::NotAPdf)));
    }
    for damaged in [
        "%PDF-1.7\n%%EOF",
        "%PDF-1.7\ntrailer << /Root 1 0 R >>\nstartxref\n0\n%%EOF",
        "%PDF-1.7 %%EOF /Info 1 0 R",
    ] {
        assert!(matches!(Paper::open(damaged.as_bytes().to_vec()), Err(ReadError::Unreadable)), "{damaged}");
    }
    assert!(matches!(Paper::open(vec![b' '; MAX_PDF_BYTES + 1]), Err(ReadError::TooLarge)));
}

#[test]
fn a_file_cut_off_anywhere_is_refused() {
    for (name, bytes, _) in real_papers() {
        for end in (0..bytes.len() - 2048).step_by(1024) {
            assert!(Paper::open(bytes[..end].to_vec()).is_err(), "{name} cut at {end}");
        }
    }
}

#[test]
fn a_file_cut_off_and_closed_again_does_no_harm() {
    let (_, bytes, _) = real_papers().remove(1);
    for end in (0..bytes.len()).step_by(10 * 1024) {
        let mut cut = bytes[..end].to_vec();
        cut.extend_from_slice(b"\n%%EOF\n");
        read_everything(cut);
    }
}

#[test]
fn flipped_bytes_do_no_harm() {
    let bytes = TYPESETTER.paper(&paper(&[]), NOW).unwrap().pdf;
    // A fixed sequence: a failure can be found again.
    let mut seed = 0x2545_F491_4F6C_DD1D_u64;
    for _ in 0..60 {
        let mut broken = bytes.clone();
        for _ in 0..8 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = usize::try_from(seed >> 33).unwrap() % broken.len();
            broken[at] ^= seed.to_le_bytes()[3] | 1;
        }
        read_everything(broken);
    }
}

/// Opens it and reads the first pages, if it opens.
fn read_everything(bytes: Vec<u8>) {
    let Ok(paper) = Paper::open(bytes) else { return };
    for n in 0..paper.n_pages().min(2) {
        let page = paper.page_words(n).unwrap();
        assert!(page.words.len() <= papers::read::MAX_WORDS_PER_PAGE);
        let _drawn = paper.page_png(n, 100);
    }
}

/// A page of 1 × 14400 points with a font that is not there, letters off the page, and a form that draws itself.
#[test]
fn a_strange_page_is_read_within_limits() {
    let content = "BT /F1 12 Tf 0 1 -1 0 0.5 10 Tm (Tabc) Tj 1 0 0 1 9999999 0 Tm (off) Tj ET /X Do 1e38 0 0 1e38 0 0 cm BT (x) Tj ET";
    let pdf = assemble(&[
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 1 14400] /Contents 4 0 R /Resources << /XObject << /X 5 0 R >> >> >>".to_owned(),
        format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
        "<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 5 0 R >> >> /Length 5 >>\nstream\n/X Do\nendstream"
            .to_owned(),
    ]);
    let paper = Paper::open(pdf).unwrap();
    let page = paper.page_words(0).unwrap();
    assert_eq!((page.width, page.height), (1.0, 14400.0));
    assert!(!page.text().contains("off"), "{page:?}");
    assert!(paper.page_png(0, 2000).unwrap().len() < 1_000_000);
}

fn assemble(objects: &[String]) -> Vec<u8> {
    let mut pdf = "%PDF-1.7\n".to_owned();
    let mut offsets = Vec::new();
    for (n, object) in objects.iter().enumerate() {
        offsets.push(pdf.len());
        pdf.push_str(&format!("{} 0 obj\n{object}\nendobj\n", n + 1));
    }
    let xref = pdf.len();
    pdf.push_str(&format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1));
    for offset in offsets {
        pdf.push_str(&format!("{offset:010} 00000 n \n"));
    }
    pdf.push_str(&format!(
        "trailer << /Size {} /Root 1 0 R >>\nstartxref\n{xref}\n%%EOF\n",
        objects.len() + 1
    ));
    pdf.into_bytes()
}

#[test]
fn properties_of_its_own_and_xmp_are_read() {
    let xmp = "<?xpacket begin=''?><x:xmpmeta><rdf:RDF><rdf:Description pdfx:DoMat='TOI MAT'/></rdf:RDF></x:xmpmeta>";
    let pdf = assemble(&[
        "<< /Type /Catalog /Pages 2 0 R /Metadata 5 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>".to_owned(),
        "<< /Title <FEFF00540069006500750020> /Subject (S) /#C4#90#E1#BB#99#20m#E1#BA#ADt (M\u{1EAD}t) >>"
            .to_owned(),
        format!("<< /Type /Metadata /Subtype /XML /Length {} >>\nstream\n{xmp}\nendstream", xmp.len()),
    ]);
    let pdf = String::from_utf8(pdf).unwrap().replace("/Root 1 0 R", "/Root 1 0 R /Info 4 0 R").into_bytes();
    let paper = Paper::open(pdf).unwrap();
    let metadata = paper.metadata();
    assert_eq!((metadata.title.as_deref(), metadata.subject.as_deref()), (Some("Tieu"), Some("S")));
    let has = |name: &str, value: &str| metadata.properties.contains(&(name.to_owned(), value.to_owned()));
    assert!(has("Độ mật", "Mật") && has("pdfx:DoMat", "TOI MAT"), "{metadata:?}");
    assert_eq!(
        papers::marking::find(&[], metadata).map(|found| found.level),
        Some(papers::marking::Level::ToiMat)
    );
}
