//! A key ceremony: a new token whose PINs nobody knows alone, a key made inside it, and minutes of every step.
//!
//! Held with the appliance stopped, by a process of its own. The token's PINs are drawn at random and split among the
//! custodians; the key itself is never split, for it never leaves its token.

use std::fmt::Write as _;

use cabinet::{Digest, Timestamp};
use hsm::{KeyKind, KeyLabel, Module, PoolConfig, TokenError, TokenLabel};
use unicode_normalization::UnicodeNormalization as _;

use super::custody::{self, CustodyError, MAX_CUSTODIANS, MIN_QUORUM, Secret};
use super::{KeysConfig, KeysError};

/// Longest name of a custodian, in characters.
const MAX_NAME_CHARS: usize = 100;

/// What is to be made, and who holds it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Label of the new token.
    pub token: TokenLabel,
    /// Label of its key.
    pub key: KeyLabel,
    /// What kind of key.
    pub kind: Made,
    /// The custodians, by name.
    pub custodians: Vec<String>,
    /// How many of them restore the PINs.
    pub quorum: u8,
    /// When the ceremony is held.
    pub at: Timestamp,
}

/// The kinds of keys that a ceremony makes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Made {
    /// A key pair that signs.
    Pair(KeyKind),
    /// A key that wraps the keys of papers.
    Wrapping,
}

/// What a ceremony has made.
#[derive(Debug)]
pub struct Held {
    /// The ceremony's name.
    pub ceremony: String,
    /// The minutes, in Vietnamese.
    pub minutes: String,
    /// Each custodian's sheet, in the order of the plan. Secret.
    pub sheets: Vec<zeroize::Zeroizing<String>>,
    /// Digest of the public key; none for a key that wraps.
    pub public_key: Option<Digest>,
    /// Tells the secret that was split from any other.
    pub secret_check: Digest,
}

/// The ceremony was not held to its end; the sentence says what to do.
#[derive(Debug, thiserror::Error)]
pub enum CeremonyError {
    /// The plan cannot be carried out; nothing was made.
    #[error("{0}")]
    Plan(String),
    /// The secret could not be split.
    #[error(transparent)]
    Custody(#[from] CustodyError),
    /// The token refused. What was made on it stays there: initialise it again by the maker's tool.
    #[error("the token: {0}")]
    Token(#[from] TokenError),
    /// The module cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
}

impl Plan {
    fn check(&self) -> Result<(), CeremonyError> {
        let n = self.custodians.len();
        if !(usize::from(MIN_QUORUM)..=usize::from(MAX_CUSTODIANS)).contains(&n)
            || !(usize::from(MIN_QUORUM)..=n).contains(&usize::from(self.quorum))
        {
            return Err(CustodyError::Quorum.into());
        }
        for (at, name) in self.custodians.iter().enumerate() {
            let is_name = !name.trim().is_empty()
                && name.chars().count() <= MAX_NAME_CHARS
                && !name.chars().any(char::is_control);
            if !is_name {
                return Err(CeremonyError::Plan(format!(
                    "{name:?} cannot stand in minutes: give 1 to 100 characters"
                )));
            }
            if self.custodians.iter().take(at).any(|earlier| earlier.nfc().eq(name.nfc())) {
                return Err(CeremonyError::Plan(format!(
                    "{name} is named twice: one person holds one share"
                )));
            }
        }
        Ok(())
    }
}

/// Holds the ceremony. Blocks, for RSA some seconds.
///
/// # Errors
///
/// [`CeremonyError`].
pub fn hold(config: &KeysConfig, plan: &Plan) -> Result<Held, CeremonyError> {
    plan.check()?;
    let module = Module::load_with(&config.first_module())?;
    let survey = module.survey()?;
    let ceremony = custody::draw_ceremony()?;
    let secret = Secret::draw(plan.token.as_str(), module.quirks().pin)?;
    let n = u8::try_from(plan.custodians.len()).unwrap_or(u8::MAX);
    // Split before anything is made: a token whose PINs cannot be kept must not come to be.
    let shares = secret.split(&ceremony, plan.quorum, n)?;
    let (so_pin, user_pin) = (secret.so_pin()?, secret.user_pin()?);
    module.provision(&plan.token, &so_pin, &user_pin)?;
    let pool = module.open_pool(&plan.token, &user_pin, PoolConfig::default())?;
    let (public_key, mechanism) = match plan.kind {
        Made::Pair(kind) => {
            let public = pool.generate_key_pair(&plan.key, kind)?;
            (Some(Digest::of(public.as_bytes())), pair_mechanism(kind))
        }
        Made::Wrapping => {
            pool.generate_aes256(&plan.key)?;
            (None, "CKM_AES_KEY_GEN (AES-256)")
        }
    };
    // The restored PINs must open the token, or the sheets are worth nothing.
    let restored = Secret::restore(shares.get(..usize::from(plan.quorum)).unwrap_or_default())?;
    if restored.check() != secret.check() || !pool.has_key(&plan.key)? {
        return Err(CustodyError::Damaged("the shares do not restore the PINs").into());
    }
    let info = module.tokens()?.into_iter().find(|info| info.label == plan.token.as_str());
    let facts = Facts { ceremony: &ceremony, plan, survey: &survey, info, mechanism, public_key };
    let checks: Vec<_> = shares.iter().map(custody::Share::check).collect();
    let minutes = facts.minutes(&checks, secret.check());
    let sheets = plan.custodians.iter().zip(&shares).zip(1..);
    let sheets = sheets.map(|((name, share), number)| facts.sheet(name, number, share)).collect();
    Ok(Held { minutes, sheets, public_key, secret_check: secret.check(), ceremony })
}

const fn pair_mechanism(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::EcP256 => "CKM_EC_KEY_PAIR_GEN (P-256)",
        KeyKind::EcP384 => "CKM_EC_KEY_PAIR_GEN (P-384)",
        KeyKind::Ed25519 => "CKM_EC_EDWARDS_KEY_PAIR_GEN (Ed25519)",
        KeyKind::Rsa2048 => "CKM_RSA_PKCS_KEY_PAIR_GEN (RSA 2048)",
        KeyKind::Rsa3072 => "CKM_RSA_PKCS_KEY_PAIR_GEN (RSA 3072)",
    }
}

/// What the minutes and the sheets tell.
struct Facts<'a> {
    ceremony: &'a str,
    plan: &'a Plan,
    survey: &'a hsm::Survey,
    info: Option<hsm::TokenInfo>,
    mechanism: &'static str,
    public_key: Option<Digest>,
}

