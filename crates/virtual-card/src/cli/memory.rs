//! `cardea-vcard block` and `unblock`: the counters in a card's folder, also while it is inserted.

use std::path::Path;

use cardea_virtual_card::{CardMemory, MemoryStore, TRIES_MAX};

use super::{open_card, say};

/// Blocks the PIN.
pub(crate) fn block(card: &Path) -> anyhow::Result<()> {
    change(card, |memory| memory.pin.tries_left = 0)?;
    say("the PIN is blocked")
}

/// Gives PIN and PUK all their tries back.
pub(crate) fn unblock(card: &Path) -> anyhow::Result<()> {
    change(card, |memory| {
        memory.pin.tries_left = TRIES_MAX;
        memory.puk.tries_left = TRIES_MAX;
    })?;
    say("PIN and PUK have all their tries")
}

fn change(card: &Path, change: impl FnOnce(&mut CardMemory)) -> anyhow::Result<()> {
    let mut store = open_card(card)?.memory();
    let mut memory = store.load()?;
    change(&mut memory);
    Ok(store.save(&memory)?)
}
