//! The authority's side: what to sign for a request, and the answer around the signature.
//!
//! Source: `docs/sources.md`, entries `rfc3161`, `rfc5816`.

use std::sync::Arc;

use cabinet::Timestamp;

use super::response::{Failure, Rejection};
use super::{Accuracy, Info, Integer, Policy, Request, TST_INFO};
use crate::algorithm::{Hash, Imprint};
use crate::cms::{self, Assembly, Expected, Reference};
use crate::{Certificate, Invalid, SignatureAlgorithm, tlv};

/// How an authority stamps. A clone shares everything.
///
/// Invariant: the certificate is for time-stamps only and its key can sign.
#[derive(Clone, Debug)]
pub struct Settings(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The authority's certificate first, then those between it and its anchor.
    certificates: Vec<Certificate>,
    certificate: Certificate,
    signer_id: Vec<u8>,
    algorithm: SignatureAlgorithm,
    policy: Policy,
    accuracy: Accuracy,
    hashes: Vec<Hash>,
}

/// What becomes of a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The token signs this, then [`Prepared::embed`] gives the answer.
    ToSign(Box<Prepared>),
    /// The answer is [`Rejection::to_der`].
    Rejected(Rejection),
}

/// A time-stamp that only lacks its signature.
#[derive(Clone, Debug)]
pub struct Prepared {
    settings: Settings,
    content: Vec<u8>,
    signed_attributes: Vec<u8>,
    wants_certificate: bool,
}

impl Settings {
    /// Stamps under `policy` with the key of `certificate`; `chain` lies between it and its anchor.
    ///
    /// # Errors
    ///
    /// * [`Invalid::KeyUsage`]: the certificate is not for time-stamps only; have one issued that is.
    /// * [`Invalid::Algorithm`]: the key cannot be used.
    pub fn verify(
        certificate: &Certificate,
        chain: &[Certificate],
        policy: Policy,
        accuracy: Accuracy,
        hashes: &[Hash],
    ) -> Result<Self, Invalid> {
        if certificate.is_for_time_stamps_only() && certificate.may_sign_documents() {
            Self::of(certificate, chain, policy, accuracy, hashes)
        } else {
            Err(Invalid::KeyUsage)
        }
    }

    fn of(
        certificate: &Certificate,
        chain: &[Certificate],
        policy: Policy,
        accuracy: Accuracy,
        hashes: &[Hash],
    ) -> Result<Self, Invalid> {
        let (issuer, serial) = certificate.issuer_and_serial().ok().ok_or(Invalid::NotDer)?;
        let mut certificates = vec![certificate.clone()];
        certificates.extend(chain.iter().filter(|other| *other != certificate).cloned());
        Ok(Self(Arc::new(Inner {
            certificates,
            certificate: certificate.clone(),
            signer_id: tlv::write(tlv::SEQUENCE, &[&issuer, &serial]),
            algorithm: SignatureAlgorithm::of(certificate)?,
            policy,
            accuracy,
            hashes: hashes.to_vec(),
        })))
    }

    /// The algorithm that the token must use.
    #[must_use]
    pub fn algorithm(&self) -> SignatureAlgorithm {
        self.0.algorithm
    }
}

/// Reads a request and says what to sign for it. `serial` must never have been used before; `now` is the time stamped,
/// to the microsecond.
#[must_use]
pub fn respond(request: &[u8], settings: &Settings, serial: u128, now: Timestamp) -> Answer {
    match prepare(request, settings, serial, now) {
        Ok(prepared) => Answer::ToSign(Box::new(prepared)),
        Err(rejection) => Answer::Rejected(rejection),
    }
}

