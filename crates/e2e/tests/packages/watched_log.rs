//! The witness of the package, as its unit starts it, configured as docs/packages.md says: it
//! cosigns the log of the server of the package, and its own `verify` is content with the export.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use cardea_e2e::PageScript;
use reqwest::StatusCode;

use super::clean_root::CleanRoot;
use super::machine::Machine;
use super::workplace::{SERVER, Workplace};

/// Its unit and its user.
pub(crate) const SERVICE: &str = "cardea-witness";
const SETTINGS: &str = "etc/cardea-witness/witness.toml";
const SERVER_SETTINGS: &str = "etc/cardea/cardea.toml";
/// Looks for a cosignature, half a second apart.
const LOOKS_MAX: u32 = 120;
const PAUSE: Duration = Duration::from_millis(500);

/// A witness of the server's log, on the same machine.
pub(crate) struct WatchedLog<'a> {
    root: &'a CleanRoot,
    machine: &'a Machine,
    address: String,
    log_key: String,
    witness_key: String,
}

impl<'a> WatchedLog<'a> {
    /// Makes the witness's key, has it begin with the log, starts it, and tells the server of it.
    pub(crate) async fn begin(
        root: &'a CleanRoot,
        machine: &'a Machine,
        workplace: &Workplace<'_>,
    ) -> Result<Self> {
        let address = std::net::TcpListener::bind("127.0.0.1:0")?
            .local_addr()?
            .to_string();
        let log_key = as_user(root, SERVER, &["ledger", "key"], SERVER_SETTINGS)?;
        let origin = log_key.split('+').next().context("no name")?.to_owned();
        let text = root.read(SETTINGS)?;
        let text = text.replace("\"127.0.0.1:47180\"", &format!("\"{address}\""));
        ensure!(text.contains(&address), "{text}");
        let log = format!("\n[[log]]\norigin = \"{origin}\"\nkeys = [\"{log_key}\"]\n");
        fs::write(root.path(SETTINGS), text + &log)?;
        let witness_key = as_user(root, SERVICE, &["key", "new"], SETTINGS)?;
        as_user(root, SERVICE, &["log", "begin", &origin], SETTINGS)?;
        machine.run(&["systemctl", "enable", "--quiet", "--now", SERVICE])?;
        let watched = Self {
            root,
            machine,
            address,
            log_key,
            witness_key,
        };
        watched.answers().await?;
        machine.keeps_in_bounds(SERVICE, "0000000000000000")?;

        let ledger = format!(
            "\n[ledger]\nwitness_seconds = 1\n[[ledger.witness]]\nurl = \"http://{}\"\n\
             verifier_key = \"{}\"\n",
            watched.address, watched.witness_key
        );
        let settings = root.read(SERVER_SETTINGS)? + &ledger;
        fs::write(root.path(SERVER_SETTINGS), settings)?;
        let restart = ["systemctl", "restart", SERVER];
        workplace.starts_once_more(&restart).await?;
        Ok(watched)
    }

    /// The service runs, and says so.
    pub(crate) async fn answers(&self) -> Result<()> {
        let http = PageScript::http()?;
        for _ in 0..LOOKS_MAX {
            let asked = http.get(format!("http://{}/healthz", self.address));
            if let Ok(answer) = asked.send().await {
                ensure!(answer.status() == StatusCode::OK, "{answer:?}");
                let state = self.machine.property(SERVICE, "ActiveState")?;
                ensure!(state == "active", "somebody else answers: {state}");
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        bail!("the witness is silent: {}", self.machine.journal(SERVICE)?)
    }

    /// The log as it is now, with all that has happened, is cosigned, and verifies without the
    /// server.
    pub(crate) async fn is_cosigned(&self, when: &str) -> Result<()> {
        let mut said = String::new();
        for look in 0..LOOKS_MAX {
            let folder = format!("/tmp/log-{when}-{look}");
            let export = ["ledger", "export", "--out", &folder];
            // A server that has just begun its log signs it within seconds.
            if let Err(error) = as_user(self.root, SERVER, &export, SERVER_SETTINGS) {
                said = format!("{error:#}");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            let mut verify = self.root.command(
                "root",
                &[
                    "cardea-witness",
                    "verify",
                    &folder,
                    "--log-key",
                    &self.log_key,
                    "--witness-key",
                    &self.witness_key,
                ],
            );
            let output = verify.output()?;
            if output.status.success() {
                return Ok(());
            }
            said = format!("{output:?}");
            tokio::time::sleep(PAUSE).await;
        }
        bail!("{when}: {said}; {}", self.machine.journal(SERVICE)?)
    }
}

/// Runs a service's own program as its user, who alone owns what it makes, over its settings.
fn as_user(root: &CleanRoot, service: &str, words: &[&str], settings: &str) -> Result<String> {
    let settings = format!("/{settings}");
    let (nouns, rest) = words.split_at(words.len().min(2));
    let config = ["--config", settings.as_str()];
    let words = [&[service][..], nouns, &config[..], rest].concat();
    let said = cardea_xtask::process::capture(&mut root.command(service, &words))?;
    Ok(said.trim().to_owned())
}
