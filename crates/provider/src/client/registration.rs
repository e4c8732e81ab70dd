//! What an operator does to the clients of the database.

use cardea_jose::sha256_base64url;
use cardea_storage::client::{self, ClientRecord, EndedHoldings, SelfRegistration};
use cardea_storage::{SecretDigest, Transaction};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::name::NameKeys;
use crate::event::{AdministrationEvent, Event};
use crate::secret::Secret;
use crate::{Client, ClientAuthentication, Error, Records};

/// Longest time that a replaced secret may be accepted yet.
pub const SECRET_OVERLAP_MAX: Duration = Duration::days(30);
/// Longest registration, as it is stored and put on record.
pub const REGISTRATION_BYTES_MAX: usize = 64 * 1024;

/// The clients of the database. Every change is an event in its own transaction.
#[derive(Debug)]
pub struct ClientRegistrations {
    records: Records,
}

/// A registration on its way into the database.
#[derive(Debug)]
pub struct NewClient {
    /// The client.
    pub client: Client,
    /// What is stored of it, as JSON without any secret; the caller owns its shape.
    pub registration: String,
}

/// What a rotation has made.
#[derive(Debug)]
pub struct RotatedSecret {
    /// The new secret; nobody sees it again.
    pub secret: Secret,
    /// Until when the replaced one is accepted yet; none: not at all.
    pub previous_accepted_until: Option<OffsetDateTime>,
}

impl ClientRegistrations {
    /// Looks after the clients of a database in somebody's name.
    #[must_use]
    pub fn new(records: Records) -> Self {
        Self { records }
    }

