//! One loaded PKCS#11 library.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::session::UserType;
use cryptoki::slot::TokenInfo as CkTokenInfo;

use crate::error::{Fault, TokenError};
use crate::quirks::Quirks;
use crate::raw::{Raw, reserved};
use crate::slots::{Identity, Place, Slots};
use crate::survey::{Survey, survey};
use crate::{PersonalConfig, PersonalTokens, Pin, Pool, PoolConfig, TokenLabel, TokenName};

/// The libraries of this process. They stay loaded: unloading one that has threads inside crashes.
static LOADED: LazyLock<Mutex<HashMap<PathBuf, Module>>> = LazyLock::new(Mutex::default);

/// A PKCS#11 library, loaded and initialised once per process. Clones share it.
#[derive(Clone)]
pub struct Module(Arc<Library>);

/// Which library, and how it is to be used.
#[derive(Clone, Debug, Default)]
pub struct ModuleConfig {
    /// Path of the library.
    pub path: PathBuf,
    /// A text that `C_Initialize` gets as its reserved argument; NSS wants one, most libraries none.
    pub init_argument: Option<String>,
    /// A quirks file to use instead of the one that comes with this crate for the library's maker.
    pub quirks: Option<PathBuf>,
}

/// What the parts of this crate share of one library.
pub(crate) struct Library {
    pub(crate) pkcs11: Pkcs11,
    pub(crate) slots: Slots,
    pub(crate) quirks: Quirks,
    pub(crate) raw: Arc<Raw>,
    /// Tokens that a pool holds logged in, by the name it was opened with.
    pooled: Mutex<HashMap<TokenName, Option<Identity>>>,
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

impl TokenInfo {
    pub(crate) fn of(info: &CkTokenInfo) -> Self {
        Self {
            label: info.label().to_owned(),
            serial: info.serial_number().to_owned(),
            model: info.model().to_owned(),
            manufacturer: info.manufacturer_id().to_owned(),
            initialised: info.token_initialized(),
            user_pin_set: info.user_pin_initialized(),
            user_pin_locked: info.user_pin_locked(),
        }
    }
}

impl Module {
    /// Loads the library at `path`, with no argument and the quirks that are known of its maker.
    ///
    /// # Errors
    ///
    /// As [`Module::load_with`].
    pub fn load(path: &Path) -> Result<Self, TokenError> {
        Self::load_with(&ModuleConfig { path: path.to_owned(), ..ModuleConfig::default() })
    }

    /// Loads a library and initialises it for use by several threads.
    ///
    /// Loading the same path again gives the same module, as it was loaded first. Libraries read their
    /// environment variables here (`SoftHSM2`: `SOFTHSM2_CONF`); whoever starts the process sets them.
    ///
    /// # Errors
    ///
    /// * [`TokenError::ModuleUnusable`]: the path is wrong, this is no PKCS#11 library, or somebody else
    ///   in this process has initialised it already.
    /// * [`TokenError::QuirksUnusable`]: the quirks file is not one.
    pub fn load_with(config: &ModuleConfig) -> Result<Self, TokenError> {
        let path = &config.path;
        let unusable =
            |reason: String| TokenError::ModuleUnusable { path: path.display().to_string(), reason };
        let real = path.canonicalize().map_err(|error| unusable(error.to_string()))?;
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(module) = loaded.get(&real) {
            return Ok(module.clone());
        }
        let named = config.quirks.as_deref().map(Quirks::read).transpose()?;
        let pkcs11 = Pkcs11::new(&real).map_err(|error| unusable(error.to_string()))?;
        let raw = Arc::new(Raw::of(&real).map_err(unusable)?);
        let flags = CInitializeFlags::OS_LOCKING_OK;
        let arguments = match &config.init_argument {
            Some(text) => reserved(flags, text).map_err(unusable)?,
            None => CInitializeArgs::new(flags),
        };
        pkcs11.initialize(arguments).map_err(|error| unusable(format!("C_Initialize failed, {error}")))?;
        let quirks = match named {
            Some(quirks) => quirks,
            None => {
                let info = pkcs11.get_library_info();
                Quirks::known(info.map_err(|error| unusable(error.to_string()))?.manufacturer_id())?
            }
        };
        let module = Self(Arc::new(Library {
            slots: Slots::new(pkcs11.clone(), Arc::clone(&raw), quirks.pin_flags),
            quirks,
            raw,
            pkcs11,
            pooled: Mutex::default(),
            provisioning: Mutex::default(),
        }));
        loaded.insert(real, module.clone());
        Ok(module)
    }

    /// What is known to be peculiar to this library.
    #[must_use]
    pub fn quirks(&self) -> &Quirks {
        &self.0.quirks
    }

    /// The tokens in the slots now, initialised or not. Blocks without a deadline.
    ///
    /// # Errors
    ///
    /// [`TokenError::Device`]: the library failed.
    pub fn tokens(&self) -> Result<Vec<TokenInfo>, TokenError> {
        Ok(self.0.slots.all()?.iter().map(|(_, info)| TokenInfo::of(info)).collect())
    }