fn prepare(request: &[u8], settings: &Settings, serial: u128, now: Timestamp) -> Result<Prepared, Rejection> {
    let sent = request;
    let request = Request::parse(sent)?;
    let inner = &settings.0;
    if !inner.hashes.contains(&request.imprint.hash()) {
        return Err(Rejection::new(Failure::BadAlg, "this hash is not accepted here"));
    }
    if request.policy.as_ref().is_some_and(|policy| *policy != inner.policy) {
        return Err(Rejection::new(Failure::UnacceptedPolicy, "this policy is not followed here"));
    }
    if !inner.certificate.is_valid_at(now) {
        return Err(Rejection::new(
            Failure::TimeNotAvailable,
            "the authority's certificate is not valid now",
        ));
    }
    let info = Info {
        policy: inner.policy.clone(),
        imprint: request.imprint,
        serial: Integer::from_unsigned(&serial.to_be_bytes()),
        gen_time: now,
        accuracy: Some(inner.accuracy),
        nonce: request.nonce,
        authority: None,
    };
    let failed = |_| Rejection::new(Failure::SystemFailure, "the authority failed; ask another one");
    let content = imprint_as_sent(sent).and_then(|imprint| info.to_der(imprint)).map_err(failed)?;
    let digest = inner.algorithm.hash().digest(&content).map_err(failed)?;
    let signed_attributes =
        cms::signed_attributes(TST_INFO, &digest, &inner.certificate, inner.algorithm, Vec::new());
    let (settings, wants_certificate) = (settings.clone(), request.wants_certificate);
    Ok(Prepared { settings, content, signed_attributes, wants_certificate })
}

/// The `MessageImprint` of a request, byte for byte: some clients compare it so, absent or NULL parameters included.
fn imprint_as_sent(request: &[u8]) -> Result<&[u8], Invalid> {
    let mut fields = tlv::only(request, tlv::SEQUENCE)?;
    fields.expect(tlv::INTEGER)?;
    Ok(fields.expect(tlv::SEQUENCE)?.whole)
}

impl Prepared {
    /// The bytes that the token must sign: the signed attributes as a DER SET.
    #[must_use]
    pub fn to_sign(&self) -> &[u8] {
        &self.signed_attributes
    }

    /// The digest of [`Prepared::to_sign`], by the algorithm's hash.
    ///
    /// # Errors
    ///
    /// As [`SignatureAlgorithm::imprint`].
    pub fn imprint(&self) -> Result<Imprint, Invalid> {
        self.algorithm().imprint(&self.signed_attributes)
    }

    /// The algorithm that the token must use.
    #[must_use]
    pub fn algorithm(&self) -> SignatureAlgorithm {
        self.settings.algorithm()
    }

    /// Returns the `TimeStampResp` to send. The signature is verified first.
    ///
    /// # Errors
    ///
    /// [`Invalid::SignatureWrong`]: `raw` is not this authority's signature; answer with
    /// [`Failure::SystemFailure`] and suspect the token.
    pub fn embed(self, raw: &[u8]) -> Result<Vec<u8>, Invalid> {
        let inner = &self.settings.0;
        let sent: &[Certificate] = if self.wants_certificate { &inner.certificates } else { &[] };
        let token = cms::assemble(Assembly {
            content_type: TST_INFO,
            content: Some(&self.content),
            hash: inner.algorithm.hash(),
            certificates: sent.iter().map(|certificate| certificate.to_der().to_vec()).collect(),
            signer_id: &inner.signer_id,
            signed_attributes: tlv::Reader::new(&self.signed_attributes).expect(tlv::SET)?.body,
            signature_algorithm: &inner.algorithm.identifier(),
            signature: &inner.algorithm.cms_value(raw)?,
            unsigned_attributes: Vec::new(),
        });
        let known = &inner.certificates;
        let expected = Expected { content_type: TST_INFO, weakest: Reference::Strong, known };
        let (checked, _) = cms::parse(&token)?.check_attached(&expected)?;
        if checked.signer != inner.certificate {
            return Err(Invalid::WrongSigner);
        }
        let granted = tlv::write(tlv::SEQUENCE, &[&tlv::write(tlv::INTEGER, &[&[0]])]);
        Ok(tlv::write(tlv::SEQUENCE, &[&granted, &token]))
    }
}

#[cfg(test)]
mod tests;
