//! Accounts in SQL. Names, positions and secrets are sealed; roles, epochs and counters are not.

use std::collections::BTreeSet;

use audit::Act;
use cabinet::id::PersonId;
use cabinet::{Role, Timestamp};
use hsm::{KeyLabel, TokenLabel};
use signing::Certificate;
use sqlx::Row as _;
use zeroize::Zeroizing;

use super::directory::{Account, Person};
use crate::cards::Card;
use crate::entries::Draft;
use crate::keys::{Keys, Signer};
use crate::store::{Db, StoreError, SystemAct, Tx};

/// A new account.
#[derive(Debug)]
pub struct NewPerson {
    /// Id, drawn by the caller.
    pub id: PersonId,
    /// Name of the account: lower-case letters, digits and dots.
    pub username: String,
    /// Full name.
    pub name: String,
    /// Position.
    pub position: String,
    /// Unit.
    pub unit: String,
    /// Roles.
    pub roles: BTreeSet<Role>,
    /// The member whom he assists.
    pub assists: Option<PersonId>,
    /// Password in PHC form (Argon2id).
    pub password_phc: Zeroizing<String>,
    /// TOTP secret.
    pub totp_secret: Zeroizing<Vec<u8>>,
    /// Label of his token.
    pub token: TokenLabel,
    /// Label of his key.
    pub key: KeyLabel,
    /// The certificate of that key.
    pub certificate: Certificate,
    /// Certificate of his card.
    pub card: Option<Certificate>,
    /// Order of precedence.
    pub rank: i64,
}

/// What sign-in needs of an account.
#[derive(Debug)]
pub struct Credentials {
    /// Who.
    pub person: PersonId,
    /// Password in PHC form.
    pub password_phc: Zeroizing<String>,
    /// TOTP secret.
    pub totp_secret: Zeroizing<Vec<u8>>,
    /// The last TOTP step that was used.
    pub totp_last_step: i64,
    /// Raised to end all sessions and permits of the person.
    pub epoch: i64,
}

pub(crate) const TABLE: &str = "people";

/// Creates accounts, as the installation's set-up does.
///
/// # Errors
///
/// * [`StoreError::Unavailable`]: none was created; for instance a username that exists.
pub async fn create(db: &Db, keys: &Keys, people: Vec<NewPerson>, now: Timestamp) -> Result<(), StoreError> {
    let mut tx = db.begin_system(SystemAct("set up accounts")).await?;
    let mut entries = Vec::new();
    for person in people {
        let id = person.id.to_string();
        let seal = |column: &str, value: &[u8]| keys.columns().seal(TABLE, &id, column, value);
        let roles = person.roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(" ");
        sqlx::query(
            "insert into people (id, username, name_sealed, position_sealed, unit_sealed, roles, assists, epoch, \
             password_sealed, totp_sealed, totp_last_step, token_label, key_label, certificate_sealed, card_certificate, \
             pin_failed, pin_locked_until, rank) \
             values ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9, 0, $10, $11, $12, $13, 0, 0, $14)",
        )
        .bind(id.clone())
        .bind(person.username)
        .bind(seal("name", person.name.as_bytes())?)
        .bind(seal("position", person.position.as_bytes())?)
        .bind(seal("unit", person.unit.as_bytes())?)
        .bind(roles)
        .bind(person.assists.map(|id| id.to_string()))
        .bind(seal("password", person.password_phc.as_bytes())?)
        .bind(seal("totp", &person.totp_secret)?)
        .bind(person.token.as_str().to_owned())
        .bind(person.key.as_str().to_owned())
        .bind(seal("certificate", person.certificate.to_der())?)
        .bind(person.card.map(|card| card.fingerprint().to_string()))
        .bind(person.rank)
        .execute(tx.connection().await?)
        .await?;
        let certificate = person.certificate.fingerprint();
        entries.push(Draft::act(
            Act::KeyCreated,
            None,
            [("person", id), ("certificate", certificate.to_string())],
        ));
    }
    tx.commit_all(now, entries).await?;
    Ok(())
}

