//! Cards that come and go, each as far as the agent sees it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use cardea_xtask::system::{Card, System};
use serde_json::Value;

use crate::page_script::PageScript;

/// How long the reader, its service and the agent may take to see a card; a loaded machine is slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often the agent is asked.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits until the agent says of its reader that a card is `present`, or `absent`.
///
/// # Errors
/// When it does not in time, or does not answer at its port.
pub async fn wait_for_card(system: &System, wanted: &str) -> Result<()> {
    let addresses = system.addresses();
    let status = format!("{}/v1/status", addresses.agent_url());
    let http = PageScript::http()?;
    let begun = Instant::now();
    loop {
        let asked = http.get(&status).header("origin", addresses.issuer());
        let answer: Value = asked.send().await?.json().await?;
        if answer.get("card").is_some_and(|card| card == wanted) {
            return Ok(());
        }
        ensure!(
            begun.elapsed() < PATIENCE,
            "no card is {wanted} to the agent: {answer}"
        );
        tokio::time::sleep(PAUSE).await;
    }
}

/// Puts another card in the place of the system's own. A reader looks for cards each 400 ms: a
/// quicker exchange is none to it, or one that it sees while the next login is under way.
///
/// # Errors
/// When a card can't be moved, or the agent does not see it.
pub async fn exchange_card(system: &System, other: &Card) -> Result<()> {
    system.card().remove()?;
    wait_for_card(system, "absent").await?;
    other.insert()?;
    wait_for_card(system, "present").await
}
