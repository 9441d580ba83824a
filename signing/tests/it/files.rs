//! PDFs in files: the same bytes as in memory, but never all of them at once, and visible only when whole.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use signing::pades::{self, PadesError, SignRequest};
use signing::validation::{ChangeKind, Coverage, Indication, validate_file, validate_pdf};
use signing::{MAX_PDF_BYTES, PdfError};

use crate::world::{self, NOW, World};

fn request(world: &World, field: &str) -> SignRequest {
    SignRequest::new(field, world.leader.certificate.clone(), world.chain(), NOW)
}

/// Signs in a file; ECDSA is not deterministic, so the raw signature is handed in.
fn sign_file(world: &World, pdf: &Path, place: &Path, field: &str) {
    let prepared = pades::prepare_file(pdf, place, &request(world, field)).unwrap();
    let raw = world::sign_raw(&world.leader.key, prepared.algorithm(), prepared.signed_attributes());
    prepared.embed(&raw).unwrap().publish().unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_file_is_signed_to_the_same_bytes_as_in_memory() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mut papers = world::outside("vn-pdf");
    papers.push(("ours.pdf".to_owned(), world::paper("Nghi quyet")));
    for (name, pdf) in papers {
        std::fs::write(at("paper"), &pdf).unwrap();
        pades::add_fields_file(&at("paper"), &at("reserved"), &world::fields()).unwrap().publish().unwrap();
        let reserved = pades::add_fields(&pdf, &world::fields()).unwrap();
        assert!(std::fs::read(at("reserved")).unwrap() == reserved, "{name}");

        let request = request(&world, "nguoi-ky");
        let in_memory = pades::prepare(&reserved, &request).unwrap();
        let in_file = pades::prepare_file(&at("reserved"), &at("signed"), &request).unwrap();
        assert_eq!(in_memory.digest(), in_file.digest(), "{name}");
        let raw = world::sign_raw(&world.leader.key, in_file.algorithm(), in_file.signed_attributes());
        in_file.embed(&raw).unwrap().publish().unwrap();
        let signed = in_memory.embed(&raw).unwrap();
        assert!(std::fs::read(at("signed")).unwrap() == signed, "{name}");

        sign_file(&world, &at("signed"), &at("sealed"), "co-quan");
        let report = validate_file(&at("sealed"), Some(&world.trust()), NOW).unwrap();
        let in_memory =
            validate_pdf(&std::fs::read(at("sealed")).unwrap(), Some(&world.trust()), NOW).unwrap();
        assert_eq!(format!("{report:?}"), format!("{in_memory:?}"), "{name}");
        assert!(report.is_passed(), "{name}: {report:?}");
        assert_eq!(report.signatures[1].coverage, Coverage::Whole);
        assert_eq!(report.signatures[0].changes[0].kind, ChangeKind::Signature);
    }
}

#[test]
fn nothing_shows_until_the_signed_file_is_whole() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let (paper, place) = (folder.path().join("paper"), folder.path().join("signed"));
    std::fs::write(&paper, pades::add_fields(&world::paper("Cong van"), &world::fields()).unwrap()).unwrap();
    std::fs::write(&place, "an older file").unwrap();

    let prepared = pades::prepare_file(&paper, &place, &request(&world, "nguoi-ky")).unwrap();
    let raw = world::sign_raw(&world.leader.key, prepared.algorithm(), prepared.signed_attributes());
    let signed = prepared.embed(&raw).unwrap();
    assert!(signed.validate(Some(&world.trust()), NOW).unwrap().is_passed());
    assert_eq!(std::fs::read(&place).unwrap(), b"an older file");
    drop(signed);
    assert_eq!(names(folder.path()), ["paper", "signed"], "a draft was left behind");

    let prepared = pades::prepare_file(&paper, &place, &request(&world, "nguoi-ky")).unwrap();
    let wrong = world::sign_raw(&world::ec_key(), prepared.algorithm(), prepared.signed_attributes());
    assert!(matches!(prepared.embed(&wrong), Err(PadesError::Signature(_))));
    let absent = folder.path().join("absent");
    let refused = pades::prepare_file(&absent, &place, &request(&world, "nguoi-ky")).unwrap_err();
    assert!(matches!(refused, PadesError::Pdf(PdfError::Disk(_))), "{refused}");
    assert_eq!(std::fs::read(&place).unwrap(), b"an older file");
    assert_eq!(names(folder.path()), ["paper", "signed"]);
}

