//! What every handler and task of the running server shares.

use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::HeaderMap;
use cardea_provider::{EndedSession, Provider, RevocationSource};
use cardea_storage::Store;
use tokio::sync::watch;

use crate::administration::Administration;
use crate::backchannel_logout::LogoutSender;
use crate::certificate_reload::ListenerCertificates;
use crate::challenge_list::ChallengeList;
use crate::client_address::{client_address, network_of, site_of};
use crate::client_throttle::ClientThrottle;
use crate::config::{ClientAddress, PresenceConfig, SupportConfig};
use crate::cookie::Cookies;
use crate::endpoint::Endpoints;
use crate::event_push::EventPusher;
use crate::key_rotation::KeyRotation;
use crate::language::Language;
use crate::ledger::LogKeeper;
use crate::metrics::Metrics;
use crate::moment::Moments;
use crate::operations::OperationsToken;
use crate::presence::{Leases, Places, PresenceRegistry};
use crate::problem::Problem;
use crate::rate_limit::{Charge, Counted, RateLimiter};
use crate::readiness::Readiness;
use crate::refusal::Refusal;
use crate::revocation_fetch::RevocationFetcher;
use crate::security_events::EventPolls;
use crate::siem::SiemOutputs;
use crate::suspend_throttle::SuspendThrottle;
use crate::time_zone::PageZone;
use crate::uninterrupted::Running;

/// Shared state; cheap to clone.
#[derive(Clone)]
pub(crate) struct AppState(Arc<Inner>, Option<Arc<AtListener>>);

/// What is different at a listener beside the main one.
#[derive(Clone, Debug)]
pub(crate) struct AtListener {
    /// The origin by which its callers reach it.
    pub(crate) base_url: String,
    /// Where a request's address is read; as at the main listener where absent.
    pub(crate) client_address: Option<ClientAddress>,
}

pub(crate) struct Inner {
    pub(crate) provider: Provider,
    pub(crate) https: bool,
    pub(crate) agent_url: String,
    /// How browsers reach the listener that asks for cards' certificates, where there is one.
    pub(crate) agentless_origin: Option<String>,
    pub(crate) presence_config: PresenceConfig,
    pub(crate) presence: PresenceRegistry,
    pub(crate) presence_leases: Leases,
    pub(crate) presence_places: Places,
    pub(crate) revocation: Arc<RevocationFetcher>,
    pub(crate) logout_sender: Arc<LogoutSender>,
    pub(crate) event_polls: EventPolls,
    pub(crate) event_pusher: Arc<EventPusher>,
    pub(crate) siem: SiemOutputs,
    pub(crate) challenge_list: ChallengeList,
    pub(crate) key_rotation: KeyRotation,
    pub(crate) log_keeper: LogKeeper,
    pub(crate) enrolment: Option<String>,
    /// The discovery document, ready to be sent: it stays as it is until the next start.
    pub(crate) discovery: Bytes,
    pub(crate) rate_limiter: RateLimiter,
    pub(crate) client_throttle: ClientThrottle,
    pub(crate) suspend_throttle: SuspendThrottle,
    pub(crate) client_address: ClientAddress,
    pub(crate) certificates: ListenerCertificates,
    /// Names networks in the database, until this process ends.
    pub(crate) source_names: RandomState,
    pub(crate) store: Store,
    pub(crate) metrics: Metrics,
    pub(crate) readiness: Readiness,
    pub(crate) running: Running,
    pub(crate) backup_dir: Option<PathBuf>,
    /// Whom pages tell people to call.
    pub(crate) support: SupportConfig,
    /// By whose clocks pages write times.
    pub(crate) time_zone: PageZone,
    /// Proxies whose `traceparent` is believed.
    pub(crate) traceparent_from: Vec<IpAddr>,
    pub(crate) administration: Administration,
    pub(crate) operations_token: Option<OperationsToken>,
    /// True once the server is to stop: presence connections then close.
    pub(crate) stopping: watch::Sender<bool>,
}

