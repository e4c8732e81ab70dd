//! Changing a card's PIN, and unblocking it: what is asked of a [`crate::Card`], and of the new
//! PIN.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use zeroize::Zeroizing;

use crate::{Abandonment, Error, LastTry, Pin};

/// Fewest characters of an unblocking code: cards in the field have 6 to 8.
const PUK_CHARACTERS_MIN: usize = 6;
/// An unblocking code has eight bytes on the wire (SP 800-73-4 part 2 section 2.4.3).
const PUK_BYTES: usize = 8;

/// The unblocking code of a card (PUK); wiped on drop, never shown.
#[derive(Clone)]
pub struct Puk(Zeroizing<Vec<u8>>);

impl Puk {
    /// Takes an unblocking code as typed: eight digits on most cards, other visible characters on
    /// some. Anything else is refused here, where it costs no try.
    ///
    /// # Errors
    /// [`Error::PukMalformed`] unless it is 6 to 8 visible ASCII characters.
    pub fn parse(typed: &str) -> Result<Self, Error> {
        let length_fits = (PUK_CHARACTERS_MIN..=PUK_BYTES).contains(&typed.len());
        if !length_fits || !typed.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::PukMalformed);
        }
        Ok(Self(Zeroizing::new(typed.as_bytes().to_vec())))
    }

    /// The eight bytes of the command: the characters, then FF.
    pub(crate) fn padded(&self) -> Zeroizing<[u8; PUK_BYTES]> {
        let mut padded = Zeroizing::new([0xFF; PUK_BYTES]);
        for (place, byte) in padded.iter_mut().zip(self.0.iter()) {
            *place = *byte;
        }
        padded
    }
}

impl fmt::Debug for Puk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Puk(…)")
    }
}

/// What the card says about its unblocking code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PukStatus {
    /// Wrong entries that the card still allows. `None` when it does not tell: most cards tell only
    /// after a wrong one.
    pub tries_left: Option<u8>,
    /// Whether no tries are left: the card cannot be unblocked any more.
    pub blocked: bool,
}

impl PukStatus {
    /// The check that comes before every unblocking code sent to a card. A counter that cannot be
    /// read may stand at one.
    pub(crate) fn check_may_try(self, last_try: LastTry) -> Result<(), Error> {
        if self.blocked {
            return Err(Error::PukBlocked);
        }
        match (self.tries_left, last_try) {
            (Some(1) | None, LastTry::Refused) => Err(Error::PukLastTry),
            _ => Ok(()),
        }
    }
}

/// What every use of a PIN or an unblocking code for the card's care has in common.
#[derive(Debug, Clone, Default)]
pub struct CareTerms<'a> {
    /// Whether the last try may be used.
    pub last_try: LastTry,
    /// The serial number that the card must have before it gets anything.
    pub card_serial: Option<&'a str>,
    /// Tells that nobody waits any more.
    pub abandonment: Abandonment,
    /// Tells whether the card may have got the command.
    pub sent: CommandSent,
}

impl CareTerms<'_> {
    /// The last look before the command goes out. Marked first, so that whoever gives up and sees
    /// no mark knows that nothing will be sent.
    pub(crate) fn begin_sending(&self) -> Result<(), Error> {
        self.sent.0.store(true, Ordering::SeqCst);
        self.abandonment
            .check()
            .inspect_err(|_| self.sent.0.store(false, Ordering::SeqCst))
    }
}

/// Whether the one command that changes the PIN went out, readable while its answer is waited for.
/// Clones share one state.
#[derive(Debug, Clone, Default)]
pub struct CommandSent(Arc<AtomicBool>);

impl CommandSent {
    /// Whether the card may have executed it. Read it after the call was abandoned.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// A change of the PIN by who knows it.
#[derive(Debug, Clone)]
pub struct PinChange<'a> {
    /// The PIN so far.
    pub old: &'a Pin,
    /// The PIN from now on.
    pub new: &'a Pin,
    /// The conditions.
    pub terms: CareTerms<'a>,
}

