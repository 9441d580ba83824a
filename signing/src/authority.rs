//! A TEST certification authority with software keys, for the demo and for tests only.
//!
//! Every name it issues must say that it is a test, so that its certificates cannot be mistaken
//! for those of Ban Cơ yếu Chính phủ; a production appliance refuses such anchors.

use cabinet::Timestamp;
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkcs12::Pkcs12;
use openssl::pkey::{HasPublic, PKey, PKeyRef, Private};
use openssl::stack::Stack;
use zeroize::Zeroizing;

use self::issue::{Order, Purpose, issue};
use crate::Invalid;
use crate::certificate::{Certificate, NotACertificate};
use crate::register::Register;

mod crl;
mod issue;

/// Words that mark a name as a test; one of them must be in every subject.
pub const TEST_MARKS: [&str; 2] = ["TEST", "THỬ NGHIỆM"];

/// Longest private key or chain that is read back, in bytes.
const MAX_PEM_BYTES: usize = 1 << 20;

/// A TEST authority: its key, its certificate and the certificates above it.
pub struct Authority {
    key: PKey<Private>,
    certificate: Certificate,
    above: Vec<Certificate>,
    services: Option<Services>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// Where the world asks about an authority's certificates; written into each that it issues.
///
/// Source: `docs/sources.md`, entry `rfc5280` (4.2.1.13, 4.2.2.1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Services {
    /// Where OCSP requests go.
    pub ocsp_url: String,
    /// Where the revocation list lies.
    pub crl_url: String,
    /// Where the authority's own certificate lies, in DER.
    pub issuer_url: String,
}

/// Whom a certificate names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Subject {
    /// The person's, organisation's or device's name.
    pub common_name: String,
    /// The organisation he belongs to, if it is to be named.
    pub organisation: Option<String>,
}

impl Subject {
    /// A subject with a common name only.
    #[must_use]
    pub fn named(common_name: &str) -> Self {
        Self { common_name: common_name.to_owned(), organisation: None }
    }

    /// The same subject, in `organisation`.
    #[must_use]
    pub fn of(mut self, organisation: &str) -> Self {
        self.organisation = Some(organisation.to_owned());
        self
    }
}

/// From when until when a certificate is valid, both included.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Validity {
    /// First instant.
    pub not_before: Timestamp,
    /// Last second.
    pub not_after: Timestamp,
}

impl Validity {
    /// `n_days` days from `not_before`.
    #[must_use]
    pub const fn days(not_before: Timestamp, n_days: i64) -> Self {
        Self { not_before, not_after: not_before.plus_seconds(n_days.saturating_mul(86_400)) }
    }
}

/// What a signer's certificate is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Profile {
    /// A person's signature: digitalSignature and nonRepudiation.
    Person,
    /// An organisation's signature (its seal): digitalSignature and nonRepudiation.
    Organisation,
    /// A log's checkpoints: digitalSignature only.
    Log,
    /// Time-stamps: digitalSignature, and that one purpose, critical (RFC 3161, section 2.3).
    TimeStamping,
    /// Answers about the status of the issuer's certificates: `OCSPSigning`, and `ocsp-nocheck`.
    OcspResponder,
}

/// A private key and the certificates to it, as PEM.
#[derive(Clone)]
pub struct KeyAndChain {
    /// The private key, PKCS#8.
    pub key_pem: Zeroizing<String>,
    /// The certificate, then those above it, without the root.
    pub chain_pem: String,
}

impl std::fmt::Debug for KeyAndChain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyAndChain").finish_non_exhaustive()
    }
}