impl Facts<'_> {
    /// The minutes (biên bản), to be printed and signed by everybody who was there.
    fn minutes(&self, checks: &[String], secret_check: Digest) -> String {
        let Self { plan, survey, .. } = self;
        let mut text = String::new();
        let mut line = |words: String| {
            // Writing to a String does not fail.
            _ = writeln!(text, "{words}");
        };
        let unknown = || "không rõ".to_owned();
        let info =
            |of: fn(&hsm::TokenInfo) -> &String| self.info.as_ref().map_or_else(unknown, |i| of(i).clone());
        line("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM".to_owned());
        line("Độc lập - Tự do - Hạnh phúc".to_owned());
        line(String::new());
        line("BIÊN BẢN LỄ TẠO KHÓA".to_owned());
        line(format!("Số của buổi lễ: {}", self.ceremony));
        line(format!("Thời điểm: {}", plan.at.iso_vietnam()));
        line(String::new());
        line("1. Người tham gia".to_owned());
        for (name, number) in plan.custodians.iter().zip(1..) {
            line(format!("   {number}. {name}, người giữ phần bí mật thứ {number}"));
        }
        line(format!(
            "   Cần {} trong {} người giữ để kích hoạt hoặc hủy khóa.",
            plan.quorum,
            plan.custodians.len()
        ));
        line(String::new());
        line("2. Thiết bị".to_owned());
        line(format!(
            "   Thư viện PKCS#11: {} {} {}",
            survey.manufacturer, survey.description, survey.version
        ));
        line(format!("   Phiên bản PKCS#11: {}", survey.cryptoki_version));
        line(format!("   Token: {}, số sê-ri {}", plan.token, info(|i| &i.serial)));
        line(format!("   Hãng và loại: {} {}", info(|i| &i.manufacturer), info(|i| &i.model)));
        line(String::new());
        line("3. Khóa".to_owned());
        line(format!("   Nhãn: {}", plan.key));
        line(format!("   Cơ chế: {}", self.mechanism));
        match self.public_key {
            Some(digest) => line(format!("   SHA-256 của khóa công khai (SubjectPublicKeyInfo): {digest}")),
            None => line("   Khóa bọc, không có phần công khai.".to_owned()),
        }
        line(String::new());
        line("4. Các bước đã làm".to_owned());
        for (step, number) in STEPS.iter().zip(1..) {
            line(format!("   {number}. {step}"));
        }
        line(String::new());
        line("5. Các phần bí mật".to_owned());
        for ((name, check), number) in plan.custodians.iter().zip(checks).zip(1..) {
            line(format!("   Phần {number}, {name}: mã kiểm tra {check}"));
        }
        line(format!("   Mã kiểm tra của bí mật: {secret_check}"));
        line(String::new());
        line("6. Điều cần biết".to_owned());
        for note in NOTES {
            line(format!("   - {note}"));
        }
        line(String::new());
        line("7. Chữ ký".to_owned());
        for name in &plan.custodians {
            line(format!("   {name}: ______________________________"));
        }
        text.nfc().collect()
    }

    /// A custodian's sheet.
    fn sheet(&self, name: &str, number: u8, share: &custody::Share) -> zeroize::Zeroizing<String> {
        let Self { plan, ceremony, .. } = self;
        let mut text = zeroize::Zeroizing::new(format!(
            "PHẦN BÍ MẬT THỨ {number}, buổi lễ {ceremony}\nNgười giữ: {name}\nToken: {}   Khóa: {}\n\
             Cần {} trong {} phần. Một mình phần này không mở được gì.\n\
             In ra, cất trong phong bì niêm phong, rồi xóa tệp này.\n\nMã kiểm tra: {}\n\n",
            plan.token,
            plan.key,
            plan.quorum,
            plan.custodians.len(),
            share.check(),
        ));
        text.push_str(&share.to_text());
        text.push('\n');
        zeroize::Zeroizing::new(text.nfc().collect())
    }
}

