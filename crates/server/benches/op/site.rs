//! A provider under measurement: its program, pinned to a core, and what the kernel says of it.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, net::TcpListener, path::Path};

use cardea_jose::SigningKey;
use serde_json::json;
use tempfile::TempDir;

use crate::Failure;
use crate::client::{CLIENT_ID, REDIRECT_URI, RESOURCE};
use crate::http::Http;
use crate::keys::write_keys;
use crate::postgres::Postgres;
use crate::revocation_host::RevocationHost;

/// The core of the servers; the driver has the other.
pub(crate) const SERVER_CORE: &str = "0";
pub(crate) const DRIVER_CORE: &str = "1";
/// Ticks a second in `/proc`; the kernel converts to this whatever its own clock does.
const TICKS_PER_SECOND: u64 = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
    Peer,
}

pub(crate) struct Paths {
    pub(crate) token: &'static str,
    pub(crate) introspect: &'static str,
    pub(crate) userinfo: &'static str,
}

pub(crate) struct Site {
    pub(crate) kind: Kind,
    pub(crate) issuer: String,
    pub(crate) address: SocketAddr,
    pub(crate) paths: Paths,
    /// From the start of the program to its first answer.
    pub(crate) ready_after: Duration,
    pub(crate) postgres: Option<Postgres>,
    child: Child,
    pub(crate) folder: TempDir,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "Cardea on SQLite",
            Self::Postgres => "Cardea on PostgreSQL",
            Self::Peer => "oidc-provider",
        }
    }
}

impl Site {
    pub(crate) async fn start(
        kind: Kind,
        host: &RevocationHost,
        client_key: &SigningKey,
        fill: u64,
    ) -> Result<Self, Failure> {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let issuer = format!("http://{address}");
        let postgres = match kind {
            Kind::Postgres => Some(Postgres::start()?),
            _ => None,
        };
        let mut site = Self {
            kind,
            issuer,
            address,
            paths: match kind {
                Kind::Peer => Paths {
                    token: "/token",
                    introspect: "/token/introspection",
                    userinfo: "/me",
                },
                _ => Paths {
                    token: "/token",
                    introspect: "/introspect",
                    userinfo: "/userinfo",
                },
            },
            ready_after: Duration::ZERO,
            postgres,
            child: Command::new("true").spawn()?,
            folder,
        };
        if kind != Kind::Peer {
            site.configure(host, client_key)?;
            // The first start makes keys and tables; what is measured is a start.
            site.run(kind, client_key).await?;
            site.stop();
            if fill > 0 {
                crate::fill::fill(&site.folder.path().join("cardea.sqlite"), fill).await?;
            }
        }
        site.run(kind, client_key).await?;
        Ok(site)
    }

