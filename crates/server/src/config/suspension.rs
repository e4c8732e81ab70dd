//! `[suspension]`: the code that suspends a lost card.

use cardea_provider::SuspendCodeOffer;
use serde::Deserialize;

/// `[suspension]`
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct SuspensionConfig {
    /// Where a person is offered the code.
    pub offer_code: OfferCode,
}

/// `offer_code`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OfferCode {
    /// On her account page alone: no login has one page more.
    AccountPage,
    /// On a page at the first login with a card as well, once: nobody has to know of the code to
    /// have one on the day that the card is gone.
    #[default]
    FirstLogin,
}

impl From<OfferCode> for SuspendCodeOffer {
    fn from(offer: OfferCode) -> Self {
        match offer {
            OfferCode::AccountPage => Self::OnAccountPage,
            OfferCode::FirstLogin => Self::AtFirstLogin,
        }
    }
}
