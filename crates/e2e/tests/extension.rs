//! The main way from the page to the agent: the browser extension and its native messaging host.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use cardea_e2e::{Browser, Stage};
use serde_json::Value;

/// How long the extension may take to learn the enrolled origins; a loaded machine is slow.
const REGISTRATION: Duration = Duration::from_secs(60);

/// Greets the extension as the login page does and gives its first word, or `null` for silence.
const GREET: &str = "const done = arguments[arguments.length - 1];
    const { port1, port2 } = new MessageChannel();
    setTimeout(() => done(null), 1000);
    port1.onmessage = ({ data }) => done(data);
    window.postMessage({ cardea: 'connect', version: 1 }, location.origin, [port2]);";

async fn stage(name: &str) -> Result<Stage> {
    Stage::open_with(name, |options| options.agent_loopback = false).await
}

/// Opens the issuer's pages until the content script answers there.
async fn wait_for_extension(browser: &Browser, issuer: &str) -> Result<()> {
    let begun = Instant::now();
    loop {
        browser.goto(&format!("{issuer}/errors/agent.busy")).await?;
        let hello = browser.run_async(GREET).await?;
        if hello.get("type") == Some(&Value::from("hello")) {
            return Ok(());
        }
        anyhow::ensure!(
            begun.elapsed() < REGISTRATION,
            "the extension does not answer on the issuer's pages"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_login_goes_over_the_extension_without_a_port() -> Result<()> {
    let stage = stage("extension").await?;
    let addresses = stage.system().addresses();
    let (portal, issuer) = (addresses.portal_url(), addresses.issuer());
    let port = addresses.agent_port();
    assert!(!cardea_xtask::system::is_listened_on(port));
    let browser = Browser::open_with_extension(stage.system()).await?;
    wait_for_extension(&browser, &issuer).await?;

    browser.press_sign_in(&portal, "fr").await?;
    let greeting = browser.wait_for("#greeting").await?;
    assert_eq!(greeting, "Bonjour Camille DURAND, pharmacien");
    let prompts = stage.system().pin_prompt_log();
    assert_eq!(prompts.matches("GETPIN").count(), 1);
    stage.system().card().remove()?;
    browser.wait_for("#ended").await?;
    browser.close().await
}
