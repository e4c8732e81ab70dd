//! Another program on the same card, such as the billing software: it uses PC/SC as it likes.

use cardea_card::StatusWord;
use cardea_virtual_card::CardImage;
use pcsc::{Card, Context, Disposition, Protocols, Scope, ShareMode};

pub(crate) struct OtherProgram {
    card: Option<Card>,
}

impl OtherProgram {
    pub(crate) fn connect(reader: &str) -> Self {
        Self::connect_as(reader, ShareMode::Shared)
    }

    pub(crate) fn connect_exclusively(reader: &str) -> Self {
        Self::connect_as(reader, ShareMode::Exclusive)
    }

    fn connect_as(reader: &str, mode: ShareMode) -> Self {
        let context = Context::establish(Scope::User).unwrap();
        let reader = std::ffi::CString::new(reader).unwrap();
        let card = context.connect(&reader, mode, Protocols::ANY).unwrap();
        Self { card: Some(card) }
    }

    pub(crate) fn select_piv(&mut self) {
        let command = [0, 0xA4, 4, 0, 9, 0xA0, 0, 0, 3, 8, 0, 0, 0x10, 0, 0];
        assert!(self.send(&command).1.is_success());
    }

    pub(crate) fn select_own_file(&mut self) {
        let application = [&[0, 0xA4, 4, 0, 12], CardImage::OTHER_AID, &[0]].concat();
        assert!(self.send(&application).1.is_success());
        assert!(self.send(&[0, 0xA4, 0, 0, 2, 1, 1]).1.is_success());
    }

    pub(crate) fn read_own_file(&mut self) -> Vec<u8> {
        let (data, status) = self.send(&[0, 0xB0, 0, 0, 0]);
        assert!(status.is_success());
        data
    }

    pub(crate) fn pin_state(&mut self) -> StatusWord {
        self.send(&[0, 0x20, 0, 0x80]).1
    }

    pub(crate) fn verify_pin(&mut self) {
        assert!(
            self.send(b"\x00\x20\x00\x80\x081234\xFF\xFF\xFF\xFF")
                .1
                .is_success()
        );
    }

    /// Holds a transaction while `work` runs.
    pub(crate) fn hold_while(&mut self, work: impl FnOnce()) {
        let transaction = self.card.as_mut().unwrap().transaction().unwrap();
        work();
        assert!(transaction.end(Disposition::LeaveCard).is_ok());
    }

    pub(crate) fn reset_the_card(mut self) {
        let card = self.card.take().unwrap();
        assert!(card.disconnect(Disposition::ResetCard).is_ok());
    }

    fn send(&mut self, command: &[u8]) -> (Vec<u8>, StatusWord) {
        let mut buffer = [0; 300];
        let card = self.card.as_ref().unwrap();
        let answer = card.transmit(command, &mut buffer).unwrap();
        let (data, status) = answer.split_at(answer.len() - 2);
        (data.to_vec(), StatusWord::from_bytes(status[0], status[1]))
    }
}

impl Drop for OtherProgram {
    fn drop(&mut self) {
        if let Some(card) = self.card.take() {
            let _ = card.disconnect(Disposition::LeaveCard);
        }
    }
}

/// A program that we did not write, in a process of its own, asks for the PIN state.
pub(crate) fn opensc_tool_finds_the_pin_not_verified() -> bool {
    let output = std::process::Command::new("opensc-tool")
        .args([
            "-s",
            "00:A4:04:00:09:A0:00:00:03:08:00:00:10:00:00",
            "-s",
            "00:20:00:80",
        ])
        .output()
        .expect("opensc-tool is missing; on Debian: apt-get install opensc");
    String::from_utf8_lossy(&output.stdout).contains("SW1=0x63, SW2=0xC3")
}
