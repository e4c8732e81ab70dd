//! `pam_cardea.so`: the PAM module that shows what `cardea-host-login` says.
//!
//! The programs that people sign in with load this into themselves, so it does next to nothing: it
//! runs the helper in a process of its own, shows its lines through the conversation, and turns its
//! exit code into PAM's answer. It holds no secret, speaks no TLS and reads no file.
//!
//! `pam_exec` cannot do this: `sshd` keeps lines that ask for nothing until something is asked, so
//! the person would see the code once it is too late. Here the last line is a prompt.
//!
//! What it deliberately does not do: decide. Every outcome but exit code 0 lets nobody in.
//!
//! ```text
//! auth required pam_cardea.so helper=/usr/libexec/cardea/cardea-host-login
//! ```

mod conversation;
mod pam;
mod sign_in;

use std::ffi::{c_char, c_int};

use crate::pam::Handle;

/// Authenticates a person by her card.
///
/// # Safety
/// PAM calls this with its own handle and the words of the configuration's line.
#[expect(
    unsafe_code,
    reason = "PAM finds a module's functions by their C names"
)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pam_sm_authenticate(
    handle: *mut pam::PamHandle,
    _flags: c_int,
    argc: c_int,
    argv: *const *const c_char,
) -> c_int {
    let outcome = std::panic::catch_unwind(|| {
        // SAFETY: PAM's own arguments, for the time of this call.
        let (handle, words) = unsafe { (Handle::new(handle), pam::words(argc, argv)) };
        sign_in::run(&handle, &words)
    });
    outcome.unwrap_or(pam::SYSTEM_ERR)
}

/// There are no credentials beside the sign-in itself.
#[expect(
    unsafe_code,
    reason = "PAM finds a module's functions by their C names"
)]
#[unsafe(no_mangle)]
pub extern "C" fn pam_sm_setcred(
    _handle: *mut pam::PamHandle,
    _flags: c_int,
    _argc: c_int,
    _argv: *const *const c_char,
) -> c_int {
    pam::SUCCESS
}
