//! Logins on a reader that other programs use, and what the agent holds after many of them.
//!
//! The real agent, server and pcscd; the page is a program, so that a login takes no longer than
//! these three need. `cargo xtask soak agent` runs the same for minutes.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it measured"
)]

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use cardea_e2e::{Allowance, AuthorizationRequest, Footprint, Growth, PageScript, Passed, Stage};
use cardea_virtual_card::CardImage;
use cardea_xtask::system::{CardRequest, Part, System};

#[path = "../../virtual-card/tests/opensc_module/mod.rs"]
mod opensc_module;
#[path = "shared_reader/opensc_tools.rs"]
mod opensc_tools;
#[path = "shared_reader/second_program.rs"]
mod second_program;
#[path = "shared_reader/tapped_card.rs"]
mod tapped_card;
#[path = "shared_reader/traffic.rs"]
mod traffic;

use opensc_tools::OpenscTools;
use second_program::{Habit, SecondProgram};
use tapped_card::TappedCard;
use traffic::{AgentsChannel, Traffic};

/// How much is done; `cargo xtask soak agent` asks for more.
struct Size {
    /// Logins beside each other program.
    beside: u32,
    /// Seconds over which these are spread.
    beside_seconds: u32,
    /// Milliseconds that the card takes for a command meanwhile.
    delay_ms: u32,
    /// Logins after which nothing may have grown.
    alone: u32,
}

impl Size {
    fn asked_for() -> Self {
        let number = |name: &str, usual: u32| {
            let value = std::env::var(name).ok();
            value.map_or(usual, |text| text.parse().expect("a number"))
        };
        Self {
            beside: number("CARDEA_SOAK_LOGINS_BESIDE", 8),
            beside_seconds: number("CARDEA_SOAK_SECONDS_BESIDE", 0),
            delay_ms: number("CARDEA_SOAK_CARD_DELAY_MS", 0),
            alone: number("CARDEA_SOAK_LOGINS_ALONE", 48),
        }
    }
}

/// The agent takes ten logins a second of one origin, and some more at once.
const AGENTS_PACE: Duration = Duration::from_millis(101);
const AGENTS_BURST: Duration = Duration::from_secs(10);
/// Looks at the agent that the judgement of its growth rests on.
const LOOKS: u32 = 24;
/// The allocator keeps what it had at once; 0.2 KiB for each of 5000 logins show.
const ALLOWANCE: Allowance = Allowance {
    memory_kib: 1024,
    handles_or_threads: 4,
};

#[test]
fn logins_leave_other_programs_alone_and_nothing_behind() -> Result<()> {
    let name = "logins_leave_other_programs_alone_and_nothing_behind";
    if let Some(other) = second_program::asked_for() {
        return other.run();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let size = Size::asked_for();
        let stage = Stage::open_prepared("shared-reader", |_| {}, without_limits).await?;
        let system = stage.system();
        system.card().remove()?;
        let issued = system.card().beside("shared-card");
        issued.issue(&CardRequest {
            key: "p256".into(),
            ..CardRequest::default()
        })?;
        let folder = issued.folder();
        let card = TappedCard::insert(system, folder, CardImage::without_logical_channels)?;
        log_in(system).await?;
        card.take_delay(size.delay_ms);
        beside_a_program_on_the_one_channel(system, &card, &size, name).await?;
        drop(card);
        wait_until_out(system).await?;
        let card = TappedCard::insert(system, folder, |image| image)?;
        log_in(system).await?;
        card.take_delay(size.delay_ms);
        beside_opensc(system, &card, &size).await?;
        beside_a_program_with_a_file_of_its_own(system, &card, &size, name).await?;
        card.take_delay(0);
        alone(system, &card, &size).await
    })
}

