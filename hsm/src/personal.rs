//! Members' tokens: logged in with the member's PIN for one act, and out again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cryptoki::error::{Error as Ck, RvError};

use crate::crew::{Crew, CrewSize};
use crate::door::{KeyPin, LoggedIn, Standing, log_in};
use crate::error::{Fault, Sent, TokenError};
use crate::generate::{self, KeyKind};
use crate::module::Library;
use crate::pool::clamp;
use crate::scheme::{Owned, RawSignature, Scheme, ToSign};
use crate::seat::examine;
use crate::sign;
use crate::spki::PublicKeyDer;
use crate::{Health, KeyLabel, Pin, PinForm, TokenName};

/// The size and patience of [`PersonalTokens`].
#[derive(Clone, Copy, Debug)]
pub struct PersonalConfig {
    /// Threads; 1 to 64. As many members act at the same time.
    pub n_workers: usize,
    /// Acts that wait for a thread; 1 to 4096. One more is [`TokenError::Busy`] at once.
    pub n_waiting_max: usize,
    /// Threads that may hang in a call and be replaced; 0 to 64.
    pub n_stuck_max: usize,
    /// How long an act may wait and run, in all.
    pub deadline: Duration,
    /// The same for making a key; RSA takes seconds.
    pub make_key_deadline: Duration,
}

impl Default for PersonalConfig {
    fn default() -> Self {
        Self {
            n_workers: 4,
            n_waiting_max: 256,
            n_stuck_max: 8,
            deadline: Duration::from_secs(10),
            make_key_deadline: Duration::from_secs(60),
        }
    }
}

/// The tokens of persons. No PIN and no login outlives an act.
///
/// Acts on one token wait for each other, since a login is the token's and not the session's: two acts
/// at once would use each other's. Acts on different tokens run side by side. Every method blocks for at
/// most the configured deadline. Clones share the threads.
#[derive(Clone)]
pub struct PersonalTokens(Arc<Inner>);

struct Inner {
    crew: Crew<Arc<Library>>,
    library: Arc<Library>,
    config: PersonalConfig,
}

impl PersonalTokens {
    pub(crate) fn start(library: Arc<Library>, config: PersonalConfig) -> Result<Self, TokenError> {
        let size = CrewSize {
            n_workers: clamp(config.n_workers, 1, 64),
            n_waiting_max: clamp(config.n_waiting_max, 1, 4096),
            n_stuck_max: clamp(config.n_stuck_max, 0, 64),
        };
        let crew = {
            let library = Arc::clone(&library);
            Crew::start("hsm-personal", size, move || Arc::clone(&library))?
        };
        Ok(Self(Arc::new(Inner { crew, library, config })))
    }

    /// Logs in to `token` with `pin`, signs with its key `key`, logs out. Nothing is verified here.
    ///
    /// # Errors
    ///
    /// * [`TokenError::PinIncorrect`], [`TokenError::PinLocked`]: tried once; ask the member.
    /// * [`TokenError::TokenNotFound`]: the member's token is not there.
    /// * [`TokenError::TokenInUse`]: a pool holds this token; give the member another.
    /// * Otherwise as [`crate::Pool::sign`].
    pub fn sign<T>(
        &self,
        token: &T,
        pin: &Pin,
        key: &KeyLabel,
        message: ToSign<'_>,
        scheme: Scheme,
    ) -> Result<RawSignature, TokenError>
    where
        TokenName: for<'a> From<&'a T>,
    {
        let (key, message) = (key.clone(), Owned::of(scheme, message)?);
        self.act(token.into(), pin, self.0.config.deadline, move |logged_in| {
            sign::sign(logged_in, &key, &message, scheme)
        })
    }

    /// Logs in and out, which is the only way to check a PIN; an incorrect one counts on the token.
    ///
    /// # Errors
    ///
    /// As [`PersonalTokens::sign`].
    pub fn check_pin<T>(&self, token: &T, pin: &Pin) -> Result<(), TokenError>
    where
        TokenName: for<'a> From<&'a T>,
    {
        self.act(token.into(), pin, self.0.config.deadline, |_| Ok(()))
    }

