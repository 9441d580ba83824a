//! Keys by label.

use cryptoki::object::{Attribute, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;

use crate::KeyLabel;
use crate::error::{Fault, TokenError};

/// The one private key of this type that may sign. Never found while logged out: see `seat::examine`.
pub(crate) fn signing_key(session: &Session, label: &KeyLabel, kind: KeyType) -> Result<ObjectHandle, Fault> {
    one(
        session,
        label,
        &[
            Attribute::Class(ObjectClass::PRIVATE_KEY),
            Attribute::KeyType(kind),
            Attribute::Sign(true),
            Attribute::Label(label.to_bytes()),
        ],
    )
}

/// The one AES key that wraps.
pub(crate) fn wrapping_key(session: &Session, label: &KeyLabel) -> Result<ObjectHandle, Fault> {
    one(
        session,
        label,
        &[
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Label(label.to_bytes()),
        ],
    )
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

fn one(session: &Session, label: &KeyLabel, template: &[Attribute]) -> Result<ObjectHandle, Fault> {
    match session.find_objects(template)?.as_slice() {
        [key] => Ok(*key),
        [] => Err(TokenError::KeyNotFound { label: label.clone() }.into()),
        found => Err(TokenError::KeyNotUnique { label: label.clone(), n: found.len() }.into()),
    }
}
