//! `cardea-guard serve` as a proxy meets it: at its port and at its socket, so many connections and
//! no more, and how it ends.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// A guard whose issuer does not exist, so that nobody gets in.
struct Guard {
    folder: tempfile::TempDir,
    port: u16,
}

impl Guard {
    fn new(changes: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let guard = Self { folder, port };
        guard.write(changes);
        let keys = guard.path("statement.keys");
        fs::write(&keys, format!("k1 {}\n", "A".repeat(43))).unwrap();
        fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).unwrap();
        guard
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Its proxy has no address of this machine.
    fn write(&self, changes: &str) {
        let text = format!(
            "[token]\nissuer = \"http://127.0.0.1:1\"\naudience = \"a\"\n\
             revocation = \"expiry_alone\"\n\n\
             [serve]\nlisten = \"127.0.0.1:{}\"\nsocket = \"proxy.sock\"\n\
             proxies = [\"192.0.2.1\"]\nrequest_headers = \"original\"\n\
             origins = [\"https://api.example.fr\"]\n{changes}\n\n\
             [look_ups]\nservice = \"records\"\nkeys_file = \"statement.keys\"\n\
             portals = [\"127.0.0.1\"]\n",
            self.port
        );
        fs::write(self.path("guard.toml"), text).unwrap();
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cardea-guard"));
        command.args(["serve", "--config"]);
        command.arg(self.path("guard.toml")).env("RUST_LOG", "off");
        command.stdin(Stdio::null());
        command
    }

