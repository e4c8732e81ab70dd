//! A card of the system in the system's reader, with a tap on its wire.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use cardea_e2e::WireTap;
use cardea_virtual_card::vpcd::PluggedCard;
use cardea_virtual_card::{CardDirectory, CardImage, VirtualCard};
use cardea_xtask::system::System;

pub(crate) struct TappedCard {
    view: VirtualCard,
    _plugged: PluggedCard,
    tap: WireTap,
}

impl TappedCard {
    /// Puts the card of a folder into the reader, changed in this way.
    pub(crate) fn insert(
        system: &System,
        folder: &Path,
        change: impl FnOnce(CardImage) -> CardImage,
    ) -> Result<Self> {
        let directory = CardDirectory::open(folder)?;
        let memory = Box::new(directory.memory());
        let card = VirtualCard::insert_with_memory(change(directory.image()?), memory);
        let (view, tap) = (card.connect(), WireTap::open(&system.addresses().vpcd())?);
        let plugged = PluggedCard::plug(tap.address(), card)?;
        let seen = plugged.wait_until_seen(Duration::from_secs(20));
        ensure!(seen, "the reader does not see the card");
        Ok(Self {
            view,
            _plugged: plugged,
            tap,
        })
    }

    pub(crate) fn take_delay(&self, milliseconds: u32) {
        self.view
            .set_delay(Duration::from_millis(milliseconds.into()));
    }

    pub(crate) fn tap(&self) -> &WireTap {
        &self.tap
    }
}
