//! Stamps on real files: typeset with a box as the decree draws it, and read back.

use papers::marking::{Level, Place, find};
use papers::read::{PageWords, Paper};

use crate::samples::{NOW, TYPESETTER, paper, real_papers, strings};

fn level(bytes: Vec<u8>) -> Option<(Level, Place)> {
    let paper = Paper::open(bytes).unwrap();
    let pages: Vec<PageWords> = (0..paper.n_pages()).map(|n| paper.page_words(n).unwrap()).collect();
    find(&pages, paper.metadata()).map(|found| (found.level, found.at))
}

fn typeset(paper: &papers::write::Paper) -> Vec<u8> {
    TYPESETTER.paper(paper, NOW).unwrap().pdf
}

#[test]
fn a_boxed_stamp_is_found_on_a_typeset_paper() {
    for (stamps, expected) in [
        (vec!["MẬT"], Some(Level::Mat)),
        (vec!["TỐI MẬT"], Some(Level::ToiMat)),
        (vec!["TUYỆT MẬT"], Some(Level::TuyetMat)),
        (vec!["HỎA TỐC", "TỐI MẬT"], Some(Level::ToiMat)),
        (vec!["MẬT", "KHẨN"], Some(Level::Mat)),
        (vec!["M Ậ T"], Some(Level::Mat)),
        (vec!["KHẨN"], None),
        (vec!["LƯU HÀNH NỘI BỘ"], None),
        (vec![], None),
    ] {
        let found = level(typeset(&paper(&stamps)));
        assert_eq!(found, expected.map(|level| (level, Place::Page(0))), "{stamps:?}");
    }
}

#[test]
fn a_typeset_paper_about_secrets_passes() {
    let mut about = paper(&[]);
    about.subject = "Về dự án Luật Bảo vệ bí mật nhà nước và bảo mật thông tin".to_owned();
    about.sections[0].heading = Some("BẢO MẬT THÔNG TIN".to_owned());
    about.sections[0].paragraphs = strings(&[
        "Tài liệu TỐI MẬT, TUYỆT MẬT được soạn thảo trên máy tính độc lập.",
        "MẬT ĐỘ DÂN SỐ",
        "Danh mục bí mật nhà nước gồm ba độ: MẬT, TỐI MẬT và TUYỆT MẬT.",
    ]);
    assert_eq!(level(typeset(&about)), None);
}

#[test]
fn the_real_papers_pass() {
    for (name, bytes, _) in real_papers() {
        assert_eq!(level(bytes), None, "{name}");
    }
}

#[test]
fn a_title_that_declares_a_level_is_found() {
    let mut paper = paper(&[]);
    paper.kind = "Tối mật".to_owned();
    paper.subject = "Tờ trình".to_owned();
    // The title is then `Tối mật: Tờ trình`, and TỐI MẬT stands alone as the heading.
    assert_eq!(level(typeset(&paper)), Some((Level::ToiMat, Place::Page(0))));
}
