//! The guard of the package, as its unit starts it, configured as docs/packages.md says.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use cardea_e2e::PageScript;
use cardea_xtask::system::System;
use reqwest::StatusCode;

use super::clean_root::CleanRoot;
use super::machine::Machine;

/// Its unit and its user.
pub(crate) const SERVICE: &str = "cardea-guard";
const SETTINGS: &str = "etc/cardea-guard/guard.toml";
/// Looks for a guard that listens, a tenth of a second apart.
const LOOKS_MAX: u32 = 600;

/// Brings the secret, says which issuer, and starts it. The issuer knows no such client: the guard
/// runs, and lets nobody in.
pub(crate) async fn start(root: &CleanRoot, machine: &Machine, system: &System) -> Result<()> {
    root.run(&[
        "sh",
        "-c",
        "printf secret > /tmp/secret && install -o root -g cardea-guard -m 0640 /tmp/secret \
         /etc/cardea-guard/guard.secret",
    ])?;
    let listen = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let text = root.read(SETTINGS)?;
    let issuer = system.addresses().issuer();
    let text = text.replace("\"https://login.example\"", &format!("\"{issuer}\""));
    let text = text.replace("\"127.0.0.1:8090\"", &format!("\"{listen}\""));
    ensure!(text.contains(&issuer), "{text}");
    fs::write(root.path(SETTINGS), text)?;
    machine.run(&["systemctl", "enable", "--quiet", "--now", SERVICE])?;
    let http = PageScript::http()?;
    let ask = async |path: &str| {
        let request = http.get(format!("http://{listen}{path}"));
        let request = request.header("X-Original-Method", "GET");
        let request = request.header("X-Original-URI", "/records/1");
        request
            .header("X-Forwarded-Host", "api.example")
            .send()
            .await
    };
    for _ in 0..LOOKS_MAX {
        if let Ok(answer) = ask("/healthz").await {
            ensure!(answer.status() == StatusCode::OK, "{answer:?}");
            let refused = ask("/auth").await?;
            let code = refused.headers().get("x-cardea-code");
            let code = code.and_then(|code| code.to_str().ok());
            ensure!(
                refused.status() == StatusCode::UNAUTHORIZED && code == Some("guard.token_missing"),
                "{refused:?}"
            );
            // No capability at all.
            return machine.keeps_in_bounds(SERVICE, "0000000000000000");
        }
        let state = machine.property(SERVICE, "ActiveState")?;
        if state != "active" {
            let log = root.read("var/log/cardea-guard/cardea-guard.log")?;
            bail!("the guard is {state}: {log}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(anyhow::anyhow!("{listen}")).context("the guard does not listen")
}
