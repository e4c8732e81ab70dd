//! A real HAProxy of this test's own.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::net::TcpStream;

/// Ended when dropped.
pub(crate) struct Haproxy(Child);

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Haproxy {
    /// Writes the configuration to `file`, and waits until it listens at `address`.
    pub(crate) async fn start(file: &Path, configuration: &str, address: &str) -> Self {
        fs::write(file, configuration).unwrap();
        let child = Command::new("/usr/sbin/haproxy")
            .args(["-db", "-q", "-f"])
            .arg(file)
            .stdin(Stdio::null())
            .spawn()
            .expect("haproxy is not here: cargo xtask test installs it (Debian: haproxy)");
        let haproxy = Self(child);
        for _ in 0..600 {
            if TcpStream::connect(address).await.is_ok() {
                return haproxy;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("HAProxy does not listen");
    }
}
