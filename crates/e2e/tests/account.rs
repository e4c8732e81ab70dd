//! The account page in a real browser, reached with a card in a real reader: accessible in both
//! languages, usable by keyboard and without JavaScript, and closed when the card leaves.

use anyhow::Result;
use cardea_e2e::{Browser, SCREENS, Stage};

const OTHER: &str = "Comptoir 2 – Pharmacie de l’Amandier";

#[tokio::test(flavor = "multi_thread")]
async fn a_person_takes_a_workstation_out_by_keyboard_and_the_card_closes_the_page() -> Result<()> {
    let stage = Stage::open("account").await?;
    let issuer = stage.system().addresses().issuer();
    let first = Browser::open().await?;
    first.goto(&format!("{issuer}/account?lang=fr")).await?;
    first.press_start_if_asked().await?;
    first.wait_for("main.account").await?;
    first.close().await?;
    // The page opens although there is a workstation that she has not been asked about: she need
    // not call it hers first (attack M1).
    stage.use_elsewhere(OTHER).await?;
    let browser = Browser::open().await?;
    browser.reduce_motion().await?;
    browser.goto(&format!("{issuer}/account?lang=fr")).await?;
    browser.press_start_if_asked().await?;
    let shown = browser.wait_for("main.account").await?;
    assert!(
        shown.contains("vous ne l’avez pas encore confirmé"),
        "{shown}"
    );
    browser.allow_scripts(false).await?;
    for language in ["fr", "en"] {
        browser
            .goto(&format!("{issuer}/account?lang={language}"))
            .await?;
        let shown = browser.wait_for("main.account").await?;
        assert!(shown.contains(OTHER), "{shown}");
        browser.allow_scripts(true).await?;
        for (screen, shape) in SCREENS.iter().zip(["wide", "phone"]) {
            browser.resize(*screen).await?;
            browser
                .check_accessible(&format!("account {language} {shape}"))
                .await?;
            browser
                .screenshot(&format!("page-account-{language}-{shape}"))
                .await?;
        }
        browser.resize((320, 640)).await?;
        browser.check_fits("account").await?;
        browser.resize(SCREENS[0]).await?;
    }
    browser.tab_to("button[value=\"revoke\"]", 12).await?;
    browser.press_key('\u{e007}').await?;
    let notice = browser.wait_for(".notice").await?;
    assert!(notice.contains("is taken out"), "{notice}");
    browser.wait_for("button[value=\"allow\"]").await?;
    browser.check_accessible("account after a change").await?;
    browser.screenshot("page-account-changed").await?;
    stage.system().card().remove()?;
    // The card's departure reaches the server on the agent's own connection.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        browser.goto(&format!("{issuer}/account?lang=en")).await?;
        if browser.address().await?.contains("/login/") {
            break;
        }
        anyhow::ensure!(std::time::Instant::now() < deadline, "it stays open");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    browser
        .goto(&format!("{issuer}/account/closed?lang=fr"))
        .await?;
    browser.check_accessible("account closed").await?;
    browser.screenshot("page-account-closed").await?;
    browser.close().await
}
