//! Certification requests (PKCS #10) over a key that lives in a token: prepared here, signed there, checked here.
//!
//! Source: `docs/sources.md`, entry `rfc2986`.

use cabinet::Digest;
use const_oid::ObjectIdentifier;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Public};
use openssl::x509::X509Req;

use crate::algorithm::oid;
use crate::authority::Subject;
use crate::{Invalid, SignatureAlgorithm, tlv};

/// Longest name in a subject, in characters (`ub-common-name`, `ub-organization-name` of RFC 5280).
const MAX_NAME_CHARS: usize = 64;
/// Largest request that is looked at, in bytes.
const MAX_REQUEST_BYTES: usize = 64 << 10;
/// Smallest RSA key that is asked for, in bits.
const MIN_RSA_BITS: u32 = 2048;

const COUNTRY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.6");
const ORGANISATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const PRINTABLE_STRING: u8 = 0x13;
const UTF8_STRING: u8 = 0x0c;

/// A request that only lacks its signature.
#[derive(Clone, Debug)]
pub struct Prepared {
    info: Vec<u8>,
    algorithm: SignatureAlgorithm,
}

/// There can be no such request.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotRequestable {
    /// A name cannot stand in a certificate.
    #[error("{0:?} cannot be a name in a certificate: give 1 to 64 characters without control characters")]
    Name(String),
    /// The key, its signature or the request.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

/// A request whose signature was verified: whoever made it held the key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Requested {
    /// The public key, DER `SubjectPublicKeyInfo`.
    pub spki_der: Vec<u8>,
    /// Whom the certificate shall name.
    pub subject: Subject,
}

/// Prepares the request for a certificate of `subject` over the key `spki_der` (DER `SubjectPublicKeyInfo`).
///
/// # Errors
///
/// [`NotRequestable::Name`]; [`Invalid::Algorithm`] unless the key is P-256 or RSA of 2048 bits and more.
pub fn prepare(spki_der: &[u8], subject: &Subject) -> Result<Prepared, NotRequestable> {
    let key = PKey::public_key_from_der(spki_der).map_err(Invalid::from)?;
    let algorithm = algorithm(&key)?;
    let mut name = rdn(COUNTRY, PRINTABLE_STRING, "VN")?;
    if let Some(organisation) = &subject.organisation {
        name.extend(rdn(ORGANISATION, UTF8_STRING, organisation)?);
    }
    name.extend(rdn(COMMON_NAME, UTF8_STRING, &subject.common_name)?);
    let info = tlv::write(
        tlv::SEQUENCE,
        &[
            &tlv::write(tlv::INTEGER, &[&[0]]),
            &tlv::write(tlv::SEQUENCE, &[&name]),
            spki_der,
            &tlv::write(tlv::context(0), &[]),
        ],
    );
    Ok(Prepared { info, algorithm })
}

impl Prepared {
    /// The bytes that the token must sign: `CertificationRequestInfo`.
    #[must_use]
    pub fn to_sign(&self) -> &[u8] {
        &self.info
    }

    /// Their SHA-256 digest.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.info)
    }

    /// The algorithm that the token must use.
    #[must_use]
    pub const fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    /// Returns the finished request in DER, after checking the signature with the key in it.
    ///
    /// # Errors
    ///
    /// [`Invalid::SignatureWrong`]: `raw` was not made by this key; sign again, then suspect the token.
    pub fn embed(self, raw: &[u8]) -> Result<Vec<u8>, Invalid> {
        let value = self.algorithm.cms_value(raw)?;
        let signature = tlv::write(tlv::BIT_STRING, &[&[0], &value]);
        let request = tlv::write(tlv::SEQUENCE, &[&self.info, &self.algorithm.identifier(), &signature]);
        self_signed(&request)?;
        Ok(request)
    }
}

/// The request as PEM, as an authority takes it.
#[must_use]
pub fn to_pem(request: &[u8]) -> String {
    crate::certificate::pem("CERTIFICATE REQUEST", request)
}

/// Verifies a request in DER: whoever sent it held the key. That he is whom he names is for people to check.
///
/// # Errors
///
/// [`Invalid`]: ask for a new request.
pub fn verify(request: &[u8]) -> Result<Requested, Invalid> {
    if request.len() > MAX_REQUEST_BYTES {
        return Err(Invalid::Structure("a request larger than 64 kB"));
    }
    tlv::only(request, tlv::SEQUENCE)?;
    let (parsed, key) = self_signed(request)?;
    algorithm(&key)?;
    let text = |nid| -> Result<Option<String>, Invalid> {
        let Some(entry) = parsed.subject_name().entries_by_nid(nid).last() else { return Ok(None) };
        Ok(Some(entry.data().to_string()?))
    };
    let common_name = text(Nid::COMMONNAME)?.ok_or(Invalid::Structure("a request without a common name"))?;
    let subject = Subject { common_name, organisation: text(Nid::ORGANIZATIONNAME)? };
    Ok(Requested { spki_der: key.public_key_to_der()?, subject })
}

