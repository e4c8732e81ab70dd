//! A card's presence with the real reader, the real agent program and the real server: over the
//! server's restarts and outages, beside silent workstations, under clocks that are wrong.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use cardea_e2e::business_software::BusinessSoftware;
use cardea_e2e::{PageScript, Stage};
use cardea_xtask::system::{Part, System};
use reqwest::{Client, StatusCode};
use serde_json::Value;

#[path = "presence/pulls.rs"]
mod pulls;

/// Longer than anything here takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// An outage: longer than the grace period below, and than two looks of the server at itself.
const OUTAGE: Duration = Duration::from_secs(14);

/// A program that holds a session.
struct Software {
    program: BusinessSoftware,
    tokens: Value,
    http: Client,
}

impl Software {
    fn sign_in(system: &System, environment: &[(&str, &str)]) -> Result<Self> {
        let scope = ["--scope", "openid profile"];
        let (program, tokens) = BusinessSoftware::sign_in_within(system, &scope, environment)?;
        Ok(Self {
            program,
            tokens,
            http: PageScript::http()?,
        })
    }

    /// The error code that a refresh is answered with; none where it gives tokens.
    async fn refresh(&mut self, system: &System) -> Result<Option<String>> {
        let token = text(&self.tokens, "refresh_token")?.to_owned();
        let answer = self.program.refresh(&self.http, system, &token).await?;
        let status = answer.status();
        let body: Value = answer.json().await?;
        if status == StatusCode::OK {
            self.tokens = body;
            return Ok(None);
        }
        Ok(Some(text(&body, "error")?.to_owned()))
    }

    async fn refreshes(&mut self, system: &System) -> Result<()> {
        match self.refresh(system).await? {
            None => Ok(()),
            Some(error) => bail!("no refresh: {error}"),
        }
    }
}

fn text<'a>(document: &'a Value, member: &str) -> Result<&'a str> {
    let value = document.get(member).and_then(Value::as_str);
    value.with_context(|| format!("no {member} in {document}"))
}

fn prompts(system: &System) -> usize {
    system.pin_prompt_log().matches("GETPIN").count()
}

/// How often the server's log says something.
fn said(system: &System, text: &str) -> usize {
    system.log_of(Part::Server).matches(text).count()
}

async fn wait_until_said(system: &System, text: &str, times: usize) -> Result<()> {
    let begun = Instant::now();
    while said(system, text) < times {
        ensure!(
            begun.elapsed() < PATIENCE,
            "the server never said {text} {times} times"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

fn signal(process: Option<u32>, name: &str) -> Result<()> {
    let id = process.context("it does not run")?.to_string();
    ensure!(Command::new("kill").args([name, &id]).status()?.success());
    Ok(())
}

/// The server knows the software, and looks for silence every two seconds.
async fn open(name: &str) -> Result<Stage> {
    Stage::open_with(name, |options| {
        BusinessSoftware::register(options);
        options.presence_seconds = (2, 12);
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_survives_the_servers_restart_and_its_death_without_another_pin() -> Result<()> {
    const BACK: &str = "an agent came back";
    let mut stage = open("presence-restart").await?;
    let mut software = Software::sign_in(stage.system(), &[])?;
    for (times, name) in [(1, "-TERM"), (2, "-KILL")] {
        signal(stage.system().process_of(Part::Server), name)?;
        stage.system_mut().stop_part(Part::Server)?;
        stage.system_mut().start_part(Part::Server)?;
        wait_until_said(stage.system(), BACK, times).await?;
        software.refreshes(stage.system()).await?;
    }
    assert_eq!(prompts(stage.system()), 1);

    // From the card in the real reader to the server, pcscd's look at the reader included.
    let system = stage.system();
    let pulled = Instant::now();
    system.card().remove()?;
    let removed = pulled.elapsed();
    wait_until_said(system, "session.ended", 1).await?;
    let ended = pulled.elapsed();
    eprintln!("the card was out after {removed:?}, the session over after {ended:?}");
    let log = system.log_of(Part::Server);
    assert!(log.contains("departed"), "{log}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_server_ends_nobody_and_a_workstation_asleep_its_own_alone() -> Result<()>
{
    let stage = open("presence-outage").await?;
    let system = stage.system();
    let mut awake = Software::sign_in(system, &[])?;
    let mut asleep = Software::sign_in(system, &[])?;
    // A server that answers nobody.
    signal(system.process_of(Part::Server), "-STOP")?;
    tokio::time::sleep(OUTAGE).await;
    signal(system.process_of(Part::Server), "-CONT")?;
    wait_until_said(system, "we were away", 1).await?;
    awake.refreshes(system).await?;
    asleep.refreshes(system).await?;
    // A workstation that is suspended says nothing more, and wakes up to a session that is over.
    asleep.program.signal("-STOP")?;
    wait_until_said(system, "presence_lost", 1).await?;
    asleep.program.signal("-CONT")?;
    assert!(
        asleep.program.wait()?.success(),
        "it learns that the session is over"
    );
    awake.refreshes(system).await?;
    assert_eq!(prompts(system), 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn workstation_clocks_that_are_a_year_off_change_nothing() -> Result<()> {
    let library = cardea_xtask::install::faketime_library()?;
    let stage = open("presence-clocks").await?;
    let system = stage.system();
    for offset in ["+365d", "-365d"] {
        let environment = [("LD_PRELOAD", library), ("FAKETIME", offset)];
        let mut software = Software::sign_in(system, &environment)?;
        software.refreshes(system).await?;
        system.card().remove()?;
        assert!(software.program.wait()?.success());
        system.card().insert()?;
    }
    wait_until_said(system, "departed", 2).await?;
    assert_eq!(said(system, "presence_lost"), 0);
    Ok(())
}
