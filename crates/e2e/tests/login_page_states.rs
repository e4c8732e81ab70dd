//! Every state of the login page that a person may meet, in both languages, with a picture of each
//! in `target/screenshots`.

use anyhow::Result;
use cardea_e2e::{Browser, Stage};
use cardea_xtask::system::{Answer, Part};

/// Long enough for a picture to be taken while the prompt is open.
const THINKING_MILLISECONDS: u32 = 10_000;

fn slowly(pin: &str) -> Answer {
    Answer::SlowPin(pin.into(), THINKING_MILLISECONDS)
}

/// Waits for a state of the login page, checks that its text is in the page's language, and takes
/// a picture.
async fn picture(browser: &Browser, state: &str, language: &str, words: &str) -> Result<()> {
    browser.wait_for_login_state(state).await?;
    let text = browser.text("#panel").await?;
    assert!(text.contains(words), "{state} in {language} says: {text}");
    browser.screenshot(&format!("{state}-{language}")).await?;
    Ok(())
}

async fn show_pin_states(language: &str, asked: &str, incorrect: &str) -> Result<()> {
    let stage = Stage::open(&format!("pin-states-{language}")).await?;
    let portal = stage.system().addresses().portal_url();
    let browser = Browser::open().await?;
    browser
        .goto(&format!("{portal}/language/{language}"))
        .await?;
    browser
        .screenshot(&format!("portal-welcome-{language}"))
        .await?;
    stage
        .system()
        .script_pin_prompt(&[slowly("9999"), slowly("1234")])?;
    browser.click("#sign-in").await?;
    picture(&browser, "pin_asked", language, asked).await?;
    picture(&browser, "pin_incorrect", language, incorrect).await?;
    browser.wait_for("#greeting").await?;
    browser.screenshot(&format!("success-{language}")).await?;
    stage.system().card().remove()?;
    browser.wait_for("#ended").await?;
    browser
        .screenshot(&format!("portal-ended-{language}"))
        .await?;
    browser.close().await
}

async fn show_workstation_states(
    language: &str,
    missing: &str,
    insert: &str,
    blocked: &str,
) -> Result<()> {
    let mut stage = Stage::open(&format!("workstation-states-{language}")).await?;
    let portal = stage.system().addresses().portal_url();
    let browser = Browser::open().await?;
    stage.system_mut().stop_part(Part::Agent)?;
    browser.press_sign_in(&portal, language).await?;
    picture(&browser, "agent_missing", language, missing).await?;
    // The page notices by itself that the agent has been started, and that there is no card.
    stage.system().card().remove()?;
    stage.system().card().block()?;
    stage.system_mut().start_part(Part::Agent)?;
    picture(&browser, "insert_card", language, insert).await?;
    // The smart-card service goes, and comes back.
    stage.system_mut().stop_part(Part::Reader)?;
    picture(&browser, "reader_service_down", language, "pcscd").await?;
    stage.system_mut().start_part(Part::Reader)?;
    picture(&browser, "insert_card", language, insert).await?;
    // And that a card has been inserted: this one is blocked.
    stage.system().card().insert()?;
    picture(&browser, "card_blocked", language, blocked).await?;
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn pin_states_speak_french() -> Result<()> {
    show_pin_states("fr", "code", "incorrect").await
}

#[tokio::test(flavor = "multi_thread")]
async fn pin_states_speak_english() -> Result<()> {
    show_pin_states("en", "PIN", "not right").await
}

#[tokio::test(flavor = "multi_thread")]
async fn workstation_states_speak_french() -> Result<()> {
    show_workstation_states("fr", "agent", "carte", "bloquée").await
}

#[tokio::test(flavor = "multi_thread")]
async fn workstation_states_speak_english() -> Result<()> {
    show_workstation_states("en", "agent", "card", "blocked").await
}
