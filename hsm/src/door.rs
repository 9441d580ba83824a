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
use crate::slots::{Mechanisms, Place};
use crate::{Pin, TokenLabel, TriesLeft};

/// The way in to one token of the appliance.
pub(crate) struct Door {
    library: Arc<Library>,
    label: TokenLabel,
    pin: Pin,
    anchor: Mutex<Option<Session>>,
    /// The token took the PIN once; until then, a login that is there already is not ours.
    pin_accepted: AtomicBool,
    /// The token refused the PIN: it is not tried again, lest it locks the token.
    pin_refused: AtomicBool,
    n_opened: AtomicU64,
    /// Held while a key is looked for and then made, so that one label is given once.
    pub(crate) making_key: Mutex<()>,
    /// Dropped last, after every session.
    _claim: Claim,
}

/// A session of the user, and what its token can do.
pub(crate) struct LoggedIn {
    pub(crate) session: Session,
    pub(crate) mechanisms: Mechanisms,
}

impl Door {
    pub(crate) fn new(library: Arc<Library>, label: TokenLabel, pin: Pin) -> Result<Self, TokenError> {
        let claim = library.claim(&label)?;
        Ok(Self {
            library,
            label,
            pin,
            anchor: Mutex::default(),
            pin_accepted: AtomicBool::new(false),
            pin_refused: AtomicBool::new(false),
            n_opened: AtomicU64::new(0),
            making_key: Mutex::default(),
            _claim: claim,
        })
    }

    /// Opens a session that is logged in, with the anchor set anew if it was lost.
    pub(crate) fn enter(&self) -> Result<LoggedIn, Fault> {
        let place = self.library.slots.find(&self.label)?;
        self.hold_anchor(&place)?;
        let session = self.library.pkcs11.open_rw_session(place.slot)?;
        if !is_user(&session)? {
            let call = "C_GetSessionInfo";
            return Err(Fault::Lost { call, code: "UserNotLoggedIn".to_owned(), sent: Sent::No });
        }
        self.n_opened.fetch_add(1, Ordering::Relaxed);
        Ok(LoggedIn { session, mechanisms: place.mechanisms })
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
        if self.pin_refused() {
            return Err(TokenError::PinIncorrect { tries: self.library.slots.tries_left(place.slot) }.into());
        }
        let session = self.library.pkcs11.open_rw_session(place.slot)?;
        let accepted = self.pin_accepted.load(Ordering::Relaxed);
        log_in(&session, &self.pin, if accepted { Standing::Ours } else { Standing::Foreign })
            .map_err(|fault| self.refused(fault, self.library.slots.tries_left(place.slot)))?;
        self.pin_accepted.store(true, Ordering::Relaxed);
        *anchor = Some(session);
        Ok(())
    }

    fn refused(&self, fault: Fault, tries: TriesLeft) -> Fault {
        if let Fault::Final(TokenError::PinIncorrect { .. }) = fault {
            self.pin_refused.store(true, Ordering::Relaxed);
            return TokenError::PinIncorrect { tries }.into();
        }
        fault
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
