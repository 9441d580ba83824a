//! A time-stamp: `TimeStampToken`.
//!
//! Source: `docs/sources.md`, entries `rfc3161`, sections 2.3 and 2.4.2, and `rfc5816`.

use cabinet::Timestamp;

use super::{Info, Request, TST_INFO};
use crate::algorithm::Imprint;
use crate::cms::{self, Expected, Reference};
use crate::tlv::{self, Reader};
use crate::{Certificate, Invalid, TrustStore};

/// A time-stamp whose signature verifies, under a certificate for time-stamps only.
///
/// Invariant: made by [`Token::verify`] alone. The path of its authority is the caller's to verify.
#[derive(Clone, Debug)]
pub struct Token {
    der: Vec<u8>,
    info: Info,
    authority: Certificate,
    others: Vec<Certificate>,
    reference: Reference,
}

/// Why a time-stamp is not accepted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TokenError {
    /// Its signature does not hold, or it is not acceptable in form.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The certificate is neither in it nor known.
    #[error(
        "the authority's certificate is missing: ask for it with the time-stamp, or add it to the settings"
    )]
    NoCertificate,
    /// Whoever signed it may not issue time-stamps.
    #[error("its certificate is not for time-stamps only: this authority must not be used")]
    Purpose,
    /// It names another authority than the one that signed it.
    #[error("it names another authority than its certificate does: this authority must not be used")]
    OtherAuthority,
    /// Its authority's certificate was not valid at the time that it says.
    #[error(
        "its certificate was not valid at the time that it says: it is back-dated or the authority expired"
    )]
    OutOfValidity,
    /// It stamps something else.
    #[error("it is over something else")]
    OtherImprint,
    /// It answers another request.
    #[error("its nonce is not the request's: it is the answer to another request")]
    OtherNonce,
    /// It was issued under another policy.
    #[error("its policy is not the one asked for: the authority follows other rules")]
    OtherPolicy,
}

impl From<TokenError> for Invalid {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Invalid(invalid) => invalid,
            TokenError::NoCertificate | TokenError::OtherAuthority => Self::WrongSigner,
            TokenError::Purpose => Self::KeyUsage,
            TokenError::OutOfValidity => Self::OutOfValidity("the time-stamp's".to_owned()),
            TokenError::OtherImprint | TokenError::OtherNonce | TokenError::OtherPolicy => {
                Self::ContentDiffers
            }
        }
    }
}

impl Token {
    /// Checks everything but the path and what is stamped. `known` are certificates that the token may have left out.
    ///
    /// # Errors
    ///
    /// [`TokenError`]; ask another authority.
    pub fn verify(der: &[u8], known: &[Certificate]) -> Result<Self, TokenError> {
        let parts = cms::parse(der)?;
        if parts.certificates.is_empty() && known.is_empty() {
            return Err(TokenError::NoCertificate);
        }
        if !parts.unsigned.is_empty() {
            return Err(Invalid::Structure("unsigned attributes in a time-stamp").into());
        }
        let expected = Expected { content_type: TST_INFO, weakest: Reference::Sha1, known };
        let (checked, content) = parts.check_attached(&expected)?;
        let authority = checked.signer;
        if !authority.is_for_time_stamps_only() || !authority.may_sign_documents() {
            return Err(TokenError::Purpose);
        }
        let info = Info::parse(content)?;
        if let Some(name) = &info.authority
            && !bears(&authority, name)?
        {
            return Err(TokenError::OtherAuthority);
        }
        if !authority.is_valid_at(info.gen_time) {
            return Err(TokenError::OutOfValidity);
        }
        let (others, reference) = (checked.others, checked.reference);
        Ok(Self { der: der.to_vec(), info, authority, others, reference })
    }

    /// Checks that `bytes` are what was stamped.
    ///
    /// # Errors
    ///
    /// [`TokenError::OtherImprint`]: they are not.
    pub fn verify_imprint(&self, bytes: &[u8]) -> Result<(), TokenError> {
        if Imprint::of(self.info.imprint.hash(), bytes)? == self.info.imprint {
            Ok(())
        } else {
            Err(TokenError::OtherImprint)
        }
    }

    /// Finds the path from the authority to an anchor of `trust` at the time `at`; every certificate in the token must
    /// lie on it, so that no byte of the token is free.
    ///
    /// # Errors
    ///
    /// [`Invalid`], as [`TrustStore::path`]; [`Invalid::NotCanonical`]: a certificate lies beside the path.
    pub fn verify_path(&self, trust: &TrustStore, at: Timestamp) -> Result<Vec<Certificate>, Invalid> {
        let path = trust.path(&self.authority, &self.others, at)?;
        if self.others.iter().all(|certificate| path.contains(certificate)) {
            Ok(path)
        } else {
            Err(Invalid::NotCanonical)
        }
    }

    /// Checks that this is the answer to `request`.
    pub(super) fn answers(&self, request: &Request) -> Result<(), TokenError> {
        if self.info.imprint != request.imprint {
            return Err(TokenError::OtherImprint);
        }
        if self.info.nonce != request.nonce {
            return Err(TokenError::OtherNonce);
        }
        if request.policy.as_ref().is_some_and(|policy| *policy != self.info.policy) {
            return Err(TokenError::OtherPolicy);
        }
        Ok(())
    }

    /// The token's bytes, exactly as they were given.
    #[must_use]
    pub fn to_der(&self) -> &[u8] {
        &self.der
    }

    /// What it says.
    #[must_use]
    pub const fn info(&self) -> &Info {
        &self.info
    }

    /// The certificate of the authority that signed it.
    #[must_use]
    pub const fn authority(&self) -> &Certificate {
        &self.authority
    }

    /// The other certificates in it, none of them checked.
    #[must_use]
    pub fn others(&self) -> &[Certificate] {
        &self.others
    }

    /// How it names its certificate; [`Reference::Sha1`] deserves a warning.
    #[must_use]
    pub const fn reference(&self) -> Reference {
        self.reference
    }
}

/// Whether `name`, a DER `GeneralName`, is one of the certificate's.
fn bears(certificate: &Certificate, name: &[u8]) -> Result<bool, Invalid> {
    let subject = certificate.subject_der().ok().ok_or(Invalid::NotDer)?;
    if name == tlv::write(tlv::context(4), &[&subject]) {
        return Ok(true);
    }
    let Some(others) = certificate.other_names() else { return Ok(false) };
    let mut others = Reader::new(tlv::only(others, tlv::SEQUENCE)?.rest());
    while !others.is_empty() {
        if others.any()?.whole == name {
            return Ok(true);
        }
    }
    Ok(false)
}
