//! The calls that the binding has no safe form for.
//!
//! * A key with `CKA_ALWAYS_AUTHENTICATE` wants its user's PIN between `C_SignInit` and `C_Sign`. The binding
//!   has a login for that, but makes those two calls in one.
//! * A token that says it has a clock and gives no time (openCryptoki) makes the binding refuse all else that it
//!   says. No clock of a token is read here.
//! * NSS wants a text as the reserved argument of `C_Initialize`.
//!
//! Source: `docs/sources.md`, entry `pkcs11`.
//!
//! Invariant: nothing else in this crate is `unsafe`; `docs/decisions/0013-token-conformance.md` says why.

#![expect(unsafe_code, reason = "three calls of PKCS#11 that cryptoki 0.12 offers in no safe form")]

use std::ffi::{CString, c_void};
use std::fmt;
use std::path::Path;
use std::ptr::{NonNull, null_mut};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Function};
use cryptoki::error::{Error as Ck, Rv};
use cryptoki::session::Session;
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki_sys::{
    CK_FUNCTION_LIST, CK_RV, CK_SESSION_HANDLE, CK_SLOT_ID, CK_TOKEN_INFO, CK_ULONG, CKF_CLOCK_ON_TOKEN,
    CKR_OK, Pkcs11,
};

/// Room for a signature of RSA with 8192 bits.
const MAX_SIGNATURE_LEN_BYTES: usize = 1024;

type Sign = unsafe extern "C" fn(CK_SESSION_HANDLE, *mut u8, CK_ULONG, *mut u8, *mut CK_ULONG) -> CK_RV;
type GetTokenInfo = unsafe extern "C" fn(CK_SLOT_ID, *mut CK_TOKEN_INFO) -> CK_RV;

/// Functions of one library.
///
/// Invariant: the library stays loaded as long as this lives, so the functions stay where they are.
pub(crate) struct Raw {
    sign: Sign,
    get_token_info: GetTokenInfo,
    _library: Pkcs11,
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Raw")
    }
}

impl Raw {
    /// Finds the functions in a library that the binding has loaded already.
    pub(crate) fn of(path: &Path) -> Result<Self, String> {
        let mut list: *mut CK_FUNCTION_LIST = null_mut();
        // SAFETY: the library was loaded from the same path just before, so its constructors ran; the
        // standard makes `C_GetFunctionList` callable at any time with a pointer to a pointer.
        let (library, code) = unsafe {
            let library = Pkcs11::new(path).map_err(|error| error.to_string())?;
            let found = library.C_GetFunctionList.as_ref().map_err(ToString::to_string)?;
            let code = found(&raw mut list);
            (library, code)
        };
        let list = NonNull::new(list).filter(|_| code == CKR_OK).ok_or("C_GetFunctionList failed")?;
        // SAFETY: a list that the library gave with `CKR_OK` is its own, whole and never freed.
        let (sign, get_token_info) = unsafe { (list.as_ref().C_Sign, list.as_ref().C_GetTokenInfo) };
        Ok(Self {
            sign: sign.ok_or("it has no C_Sign")?,
            get_token_info: get_token_info.ok_or("it has no C_GetTokenInfo")?,
            _library: library,
        })
    }

    /// What a token says of itself, but for the time.
    pub(crate) fn token_info(&self, slot: Slot) -> Result<TokenInfo, Ck> {
        let mut info = CK_TOKEN_INFO::default();
        // SAFETY: the slot is only a number, and `info` lives through the call.
        let code = unsafe { (self.get_token_info)(slot.into(), &raw mut info) };
        Rv::from(code).into_result(Function::GetTokenInfo)?;
        info.flags &= !CKF_CLOCK_ON_TOKEN;
        info.try_into()
    }

    /// Ends the signature that was begun in `session`. One call: its length is not asked for first.
    pub(crate) fn sign(&self, session: &Session, data: &[u8]) -> Result<Vec<u8>, Ck> {
        let mut signature = vec![0; MAX_SIGNATURE_LEN_BYTES];
        let mut len = CK_ULONG::try_from(signature.len())?;
        let data_len = CK_ULONG::try_from(data.len())?;
        // SAFETY: both buffers live through the call and are as long as said; the session is open, is this
        // thread's alone, and belongs to this library. The data is only read, though C has no word for it.
        let code = unsafe {
            (self.sign)(
                session.handle(),
                data.as_ptr().cast_mut(),
                data_len,
                signature.as_mut_ptr(),
                &raw mut len,
            )
        };
        Rv::from(code).into_result(Function::Sign)?;
        signature.truncate(usize::try_from(len)?);
        Ok(signature)
    }
}

/// `C_Initialize`'s arguments with a text for a library that wants one.
pub(crate) fn reserved(flags: CInitializeFlags, text: &str) -> Result<CInitializeArgs, String> {
    let text = CString::new(text).map_err(|_nul| "the init argument holds a NUL".to_owned())?;
    // Never freed: a library may keep the pointer, and is never unloaded.
    let kept: &'static CString = Box::leak(Box::new(text));
    let pointer: NonNull<c_void> = NonNull::from(kept.as_c_str()).cast();
    // SAFETY: the text ends in a NUL, is never changed and never freed.
    Ok(unsafe { CInitializeArgs::new_with_reserved(flags, pointer) })
}
