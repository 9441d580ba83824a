//! An X.509 certificate, parsed once.

use std::fmt;
use std::sync::{Arc, OnceLock};

use cabinet::{Digest, Timestamp};
use const_oid::ObjectIdentifier;
use der::{Decode as _, Encode as _};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Public};
use openssl::x509::X509;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier};

pub(crate) mod fields;
mod seen;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const TIME_STAMPING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8");

/// A certificate: its exact bytes and what was parsed from them. A clone shares both.
#[derive(Clone)]
pub struct Certificate(Arc<Inner>);

struct Inner {
    der: Vec<u8>,
    parsed: x509_cert::Certificate,
    /// OpenSSL's form.
    x509: X509,
    /// Made at its first use: signatures are checked many times a second.
    key: OnceLock<PKey<Public>>,
    /// The fingerprint of an issuer's certificate whose key was found to have signed this one.
    signed_by: OnceLock<Digest>,
}

/// The kind of key that a certificate certifies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyKind {
    /// ECDSA on NIST P-256.
    EcP256,
    /// ECDSA on NIST P-384.
    EcP384,
    /// RSA, with its modulus in bits.
    Rsa {
        /// Length of the modulus.
        modulus_bits: u32,
    },
    /// Ed25519, as used by log keys.
    Ed25519,
    /// Anything else; such certificates are carried, not signed with.
    Other,
}

/// The bytes are no certificate.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not an X.509 certificate ({0}): give one certificate, DER or PEM")]
pub struct NotACertificate(String);

impl Certificate {
    /// Parses one DER certificate; nothing may follow it. Two readers must take it, `x509-cert` and OpenSSL, because
    /// both speak of it later.
    ///
    /// # Errors
    ///
    /// [`NotACertificate`]: ask for the file again.
    pub fn from_der(der: &[u8]) -> Result<Self, NotACertificate> {
        if let Some(seen) = seen::find(der) {
            return Ok(Self(seen));
        }
        let parsed = x509_cert::Certificate::from_der(der).map_err(|e| NotACertificate(e.to_string()))?;
        let x509 = X509::from_der(der).map_err(|e| NotACertificate(e.to_string()))?;
        // Nothing protects what lies outside of what is signed: it has one form.
        if x509.to_der().map_err(|e| NotACertificate(e.to_string()))? != der {
            return Err(NotACertificate("not in its one encoding".to_owned()));
        }
        let (key, signed_by) = (OnceLock::new(), OnceLock::new());
        let inner = Arc::new(Inner { der: der.to_vec(), parsed, x509, key, signed_by });
        seen::keep(&inner);
        Ok(Self(inner))
    }

