//! A TEST certification authority with software keys, for the demo and for tests only.
//!
//! Every name it issues must say that it is a test, so that its certificates cannot be mistaken
//! for those of Ban Cơ yếu Chính phủ; a production appliance refuses such anchors.

use std::net::IpAddr;

use cabinet::Timestamp;
use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkcs12::Pkcs12;
use openssl::pkey::{HasPublic, PKey, PKeyRef, Private};
use openssl::sign::Signer;
use openssl::stack::Stack;
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
    SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509Extension, X509NameBuilder};
use zeroize::Zeroizing;

use crate::certificate::{Certificate, NotACertificate};
use crate::{Invalid, tlv};

/// Words that mark a name as a test; one of them must be in every subject.
pub const TEST_MARKS: [&str; 2] = ["TEST", "THỬ NGHIỆM"];

/// Lifetime of a TEST authority, in seconds: twenty years, as Decree 68/2024 sets for authorities.
const AUTHORITY_LIFETIME_S: i64 = 20 * 365 * 86_400;
/// Time until the next revocation list, in seconds.
const CRL_PERIOD_S: i64 = 30 * 86_400;
/// Extended key usage "document signing", RFC 9336.
const DOCUMENT_SIGNING: &str = "1.3.6.1.5.5.7.3.36";
/// Longest private key or chain that is read back, in bytes.
const MAX_PEM_BYTES: usize = 1 << 20;

/// A TEST authority: its key, its certificate and the certificates above it.
pub struct Authority {
    key: PKey<Private>,
    certificate: Certificate,
    above: Vec<Certificate>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("certificate", &self.certificate).finish_non_exhaustive()
    }
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
        let certificate = issue(&order, &key, None, &key)?;
        Ok(Self { key, certificate, above: Vec::new() })
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
        let certificate = issue(&order, &key, Some(&self.certificate), &self.key)?;
        Ok(Self { key, certificate, above: self.chain() })
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
        issue(&order, &key, Some(&self.certificate), &self.key)
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
        let certificate = issue(&order, &key, Some(&self.certificate), &self.key)?;
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
        let certificate = issue(&order, &key, Some(&self.certificate), &self.key)?;
        let mut others = Stack::new()?;
        for above in self.chain() {
            others.push(above.x509()?)?;
        }
        let mut builder = Pkcs12::builder();
        builder.name(&subject.common_name).pkey(&key).cert(&*certificate.x509()?).ca(others);
        let p12 = builder.build2(password)?.to_der()?;
        Ok((certificate, Zeroizing::new(p12)))
    }

    /// An empty revocation list of this authority, DER, good for thirty days.
    ///
    /// Source: `docs/sources.md`, entry `rfc5280`.
    ///
    /// # Errors
    ///
    /// [`AuthorityError::Refused`].
    pub fn crl(&self, now: Timestamp) -> Result<Vec<u8>, AuthorityError> {
        let algorithm = crate::SignatureAlgorithm::EcdsaP256Sha256.identifier();
        let own = self.certificate.x509()?;
        let number = tlv::write(tlv::INTEGER, &[&number_octets(now.as_seconds())]);
        let mut extensions = extension("2.5.29.20", &number);
        if let Some(key_id) = own.subject_key_id() {
            let authority_key = tlv::write(tlv::SEQUENCE, &[&tlv::write(0x80, &[key_id.as_slice()])]);
            extensions = [extension("2.5.29.35", &authority_key), extensions].concat();
        }
        let list = tlv::write(
            tlv::SEQUENCE,
            &[
                &tlv::write(tlv::INTEGER, &[&[1]]),
                &algorithm,
                &own.subject_name().to_der()?,
                &crate::cades::encode_time(now)?,
                &crate::cades::encode_time(now.plus_seconds(CRL_PERIOD_S))?,
                &tlv::write(tlv::context(0), &[&tlv::write(tlv::SEQUENCE, &[&extensions])]),
            ],
        );
        let signature = Signer::new(MessageDigest::sha256(), &self.key)?.sign_oneshot_to_vec(&list)?;
        let signature = tlv::write(tlv::BIT_STRING, &[&[0], &signature]);
        Ok(tlv::write(tlv::SEQUENCE, &[&list, &algorithm, &signature]))
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
        Ok(Self { key, certificate, above: certificates.collect() })
    }
}

/// What a certificate may be used for.
#[derive(Clone, Copy)]
enum Purpose<'a> {
    Authority,
    Sign(Profile),
    TlsServer(&'a [&'a str]),
    TlsClient,
}

/// A certificate that was asked for.
#[derive(Clone, Copy)]
struct Order<'a> {
    subject: &'a Subject,
    serial: Option<u64>,
    validity: Validity,
    purpose: Purpose<'a>,
    is_leaf_issuer: bool,
}

