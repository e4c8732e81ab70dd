//! The portal's HTTP client: time, size and redirects are bounded (none are followed).

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use openidconnect::AsyncHttpClient;
use reqwest::redirect::Policy;

use crate::error::{Error, chain};

const RESPONSE_BYTES_MAX: usize = 1024 * 1024;
const TIMEOUT: Duration = Duration::from_secs(20);

/// An HTTP client for one purpose; cookies are kept only by [`HttpClient::browser`].
#[derive(Clone, Debug)]
pub(crate) struct HttpClient {
    client: reqwest::Client,
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("{0}")]
    Transport(String),
    #[error("the answer is longer than {RESPONSE_BYTES_MAX} bytes")]
    TooLong,
}

impl HttpClient {
    /// A client for the provider's endpoints, which trusts only `ca_file` where one is given.
    pub(crate) fn new(ca_file: Option<&Path>) -> Result<Self, Error> {
        Self::build(reqwest::Client::builder().timeout(TIMEOUT), ca_file)
    }

    /// A client that keeps cookies as a browser does, and waits as long as a person types.
    pub(crate) fn browser(ca_file: Option<&Path>) -> Result<Self, Error> {
        Self::build(
            reqwest::Client::builder()
                .timeout(TIMEOUT * 6)
                .cookie_store(true),
            ca_file,
        )
    }

    fn build(builder: reqwest::ClientBuilder, ca_file: Option<&Path>) -> Result<Self, Error> {
        let builder = match ca_file {
            None => builder,
            Some(path) => builder.tls_certs_only(read_roots(path)?),
        };
        // A proxy of the environment must not see what goes to a private or loopback address.
        let client = builder.redirect(Policy::none()).no_proxy().build();
        let client = client.map_err(|error| Error::Provider {
            during: "preparing TLS",
            reason: chain(&error),
        })?;
        Ok(Self { client })
    }

    pub(crate) fn inner(&self) -> &reqwest::Client {
        &self.client
    }

    async fn send(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> Result<http::Response<Vec<u8>>, HttpError> {
        let transport = |error: reqwest::Error| HttpError::Transport(chain(&error));
        let request = reqwest::Request::try_from(request).map_err(transport)?;
        let mut answer = self.client.execute(request).await.map_err(transport)?;
        let mut response = http::Response::new(Vec::new());
        *response.status_mut() = answer.status();
        *response.headers_mut() = answer.headers().clone();
        while let Some(part) = answer.chunk().await.map_err(transport)? {
            if response.body().len() + part.len() > RESPONSE_BYTES_MAX {
                return Err(HttpError::TooLong);
            }
            response.body_mut().extend_from_slice(&part);
        }
        Ok(response)
    }
}

impl<'c> AsyncHttpClient<'c> for HttpClient {
    type Error = HttpError;
    type Future =
        Pin<Box<dyn Future<Output = Result<http::Response<Vec<u8>>, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: http::Request<Vec<u8>>) -> Self::Future {
        Box::pin(self.send(request))
    }
}

fn read_roots(path: &Path) -> Result<Vec<reqwest::Certificate>, Error> {
    let wrong = |reason: String| Error::Configuration {
        path: path.to_path_buf(),
        reason,
    };
    let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let roots = reqwest::Certificate::from_pem_bundle(&pem).map_err(|e| wrong(e.to_string()))?;
    if roots.is_empty() {
        return Err(wrong("it holds no PEM certificate".into()));
    }
    Ok(roots)
}
