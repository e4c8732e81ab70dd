//! Whose commands the card got in which order.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use cardea_e2e::{Frame, Passed};

use crate::second_program::{BEGINS, ENDS, OWN_PIN};

const RESET: u8 = 2;
const VERIFY: u8 = 0x20;
const GENERAL_AUTHENTICATE: u8 = 0x87;
const READ_BINARY: u8 = 0xB0;
const SELECT: u8 = 0xA4;
/// The bit of a class that says that the command goes on (ISO/IEC 7816-4 section 5.4.1).
const MORE_BLOCKS: u8 = 0x10;
/// The key that the agent signs with (NIST SP 800-73-4 part 1 table 4b).
const AUTHENTICATION_KEY: u8 = 0x9A;

/// The PIN of the PIV application (NIST SP 800-73-4 part 1 table 4b); others have PINs of their
/// own.
const PIV_PIN: u8 = 0x80;

/// What the card got while others used the reader too.
pub(crate) struct Traffic {
    commands: Vec<Command>,
    power: Vec<u8>,
    agent: AgentsChannel,
}

/// Where the agent speaks to the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AgentsChannel {
    /// On a logical channel of its own, on which nobody else is.
    Own,
    /// The same, but on the basic channel whenever no other program has the card open.
    OwnUnlessAlone,
    /// On the basic channel, because the card has no other. The other program marks its
    /// transactions, and has a PIN of its own.
    Basic,
}

#[derive(Clone, Copy, Debug)]
struct Command {
    class: u8,
    instruction: u8,
    reference: u8,
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
        self.instruction == VERIFY && self.reference == PIV_PIN && self.has_body
    }

    fn is_block_of_agents_signature(self) -> bool {
        self.instruction == GENERAL_AUTHENTICATE && self.reference == AUTHENTICATION_KEY
    }

    fn is_mark(self) -> bool {
        matches!(self.instruction, BEGINS | ENDS)
    }
}

/// One stretch of commands without any of the other program's between them.
#[derive(Clone, Copy, Debug, Default)]
struct Stretch {
    commands: usize,
    time: Duration,
}

impl Traffic {
    /// Reads what passed during so many logins, each with a PIN of its own.
    pub(crate) fn read(passed: &[Passed], agent: AgentsChannel, logins: u32) -> Result<Self> {
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
                    header: [class, instruction, _, reference],
                    body_bytes,
                    ..
                } => commands.push(Command {
                    class,
                    instruction,
                    reference,
                    has_body: body_bytes > 0,
                    at,
                    answered_at,
                }),
            }
        }
        ensure!(!commands.is_empty(), "the card got no command");
        // The other program runs already when the look begins: its transaction under way counts
        // for nothing.
        let first_mark = commands
            .iter()
            .position(|command: &Command| command.is_mark());
        if let Some(place) = first_mark
            && commands.get(place).map(|command| command.instruction) == Some(ENDS)
        {
            commands.drain(..=place);
        }
        let traffic = Self {
            commands,
            power,
            agent,
        };
        traffic.check_signatures(logins)?;
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

    /// Every login had its signature, on the channel where the agent should be, and the command
    /// before it was its PIN: the card heard nobody else in between. (OpenSC leaves the reader to
    /// others between its PIN and its signature; it signs with another key here.)
    fn check_signatures(&self, logins: u32) -> Result<()> {
        let (mut own, mut basic) = (0, 0);
        let mut before: Option<Command> = None;
        for command in self.commands.iter().copied() {
            if command.is_block_of_agents_signature() {
                if command.class & MORE_BLOCKS == 0 {
                    match command.channel() {
                        0 => basic += 1,
                        _ => own += 1,
                    }
                    let pin = before.take();
                    ensure!(
                        pin.is_some_and(|it| it.is_pin() && it.channel() == command.channel()),
                        "between the agent's PIN and its signature ({command:?}) came {pin:?}"
                    );
                }
            } else {
                before = Some(command);
            }
        }
        let is_as_it_should_be = match self.agent {
            AgentsChannel::Own => (own, basic) == (logins, 0),
            AgentsChannel::Basic => (own, basic) == (0, logins),
            AgentsChannel::OwnUnlessAlone => own > 0 && own + basic == logins,
        };
        ensure!(
            is_as_it_should_be,
            "{logins} logins, {:?}: the agent signed {own} times on a channel of its own and \
             {basic} times on the basic one",
            self.agent
        );
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
                (true, SELECT) if self.agent == AgentsChannel::Basic => {}
                (true, VERIFY) if command.reference == OWN_PIN => {}
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

    /// The agent's commands: those on a channel of its own, or all outside the marks.
    fn agents_stretches(&self) -> Vec<Stretch> {
        let (mut stretches, mut is_inside) = (Vec::new(), false);
        let (mut stretch, mut began) = (Stretch::default(), Duration::ZERO);
        for command in &self.commands {
            is_inside = (is_inside || command.instruction == BEGINS) && command.instruction != ENDS;
            let is_agents = match self.agent {
                AgentsChannel::Own | AgentsChannel::OwnUnlessAlone => command.channel() != 0,
                AgentsChannel::Basic => !is_inside && !command.is_mark(),
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
