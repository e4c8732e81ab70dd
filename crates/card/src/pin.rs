//! The PIN and its retry counter.

use std::fmt;

use zeroize::Zeroizing;

use crate::Error;

/// Fewest digits of a PIN (CPS cards have four).
const PIN_DIGITS_MIN: usize = 4;
/// Most digits of a PIN (SP 800-73-4 part 2 section 2.4.3).
const PIN_DIGITS_MAX: usize = 8;

/// A PIN of 4 to 8 digits; wiped on drop, never shown.
#[derive(Clone)]
pub struct Pin(Zeroizing<Vec<u8>>);

impl Pin {
    /// Takes a PIN as typed. Anything that no card could accept is refused here, where it costs no
    /// try.
    ///
    /// # Errors
    /// [`Error::PinMalformed`] unless it is 4 to 8 ASCII digits.
    pub fn parse(typed: &str) -> Result<Self, Error> {
        let length_fits = (PIN_DIGITS_MIN..=PIN_DIGITS_MAX).contains(&typed.len());
        if !length_fits || !typed.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Error::PinMalformed);
        }
        Ok(Self(Zeroizing::new(typed.as_bytes().to_vec())))
    }

    /// The digits, as PKCS#11 wants them.
    pub(crate) fn digits(&self) -> &[u8] {
        &self.0
    }

    /// The eight bytes that VERIFY sends: digits, then FF (SP 800-73-4 part 2 section 2.4.3).
    pub(crate) fn padded(&self) -> Zeroizing<[u8; PIN_DIGITS_MAX]> {
        let mut padded = Zeroizing::new([0xFF; PIN_DIGITS_MAX]);
        for (place, digit) in padded.iter_mut().zip(self.0.iter()) {
            *place = *digit;
        }
        padded
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Pin(…)")
    }
}

/// Whether the person accepted that this PIN entry may block the card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LastTry {
    /// Refuse with [`Error::PinLastTry`] when one try is left.
    #[default]
    Refused,
    /// The person was told that a wrong PIN blocks the card, and went on.
    Accepted,
}

/// What the card says about its PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PinStatus {
    /// Wrong entries that the card still allows. `None` when it does not tell: a PIV card does not
    /// while the PIN is verified, PKCS#11 tells only the last try.
    pub tries_left: Option<u8>,
    /// Whether some program has verified the PIN in this card session.
    pub verified: bool,
    /// Whether no tries are left.
    pub blocked: bool,
}

impl PinStatus {
    /// Whether a wrong PIN would now block the card.
    pub fn is_last_try(&self) -> bool {
        self.tries_left == Some(1)
    }

    /// The check that comes before every PIN sent to a card.
    pub(crate) fn check_may_try(&self, last_try: LastTry) -> Result<(), Error> {
        if self.blocked {
            return Err(Error::PinBlocked);
        }
        match (self.is_last_try(), last_try) {
            (true, LastTry::Refused) => Err(Error::PinLastTry),
            (true, LastTry::Accepted) | (false, _) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_are_four_to_eight_digits() {
        for typed in ["1234", "12345678"] {
            assert!(Pin::parse(typed).is_ok(), "{typed}");
        }
        for typed in ["", "123", "123456789", "12a4", "١٢٣٤", "1234 ", "12\u{0}4"] {
            assert_eq!(
                Pin::parse(typed).unwrap_err().code(),
                "card.pin_malformed",
                "{typed:?}"
            );
        }
    }

    #[test]
    fn verify_data_is_padded_with_ff() {
        let pin = Pin::parse("1234").unwrap();
        assert_eq!(
            *pin.padded(),
            [0x31, 0x32, 0x33, 0x34, 0xFF, 0xFF, 0xFF, 0xFF]
        );
    }

    #[test]
    fn debug_does_not_show_the_pin() {
        assert_eq!(format!("{:?}", Pin::parse("8642").unwrap()), "Pin(…)");
    }

    #[test]
    fn the_last_try_needs_consent_and_a_blocked_card_refuses() {
        let status = |tries_left, blocked| PinStatus {
            tries_left,
            verified: false,
            blocked,
        };
        let check = |status: PinStatus, last_try| {
            status.check_may_try(last_try).map_err(|error| error.code())
        };
        assert_eq!(check(status(Some(3), false), LastTry::Refused), Ok(()));
        assert_eq!(check(status(None, false), LastTry::Refused), Ok(()));
        assert_eq!(
            check(status(Some(1), false), LastTry::Refused),
            Err("card.pin_last_try")
        );
        assert_eq!(check(status(Some(1), false), LastTry::Accepted), Ok(()));
        assert_eq!(
            check(status(Some(0), true), LastTry::Accepted),
            Err("card.pin_blocked")
        );
    }
}
