//! What the admin API takes and gives (docs/admin.md), described in `openapi.json`.

use cardea_provider::{AnchorRole, RegistrationLimits};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::config::ClientConfig;

/// Every client.
#[derive(Debug, Serialize)]
pub struct ClientList {
    /// Those of the configuration first, then those of the database, each by their ids.
    pub clients: Vec<ClientView>,
}

/// One client.
#[derive(Debug, Serialize)]
pub struct ClientView {
    /// Its identifier.
    pub client_id: String,
    /// The name that people see.
    pub name: String,
    /// Where it is registered.
    pub source: ClientSource,
    /// The initial access token that a client registered itself with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_access_token: Option<String>,
    /// What is registered, in the words of a `[[client]]` table; none for a client of the
    /// configuration, and for one that cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration: Option<ClientConfig>,
    /// When it was registered.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub created_at: Option<OffsetDateTime>,
    /// When it was changed last.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub changed_at: Option<OffsetDateTime>,
}

/// Where a client is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientSource {
    /// A file of the configuration, where alone it is changed.
    Configuration,
    /// The database, by an operator.
    Database,
    /// The database, by itself.
    SelfRegistered,
}

/// A client that was added or changed.
#[derive(Debug, Serialize)]
pub struct ChangedClient {
    /// The client.
    #[serde(flatten)]
    pub client: ClientView,
    /// The secret that was made; this is the only time that anybody sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// How a secret is to be replaced.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SecretRotation {
    /// How long the one that is replaced is accepted yet; 30 days at most.
    pub overlap_seconds: u32,
}

/// A new secret.
#[derive(Debug, Serialize)]
pub struct NewSecret {
    /// The client.
    pub client_id: String,
    /// The secret; this is the only time that anybody sees it.
    pub secret: String,
    /// Until when the replaced one is accepted yet.
    #[serde(with = "time::serde::rfc3339::option")]
    pub previous_secret_accepted_until: Option<OffsetDateTime>,
}

/// Every certificate of every trust anchor.
#[derive(Debug, Serialize)]
pub struct AnchorList {
    /// By the order of the configuration.
    pub anchors: Vec<AnchorView>,
}

/// One certificate.
#[derive(Clone, Debug, Serialize)]
pub struct AnchorView {
    /// The name of its `[[trust_anchor]]`.
    pub trust_anchor: String,
    /// What it is there.
    pub role: AnchorRole,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// Whose key it certifies.
    pub subject: String,
    /// Since when it is valid.
    #[serde(with = "time::serde::rfc3339")]
    pub not_before: OffsetDateTime,
    /// Until when.
    #[serde(with = "time::serde::rfc3339")]
    pub not_after: OffsetDateTime,
    /// Whether it has expired, or will within 90 days.
    pub expires_soon: bool,
    /// Where it stands.
    pub source: AnchorSource,
    /// When it was added, to the database.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub added_at: Option<OffsetDateTime>,
}

/// Where a certificate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AnchorSource {
    /// A file of the configuration, where alone it is taken out.
    File,
    /// The database.
    Database,
}

/// A certificate to be added.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAnchor {
    /// The name of the `[[trust_anchor]]`.
    pub trust_anchor: String,
    /// What it is to be; a root, without a word.
    #[serde(default = "anchor")]
    pub role: AnchorRole,
    /// The certificate, as PEM.
    pub certificate: String,
    /// Its SHA-256 as its authority publishes it; where it is given it must agree.
    pub sha256: Option<String>,
}

/// An initial access token to be made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// For whom it is.
    #[serde(default)]
    pub note: String,
    /// How many clients may be registered with it.
    #[serde(default = "once")]
    pub uses: u32,
    /// How long it lasts; 90 days at most.
    #[serde(default = "a_week")]
    pub lifetime_seconds: u32,
    /// What may be registered; by default portals of people, with consent on a page.
    #[serde(default)]
    pub limits: RegistrationLimits,
}

/// An initial access token that was made.
#[derive(Debug, Serialize)]
pub struct IssuedToken {
    /// Its public name.
    pub id: String,
    /// The token; this is the only time that anybody sees it.
    pub initial_access_token: String,
    /// Until when it is accepted.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
}

/// Every initial access token.
#[derive(Debug, Serialize)]
pub struct TokenList {
    /// The newest first.
    pub initial_access_tokens: Vec<TokenView>,
}

/// One initial access token, without the token itself.
#[derive(Debug, Serialize)]
pub struct TokenView {
    /// Its public name.
    pub id: String,
    /// For whom it is.
    pub note: String,
    /// How many clients may be registered yet.
    pub uses_left: i64,
    /// What may be registered.
    pub limits: serde_json::Value,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// Until when it is accepted.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
    /// When it was taken back.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub revoked_at: Option<OffsetDateTime>,
}

fn anchor() -> AnchorRole {
    AnchorRole::Anchor
}

fn once() -> u32 {
    1
}

fn a_week() -> u32 {
    7 * 24 * 60 * 60
}
