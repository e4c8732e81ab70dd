//! The configuration file `cardea.toml`: parsed once, checked once, then only read.
//!
//! Every mistake is reported with the file, the line, the key and the reason, and stops the
//! server: a misspelt key must never fall back to a default in silence.

mod agentless;
mod check;
mod client;
mod database;
mod issuer;
mod keys;
mod ledger;
mod load;
mod mistakes;
mod mtls;
mod operations;
mod pages;
mod profile;
mod registration;
mod retention;
mod revocation;
mod siem;
mod support;
mod suspension;
#[cfg(test)]
mod tests;
mod trust_anchor;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use cardea_provider::{ProfileRules, ProtocolProfile};
use serde::Deserialize;

pub use self::agentless::AgentlessConfig;
pub(crate) use self::check::check_client;
pub use self::client::{
    AuthMethod, CardsConfig, ClientConfig, ClientSecret, ConsentConfig, PkceConfig,
    ProfessionConfig, RedirectUri, SecretSha256, SigningAlgorithm, SubjectTypeConfig,
};
pub use self::database::DatabaseUrl;
pub use self::issuer::{AgentUrl, Issuer};
pub use self::keys::{EncryptionConfig, KeyStore, KeysConfig, Pkcs11Config, RotateEvery, Span};
pub use self::ledger::{LedgerConfig, LedgerWitnessConfig, WitnessKey, WitnessPolicy, WitnessUrl};
pub(crate) use self::load::{load_clients, read_keys};
pub(crate) use self::mistakes::{Mistake, STAND_IN, STAND_IN_ISSUER, find_mistakes, line_of};
pub use self::mtls::{
    CertificateHeader, MtlsConfig, MtlsProxyConfig, MtlsTrustAnchorConfig, MtlsUrl, RevocationCheck,
};
pub use self::operations::{OperationsConfig, TelemetryConfig};
pub use self::pages::PagesConfig;
pub use self::profile::load_profile;
pub use self::registration::{AdminConfig, AdminOperatorConfig, RegistrationConfig};
pub use self::retention::RetentionConfig;
pub(crate) use self::revocation::Service;
pub use self::revocation::{
    EvidenceOrder, HostAndPort, OcspNonce, RevocationConfig, RevocationStoreConfig,
};
pub use self::siem::{SiemConfig, SiemFormat, SiemFrom, SiemPersonal, SiemTarget};
pub use self::support::SupportConfig;
pub use self::suspension::{OfferCode, SuspensionConfig};
pub use self::trust_anchor::{
    CardRuleConfig, ExtendedKeyUsageChainingConfig, PolicyOid, TestCardsConfig, TrustAnchorConfig,
};

pub use crate::time_zone::PageZone;

