//! Who may hold an account, and in which role.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What somebody is in this Government, ministry or province. One person may have several roles.
///
/// Source: `docs/sources.md`, entry `roles`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Thủ tướng: convenes, chairs, signs, and decides at exactly half.
    PrimeMinister,
    /// Bộ trưởng, Chủ nhiệm Văn phòng: a member who organises the sessions.
    ChairmanOfOffice,
    /// Thành viên: votes when on the roll.
    Member,
    /// Thư ký phiên họp: prepares everything.
    Secretary,
    /// Thư ký, trợ lý of a member: reads what the member reads; never signs or votes.
    Assistant,
    /// Văn thư: numbers and seals what the authorised person signed.
    Clerk,
    /// Cán bộ an ninh: writes, tests and enforces policy.
    SecurityOfficer,
    /// Kiểm toán: verifies signatures and the log.
    Auditor,
    /// Vận hành: keeps the appliance running, reads no content.
    Operator,
    /// Đại biểu mời: reads the items he is invited to.
    Guest,
}

impl Role {
    /// All roles, in the order of this enum.
    pub const ALL: [Self; 10] = [
        Self::PrimeMinister,
        Self::ChairmanOfOffice,
        Self::Member,
        Self::Secretary,
        Self::Assistant,
        Self::Clerk,
        Self::SecurityOfficer,
        Self::Auditor,
        Self::Operator,
        Self::Guest,
    ];

    /// The stable name used in policies, in SQL and over HTTP.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PrimeMinister => "prime_minister",
            Self::ChairmanOfOffice => "chairman_of_office",
            Self::Member => "member",
            Self::Secretary => "secretary",
            Self::Assistant => "assistant",
            Self::Clerk => "clerk",
            Self::SecurityOfficer => "security_officer",
            Self::Auditor => "auditor",
            Self::Operator => "operator",
            Self::Guest => "guest",
        }
    }

    /// Whether who has this role is a member of the Government, and so may stand on a roll as one.
    #[must_use]
    pub const fn is_member(self) -> bool {
        matches!(self, Self::PrimeMinister | Self::ChairmanOfOffice | Self::Member)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no role.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "`{0}` is not a role; roles are prime_minister, chairman_of_office, member, secretary, assistant, clerk, security_officer, auditor, operator, guest"
)]
pub struct NotARole(String);

impl FromStr for Role {
    type Err = NotARole;

    fn from_str(text: &str) -> Result<Self, NotARole> {
        Self::ALL.into_iter().find(|role| role.name() == text).ok_or_else(|| NotARole(text.to_owned()))
    }
}
