//! What was said to a card, and the same said again without an agent.

use std::time::{Duration, Instant};

use cardea_card::{CardTransport as _, PcscTransport};

use crate::Failure;

const INS_VERIFY: u8 = 0x20;
const INS_GENERAL_AUTHENTICATE: u8 = 0x87;
const INS_SELECT: u8 = 0xa4;
const INS_GET_RESPONSE: u8 = 0xc0;
const INS_GET_DATA: u8 = 0xcb;
const INS_MANAGE_CHANNEL: u8 = 0x70;
/// Bytes of a command without data: CLA INS P1 P2.
const HEADER_BYTES: usize = 4;

/// Command blocks in order.
pub(crate) struct Conversation(Vec<Vec<u8>>);

impl Conversation {
    pub(crate) fn new(blocks: Vec<Vec<u8>>) -> Self {
        Self(blocks)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Sends all of it to the card in one transaction, as the barest program would, and tells how
    /// long that took from connecting to disconnecting.
    pub(crate) fn send(&self, reader: &str) -> Result<Duration, Failure> {
        let begun = Instant::now();
        let mut transport = PcscTransport::connect(reader)?;
        transport.transaction(&mut |channel| {
            for block in &self.0 {
                channel.transmit(block)?;
            }
            Ok(())
        })?;
        drop(transport);
        Ok(begun.elapsed())
    }

    /// The commands by name, such as `SELECT, 2 × VERIFY`.
    pub(crate) fn names(&self) -> String {
        let mut runs: Vec<(&str, usize)> = Vec::new();
        for block in &self.0 {
            let name = name(block);
            match runs.last_mut() {
                Some((last, count)) if *last == name => *count += 1,
                _ => runs.push((name, 1)),
            }
        }
        let texts = runs.into_iter().map(|(name, count)| match count {
            1 => name.to_owned(),
            _ => format!("{count} × {name}"),
        });
        texts.collect::<Vec<_>>().join(", ")
    }
}

fn instruction(block: &[u8]) -> u8 {
    block.get(1).copied().unwrap_or_default()
}

fn name(block: &[u8]) -> &'static str {
    let has_data = block.len() > HEADER_BYTES;
    match (instruction(block), block.get(2)) {
        (INS_SELECT, _) => "SELECT",
        (INS_GET_DATA, _) => "GET DATA",
        (INS_MANAGE_CHANNEL, _) => "MANAGE CHANNEL",
        (INS_GET_RESPONSE, _) => "GET RESPONSE",
        (INS_GENERAL_AUTHENTICATE, _) => "GENERAL AUTHENTICATE",
        (INS_VERIFY, Some(0xff)) => "VERIFY (clear)",
        (INS_VERIFY, _) if has_data => "VERIFY (PIN)",
        (INS_VERIFY, _) => "VERIFY (state)",
        _ => "other",
    }
}