const STEPS: [&str; 6] = [
    "Rút ngẫu nhiên mã PIN của người quản trị token (SO PIN) và mã PIN của người dùng; không ai xem.",
    "Chia hai mã PIN thành các phần theo lược đồ Shamir.",
    "Khởi tạo token và đặt hai mã PIN đó.",
    "Tạo khóa bên trong token, không thể xuất ra ngoài.",
    "Khôi phục thử hai mã PIN từ đủ số phần, đúng với mã đã rút.",
    "Ghi mỗi phần lên một tờ riêng cho từng người giữ.",
];

const NOTES: [&str; 3] = [
    "Khóa không bị chia: khóa nằm trọn trong token. Chỉ mã PIN của token được chia.",
    "Khi hệ thống chạy, mã PIN của người dùng nằm trong tệp mà dịch vụ đọc; ai đọc được tệp đó và chạm được token thì dùng được khóa.",
    "Mất nhiều phần đến mức không còn đủ số thì không thể kích hoạt lại: phải tạo khóa mới.",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(custodians: &[&str], quorum: u8) -> Plan {
        Plan {
            token: "TEST token".parse().unwrap(),
            key: "TEST key".parse().unwrap(),
            kind: Made::Pair(KeyKind::EcP256),
            custodians: custodians.iter().map(|name| (*name).to_owned()).collect(),
            quorum,
            at: Timestamp::from_micros(1_780_823_131_000_000),
        }
    }

    #[test]
    fn a_plan_names_different_people_and_a_quorum_of_them() {
        assert!(plan(&["A (TEST)", "B (TEST)", "C (TEST)"], 2).check().is_ok());
        for (custodians, quorum) in [
            (&["A"][..], 1),
            (&["A", "B"], 1),
            (&["A", "B"], 3),
            (&["A", "A"], 2),
            (&["A", " "], 2),
            (&["A", "B\nC"], 2),
            // One name, composed and not.
            (&["Nguy\u{1ec5}n", "Nguye\u{302}\u{303}n"], 2),
        ] {
            assert!(plan(custodians, quorum).check().is_err(), "{custodians:?} {quorum}");
        }
    }

    #[test]
    fn minutes_are_composed_vietnamese_and_hold_no_share() {
        let plan = plan(&["Nguye\u{302}\u{303}n A (TEST)", "Trần B (TEST)"], 2);
        let secret = Secret::draw("TEST token", None).unwrap();
        let shares = secret.split("123456789012", 2, 2).unwrap();
        let survey = hsm::Survey {
            manufacturer: "TEST".to_owned(),
            description: "TEST".to_owned(),
            version: "1".to_owned(),
            cryptoki_version: "2.40".to_owned(),
            tokens: Vec::new(),
        };
        let public_key = Some(Digest::of(b"key"));
        let (ceremony, mechanism) = ("123456789012", "TEST");
        let facts = Facts { ceremony, plan: &plan, survey: &survey, info: None, mechanism, public_key };
        let checks: Vec<_> = shares.iter().map(custody::Share::check).collect();
        let minutes = facts.minutes(&checks, secret.check());
        assert!(minutes.nfc().eq(minutes.chars()), "in NFC");
        assert!(minutes.contains("Nguyễn A (TEST)") && minutes.contains(&checks[1]));
        assert!(!minutes.contains(secret.user_pin_text()));
        let sheet = facts.sheet("Trần B (TEST)", 2, &shares[1]);
        assert_eq!(sheet.parse::<custody::Share>().unwrap().check(), checks[1]);
        assert!(shares.iter().all(|share| !minutes.contains(&*share.to_text())));
    }
}
