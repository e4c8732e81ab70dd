//! An account that one guard stops is stopped at another one that shares nothing with it, and at
//! one that starts afresh; an operator's word at the server frees it at all of them.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use cardea_e2e::{AuthorizationRequest, Browser, SCREENS, Stage};
use cardea_xtask::workspace;
use serde_json::Value;

use crate::PATIENCE;
use crate::reports::{Portal, open_two_with};
use crate::stand::{RESOURCE, Visitor};

/// Whoever writes about a handful of patients is asked, and stopped soon after.
const TABLES: &str = "[look_ups]\nservice = \"records\"\nkeys_file = \"statement.keys\"\n\n\
    [reports]\nfolder = \"reports\"\n\n\
    [rules.default.write]\nper_minute = 3\nslow_after = 1\nstop_session_after = 3\n\
    stop_account_after = 3\n";
const STOPPED: &str = "guard.account_stopped";

/// Asks about one and the same patient until the guard says this, and nothing else is said by then.
async fn until(portal: &Portal, code: &str) -> Result<()> {
    let begun = Instant::now();
    loop {
        let answer = portal.ask("somebody", "look_up").await;
        if answer.as_ref().is_ok_and(|answer| answer.code() == code) {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            bail!("it stays so: {answer:?}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What `cardea stops …` answers.
fn stops(stage: &Stage, arguments: &[&str]) -> Result<Value> {
    let output = Command::new(workspace::binary("cardea")?)
        .arg("stops")
        .args(arguments)
        .arg("--config")
        .arg(stage.system().server_settings())
        .arg("--json")
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{said}");
    Ok(serde_json::from_str(&said)?)
}

/// What its person sees at her next login and on her account page, on a pharmacy's screen and on a
/// phone, in both languages.
async fn look_at_the_notice(stage: &Stage) -> Result<()> {
    let browser = Browser::open().await?;
    browser.reduce_motion().await?;
    let form = "form[action^=\"/guard-news/\"]";
    for language in ["fr", "en"] {
        let request = AuthorizationRequest::new()?
            .with("client_id", Some("guarded-portal"))
            .with("resource", Some(RESOURCE))
            .with("ui_locales", Some(language));
        let address = request.address(stage.system())?;
        browser.goto(address.as_str()).await?;
        browser.press_start_if_asked().await?;
        browser.wait_for(form).await?;
        look_at(&browser, &format!("guard-news-{language}")).await?;
        browser.tab_to(&format!("{form} button"), 4).await?;
        let issuer = stage.system().addresses().issuer();
        let account = format!("{issuer}/account?lang={language}");
        browser.goto(&account).await?;
        if language == "fr" {
            browser.press_start_if_asked().await?;
        }
        browser.wait_for("form[action^=\"/account/stops\"]").await?;
        look_at(&browser, &format!("account-stops-{language}")).await?;
    }
    // Seen there, it stands before no login any more.
    browser
        .click("form[action^=\"/account/stops\"] button")
        .await?;
    let begun = Instant::now();
    let gone = "return document.querySelector('main.account') !== null
         && document.querySelector('form[action^=\"/account/stops\"]') === null";
    while browser.run(gone).await.ok() != Some(Value::Bool(true)) {
        ensure!(begun.elapsed() < PATIENCE, "the button stays");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    browser.close().await
}

async fn look_at(browser: &Browser, name: &str) -> Result<()> {
    for (screen, shape) in SCREENS.iter().zip(["wide", "phone"]) {
        browser.resize(*screen).await?;
        browser.check_accessible(&format!("{name} {shape}")).await?;
        browser.screenshot(&format!("page-{name}-{shape}")).await?;
    }
    browser.resize((320, 640)).await?;
    browser.check_fits(name).await?;
    browser.resize(SCREENS[0]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_at_one_guard_is_known_at_the_other_and_a_lift_frees_both() -> Result<()> {
    let (stage, stand, nginx) = open_two_with("guard-stops-told", TABLES).await?;
    stand.wait_until_heard().await?;
    let visitor = Visitor::sign_in(&stage).await?;
    let here = Portal::of(&visitor, &nginx, &stand).await?;
    let there = here.at(&stand.guard_of_caddy());
    until(&there, "").await?;
    let mut said = String::new();
    for number in 0..20 {
        said = here.ask(&format!("robot-{number}"), "write").await?.code();
        if said == STOPPED {
            break;
        }
    }
    assert_eq!(said, STOPPED);
    let begun = Instant::now();
    until(&there, STOPPED).await?;
    println!("known elsewhere after {} ms", begun.elapsed().as_millis());
    // Whoever starts without a memory is told what holds.
    stand.kill_guards(&stage)?;
    stand.wait_until_heard().await?;
    until(&here, STOPPED).await?;
    let listed = stops(&stage, &["list"])?;
    let stop = listed.pointer("/stops/0").context("no stop")?;
    assert_eq!(listed.pointer("/stops/1"), None, "one for all: {listed}");
    assert_eq!(stop.get("service"), Some(&Value::from("records")));
    look_at_the_notice(&stage).await?;
    // She signs in as before, and is refused at this service.
    let visitor = Visitor::sign_in(&stage).await?;
    let here = Portal::of(&visitor, &nginx, &stand).await?;
    let there = here.at(&stand.guard_of_caddy());
    until(&here, STOPPED).await?;
    until(&there, STOPPED).await?;
    let id = stop.get("id").and_then(Value::as_str).context("no id")?;
    stops(&stage, &["lift", id, "--reason", "seen in person"])?;
    let begun = Instant::now();
    until(&here, "").await?;
    until(&there, "").await?;
    println!("free everywhere after {} ms", begun.elapsed().as_millis());
    let listed = stops(&stage, &["list"])?;
    assert_eq!(listed.pointer("/stops/0"), None, "{listed}");
    Ok(())
}