    /// Parses the one certificate in a PEM text.
    ///
    /// # Errors
    ///
    /// [`NotACertificate`]: also when there are several; see [`Certificate::all_from_pem`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, NotACertificate> {
        match <[Self; 1]>::try_from(Self::all_from_pem(pem)?) {
            Ok([certificate]) => Ok(certificate),
            Err(found) => Err(NotACertificate(format!("{} certificates in the text", found.len()))),
        }
    }

    /// Parses every certificate of a PEM text, in its order.
    ///
    /// # Errors
    ///
    /// [`NotACertificate`]: one of them does not parse, or there is none.
    pub fn all_from_pem(pem: &[u8]) -> Result<Vec<Self>, NotACertificate> {
        let stack = X509::stack_from_pem(pem).map_err(|e| NotACertificate(e.to_string()))?;
        if stack.is_empty() {
            return Err(NotACertificate("no PEM block".to_owned()));
        }
        stack.iter().map(|x509| Self::from_x509(x509)).collect()
    }

    pub(crate) fn from_x509(x509: &openssl::x509::X509Ref) -> Result<Self, NotACertificate> {
        Self::from_der(&x509.to_der().map_err(|e| NotACertificate(e.to_string()))?)
    }

    /// The certificate's bytes, exactly as they were given.
    #[must_use]
    pub fn to_der(&self) -> &[u8] {
        &self.0.der
    }

    /// The certificate as PEM text.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem("CERTIFICATE", &self.0.der)
    }

    /// SHA-256 of the certificate's bytes.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        Digest::of(&self.0.der)
    }

    /// The subject's common name; empty if it has none.
    #[must_use]
    pub fn common_name(&self) -> String {
        common_name(&self.0.parsed.tbs_certificate.subject)
    }

    /// The issuer's common name; empty if it has none.
    #[must_use]
    pub fn issuer_common_name(&self) -> String {
        common_name(&self.0.parsed.tbs_certificate.issuer)
    }

    /// The subject as RFC 4514 text.
    #[must_use]
    pub fn subject(&self) -> String {
        self.0.parsed.tbs_certificate.subject.to_string()
    }

    /// The serial number as lower-case hex.
    #[must_use]
    pub fn serial(&self) -> String {
        hex::encode(self.0.parsed.tbs_certificate.serial_number.as_bytes())
    }

    /// The first instant of the validity.
    #[must_use]
    pub fn not_before(&self) -> Timestamp {
        timestamp(self.0.parsed.tbs_certificate.validity.not_before)
    }

    /// The last second of the validity.
    #[must_use]
    pub fn not_after(&self) -> Timestamp {
        timestamp(self.0.parsed.tbs_certificate.validity.not_after)
    }

    /// Whether `at` lies within the validity, ends included.
    #[must_use]
    pub fn is_valid_at(&self, at: Timestamp) -> bool {
        self.not_before().as_seconds() <= at.as_seconds() && at.as_seconds() <= self.not_after().as_seconds()
    }

    /// The subject's public key as DER `SubjectPublicKeyInfo`; empty only if re-encoding fails.
    #[must_use]
    pub fn spki_der(&self) -> Vec<u8> {
        self.0.parsed.tbs_certificate.subject_public_key_info.to_der().unwrap_or_default()
    }

    /// The kind of the subject's key.
    #[must_use]
    pub fn key_kind(&self) -> KeyKind {
        let Ok(key) = self.public_key() else { return KeyKind::Other };
        match key.id() {
            openssl::pkey::Id::EC => match key.ec_key().ok().and_then(|ec| ec.group().curve_name()) {
                Some(Nid::X9_62_PRIME256V1) => KeyKind::EcP256,
                Some(Nid::SECP384R1) => KeyKind::EcP384,
                Some(_) | None => KeyKind::Other,
            },
            openssl::pkey::Id::RSA | openssl::pkey::Id::RSA_PSS => KeyKind::Rsa { modulus_bits: key.bits() },
            openssl::pkey::Id::ED25519 => KeyKind::Ed25519,
            _ => KeyKind::Other,
        }
    }

    /// Whether the key usage allows signatures on documents: digitalSignature or nonRepudiation,
    /// and no certification authority.
    #[must_use]
    pub fn may_sign_documents(&self) -> bool {
        let tbs = &self.0.parsed.tbs_certificate;
        let is_authority = !matches!(
            tbs.get::<BasicConstraints>(),
            Ok(None | Some((_, BasicConstraints { ca: false, .. })))
        );
        let allows = match tbs.get::<KeyUsage>() {
            Ok(Some((_, usage))) => usage.digital_signature() || usage.non_repudiation(),
            Ok(None) | Err(_) => false,
        };
        allows && !is_authority
    }

    /// Whether the certificate is for time-stamps and nothing else: the extended key usage is critical
    /// and names that one purpose.
    ///
    /// Source: `docs/sources.md`, entry `rfc3161`.
    #[must_use]
    pub fn is_for_time_stamps_only(&self) -> bool {
        match self.0.parsed.tbs_certificate.get::<ExtendedKeyUsage>() {
            Ok(Some((true, ExtendedKeyUsage(purposes)))) => purposes == [TIME_STAMPING],
            Ok(Some((false, _)) | None) | Err(_) => false,
        }
    }

    /// The key usage; `None` without that extension.
    pub(crate) fn key_usage(&self) -> der::Result<Option<KeyUsage>> {
        Ok(self.0.parsed.tbs_certificate.get::<KeyUsage>()?.map(|(_, usage)| usage))
    }

    pub(crate) fn public_key(&self) -> Result<PKey<Public>, ErrorStack> {
        if let Some(key) = self.0.key.get() {
            return Ok(key.clone());
        }
        let key = self.x509().public_key()?;
        Ok(self.0.key.get_or_init(|| key).clone())
    }

    /// OpenSSL's form.
    pub(crate) fn x509(&self) -> X509 {
        self.0.x509.clone()
    }

    /// Whether the signature on this certificate was checked before, and is by the key of `issuer`.
    ///
    /// Only that: whether the algorithm is accepted, and who `issuer` is, is asked each time.
    pub(crate) fn is_known_to_be_signed_by(&self, issuer: &Self) -> bool {
        self.0.signed_by.get().is_some_and(|signer| *signer == issuer.fingerprint())
    }

    /// Remembers that the signature on this certificate is by the key of `issuer`.
    pub(crate) fn found_signed_by(&self, issuer: &Self) {
        self.0.signed_by.get_or_init(|| issuer.fingerprint());
    }

    /// The subject key identifier, if the certificate has one.
    pub(crate) fn subject_key_id(&self) -> Option<Vec<u8>> {
        let (_, id) = self.0.parsed.tbs_certificate.get::<SubjectKeyIdentifier>().ok()??;
        Some(id.0.as_bytes().to_vec())
    }

    /// The subject's name as DER.
    pub(crate) fn subject_der(&self) -> der::Result<Vec<u8>> {
        self.0.parsed.tbs_certificate.subject.to_der()
    }

    /// The subject's other names: the DER `GeneralNames` of the extension.
    pub(crate) fn other_names(&self) -> Option<&[u8]> {
        let extensions = self.0.parsed.tbs_certificate.extensions.as_ref()?;
        let names = extensions.iter().find(|extension| extension.extn_id == SUBJECT_ALT_NAME)?;
        Some(names.extn_value.as_bytes())
    }

    /// What the issuer signed, parsed.
    pub(crate) fn to_be_signed(&self) -> &x509_cert::TbsCertificate {
        &self.0.parsed.tbs_certificate
    }

    /// The issuer's name and the serial number, each as DER.
    pub(crate) fn issuer_and_serial(&self) -> der::Result<(Vec<u8>, Vec<u8>)> {
        let tbs = &self.0.parsed.tbs_certificate;
        Ok((tbs.issuer.to_der()?, tbs.serial_number.to_der()?))
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.0.der == other.0.der
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("serial", &self.serial())
            .field("fingerprint", &self.fingerprint())
            .finish()
    }
}

