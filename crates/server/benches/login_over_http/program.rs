//! The program `cardea` as an operator starts it, and the CPU time that it has used.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::Failure;
use crate::keys::write_keys;
use crate::revocation_host::RevocationHost;

pub(crate) const CLIENT_ID: &str = "portal";
pub(crate) const CLIENT_SECRET: &str = "an-invented-secret-of-a-portal-0";
pub(crate) const REDIRECT_URI: &str = "https://portal.example.test/callback";

/// Where it writes its log.
const LOG: &str = "cardea.log";
/// Ticks a second in `/proc`; the kernel converts to this whatever its own clock does.
const TICKS_PER_SECOND: u64 = 100;
/// Fields of `/proc/PID/stat` after the program's name: utime and stime (proc(5), fields 14, 15).
const CPU_FIELDS: std::ops::Range<usize> = 11..13;

/// A running server; it ends when this goes.
pub(crate) struct Program {
    pub(crate) issuer: String,
    child: Child,
    folder: TempDir,
}

impl Program {
    /// Starts it with a new SQLite file, its log going to a file, these `[limits]`, and more about
    /// its client.
    pub(crate) async fn start_limiting(
        host: &RevocationHost,
        limits: &str,
        more_of_client: &str,
    ) -> Result<Self, Failure> {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let issuer = format!("http://{address}");
        write_configuration(folder.path(), &issuer, (limits, more_of_client), host)?;
        let log = fs::File::create(folder.path().join(LOG))?;
        let child = Command::new(env!("CARGO_BIN_EXE_cardea"))
            .args(["serve", "--config"])
            .arg(folder.path().join("cardea.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        let mut program = Self {
            issuer,
            child,
            folder,
        };
        program.wait_until_healthy().await?;
        Ok(program)
    }

    async fn wait_until_healthy(&mut self) -> Result<(), Failure> {
        let url = format!("{}/healthz", self.issuer);
        let client = reqwest::Client::builder().no_proxy().build()?;
        for _ in 0..200 {
            if let Some(status) = self.child.try_wait()? {
                let log = fs::read_to_string(self.folder.path().join(LOG))?;
                return Err(format!("cardea ended ({status}): {log}").into());
            }
            let answer = client.get(&url).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err("cardea did not get ready within ten seconds".into())
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// CPU time of all its threads so far, to a hundredth of a second.
    pub(crate) fn cpu_time(&self) -> Result<Duration, Failure> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process_id()))?;
        let (_, fields) = stat.rsplit_once(") ").ok_or("/proc/PID/stat has no name")?;
        let fields: Vec<&str> = fields.split(' ').collect();
        let mut ticks = 0_u64;
        for field in fields.get(CPU_FIELDS).unwrap_or_default() {
            ticks += field.parse::<u64>()?;
        }
        Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write_configuration(
    folder: &Path,
    issuer: &str,
    (limits, more_of_client): (&str, &str),
    host: &RevocationHost,
) -> Result<(), Failure> {
    write_keys(folder, issuer)?;
    fs::write(folder.join("anchors.pem"), host.anchors_pem()?)?;
    fs::write(folder.join("intermediates.pem"), host.intermediates_pem()?)?;
    let listen = issuer.trim_start_matches("http://");
    let text = format!(
        r#"
issuer = "{issuer}"
listen = "{listen}"
[database]
url = "sqlite://cardea.sqlite"
[keys]
challenge_key = "challenge-key.pem"
challenge_list = "challenge-keys.jws"
[limits]
{limits}
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
secret = "{CLIENT_SECRET}"
id_token_signed_response_alg = "RS256"
{more_of_client}
"#
    );
    Ok(fs::write(folder.join("cardea.toml"), text)?)
}
