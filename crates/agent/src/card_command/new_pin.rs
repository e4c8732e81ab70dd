//! The way to a new PIN: what the card's counters allow, what the person types, one command to the
//! card. Nothing is ever sent twice, and no last try is used without a yes (attack D9).

use cardea_card::{Error as CardError, LastTry, Pin, PinAfter, PinMeans, Puk};

use super::dialog::{Dialog, Typed};
use crate::Error;
use crate::prompt_text::{CareRemark, Entry, Remark};

/// Windows of one kind in one run, mistyped ones included.
const ENTRIES_MAX: usize = 8;

/// What is known between two entries of one secret.
#[derive(Default)]
struct Tries {
    left: Option<u8>,
    remark: Option<CareRemark>,
    /// The card does not show its counter: another program may have used tries since the last
    /// answer, so that each try may be the last.
    is_hidden: bool,
    /// The person said yes to this one try on a counter that is not known.
    accepted_unknown: bool,
    /// The person said yes to the last try.
    accepted_last: bool,
}

impl Tries {
    fn last_try(&self) -> LastTry {
        if self.accepted_unknown || self.accepted_last {
            LastTry::Accepted
        } else {
            LastTry::Refused
        }
    }
}

impl Dialog<'_> {
    /// Asks for the old PIN and the new one until the card has changed it.
    ///
    /// # Errors
    /// [`Error::Card`], and whatever ends a window.
    pub(super) async fn change_pin(&self) -> Result<PinAfter, Error> {
        self.check_reader().await?;
        let status = self.session.pin_status().await?;
        if status.blocked {
            return Err(CardError::PinBlocked.into());
        }
        let mut tries = Tries {
            left: status.tries_left,
            ..Tries::default()
        };
        let (mut old, mut new) = (None, None);
        let mut new_remark = None;
        for _ in 0..ENTRIES_MAX {
            let old_pin = match old.take() {
                Some(old) => old,
                None => self.old_pin(&mut tries).await?,
            };
            let new_pin: Pin = match new.take() {
                // The old PIN was typed anew, and may be this one by now.
                Some(new) if !Pin::is_same_as(&new, &old_pin) => new,
                _ => self.new_pin(Some(&old_pin), new_remark.take()).await?,
            };
            let change =
                self.session
                    .change_pin(old_pin.clone(), new_pin.clone(), tries.last_try());
            match change.await {
                Err(Error::Card(CardError::PinIncorrect { tries_left })) => {
                    tries.left = tries_left;
                    // A yes is for one try: another program may have reset the counter.
                    tries.accepted_last = false;
                    tries.remark = Some(CareRemark::Pin(Remark::Incorrect { tries_left }));
                    new = Some(new_pin);
                }
                // Another program has used the others meanwhile.
                Err(Error::Card(CardError::PinLastTry)) => {
                    (tries.left, new) = (Some(1), Some(new_pin));
                }
                Err(Error::Card(CardError::NewPinRefused)) => {
                    new_remark = Some(CareRemark::RefusedByCard);
                    old = Some(old_pin);
                }
                done => return done,
            }
        }
        Err(Error::TooManyEntries)
    }

    /// Asks for the unblocking code and the new PIN until the card has taken them.
    ///
    /// # Errors
    /// As for [`Dialog::change_pin`].
    pub(super) async fn unblock(&self) -> Result<PinAfter, Error> {
        self.check_reader().await?;
        let status = self.session.puk_status().await?;
        if status.blocked {
            return Err(CardError::PukBlocked.into());
        }
        let mut tries = Tries {
            left: status.tries_left,
            is_hidden: status.tries_left.is_none(),
            ..Tries::default()
        };
        let (mut puk, mut new) = (None, None);
        let mut new_remark = None;
        for _ in 0..ENTRIES_MAX {
            let code = match puk.take() {
                Some(puk) => puk,
                None => self.unblocking_code(&mut tries).await?,
            };
            let new_pin: Pin = match new.take() {
                Some(new) => new,
                None => self.new_pin(None, new_remark.take()).await?,
            };
            let unblocking = self
                .session
                .unblock(code.clone(), new_pin.clone(), tries.last_try());
            match unblocking.await {
                Err(Error::Card(CardError::PukIncorrect { tries_left })) => {
                    tries.left = tries_left;
                    (tries.accepted_unknown, tries.accepted_last) = (false, false);
                    tries.remark = Some(CareRemark::PukIncorrect { tries_left });
                    new = Some(new_pin);
                }
                Err(Error::Card(CardError::PukLastTry)) => {
                    (tries.left, new) = (Some(1), Some(new_pin));
                }
                Err(Error::Card(CardError::NewPinRefused)) => {
                    new_remark = Some(CareRemark::RefusedByCard);
                    puk = Some(code);
                }
                done => return done,
            }
        }
        Err(Error::TooManyEntries)
    }

    /// Some readers are no place for it: told before anything is asked.
    async fn check_reader(&self) -> Result<(), Error> {
        match self.session.pin_means().await? {
            PinMeans::Keyboard => Ok(()),
            PinMeans::Reader => Err(CardError::NotOnPinPad.into()),
            PinMeans::None => Err(CardError::ContactNeeded.into()),
        }
    }

    async fn old_pin(&self, tries: &mut Tries) -> Result<Pin, Error> {
        for _ in 0..ENTRIES_MAX {
            if tries.left == Some(1) && !tries.accepted_last {
                let question = self.language.old_pin_last_try(&self.card);
                self.accept_last_try(question).await?;
                tries.accepted_last = true;
            }
            let remark = tries.remark.take();
            match self.ask_pin(Entry::OldPin, tries.left, remark).await? {
                Typed::Fit(pin) => return Ok(pin),
                Typed::Unfit(remark) => tries.remark = Some(remark),
            }
        }
        Err(Error::TooManyEntries)
    }

    async fn unblocking_code(&self, tries: &mut Tries) -> Result<Puk, Error> {
        for _ in 0..ENTRIES_MAX {
            let accepted = match tries.left {
                Some(1) => Some(&mut tries.accepted_last),
                _ if tries.is_hidden => Some(&mut tries.accepted_unknown),
                _ => None,
            };
            if let Some(accepted) = accepted.filter(|accepted| !**accepted) {
                let known = tries.left.filter(|left| *left == 1);
                let question = self.language.puk_last_try(&self.card, known);
                self.accept_last_try(question).await?;
                *accepted = true;
            }
            match self.ask_puk(tries.left, tries.remark.take()).await? {
                Typed::Fit(puk) => return Ok(puk),
                Typed::Unfit(remark) => tries.remark = Some(remark),
            }
        }
        Err(Error::TooManyEntries)
    }

    /// The new PIN, typed twice alike and not too easy to guess. The card hears nothing of it.
    async fn new_pin(
        &self,
        old: Option<&Pin>,
        mut remark: Option<CareRemark>,
    ) -> Result<Pin, Error> {
        for _ in 0..ENTRIES_MAX {
            let pin = match self.ask_pin(Entry::NewPin, None, remark.take()).await? {
                Typed::Fit(pin) => pin,
                Typed::Unfit(unfit) => {
                    remark = Some(unfit);
                    continue;
                }
            };
            if let Some(weakness) = pin.weakness(old) {
                remark = Some(CareRemark::Weak(weakness));
                continue;
            }
            match self.ask_pin(Entry::NewPinAgain, None, None).await? {
                Typed::Fit(again) if again.is_same_as(&pin) => return Ok(pin),
                _ => remark = Some(CareRemark::Mismatch),
            }
        }
        Err(Error::TooManyEntries)
    }
}
