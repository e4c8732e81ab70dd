//! nginx, the guard, and those who always say yes.

use std::fs;
use std::future::IntoFuture as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::any;
use rustix::time::{ClockId, clock_gettime};

use crate::issuer::{AUDIENCE, Issuer, ORIGIN};

const PAGE: &str = include_str!("../../../../docs/guard-proxies.md");
const START_LIMIT: Duration = Duration::from_secs(30);

/// Whom nginx asks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    NginxNoOp,
    AxumNoOp,
    Guard,
    AxumNoOpSocket,
    GuardSocket,
}

pub(crate) struct Site {
    ports: Ports,
    nginx: Child,
    guard: Child,
    no_op: Child,
    _folder: tempfile::TempDir,
}

struct Ports {
    /// Where nginx listens, for each backend.
    fronts: [u16; 5],
    guard: u16,
    nginx_no_op: u16,
    axum_no_op: u16,
    api: u16,
}

/// Processor time so far.
#[derive(Clone, Copy)]
pub(crate) struct Spent {
    pub nginx: Duration,
    /// Of guard and no-op programs.
    pub backend: Duration,
    pub driver: Duration,
}

impl Spent {
    pub(crate) fn since(&self, before: &Self) -> Self {
        Self {
            nginx: self.nginx - before.nginx,
            backend: self.backend - before.backend,
            driver: self.driver - before.driver,
        }
    }
}

impl Site {
    pub(crate) async fn start(issuer: &Issuer) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [
            first,
            second,
            third,
            fourth,
            fifth,
            guard,
            nginx_no_op,
            axum_no_op,
            api,
        ] = free_ports();
        let ports = Ports {
            fronts: [first, second, third, fourth, fifth],
            guard,
            nginx_no_op,
            axum_no_op,
            api,
        };
        let guard = start_guard(folder.path(), issuer, &ports);
        let no_op = Command::new(std::env::current_exe().unwrap())
            .env(NO_OP, ports.axum_no_op.to_string())
            .env(NO_OP_SOCKET, folder.path().join(AXUM_SOCKET))
            .spawn()
            .unwrap();
        let nginx = start_nginx(folder.path(), issuer, &ports);
        let mut site = Self {
            ports,
            nginx,
            guard,
            no_op,
            _folder: folder,
        };
        site.wait_until_ready().await;
        site
    }

    pub(crate) fn address(&self, backend: Backend) -> String {
        let [nginx_no_op, axum_no_op, guard, axum_socket, guard_socket] = self.ports.fronts;
        let port = match backend {
            Backend::NginxNoOp => nginx_no_op,
            Backend::AxumNoOp => axum_no_op,
            Backend::Guard => guard,
            Backend::AxumNoOpSocket => axum_socket,
            Backend::GuardSocket => guard_socket,
        };
        format!("127.0.0.1:{port}")
    }

    pub(crate) fn spent(&self) -> Spent {
        let nginx = self.nginx.id();
        let children = fs::read_to_string(format!("/proc/{nginx}/task/{nginx}/children"));
        let children = children.unwrap_or_default();
        let workers = children.split_whitespace().filter_map(|it| it.parse().ok());
        let driver = clock_gettime(ClockId::ProcessCPUTime);
        Spent {
            nginx: workers.map(processor_time).sum(),
            backend: processor_time(self.guard.id()) + processor_time(self.no_op.id()),
            driver: Duration::try_from(driver).unwrap_or_default(),
        }
    }

    async fn wait_until_ready(&mut self) {
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(2))
            .build()
            .unwrap();
        let addresses = [
            format!("http://127.0.0.1:{}/readyz", self.ports.guard),
            format!("http://127.0.0.1:{}/", self.ports.axum_no_op),
            format!("http://127.0.0.1:{}/", self.ports.api),
        ];
        for address in addresses {
            let begun = Instant::now();
            loop {
                let answer = client.get(&address).send().await;
                if answer.is_ok_and(|it| it.status().is_success()) {
                    break;
                }
                for (name, child) in [
                    ("nginx", &mut self.nginx),
                    ("the guard", &mut self.guard),
                    ("the no-op", &mut self.no_op),
                ] {
                    let ended = child.try_wait().unwrap();
                    assert!(ended.is_none(), "{name} has ended: {ended:?}");
                }
                assert!(begun.elapsed() < START_LIMIT, "{address} is not ready");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // nginx's master ends its workers when it is asked to, not when it is killed: they would
        // hold our output open for ever, and whoever reads it would wait for its end.
        let asked = Command::new("kill")
            .arg(self.nginx.id().to_string())
            .status();
        if asked.is_err() {
            let _ = self.nginx.kill();
        }
        let _ = self.nginx.wait();
        for child in [&mut self.guard, &mut self.no_op] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The port at which this program, started anew, says yes to everything.
pub(crate) const NO_OP: &str = "CARDEA_BENCH_NO_OP";

/// And the socket.
pub(crate) const NO_OP_SOCKET: &str = "CARDEA_BENCH_NO_OP_SOCKET";
const AXUM_SOCKET: &str = "axum.sock";
const GUARD_SOCKET: &str = "guard.sock";

/// Says yes to everything, with as many threads as the guard has.
pub(crate) fn say_yes(port: u16, socket: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await;
        let router = Router::new().fallback(any(async || StatusCode::NO_CONTENT));
        let at_port = axum::serve(listener.unwrap(), router.clone());
        let at_socket = axum::serve(tokio::net::UnixListener::bind(socket).unwrap(), router);
        let (at_port, at_socket) = tokio::join!(at_port.into_future(), at_socket.into_future());
        at_port.and(at_socket).unwrap();
    });
}

fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    let sockets = [(); COUNT].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    sockets.map(|it| it.local_addr().unwrap().port())
}

fn start_guard(folder: &Path, issuer: &Issuer, ports: &Ports) -> Child {
    let (url, port) = (&issuer.url, ports.guard);
    let keys = folder.join("statement.keys");
    fs::write(&keys, format!("k1 {}\n", "A".repeat(43))).unwrap();
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).unwrap();
    let text = format!(
        "[token]\nissuer = \"{url}\"\naudience = \"{AUDIENCE}\"\nrevocation = \"expiry_alone\"\n\
         sender_constrained = false\ncertificate_header = \"rfc9440\"\n\n\
         [serve]\nlisten = \"127.0.0.1:{port}\"\nsocket = \"{GUARD_SOCKET}\"\n\
         proxies = [\"127.0.0.1\"]\n\
         request_headers = \"original\"\norigins = [\"{ORIGIN}\"]\n\n\
         [[serve.rule]]\npath_prefix = \"/records\"\nscope = [\"records.read\"]\n\
         acr_values = [\"urn:cardea:acr:card-pin\"]\nmax_age_seconds = 14400\n\n\
         [look_ups]\nservice = \"records\"\nkeys_file = \"statement.keys\"\n"
    );
    let file = folder.join("guard.toml");
    fs::write(&file, text).unwrap();
    Command::new(env!("CARGO_BIN_EXE_cardea-guard"))
        .args(["serve", "--config"])
        .arg(&file)
        .env("RUST_LOG", "warn")
        .spawn()
        .unwrap()
}

/// The code block of the page behind a comment.
fn block(name: &str) -> &'static str {
    let (_, behind) = PAGE.split_once(&format!("<!-- {name} -->")).unwrap();
    let (_, text) = behind
        .split("```")
        .nth(1)
        .unwrap()
        .split_once('\n')
        .unwrap();
    text
}

fn start_nginx(folder: &Path, issuer: &Issuer, ports: &Ports) -> Child {
    // RFC 9440: base64 of the certificate between colons.
    let certificate = openssl::base64::encode_block(&issuer.certificate);
    let certificate = format!(":{certificate}:");
    let path = |name: &str| folder.join(name).display().to_string();
    let kept = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {};\n", path(kind)))
        .concat();
    let at_port = |port: u16| format!("127.0.0.1:{port}");
    let at_socket = |name: &str| format!("unix:{}", path(name));
    let backends = [
        at_port(ports.nginx_no_op),
        at_port(ports.axum_no_op),
        at_port(ports.guard),
        at_socket(AXUM_SOCKET),
        at_socket(GUARD_SOCKET),
    ];
    let fronts: String = ports
        .fronts
        .into_iter()
        .zip(backends)
        .map(|(front, backend)| front_of(front, &backend, ports.api, &certificate))
        .collect();
    let (api, no_op) = (ports.api, ports.nginx_no_op);
    let text = format!(
        "user root;\ndaemon off;\nworker_processes 2;\npid {};\nerror_log stderr warn;\n\
         events {{ worker_connections 4096; }}\nhttp {{\naccess_log off;\n\
         keepalive_requests 10000000;\n{kept}{fronts}\n\
         server {{ listen 127.0.0.1:{api}; location / {{ return 200 \"a record\"; }} }}\n\
         server {{ listen 127.0.0.1:{no_op}; location / {{ return 204; }} }}\n}}\n",
        path("pid"),
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, text).unwrap();
    let program = ["/usr/sbin/nginx", "/usr/bin/nginx"];
    let program = program.into_iter().find(|it| Path::new(it).exists());
    Command::new(program.expect("nginx is missing"))
        .args(["-e", "stderr", "-c"])
        .arg(&file)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// The page's lines in front of one backend. The API has kept connections too.
fn front_of(front: u16, backend: &str, api: u16, certificate: &str) -> String {
    let lines = block("nginx of the tests")
        .replace("listen 443 ssl", &format!("listen 127.0.0.1:{front}"))
        .replace("127.0.0.1:8090", backend)
        .replace("cardea_guard", &format!("asked_{front}"))
        .replace(
            "proxy_pass http://127.0.0.1:8081;",
            &format!(
                "proxy_http_version 1.1;\nproxy_set_header Connection \"\";\n\
                 proxy_pass http://api_{front};"
            ),
        )
        .replace(
            "proxy_set_header X-Forwarded-Host  $http_host;",
            &format!(
                "proxy_set_header X-Forwarded-Host $http_host;\n\
                 proxy_set_header Client-Cert \"{certificate}\";"
            ),
        );
    let is_kept = |line: &&str| !line.trim_start().starts_with("ssl_certificate");
    let lines: Vec<_> = lines.lines().filter(is_kept).collect();
    let api = format!("upstream api_{front} {{ server 127.0.0.1:{api}; keepalive 32; }}\n");
    format!("{api}{}\n", lines.join("\n"))
}

/// Processor time of a process, all threads: in steps of ten milliseconds.
fn processor_time(process: u32) -> Duration {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let (_, behind) = text.rsplit_once(')').unwrap_or_default();
    let fields: Vec<&str> = behind.split_whitespace().collect();
    let ticks = |index: usize| -> u64 {
        let field = fields.get(index).and_then(|it| it.parse().ok());
        field.unwrap_or(0)
    };
    // utime and stime, behind pid and name.
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}
