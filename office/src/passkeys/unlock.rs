//! What unlocks a person's signing key: a PIN that he knows, or a long one that only his passkey gives.
//!
//! The long PIN is drawn in his browser (256 bits) and wrapped there under a secret from the passkey's PRF. To go from
//! one to the other the token's PIN is changed, and a token may do so without our learning it. Order: the wrap and the
//! intention are on disk, then the token is asked, then the new state is on disk. In doubt both PINs are kept, nothing
//! is signed, and the person shows which one opens; the appliance never tries by itself.

use audit::Act;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use cabinet::id::PersonId;
use cabinet::{Digest, Timestamp};
use policies::Permit;
use policies::action::SetUnlock;
use serde_json::Value;
use sqlx::Row as _;

use super::store::{self, Kept};
use crate::app::App;
use crate::entries::Draft;
use crate::error::Problem;
use crate::keys::{Changed, Signer};
use crate::store::{Db, StoreError, SystemAct, Tx};
use crate::text::Secret;

/// Bytes that the browser draws for a long PIN.
const LONG_PIN_BYTES: usize = 32;
/// Letters of a long PIN: base64url without padding.
const LONG_PIN_LETTERS: usize = 43;

/// What unlocks a person's key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unlock {
    /// A PIN that he knows.
    Pin,
    /// A long PIN, wrapped under each of his passkeys that has a wrap.
    Passkey,
    /// Being changed to [`Unlock::Passkey`], or nobody knows whether it was.
    ToPasskey,
    /// Being changed to [`Unlock::Pin`], or nobody knows whether it was.
    ToPin,
}

impl Unlock {
    /// As in SQL and in entries.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pin => "pin",
            Self::Passkey => "passkey",
            Self::ToPasskey => "to-passkey",
            Self::ToPin => "to-pin",
        }
    }

    /// Whether nobody knows which PIN opens.
    #[must_use]
    pub const fn in_doubt(self) -> bool {
        matches!(self, Self::ToPasskey | Self::ToPin)
    }
}

/// What unlocks a person's key now.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn of(db: &Db, person: PersonId) -> Result<Unlock, StoreError> {
    let row = sqlx::query("select state from unlocks where person = $1")
        .bind(person.to_string())
        .fetch_optional(db.readers())
        .await?;
    state_of(row.as_ref())
}

/// The same within an act.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn of_within(tx: &mut Tx, person: PersonId) -> Result<Unlock, StoreError> {
    let row = sqlx::query("select state from unlocks where person = $1")
        .bind(person.to_string())
        .fetch_optional(tx.connection().await?)
        .await?;
    state_of(row.as_ref())
}

fn state_of(row: Option<&sqlx::any::AnyRow>) -> Result<Unlock, StoreError> {
    let Some(row) = row else { return Ok(Unlock::Pin) };
    match row.try_get::<String, _>("state")?.as_str() {
        "passkey" => Ok(Unlock::Passkey),
        "to-passkey" => Ok(Unlock::ToPasskey),
        "to-pin" => Ok(Unlock::ToPin),
        other => Err(StoreError::Corrupt(format!("unlock state {other}"))),
    }
}

async fn set(tx: &mut Tx, person: PersonId, unlock: Unlock, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query("delete from unlocks where person = $1")
        .bind(person.to_string())
        .execute(tx.connection().await?)
        .await?;
    if unlock == Unlock::Pin {
        return store::drop_wraps(tx, person).await;
    }
    sqlx::query("insert into unlocks (person, state, changed_at) values ($1, $2, $3)")
        .bind(person.to_string())
        .bind(unlock.name())
        .bind(now.as_micros())
        .execute(tx.connection().await?)
        .await?;
    Ok(())
}

/// The PIN for one signature on what has the digest `shown`, once all that this person's way asks for is there.
///
/// Where his passkey unlocks, its answer must have `shown` as its challenge; it is verified, logged and kept.
///
/// # Errors
///
/// 403 `passkey-required` or `passkey-refused`, 409 `unlock-in-doubt` or `unlock-changed`, 422 `pin-malformed`:
/// nothing was asked of the token.
pub async fn authorise(
    app: &App,
    person: PersonId,
    pin: Secret,
    answer: Option<Value>,
    shown: &Digest,
) -> Result<hsm::Pin, Problem> {
    match (of(&app.db, person).await?, answer) {
        (Unlock::Pin, None) => {}
        (Unlock::Passkey, Some(answer)) => confirm(app, person, answer, shown).await?,
        (Unlock::Passkey, None) => return Err(Problem::passkey_required()),
        (Unlock::Pin, Some(_)) => return Err(changed()),
        (Unlock::ToPasskey | Unlock::ToPin, _) => return Err(in_doubt()),
    }
    pin_of(pin)
}

