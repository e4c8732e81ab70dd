//! Clients that register themselves (RFC 7591) and look after their registration (RFC 7592).
//!
//! Nobody registers without an initial access token of an operator's, which says how often, until
//! when, and what may be asked for. What is registered is held to the rules of every other client,
//! and its name to one more ([`crate::client::check_own_name`]).

mod initial_access_token;
mod limits;

use cardea_jose::{constant_time_eq, random_base64url};
use cardea_storage::client::{self, ClientRecord, EndedHoldings, SelfRegistration};
use cardea_storage::{SecretDigest, Transaction, initial_access_token as tokens};
use time::{Duration, OffsetDateTime};

pub use initial_access_token::{
    InitialAccessTokens, IssuedInitialAccessToken, NewInitialAccessToken,
};
pub use limits::{RegisteredConsent, RegisteredNames, RegistrationDemands, RegistrationLimits};

use crate::client::{NameKeys, check_own_name, on_record, secret_of};
use crate::event::{AdministrationEvent, Event};
use crate::secret::Secret;
use crate::{
    Author, Client, ClientAuthentication, ClientSecret, Demand, Error, NewClient, Provider,
    RetiringSecret,
};

/// Bytes of a client's random identifier.
const CLIENT_ID_BYTES: usize = 16;
/// A token that is longer is none of ours.
const TOKEN_BYTES_MAX: usize = 256;
/// Changes of one client by itself, in an hour.
const CHANGES_MAX: u32 = 20;
const CHANGES_WINDOW: Duration = Duration::hours(1);

/// What the metadata of a request is read with.
#[derive(Debug)]
pub struct RegistrationTerms<'a> {
    /// The identifier that the client gets, or has.
    pub client_id: &'a str,
    /// What it may ask for.
    pub limits: &'a RegistrationLimits,
    /// The secret that it has, or would get.
    pub secret: ClientSecret,
}

/// A registration as it now stands.
#[derive(Debug)]
pub struct Registered {
    /// What is stored.
    pub record: ClientRecord,
    /// A new secret; none where the client has none, or keeps the one that it has.
    pub secret: Option<Secret>,
    /// The token that manages the registration from now on.
    pub registration_access_token: Secret,
}

