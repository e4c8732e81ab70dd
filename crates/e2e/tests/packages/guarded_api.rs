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
const SOCKET: &str = "/run/cardea-guard/proxy.sock";
/// Says what the guard answers at its socket; ends otherwise where that can't be opened.
const ASK: &str = "use IO::Socket::UNIX; my $guard = IO::Socket::UNIX->new($ARGV[0]) or exit 7; \
    print $guard qq(GET /auth HTTP/1.1\r\nHost: guard\r\n\r\n); print scalar <$guard>;";
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
    let both = format!("\"{listen}\"\nsocket = \"{SOCKET}\"");
    let text = text.replace("\"127.0.0.1:8090\"", &both);
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
            is_asked_by_its_proxy(machine)?;
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

/// The user of a proxy opens the socket once an administrator has put it into the group, and reads
/// nothing else by that.
fn is_asked_by_its_proxy(machine: &Machine) -> Result<()> {
    let as_proxy = |words: &[&str]| {
        let as_it = [
            "setpriv",
            "--reuid=www-data",
            "--regid=www-data",
            "--init-groups",
        ];
        machine.run(&[&as_it[..], words].concat())
    };
    let ask = || as_proxy(&["perl", "-e", ASK, SOCKET]);
    ensure!(ask().is_err(), "anybody is a proxy");
    machine.run(&["adduser", "--quiet", "www-data", "cardea-guard-proxy"])?;
    // What is wrong is what the proxy says of the request, and not who says it.
    let said = ask()?;
    ensure!(said.starts_with("HTTP/1.1 400 "), "{said}");
    for file in [
        format!("/{SETTINGS}"),
        "/etc/cardea-guard/guard.secret".to_owned(),
    ] {
        ensure!(as_proxy(&["cat", &file]).is_err(), "{file} can be read");
    }
    let modes = machine.run(&["stat", "--format=%U:%G %a", "/run/cardea-guard", SOCKET])?;
    let of_both = "cardea-guard:cardea-guard-proxy";
    ensure!(
        modes == format!("{of_both} 750\n{of_both} 660\n"),
        "{modes}"
    );
    Ok(())
}
