//! The state that a test card is made in, and what a login with it must come to.

use std::path::Path;

use cardea_test_pki::{CardProfile, CertificateSpec};
use time::{Duration, OffsetDateTime};

use crate::card_directory::CardDirectory;
use crate::error::Error;
use crate::pki_directory::PkiDirectory;
use crate::reference_data::{MemoryStore, ReferenceData};

/// The state of a new card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Nothing is wrong with it.
    #[default]
    Good,
    /// Its certificates ended yesterday.
    Expired,
    /// Its certificates begin tomorrow.
    NotYetValid,
    /// Its certificates end soon.
    ExpiresIn {
        /// Days from now.
        days: u16,
    },
    /// Both certificates are revoked.
    Revoked,
    /// Its PIN has no tries left.
    BlockedPin,
}

/// What a login with a card comes to, on a portal that lets its profession in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The person is signed in.
    SignedIn,
    /// The server says no, with this code.
    RefusedByServer(&'static str),
    /// The card does not sign, and the agent says why with this code.
    RefusedByCard(&'static str),
}

impl Condition {
    /// What a login with such a card must come to.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Good | Self::ExpiresIn { .. } => Outcome::SignedIn,
            Self::Expired => Outcome::RefusedByCard("agent.card_expired"),
            Self::NotYetValid => Outcome::RefusedByServer("login.card_not_accepted"),
            Self::Revoked => Outcome::RefusedByServer("login.card_revoked"),
            Self::BlockedPin => Outcome::RefusedByCard("card.pin_blocked"),
        }
    }

    /// The condition's name in lists.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::ExpiresIn { .. } => "expires_soon",
            Self::Revoked => "revoked",
            Self::BlockedPin => "blocked_pin",
        }
    }

    /// Issues a card in this condition into a folder that holds none.
    ///
    /// # Errors
    /// [`Error::FolderTaken`], [`Error::PkiRefused`] or [`Error::FileInaccessible`].
    pub fn issue(
        self,
        pki: &PkiDirectory,
        folder: &Path,
        profile: &CardProfile,
        secrets: (ReferenceData, ReferenceData),
        at: OffsetDateTime,
    ) -> Result<CardDirectory, Error> {
        CardDirectory::check_free(folder)?;
        let card = pki.issue_card(profile, at, |spec| self.apply(spec, at))?;
        let directory = CardDirectory::create(folder, profile, &card, secrets)?;
        match self {
            Self::Revoked => directory.revoke(pki, at)?,
            Self::BlockedPin => {
                let mut store = directory.memory();
                let mut memory = store.load()?;
                memory.pin.tries_left = 0;
                store.save(&memory)?;
            }
            Self::Good | Self::Expired | Self::NotYetValid | Self::ExpiresIn { .. } => {}
        }
        Ok(directory)
    }

    fn apply(self, spec: &mut CertificateSpec, at: OffsetDateTime) {
        *spec = match self {
            Self::Good | Self::Revoked | Self::BlockedPin => return,
            Self::Expired => spec.clone().expired(at),
            Self::NotYetValid => spec.clone().not_yet_valid(at),
            Self::ExpiresIn { days } => {
                let end = at.saturating_add(Duration::days(i64::from(days)));
                spec.clone().ending(end)
            }
        };
    }
}
