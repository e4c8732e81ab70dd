//! Outbound HTTP: bounded in time and size, never following a redirect.
//!
//! A redirect would let the far side choose where this server's requests go (attacks A20, H4),
//! so an answer that is one is an answer like any other.

use std::time::Duration;

use reqwest::header::{
    CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    LAST_MODIFIED,
};
use reqwest::{Client, Response, StatusCode, Url};
use serde::{Deserialize, Serialize};

/// Time to reach the far side.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// An HTTP client with the bounds of this program.
#[derive(Clone, Debug)]
pub(crate) struct HttpClient {
    client: Client,
}

/// What a request may cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// Time for the whole exchange, body included.
    pub(crate) time: Duration,
    /// Bytes of the answer's body that are read at most.
    pub(crate) bytes_max: usize,
}

/// What a publisher calls the version of a document that it gave (RFC 9110 section 8.8).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Validators {
    /// `ETag`
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) etag: Option<String>,
    /// `Last-Modified`
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) last_modified: Option<String>,
}

/// Bytes of a validator that are kept at most; a longer one is not sent back.
const VALIDATOR_BYTES_MAX: usize = 256;

/// An answer, whatever its status.
#[derive(Debug)]
#[non_exhaustive]
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: StatusCode,
    /// The version that it is of.
    pub(crate) validators: Validators,
    /// The whole body.
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum FetchError {
    /// The exchange took longer than its budget.
    #[error("no answer within {milliseconds} ms")]
    TimedOut {
        /// The budget.
        milliseconds: u128,
    },
    /// The body is longer than its budget.
    #[error("the answer is longer than {bytes_max} bytes")]
    TooLarge {
        /// The budget.
        bytes_max: usize,
    },
    /// The connection failed.
    #[error("the exchange failed")]
    Failed(#[source] reqwest::Error),
}

impl HttpClient {
    /// Makes the client.
    ///
    /// # Errors
    /// The TLS library cannot be set up.
    pub(crate) fn new() -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            // The environment must not be able to send this traffic elsewhere.
            .no_proxy()
            .user_agent(concat!("cardea/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client })
    }

    /// Fetches `url`, unless the far side has the version of `known` still: it then answers with
    /// status 304 and no body (RFC 9110 section 13.1).
    ///
    /// # Errors
    /// [`FetchError`] when there is no whole answer within `budget`.
    pub(crate) async fn get_if_changed(
        &self,
        url: Url,
        known: &Validators,
        budget: Budget,
    ) -> Result<Answer, FetchError> {
        let mut request = self.client.get(url);
        for (name, value) in [
            (IF_NONE_MATCH, &known.etag),
            (IF_MODIFIED_SINCE, &known.last_modified),
        ] {
            let value = value.as_deref().map(HeaderValue::from_str);
            if let Some(Ok(value)) = value {
                request = request.header(name, value);
            }
        }
        exchange(request, budget).await
    }

    /// Posts `body` to `url`.
    ///
    /// # Errors
    /// [`FetchError`] when there is no whole answer within `budget`.
    pub(crate) async fn post(
        &self,
        url: Url,
        content_type: &'static str,
        body: Vec<u8>,
        budget: Budget,
    ) -> Result<Answer, FetchError> {
        let content_type = HeaderValue::from_static(content_type);
        exchange(
            self.client
                .post(url)
                .header(CONTENT_TYPE, content_type)
                .body(body),
            budget,
        )
        .await
    }
}

impl HttpClient {
    /// Posts `body` to `url` and says only which status came back: nothing of the answer is read
    /// beyond its head.
    ///
    /// # Errors
    /// [`FetchError`] when there is none within `time`.
    pub(crate) async fn post_for_status(
        &self,
        url: Url,
        content_type: &'static str,
        body: Vec<u8>,
        time: Duration,
    ) -> Result<StatusCode, FetchError> {
        let content_type = HeaderValue::from_static(content_type);
        let request = self.client.post(url).header(CONTENT_TYPE, content_type);
        match tokio::time::timeout(time, request.body(body).send()).await {
            Ok(Ok(response)) => Ok(response.status()),
            Ok(Err(error)) => Err(without_url(error)),
            Err(_) => Err(FetchError::TimedOut {
                milliseconds: time.as_millis(),
            }),
        }
    }
}

impl Validators {
    fn read(headers: &HeaderMap) -> Self {
        let text = |name: HeaderName| {
            let value = headers.get(name)?.to_str().ok()?;
            (value.len() <= VALIDATOR_BYTES_MAX).then(|| value.to_owned())
        };
        Self {
            etag: text(ETAG),
            last_modified: text(LAST_MODIFIED),
        }
    }
}

async fn exchange(request: reqwest::RequestBuilder, budget: Budget) -> Result<Answer, FetchError> {
    let whole = async {
        let response = request.send().await.map_err(without_url)?;
        read_bounded(response, budget.bytes_max).await
    };
    match tokio::time::timeout(budget.time, whole).await {
        Ok(outcome) => outcome,
        Err(_) => Err(FetchError::TimedOut {
            milliseconds: budget.time.as_millis(),
        }),
    }
}

async fn read_bounded(mut response: Response, bytes_max: usize) -> Result<Answer, FetchError> {
    let status = response.status();
    let validators = Validators::read(response.headers());
    // What announces itself as too long need not be read to its end.
    let announced = response.content_length().unwrap_or_default();
    if usize::try_from(announced).is_ok_and(|announced| announced > bytes_max) {
        return Err(FetchError::TooLarge { bytes_max });
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(without_url)? {
        if body.len().saturating_add(chunk.len()) > bytes_max {
            return Err(FetchError::TooLarge { bytes_max });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status,
        validators,
        body,
    })
}

/// URLs may carry values that do not belong into logs.
fn without_url(error: reqwest::Error) -> FetchError {
    FetchError::Failed(error.without_url())
}
