//! `[[client]]`: a portal (relying party) that may ask for logins.

use std::fmt;
use std::path::PathBuf;

use cardea_jose::JwkSet;
use cardea_oauth2_types::GrantType;
use cardea_provider::{InstancePolicy, ProfileRules, PushAuthorization};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// One registered client (OpenID Connect Dynamic Client Registration 1.0 section 2 names).
///
/// It is written as JSON for the database, without the keys of secrets and files.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ClientConfig {
    /// The client identifier.
    pub client_id: String,
    /// The name that people see on the login page and in the agent's prompt.
    pub name: String,
    /// Where codes may be sent, compared as exact strings (RFC 9700 section 4.1.3).
    #[serde(default)]
    pub redirect_uris: Vec<RedirectUri>,
    /// Where a browser may be sent after logout.
    #[serde(default)]
    pub post_logout_redirect_uris: Vec<RedirectUri>,
    /// Where the client is told that a session has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<RedirectUri>,
    /// Where the client is told of its own sessions and tokens that end, by Security Event Tokens
    /// (RFC 8935).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_push_uri: Option<RedirectUri>,
    /// A file with the value of the `Authorization` header that the client wants to see there; what
    /// it holds stands in `event_push_authorization` once it has been read.
    #[serde(skip_serializing)]
    pub event_push_authorization_file: Option<PathBuf>,
    /// That value.
    #[serde(skip)]
    pub event_push_authorization: Option<PushAuthorization>,
    /// The client's secret in clear; prefer `secret_sha256`.
    #[serde(skip_serializing)]
    pub secret: Option<ClientSecret>,
    /// SHA-256 of the client's secret, in hexadecimal.
    #[serde(skip_serializing)]
    pub secret_sha256: Option<SecretSha256>,
    /// How the client authenticates at the token endpoint; `client_secret_basic` by default.
    /// A public client says `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_method: Option<AuthMethod>,
    /// The client's public keys (a JWK Set), for `private_key_jwt` and request objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<JwkSet>,
    /// A file with `jwks`, which stands there once it has been read.
    #[serde(skip_serializing)]
    pub jwks_file: Option<PathBuf>,
    /// What the client may turn into tokens.
    #[serde(default = "default_grant_types")]
    pub grant_types: Vec<GrantType>,
    /// PKCE with S256; only a confidential client may say `optional`.
    #[serde(default)]
    pub pkce: PkceConfig,
    /// Whether authorization requests must be pushed (RFC 9126 section 6).
    #[serde(default)]
    pub require_pushed_authorization_requests: bool,
    /// Whether authorization requests must be signed request objects (RFC 9101 section 10.5).
    #[serde(default)]
    pub require_signed_request_object: bool,
    /// The one algorithm of this client's request objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_object_signing_alg: Option<SigningAlgorithm>,
    /// Whether access tokens must be bound to a DPoP key (RFC 9449 section 5.2).
    #[serde(default)]
    pub dpop_bound_access_tokens: bool,
    /// Whether access tokens must be bound to the client's certificate (RFC 8705 section 3.4).
    #[serde(default)]
    pub tls_client_certificate_bound_access_tokens: bool,
    /// The one name of the certificate of a client with `tls_client_auth`: its whole subject …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_subject_dn: Option<String>,
    /// … or a DNS name of it …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_san_dns: Option<String>,
    /// … or a URI …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_san_uri: Option<String>,
    /// … or an address …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_san_ip: Option<String>,
    /// … or a mail address (RFC 8705 section 2.1.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_san_email: Option<String>,
    /// The name of the `[[mtls.trust_anchor]]` that vouches for it; any of them without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_trust_anchor: Option<String>,
    /// Which cards this client lets in, beyond what the trust anchors say.
    #[serde(default)]
    pub cards: CardsConfig,
    /// The algorithm of this client's ID tokens; the profile's default without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token_signed_response_alg: Option<SigningAlgorithm>,
    /// The algorithm of this client's userinfo answers; plain JSON without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub userinfo_signed_response_alg: Option<SigningAlgorithm>,
    /// The algorithm of this client's access tokens; the profile's default without it. Every
    /// resource server knows RS256 (RFC 9068 section 2.1); ES256 costs this server a tenth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token_signed_response_alg: Option<SigningAlgorithm>,
    /// The algorithm of this client's authorization responses, which are then always signed
    /// (JARM); without it they are where a request asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_signed_response_alg: Option<SigningAlgorithm>,
    /// The algorithm of introspection answers to this client, which are then always signed
    /// (RFC 9701); without it they are where a request asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub introspection_signed_response_alg: Option<SigningAlgorithm>,
    /// Whether the client sees everybody's one `sub` or a `sub` of its sector's own.
    #[serde(default)]
    pub subject_type: SubjectTypeConfig,
    /// The sector of pairwise subjects, a host; the host of the redirect URIs by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sector_identifier: Option<String>,
    /// The resource servers that the client may ask access tokens for (RFC 8707).
    #[serde(default)]
    pub resources: Vec<String>,
    /// The resource servers that the client is: it may introspect the tokens made for them.
    #[serde(default)]
    pub resource_server_of: Vec<String>,
    /// Whether the client may hear of sessions and tokens that end, as far as they were for those
    /// resource servers (docs/event-stream.md).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub event_stream: bool,
    /// Whether the client is a guard in front of those resource servers: it reports what it
    /// answered, and stops sessions by that (docs/guard.md).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub guard: bool,
    /// Whether access tokens for those resource servers say the person's profession, so that they
    /// can judge by it (docs/claims.md).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub profession_in_access_tokens: bool,
    /// Whether a page asks the person before her claims go to the client.
    #[serde(default)]
    pub consent: ConsentConfig,
    /// Whether people may log in to it without the agent, where `[agentless]` is on: a weaker proof
    /// (docs/agentless.md).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub agentless: bool,
    /// Which workstations people may sign in to it from: any, those that they are known to use, or
    /// those that the operator manages (docs/instances.md).
    #[serde(default, skip_serializing_if = "InstancePolicy::is_any")]
    pub instances: InstancePolicy,
    /// The scopes that this client may ask for, see [`ClientConfig::scope_values`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// The file that the table stands in.
    #[serde(skip)]
    pub file: Option<PathBuf>,
}

