//! `cardea-agent status`: asks the running agent as a page of the first enrolled origin would.

use std::time::Duration;

use serde::Serialize;

use crate::Error;
use crate::config::Config;
use crate::local_api::Status;

/// How long the agent may take to answer.
const LIMIT: Duration = Duration::from_secs(2);

/// What the command prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatusReport {
    /// Whether an agent of this user answers.
    pub running: bool,
    /// Where it was looked for.
    pub address: String,
    /// The issuers of the configuration.
    pub issuers: Vec<String>,
    /// Its version, state and card.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    /// Why there is no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
}

/// Asks the agent at the configured port.
///
/// # Errors
/// [`Error::Internal`] when no HTTP client can be made. An agent that does not answer is a report.
pub async fn ask(config: &Config) -> Result<StatusReport, Error> {
    let address = format!("127.0.0.1:{}", config.port);
    let origin = config
        .enrolments
        .first()
        .and_then(|enrolment| enrolment.origins.first());
    let client = reqwest::Client::builder()
        .timeout(LIMIT)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|_| Error::Internal {
            reason: "no HTTP client",
        })?;
    let mut request = client.get(format!("http://{address}/v1/status"));
    if let Some(origin) = origin {
        request = request.header(reqwest::header::ORIGIN, origin.as_str());
    }
    let status = match request.send().await {
        Ok(response) if response.status() == reqwest::StatusCode::OK => {
            response.json::<Status>().await.ok()
        }
        _ => None,
    };
    let issuers = config
        .enrolments
        .iter()
        .map(|enrolment| enrolment.issuer.as_str().to_owned())
        .collect();
    let code = status.is_none().then(|| Error::NotRunning.code());
    Ok(StatusReport {
        running: status.is_some(),
        address,
        issuers,
        status,
        code,
    })
}

impl std::fmt::Display for StatusReport {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.status {
            Some(Status {
                version,
                state,
                card,
            }) => {
                writeln!(
                    formatter,
                    "cardea-agent {version} answers at {}",
                    self.address
                )?;
                writeln!(formatter, "state: {state}\ncard: {card}")?;
            }
            None => writeln!(formatter, "no agent answers at {}", self.address)?,
        }
        for issuer in &self.issuers {
            writeln!(formatter, "enrolled: {issuer}")?;
        }
        Ok(())
    }
}
