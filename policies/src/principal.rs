//! Who asks: a signed-in person with his roles and the factors that he proved himself by.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use cabinet::Timestamp;
use cabinet::id::PersonId;
use serde::{Deserialize, Serialize};

/// A role of an account, in the words of the schema.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Thủ tướng Chính phủ; is a member too.
    PrimeMinister,
    /// Bộ trưởng, Chủ nhiệm Văn phòng Chính phủ; is a member too.
    ChairmanOfOffice,
    /// Thành viên Chính phủ.
    Member,
    /// Thư ký phiên họp.
    Secretary,
    /// Trợ lý, thư ký of a member.
    Assistant,
    /// Văn thư.
    Clerk,
    /// Cán bộ an ninh: policies, no content.
    SecurityOfficer,
    /// Kiểm toán, giám sát nhật ký.
    Auditor,
    /// Quản trị vận hành: the appliance, no content.
    Operator,
    /// Đại biểu mời.
    Guest,
}

impl Role {
    /// Every role, in the order of the schema.
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

    /// The word of the schema, of `accounts.json` and of the API: `prime_minister`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
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

    /// True if whoever holds this role is a member of the Government.
    #[must_use]
    pub const fn is_of_government(self) -> bool {
        matches!(self, Self::PrimeMinister | Self::ChairmanOfOffice | Self::Member)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is not the word of a role.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a role is one of the ten words of the schema, such as prime_minister")]
pub struct NotARole;

impl FromStr for Role {
    type Err = NotARole;

    fn from_str(text: &str) -> Result<Self, NotARole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(NotARole)
    }
}

/// Something that a person proved himself by when he signed in.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    /// A password.
    Password,
    /// A time-based one-time code.
    Totp,
    /// A passkey with user verification.
    Passkey,
    /// A card's certificate and key.
    Card,
}

impl Factor {
    /// The word of the schema and of the API: `totp`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Totp => "totp",
            Self::Passkey => "passkey",
            Self::Card => "card",
        }
    }
}

/// A signed-in person, as policies see him.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Principal {
    /// The person.
    pub id: PersonId,
    /// His roles today. Holding the Prime Minister's or the Chairman's implies [`Role::Member`].
    pub roles: BTreeSet<Role>,
    /// What he proved himself by in this sign-in.
    pub factors: BTreeSet<Factor>,
    /// When he did.
    pub authenticated_at: Timestamp,
    /// The epoch of his sign-in session; a permit of an older epoch is void.
    pub session_epoch: u64,
    /// His ministry or department, if policies should know.
    pub unit: Option<String>,
    /// The member whom he assists.
    pub assists: Option<PersonId>,
}