/// Waits until the agent has seen that the reader is empty.
async fn wait_until_out(system: &System) -> Result<()> {
    let address = format!("{}/v1/status", system.addresses().agent_url());
    let (http, issuer) = (PageScript::http()?, system.addresses().issuer());
    for _ in 0..600 {
        let request = http.get(&address).header("origin", &issuer);
        let status: serde_json::Value = request.send().await?.json().await?;
        if status.get("card").and_then(serde_json::Value::as_str) != Some("present") {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("the agent does not see that the card has gone")
}

/// OpenSC's tools read the card, log in and sign with a PIN of their own entry.
async fn beside_opensc(system: &System, card: &TappedCard, size: &Size) -> Result<()> {
    let tools = OpenscTools::start(system)?;
    card.tap().take();
    let elapsed = log_in_many(system, size).await?;
    let runs = tools.stop()?;
    let traffic = Traffic::read(
        &card.tap().take(),
        AgentsChannel::OwnUnlessAlone,
        size.beside,
    )?;
    traffic.check_resets()?;
    report("OpenSC's tools", size.beside, elapsed, runs, &traffic);
    Ok(())
}

/// A program that keeps its own file selected and its PIN verified, and looks at both each time.
async fn beside_a_program_with_a_file_of_its_own(
    system: &System,
    card: &TappedCard,
    size: &Size,
    name: &str,
) -> Result<()> {
    let other = SecondProgram::start(system, name, Habit::ReliesOnBoth)?;
    card.tap().take();
    let elapsed = log_in_many(system, size).await?;
    let seen: Vec<Passed> = card.tap().take();
    let (runs, longest_wait) = other.stop()?;
    let traffic = Traffic::read(&seen, AgentsChannel::Own, size.beside)?;
    traffic.check_power()?;
    traffic.check_markers(runs)?;
    report(
        "a program with its own file",
        size.beside,
        elapsed,
        runs,
        &traffic,
    );
    println!("the longest that this program waited for the reader: {longest_wait:?}");
    Ok(())
}

/// A card with the basic channel alone: the other program begins each of its transactions anew, and
/// none of its commands comes between the agent's PIN and the agent's signature.
async fn beside_a_program_on_the_one_channel(
    system: &System,
    card: &TappedCard,
    size: &Size,
    name: &str,
) -> Result<()> {
    let other = SecondProgram::start(system, name, Habit::BeginsAnew)?;
    card.tap().take();
    let elapsed = log_in_many(system, size).await?;
    let seen: Vec<Passed> = card.tap().take();
    let (runs, _) = other.stop()?;
    let traffic = Traffic::read(&seen, AgentsChannel::Basic, size.beside)?;
    traffic.check_power()?;
    traffic.check_markers(runs)?;
    report(
        "a program on the one channel",
        size.beside,
        elapsed,
        runs,
        &traffic,
    );
    Ok(())
}

/// The agent holds no more after the last logins than after the first.
async fn alone(system: &System, card: &TappedCard, size: &Size) -> Result<()> {
    let agent = system.process_of(Part::Agent).context("no agent runs")?;
    let (began, mut growth) = (Instant::now(), Growth::default());
    let between = (size.alone / LOOKS).max(1);
    for login in 1..=size.alone {
        let may_begin = AGENTS_PACE * login;
        tokio::time::sleep(may_begin.saturating_sub(AGENTS_BURST + began.elapsed())).await;
        log_in(system).await?;
        // What the tap saw would be the growth of this process.
        card.tap().take();
        if login % between == 0 {
            growth.add(usize::try_from(login)?, Footprint::of(agent)?);
        }
    }
    println!(
        "{} logins alone in {:?}\n{}",
        size.alone,
        began.elapsed(),
        growth.table()
    );
    growth.check(ALLOWANCE)
}

async fn log_in_many(system: &System, size: &Size) -> Result<Duration> {
    let began = Instant::now();
    let pace = Duration::from_secs(size.beside_seconds.into()) / size.beside.max(1);
    for login in 0..size.beside {
        log_in(system).await?;
        if let Some(wait) = (pace * (login + 1)).checked_sub(began.elapsed()) {
            tokio::time::sleep(wait).await;
        }
    }
    Ok(began.elapsed())
}

/// One whole login, up to the client's code.
async fn log_in(system: &System) -> Result<()> {
    let page = PageScript::open(system, &AuthorizationRequest::new()?).await?;
    let code = page.code(system).await?;
    if code.is_empty() {
        bail!("no code");
    }
    Ok(())
}

fn report(beside: &str, logins: u32, elapsed: Duration, runs: u64, traffic: &Traffic) {
    println!(
        "beside {beside}: {logins} logins in {elapsed:?}, {runs} rounds of the other; {}",
        traffic.summary(logins)
    );
}

/// The server's limits are for people; the agent's cannot be lifted as far.
fn without_limits(system: &System) -> Result<()> {
    let file = system.server_settings();
    let limits = "\n[limits]\nper_address_and_minute = 100000\n\
                  challenges_per_address_and_minute = 100000\n";
    let text = std::fs::read_to_string(&file)? + limits;
    Ok(std::fs::write(&file, text)?)
}
