//! What operators, and clients that register themselves, have changed about what servers go by.

use serde::Serialize;
use serde_json::Value;

use super::{EventKind, HoldingsEnded};
use crate::{AnchorRole, Author, OperatorsChanged};

/// A change, with who made it; or a refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum AdministrationEvent {
    /// A client was registered: by an operator, or by itself with an initial access token.
    ClientAdded {
        /// Who.
        by: Author,
        /// Everything that was registered: addresses, public keys, rights; no secret and no digest
        /// of one. At most [`crate::REGISTRATION_BYTES_MAX`].
        registration: Value,
    },
    /// A client's registration was changed.
    ClientChanged {
        /// By whom.
        by: Author,
        /// Everything that is registered now, as in [`AdministrationEvent::ClientAdded`].
        registration: Value,
    },
    /// A request about a registration was refused (RFC 7591, RFC 7592).
    RegistrationRefused {
        /// Stable code.
        #[serde(skip)]
        code: &'static str,
    },
    /// An operator made an initial access token.
    InitialAccessTokenIssued {
        /// Who.
        by: Author,
        /// The token's public name.
        id: String,
        /// For how many clients.
        uses: u32,
        /// Until when, in seconds since 1970.
        expires_at: i64,
        /// What may be registered with it.
        limits: Value,
    },
    /// An operator took an initial access token back.
    InitialAccessTokenRevoked {
        /// Who.
        by: Author,
        /// The token's public name.
        id: String,
    },
    /// An operator added a certificate to a trust anchor.
    TrustAnchorAdded {
        /// Who.
        by: Author,
        /// The name of the trust anchor.
        rules: String,
        /// What the certificate is there.
        role: AnchorRole,
        /// Its SHA-256, in hexadecimal.
        sha256: String,
        /// Its subject: an authority's name.
        subject: String,
        /// When it expires, in seconds since 1970.
        not_after: i64,
    },
    /// An operator took an added certificate away.
    TrustAnchorRemoved {
        /// Who.
        by: Author,
        /// The name of the trust anchor.
        rules: String,
        /// Its SHA-256, in hexadecimal.
        sha256: String,
    },
    /// The configuration was read anew.
    ConfigurationReloaded {
        /// At whose word.
        by: Author,
        /// What was replaced, such as `clients`.
        replaced: Vec<&'static str>,
        /// What stays as it was, because the new cannot be used.
        kept: Vec<&'static str>,
        /// Who may use the admin API from now on, or no more.
        #[serde(flatten)]
        operators: OperatorsChanged,
    },
    /// A request to the admin API was refused.
    AdminRefused {
        /// Stable code.
        #[serde(skip)]
        code: &'static str,
    },
    /// An operator gave a client another secret.
    ClientSecretRotated {
        /// Who.
        by: Author,
        /// How long the replaced one is accepted yet.
        overlap_seconds: i64,
    },
    /// An operator took a client out.
    ClientRemoved {
        /// Who.
        by: Author,
        /// What had been registered.
        registration: Value,
        /// What ended with it.
        #[serde(flatten)]
        ended: HoldingsEnded,
    },
}

impl From<AdministrationEvent> for EventKind {
    fn from(event: AdministrationEvent) -> Self {
        Self::Administration(event)
    }
}

impl AdministrationEvent {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::ClientAdded { .. } => "client.added",
            Self::ClientChanged { .. } => "client.changed",
            Self::RegistrationRefused { .. } => "registration.refused",
            Self::InitialAccessTokenIssued { .. } => "initial_access_token.issued",
            Self::InitialAccessTokenRevoked { .. } => "initial_access_token.revoked",
            Self::TrustAnchorAdded { .. } => "trust_anchor.added",
            Self::TrustAnchorRemoved { .. } => "trust_anchor.removed",
            Self::ConfigurationReloaded { .. } => "configuration.reloaded",
            Self::AdminRefused { .. } => "admin.refused",
            Self::ClientSecretRotated { .. } => "client.secret_rotated",
            Self::ClientRemoved { .. } => "client.removed",
        }
    }

    pub(super) fn code(&self) -> Option<&'static str> {
        match self {
            Self::RegistrationRefused { code } | Self::AdminRefused { code } => Some(code),
            _ => None,
        }
    }
}