fn self_signed(request: &[u8]) -> Result<(X509Req, PKey<Public>), Invalid> {
    let parsed = X509Req::from_der(request).ok().ok_or(Invalid::NotDer)?;
    let key = parsed.public_key()?;
    if parsed.verify(&key).unwrap_or(false) { Ok((parsed, key)) } else { Err(Invalid::SignatureWrong) }
}

fn algorithm(key: &PKey<Public>) -> Result<SignatureAlgorithm, Invalid> {
    match key.id() {
        Id::EC if key.ec_key()?.group().curve_name() == Some(Nid::X9_62_PRIME256V1) => {
            Ok(SignatureAlgorithm::EcdsaP256Sha256)
        }
        Id::EC if key.ec_key()?.group().curve_name() == Some(Nid::SECP384R1) => {
            Ok(SignatureAlgorithm::EcdsaP384Sha384)
        }
        Id::RSA if key.bits() >= MIN_RSA_BITS => Ok(SignatureAlgorithm::RsaPkcs1Sha256),
        other => Err(Invalid::Algorithm(format!("{other:?} of {} bits", key.bits()))),
    }
}

fn rdn(kind: ObjectIdentifier, string: u8, text: &str) -> Result<Vec<u8>, NotRequestable> {
    let n_chars = text.chars().count();
    if text.trim().is_empty() || n_chars > MAX_NAME_CHARS || text.chars().any(char::is_control) {
        return Err(NotRequestable::Name(text.to_owned()));
    }
    let value = tlv::write(tlv::SEQUENCE, &[&oid(kind), &tlv::write(string, &[text.as_bytes()])]);
    Ok(tlv::write(tlv::SET, &[&value]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn subject() -> Subject {
        Subject::named("Nguyễn Thị Ễ (THỬ NGHIỆM)").of("Văn phòng Chính phủ (THỬ NGHIỆM)")
    }

    #[test]
    fn openssl_verifies_our_requests_and_reads_the_vietnamese_names() {
        for key in [testing::ec_key(), testing::rsa_key(2048)] {
            let spki = key.public_key_to_der().unwrap();
            let prepared = prepare(&spki, &subject()).unwrap();
            let raw = testing::sign_raw(&key, prepared.algorithm(), prepared.to_sign());
            let request = prepared.embed(&raw).unwrap();
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), to_pem(&request)).unwrap();
            let judge = std::process::Command::new("openssl")
                .args(["req", "-verify", "-noout", "-subject", "-nameopt", "utf8,sep_comma_plus", "-in"])
                .arg(file.path())
                .output()
                .unwrap();
            let says = String::from_utf8([judge.stdout, judge.stderr].concat()).unwrap();
            assert!(says.contains("verify OK"), "{says}");
            assert!(
                says.contains("C=VN,O=Văn phòng Chính phủ (THỬ NGHIỆM),CN=Nguyễn Thị Ễ (THỬ NGHIỆM)"),
                "{says}"
            );
            let requested = verify(&request).unwrap();
            assert_eq!(requested, Requested { spki_der: spki, subject: subject() });
        }
    }

    #[test]
    fn the_requests_of_openssl_verify_and_no_altered_one_does() {
        let folder = tempfile::tempdir().unwrap();
        let judge = std::process::Command::new("openssl")
            .args(["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-utf8"])
            .args(["-subj", "/C=VN/O=Bộ (TEST)/CN=Trần (TEST)", "-outform", "DER", "-keyout"])
            .arg(folder.path().join("key"))
            .arg("-out")
            .arg(folder.path().join("request"))
            .output()
            .unwrap();
        assert!(judge.status.success());
        let mut request = std::fs::read(folder.path().join("request")).unwrap();
        assert_eq!(verify(&request).unwrap().subject, Subject::named("Trần (TEST)").of("Bộ (TEST)"));
        for at in 0..request.len() {
            request[at] ^= 1;
            assert!(verify(&request).is_err(), "byte {at}");
            request[at] ^= 1;
        }
        assert!(verify(&[request.as_slice(), &[0]].concat()).is_err());
    }

    #[test]
    fn weak_keys_odd_names_and_wrong_signatures_are_refused() {
        let key = testing::ec_key();
        let spki = key.public_key_to_der().unwrap();
        for name in ["", "  ", "a\nb", &"ễ".repeat(65)] {
            assert!(matches!(prepare(&spki, &Subject::named(name)), Err(NotRequestable::Name(_))));
        }
        prepare(&spki, &Subject::named(&"ễ".repeat(64))).unwrap();
        let weak = testing::rsa_key(1024).public_key_to_der().unwrap();
        assert!(matches!(prepare(&weak, &subject()), Err(NotRequestable::Invalid(Invalid::Algorithm(_)))));
        let prepared = prepare(&spki, &subject()).unwrap();
        let raw = testing::sign_raw(&testing::ec_key(), prepared.algorithm(), prepared.to_sign());
        assert_eq!(prepared.embed(&raw).unwrap_err(), Invalid::SignatureWrong);
    }
}