/// A new PIN by who knows the unblocking code. The card counts the PIN's tries from the start.
#[derive(Debug, Clone)]
pub struct Unblocking<'a> {
    /// The unblocking code.
    pub puk: &'a Puk,
    /// The PIN from now on.
    pub new: &'a Pin,
    /// The conditions. Where the card does not tell how many tries its unblocking code has left,
    /// each one counts as the last.
    pub terms: CareTerms<'a>,
}

/// Why a PIN is too easy to guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinWeakness {
    /// One digit again and again, such as 0000.
    OneDigit,
    /// Digits one after the other, up or down, such as 1234.
    InSequence,
    /// It is the PIN that it is to take the place of.
    SameAsOld,
}

impl Pin {
    /// Why this PIN should not be a card's new one, where there is a reason.
    #[must_use]
    pub fn weakness(&self, old: Option<&Self>) -> Option<PinWeakness> {
        let digits = self.digits();
        let steps = |step: i16| {
            let mut pairs = digits.iter().zip(digits.iter().skip(1));
            // After nine comes zero, as on a telephone.
            pairs.all(|(one, next)| (i16::from(*next) - i16::from(*one) - step).rem_euclid(10) == 0)
        };
        if old.is_some_and(|old| openssl::memcmp::eq(&*old.padded(), &*self.padded())) {
            Some(PinWeakness::SameAsOld)
        } else if steps(0) {
            Some(PinWeakness::OneDigit)
        } else if steps(1) || steps(-1) {
            Some(PinWeakness::InSequence)
        } else {
            None
        }
    }

    /// Whether both are the same.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        openssl::memcmp::eq(&*self.padded(), &*other.padded())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unblocking_codes_are_six_to_eight_visible_characters() {
        for typed in ["12345678", "123456", "aB3!5678"] {
            assert!(Puk::parse(typed).is_ok(), "{typed}");
        }
        for typed in [
            "",
            "12345",
            "123456789",
            "1234 678",
            "é234567",
            "1234567\u{0}",
        ] {
            let code = Puk::parse(typed).unwrap_err().code();
            assert_eq!(code, "card.puk_malformed", "{typed:?}");
        }
        let puk = Puk::parse("123456").unwrap();
        assert_eq!(*puk.padded(), *b"123456\xFF\xFF");
        assert_eq!(format!("{puk:?}"), "Puk(…)");
    }

    #[test]
    fn an_unknown_counter_of_the_unblocking_code_counts_as_the_last_try() {
        let check = |tries_left, blocked, last_try| {
            let status = PukStatus {
                tries_left,
                blocked,
            };
            status.check_may_try(last_try).map_err(|error| error.code())
        };
        assert_eq!(check(Some(2), false, LastTry::Refused), Ok(()));
        for tries_left in [Some(1), None] {
            let refused = check(tries_left, false, LastTry::Refused);
            assert_eq!(refused, Err("card.puk_last_try"));
            assert_eq!(check(tries_left, false, LastTry::Accepted), Ok(()));
        }
        let blocked = check(Some(0), true, LastTry::Accepted);
        assert_eq!(blocked, Err("card.puk_blocked"));
    }

    #[test]
    fn easy_pins_are_named() {
        let weakness = |new: &str| {
            let old = Pin::parse("8642").unwrap();
            Pin::parse(new).unwrap().weakness(Some(&old))
        };
        for easy in ["0000", "9999", "77777777"] {
            assert_eq!(weakness(easy), Some(PinWeakness::OneDigit), "{easy}");
        }
        for easy in ["1234", "0123", "4321", "12345678", "7890", "3210"] {
            assert_eq!(weakness(easy), Some(PinWeakness::InSequence), "{easy}");
        }
        assert_eq!(weakness("8642"), Some(PinWeakness::SameAsOld));
        for good in ["8643", "86420", "1235", "1357", "0001", "271828"] {
            assert_eq!(weakness(good), None, "{good}");
        }
        let pin = Pin::parse("8642").unwrap();
        assert!(pin.is_same_as(&pin.clone()));
        assert!(!pin.is_same_as(&Pin::parse("86420").unwrap()));
    }
}