/// A redirection URI kept as the text that was registered.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String")]
pub struct RedirectUri(String);

/// A client secret; `Debug` hides it.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct ClientSecret(Zeroizing<String>);

/// The SHA-256 of a client secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct SecretSha256([u8; 32]);

/// `token_endpoint_auth_method` (OpenID Connect Core 1.0 section 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AuthMethod {
    /// The secret stands in the `Authorization` header.
    ClientSecretBasic,
    /// The secret stands in the body.
    ClientSecretPost,
    /// A JWT signed by a key of `jwks` (RFC 7523 section 2.2).
    PrivateKeyJwt,
    /// A certificate of an authority in `[mtls]` (RFC 8705 section 2.1).
    TlsClientAuth,
    /// A certificate that `jwks` names, or one for a key of it (RFC 8705 section 2.2).
    SelfSignedTlsClientAuth,
    /// A public client has no secret; PKCE protects it.
    None,
}

/// `pkce`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PkceConfig {
    /// No login without it.
    #[default]
    Required,
    /// Checked where the client sends it.
    Optional,
}

/// `subject_type` (OpenID Connect Core 1.0 section 8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SubjectTypeConfig {
    /// The same `sub` for every public client.
    #[default]
    Public,
    /// A `sub` of the client's sector alone.
    Pairwise,
}

/// `consent`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ConsentConfig {
    /// The PIN for the named portal is the consent.
    #[default]
    Implicit,
    /// A page asks once for each person and scope.
    Explicit,
}

/// `cards`: what a client asks of a card. An empty list lets all in.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct CardsConfig {
    /// Card families, such as `cps`.
    pub families: Vec<String>,
    /// Professions.
    pub professions: Vec<ProfessionConfig>,
}

/// A profession: a code is nothing without its terminology.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ProfessionConfig {
    /// The code, such as `21`.
    pub code: String,
    /// The terminology, such as `TRE_G15`.
    pub system: String,
}

