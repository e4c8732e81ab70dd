//! The server put together from its configuration.

use std::hash::RandomState;
use std::sync::Arc;

use axum::Router;
use cardea_oauth2_types::ProviderMetadata;
use cardea_provider::Provider;
use cardea_storage::Store;
use tokio::sync::watch;

use crate::backchannel_logout::{self, LogoutSender};
use crate::certificate_reload::{ListenerCertificates, ListenerKind};
use crate::client_reload::load_clients;
use crate::client_throttle::ClientThrottle;
use crate::clock::SystemClock;
use crate::config::{Config, DatabaseUrl};
use crate::error::Error;
use crate::event_log::LoggedEvents;
use crate::handler::discovery::metadata_of;
use crate::http_client::HttpClient;
use crate::listener::Listener;
use crate::presence::{Leases, Places, PresenceRegistry};
use crate::provider_config;
use crate::rate_limit::RateLimiter;
use crate::revocation_fetch::RevocationFetcher;
use crate::router::router;
use crate::server_keys::ServerKeys;
use crate::state::{AppState, Inner};
use crate::sweeper;

/// A server that is ready to listen.
#[derive(Debug)]
pub struct App {
    state: AppState,
    store: Store,
}

impl App {
    /// Reads keys and certificates, opens the database and checks that all of it fits together.
    ///
    /// # Errors
    /// [`Error`], with the file and what to do about it.
    pub async fn build(config: &Config) -> Result<Self, Error> {
        let keys = ServerKeys::load(&config.keys, &config.issuer)?;
        let (provider_config, anchors) = provider_config::build(config)?;
        let weakest_acr = provider_config.user_verification.weakest_acr();
        let http = HttpClient::new().map_err(|source| Error::HttpClientUnusable { source })?;
        let store = open_store(&config.database.url).await?;
        let provider = Provider::new(
            provider_config,
            keys.provider_keys,
            store.clone(),
            Arc::new(LoggedEvents::default()),
            Arc::new(SystemClock),
        )
        .map_err(|source| Error::ProviderRefused { source })?;
        load_clients(&provider, &config.client).await?;
        let metadata = ProviderMetadata {
            require_pushed_authorization_requests: config.require_pushed_authorization_requests,
            ..metadata_of(&provider, weakest_acr)
        };
        let state = AppState::new(Inner {
            provider,
            https: config.issuer.is_https(),
            agent_url: config.agent_url.as_str().to_owned(),
            presence_config: config.presence,
            presence: PresenceRegistry::default(),
            presence_leases: Leases::default(),
            presence_places: Places::new(&config.presence),
            revocation: RevocationFetcher::new(
                http.clone(),
                Arc::new(SystemClock),
                anchors,
                Some(&config.revocation.dir),
            ),
            logout_sender: LogoutSender::new(http),
            challenge_list: keys.challenge_list,
            enrolment: keys.enrolment,
            metadata,
            rate_limiter: RateLimiter::new(config.limits),
            client_throttle: ClientThrottle::default(),
            client_address: config.limits.client_address.unwrap_or_default(),
            source_names: RandomState::new(),
            certificates: ListenerCertificates::load(config)?,
            stopping: watch::Sender::new(false),
        });
        Ok(Self { state, store })
    }

    /// The routes.
    pub fn router(&self) -> Router {
        router(self.state.clone())
    }

    /// Opens the configured listeners; nothing is accepted before they are served.
    ///
    /// # Errors
    /// [`Error::ListenFailed`].
    pub(crate) fn listen(&self, config: &Config) -> Result<Vec<Listener>, Error> {
        let certificates = self.state.certificates();
        let main = certificates.of(ListenerKind::Main);
        Ok(vec![Listener::bind(config.listen, main, self.router())?])
    }

    /// Starts the tasks that end what the clock ends.
    pub fn start_tasks(&self) {
        sweeper::start(&self.state);
        backchannel_logout::start(&self.state);
    }

    /// Ends tasks and presence connections; agents come back to the next start.
    pub fn stop(&self) {
        self.state.stop();
    }

    /// Closes the database after its running statements.
    pub async fn close(self) {
        self.store.close().await;
    }
}

/// Opens the database that a configuration names.
pub(crate) async fn open_store(url: &DatabaseUrl) -> Result<Store, Error> {
    let url = match url {
        DatabaseUrl::Sqlite(file) => format!("sqlite://{}", file.display()),
        DatabaseUrl::Postgres(url) => url.clone(),
    };
    Store::open(&url)
        .await
        .map_err(|source| Error::DatabaseUnavailable { source })
}
