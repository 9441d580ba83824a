//! The report on a CMS signature that is no part of a PDF: its content beside it, or inside.
//!
//! Source: `docs/sources.md`, entries `en319102`, `en319122`.

use super::evidence;
use super::facts::Facts;
use super::process::Process;
use super::report::{Coverage, Indication, Integrity, Report, SignatureReport};
use super::timestamps::Proofs;
use super::{Context, Examined, weigh};
use crate::algorithm_policy::Suite;
use crate::cms::{Expected, Parts};
use crate::{Invalid, cades, cms};

/// Validates one CMS signature over `content`; without it, over the content that is inside.
///
/// What is no CMS with one signer has a report that says so. Costs one hashing of the content.
#[must_use]
pub fn validate_cms(der: &[u8], content: Option<&[u8]>, context: &Context<'_>) -> Report {
    let signature = match cms::parse(der) {
        Err(invalid) => SignatureReport::broken(&invalid),
        Ok(parts) => {
            let content = if content.is_some() { content } else { parts.content };
            judge(der, &parts, content, context)
        }
    };
    Report { signatures: vec![signature], timestamps: Vec::new() }
}

fn judge(der: &[u8], parts: &Parts<'_>, content: Option<&[u8]>, context: &Context<'_>) -> SignatureReport {
    let Some(content) = content else {
        return SignatureReport {
            indication: Indication::Indeterminate,
            sub_indication: Some("SIGNED_DATA_NOT_FOUND"),
            reason: "the signed content is not inside: give the file that was signed".to_owned(),
            ..SignatureReport::unproven()
        };
    };
    let facts = Some(Facts::of_parts(parts, |hash| hash.digest(content).unwrap_or_default()));
    let judged = match examine(der, parts, content) {
        Err(invalid) => SignatureReport::broken(&invalid),
        Ok(examined) => {
            weigh(examined, 0, &Process::new(*context, evidence::of_cms(der)), &Proofs::default())
        }
    };
    let is_intact = judged.integrity == Integrity::Intact;
    let coverage = if is_intact { Coverage::Whole } else { Coverage::Revision };
    SignatureReport { facts, coverage, covered_bytes: content.len(), ..judged }
}

fn examine(der: &[u8], parts: &Parts<'_>, content: &[u8]) -> Result<Examined, Invalid> {
    let checked = if parts.content.is_none() {
        parts.check(&|hash| hash.digest(content))?
    } else {
        let (checked, inside) = parts.check_attached(&Expected::DATA)?;
        if inside != content {
            return Err(Invalid::ContentDiffers);
        }
        checked
    };
    let suite = Suite::of_cms(parts.signature_algorithm(), &checked.signer, parts.hash()?)?;
    Ok(Examined { checked, suite, tokens: cades::time_stamps(der)? })
}
