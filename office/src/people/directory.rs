//! Everybody by id, unsealed once and kept in memory: names stand on every screen.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use cabinet::Role;
use cabinet::id::PersonId;
use serde::Serialize;
use signing::Certificate;
use utoipa::ToSchema;

use crate::cards::Card;
use crate::keys::{Keys, KeysError, Signer};
use crate::store::{Db, StoreError};

/// A person as others see him.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Person {
    /// Id.
    #[schema(value_type = uuid::Uuid)]
    pub id: PersonId,
    /// Name of the account.
    pub username: String,
    /// Full name, family name first.
    pub name: String,
    /// Position as printed.
    pub position: String,
    /// Unit or ministry.
    pub unit: String,
}

/// A person as the office needs him.
#[derive(Clone, Debug)]
pub struct Account {
    /// As others see him.
    pub person: Person,
    /// His roles.
    pub roles: BTreeSet<Role>,
    /// The member whom he assists.
    pub assists: Option<PersonId>,
    /// His signing key, if he has one.
    pub signer: Option<Signer>,
    /// SHA-256 of the certificate on his card, if he has one.
    pub card: Option<String>,
    /// The card in his own hand that signs for him, if he has one.
    pub signing_card: Option<Card>,
    /// Order of precedence.
    pub rank: i64,
}

impl Account {
    /// His key on the appliance's tokens.
    ///
    /// # Errors
    ///
    /// * [`KeysError::SignsByCard`], [`KeysError::NoKey`].
    pub fn signer(&self) -> Result<Signer, KeysError> {
        let missing = if self.signing_card.is_some() { KeysError::SignsByCard } else { KeysError::NoKey };
        self.signer.clone().ok_or(missing)
    }

    /// The certificates that may sign for him.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        let card = self.signing_card.as_ref().map(|card| &card.certificate);
        self.signer.as_ref().map(|signer| &signer.certificate).into_iter().chain(card)
    }
}

/// All accounts.
#[derive(Clone, Debug, Default)]
pub struct Directory(Arc<RwLock<Arc<ById>>>);

type ById = HashMap<PersonId, Arc<Account>>;

impl Directory {
    /// Reads all accounts from the database.
    ///
    /// # Errors
    ///
    /// * [`StoreError`].
    pub async fn reload(&self, db: &Db, keys: &Keys) -> Result<(), StoreError> {
        let accounts = super::store::all(db, keys).await?;
        let by_id = accounts.into_iter().map(|account| (account.person.id, Arc::new(account))).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(by_id);
        Ok(())
    }

    fn all(&self) -> Arc<ById> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The account of that id.
    #[must_use]
    pub fn account(&self, id: PersonId) -> Option<Arc<Account>> {
        self.all().get(&id).cloned()
    }

    /// The account of that name.
    #[must_use]
    pub fn account_of(&self, username: &str) -> Option<Arc<Account>> {
        self.all().values().find(|account| account.person.username == username).cloned()
    }

    /// The person of that id; one whose account is gone is shown by his id alone.
    #[must_use]
    pub fn person(&self, id: PersonId) -> Person {
        self.account(id).map_or_else(
            || Person {
                id,
                username: String::new(),
                name: id.to_string(),
                position: String::new(),
                unit: String::new(),
            },
            |account| account.person.clone(),
        )
    }

    /// Everybody, in order of precedence.
    #[must_use]
    pub fn everybody(&self) -> Vec<Arc<Account>> {
        let mut accounts: Vec<_> = self.all().values().cloned().collect();
        accounts.sort_by(|a, b| (a.rank, &a.person.username).cmp(&(b.rank, &b.person.username)));
        accounts
    }

    /// Who holds `role`, first in precedence.
    #[must_use]
    pub fn holder(&self, role: Role) -> Option<Arc<Account>> {
        self.everybody().into_iter().find(|account| account.roles.contains(&role))
    }

    /// The signing card of that label.
    #[must_use]
    pub fn signing_card(&self, label: &str) -> Option<Card> {
        self.all()
            .values()
            .find_map(|account| account.signing_card.clone().filter(|card| card.label == label))
    }

    /// Whose card bears this certificate.
    #[must_use]
    pub fn card_holder(&self, certificate: &Certificate) -> Option<Arc<Account>> {
        let fingerprint = certificate.fingerprint().to_string();
        self.all().values().find(|account| account.card.as_deref() == Some(&fingerprint)).cloned()
    }
}
