//! Keeps freshly installed packages from starting their daemons.
//!
//! The project runs private instances of pcscd and PostgreSQL; a package that also starts its own
//! takes ports and memory, and in a chroot it would outlive it. Debian asks the policy program
//! `/usr/sbin/policy-rc.d` before it starts a service (invoke-rc.d(8)).

use std::path::Path;
use std::{fs, io};

use anyhow::{Context, Result};

const POLICY: &str = "/usr/sbin/policy-rc.d";
const MARK: &str = "# written by `cargo xtask`, which deletes it when it ends";

/// As long as this lives, package installation starts no service.
pub(super) struct NoServiceStart {
    ours: bool,
}

impl NoServiceStart {
    /// Puts the policy in place, unless the machine has one of its own.
    ///
    /// # Errors
    /// When the policy program can't be written.
    pub(super) fn begin() -> Result<Self> {
        let foreign = fs::read_to_string(POLICY).is_ok_and(|text| !text.contains(MARK));
        if foreign || !Path::new("/usr/sbin").is_dir() {
            return Ok(Self { ours: false });
        }
        write_policy().with_context(|| format!("can't write {POLICY}"))?;
        Ok(Self { ours: true })
    }
}

fn write_policy() -> io::Result<()> {
    fs::write(POLICY, format!("#!/bin/sh\n{MARK}\nexit 101\n"))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

impl Drop for NoServiceStart {
    fn drop(&mut self) {
        if self.ours {
            let _ = fs::remove_file(POLICY);
        }
    }
}
