//! What is used of PAM's C interface (`security/pam_modules.h`, `pam_ext.h`), and nothing else of
//! it is declared. A crate for it would bring a hundred functions for these five.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::ptr;

pub(crate) const SUCCESS: c_int = 0;
pub(crate) const SYSTEM_ERR: c_int = 4;
pub(crate) const AUTH_ERR: c_int = 7;
pub(crate) const AUTHINFO_UNAVAIL: c_int = 9;

const PROMPT_ECHO_OFF: c_int = 1;
const TEXT_INFO: c_int = 4;
const ITEM_SERVICE: c_int = 1;
const ITEM_RHOST: c_int = 4;
/// Linux, on every architecture.
const MSG_NOSIGNAL: c_int = 0x4000;
/// `LOG_NOTICE`; the facility is PAM's own choice.
const LOG_NOTICE: c_int = 5;
/// Words of a line of the configuration that are looked at.
const WORDS_MAX: usize = 16;

/// PAM's own; never looked into.
#[repr(C)]
pub struct PamHandle {
    _private: [u8; 0],
}

/// The handle of one call into the module.
pub(crate) struct Handle(*mut PamHandle);

#[expect(unsafe_code, reason = "declares PAM's functions")]
unsafe extern "C" {
    fn pam_get_user(
        handle: *mut PamHandle,
        user: *mut *const c_char,
        prompt: *const c_char,
    ) -> c_int;
    fn pam_get_item(handle: *const PamHandle, item: c_int, value: *mut *const c_void) -> c_int;
    fn pam_prompt(
        handle: *mut PamHandle,
        style: c_int,
        response: *mut *mut c_char,
        format: *const c_char,
        ...
    ) -> c_int;
    fn pam_syslog(handle: *const PamHandle, priority: c_int, format: *const c_char, ...);
    fn free(memory: *mut c_void);
    fn send(socket: c_int, bytes: *const c_void, length: usize, flags: c_int) -> isize;
}

/// Sends a few bytes to a helper that may have ended. `write` would raise `SIGPIPE` then, which
/// ends the program that has loaded this module: `su` and `sudo` do not ignore it.
#[expect(
    unsafe_code,
    reason = "std has no way to send without the signal on every version"
)]
pub(crate) fn send_quietly(helper: &UnixStream, bytes: &[u8]) {
    // SAFETY: an open socket, and as many bytes as are there. What cannot be sent need not be.
    let _ = unsafe {
        send(
            helper.as_raw_fd(),
            bytes.as_ptr().cast(),
            bytes.len(),
            MSG_NOSIGNAL,
        )
    };
}

/// The words behind the module's name.
///
/// # Safety
/// `argv` holds `argc` strings that live as long as this call.
#[expect(unsafe_code, reason = "reads C strings")]
pub(crate) unsafe fn words(argc: c_int, argv: *const *const c_char) -> Vec<String> {
    let count = usize::try_from(argc).unwrap_or_default().min(WORDS_MAX);
    let word = |at: usize| {
        // SAFETY: the caller vouches for `argc` strings.
        let text = unsafe { CStr::from_ptr(*argv.add(at)) };
        text.to_string_lossy().into_owned()
    };
    (0..count).map(word).collect()
}

#[expect(unsafe_code, reason = "calls PAM with its own handle")]
impl Handle {
    /// # Safety
    /// `handle` is the one that PAM has called with, and this value does not outlive the call.
    pub(crate) unsafe fn new(handle: *mut PamHandle) -> Self {
        Self(handle)
    }

    /// The account that is asked for.
    pub(crate) fn user(&self) -> Option<String> {
        let mut user = ptr::null();
        // SAFETY: PAM's handle; the text stays PAM's and is copied at once.
        let code = unsafe { pam_get_user(self.0, &raw mut user, ptr::null()) };
        if code != SUCCESS || user.is_null() {
            return None;
        }
        // SAFETY: PAM gives a C string.
        let text = unsafe { CStr::from_ptr(user) };
        text.to_str().ok().map(str::to_owned)
    }

    /// The service that asks, such as `sshd`.
    pub(crate) fn service(&self) -> Option<String> {
        self.item(ITEM_SERVICE)
    }

    /// Where the person is, as far as the service knows.
    pub(crate) fn remote_host(&self) -> Option<String> {
        self.item(ITEM_RHOST)
    }

    /// Shows a line.
    pub(crate) fn show(&self, text: &str) -> bool {
        self.say(TEXT_INFO, text)
    }

    /// Shows a line and waits for Enter; what is typed before it is wiped, and shown to nobody: it
    /// may be a password typed out of habit.
    pub(crate) fn wait_for_enter(&self, text: &str) -> bool {
        self.say(PROMPT_ECHO_OFF, text)
    }

    /// Writes a line of the system's log.
    pub(crate) fn log(&self, text: &str) {
        if let Ok(text) = CString::new(text) {
            // SAFETY: a constant format with one string, which is given.
            unsafe { pam_syslog(self.0, LOG_NOTICE, c"%s".as_ptr(), text.as_ptr()) };
        }
    }

    fn item(&self, item: c_int) -> Option<String> {
        let mut value = ptr::null();
        // SAFETY: PAM's handle; both items are strings.
        let code = unsafe { pam_get_item(self.0, item, &raw mut value) };
        if code != SUCCESS || value.is_null() {
            return None;
        }
        // SAFETY: PAM gives a C string, copied at once.
        let text = unsafe { CStr::from_ptr(value.cast()) };
        text.to_str().ok().map(str::to_owned)
    }

    fn say(&self, style: c_int, text: &str) -> bool {
        let Ok(text) = CString::new(text) else {
            return false;
        };
        let mut typed: *mut c_char = ptr::null_mut();
        // SAFETY: a constant format with one string, which is given.
        let code =
            unsafe { pam_prompt(self.0, style, &raw mut typed, c"%s".as_ptr(), text.as_ptr()) };
        if !typed.is_null() {
            // SAFETY: PAM hands over a C string that was made by malloc.
            unsafe {
                let length = CStr::from_ptr(typed).count_bytes();
                for at in 0..length {
                    ptr::write_volatile(typed.add(at), 0);
                }
                free(typed.cast());
            }
        }
        code == SUCCESS
    }
}
