//! A Linux host asks for the card at the workstation: a real `sshd` on the loopback, `pamtester`
//! and `sudo`, with the PAM module and its helper, a real browser and the real agent.

mod host_login {
    pub(crate) mod host;
    pub(crate) mod terminal;
}

use std::time::Duration;

use anyhow::{Context, Result};
use cardea_e2e::{Browser, ForeignClient, SCREENS, Stage};
use cardea_xtask::system::Part;
use host_login::host::{CLIENT_ID, Host, SECRET, register};
use host_login::terminal::{Process, Terminal};

/// Types a code at the workstation, up to the page that says who asks.
async fn type_code(browser: &Browser, stage: &Stage, code: &str, language: &str) -> Result<()> {
    let origin = stage.system().addresses().origin();
    browser
        .goto(&format!("{origin}/device?lang={language}"))
        .await?;
    browser.wait_for("#user_code").await?;
    browser
        .run(&format!(
            "document.querySelector('#user_code').value = '{code}'"
        ))
        .await?;
    browser.click("form button").await
}

/// Goes on to the card, and sees that the other device goes on.
async fn approve(browser: &Browser) -> Result<()> {
    browser.click("form[method=get] button").await?;
    browser.press_start_if_asked().await?;
    browser
        .wait_within(".body.success h1", Duration::from_secs(30))
        .await?;
    Ok(())
}

fn shows(terminal: &str, words: &str) {
    assert!(terminal.contains(words), "{words} is not in:\n{terminal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ssh_and_sudo_ask_for_the_card_at_the_workstation() -> Result<()> {
    let stage = Stage::open_with("host-login", register).await?;
    let system = stage.system();
    let host = Host::set_up(system)?;
    let browser = Browser::open().await?;

    // What ssh shows is there before anything is answered, and says where to go.
    let mut ssh = host.ssh("alice")?;
    let shown = ssh.wait_for_prompt().await?;
    shows(&shown, &format!("{}/device", system.addresses().origin()));
    let code = shown.code()?;
    type_code(&browser, &stage, "BBBB-BBBB", "fr").await?;
    browser.wait_for("[role=alert]").await?;
    browser.screenshot("device-code-unknown-fr").await?;
    for language in ["fr", "en"] {
        type_code(&browser, &stage, &code, language).await?;
        let text = browser.wait_for(".body.warning .data").await?;
        shows(&text, "Serveur db01");
        shows(&text, "127.0.0.1");
        for (screen, shape) in SCREENS.iter().zip(["wide", "phone"]) {
            browser.resize(*screen).await?;
            let name = format!("device-confirmation-{language}-{shape}");
            browser.check_accessible(&name).await?;
            browser.screenshot(&name).await?;
        }
        browser.resize(SCREENS[0]).await?;
    }
    approve(&browser).await?;
    browser.screenshot("device-approved-en").await?;
    let prompted = system.pin_prompt_log();
    shows(&prompted, "AUTRE APPAREIL");
    shows(&prompted, "Serveur db01");
    ssh.press_enter()?;
    let (success, output) = ssh.finish().await?;
    assert!(success, "{output}");
    shows(&output, host.user("alice"));

    // Another person's account is not opened by this card.
    let mut ssh = host.ssh("bob")?;
    let code = ssh.wait_for_prompt().await?.code()?;
    type_code(&browser, &stage, &code, "fr").await?;
    approve(&browser).await?;
    ssh.press_enter()?;
    let (success, output) = ssh.finish().await?;
    assert!(!success, "{output}");
    shows(&output, "Permission denied");

    // sudo asks anew, each time.
    for _ in 0..2 {
        let before = system.pin_prompt_log().matches("GETPIN").count();
        let mut sudo = host.sudo("alice")?;
        let code = sudo.wait_for_prompt().await?.code()?;
        type_code(&browser, &stage, &code, "fr").await?;
        approve(&browser).await?;
        sudo.press_enter()?;
        let (success, output) = sudo.finish().await?;
        assert!(success, "{output}");
        shows(&output, "uid=0");
        let after = system.pin_prompt_log().matches("GETPIN").count();
        assert_eq!(after, before + 1, "a PIN for each");
    }

    // A library that we did not write goes the same way.
    let mut command = ForeignClient::node(system, "device.mjs")?;
    command.envs([("CLIENT_ID", CLIENT_ID), ("CLIENT_SECRET", SECRET)]);
    let mut library = Process::start(command)?;
    let code = library.wait_for("user_code").await?.code()?;
    type_code(&browser, &stage, &code, "en").await?;
    approve(&browser).await?;
    let (success, output) = library.finish().await?;
    assert!(success, "{output}");
    shows(
        &output,
        r#"{"acr":"urn:cardea:acr:card-pin","aud":"db01","family":"cps"}"#,
    );

    // The person's no.
    let mut asked = host.pamtester("alice")?;
    let code = asked.wait_for_prompt().await?.code()?;
    type_code(&browser, &stage, &code, "fr").await?;
    browser.click("form[action*=cancel] button").await?;
    browser.wait_for(".body.warning h1").await?;
    browser.screenshot("device-refused-fr").await?;
    asked.press_enter()?;
    let (success, output) = asked.finish().await?;
    assert!(!success, "{output}");
    shows(&output, "host_login.person_refused");

    // A card that left: nobody answers, and the time runs out.
    system.card().remove()?;
    let mut asked = host.pamtester("alice")?;
    let code = asked.wait_for_prompt().await?.code()?;
    type_code(&browser, &stage, &code, "fr").await?;
    browser.click("form[method=get] button").await?;
    browser.press_start_if_asked().await?;
    asked.press_enter()?;
    let (success, output) = asked.finish().await?;
    assert!(!success, "{output}");
    shows(&output, "host_login.timed_out");

    // Nobody is let in for whom nothing is configured, and nobody is asked.
    let mut unmapped = host.pamtester("carol")?;
    let (success, output) = unmapped.finish().await?;
    assert!(!success, "{output}");
    shows(&output, "host_login.account_unmapped");

    let log = system.log_of(Part::Server);
    assert!(!log.contains(&code), "no code is logged");
    browser.close().await.context("the browser does not close")
}
