//! The configuration read anew, at SIGHUP or an operator's word: clients, trust anchors (those
//! that vouch for clients too), operators, TLS certificates and outputs to a SIEM.
//!
//! Of each kind all is taken or nothing: where the new cannot be used, the old stays, and the log
//! says why. A file that cannot be read as a whole changes nothing at all. What only a start can
//! change is named. Logins go on meanwhile, each by what it began with. Nobody waits for lists of
//! revoked certificates: they are fetched afterwards.

use cardea_provider::{
    Author, CardRulesPlan, ClientCertificateRules, ConfiguredClientsPlan, OperatorsChanged,
};
use serde::Serialize;

use crate::anchor_reload::{self, ConfiguredAnchor};
use crate::certificate_reload::PreparedCertificates;
use crate::client_registration::client_of;
use crate::client_reload::follow_clients;
use crate::config::Config;
use crate::error::Error;
use crate::mtls;
use crate::revocation_fetch::AnchorSettings;
use crate::settings::Settings;
use crate::siem;
use crate::state::AppState;

const OPERATORS: &str = "operators";
const CLIENTS: &str = "clients";
const TRUST_ANCHORS: &str = "trust_anchors";
const CLIENT_TRUST_ANCHORS: &str = "client_trust_anchors";
const CERTIFICATES: &str = "tls_certificates";
const SIEM: &str = "siem";

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
    /// `clients`, `trust_anchors`, `client_trust_anchors`, `tls_certificates`, `siem`, or
    /// `configuration` for all of them.
    pub kind: &'static str,
    /// Stable code.
    pub code: &'static str,
    /// Why, with file and key.
    pub reason: String,
}

/// Who vouches for clients, and where evidence about their certificates is fetched.
type ClientAnchors = (Vec<ClientCertificateRules>, Vec<AnchorSettings>);

/// Everything that was read and judged, before anything is changed.
struct Prepared {
    operators: OperatorsChanged,
    clients: Option<ConfiguredClientsPlan>,
    anchors: Option<(Vec<ConfiguredAnchor>, CardRulesPlan)>,
    client_anchors: Option<ClientAnchors>,
    certificates: Option<PreparedCertificates>,
    siem: Option<siem::Prepared>,
    report: ReloadReport,
}

/// Reads the configuration anew and puts in force what is good.
///
/// # Errors
/// [`Error::ConfigUnreadable`] and [`Error::ConfigInvalid`]: nothing is changed.
pub(crate) async fn reload(state: &AppState, by: Author) -> Result<ReloadReport, Error> {
    let report = replace(state, by).await?;
    follow_clients(state.provider()).await;
    anchor_reload::look_at_cards_again(state).await;
    anchor_reload::fetch_lists(state);
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

/// Reads, judges, puts on record and replaces, alone.
async fn replace(state: &AppState, by: Author) -> Result<ReloadReport, Error> {
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
    let report = prepared.report.clone();
    // On record before it is so: nothing changes without its event.
    let kept = report.kept.iter().map(|kept| kept.kind).collect();
    let replaced = report.replaced.clone();
    let operators = prepared.operators.clone();
    let provider = state.provider();
    let recorded = provider.record_reload(by, replaced, kept, operators).await;
    recorded.map_err(|source| Error::ProviderRefused { source })?;
    swap(state, &config, prepared);
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
    let operators = state.administration().operators_changed(&config.admin);
    if operators.is_some() {
        report.replaced.push(OPERATORS);
    }
    let clients = prepare_clients(state, config).await;
    let clients = report.take(CLIENTS, clients);
    let anchors = prepare_anchors(state, config).await;
    let anchors = report.take(TRUST_ANCHORS, anchors);
    // Without its table there is nobody to vouch for anybody: only the next start takes it away.
    let client_anchors = config.mtls.as_ref().map(|_| mtls::rules_of(config));
    let client_anchors = client_anchors.and_then(|read| report.take(CLIENT_TRUST_ANCHORS, read));
    let certificates = state.certificates().prepare(config);
    let certificates = report.take(CERTIFICATES, certificates);
    let has_outputs = !config.siem.is_empty() || !state.siem().standings().is_empty();
    let siem = has_outputs.then(|| siem::prepare(&config.siem));
    let siem = siem.and_then(|read| report.take(SIEM, read));
    Prepared {
        operators: operators.unwrap_or_default(),
        clients,
        anchors,
        client_anchors,
        certificates,
        siem,
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

/// All that was prepared takes its place. Nothing here waits or fails, so that it is done whole or
/// not at all. For an anchor evidence is fetched before anybody is let in by it: what can be
/// fetched comes first, and a card without evidence is refused.
fn swap(state: &AppState, config: &Config, prepared: Prepared) {
    let (provider, administration) = (state.provider(), state.administration());
    administration.replace_admin(&config.admin);
    if let Some(certificates) = prepared.certificates {
        certificates.swap();
    }
    if let Some(outputs) = prepared.siem {
        siem::replace(state, outputs);
    }
    if let Some((rules, anchors)) = prepared.client_anchors {
        let old = administration.replace_client_anchors(anchors.clone());
        state.revocation().exchange_anchors(&old, anchors);
        provider.replace_client_certificate_rules(rules, state.revocation_source());
    }
    if let Some((configured, plan)) = prepared.anchors {
        anchor_reload::install(state, &configured, plan);
        administration.replace_configured_anchors(configured);
    }
    if let Some(plan) = prepared.clients {
        provider.install_configured_clients(plan);
    }
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
