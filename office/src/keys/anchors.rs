//! The trust anchors: certificates in a folder, or a list that its publisher signed, dated and numbered.
//!
//! The number of the newest list is kept, so that who can replace the file cannot bring an old list back.

use audit::Act;
use cabinet::{Digest, Timestamp};
use signing::TrustStore;
use signing::trust::{BadBundle, Bundle, Unreadable};
use sqlx::Row as _;

use super::{KeysConfig, KeysError};
use crate::entries::Draft;
use crate::store::{Db, StoreError, SystemAct};

/// A trust list: which one, not what it holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TrustList {
    /// Counts up with every list.
    pub sequence: u64,
    /// The digest of its file.
    pub digest: Digest,
}

/// The anchors of the configuration, and the list that they come from. `newest` is the newest list seen so far.
///
/// # Errors
///
/// * [`KeysError::Trust`]: nothing is trusted; the sentence says what to do.
pub fn read(
    config: &KeysConfig,
    newest: Option<&TrustList>,
    now: Timestamp,
) -> Result<(TrustStore, Option<TrustList>), KeysError> {
    let Some(signers) = &config.trust_signers else {
        return Ok((TrustStore::from_pem_files(&config.trust)?, None));
    };
    let last = newest.map(|newest| newest.sequence);
    let (bundle, digest) = Bundle::open_file(&config.trust, signers, last, now)?;
    let list = TrustList { sequence: bundle.sequence, digest };
    match newest {
        Some(newest) if newest.sequence == list.sequence && *newest != list => {
            let path = config.trust.display().to_string();
            Err(Unreadable::Bundle { path, source: BadBundle::Forked(list.sequence) }.into())
        }
        _ => Ok((bundle.into_store(), Some(list))),
    }
}

/// The newest list that was ever in force here.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn newest(db: &Db) -> Result<Option<TrustList>, StoreError> {
    let row = sqlx::query("select sequence, digest from trust_lists order by sequence desc limit 1")
        .fetch_optional(db.readers())
        .await?;
    row.map(|row| {
        let corrupt = |what: String| StoreError::Corrupt(what);
        let sequence =
            u64::try_from(row.try_get::<i64, _>("sequence")?).map_err(|err| corrupt(err.to_string()))?;
        let digest = row.try_get::<String, _>("digest")?;
        let digest = digest.parse().map_err(|err| corrupt(format!("{err}")))?;
        Ok(TrustList { sequence, digest })
    })
    .transpose()
}

/// Keeps that this list is in force from now on, and logs it; nothing if it was before.
///
/// # Errors
///
/// * [`StoreError`].
pub async fn adopt(db: &Db, list: &TrustList, now: Timestamp) -> Result<(), StoreError> {
    if newest(db).await?.as_ref() == Some(list) {
        return Ok(());
    }
    let sequence = i64::try_from(list.sequence).map_err(|err| StoreError::Corrupt(err.to_string()))?;
    let mut tx = db.begin_system(SystemAct("trust list adopted")).await?;
    sqlx::query("insert into trust_lists (sequence, digest, adopted_at) values ($1, $2, $3)")
        .bind(sequence)
        .bind(list.digest.to_string())
        .bind(now.as_micros())
        .execute(tx.connection().await?)
        .await?;
    let body = [("digest", list.digest.to_string()), ("sequence", list.sequence.to_string())];
    tx.commit(now, Draft::act(Act::TrustListAdopted, None, body)).await?;
    Ok(())
}
