//! What a person is told of the uses of her card, wherever they were: at her next login, on her
//! account page, and at once by the agents of her other sessions.
//!
//! **Whose use it was** has to be beyond doubt before anybody is told of it or anything is tied to
//! her: the certificate leads to a trust anchor of ours at this moment, and the possession of its
//! key was proven over a challenge of ours or a TLS handshake with us. Anything less, such as a
//! certificate that somebody has copied, would let strangers fill her log and her screen (attack
//! H9). Who holds her card and its PIN can still have it refused as often as he likes: what is
//! news is one row for each day and each word that the login page has for a refusal.

mod live;
mod refused_use;

pub use live::LiveNotice;
pub(crate) use refused_use::IdentifiedCard;
