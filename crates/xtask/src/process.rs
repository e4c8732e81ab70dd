//! Running other programs to their end, with the command in every error message.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The command as a person would type it, for messages.
pub fn describe(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(
        command
            .get_args()
            .map(|word| word.to_string_lossy().into_owned()),
    );
    words.join(" ")
}

/// Runs a program to its end with its stdout sent to our stderr, which keeps our own stdout for
/// the result.
///
/// # Errors
/// When the program can't be started or ends with a failure.
pub fn run(command: &mut Command) -> Result<()> {
    let text = describe(command);
    command.stdout(Stdio::from(std::io::stderr()));
    let status = command
        .status()
        .with_context(|| format!("can't start `{text}`"))?;
    if !status.success() {
        bail!("`{text}` failed ({status})");
    }
    Ok(())
}

/// Runs a program to its end and gives what it wrote to stdout.
///
/// # Errors
/// When the program can't be started, fails (its stderr is in the message) or writes no UTF-8.
pub fn capture(command: &mut Command) -> Result<String> {
    capture_with_stdin(command.stdin(Stdio::null()))
}

/// As [`capture`], with the stdin that the command has.
///
/// # Errors
/// As for [`capture`].
pub fn capture_with_stdin(command: &mut Command) -> Result<String> {
    let text = describe(command);
    let output = command
        .output()
        .with_context(|| format!("can't start `{text}`"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{text}` failed ({}): {}", output.status, said.trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{text}` wrote no valid text"))
}

/// Looks a program up in `PATH` and in the folders of system programs.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(system)
        .map(|folder| folder.join(name))
        .find(|candidate| is_executable(candidate))
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}
