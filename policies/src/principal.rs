//! Who asks: a signed-in person with his roles and the factors that he proved himself by.

use std::collections::BTreeSet;

use cabinet::Timestamp;
use cabinet::id::PersonId;
use serde::{Deserialize, Serialize};

pub use cabinet::Role;

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
    /// An account of the machine that may use the appliance's own socket.
    Local,
    /// The PIN of one's own token.
    Pin,
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
            Self::Local => "local",
            Self::Pin => "pin",
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