    /// Changes the PIN of a member's token: logs in with `old`, sets `new`, logs out.
    ///
    /// Where the answer does not come, or comes in doubt, either PIN may be the right one: the error says
    /// [`Sent::Perhaps`], and nothing is tried again here. Keep both until the member has shown which one opens.
    ///
    /// # Errors
    ///
    /// * [`TokenError::PinForm`]: such tokens take no PIN like `new`; the token was not asked, or refused it.
    /// * Otherwise as [`PersonalTokens::sign`]; [`TokenError::PinIncorrect`] is about `old`.
    pub fn change_pin<T>(&self, token: &T, old: &Pin, new: &Pin) -> Result<(), TokenError>
    where
        TokenName: for<'a> From<&'a T>,
    {
        self.0.library.check_pin_form(new)?;
        let (given, new) = (old.clone(), new.clone());
        self.act(token.into(), old, self.0.config.deadline, move |logged_in| {
            match logged_in.session.set_pin(given.secret(), new.secret()) {
                // A PIN of another length or other letters than the token takes: nothing was changed.
                Err(Ck::Pkcs11(RvError::PinLenRange | RvError::PinInvalid, _)) => {
                    Err(TokenError::PinForm { form: form_of(logged_in)? }.into())
                }
                other => Ok(other?),
            }
        })
    }

    /// Makes a key pair for signing on a member's token.
    ///
    /// # Errors
    ///
    /// As [`PersonalTokens::sign`] and [`crate::Pool::generate_key_pair`].
    pub fn generate_key_pair<T>(
        &self,
        token: &T,
        pin: &Pin,
        label: &KeyLabel,
        kind: KeyKind,
    ) -> Result<PublicKeyDer, TokenError>
    where
        TokenName: for<'a> From<&'a T>,
    {
        let label = label.clone();
        self.act(token.into(), pin, self.0.config.make_key_deadline, move |logged_in| {
            generate::key_pair(logged_in, &label, kind)
        })
    }

    /// How the threads are, without asking a token. Does not block.
    #[must_use]
    pub fn health(&self) -> Health {
        self.0.crew.health()
    }

    fn act<T: Send + 'static>(
        &self,
        token: TokenName,
        pin: &Pin,
        deadline: Duration,
        work: impl Fn(&LoggedIn) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, TokenError> {
        self.0.library.check_pin_form(pin)?;
        if self.0.library.is_pooled(&token) {
            return Err(TokenError::TokenInUse { token });
        }
        let (lane, pin) = (token.clone(), pin.clone());
        self.0.crew.call(Some(&lane), deadline, move |library| {
            match attempt(library, &token, &pin, &work) {
                // The PIN was accepted, and what was lost had surely not been done.
                Err(Failed { fault: Fault::Lost { sent: Sent::No, .. }, pin_accepted: true }) => {
                    attempt(library, &token, &pin, &work).map_err(|failed| failed.fault.into())
                }
                other => other.map_err(|failed| failed.fault.into()),
            }
        })
    }
}

impl fmt::Debug for PersonalTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersonalTokens").field("health", &self.health()).finish_non_exhaustive()
    }
}

/// The lengths that a token gives for its PINs.
fn form_of(logged_in: &LoggedIn) -> Result<PinForm, Fault> {
    let slot = logged_in.session.get_session_info()?.slot_id();
    let info = logged_in.library.raw.token_info(slot)?;
    let (min_len_bytes, max_len_bytes) = (info.min_pin_length(), info.max_pin_length());
    Ok(PinForm { min_len_bytes, max_len_bytes, digits_only: false })
}

struct Failed {
    fault: Fault,
    pin_accepted: bool,
}

fn attempt<T>(
    library: &Arc<Library>,
    token: &TokenName,
    pin: &Pin,
    work: impl Fn(&LoggedIn) -> Result<T, Fault>,
) -> Result<T, Failed> {
    let logged_in = enter(library, token, pin).map_err(|fault| Failed { fault, pin_accepted: false })?;
    let result = work(&logged_in).map_err(|fault| examine(&logged_in, fault));
    // Closing the only session ends the login too; what a failing logout would tell, the next login shows.
    drop(logged_in.session.logout());
    result.map_err(|fault| Failed { fault, pin_accepted: true })
}

fn enter(library: &Arc<Library>, token: &TokenName, pin: &Pin) -> Result<LoggedIn, Fault> {
    let place = library.slots.find(token)?;
    if library.is_held(&place) {
        return Err(TokenError::TokenInUse { token: token.clone() }.into());
    }
    let session = library.pkcs11.open_rw_session(place.slot)?;
    match log_in(&session, pin, Standing::Foreign) {
        Ok(()) => {
            let (library, key_pin) = (Arc::clone(library), KeyPin::new(pin.clone(), Arc::default()));
            Ok(LoggedIn { session, mechanisms: place.mechanisms, library, key_pin })
        }
        Err(Fault::Final(TokenError::PinIncorrect { .. })) => {
            Err(TokenError::PinIncorrect { tries: library.slots.tries_left(place.slot) }.into())
        }
        Err(fault) => Err(fault),
    }
}
