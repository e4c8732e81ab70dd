//! What a running Chromium makes of the policies that the package wrote.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context, Result, bail, ensure};
use cardea_e2e::Browser;
use cardea_xtask::system::System;
use cardea_xtask::{install, process};
use serde_json::Value;

use super::clean_root::CleanRoot;

/// All text of a page made of shadow trees.
const TEXT: &str =
    "const texts = []; const walk = (node) => { for (const child of node.childNodes) {
    if (child.nodeType === 3) texts.push(child.data); walk(child);
    if (child.shadowRoot) walk(child.shadowRoot); } };
    walk(document); return texts.join(' ');";
/// What the browser would answer a page of this origin that asks for a program of this machine.
const PERMISSION: &str = "const done = arguments[arguments.length - 1];
    navigator.permissions.query({ name: 'loopback-network' }).then(({ state }) => done(state));";

/// Opens this machine's Chromium, to which the root's `/etc/chromium` is its own.
async fn open(root: &CleanRoot, system: &System, name: &str, folder: &str) -> Result<Browser> {
    let chromium = process::find_program("chromium").with_context(|| install::hint("Chromium"))?;
    let starter = system.folder().join(format!("chromium-{name}"));
    let script = format!(
        "#!/bin/sh\nexec unshare --mount --propagation private sh -c \
         'mount --bind {} /etc/chromium && exec {} \"$@\"' chromium \"$@\"\n",
        root.path(folder).display(),
        chromium.display()
    );
    fs::write(&starter, script)?;
    fs::set_permissions(&starter, fs::Permissions::from_mode(0o755))?;
    let issuer = system.addresses().issuer();
    let (_, server) = issuer.split_once("://").context("an address")?;
    let profile = system.folder().join(format!("profile-{name}"));
    let more = [
        format!("--user-data-dir={}", profile.display()),
        // As if it were on the internet.
        format!("--ip-address-space-overrides={server}=public"),
    ];
    let more: Vec<_> = more.iter().map(String::as_str).collect();
    Browser::open_by(&starter, &more).await
}

/// The browser shows the policies as its own and in force, and asks the person nothing; without
/// them it would.
pub(crate) async fn are_in_force(root: &CleanRoot, system: &System) -> Result<()> {
    let issuer = system.addresses().issuer();
    let browser = open(root, system, "managed", "etc/chromium").await?;
    browser.goto("chrome://policy").await?;
    let names = [
        "LocalNetworkAccessAllowedForUrls",
        "LoopbackNetworkAllowedForUrls",
        "ExtensionSettings",
    ];
    let mut text = String::new();
    for _ in 0..100 {
        text = browser
            .run(TEXT)
            .await?
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if names.iter().all(|name| text.contains(name)) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    ensure!(
        names.iter().all(|name| text.contains(name)) && text.contains(&issuer),
        "{text}"
    );
    // The page has the words of every state, and shows one: all three count.
    let words: Vec<_> = text.split_whitespace().collect();
    let in_force = words.join(" ").matches("Machine Mandatory OK").count();
    ensure!(in_force >= names.len(), "{in_force}: {text}");
    let allowed = permission(&browser, &issuer).await?;
    browser.close().await?;
    ensure!(allowed == "granted", "{allowed}");

    let unmanaged = "tmp/no-policies";
    fs::create_dir_all(root.path(unmanaged))?;
    let browser = open(root, system, "unmanaged", unmanaged).await?;
    let asked = permission(&browser, &issuer).await?;
    browser.close().await?;
    ensure!(asked == "prompt", "{asked}");
    Ok(())
}

async fn permission(browser: &Browser, issuer: &str) -> Result<String> {
    browser.goto(&format!("{issuer}/errors/agent.busy")).await?;
    match browser.run_async(PERMISSION).await? {
        Value::String(state) => Ok(state),
        other => bail!("no state: {other}"),
    }
}