    /// Every client, by its id.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn list(&self) -> Result<Vec<ClientRecord>, Error> {
        let mut transaction = self.records.store.begin_read().await?;
        Ok(client::list(&mut transaction).await?)
    }

    /// Registers all of `clients` or none.
    ///
    /// # Errors
    /// [`Error::ClientInvalid`], [`Error::ClientExists`], [`Error::Storage`].
    pub async fn add(&self, clients: &[NewClient]) -> Result<(), Error> {
        let now = self.records.now();
        let mut transaction = self.records.store.begin().await?;
        for new in clients {
            new.check_length()?;
            new.client.check()?;
            let client_id = new.client.client_id.as_str();
            let record = ClientRecord {
                client_id: client_id.to_owned(),
                registration: new.registration.clone(),
                secret: secret_of(&new.client).cloned(),
                previous_secret: None,
                created_at: now,
                changed_at: now,
                self_registration: None,
            };
            if !client::insert(&mut transaction, &record).await? {
                let client_id = client_id.to_owned();
                return Err(Error::ClientExists { client_id });
            }
            let kind = AdministrationEvent::ClientAdded {
                by: self.records.author.clone(),
                registration: on_record(&record.registration),
            };
            self.record(&mut transaction, client_id, kind).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// One client.
    ///
    /// # Errors
    /// [`Error::ClientUnknown`], [`Error::Storage`].
    pub async fn load(&self, client_id: &str) -> Result<ClientRecord, Error> {
        let mut transaction = self.records.store.begin_read().await?;
        let found = client::find(&mut transaction, client_id).await?;
        found.ok_or(Error::ClientUnknown)
    }

    /// Puts another registration in place of a client's. The secret that it has stays as long as
    /// its method needs one, whatever `changed` holds; one that has none gets that of `changed`.
    /// A client that registered itself does not look after its registration any more: its
    /// registration access token is refused from now on.
    ///
    /// # Errors
    /// [`Error::ClientUnknown`], [`Error::ClientInvalid`], [`Error::Storage`].
    pub async fn change(&self, changed: &NewClient) -> Result<ClientRecord, Error> {
        changed.check_length()?;
        changed.client.check()?;
        let client_id = changed.client.client_id.as_str();
        let now = self.records.now();
        let unknown = Secret::random()?.digest();
        let mut transaction = self.records.store.begin().await?;
        client::change_alone(&mut transaction).await?;
        let record = client::find(&mut transaction, client_id).await?;
        let record = record.ok_or(Error::ClientUnknown)?;
        let needed = secret_of(&changed.client).cloned();
        let kept = record.secret.clone().filter(|_| needed.is_some());
        let changed = ClientRecord {
            registration: changed.registration.clone(),
            previous_secret: record.previous_secret.filter(|_| kept.is_some()),
            secret: kept.or(needed),
            changed_at: now.truncate_to_second(),
            self_registration: record.self_registration.map(|own| SelfRegistration {
                name_key: NameKeys::of(&changed.client.name).to_stored(),
                // Nobody has this one: the client could undo what its operator has decided.
                token: unknown,
                ..own
            }),
            ..record
        };
        client::update(&mut transaction, &changed).await?;
        let kind = AdministrationEvent::ClientChanged {
            by: self.records.author.clone(),
            registration: on_record(&changed.registration),
        };
        self.record(&mut transaction, client_id, kind).await?;
        transaction.commit().await?;
        Ok(changed)
    }

    /// Gives a client another secret. The one that it has is accepted for `overlap` yet; one that
    /// was replaced before is not, even if its own time is not over.
    ///
    /// # Errors
    /// [`Error::ClientUnknown`], [`Error::ClientSecretMissing`],
    /// [`Error::SecretOverlapTooLong`], [`Error::Storage`].
    pub async fn rotate_secret(
        &self,
        client_id: &str,
        overlap: Duration,
    ) -> Result<RotatedSecret, Error> {
        if overlap > SECRET_OVERLAP_MAX {
            let days_max = SECRET_OVERLAP_MAX.whole_days();
            return Err(Error::SecretOverlapTooLong { days_max });
        }
        let now = self.records.now();
        let secret = Secret::random()?;
        // The database holds whole seconds.
        let until = (now + overlap).truncate_to_second();
        let until = overlap.is_positive().then_some(until);
        let mut transaction = self.records.store.begin().await?;
        let digest = secret.digest();
        if !client::replace_secret(&mut transaction, client_id, &digest, until, now).await? {
            return Err(match client::find(&mut transaction, client_id).await? {
                Some(_) => Error::ClientSecretMissing,
                None => Error::ClientUnknown,
            });
        }
        let kind = AdministrationEvent::ClientSecretRotated {
            by: self.records.author.clone(),
            overlap_seconds: overlap.whole_seconds().max(0),
        };
        self.record(&mut transaction, client_id, kind).await?;
        transaction.commit().await?;
        Ok(RotatedSecret {
            secret,
            previous_accepted_until: until,
        })
    }

    /// Takes a client out, and ends the codes and tokens that it holds. Running servers follow
    /// within seconds, see [`crate::Provider::reload_clients`].
    ///
    /// # Errors
    /// [`Error::ClientUnknown`], [`Error::Storage`].
    pub async fn remove(&self, client_id: &str) -> Result<EndedHoldings, Error> {
        let now = self.records.now();
        let mut transaction = self.records.store.begin().await?;
        let registered = client::find(&mut transaction, client_id).await?;
        let registered = registered.ok_or(Error::ClientUnknown)?;
        let ended = client::end_holdings(&mut transaction, client_id, now).await?;
        if !client::remove(&mut transaction, client_id).await? {
            return Err(Error::ClientUnknown);
        }
        let kind = AdministrationEvent::ClientRemoved {
            by: self.records.author.clone(),
            registration: on_record(&registered.registration),
            ended: ended.into(),
        };
        self.record(&mut transaction, client_id, kind).await?;
        transaction.commit().await?;
        Ok(ended)
    }

    async fn record(
        &self,
        transaction: &mut Transaction,
        client_id: &str,
        kind: AdministrationEvent,
    ) -> Result<(), Error> {
        let event = Event::new(kind, self.records.now()).of_client(client_id);
        self.records.append(transaction, &event).await
    }
}

impl NewClient {
    pub(crate) fn check_length(&self) -> Result<(), Error> {
        if self.registration.len() <= REGISTRATION_BYTES_MAX {
            return Ok(());
        }
        Err(Error::ClientInvalid {
            client_id: self.client.client_id.clone(),
            key: "registration",
            reason: "must have 65536 bytes at most, as JSON",
        })
    }
}

/// A registration as an event tells it. One that something else than the command wrote may be no
/// JSON, or without end.
pub(crate) fn on_record(registration: &str) -> Value {
    let digest = || {
        let digest = sha256_base64url(registration.as_bytes());
        json!({ "unreadable_sha256": digest })
    };
    if registration.len() > REGISTRATION_BYTES_MAX {
        return digest();
    }
    serde_json::from_str(registration).unwrap_or_else(|_| digest())
}

pub(crate) fn secret_of(client: &Client) -> Option<&SecretDigest> {
    match &client.authentication {
        ClientAuthentication::SecretBasic(secret) | ClientAuthentication::SecretPost(secret) => {
            Some(&secret.current)
        }
        ClientAuthentication::None
        | ClientAuthentication::PrivateKeyJwt
        | ClientAuthentication::TlsClientAuth(_)
        | ClientAuthentication::SelfSignedTlsClientAuth => None,
    }
}
