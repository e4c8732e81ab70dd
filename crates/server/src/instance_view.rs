//! A workstation as operators see it, by command and through the admin API.

use cardea_provider::InstanceReport;
use serde::Serialize;
use time::OffsetDateTime;

/// Workstations that operators have decided about, and those that people have used.
#[derive(Debug, Serialize)]
pub(crate) struct InstanceList {
    /// The one that was used last first.
    pub(crate) instances: Vec<InstanceView>,
}

/// One workstation.
#[derive(Debug, Serialize)]
pub(crate) struct InstanceView {
    /// The thumbprint of its key.
    pub(crate) instance_jkt: String,
    /// `managed` or `revoked`, where an operator has decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) standing: Option<&'static str>,
    /// What the operator calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// The operator's note.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
    /// When that was decided.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) decided_at: Option<OffsetDateTime>,
    /// What it calls itself, which proves nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) own_name: Option<String>,
    /// How many people have used it.
    pub(crate) people: i64,
    /// The first use.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) first_seen_at: Option<OffsetDateTime>,
    /// The last use.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) last_seen_at: Option<OffsetDateTime>,
}

impl From<InstanceReport> for InstanceView {
    fn from(report: InstanceReport) -> Self {
        let decision = report.decision;
        let (first_seen_at, last_seen_at) = report.seen_at.unzip();
        Self {
            instance_jkt: report.instance_jkt,
            standing: decision.as_ref().map(|it| it.standing.as_str()),
            decided_at: decision.as_ref().map(|it| it.decided_at),
            name: decision.as_ref().and_then(|it| it.name.clone()),
            note: decision.and_then(|it| it.note),
            own_name: report.own_name,
            people: report.people,
            first_seen_at,
            last_seen_at,
        }
    }
}

impl From<Vec<InstanceReport>> for InstanceList {
    fn from(reports: Vec<InstanceReport>) -> Self {
        Self {
            instances: reports.into_iter().map(InstanceView::from).collect(),
        }
    }
}
