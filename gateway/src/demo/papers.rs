//! The dossier of the demonstration: three fictional papers, typeset by the product.

use anyhow::Context as _;
use office::App;
use office::setup::{self, DemoPaper};

/// A typeset paper.
pub(super) struct Typeset {
    pub(super) title: String,
    pub(super) kind: &'static str,
    pub(super) pdf: Vec<u8>,
}

const SUBJECT: &str = "Về đề nghị xây dựng Nghị định quy định về định danh và xác thực điện tử";

const SUBMISSION: DemoPaper<'_> = DemoPaper {
    kind: "Tờ trình",
    symbol: "TTr-BM01",
    agency: "BỘ MẪU 01",
    subject: SUBJECT,
    addressee: Some("Chính phủ"),
    sections: &[
        (
            "I. SỰ CẦN THIẾT",
            &[
                "Giao dịch điện tử giữa người dân, doanh nghiệp và cơ quan nhà nước tăng nhanh, trong khi mỗi hệ thống đang tự cấp tài khoản và tự xác thực người dùng. Người dân phải nhớ nhiều tài khoản; cơ quan nhà nước không có căn cứ thống nhất để tin cậy kết quả xác thực của nhau.",
                "Việc bảo vệ thông tin cá nhân và bảo mật dữ liệu trong quá trình định danh cần được quy định rõ trách nhiệm, tránh thu thập vượt quá mục đích.",
                "Vì vậy, cần có khuôn khổ pháp lý thống nhất về định danh và xác thực điện tử, làm nền tảng cho dịch vụ công trực tuyến và thương mại điện tử.",
            ],
        ),
        (
            "II. MỤC ĐÍCH, QUAN ĐIỂM",
            &[
                "Tạo thuận lợi cho người dân: một danh tính điện tử dùng được cho mọi dịch vụ công trực tuyến.",
                "Phân loại mức độ bảo đảm của danh tính điện tử; dịch vụ càng quan trọng thì yêu cầu xác thực càng cao.",
                "Thu thập tối thiểu, đúng mục đích; người dân được biết và được quyết định việc chia sẻ dữ liệu của mình.",
            ],
        ),
        (
            "III. NỘI DUNG CHÍNH CỦA CHÍNH SÁCH",
            &[
                "Chính sách 1. Quy định về tạo lập, quản lý và sử dụng danh tính điện tử của cá nhân, tổ chức.",
                "Chính sách 2. Quy định điều kiện hoạt động của tổ chức cung cấp dịch vụ định danh và xác thực điện tử.",
                "Chính sách 3. Quy định trách nhiệm kết nối, chia sẻ dữ liệu và công nhận lẫn nhau kết quả xác thực giữa các cơ quan.",
            ],
        ),
        (
            "IV. VẤN ĐỀ CÒN Ý KIẾN KHÁC NHAU",
            &[
                "Về thời điểm bắt buộc áp dụng: loại ý kiến thứ nhất đề nghị áp dụng ngay khi Nghị định có hiệu lực; loại ý kiến thứ hai đề nghị có thời gian chuyển tiếp 12 tháng. Cơ quan trình đề nghị theo loại ý kiến thứ hai.",
            ],
        ),
        ("V. KIẾN NGHỊ", &["Kính trình Chính phủ xem xét, thông qua đề nghị xây dựng Nghị định."]),
    ],
    signer: Some(("Bộ trưởng", "(THỬ NGHIỆM)")),
};

const DRAFT: DemoPaper<'_> = DemoPaper {
    kind: "Dự thảo Nghị quyết",
    symbol: "NQ-CP",
    agency: "CHÍNH PHỦ",
    subject: SUBJECT,
    addressee: None,
    sections: &[
        (
            "Điều 1.",
            &[
                "Thông qua đề nghị xây dựng Nghị định của Chính phủ quy định về định danh và xác thực điện tử với ba chính sách nêu tại Tờ trình.",
            ],
        ),
        (
            "Điều 2.",
            &[
                "Giao Bộ Mẫu 01 chủ trì, phối hợp với các Bộ, cơ quan liên quan soạn thảo Nghị định theo trình tự, thủ tục rút gọn; bảo đảm thời gian chuyển tiếp 12 tháng để các hệ thống hiện có kết nối với nền tảng định danh điện tử.",
            ],
        ),
        (
            "Điều 3.",
            &[
                "Văn phòng Chính phủ theo dõi, đôn đốc việc thực hiện Nghị quyết này; Nghị quyết có hiệu lực kể từ ngày ký ban hành.",
            ],
        ),
    ],
    signer: None,
};

const REPORT: DemoPaper<'_> = DemoPaper {
    kind: "Báo cáo",
    symbol: "BC-VPCP",
    agency: "VĂN PHÒNG CHÍNH PHỦ",
    subject: "Thẩm tra hồ sơ đề nghị xây dựng Nghị định quy định về định danh và xác thực điện tử",
    addressee: Some("Các thành viên Chính phủ"),
    sections: &[
        (
            "1. Về hồ sơ",
            &[
                "Hồ sơ gồm Tờ trình và dự thảo Nghị quyết, đầy đủ theo quy định; đã được gửi lấy ý kiến các Bộ, cơ quan liên quan.",
            ],
        ),
        (
            "2. Về vấn đề còn ý kiến khác nhau",
            &[
                "Văn phòng Chính phủ thấy rằng thời gian chuyển tiếp 12 tháng là cần thiết để các cơ quan hoàn thành việc kết nối, đồng thời không làm gián đoạn dịch vụ đang cung cấp cho người dân.",
            ],
        ),
        ("3. Đề nghị", &["Trình Chính phủ xem xét, biểu quyết thông qua dự thảo Nghị quyết tại phiên họp."]),
    ],
    signer: Some(("Vụ trưởng", "(THỬ NGHIỆM)")),
};

/// Typesets the dossier.
pub(super) fn dossier(app: &App) -> anyhow::Result<Vec<Typeset>> {
    [
        ("Tờ trình về đề nghị xây dựng Nghị định định danh và xác thực điện tử", "submission", SUBMISSION),
        ("Dự thảo Nghị quyết về định danh và xác thực điện tử", "draft", DRAFT),
        ("Báo cáo thẩm tra của Văn phòng Chính phủ", "report", REPORT),
    ]
    .into_iter()
    .map(|(title, kind, paper)| {
        let pdf = setup::typeset(&app.typesetter, &app.body.place, &paper, app.now()).context(title)?;
        Ok(Typeset { title: title.to_owned(), kind, pdf })
    })
    .collect()
}
