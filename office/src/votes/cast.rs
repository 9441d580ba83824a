//! Casting a ballot: the statement shown, the intention, the signature, the record; in this order.

use audit::Act;
use audit::acts::BallotCast;
use cabinet::roll::RollMember;
use cabinet::statement::{BallotStatement, Nonce};
use cabinet::vote::{Choice, Open};
use cabinet::{Digest, Id, Refusal, Timestamp, canonical};
use policies::Permit;
use policies::action::CastBallot;
use serde::{Deserialize, Serialize};
use signing::{Signed, cades};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::ToSchema;
use uuid::Uuid;

use super::store::{self, Vote};
use crate::app::{App, SignedIn};
use crate::entries::Draft;
use crate::error::Problem;
use crate::idempotency::Repeatable;
use crate::intentions::Intention;
use crate::keys::{KeysError, Signer, ToBeSigned};
use crate::live::{Change, Live};

/// Proof that a ballot was recorded.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct Receipt {
    /// The ballot.
    pub ballot: String,
    /// Which of this member's ballots in this vote.
    pub version: u32,
    /// Its log entry.
    pub entry: String,
    /// The entry's leaf hash; inclusion is proved with it.
    pub leaf_hash: String,
    /// Digest of the statement that was signed.
    pub statement_digest: String,
    /// When it was recorded.
    pub at: String,
    /// The leaf hash, shortened for reading aloud.
    pub code: String,
}

impl Receipt {
    /// The receipt of a ballot.
    #[must_use]
    pub fn new(fact: &BallotCast, entry: &str, leaf: &Digest, at: Timestamp) -> Self {
        let leaf = leaf.to_string();
        let code = leaf.get(..12).unwrap_or_default().to_uppercase();
        Self {
            ballot: fact.ballot.to_string(),
            version: fact.version,
            entry: entry.to_owned(),
            statement_digest: fact.statement.to_string(),
            at: at.iso_vietnam(),
            code: code.as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join("-"),
            leaf_hash: leaf,
        }
    }
}

/// Writes the statement that the member is shown.
///
/// # Errors
///
/// 409, 422.
pub async fn prepare(
    app: &App,
    who: &SignedIn,
    vote: &Vote,
    choice: Choice,
    comment: Option<String>,
) -> Result<BallotStatement, Problem> {
    let n_cast = store::n_ballots_of(&app.db, vote.id, who.id).await?;
    Ok(vote.as_open()?.ballot(who.id, choice, comment, n_cast, draw_nonce()?, app.now())?)
}

fn draw_nonce() -> Result<Nonce, Problem> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|err| Problem::internal(&err))?;
    Ok(Nonce::from_random(bytes))
}

/// Checks that a statement which comes back is the one that was shown, and still the right one.
///
/// # Errors
///
/// 409 `statement-stale`, 400.
pub fn accept_shown(
    open: &Open,
    who: &SignedIn,
    n_cast: u32,
    text: &str,
    now: Timestamp,
) -> Result<BallotStatement, Problem> {
    let shown: BallotStatement =
        canonical::from_bytes(text.as_bytes()).map_err(|err| Problem::malformed(err.to_string()))?;
    let written_at = OffsetDateTime::parse(&shown.at, &Rfc3339)
        .map(|time| Timestamp::from_micros(time.unix_timestamp().saturating_mul(1_000_000)))
        .map_err(|_cause| Refusal::StatementStale)?;
    open.accept_shown(&shown, who.id, n_cast, written_at, now)?;
    Ok(shown)
}

/// Signs `statement` with the member's own key and records it.
///
/// # Errors
///
/// 409, 422 `pin-incorrect`, 423, 503: nothing was recorded.
pub async fn cast(
    app: &App,
    who: &SignedIn,
    permit: &Permit<CastBallot>,
    on_roll: &RollMember,
    statement: BallotStatement,
    pin: hsm::Pin,
    repeatable: &Repeatable,
) -> Result<Receipt, Problem> {
    let now = app.now();
    let bytes = statement.encode();
    let digest = Digest::of(&bytes);
    let signer = signer(app, who)?;
    // The roll says which certificate speaks for this member; another one, however valid, does not.
    if signer.certificate.fingerprint() != on_roll.certificate {
        return Err(KeysError::NoKey.into());
    }
    app.keys.check_clock()?;
    let tx = app.begin(permit).await?;
    let intention =
        Intention::declare(tx, Act::BallotIntended, statement.vote.to_string(), who.id, digest, now).await?;
    // No transaction is open here: the token takes milliseconds, or hangs.
    let signed = match sign(app, &signer, statement, &bytes, pin, now).await {
        Ok(signed) => signed,
        Err(err) => {
            intention.came_to_nothing(&app.db, app.now()).await;
            return Err(err.into());
        }
    };
    match record(app, who, permit, &intention, &signed, &bytes, repeatable).await {
        Ok(receipt) => Ok(receipt),
        Err(problem) => {
            intention.came_to_nothing(&app.db, app.now()).await;
            Err(problem)
        }
    }
}

