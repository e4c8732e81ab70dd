//! People sign in with their cards while one address asks for everything without any credentials
//! (attack H9). Counts are asserted, times are not: `cargo xtask bench flood` measures them.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use cardea_e2e::{Flood, FloodSize, Stage};
use cardea_storage::{Store, Transaction, authorization_request, event};
use cardea_xtask::system::System;
use serde_json::Value;

const SIZE: FloodSize = FloodSize {
    login_starts: 10_000,
    refused: 500,
    idle_connections: 300,
};
/// What one address may begin in a minute, and what is refused to it at each endpoint.
const STARTS_A_MINUTE: usize = 600;
const REFUSALS_A_MINUTE: usize = 300;
/// Refusals that go on record at once, whatever their number.
const ON_RECORD: usize = 2_000;
const MEMORY_GROWTH_MIB_MAX: usize = 200;

fn sign_in(system: &System) -> Result<()> {
    let document = tokio::task::block_in_place(|| system.sign_in_once())?;
    let document: Value = serde_json::from_str(&document)?;
    let token = document.get("access_token").and_then(Value::as_str);
    token.map(drop).context("no access token")
}

async fn count<T>(
    system: &System,
    look: impl AsyncFnOnce(&mut Transaction) -> Result<T, cardea_storage::Error>,
) -> Result<T> {
    let folder = system.server_settings();
    let folder = folder.parent().context("the settings lie in a folder")?;
    let file = folder.join("cardea.sqlite");
    let store = Store::open(&format!("sqlite://{}", file.display())).await?;
    let mut transaction = store.begin_read().await?;
    let found = look(&mut transaction).await?;
    drop(transaction);
    store.close().await;
    Ok(found)
}

/// The server's memory, in MiB (`VmRSS` and `VmHWM` of proc(5)).
fn memory(system: &System, what: &str) -> Result<usize> {
    let settings = system.server_settings().display().to_string();
    for entry in std::fs::read_dir("/proc")? {
        let folder = entry?.path();
        let command = std::fs::read(folder.join("cmdline")).unwrap_or_default();
        let arguments: Vec<_> = command.split(|byte| *byte == 0).collect();
        let is_server = arguments
            .first()
            .is_some_and(|program| program.ends_with(b"/cardea"))
            && arguments.contains(&settings.as_bytes());
        if !is_server {
            continue;
        }
        let status = std::fs::read_to_string(folder.join("status"))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(what))
            .context("no such line")?;
        let kib: usize = line
            .trim_start_matches(':')
            .trim()
            .trim_end_matches(" kB")
            .parse()?;
        return Ok(kib / 1024);
    }
    anyhow::bail!("the server is not there")
}

/// How many of the server's minutes a flood reached into at most.
fn minutes_of(lasted: Duration) -> usize {
    usize::try_from(lasted.as_secs() / 60 + 2).unwrap_or(usize::MAX)
}

/// Within the limits of an address, and with a word on when to come back.
fn check_answers(flood: &Flood, minutes: usize) {
    let summary = flood.summary();
    let began = flood.count("login start", 303);
    assert!(began <= minutes * STARTS_A_MINUTE, "{summary}");
    let told = flood.count("login start", 429);
    assert_eq!(began + told, SIZE.login_starts, "{summary}");
    assert_eq!(flood.without_retry_after(), 0);
    for kind in [
        "wrong secret",
        "public push",
        "introspection",
        "userinfo",
        "assertion",
    ] {
        let refused = SIZE.refused - flood.count(kind, 429);
        assert!(refused <= minutes * REFUSALS_A_MINUTE, "{kind}\n{summary}");
    }
    // A server that hangs up while the rest is still being sent may not be heard.
    for (kind, status) in [("long body", 413), ("long head", 431)] {
        let refused = flood.count(kind, status);
        assert!(refused > 0, "{kind}\n{summary}");
        assert_eq!(refused + flood.count(kind, 0), SIZE.refused, "{summary}");
    }
    for kind in ["silent connection", "half a head", "presence connection"] {
        assert_eq!(
            flood.count(kind, 0),
            SIZE.idle_connections / 3,
            "{kind} is left standing\n{summary}"
        );
    }
}

/// What the flood has left in the database.
async fn check_rows(system: &System, began: usize, minutes: usize) -> Result<()> {
    let waiting = count(system, async |transaction| {
        authorization_request::count_unanswered(transaction).await
    });
    let waiting = usize::try_from(waiting.await?)?;
    assert!(waiting <= began, "{waiting} logins wait, {began} began");
    let events = count(system, async |transaction| {
        event::list_newest(transaction, 1_000_000).await
    });
    let events = events.await?;
    let refusals = events.iter().filter(|event| event.sub.is_none());
    let refusals = refusals.filter(|event| event.kind != "authorization.begun");
    let refusals = refusals.count();
    assert!(
        refusals <= ON_RECORD + 60 * minutes,
        "{refusals} refusals are on record"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn h9_cards_sign_in_while_one_address_floods_every_endpoint() -> Result<()> {
    let stage = Stage::open("flood").await?;
    let system = stage.system();
    sign_in(system)?;
    let at_rest = memory(system, "VmRSS")?;

    let flood = Flood::of(system)?;
    let begun = Instant::now();
    let running = tokio::spawn({
        let flood = flood.clone();
        async move { flood.run(SIZE).await }
    });
    let mut signed_in = 0;
    while !running.is_finished() {
        sign_in(system).with_context(|| format!("sign-in {signed_in} during the flood"))?;
        signed_in += 1;
    }
    running.await??;
    let minutes = minutes_of(begun.elapsed());
    let summary = flood.summary();
    eprintln!("{signed_in} sign-ins during the flood\n{summary}");
    assert!(signed_in > 0, "the flood was over before anybody came");
    sign_in(system)?;

    check_answers(&flood, minutes);
    check_rows(system, flood.count("login start", 303), minutes).await?;
    let peak = memory(system, "VmHWM")?;
    eprintln!("memory: {at_rest} MiB at rest, {peak} MiB at most");
    assert!(peak <= at_rest + MEMORY_GROWTH_MIB_MAX, "{peak} MiB");
    Ok(())
}
