//! What an operator does about initial access tokens (RFC 7591 section 3).

use cardea_jose::random_base64url;
use cardea_storage::initial_access_token::{self as tokens, InitialAccessTokenRecord};
use time::{Duration, OffsetDateTime};

use super::RegistrationLimits;
use crate::event::{AdministrationEvent, Event};
use crate::secret::Secret;
use crate::{Error, Records};

const USES_MAX: u32 = 1000;
const LIFETIME_MAX: Duration = Duration::days(90);
/// Tokens that can be used at a time.
const USABLE_MAX: i64 = 1000;
const NOTE_CHARACTERS_MAX: usize = 200;
const ID_BYTES: usize = 9;

/// The initial access tokens of a database. Every change is an event in its own transaction.
#[derive(Debug)]
pub struct InitialAccessTokens {
    records: Records,
}

/// What an operator decides about a token.
#[derive(Clone, Debug)]
pub struct NewInitialAccessToken {
    /// For whom it is, in the operator's words.
    pub note: String,
    /// How many clients may be registered with it.
    pub uses: u32,
    /// How long it lasts.
    pub lifetime: Duration,
    /// What may be registered.
    pub limits: RegistrationLimits,
}

/// A token that was made.
#[derive(Debug)]
pub struct IssuedInitialAccessToken {
    /// Its public name.
    pub id: String,
    /// The token; nobody sees it again.
    pub token: Secret,
    /// Until when it is accepted.
    pub expires_at: OffsetDateTime,
}

impl InitialAccessTokens {
    /// Looks after the tokens of a database in somebody's name.
    #[must_use]
    pub fn new(records: Records) -> Self {
        Self { records }
    }

    /// Makes a token.
    ///
    /// # Errors
    /// [`Error::InitialAccessTokenTermsInvalid`], [`Error::Storage`].
    pub async fn issue(
        &self,
        new: &NewInitialAccessToken,
    ) -> Result<IssuedInitialAccessToken, Error> {
        check_terms(new)?;
        let now = self.records.now();
        let token = Secret::random()?;
        let record = InitialAccessTokenRecord {
            id: format!("iat-{}", random_base64url(ID_BYTES)?),
            token: token.digest(),
            note: new.note.clone(),
            limits: serde_json::to_string(&new.limits).map_err(Error::StoredValueUnreadable)?,
            uses_left: i64::from(new.uses),
            created_at: now,
            expires_at: (now + new.lifetime).truncate_to_second(),
            revoked_at: None,
        };
        let mut transaction = self.records.store.begin().await?;
        if tokens::count_usable(&mut transaction, now).await? >= USABLE_MAX {
            let reason = "1000 tokens can be used already: revoke some";
            return Err(Error::InitialAccessTokenTermsInvalid { reason });
        }
        tokens::insert(&mut transaction, &record).await?;
        let limits = serde_json::to_value(&new.limits).map_err(Error::StoredValueUnreadable)?;
        let kind = AdministrationEvent::InitialAccessTokenIssued {
            by: self.records.author.clone(),
            id: record.id.clone(),
            uses: new.uses,
            expires_at: record.expires_at.unix_timestamp(),
            limits,
        };
        let event = Event::new(kind, now);
        self.records.append(&mut transaction, &event).await?;
        transaction.commit().await?;
        Ok(IssuedInitialAccessToken {
            id: record.id,
            token,
            expires_at: record.expires_at,
        })
    }

    /// Every token, the newest first, without the token itself.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn list(&self) -> Result<Vec<InitialAccessTokenRecord>, Error> {
        let mut transaction = self.records.store.begin_read().await?;
        Ok(tokens::list(&mut transaction).await?)
    }

    /// Takes a token back; the clients that it let in stay.
    ///
    /// # Errors
    /// [`Error::InitialAccessTokenUnknown`], [`Error::Storage`].
    pub async fn revoke(&self, id: &str) -> Result<(), Error> {
        let now = self.records.now();
        let mut transaction = self.records.store.begin().await?;
        if !tokens::revoke(&mut transaction, id, now).await? {
            return Err(Error::InitialAccessTokenUnknown);
        }
        let kind = AdministrationEvent::InitialAccessTokenRevoked {
            by: self.records.author.clone(),
            id: id.to_owned(),
        };
        let event = Event::new(kind, now);
        self.records.append(&mut transaction, &event).await?;
        Ok(transaction.commit().await?)
    }
}

fn check_terms(new: &NewInitialAccessToken) -> Result<(), Error> {
    let wrong = |reason| Err(Error::InitialAccessTokenTermsInvalid { reason });
    if new.uses == 0 || new.uses > USES_MAX {
        return wrong("it must be good for 1 to 1000 clients");
    }
    if !new.lifetime.is_positive() || new.lifetime > LIFETIME_MAX {
        return wrong("it must last for some time, and 90 days at most");
    }
    if new.note.chars().count() > NOTE_CHARACTERS_MAX || new.note.chars().any(char::is_control) {
        return wrong("the note must have at most 200 characters, and no control characters");
    }
    new.limits.check_terms()
}
