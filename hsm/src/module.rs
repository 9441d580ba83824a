//! One loaded PKCS#11 library.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::session::UserType;

use crate::error::{Fault, TokenError};
use crate::slots::Slots;
use crate::{PersonalConfig, PersonalTokens, Pin, Pool, PoolConfig, TokenLabel};

/// The libraries of this process. They stay loaded: unloading one that has threads inside crashes.
static LOADED: LazyLock<Mutex<HashMap<PathBuf, Module>>> = LazyLock::new(Mutex::default);

/// A PKCS#11 library, loaded and initialised once per process. Clones share it.
#[derive(Clone)]
pub struct Module(Arc<Library>);

/// What the parts of this crate share of one library.
pub(crate) struct Library {
    pub(crate) pkcs11: Pkcs11,
    pub(crate) slots: Slots,
    /// Labels whose token a pool holds logged in.
    pooled: Mutex<HashSet<TokenLabel>>,
    /// `C_InitToken` changes the slot list under everybody: one at a time.
    provisioning: Mutex<()>,
}

/// A token that is in a slot now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TokenInfo {
    /// `CKA_LABEL`'s counterpart for tokens, without padding.
    pub label: String,
    /// The maker's serial number.
    pub serial: String,
    /// The maker's model name.
    pub model: String,
    /// The maker.
    pub manufacturer: String,
    /// Whether `C_InitToken` was done.
    pub initialised: bool,
    /// Whether the user has a PIN, without which nobody can log in.
    pub user_pin_set: bool,
    /// Whether too many incorrect PINs have locked the user out.
    pub user_pin_locked: bool,
}

impl Module {
    /// Loads the library at `path` and initialises it for use by several threads.
    ///
    /// Loading the same path again gives the same module. `SoftHSM2` reads the environment variable
    /// `SOFTHSM2_CONF` here; whoever starts the process sets it.
    ///
    /// # Errors
    ///
    /// [`TokenError::ModuleUnusable`]: the path is wrong, this is no PKCS#11 library, or somebody else
    /// in this process has initialised it already.
    pub fn load(path: &Path) -> Result<Self, TokenError> {
        let unusable =
            |reason: String| TokenError::ModuleUnusable { path: path.display().to_string(), reason };
        let real = path.canonicalize().map_err(|error| unusable(error.to_string()))?;
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(module) = loaded.get(&real) {
            return Ok(module.clone());
        }
        let pkcs11 = Pkcs11::new(&real).map_err(|error| unusable(error.to_string()))?;
        pkcs11
            .initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))
            .map_err(|error| unusable(format!("C_Initialize failed, {error}")))?;
        let module = Self(Arc::new(Library {
            slots: Slots::new(pkcs11.clone()),
            pkcs11,
            pooled: Mutex::default(),
            provisioning: Mutex::default(),
        }));
        loaded.insert(real, module.clone());
        Ok(module)
    }

    /// The tokens in the slots now, initialised or not. Blocks without a deadline.
    ///
    /// # Errors
    ///
    /// [`TokenError::Device`]: the library failed.
    pub fn tokens(&self) -> Result<Vec<TokenInfo>, TokenError> {
        let tokens = self.0.slots.all()?;
        Ok(tokens
            .into_iter()
            .map(|(_, info)| TokenInfo {
                label: info.label().to_owned(),
                serial: info.serial_number().to_owned(),
                model: info.model().to_owned(),
                manufacturer: info.manufacturer_id().to_owned(),
                initialised: info.token_initialized(),
                user_pin_set: info.user_pin_initialized(),
                user_pin_locked: info.user_pin_locked(),
            })
            .collect())
    }

    /// Initialises a free slot's token and sets its user PIN. Blocks without a deadline.
    ///
    /// For the demo and the key ceremony. If this is interrupted in its middle, the token exists
    /// without a user PIN ([`TokenInfo::user_pin_set`]) and must be initialised again by hand.
    ///
    /// # Errors
    ///
    /// * [`TokenError::TokenExists`]: a token bears this label; nothing was changed.
    /// * [`TokenError::NoFreeSlot`]: every token is initialised; nothing was changed.
    /// * [`TokenError::PinIncorrect`]: the token does not accept such a PIN.
    pub fn provision(&self, label: &TokenLabel, so_pin: &Pin, user_pin: &Pin) -> Result<(), TokenError> {
        let _one_at_a_time = self.0.provisioning.lock().unwrap_or_else(PoisonError::into_inner);
        let tokens = self.0.slots.all()?;
        if tokens.iter().any(|(_, info)| info.token_initialized() && info.label() == label.as_str()) {
            return Err(TokenError::TokenExists { label: label.clone() });
        }
        let Some((free, _)) = tokens.iter().find(|(_, info)| !info.token_initialized()) else {
            return Err(TokenError::NoFreeSlot);
        };
        self.0.pkcs11.init_token(*free, so_pin.secret(), label.as_str()).map_err(Fault::from)?;
        // The token may be in another slot now.
        let place = self.0.slots.find(label)?;
        let session = self.0.pkcs11.open_rw_session(place.slot).map_err(Fault::from)?;
        session.login(UserType::So, Some(so_pin.secret())).map_err(Fault::from)?;
        session.init_pin(user_pin.secret()).map_err(Fault::from)?;
        session.logout().map_err(Fault::from)?;
        Ok(())
    }

    /// Logs in to the token and starts its pool. Blocks for the pool's deadline at most.
    ///
    /// # Errors
    ///
    /// * [`TokenError::TokenNotFound`], [`TokenError::TokenNotUnique`]: the set-up is wrong.
    /// * [`TokenError::TokenInUse`]: this process has a pool on it already.
    /// * [`TokenError::PinIncorrect`], [`TokenError::PinLocked`]: tried once.
    /// * [`TokenError::Timeout`]: the token does not answer.
    pub fn open_pool(&self, label: &TokenLabel, pin: &Pin, config: PoolConfig) -> Result<Pool, TokenError> {
        Pool::open(Arc::clone(&self.0), label, pin, config)
    }

    /// Starts the threads that use members' tokens; no token is asked yet.
    ///
    /// # Errors
    ///
    /// [`TokenError::Device`]: the system gives no thread.
    pub fn personal(&self, config: PersonalConfig) -> Result<PersonalTokens, TokenError> {
        PersonalTokens::start(Arc::clone(&self.0), config)
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").finish_non_exhaustive()
    }
}

impl Library {
    pub(crate) fn is_pooled(&self, label: &TokenLabel) -> bool {
        self.pooled().contains(label)
    }

    /// Reserves a token for one pool, until the claim is dropped.
    pub(crate) fn claim(self: &Arc<Self>, label: &TokenLabel) -> Result<Claim, TokenError> {
        if self.pooled().insert(label.clone()) {
            Ok(Claim { library: Arc::clone(self), label: label.clone() })
        } else {
            Err(TokenError::TokenInUse { label: label.clone() })
        }
    }

    fn pooled(&self) -> MutexGuard<'_, HashSet<TokenLabel>> {
        self.pooled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A token that a pool has for itself.
pub(crate) struct Claim {
    library: Arc<Library>,
    label: TokenLabel,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.library.pooled().remove(&self.label);
    }
}
