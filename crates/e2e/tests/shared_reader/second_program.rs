//! Another program on the same card, in a process of its own, such as billing software: it selects
//! its file and verifies a PIN once, and relies on both in each of its transactions; or, on a card
//! with one channel for all, selects and verifies anew each time, as careful software does.

use std::ffi::CString;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use cardea_virtual_card::CardImage;
use cardea_xtask::system::System;
use pcsc::{Card, Context as Reader, Disposition, Protocols, Scope, ShareMode};

const STOP_FILE: &str = "CARDEA_TEST_STOP_FILE";
const RELIES: &str = "CARDEA_TEST_RELIES_ON_ITS_FILE";
/// Between two transactions the program does something else, as all do.
const PAUSE: Duration = Duration::from_millis(5);
const SUCCESS: [u8; 2] = [0x90, 0x00];
/// Commands that no card knows: they mark in the card's log where a transaction begins and ends.
pub(crate) const BEGINS: u8 = 0xF0;
pub(crate) const ENDS: u8 = 0xF2;
/// VERIFY without a PIN asks for the state of the application's own.
const OWN_PIN_STATE: [u8; 4] = [0, 0x20, 0, OWN_PIN];
/// The key reference of the application's own PIN.
pub(crate) const OWN_PIN: u8 = 0x01;

/// What the program takes for granted when a transaction begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    /// Its file is selected and its PIN verified, since it did both once.
    ReliesOnBoth,
    /// Nothing.
    BeginsAnew,
}

/// The running program.
pub(crate) struct SecondProgram {
    child: Child,
    stop_file: PathBuf,
}

impl SecondProgram {
    /// Starts this test's binary once more, to be the other program.
    pub(crate) fn start(system: &System, test: &str, habit: Habit) -> Result<Self> {
        let stop_file = system.folder().join(format!("stop-{habit:?}"));
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--exact", test, "--nocapture"])
            .env("PCSCLITE_CSOCK_NAME", system.pcscd_socket())
            .env(STOP_FILE, &stop_file)
            .env(RELIES, (habit == Habit::ReliesOnBoth).to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        system.adopt(&child)?;
        let ready = stop_file.with_extension("ready");
        while !ready.exists() {
            ensure!(
                child.try_wait()?.is_none(),
                "the other program ended at once"
            );
            std::thread::sleep(PAUSE);
        }
        Ok(Self { child, stop_file })
    }

    /// Stops it: how many transactions it had, and how long it waited for the longest.
    pub(crate) fn stop(self) -> Result<(u64, Duration)> {
        std::fs::write(&self.stop_file, "")?;
        let output = self.child.wait_with_output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(
            output.status.success(),
            "the other program met an error: {text}"
        );
        let number = |name: &str| {
            let after = text.split_once(name).map(|(_, after)| after);
            let digits = after.and_then(|after| after.split_whitespace().next());
            digits
                .and_then(|digits| digits.parse().ok())
                .with_context(|| format!("no {name} in {text}"))
        };
        Ok((
            number("rounds=")?,
            Duration::from_micros(number("longest_wait_us=")?),
        ))
    }
}

/// Whether this process is to be the other program.
pub(crate) fn asked_for() -> Option<OtherProgram> {
    let stop_file = std::env::var_os(STOP_FILE)?;
    let relies = std::env::var(RELIES).is_ok_and(|value| value == "true");
    Some(OtherProgram {
        stop_file: stop_file.into(),
        habit: if relies {
            Habit::ReliesOnBoth
        } else {
            Habit::BeginsAnew
        },
    })
}

pub(crate) struct OtherProgram {
    stop_file: PathBuf,
    habit: Habit,
}

impl OtherProgram {
    pub(crate) fn run(&self) -> Result<()> {
        let context = Reader::establish(Scope::User)?;
        let mut card = connect(&context)?;
        {
            let transaction = card.transaction()?;
            mark(&transaction, BEGINS)?;
            select_and_verify(&transaction)?;
            mark(&transaction, ENDS)?;
            end(transaction)?;
        }
        std::fs::write(self.stop_file.with_extension("ready"), "")?;
        let (mut rounds, mut longest_wait) = (0_u64, Duration::ZERO);
        let mut first = None;
        while rounds == 0 || !self.stop_file.exists() {
            let asked = Instant::now();
            let transaction = card.transaction()?;
            longest_wait = longest_wait.max(asked.elapsed());
            mark(&transaction, BEGINS)?;
            if self.habit == Habit::BeginsAnew {
                select_and_verify(&transaction)?;
            }
            let content = expect(&transaction, &[0, 0xB0, 0, 0, 0])?;
            expect(&transaction, &OWN_PIN_STATE)?;
            mark(&transaction, ENDS)?;
            end(transaction)?;
            let first = first.get_or_insert_with(|| content.clone());
            ensure!(*first == content, "another file is selected");
            rounds += 1;
            std::thread::sleep(PAUSE);
        }
        println!(
            "rounds={rounds} longest_wait_us={} ",
            longest_wait.as_micros()
        );
        card.disconnect(Disposition::LeaveCard)
            .map_err(|(_, error)| error)?;
        Ok(())
    }
}

fn connect(context: &Reader) -> Result<Card> {
    let readers = context.list_readers_owned()?;
    let holds = |reader: &&CString| {
        let opened = context.connect(reader, ShareMode::Shared, Protocols::ANY);
        opened.is_ok_and(|card| card.disconnect(Disposition::LeaveCard).is_ok())
    };
    let reader = readers.iter().find(holds).context("no card is there")?;
    Ok(context.connect(reader, ShareMode::Shared, Protocols::ANY)?)
}

fn select_and_verify(card: &Card) -> Result<()> {
    let application = [&[0, 0xA4, 4, 0, 12], CardImage::OTHER_AID, &[0]].concat();
    expect(card, &application)?;
    expect(card, &[0, 0xA4, 0, 0, 2, 1, 1])?;
    let pin = [&OWN_PIN_STATE[..], &[4], CardImage::OTHER_PIN].concat();
    expect(card, &pin)?;
    Ok(())
}

fn expect(card: &Card, command: &[u8]) -> Result<Vec<u8>> {
    let mut buffer = [0; 300];
    let answer = card.transmit(command, &mut buffer)?;
    match answer.split_last_chunk::<2>() {
        Some((data, &SUCCESS)) => Ok(data.to_vec()),
        _ => bail!(
            "the card answered {:02X?} with {answer:02X?}",
            &command[..4]
        ),
    }
}

fn mark(card: &Card, instruction: u8) -> Result<()> {
    card.transmit(&[0, instruction, 0, 0], &mut [0; 300])?;
    Ok(())
}

fn end(transaction: pcsc::Transaction<'_>) -> Result<()> {
    Ok(transaction
        .end(Disposition::LeaveCard)
        .map_err(|(_, error)| error)?)
}
