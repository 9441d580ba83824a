//! A table of pages as they occur, and of the words that only speak of secrets.

use super::*;
use crate::read::Word;

/// A page of lines: text, left edge, baseline from the top; words are half an em a letter wide. Three spaces make a wide gap.
fn page(lines: &[(&str, f64, f64)]) -> PageWords {
    let mut words = Vec::new();
    for (line, &(text, left, baseline)) in lines.iter().enumerate() {
        let mut x = left;
        for text in text.split(' ') {
            let n = f64::from(u32::try_from(text.chars().count()).unwrap());
            if n > 0.0 {
                words.push(Word {
                    text: text.nfc().collect(),
                    x,
                    y: baseline - 11.7,
                    w: 6.5 * n,
                    h: 14.8,
                    size_pt: 13.0,
                    line,
                    turn_deg: 0,
                });
            }
            x += 6.5 * n + if n > 0.0 { 3.25 } else { 10.0 };
        }
    }
    PageWords { width: 595.0, height: 842.0, words }
}

fn head() -> Vec<(&'static str, f64, f64)> {
    vec![
        ("BỘ THỬ NGHIỆM         CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", 90.0, 70.0),
        ("Độc lập - Tự do - Hạnh phúc", 310.0, 88.0),
        ("Số: 12/TTr-BTN         Hà Nội, ngày 24 tháng 6 năm 2026", 90.0, 116.0),
    ]
}

#[track_caller]
fn on_first(text: &str, expected: Option<Level>) {
    let mut lines = head();
    lines.push((text, 110.0, 140.0));
    lines.push(("TỜ TRÌNH", 270.0, 180.0));
    lines.push(("Về dự thảo Nghị quyết của Chính phủ", 200.0, 200.0));
    assert_eq!(find(&[page(&lines)], &Metadata::default()).map(|found| found.level), expected, "{text}");
}

#[track_caller]
fn in_property(name: &str, value: &str, expected: Option<Level>) {
    let mut metadata =
        Metadata { properties: vec![(name.to_owned(), value.to_owned())], ..Metadata::default() };
    if name == "Title" {
        metadata.title = Some(value.to_owned());
    }
    assert_eq!(find(&[], &metadata).map(|found| found.level), expected, "{name} = {value}");
}

#[test]
fn a_stamp_in_its_place_is_found() {
    for (text, level) in [
        ("MẬT", Level::Mat),
        ("TỐI MẬT", Level::ToiMat),
        ("TUYỆT MẬT", Level::TuyetMat),
        ("[MẬT]", Level::Mat),
        ("[ TỐI MẬT ]", Level::ToiMat),
        ("| MẬT |", Level::Mat),
        ("- MẬT -", Level::Mat),
        ("*** TUYỆT MẬT ***", Level::TuyetMat),
        ("M Ậ T", Level::Mat),
        ("M   Ậ   T", Level::Mat),
        ("T Ố I M Ậ T", Level::ToiMat),
        ("MẬ T", Level::Mat),
        ("MA\u{302}\u{323}T", Level::Mat),
        ("MA\u{323}\u{302}T", Level::Mat),
        ("M\u{200B}ẬT", Level::Mat),
        ("Độ mật: TUYỆT MẬT", Level::TuyetMat),
        ("Độ mật: Tối mật", Level::ToiMat),
        ("ĐỘ MẬT: MẬT", Level::Mat),
        ("Mức độ mật: Mật", Level::Mat),
        ("MẬT - HỎA TỐC", Level::Mat),
        ("TỐI MẬT   THƯỢNG KHẨN", Level::ToiMat),
        ("HỎA TỐC – TUYỆT MẬT", Level::TuyetMat),
        ("MẬT         Bản số: 03", Level::Mat),
    ] {
        on_first(text, Some(level));
    }
}

#[test]
fn words_that_speak_of_secrets_pass() {
    for text in [
        "BẢO MẬT THÔNG TIN",
        "MẬT ĐỘ DÂN SỐ",
        "Luật Bảo vệ bí mật nhà nước",
        "LUẬT BẢO VỆ BÍ MẬT NHÀ NƯỚC",
        "tài liệu TỐI MẬT được quản lý theo chế độ riêng",
        "Danh mục bí mật nhà nước độ Tuyệt mật",
        "mật độ",
        "bí mật",
        "MAT",
        "TOI MAT",
        "MÁT",
        "MẤT",
        "KHẨN",
        "- MẬT;",
        "a) TUYỆT MẬT;",
        "- Mật độ giao thông",
        "Mật ong",
        "MẬT MÃ",
        "Độ mật: Không",
        "Độ mật: Thường",
        "ĐỘ MẬT",
        "CƠ MẬT VIỆN",
    ] {
        on_first(text, None);
    }
}

