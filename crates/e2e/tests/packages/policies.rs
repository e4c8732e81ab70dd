//! What running browsers make of what the package wrote: Chromium of its policies, Firefox of the
//! extension and the way to the agent.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context, Result, bail, ensure};
use cardea_e2e::{Browser, Firefox};
use cardea_xtask::system::System;
use cardea_xtask::{install, process};
use serde_json::Value;

use super::clean_root::CleanRoot;

/// The extension, as Firefox names it.
const ADDON: &str = "agent@cardea.example";
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

/// The machine's Firefox finds the extension where the package put it and runs it from its first
/// start, unasked; the way to the agent is told for that extension alone.
pub(crate) async fn firefox_takes_the_extension(root: &CleanRoot, system: &System) -> Result<()> {
    let home = system.folder().join("packaged-firefox");
    fs::create_dir_all(&home)?;
    let starter = home.join("start");
    let program = Firefox::program()?;
    // What the package brought lies over what this machine has.
    let script = format!(
        "#!/bin/sh\nexec unshare --mount --propagation private sh -c \
         'mount -t overlay -o lowerdir={}:/usr/share overlay /usr/share && exec {} \"$@\"' \
         firefox \"$@\"\n",
        root.path("usr/share").display(),
        program.display()
    );
    fs::write(&starter, script)?;
    fs::set_permissions(&starter, fs::Permissions::from_mode(0o755))?;
    let firefox = Firefox::open_by(&starter, &home).await?;
    let notes = home.join("profile/extensions.json");
    let mut found = Value::Null;
    for _ in 0..600 {
        let text = fs::read_to_string(&notes).unwrap_or_default();
        let all: Value = serde_json::from_str(&text).unwrap_or_default();
        let addons = all.get("addons").and_then(Value::as_array).cloned();
        let ours = |it: &Value| it.get("id").and_then(Value::as_str) == Some(ADDON);
        if let Some(ours) = addons.unwrap_or_default().into_iter().find(ours) {
            found = ours;
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    firefox.close().await?;
    ensure!(
        found.get("active") == Some(&Value::Bool(true))
            && found.get("location").and_then(Value::as_str) == Some("app-system-share"),
        "{found}"
    );
    let manifest = root.read("usr/lib/mozilla/native-messaging-hosts/cardea.agent.json")?;
    let manifest: Value = serde_json::from_str(&manifest)?;
    ensure!(manifest.get("allowed_extensions") == Some(&serde_json::json!([ADDON])));
    Ok(())
}
