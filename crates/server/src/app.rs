//! The server put together from its configuration.

use std::hash::RandomState;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use cardea_ledger::LogSigner;
use cardea_oauth2_types::ProviderMetadata;
use cardea_provider::{Author, Provider, RevocationSource};
use cardea_storage::Store;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::administration::Administration;
use crate::agentless;
use crate::anchor_reload;
use crate::backchannel_logout::{self, LogoutSender};
use crate::certificate_reload::{ListenerCertificates, ListenerKind};
use crate::challenge_list;
use crate::client_reload::load_clients;
use crate::client_throttle::ClientThrottle;
use crate::clock::SystemClock;
use crate::config::{ClientAddress, Config, DatabaseUrl, WitnessPolicy};
use crate::error::Error;
use crate::event_log::LoggedEvents;
use crate::event_push::{self, EventPusher};
use crate::handler::discovery::{in_json, metadata_of, with_mtls};
use crate::handler::register::REGISTRATION_PATH;
use crate::http_client::HttpClient;
use crate::key_rotation::{self, KeyRotation};
use crate::ledger::cosigning::Cosigning;
use crate::ledger::last_signed::LastSignedFile;
use crate::ledger::{self, LogKeeper, LogSettings};
use crate::listener::Listener;
use crate::metrics::{self, Metrics};
use crate::mtls;
use crate::operations::{OperationsToken, operations_router};
use crate::presence::{self, Leases, Places, PresenceRegistry};
use crate::provider_config;
use crate::rate_limit::RateLimiter;
use crate::readiness::Readiness;
use crate::reload::{ReloadReport, reload};
use crate::revocation_fetch::{AnchorSettings, RevocationFetcher};
use crate::router::router;
use crate::security_events::{self, EventPolls};
use crate::server_keys::ServerKeys;
use crate::siem::{self, SiemOutputs};
use crate::state::{AppState, Inner};
use crate::suspend_throttle::SuspendThrottle;
use crate::sweeper;
use crate::uninterrupted::Running;