/// The PIN of a person who signs at a machine without passkeys.
///
/// # Errors
///
/// 403 `passkey-required`, 422 `pin-malformed`.
pub async fn pin_alone(app: &App, person: PersonId, pin: Secret) -> Result<hsm::Pin, Problem> {
    if of(&app.db, person).await? == Unlock::Pin { pin_of(pin) } else { Err(Problem::passkey_required()) }
}

async fn confirm(app: &App, person: PersonId, answer: Value, shown: &Digest) -> Result<(), Problem> {
    let now = app.now();
    let own = store::of(&app.db, &app.keys, person).await?;
    let result = match app.passkeys.confirm(person, &own, answer.clone(), shown) {
        Ok(result) => result,
        Err(err) => return Err(refuse(app, person, "sign", &err).await?),
    };
    let used = own.iter().find(|kept| kept.credential.cred_id() == result.cred_id());
    let kept = used.ok_or_else(Problem::passkey_refused)?;
    match store::keep_confirmation(&app.db, &app.keys, kept, (&answer, &result), shown, now).await {
        Err(StoreError::Conflict) => Err(Problem::passkey_refused()),
        other => Ok(other?),
    }
}

/// Logs a refusal and gives what is answered.
pub(super) async fn refuse(
    app: &App,
    person: PersonId,
    step: &'static str,
    err: &super::PasskeyError,
) -> Result<Problem, StoreError> {
    tracing::warn!(%err, step, "a passkey's answer was refused");
    store::refused(&app.db, person, step, app.now()).await?;
    Ok(match err {
        super::PasskeyError::NoChallenge => Problem::conflict(
            "passkey-challenge-gone",
            "this challenge was answered already or has expired: begin again",
        ),
        super::PasskeyError::Refused(_) | super::PasskeyError::Names(_) => Problem::passkey_refused(),
    })
}

/// What a change needs: whose token, the passkey that was just used, and both PINs.
#[derive(Debug)]
pub struct Change<'a> {
    /// The permission.
    pub permit: &'a Permit<SetUnlock>,
    /// Whose key.
    pub signer: &'a Signer,
    /// The passkey.
    pub kept: &'a Kept,
    /// The PIN that opens now.
    pub old: Secret,
    /// The PIN that shall open.
    pub new: Secret,
}

/// Puts a long PIN in the place of the one that the person knows.
///
/// # Errors
///
/// 409 `unlock-changed`, 422: nothing was changed; 503 `unlock-in-doubt`: the person must show which PIN opens.
pub async fn to_passkey(app: &App, change: Change<'_>, wrap: &[u8]) -> Result<(), Problem> {
    if !is_long(change.new.expose()) {
        return Err(Problem::malformed("the new PIN is 32 random bytes in base64url"));
    }
    let (now, person) = (app.now(), change.signer.person);
    let mut tx = app.begin(change.permit).await?;
    if of_within(&mut tx, person).await? != Unlock::Pin {
        return Err(changed());
    }
    store::put_wrap(&mut tx, &app.keys, change.kept, wrap, now).await?;
    carry_out(app, tx, change, Unlock::ToPasskey).await
}

/// Puts a PIN that the person knows in the place of the long one; every wrap goes.
///
/// # Errors
///
/// As [`to_passkey`].
pub async fn to_pin(app: &App, change: Change<'_>) -> Result<(), Problem> {
    if is_long(change.new.expose()) {
        return Err(Problem::unusable("pin-malformed", "choose a PIN that you can remember"));
    }
    let mut tx = app.begin(change.permit).await?;
    if of_within(&mut tx, change.signer.person).await? != Unlock::Passkey {
        return Err(changed());
    }
    carry_out(app, tx, change, Unlock::ToPin).await
}

