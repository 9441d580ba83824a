//! What is typeset has the decree's form, and can be read again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use papers::read::{PageWords, Paper as ReadPaper};
use papers::write::{Align, Anchor, StampStyle, Typeset, Typesetter, WriteError};
use time::macros::date;

use crate::samples::{ALL_LETTERS, NOW, TYPESETTER, invitation, paper, resolution, strings};

fn read(typeset: &Typeset) -> ReadPaper {
    ReadPaper::open(typeset.pdf.clone()).unwrap()
}

fn pages(typeset: &Typeset) -> Vec<PageWords> {
    let paper = read(typeset);
    (0..paper.n_pages()).map(|n| paper.page_words(n).unwrap()).collect()
}

fn text(typeset: &Typeset) -> String {
    pages(typeset)
        .iter()
        .map(PageWords::text)
        .collect::<Vec<_>>()
        .join(" ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// The words whose middle lies in a rectangle given by its PDF corner.
fn words_in(page: &PageWords, anchor: Anchor) -> Vec<String> {
    let top = page.height - anchor.y - anchor.h;
    let inside =
        |x: f64, y: f64| (anchor.x..anchor.x + anchor.w).contains(&x) && (top..top + anchor.h).contains(&y);
    page.words.iter().filter(|w| inside(w.x + w.w / 2.0, w.y + w.h / 2.0)).map(|w| w.text.clone()).collect()
}

#[test]
fn a_resolution_has_every_component_of_the_form() {
    let typeset = TYPESETTER.resolution(&resolution(1), NOW).unwrap();
    let text = text(&typeset);
    for words in [
        "CHÍNH PHỦ CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM",
        "Độc lập - Tự do - Hạnh phúc",
        "Số: /NQ-CP Hà Nội, ngày tháng năm",
        "NGHỊ QUYẾT Về việc triển khai",
        "ngày 18 tháng 02 năm 2025; Căn cứ",
        "Quy chế làm việc của Chính phủ; Trên",
        "tại phiên họp ngày 24 tháng 6 năm 2026. QUYẾT NGHỊ:",
        "Điều 1. Thông qua",
        "Điều 2. Tổ chức thực hiện",
        "Điều 3. Nghị quyết này",
        "TM. CHÍNH PHỦ",
        "THỦ TƯỚNG",
        "- Lưu: VT, TH (2b).",
        "- Ban Bí thư Trung ương Đảng;",
        "Nguyễn Văn Thử Nghiệm",
    ] {
        assert!(text.contains(words), "{words:?} is missing in:\n{text}");
    }
    assert!(!text.contains(";;") && !text.contains("..") && !text.contains(";."));
}

#[test]
fn all_letters_survive_writing_and_reading() {
    let mut paper = paper(&[]);
    let capitals = ALL_LETTERS.to_uppercase();
    paper.sections[0].paragraphs = strings(&[ALL_LETTERS, &capitals]);
    let text = text(&TYPESETTER.paper(&paper, NOW).unwrap());
    for word in ALL_LETTERS.split(' ').chain(capitals.split(' ')) {
        assert!(text.contains(word), "{word}");
    }
    assert_eq!(ALL_LETTERS.chars().chain(capitals.chars()).filter(|c| !c.is_ascii()).count(), 134);
}

#[test]
fn the_seal_lies_over_the_left_third_of_the_signature() {
    for seal_mm in [30.0, 36.0, 42.0] {
        let typeset =
            TYPESETTER.resolution(&papers::write::Resolution { seal_mm, ..resolution(1) }, NOW).unwrap();
        let (signature, seal) = (typeset.anchors["signature"], typeset.anchors["seal"]);
        assert_eq!((signature.page, seal.page), (typeset.n_pages - 1, typeset.n_pages - 1));
        let overlap = seal.x + seal.w - signature.x;
        assert!((overlap - signature.w / 3.0).abs() < 0.01, "{overlap} of {}", signature.w);
        assert!(seal.x < signature.x && (seal.w - seal.h).abs() < 0.01);
        assert!((seal.w - seal_mm * 72.0 / 25.4).abs() < 0.01);
        let middle = |anchor: Anchor| anchor.y + anchor.h / 2.0;
        assert!((middle(seal) - middle(signature)).abs() < 0.01);
        for anchor in typeset.anchors.values() {
            assert!(
                anchor.x > 0.0
                    && anchor.y > 0.0
                    && anchor.x + anchor.w < 595.3
                    && anchor.y + anchor.h < 841.9
            );
        }
    }
}

#[test]
fn the_blanks_are_blank_and_lie_where_the_form_wants_them() {
    let typeset = TYPESETTER.resolution(&resolution(1), NOW).unwrap();
    let pages = pages(&typeset);
    assert_eq!(typeset.anchors.keys().collect::<Vec<_>>(), ["date", "number", "seal", "signature"]);
    assert_eq!(words_in(&pages[0], typeset.anchors["number"]), [""; 0]);
    assert_eq!(words_in(&pages[0], typeset.anchors["date"]), ["ngày", "tháng", "năm"]);
    let last = pages.last().unwrap();
    assert_eq!(words_in(last, typeset.anchors["signature"]), [""; 0]);
    let at = |page: &PageWords, word: &str| page.words.iter().find(|w| w.text == word).unwrap().clone();
    let number = typeset.anchors["number"];
    assert!((at(&pages[0], "/NQ-CP").x - number.x - number.w).abs() < 0.5);
    let signature = typeset.anchors["signature"];
    let position = at(last, "TƯỚNG");
    assert!(last.height - signature.y - signature.h > position.y + position.h);
    assert!(at(last, "Nghiệm").y > last.height - signature.y);
}

#[test]
fn an_issued_paper_has_number_and_date_and_no_blanks_for_them() {
    let typeset = TYPESETTER.invitation(&invitation(), NOW).unwrap();
    let text = text(&typeset);
    assert!(text.contains("Số: 08/GM-VPCP Hà Nội, ngày 05 tháng 02 năm 2026"), "{text}");
    assert!(
        text.contains("Văn phòng Chính phủ trân trọng kính mời: Ông Trần Văn Thử, Bộ trưởng Bộ Thử nghiệm"),
        "{text}"
    );
    for label in ["Tới dự: Phiên", "Chủ trì: Thủ", "Thời gian: 08", "Địa điểm: Trụ"] {
        assert!(text.contains(label), "{label}");
    }
    assert_eq!(typeset.anchors.keys().collect::<Vec<_>>(), ["seal", "signature"]);
}

#[test]
fn a_stamp_fills_its_blank_exactly() {
    let typeset = TYPESETTER.resolution(&resolution(1), NOW).unwrap();
    let (number, day) = (typeset.anchors["number"], typeset.anchors["date"]);
    let figures = TYPESETTER.resolution_date(date!(2026 - 02 - 05), day.w, day.h).unwrap();
    let page = &pages(&figures)[0];
    assert!((page.width - day.w).abs() < 0.01 && (page.height - day.h).abs() < 0.01);
    assert_eq!(page.text(), "05 02 2026");
    // Each figure comes to lie in the gap that the words on the paper leave for it, on their baseline.
    let below = &pages(&typeset)[0];
    let word = |text: &str| below.words.iter().find(|w| w.text == text && w.x > day.x - 1.0).unwrap();
    let (month, year) = (word("tháng"), word("năm"));
    let baseline = |page: &PageWords, w: &papers::read::Word| page.height - w.y - 0.90 * w.size_pt;
    for (figure, left, right) in [(0, word("ngày"), month), (1, month, year)] {
        let figure = &page.words[figure];
        assert!(day.x + figure.x > left.x + left.w && day.x + figure.x + figure.w < right.x, "{figure:?}");
        assert!((day.y + baseline(page, figure) - baseline(below, month)).abs() < 0.05);
    }
    assert!(day.x + page.words[2].x > year.x + year.w && page.words[2].x + page.words[2].w < day.w);

    let filled = TYPESETTER.resolution_number("148", number.w, number.h).unwrap();
    let page = &pages(&filled)[0];
    let slash = below.words.iter().find(|w| w.text == "/NQ-CP").unwrap();
    assert!((number.w - page.words[0].x - page.words[0].w).abs() < 0.1);
    assert!((number.y + baseline(page, &page.words[0]) - baseline(below, slash)).abs() < 0.05);
    assert_eq!((filled.n_pages, page.words[0].size_pt.round()), (1, 13.0));

    let style = StampStyle { size_pt: 10.0, italic: false, align: Align::Center };
    assert!(matches!(TYPESETTER.stamp("x", style, 0.0, 10.0), Err(WriteError::OutOfRange { .. })));
}

#[test]
fn a_signature_block_never_stands_alone_on_a_page() {
    let mut n_pages = BTreeMap::new();
    for n in 0..16 {
        let typeset = TYPESETTER.resolution(&resolution(n), NOW).unwrap();
        *n_pages.entry(typeset.n_pages).or_insert(0) += 1;
        let anchor = typeset.anchors["signature"];
        let page = &pages(&typeset)[anchor.page];
        let top = page.height - anchor.y - anchor.h;
        let body = page.words.iter().filter(|w| w.y + w.h < top - 50.0 && w.y > 60.0).count();
        assert!(body >= 5, "{n} paragraphs: only {body} words over the signature block");
        assert_eq!(anchor.page, typeset.n_pages - 1);
        let name =
            page.words.iter().find(|w| w.text == "Nghiệm").expect("the name is on the signature's page");
        assert!(name.y > top);
    }
    assert!(n_pages.len() >= 3, "{n_pages:?}");
}

#[test]
fn pages_are_numbered_from_the_second() {
    let typeset = TYPESETTER.resolution(&resolution(12), NOW).unwrap();
    let pages = pages(&typeset);
    assert!(pages.len() >= 3);
    for (n, page) in pages.iter().enumerate() {
        let top: Vec<&str> = page.words.iter().filter(|w| w.y < 50.0).map(|w| w.text.as_str()).collect();
        let expected: Vec<String> = if n == 0 { Vec::new() } else { vec![(n + 1).to_string()] };
        assert_eq!(top, expected);
        let number = page.words.iter().find(|w| w.y < 50.0);
        // The middle of the text, which margins of 30 and 20 mm put right of the paper's middle.
        assert!(number.is_none_or(|w| (w.x + w.w / 2.0 - 311.8).abs() < 1.0), "{number:?}");
    }
}

#[test]
fn the_same_input_gives_the_same_file() {
    let first = TYPESETTER.resolution(&resolution(2), NOW).unwrap();
    let other = Typesetter::open(&[PathBuf::from("/usr/share/fonts/truetype/croscore")]).unwrap();
    assert!(first.pdf == other.resolution(&resolution(2), NOW).unwrap().pdf);
    assert!(first.pdf != TYPESETTER.resolution(&resolution(2), NOW.plus_seconds(1)).unwrap().pdf);
}

#[test]
fn files_are_sound_archival_pdf_with_a_title() {
    let folder = tempfile::tempdir().unwrap();
    let papers = [
        TYPESETTER.resolution(&resolution(3), NOW).unwrap(),
        TYPESETTER.invitation(&invitation(), NOW).unwrap(),
        TYPESETTER.paper(&paper(&["KHẨN"]), NOW).unwrap(),
        TYPESETTER.resolution_number("07", 34.0, 17.7).unwrap(),
    ];
    for (n, typeset) in papers.iter().enumerate() {
        let path = folder.path().join(format!("{n}.pdf"));
        std::fs::write(&path, &typeset.pdf).unwrap();
        assert!(qpdf(&["--check"], &path), "qpdf finds fault with paper {n}");
        let xmp = String::from_utf8_lossy(&typeset.pdf);
        assert!(xmp.contains("pdfaid:part") && xmp.contains("pdfaid:conformance"), "paper {n} is no PDF/A");
    }
    let metadata = read(&papers[0]).metadata().clone();
    assert_eq!(metadata.title.as_deref(), Some(&*format!("Nghị quyết: {}", resolution(0).subject)));
}

fn qpdf(arguments: &[&str], path: &Path) -> bool {
    Command::new("qpdf").args(arguments).arg(path).output().expect("qpdf is installed").status.success()
}

#[test]
fn text_is_data_and_never_markup() {
    let mut paper = paper(&[]);
    let trick = "#panic(\"x\") *đậm* _nghiêng_ $x^2$ `mã` @nguồn <nhãn> // \\ #sys.version \"ngoặc\" [a] {b}";
    paper.sections[0].paragraphs = strings(&[trick]);
    paper.subject = "#let x = 1".to_owned();
    let text = text(&TYPESETTER.paper(&paper, NOW).unwrap());
    assert!(text.contains(trick) && text.contains("#let x = 1"), "{text}");
}

#[test]
fn what_cannot_be_shown_is_refused_with_its_name() {
    let mut resolution = resolution(0);
    resolution.subject = "Về việc 🏛".to_owned();
    assert!(matches!(TYPESETTER.resolution(&resolution, NOW), Err(WriteError::Letter('🏛'))));
    resolution.subject = "x".repeat(papers::write::MAX_TEXT_BYTES);
    assert!(matches!(TYPESETTER.resolution(&resolution, NOW), Err(WriteError::TooLong)));
    resolution.subject = "x".to_owned();
    resolution.seal_mm = f64::NAN;
    assert!(matches!(TYPESETTER.resolution(&resolution, NOW), Err(WriteError::OutOfRange { .. })));
}

#[test]
fn a_folder_without_the_fonts_names_the_package() {
    let empty = tempfile::tempdir().unwrap();
    let error = Typesetter::open(&[empty.path().to_owned()]).unwrap_err().to_string();
    assert!(error.contains("fonts-croscore") && error.contains("fonts-liberation2"), "{error}");
    let gone = Typesetter::open(&[empty.path().join("gone")]).unwrap_err();
    assert!(matches!(gone, WriteError::FontFolder { .. }));
}

#[test]
fn liberation_serif_serves_as_well() {
    let other = Typesetter::open(&[PathBuf::from("/usr/share/fonts/truetype/liberation2")]).unwrap();
    let typeset = other.resolution(&resolution(1), NOW).unwrap();
    assert_eq!(text(&typeset), text(&TYPESETTER.resolution(&resolution(1), NOW).unwrap()));
}
