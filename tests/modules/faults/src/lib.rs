//! A PKCS#11 library for tests: forwards to another one, and fails when a plan says so.
//!
//! The library behind it is named by `ECABINET_FAULTS_TARGET`. See [`plan`] for what can go wrong.

#![expect(unsafe_code, reason = "a PKCS#11 library is a table of C functions")]

mod calls;
mod plan;

use std::sync::OnceLock;

use cryptoki_sys::{
    CK_FUNCTION_LIST, CK_FUNCTION_LIST_PTR_PTR, CK_RV, CKR_ARGUMENTS_BAD, CKR_GENERAL_ERROR, CKR_OK, Pkcs11,
};

/// Names the library that does the work.
const TARGET: &str = "ECABINET_FAULTS_TARGET";

struct Loaded {
    /// Its own functions.
    target: CK_FUNCTION_LIST,
    /// The same with ours in front.
    ours: CK_FUNCTION_LIST,
    _library: Pkcs11,
}

static LOADED: OnceLock<Option<Loaded>> = OnceLock::new();

fn loaded() -> Option<&'static Loaded> {
    LOADED.get_or_init(load).as_ref()
}

fn load() -> Option<Loaded> {
    let path = std::env::var_os(TARGET)?;
    let mut list = std::ptr::null_mut();
    // SAFETY: the test names a PKCS#11 library, whose C_GetFunctionList gives a list that is never freed.
    let (library, target) = unsafe {
        let library = Pkcs11::new(&path).ok()?;
        let get = *library.C_GetFunctionList.as_ref().ok()?;
        if get(&raw mut list) != CKR_OK {
            return None;
        }
        (library, *list.as_ref()?)
    };
    let mut ours = target;
    calls::put_in_front(&mut ours);
    ours.C_GetFunctionList = Some(C_GetFunctionList);
    Some(Loaded { target, ours, _library: library })
}

/// The one symbol of this library.
///
/// # Safety
///
/// `list` is null or a place for one pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetFunctionList(list: CK_FUNCTION_LIST_PTR_PTR) -> CK_RV {
    let Some(loaded) = loaded() else { return CKR_GENERAL_ERROR };
    if list.is_null() {
        return CKR_ARGUMENTS_BAD;
    }
    // SAFETY: the caller's promise; the list lives as long as the process, and nobody writes to it.
    unsafe { *list = std::ptr::from_ref(&loaded.ours).cast_mut() };
    CKR_OK
}
