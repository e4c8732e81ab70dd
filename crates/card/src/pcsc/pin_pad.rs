//! The reader's own keys, through SCardControl (PC/SC part 10).

use crate::Error;
use crate::pin_pad::{FEATURE_VERIFY_PIN_DIRECT, GET_FEATURE_REQUEST, feature_code};

use super::from_pcsc;

/// Most bytes of a reader's answer: a list of features, or a status word.
const ANSWER_BYTES_MAX: usize = 256;

/// A way to have the reader verify the PIN.
#[derive(Debug, Clone, Copy)]
pub(super) struct PinPad {
    verify_code: u32,
}

impl PinPad {
    /// Asks the reader what it offers. A reader that answers nothing sensible offers nothing.
    pub(super) fn find(card: &pcsc::Card) -> Option<Self> {
        let mut buffer = [0; ANSWER_BYTES_MAX];
        let code = pcsc::ctl_code(GET_FEATURE_REQUEST.into());
        let answer = card.control(code, &[], &mut buffer).ok()?;
        let verify_code = feature_code(answer, FEATURE_VERIFY_PIN_DIRECT)?;
        Some(Self { verify_code })
    }

    /// Waits until the person has typed, or the reader gives up.
    pub(super) fn verify(self, card: &pcsc::Card, structure: &[u8]) -> Result<Vec<u8>, Error> {
        let mut buffer = [0; ANSWER_BYTES_MAX];
        let answer = card
            .control(self.verify_code.into(), structure, &mut buffer)
            .map_err(from_pcsc)?;
        Ok(answer.to_vec())
    }
}