/// The whole of `cardea.toml`, with paths made absolute and the client files read in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// The issuer identifier (OpenID Connect Discovery 1.0 section 3), also the page's origin.
    pub issuer: Issuer,
    /// Where the server listens.
    pub listen: SocketAddr,
    /// Which rules of the field all clients are held to.
    #[serde(default)]
    pub profile: ProfileConfig,
    /// A service for trying things out: every trust anchor must take test cards alone, tokens say
    /// `test`, pages say that nobody here is real.
    #[serde(default)]
    pub sandbox: bool,
    /// Whether every portal must push its authorization requests (RFC 9126 section 5).
    #[serde(default)]
    pub require_pushed_authorization_requests: bool,
    /// Whether every portal must sign its authorization requests (RFC 9101 section 10.5).
    #[serde(default)]
    pub require_signed_request_object: bool,
    /// The agent's loopback address as the login page calls it.
    #[serde(default)]
    pub agent_url: AgentUrl,
    /// More files of `[[client]]` tables.
    #[serde(default)]
    pub clients_file: Vec<PathBuf>,
    /// Where records are kept.
    #[serde(default)]
    pub database: DatabaseConfig,
    /// The server's own TLS; absent behind a reverse proxy on the same machine.
    pub tls: Option<TlsConfig>,
    /// A listener for clients that show certificates.
    pub mtls: Option<MtlsConfig>,
    /// Keys that sign tokens and challenges.
    pub keys: KeysConfig,
    /// The log that shows when it was changed.
    #[serde(default)]
    pub ledger: LedgerConfig,
    /// How long what is kept for its own sake is kept.
    #[serde(default)]
    pub retention: RetentionConfig,
    /// Where the log's events go beside the database.
    #[serde(default)]
    pub siem: Vec<SiemConfig>,
    /// What a login asks of the person beside her card.
    #[serde(default)]
    pub card: CardConfig,
    /// How a card's presence is followed.
    #[serde(default)]
    pub presence: PresenceConfig,
    /// How long a session may live.
    #[serde(default)]
    pub session: SessionConfig,
    /// Lost cards.
    #[serde(default)]
    pub suspension: SuspensionConfig,
    /// Whom people call.
    #[serde(default)]
    pub support: SupportConfig,
    /// What all pages have in common.
    #[serde(default)]
    pub pages: PagesConfig,
    /// Login without the agent.
    pub agentless: Option<AgentlessConfig>,
    /// Bounds on what one address may ask for.
    #[serde(default)]
    pub limits: LimitsConfig,
    /// Where fetched revocation lists are kept.
    #[serde(default)]
    pub revocation: RevocationStoreConfig,
    /// What operators' programs are shown, and how the server stops.
    #[serde(default)]
    pub operations: OperationsConfig,
    /// Where traces go.
    #[serde(default)]
    pub telemetry: TelemetryConfig,
    /// The card issuers whose cards are accepted.
    #[serde(default)]
    pub trust_anchor: Vec<TrustAnchorConfig>,
    /// Clients that register themselves.
    #[serde(default)]
    pub registration: RegistrationConfig,
    /// The API for operators.
    #[serde(default)]
    pub admin: AdminConfig,
    /// The portals.
    #[serde(default)]
    pub client: Vec<ClientConfig>,
    /// The file that all of this was read from.
    #[serde(skip)]
    pub file: PathBuf,
}

/// `profile`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProfileConfig {
    /// OpenID Connect; each client chooses within its rules.
    #[default]
    Oidc,
    /// FAPI 2.0 Security Profile, for every client.
    Fapi2,
    /// What portals expect that were written for Pro Santé Connect.
    Psc,
}

impl ProfileConfig {
    /// What every client is held to.
    #[must_use]
    pub fn rules(self) -> ProfileRules {
        ProtocolProfile::from(self).rules()
    }
}

impl From<ProfileConfig> for ProtocolProfile {
    fn from(profile: ProfileConfig) -> Self {
        match profile {
            ProfileConfig::Oidc => Self::Oidc,
            ProfileConfig::Fapi2 => Self::Fapi2,
            ProfileConfig::Psc => Self::Psc,
        }
    }
}

/// `[database]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DatabaseConfig {
    /// `sqlite://FILE` or `postgres://…`.
    #[serde(default)]
    pub url: DatabaseUrl,
}

/// `[tls]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TlsConfig {
    /// PEM file of the certificate chain, leaf first.
    pub certificate: PathBuf,
    /// PEM file of the private key.
    pub key: PathBuf,
}

/// `[card]`
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct CardConfig {
    /// The weakest user verification that a login may rest on.
    pub pin_policy: PinPolicy,
}

/// `pin_policy`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PinPolicy {
    /// The PIN at each login.
    #[default]
    Strict,
    /// A PIN typed earlier counts while the card stays in the reader, where the workstation's own
    /// policy allows it too.
    Pharmacy,
    /// The card alone counts as well, such as a contactless one: a single factor.
    CardAlone,
}

