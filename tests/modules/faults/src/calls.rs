//! One function of ours for each that a test may want to fail.

use std::ffi::c_void;

use cryptoki_sys::{
    CK_ATTRIBUTE, CK_BBOOL, CK_FLAGS, CK_FUNCTION_LIST, CK_MECHANISM, CK_MECHANISM_TYPE, CK_NOTIFY,
    CK_OBJECT_HANDLE, CK_RV, CK_SESSION_HANDLE as Session, CK_SESSION_INFO, CK_SLOT_ID, CK_TOKEN_INFO,
    CK_ULONG, CK_USER_TYPE, CKR_FUNCTION_NOT_SUPPORTED,
};

use crate::loaded;
use crate::plan::{Act, next, note, wait_for_another};

/// Puts our functions before the other library's.
pub(crate) fn put_in_front(list: &mut CK_FUNCTION_LIST) {
    list.C_GetSlotList = Some(get_slot_list);
    list.C_GetTokenInfo = Some(get_token_info);
    list.C_GetMechanismList = Some(get_mechanism_list);
    list.C_OpenSession = Some(open_session);
    list.C_GetSessionInfo = Some(get_session_info);
    list.C_Login = Some(login);
    list.C_Logout = Some(logout);
    list.C_SetPIN = Some(set_pin);
    list.C_FindObjectsInit = Some(find_objects_init);
    list.C_FindObjects = Some(find_objects);
    list.C_GetAttributeValue = Some(get_attribute_value);
    list.C_SignInit = Some(sign_init);
    list.C_EncryptInit = Some(encrypt_init);
    list.C_Encrypt = Some(encrypt);
    list.C_DecryptInit = Some(decrypt_init);
    list.C_Decrypt = Some(decrypt);
    list.C_GenerateRandom = Some(generate_random);
    list.C_GenerateKeyPair = Some(generate_key_pair);
    list.C_Sign = Some(sign);
}

/// Runs one call as the plan says. `forward` is the other library's function, or nothing if it has none.
fn answer(function: &'static str, forward: impl FnOnce(&CK_FUNCTION_LIST) -> Option<CK_RV>) -> CK_RV {
    let act = next(function);
    match act {
        Act::Answer(code) => {
            note(function, &format!("answered {code:#x}"));
            return code;
        }
        Act::Abort => {
            note(function, "aborted");
            std::process::abort();
        }
        Act::Hang => {
            note(function, "hung");
            wait_for_another();
        }
        Act::Forward | Act::ForwardThenAnswer(_) => (),
    }
    let code = loaded().and_then(|loaded| forward(&loaded.target)).unwrap_or(CKR_FUNCTION_NOT_SUPPORTED);
    note(function, &format!("forwarded {code:#x}"));
    match act {
        Act::ForwardThenAnswer(instead) => instead,
        Act::Forward | Act::Hang | Act::Answer(_) | Act::Abort => code,
    }
}

/// A call for the length alone makes no signature and is neither planned nor counted.
extern "C" fn sign(
    session: Session,
    data: *mut u8,
    len: CK_ULONG,
    out: *mut u8,
    out_len: *mut CK_ULONG,
) -> CK_RV {
    // SAFETY: the caller's own arguments, given on as they came.
    let forward =
        |target: &CK_FUNCTION_LIST| target.C_Sign.map(|f| unsafe { f(session, data, len, out, out_len) });
    if out.is_null() {
        return loaded().and_then(|loaded| forward(&loaded.target)).unwrap_or(CKR_FUNCTION_NOT_SUPPORTED);
    }
    answer("C_Sign", forward)
}

extern "C" fn get_slot_list(present: CK_BBOOL, list: *mut CK_SLOT_ID, n: *mut CK_ULONG) -> CK_RV {
    // SAFETY: the caller's own arguments, given on as they came.
    answer("C_GetSlotList", |target| target.C_GetSlotList.map(|f| unsafe { f(present, list, n) }))
}

extern "C" fn get_token_info(slot: CK_SLOT_ID, info: *mut CK_TOKEN_INFO) -> CK_RV {
    // SAFETY: the caller's own arguments, given on as they came.
    answer("C_GetTokenInfo", |target| target.C_GetTokenInfo.map(|f| unsafe { f(slot, info) }))
}

extern "C" fn get_mechanism_list(slot: CK_SLOT_ID, list: *mut CK_MECHANISM_TYPE, n: *mut CK_ULONG) -> CK_RV {
    // SAFETY: the caller's own arguments, given on as they came.
    answer("C_GetMechanismList", |target| target.C_GetMechanismList.map(|f| unsafe { f(slot, list, n) }))
}

extern "C" fn open_session(
    slot: CK_SLOT_ID,
    flags: CK_FLAGS,
    application: *mut c_void,
    notify: CK_NOTIFY,
    session: *mut Session,
) -> CK_RV {
    // SAFETY: the caller's own arguments, given on as they came.
    answer("C_OpenSession", |list| {
        list.C_OpenSession.map(|f| unsafe { f(slot, flags, application, notify, session) })
    })
}

