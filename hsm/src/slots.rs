//! Tokens by name: which slot holds one, and what it can do.
//!
//! A slot's number means nothing for long: `SoftHSM2` gives a token another one when it is initialised,
//! and cards move between readers. So the slot of a token is remembered, but what the token says of itself
//! is read again before each use.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use cryptoki::context::Pkcs11;
use cryptoki::error::{Error as Ck, RvError};
use cryptoki::mechanism::MechanismType;
use cryptoki::slot::{Slot, TokenInfo as CkTokenInfo};

use crate::error::{Fault, TokenError};
use crate::quirks::PinFlags;
use crate::raw::Raw;
use crate::{TokenName, TriesLeft};

/// The slots that were found, by their token's name.
#[derive(Debug)]
pub(crate) struct Slots {
    pkcs11: Pkcs11,
    raw: Arc<Raw>,
    pin_flags: PinFlags,
    known: Mutex<HashMap<TokenName, Place>>,
}

/// What tells one token from every other, whatever it was called by.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Identity {
    label: String,
    serial: String,
}

impl Identity {
    fn of(info: &CkTokenInfo) -> Self {
        Self { label: info.label().to_owned(), serial: info.serial_number().to_owned() }
    }

    fn answers_to(&self, name: &TokenName) -> bool {
        match name {
            TokenName::Label(label) => self.label == label.as_str(),
            TokenName::Serial(serial) => self.serial == serial.as_str(),
        }
    }
}

/// Where a token is and what it can do.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) slot: Slot,
    pub(crate) identity: Identity,
    pub(crate) mechanisms: Mechanisms,
}

/// The mechanisms of one token, from `C_GetMechanismList`.
#[derive(Clone, Debug)]
pub(crate) struct Mechanisms(Arc<[MechanismType]>);

impl Mechanisms {
    pub(crate) fn none() -> Self {
        Self(Vec::new().into())
    }

    pub(crate) fn offers(&self, mechanism: MechanismType) -> bool {
        self.0.contains(&mechanism)
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

impl Slots {
    pub(crate) fn new(pkcs11: Pkcs11, raw: Arc<Raw>, pin_flags: PinFlags) -> Self {
        Self { pkcs11, raw, pin_flags, known: Mutex::default() }
    }

    /// Finds the one token with this name.
    pub(crate) fn find(&self, name: &TokenName) -> Result<Place, Fault> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if let Some(place) = known
            && self.info(place.slot)?.is_some_and(|info| Identity::of(&info) == place.identity)
        {
            return Ok(place);
        }
        let place = self.look_up(name);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match &place {
            Ok(place) => known.insert(name.clone(), place.clone()),
            Err(_) => known.remove(name),
        };
        place
    }

    /// Every slot with a token in it, initialised or not.
    pub(crate) fn all(&self) -> Result<Vec<(Slot, CkTokenInfo)>, Fault> {
        let slots = self.pkcs11.get_slots_with_token()?;
        let mut found = Vec::with_capacity(slots.len());
        for slot in slots {
            if let Some(info) = self.info(slot)? {
                found.push((slot, info));
            }
        }
        Ok(found)
    }

    /// What the token's flags say about its user PIN, if it can be asked.
    pub(crate) fn tries_left(&self, slot: Slot) -> TriesLeft {
        if self.pin_flags == PinFlags::Unreliable {
            return TriesLeft::Unknown;
        }
        match self.info(slot) {
            Ok(Some(info)) if info.user_pin_final_try() => TriesLeft::One,
            Ok(Some(info)) if info.user_pin_count_low() => TriesLeft::Few,
            Ok(_) | Err(_) => TriesLeft::Several,
        }
    }

    fn look_up(&self, name: &TokenName) -> Result<Place, Fault> {
        let found: Vec<(Slot, Identity)> = self
            .all()?
            .into_iter()
            .filter(|(_, info)| info.token_initialized())
            .map(|(slot, info)| (slot, Identity::of(&info)))
            .filter(|(_, identity)| identity.answers_to(name))
            .collect();
        match found.as_slice() {
            [(slot, identity)] => {
                Ok(Place { slot: *slot, identity: identity.clone(), mechanisms: self.mechanisms(*slot)? })
            }
            [] => Err(TokenError::TokenNotFound { token: name.clone() }.into()),
            [..] => Err(TokenError::TokenNotUnique { token: name.clone(), n: found.len() }.into()),
        }
    }

    pub(crate) fn mechanisms(&self, slot: Slot) -> Result<Mechanisms, Fault> {
        Ok(Mechanisms(self.pkcs11.get_mechanism_list(slot)?.into()))
    }

    /// `None` if the slot or its token went away between two calls.
    fn info(&self, slot: Slot) -> Result<Option<CkTokenInfo>, Fault> {
        match self.raw.token_info(slot) {
            Ok(info) => Ok(Some(info)),
            Err(Ck::Pkcs11(
                RvError::SlotIdInvalid
                | RvError::TokenNotPresent
                | RvError::TokenNotRecognized
                | RvError::DeviceRemoved,
                _,
            )) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
