//! Shows one prompt on a thread of its own and can take it away again.
//!
//! The prompt program is a child process that blocks its thread. When the page that asked or the
//! card has gone, or time is up, the window must go too: nobody should type a PIN for an asker who
//! left, or for a card that is not there.

use std::future::Future;
use std::sync::mpsc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::Error;

/// How often a program that does not go is told again, more firmly.
const INSIST_EVERY: Duration = Duration::from_millis(250);

/// Runs `prompt` until it answers, is called off with a reason, or `limit` is over.
///
/// Returns only when the prompt is off the screen, so that there is never more than one.
///
/// # Errors
/// What the prompt returned; what `called_off` gave; [`Error::PromptTimedOut`].
pub(crate) async fn show<T: Send + 'static>(
    prompt: impl FnOnce() -> Result<T, Error> + Send + 'static,
    called_off: impl Future<Output = Error>,
    limit: Duration,
) -> Result<T, Error> {
    let (answer, mut answered) = oneshot::channel();
    let (name_thread, thread_name) = mpsc::sync_channel(1);
    std::thread::Builder::new()
        .name("prompt".to_owned())
        .spawn(move || {
            // The receiver waits for this one message.
            let _ = name_thread.send(platform::current_thread());
            let _ = answer.send(prompt());
        })
        .map_err(|_| Error::PromptUnavailable {
            reason: "no thread for it",
        })?;
    let thread = thread_name.recv().ok().flatten();
    let lost = |_| Error::PromptUnavailable {
        reason: "its thread panicked",
    };
    let reason = tokio::select! {
        biased;
        result = &mut answered => return result.map_err(lost)?,
        reason = called_off => reason,
        () = tokio::time::sleep(limit) => Error::PromptTimedOut,
    };
    let mut firmly = false;
    loop {
        if let Some(thread) = &thread {
            platform::end_children(thread, firmly);
        }
        firmly = true;
        // Whatever was answered meanwhile is dropped here: a PIN wipes itself.
        if tokio::time::timeout(INSIST_EVERY, &mut answered)
            .await
            .is_ok()
        {
            return Err(reason);
        }
    }
}

#[cfg(target_os = "linux")]
mod platform {
    use std::path::PathBuf;

    use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

    /// `/proc/PID/task/TID` of the calling thread (proc(5)).
    pub(super) fn current_thread() -> Option<PathBuf> {
        std::fs::read_link("/proc/thread-self")
            .ok()
            .map(|link| PathBuf::from("/proc").join(link))
    }

    /// Ends the programs that this thread started and still waits for.
    pub(super) fn end_children(thread: &std::path::Path, firmly: bool) {
        for child in children(thread) {
            let Some(pid) = Pid::from_raw(child) else {
                continue;
            };
            let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else {
                continue;
            };
            // Still listed after it was opened: the number was not given to another process.
            if children(thread).contains(&child) {
                let signal = if firmly { Signal::KILL } else { Signal::TERM };
                let _ = pidfd_send_signal(process, signal);
            }
        }
    }

    fn children(thread: &std::path::Path) -> Vec<i32> {
        std::fs::read_to_string(thread.join("children"))
            .unwrap_or_default()
            .split_ascii_whitespace()
            .filter_map(|child| child.parse().ok())
            .collect()
    }
}

/// Where a child cannot be found by its thread, the window stays until it is answered or its own
/// time limit ends it. Its answer is dropped all the same.
#[cfg(not(target_os = "linux"))]
mod platform {
    pub(super) fn current_thread() -> Option<std::path::PathBuf> {
        None
    }

    pub(super) fn end_children(_thread: &std::path::Path, _firmly: bool) {}
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Instant;

    use super::*;

    fn run(command: &'static str) -> impl FnOnce() -> Result<bool, Error> + Send + 'static {
        move || {
            let status = Command::new("sh").args(["-c", command]).status();
            Ok(status.is_ok_and(|status| status.success()))
        }
    }

    #[tokio::test]
    async fn an_answer_is_passed_on() {
        let answered = show(
            run("exit 0"),
            std::future::pending(),
            Duration::from_secs(5),
        )
        .await;
        assert!(answered.unwrap());
    }

    #[tokio::test]
    async fn the_window_goes_when_it_is_called_off() {
        let begun = Instant::now();
        let gone = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Error::PageGone
        };
        let error = show(run("exec sleep 60"), gone, Duration::from_secs(60))
            .await
            .unwrap_err();
        assert_eq!(error.code(), "agent.page_gone");
        assert!(begun.elapsed() < Duration::from_secs(5));
    }

    #[tokio::test]
    async fn a_program_that_ignores_its_time_limit_is_ended() {
        let begun = Instant::now();
        let stubborn = run("trap '' TERM; exec sleep 60");
        let limit = Duration::from_millis(50);
        let error = show(stubborn, std::future::pending(), limit)
            .await
            .unwrap_err();
        assert_eq!(error.code(), "agent.prompt_timed_out");
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}