extern "C" fn get_session_info(session: Session, info: *mut CK_SESSION_INFO) -> CK_RV {
    // SAFETY: the caller's own arguments, given on as they came.
    answer("C_GetSessionInfo", |target| target.C_GetSessionInfo.map(|f| unsafe { f(session, info) }))
}

extern "C" fn login(session: Session, user: CK_USER_TYPE, pin: *mut u8, len: CK_ULONG) -> CK_RV {
    // SAFETY: the caller's own arguments, given on as they came.
    answer("C_Login", |target| target.C_Login.map(|f| unsafe { f(session, user, pin, len) }))
}

extern "C" fn logout(session: Session) -> CK_RV {
    // SAFETY: the caller's own arguments, given on as they came.
    answer("C_Logout", |target| target.C_Logout.map(|f| unsafe { f(session) }))
}

extern "C" fn set_pin(
    session: Session,
    old: *mut u8,
    old_len: CK_ULONG,
    new: *mut u8,
    new_len: CK_ULONG,
) -> CK_RV {
    // SAFETY: the caller's own arguments, given on as they came.
    answer("C_SetPIN", |target| target.C_SetPIN.map(|f| unsafe { f(session, old, old_len, new, new_len) }))
}

extern "C" fn find_objects_init(session: Session, template: *mut CK_ATTRIBUTE, n: CK_ULONG) -> CK_RV {
    // SAFETY: the caller's own arguments, given on as they came.
    answer("C_FindObjectsInit", |target| target.C_FindObjectsInit.map(|f| unsafe { f(session, template, n) }))
}

extern "C" fn find_objects(
    session: Session,
    found: *mut CK_OBJECT_HANDLE,
    most: CK_ULONG,
    n: *mut CK_ULONG,
) -> CK_RV {
    // SAFETY: the caller's own arguments, given on as they came.
    answer("C_FindObjects", |target| target.C_FindObjects.map(|f| unsafe { f(session, found, most, n) }))
}

extern "C" fn get_attribute_value(
    session: Session,
    object: CK_OBJECT_HANDLE,
    template: *mut CK_ATTRIBUTE,
    n: CK_ULONG,
) -> CK_RV {
    // SAFETY: the caller's own arguments, given on as they came.
    answer("C_GetAttributeValue", |list| {
        list.C_GetAttributeValue.map(|f| unsafe { f(session, object, template, n) })
    })
}

extern "C" fn sign_init(session: Session, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE) -> CK_RV {
    // SAFETY: the caller's own arguments, given on as they came.
    answer("C_SignInit", |target| target.C_SignInit.map(|f| unsafe { f(session, mechanism, key) }))
}

extern "C" fn encrypt_init(session: Session, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE) -> CK_RV {
    // SAFETY: the caller's own arguments, given on as they came.
    answer("C_EncryptInit", |target| target.C_EncryptInit.map(|f| unsafe { f(session, mechanism, key) }))
}

extern "C" fn encrypt(
    session: Session,
    data: *mut u8,
    len: CK_ULONG,
    out: *mut u8,
    out_len: *mut CK_ULONG,
) -> CK_RV {
    // SAFETY: the caller's own arguments, given on as they came.
    answer("C_Encrypt", |target| target.C_Encrypt.map(|f| unsafe { f(session, data, len, out, out_len) }))
}

extern "C" fn decrypt_init(session: Session, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE) -> CK_RV {
    // SAFETY: the caller's own arguments, given on as they came.
    answer("C_DecryptInit", |target| target.C_DecryptInit.map(|f| unsafe { f(session, mechanism, key) }))
}

extern "C" fn decrypt(
    session: Session,
    data: *mut u8,
    len: CK_ULONG,
    out: *mut u8,
    out_len: *mut CK_ULONG,
) -> CK_RV {
    // SAFETY: the caller's own arguments, given on as they came.
    answer("C_Decrypt", |target| target.C_Decrypt.map(|f| unsafe { f(session, data, len, out, out_len) }))
}

extern "C" fn generate_random(session: Session, out: *mut u8, len: CK_ULONG) -> CK_RV {
    // SAFETY: the caller's own arguments, given on as they came.
    answer("C_GenerateRandom", |target| target.C_GenerateRandom.map(|f| unsafe { f(session, out, len) }))
}

extern "C" fn generate_key_pair(
    session: Session,
    mechanism: *mut CK_MECHANISM,
    public: *mut CK_ATTRIBUTE,
    n_public: CK_ULONG,
    private: *mut CK_ATTRIBUTE,
    n_private: CK_ULONG,
    public_key: *mut CK_OBJECT_HANDLE,
    private_key: *mut CK_OBJECT_HANDLE,
) -> CK_RV {
    // SAFETY: the caller's own arguments, given on as they came.
    answer("C_GenerateKeyPair", |list| {
        list.C_GenerateKeyPair.map(|f| unsafe {
            f(session, mechanism, public, n_public, private, n_private, public_key, private_key)
        })
    })
}
