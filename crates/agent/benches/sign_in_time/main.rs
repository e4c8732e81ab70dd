//! How long the agent takes from the page's request to the card's assertion, beside the time that
//! the card alone takes for the same commands and beside OpenSC; and how many commands that is.
//!
//! The whole agent runs in this process: HTTP on loopback, peer check, challenge signature, prompt
//! (answered at once), card thread, countersignature. The card is a virtual one in the reader of a
//! real pcscd, and waits a given time before each answer, as a real card and its reader do.

mod conversation;
mod desk;
mod issuer;
mod login_page;
mod opensc;
mod surroundings;
mod workstation;

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

use cardea_card::PcscTransport;
use cardea_test_pki::{CardProfile, KeyKind, TestPki};
use cardea_virtual_card::CardImage;

use crate::conversation::Conversation;
use crate::desk::Desk;
use crate::surroundings::Surroundings;
use crate::workstation::Workstation;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What one command costs on a card with contacts at 9600 to 115200 baud, roughly.
const REAL_DELAY: Duration = Duration::from_millis(20);

/// Which card is in the reader.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CardKind {
    P256,
    Rsa,
    /// RSA with extended Lc and Le fields.
    RsaExtended,
}

/// A card, who else is at it, and how often a person signs in with it.
struct Case {
    card: CardKind,
    has_company: bool,
    delay: Duration,
    sign_ins: usize,
}

/// Median times of one case, and the commands of a login.
struct Measured {
    first: Duration,
    agent: Duration,
    bare: Duration,
    opensc: Duration,
    longest_transaction: Duration,
    first_commands: Conversation,
    commands: Conversation,
    opensc_commands: usize,
}

fn main() -> Result<(), Failure> {
    let Some(surroundings) = Surroundings::of_this_process() else {
        return surroundings::run_again_with_pcscd();
    };
    // Cargo says `--bench` when it measures; else one sign-in shows that the bench works.
    let measuring = std::env::args().any(|argument| argument == "--bench");
    let mut times = String::from(
        "| card | at the reader | delay a command | agent, later sign-ins | the same commands bare \
         | **agent's own** | `pkcs11-tool --login --sign` | first sign-in | longest transaction |\n\
         |---|---|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    let mut commands = String::from(
        "| card | at the reader | a login | OpenSC | the first | which (a login) |\n\
         |---|---|---:|---:|---:|---|\n",
    );
    for card in [CardKind::P256, CardKind::RsaExtended, CardKind::Rsa] {
        for has_company in [false, true] {
            for (delay, sign_ins) in [(Duration::ZERO, 30), (REAL_DELAY, 12)] {
                let case = Case {
                    card,
                    has_company,
                    delay,
                    sign_ins: if measuring { sign_ins } else { 1 },
                };
                let measured = measure(&surroundings, &case)?;
                measured.write_times(&case, &mut times)?;
                if !delay.is_zero() {
                    measured.write_commands(&case, &mut commands)?;
                }
            }
        }
    }
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "### Agent, median times in ms\n\n{times}")?;
    writeln!(stdout, "### Commands to the card (APDUs)\n\n{commands}")?;
    Ok(())
}

/// Signs in once and then again and again; after each sign-in its commands are sent bare, and
/// OpenSC signs, so that all meet the same machine.
fn measure(surroundings: &Surroundings, case: &Case) -> Result<Measured, Failure> {
    // One agent after the other, none left over to look at the next one's card.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let desk = Desk::with_card(surroundings, image(case.card)?, case.delay)?;
    let other = match case.has_company {
        true => Some(PcscTransport::connect(&desk.reader)?),
        false => None,
    };
    let measured = runtime.block_on(measure_at(&desk, case));
    drop(other);
    measured
}

async fn measure_at(desk: &Desk, case: &Case) -> Result<Measured, Failure> {
    let workstation = Workstation::start(desk).await?;
    let first = sign_in(&workstation).await?;
    let first_commands = Conversation::new(desk.sent().take());
    let (mut agent, mut bare, mut opensc) = (Vec::new(), Vec::new(), Vec::new());
    let mut last = None;
    let mut opensc_commands = 0;
    for _ in 0..case.sign_ins {
        agent.push(sign_in(&workstation).await?);
        let sent = Conversation::new(desk.sent().take());
        bare.push(sent.send(&desk.reader)?);
        let (took, commands) = opensc::sign(desk, key(case.card))?;
        opensc.push(took);
        opensc_commands = commands;
        // OpenSC leaves its PIN verified, which the agent would keep for it.
        desk.card.power_cycle();
        last = Some(sent);
    }
    Ok(Measured {
        first,
        agent: median(agent),
        bare: median(bare),
        opensc: median(opensc),
        longest_transaction: desk.sent().take_longest_transaction(),
        first_commands,
        commands: last.ok_or("nobody signed in")?,
        opensc_commands,
    })
}

async fn sign_in(workstation: &Workstation) -> Result<Duration, Failure> {
    let challenge = workstation.challenge()?;
    let begun = Instant::now();
    workstation.sign_in(&challenge).await?;
    Ok(begun.elapsed())
}

fn image(card: CardKind) -> Result<CardImage, Failure> {
    let profile = CardProfile::pharmacist().with_key(key(card));
    let issued = TestPki::shared()?.issue_card(&profile)?;
    let image = CardImage::from_issued(&issued)?;
    Ok(match card {
        CardKind::RsaExtended => image.announcing_extended_length(),
        CardKind::P256 | CardKind::Rsa => image,
    })
}

fn key(card: CardKind) -> KeyKind {
    match card {
        CardKind::P256 => KeyKind::P256,
        CardKind::Rsa | CardKind::RsaExtended => KeyKind::Rsa2048,
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

impl Measured {
    fn write_times(&self, case: &Case, table: &mut String) -> std::fmt::Result {
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        writeln!(
            table,
            "| {} | {} | {} ms | {:.1} | {:.1} | **{:.1}** | {:.1} | {:.1} | {:.0} |",
            case.card.name(),
            case.company(),
            case.delay.as_millis(),
            milliseconds(self.agent),
            milliseconds(self.bare),
            milliseconds(self.agent.saturating_sub(self.bare)),
            milliseconds(self.opensc),
            milliseconds(self.first),
            milliseconds(self.longest_transaction),
        )
    }

    fn write_commands(&self, case: &Case, table: &mut String) -> std::fmt::Result {
        writeln!(
            table,
            "| {} | {} | **{}** | {} | {} | {} |",
            case.card.name(),
            case.company(),
            self.commands.len(),
            self.opensc_commands,
            self.first_commands.len(),
            self.commands.names()
        )
    }
}

impl Case {
    fn company(&self) -> &'static str {
        match self.has_company {
            true => "another program",
            false => "nobody else",
        }
    }
}

impl CardKind {
    fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::Rsa => "RSA 2048, short commands",
            Self::RsaExtended => "RSA 2048, extended length",
        }
    }
}
