//! Back to the portal: wherever the login page waits for a person, a press leads back, and the
//! portal learns that nobody signed in.

use anyhow::{Context, Result};
use cardea_e2e::{AuthorizationRequest, Browser, REDIRECT_URI, SCREENS, Stage};
use cardea_xtask::system::{Answer, Part};
use url::Url;

const LANGUAGES: [(&str, &str); 2] = [("fr", "Retour au portail"), ("en", "Back to the portal")];

async fn open(browser: &Browser, stage: &Stage, language: &str) -> Result<()> {
    let request = AuthorizationRequest::new()?.with("ui_locales", Some(language));
    browser
        .goto(request.address(stage.system())?.as_str())
        .await
}

/// Sees the button on a large and on a small screen, whole and without a fault.
async fn see(browser: &Browser, name: &str, language: &str, words: &str) -> Result<()> {
    for (screen, shape) in SCREENS.iter().zip(["wide", "phone"]) {
        browser.resize(*screen).await?;
        assert_eq!(browser.text("#back button").await?, words, "{name}");
        browser
            .check_accessible(&format!("{name} {language} {shape}"))
            .await?;
        browser
            .screenshot(&format!("way-back-{name}-{language}-{shape}"))
            .await?;
    }
    browser.resize(SCREENS[0]).await
}

/// The browser arrives at the portal's address with the refusal. Nobody listens there.
async fn arrive(browser: &Browser) -> Result<()> {
    let is_there = |address: &str| address.starts_with(REDIRECT_URI);
    let address = Url::parse(&browser.wait_for_address(is_there).await?)?;
    let value = |wanted: &str| {
        let mut pairs = address.query_pairs();
        let found = pairs.find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.into_owned())
    };
    assert_eq!(value("error").as_deref(), Some("access_denied"));
    assert_eq!(value("state").as_deref(), Some("a-state"));
    let description = value("error_description").context("no description")?;
    assert!(description.starts_with("provider.login_cancelled"));
    Ok(())
}

/// "Cancel" in the agent's window is heard by the portal, without a press on the page.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_in_the_agents_window_leads_back_by_itself() -> Result<()> {
    let mut stage = Stage::open("way-back-cancel").await?;
    stage.system().script_pin_prompt(&[Answer::Cancel])?;
    let browser = Browser::open().await?;
    for (language, _) in LANGUAGES {
        open(&browser, &stage, language).await?;
        arrive(&browser).await?;
    }
    // A site whose prompts are cancelled again and again has to wait; a new agent has seen none.
    stage.system_mut().stop_part(Part::Agent)?;
    stage.system_mut().start_part(Part::Agent)?;
    let portal = stage.system().addresses().portal_url();
    for (language, title) in [("fr", "Connexion annulée"), ("en", "Sign-in cancelled")] {
        browser.press_sign_in(&portal, language).await?;
        assert_eq!(browser.wait_for("#problem").await?, title);
        browser
            .screenshot(&format!("portal-cancelled-{language}"))
            .await?;
    }
    // Who is not sure of the PIN and declines the last try has said no in the same window.
    let wrong = || Answer::Pin("9999".to_owned());
    let answers = [wrong(), wrong(), Answer::Decline];
    stage.system().script_pin_prompt(&answers)?;
    open(&browser, &stage, "fr").await?;
    arrive(&browser).await?;
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_without_a_card_goes_back() -> Result<()> {
    let mut stage = Stage::open("way-back-waiting").await?;
    stage.system().card().remove()?;
    let browser = Browser::open().await?;
    browser.reduce_motion().await?;
    for (language, words) in LANGUAGES {
        open(&browser, &stage, language).await?;
        browser.wait_for_login_state("insert_card").await?;
        see(&browser, "waiting", language, words).await?;
        // Pressed twice, as many people do: the second press must not lose the way.
        browser
            .run(
                "const button = document.querySelector('#back button');
                 button.click(); button.click();",
            )
            .await?;
        arrive(&browser).await?;
    }
    stage.system_mut().stop_part(Part::Agent)?;
    for (language, words) in LANGUAGES {
        open(&browser, &stage, language).await?;
        browser.wait_for_login_state("agent_missing").await?;
        see(&browser, "agent-missing", language, words).await?;
        // By keyboard: the next stop after the panel's own button, which has the focus.
        browser.tab_to("#back button", 1).await?;
        browser.press_key('\u{e007}').await?;
        arrive(&browser).await?;
    }
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_whose_card_is_refused_goes_back() -> Result<()> {
    let stage = Stage::open("way-back-refused").await?;
    stage.system().card().revoke()?;
    let browser = Browser::open().await?;
    browser.reduce_motion().await?;
    for (language, words) in LANGUAGES {
        open(&browser, &stage, language).await?;
        browser
            .wait_for("#login[data-code=\"login.card_revoked\"]")
            .await?;
        see(&browser, "refused", language, words).await?;
        browser.click("#back button").await?;
        arrive(&browser).await?;
    }
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_back_needs_no_script() -> Result<()> {
    let stage = Stage::open("way-back-no-script").await?;
    let browser = Browser::open().await?;
    browser.allow_scripts(false).await?;
    for (language, words) in LANGUAGES {
        open(&browser, &stage, language).await?;
        assert_eq!(browser.wait_for("#back button").await?, words);
        browser
            .screenshot(&format!("way-back-no-script-{language}"))
            .await?;
        browser.click("#back button").await?;
        arrive(&browser).await?;
    }
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_that_wants_a_form_gets_one() -> Result<()> {
    let stage = Stage::open("way-back-form").await?;
    stage.system().card().remove()?;
    let browser = Browser::open().await?;
    browser.block("*/static/form_post.js").await?;
    let request = AuthorizationRequest::new()?.with("response_mode", Some("form_post"));
    browser
        .goto(request.address(stage.system())?.as_str())
        .await?;
    // From here on the page stays as it is, and the button where it is.
    browser.wait_for_login_state("insert_card").await?;
    browser.click("#back button").await?;
    browser.wait_for("form#answer").await?;
    let error = browser
        .run("return document.querySelector('#answer [name=error]').value")
        .await?;
    assert_eq!(error, "access_denied");
    browser.close().await
}

/// The sample portal takes its person back.
#[tokio::test(flavor = "multi_thread")]
async fn the_sample_portal_takes_its_person_back() -> Result<()> {
    let stage = Stage::open("way-back-portal").await?;
    stage.system().card().remove()?;
    let portal = stage.system().addresses().portal_url();
    let browser = Browser::open().await?;
    browser.press_sign_in(&portal, "fr").await?;
    browser.wait_for_login_state("insert_card").await?;
    browser.click("#back button").await?;
    let is_there = |address: &str| address.starts_with(&portal);
    browser.wait_for_address(is_there).await?;
    browser.screenshot("way-back-portal-fr").await?;
    browser.close().await
}
