//! Where each route is reached under an issuer with a path, and by the paths of a profile.
//!
//! The routes in `router.rs` stand directly below the issuer. With an issuer that is a bare origin
//! there is nothing to do. One with a path has what clients and agents call below that path alone,
//! while pages stay at the host's root: their cookies are those of the whole host (`__Host-`), and
//! the origin, which cards' assertions name, is the host's whatever the path. Therefore a host
//! has one issuer.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;
use axum::http::{Request, Uri};
use cardea_provider::{Endpoint, Issuer, ProtocolProfile};

use crate::state::AppState;

/// Where Pro Santé Connect's portals send the browser: a front end on a host of its own there
/// (`https://wallet.…/auth`), and the same host here.
const WALLET_AUTHORIZATION: &str = "/auth";
/// The document that Pro Santé Connect's portals read instead of the standard one.
const WALLET_DISCOVERY: &str = "/.well-known/wallet-openid-configuration";
pub(crate) const DISCOVERY: &str = "/.well-known/openid-configuration";
/// RFC 8414 section 3.
pub(crate) const OAUTH_METADATA: &str = "/.well-known/oauth-authorization-server";
/// SSF 1.0 section 7.2.
pub(crate) const TRANSMITTER: &str = "/.well-known/ssf-configuration";
/// What nobody reaches.
const NOWHERE: &str = "/not-below-the-issuer";

/// What else is told to be below the issuer, beside the endpoints: agents read it there.
const BELOW_THE_ISSUER: [&str; 3] = ["/.well-known/", "/card-grant/", "/presence"];

/// The addresses of one issuer.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints {
    base: String,
    profile: ProtocolProfile,
}

/// The path that a request came to, before it was led to its route.
#[derive(Clone)]
struct RequestedPath(String);

/// The URL that the caller of an endpoint means: the listener's origin, whatever `Host` says, and
/// the path that it came by. What a DPoP proof must be made for (RFC 9449 section 4.3, check 9).
pub(crate) struct RequestedUrl(pub(crate) String);

impl Endpoints {
    pub(crate) fn new(issuer: &Issuer, profile: ProtocolProfile) -> Self {
        Self {
            base: issuer.path().to_owned(),
            profile,
        }
    }

    /// Whether a request's path may differ from its route's.
    pub(crate) fn lead_anywhere(&self) -> bool {
        !self.base.is_empty() || self.profile == ProtocolProfile::Psc
    }

    /// Leads a request to its route.
    pub(crate) fn lead<B>(&self, mut request: Request<B>) -> Request<B> {
        let Some(path) = self.route(request.uri().path()) else {
            return request;
        };
        let requested = RequestedPath(request.uri().path().to_owned());
        if let Some(uri) = with_path(request.uri(), &path) {
            *request.uri_mut() = uri;
            request.extensions_mut().insert(requested);
        }
        request
    }

    /// The route of a path, if it is another.
    fn route(&self, path: &str) -> Option<String> {
        if self.profile == ProtocolProfile::Psc && path == WALLET_AUTHORIZATION {
            return Some(Endpoint::Authorization.path().to_owned());
        }
        // RFC 8414 section 3.1, SSF 1.0 section 7.2: the issuer's path comes last.
        for document in [OAUTH_METADATA, TRANSMITTER] {
            let behind = path.strip_prefix(document);
            if behind.is_some_and(|behind| behind == self.base) {
                return Some(document.to_owned());
            }
        }
        let below = path
            .strip_prefix(&self.base)
            .filter(|below| below.starts_with('/'));
        match below {
            Some(below) => self.alias(below).or_else(|| {
                let moved = !self.base.is_empty();
                moved.then(|| below.to_owned())
            }),
            None => is_below_the_issuer(path).then(|| NOWHERE.to_owned()),
        }
    }

    /// The route of one of the profile's own paths below the issuer.
    fn alias(&self, below: &str) -> Option<String> {
        if self.profile == ProtocolProfile::Psc && below == WALLET_DISCOVERY {
            return Some(DISCOVERY.to_owned());
        }
        let announced = |it: &Endpoint| it.announced_path(self.profile) == below;
        let endpoint = Endpoint::ALL.into_iter().find(announced)?;
        (endpoint.path() != below).then(|| endpoint.path().to_owned())
    }
}