/// The TEST authority could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The subject does not say that it is a test.
    #[error(
        "a TEST authority names only tests: put TEST or THỬ NGHIỆM into the subject's name or organisation"
    )]
    NotMarkedAsTest,
    /// The stored PEM is not what `to_pem` wrote.
    #[error("the stored authority is damaged: make a fresh one")]
    Damaged,
    /// OpenSSL refused, for instance a name longer than 64 characters.
    #[error("the certificate could not be made ({0}): shorten the name or check the key")]
    Refused(#[from] ErrorStack),
    /// What OpenSSL made does not parse.
    #[error(transparent)]
    NotACertificate(#[from] NotACertificate),
    /// An address of a service is no address.
    #[error("{0:?} cannot stand in a certificate: give an http address in ASCII, without spaces")]
    NotAnAddress(String),
    /// A part of the revocation list could not be encoded.
    #[error(transparent)]
    Encoding(#[from] Invalid),
}

impl Authority {
    /// Makes a root authority with a fresh P-256 key.
    ///
    /// # Errors
    ///
    /// [`AuthorityError::NotMarkedAsTest`] or [`AuthorityError::Refused`].
    pub fn create_root(name: &str, now: Timestamp) -> Result<Self, AuthorityError> {
        let key = fresh_key()?;
        let subject = Subject::named(name);
        let order = Order::authority(&subject, now);
        let certificate = issue(&order, &key, None, &key, None)?;
        Ok(Self { key, certificate, above: Vec::new(), services: None })
    }

    /// The same authority, which names `services` in every certificate that it issues from now on.
    ///
    /// Not stored by [`Authority::to_pem`]: addresses belong to the configuration.
    #[must_use]
    pub fn with_services(mut self, services: Services) -> Self {
        self.services = Some(services);
        self
    }

    /// Makes an authority under this one, with a fresh P-256 key.
    ///
    /// # Errors
    ///
    /// As [`Authority::create_root`].
    pub fn create_sub(&self, name: &str, now: Timestamp) -> Result<Self, AuthorityError> {
        let key = fresh_key()?;
        let subject = Subject::named(name);
        let order = Order { is_leaf_issuer: true, ..Order::authority(&subject, now) };
        let certificate = self.issue(&order, &key)?;
        Ok(Self { key, certificate, above: self.chain(), services: None })
    }

    /// Certifies a key that lives elsewhere, by its DER `SubjectPublicKeyInfo`: EC, RSA or Ed25519.
    ///
    /// # Errors
    ///
    /// As [`Authority::create_root`].
    pub fn issue_signer(
        &self,
        spki_der: &[u8],
        subject: &Subject,
        serial: u64,
        validity: Validity,
        profile: Profile,
    ) -> Result<Certificate, AuthorityError> {
        let key = PKey::public_key_from_der(spki_der)?;
        let purpose = Purpose::Sign(profile);
        let order = Order { subject, serial: Some(serial), validity, purpose, is_leaf_issuer: false };
        self.issue(&order, &key)
    }

    /// Makes a P-256 key and a TLS server certificate for host names and addresses; the first is the common name.
    ///
    /// # Errors
    ///
    /// As [`Authority::create_root`].
    pub fn issue_tls_server(
        &self,
        names: &[&str],
        validity: Validity,
    ) -> Result<KeyAndChain, AuthorityError> {
        let key = fresh_key()?;
        let subject = Subject::named(names.first().copied().unwrap_or("localhost")).of("TEST e-Cabinet");
        let purpose = Purpose::TlsServer(names);
        let order = Order { subject: &subject, serial: None, validity, purpose, is_leaf_issuer: false };
        let certificate = self.issue(&order, &key)?;
        let mut chain_pem = certificate.to_pem();
        for above in self.chain().iter().rev().skip(1).rev() {
            chain_pem.push_str(&above.to_pem());
        }
        Ok(KeyAndChain { key_pem: private_pem(&key)?, chain_pem })
    }

    /// Makes a P-256 key and a TLS client certificate, packed as PKCS#12 under `password`: a software "card".
    ///
    /// # Errors
    ///
    /// As [`Authority::create_root`].
    pub fn issue_client_p12(
        &self,
        subject: &Subject,
        password: &str,
        validity: Validity,
    ) -> Result<(Certificate, Zeroizing<Vec<u8>>), AuthorityError> {
        let key = fresh_key()?;
        let order =
            Order { subject, serial: None, validity, purpose: Purpose::TlsClient, is_leaf_issuer: false };
        let certificate = self.issue(&order, &key)?;
        let mut others = Stack::new()?;
        for above in self.chain() {
            others.push(above.x509())?;
        }
        let mut builder = Pkcs12::builder();
        builder.name(&subject.common_name).pkey(&key).cert(&certificate.x509()).ca(others);
        let p12 = builder.build2(password)?.to_der()?;
        Ok((certificate, Zeroizing::new(p12)))
    }

    /// An empty revocation list of this authority, DER, good for thirty days.
    ///
    /// # Errors
    ///
    /// [`AuthorityError::Refused`].
    pub fn crl(&self, now: Timestamp) -> Result<Vec<u8>, AuthorityError> {
        self.crl_of(&Register::default(), now)
    }

    /// The revocation list of what `register` holds as revoked or suspended, DER, good for thirty days.
    ///
    /// # Errors
    ///
    /// [`AuthorityError::Refused`]; [`AuthorityError::Encoding`] if a serial number is not hexadecimal.
    pub fn crl_of(&self, register: &Register, now: Timestamp) -> Result<Vec<u8>, AuthorityError> {
        crl::write(&self.certificate, &self.key, register, now)
    }

    /// This authority's certificate.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// This authority's certificate and those above it, the root last.
    #[must_use]
    pub fn chain(&self) -> Vec<Certificate> {
        std::iter::once(&self.certificate).chain(&self.above).cloned().collect()
    }

    /// Key and certificates as PEM, to be read by [`Authority::from_pem`]. Holds the private key.
    ///
    /// # Errors
    ///
    /// [`AuthorityError::Refused`].
    pub fn to_pem(&self) -> Result<Zeroizing<String>, AuthorityError> {
        let mut text = private_pem(&self.key)?;
        for certificate in self.chain() {
            text.push_str(&certificate.to_pem());
        }
        Ok(text)
    }

    /// Reads what [`Authority::to_pem`] wrote.
    ///
    /// # Errors
    ///
    /// [`AuthorityError::Damaged`]: also when the key does not fit the certificate.
    pub fn from_pem(pem: &[u8]) -> Result<Self, AuthorityError> {
        if pem.len() > MAX_PEM_BYTES {
            return Err(AuthorityError::Damaged);
        }
        let key = PKey::private_key_from_pem(pem)?;
        let mut certificates = Certificate::all_from_pem(pem)?.into_iter();
        let certificate = certificates.next().ok_or(AuthorityError::Damaged)?;
        if !certificate.public_key()?.public_eq(&key) {
            return Err(AuthorityError::Damaged);
        }
        Ok(Self { key, certificate, above: certificates.collect(), services: None })
    }

    fn issue<K: HasPublic>(
        &self,
        order: &Order<'_>,
        key: &PKeyRef<K>,
    ) -> Result<Certificate, AuthorityError> {
        issue(order, key, Some(&self.certificate), &self.key, self.services.as_ref())
    }
}

fn fresh_key() -> Result<PKey<Private>, ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    PKey::from_ec_key(EcKey::generate(&group)?)
}

fn private_pem(key: &PKeyRef<Private>) -> Result<Zeroizing<String>, ErrorStack> {
    let pem = Zeroizing::new(key.private_key_to_pem_pkcs8()?);
    Ok(Zeroizing::new(String::from_utf8_lossy(&pem).into_owned()))
}

#[cfg(test)]
mod tests;
