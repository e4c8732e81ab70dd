//! A portal that was down when the card left hears of it, even if the server restarted meanwhile.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use cardea_e2e::{Browser, Stage};
use cardea_xtask::system::Part;

/// How long the server may take to notice, and to tell a portal that is back.
const IN_TIME: Duration = Duration::from_secs(60);

async fn wait_for_log(stage: &Stage, text: &str) -> Result<()> {
    let begun = Instant::now();
    while !stage.system().log_of(Part::Server).contains(text) {
        ensure!(begun.elapsed() < IN_TIME, "the server's log has no {text}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_that_was_down_when_the_card_left_is_told_after_both_came_back() -> Result<()> {
    let mut stage = Stage::open("late-logout").await?;
    let portal = stage.system().addresses().portal_url();
    let browser = Browser::open().await?;
    browser.press_sign_in(&portal, "fr").await?;
    browser.wait_for("#greeting").await?;
    stage.system_mut().stop_part(Part::Portal)?;
    stage.system().card().remove()?;
    wait_for_log(&stage, "session.ended").await?;
    wait_for_log(&stage, "server.logout_undelivered").await?;
    stage.system_mut().stop_part(Part::Server)?;
    stage.system_mut().start_part(Part::Server)?;
    stage.system_mut().start_part(Part::Portal)?;
    wait_for_log(&stage, "logout.delivered").await?;
    browser.close().await
}
