//! Fictional papers, and the real ones of the data folder.

use std::path::PathBuf;
use std::sync::LazyLock;

use cabinet::Timestamp;
use papers::write::{
    Article, Invitation, Issue, Letterhead, Paper, Resolution, Section, SignatureBlock, Typesetter,
};
use time::macros::date;

/// 24 June 2026, 08:00:00 in Vietnam.
pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_782_262_800_000_000);

pub(crate) static TYPESETTER: LazyLock<Typesetter> =
    LazyLock::new(|| Typesetter::open(&[PathBuf::from("/usr/share/fonts/truetype/croscore")]).unwrap());

/// All 134 letters beyond ASCII, in words of our own making, small and capital.
pub(crate) const ALL_LETTERS: &str =
    "àáảãạ ăằắẳẵặ âầấẩẫậ đèéẻẽẹ êềếểễệ ìíỉĩị òóỏõọ ôồốổỗộ ơờớởỡợ ùúủũụ ưừứửữự ỳýỷỹỵ";

pub(crate) const PARAGRAPH: &str = "Giao Bộ trưởng Bộ Thử nghiệm chủ trì, phối hợp với các bộ, ngành, địa phương rà soát, \
     hoàn thiện cơ sở pháp lý, hạ tầng kỹ thuật, bảo đảm an toàn thông tin, an ninh mạng cho Hệ thống thông tin phục vụ họp và \
     xử lý công việc của Chính phủ; báo cáo Thủ tướng Chính phủ kết quả trước ngày 30 tháng 9 năm 2026.";

pub(crate) fn strings(items: &[&str]) -> Vec<String> {
    items.iter().map(|&item| item.to_owned()).collect()
}

pub(crate) fn head() -> Letterhead {
    Letterhead {
        parent: None,
        agency: "Chính phủ".to_owned(),
        symbol: "NQ-CP".to_owned(),
        place: "Hà Nội".to_owned(),
        issue: None,
        stamps: Vec::new(),
    }
}

pub(crate) fn signature() -> SignatureBlock {
    SignatureBlock {
        authority: Some("TM. Chính phủ".to_owned()),
        positions: strings(&["Thủ tướng"]),
        name: "Nguyễn Văn Thử Nghiệm".to_owned(),
    }
}

/// A Resolution of three articles, and as many more paragraphs as asked for.
pub(crate) fn resolution(n_more: usize) -> Resolution {
    let article = |heading: Option<&str>, paragraphs: Vec<String>| Article {
        heading: heading.map(str::to_owned),
        paragraphs,
    };
    let tasks = vec![format!("1. {PARAGRAPH}")]
        .into_iter()
        .chain((0..n_more).map(|n| format!("{}. {PARAGRAPH}", n + 2)));
    Resolution {
        head: head(),
        kind: "Nghị quyết".to_owned(),
        subject: "Về việc triển khai Hệ thống thông tin phục vụ họp và xử lý công việc của Chính phủ"
            .to_owned(),
        issuer: "Chính phủ".to_owned(),
        bases: strings(&[
            "Căn cứ Luật Tổ chức Chính phủ ngày 18 tháng 02 năm 2025;",
            "Căn cứ Nghị định số 39/2022/NĐ-CP ngày 18 tháng 6 năm 2022 của Chính phủ ban hành Quy chế làm việc của Chính phủ",
            "Trên cơ sở thảo luận của các Thành viên Chính phủ và kết luận của Thủ tướng Chính phủ tại phiên họp ngày 24 tháng 6 \
             năm 2026.",
        ]),
        preamble: None,
        enacting: "Quyết nghị:".to_owned(),
        articles: vec![
            article(
                None,
                strings(&["Thông qua việc đưa vào sử dụng Hệ thống thông tin phục vụ họp của Chính phủ."]),
            ),
            article(Some("Tổ chức thực hiện"), tasks.collect()),
            article(
                None,
                strings(&[
                    "Nghị quyết này có hiệu lực thi hành kể từ ngày ký ban hành. Các Bộ trưởng, Thủ trưởng cơ quan ngang bộ, \
                           Thủ trưởng cơ quan thuộc Chính phủ chịu trách nhiệm thi hành Nghị quyết này.",
                ]),
            ),
        ],
        signature: signature(),
        recipients: strings(&[
            "Ban Bí thư Trung ương Đảng",
            "Thủ tướng, các Phó Thủ tướng Chính phủ",
            "Các bộ, cơ quan ngang bộ, cơ quan thuộc Chính phủ;",
            "HĐND, UBND các tỉnh, thành phố trực thuộc trung ương",
            "VPCP: BTCN, các PCN, các Vụ, Cục, Công báo",
        ]),
        filing: "VT, TH (2b)".to_owned(),
        seal_mm: 36.0,
    }
}

