//! The words of a paper, as data for the templates.

use serde::{Serialize, Serializer};
use time::Date;

/// The head of a paper: who issues it, its number and symbol, place and date.
#[derive(Clone, Debug, Serialize)]
pub struct Letterhead {
    /// The agency above the issuing one, if it is named (`Chính phủ` above a ministry's name); set in capitals.
    pub parent: Option<String>,
    /// The issuing agency; set in bold capitals over a rule.
    pub agency: String,
    /// The symbol after the number: `NQ-CP`, `TTr-BTP`.
    pub symbol: String,
    /// The place before the date: `Hà Nội`.
    pub place: String,
    /// Number and date. `None` leaves blanks, the anchors `number` and `date`.
    pub issue: Option<Issue>,
    /// Red boxes under the number: urgency (`KHẨN`, `HỎA TỐC`) and limits of circulation.
    pub stamps: Vec<String>,
}

/// The number and the date under which a paper was issued.
#[derive(Clone, Debug, Serialize)]
pub struct Issue {
    /// The running number; below 10 with a leading zero.
    pub number: String,
    /// The day.
    #[serde(serialize_with = "as_words")]
    pub date: Date,
}

/// Who signs: the block on the right of a paper's end.
#[derive(Clone, Debug, Serialize)]
pub struct SignatureBlock {
    /// On whose behalf, with its prefix: `TM. Chính phủ`, `KT. Bộ trưởng`; set in capitals.
    pub authority: Option<String>,
    /// The signer's position, a line each: `Thủ tướng`; set in capitals.
    pub positions: Vec<String>,
    /// The signer's full name.
    pub name: String,
}

/// A Resolution (nghị quyết).
#[derive(Clone, Debug, Serialize)]
pub struct Resolution {
    /// The head.
    pub head: Letterhead,
    /// The kind of paper: `Nghị quyết`; set in capitals.
    pub kind: String,
    /// What it is about (trích yếu): `Về việc …`.
    pub subject: String,
    /// The authority that decides, above the legal bases: `Chính phủ`; set in capitals.
    pub issuer: String,
    /// The legal bases (căn cứ), without closing punctuation.
    pub bases: Vec<String>,
    /// A paragraph after the bases, in italics.
    pub preamble: Option<String>,
    /// The enacting words: `Quyết nghị:`; set in capitals.
    pub enacting: String,
    /// The articles, numbered from 1.
    pub articles: Vec<Article>,
    /// Who signs.
    pub signature: SignatureBlock,
    /// To whom it goes (nơi nhận), without dash and closing punctuation.
    pub recipients: Vec<String>,
    /// Where it is filed, after `Lưu:`: `VT, TH (2b)`.
    pub filing: String,
    /// The diameter of the organisation's seal in millimetres.
    pub seal_mm: f64,
}

/// An article (điều).
#[derive(Clone, Debug, Serialize)]
pub struct Article {
    /// Its heading, after `Điều n.`; without one the first paragraph follows on the same line.
    pub heading: Option<String>,
    /// Its paragraphs.
    pub paragraphs: Vec<String>,
}

/// An invitation (giấy mời).
#[derive(Clone, Debug, Serialize)]
pub struct Invitation {
    /// The head.
    pub head: Letterhead,
    /// The kind of paper: `Giấy mời`.
    pub kind: String,
    /// To what: `Phiên họp Chính phủ thường kỳ tháng 6`.
    pub subject: String,
    /// Who invites: `Văn phòng Chính phủ`.
    pub inviter: String,
    /// Who is invited.
    pub invitee: String,
    /// What is attended (tới dự).
    pub event: String,
    /// Who presides (chủ trì).
    pub chair: String,
    /// When (thời gian), in words.
    pub time: String,
    /// Where (địa điểm).
    pub venue: String,
    /// Further paragraphs.
    pub notes: Vec<String>,
    /// Who signs.
    pub signature: SignatureBlock,
    /// To whom it goes.
    pub recipients: Vec<String>,
    /// Where it is filed.
    pub filing: String,
    /// The diameter of the organisation's seal in millimetres.
    pub seal_mm: f64,
}

/// A paper of a dossier: tờ trình, báo cáo, dự thảo nghị quyết.
#[derive(Clone, Debug, Serialize)]
pub struct Paper {
    /// The head.
    pub head: Letterhead,
    /// The kind of paper: `Tờ trình`.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// To whom it is addressed (kính gửi).
    pub addressee: Option<String>,
    /// The legal bases.
    pub bases: Vec<String>,
    /// The text.
    pub sections: Vec<Section>,
    /// Who signs; a draft has none.
    pub signature: Option<SignatureBlock>,
    /// To whom it goes; may be empty.
    pub recipients: Vec<String>,
    /// Where it is filed.
    pub filing: String,
    /// The diameter of the organisation's seal in millimetres.
    pub seal_mm: f64,
}

/// A part of a paper.
#[derive(Clone, Debug, Serialize)]
pub struct Section {
    /// Its heading, with its own numbering: `I. SỰ CẦN THIẾT`.
    pub heading: Option<String>,
    /// Its paragraphs.
    pub paragraphs: Vec<String>,
}

/// A paper that has a title for the reader's window and for the file's metadata.
pub(crate) trait Titled: Serialize {
    /// The title.
    fn title(&self) -> String;
}

impl Titled for Resolution {
    fn title(&self) -> String {
        format!("{}: {}", self.kind, self.subject)
    }
}

impl Titled for Invitation {
    fn title(&self) -> String {
        format!("{}: {}", self.kind, self.subject)
    }
}

impl Titled for Paper {
    fn title(&self) -> String {
        format!("{}: {}", self.kind, self.subject)
    }
}

/// The figures of a date as the decree writes them.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    day: String,
    month: String,
    year: String,
}

/// A leading zero for days below 10 and for January and February, so that nobody adds a digit.
pub(crate) fn figures(date: Date) -> Figures {
    let month = u8::from(date.month());
    Figures {
        day: format!("{:02}", date.day()),
        month: if month <= 2 { format!("{month:02}") } else { month.to_string() },
        year: date.year().to_string(),
    }
}

/// The date as it stands on a paper: `ngày 05 tháng 02 năm 2026`.
///
/// Source: `docs/sources.md`, entry `decree-30-2020`, Appendix I, component 4.
#[must_use]
pub fn vietnamese_date(date: Date) -> String {
    let Figures { day, month, year } = figures(date);
    format!("ngày {day} tháng {month} năm {year}")
}

fn as_words<S: Serializer>(date: &Date, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&vietnamese_date(*date))
}
