//! Whose commands the card got in which order.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use cardea_e2e::{Frame, Passed};

use crate::second_program::{BEGINS, ENDS};

const RESET: u8 = 2;
const VERIFY: u8 = 0x20;
const GENERAL_AUTHENTICATE: u8 = 0x87;
const READ_BINARY: u8 = 0xB0;

/// What the card got while others used the reader too.
pub(crate) struct Traffic {
    commands: Vec<Command>,
    power: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Command {
    class: u8,
    instruction: u8,
    has_body: bool,
    at: Duration,
    answered_at: Duration,
}

impl Command {
    /// The logical channel (ISO/IEC 7816-4 section 5.4.1, first interindustry values).
    fn channel(self) -> u8 {
        self.class & 0x03
    }

    fn is_pin(self) -> bool {
        self.instruction == VERIFY && self.has_body
    }
}

/// One stretch of commands without any of the other program's between them.
#[derive(Clone, Copy, Debug, Default)]
struct Stretch {
    commands: usize,
    time: Duration,
}

impl Traffic {
    pub(crate) fn read(passed: &[Passed]) -> Result<Self> {
        let (mut commands, mut power) = (Vec::new(), Vec::new());
        for Passed {
            at,
            answered_at,
            what,
        } in passed.iter().copied()
        {
            match what {
                Frame::Power(control) => power.push(control),
                Frame::Command {
                    header: [class, instruction, ..],
                    body_bytes,
                    ..
                } => commands.push(Command {
                    class,
                    instruction,
                    has_body: body_bytes > 0,
                    at,
                    answered_at,
                }),
            }
        }
        ensure!(!commands.is_empty(), "the card got no command");
        let traffic = Self { commands, power };
        traffic.check_signatures()?;
        Ok(traffic)
    }

    /// Nobody reset the card.
    pub(crate) fn check_resets(&self) -> Result<()> {
        ensure!(!self.power.contains(&RESET), "the card was reset");
        Ok(())
    }

    /// The card's power stayed as it was: another program was connected all the time.
    pub(crate) fn check_power(&self) -> Result<()> {
        ensure!(
            self.power.is_empty(),
            "the card lost its power: {:?}",
            self.power
        );
        Ok(())
    }

    /// From a PIN to the signature that it is for, the card heard the agent alone. (OpenSC leaves
    /// the reader to others between its PIN and its signature, on the basic channel.)
    fn check_signatures(&self) -> Result<()> {
        let mut from_pin = None;
        for command in &self.commands {
            if command.is_pin() && command.channel() != 0 {
                from_pin = Some(command.channel());
            }
            if let Some(channel) = from_pin {
                ensure!(
                    channel == command.channel(),
                    "a command of channel {} came between a PIN on channel {channel} and the end \
                     of what it was for: {command:?}",
                    command.channel()
                );
                if command.instruction == GENERAL_AUTHENTICATE && command.class & 0x10 == 0 {
                    from_pin = None;
                }
            }
        }
        Ok(())
    }

    /// Between the marks of the other program are its own commands alone, and they are nowhere
    /// else.
    pub(crate) fn check_markers(&self, rounds: u64) -> Result<()> {
        let (mut is_inside, mut seen) = (false, 0);
        for command in &self.commands {
            match (is_inside, command.instruction) {
                (false, BEGINS) => is_inside = true,
                (true, ENDS) => {
                    is_inside = false;
                    seen += 1;
                }
                (true, VERIFY) if !command.has_body && command.channel() == 0 => {}
                (true, READ_BINARY) => {}
                (false, instruction) if instruction != ENDS && instruction != READ_BINARY => {}
                _ => bail!("{command:?} came into another program's transaction"),
            }
        }
        ensure!(
            seen > 0 && seen <= rounds,
            "{seen} of {rounds} transactions were seen"
        );
        Ok(())
    }

    /// What the agent sent a login, and the longest it may have kept the reader at once.
    pub(crate) fn summary(&self, logins: u32) -> String {
        let stretches = self.agents_stretches();
        let commands: usize = stretches.iter().map(|stretch| stretch.commands).sum();
        let longest = stretches.iter().max_by_key(|stretch| stretch.time);
        let longest = longest.copied().unwrap_or_default();
        format!(
            "{:.1} commands of the agent a login; its longest stretch: {} in {:?}",
            f64::from(u32::try_from(commands).unwrap_or(u32::MAX)) / f64::from(logins),
            longest.commands,
            longest.time,
        )
    }

    /// The agent's commands: those on a channel of its own where there is one, else all outside the
    /// marks.
    fn agents_stretches(&self) -> Vec<Stretch> {
        let has_channel = self.commands.iter().any(|command| command.channel() != 0);
        let (mut stretches, mut is_inside) = (Vec::new(), false);
        let (mut stretch, mut began) = (Stretch::default(), Duration::ZERO);
        for command in &self.commands {
            is_inside = (is_inside || command.instruction == BEGINS) && command.instruction != ENDS;
            let is_mark = matches!(command.instruction, BEGINS | ENDS);
            let is_agents = match has_channel {
                true => command.channel() != 0,
                false => !is_inside && !is_mark,
            };
            if is_agents {
                if stretch.commands == 0 {
                    began = command.at;
                }
                stretch.commands += 1;
                stretch.time = command.answered_at.saturating_sub(began);
            } else if stretch.commands > 0 {
                stretches.push(std::mem::take(&mut stretch));
            }
        }
        stretches.push(stretch);
        stretches
    }
}
