//! A portal on Flask and Authlib, through whole logins with a card.

use std::time::Duration;

use anyhow::{Context, Result};
use cardea_e2e::{Browser, ForeignClient, LogoutForgery, Stage, register};
use cardea_xtask::system::{self, Scheme};
use serde_json::Value;

const SECRET: &str = "a-secret-of-the-python-portal";

async fn open(name: &str, scheme: Scheme) -> Result<(Stage, ForeignClient, String)> {
    let port = system::unused_port()?;
    let url = format!("http://127.0.0.1:{port}");
    let mut registered = Ok(());
    let stage = Stage::open_with(name, |options| {
        options.scheme = scheme;
        registered = register(options, &[("http://127.0.0.1:5000", &url)], SECRET, None);
    });
    let stage = stage.await?;
    registered?;
    let mut command = ForeignClient::python(stage.system(), "portal.py")?;
    command
        .env("CLIENT_ID", "python-portal")
        .env("CLIENT_SECRET", SECRET)
        .env("COOKIE_KEY", format!("a key of the example {port}"));
    let client = ForeignClient::serve(stage.system(), command, "python-portal", port)?;
    Ok((stage, client, url))
}

#[tokio::test(flavor = "multi_thread")]
async fn authlib_signs_in_over_tls_and_its_session_leaves_with_the_card() -> Result<()> {
    let (stage, client, url) = open("python-login", Scheme::Https).await?;
    let browser = Browser::open().await?;
    browser.goto(&url).await?;
    browser.click("#sign-in").await?;
    assert_eq!(browser.wait_for("#greeting").await?, "Camille DURAND");
    let facts: Value = serde_json::from_str(&browser.wait_for("#facts").await?)?;
    assert_eq!(facts["claims"]["acr"], "urn:cardea:acr:card-pin");
    let profession = serde_json::json!({ "code": "21", "system": "TRE_G15" });
    assert_eq!(facts["person"]["profession"], profession);
    browser.goto(&format!("{url}/pharmacy")).await?;
    browser.wait_for("#pharmacy").await?;
    // What comes back from elsewhere ends no session.
    for query in ["", "?error=access_denied&state=x", "?code=x&state=x"] {
        browser.goto(&format!("{url}/callback{query}")).await?;
        let from_provider = format!(
            "{url}/callback?iss={}&state=x",
            stage.system().addresses().issuer()
        );
        browser.goto(&from_provider).await?;
        browser.goto(&url).await?;
        browser.wait_for("#greeting").await?;
    }

    browser.goto(&format!("{url}/refresh")).await?;
    assert!(browser.text("body").await?.contains("true"));

    stage.system().card().remove()?;
    for _ in 0..100 {
        browser.goto(&url).await?;
        if browser.text("#sign-in").await.is_ok() {
            return browser.close().await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("the session outlived the card:\n{}", client.log())
}

/// Attacks G5 and H3, from the portal's side.
#[tokio::test(flavor = "multi_thread")]
async fn the_receiver_on_joserfc_refuses_what_is_no_logout_token() -> Result<()> {
    let (stage, _client, url) = open("python-receiver", Scheme::Http).await?;
    let forgery = LogoutForgery::new(stage.system(), "python-portal", SECRET, &url);
    forgery.check_refused().await?;
    forgery.check_taken_once().await
}

#[tokio::test(flavor = "multi_thread")]
async fn authlib_signs_out_at_the_server() -> Result<()> {
    let (stage, _client, url) = open("python-sign-out", Scheme::Http).await?;
    let browser = Browser::open().await?;
    browser.goto(&url).await?;
    browser.click("#sign-in").await?;
    browser.wait_for("#greeting").await?;
    browser.click("#sign-out").await?;
    browser.wait_for("#sign-in").await?;
    browser.click("#sign-in").await?;
    browser.wait_for("#greeting").await?;
    let prompts = stage.system().pin_prompt_log().matches("GETPIN").count();
    assert_eq!(prompts, 2);
    browser.close().await.context("the browser stays")
}
