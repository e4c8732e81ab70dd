//! The portal's three cookies.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::config::Config;

/// A cookie of the portal.
#[derive(Clone, Copy)]
pub(super) enum Cookie {
    /// Who is signed in.
    Session,
    /// The login that this browser has begun.
    Login,
    /// The chosen language.
    Language,
}

impl Cookie {
    /// Over TLS the `__Host-` prefix keeps other hosts of the domain from planting one
    /// (RFC 6265bis).
    fn name(self, config: &Config) -> String {
        let prefix = if config.is_https() { "__Host-" } else { "" };
        let name = match self {
            Self::Session => "portal-session",
            Self::Login => "portal-login",
            Self::Language => "portal-language",
        };
        format!("{prefix}{name}")
    }

    /// The value that the browser sent.
    pub(super) fn read<'a>(self, config: &Config, headers: &'a HeaderMap) -> Option<&'a str> {
        let name = self.name(config);
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find_map(|(found, value)| (found == name).then_some(value))
    }

    /// The header that sets it.
    pub(super) fn set(self, config: &Config, value: &str) -> Option<HeaderValue> {
        self.header(config, value, "")
    }

    /// The header that deletes it.
    pub(super) fn clear(self, config: &Config) -> Option<HeaderValue> {
        self.header(config, "", "; Max-Age=0")
    }

    fn header(self, config: &Config, value: &str, extra: &str) -> Option<HeaderValue> {
        let secure = if config.is_https() { "; Secure" } else { "" };
        let name = self.name(config);
        let line = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{extra}");
        HeaderValue::from_str(&line).ok()
    }
}

/// Adds a `Set-Cookie` header; there may be several.
pub(super) fn add(headers: &mut HeaderMap, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        headers.append(header::SET_COOKIE, cookie);
    }
}
