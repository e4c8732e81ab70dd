//! `[agentless]`: login without the agent, off by default.

use std::net::SocketAddr;
use std::path::Path;

use serde::Deserialize;
use url::Url;

use super::load::invalid;
use super::{Config, Issuer, TlsConfig};
use crate::error::Error;

/// The longest session that nobody watches.
const SESSION_MINUTES_MAX: u32 = 30;

/// `[agentless]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AgentlessConfig {
    /// Whether the listener is opened, and clients that allow it are offered the way.
    #[serde(default)]
    pub enabled: bool,
    /// Where the listener that asks for cards' certificates listens; TLS ends here and nowhere
    /// before.
    pub listen: SocketAddr,
    /// How browsers reach it: an https origin whose host is not the issuer's.
    pub url: Issuer,
    /// The listener's own certificate; that of `[tls]` where it is absent.
    pub tls: Option<TlsConfig>,
    /// Whether every card can sign with RSASSA-PSS, as TLS 1.3 wants it; a CPS3 cannot.
    #[serde(default)]
    pub cards_sign_pss: bool,
    /// Minutes after which a session without an agent ends, whatever happens in it.
    #[serde(default = "default_session_minutes")]
    pub session_minutes: u32,
}

impl AgentlessConfig {
    /// The listener's origin, as browsers know it.
    pub(crate) fn origin(&self) -> &str {
        self.url.as_str()
    }
}

impl Config {
    /// `[agentless]`, where it is on.
    pub(crate) fn agentless(&self) -> Option<&AgentlessConfig> {
        self.agentless
            .as_ref()
            .filter(|agentless| agentless.enabled)
    }
}

fn default_session_minutes() -> u32 {
    15
}

/// Rules on the table, also while it is off: it may be turned on at any start.
pub(super) fn check_agentless(file: &Path, config: &Config) -> Result<(), Error> {
    let Some(agentless) = &config.agentless else {
        return Ok(());
    };
    let wrong = |key: &str, reason: &str| {
        let key = format!("agentless.{key}");
        Err(invalid(file, None, &key, reason))
    };
    if !agentless.url.is_https() || agentless.url.has_path() {
        return wrong("url", "must be https, host and port alone");
    }
    if !config.issuer.is_https() {
        return wrong("url", "needs an issuer with https");
    }
    // Cookies know no ports: those of the issuer would go to the other listener as well.
    if host_of(agentless.url.url()) == host_of(config.issuer.url()) {
        return wrong("url", "must have another host than the issuer");
    }
    if agentless.listen == config.listen {
        return wrong("listen", "must be another address than that of listen");
    }
    if agentless.tls.is_none() && config.tls.is_none() {
        return wrong("tls", "must be given because there is no [tls]");
    }
    if !(1..=SESSION_MINUTES_MAX).contains(&agentless.session_minutes) {
        return wrong("session_minutes", "must be from 1 to 30");
    }
    Ok(())
}

fn host_of(url: &Url) -> Option<&str> {
    url.host_str()
}

#[cfg(test)]
mod tests;
