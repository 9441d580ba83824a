//! Keys by label.

use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;

use crate::error::{Fault, TokenError};
use crate::generate::{P256_OID_DER, P384_OID_DER};
use crate::{KeyLabel, Scheme};

/// What a private key wants before each use, besides the login.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Asks {
    Nothing,
    /// `CKA_ALWAYS_AUTHENTICATE`.
    PinEachTime,
}

/// The one private key that may sign by this scheme, if it cannot leave the token. Never found while logged
/// out: see `seat::examine`.
pub(crate) fn signing_key(
    session: &Session,
    label: &KeyLabel,
    scheme: Scheme,
) -> Result<(ObjectHandle, Asks), Fault> {
    let key = one(
        session,
        label,
        &[
            Attribute::Class(ObjectClass::PRIVATE_KEY),
            Attribute::KeyType(scheme.key_type()),
            Attribute::Sign(true),
            Attribute::Label(label.to_bytes()),
        ],
    )?;
    let curve: Option<&[u8]> = match scheme {
        Scheme::EcdsaSha256 => Some(&P256_OID_DER),
        Scheme::EcdsaSha384 => Some(&P384_OID_DER),
        Scheme::Ed25519 | Scheme::RsaPkcs1Sha256 | Scheme::RsaPssSha256 => None,
    };
    let more: &[AttributeType] = match curve {
        Some(_) => &[AttributeType::AlwaysAuthenticate, AttributeType::EcParams],
        None => &[AttributeType::AlwaysAuthenticate],
    };
    let rest = kept_inside(session, label, key, more)?;
    if let Some(curve) = curve
        && rest.iter().any(|read| matches!(read, Attribute::EcParams(params) if params != curve))
    {
        return Err(TokenError::Unsupported { mechanism: "this scheme with a key on another curve" }.into());
    }
    let asks =
        if rest.contains(&Attribute::AlwaysAuthenticate(true)) { Asks::PinEachTime } else { Asks::Nothing };
    Ok((key, asks))
}

/// The one AES key that wraps, if it cannot leave the token.
pub(crate) fn wrapping_key(session: &Session, label: &KeyLabel) -> Result<ObjectHandle, Fault> {
    let key = one(
        session,
        label,
        &[
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Label(label.to_bytes()),
        ],
    )?;
    kept_inside(session, label, key, &[])?;
    Ok(key)
}

/// The one public key.
pub(crate) fn public_key(session: &Session, label: &KeyLabel) -> Result<ObjectHandle, Fault> {
    one(session, label, &[Attribute::Class(ObjectClass::PUBLIC_KEY), Attribute::Label(label.to_bytes())])
}

/// Whether any private, public or secret key bears this label.
pub(crate) fn exists(session: &Session, label: &KeyLabel) -> Result<bool, Fault> {
    for class in [ObjectClass::PRIVATE_KEY, ObjectClass::SECRET_KEY, ObjectClass::PUBLIC_KEY] {
        let found = session.find_objects(&[Attribute::Class(class), Attribute::Label(label.to_bytes())])?;
        if !found.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Destroys every private, public and secret key with this label, the secret halves first; says how many objects went.
pub(crate) fn destroy(session: &Session, label: &KeyLabel) -> Result<usize, Fault> {
    let mut n_destroyed = 0_usize;
    for class in [ObjectClass::PRIVATE_KEY, ObjectClass::SECRET_KEY, ObjectClass::PUBLIC_KEY] {
        for key in session.find_objects(&[Attribute::Class(class), Attribute::Label(label.to_bytes())])? {
            session.destroy_object(key)?;
            n_destroyed = n_destroyed.saturating_add(1);
        }
    }
    Ok(n_destroyed)
}

/// Reads what says whether a secret can leave the token, and `more`; what `more` gave is returned.
///
/// An attribute that the token does not tell counts as the worse answer.
pub(crate) fn kept_inside(
    session: &Session,
    label: &KeyLabel,
    secret: ObjectHandle,
    more: &[AttributeType],
) -> Result<Vec<Attribute>, Fault> {
    let wanted = [
        Attribute::Token(true),
        Attribute::Sensitive(true),
        Attribute::AlwaysSensitive(true),
        Attribute::Extractable(false),
        Attribute::NeverExtractable(true),
    ];
    let types: Vec<AttributeType> =
        wanted.iter().map(Attribute::attribute_type).chain(more.iter().copied()).collect();
    let mut read = session.get_attributes(secret, &types)?;
    if !wanted.iter().all(|attribute| read.contains(attribute)) {
        return Err(TokenError::KeyNotProtected { label: label.clone() }.into());
    }
    read.retain(|attribute| !wanted.contains(attribute));
    Ok(read)
}

fn one(session: &Session, label: &KeyLabel, template: &[Attribute]) -> Result<ObjectHandle, Fault> {
    match session.find_objects(template)?.as_slice() {
        [key] => Ok(*key),
        [] => Err(TokenError::KeyNotFound { label: label.clone() }.into()),
        found => Err(TokenError::KeyNotUnique { label: label.clone(), n: found.len() }.into()),
    }
}
