//! What this server counts, and what it is asked for at a scrape: the numbers behind `/metrics`.
//!
//! Decisions are counted from the typed events, once they are durable, so that no decision can be
//! forgotten here; requests are counted where they are logged. Labels are words of this program:
//! codes, routes' patterns, kinds of grants. No client, person, address or token ever stands in
//! one, so that the number of series is bounded by program and configuration, not by callers.

mod backup;
mod collected;
mod exposition;
mod labels;
mod process;

use std::sync::LazyLock;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use cardea_pki::revocation::SourceKind;
use cardea_provider::event::{Event, EventKind};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use crate::problem::Problem;

pub(crate) use self::exposition::{CONTENT_TYPE, expose};
use self::labels::{
    CodeLabel, EvidenceLabels, GrantLabel, LoginLabels, NameLabel, OutcomeLabel, ReasonLabel,
    RefusalLabels, RequestLabels, ResponderLabels,
};

/// From a quarter of a millisecond to the request's own end.
const REQUEST_SECONDS: [f64; 14] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 45.0,
];
/// A commit is one wait for the disk.
const COMMIT_SECONDS: [f64; 11] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5,
];

/// All stores of this process: the database's driver has one observer.
static COMMITS: LazyLock<Histogram> = LazyLock::new(|| Histogram::new(COMMIT_SECONDS));

type RequestTimes = Family<RequestLabels, Histogram, fn() -> Histogram>;

/// What is counted as it happens; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    events: Family<NameLabel, Counter>,
    refusals: Family<RefusalLabels, Counter>,
    answers_refused: Family<CodeLabel, Counter>,
    logins: Family<LoginLabels, Counter>,
    sessions_ended: Family<ReasonLabel, Counter>,
    tokens: Family<GrantLabel, Counter>,
    logouts: Family<OutcomeLabel, Counter>,
    evidence: Family<EvidenceLabels, Counter>,
    requests: RequestTimes,
}

/// How responders answered; counted where they are asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct OcspOutcomes(Family<ResponderLabels, Counter>);

impl Default for Metrics {
    /// Whatever a rule of docs/alerts.yml looks at is there from the start: of a series that begins
    /// with its first event, `increase` and `rate` do not see that event.
    fn default() -> Self {
        let metrics = Self {
            events: Family::default(),
            refusals: Family::default(),
            answers_refused: Family::default(),
            logins: Family::default(),
            sessions_ended: Family::default(),
            tokens: Family::default(),
            logouts: Family::default(),
            evidence: Family::default(),
            requests: Family::new_with_constructor(request_times),
        };
        metrics.begin_at_zero();
        metrics
    }
}

fn request_times() -> Histogram {
    Histogram::new(REQUEST_SECONDS)
}

/// Has the times of all commits of this process counted.
pub(crate) fn watch_commits() {
    cardea_storage::observe_commits(|took: Duration| COMMITS.observe(took.as_secs_f64()));
}

impl Metrics {
    /// Counts a decision, on record or only noted.
    pub(crate) fn count(&self, event: &Event) {
        let kind = &event.kind;
        let name = kind.name();
        increase(&self.events, &NameLabel { event: name });
        match kind {
            EventKind::SessionEnded { reason, .. } => {
                increase(&self.sessions_ended, &ReasonLabel { reason });
            }
            EventKind::TokensIssued { grant_type, .. } => {
                let grant_type = grant_type.as_str();
                increase(&self.tokens, &GrantLabel { grant_type });
            }
            EventKind::LogoutDelivered { .. } => self.count_logout("delivered"),
            EventKind::LogoutUndelivered { .. } => self.count_logout("undelivered"),
            EventKind::LoginAccepted { acr, .. } => self.count_login("login", "accepted", acr),
            EventKind::CardGrantAccepted { acr, .. } => {
                self.count_login("card_grant", "accepted", acr);
            }
            EventKind::AgentlessLoginAccepted { acr, .. } => {
                self.count_login("agentless", "accepted", acr);
            }
            EventKind::LoginRefused { .. } => self.count_login("login", "refused", ""),
            EventKind::CardGrantRefused { .. } => self.count_login("card_grant", "refused", ""),
            EventKind::LoginCancelled {} => self.count_login("login", "cancelled", ""),
            _ => {}
        }
        if let Some(used) = kind.revocation() {
            let is_stale = used.stale_by_seconds > 0;
            let state = if is_stale { "grace" } else { "current" };
            let source = used.source;
            increase(&self.evidence, &EvidenceLabels { source, state });
        }
        if let (false, Some(code)) = (matches!(kind, EventKind::SessionEnded { .. }), kind.code()) {
            increase(&self.refusals, &RefusalLabels { event: name, code });
        }
    }

    /// Counts an answer: its time under the route's pattern, and the code of a refusal.
    pub(crate) fn observe_request(
        &self,
        method: &Method,
        route: &str,
        status: StatusCode,
        refused: Option<&'static str>,
        took: Duration,
    ) {
        let labels = RequestLabels::new(method, route, status);
        let times = self.requests.get_or_create(&labels);
        times.observe(took.as_secs_f64());
        if let Some(code) = refused {
            increase(&self.answers_refused, &CodeLabel { code });
        }
    }

    fn begin_at_zero(&self) {
        for outcome in ["delivered", "undelivered"] {
            begin(&self.logouts, &OutcomeLabel { outcome });
        }
        for source in [SourceKind::Crl, SourceKind::Ocsp] {
            let source = source.as_str();
            for state in ["current", "grace"] {
                begin(&self.evidence, &EvidenceLabels { source, state });
            }
        }
        for way in ["login", "card_grant"] {
            let (outcome, acr) = ("refused", "");
            begin(&self.logins, &LoginLabels { way, outcome, acr });
        }
        for event in [
            "account.not_me",
            "event_push.dropped",
            "event_push.refused",
            "event_push.undelivered",
            "guard.account_stopped",
            "guard.session_stopped",
            "step_up.asked",
            "step_up.given",
            "step_up.declined",
            "step_up.refused",
        ] {
            begin(&self.events, &NameLabel { event });
        }
        for problem in Problem::ALL {
            let code = problem.code();
            begin(&self.answers_refused, &CodeLabel { code });
        }
    }

    fn count_logout(&self, outcome: &'static str) {
        increase(&self.logouts, &OutcomeLabel { outcome });
    }

    fn count_login(&self, way: &'static str, outcome: &'static str, acr: &'static str) {
        let labels = LoginLabels { way, outcome, acr };
        increase(&self.logins, &labels);
    }
}

impl OcspOutcomes {
    /// What may come of asking one.
    const ALL: [&str; 5] = ["answered", "failed", "no_place", "paused", "refused"];

    /// A responder that will be asked, with nothing come of it yet.
    pub(crate) fn begin(&self, host: &str) {
        for outcome in Self::ALL {
            let host = host.to_owned();
            begin(&self.0, &ResponderLabels { host, outcome });
        }
    }

    /// Counts how a responder at one of the configured hosts answered.
    pub(crate) fn count(&self, host: &str, outcome: &'static str) {
        let host = host.to_owned();
        increase(&self.0, &ResponderLabels { host, outcome });
    }
}

fn increase<L>(family: &Family<L, Counter>, labels: &L)
where
    L: Clone + std::hash::Hash + Eq,
{
    family.get_or_create(labels).inc();
}

fn begin<L>(family: &Family<L, Counter>, labels: &L)
where
    L: Clone + std::hash::Hash + Eq,
{
    let _ = family.get_or_create(labels);
}

#[cfg(test)]
mod tests;
