//! Where each endpoint is: the one place that knows the paths of every profile.

use crate::ProtocolProfile;
use crate::{Issuer, Provider};

/// An address that clients or agents call, below the issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named as in its specification")]
pub enum Endpoint {
    Authorization,
    PushedAuthorizationRequest,
    DeviceAuthorization,
    Token,
    Userinfo,
    Introspection,
    Revocation,
    Jwks,
    EndSession,
    SecurityEvents,
    GuardReports,
}

impl Endpoint {
    /// Every endpoint.
    pub const ALL: [Self; 11] = [
        Self::Authorization,
        Self::PushedAuthorizationRequest,
        Self::DeviceAuthorization,
        Self::Token,
        Self::Userinfo,
        Self::Introspection,
        Self::Revocation,
        Self::Jwks,
        Self::EndSession,
        Self::SecurityEvents,
        Self::GuardReports,
    ];

    /// Those where a client proves who it is. RFC 9126 section 2 asks for the first two as
    /// audiences of a client's assertion, and libraries name the endpoint that they call.
    const AUTHENTICATED: [Self; 7] = [
        Self::Token,
        Self::DeviceAuthorization,
        Self::PushedAuthorizationRequest,
        Self::Introspection,
        Self::Revocation,
        Self::SecurityEvents,
        Self::GuardReports,
    ];

    /// The path below the issuer that every profile has.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Authorization => "/authorize",
            Self::PushedAuthorizationRequest => "/par",
            Self::DeviceAuthorization => "/device_authorization",
            Self::Token => "/token",
            Self::Userinfo => "/userinfo",
            Self::Introspection => "/introspect",
            Self::Revocation => "/revoke",
            Self::Jwks => "/jwks",
            Self::EndSession => "/logout",
            Self::SecurityEvents => "/events",
            Self::GuardReports => "/guard/reports",
        }
    }

    /// The path below the issuer that a profile announces. Pro Santé Connect is a realm of
    /// Keycloak, and its portals have Keycloak's paths in their configuration.
    #[must_use]
    pub fn announced_path(self, profile: ProtocolProfile) -> &'static str {
        if profile != ProtocolProfile::Psc {
            return self.path();
        }
        match self {
            Self::Authorization => "/protocol/openid-connect/auth",
            Self::PushedAuthorizationRequest => "/protocol/openid-connect/ext/par/request",
            Self::DeviceAuthorization => "/protocol/openid-connect/auth/device",
            Self::Token => "/protocol/openid-connect/token",
            Self::Userinfo => "/protocol/openid-connect/userinfo",
            Self::Introspection => "/protocol/openid-connect/token/introspect",
            Self::Revocation => "/protocol/openid-connect/revoke",
            Self::Jwks => "/protocol/openid-connect/certs",
            Self::EndSession => "/protocol/openid-connect/logout",
            // Keycloak has none.
            Self::SecurityEvents | Self::GuardReports => self.path(),
        }
    }

    /// The path on the issuer's host, or on another of its listeners, that a profile announces.
    #[must_use]
    pub fn path_on_host(self, issuer: &Issuer, profile: ProtocolProfile) -> String {
        format!("{}{}", issuer.path(), self.announced_path(profile))
    }

    /// The address that a profile announces.
    #[must_use]
    pub fn url(self, issuer: &Issuer, profile: ProtocolProfile) -> String {
        format!("{}{}", issuer.as_str(), self.announced_path(profile))
    }

    /// Whether an address is one of those where clients prove who they are, by either path.
    pub(crate) fn is_authenticated_url(
        url: &str,
        issuer: &Issuer,
        profile: ProtocolProfile,
    ) -> bool {
        let path = url.strip_prefix(issuer.as_str());
        path.is_some_and(|path| {
            let is_at = |it: &Self| path == it.path() || path == it.announced_path(profile);
            Self::AUTHENTICATED.iter().any(is_at)
        })
    }
}

impl Provider {
    /// The address of an endpoint as discovery announces it.
    #[must_use]
    pub fn endpoint_url(&self, endpoint: Endpoint) -> String {
        endpoint.url(&self.issuer, self.profile())
    }
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, ProtocolProfile};
    use crate::Issuer;

    #[test]
    fn a_profile_announces_its_own_paths() {
        let issuer = Issuer::parse("https://id.example.fr/auth/realms/esante-wallet").unwrap();
        let urls = [
            (
                ProtocolProfile::Oidc,
                "https://id.example.fr/auth/realms/esante-wallet/token",
            ),
            (
                ProtocolProfile::Psc,
                "https://id.example.fr/auth/realms/esante-wallet/protocol/openid-connect/token",
            ),
        ];
        for (profile, url) in urls {
            assert_eq!(Endpoint::Token.url(&issuer, profile), url);
            assert!(Endpoint::is_authenticated_url(url, &issuer, profile));
        }
        let keycloak = urls[1].1;
        assert!(!Endpoint::is_authenticated_url(
            keycloak,
            &issuer,
            ProtocolProfile::Oidc
        ));
        let userinfo = Endpoint::Userinfo.url(&issuer, ProtocolProfile::Psc);
        assert!(!Endpoint::is_authenticated_url(
            &userinfo,
            &issuer,
            ProtocolProfile::Psc
        ));
    }
}
