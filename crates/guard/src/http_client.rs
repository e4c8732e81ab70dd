//! The one HTTP client of the guard: bounded time, size and redirects.

use std::path::Path;
use std::time::Duration;

use reqwest::{Certificate, Client, RequestBuilder, StatusCode, redirect};

use crate::AccessError;

/// Time to reach the issuer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Certificates of a configured file.
const CA_BYTES_MAX: u64 = 1024 * 1024;

/// An answer, whatever its status.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
}

/// Makes the client; it trusts the system's authorities, and those of a file where one is given.
pub(crate) fn client(ca_file: Option<&Path>) -> Result<Client, AccessError> {
    let failed = |reason: String| AccessError::HttpClientFailed { reason };
    let mut builder = Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(redirect::Policy::none())
        // The environment must not be able to send this traffic elsewhere.
        .no_proxy()
        .user_agent(concat!("cardea-guard/", env!("CARGO_PKG_VERSION")));
    if let Some(file) = ca_file {
        let pem = read_bounded(file, CA_BYTES_MAX);
        let pem = pem.map_err(|error| failed(format!("{}: {error}", file.display())))?;
        let all = Certificate::from_pem_bundle(&pem).map_err(|error| failed(error.to_string()))?;
        for certificate in all {
            builder = builder.add_root_certificate(certificate);
        }
    }
    builder.build().map_err(|error| failed(error.to_string()))
}

/// Reads a file that is not longer than it should be.
pub(crate) fn read_bounded(file: &Path, bytes_max: u64) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file)?;
    let read = opened
        .take(bytes_max.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if u64::try_from(read).is_ok_and(|read| read <= bytes_max) {
        Ok(bytes)
    } else {
        Err(std::io::Error::other(format!(
            "longer than {bytes_max} bytes"
        )))
    }
}

/// Sends a request, and reads its answer within these bounds.
pub(crate) async fn exchange(
    request: RequestBuilder,
    time: Duration,
    bytes_max: usize,
) -> Result<Answer, AccessError> {
    let whole = async {
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            body.extend_from_slice(&chunk);
            if body.len() > bytes_max {
                return Err(AccessError::IssuerAnswerInvalid {
                    reason: "it is too long",
                });
            }
        }
        Ok(Answer { status, body })
    };
    match tokio::time::timeout(time, whole).await {
        Ok(outcome) => outcome,
        Err(_) => Err(AccessError::IssuerUnreachable {
            reason: format!("no answer within {} ms", time.as_millis()),
        }),
    }
}

fn unreachable(error: reqwest::Error) -> AccessError {
    use std::error::Error as _;
    let error = error.without_url();
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        reason = format!("{reason}: {inner}");
        source = inner.source();
    }
    AccessError::IssuerUnreachable { reason }
}