impl<'a> Order<'a> {
    const fn authority(subject: &'a Subject, now: Timestamp) -> Self {
        let validity = Validity { not_before: now, not_after: now.plus_seconds(AUTHORITY_LIFETIME_S) };
        Self { subject, serial: None, validity, purpose: Purpose::Authority, is_leaf_issuer: false }
    }
}

fn issue<K: HasPublic>(
    order: &Order<'_>,
    key: &PKeyRef<K>,
    issuer: Option<&Certificate>,
    issuer_key: &PKeyRef<Private>,
) -> Result<Certificate, AuthorityError> {
    let marked = |text: &str| TEST_MARKS.iter().any(|mark| text.to_uppercase().contains(mark));
    if !marked(&order.subject.common_name) && !order.subject.organisation.as_deref().is_some_and(marked) {
        return Err(AuthorityError::NotMarkedAsTest);
    }
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_nid(Nid::COUNTRYNAME, "VN")?;
    if let Some(organisation) = &order.subject.organisation {
        name.append_entry_by_nid(Nid::ORGANIZATIONNAME, organisation)?;
    }
    name.append_entry_by_nid(Nid::COMMONNAME, &order.subject.common_name)?;
    let name = name.build();
    let issuer = issuer.map(Certificate::x509).transpose()?;
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_serial_number(&*serial(order.serial)?)?;
    builder.set_subject_name(&name)?;
    builder.set_issuer_name(issuer.as_ref().map_or(&*name, |issuer| issuer.subject_name()))?;
    builder.set_not_before(&*Asn1Time::from_unix(order.validity.not_before.as_seconds())?)?;
    builder.set_not_after(&*Asn1Time::from_unix(order.validity.not_after.as_seconds())?)?;
    builder.set_pubkey(key)?;
    let key_id = SubjectKeyIdentifier::new().build(&builder.x509v3_context(issuer.as_deref(), None))?;
    builder.append_extension(key_id)?;
    if issuer.is_some() {
        let issuer_key_id = AuthorityKeyIdentifier::new()
            .keyid(true)
            .build(&builder.x509v3_context(issuer.as_deref(), None))?;
        builder.append_extension(issuer_key_id)?;
    }
    for extension in extensions(order, &builder, issuer.as_ref())? {
        builder.append_extension(extension)?;
    }
    builder.sign(issuer_key, MessageDigest::sha256())?;
    Ok(Certificate::from_x509(&builder.build())?)
}

fn extensions(
    order: &Order<'_>,
    builder: &X509Builder,
    issuer: Option<&X509>,
) -> Result<Vec<X509Extension>, ErrorStack> {
    let mut basic = BasicConstraints::new();
    let mut usage = KeyUsage::new();
    let mut extended = ExtendedKeyUsage::new();
    let mut names = SubjectAlternativeName::new();
    basic.critical();
    usage.critical();
    match order.purpose {
        Purpose::Authority => {
            basic.ca();
            if order.is_leaf_issuer {
                basic.pathlen(0);
            }
            usage.key_cert_sign().crl_sign();
            return Ok(vec![basic.build()?, usage.build()?]);
        }
        Purpose::Sign(Profile::Log) => {
            usage.digital_signature();
            return Ok(vec![basic.build()?, usage.build()?]);
        }
        Purpose::Sign(Profile::TimeStamping) => {
            usage.digital_signature();
            extended.critical().time_stamping();
        }
        Purpose::Sign(Profile::Person | Profile::Organisation) => {
            usage.digital_signature().non_repudiation();
            extended.email_protection().other(DOCUMENT_SIGNING);
        }
        Purpose::TlsServer(hosts) => {
            usage.digital_signature();
            extended.server_auth();
            for host in hosts {
                if host.parse::<IpAddr>().is_ok() {
                    names.ip(host)
                } else {
                    names.dns(host)
                };
            }
            let names = names.build(&builder.x509v3_context(issuer.map(|issuer| &**issuer), None))?;
            return Ok(vec![basic.build()?, usage.build()?, extended.build()?, names]);
        }
        Purpose::TlsClient => {
            usage.digital_signature();
            extended.client_auth();
        }
    }
    Ok(vec![basic.build()?, usage.build()?, extended.build()?])
}

/// The serial number asked for, or a random one of 120 bits.
fn serial(asked: Option<u64>) -> Result<Asn1Integer, ErrorStack> {
    let octets = if let Some(number) = asked {
        number.to_be_bytes().to_vec()
    } else {
        let mut random = [0_u8; 15];
        openssl::rand::rand_bytes(&mut random)?;
        random.to_vec()
    };
    BigNum::from_slice(&octets)?.to_asn1_integer()
}

fn fresh_key() -> Result<PKey<Private>, ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    PKey::from_ec_key(EcKey::generate(&group)?)
}

