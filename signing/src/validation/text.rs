//! The report for people: Vietnamese, with the standards' words in brackets.
//!
//! Names and reasons come out of foreign files; what could steer a screen or turn the direction of writing is
//! shown as a mark instead.

use super::{
    Change, ChangeKind, Coverage, Indication, Integrity, Report, Revocation, SignatureReport, TimestampKind,
    TimestampReport,
};

/// The report in lines, each ended by a line feed.
#[must_use]
pub fn of(report: &Report) -> String {
    let mut lines = Vec::new();
    if report.signatures.is_empty() {
        lines.push("Tệp không có chữ ký số nào (no signature).".to_owned());
    }
    let n_all = report.signatures.len();
    for (n, signature) in (1_u32..).zip(&report.signatures) {
        lines
            .push(format!("Chữ ký {n}/{n_all}: {}", verdict(signature.indication, signature.sub_indication)));
        lines.extend(of_signature(signature).into_iter().map(|line| format!("  {line}")));
    }
    for (n, stamp) in (1_u32..).zip(&report.timestamps) {
        lines.push(format!("Dấu thời gian của văn bản {n} (document time-stamp): {}", stamp_line(stamp)));
        lines.extend(changes(&stamp.changes).into_iter().map(|line| format!("  {line}")));
    }
    lines.iter().map(|line| printable(line) + "\n").collect()
}

/// The text with a mark for each character that could steer a screen or turn the direction of writing.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() || is_direction(c) { char::REPLACEMENT_CHARACTER } else { c })
        .collect()
}

/// Characters that turn the direction of writing, by which a text can be made to look like another.
const fn is_direction(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

fn of_signature(signature: &SignatureReport) -> Vec<String> {
    let mut lines = Vec::new();
    let signer = signature.signer.as_deref().filter(|name| !name.is_empty());
    lines.push(format!("Người ký (signer): {}", signer.unwrap_or("không xác định được")));
    if let Some(certificate) = &signature.certificate {
        let (serial, issuer) = (certificate.serial(), certificate.issuer_common_name());
        lines.push(format!("Chứng thư số (certificate): số {serial}, do {issuer} cấp"));
    }
    let claimed = signature.time.map_or_else(|| "không ghi".to_owned(), |at| at.to_string());
    lines.push(format!("Thời điểm ký theo lời người ký (claimed): {claimed}"));
    let proven = signature
        .proven_time
        .map_or_else(|| "không có dấu thời gian nào chứng minh".to_owned(), |at| format!("có từ trước {at}"));
    lines.push(format!("Thời điểm được chứng minh (proven): {proven}"));
    lines.push(match signature.integrity {
        Integrity::Intact => "Nội dung đã ký còn nguyên vẹn (intact).".to_owned(),
        Integrity::Broken => "Nội dung hoặc chữ ký không còn nguyên vẹn (broken).".to_owned(),
    });
    if signature.integrity == Integrity::Intact {
        lines.push(match signature.coverage {
            Coverage::Whole => "Chữ ký bao trùm toàn bộ tệp (whole).".to_owned(),
            Coverage::Revision => {
                format!(
                    "Chữ ký bao trùm {} byte đầu; sau đó tệp được ghi thêm (revision).",
                    signature.covered_bytes
                )
            }
        });
        lines.extend(changes(&signature.changes));
    }
    lines.extend(signature.level.map(|level| format!("Mức (level): {level}")));
    lines.extend(signature.revocation.map(revocation));
    for stamp in &signature.timestamps {
        lines.push(format!("Dấu thời gian (time-stamp): {}", stamp_line(stamp)));
    }
    if !signature.reason.is_empty() {
        lines.push(format!("Lý do (reason): {}", signature.reason));
    }
    lines
}

fn stamp_line(stamp: &TimestampReport) -> String {
    let at = stamp.time.map_or_else(|| "không đọc được".to_owned(), |at| at.to_string());
    let authority = stamp.authority.as_deref().unwrap_or("không xác định được");
    let kind = match (stamp.kind, stamp.coverage) {
        (TimestampKind::Document, Some(Coverage::Whole)) => ", trên toàn bộ tệp",
        (TimestampKind::Document, Some(Coverage::Revision)) => ", trên phần đầu của tệp",
        (TimestampKind::Document, None) | (TimestampKind::Signature, _) => "",
    };
    let reason = if stamp.reason.is_empty() { String::new() } else { format!(" — {}", stamp.reason) };
    format!("{at}, do {authority}{kind}: {}{reason}", verdict(stamp.indication, stamp.sub_indication))
}

fn verdict(indication: Indication, sub_indication: Option<&str>) -> String {
    let (vietnamese, standard) = match indication {
        Indication::TotalPassed => ("HỢP LỆ", "TOTAL-PASSED"),
        Indication::TotalFailed => ("KHÔNG HỢP LỆ", "TOTAL-FAILED"),
        Indication::Indeterminate => ("CHƯA KẾT LUẬN ĐƯỢC", "INDETERMINATE"),
    };
    match sub_indication {
        None => format!("{vietnamese} ({standard})"),
        Some(sub) => format!("{vietnamese}: {} ({standard}, {sub})", why(sub)),
    }
}

/// What a sub-indication means.
///
/// Source: `docs/sources.md`, entry `en319102` (5.1.3).
fn why(sub_indication: &str) -> &'static str {
    match sub_indication {
        "FORMAT_FAILURE" => "cấu trúc chữ ký hoặc tệp không đúng quy định",
        "HASH_FAILURE" => "nội dung khác với nội dung đã ký",
        "SIG_CRYPTO_FAILURE" => "giá trị chữ ký không khớp với chứng thư số",
        "NO_SIGNING_CERTIFICATE_FOUND" => "không tìm thấy chứng thư số của người ký",
        "NO_CERTIFICATE_CHAIN_FOUND" => "không dẫn được đến tổ chức chứng thực tin cậy",
        "CERTIFICATE_CHAIN_GENERAL_FAILURE" => "chuỗi chứng thực không kiểm tra được",
        "CHAIN_CONSTRAINTS_FAILURE" => "chứng thư số không được dùng cho mục đích này",
        "OUT_OF_BOUNDS_NO_POE" => "chứng thư số không có hiệu lực vào thời điểm được chứng minh",
        "REVOKED_NO_POE" => "chứng thư số đã bị thu hồi; không chứng minh được là ký trước khi thu hồi",
        "REVOKED_CA_NO_POE" => "chứng thư số của tổ chức chứng thực đã bị thu hồi",
        "TRY_LATER" => "chưa biết chứng thư số có bị thu hồi hay không",
        "CRYPTO_CONSTRAINTS_FAILURE" | "CRYPTO_CONSTRAINTS_FAILURE_NO_POE" => {
            "thuật toán không được chấp nhận vào thời điểm được chứng minh"
        }
        "TIMESTAMP_ORDER_FAILURE" => "thứ tự các dấu thời gian không hợp lý",
        "SIGNED_DATA_NOT_FOUND" => "không có nội dung đã ký",
        _ => "không đủ căn cứ",
    }
}

