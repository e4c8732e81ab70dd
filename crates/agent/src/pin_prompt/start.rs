//! How a prompt program is started: so that it ends with the agent, however the agent ends.
//!
//! A window that outlives its agent keeps the keyboard, and takes a PIN for nobody. On Linux the
//! system ends it: `cardea-agent prompt` asks for that (prctl(2), `PR_SET_PDEATHSIG`) and then
//! becomes the prompt program. The signal comes when the thread ends that started it, which is the
//! prompt's own and waits for it.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;

/// This program, even where its file was replaced by an update since.
#[cfg(target_os = "linux")]
pub(crate) const OWN_PROGRAM: Option<&str> = Some("/proc/self/exe");
#[cfg(not(target_os = "linux"))]
pub(crate) const OWN_PROGRAM: Option<&str> = None;

/// The name of the mode in which this program starts a prompt.
const MODE: &str = "prompt";

/// A command that starts a prompt program.
pub(super) struct PromptCommand(pub(super) Command);

impl PromptCommand {
    /// The program alone.
    pub(super) fn plain(program: &Path) -> Self {
        Self(Command::new(program))
    }

    /// The program by way of this one, which must be `cardea-agent`.
    pub(super) fn ending_with_this_program(program: &Path) -> Self {
        let Some(own) = OWN_PROGRAM else {
            return Self::plain(program);
        };
        let mut command = Command::new(own);
        command.arg(MODE).arg(std::process::id().to_string());
        command.arg(program);
        Self(command)
    }
}

/// Becomes the prompt program, which the system ends with `agent`, the process that started this.
/// Returns only when that fails.
pub fn become_prompt(agent: u32, program: &OsStr) -> Error {
    if !bound_to(agent) {
        return Error::PromptUnavailable {
            reason: "the agent that wanted it has ended",
        };
    }
    // Its program file is not there or not executable: nothing else can be wrong here.
    let _ = Command::new(PathBuf::from(program)).exec();
    Error::PromptUnavailable {
        reason: "the pinentry program cannot be started",
    }
}

#[cfg(target_os = "linux")]
fn bound_to(agent: u32) -> bool {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};
    // Not TERM: nobody would be left to insist.
    let bound = set_parent_process_death_signal(Some(Signal::KILL)).is_ok();
    // It may have ended before that was said.
    let parent = getppid().map(|parent| parent.as_raw_nonzero().get());
    bound && parent.and_then(|parent| u32::try_from(parent).ok()) == Some(agent)
}

#[cfg(not(target_os = "linux"))]
fn bound_to(_agent: u32) -> bool {
    true
}
