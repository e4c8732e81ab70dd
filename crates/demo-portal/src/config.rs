//! The portal's settings: one TOML file, wrong keys refused.
//!
//! ```toml
//! issuer = "http://127.0.0.1:8080"        # the OpenID provider
//! client_id = "demo-portal"
//! client_secret = "…"                     # left out for a public client
//! listen = "127.0.0.1:8081"
//! public_url = "http://127.0.0.1:8081"    # how browsers reach the portal
//! ca_file = "ca.pem"                      # only these roots, for a private CA
//!
//! [tls]                                   # left out: plain HTTP
//! certificate = "portal.pem"
//! key = "portal.key"
//! ```

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use url::Url;

use crate::error::Error;

/// The portal's settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// The OpenID provider's issuer, exactly as in its tokens.
    pub issuer: String,
    /// The name under which the provider knows the portal.
    pub client_id: String,
    /// The shared secret of a confidential client.
    pub client_secret: Option<ClientSecret>,
    /// Where the portal listens.
    pub listen: SocketAddr,
    /// How browsers reach the portal.
    pub public_url: Url,
    /// PEM file with the only roots that the portal trusts for TLS.
    pub ca_file: Option<PathBuf>,
    /// Certificate and key when the portal itself speaks TLS.
    pub tls: Option<Tls>,
}

/// The files of the portal's own TLS.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Tls {
    /// PEM chain, leaf first.
    pub certificate: PathBuf,
    /// PEM private key.
    pub key: PathBuf,
}

/// A client secret; never printed.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct ClientSecret(String);

impl ClientSecret {
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for ClientSecret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ClientSecret(…)")
    }
}

impl Config {
    /// Reads the settings; paths in them are relative to the file's folder.
    ///
    /// # Errors
    /// [`Error::Configuration`] with the file, the key and the reason.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Configuration {
            path: path.to_path_buf(),
            reason,
        };
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let mut config: Self = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        config.check().map_err(wrong)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        config.ca_file = config.ca_file.map(|file| folder.join(file));
        config.tls = config.tls.map(|tls| Tls {
            certificate: folder.join(tls.certificate),
            key: folder.join(tls.key),
        });
        Ok(config)
    }

    /// Whether browsers reach the portal over TLS, so that cookies can demand it.
    pub(crate) fn is_https(&self) -> bool {
        self.public_url.scheme() == "https"
    }

    /// An address of the portal as browsers see it.
    pub(crate) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.public_url.as_str().trim_end_matches('/'))
    }

    fn check(&self) -> Result<(), String> {
        if !matches!(self.public_url.scheme(), "http" | "https") || self.public_url.path() != "/" {
            return Err("`public_url` must be http(s)://host[:port] without a path".into());
        }
        let issuer = Url::parse(&self.issuer).map_err(|error| format!("`issuer`: {error}"))?;
        if !matches!(issuer.scheme(), "http" | "https") {
            return Err("`issuer` must be an http or https address".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Config;

    const VALID: &str = "issuer = \"http://127.0.0.1:1\"\nclient_id = \"portal\"\n\
        client_secret = \"hush\"\nlisten = \"127.0.0.1:2\"\npublic_url = \"http://127.0.0.1:2\"\n";

    fn check(change: &str, complaint: Option<&str>) {
        let outcome = toml::from_str::<Config>(&format!("{VALID}{change}"))
            .map_err(|error| error.to_string())
            .and_then(|config| config.check().map(|()| config));
        match complaint {
            None => assert!(outcome.is_ok(), "{outcome:?}"),
            Some(text) => assert!(outcome.unwrap_err().contains(text)),
        }
    }

    #[test]
    fn a_complete_file_is_accepted() {
        check("", None);
    }

    #[test]
    fn a_misspelt_key_is_named() {
        check("cafile = \"x\"\n", Some("cafile"));
    }

    #[test]
    fn a_path_in_the_public_address_is_refused() {
        let config = toml::from_str::<Config>(&VALID.replace(":2\"\n", ":2/app\"\n"));
        assert!(config.is_err() || config.unwrap().check().is_err());
    }

    #[test]
    fn the_secret_is_not_printed() {
        let config: Config = toml::from_str(VALID).unwrap();
        assert!(!format!("{config:?}").contains("hush"));
    }
}
