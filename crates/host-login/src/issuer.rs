//! The issuer's side: what it offers, a code to show, and tokens once the person has answered.

use std::time::Duration;

use cardea_jose::JwkSet;
use cardea_oauth2_types::GrantType;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde::Deserialize;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::Error;
use crate::config::Config;
use crate::door::Door;
use crate::http_client::{self, json};

/// How long an ending program tries to take its request back.
const WITHDRAWAL_MAX: Duration = Duration::from_secs(4);
/// Longest wait between two requests that an issuer is believed.
const INTERVAL_SECONDS_MAX: u64 = 30;

/// An issuer that was discovered.
pub(crate) struct Issuer<'a> {
    config: &'a Config,
    http: Client,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
    token_endpoint: String,
    device_authorization_endpoint: String,
    revocation_endpoint: Option<String>,
}

/// RFC 8628 section 3.2.
#[derive(Deserialize)]
struct DeviceResponse {
    device_code: String,
    user_code: String,
    verification_uri: String,
    #[serde(default = "default_interval")]
    interval: u64,
    expires_in: u64,
}

/// What waits for the person's answer.
pub(crate) struct Asked {
    device_code: Zeroizing<String>,
    pub(crate) user_code: String,
    pub(crate) verification_uri: String,
    pub(crate) interval_seconds: u64,
    pub(crate) lifetime_seconds: u64,
}

/// What a request for tokens was answered.
pub(crate) enum Poll {
    Tokens {
        id_token: Zeroizing<String>,
        access_token: Zeroizing<String>,
    },
    Wait,
    SlowDown,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: Option<String>,
    access_token: Option<String>,
    error: Option<String>,
}

fn default_interval() -> u64 {
    5
}

impl<'a> Issuer<'a> {
    /// Reads the discovery document, and believes no address in it that is another host's.
    pub(crate) async fn discover(config: &'a Config) -> Result<Self, Error> {
        let http = http_client::client(config)?;
        let url = format!("{}/.well-known/openid-configuration", config.issuer);
        let (status, metadata): (_, Metadata) = json(http.get(url)).await?;
        if status != StatusCode::OK || metadata.issuer != config.issuer {
            return Err(Error::AnswerInvalid {
                reason: "the metadata is of another issuer",
            });
        }
        let addresses = [
            Some(&metadata.jwks_uri),
            Some(&metadata.token_endpoint),
            Some(&metadata.device_authorization_endpoint),
            metadata.revocation_endpoint.as_ref(),
        ];
        for address in addresses.into_iter().flatten() {
            check_address(address, &config.origin)?;
        }
        Ok(Self {
            config,
            http,
            metadata,
        })
    }

    /// Asks for a code, for a login that answers this nonce.
    pub(crate) async fn ask(&self, nonce: &str, door: &Door) -> Result<Asked, Error> {
        let said = door.parameters();
        let mut form = vec![
            ("scope", self.config.scope()),
            ("nonce", nonce),
            ("acr_values", self.config.acr.as_str()),
            ("prompt", "login"),
            ("claims", r#"{"id_token":{"subject_id":null}}"#),
        ];
        form.extend(said.iter().map(|(name, value)| (*name, value.as_str())));
        let request = self.post(&self.metadata.device_authorization_endpoint);
        let (status, answer): (_, serde_json::Value) = json(request.form(&form)).await?;
        if status != StatusCode::OK {
            return Err(refused(&answer));
        }
        let answer: DeviceResponse =
            serde_json::from_value(answer).map_err(|_| Error::AnswerInvalid {
                reason: "the device's answer lacks a member",
            })?;
        check_address(&answer.verification_uri, &self.config.origin)?;
        let is_code = |it: char| it.is_ascii_alphanumeric() || it == '-';
        if answer.user_code.len() > 32 || !answer.user_code.chars().all(is_code) {
            return Err(Error::AnswerInvalid {
                reason: "the user code is none",
            });
        }
        Ok(Asked {
            device_code: Zeroizing::new(answer.device_code),
            user_code: answer.user_code,
            verification_uri: answer.verification_uri,
            interval_seconds: answer.interval.clamp(1, INTERVAL_SECONDS_MAX),
            lifetime_seconds: answer.expires_in,
        })
    }

    /// Asks for the tokens once.
    pub(crate) async fn poll(&self, asked: &Asked) -> Result<Poll, Error> {
        let form = [
            ("grant_type", GrantType::DeviceCode.as_str()),
            ("device_code", asked.device_code.as_str()),
        ];
        let request = self.post(&self.metadata.token_endpoint).form(&form);
        let (status, answer): (_, Tokens) = json(request).await?;
        match (status, answer.error.as_deref()) {
            (StatusCode::OK, None) => match (answer.id_token, answer.access_token) {
                (Some(id_token), Some(access_token)) => Ok(Poll::Tokens {
                    id_token: Zeroizing::new(id_token),
                    access_token: Zeroizing::new(access_token),
                }),
                _ => Err(Error::AnswerInvalid {
                    reason: "there is no ID token",
                }),
            },
            (_, Some("authorization_pending")) => Ok(Poll::Wait),
            (_, Some("slow_down")) => Ok(Poll::SlowDown),
            (_, Some("access_denied")) => Err(Error::PersonRefused),
            (_, Some("expired_token")) => Err(Error::TimedOut),
            (_, error) => Err(Error::HostRefused {
                error: error.unwrap_or("no OAuth error").to_owned(),
            }),
        }
    }

    /// The keys that the issuer signs with.
    pub(crate) async fn keys(&self) -> Result<JwkSet, Error> {
        let (_, keys) = json(self.http.get(&self.metadata.jwks_uri)).await?;
        Ok(keys)
    }

    /// Gives the access token back, which nobody here needs: as far as the issuer can be reached.
    pub(crate) async fn give_back(&self, access_token: &str) {
        self.revoke(access_token).await;
    }

    /// Takes back what was asked for (docs/adr/0032): as far as the issuer can be reached, and
    /// soon; else it expires by itself.
    pub(crate) async fn withdraw(&self, asked: &Asked) {
        drop(timeout(WITHDRAWAL_MAX, self.revoke(&asked.device_code)).await);
    }

    async fn revoke(&self, token: &str) {
        if let Some(endpoint) = &self.metadata.revocation_endpoint {
            let form = [("token", token)];
            drop(self.post(endpoint).form(&form).send().await);
        }
    }

    /// RFC 6749 section 2.3.1: both halves are form-encoded first.
    fn post(&self, endpoint: &str) -> RequestBuilder {
        let encode =
            |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let secret = Zeroizing::new(encode(&self.config.client_secret));
        let request = self.http.post(endpoint);
        request.basic_auth(encode(&self.config.client_id), Some(secret.as_str()))
    }
}

fn refused(answer: &serde_json::Value) -> Error {
    let error = answer.get("error").and_then(serde_json::Value::as_str);
    Error::HostRefused {
        error: error.unwrap_or("no OAuth error").to_owned(),
    }
}

/// An address of the issuer's own host, fit for a terminal.
fn check_address(address: &str, origin: &str) -> Result<(), Error> {
    let below = address.strip_prefix(origin);
    let is_ours = below.is_some_and(|path| path.starts_with('/'));
    if is_ours && address.len() <= 300 && address.bytes().all(|it| it.is_ascii_graphic()) {
        Ok(())
    } else {
        Err(Error::AnswerInvalid {
            reason: "an address is not the issuer's own",
        })
    }
}
