//! The card's care, for `cardea-agent card` alone: no page, no program and no other machine gets
//! here.

use cardea_card::{Abandonment, CareTerms, LastTry, Pin, PinAfter, PinChange, Puk, PukStatus};
use cardea_card::{Card, CommandSent, Unblocking};

use super::CardSession;
use crate::Error;

impl CardSession {
    /// What the card says about its unblocking code.
    ///
    /// # Errors
    /// [`Error::Card`], [`Error::ReaderHeld`].
    pub(crate) async fn puk_status(&self) -> Result<PukStatus, Error> {
        self.call(Abandonment::default(), |card| card.puk_status())
            .await
    }

    /// Gives the card another PIN.
    ///
    /// # Errors
    /// As [`cardea_card::Card::change_pin`], and [`Error::ReaderHeld`].
    pub(crate) async fn change_pin(
        &self,
        old: Pin,
        new: Pin,
        last_try: LastTry,
    ) -> Result<PinAfter, Error> {
        self.care(last_try, move |card, terms| {
            let (old, new) = (&old, &new);
            card.change_pin(&PinChange { old, new, terms })
        })
        .await
    }

    /// Gives the card another PIN by its unblocking code.
    ///
    /// # Errors
    /// As [`cardea_card::Card::unblock`], and [`Error::ReaderHeld`].
    pub(crate) async fn unblock(
        &self,
        puk: Puk,
        new: Pin,
        last_try: LastTry,
    ) -> Result<PinAfter, Error> {
        self.care(last_try, move |card, terms| {
            let (puk, new) = (&puk, &new);
            card.unblock(&Unblocking { puk, new, terms })
        })
        .await
    }

    async fn care(
        &self,
        last_try: LastTry,
        work: impl FnOnce(&mut dyn Card, CareTerms<'_>) -> Result<PinAfter, cardea_card::Error>
        + Send
        + 'static,
    ) -> Result<PinAfter, Error> {
        let serial = self.facts().await?.serial.clone();
        let abandonment = Abandonment::default();
        let given_up = abandonment.clone();
        let sent = CommandSent::default();
        let mark = sent.clone();
        let done = self.call(abandonment, move |card| {
            let terms = CareTerms {
                last_try,
                card_serial: Some(&serial),
                abandonment: given_up,
                sent: mark,
            };
            work(card, terms)
        });
        match done.await {
            // Whoever else is at the readers: the card has the command, and has not answered.
            Err(Error::Card(cardea_card::Error::TimedOut { .. }) | Error::ReaderHeld { .. })
                if sent.is_set() =>
            {
                Err(cardea_card::Error::PinChangeUncertain.into())
            }
            done => done,
        }
    }
}
