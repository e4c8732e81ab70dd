//! A real Redis of one test alone.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::{Accounts, RedisConfig, Rules, StateConfig, open_accounts};

const PASSWORD: &str = "a long password";
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct TestRedis {
    server: Child,
    pub(crate) port: u16,
    pub(crate) folder: tempfile::TempDir,
    arguments: fn(u16) -> Vec<String>,
}

impl TestRedis {
    /// One that asks for a password, and speaks in the clear.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), format!("{PASSWORD}\n")).unwrap();
        Self::start_in(folder, |port| {
            let port = port.to_string();
            let words = ["--port", &port, "--bind", "127.0.0.1"].map(str::to_owned);
            let more = ["--requirepass", PASSWORD].map(str::to_owned);
            words.into_iter().chain(more).collect()
        })
    }

    /// One that runs in this folder, and is told this beside, with its port.
    pub(crate) fn start_in(folder: tempfile::TempDir, arguments: fn(u16) -> Vec<String>) -> Self {
        let until = Instant::now() + PATIENCE;
        loop {
            let socket = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = socket.local_addr().unwrap().port();
            drop(socket);
            // Somebody else may have been quicker to take the port.
            if let Some(server) = spawn(folder.path(), port, arguments) {
                return Self {
                    server,
                    port,
                    folder,
                    arguments,
                };
            }
            assert!(Instant::now() < until, "redis-server does not start");
        }
    }

    pub(crate) fn stop(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }

    pub(crate) fn start_again(&mut self) {
        let server = spawn(self.folder.path(), self.port, self.arguments);
        self.server = server.expect("redis-server does not start again");
    }

    /// Has it hang (`-STOP`), or go on (`-CONT`).
    pub(crate) fn signal(&self, name: &str) {
        let id = self.server.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status().unwrap();
        assert!(sent.success());
    }

    /// How a guard reaches one that was started by [`TestRedis::start`]; files lie in its folder.
    pub(crate) fn config(&self) -> RedisConfig {
        self.state().redis.unwrap()
    }

    fn state(&self) -> StateConfig {
        let text = format!(
            "[redis]\nhost = \"127.0.0.1\"\nport = {}\ntls = false\n\
             password_file = \"secret\"\ntimeout_milliseconds = 2000",
            self.port
        );
        toml::from_str(&text).unwrap()
    }

    /// The accounts of one of the guards that share it.
    pub(crate) async fn guard_at(&self, now: i64) -> Arc<dyn Accounts> {
        self.guard_of("owner", now).await
    }

    /// The same of an issuer and an API.
    pub(crate) async fn guard_of(&self, owner: &str, now: i64) -> Arc<dyn Accounts> {
        let (config, rules) = (self.state(), Rules::default());
        let opened = open_accounts(&config, rules, self.folder.path(), owner, now);
        opened.await.unwrap()
    }

    /// What it says to one that was started by [`TestRedis::start`].
    pub(crate) fn say(&self, words: &[&str]) -> String {
        let said = Command::new("redis-cli")
            .args(["-p", &self.port.to_string(), "--no-auth-warning"])
            .args(["-a", PASSWORD])
            .args(words)
            .output()
            .unwrap();
        String::from_utf8(said.stdout).unwrap()
    }
}

impl Drop for TestRedis {
    fn drop(&mut self) {
        // It may be stopped already.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// One that listens; none where it has ended instead.
fn spawn(folder: &Path, port: u16, arguments: fn(u16) -> Vec<String>) -> Option<Child> {
    let server = Command::new("redis-server")
        .args(arguments(port))
        .args(["--save", "", "--appendonly", "no"])
        .current_dir(folder)
        .stdout(Stdio::null())
        .spawn();
    let mut server = server.expect("redis-server is missing: apt-get install redis-server");
    let until = Instant::now() + PATIENCE;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if server.try_wait().unwrap().is_some() {
            return None;
        }
        assert!(Instant::now() < until, "redis-server does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    // It may be another's that listens there.
    server.try_wait().unwrap().is_none().then_some(server)
}
