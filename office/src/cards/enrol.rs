//! Enrolling a person's signing card, while the appliance is stopped.

use audit::Act;
use cabinet::id::PersonId;
use cabinet::{Digest, Timestamp};
use signing::Certificate;

use crate::entries::Draft;
use crate::keys::Keys;
use crate::keys::offline::Writer;
use crate::people::directory::Account;
use crate::people::store::TABLE;
use crate::store::{Db, StoreError, SystemAct};

use super::Card;

/// What becomes of the key on the appliance's token that the person has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TokenKey {
    /// It signs beside the card; whoever has his PIN and his token still signs as him.
    Kept,
    /// It is off the record: the card alone signs for him.
    Dropped,
}

impl TokenKey {
    const fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Dropped => "dropped",
        }
    }
}

/// Whose certificate it is already, if anybody else's.
#[must_use]
pub fn holder<'a>(accounts: &'a [Account], certificate: &Certificate, but: PersonId) -> Option<&'a Account> {
    accounts
        .iter()
        .find(|account| account.person.id != but && account.certificates().any(|known| known == certificate))
}

/// Records the card, with its entry in the log. From the next start it signs for him in votes opened after that.
///
/// # Errors
///
/// * [`StoreError`]: nothing was recorded.
pub async fn record(
    db: &Db,
    keys: &Keys,
    _: &Writer,
    account: &Account,
    certificate: Certificate,
    token_key: TokenKey,
    now: Timestamp,
) -> Result<Card, StoreError> {
    let id = account.person.id.to_string();
    let card = Card::new(&account.person.username, certificate);
    let sealed = keys.columns().seal(TABLE, &id, "signing_card", card.certificate.to_der())?;
    let mut tx = db.begin_system(SystemAct("enrol a signing card")).await?;
    sqlx::query("update people set signing_card_sealed = $1 where id = $2")
        .bind(sealed)
        .bind(id.clone())
        .execute(tx.connection().await?)
        .await?;
    if token_key == TokenKey::Dropped {
        sqlx::query(
            "update people set token_label = null, key_label = null, certificate_sealed = null where id = $1",
        )
        .bind(id.clone())
        .execute(tx.connection().await?)
        .await?;
    }
    let fingerprint = |certificate: &Certificate| certificate.fingerprint();
    let or_none =
        |found: Option<Digest>| found.map_or_else(|| "none".to_owned(), |digest| digest.to_string());
    let earlier = account.signing_card.as_ref().map(|card| fingerprint(&card.certificate));
    let on_token = account.signer.as_ref().map(|signer| fingerprint(&signer.certificate));
    let body = [
        ("certificate", fingerprint(&card.certificate).to_string()),
        ("earlier", or_none(earlier)),
        ("key", card.label.clone()),
        ("not_after", card.certificate.not_after().iso_vietnam()),
        ("part", "card".to_owned()),
        ("person", id),
        ("token_certificate", or_none(on_token)),
        ("token_key", token_key.name().to_owned()),
    ];
    tx.commit(now, Draft::act(Act::CertificateImported, None, body)).await?;
    Ok(card)
}