pub(crate) fn invitation() -> Invitation {
    Invitation {
        head: Letterhead {
            agency: "Văn phòng Chính phủ".to_owned(),
            symbol: "GM-VPCP".to_owned(),
            issue: Some(Issue { number: "08".to_owned(), date: date!(2026 - 02 - 05) }),
            ..head()
        },
        kind: "Giấy mời".to_owned(),
        subject: "Phiên họp Chính phủ thường kỳ tháng 02 năm 2026".to_owned(),
        inviter: "Văn phòng Chính phủ".to_owned(),
        invitee: "Ông Trần Văn Thử, Bộ trưởng Bộ Thử nghiệm".to_owned(),
        event: "Phiên họp Chính phủ thường kỳ tháng 02 năm 2026.".to_owned(),
        chair: "Thủ tướng Chính phủ.".to_owned(),
        time: "08 giờ 00, thứ Tư, ngày 11 tháng 02 năm 2026.".to_owned(),
        venue: "Trụ sở Chính phủ, Hà Nội.".to_owned(),
        notes: strings(&[
            "Tài liệu phiên họp được gửi trên Hệ thống; đề nghị nghiên cứu trước và cho ý kiến trên Hệ thống.",
        ]),
        signature: SignatureBlock {
            authority: Some("KT. Bộ trưởng, Chủ nhiệm".to_owned()),
            positions: strings(&["Phó Chủ nhiệm"]),
            name: "Lê Thị Thử Nghiệm".to_owned(),
        },
        recipients: strings(&["Như trên"]),
        filing: "VT, TH".to_owned(),
        seal_mm: 36.0,
    }
}

/// A submission to the Government with these boxes under its number.
pub(crate) fn paper(stamps: &[&str]) -> Paper {
    Paper {
        head: Letterhead {
            parent: Some("Chính phủ".to_owned()),
            agency: "Bộ Thử nghiệm".to_owned(),
            symbol: "TTr-BTN".to_owned(),
            stamps: strings(stamps),
            ..head()
        },
        kind: "Tờ trình".to_owned(),
        subject: "Về dự thảo Nghị quyết của Chính phủ về định danh và xác thực điện tử".to_owned(),
        addressee: Some("Chính phủ".to_owned()),
        bases: strings(&["Căn cứ Luật Tổ chức Chính phủ ngày 18 tháng 02 năm 2025"]),
        sections: vec![
            Section {
                heading: Some("I. SỰ CẦN THIẾT".to_owned()),
                paragraphs: strings(&[
                    PARAGRAPH,
                    "Việc bảo vệ bí mật nhà nước, bảo mật thông tin thực hiện theo quy định.",
                ]),
            },
            Section { heading: Some("II. NỘI DUNG".to_owned()), paragraphs: strings(&[PARAGRAPH; 6]) },
        ],
        signature: Some(SignatureBlock {
            authority: None,
            positions: strings(&["Bộ trưởng"]),
            name: "Trần Văn Thử".to_owned(),
        }),
        recipients: strings(&["Như trên", "Văn phòng Chính phủ"]),
        filing: "VT, PC (5b)".to_owned(),
        seal_mm: 36.0,
    }
}

/// The real papers: name, file, and what another program reads in it.
pub(crate) fn real_papers() -> Vec<(String, Vec<u8>, String)> {
    let root = std::env::var_os("ECABINET_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")),
        PathBuf::from,
    );
    let mut papers: Vec<_> = std::fs::read_dir(root.join("vn-pdf"))
        .expect("the data folder; set ECABINET_DATA")
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "pdf"))
        .map(|path| {
            let text = std::fs::read_to_string(path.with_extension("poppler.txt")).unwrap();
            (path.file_stem().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap(), text)
        })
        .collect();
    papers.sort();
    assert_eq!(papers.len(), 5);
    papers
}