impl AppState {
    pub(crate) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner), None)
    }

    /// The same state, as it is seen from another listener.
    pub(crate) fn at(&self, listener: AtListener) -> Self {
        Self(Arc::clone(&self.0), Some(Arc::new(listener)))
    }

    /// The origin that callers of this listener have in front of our paths, whatever `Host` says.
    pub(crate) fn base_url(&self) -> &str {
        let own = self.1.as_ref().map(|listener| listener.base_url.as_str());
        own.unwrap_or_else(|| self.origin())
    }

    /// What operators may change without a restart.
    pub(crate) fn administration(&self) -> &Administration {
        &self.0.administration
    }

    /// The log that shows when it was changed.
    pub(crate) fn log_keeper(&self) -> &LogKeeper {
        &self.0.log_keeper
    }

    pub(crate) fn provider(&self) -> &Provider {
        &self.0.provider
    }

    /// The origin of our pages, as browsers send it.
    pub(crate) fn origin(&self) -> &str {
        self.0.provider.issuer().origin().as_str()
    }

    /// Where this issuer's endpoints are.
    pub(crate) fn endpoints(&self) -> Endpoints {
        Endpoints::new(self.0.provider.issuer(), self.0.provider.profile())
    }

    pub(crate) fn is_https(&self) -> bool {
        self.0.https
    }

    pub(crate) fn cookies(&self) -> Cookies {
        Cookies::new(self.0.https)
    }

    pub(crate) fn agent_url(&self) -> &str {
        &self.0.agent_url
    }

    pub(crate) fn agentless_origin(&self) -> Option<&str> {
        self.0.agentless_origin.as_deref()
    }

    pub(crate) fn presence_config(&self) -> PresenceConfig {
        self.0.presence_config
    }

    pub(crate) fn presence(&self) -> &PresenceRegistry {
        &self.0.presence
    }

    pub(crate) fn presence_leases(&self) -> &Leases {
        &self.0.presence_leases
    }

    pub(crate) fn presence_places(&self) -> &Places {
        &self.0.presence_places
    }

    pub(crate) fn revocation(&self) -> &RevocationFetcher {
        &self.0.revocation
    }

    /// The same, as the provider asks for it.
    pub(crate) fn revocation_source(&self) -> Arc<dyn RevocationSource> {
        Arc::clone(&self.0.revocation) as Arc<dyn RevocationSource>
    }

    pub(crate) fn challenge_list(&self) -> &ChallengeList {
        &self.0.challenge_list
    }

    pub(crate) fn key_rotation(&self) -> &KeyRotation {
        &self.0.key_rotation
    }

    /// The signed enrolment document, if this server gives one out.
    pub(crate) fn enrolment(&self) -> Option<&str> {
        self.0.enrolment.as_deref()
    }

    pub(crate) fn discovery(&self) -> &Bytes {
        &self.0.discovery
    }

    /// The address that a request is counted by.
    pub(crate) fn address_of(&self, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
        let own = self.1.as_ref().and_then(|listener| listener.client_address);
        client_address(own.unwrap_or(self.0.client_address), peer, headers)
    }

    /// What the database calls the network that a request comes from: a keyed hash, whose key
    /// nobody has once this process is gone.
    pub(crate) fn source_of(&self, peer: SocketAddr, headers: &HeaderMap) -> String {
        self.source_of_address(self.address_of(peer, headers))
    }

    /// The same for where somebody is as a host says: an address, or what else it calls it.
    pub(crate) fn source_of_remote(&self, remote: &str) -> String {
        match remote.parse() {
            Ok(address) => self.source_of_address(address),
            Err(_) => format!("{:016x}", self.0.source_names.hash_one(remote)),
        }
    }

    fn source_of_address(&self, address: IpAddr) -> String {
        let network = site_of(address).unwrap_or_else(|| network_of(address));
        format!("{:016x}", self.0.source_names.hash_one(network))
    }

    pub(crate) fn client_throttle(&self) -> &ClientThrottle {
        &self.0.client_throttle
    }

    pub(crate) fn suspend_throttle(&self) -> &SuspendThrottle {
        &self.0.suspend_throttle
    }

    /// Counts an event of the request's address, before anything is written for it; none when
    /// there were too many.
    pub(crate) fn charge(
        &self,
        counted: Counted,
        peer: SocketAddr,
        headers: &HeaderMap,
    ) -> Option<Charge<'_>> {
        let address = self.address_of(peer, headers);
        self.0.rate_limiter.charge(counted, address)
    }

    /// Counts a visit of the listener that asks for cards' certificates, by the connection's other
    /// end: TLS ends here, so that no proxy can have written a header.
    pub(crate) fn charge_agentless(&self, peer: SocketAddr) -> Result<(), Refusal> {
        let charge = self.0.rate_limiter.charge(Counted::Agentless, peer.ip());
        charge
            .map(drop)
            .ok_or_else(|| Refusal::page(Problem::TooManyRequests))
    }

    /// Counts a look at a page of a login, which is given back to whoever has that login.
    pub(crate) fn charge_page(
        &self,
        peer: SocketAddr,
        headers: &HeaderMap,
    ) -> Result<Charge<'_>, Refusal> {
        self.charge(Counted::LoginPageRefusal, peer, headers)
            .ok_or_else(|| Refusal::page(Problem::TooManyRequests))
    }

    /// The cookie of the browser that began a login: no other browser goes on with it.
    pub(crate) fn login_cookie(
        &self,
        headers: &HeaderMap,
        request_id: &str,
    ) -> Result<String, Refusal> {
        self.cookies()
            .login(headers, request_id)
            .ok_or_else(|| Refusal::page(Problem::OtherBrowser))
    }

    /// Ends once the server is to stop.
    pub(crate) async fn stopped(&self) {
        // The sender lives in this very state, so that the wait only ends by its word.
        let _ = self
            .0
            .stopping
            .subscribe()
            .wait_for(|stopping| *stopping)
            .await;
    }

    /// Whether the server is to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.0.stopping.borrow()
    }

    /// Tells every long-lived task and connection to end.
    pub(crate) fn stop(&self) {
        self.0.stopping.send_replace(true);
    }

    /// Tells agents at once that sessions are over, and has their clients told.
    pub(crate) fn announce(&self, ended: impl IntoIterator<Item = EndedSession>) {
        let mut any = false;
        for session in ended {
            any = true;
            let reason = session.reason.as_str();
            self.0.presence.end(&session.presence_jkt, reason);
        }
        if any {
            self.0.logout_sender.wake();
        }
    }

    /// The certificates that this server shows, which can be exchanged.
    pub(crate) fn certificates(&self) -> &ListenerCertificates {
        &self.0.certificates
    }

    /// The database, for whoever watches the server; decisions go through the provider.
    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(crate) fn running(&self) -> &Running {
        &self.0.running
    }

    pub(crate) fn readiness(&self) -> &Readiness {
        &self.0.readiness
    }

    /// Where backups are written to.
    pub(crate) fn backup_dir(&self) -> Option<&Path> {
        self.0.backup_dir.as_deref()
    }

    /// Whom pages tell people to call.
    pub(crate) fn support(&self) -> &SupportConfig {
        &self.0.support
    }

    /// By whose clocks pages write times.
    pub(crate) fn time_zone(&self) -> &PageZone {
        &self.0.time_zone
    }

    /// How a reader of pages is told moments.
    pub(crate) fn moments(&self, language: Language) -> Moments {
        Moments::new(language, &self.0.time_zone)
    }

    pub(crate) fn traceparent_from(&self) -> &[IpAddr] {
        &self.0.traceparent_from
    }

    /// The token that `/metrics` asks for, if there is one.
    pub(crate) fn operations_token(&self) -> Option<&OperationsToken> {
        self.0.operations_token.as_ref()
    }

    /// The receivers that wait for events.
    pub(crate) fn event_polls(&self) -> &EventPolls {
        &self.0.event_polls
    }

    /// What pushes security events.
    pub(crate) fn event_pusher(&self) -> &EventPusher {
        &self.0.event_pusher
    }

    /// Outputs of the log's events.
    pub(crate) fn siem(&self) -> &SiemOutputs {
        &self.0.siem
    }

    pub(crate) fn logout_sender(&self) -> &LogoutSender {
        &self.0.logout_sender
    }
}

impl std::fmt::Debug for AppState {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("AppState").finish_non_exhaustive()
    }
}
