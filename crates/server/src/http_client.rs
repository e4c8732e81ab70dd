//! Outbound HTTP: bounded in time and size, never following a redirect.
//!
//! A redirect would let the far side choose where this server's requests go (attacks A20, H4),
//! so an answer that is one is an answer like any other.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cardea_provider::{RegisteredBy, is_public_address};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use reqwest::{Client, Response, StatusCode, Url};
use serde::{Deserialize, Serialize};
use url::Host;

/// Time to reach the far side.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// An HTTP client with the bounds of this program; its clones share what it keeps.
#[derive(Clone, Debug, Default)]
pub(crate) struct HttpClient {
    clients: Arc<Clients>,
}

/// Each reads the system's certification authorities, and keeps them: some hundred certificates,
/// and a third of the time that the server takes to start. So each is made when it is needed.
#[derive(Debug, Default)]
struct Clients {
    anywhere: OnceLock<Client>,
    /// The same, for addresses that strangers chose: names have their public addresses alone.
    to_public: OnceLock<Client>,
}

/// Where a request may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Wherever its URL says: an operator has chosen it.
    Anywhere,
    /// To the public Internet (attack H4), which is looked at when the connection is made.
    Public,
}

impl Reach {
    /// Whoever registers itself does not choose what this server reaches in an operator's networks.
    pub(crate) fn of(registered_by: RegisteredBy) -> Self {
        match registered_by {
            RegisteredBy::Operator => Self::Anywhere,
            RegisteredBy::Itself => Self::Public,
        }
    }
}

/// Finds the public addresses of a name.
#[derive(Debug)]
struct PublicAddresses;

impl Resolve for PublicAddresses {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<_> = found.filter(|it| is_public_address(it.ip())).collect();
            if public.is_empty() {
                return Err("the name has no public address".into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
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
    /// The URL leads to an address that is none of the public Internet.
    #[error("the address is not public")]
    NotPublic,
    /// The connection failed.
    #[error("the exchange failed")]
    Failed(#[source] reqwest::Error),
}

impl HttpClient {
    /// A client that is made for its first request, which fails where this cannot be done.
    pub(crate) fn made_when_needed() -> Self {
        Self::default()
    }

    /// Makes the client.
    ///
    /// # Errors
    /// The TLS library cannot be set up.
    pub(crate) fn new() -> Result<Self, reqwest::Error> {
        let http = Self::made_when_needed();
        http.client(Reach::Anywhere)?;
        Ok(http)
    }

    fn client(&self, reach: Reach) -> Result<&Client, reqwest::Error> {
        let (kept, builder) = match reach {
            Reach::Anywhere => (&self.clients.anywhere, Client::builder()),
            Reach::Public => (
                &self.clients.to_public,
                Client::builder().dns_resolver(Arc::new(PublicAddresses)),
            ),
        };
        if let Some(client) = kept.get() {
            return Ok(client);
        }
        let client = builder
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            // The environment must not be able to send this traffic elsewhere.
            .no_proxy()
            .user_agent(concat!("cardea/", env!("CARGO_PKG_VERSION")))
            .build()?;
        // Another may have made one meanwhile.
        Ok(kept.get_or_init(|| client))
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
        let client = self.client(Reach::Anywhere).map_err(without_url)?;
        let mut request = client.get(url);
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
        let client = self.client(Reach::Anywhere).map_err(without_url)?;
        let request = client.post(url).header(CONTENT_TYPE, content_type);
        exchange(request.body(body), budget).await
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
        reach: Reach,
    ) -> Result<StatusCode, FetchError> {
        let content_type = HeaderValue::from_static(content_type);
        let client = self.client_for(&url, reach)?;
        let request = client.post(url).header(CONTENT_TYPE, content_type);
        match tokio::time::timeout(time, request.body(body).send()).await {
            Ok(Ok(response)) => Ok(response.status()),
            Ok(Err(error)) => Err(without_url(error)),
            Err(_) => Err(FetchError::TimedOut {
                milliseconds: time.as_millis(),
            }),
        }
    }
}

/// What is posted to whoever says in its answer's body why it refuses.
#[derive(Debug)]
pub(crate) struct Posting<'a> {
    pub(crate) content_type: &'static str,
    /// The value of `Authorization`, which no log has.
    pub(crate) authorization: Option<&'a str>,
    pub(crate) body: Vec<u8>,
    pub(crate) budget: Budget,
    pub(crate) reach: Reach,
}

impl HttpClient {
    /// Posts, and reads the answer's body, within its bound, only where the status is 400: of any
    /// other nothing is read beyond its head.
    ///
    /// # Errors
    /// [`FetchError`] when there is none within the budget.
    pub(crate) async fn post_for_refusal(
        &self,
        url: Url,
        posting: Posting<'_>,
    ) -> Result<Answer, FetchError> {
        let client = self.client_for(&url, posting.reach)?;
        let mut request = client
            .post(url)
            .header(CONTENT_TYPE, HeaderValue::from_static(posting.content_type))
            .header(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(authorization) = posting.authorization {
            // Checked when it was read; one that is none is answered by a refusal.
            if let Ok(mut value) = HeaderValue::from_str(authorization) {
                value.set_sensitive(true);
                request = request.header(AUTHORIZATION, value);
            }
        }
        let budget = posting.budget;
        let whole = async {
            let response = request.body(posting.body).send().await;
            let response = response.map_err(without_url)?;
            if response.status() == StatusCode::BAD_REQUEST {
                return read_bounded(response, budget.bytes_max).await;
            }
            Ok(Answer {
                status: response.status(),
                validators: Validators::default(),
                body: Vec::new(),
            })
        };
        match tokio::time::timeout(budget.time, whole).await {
            Ok(outcome) => outcome,
            Err(_) => Err(FetchError::TimedOut {
                milliseconds: budget.time.as_millis(),
            }),
        }
    }

    fn client_for(&self, url: &Url, reach: Reach) -> Result<&Client, FetchError> {
        // A number is not looked up.
        if reach == Reach::Public && number_of(url).is_some_and(|it| !is_public_address(it)) {
            return Err(FetchError::NotPublic);
        }
        self.client(reach).map_err(without_url)
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

fn number_of(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(_) => None,
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{FetchError, HttpClient, Reach};

    async fn refused(url: &str, reach: Reach) -> FetchError {
        let url = url.parse().unwrap();
        let http = HttpClient::new().unwrap();
        let time = Duration::from_secs(5);
        let posted = http.post_for_status(url, "text/plain", Vec::new(), time, reach);
        posted.await.unwrap_err()
    }

    /// Attack H4: nobody listens at port 1, and whether that was found out is what differs.
    #[tokio::test]
    async fn h4_what_strangers_chose_never_leads_to_this_machine() {
        for url in [
            "https://127.0.0.1:1/",
            "https://[::1]:1/",
            "https://10.0.0.1/",
        ] {
            let error = refused(url, Reach::Public).await;
            assert!(matches!(error, FetchError::NotPublic), "{url}: {error:?}");
        }
        // The name is looked up, and has no address to connect to.
        for (reach, is_stopped) in [(Reach::Public, true), (Reach::Anywhere, false)] {
            let error = refused("https://localhost:1/", reach).await;
            let told = format!("{error:?}");
            assert_eq!(told.contains("no public address"), is_stopped, "{told}");
        }
    }
}
