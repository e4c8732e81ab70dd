//! One batch over HTTP, and what the issuer says of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, StatusCode, header};
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use crate::clock::Clock;
use crate::http_client::exchange;
use crate::introspection::ClientCredentials;
use crate::jwks_source::endpoint;
use crate::{AccessError, Error, SpooledRecord};

/// The issuer's path for reports, the same in all its profiles.
const PATH: &str = "/guard/reports";
/// A batch has a transaction of some ten milliseconds; more is a broken line.
const POST_TIME: Duration = Duration::from_secs(15);
/// Two hundred ids with a code each have half of it.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
const CODE_BYTES_MAX: usize = 64;
/// The one refusal of a whole batch that comes from what the reports say.
const INVALID: &str = "provider.guard_reports_invalid";
const TOO_LARGE: &str = "server.body_too_large";

/// Where reports go, and in whose name.
pub(super) struct Issuer {
    pub(super) http: Client,
    pub(super) url: Url,
    pub(super) issuer: String,
    pub(super) credentials: ClientCredentials,
    pub(super) clock: Arc<dyn Clock>,
}

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Posted {
    /// It is on record, but for these reports that never will be; each with the code.
    Taken(BTreeMap<String, String>),
    /// None of it, because of what is in it.
    Invalid(String),
}

#[derive(Deserialize)]
struct Taken {
    /// Unused, but an answer without it is not the issuer's.
    #[serde(rename = "accepted")]
    _accepted: usize,
    refused: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Refused {
    error_uri: String,
}

/// Where an issuer takes reports.
pub(super) fn address(issuer: &str) -> Result<Url, AccessError> {
    endpoint(&format!("{}{PATH}", issuer.trim_end_matches('/')))
}

impl Issuer {
    /// Posts records. The order in which they stand in the batch is the issuer's order, too.
    ///
    /// # Errors
    /// [`Error::ReportsNotDelivered`]: nobody knows whether they arrived, and they have to come
    /// again.
    pub(super) async fn post(&self, records: &[SpooledRecord]) -> Result<Posted, Error> {
        let reports = records.iter().map(report).collect::<Option<Vec<_>>>();
        let Some(reports) = reports else {
            return Ok(Posted::Invalid(INVALID.to_owned()));
        };
        let mut body = Map::new();
        body.insert("reports".to_owned(), reports.into());
        let now = self.clock.unix_seconds();
        for (name, value) in self.credentials.form(&self.issuer, now)? {
            body.insert(name.to_owned(), value.into());
        }
        let mut request = self.http.post(self.url.clone()).json(&body);
        if let Some(basic) = self.credentials.basic() {
            request = request.header(header::AUTHORIZATION, basic);
        }
        let answer = exchange(request, POST_TIME, ANSWER_BYTES_MAX).await;
        let answer = answer.map_err(|error| not_delivered(None, error.to_string()))?;
        read(answer.status, &answer.body)
    }
}

/// A record with its id; none where it is no report at all.
fn report(spooled: &SpooledRecord) -> Option<Value> {
    let mut members: Map<String, Value> = serde_json::from_slice(&spooled.record).ok()?;
    members.insert("event_id".to_owned(), spooled.event_id.clone().into());
    Some(members.into())
}

fn read(status: StatusCode, body: &[u8]) -> Result<Posted, Error> {
    if status == StatusCode::OK {
        let taken: Result<Taken, _> = serde_json::from_slice(body);
        let taken =
            taken.map_err(|_| not_delivered(Some(status), "no answer of an issuer".to_owned()));
        return Ok(Posted::Taken(taken?.refused));
    }
    let refused: Option<Refused> = serde_json::from_slice(body).ok();
    let code = refused
        .as_ref()
        .and_then(|it| it.error_uri.rsplit('/').next());
    let code = code.filter(|it| is_code(it)).unwrap_or_default();
    if [INVALID, TOO_LARGE].contains(&code) {
        return Ok(Posted::Invalid(code.to_owned()));
    }
    Err(not_delivered(Some(status), format!("{status} {code}")))
}

/// What another says goes into our log as a code or not at all.
pub(super) fn is_code(text: &str) -> bool {
    let is_plain = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || b"._".contains(&it);
    text.len() <= CODE_BYTES_MAX && text.bytes().all(is_plain)
}

fn not_delivered(status: Option<StatusCode>, reason: String) -> Error {
    Error::ReportsNotDelivered {
        status: status.map(|it| it.as_u16()),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use serde_json::json;

    use super::{Posted, address, read};

    #[test]
    fn reports_go_below_the_issuer() {
        for (issuer, url) in [
            (
                "https://id.example.fr",
                "https://id.example.fr/guard/reports",
            ),
            (
                "https://id.example.fr/a/",
                "https://id.example.fr/a/guard/reports",
            ),
        ] {
            assert_eq!(address(issuer).unwrap().as_str(), url);
        }
        assert!(address("http://id.example.fr").is_err());
    }

    #[test]
    fn only_the_issuers_own_yes_is_a_yes() {
        let said = |status, body: serde_json::Value| read(status, body.to_string().as_bytes());
        let taken = said(
            StatusCode::OK,
            json!({"accepted": 1, "refused": {"a-2": "provider.guard_report_foreign"}}),
        );
        let Posted::Taken(refused) = taken.unwrap() else {
            panic!("it was taken");
        };
        assert_eq!(refused["a-2"], "provider.guard_report_foreign");
        let uri = |code: &str| json!({"error_uri": format!("https://id.example.fr/errors/{code}")});
        for code in ["provider.guard_reports_invalid", "server.body_too_large"] {
            let invalid = said(StatusCode::BAD_REQUEST, uri(code)).unwrap();
            assert_eq!(invalid, Posted::Invalid(code.to_owned()));
        }
        for (status, body) in [
            (StatusCode::OK, json!({})),
            (StatusCode::OK, json!("welcome to the hotel's network")),
            (StatusCode::CREATED, json!({"accepted": 1, "refused": {}})),
            (StatusCode::FOUND, json!({})),
            (StatusCode::BAD_REQUEST, json!({})),
            (
                StatusCode::BAD_REQUEST,
                uri("provider.guard_reports_not_allowed"),
            ),
            (
                StatusCode::UNAUTHORIZED,
                uri("provider.client_authentication_failed"),
            ),
            (StatusCode::BAD_GATEWAY, json!({})),
        ] {
            let error = said(status, body).unwrap_err();
            assert_eq!(error.code(), "guard.reports_not_delivered", "{status}");
        }
    }
}
