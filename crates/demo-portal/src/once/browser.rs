//! The browser's part of a scripted login: cookies, origin headers, redirects.

use reqwest::{RequestBuilder, Response, header};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::config::Config;
use crate::error::{Error, chain};
use crate::http_client::HttpClient;
use crate::once::agent::SignedLogin;

const REDIRECTS_MAX: usize = 5;

/// What the login page's script receives from the server.
#[derive(Deserialize)]
pub(super) struct Challenge {
    pub(super) challenge: String,
    pub(super) agent_url: String,
}

#[derive(Deserialize)]
struct Accepted {
    redirect_to: String,
}

/// A browser without a window.
pub(super) struct Browser {
    http: HttpClient,
    issuer_origin: String,
    callback: String,
    issuer: String,
}

impl Browser {
    pub(super) fn new(config: &Config) -> Result<Self, Error> {
        let issuer = Url::parse(&config.issuer)
            .map_err(|error| stopped("reading the settings", &error.to_string()))?;
        Ok(Self {
            http: HttpClient::browser(config.ca_file.as_deref())?,
            issuer_origin: issuer.origin().ascii_serialization(),
            callback: config.address("/callback"),
            issuer: config.issuer.clone(),
        })
    }

    /// The origin that the login page has.
    pub(super) fn issuer_origin(&self) -> &str {
        &self.issuer_origin
    }

    pub(super) fn http(&self) -> &HttpClient {
        &self.http
    }

    /// Follows the redirect from `/authorize` to the login page and gives its address.
    pub(super) async fn open_login_page(&self, address: &Url) -> Result<Url, Error> {
        let step = "opening the login page";
        let mut address = address.clone();
        for _ in 0..REDIRECTS_MAX {
            let answer = self
                .send(step, self.http.inner().get(address.clone()))
                .await?;
            match redirect_target(&address, &answer) {
                Some(next) if next.as_str().starts_with(&self.callback) => {
                    let error = parameter(&next, "error").unwrap_or_default();
                    return Err(Error::LoginRefused { error });
                }
                Some(next) => address = next,
                None if answer.status().is_success() => return Ok(address),
                None => return Err(stopped(step, &answer.status().to_string())),
            }
        }
        Err(stopped(step, "too many redirects"))
    }

    pub(super) async fn request_challenge(&self, page: &Url) -> Result<Challenge, Error> {
        self.post_from_page("asking for a challenge", page, "challenge", &json!({}))
            .await
    }

    /// Posts what the agent signed and gives the address that the browser goes to next.
    pub(super) async fn post_assertion(
        &self,
        page: &Url,
        signed: &SignedLogin,
    ) -> Result<Url, Error> {
        let step = "posting the assertion";
        let body = json!({"assertion": signed.assertion, "attestation": signed.attestation});
        let accepted: Accepted = self.post_from_page(step, page, "assertion", &body).await?;
        page.join(&accepted.redirect_to)
            .map_err(|error| stopped(step, &error.to_string()))
    }

    /// Follows redirects to the portal's callback and gives the code after checking `state` and
    /// `iss` (RFC 9207).
    pub(super) async fn read_callback(&self, answer: &Url, state: &str) -> Result<String, Error> {
        let step = "returning to the portal";
        let mut address = answer.clone();
        for _ in 0..REDIRECTS_MAX {
            if address.as_str().starts_with(&self.callback) {
                return self.check_callback(&address, state);
            }
            let answer = self
                .send(step, self.http.inner().get(address.clone()))
                .await?;
            address = redirect_target(&address, &answer)
                .ok_or_else(|| stopped(step, &answer.status().to_string()))?;
        }
        Err(stopped(step, "too many redirects"))
    }

    /// Reads a JSON document as it stands.
    pub(super) async fn read_json(&self, address: &str) -> Result<Value, Error> {
        let step = "reading the key set";
        let answer = self.send(step, self.http.inner().get(address)).await?;
        answer
            .json()
            .await
            .map_err(|error| stopped(step, &chain(&error)))
    }

    fn check_callback(&self, address: &Url, state: &str) -> Result<String, Error> {
        let same_issuer = parameter(address, "iss").as_deref() == Some(&*self.issuer);
        if parameter(address, "state").as_deref() != Some(state) || !same_issuer {
            return Err(Error::LoginUnknown);
        }
        if let Some(error) = parameter(address, "error") {
            return Err(Error::LoginRefused { error });
        }
        parameter(address, "code").ok_or(Error::LoginUnknown)
    }

    /// A `fetch` of the login page's script.
    async fn post_from_page<T: serde::de::DeserializeOwned>(
        &self,
        step: &'static str,
        page: &Url,
        endpoint: &str,
        body: &Value,
    ) -> Result<T, Error> {
        let mut address = page.clone();
        address.set_query(None);
        address.set_path(&format!("{}/{endpoint}", page.path()));
        let request = self
            .http
            .inner()
            .post(address)
            .header(header::ORIGIN, &self.issuer_origin)
            .header("sec-fetch-site", "same-origin")
            .json(body);
        let answer = self.send(step, request).await?;
        let status = answer.status();
        let text = answer
            .text()
            .await
            .map_err(|error| stopped(step, &chain(&error)))?;
        if !status.is_success() {
            return Err(stopped(step, &format!("{status}: {text}")));
        }
        serde_json::from_str(&text).map_err(|error| stopped(step, &error.to_string()))
    }

    async fn send(&self, step: &'static str, request: RequestBuilder) -> Result<Response, Error> {
        let request = request.header(header::ACCEPT_LANGUAGE, "fr");
        request
            .send()
            .await
            .map_err(|error| stopped(step, &chain(&error)))
    }
}

pub(super) fn stopped(step: &'static str, reason: &str) -> Error {
    Error::Script {
        step,
        reason: reason.to_owned(),
    }
}

fn redirect_target(from: &Url, answer: &Response) -> Option<Url> {
    if !answer.status().is_redirection() {
        return None;
    }
    from.join(answer.headers().get(header::LOCATION)?.to_str().ok()?)
        .ok()
}

fn parameter(address: &Url, name: &str) -> Option<String> {
    address
        .query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}
