//! The server as a program of its own, which can be killed, over a test's folder.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

/// How long a start may take on a busy machine.
const STARTS_MAX: u32 = 600;
/// How long an end may take on a busy machine.
const ENDS_MAX: u32 = 1200;
const LOOKS_EVERY: Duration = Duration::from_millis(50);

pub(crate) struct Program {
    child: Child,
    log: PathBuf,
}

impl Program {
    /// An address where nobody listens.
    pub(crate) async fn unused_address() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().to_string()
    }

    /// Starts over the folder's configuration, keys and database, and waits until it listens.
    pub(crate) async fn start(folder: &Path, address: &str) -> Self {
        Self::start_with(folder, address, &[]).await.unwrap()
    }

    /// The same with more in its environment; none where a signal ended it before it listened.
    pub(crate) async fn start_with(
        folder: &Path,
        address: &str,
        environment: &[(&str, OsString)],
    ) -> Option<Self> {
        let config = fs::read_to_string(folder.join("cardea.toml")).unwrap();
        let elsewhere = |line: &str| match line.starts_with("listen = ") {
            true => format!("listen = \"{address}\"\n"),
            false => format!("{line}\n"),
        };
        let file = folder.join("program.toml");
        fs::write(&file, config.lines().map(elsewhere).collect::<String>()).unwrap();
        let log = folder.join("program.log");
        let output = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .unwrap();
        let start = || {
            Command::new(env!("CARGO_BIN_EXE_cardea"))
                .arg("serve")
                .arg("--config")
                .arg(&file)
                .envs(environment.iter().map(|(name, value)| (name, value)))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(output.try_clone().unwrap())
                .spawn()
                .unwrap()
        };
        let mut child = start();
        for _ in 0..STARTS_MAX {
            if TcpStream::connect(address).await.is_ok() {
                return Some(Self { child, log });
            }
            if let Some(ended) = child.try_wait().unwrap() {
                ended.code()?;
                let words = fs::read_to_string(&log).unwrap();
                // Somebody's outgoing connection may have the port for a moment.
                assert!(
                    words.trim_end().ends_with("[server.listen_failed]"),
                    "{words}"
                );
                child = start();
            }
            tokio::time::sleep(LOOKS_EVERY).await;
        }
        let _ = child.kill();
        panic!("it does not listen: {}", fs::read_to_string(&log).unwrap());
    }

    /// Ends it as a lack of memory would: at once, wherever it is (SIGKILL).
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Has it read its configuration anew (SIGHUP).
    pub(crate) fn hang_up(&self) {
        let process = self.child.id().to_string();
        let sent = Command::new("kill").args(["-HUP", &process]).status();
        assert!(sent.unwrap().success());
    }

    /// Tells it to stop (SIGTERM).
    pub(crate) fn terminate(&self) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    }

    /// Waits until it has ended by itself; whether it did so in good order.
    pub(crate) async fn ended(&mut self) -> bool {
        for _ in 0..ENDS_MAX {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.success();
            }
            tokio::time::sleep(LOOKS_EVERY).await;
        }
        panic!(
            "it does not end: {}",
            fs::read_to_string(&self.log).unwrap()
        );
    }

    /// Waits until a signal has ended it.
    pub(crate) async fn died(&mut self) {
        for _ in 0..ENDS_MAX {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.code().is_none(), "it has ended by itself: {status}");
                return;
            }
            tokio::time::sleep(LOOKS_EVERY).await;
        }
        panic!("it lives on");
    }

    /// Everything that it has logged.
    pub(crate) fn log(&self) -> Vec<u8> {
        fs::read(&self.log).unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
