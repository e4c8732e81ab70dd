//! The helper's process: started with nothing of the caller's, listened to, and judged by its end.

use std::ffi::c_int;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::conversation::{Line, lines};
use crate::pam::{AUTH_ERR, AUTHINFO_UNAVAIL, Handle, SUCCESS, SYSTEM_ERR, send_quietly};

const HELPER: &str = "/usr/libexec/cardea/cardea-host-login";
/// How long a helper may take to end once nobody is there: five seconds.
const LOOK: Duration = Duration::from_millis(50);
const LOOKS_MAX: u32 = 100;

/// Runs the helper for one sign-in and says what PAM is answered.
pub(crate) fn run(handle: &Handle, words: &[String]) -> c_int {
    let Some(user) = handle.user() else {
        return AUTH_ERR;
    };
    let Some((mut child, helper)) = start(handle, &user, words) else {
        handle.log("the helper cannot be started");
        return SYSTEM_ERR;
    };
    let Some(output) = child.stdout.take() else {
        return SYSTEM_ERR;
    };
    let mut lines = lines(output);
    if !converse(handle, &mut lines, &helper) {
        drop(helper);
        end(&mut child);
        // What it has to say now is for the log alone.
        for line in lines {
            if let Line::Log(text) = line {
                handle.log(&text);
            }
        }
        return AUTH_ERR;
    }
    drop(helper);
    match child.wait().map(|status| status.code()) {
        Ok(Some(0)) => SUCCESS,
        Ok(Some(2)) => AUTHINFO_UNAVAIL,
        Ok(Some(3)) => SYSTEM_ERR,
        _ => AUTH_ERR,
    }
}

/// The helper, and a socket that is its input: closed, it says that nobody is here any more.
fn start(handle: &Handle, user: &str, words: &[String]) -> Option<(Child, UnixStream)> {
    let (ours, theirs) = UnixStream::pair().ok()?;
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
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    Some((command.spawn().ok()?, ours))
}

/// Shows what the helper says until it says no more. False when the person is gone.
fn converse(handle: &Handle, lines: &mut impl Iterator<Item = Line>, helper: &UnixStream) -> bool {
    for line in lines {
        let goes_on = match line {
            Line::Show(text) => handle.show(&text),
            Line::WaitForEnter(text) => {
                let is_there = handle.wait_for_enter(&text);
                if is_there {
                    // A helper that has ended meanwhile has said why: its lines come next.
                    send_quietly(helper, b"\n");
                }
                is_there
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

/// Lets the helper take its request back, which it does once nobody listens; and no longer.
fn end(child: &mut Child) {
    for _ in 0..LOOKS_MAX {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(LOOK);
    }
    // It may have ended by itself.
    drop(child.kill());
    drop(child.wait());
}