fn private_pem(key: &PKeyRef<Private>) -> Result<Zeroizing<String>, ErrorStack> {
    let pem = Zeroizing::new(key.private_key_to_pem_pkcs8()?);
    Ok(Zeroizing::new(String::from_utf8_lossy(&pem).into_owned()))
}

/// A non-critical X.509 extension.
fn extension(identifier: &str, value: &[u8]) -> Vec<u8> {
    let identifier =
        const_oid::ObjectIdentifier::new(identifier).map_or_else(|_| Vec::new(), crate::algorithm::oid);
    tlv::write(tlv::SEQUENCE, &[&identifier, &tlv::write(tlv::OCTET_STRING, &[value])])
}

/// The content octets of a non-negative INTEGER.
fn number_octets(number: i64) -> Vec<u8> {
    let octets = number.max(0).to_be_bytes();
    let skip = octets.windows(2).take_while(|pair| matches!(pair, [0, next] if *next < 0x80)).count();
    octets.iter().copied().skip(skip).collect()
}

#[cfg(test)]
mod tests {
    use openssl::x509::X509Crl;

    use super::*;
    use crate::testing::NOW;
    use crate::{KeyKind, TrustStore};

    fn authorities() -> (Authority, Authority) {
        let root = Authority::create_root("TEST root", NOW).unwrap();
        let sub = root.create_sub("CA (thử nghiệm)", NOW).unwrap();
        (root, sub)
    }

    #[test]
    fn only_tests_are_named() {
        assert!(matches!(Authority::create_root("Ban Cơ yếu", NOW), Err(AuthorityError::NotMarkedAsTest)));
        let (_, sub) = authorities();
        let key = fresh_key().unwrap().public_key_to_der().unwrap();
        let validity = Validity::days(NOW, 1);
        let issue = |subject: &Subject| sub.issue_signer(&key, subject, 1, validity, Profile::Person);
        assert!(matches!(issue(&Subject::named("Nguyễn Văn A")), Err(AuthorityError::NotMarkedAsTest)));
        let marked = issue(&Subject::named("Nguyễn Văn A").of("Chính phủ (THỬ NGHIỆM)")).unwrap();
        assert_eq!(marked.common_name(), "Nguyễn Văn A");
        assert_eq!(marked.serial(), "01");
    }

    #[test]
    fn it_survives_storage_and_its_list_verifies() {
        let (root, sub) = authorities();
        let stored = sub.to_pem().unwrap();
        let again = Authority::from_pem(stored.as_bytes()).unwrap();
        assert_eq!(again.chain(), [sub.certificate().clone(), root.certificate().clone()]);
        let list = X509Crl::from_der(&again.crl(NOW).unwrap()).unwrap();
        assert!(list.verify(&sub.certificate().public_key().unwrap()).unwrap());
        let mixed = [root.to_pem().unwrap().as_bytes(), stored.as_bytes()].concat();
        assert!(Authority::from_pem(&mixed).is_ok(), "the first key and certificate count");
        let foreign = format!(
            "{}{}",
            private_pem(&fresh_key().unwrap()).unwrap().as_str(),
            root.certificate().to_pem()
        );
        assert!(matches!(Authority::from_pem(foreign.as_bytes()), Err(AuthorityError::Damaged)));
    }

    #[test]
    fn every_profile_has_a_path() {
        let (root, sub) = authorities();
        let validity = Validity::days(NOW, 30);
        let trust = TrustStore::new(vec![root.certificate().clone()]);
        let middle = [sub.certificate().clone()];
        let log_key = PKey::generate_ed25519().unwrap().public_key_to_der().unwrap();
        let log = sub.issue_signer(&log_key, &Subject::named("TEST log"), 9, validity, Profile::Log).unwrap();
        assert_eq!(log.key_kind(), KeyKind::Ed25519);
        assert_eq!(log.spki_der(), log_key);
        let (card, p12) = sub.issue_client_p12(&Subject::named("TEST card"), "mật khẩu", validity).unwrap();
        let opened = Pkcs12::from_der(&p12).unwrap().parse2("mật khẩu").unwrap();
        assert_eq!(opened.cert.unwrap().to_der().unwrap(), card.to_der());
        let server = sub.issue_tls_server(&["localhost", "127.0.0.1"], validity).unwrap();
        let chain = Certificate::all_from_pem(server.chain_pem.as_bytes()).unwrap();
        assert_eq!(chain.len(), 2, "the root is not sent");
        assert_eq!(chain[1], middle[0]);
        let key = PKey::private_key_from_pem(server.key_pem.as_bytes()).unwrap();
        assert!(chain[0].public_key().unwrap().public_eq(&key));
        for leaf in [&log, &card, &chain[0]] {
            assert_eq!(trust.path(leaf, &middle, NOW).unwrap().len(), 3);
        }
    }
}
