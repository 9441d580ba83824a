//! One worker's session, examined and rebuilt when a call fails.

use std::sync::Arc;

use crate::door::{Door, LoggedIn, is_user};
use crate::error::{Fault, Sent, TokenError};

/// A worker's place at one token: a session that is opened when first needed.
pub(crate) struct Seat {
    pub(crate) door: Arc<Door>,
    logged_in: Option<LoggedIn>,
}

impl Seat {
    pub(crate) const fn new(door: Arc<Door>) -> Self {
        Self { door, logged_in: None }
    }

    /// Runs `work`; if the session turns out to be lost, rebuilds it once and runs `work` again.
    ///
    /// `work` is not run again when its lost call may have taken effect: two signatures for one
    /// authorisation would be worse than none.
    pub(crate) fn run<T>(&mut self, work: impl Fn(&LoggedIn) -> Result<T, Fault>) -> Result<T, TokenError> {
        match self.attempt(&work) {
            Err(Fault::Lost { sent: Sent::No, .. }) => Ok(self.attempt(&work)?),
            other => Ok(other?),
        }
    }

    fn attempt<T>(&mut self, work: impl Fn(&LoggedIn) -> Result<T, Fault>) -> Result<T, Fault> {
        let logged_in = match self.logged_in.take() {
            Some(logged_in) => logged_in,
            None => self.door.enter()?,
        };
        let result = work(&logged_in).map_err(|fault| examine(&logged_in, fault));
        if !matches!(result, Err(Fault::Lost { .. })) {
            self.logged_in = Some(logged_in);
        }
        result
    }
}

/// Believes a fault only after asking the session.
///
/// A lost login hides private objects, so "no such key" may mean "not logged in"; and bad input gives
/// the same general codes as a dead device.
pub(crate) fn examine(logged_in: &LoggedIn, fault: Fault) -> Fault {
    let lives = || is_user(&logged_in.session).unwrap_or(false);
    match fault {
        Fault::Final(TokenError::KeyNotFound { label }) => {
            if lives() {
                TokenError::KeyNotFound { label }.into()
            } else {
                let code = "UserNotLoggedIn".to_owned();
                Fault::Lost { call: "C_FindObjects", code, sent: Sent::No }
            }
        }
        Fault::Doubtful { call, code, sent } => {
            if lives() {
                TokenError::Device { call, code }.into()
            } else {
                Fault::Lost { call, code, sent }
            }
        }
        Fault::Final(_) | Fault::Lost { .. } => fault,
    }
}