/// A paper whose one image has `len_bytes`, written without holding it.
fn large_paper(path: &Path, len_bytes: usize) {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    let head = "%PDF-1.7\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n";
    let pages = "2 0 obj\n<</Type/Pages/Count 1/Kids[3 0 R]>>\nendobj\n";
    let page = "3 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</XObject<</X 4 0 R>>>>>>\nendobj\n";
    let image = format!(
        "4 0 obj\n<</Type/XObject/Subtype/Image/Width 1000/Height {}/ColorSpace/DeviceGray/BitsPerComponent 8/Length 5 0 R>>\nstream\n",
        len_bytes / 1000
    );
    let length = format!("5 0 obj\n{len_bytes}\nendobj\n");
    let offsets = [
        head.find("1 0 obj").unwrap(),
        head.len(),
        head.len() + pages.len(),
        head.len() + pages.len() + page.len(),
        head.len() + pages.len() + page.len() + image.len() + len_bytes + "\nendstream\nendobj\n".len(),
    ];
    write!(file, "{head}{pages}{page}{image}").unwrap();
    let piece: Vec<u8> =
        (0..1_000_000_u32).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    for _ in 0..len_bytes / piece.len() {
        file.write_all(&piece).unwrap();
    }
    write!(file, "\nendstream\nendobj\n{length}xref\n0 6\n0000000000 65535 f \n").unwrap();
    offsets.iter().for_each(|offset| writeln!(file, "{offset:010} 00000 n ").unwrap());
    write!(file, "trailer\n<</Size 6/Root 1 0 R>>\nstartxref\n{}\n%%EOF\n", offsets[4] + length.len())
        .unwrap();
    file.flush().unwrap();
}

/// This process's memory that is no file of others, in bytes, at its highest.
fn peak_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

#[test]
fn a_file_of_hundreds_of_megabytes_is_signed_twice_in_bounded_memory() {
    const FILE_BYTES: usize = 300_000_000;
    const MEMORY_BYTES: usize = 64 << 20;
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    large_paper(&at("paper"), FILE_BYTES);
    let before = peak_bytes();
    pades::add_fields_file(&at("paper"), &at("reserved"), &world::fields()).unwrap().publish().unwrap();
    std::fs::remove_file(at("paper")).unwrap();
    sign_file(&world, &at("reserved"), &at("signed"), "nguoi-ky");
    std::fs::remove_file(at("reserved")).unwrap();
    sign_file(&world, &at("signed"), &at("sealed"), "co-quan");
    std::fs::remove_file(at("signed")).unwrap();
    let report = validate_file(&at("sealed"), Some(&world.trust()), NOW).unwrap();
    assert!(report.is_passed(), "{report:?}");
    let more = peak_bytes() - before;
    assert!(more < MEMORY_BYTES, "{more} bytes");
    let (says, output) = world::judge(Command::new("pdfsig").arg("-nocert").arg(at("sealed")));
    assert!(output.status.success() && says.matches("Signature is Valid.").count() == 2, "{says}");

    // One byte of the image, deep inside.
    let file = std::fs::File::options().write(true).open(at("sealed")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"\0", FILE_BYTES as u64 / 2 + 77_777).unwrap();
    let report = validate_file(&at("sealed"), Some(&world.trust()), NOW).unwrap();
    for signature in report.signatures {
        assert_eq!(signature.indication, Indication::TotalFailed);
        assert_eq!(signature.sub_indication, Some("HASH_FAILURE"));
    }
}

#[test]
fn a_file_above_the_limit_is_refused_unread() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge");
    std::fs::File::create(&path).unwrap().set_len(u64::try_from(MAX_PDF_BYTES).unwrap() + 1).unwrap();
    assert_eq!(validate_file(&path, None, NOW).unwrap_err(), PdfError::TooLarge);
}

#[test]
fn an_object_on_the_edge_of_two_pieces_is_read_whole() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let (path, place) = (folder.path().join("paper"), folder.path().join("signed"));
    // A comment after the header moves the objects over the edges of the pieces that a file is read in.
    for shift in (15_700..16_500).step_by(13) {
        let paper = shifted(&world::paper("Nghi quyet"), shift);
        let reserved = pades::add_fields(&paper, &world::fields()).unwrap();
        std::fs::write(&path, &reserved).unwrap();
        sign_file(&world, &path, &place, "nguoi-ky");
        let report = validate_file(&place, Some(&world.trust()), NOW).unwrap();
        assert!(report.is_passed(), "{shift}: {report:?}");
    }
}

/// The document with a comment after its header and a table that knows of it.
fn shifted(text: &[u8], by: usize) -> Vec<u8> {
    let line_end = text.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let comment = format!("%{}\n", "x".repeat(by - 2));
    let table = text.windows(6).rposition(|window| window == b"\nxref\n").unwrap() + 1;
    let mut out = [&text[..line_end], comment.as_bytes(), &text[line_end..table]].concat();
    for line in String::from_utf8_lossy(&text[table..]).split_inclusive('\n') {
        let moved = match line.split_once(" 00000 n") {
            Some((offset, rest)) => format!("{:010} 00000 n{rest}", offset.parse::<usize>().unwrap() + by),
            None if line.trim() == (table).to_string() => format!("{}\n", table + by),
            None => line.to_owned(),
        };
        out.extend(moved.bytes());
    }
    out
}
