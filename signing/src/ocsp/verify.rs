//! Who signed a response, and what it says about one certificate.

use const_oid::ObjectIdentifier;

use super::id::key_hash;
use super::response::{self, Basic, ResponderId, Single};
use super::{Answer, NO_CHECK, NONCE, NoAnswer, Nonce, OCSP_SIGNING};
use crate::algorithm::{Hash, Scheme};
use crate::certificate::fields::Fields;
use crate::{Certificate, Invalid, extension};

/// `rsaEncryption`: names no hash, so it is no signature algorithm here.
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// Verifies an `OCSPResponse` about `certificate`, which `issuer` issued, in reply to `nonce` if one was sent.
///
/// The time is not judged: call [`Answer::check_current`] for a fresh answer. The responder's path to an
/// anchor is not judged either: find it at [`Answer::produced_at`] with the trust store.
///
/// # Errors
///
/// [`NoAnswer`], the first reason that was found. The status is not known then.
pub fn verify(
    response: &[u8],
    certificate: &Certificate,
    issuer: &Certificate,
    nonce: Option<&Nonce>,
) -> Result<Answer, NoAnswer> {
    verify_basic(response::basic_of(response)?, certificate, issuer, nonce)
}

/// Like [`verify`], for a bare `BasicOCSPResponse`, as CMS holds it.
///
/// # Errors
///
/// As [`verify`].
pub fn verify_basic(
    basic: &[u8],
    certificate: &Certificate,
    issuer: &Certificate,
    nonce: Option<&Nonce>,
) -> Result<Answer, NoAnswer> {
    if !certificate.is_issued_by(issuer)? {
        return Err(NoAnswer::NotTheIssuer);
    }
    let basic = response::parse(basic)?;
    let responder = responder(&basic, issuer)?;
    check_extensions(&basic, nonce)?;
    let single = single_about(&basic, certificate, issuer)?;
    if let Some(extension) = single.extensions.iter().find(|extension| extension.is_critical) {
        return Err(NoAnswer::UnknownExtension(extension.id.to_string()));
    }
    let nocheck = Fields::of(&responder)?.extension(NO_CHECK).is_some();
    let others = certificates(&basic)?.into_iter().filter(|other| *other != responder).collect();
    Ok(Answer {
        status: single.status,
        this_update: single.this_update,
        next_update: single.next_update,
        produced_at: basic.produced_at,
        responder,
        others,
        nocheck,
    })
}

/// Finds the certificate whose key signed: the issuer's own, or one that it issued for this purpose.
pub(super) fn responder(basic: &Basic<'_>, issuer: &Certificate) -> Result<Certificate, NoAnswer> {
    let scheme = scheme(basic.algorithm)?;
    let mut refused = NoAnswer::WrongResponder;
    for candidate in std::iter::once(issuer.clone()).chain(certificates(basic)?) {
        if !is_named(&candidate, basic.responder)? {
            continue;
        }
        if candidate != *issuer && !is_appointed(&candidate, issuer)? {
            continue;
        }
        match scheme.verify(&candidate, basic.signed, basic.signature) {
            Ok(()) if candidate.is_valid_at(basic.produced_at) => return Ok(candidate),
            Ok(()) => refused = Invalid::OutOfValidity("the responder's certificate".to_owned()).into(),
            Err(wrong) => refused = wrong.into(),
        }
    }
    Err(refused)
}

fn certificates(basic: &Basic<'_>) -> Result<Vec<Certificate>, Invalid> {
    let parse = |der: &&[u8]| Certificate::from_der(der).ok().ok_or(Invalid::Structure("a certificate"));
    basic.certificates.iter().map(parse).collect()
}

fn is_named(candidate: &Certificate, responder: ResponderId<'_>) -> Result<bool, Invalid> {
    let fields = Fields::of(candidate)?;
    Ok(match responder {
        ResponderId::Name(name) => fields.subject == name,
        ResponderId::Key(hash) => key_hash(&fields)? == hash,
    })
}

/// Whether the issuer itself issued `candidate` for OCSP; `anyExtendedKeyUsage` does not say so.
///
/// Source: `docs/sources.md`, entry `rfc6960` (4.2.2.2).
fn is_appointed(candidate: &Certificate, issuer: &Certificate) -> Result<bool, Invalid> {
    let purposes = Fields::of(candidate)?.purposes()?;
    let is_for_ocsp = purposes.is_some_and(|(purposes, _)| purposes.contains(&OCSP_SIGNING));
    Ok(is_for_ocsp && key_usage_allows(candidate) && candidate.is_issued_by(issuer)?)
}

/// A key usage that is there must allow signatures.
fn key_usage_allows(candidate: &Certificate) -> bool {
    match candidate.key_usage() {
        Ok(None) => true,
        Ok(Some(usage)) => usage.digital_signature() || usage.non_repudiation(),
        Err(_) => false,
    }
}

/// The signature scheme, which must name its own hash.
fn scheme(identifier: &[u8]) -> Result<Scheme, Invalid> {
    if super::names_algorithm(identifier, RSA_ENCRYPTION) {
        return Err(Invalid::Structure("a signature algorithm without a hash"));
    }
    let mut refused = Invalid::Structure("the signature algorithm");
    for hash in [Hash::Sha256, Hash::Sha384, Hash::Sha512] {
        match Scheme::parse(identifier, hash) {
            Ok(scheme) => return Ok(scheme),
            Err(reason) => refused = reason,
        }
    }
    Err(refused)
}

fn check_extensions(basic: &Basic<'_>, nonce: Option<&Nonce>) -> Result<(), NoAnswer> {
    let unknown = basic.extensions.iter().find(|extension| extension.is_critical && extension.id != NONCE);
    if let Some(extension) = unknown {
        return Err(NoAnswer::UnknownExtension(extension.id.to_string()));
    }
    let Some(sent) = nonce else { return Ok(()) };
    let back = extension::find(&basic.extensions, NONCE).map(|extension| Nonce::read(extension.value));
    if back.transpose()?.as_ref() == Some(sent) { Ok(()) } else { Err(NoAnswer::Nonce) }
}

/// The one status about the certificate; two would leave the choice to chance.
fn single_about<'a, 'b>(
    basic: &'b Basic<'a>,
    certificate: &Certificate,
    issuer: &Certificate,
) -> Result<&'b Single<'a>, NoAnswer> {
    let (certificate, issuer) = (Fields::of(certificate)?, Fields::of(issuer)?);
    let mut found = None;
    for single in &basic.singles {
        if single.id.is(&certificate, &issuer)? && found.replace(single).is_some() {
            return Err(Invalid::Structure("two statuses of one certificate").into());
        }
    }
    found.ok_or(NoAnswer::OtherCertificate)
}