    fn start(&self) -> Running {
        let running = Running(self.command().spawn().unwrap());
        let begun = Instant::now();
        while self.at_port().is_none() || UnixStream::connect(self.path("proxy.sock")).is_err() {
            assert!(begun.elapsed() < PATIENCE, "it does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        running
    }

    fn at_port(&self) -> Option<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Some(stream)
    }

    fn at_socket(&self) -> UnixStream {
        let stream = UnixStream::connect(self.path("proxy.sock")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }
}

struct Running(Child);

impl Running {
    fn terminate(&self) {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").arg(id).status().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Status and code of an answer; none where the connection is closed instead.
fn ask(stream: &mut (impl Read + Write), line: &str) -> Option<(u16, String)> {
    let headers = "Host: guard\r\nContent-Type: application/json\r\n";
    let body = if line.starts_with("POST") { "{}" } else { "" };
    let length = body.len();
    let request = format!("{line} HTTP/1.1\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return None;
        }
        answer.extend(byte);
    }
    let head = String::from_utf8(answer).unwrap().to_lowercase();
    let value = |name: &str| {
        let (_, behind) = head.split_once(&format!("{name}: "))?;
        behind.lines().next().map(str::to_owned)
    };
    let length = value("content-length").map_or(0, |it| it.parse().unwrap());
    stream.read_exact(&mut vec![0; length]).unwrap();
    let status = head.split(' ').nth(1)?.parse().unwrap();
    Some((status, value("x-cardea-code").unwrap_or_default()))
}

trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

fn is(status: u16, code: &str) -> Option<(u16, String)> {
    Some((status, code.to_owned()))
}

#[test]
fn who_may_open_the_socket_is_a_proxy_and_no_portal() {
    let guard = Guard::new("");
    let _running = guard.start();
    let mode = fs::metadata(guard.path("proxy.sock")).unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o660);
    let (mut port, mut socket) = (guard.at_port().unwrap(), guard.at_socket());
    // One after the other on the same connection, as proxies do.
    for _ in 0..2 {
        assert_eq!(ask(&mut port, "GET /healthz"), is(200, ""));
        assert_eq!(ask(&mut socket, "GET /healthz"), is(200, ""));
        let unknown = is(403, "guard.proxy_unknown");
        assert_eq!(ask(&mut port, "GET /auth"), unknown);
        assert_eq!(ask(&mut port, "GET /refusal"), unknown);
        let malformed = is(400, "guard.forwarded_header_malformed");
        assert_eq!(ask(&mut socket, "GET /auth"), malformed);
        assert_eq!(ask(&mut socket, "GET /auth?a=b"), malformed);
        assert_eq!(ask(&mut socket, "GET /refusal"), is(503, "guard.not_ready"));
        let portal_unknown = is(403, "guard.portal_unknown");
        assert_eq!(ask(&mut socket, "POST /look-ups"), portal_unknown);
        let malformed = is(400, "guard.statement_malformed");
        assert_eq!(ask(&mut port, "POST /look-ups"), malformed);
        assert_eq!(ask(&mut socket, "GET /nothing"), is(404, ""));
    }
}

#[test]
fn a_socket_that_is_left_is_replaced_and_one_that_is_served_is_not() {
    let guard = Guard::new("");
    drop(guard.start());
    assert!(guard.path("proxy.sock").exists(), "it was killed");
    let _running = guard.start();
    assert_eq!(ask(&mut guard.at_socket(), "GET /healthz"), is(200, ""));
    let second = Guard::new("");
    fs::remove_file(second.path("guard.toml")).unwrap();
    let text = fs::read_to_string(guard.path("guard.toml")).unwrap();
    let text = text.replace(&guard.port.to_string(), "0");
    let path = guard.path("proxy.sock").display().to_string();
    let text = text.replace("\"proxy.sock\"", &format!("\"{path}\""));
    fs::write(second.path("guard.toml"), text).unwrap();
    let Output { status, stderr, .. } = second.command().output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert!(
        !status.success() && said.contains("guard.listen_failed"),
        "{said}"
    );
    assert_eq!(ask(&mut guard.at_socket(), "GET /healthz"), is(200, ""));
    // Nor is a file that is none.
    fs::write(second.path("proxy.sock"), "a file").unwrap();
    second.write("");
    let said = second.command().output().unwrap();
    assert!(!said.status.success());
    assert_eq!(fs::read(second.path("proxy.sock")).unwrap(), b"a file");
}

/// As many connections as there may be, each of which was answered.
fn keep<S: Read + Write>(connect: impl Fn() -> S) -> Vec<S> {
    let mut kept = Vec::new();
    let begun = Instant::now();
    // Those by which it was seen to listen end in a moment.
    while kept.len() < 3 {
        assert!(begun.elapsed() < PATIENCE);
        let mut stream = connect();
        if ask(&mut stream, "GET /healthz").is_some() {
            kept.push(stream);
        }
    }
    kept
}

#[test]
fn connections_beyond_the_bound_are_closed_and_a_place_comes_back() {
    let guard = Guard::new("connections_max = 3");
    let _running = guard.start();
    let mut kept = keep(|| guard.at_port().unwrap());
    assert_eq!(ask(&mut guard.at_port().unwrap(), "GET /healthz"), None);
    // Whoever takes all places at the port takes none of the proxy's.
    let mut of_proxy = keep(|| guard.at_socket());
    assert_eq!(ask(&mut guard.at_socket(), "GET /healthz"), None);
    for stream in &mut kept {
        assert_eq!(ask(stream, "GET /healthz"), is(200, ""));
    }
    let begun = Instant::now();
    kept.pop();
    while ask(&mut guard.at_port().unwrap(), "GET /healthz").is_none() {
        assert!(begun.elapsed() < PATIENCE);
    }
    of_proxy.pop();
    while ask(&mut guard.at_socket(), "GET /healthz").is_none() {
        assert!(begun.elapsed() < PATIENCE);
    }
}

/// Attack H10: whoever sends the rest of a question never, or to nobody, keeps no place.
#[test]
fn a_question_that_never_ends_is_not_waited_for() {
    let guard = Guard::new("");
    let _running = guard.start();
    let begun = "POST /look-ups HTTP/1.1\r\nHost: guard\r\nContent-Length: 100\r\n\r\n{";
    let said = |mut stream: Box<dyn Stream>| {
        stream.write_all(begun.as_bytes()).unwrap();
        let mut said = String::new();
        // It ends with the connection.
        stream.read_to_string(&mut said).unwrap();
        said.lines().next().unwrap_or_default().to_owned()
    };
    let of_portal = said(Box::new(guard.at_port().unwrap()));
    assert!(of_portal.contains(" 408 "), "{of_portal}");
    let of_nobody = said(Box::new(guard.at_socket()));
    assert!(of_nobody.contains(" 403 "), "{of_nobody}");
}

#[test]
fn a_guard_that_is_told_to_stop_says_so_and_ends_what_is_kept() {
    let guard = Guard::new("drain_seconds = 2\nstop_seconds = 20");
    let mut running = guard.start();
    let (mut port, mut socket) = (guard.at_port().unwrap(), guard.at_socket());
    assert_eq!(ask(&mut port, "GET /healthz"), is(200, ""));
    assert_eq!(ask(&mut socket, "GET /healthz"), is(200, ""));
    running.terminate();
    // Callers are served a moment longer, new ones too; then kept connections end by themselves.
    let mut later = guard.at_port().unwrap();
    assert_eq!(ask(&mut later, "GET /readyz").unwrap().0, 503);
    for stream in [&mut port, &mut later] {
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    }
    assert_eq!(socket.read(&mut [0]).unwrap(), 0);
    assert!(running.0.wait().unwrap().success());
}