/// How long agents may take to hear that they are to come back.
const AGENTS_TIME: Duration = Duration::from_secs(3);
/// How long requests may take that nobody waits for any more.
const REQUESTS_TIME: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(10);

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
        let configured = anchor_reload::read_configured(&config.trust_anchor)?;
        let (provider_config, anchors) = provider_config::build(config, &configured)?;
        let weakest_acr = provider_config.user_verification.weakest_acr();
        let http = HttpClient::made_when_needed();
        let store = open_store(&config.database.url).await?;
        keys.challenge_list.remember_in(&store).await?;
        let metrics = Metrics::default();
        let events = Arc::new(LoggedEvents::counted_by(metrics.clone()));
        let key_rotation =
            KeyRotation::start(&config.keys, store.clone(), Arc::clone(&events) as _).await?;
        let (token_keys, ahead) = key_rotation.current().await?;
        let provider_keys = keys.provider_keys(token_keys)?;
        provider_keys.set_ahead(ahead);
        let provider = Provider::new(
            provider_config,
            provider_keys,
            store.clone(),
            Arc::clone(&events) as _,
            Arc::new(SystemClock),
        )
        .map_err(|source| Error::ProviderRefused { source })?;
        let signer = provider.log_signer().clone();
        let log_keeper = log_keeper(config, &store, (&key_rotation, &http), &events, signer);
        read_database(&provider, config).await?;
        let metadata = announced(config, metadata_of(&provider, weakest_acr), &provider);
        let (revocation, client_anchors) = revocation_of(config, &provider, anchors, &http)?;
        let state = AppState::new(Inner {
            provider,
            https: config.issuer.is_https(),
            agent_url: config.agent_url.as_str().to_owned(),
            agentless_origin: config.agentless().map(|it| it.origin().to_owned()),
            presence_config: config.presence,
            presence: PresenceRegistry::default(),
            presence_leases: Leases::default(),
            presence_places: Places::new(&config.presence),
            revocation,
            event_pusher: EventPusher::new(http.clone()),
            siem: SiemOutputs::new(&config.siem)?,
            logout_sender: LogoutSender::new(http),
            event_polls: EventPolls::default(),
            challenge_list: keys.challenge_list,
            key_rotation,
            log_keeper,
            enrolment: keys.enrolment,
            discovery: in_json(&metadata),
            rate_limiter: RateLimiter::new(config.limits),
            client_throttle: ClientThrottle::default(),
            suspend_throttle: SuspendThrottle::default(),
            client_address: config.limits.client_address.unwrap_or_default(),
            source_names: RandomState::new(),
            certificates: ListenerCertificates::load(config)?,
            store: store.clone(),
            metrics,
            readiness: Readiness::default(),
            running: Running::default(),
            backup_dir: config.operations.backup_dir.clone(),
            support: config.support.clone(),
            time_zone: config.pages.time_zone.clone(),
            traceparent_from: config.telemetry.traceparent_from.clone(),
            administration: Administration::new(config, configured, client_anchors),
            operations_token: OperationsToken::load(&config.operations)?,
            stopping: watch::Sender::new(false),
        });
        catch_up(&state).await?;
        Ok(Self { state, store })
    }

    /// Reads the configuration anew and puts in force what is good; the log says what was not.
    ///
    /// # Errors
    /// [`Error::ConfigUnreadable`] and [`Error::ConfigInvalid`]: nothing is changed.
    pub async fn reload(&self) -> Result<ReloadReport, Error> {
        let file = self.state.administration().config_file();
        let by = Author::Configuration {
            file: file.display().to_string(),
        };
        reload(&self.state, by).await
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
        let mut listeners = vec![Listener::bind(config.listen, main, self.router())?];
        if let Some(mtls) = &config.mtls {
            let tls = certificates.of(ListenerKind::Mtls);
            let router = mtls::router(&self.state, mtls);
            let listener = Listener::bind(mtls.listen, tls, router)?;
            let counted_by = match &mtls.proxy {
                None => Some(ClientAddress::Peer),
                Some(proxy) => proxy.client_address,
            };
            listeners.push(match counted_by {
                Some(ClientAddress::Peer) => listener.for_callers_themselves(&config.limits),
                Some(ClientAddress::XForwardedFor) => listener.for_a_proxy(),
                None => listener,
            });
        }
        if let Some(agentless) = config.agentless() {
            // Without TLS there would be no certificate: the configuration's checks see to it.
            let tls = certificates.of(ListenerKind::Agentless);
            let router = agentless::router(self.state.clone());
            listeners.push(Listener::bind(agentless.listen, tls, router)?);
        }
        Ok(listeners)
    }

    /// Opens the listener for operators' programs, where one is configured. It stops last.
    ///
    /// # Errors
    /// [`Error::ListenFailed`].
    pub(crate) fn listen_for_operators(&self, config: &Config) -> Result<Option<Listener>, Error> {
        let bind = |address| Listener::bind(address, None, operations_router(self.state.clone()));
        config.operations.listen.map(bind).transpose()
    }

    /// Not ready from now on: the first part of a stop.
    pub(crate) fn begin_stop(&self) {
        self.state.readiness().begin_stop();
    }

    /// Starts the tasks that end what the clock ends.
    pub fn start_tasks(&self) {
        metrics::watch_commits();
        sweeper::start(&self.state);
        backchannel_logout::start(&self.state);
        event_push::start(&self.state);
        siem::start(&self.state);
        security_events::start(&self.state);
        presence::start_step_ups(&self.state);
        presence::start_notices(&self.state);
        key_rotation::start(&self.state);
        challenge_list::start(&self.state);
        ledger::start(&self.state);
    }

    /// Ends tasks and presence connections; agents come back to the next start.
    pub fn stop(&self) {
        self.state.stop();
    }

    /// The last part of a stop, when no request runs any more: presence connections close, what is
    /// in memory alone goes into the database, and that closes.
    pub(crate) async fn finish(&self) {
        self.state.stop();
        let until = Instant::now() + AGENTS_TIME;
        while self.state.presence().count() > 0 && Instant::now() < until {
            sleep(LOOK).await;
        }
        self.state.running().end(REQUESTS_TIME).await;
        sweeper::write_rest(&self.state).await;
        self.state.log_keeper().finish().await;
        self.store.close().await;
    }

    /// Waits for a failure of the database that only a new start can mend.
    pub(crate) async fn failure(&self) -> cardea_storage::Error {
        self.store.failure().await
    }

    /// Whether there was one.
    pub(crate) fn has_failed(&self) -> bool {
        self.store.has_failed()
    }

    /// Closes the database after its running statements.
    pub async fn close(self) {
        self.store.close().await;
    }
}

