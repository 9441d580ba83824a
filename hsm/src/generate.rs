//! Keys made inside a token, that stay there.

use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, ObjectHandle};
use cryptoki::session::Session;
use cryptoki::types::Ulong;

use crate::door::LoggedIn;
use crate::error::{Fault, TokenError};
use crate::quirks::CurveForm;
use crate::spki::{self, PublicKeyDer};
use crate::{KeyLabel, keys};

/// The curve P-256 as an OID, DER. Source: `docs/sources.md`, entry `rfc5480`.
pub(crate) const P256_OID_DER: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// The curve P-384 as an OID, DER. Source: `docs/sources.md`, entry `rfc5480`.
pub(crate) const P384_OID_DER: [u8; 7] = [0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
/// Ed25519 as an OID, DER. Source: `docs/sources.md`, entry `rfc8410`.
const ED25519_OID_DER: [u8; 5] = [0x06, 0x03, 0x2b, 0x65, 0x70];
/// `edwards25519` as a `PrintableString`, DER. Source: `docs/sources.md`, entry `pkcs11` (v3.0, 2.3.10).
const ED25519_NAME_DER: [u8; 14] = *b"\x13\x0cedwards25519";
/// 65537.
const RSA_EXPONENT: [u8; 3] = [1, 0, 1];
const AES_256_LEN_BYTES: u64 = 32;

/// The kinds of key pairs that are made.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum KeyKind {
    /// ECDSA on P-256.
    EcP256,
    /// ECDSA on P-384.
    EcP384,
    /// Ed25519.
    Ed25519,
    /// RSA of 2048 bits.
    Rsa2048,
    /// RSA of 3072 bits.
    Rsa3072,
}

impl KeyKind {
    pub(crate) const fn mechanism(self) -> (Mechanism<'static>, MechanismType, &'static str) {
        match self {
            Self::EcP256 | Self::EcP384 => {
                (Mechanism::EccKeyPairGen, MechanismType::ECC_KEY_PAIR_GEN, "CKM_EC_KEY_PAIR_GEN")
            }
            Self::Ed25519 => (
                Mechanism::EccEdwardsKeyPairGen,
                MechanismType::ECC_EDWARDS_KEY_PAIR_GEN,
                "CKM_EC_EDWARDS_KEY_PAIR_GEN",
            ),
            Self::Rsa2048 | Self::Rsa3072 => (
                Mechanism::RsaPkcsKeyPairGen,
                MechanismType::RSA_PKCS_KEY_PAIR_GEN,
                "CKM_RSA_PKCS_KEY_PAIR_GEN",
            ),
        }
    }

    fn parameters(self, curve_form: CurveForm) -> Vec<Attribute> {
        let rsa = |n_bits: u64| {
            vec![Attribute::ModulusBits(n_bits.into()), Attribute::PublicExponent(RSA_EXPONENT.to_vec())]
        };
        match self {
            Self::EcP256 => vec![Attribute::EcParams(P256_OID_DER.to_vec())],
            Self::EcP384 => vec![Attribute::EcParams(P384_OID_DER.to_vec())],
            Self::Ed25519 => vec![Attribute::EcParams(match curve_form {
                CurveForm::Oid => ED25519_OID_DER.to_vec(),
                CurveForm::Name => ED25519_NAME_DER.to_vec(),
            })],
            Self::Rsa2048 => rsa(2048),
            Self::Rsa3072 => rsa(3072),
        }
    }
}

/// Makes a key pair for signing; an existing label is refused. The caller keeps others from the label.
pub(crate) fn key_pair(logged_in: &LoggedIn, label: &KeyLabel, kind: KeyKind) -> Result<PublicKeyDer, Fault> {
    let LoggedIn { session, mechanisms, library, .. } = logged_in;
    let (mechanism, wanted, name) = kind.mechanism();
    if !mechanisms.offers(wanted) {
        return Err(TokenError::Unsupported { mechanism: name }.into());
    }
    refuse_existing(session, label)?;
    let mut public = vec![
        Attribute::Token(true),
        Attribute::Private(false),
        Attribute::Label(label.to_bytes()),
        Attribute::Id(label.to_bytes()),
        Attribute::Verify(true),
    ];
    public.extend(kind.parameters(library.quirks.ed25519_curve));
    let mut private = inside(label);
    private.extend([Attribute::Sign(true), Attribute::Decrypt(false), Attribute::Unwrap(false)]);
    let (public, private) = session.generate_key_pair(&mechanism, &public, &private)?;
    check_kept(session, label, &[private, public])?;
    spki::read(session, public).map_err(Fault::after_effect)
}

/// Makes an AES-256 key that wraps; an existing label is refused.
pub(crate) fn aes256(logged_in: &LoggedIn, label: &KeyLabel) -> Result<(), Fault> {
    let LoggedIn { session, mechanisms, .. } = logged_in;
    if !mechanisms.offers(MechanismType::AES_KEY_GEN) {
        return Err(TokenError::Unsupported { mechanism: "CKM_AES_KEY_GEN" }.into());
    }
    refuse_existing(session, label)?;
    let mut template = inside(label);
    let len: Ulong = AES_256_LEN_BYTES.into();
    template.extend([
        Attribute::ValueLen(len),
        Attribute::Encrypt(true),
        Attribute::Decrypt(true),
        Attribute::Wrap(false),
        Attribute::Unwrap(false),
    ]);
    let key = session.generate_key(&Mechanism::AesKeyGen, &template)?;
    check_kept(session, label, &[key])
}

fn refuse_existing(session: &Session, label: &KeyLabel) -> Result<(), Fault> {
    if keys::exists(session, label)? {
        Err(TokenError::KeyExists { label: label.clone() }.into())
    } else {
        Ok(())
    }
}

fn inside(label: &KeyLabel) -> Vec<Attribute> {
    vec![
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Label(label.to_bytes()),
        Attribute::Id(label.to_bytes()),
    ]
}

/// Asks the token what it made of the first object, and destroys all of them if it is not what was asked.
fn check_kept(session: &Session, label: &KeyLabel, made: &[ObjectHandle]) -> Result<(), Fault> {
    let Some(secret) = made.first() else { return Ok(()) };
    let Err(leaves) = keys::kept_inside(session, label, *secret, &[]) else { return Ok(()) };
    for object in made {
        session.destroy_object(*object).map_err(|error| Fault::from(error).after_effect())?;
    }
    Err(leaves.after_effect())
}
