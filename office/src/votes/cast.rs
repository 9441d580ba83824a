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
use signing::{Certificate, Signed, cades};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::ToSchema;
use uuid::Uuid;

use super::store::{self, Vote};
use crate::app::{App, SignedIn};
use crate::cards::{self, Card, KeyPlace};
use crate::entries::Draft;
use crate::error::Problem;
use crate::idempotency::Repeatable;
use crate::intentions::Intention;
use crate::keys::{KeysError, Signer, ToBeSigned, standing};
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

/// A ballot whose intention is on disk and which only lacks its signature.
#[derive(Debug)]
pub struct Begun {
    /// What it says.
    pub statement: BallotStatement,
    /// The canonical bytes of that.
    bytes: Vec<u8>,
    /// The signature, but for its value.
    pub prepared: cades::Prepared,
    certificate: Certificate,
    /// The card that is to sign, if one is.
    card: Option<Card>,
    /// The time of signing that stands in the signature.
    pub at: Timestamp,
    /// To be ended by the act that records it.
    pub intention: Intention,
}

impl Begun {
    /// The card that is to sign, if one is.
    #[must_use]
    pub const fn card(&self) -> Option<&Card> {
        self.card.as_ref()
    }
}

/// Makes every check before a signature and writes down that it is intended.
///
/// # Errors
///
/// 409, 503: nothing is intended.
pub async fn begin(
    app: &App,
    who: &SignedIn,
    permit: &Permit<CastBallot>,
    on_roll: &RollMember,
    statement: BallotStatement,
    key: KeyPlace<'_>,
) -> Result<Begun, Problem> {
    let now = app.now();
    let certificate = key.certificate().clone();
    // The roll says which certificates speak for this member; another one, however valid, does not.
    if !on_roll.may_sign(certificate.fingerprint()) {
        return Err(KeysError::NoKey.into());
    }
    app.keys.check_clock()?;
    let bytes = statement.encode();
    let digest = Digest::of(&bytes);
    let prepared = cades::prepare_content(&bytes, &certificate, app.keys.chain(), now)
        .map_err(|err| KeysError::Invalid(err.to_string()))?;
    let mut tx = app.begin(permit).await?;
    if let Some(card) = key.card() {
        standing::take_use_of(&mut tx, &card.label, None, now).await?;
    }
    let intention =
        Intention::declare(tx, Act::BallotIntended, statement.vote.to_string(), who.id, digest, now).await?;
    Ok(Begun { statement, bytes, prepared, certificate, card: key.card().cloned(), at: now, intention })
}

/// Signs `statement` with the member's own key on his token here, and records it.
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
    let signer = signer(app, who)?;
    let begun = begin(app, who, permit, on_roll, statement, KeyPlace::Token(&signer)).await?;
    // No transaction is open here: the token takes milliseconds, or hangs.
    match app.keys.sign_as(&signer, pin, ToBeSigned::from(&begun.prepared)).await {
        Ok(raw) => finish(app, who, permit, &begun, raw.as_bytes(), repeatable).await,
        Err(err) => {
            begun.intention.came_to_nothing(&app.db, app.now()).await;
            Err(err.into())
        }
    }
}

/// Verifies the raw signature of what was begun and records the ballot; otherwise closes its intention.
///
/// # Errors
///
/// 422 `signature-invalid` of a card's signature, 409, 503: nothing was recorded.
pub async fn finish(
    app: &App,
    who: &SignedIn,
    permit: &Permit<CastBallot>,
    begun: &Begun,
    raw: &[u8],
    repeatable: &Repeatable,
) -> Result<Receipt, Problem> {
    let recorded = async {
        app.keys.check_clock()?;
        let signed = verify(app, begun, raw).map_err(|err| match begun.card {
            Some(_) => cards::not_his_signature(&err),
            // Our own token and our own certificate: the fault is ours.
            None => KeysError::Invalid(err.to_string()).into(),
        })?;
        record(app, who, permit, begun, &signed, repeatable).await
    };
    let recorded = recorded.await;
    if let Err(problem) = &recorded {
        let why = begun.card.as_ref().map_or("not-signed", |_| problem.code.as_ref());
        begun.intention.clone().refused(&app.db, why, app.now()).await;
    }
    recorded
}

fn verify(app: &App, begun: &Begun, raw: &[u8]) -> Result<Signed<BallotStatement>, signing::Invalid> {
    let cms = begun.prepared.clone().embed(raw)?;
    Signed::verify(
        begun.statement.clone(),
        &begun.bytes,
        cms,
        &begun.certificate,
        app.now(),
        app.keys.trust(),
    )
}

async fn record(
    app: &App,
    who: &SignedIn,
    permit: &Permit<CastBallot>,
    begun: &Begun,
    signed: &Signed<BallotStatement>,
    repeatable: &Repeatable,
) -> Result<Receipt, Problem> {
    let now = app.now();
    let statement = signed.statement();
    let fact = BallotCast {
        ballot: Id::from_uuid(Uuid::now_v7()),
        member: statement.member,
        signature: Digest::of(signed.cms()),
        statement: Digest::of(&begun.bytes),
        version: statement.version,
        vote: statement.vote,
    };
    let draft = Draft::fact(who.id, fact);
    let entry = draft.id().to_string();
    let mut tx = app.begin(permit).await?;
    if let Some(card) = &begun.card {
        // Minutes may have gone by since it was prepared.
        standing::require_active(&mut tx, &card.label).await?;
    }
    store::insert_ballot(&mut tx, &app.keys, fact.ballot, signed, draft.id(), now).await?;
    begun.intention.end(&mut tx).await?;
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
/// 409 `no-signing-key`, `signs-by-card`.
pub fn signer(app: &App, who: &SignedIn) -> Result<Signer, KeysError> {
    app.directory.account(who.id).ok_or(KeysError::NoKey)?.signer()
}