/// What fetches revocation lists, for cards and for the certificates of clients: their rules are in
/// force from now on, and their anchors are given back.
fn revocation_of(
    config: &Config,
    provider: &Provider,
    mut anchors: Vec<AnchorSettings>,
    http: &HttpClient,
) -> Result<(Arc<RevocationFetcher>, Vec<AnchorSettings>), Error> {
    let (client_rules, client_anchors) = mtls::rules_of(config)?;
    anchors.extend(client_anchors.iter().cloned());
    let dir = Some(config.revocation.dir.as_path());
    let fetcher = RevocationFetcher::new(http.clone(), Arc::new(SystemClock), anchors, dir);
    let revocation = Arc::new(fetcher);
    let source = Arc::clone(&revocation) as Arc<dyn RevocationSource>;
    provider.replace_client_certificate_rules(client_rules, source);
    Ok((revocation, client_anchors))
}

/// The keeper of the database's log, under the name that the configuration gives it.
fn log_keeper(
    config: &Config,
    store: &Store,
    (key_rotation, http): (&KeyRotation, &HttpClient),
    events: &Arc<LoggedEvents>,
    signer: LogSigner,
) -> LogKeeper {
    let ledger = &config.ledger;
    let is_waived = ledger.witness_policy == WitnessPolicy::Waived;
    let settings = LogSettings {
        origin: ledger.origin(&config.issuer),
        last_signed: ledger
            .last_signed_file(&config.database.url)
            .map(LastSignedFile::new),
        checkpoint_seconds: ledger.checkpoint_seconds,
        restore_records: ledger.restore_records.clone(),
        cosigning: Cosigning::new(http.clone(), ledger, is_waived),
        signer,
        committed: events.committed().clone(),
    };
    let vault = Arc::clone(key_rotation.vault());
    LogKeeper::new(store.clone(), vault, Arc::clone(events) as _, settings)
}

/// The discovery document with what the configuration has on beside the provider.
fn announced(
    config: &Config,
    mut metadata: ProviderMetadata,
    provider: &Provider,
) -> ProviderMetadata {
    if config.registration.enabled {
        let issuer = provider.issuer().as_str();
        metadata.registration_endpoint = Some(format!("{issuer}{REGISTRATION_PATH}"));
    }
    let Some(mtls) = &config.mtls else {
        return metadata;
    };
    provider.accept_audiences_at(mtls.url.as_str());
    with_mtls(metadata, mtls::aliases(provider, mtls))
}

/// Reads what stands in the database before the first request: its clients, and whether it was
/// restored.
async fn read_database(provider: &Provider, config: &Config) -> Result<(), Error> {
    load_clients(provider, &config.client).await?;
    let refused = |source| Error::ProviderRefused { source };
    provider.load_restore_epoch().await.map_err(refused)
}

/// Takes up what stands in the database before the first request, so that no card of an added
/// anchor is refused.
async fn catch_up(state: &AppState) -> Result<(), Error> {
    anchor_reload::follow_anchors(state).await;
    state.log_keeper().open().await;
    event_push::follow(state).await;
    state.readiness().note_durability(state.store()).await
}

/// Opens the database that a configuration names.
pub(crate) async fn open_store(url: &DatabaseUrl) -> Result<Store, Error> {
    Store::open(&url.to_url())
        .await
        .map_err(|source| Error::DatabaseUnavailable { source })
}
