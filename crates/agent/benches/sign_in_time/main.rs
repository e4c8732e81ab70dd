//! How long the agent takes from the page's request to the card's assertion, beside the time that
//! the card alone takes for the same commands; and how many commands that is.
//!
//! The whole agent runs in this process: HTTP on loopback, peer check, challenge signature, prompt
//! (answered at once), card thread, countersignature. The card is a virtual one that waits a given
//! time before each answer, as a real card and its reader do.

mod conversation;
mod desk;
mod issuer;
mod workstation;

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

use cardea_test_pki::{CardProfile, KeyKind, TestPki};
use cardea_virtual_card::{CardImage, VirtualCard};

use crate::conversation::Conversation;
use crate::desk::Desk;
use crate::workstation::Workstation;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What one command costs on a card with contacts at 9600 to 115200 baud, roughly.
const REAL_DELAY: Duration = Duration::from_millis(20);

/// A card, and how often a person signs in with it.
struct Case {
    key: KeyKind,
    delay: Duration,
    sign_ins: usize,
}

/// Median times of one case.
struct Times {
    first: Duration,
    agent: Duration,
    commands: Duration,
    signature: Duration,
}

fn main() -> Result<(), Failure> {
    // Cargo says `--bench` when it measures; else one sign-in shows that the bench works.
    let measuring = std::env::args().any(|argument| argument == "--bench");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let mut times = String::from(
        "| card | delay a command | agent, later sign-ins | its commands sent bare | agent's own | \
         bare signature | first sign-in |\n|---|---:|---:|---:|---:|---:|---:|\n",
    );
    let mut commands = String::from("| card | when | commands | which |\n|---|---|---:|---|\n");
    for key in [KeyKind::Rsa2048, KeyKind::P256] {
        for (delay, sign_ins) in [(Duration::ZERO, 100), (REAL_DELAY, 20)] {
            let sign_ins = if measuring { sign_ins } else { 1 };
            let case = Case {
                key,
                delay,
                sign_ins,
            };
            let (first, later, measured) = runtime.block_on(measure(&case))?;
            measured.write_row(&case, &mut times)?;
            if delay.is_zero() {
                write_commands(key, "first sign-in", &first, &mut commands)?;
                write_commands(key, "later sign-ins", &later, &mut commands)?;
                let bare = later.bare_signature();
                write_commands(key, "bare signature", &bare, &mut commands)?;
            }
        }
    }
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "### Agent, median times in ms\n\n{times}")?;
    writeln!(stdout, "### Commands to the card (APDUs)\n\n{commands}")?;
    Ok(())
}

/// Signs in once and then again and again; after each sign-in its commands are sent bare, so that
/// both meet the same machine.
async fn measure(case: &Case) -> Result<(Conversation, Conversation, Times), Failure> {
    let pki = TestPki::shared()?;
    let issued = pki.issue_card(&CardProfile::pharmacist().with_key(case.key))?;
    let card = VirtualCard::insert(CardImage::from_issued(&issued)?)?;
    card.set_delay(case.delay);
    let mut bare = card.connect();
    let desk = Desk::new(card);
    let workstation = Workstation::start(&desk).await?;

    let first = sign_in(&workstation).await?;
    let first_commands = Conversation::new(desk.sent().take());
    let (mut agent, mut commands, mut signature) = (Vec::new(), Vec::new(), Vec::new());
    let mut later = None;
    for _ in 0..case.sign_ins {
        agent.push(sign_in(&workstation).await?);
        let sent = Conversation::new(desk.sent().take());
        commands.push(sent.send(&mut bare)?);
        signature.push(sent.bare_signature().send(&mut bare)?);
        bare.power_cycle();
        later = Some(sent);
    }
    let times = Times {
        first,
        agent: median(agent),
        commands: median(commands),
        signature: median(signature),
    };
    Ok((first_commands, later.ok_or("nobody signed in")?, times))
}

async fn sign_in(workstation: &Workstation) -> Result<Duration, Failure> {
    let challenge = workstation.challenge()?;
    let begun = Instant::now();
    workstation.sign_in(&challenge).await?;
    Ok(begun.elapsed())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

impl Times {
    fn write_row(&self, case: &Case, table: &mut String) -> std::fmt::Result {
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        writeln!(
            table,
            "| {} | {} ms | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} |",
            card_name(case.key),
            case.delay.as_millis(),
            milliseconds(self.agent),
            milliseconds(self.commands),
            milliseconds(self.agent.saturating_sub(self.commands)),
            milliseconds(self.signature),
            milliseconds(self.first),
        )
    }
}

fn write_commands(
    key: KeyKind,
    when: &str,
    commands: &Conversation,
    table: &mut String,
) -> std::fmt::Result {
    let (count, names) = (commands.len(), commands.names());
    writeln!(table, "| {} | {when} | {count} | {names} |", card_name(key))
}

fn card_name(key: KeyKind) -> &'static str {
    match key {
        KeyKind::P256 => "P-256",
        KeyKind::BrainpoolP256r1 => "brainpoolP256r1",
        KeyKind::Rsa2048 => "RSA 2048",
        KeyKind::Rsa4096 => "RSA 4096",
    }
}
