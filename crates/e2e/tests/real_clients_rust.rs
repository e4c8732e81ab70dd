//! The demo portal, whose relying party is the `openidconnect` crate. More of it is tested in
//! `card_login.rs`.

use anyhow::{Context, Result};
use cardea_e2e::{Browser, LogoutForgery, Stage};
use cardea_xtask::system::{PORTAL_CLIENT_ID, System};

/// Attacks G5 and H3, from the portal's side.
#[tokio::test(flavor = "multi_thread")]
async fn openidconnect_signs_in_and_its_receiver_refuses_what_is_no_logout_token() -> Result<()> {
    let stage = Stage::open("rust-portal").await?;
    let portal = stage.system().addresses().portal_url();
    let browser = Browser::open().await?;
    browser.press_sign_in(&portal, "en").await?;
    browser.wait_for("#greeting").await?;
    let secret = secret_of_portal(stage.system())?;
    LogoutForgery::new(stage.system(), PORTAL_CLIENT_ID, &secret, &portal)
        .check_refused()
        .await?;
    browser.goto(&portal).await?;
    browser.wait_for("#greeting").await?;
    stage.system().card().remove()?;
    browser.wait_for("#ended").await?;
    browser.close().await
}

fn secret_of_portal(system: &System) -> Result<String> {
    let settings = std::fs::read_to_string(system.portal_settings())?;
    let mut lines = settings.lines();
    let line = lines.find_map(|line| line.strip_prefix("client_secret = "));
    Ok(line.context("no secret")?.trim_matches('"').to_owned())
}