/// `[presence]`
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct PresenceConfig {
    /// Seconds between two looks whether an agent is there.
    pub interval_seconds: u32,
    /// Seconds of silence after which a session ends.
    pub grace_seconds: u32,
    /// Seconds that a login waits for the first proof.
    pub wait_seconds: u32,
    /// Silent agents at once from which on the fault is ours and nobody is ended …
    pub mass_loss_agents: u32,
    /// … if they are more than this share of the live ones, in percent.
    pub mass_loss_percent: u32,
    /// Seconds that silent agents then have to come back.
    pub mass_loss_grace_seconds: u32,
    /// Connections of open sessions at once.
    pub connections_max: u32,
    /// Connections that no session has named yet, at once.
    pub unclaimed_max: u32,
    /// The same from one address (an IPv6 /64 counts as one).
    pub unclaimed_per_address_max: u32,
}

/// `[session]`
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct SessionConfig {
    /// Seconds without use after which a session ends.
    pub idle_seconds: u32,
    /// Seconds after which a session ends whatever happens.
    pub absolute_seconds: u32,
    /// Seconds that an access token lives; clients get the next by their refresh token.
    pub access_token_seconds: u32,
    /// Seconds between two looks at the card of an open session.
    pub recheck_seconds: u32,
    /// Seconds for which a portal is tried that cannot be told that a session is over.
    pub logout_retry_seconds: u32,
}

/// `[limits]`
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct LimitsConfig {
    /// Logins that one address may start in a minute.
    pub per_address_and_minute: u32,
    /// Challenges that one address may ask for in a minute.
    pub challenges_per_address_and_minute: u32,
    /// Pushed authorization requests of one portal that may wait at a time for their browsers.
    pub pushed_requests_per_client: u32,
    /// Logins of all portals that may wait at a time for a card; beyond, the oldest give way.
    pub waiting_logins_max: u32,
    /// Connections of one address at once, presence connections included; of no effect with
    /// `x_forwarded_for`, where every connection is the proxy's.
    pub connections_per_address: u32,
    /// Connections at once beyond those that `[presence]` allows for.
    pub other_connections_max: u32,
    /// Requests of one address that are refused, in a minute and at each endpoint.
    pub refusals_per_address_and_minute: u32,
    /// Where a request's address is read; `peer` when absent, which is not accepted for an https
    /// issuer without `[tls]`: every request would come from the proxy.
    pub client_address: Option<ClientAddress>,
}

/// `client_address`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClientAddress {
    /// The connection's other end.
    #[default]
    Peer,
    /// The last entry of `X-Forwarded-For`: only right behind a proxy that writes it.
    XForwardedFor,
}

impl Config {
    /// Reads and checks `file` and the client files that it names.
    ///
    /// # Errors
    /// `server.config_unreadable` and `server.config_invalid`, which name file, key and reason.
    pub fn load(file: &Path) -> Result<Self, crate::error::Error> {
        load::load(file)
    }
}

impl Default for PresenceConfig {
    fn default() -> Self {
        Self {
            interval_seconds: 10,
            grace_seconds: 30,
            wait_seconds: 15,
            mass_loss_agents: 5,
            mass_loss_percent: 25,
            mass_loss_grace_seconds: 15 * 60,
            connections_max: 20_000,
            unclaimed_max: 4_000,
            unclaimed_per_address_max: 200,
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            per_address_and_minute: 600,
            challenges_per_address_and_minute: 300,
            pushed_requests_per_client: 4500,
            waiting_logins_max: 100_000,
            connections_per_address: 4_000,
            other_connections_max: 4_000,
            refusals_per_address_and_minute: 300,
            client_address: None,
        }
    }
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            idle_seconds: 30 * 60,
            absolute_seconds: 4 * 60 * 60,
            access_token_seconds: 120,
            recheck_seconds: 15 * 60,
            logout_retry_seconds: 24 * 60 * 60,
        }
    }
}
