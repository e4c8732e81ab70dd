//! The main job: sign in with the card in a browser, and be signed out when the card leaves.

use std::time::{Duration, Instant};

use anyhow::Result;
use cardea_e2e::{Browser, Stage, wait_for_card};
use cardea_xtask::system::{CardRequest, Scheme};

/// How often the card is pulled at most: other programs on the machine may delay some of the pulls.
const PULLS: u32 = 10;

async fn pull_card_and_time_the_end(stage: &Stage, browser: &Browser) -> Result<Duration> {
    let pulled = Instant::now();
    stage.system().card().remove()?;
    browser.wait_for("#ended").await?;
    Ok(pulled.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pharmacist_signs_in_and_the_session_leaves_with_the_card() -> Result<()> {
    let stage = Stage::open("card-login").await?;
    let portal = stage.system().addresses().portal_url();
    let browser = Browser::open().await?;
    let mut fastest = Duration::MAX;
    for pull in 0..PULLS {
        if pull > 0 {
            stage.system().card().insert()?;
        }
        browser.press_sign_in(&portal, "fr").await?;
        let greeting = browser.wait_for("#greeting").await?;
        assert_eq!(greeting, "Bonjour Camille DURAND, pharmacien");
        fastest = fastest.min(pull_card_and_time_the_end(&stage, &browser).await?);
        if fastest < Duration::from_secs(1) {
            break;
        }
    }
    eprintln!("the portal's page left {fastest:?} after the card");
    assert!(
        fastest < Duration::from_secs(1),
        "the portal noticed only after {fastest:?}"
    );
    browser.goto(&portal).await?;
    browser.wait_for("#sign-in").await?;
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_login_works_over_tls() -> Result<()> {
    let stage = Stage::open_with("tls", |options| options.scheme = Scheme::Https).await?;
    let portal = stage.system().addresses().portal_url();
    assert!(portal.starts_with("https://"));
    let browser = Browser::open().await?;
    browser.press_sign_in(&portal, "en").await?;
    assert_eq!(
        browser.wait_for("#greeting").await?,
        "Hello Camille DURAND, pharmacist"
    );
    pull_card_and_time_the_end(&stage, &browser).await?;
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_at_the_portal_ends_the_session_there_and_at_the_server() -> Result<()> {
    let stage = Stage::open("sign-out").await?;
    let portal = stage.system().addresses().portal_url();
    let browser = Browser::open().await?;
    browser.press_sign_in(&portal, "fr").await?;
    browser.wait_for("#greeting").await?;
    let prompts = || stage.system().pin_prompt_log().matches("GETPIN").count();
    assert_eq!(prompts(), 1);
    browser.click("#sign-out").await?;
    browser.wait_for("#sign-in").await?;
    // The card is asked again: nothing of the session is left at the server either.
    browser.press_sign_in(&portal, "fr").await?;
    browser.wait_for("#greeting").await?;
    assert_eq!(prompts(), 2);
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn other_cards_sign_in_too() -> Result<()> {
    let stage = Stage::open("other-cards").await?;
    let portal = stage.system().addresses().portal_url();
    let browser = Browser::open().await?;
    let cases = [
        (
            "doctor",
            "cps",
            "10",
            "Bonjour Alex MARTIN, médecin",
            "p256",
        ),
        (
            "student",
            "cpf",
            "21",
            "Bonjour Alex MARTIN, pharmacien en formation",
            "rsa2048",
        ),
        ("secretary", "cpe", "", "Bonjour Alex MARTIN", "rsa2048"),
    ];
    stage.system().card().remove()?;
    for (name, profile, profession, greeting, key) in cases {
        let card = stage.system().card().beside(name);
        card.issue(&CardRequest {
            profile: profile.into(),
            profession: profession.into(),
            name: "Alex MARTIN".into(),
            rpps: format!("8997000000{:02}", name.len()),
            key: key.into(),
            ..CardRequest::default()
        })?;
        wait_for_card(stage.system(), "absent").await?;
        card.insert()?;
        wait_for_card(stage.system(), "present").await?;
        browser.press_sign_in(&portal, "fr").await?;
        assert_eq!(browser.wait_for("#greeting").await?, greeting);
        card.remove()?;
        browser.wait_for("#ended").await?;
    }
    browser.close().await
}
