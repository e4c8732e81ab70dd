//! A secret that came in the environment, and does not stay there.

use std::collections::HashMap;
use std::ffi::{CString, c_char};
use std::sync::{Mutex, PoisonError};

use zeroize::{Zeroize as _, Zeroizing};

/// What was taken out of the environment.
static TAKEN: Mutex<Option<HashMap<String, Zeroizing<String>>>> = Mutex::new(None);

#[expect(
    unsafe_code,
    reason = "the C library's own look at the environment has no safe form"
)]
unsafe extern "C" {
    fn getenv(name: *const c_char) -> *mut c_char;
}

/// Takes a variable out of the environment, also out of what `/proc` shows of it: neither a child
/// process nor anybody who looks at this one finds it there. To be called before there is a second
/// thread.
pub(crate) fn take(name: &str) {
    let Ok(value) = std::env::var(name) else {
        return;
    };
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    let all = taken.get_or_insert_with(HashMap::new);
    all.insert(name.to_owned(), Zeroizing::new(value));
    drop(taken);
    let Ok(c_name) = CString::new(name) else {
        return;
    };
    #[expect(
        unsafe_code,
        reason = "getenv points into the process's environment, which no other thread changes yet"
    )]
    // SAFETY: the name ends with a zero byte; the value that is found does so too, and is writable
    // memory of this process (execve(2), environ(7)). There is no other thread.
    unsafe {
        let value = getenv(c_name.as_ptr());
        if !value.is_null() {
            let bytes = std::ffi::CStr::from_ptr(value).to_bytes().len();
            std::slice::from_raw_parts_mut(value.cast::<u8>(), bytes).zeroize();
        }
        std::env::remove_var(name);
    }
}

/// What a variable held: one that was taken out, else one that is there.
pub(crate) fn read(name: &str) -> Option<Zeroizing<String>> {
    let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    let found = taken.as_ref().and_then(|all| all.get(name)).cloned();
    found.or_else(|| std::env::var(name).ok().map(Zeroizing::new))
}
