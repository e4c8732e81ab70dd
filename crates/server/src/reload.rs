//! The configuration read anew, at SIGHUP or an operator's word: clients, trust anchors, operators
//! and TLS certificates.
//!
//! Of each kind all is taken or nothing: where the new cannot be used, the old stays, and the log
//! says why. A file that cannot be read as a whole changes nothing at all. What only a start can
//! change is named. Logins go on meanwhile, each by what it began with.

use cardea_provider::{Author, CardRulesPlan, ConfiguredClientsPlan};
use serde::Serialize;

use crate::anchor_reload::{self, ConfiguredAnchor};
use crate::certificate_reload::PreparedCertificates;
use crate::client_registration::client_of;
use crate::client_reload::follow_clients;
use crate::config::Config;
use crate::error::Error;
use crate::settings::Settings;
use crate::state::AppState;

const CLIENTS: &str = "clients";
const TRUST_ANCHORS: &str = "trust_anchors";
const CERTIFICATES: &str = "tls_certificates";

/// What a reload has brought about.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ReloadReport {
    /// The kinds that are as the files say now.
    pub replaced: Vec<&'static str>,
    /// The kinds that stay as they were.
    pub kept: Vec<KeptKind>,
    /// Settings that differ from those of the start and wait for the next.
    pub needs_restart: Vec<&'static str>,
}

/// Something that stays as it was, because the new cannot be used.
#[derive(Clone, Debug, Serialize)]
pub struct KeptKind {
    /// `clients`, `trust_anchors`, `tls_certificates`, or `configuration` for all of them.
    pub kind: &'static str,
    /// Stable code.
    pub code: &'static str,
    /// Why, with file and key.
    pub reason: String,
}

/// Everything that was read and judged, before anything is changed.
struct Prepared {
    clients: Option<ConfiguredClientsPlan>,
    anchors: Option<(Vec<ConfiguredAnchor>, CardRulesPlan)>,
    certificates: Option<PreparedCertificates>,
    report: ReloadReport,
}

/// Reads the configuration anew and puts in force what is good.
///
/// # Errors
/// [`Error::ConfigUnreadable`] and [`Error::ConfigInvalid`]: nothing is changed.
pub(crate) async fn reload(state: &AppState, by: Author) -> Result<ReloadReport, Error> {
    let administration = state.administration();
    let _alone = administration.alone().await;
    let file = administration.config_file().to_owned();
    let config = tokio::task::spawn_blocking(move || Config::load(&file)).await;
    let config = config.unwrap_or_else(|_| Err(Error::ReloadAbandoned));
    let config = match config {
        Ok(config) => config,
        Err(error) => {
            refused("configuration", error.code(), &chain(&error));
            return Err(error);
        }
    };
    let prepared = prepare(state, &config).await;
    let mut report = prepared.report.clone();
    // On record before it is so: nothing changes without its event.
    let kept = report.kept.iter().map(|kept| kept.kind).collect();
    let replaced = report.replaced.clone();
    let recorded = state.provider().record_reload(by, replaced, kept).await;
    recorded.map_err(|source| Error::ProviderRefused { source })?;
    install(state, &config, prepared, &mut report).await;
    if !report.needs_restart.is_empty() {
        tracing::warn!(
            settings = report.needs_restart.join(" "),
            code = "server.reload_needs_restart",
            "settings have changed that only the next start can take"
        );
    }
    tracing::info!(replaced = report.replaced.join(" "), "read anew");
    Ok(report)
}

async fn prepare(state: &AppState, config: &Config) -> Prepared {
    let mut report = ReloadReport {
        needs_restart: state
            .administration()
            .settings()
            .differing(&Settings::of(config)),
        ..ReloadReport::default()
    };
    let clients = prepare_clients(state, config).await;
    let clients = report.take(CLIENTS, clients);
    let anchors = prepare_anchors(state, config).await;
    let anchors = report.take(TRUST_ANCHORS, anchors);
    let certificates = state.certificates().prepare(config);
    let certificates = report.take(CERTIFICATES, certificates);
    Prepared {
        clients,
        anchors,
        certificates,
        report,
    }
}

async fn prepare_clients(
    state: &AppState,
    config: &Config,
) -> Result<ConfiguredClientsPlan, Error> {
    let refused = |source| Error::ProviderRefused { source };
    let rules = state.provider().rules();
    let mut clients = Vec::new();
    for client in &config.client {
        clients.push(client_of(client, rules).map_err(refused)?);
    }
    let plan = state.provider().plan_configured_clients(clients).await;
    plan.map_err(refused)
}

async fn prepare_anchors(
    state: &AppState,
    config: &Config,
) -> Result<(Vec<ConfiguredAnchor>, CardRulesPlan), Error> {
    let configured = anchor_reload::read_configured(&config.trust_anchor)?;
    let plan = anchor_reload::plan(state.provider(), &configured).await;
    let plan = plan.map_err(|source| Error::ProviderRefused { source })?;
    Ok((configured, plan))
}

async fn install(state: &AppState, config: &Config, prepared: Prepared, report: &mut ReloadReport) {
    let provider = state.provider();
    if let Some(plan) = prepared.clients {
        provider.install_configured_clients(plan);
        follow_clients(provider).await;
    }
    if let Some((configured, plan)) = prepared.anchors {
        match anchor_reload::install(state, &configured, plan).await {
            Ok(()) => state
                .administration()
                .replace_configured_anchors(configured),
            Err(source) => {
                report.replaced.retain(|kind| *kind != TRUST_ANCHORS);
                report.keep(TRUST_ANCHORS, &Error::ProviderRefused { source });
            }
        }
        state.revocation().refresh_lists().await;
    }
    if let Some(certificates) = prepared.certificates {
        certificates.swap();
    }
    state.administration().replace_admin(&config.admin);
}

impl ReloadReport {
    fn take<T>(&mut self, kind: &'static str, outcome: Result<T, Error>) -> Option<T> {
        match outcome {
            Ok(taken) => {
                self.replaced.push(kind);
                Some(taken)
            }
            Err(error) => {
                self.keep(kind, &error);
                None
            }
        }
    }

    fn keep(&mut self, kind: &'static str, error: &Error) {
        let reason = chain(error);
        refused(kind, error.code(), &reason);
        self.kept.push(KeptKind {
            kind,
            code: error.code(),
            reason,
        });
    }
}

fn refused(kind: &'static str, cause: &'static str, reason: &str) {
    tracing::error!(
        kind,
        cause,
        reason,
        code = "server.reload_refused",
        "the new cannot be used: the old stays"
    );
}

/// An error with its causes, in one line.
fn chain(error: &Error) -> String {
    let first: &dyn std::error::Error = error;
    let causes = std::iter::successors(Some(first), |error| error.source());
    let texts: Vec<_> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}