/// The signature algorithms that we sign with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub enum SigningAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256, the default of OpenID Connect.
    #[serde(rename = "RS256")]
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// RSASSA-PSS with SHA-256.
    #[serde(rename = "PS256")]
    Ps256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl ClientConfig {
    /// How the client authenticates, if method and secret go together.
    #[must_use]
    pub fn auth_method(&self) -> Option<AuthMethod> {
        self.auth_method_with(self.secret_digest().is_some())
    }

    /// As [`ClientConfig::auth_method`], where the secret may be kept elsewhere.
    #[must_use]
    pub fn auth_method_with(&self, has_secret: bool) -> Option<AuthMethod> {
        match (self.token_endpoint_auth_method, has_secret) {
            (None, true) => Some(AuthMethod::ClientSecretBasic),
            (Some(method), true) => method.uses_secret().then_some(method),
            // A secret that was lost on the way must not turn a client into a public one.
            (None, false) => None,
            (Some(method), false) => (!method.uses_secret()).then_some(method),
        }
    }

    /// Whether the client shows a certificate, for which there is a listener of its own.
    #[must_use]
    pub fn needs_mtls(&self) -> bool {
        let method = self.token_endpoint_auth_method;
        self.tls_client_certificate_bound_access_tokens
            || matches!(
                method,
                Some(AuthMethod::TlsClientAuth | AuthMethod::SelfSignedTlsClientAuth)
            )
    }

    /// The scopes that the client may ask for: without a word those of a person, by the profile,
    /// and none for a client that nobody signs in to.
    #[must_use]
    pub fn scope_values(&self, rules: &ProfileRules) -> Vec<String> {
        if let Some(scopes) = &self.scopes {
            return scopes.clone();
        }
        let of_people = [
            GrantType::AuthorizationCode,
            GrantType::CardGrant,
            GrantType::DeviceCode,
        ];
        let has_people = of_people
            .iter()
            .any(|grant| self.grant_types.contains(grant));
        let scopes: &[&str] = if has_people { rules.default_scope } else { &[] };
        scopes.iter().map(|&scope| scope.to_owned()).collect()
    }

    /// SHA-256 of the secret of a confidential client, none for a public one.
    #[must_use]
    pub fn secret_digest(&self) -> Option<[u8; 32]> {
        match (&self.secret, &self.secret_sha256) {
            (Some(secret), _) => Some(openssl::sha::sha256(secret.0.as_bytes())),
            (None, Some(digest)) => Some(digest.0),
            (None, None) => None,
        }
    }
}

impl RedirectUri {
    /// The URI as registered.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AuthMethod {
    /// Whether the client proves itself with a secret.
    #[must_use]
    pub fn uses_secret(self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretPost)
    }

    /// The value of `token_endpoint_auth_method`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::TlsClientAuth => "tls_client_auth",
            Self::SelfSignedTlsClientAuth => "self_signed_tls_client_auth",
            Self::None => "none",
        }
    }
}

impl SecretSha256 {
    /// The digest of a secret.
    #[must_use]
    pub fn of(secret: &str) -> Self {
        Self(openssl::sha::sha256(secret.as_bytes()))
    }

    /// The digest.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(redacted)")
    }
}

impl TryFrom<String> for RedirectUri {
    type Error = &'static str;

    /// Accepts what any client may register; what this one may is looked at with the rest of it.
    fn try_from(text: String) -> Result<Self, Self::Error> {
        cardea_provider::check_redirect_uri(&text)?;
        Ok(Self(text))
    }
}

impl TryFrom<String> for ClientSecret {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let secret = Zeroizing::new(text);
        if secret.len() < 16 {
            return Err("must have at least 16 characters: make one with `openssl rand -hex 32`");
        }
        Ok(Self(secret))
    }
}

impl TryFrom<String> for SecretSha256 {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const REASON: &str = "must be 64 hexadecimal digits, as sha256sum prints them";
        let mut digest = [0_u8; 32];
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(REASON);
        }
        for (byte, pair) in digest.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| REASON)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| REASON)?;
        }
        Ok(Self(digest))
    }
}

fn default_grant_types() -> Vec<GrantType> {
    vec![GrantType::AuthorizationCode]
}

#[cfg(test)]
mod tests {
    use super::{ClientSecret, RedirectUri, SecretSha256};

    #[test]
    fn redirect_uris_are_safe_to_redirect_to() {
        let cases = [
            ("https", "https://portal.example.test/callback?x=1", true),
            ("loopback", "http://127.0.0.1:8081/callback", true),
            ("native application", "test.example.portal:/callback", true),
            (
                "http elsewhere",
                "http://portal.example.test/callback",
                false,
            ),
            ("script", "javascript:alert(1)", false),
            ("data", "data:text/html,x", false),
            ("file", "file:///etc/passwd", false),
            ("fragment", "https://portal.example.test/callback#x", false),
            (
                "empty fragment",
                "https://portal.example.test/callback#",
                false,
            ),
            (
                "user",
                "https://idp.example.test@portal.example.test/",
                false,
            ),
            ("relative", "/callback", false),
        ];
        for (name, text, accepted) in cases {
            assert_eq!(
                RedirectUri::try_from(text.to_owned()).is_ok(),
                accepted,
                "{name}"
            );
        }
    }

    #[test]
    fn secret_is_not_shown_and_has_a_least_length() {
        let secret = ClientSecret::try_from("0123456789abcdef".to_owned()).unwrap();
        assert!(!format!("{secret:?}").contains("0123456789abcdef"));
        assert!(ClientSecret::try_from("short".to_owned()).is_err());
    }

    #[test]
    fn digest_is_hexadecimal() {
        let digest = SecretSha256::try_from("0f".repeat(32)).unwrap();
        assert_eq!(digest.as_bytes(), &[15; 32]);
        assert!(SecretSha256::try_from("0f".repeat(31)).is_err());
        assert!(SecretSha256::try_from("+f".repeat(32)).is_err());
    }
}
