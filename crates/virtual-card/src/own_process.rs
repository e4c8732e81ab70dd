//! Tests that need a process of their own: libpcsclite and PKCS#11 modules take their settings from
//! the environment, which belongs to the whole process.

use std::process::Command;

use crate::Error;

/// Runs one test of this very test program again, in a process that `prepare` gives its
/// environment to. The test must see from that environment that it is inside.
///
/// # Errors
/// [`Error::ToolFailed`] with all that the process wrote when the test failed, or when no test has
/// this name.
pub fn run_test(name: &str, prepare: impl FnOnce(&mut Command)) -> Result<(), Error> {
    let failed = |reason| Error::ToolFailed {
        program: "the test's own process",
        reason,
    };
    let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    let mut command = Command::new(program);
    prepare(&mut command);
    let output = command
        .args(["--exact", name, "--nocapture"])
        .output()
        .map_err(|error| failed(error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(failed(format!("{text}\n{errors}")));
    }
    if text.contains("1 passed") {
        Ok(())
    } else {
        Err(failed(format!("the test's name is not {name}: {text}")))
    }
}