fn revocation(known: Revocation) -> String {
    match known {
        Revocation::NotRevoked => {
            "Thu hồi (revocation): có căn cứ là chưa bị thu hồi (not revoked).".to_owned()
        }
        Revocation::NotChecked => "Thu hồi (revocation): không có căn cứ để biết (not checked).".to_owned(),
    }
}

fn changes(changes: &[Change]) -> Vec<String> {
    let said = |change: &Change| {
        let lawful = if change.lawful { "được phép" } else { "KHÔNG ĐƯỢC PHÉP" };
        format!(
            "Sau khi ký (after signing): {} ({}) — {lawful}",
            change_name(change.kind),
            change.kind.name()
        )
    };
    changes.iter().map(said).collect()
}

const fn change_name(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Signature => "thêm chữ ký vào ô đã dành sẵn",
        ChangeKind::DocumentTimestamp => "thêm dấu thời gian của văn bản",
        ChangeKind::ValidationData => "thêm dữ liệu kiểm tra",
        ChangeKind::TextFieldFilled => "điền ô văn bản còn trống",
        ChangeKind::FieldChanged => "sửa ô",
        ChangeKind::FieldAdded => "thêm ô",
        ChangeKind::FieldRemoved => "bỏ ô",
        ChangeKind::Overlay => "hình ảnh che nội dung khác",
        ChangeKind::Information => "sửa thông tin văn bản",
        ChangeKind::Extension => "khai báo phần mở rộng",
        ChangeKind::Catalog => "sửa danh mục của tệp",
        ChangeKind::Page => "sửa trang",
        ChangeKind::Annotation => "sửa chú thích",
        ChangeKind::Content => "sửa nội dung, hình ảnh hoặc phông chữ",
        ChangeKind::Object => "sửa đối tượng khác",
        ChangeKind::Trailer => "sửa phần cuối tệp",
        ChangeKind::StrayBytes => "có byte không thuộc về đâu",
        ChangeKind::Structure => "ghi thêm sai quy cách",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_names_cannot_steer_the_screen_or_forge_a_line() {
        let signer = Some("A\u{1b}[2J\nNgười ký: B\u{202e}\u{2028}".to_owned());
        let signature = SignatureReport { signer, ..SignatureReport::unproven() };
        let report = Report { signatures: vec![signature], timestamps: Vec::new() };
        let text = of(&report);
        assert!(text.contains("A\u{fffd}[2J\u{fffd}Người ký: B\u{fffd}\u{fffd}\n"), "{text}");
    }
}
