//! The clients of one server: the configuration's and the database's.

use std::path::Path;

use cardea_provider::{ClientRegistrations, InitialAccessTokens};
use cardea_storage::Store;
use cardea_storage::client::ClientRecord;
use serde::Serialize;
use time::OffsetDateTime;

use super::Complaint;
use crate::app::open_store;
use crate::client_registration::config_of_record;
use crate::clock::SystemClock;
use crate::command::operator;
use crate::config::{ClientConfig, Config};

/// What the commands work on.
pub(super) struct Registry {
    pub(super) config: Config,
    pub(super) registrations: ClientRegistrations,
    store: Store,
}

/// One client.
pub(super) struct Entry {
    pub(super) client_id: String,
    /// Unreadable where something else than this command wrote it.
    pub(super) registration: Result<ClientConfig, cardea_provider::Error>,
    pub(super) source: Source,
}

/// Where a client is registered.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "source")]
pub(super) enum Source {
    /// A file of the configuration.
    Configuration {
        /// Its path.
        file: String,
    },
    /// The database.
    Database {
        /// The initial access token that it registered itself with; none for one that an operator
        /// registered.
        #[serde(skip_serializing_if = "Option::is_none")]
        self_registered_with: Option<String>,
        /// When it was registered.
        #[serde(with = "time::serde::rfc3339")]
        created_at: OffsetDateTime,
        /// When it was changed last.
        #[serde(with = "time::serde::rfc3339")]
        changed_at: OffsetDateTime,
        /// Until when the secret before the last rotation is accepted yet.
        #[serde(
            with = "time::serde::rfc3339::option",
            skip_serializing_if = "Option::is_none"
        )]
        previous_secret_accepted_until: Option<OffsetDateTime>,
    },
}

impl Registry {
    /// Reads the configuration and opens the database that it names.
    pub(super) async fn open(config: &Path) -> Result<Self, Complaint> {
        Self::open_with(Config::load(config)?).await
    }

    /// Opens the database that a configuration names.
    pub(super) async fn open_with(config: Config) -> Result<Self, Complaint> {
        let store = open_store(&config.database.url).await?;
        let registrations = ClientRegistrations::new(operator::records(&store));
        Ok(Self {
            config,
            registrations,
            store,
        })
    }

    /// The tokens that let somebody register clients.
    pub(super) fn initial_access_tokens(&self) -> InitialAccessTokens {
        InitialAccessTokens::new(operator::records(&self.store))
    }

    /// The configuration's client with an id.
    pub(super) fn find_configured(&self, client_id: &str) -> Option<&ClientConfig> {
        let mut configured = self.config.client.iter();
        configured.find(|client| client.client_id == client_id)
    }

    /// Every client with its source, the configuration's first.
    pub(super) async fn all(&self) -> Result<Vec<Entry>, Complaint> {
        let configured = self.config.client.iter().map(|client| Entry {
            client_id: client.client_id.clone(),
            registration: Ok(client.clone()),
            source: configured_in(client),
        });
        let records = self.registrations.list().await?;
        let kept = records.iter().map(|record| Entry {
            client_id: record.client_id.clone(),
            registration: config_of_record(record),
            source: kept_since(record),
        });
        Ok(configured.chain(kept).collect())
    }

    /// Folds the database's log into its file before the program ends.
    pub(super) async fn close(self) {
        self.store.close().await;
    }
}

fn configured_in(client: &ClientConfig) -> Source {
    let file = client.file.as_deref().unwrap_or_else(|| Path::new(""));
    Source::Configuration {
        file: file.display().to_string(),
    }
}

fn kept_since(record: &ClientRecord) -> Source {
    let now = cardea_provider::Clock::now(&SystemClock);
    let previous = record.previous_secret.as_ref();
    let own = record.self_registration.as_ref();
    Source::Database {
        self_registered_with: own.map(|own| own.initial_access_token_id.clone()),
        created_at: record.created_at,
        changed_at: record.changed_at,
        previous_secret_accepted_until: previous.map(|it| it.until).filter(|it| now < *it),
    }
}
