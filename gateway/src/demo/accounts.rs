//! The fictional Government: 27 members, and those who work for them. Every name says that it is a TEST.

use std::collections::BTreeSet;

use cabinet::Role;
use serde::{Deserialize, Serialize};

/// An account as `accounts.json` holds it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Account {
    pub(super) username: String,
    pub(super) name: String,
    pub(super) role: String,
    pub(super) password: String,
    pub(super) totp_secret: String,
    pub(super) pin: String,
    pub(super) card_p12: String,
    pub(super) card_p12_password: String,
}

impl Account {
    /// Whether the terminal names it: one of each kind is enough there.
    pub(super) fn is_shown(&self) -> bool {
        self.role != Role::Member.name() || self.username == "bt01"
    }
}

/// A person to be invented.
#[derive(Clone, Debug)]
pub(super) struct Figure {
    pub(super) username: String,
    pub(super) name: String,
    pub(super) position: String,
    pub(super) unit: String,
    pub(super) role: Role,
}

impl Figure {
    /// All roles that go with the one that `accounts.json` names.
    pub(super) fn roles(&self) -> BTreeSet<Role> {
        let mut roles = BTreeSet::from([self.role]);
        if self.role.is_member() {
            roles.insert(Role::Member);
        }
        roles
    }
}

const SURNAMES: [&str; 9] = ["Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Vũ", "Đặng", "Bùi", "Đỗ"];
const GIVEN: [&str; 35] = [
    "An", "Bình", "Cường", "Dung", "Đức", "Giang", "Hà", "Hải", "Hạnh", "Hiền", "Hòa", "Hùng", "Hương",
    "Khánh", "Khôi", "Lan", "Linh", "Long", "Mai", "Minh", "Nam", "Nga", "Ngân", "Ngọc", "Nhung", "Phong",
    "Phúc", "Phương", "Quang", "Quỳnh", "Sơn", "Tâm", "Thảo", "Thủy", "Yến",
];

/// Everybody, in order of precedence.
pub(super) fn figures() -> Vec<Figure> {
    let mut figures = vec![
        figure("thutuong", Role::PrimeMinister, "Thủ tướng Chính phủ", "Chính phủ"),
        figure(
            "cnvp",
            Role::ChairmanOfOffice,
            "Bộ trưởng, Chủ nhiệm Văn phòng Chính phủ",
            "Văn phòng Chính phủ",
        ),
    ];
    figures.extend((1..=25).map(|n| {
        let (position, unit) = if n <= 3 {
            ("Phó Thủ tướng Chính phủ".to_owned(), "Chính phủ".to_owned())
        } else {
            (format!("Bộ trưởng Bộ Mẫu {:02}", n - 3), format!("Bộ Mẫu {:02}", n - 3))
        };
        figure(&format!("bt{n:02}"), Role::Member, &position, &unit)
    }));
    figures.extend([
        figure("thuky", Role::Secretary, "Thư ký phiên họp", "Văn phòng Chính phủ"),
        figure("troly", Role::Assistant, "Trợ lý Bộ trưởng Bộ Mẫu 01", "Bộ Mẫu 01"),
        figure("vanthu", Role::Clerk, "Văn thư", "Văn phòng Chính phủ"),
        figure("anninh1", Role::SecurityOfficer, "Cán bộ an ninh", "Văn phòng Chính phủ"),
        figure("anninh2", Role::SecurityOfficer, "Cán bộ an ninh", "Văn phòng Chính phủ"),
        figure("kiemtoan", Role::Auditor, "Kiểm toán viên", "Cơ quan kiểm toán Mẫu"),
        figure("vanhanh", Role::Operator, "Cán bộ vận hành", "Văn phòng Chính phủ"),
        figure("khach", Role::Guest, "Đại biểu mời", "Cơ quan Mẫu"),
    ]);
    for (n, figure) in figures.iter_mut().enumerate() {
        let surname = SURNAMES.get(n % SURNAMES.len()).copied().unwrap_or_default();
        let given = GIVEN.get(n % GIVEN.len()).copied().unwrap_or_default();
        figure.name = format!("{surname} Thử Nghiệm {given}");
    }
    figures
}

/// Whose assistant the demonstration's assistant is.
pub(super) const ASSISTED: &str = "bt04";

fn figure(username: &str, role: Role, position: &str, unit: &str) -> Figure {
    Figure {
        username: username.to_owned(),
        name: String::new(),
        position: position.to_owned(),
        unit: unit.to_owned(),
        role,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_government_has_27_members_and_every_name_says_that_it_is_a_test() {
        let figures = figures();
        assert_eq!(figures.iter().filter(|figure| figure.role.is_member()).count(), 27);
        assert_eq!(figures.len(), 35);
        assert!(figures.iter().all(|figure| figure.name.contains("Thử Nghiệm")));
        let names: BTreeSet<_> = figures.iter().map(|figure| &figure.name).collect();
        assert_eq!(names.len(), figures.len());
    }
}
