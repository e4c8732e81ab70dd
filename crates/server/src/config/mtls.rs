//! `[mtls]`: a host and port of their own for clients that show certificates (RFC 8705).

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use url::Url;

use super::load::invalid;
use super::{AuthMethod, ClientAddress, Config, RevocationConfig, TlsConfig};
use crate::error::Error;

/// Most addresses of proxies.
const PROXIES_MAX: usize = 64;

/// `[mtls]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct MtlsConfig {
    /// Where the server listens for clients with certificates; never where browsers come.
    pub listen: SocketAddr,
    /// The origin under which clients reach it, such as `https://mtls.id.example.fr`.
    pub url: MtlsUrl,
    /// The certificate of that host; `[tls]`'s where absent.
    pub tls: Option<TlsConfig>,
    /// A proxy that ends TLS here, and says which certificate it saw.
    pub proxy: Option<MtlsProxyConfig>,
    /// The authorities that vouch for clients with `tls_client_auth`.
    #[serde(default)]
    pub trust_anchor: Vec<MtlsTrustAnchorConfig>,
}

/// `[mtls.proxy]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct MtlsProxyConfig {
    /// The proxy's addresses; nobody else is served at this listener.
    pub addresses: Vec<IpAddr>,
    /// How it says which certificate it saw.
    #[serde(default)]
    pub header: CertificateHeader,
    /// The address that its requests are counted by; that of `[limits]` where absent.
    pub client_address: Option<ClientAddress>,
}

/// `header`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CertificateHeader {
    /// `Client-Cert` and `Client-Cert-Chain` (RFC 9440).
    #[default]
    Rfc9440,
    /// `X-SSL-Client-Cert` with percent-encoded PEM, nginx's `$ssl_client_escaped_cert`.
    PemUrlencoded,
}

/// `[[mtls.trust_anchor]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct MtlsTrustAnchorConfig {
    /// Name used in logs.
    pub name: String,
    /// PEM file of the root certificates.
    pub anchors: PathBuf,
    /// PEM file of the issuing authorities' certificates.
    pub intermediates: Option<PathBuf>,
    /// Whether clients' certificates are looked up at each request.
    #[serde(default)]
    pub revocation_check: RevocationCheck,
    /// `[mtls.trust_anchor.revocation]`
    #[serde(default)]
    pub revocation: RevocationConfig,
}

/// `revocation_check`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RevocationCheck {
    /// A certificate without evidence that it is not revoked is refused.
    #[default]
    Required,
    /// Nothing is asked: for an authority that publishes nothing.
    Off,
}

/// The origin of the listener for clients with certificates.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct MtlsUrl(Url);

impl MtlsConfig {
    /// What certificate the listener shows; none where a proxy ends TLS before it.
    pub(crate) fn tls<'a>(&'a self, config: &'a Config) -> Option<&'a TlsConfig> {
        match &self.proxy {
            None => self.tls.as_ref().or(config.tls.as_ref()),
            Some(_) => self.tls.as_ref(),
        }
    }

    pub(super) fn make_paths_absolute(&mut self, folder: &Path) {
        let absolute = |path: &mut PathBuf| *path = folder.join(&*path);
        if let Some(tls) = &mut self.tls {
            absolute(&mut tls.certificate);
            absolute(&mut tls.key);
        }
        for anchor in &mut self.trust_anchor {
            absolute(&mut anchor.anchors);
            anchor.intermediates.iter_mut().for_each(absolute);
        }
    }
}

impl MtlsUrl {
    /// The origin without trailing slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let text = self.0.as_str();
        text.strip_suffix('/').unwrap_or(text)
    }
}

impl fmt::Display for MtlsUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl TryFrom<String> for MtlsUrl {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let url = Url::parse(&text).map_err(|_| "must be an absolute URL")?;
        if url.scheme() != "https" {
            return Err("must use https: certificates are shown in TLS alone");
        }
        let is_origin = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !is_origin || text.trim_end_matches('/') != url.as_str().trim_end_matches('/') {
            return Err(
                "must be an origin in its usual form: https, host in lower case, and port \
                        where it is not 443",
            );
        }
        Ok(Self(url))
    }
}