/// Writes PEM with lines of 64 characters.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    use base64ct::{Base64, Encoding as _};
    let encoded = Base64::encode_string(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in encoded.as_bytes().chunks(64) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

fn common_name(name: &x509_cert::name::Name) -> String {
    name.0
        .iter()
        .flat_map(|rdn| rdn.0.iter())
        .rfind(|attribute| attribute.oid == COMMON_NAME)
        .map(|attribute| String::from_utf8_lossy(attribute.value.value()).into_owned())
        .unwrap_or_default()
}

fn timestamp(time: x509_cert::time::Time) -> Timestamp {
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_micros(0).plus_seconds(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::Authority;
    use crate::testing::NOW;

    /// `x509-cert` takes an object identifier with a leading zero group, OpenSSL does not: nobody may see two
    /// certificates in one.
    #[test]
    fn what_only_one_of_two_readers_takes_is_no_certificate() {
        const ECDSA: &[u8] = b"\x2a\x86\x48\xce\x3d\x04\x03\x02";
        let root = Authority::create_root("TEST root", NOW).unwrap();
        let der = root.certificate().to_der();
        for at in (0..der.len()).filter(|at| der[*at..].starts_with(ECDSA)) {
            let mut sneaky = der.to_vec();
            sneaky[at + 1..at + 3].copy_from_slice(&[0x80, 0x00]);
            assert!(Certificate::from_der(&sneaky).is_err(), "at {at}");
        }
    }

    /// Else the same certificate has several fingerprints, and one that was read from PEM is another.
    #[test]
    fn unused_bits_of_the_signature_are_not_free() {
        let root = Authority::create_root("TEST root", NOW).unwrap();
        let mut sneaky = root.certificate().to_der().to_vec();
        let value = sneaky.windows(2).rposition(|pair| pair == [0, 0x30]).unwrap();
        sneaky[value] = 4;
        *sneaky.last_mut().unwrap() |= 0x0f;
        assert!(Certificate::from_der(&sneaky).is_err());
    }
}
