//! The one HTTP client of this program: bounded time, size and redirects.

use std::time::Duration;

use reqwest::{Certificate, Client, RequestBuilder, StatusCode, redirect};
use serde::de::DeserializeOwned;

use crate::Error;
use crate::config::Config;

const TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: usize = 64 * 1024;

pub(crate) fn client(config: &Config) -> Result<Client, Error> {
    let mut builder = Client::builder()
        .timeout(TIMEOUT)
        .connect_timeout(TIMEOUT)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .user_agent("cardea-host-login");
    if let Some(pem) = &config.ca_pem {
        let certificates = Certificate::from_pem_bundle(pem.as_bytes());
        for certificate in certificates.map_err(|error| invalid_ca(&error))? {
            builder = builder.add_root_certificate(certificate);
        }
    }
    builder.build().map_err(|error| invalid_ca(&error))
}

fn invalid_ca(error: &reqwest::Error) -> Error {
    Error::ConfigInvalid {
        reason: format!("ca_file: {error}"),
    }
}

/// Sends a request, and reads its JSON whatever the status says.
pub(crate) async fn json<T: DeserializeOwned>(
    request: RequestBuilder,
) -> Result<(StatusCode, T), Error> {
    let unreachable = |error: reqwest::Error| Error::IssuerUnreachable {
        // Without the address, which has no secret, and without the source's own words.
        reason: error.without_url().to_string(),
    };
    let mut response = request.send().await.map_err(unreachable)?;
    let status = response.status();
    if status.is_server_error() {
        return Err(Error::IssuerUnreachable {
            reason: format!("it answers {status}"),
        });
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_BYTES_MAX {
            return Err(Error::AnswerInvalid {
                reason: "it is too long",
            });
        }
    }
    let parsed = serde_json::from_slice(&body);
    let parsed = parsed.map_err(|_| Error::AnswerInvalid {
        reason: "it is not the JSON that is expected",
    })?;
    Ok((status, parsed))
}
