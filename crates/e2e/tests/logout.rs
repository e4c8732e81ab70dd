//! Signing out at the server itself, and a login page that nobody asked for.

use std::time::Duration;

use anyhow::Result;
use cardea_e2e::{Browser, Stage};

/// Longer than a press counts as a person's own (transient activation, 5 s in Chromium).
const PRESS_FORGOTTEN: Duration = Duration::from_secs(6);

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_confirms_the_question_is_signed_out_everywhere() -> Result<()> {
    let stage = Stage::open("logout-question").await?;
    let addresses = stage.system().addresses();
    let (portal, issuer) = (addresses.portal_url(), addresses.issuer());
    let browser = Browser::open().await?;
    browser.press_sign_in(&portal, "fr").await?;
    browser.wait_for("#greeting").await?;
    // No client speaks for the person here, so the server asks.
    browser.goto(&format!("{issuer}/logout")).await?;
    browser.click("form[action^=\"/logout\"] button").await?;
    browser.wait_for(".success").await?;
    let address = browser.address().await?;
    assert!(
        address.starts_with(&format!("{issuer}/logout?lang=")),
        "{address}"
    );
    // The portal was told, and the server has forgotten the browser: the card is asked again.
    browser.goto(&portal).await?;
    browser.wait_for("#sign-in").await?;
    let prompts = || stage.system().pin_prompt_log().matches("GETPIN").count();
    assert_eq!(prompts(), 1);
    browser.press_sign_in(&portal, "fr").await?;
    browser.wait_for("#greeting").await?;
    assert_eq!(prompts(), 2);
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_sends_the_browser_here_gets_no_pin_prompt() -> Result<()> {
    let stage = Stage::open("unasked").await?;
    let portal = stage.system().addresses().portal_url();
    let browser = Browser::open().await?;
    // Another site's page begins a login at the portal, without any press of the person.
    browser
        .goto("data:text/html,<title>elsewhere</title>")
        .await?;
    let leave = format!(
        "setTimeout(() => location.assign(\"{portal}/login\"), {})",
        PRESS_FORGOTTEN.as_millis()
    );
    browser.run(&leave).await?;
    browser.wait_for_login_state("start").await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    browser.wait_for_login_state("start").await?;
    assert!(!stage.system().pin_prompt_log().contains("GETPIN"));
    // The page's own button is a press.
    browser.click("#panel button").await?;
    browser.wait_for("#greeting").await?;
    assert!(stage.system().pin_prompt_log().contains("GETPIN"));
    browser.close().await
}