#[test]
fn a_stamp_by_the_national_title_is_found() {
    let mut lines = head();
    lines.insert(0, ("TUYỆT MẬT", 480.0, 40.0));
    assert_eq!(find(&[page(&lines)], &Metadata::default()).map(|found| found.level), Some(Level::TuyetMat));
}

#[test]
fn a_stamp_in_two_lines_is_read_as_one() {
    let mut lines = head();
    lines.push(("TỐI", 113.0, 140.0));
    lines.push(("MẬT", 113.0, 156.0));
    assert_eq!(find(&[page(&lines)], &Metadata::default()).map(|found| found.level), Some(Level::ToiMat));
}

#[test]
fn a_wrapped_heading_is_no_stamp() {
    for over in ["DỰ ÁN LUẬT BẢO VỆ TÀI LIỆU BÍ", "QUY ĐỊNH VỀ AN TOÀN VÀ BẢO", "QUẢN LÝ TÀI LIỆU ĐỘ TUYỆT"]
    {
        let mut lines = head();
        lines.push((over, 180.0, 180.0));
        lines.push(("MẬT", 280.0, 197.0));
        assert_eq!(find(&[page(&lines)], &Metadata::default()), None, "{over}");
    }
}

#[test]
fn a_running_stamp_in_any_margin_is_found_and_the_middle_of_a_page_is_not_a_margin() {
    let text = ("Điều 7. Tài liệu", 90.0, 300.0);
    let later = |line| [page(&head()), page(&[text, line])];
    let level = |pages: &[PageWords]| find(pages, &Metadata::default()).map(|found| (found.level, found.at));
    assert_eq!(level(&later(("TỐI MẬT", 270.0, 40.0))), Some((Level::ToiMat, Place::Page(1))));
    assert_eq!(level(&later(("MẬT", 500.0, 820.0))), Some((Level::Mat, Place::Page(1))));
    assert_eq!(level(&later(("MẬT", 270.0, 420.0))), None);
    assert_eq!(level(&[page(&[text, ("MẬT", 270.0, 600.0)])]), None);
}

#[test]
fn a_watermark_is_found() {
    let mut marked = page(&head());
    marked.words.push(Word {
        text: "MẬT".to_owned(),
        x: 150.0,
        y: 300.0,
        w: 250.0,
        h: 250.0,
        size_pt: 120.0,
        line: 9,
        turn_deg: 315,
    });
    assert_eq!(find(&[marked], &Metadata::default()).map(|found| found.level), Some(Level::Mat));
}

#[test]
fn a_loosely_set_sentence_is_no_stamp() {
    on_first("quy định tài liệu   MẬT   được lưu riêng", None);
}

#[test]
fn a_file_that_declares_itself_secret_is_found() {
    for (name, value, level) in [
        ("Title", "Mật", Level::Mat),
        ("Title", "TỐI MẬT - Tờ trình về dự thảo", Level::ToiMat),
        ("Title", "[Tuyệt mật] Báo cáo", Level::TuyetMat),
        ("Keywords", "Tối mật", Level::ToiMat),
        ("Keywords", "dự thảo, Tối mật, nghị quyết", Level::ToiMat),
        ("Subject", "Tuyệt mật", Level::TuyetMat),
        ("Subject", "Độ mật: Tối mật", Level::ToiMat),
        ("Keywords", "secrecy: Mật", Level::Mat),
        ("secrecy", "Tối mật", Level::ToiMat),
        ("Độ mật", "Tuyệt mật", Level::TuyetMat),
        ("DoMat", "TUYET MAT", Level::TuyetMat),
        ("xmp:SecurityClassification", "Mật", Level::Mat),
        ("pdf:Keywords", "MẬT", Level::Mat),
        ("Title", "Mâ\u{323}t", Level::Mat),
    ] {
        in_property(name, value, Some(level));
    }
}

#[test]
fn a_file_that_only_speaks_of_secrets_passes() {
    for (name, value) in [
        ("Title", "Tờ trình về dự án Luật Bảo vệ bí mật nhà nước"),
        ("Title", "Báo cáo mật độ dân số"),
        ("Title", "Bảo mật - an toàn thông tin"),
        ("Keywords", "bảo mật, mật mã, an ninh mạng"),
        ("Keywords", "ong, mật, sáp"),
        ("Keywords", "MAT"),
        ("Độ mật", "Thường"),
        ("secrecy", "none"),
        ("Producer", "Matlab"),
    ] {
        in_property(name, value, None);
    }
}

#[test]
fn the_highest_level_counts() {
    let metadata = Metadata { title: Some("Tuyệt mật".to_owned()), ..Metadata::default() };
    let mut lines = head();
    lines.push(("MẬT", 113.0, 140.0));
    let found = find(&[page(&lines)], &metadata).unwrap();
    assert_eq!((found.level, found.at), (Level::TuyetMat, Place::Metadata("Title".to_owned())));
}
