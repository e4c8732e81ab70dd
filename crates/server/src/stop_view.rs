//! A stopped account as operators see it, by command and through the admin API.

use cardea_storage::account_stop::AccountStop;
use serde::Serialize;
use time::OffsetDateTime;

/// The accounts that are stopped.
#[derive(Debug, Serialize)]
pub(crate) struct StopList {
    /// The newest first.
    pub(crate) stops: Vec<StopView>,
}

/// One of them.
#[derive(Debug, Serialize)]
pub(crate) struct StopView {
    /// Its name in events and commands.
    pub(crate) id: String,
    /// Whose account it is, by her name at this server; none for a service's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub: Option<String>,
    /// What the tokens, and so the guard, call it.
    pub(crate) subject: String,
    /// The portal whose tokens it was.
    pub(crate) client_id: String,
    /// The service, in the guard's words.
    pub(crate) service: String,
    /// The guard, as a client.
    pub(crate) guard: String,
    /// Since when.
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) stopped_at: OffsetDateTime,
    /// When it was lifted.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) lifted_at: Option<OffsetDateTime>,
    /// Why: codes, what was counted, and what it was held against.
    pub(crate) reasons: serde_json::Value,
}

impl From<AccountStop> for StopView {
    fn from(stop: AccountStop) -> Self {
        Self {
            reasons: serde_json::from_str(&stop.reasons).unwrap_or_default(),
            id: stop.id,
            sub: stop.sub,
            subject: stop.subject,
            client_id: stop.client_id,
            service: stop.service,
            guard: stop.guard_client_id,
            stopped_at: stop.stopped_at,
            lifted_at: stop.lifted_at,
        }
    }
}

impl StopView {
    /// The reasons with their numbers, in a few words.
    pub(crate) fn why(&self) -> String {
        let list = self.reasons.as_array().into_iter().flatten();
        let reasons = list.filter_map(|it| {
            let code = it.get("code")?.as_str()?;
            let number = |name: &str| it.get(name).and_then(serde_json::Value::as_u64);
            Some(match (number("count"), number("limit")) {
                (Some(count), Some(limit)) => format!("{code} {count}/{limit}"),
                _ => code.to_owned(),
            })
        });
        reasons.collect::<Vec<_>>().join(", ")
    }
}