    async fn run(&mut self, kind: Kind, client_key: &SigningKey) -> Result<(), Failure> {
        let log = fs::File::create(self.folder.path().join("log"))?;
        let mut command = Command::new("taskset");
        command.args(["-c", SERVER_CORE]);
        match kind {
            Kind::Peer => {
                let folder = std::env::var("CARDEA_BENCH_PEER")?;
                let client = json!({
                    "client_id": CLIENT_ID, "redirect_uris": [REDIRECT_URI],
                    "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
                    "response_types": ["code"], "token_endpoint_auth_method": "private_key_jwt",
                    "token_endpoint_auth_signing_alg": "ES256", "dpop_bound_access_tokens": true,
                    "id_token_signed_response_alg": algorithm(),
                    "jwks": { "keys": [client_key.public_jwk()] }, "scope": "openid profile read",
                });
                let settings = json!({
                    "port": self.address.port(), "issuer": self.issuer, "client": client,
                });
                command.arg(std::env::var("CARDEA_BENCH_NODE")?);
                command.arg("provider.mjs").arg(settings.to_string());
                command.current_dir(folder).env("NODE_ENV", "production");
            }
            _ => {
                command.arg(program()).args(["serve", "--config"]);
                command.arg(self.folder.path().join("cardea.toml"));
            }
        }
        let begun = Instant::now();
        self.child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        let mut http = Http::new(self.address);
        loop {
            if let Ok(answer) = http.get("/.well-known/openid-configuration", "").await {
                answer.expect(200)?;
                self.ready_after = begun.elapsed();
                return Ok(());
            }
            if begun.elapsed() > Duration::from_secs(20) || self.child.try_wait()?.is_some() {
                let log = fs::read_to_string(self.folder.path().join("log"))?;
                return Err(format!("{} did not start: {log}", kind.name()).into());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn stop(&mut self) {
        let id = self.process_id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let _ = self.child.wait();
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// CPU time of all threads of the program so far.
    pub(crate) fn cpu_time(&self) -> Result<Duration, Failure> {
        cpu_time(self.process_id())
    }

    /// The same of the database's processes.
    pub(crate) fn database_cpu_time(&self) -> Result<Duration, Failure> {
        self.postgres
            .as_ref()
            .map_or(Ok(Duration::ZERO), Postgres::cpu_time)
    }

    /// Resident memory, in KiB.
    pub(crate) fn memory(&self) -> Result<u64, Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process_id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let line = line.ok_or("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    fn configure(&self, host: &RevocationHost, client_key: &SigningKey) -> Result<(), Failure> {
        let folder = self.folder.path();
        write_keys(folder, &self.issuer)?;
        fs::write(folder.join("anchors.pem"), host.anchors_pem()?)?;
        fs::write(folder.join("intermediates.pem"), host.intermediates_pem()?)?;
        let database = match &self.postgres {
            Some(postgres) => postgres.url(),
            None => "sqlite://cardea.sqlite".to_owned(),
        };
        let jwks = json!({ "keys": [client_key.public_jwk()] });
        fs::write(folder.join("jwks.json"), jwks.to_string())?;
        let (issuer, address) = (&self.issuer, self.address);
        let algorithm = algorithm();
        let text = format!(
            r#"
issuer = "{issuer}"
listen = "{address}"
[database]
url = "{database}"
[keys]
challenge_key = "challenge-key.pem"
challenge_list = "challenge-keys.jws"
[limits]
per_address_and_minute = 10000000
challenges_per_address_and_minute = 10000000
connections_per_address = 20000
[presence]
unclaimed_per_address_max = 4000
[suspension]
offer_code = "account_page"
[[trust_anchor]]
name = "test-cards"
anchors = "anchors.pem"
intermediates = "intermediates.pem"
profile = "cps"
test_cards = "require"
[[client]]
client_id = "{CLIENT_ID}"
name = "Portail de démonstration"
redirect_uris = ["{REDIRECT_URI}"]
token_endpoint_auth_method = "private_key_jwt"
jwks_file = "jwks.json"
dpop_bound_access_tokens = true
grant_types = ["authorization_code", "refresh_token", "client_credentials"]
scopes = ["openid", "profile", "professional", "read"]
resources = ["{RESOURCE}"]
id_token_signed_response_alg = "{algorithm}"
access_token_signed_response_alg = "{algorithm}"
{more}
"#,
            more = std::env::var("OP_CLIENT").unwrap_or_default()
        );
        Ok(fs::write(folder.join("cardea.toml"), text)?)
    }
}

/// What is measured: the program of this build, or the one that `OP_PROGRAM` names.
fn program() -> String {
    std::env::var("OP_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_cardea").to_owned())
}

/// What both servers sign tokens with.
fn algorithm() -> String {
    std::env::var("OP_ALGORITHM").unwrap_or_else(|_| "ES256".to_owned())
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn cpu_time(process_id: u32) -> Result<Duration, Failure> {
    let path = format!("/proc/{process_id}/stat");
    let stat = fs::read_to_string(Path::new(&path))?;
    let (_, fields) = stat.rsplit_once(") ").ok_or("/proc/PID/stat has no name")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let mut ticks = 0_u64;
    // utime and stime (proc(5), fields 14, 15).
    for field in fields.get(11..13).unwrap_or_default() {
        ticks += field.parse::<u64>()?;
    }
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}
