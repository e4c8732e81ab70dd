//! Where an issuer's endpoints are (OIDC Discovery 1.0 section 4; SSF 1.0 section 7).

use reqwest::Client;
use serde::Deserialize;
use url::{Host, Url};

use super::{DOCUMENT_BYTES_MAX, FETCH_TIME};
use crate::AccessError;
use crate::http_client::exchange;

/// The endpoints that the guard calls.
#[derive(Debug)]
pub(crate) struct Endpoints {
    pub(crate) jwks_uri: Url,
    pub(crate) introspection_endpoint: Option<Url>,
    /// Of the event stream (RFC 8936).
    pub(crate) poll_endpoint: Option<Url>,
}

#[derive(Deserialize)]
struct ProviderDocument {
    issuer: String,
    jwks_uri: String,
    introspection_endpoint: Option<String>,
}

#[derive(Deserialize)]
struct TransmitterDocument {
    issuer: String,
    poll_endpoint: Option<String>,
}

/// Reads both documents; the second may be missing.
pub(super) async fn fetch(
    http: &Client,
    issuer: &str,
    discovery_url: Option<&str>,
) -> Result<Endpoints, AccessError> {
    let own = format!("{}/.well-known", issuer.trim_end_matches('/'));
    let standard = format!("{own}/openid-configuration");
    let url = endpoint(discovery_url.unwrap_or(&standard))?;
    let invalid = |reason| AccessError::IssuerAnswerInvalid { reason };
    let answer = exchange(http.get(url), FETCH_TIME, DOCUMENT_BYTES_MAX).await?;
    if !answer.status.is_success() {
        return Err(AccessError::IssuerUnreachable {
            reason: format!("its discovery document: {}", answer.status),
        });
    }
    let document: ProviderDocument = serde_json::from_slice(&answer.body)
        .map_err(|_| invalid("its discovery document is none"))?;
    // To the letter (OIDC Discovery section 4.3): another's document would bring another's keys.
    if document.issuer != issuer {
        return Err(AccessError::IssuerMismatch);
    }
    let introspection = document.introspection_endpoint.as_deref();
    Ok(Endpoints {
        jwks_uri: endpoint(&document.jwks_uri)?,
        introspection_endpoint: introspection.map(endpoint).transpose()?,
        poll_endpoint: fetch_poll_endpoint(http, issuer, &own).await?,
    })
}

async fn fetch_poll_endpoint(
    http: &Client,
    issuer: &str,
    own: &str,
) -> Result<Option<Url>, AccessError> {
    let url = endpoint(&format!("{own}/ssf-configuration"))?;
    let answer = exchange(http.get(url), FETCH_TIME, DOCUMENT_BYTES_MAX).await?;
    if !answer.status.is_success() {
        return Ok(None);
    }
    let document = serde_json::from_slice(&answer.body);
    let document: TransmitterDocument = document.map_err(|_| AccessError::IssuerAnswerInvalid {
        reason: "its document about the event stream is none",
    })?;
    if document.issuer != issuer {
        return Err(AccessError::IssuerMismatch);
    }
    document.poll_endpoint.as_deref().map(endpoint).transpose()
}

/// An address that may be called: over TLS, or on this machine.
pub(crate) fn endpoint(text: &str) -> Result<Url, AccessError> {
    let invalid = AccessError::IssuerAnswerInvalid {
        reason: "an address is neither https nor on this machine",
    };
    let Ok(url) = Url::parse(text) else {
        return Err(invalid);
    };
    let is_local = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        _ => false,
    };
    let has_user = !url.username().is_empty() || url.password().is_some();
    let is_good = url.scheme() == "https" || (url.scheme() == "http" && is_local);
    if is_good && !has_user && url.host().is_some() {
        Ok(url)
    } else {
        Err(invalid)
    }
}