    /// What the library and its tokens can do, and what the appliance would miss. Blocks without a deadline.
    ///
    /// # Errors
    ///
    /// [`TokenError::Device`]: the library failed.
    pub fn survey(&self) -> Result<Survey, TokenError> {
        survey(&self.0)
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
    /// * [`TokenError::PinForm`]: such tokens take other PINs; nothing was changed.
    /// * [`TokenError::PinIncorrect`]: the token does not accept such a PIN.
    pub fn provision(&self, label: &TokenLabel, so_pin: &Pin, user_pin: &Pin) -> Result<(), TokenError> {
        self.0.check_pin_form(so_pin)?;
        self.0.check_pin_form(user_pin)?;
        let _one_at_a_time = self.0.provisioning.lock().unwrap_or_else(PoisonError::into_inner);
        let tokens = self.0.slots.all()?;
        if tokens.iter().any(|(_, info)| info.token_initialized() && info.label() == label.as_str()) {
            return Err(TokenError::TokenExists { label: label.clone() });
        }
        let Some((free, _)) = tokens.iter().find(|(_, info)| !info.token_initialized()) else {
            return Err(TokenError::NoFreeSlot);
        };
        let first_so_pin = self.0.quirks.first_so_pin.as_deref().map(Pin::parse).transpose();
        let first_so_pin = first_so_pin.map_err(|cause| TokenError::QuirksUnusable {
            name: self.0.quirks.manufacturer.clone(),
            reason: cause.to_string(),
        })?;
        let initial = first_so_pin.as_ref().unwrap_or(so_pin);
        self.0.pkcs11.init_token(*free, initial.secret(), label.as_str()).map_err(Fault::from)?;
        // The token may be in another slot now.
        let place = self.0.slots.find(&label.into())?;
        let session = self.0.pkcs11.open_rw_session(place.slot).map_err(Fault::from)?;
        session.login(UserType::So, Some(initial.secret())).map_err(Fault::from)?;
        if first_so_pin.is_some() {
            session.set_pin(initial.secret(), so_pin.secret()).map_err(Fault::from)?;
        }
        session.init_pin(user_pin.secret()).map_err(Fault::from)?;
        session.logout().map_err(Fault::from)?;
        Ok(())
    }

    /// Logs in to the token, named by label or by [`TokenName`], and starts its pool. Blocks for the pool's deadline at most.
    ///
    /// # Errors
    ///
    /// * [`TokenError::TokenNotFound`], [`TokenError::TokenNotUnique`]: the set-up is wrong.
    /// * [`TokenError::TokenInUse`]: this process has a pool on it already.
    /// * [`TokenError::PinIncorrect`], [`TokenError::PinLocked`]: tried once.
    /// * [`TokenError::Timeout`]: the token does not answer.
    pub fn open_pool<T>(&self, token: &T, pin: &Pin, config: PoolConfig) -> Result<Pool, TokenError>
    where
        TokenName: for<'a> From<&'a T>,
    {
        Pool::open(Arc::clone(&self.0), token.into(), pin, config)
    }

    /// Starts a token's pool without asking the token: it is logged in to when it is first needed.
    ///
    /// For members of a [`crate::SignerSet`] or [`crate::KekSet`], where one token that is away must not keep the
    /// others from starting. A PIN that is refused then is given once, as ever.
    ///
    /// # Errors
    ///
    /// * [`TokenError::TokenInUse`]: this process has a pool on it already.
    /// * [`TokenError::PinForm`]: such tokens take other PINs.
    pub fn start_pool<T>(&self, token: &T, pin: &Pin, config: PoolConfig) -> Result<Pool, TokenError>
    where
        TokenName: for<'a> From<&'a T>,
    {
        Pool::start(Arc::clone(&self.0), token.into(), pin, config)
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
    /// Refuses a PIN that the token would count as a wrong one.
    pub(crate) fn check_pin_form(&self, pin: &Pin) -> Result<(), TokenError> {
        match self.quirks.pin {
            Some(form) if !pin.fits(form) => Err(TokenError::PinForm { form }),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether a pool was opened under this name.
    pub(crate) fn is_pooled(&self, name: &TokenName) -> bool {
        self.pooled().contains_key(name)
    }

    /// Whether a pool holds this token, by whatever name.
    pub(crate) fn is_held(&self, place: &Place) -> bool {
        self.pooled().values().any(|identity| identity.as_ref() == Some(&place.identity))
    }

    /// Reserves a token for one pool, until the claim is dropped.
    pub(crate) fn claim(self: &Arc<Self>, name: TokenName) -> Result<Claim, TokenError> {
        let mut pooled = self.pooled();
        if pooled.contains_key(&name) {
            return Err(TokenError::TokenInUse { token: name });
        }
        pooled.insert(name.clone(), None);
        drop(pooled);
        Ok(Claim { library: Arc::clone(self), name })
    }

    fn pooled(&self) -> MutexGuard<'_, HashMap<TokenName, Option<Identity>>> {
        self.pooled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A token that a pool has for itself.
pub(crate) struct Claim {
    library: Arc<Library>,
    name: TokenName,
}

impl Claim {
    pub(crate) const fn name(&self) -> &TokenName {
        &self.name
    }

    /// Notes which token it is, now that it was found; another pool may hold it under another name.
    pub(crate) fn settle(&self, place: &Place) -> Result<(), TokenError> {
        let mut pooled = self.library.pooled();
        let taken = pooled
            .iter()
            .any(|(name, identity)| *name != self.name && identity.as_ref() == Some(&place.identity));
        if taken {
            return Err(TokenError::TokenInUse { token: self.name.clone() });
        }
        pooled.insert(self.name.clone(), Some(place.identity.clone()));
        Ok(())
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.library.pooled().remove(&self.name);
    }
}
