//! A public key as certificates carry it.
//!
//! Source: `docs/sources.md`, entries `rfc5280` (4.1.2.7), `rfc3279`, `rfc5480`, `rfc8410`.

use ::spki::{AlgorithmIdentifier, SubjectPublicKeyInfo};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{ID_EC_PUBLIC_KEY, RSA_ENCRYPTION, SECP_256_R_1, SECP_384_R_1};
use const_oid::db::rfc8410::ID_ED_25519;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectHandle};
use cryptoki::session::Session;
use der::asn1::{AnyRef, BitStringRef, Null, OctetStringRef, SequenceOf, UintRef};
use der::{Decode, Encode};

use crate::error::{Fault, TokenError};

/// An uncompressed point of P-256: 04, x, y.
const P256_POINT_LEN_BYTES: usize = 65;
/// The same of P-384.
const P384_POINT_LEN_BYTES: usize = 97;
const ED25519_KEY_LEN_BYTES: usize = 32;

/// A `SubjectPublicKeyInfo`, DER.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PublicKeyDer(Vec<u8>);

impl PublicKeyDer {
    /// The DER octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The DER octets, given away.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Reads a public key object.
pub(crate) fn read(session: &Session, key: ObjectHandle) -> Result<PublicKeyDer, Fault> {
    let kind = session.get_attributes(key, &[AttributeType::KeyType])?;
    let wanted = match kind.as_slice() {
        [Attribute::KeyType(KeyType::RSA)] => [AttributeType::Modulus, AttributeType::PublicExponent],
        [Attribute::KeyType(KeyType::EC | KeyType::EC_EDWARDS)] => {
            [AttributeType::EcParams, AttributeType::EcPoint]
        }
        _ => return Err(TokenError::Unsupported { mechanism: "keys of this type" }.into()),
    };
    let attributes = session.get_attributes(key, &wanted)?;
    let encoded = match attributes.as_slice() {
        [Attribute::Modulus(modulus), Attribute::PublicExponent(exponent)] => rsa(modulus, exponent),
        [Attribute::EcParams(params), Attribute::EcPoint(point)] => ec(params, point),
        _ => Err(der::ErrorKind::Failed.into()),
    };
    let der = encoded.map_err(|error| TokenError::Device {
        call: "C_GetAttributeValue",
        code: format!("a malformed public key, {error}"),
    })?;
    Ok(PublicKeyDer(der))
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> der::Result<Vec<u8>> {
    // RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }
    let mut key = SequenceOf::<UintRef<'_>, 2>::new();
    key.add(UintRef::new(modulus)?)?;
    key.add(UintRef::new(exponent)?)?;
    info(RSA_ENCRYPTION, Some(Null.into()), &key.to_der()?)
}

fn ec(params: &[u8], point: &[u8]) -> der::Result<Vec<u8>> {
    // PKCS#11 wants the point inside a DER OCTET STRING; some modules give it bare.
    let bare = OctetStringRef::from_der(point).map_or(point, |inner| inner.as_bytes());
    let curve = ObjectIdentifier::from_der(params).ok();
    match bare.len() {
        P256_POINT_LEN_BYTES if curve == Some(SECP_256_R_1) && bare.first() == Some(&4) => {
            info(ID_EC_PUBLIC_KEY, Some(AnyRef::from(&SECP_256_R_1)), bare)
        }
        P384_POINT_LEN_BYTES if curve == Some(SECP_384_R_1) && bare.first() == Some(&4) => {
            info(ID_EC_PUBLIC_KEY, Some(AnyRef::from(&SECP_384_R_1)), bare)
        }
        // The parameters are the OID or the name of the curve, as the module likes.
        ED25519_KEY_LEN_BYTES if curve.is_none_or(|oid| oid == ID_ED_25519) => info(ID_ED_25519, None, bare),
        _ => Err(der::ErrorKind::Failed.into()),
    }
}

fn info(oid: ObjectIdentifier, parameters: Option<AnyRef<'_>>, key: &[u8]) -> der::Result<Vec<u8>> {
    SubjectPublicKeyInfo {
        algorithm: AlgorithmIdentifier { oid, parameters },
        subject_public_key: BitStringRef::from_bytes(key)?,
    }
    .to_der()
}