impl Provider {
    /// Registers a client for whoever has an initial access token. `read` turns the request's
    /// metadata into a client under the terms; the provider judges it.
    ///
    /// # Errors
    /// [`Error::InitialAccessTokenInvalid`] and its kind, [`Error::ClientMetadataInvalid`],
    /// [`Error::ClientRedirectUriInvalid`], [`Error::ClientNameTaken`],
    /// [`Error::RegistrationLimitReached`], [`Error::Storage`].
    pub async fn register_client(
        &self,
        initial_access_token: &str,
        clients_max: u32,
        read: impl FnOnce(RegistrationTerms<'_>) -> Result<NewClient, Error>,
    ) -> Result<Registered, Error> {
        let now = self.now();
        let outcome = self
            .register_with(initial_access_token, clients_max, read, now)
            .await;
        self.record_registration_refusal(outcome, None, now).await
    }

    async fn register_with(
        &self,
        presented: &str,
        clients_max: u32,
        read: impl FnOnce(RegistrationTerms<'_>) -> Result<NewClient, Error>,
        now: OffsetDateTime,
    ) -> Result<Registered, Error> {
        let presented = presented_digest(presented).ok_or(Error::InitialAccessTokenInvalid)?;
        let mut transaction = self.store.begin().await?;
        let token = tokens::find(&mut transaction, &presented).await?;
        // Strangers wait for nobody; whoever has a token counts and compares alone.
        if token.is_some() {
            client::change_alone(&mut transaction).await?;
        }
        let token = token.ok_or(Error::InitialAccessTokenInvalid)?;
        if !tokens::take_use(&mut transaction, &token.id, now).await? {
            return Err(match (token.revoked_at, token.expires_at) {
                (Some(_), _) => Error::InitialAccessTokenRevoked,
                (None, until) if until <= now => Error::InitialAccessTokenExpired,
                _ => Error::InitialAccessTokenUsedUp,
            });
        }
        if client::count_self_registered(&mut transaction).await? >= i64::from(clients_max) {
            return Err(Error::RegistrationLimitReached);
        }
        let limits = RegistrationLimits::read_stored(&token.limits)?;
        let client_id = random_base64url(CLIENT_ID_BYTES)?;
        let secret = Secret::random()?;
        let new = read(RegistrationTerms {
            client_id: &client_id,
            limits: &limits,
            secret: secret.digest().into(),
        })
        .map_err(in_metadata)?;
        let name_key = self
            .check_own_registration(&mut transaction, &new, &limits)
            .await?;
        let access_token = Secret::random()?;
        let record = ClientRecord {
            client_id: client_id.clone(),
            registration: new.registration.clone(),
            secret: secret_of(&new.client).cloned(),
            previous_secret: None,
            created_at: now.truncate_to_second(),
            changed_at: now.truncate_to_second(),
            self_registration: Some(SelfRegistration {
                initial_access_token_id: token.id.clone(),
                limits: token.limits,
                token: access_token.digest(),
                name_key,
            }),
        };
        if !client::insert(&mut transaction, &record).await? {
            return Err(Error::ClientExists { client_id });
        }
        let kind = AdministrationEvent::ClientAdded {
            by: Author::InitialAccessToken {
                initial_access_token: token.id,
            },
            registration: on_record(&record.registration),
        };
        let event = Event::new(kind, now).of_client(&client_id);
        self.record(&mut transaction, event).await?;
        transaction.commit().await?;
        Ok(Registered {
            secret: record.secret.is_some().then_some(secret),
            record,
            registration_access_token: access_token,
        })
    }

    /// Gives a client its own registration (RFC 7592 section 2.1).
    ///
    /// # Errors
    /// [`Error::RegistrationAccessTokenInvalid`], [`Error::Storage`].
    pub async fn read_registration(
        &self,
        client_id: &str,
        registration_access_token: &str,
    ) -> Result<ClientRecord, Error> {
        let now = self.now();
        let mut transaction = self.store.begin_read().await?;
        let found = find_managed(&mut transaction, client_id, registration_access_token).await;
        drop(transaction);
        let outcome = found.map(|(record, _)| record);
        self.record_registration_refusal(outcome, Some(client_id), now)
            .await
    }

    /// Puts other metadata in place of a client's (RFC 7592 section 2.2), and gives it another
    /// registration access token. A client keeps the secret that it has as long as its method needs
    /// one.
    ///
    /// # Errors
    /// As [`Provider::register_client`], [`Error::RegistrationAccessTokenInvalid`], and
    /// [`Error::RegistrationChangesTooMany`].
    pub async fn change_registration(
        &self,
        client_id: &str,
        registration_access_token: &str,
        read: impl FnOnce(RegistrationTerms<'_>) -> Result<NewClient, Error>,
    ) -> Result<Registered, Error> {
        let now = self.now();
        let outcome = self
            .change_with(client_id, registration_access_token, read, now)
            .await;
        self.record_registration_refusal(outcome, Some(client_id), now)
            .await
    }

    async fn change_with(
        &self,
        client_id: &str,
        presented: &str,
        read: impl FnOnce(RegistrationTerms<'_>) -> Result<NewClient, Error>,
        now: OffsetDateTime,
    ) -> Result<Registered, Error> {
        let mut transaction = self.store.begin().await?;
        find_managed(&mut transaction, client_id, presented).await?;
        // Of two requests with one token, the second finds another one.
        client::change_alone(&mut transaction).await?;
        let (record, own) = find_managed(&mut transaction, client_id, presented).await?;
        let since = now - CHANGES_WINDOW;
        if !client::take_change(&mut transaction, client_id, since, now, CHANGES_MAX).await? {
            return Err(Error::RegistrationChangesTooMany);
        }
        let limits = RegistrationLimits::read_stored(&own.limits)?;
        let new_secret = Secret::random()?;
        let kept = secret_of_record(&record);
        let new = read(RegistrationTerms {
            client_id,
            limits: &limits,
            secret: kept.clone().unwrap_or_else(|| new_secret.digest().into()),
        })
        .map_err(in_metadata)?;
        let name_key = self
            .check_own_registration(&mut transaction, &new, &limits)
            .await?;
        let access_token = Secret::random()?;
        let secret = secret_of(&new.client).cloned();
        let gets_secret = secret.is_some() && kept.is_none();
        // Nothing to put on record, and nothing for servers to read anew.
        if new.registration == record.registration && secret == record.secret {
            let token = access_token.digest();
            client::replace_registration_token(&mut transaction, client_id, &token).await?;
            transaction.commit().await?;
            return Ok(Registered {
                record,
                secret: None,
                registration_access_token: access_token,
            });
        }
        let changed = ClientRecord {
            registration: new.registration.clone(),
            previous_secret: record.previous_secret.filter(|_| secret.is_some()),
            secret,
            changed_at: now.truncate_to_second(),
            self_registration: Some(SelfRegistration {
                token: access_token.digest(),
                name_key,
                ..own
            }),
            ..record
        };
        client::update(&mut transaction, &changed).await?;
        let kind = AdministrationEvent::ClientChanged {
            by: by_itself(client_id),
            registration: on_record(&changed.registration),
        };
        let event = Event::new(kind, now).of_client(client_id);
        self.record(&mut transaction, event).await?;
        transaction.commit().await?;
        Ok(Registered {
            record: changed,
            secret: gets_secret.then_some(new_secret),
            registration_access_token: access_token,
        })
    }

    /// Takes a client out at its own wish (RFC 7592 section 2.3), with what it holds.
    ///
    /// # Errors
    /// [`Error::RegistrationAccessTokenInvalid`], [`Error::Storage`].
    pub async fn remove_registration(
        &self,
        client_id: &str,
        registration_access_token: &str,
    ) -> Result<EndedHoldings, Error> {
        let now = self.now();
        let outcome = self
            .remove_with(client_id, registration_access_token, now)
            .await;
        self.record_registration_refusal(outcome, Some(client_id), now)
            .await
    }

    async fn remove_with(
        &self,
        client_id: &str,
        presented: &str,
        now: OffsetDateTime,
    ) -> Result<EndedHoldings, Error> {
        let mut transaction = self.store.begin().await?;
        let (record, _) = find_managed(&mut transaction, client_id, presented).await?;
        let ended = client::end_holdings(&mut transaction, client_id, now).await?;
        client::remove(&mut transaction, client_id).await?;
        let kind = AdministrationEvent::ClientRemoved {
            by: by_itself(client_id),
            registration: on_record(&record.registration),
            ended: ended.into(),
        };
        let event = Event::new(kind, now).of_client(client_id);
        self.record(&mut transaction, event).await?;
        transaction.commit().await?;
        Ok(ended)
    }

    /// What every client is held to, and what those that register themselves are beside it; gives
    /// what the name looks like.
    async fn check_own_registration(
        &self,
        transaction: &mut Transaction,
        new: &NewClient,
        limits: &RegistrationLimits,
    ) -> Result<String, Error> {
        if new.client.authentication == ClientAuthentication::None
            && !new.client.jwks.keys.is_empty()
            && new.client.signed_request_object == Demand::Optional
        {
            return Err(Error::ClientMetadataInvalid {
                key: "jwks",
                reason: "says nothing beside the method none, unless request objects are signed",
            });
        }
        self.check_registration(new).map_err(in_metadata)?;
        limits.check(&new.client)?;
        let known = self.clients.all();
        let others = known.values().map(AsRef::<Client>::as_ref);
        let others = others.chain(self.own_clients.iter());
        let keys: NameKeys = check_own_name(&new.client, limits.names, others)?;
        let client_id = &new.client.client_id;
        // One that registered at another node a moment ago is not in memory here yet.
        let stored = client::name_keys(transaction).await?;
        let mut others = stored.iter().filter(|(id, _)| id != client_id);
        if others.any(|(_, stored)| keys.pass_for_stored(stored)) {
            return Err(Error::ClientNameTaken);
        }
        Ok(keys.to_stored())
    }

    /// Whether servers would take a client in.
    pub(crate) fn check_registration(&self, new: &NewClient) -> Result<(), Error> {
        new.check_length()?;
        self.rules.check_client(&new.client)?;
        self.check_certificates_are_taken(&new.client)?;
        self.keys().check_client(&new.client)
    }

    async fn record_registration_refusal<T>(
        &self,
        outcome: Result<T, Error>,
        client_id: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<T, Error> {
        let Err(error) = &outcome else {
            return outcome;
        };
        let mut event = Event::new(
            AdministrationEvent::RegistrationRefused { code: error.code() },
            now,
        );
        if let Some(client_id) = client_id.filter(|id| self.clients.find(id).is_some()) {
            event = event.of_client(client_id);
        }
        if names_nothing_of_ours(error) {
            self.note(&event);
        } else {
            self.record_alone(event).await?;
        }
        outcome
    }
}

/// Whether a stranger without any token of ours can bring a refusal about.
fn names_nothing_of_ours(error: &Error) -> bool {
    matches!(
        error,
        Error::InitialAccessTokenInvalid | Error::RegistrationAccessTokenInvalid
    ) || error.is_internal()
}

/// A registration, if the token is the one that manages it. Whether there is such a client, nobody
/// else learns.
async fn find_managed(
    transaction: &mut Transaction,
    client_id: &str,
    presented: &str,
) -> Result<(ClientRecord, SelfRegistration), Error> {
    let presented = presented_digest(presented).ok_or(Error::RegistrationAccessTokenInvalid)?;
    let record = client::find(transaction, client_id).await?;
    let managed = record.and_then(|record| {
        let own = record.self_registration.clone()?;
        let is_it = constant_time_eq(own.token.as_str().as_bytes(), presented.as_str().as_bytes());
        is_it.then_some((record, own))
    });
    managed.ok_or(Error::RegistrationAccessTokenInvalid)
}

fn presented_digest(token: &str) -> Option<SecretDigest> {
    (!token.is_empty() && token.len() <= TOKEN_BYTES_MAX).then(|| SecretDigest::of(token))
}

fn secret_of_record(record: &ClientRecord) -> Option<ClientSecret> {
    let previous = record.previous_secret.as_ref();
    record.secret.clone().map(|current| ClientSecret {
        current,
        previous: previous.map(|previous| RetiringSecret {
            digest: previous.digest.clone(),
            accepted_until: previous.until,
        }),
    })
}

fn by_itself(client_id: &str) -> Author {
    Author::Client {
        client: client_id.to_owned(),
    }
}

/// The refusal of a registration, as whoever sent it is told (RFC 7591 section 3.2.2).
fn in_metadata(error: Error) -> Error {
    match error {
        Error::ClientInvalid {
            key: "redirect_uris",
            reason,
            ..
        } => Error::ClientRedirectUriInvalid { reason },
        Error::ClientInvalid { key, reason, .. } => Error::ClientMetadataInvalid {
            key: metadata_key(key),
            reason,
        },
        Error::KeyMissing { .. } => Error::ClientMetadataInvalid {
            key: "id_token_signed_response_alg",
            reason: "or another algorithm of answers has no key here: see the discovery document",
        },
        other => other,
    }
}

/// What RFC 7591 calls a key of ours.
fn metadata_key(key: &'static str) -> &'static str {
    match key {
        "name" => "client_name",
        "scopes" => "scope",
        other => other,
    }
}