async fn sign(
    app: &App,
    signer: &Signer,
    statement: BallotStatement,
    bytes: &[u8],
    pin: hsm::Pin,
    now: Timestamp,
) -> Result<Signed<BallotStatement>, KeysError> {
    let invalid = |err: signing::Invalid| KeysError::Invalid(err.to_string());
    let prepared =
        cades::prepare_content(bytes, &signer.certificate, app.keys.chain(), now).map_err(invalid)?;
    let raw = app.keys.sign_as(signer, pin, ToBeSigned::from(&prepared)).await?;
    let cms = prepared.embed(raw.as_bytes()).map_err(invalid)?;
    Signed::verify(statement, bytes, cms, &signer.certificate, now, app.keys.trust()).map_err(invalid)
}

async fn record(
    app: &App,
    who: &SignedIn,
    permit: &Permit<CastBallot>,
    intention: &Intention,
    signed: &Signed<BallotStatement>,
    bytes: &[u8],
    repeatable: &Repeatable,
) -> Result<Receipt, Problem> {
    let now = app.now();
    let statement = signed.statement();
    let fact = BallotCast {
        ballot: Id::from_uuid(Uuid::now_v7()),
        member: statement.member,
        signature: Digest::of(signed.cms()),
        statement: Digest::of(bytes),
        version: statement.version,
        vote: statement.vote,
    };
    let draft = Draft::fact(who.id, fact);
    let entry = draft.id().to_string();
    let mut tx = app.begin(permit).await?;
    store::insert_ballot(&mut tx, &app.keys, fact.ballot, signed, draft.id(), now).await?;
    intention.end(&mut tx).await?;
    repeatable.keep(&mut tx, app, &entry, now).await?;
    let change = Change {
        kind: "ballot-cast",
        item: Some(statement.item.to_string()),
        vote: Some(statement.vote.to_string()),
        n_cast: Some(store::n_cast_in(&mut tx, statement.vote).await?),
        ..Change::default()
    };
    let event = Live::store(&mut tx, statement.meeting, &change).await?;
    let done = tx.commit(now, draft).await?;
    app.live.send(event);
    tracing::info!(vote.id = %statement.vote, entry.id = %done.entry, "ballot recorded as entry {}", done.entry);
    Ok(Receipt::new(&fact, &entry, &done.leaf, done.at))
}

/// The receipt of a ballot that was recorded as `entry`, made again from what is stored.
///
/// # Errors
///
/// 503.
pub async fn receipt_of(
    app: &App,
    who: &SignedIn,
    vote: &Vote,
    entry: &str,
) -> Result<Option<Receipt>, Problem> {
    for ballot in store::ballots_of(&app.db, &app.keys, vote.id, who.id).await? {
        if ballot.entry.to_string() == entry {
            return Ok(Some(receipt(app, &ballot).await?));
        }
    }
    Ok(None)
}

/// The receipt of a stored ballot.
///
/// # Errors
///
/// 503.
pub async fn receipt(app: &App, ballot: &store::Ballot) -> Result<Receipt, Problem> {
    let (leaf, at) = crate::log::leaf_of(&app.db, ballot.entry).await?;
    Ok(Receipt::new(&ballot.fact(), &ballot.entry.to_string(), &leaf, at))
}

/// Who signs for the signed-in person.
///
/// # Errors
///
/// 409 `no-signing-key`.
pub fn signer(app: &App, who: &SignedIn) -> Result<Signer, KeysError> {
    app.directory.account(who.id).and_then(|account| account.signer.clone()).ok_or(KeysError::NoKey)
}
