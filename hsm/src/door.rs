//! The login of a pool: one token, one PIN, as many sessions as there are workers.
//!
//! Login is per token and process, and ends with the token's last session. The *anchor* is a session
//! that nobody uses, so that the login outlives idle workers.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cryptoki::error::{Error as Ck, RvError};
use cryptoki::session::{Session, SessionState, UserType};

use crate::error::{Fault, Sent, TokenError};
use crate::module::{Claim, Library};
use crate::quirks::Anchor;
use crate::slots::{Mechanisms, Place};
use crate::{Pin, TokenName, TriesLeft};

/// The way in to one token of the appliance.
pub(crate) struct Door {
    library: Arc<Library>,
    pin: Pin,
    anchor: Mutex<Option<Session>>,
    /// The token took the PIN once; until then, a login that is there already is not ours.
    pin_accepted: AtomicBool,
    /// The token refused the PIN: it is not tried again, lest it locks the token.
    pin_refused: Arc<AtomicBool>,
    /// It did so because its PIN is locked or was never set.
    pin_locked: AtomicBool,
    n_opened: AtomicU64,
    /// Held while a key is looked for and then made, so that one label is given once.
    pub(crate) making_key: Mutex<()>,
    /// Dropped last, after every session.
    claim: Claim,
}

/// A session of the user, and what its token can do.
pub(crate) struct LoggedIn {
    pub(crate) session: Session,
    pub(crate) mechanisms: Mechanisms,
    pub(crate) library: Arc<Library>,
    pub(crate) key_pin: KeyPin,
}

impl LoggedIn {
    /// Opens another session on the same token; the login is the token's.
    pub(crate) fn beside(&self) -> Result<Session, Fault> {
        let slot = self.session.get_session_info()?.slot_id();
        Ok(self.library.pkcs11.open_rw_session(slot)?)
    }
}

/// The PIN for keys that want it before each signature (`CKA_ALWAYS_AUTHENTICATE`).
pub(crate) struct KeyPin {
    pin: Pin,
    /// Shared by all who would give the same PIN: once refused, nobody gives it again.
    refused: Arc<AtomicBool>,
}

impl KeyPin {
    pub(crate) const fn new(pin: Pin, refused: Arc<AtomicBool>) -> Self {
        Self { pin, refused }
    }

    /// Gives the PIN for the one operation that `session` has begun.
    pub(crate) fn give(&self, session: &Session) -> Result<(), Fault> {
        if self.refused.load(Ordering::Relaxed) {
            return Err(TokenError::PinIncorrect { tries: TriesLeft::Unknown }.into());
        }
        session.login(UserType::ContextSpecific, Some(self.pin.secret())).map_err(|error| {
            let fault = Fault::from(error);
            if let Fault::Final(TokenError::PinIncorrect { .. } | TokenError::PinLocked) = fault {
                self.refused.store(true, Ordering::Relaxed);
            }
            fault
        })
    }
}

impl Door {
    pub(crate) fn new(library: Arc<Library>, token: TokenName, pin: Pin) -> Result<Self, TokenError> {
        library.check_pin_form(&pin)?;
        let claim = library.claim(token)?;
        Ok(Self {
            library,
            pin,
            anchor: Mutex::default(),
            pin_accepted: AtomicBool::new(false),
            pin_refused: Arc::default(),
            pin_locked: AtomicBool::new(false),
            n_opened: AtomicU64::new(0),
            making_key: Mutex::default(),
            claim,
        })
    }

