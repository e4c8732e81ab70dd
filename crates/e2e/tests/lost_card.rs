//! A lost card on a Saturday: the code from the first login, the page that takes it from any
//! browser, and the owner who goes on with another card of hers.

use std::fs;

use anyhow::{Context, Result};
use cardea_e2e::{Browser, SCREENS, Stage, exchange_card};
use cardea_xtask::system::CardRequest;

const CARD_NEWS: &str = "form[action^=\"/card-news/\"]";

/// Looks at the page that is open on a pharmacy's screen and on a phone, and takes its pictures.
async fn look_at(browser: &Browser, name: &str) -> Result<()> {
    for (screen, shape) in SCREENS.iter().zip(["wide", "phone"]) {
        browser.resize(*screen).await?;
        browser.check_accessible(&format!("{name} {shape}")).await?;
        browser
            .screenshot(&format!("lost-card-{name}-{shape}"))
            .await?;
    }
    browser.resize(SCREENS[0]).await
}

async fn type_into(browser: &Browser, text: &str) -> Result<()> {
    let script = format!("document.getElementById('code').value = '{text}'");
    browser.run(&script).await?;
    browser.click("form button.action").await
}

/// The page of the code in both languages, without a script of ours and with a typing mistake.
async fn suspend(browser: &Browser, issuer: &str, code: &str) -> Result<()> {
    browser.goto(&format!("{issuer}/suspend?lang=en")).await?;
    look_at(browser, "ask-en").await?;
    browser.goto(&format!("{issuer}/suspend?lang=fr")).await?;
    look_at(browser, "ask-fr").await?;
    type_into(browser, &format!("0{}", code.get(1..).unwrap_or_default())).await?;
    browser.wait_for(".mistake").await?;
    look_at(browser, "mistyped-fr").await?;
    type_into(browser, &code.to_lowercase().replace('-', " ")).await?;
    let confirm = "form[action^=\"/suspend/confirm\"] button";
    browser.wait_for(confirm).await?;
    let text = browser.text("main").await?;
    assert!(text.contains("CPS"), "{text}");
    assert!(!text.contains("DURAND"), "nobody is named: {text}");
    look_at(browser, "confirm-fr").await?;
    browser.click(confirm).await?;
    browser.wait_for(".success").await?;
    look_at(browser, "done-fr").await
}

/// Attack L5 from a person's side.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_card_is_suspended_from_another_browser_and_its_owner_goes_on() -> Result<()> {
    let stage = Stage::open_prepared(
        "lost-card",
        |_| {},
        |system| {
            let file = system.server_settings();
            let settings = fs::read_to_string(&file).context("no settings")?;
            // Without a word about it the code is offered at the first login.
            let table = "[suspension]\noffer_code = \"account_page\"\n";
            let support = "[support]\ntelephone = \"01 23 45 67 89\"\n";
            anyhow::ensure!(settings.contains(table), "{settings}");
            Ok(fs::write(&file, settings.replace(table, support))?)
        },
    )
    .await?;
    let system = stage.system();
    let (issuer, portal) = (system.addresses().issuer(), system.addresses().portal_url());
    let own = Browser::open().await?;
    own.press_sign_in(&portal, "fr").await?;
    own.wait_for(CARD_NEWS).await?;
    look_at(&own, "offer-fr").await?;
    own.click("button[value=\"make_code\"]").await?;
    own.wait_for(".secret code").await?;
    let code = own.text(".secret code").await?;
    assert_eq!(code.len(), 19, "{code}");
    look_at(&own, "code-fr").await?;
    own.click("a.action").await?;
    own.wait_for("#greeting").await?;

    // From somewhere else, with the code alone.
    let other = Browser::open().await?;
    suspend(&other, &issuer, &code).await?;
    other.close().await?;
    own.press_sign_in(&portal, "fr").await?;
    own.wait_for_login_state("card_suspended").await?;
    look_at(&own, "refused-fr").await?;

    // A card of another kind that names the same person.
    let second = system.card().beside("second");
    second.issue(&CardRequest {
        profile: "cpe".into(),
        profession: String::new(),
        key: "p256".into(),
        ..CardRequest::default()
    })?;
    exchange_card(system, &second).await?;
    own.press_sign_in(&portal, "fr").await?;
    own.wait_for(CARD_NEWS).await?;
    look_at(&own, "told-fr").await?;
    own.click("button[value=\"go_on\"]").await?;
    own.wait_for("#greeting").await?;

    // On her own page: both cards, and a new code for the one in the reader.
    own.goto(&format!("{issuer}/account?lang=fr")).await?;
    own.press_start_if_asked().await?;
    let make = "form[action^=\"/account/suspend-code\"] button";
    own.wait_for(make).await?;
    own.goto(&format!("{issuer}/account?lang=fr")).await?;
    let text = own.text("main").await?;
    assert!(text.contains("suspendue le"), "{text}");
    look_at(&own, "account-fr").await?;
    own.click(make).await?;
    own.wait_for(".secret code").await?;
    assert_ne!(own.text(".secret code").await?, code);
    own.close().await
}
