//! A real TPM in software (swtpm), reached by the module that Debian has for TPMs.
//!
//! The module reads its process's environment and nothing else, and an environment is not changed
//! in a process of several threads: so the test runs once more, in a process of its own.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::instance_key::{TOKEN_LABEL, TPM_MODULES};

const SO_PIN: &str = "12345678";
const PIN: &str = "87654321";
const INSTALL: &str = "install swtpm, libtpm2-pkcs11-1, libtss2-tcti-swtpm0 and opensc";
/// The folder of the TPM, for the second process.
const FOLDER: &str = "CARDEA_TEST_TPM";

/// The TPM as the second process sees it.
pub(super) struct SoftwareTpm {
    folder: PathBuf,
}

/// Ended when it goes out of use.
struct Running(Child);

impl SoftwareTpm {
    /// Runs `test` in a process of its own, beside a TPM with a token set up as the manual says.
    pub(super) fn with(test: &str, work: impl FnOnce(&Self)) {
        if let Some(folder) = std::env::var_os(FOLDER) {
            work(&Self {
                folder: folder.into(),
            });
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let tpm = Self {
            folder: folder.path().to_owned(),
        };
        let _running = tpm.start();
        let own = std::env::current_exe().unwrap();
        let mut second = Command::new(own);
        second.args(["--exact", test, "--nocapture"]);
        let output = tpm.within(&mut second).output().unwrap();
        let words = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words}{errors}");
        assert!(words.contains("1 passed"), "{words}");
    }

    fn start(&self) -> Running {
        for name in ["state", "store"] {
            std::fs::create_dir(self.folder.join(name)).unwrap();
        }
        let socket = self.folder.join("tpm");
        let state = self.folder.join("state");
        let process = Command::new("swtpm")
            .args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear"])
            .arg("--tpmstate")
            .arg(format!("dir={}", state.display()))
            .arg("--server")
            .arg(format!("type=unixio,path={}", socket.display()))
            .arg("--ctrl")
            .arg(format!("type=unixio,path={}.ctrl", socket.display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect(INSTALL);
        std::fs::write(self.folder.join("pid"), process.id().to_string()).unwrap();
        let running = Running(process);
        let began = Instant::now();
        while !socket.exists() {
            assert!(began.elapsed() < Duration::from_secs(60), "swtpm");
            std::thread::sleep(Duration::from_millis(10));
        }
        let label = ["--label", TOKEN_LABEL, "--so-pin", SO_PIN];
        self.tool(&[&["--slot-index", "0", "--init-token"][..], &label].concat());
        let token = ["--token-label", TOKEN_LABEL, "--login", "--login-type"];
        let new = ["so", "--so-pin", SO_PIN, "--init-pin", "--new-pin", PIN];
        self.tool(&[&token[..], &new].concat());
        std::fs::write(self.pin_file(), format!("{PIN}\n")).unwrap();
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(self.pin_file(), mode).unwrap();
        running
    }

    pub(super) fn module(&self) -> PathBuf {
        let mut modules = TPM_MODULES.iter().map(PathBuf::from);
        modules.find(|module| module.exists()).expect(INSTALL)
    }

    pub(super) fn pin_file(&self) -> PathBuf {
        self.folder.join("pin")
    }

    pub(super) fn list_objects(&self) -> String {
        let log_in = ["--token-label", TOKEN_LABEL, "--login", "--pin", PIN];
        self.tool(&[&log_in[..], &["--list-objects"]].concat())
    }

    /// As if the TPM had been taken out.
    pub(super) fn stop(&self) {
        let pid = std::fs::read_to_string(self.folder.join("pid")).unwrap();
        let pid = Pid::from_raw(pid.parse().unwrap()).unwrap();
        kill_process(pid, Signal::KILL).unwrap();
    }

    fn tool(&self, arguments: &[&str]) -> String {
        let mut tool = Command::new("pkcs11-tool");
        tool.arg("--module").arg(self.module()).args(arguments);
        let output = self.within(&mut tool).output().expect(INSTALL);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn within<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let at = |name: &str| -> PathBuf { Path::new(&self.folder).join(name) };
        command
            .env(FOLDER, &self.folder)
            .env(
                "TPM2_PKCS11_TCTI",
                format!("swtpm:path={}", at("tpm").display()),
            )
            .env("TPM2_PKCS11_STORE", at("store"))
            .env("TPM2_PKCS11_LOG_LEVEL", "0")
            .env("TSS2_LOG", "all+NONE")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have been stopped by the test.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
