//! From a raw signature to a PDF at the level that was asked for.
//!
//! Source: `docs/sources.md`, entry `en319142`.

use cabinet::Timestamp;
use signing::pades::{Dss, PadesError, Prepared, Room};
use signing::validation::{Context, Indication, Material, Report, RevocationRule};
use signing::{Certificate, Hash, Imprint, cades};

use super::pdf::Pdf;
use super::{TrustError, TrustServices};
use crate::app::App;
use crate::batches::Level;
use crate::error::Problem;
use crate::keys::Keys;

/// The room that a signature of this level needs.
#[must_use]
pub const fn room(level: Level) -> Room {
    match level {
        Level::B => Room::SIGNATURE,
        Level::T | Level::Lt | Level::Lta => Room::TIMESTAMPED,
    }
}

/// Puts the raw signature into its place and raises it to `level`. What leaves here has been validated at that level.
///
/// # Errors
///
/// 503 where a time-stamp or a certificate's status cannot be had, 409 where a certificate was revoked; nothing is
/// issued then.
pub async fn finish<P: Pdf>(
    app: &App,
    prepared: Prepared<P>,
    raw: &[u8],
    level: Level,
) -> Result<P, Problem> {
    let raw = raw.to_vec();
    if level == Level::B {
        return blocking(move || P::embed(prepared, &raw)).await;
    }
    let (prepared, cms) = blocking(move || {
        let cms = prepared.cms(&raw)?;
        Ok((prepared, cms))
    })
    .await?;
    let value = cades::signature_value(&cms).map_err(|err| Problem::internal(&err))?;
    let imprint = Imprint::of(Hash::Sha256, value).map_err(|err| Problem::internal(&err))?;
    let token = app.trust.stamp(&app.keys, imprint).await?;
    let cms = cades::add_timestamp(&cms, &token).map_err(|err| Problem::internal(&err))?;
    let pdf = blocking(move || P::embed_cms(prepared, &cms)).await?;
    raise(app, pdf, level).await
}

/// Adds what a document whose signatures are time-stamped lacks for `level`.
///
/// # Errors
///
/// As [`finish`].
pub async fn raise<P: Pdf>(app: &App, pdf: P, level: Level) -> Result<P, Problem> {
    let pdf = match level {
        Level::B | Level::T => pdf,
        Level::Lt => app.trust.with_evidence(&app.keys, pdf, app.now()).await?,
        Level::Lta => {
            let pdf = app.trust.with_evidence(&app.keys, pdf, app.now()).await?;
            stamp_document(app, pdf).await?
        }
    };
    let (keys, at) = (app.keys.clone(), app.now());
    tokio::task::spawn_blocking(move || {
        let reached = reaches(&keys, &pdf, at, level);
        reached.map(|()| pdf)
    })
    .await
    .map_err(|err| Problem::internal(&err))?
}

async fn stamp_document<P: Pdf>(app: &App, pdf: P) -> Result<P, Problem> {
    let prepared = blocking(move || pdf.prepare_timestamp(Room::TIMESTAMPED)).await?;
    let token = app.trust.stamp(&app.keys, prepared.imprint().clone()).await?;
    blocking(move || P::embed_timestamp(prepared, token.to_der())).await
}

impl TrustServices {
    /// The document with all certificates of its signers and time-stamps, and the evidence that none was revoked.
    async fn with_evidence<P: Pdf>(&self, keys: &Keys, pdf: P, now: Timestamp) -> Result<P, Problem> {
        let owned = keys.clone();
        let (pdf, signers) = tokio::task::spawn_blocking(move || {
            let report = pdf.validate(&Context::at(Some(owned.trust()), now));
            report.map(|report| (pdf, signers(&report)))
        })
        .await
        .map_err(|err| Problem::internal(&err))?
        .map_err(|err| Problem::internal(&err))?;
        let mut dss = Dss::default();
        for signer in signers {
            let path =
                keys.trust().path(&signer, keys.chain(), now).map_err(|err| Problem::internal(&err))?;
            add(&mut dss, self.evidence(&path, now).await?);
        }
        blocking(move || pdf.with_dss(&dss)).await
    }
}

/// Whoever signed or stamped, each once.
fn signers(report: &Report) -> Vec<Certificate> {
    let mut found: Vec<Certificate> = Vec::new();
    let signers = report.signatures.iter().flat_map(|signature| {
        let stamps = signature.timestamps.iter().map(|stamp| stamp.certificate.as_ref());
        stamps.chain([signature.certificate.as_ref()])
    });
    let stamps = report.timestamps.iter().map(|stamp| stamp.certificate.as_ref());
    for certificate in signers.chain(stamps).flatten() {
        if !found.contains(certificate) {
            found.push(certificate.clone());
        }
    }
    found
}

fn add(dss: &mut Dss, found: Material) {
    let certificates = found.certificates.iter().map(|certificate| certificate.to_der().to_vec());
    for (list, values) in [
        (&mut dss.certificates, certificates.collect::<Vec<_>>()),
        (&mut dss.crls, found.crls),
        (&mut dss.ocsps, found.ocsps),
    ] {
        for value in values {
            if !list.contains(&value) {
                list.push(value);
            }
        }
    }
}

/// Our own work is judged as strangers will judge it.
fn reaches<P: Pdf>(keys: &Keys, pdf: &P, at: Timestamp, level: Level) -> Result<(), Problem> {
    let revocation = match level {
        Level::B | Level::T => RevocationRule::WhereKnown,
        Level::Lt | Level::Lta => RevocationRule::Required,
    };
    let context = Context { revocation, ..Context::at(Some(keys.trust()), at) };
    let report = pdf.validate(&context).map_err(|err| Problem::internal(&err))?;
    let wanted: &[&str] = match level {
        Level::B => &["B-B", "B-T", "B-LT", "B-LTA"],
        Level::T => &["B-T", "B-LT", "B-LTA"],
        Level::Lt => &["B-LT", "B-LTA"],
        Level::Lta => &["B-LTA"],
    };
    for signature in &report.signatures {
        let is_reached = signature.level.is_some_and(|level| wanted.contains(&level));
        if signature.indication != Indication::TotalPassed || !is_reached {
            let says = format!(
                "the finished document does not validate at level {level}: {:?} {:?} {}",
                signature.level, signature.sub_indication, signature.reason
            );
            return Err(Problem::internal(&says));
        }
    }
    if report.is_passed() {
        Ok(())
    } else {
        Err(Problem::internal(&"the finished document does not validate"))
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PadesError> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|err| Problem::internal(&err))?
        .map_err(|err| Problem::internal(&err))
}

impl From<TrustError> for Problem {
    fn from(err: TrustError) -> Self {
        let says = err.to_string();
        match err {
            TrustError::NoAuthority => Self::conflict("level-unavailable", says),
            TrustError::NoTimestamp(_) => Self::unavailable("timestamp-unavailable", says, 30),
            TrustError::NoStatus { .. } => Self::unavailable("status-unavailable", says, 30),
            TrustError::Revoked { .. } => Self::conflict("certificate-revoked", says),
        }
    }
}