/// Rules on `[mtls]`, and on what clients say that needs it.
pub(super) fn check_mtls(file: &Path, config: &Config) -> Result<(), Error> {
    let wrong = |key: &str, reason: &str| Err(invalid(file, None, key, reason));
    let Some(mtls) = &config.mtls else {
        return match config
            .client
            .iter()
            .position(super::ClientConfig::needs_mtls)
        {
            Some(index) => {
                let key = format!("client[{index}]");
                wrong(&key, "shows certificates, so that there must be an [mtls]")
            }
            None => Ok(()),
        };
    };
    if mtls.listen == config.listen && mtls.listen.port() != 0 {
        return wrong(
            "mtls.listen",
            "must not be that of the pages: browsers would ask for \
                      certificates",
        );
    }
    if mtls.url.as_str() == config.issuer.as_str() {
        return wrong(
            "mtls.url",
            "must not be the issuer: browsers would ask for certificates",
        );
    }
    match (mtls.tls(config).is_some(), &mtls.proxy) {
        (true, _) => {}
        (false, Some(_)) if mtls.listen.ip().is_loopback() => {}
        (false, Some(_)) => {
            let reason = "must be a loopback address as long as there is no [mtls.tls]";
            return wrong("mtls.listen", reason);
        }
        (false, None) => {
            let reason = "must have [mtls.tls], [mtls.proxy] or [tls]: certificates are shown in \
                          TLS alone";
            return wrong("mtls", reason);
        }
    }
    if let Some(proxy) = &mtls.proxy
        && (proxy.addresses.is_empty() || proxy.addresses.len() > PROXIES_MAX)
    {
        return wrong("mtls.proxy.addresses", "must name 1 to 64 addresses");
    }
    // Without a [tls] of this server's the one in [limits] is asked for anyway.
    if let Some(proxy) = &mtls.proxy
        && proxy.client_address.is_none()
        && config.tls.is_some()
        && config.limits.client_address.is_none()
    {
        return wrong(
            "mtls.proxy.client_address",
            "must be given because the pages' own TLS ends here: \"x_forwarded_for\" if the proxy \
             writes the header, else all its requests count as those of one address (\"peer\")",
        );
    }
    check_anchors(file, config, mtls)
}

fn check_anchors(file: &Path, config: &Config, mtls: &MtlsConfig) -> Result<(), Error> {
    for (index, anchor) in mtls.trust_anchor.iter().enumerate() {
        let before = mtls.trust_anchor.iter().take(index);
        if before.into_iter().any(|other| other.name == anchor.name) {
            let reason = format!("the name {:?} stands twice", anchor.name);
            return Err(invalid(file, None, "mtls.trust_anchor", reason));
        }
        let key = format!("mtls.trust_anchor[{index}].revocation");
        super::check::check_revocation(file, &key, &anchor.revocation)?;
    }
    let by_authority = |client: &super::ClientConfig| {
        client.token_endpoint_auth_method == Some(AuthMethod::TlsClientAuth)
    };
    for (index, client) in config.client.iter().enumerate() {
        let named = client.tls_client_auth_trust_anchor.as_ref();
        if named.is_some_and(|name| !mtls.trust_anchor.iter().any(|it| it.name == *name)) {
            let key = format!("client[{index}].tls_client_auth_trust_anchor");
            let reason = "is the name of no [[mtls.trust_anchor]]";
            return Err(invalid(file, None, &key, reason));
        }
    }
    match config.client.iter().position(by_authority) {
        Some(index) if mtls.trust_anchor.is_empty() => Err(invalid(
            file,
            None,
            &format!("client[{index}].token_endpoint_auth_method"),
            "needs a [[mtls.trust_anchor]] that vouches for the certificate",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
