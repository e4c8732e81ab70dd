//! What may be registered with an initial access token.

use cardea_oauth2_types::{GrantType, Scope};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{Client, ConsentPolicy, Error};

const HOSTS_MAX: usize = 32;
const RESOURCES_MAX: usize = 32;
/// What a client of people asks for.
const USUAL_SCOPE: &str = "openid profile professional";

/// The bounds of one initial access token. They hold for every later change as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegistrationLimits {
    /// The scope values that may be asked for, parted by spaces.
    pub scope: String,
    /// The grants.
    pub grant_types: Vec<GrantType>,
    /// The hosts that addresses of the client may lead to; any when empty.
    pub hosts: Vec<String>,
    /// The resource servers that it may ask tokens for (RFC 8707).
    pub resources: Vec<String>,
    /// Whether people are asked on a page of ours, or their PIN for the portal's name is enough: no
    /// operator has looked at a portal that registers itself.
    pub consent: RegisteredConsent,
}

/// `consent` of clients that register themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegisteredConsent {
    /// A page asks each person.
    #[default]
    Explicit,
    /// The PIN is the consent.
    Implicit,
}

impl Default for RegistrationLimits {
    fn default() -> Self {
        Self {
            scope: USUAL_SCOPE.to_owned(),
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            hosts: Vec::new(),
            resources: Vec::new(),
            consent: RegisteredConsent::Explicit,
        }
    }
}

impl RegistrationLimits {
    pub(super) fn read_stored(text: &str) -> Result<Self, Error> {
        serde_json::from_str(text).map_err(Error::StoredValueUnreadable)
    }

    /// What people are asked, by the limits.
    #[must_use]
    pub fn consent_of(&self, grant_types: &[GrantType]) -> ConsentPolicy {
        match self.consent {
            RegisteredConsent::Explicit if grant_types.contains(&GrantType::AuthorizationCode) => {
                ConsentPolicy::Explicit
            }
            RegisteredConsent::Explicit | RegisteredConsent::Implicit => ConsentPolicy::Implicit,
        }
    }

    /// Refuses limits that cannot be what the operator meant.
    pub(super) fn check_terms(&self) -> Result<(), Error> {
        let wrong = |reason| Err(Error::InitialAccessTokenTermsInvalid { reason });
        if Scope::parse(&self.scope).is_err() {
            return wrong("the scope must be at most 32 words of visible ASCII characters");
        }
        if self.grant_types.is_empty() {
            return wrong("at least one grant must be allowed");
        }
        if self.hosts.len() > HOSTS_MAX || self.resources.len() > RESOURCES_MAX {
            return wrong("more than 32 hosts or resources");
        }
        let is_host =
            |host: &String| url::Host::parse(host).is_ok_and(|it| it.to_string() == *host);
        if !self.hosts.iter().all(is_host) {
            return wrong("a host must be in lower case, such as portal.example.fr");
        }
        let explicit = self.consent == RegisteredConsent::Explicit;
        if explicit && self.grant_types.contains(&GrantType::CardGrant) {
            return wrong("the card grant needs implicit consent: business software has no page");
        }
        Ok(())
    }

    /// Refuses a client that goes beyond.
    pub(super) fn check(&self, client: &Client) -> Result<(), Error> {
        let beyond = |key| {
            Err(Error::ClientMetadataInvalid {
                key,
                reason: BEYOND,
            })
        };
        let scope = Scope::parse(&self.scope)?;
        if client.scope.intersection(&scope) != client.scope {
            return beyond("scope");
        }
        let grants = &client.grant_types;
        if !grants.iter().all(|grant| self.grant_types.contains(grant)) {
            return beyond("grant_types");
        }
        let mut resources = client.resources.iter();
        if !resources.all(|resource| self.resources.contains(resource)) {
            return beyond("resources");
        }
        // Who may introspect tokens is never up to whoever registers.
        if !client.resource_server_of.is_empty() {
            return beyond("resource_server_of");
        }
        if self.hosts.is_empty() {
            return Ok(());
        }
        let addresses = client
            .redirect_uris
            .iter()
            .chain(&client.post_logout_redirect_uris)
            .chain(&client.backchannel_logout_uri);
        for address in addresses {
            if !self.allows_host_of(address) {
                return Err(Error::ClientRedirectUriInvalid { reason: OTHER_HOST });
            }
        }
        Ok(())
    }

    fn allows_host_of(&self, address: &str) -> bool {
        let url = Url::parse(address).ok();
        let host = url.as_ref().and_then(Url::host_str);
        host.is_some_and(|host| self.hosts.iter().any(|allowed| allowed == host))
    }
}

const BEYOND: &str = "goes beyond what the initial access token allows";
const OTHER_HOST: &str = "leads to a host that the initial access token does not allow";