/// Reads all accounts, without credentials.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn all(db: &Db, keys: &Keys) -> Result<Vec<Account>, StoreError> {
    let rows = sqlx::query(
        "select id, username, name_sealed, position_sealed, unit_sealed, roles, assists, token_label, key_label, \
         certificate_sealed, card_certificate, signing_card_sealed, rank from people",
    )
    .fetch_all(db.readers())
    .await?;
    rows.iter().map(|row| account(row, keys)).collect()
}

fn account(row: &sqlx::any::AnyRow, keys: &Keys) -> Result<Account, StoreError> {
    let id: String = row.try_get("id")?;
    let person: PersonId = parse(&id)?;
    let text = |name: &str| -> Result<String, StoreError> {
        let sealed: Vec<u8> = row.try_get(format!("{name}_sealed").as_str())?;
        keys.columns().open_text(TABLE, &id, name, &sealed)
    };
    let certificate = |name: &str| -> Result<Option<Certificate>, StoreError> {
        let sealed: Option<Vec<u8>> = row.try_get(format!("{name}_sealed").as_str())?;
        let der = sealed.map(|sealed| keys.columns().open(TABLE, &id, name, &sealed)).transpose()?;
        let certificate = der.map(|der| Certificate::from_der(&der)).transpose();
        certificate.map_err(|err| StoreError::Corrupt(err.to_string()))
    };
    let labels: (Option<String>, Option<String>) = (row.try_get("token_label")?, row.try_get("key_label")?);
    let signer = match (labels, certificate("certificate")?) {
        ((Some(token), Some(key)), Some(certificate)) => {
            Some(Signer { person, token: parse(&token)?, key: parse(&key)?, certificate })
        }
        _ => None,
    };
    let username: String = row.try_get("username")?;
    let signing_card = certificate("signing_card")?.map(|certificate| Card::new(&username, certificate));
    Ok(Account {
        person: Person {
            id: person,
            username,
            name: text("name")?,
            position: text("position")?,
            unit: text("unit")?,
        },
        roles: row.try_get::<String, _>("roles")?.split_whitespace().map(parse).collect::<Result<_, _>>()?,
        assists: row.try_get::<Option<String>, _>("assists")?.as_deref().map(parse).transpose()?,
        signer,
        card: row.try_get("card_certificate")?,
        signing_card,
        rank: row.try_get("rank")?,
    })
}

/// The credentials of `username`, if there is such an account.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn credentials(db: &Db, keys: &Keys, username: &str) -> Result<Option<Credentials>, StoreError> {
    let row = sqlx::query(
        "select id, password_sealed, totp_sealed, totp_last_step, epoch from people where username = $1",
    )
    .bind(username.to_owned())
    .fetch_optional(db.readers())
    .await?;
    row.map(|row| credentials_of(&row, keys)).transpose()
}

/// The credentials of the person of that id.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn credentials_by_id(db: &Db, keys: &Keys, person: PersonId) -> Result<Credentials, StoreError> {
    let row = sqlx::query(
        "select id, password_sealed, totp_sealed, totp_last_step, epoch from people where id = $1",
    )
    .bind(person.to_string())
    .fetch_one(db.readers())
    .await?;
    credentials_of(&row, keys)
}

fn credentials_of(row: &sqlx::any::AnyRow, keys: &Keys) -> Result<Credentials, StoreError> {
    let id: String = row.try_get("id")?;
    let password: Vec<u8> = row.try_get("password_sealed")?;
    let totp: Vec<u8> = row.try_get("totp_sealed")?;
    Ok(Credentials {
        person: parse(&id)?,
        password_phc: Zeroizing::new(keys.columns().open_text(TABLE, &id, "password", &password)?),
        totp_secret: keys.columns().open(TABLE, &id, "totp", &totp)?,
        totp_last_step: row.try_get("totp_last_step")?,
        epoch: row.try_get("epoch")?,
    })
}

/// Forgets a person's wrong PINs.
///
/// # Errors
///
/// * [`StoreError::NotFound`]: there is no such person.
pub async fn forget_wrong_pins(tx: &mut Tx, person: PersonId) -> Result<(), StoreError> {
    let done = sqlx::query("update people set pin_failed = 0 where id = $1")
        .bind(person.to_string())
        .execute(tx.connection().await?)
        .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::NotFound) }
}

/// Parses a stored value; one that does not parse was written by something else.
pub(crate) fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|err: T::Err| StoreError::Corrupt(err.to_string()))
}
