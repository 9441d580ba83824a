//! Tokens by label: which slot holds one, and what it can do.
//!
//! A slot's number means nothing for long: `SoftHSM2` gives a token another one when it is initialised,
//! and cards move between readers. So the slot of a label is remembered, but its token's label is read
//! again before each use.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use cryptoki::context::Pkcs11;
use cryptoki::error::{Error as Ck, RvError};
use cryptoki::mechanism::MechanismType;
use cryptoki::slot::{Slot, TokenInfo as CkTokenInfo};

use crate::error::{Fault, TokenError};
use crate::{TokenLabel, TriesLeft};

/// The slots that were found, by their token's label.
#[derive(Debug)]
pub(crate) struct Slots {
    pkcs11: Pkcs11,
    known: Mutex<HashMap<TokenLabel, Place>>,
}

/// Where a token is and what it can do.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) slot: Slot,
    pub(crate) mechanisms: Mechanisms,
}

/// The mechanisms of one token, from `C_GetMechanismList`.
#[derive(Clone, Debug)]
pub(crate) struct Mechanisms(std::sync::Arc<[MechanismType]>);

impl Mechanisms {
    pub(crate) fn offers(&self, mechanism: MechanismType) -> bool {
        self.0.contains(&mechanism)
    }
}

impl Slots {
    pub(crate) fn new(pkcs11: Pkcs11) -> Self {
        Self { pkcs11, known: Mutex::default() }
    }

    /// Finds the one token with this label.
    pub(crate) fn find(&self, label: &TokenLabel) -> Result<Place, Fault> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(label).cloned();
        if let Some(place) = known
            && self.info(place.slot)?.is_some_and(|info| info.label() == label.as_str())
        {
            return Ok(place);
        }
        let place = self.look_up(label);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match &place {
            Ok(place) => known.insert(label.clone(), place.clone()),
            Err(_) => known.remove(label),
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
        match self.info(slot) {
            Ok(Some(info)) if info.user_pin_final_try() => TriesLeft::One,
            Ok(Some(info)) if info.user_pin_count_low() => TriesLeft::Few,
            Ok(_) | Err(_) => TriesLeft::Several,
        }
    }

    fn look_up(&self, label: &TokenLabel) -> Result<Place, Fault> {
        let found: Vec<Slot> = self
            .all()?
            .into_iter()
            .filter(|(_, info)| info.token_initialized() && info.label() == label.as_str())
            .map(|(slot, _)| slot)
            .collect();
        match found.as_slice() {
            [slot] => Ok(Place {
                slot: *slot,
                mechanisms: Mechanisms(self.pkcs11.get_mechanism_list(*slot)?.into()),
            }),
            [] => Err(TokenError::TokenNotFound { label: label.clone() }.into()),
            [..] => Err(TokenError::TokenNotUnique { label: label.clone(), n: found.len() }.into()),
        }
    }

    /// `None` if the slot or its token went away between two calls.
    fn info(&self, slot: Slot) -> Result<Option<CkTokenInfo>, Fault> {
        match self.pkcs11.get_token_info(slot) {
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
