//! `[token]` of guard.toml.

use std::path::{Path, PathBuf};

use cardea_jose::Algorithm;
use serde::Deserialize;

use crate::AccessError;
use crate::introspection::ClientCredentials;
use crate::jwks_source::endpoint;
use crate::proof_of_possession::{CertificateHeader, NonceUse};

/// Whose tokens are believed, and how they are checked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawTokenConfig")]
pub struct TokenConfig {
    pub(crate) issuer: String,
    pub(crate) audience: String,
    pub(crate) sender_constrained: bool,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) clock_skew_seconds: u32,
    pub(crate) lifetime_seconds_max: u32,
    pub(crate) dpop_nonce: NonceUse,
    pub(crate) discovery_url: Option<String>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) keys_refresh_seconds: u32,
    pub(crate) keys_kept_seconds: u32,
    pub(crate) revocation: RevocationUse,
    pub(crate) introspection_kept_milliseconds: u32,
    pub(crate) introspection_signed: bool,
    pub(crate) certificate_header: Option<CertificateHeader>,
    client: Option<Client>,
}

/// How the guard learns that a token is over before it expires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationUse {
    /// From the issuer's event stream; by introspection while that is not heard.
    #[default]
    EventStream,
    /// By introspection of every token.
    Introspection,
    /// Not at all.
    ExpiryAlone,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Client {
    client_id: String,
    proof: Proof,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Proof {
    SecretFile(PathBuf),
    KeyFile(PathBuf, Algorithm),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTokenConfig {
    issuer: String,
    audience: String,
    #[serde(default = "yes")]
    sender_constrained: bool,
    algorithms: Option<Vec<Algorithm>>,
    clock_skew_seconds: Option<u32>,
    lifetime_seconds_max: Option<u32>,
    #[serde(default)]
    dpop_nonce: NonceUse,
    discovery_url: Option<String>,
    ca_file: Option<PathBuf>,
    keys_refresh_seconds: Option<u32>,
    keys_kept_seconds: Option<u32>,
    #[serde(default)]
    revocation: RevocationUse,
    introspection_kept_milliseconds: Option<u32>,
    #[serde(default)]
    introspection_signed: bool,
    certificate_header: Option<CertificateHeader>,
    client_id: Option<String>,
    client_secret_file: Option<PathBuf>,
    client_key_file: Option<PathBuf>,
    client_key_algorithm: Option<Algorithm>,
}

fn yes() -> bool {
    true
}

impl TokenConfig {
    /// The same, with files that lie below a folder unless their paths are absolute.
    #[must_use]
    pub fn below(mut self, folder: &Path) -> Self {
        self.ca_file = self.ca_file.map(|file| folder.join(file));
        if let Some(client) = &mut self.client {
            match &mut client.proof {
                Proof::SecretFile(file) | Proof::KeyFile(file, _) => *file = folder.join(&*file),
            }
        }
        self
    }

    /// Scheme, host and port of the issuer, without its path.
    pub(crate) fn issuer_origin(&self) -> String {
        let url = endpoint(&self.issuer).ok();
        url.map_or(String::new(), |url| url.origin().ascii_serialization())
    }

    /// Whether the guard is a client of the issuer at all.
    pub(crate) fn has_client(&self) -> bool {
        self.client.is_some()
    }

    /// The guard as a client of the issuer.
    pub(crate) fn credentials(&self) -> Result<ClientCredentials, AccessError> {
        let client = self.client.as_ref();
        let client = client.ok_or_else(|| AccessError::CredentialsUnusable {
            reason: "[token] has no client_id".to_owned(),
        })?;
        match &client.proof {
            Proof::SecretFile(file) => ClientCredentials::by_secret(&client.client_id, file),
            Proof::KeyFile(file, of) => ClientCredentials::by_key(&client.client_id, file, *of),
        }
    }
}

impl TryFrom<RawTokenConfig> for TokenConfig {
    type Error = String;

    fn try_from(raw: RawTokenConfig) -> Result<Self, String> {
        let client = raw.client()?;
        let is_issuer = endpoint(&raw.issuer).is_ok() && !raw.issuer.contains(['?', '#']);
        if !is_issuer {
            return Err("issuer: it is no https address without query and fragment".to_owned());
        }
        if raw
            .discovery_url
            .as_deref()
            .is_some_and(|url| endpoint(url).is_err())
        {
            return Err("discovery_url: it is no https address".to_owned());
        }
        if raw.audience.is_empty() {
            return Err("audience: it is empty".to_owned());
        }
        if raw.revocation != RevocationUse::ExpiryAlone && client.is_none() {
            return Err(
                "client_id: introspection and the event stream need it, and \
                        client_secret_file or client_key_file"
                    .to_owned(),
            );
        }
        let algorithms = raw.algorithms.unwrap_or(Algorithm::GENERAL.to_vec());
        if algorithms.is_empty() {
            return Err("algorithms: none is left".to_owned());
        }
        Ok(Self {
            issuer: raw.issuer,
            audience: raw.audience,
            sender_constrained: raw.sender_constrained,
            algorithms,
            clock_skew_seconds: between("clock_skew_seconds", raw.clock_skew_seconds, [0, 5, 60])?,
            lifetime_seconds_max: between(
                "lifetime_seconds_max",
                raw.lifetime_seconds_max,
                [10, 600, 3_600],
            )?,
            dpop_nonce: raw.dpop_nonce,
            discovery_url: raw.discovery_url,
            ca_file: raw.ca_file,
            keys_refresh_seconds: between(
                "keys_refresh_seconds",
                raw.keys_refresh_seconds,
                [1, 60, 3_600],
            )?,
            keys_kept_seconds: between(
                "keys_kept_seconds",
                raw.keys_kept_seconds,
                [5, 3_600, 86_400],
            )?,
            revocation: raw.revocation,
            introspection_kept_milliseconds: between(
                "introspection_kept_milliseconds",
                raw.introspection_kept_milliseconds,
                [0, 500, 1_000],
            )?,
            introspection_signed: raw.introspection_signed,
            certificate_header: raw.certificate_header,
            client,
        })
    }
}

impl RawTokenConfig {
    fn client(&self) -> Result<Option<Client>, String> {
        let files = (&self.client_secret_file, &self.client_key_file);
        let proof = match (files, self.client_key_algorithm) {
            ((None, None), None) => None,
            ((Some(file), None), None) => Some(Proof::SecretFile(file.clone())),
            ((None, Some(file)), of) => {
                let of = of.unwrap_or(Algorithm::Es256);
                Some(Proof::KeyFile(file.clone(), of))
            }
            ((None, None) | (Some(_), None), Some(_)) => {
                return Err("client_key_algorithm: there is no client_key_file".to_owned());
            }
            ((Some(_), Some(_)), _) => {
                return Err("client_key_file: client_secret_file stands there too".to_owned());
            }
        };
        match (&self.client_id, proof) {
            (None, None) => Ok(None),
            (Some(client_id), Some(proof)) => Ok(Some(Client {
                client_id: client_id.clone(),
                proof,
            })),
            (Some(_), None) => {
                Err("client_id: client_secret_file or client_key_file is missing".to_owned())
            }
            (None, Some(_)) => Err("client_id: it is missing".to_owned()),
        }
    }
}

fn between(name: &str, value: Option<u32>, [least, usual, most]: [u32; 3]) -> Result<u32, String> {
    let value = value.unwrap_or(usual);
    if (least..=most).contains(&value) {
        Ok(value)
    } else {
        Err(format!("{name}: between {least} and {most}"))
    }
}
