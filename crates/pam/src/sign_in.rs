//! The helper's process: started with nothing of the caller's, listened to, and judged by its end.

use std::ffi::c_int;
use std::io::Write as _;
use std::process::{Child, Command, Stdio};

use crate::conversation::{Line, lines};
use crate::pam::{AUTH_ERR, AUTHINFO_UNAVAIL, Handle, SUCCESS, SYSTEM_ERR};

const HELPER: &str = "/usr/libexec/cardea/cardea-host-login";

/// Runs the helper for one sign-in and says what PAM is answered.
pub(crate) fn run(handle: &Handle, words: &[String]) -> c_int {
    let Some(user) = handle.user() else {
        return AUTH_ERR;
    };
    let word = |name: &str| words.iter().find_map(|word| word.strip_prefix(name));
    let mut command = Command::new(word("helper=").unwrap_or(HELPER));
    if let Some(config) = word("config=") {
        command.args(["--config", config]);
    }
    // `sudo` runs in the environment of whoever calls it.
    command
        .env_clear()
        .env("PAM_USER", user)
        .env("PAM_SERVICE", handle.service().unwrap_or_default())
        .env("PAM_RHOST", handle.remote_host().unwrap_or_default())
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else {
        handle.log("the helper cannot be started");
        return SYSTEM_ERR;
    };
    if !converse(handle, &mut child) {
        // It may have ended by itself.
        drop(child.kill());
        drop(child.wait());
        return AUTH_ERR;
    }
    match child.wait().map(|status| status.code()) {
        Ok(Some(0)) => SUCCESS,
        Ok(Some(2)) => AUTHINFO_UNAVAIL,
        Ok(Some(3)) => SYSTEM_ERR,
        _ => AUTH_ERR,
    }
}

/// Shows what the helper says until it says no more. False when the person is gone.
fn converse(handle: &Handle, child: &mut Child) -> bool {
    let (Some(output), Some(mut input)) = (child.stdout.take(), child.stdin.take()) else {
        return false;
    };
    for line in lines(output) {
        let goes_on = match line {
            Line::Show(text) => handle.show(&text),
            Line::WaitForEnter(text) => {
                handle.wait_for_enter(&text) && input.write_all(b"\n").is_ok()
            }
            Line::Log(text) => {
                handle.log(&text);
                true
            }
        };
        if !goes_on {
            return false;
        }
    }
    true
}