    /// Opens a session that is logged in, with the anchor set anew if it was lost.
    pub(crate) fn enter(&self) -> Result<LoggedIn, Fault> {
        let place = self.library.slots.find(self.claim.name())?;
        self.claim.settle(&place)?;
        let session = match self.library.quirks.anchor {
            Anchor::Allowed => {
                self.hold_anchor(&place)?;
                self.library.pkcs11.open_rw_session(place.slot)?
            }
            Anchor::Forbidden => {
                // One at a time, lest two workers try a wrong PIN each.
                let _one_at_a_time = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
                self.log_in(&place)?
            }
        };
        if !is_user(&session)? {
            let call = "C_GetSessionInfo";
            return Err(Fault::Lost { call, code: "UserNotLoggedIn".to_owned(), sent: Sent::No });
        }
        self.n_opened.fetch_add(1, Ordering::Relaxed);
        let key_pin = KeyPin::new(self.pin.clone(), Arc::clone(&self.pin_refused));
        Ok(LoggedIn { session, mechanisms: place.mechanisms, library: Arc::clone(&self.library), key_pin })
    }

    pub(crate) fn pin_refused(&self) -> bool {
        self.pin_refused.load(Ordering::Relaxed)
    }

    /// How many sessions were opened for workers so far.
    pub(crate) fn n_opened(&self) -> u64 {
        self.n_opened.load(Ordering::Relaxed)
    }

    /// The lock is held over calls to the token: whoever waits here has a deadline of his own.
    fn hold_anchor(&self, place: &Place) -> Result<(), Fault> {
        let mut anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        if anchor.as_ref().is_some_and(|session| is_user(session).unwrap_or(false)) {
            return Ok(());
        }
        *anchor = None;
        *anchor = Some(self.log_in(place)?);
        Ok(())
    }

    /// Opens a session and gives it the PIN, unless the token has refused it before.
    fn log_in(&self, place: &Place) -> Result<Session, Fault> {
        if self.pin_locked.load(Ordering::Relaxed) {
            return Err(TokenError::PinLocked.into());
        }
        if self.pin_refused() {
            return Err(TokenError::PinIncorrect { tries: self.library.slots.tries_left(place.slot) }.into());
        }
        let session = self.library.pkcs11.open_rw_session(place.slot)?;
        let accepted = self.pin_accepted.load(Ordering::Relaxed);
        log_in(&session, &self.pin, if accepted { Standing::Ours } else { Standing::Foreign })
            .map_err(|fault| self.refused(fault, self.library.slots.tries_left(place.slot)))?;
        self.pin_accepted.store(true, Ordering::Relaxed);
        Ok(session)
    }

    fn refused(&self, fault: Fault, tries: TriesLeft) -> Fault {
        match fault {
            Fault::Final(TokenError::PinIncorrect { .. }) => {
                self.pin_refused.store(true, Ordering::Relaxed);
                TokenError::PinIncorrect { tries }.into()
            }
            Fault::Final(TokenError::PinLocked) => {
                self.pin_locked.store(true, Ordering::Relaxed);
                self.pin_refused.store(true, Ordering::Relaxed);
                fault
            }
            Fault::Final(_) | Fault::Lost { .. } | Fault::Doubtful { .. } => fault,
        }
    }
}

/// Whose a login is that is there before ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Standing {
    /// The same PIN made it, through another session.
    Ours,
    /// It proves nothing about this PIN: end it and log in.
    Foreign,
}

/// Logs in once; a PIN that was refused is never given a second time.
pub(crate) fn log_in(session: &Session, pin: &Pin, standing: Standing) -> Result<(), Fault> {
    match session.login(UserType::User, Some(pin.secret())) {
        Err(Ck::Pkcs11(RvError::UserAlreadyLoggedIn, _)) if standing == Standing::Ours => Ok(()),
        // The PIN was not looked at: taking this for success would let any PIN in.
        Err(Ck::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {
            session.logout()?;
            Ok(session.login(UserType::User, Some(pin.secret()))?)
        }
        other => Ok(other?),
    }
}

/// Whether the session lives and sees the user's objects.
pub(crate) fn is_user(session: &Session) -> Result<bool, Fault> {
    let state = session.get_session_info()?.session_state();
    Ok(matches!(state, SessionState::RoUser | SessionState::RwUser))
}