async fn carry_out(app: &App, mut tx: Tx, change: Change<'_>, to: Unlock) -> Result<(), Problem> {
    let (now, person) = (app.now(), change.signer.person);
    let (before, after) = match to {
        Unlock::Pin | Unlock::ToPin => (Unlock::Passkey, Unlock::Pin),
        Unlock::Passkey | Unlock::ToPasskey => (Unlock::Pin, Unlock::Passkey),
    };
    let (old, new) = (pin_of(change.old)?, pin_of(change.new)?);
    set(&mut tx, person, to, now).await?;
    let body = [("passkey", change.kept.id.clone()), ("to", after.name().to_owned())];
    tx.commit(now, Draft::act(Act::UnlockIntended, Some(person), body)).await?;
    // No transaction is open here, and what a crash leaves from now on is in doubt.
    match app.keys.change_pin(person, change.signer.token.clone(), old, new).await {
        Changed::Yes => Ok(settled(app, person, after).await?),
        Changed::No(err) => {
            settled(app, person, before).await?;
            Err(err.into())
        }
        Changed::Unknown(err) => {
            tracing::error!(%err, "nobody knows whether a token's PIN was changed; its owner must show which one opens");
            Err(Problem::unavailable(
                "unlock-in-doubt",
                "the token did not say whether it changed the PIN: open the page of your passkeys and show which one opens",
                5,
            ))
        }
    }
}

/// Ends a doubt: the person gives the PIN that he takes for the right one, and the token says.
///
/// # Errors
///
/// 409 `unlock-changed`: there is no doubt; 422 `pin-incorrect`: it is not that one, try the other.
pub async fn settle(app: &App, signer: &Signer, pin: Secret) -> Result<(), Problem> {
    let person = signer.person;
    if !of(&app.db, person).await?.in_doubt() {
        return Err(changed());
    }
    let opens = if is_long(pin.expose()) { Unlock::Passkey } else { Unlock::Pin };
    app.keys.check_pin(person, signer.token.clone(), pin_of(pin)?).await?;
    Ok(settled(app, person, opens).await?)
}

async fn settled(app: &App, person: PersonId, unlock: Unlock) -> Result<(), StoreError> {
    let now = app.now();
    let mut tx = app.db.begin_system(SystemAct("settle what unlocks a key")).await?;
    set(&mut tx, person, unlock, now).await?;
    let body = [("state", unlock.name().to_owned())];
    tx.commit(now, Draft::act(Act::UnlockChanged, Some(person), body)).await?;
    Ok(())
}

/// Has another of the person's passkeys unlock too: the PIN that it wrapped is proved at the token first.
///
/// # Errors
///
/// 409 `unlock-changed`, 422 `pin-incorrect`.
pub async fn extend(
    app: &App,
    permit: &Permit<SetUnlock>,
    signer: &Signer,
    pin: Secret,
    other: &Kept,
    wrap: &[u8],
) -> Result<(), Problem> {
    app.keys.check_pin(signer.person, signer.token.clone(), pin_of(pin)?).await?;
    let now = app.now();
    let mut tx = app.begin(permit).await?;
    if of_within(&mut tx, signer.person).await? != Unlock::Passkey {
        return Err(changed());
    }
    store::put_wrap(&mut tx, &app.keys, other, wrap, now).await?;
    let body = [("passkey", other.id.clone()), ("state", Unlock::Passkey.name().to_owned())];
    tx.commit(now, Draft::act(Act::UnlockChanged, Some(signer.person), body)).await?;
    Ok(())
}

/// Whether a PIN has the form of one that a browser drew. That it is random, only the browser knows.
fn is_long(pin: &str) -> bool {
    let mut bytes = [0; LONG_PIN_BYTES];
    let is_long = pin.len() == LONG_PIN_LETTERS
        && Base64UrlUnpadded::decode(pin, &mut bytes).is_ok_and(|bytes| bytes.len() == LONG_PIN_BYTES);
    zeroize::Zeroize::zeroize(&mut bytes);
    is_long
}

fn pin_of(pin: Secret) -> Result<hsm::Pin, Problem> {
    hsm::Pin::take(pin.into_inner()).map_err(|err| Problem::unusable("pin-malformed", err.to_string()))
}

fn changed() -> Problem {
    Problem::conflict("unlock-changed", "what unlocks this key has changed: load it again, then repeat")
}

fn in_doubt() -> Problem {
    Problem::conflict(
        "unlock-in-doubt",
        "nobody knows which PIN opens the key: open the page of your passkeys and show which one does",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_pin_is_32_bytes_in_base64url_and_nothing_shorter() {
        assert!(is_long(&Base64UrlUnpadded::encode_string(&[0xf7; 32])));
        for short in ["123456", &"1".repeat(42), &"1".repeat(44), &"=".repeat(43), &"ữ".repeat(14)] {
            assert!(!is_long(short), "{short}");
        }
    }
}
