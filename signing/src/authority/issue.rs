//! How a certificate is put together, and what each purpose puts into it.

use std::net::IpAddr;

use cabinet::Timestamp;
use const_oid::ObjectIdentifier;
use openssl::asn1::{Asn1Integer, Asn1Object, Asn1OctetString, Asn1Time};
use openssl::bn::BigNum;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{HasPublic, PKeyRef, Private};
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
    SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509Extension, X509NameBuilder};

use super::{AuthorityError, Profile, Services, Subject, TEST_MARKS, Validity};
use crate::algorithm::oid;
use crate::{Certificate, ocsp, tlv};

/// Lifetime of a TEST authority, in seconds: twenty years, as Decree 68/2024 sets for authorities.
const AUTHORITY_LIFETIME_S: i64 = 20 * 365 * 86_400;
/// Extended key usage "document signing", RFC 9336.
const DOCUMENT_SIGNING: &str = "1.3.6.1.5.5.7.3.36";
/// Longest address in a certificate, in bytes.
const MAX_ADDRESS_BYTES: usize = 512;

const AUTHORITY_INFO_ACCESS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.1");
const ACCESS_OCSP: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1");
const ACCESS_ISSUER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.2");
const DISTRIBUTION_POINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.31");
/// `uniformResourceIdentifier` of a `GeneralName`.
const ADDRESS: u8 = 0x86;

/// What a certificate may be used for.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Purpose<'a> {
    Authority,
    Sign(Profile),
    TlsServer(&'a [&'a str]),
    TlsClient,
}

/// A certificate that was asked for.
#[derive(Clone, Copy)]
pub(super) struct Order<'a> {
    pub(super) subject: &'a Subject,
    pub(super) serial: Option<u64>,
    pub(super) validity: Validity,
    pub(super) purpose: Purpose<'a>,
    pub(super) is_leaf_issuer: bool,
}

impl<'a> Order<'a> {
    pub(super) const fn authority(subject: &'a Subject, now: Timestamp) -> Self {
        let validity = Validity { not_before: now, not_after: now.plus_seconds(AUTHORITY_LIFETIME_S) };
        Self { subject, serial: None, validity, purpose: Purpose::Authority, is_leaf_issuer: false }
    }
}

pub(super) fn issue<K: HasPublic>(
    order: &Order<'_>,
    key: &PKeyRef<K>,
    issuer: Option<&Certificate>,
    issuer_key: &PKeyRef<Private>,
    services: Option<&Services>,
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
    let issuer = issuer.map(Certificate::x509);
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
    if let Some(services) = services.filter(|_| order.purpose != Purpose::Sign(Profile::OcspResponder)) {
        for (id, value) in addresses(services)? {
            builder.append_extension(raw_extension(id, &value)?)?;
        }
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
        Purpose::Sign(Profile::OcspResponder) => {
            usage.digital_signature();
            extended.other("OCSPSigning");
            let no_check = raw_extension(ocsp::NO_CHECK, &ocsp::no_check_value())?;
            return Ok(vec![basic.build()?, usage.build()?, extended.build()?, no_check]);
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

/// Authority information access and the distribution point of the list.
fn addresses(services: &Services) -> Result<[(ObjectIdentifier, Vec<u8>); 2], AuthorityError> {
    let access =
        |kind, url: &str| Ok::<_, AuthorityError>(tlv::write(tlv::SEQUENCE, &[&oid(kind), &address(url)?]));
    let access =
        [access(ACCESS_OCSP, &services.ocsp_url)?, access(ACCESS_ISSUER, &services.issuer_url)?].concat();
    let full_name = tlv::write(tlv::context(0), &[&address(&services.crl_url)?]);
    let point = tlv::write(tlv::SEQUENCE, &[&tlv::write(tlv::context(0), &[&full_name])]);
    Ok([
        (AUTHORITY_INFO_ACCESS, tlv::write(tlv::SEQUENCE, &[&access])),
        (DISTRIBUTION_POINTS, tlv::write(tlv::SEQUENCE, &[&point])),
    ])
}

fn address(url: &str) -> Result<Vec<u8>, AuthorityError> {
    let is_address = url.len() <= MAX_ADDRESS_BYTES
        && url.bytes().all(|byte| byte.is_ascii_graphic())
        && (url.starts_with("http://") || url.starts_with("https://"));
    if !is_address {
        return Err(AuthorityError::NotAnAddress(url.to_owned()));
    }
    Ok(tlv::write(ADDRESS, &[url.as_bytes()]))
}

/// An extension that need not be understood, its value in DER.
fn raw_extension(id: ObjectIdentifier, value: &[u8]) -> Result<X509Extension, ErrorStack> {
    let id = Asn1Object::from_str(&id.to_string())?;
    X509Extension::new_from_der(&id, false, &*Asn1OctetString::new_from_bytes(value)?)
}
