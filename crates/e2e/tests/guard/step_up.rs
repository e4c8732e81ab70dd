//! A burst of look-ups, and the card's holder is asked at her workstation: her signature lets the
//! portal go on, so far and no further.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use cardea_e2e::Stage;

use crate::PATIENCE;
use crate::reports::{Portal, open_with};
use crate::stand::{Answer, Visitor};

/// The guard's own numbers, for nobody in particular.
const TABLES: &str = "[look_ups]\nservice = \"records\"\nkeys_file = \"statement.keys\"\n\n\
    [reports]\nfolder = \"reports\"\n";

fn prompts(stage: &Stage) -> usize {
    stage.system().pin_prompt_log().matches("GETPIN").count()
}

/// Looks up one patient after the other until the guard says something else than yes: how many it
/// was, and what was said.
async fn walk(portal: &Portal, name: &str) -> Result<(u32, Answer)> {
    for number in 0..500 {
        let answer = portal.ask(&format!("{name}-{number}"), "look_up").await?;
        if answer.status != 200 {
            return Ok((number, answer));
        }
    }
    bail!("nobody stops it")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_asks_for_the_card_at_the_workstation_and_the_pin_restores_a_bounded_budget()
-> Result<()> {
    let (stage, stand, nginx) = open_with("guard-step-up", TABLES).await?;
    stand.wait_until_heard().await?;
    let visitor = Visitor::sign_in(&stage).await?;
    let portal = Portal::of(&visitor, &nginx, &stand).await?;
    assert_eq!(prompts(&stage), 1);
    let (first, refused) = walk(&portal, "first").await?;
    assert_eq!(refused.status, 401, "{refused:?}");
    assert_eq!(refused.code(), "guard.step_up_required");
    // For a portal that knows RFC 9470, and for one that need only try again.
    let challenge = refused.header("www-authenticate").concat();
    ensure!(
        challenge.contains("insufficient_user_authentication"),
        "{challenge}"
    );
    assert_eq!(refused.header("retry-after"), ["5"]);
    let detail = refused.body.get("detail").map(ToString::to_string);
    let detail = detail.unwrap_or_default();
    ensure!(detail.contains("Votre poste"), "{detail}");
    // The prompt answers by itself here; a portal asks again for the same patient meanwhile.
    let begun = Instant::now();
    loop {
        let answer = portal.ask("the next one", "look_up").await?;
        if answer.status == 200 {
            break;
        }
        ensure!(begun.elapsed() < PATIENCE, "it stays so: {answer:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("on after {} ms", begun.elapsed().as_millis());
    assert_eq!(prompts(&stage), 2);
    let shown = stage.system().pin_prompt_log();
    let mut described = shown.lines().filter(|line| line.contains("SETDESC"));
    let shown = described.next_back().unwrap_or_default();
    for text in ["Portail gard", "records", "patients"] {
        ensure!(shown.contains(text), "{text}: {shown}");
    }
    let (more, refused) = walk(&portal, "more").await?;
    assert_eq!(refused.code(), "guard.step_up_required", "{refused:?}");
    ensure!((1..=60).contains(&more), "{first} before, {more} after");
    Ok(())
}
