//! The numbers as OpenMetrics text.

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::collected::collect;
use super::{COMMITS, Metrics};
use crate::state::AppState;

/// OpenMetrics 1.0, which Prometheus reads by this name.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All numbers at this moment.
///
/// # Errors
/// Never in practice: a text grows as far as there is memory.
pub(crate) async fn expose(state: &AppState) -> Result<String, std::fmt::Error> {
    let mut registry = Registry::with_prefix("cardea");
    state.metrics().register(&mut registry);
    let help = "How responders answered, by host";
    registry.register(
        "ocsp_requests",
        help,
        state.revocation().ocsp_outcomes().0.clone(),
    );
    collect(&mut registry, state).await;
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

impl Metrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Decisions, by their kind";
        registry.register("events", help, self.events.clone());
        let help = "Refusals, by decision and precise code";
        registry.register("refusals", help, self.refusals.clone());
        let help = "Answers that refused, by precise code";
        registry.register("answers_refused", help, self.answers_refused.clone());
        let help = "Logins and card grants, by outcome and level reached";
        registry.register("logins", help, self.logins.clone());
        let help = "Sessions that ended, by reason";
        registry.register("sessions_ended", help, self.sessions_ended.clone());
        let help = "Grants that were turned into tokens, by kind";
        registry.register("tokens_issued", help, self.tokens.clone());
        let help = "Portals that were told that a session is over, or never will be";
        registry.register("logout_deliveries", help, self.logouts.clone());
        let help = "What said that accepted cards are not revoked, current or within the grace";
        registry.register("revocation_evidence", help, self.evidence.clone());
        let help = "Time to answer, by the route's pattern";
        registry.register("http_request_duration_seconds", help, self.requests.clone());
        let help = "Time of a transaction's commit";
        registry.register("database_commit_seconds", help, COMMITS.clone());
    }
}