impl FromRequestParts<AppState> for RequestedUrl {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        let requested = parts.extensions.get::<RequestedPath>();
        let path = requested.map_or(parts.uri.path(), |it| &it.0);
        Ok(Self(format!("{}{path}", state.base_url())))
    }
}

/// `/logout` is a page too, whose form comes back to it at the root.
pub(crate) fn is_below_the_issuer(path: &str) -> bool {
    let is_at = |it: &Endpoint| *it != Endpoint::EndSession && it.path() == path;
    Endpoint::ALL.iter().any(is_at) || BELOW_THE_ISSUER.iter().any(|it| path.starts_with(it))
}

fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    let text = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(text).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(issuer: &str, profile: ProtocolProfile, path: &str) -> String {
        let endpoints = Endpoints::new(&Issuer::parse(issuer).unwrap(), profile);
        let request = Request::builder().uri(path).body(()).unwrap();
        endpoints.lead(request).uri().to_string()
    }

    /// Every path that Pro Santé Connect's portals have in their configuration.
    #[test]
    fn a_moved_portal_finds_every_path() {
        const BASE: &str = "/auth/realms/esante-wallet";
        let issuer = format!("https://id.example.fr{BASE}");
        for (path, expected) in [
            ("/auth?client_id=a", "/authorize?client_id=a"),
            ("BASE/protocol/openid-connect/auth", "/authorize"),
            ("BASE/protocol/openid-connect/token", "/token"),
            (
                "BASE/protocol/openid-connect/token/introspect",
                "/introspect",
            ),
            ("BASE/protocol/openid-connect/userinfo", "/userinfo"),
            ("BASE/protocol/openid-connect/logout", "/logout"),
            ("BASE/protocol/openid-connect/certs", "/jwks"),
            ("BASE/protocol/openid-connect/revoke", "/revoke"),
            ("BASE/protocol/openid-connect/ext/par/request", "/par"),
            ("BASE/.well-known/wallet-openid-configuration", DISCOVERY),
            ("BASE/.well-known/openid-configuration", DISCOVERY),
            (
                "/.well-known/oauth-authorization-serverBASE",
                OAUTH_METADATA,
            ),
            ("/.well-known/ssf-configurationBASE", TRANSMITTER),
            ("BASE/.well-known/ssf-configuration", TRANSMITTER),
            ("/.well-known/ssf-configuration", NOWHERE),
            ("BASE/events", "/events"),
            ("/events", NOWHERE),
            ("BASE/token", "/token"),
            ("BASE/presence", "/presence"),
            (
                "BASE/.well-known/cardea-enrolment",
                "/.well-known/cardea-enrolment",
            ),
            ("/login/abc", "/login/abc"),
            ("/healthz", "/healthz"),
            // Attack G11: one address, and no second issuer at the root.
            ("/token", NOWHERE),
            ("/.well-known/openid-configuration", NOWHERE),
            ("/presence", NOWHERE),
            ("BASEs/token", "BASEs/token"),
            ("BASE", "BASE"),
        ] {
            let path = path.replace("BASE", BASE);
            let expected = expected.replace("BASE", BASE);
            assert_eq!(
                route(&issuer, ProtocolProfile::Psc, &path),
                expected,
                "{path}"
            );
        }
    }

    #[test]
    fn a_bare_origin_keeps_every_path() {
        for profile in [ProtocolProfile::Oidc, ProtocolProfile::Psc] {
            for path in [
                "/token",
                "/.well-known/openid-configuration",
                "/presence",
                "/login/a",
            ] {
                assert_eq!(route("https://id.example.fr", profile, path), path);
            }
        }
        let keycloak = "/protocol/openid-connect/token";
        let route = |profile| route("https://id.example.fr", profile, keycloak);
        assert_eq!(route(ProtocolProfile::Psc), "/token");
        assert_eq!(route(ProtocolProfile::Oidc), keycloak);
    }
}
