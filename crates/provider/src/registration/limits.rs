//! What may be registered with an initial access token.

use cardea_oauth2_types::{GrantType, Scope};
use serde::{Deserialize, Serialize};

use crate::client::{check_resource_uri, host_of};
use crate::issuer::is_loopback;
use crate::{Client, ConsentPolicy, Demand, Error, InstancePolicy, ProfileRules, SubjectType};

const HOSTS_MAX: usize = 32;
const RESOURCES_MAX: usize = 32;
/// What a client of people asks for.
const USUAL_SCOPE: &str = "openid profile professional";

/// The bounds of one initial access token. They hold for every later change as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegistrationLimits {
    /// The scope values that may be asked for, parted by spaces; without a word those that the
    /// profile has for clients of people.
    pub scope: Option<String>,
    /// The grants.
    pub grant_types: Vec<GrantType>,
    /// The hosts that addresses of the client may lead to; any when empty.
    pub hosts: Vec<String>,
    /// The resource servers that it may ask tokens for (RFC 8707).
    pub resources: Vec<String>,
    /// Whether people are asked on a page of ours, or their PIN for the portal's name is enough: no
    /// operator has looked at a portal that registers itself.
    pub consent: RegisteredConsent,
    /// Which workstations people sign in to it from: the client itself has no word in it, so that
    /// it can never loosen what the operator asks for.
    #[serde(skip_serializing_if = "InstancePolicy::is_any")]
    pub instances: InstancePolicy,
    /// The letters of its name.
    pub names: RegisteredNames,
    /// What its clients must be beside.
    pub demands: RegistrationDemands,
}

/// The letters that names of clients may have that register themselves (attack D8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegisteredNames {
    /// Latin letters, which people here read.
    #[default]
    Latin,
    /// Those of any script, one script a word.
    AnyScript,
}

/// Metadata that must be registered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegistrationDemands {
    /// `subject_type` is `pairwise`.
    pub pairwise: bool,
    /// `dpop_bound_access_tokens` is true.
    pub dpop: bool,
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
            scope: None,
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            hosts: Vec::new(),
            resources: Vec::new(),
            consent: RegisteredConsent::Explicit,
            instances: InstancePolicy::Any,
            names: RegisteredNames::Latin,
            demands: RegistrationDemands::default(),
        }
    }
}

impl RegistrationLimits {
    /// The same with the scope values of the profile where none are named.
    #[must_use]
    pub fn by_profile(self, rules: &ProfileRules) -> Self {
        let scope = self.scope.unwrap_or_else(|| rules.default_scope.join(" "));
        Self {
            scope: Some(scope),
            ..self
        }
    }

    /// The scope values that may be asked for.
    #[must_use]
    pub fn scope(&self) -> &str {
        self.scope.as_deref().unwrap_or(USUAL_SCOPE)
    }

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
        let Ok(scope) = Scope::parse(self.scope()) else {
            return wrong("the scope must be at most 32 words of visible ASCII characters");
        };
        if scope.contains("offline_access") {
            return wrong("offline_access is refused: nothing outlives the card's presence");
        }
        if self.grant_types.is_empty() {
            return wrong("at least one grant must be allowed");
        }
        if self.hosts.len() > HOSTS_MAX || self.resources.len() > RESOURCES_MAX {
            return wrong("more than 32 hosts or resources");
        }
        let mut resources = self.resources.iter();
        if !resources.all(|it| check_resource_uri(it).is_ok()) {
            return wrong("a resource must be an absolute URI without a fragment (RFC 8707)");
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
        let scope = Scope::parse(self.scope())?;
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
        if client.guard {
            return beyond("guard");
        }
        if client.event_stream {
            return beyond("event_stream");
        }
        if client.profession_in_access_tokens {
            return beyond("profession_in_access_tokens");
        }
        if self.demands.pairwise && client.subject_type != SubjectType::Pairwise {
            return demanded(
                "subject_type",
                "must be pairwise, by the initial access token",
            );
        }
        if self.demands.dpop && client.dpop_bound_access_tokens != Demand::Required {
            let reason = "must be true, by the initial access token";
            return demanded("dpop_bound_access_tokens", reason);
        }
        self.check_logout_address(client)?;
        if self.hosts.is_empty() {
            return Ok(());
        }
        let addresses = client
            .redirect_uris
            .iter()
            .chain(&client.post_logout_redirect_uris);
        for address in addresses {
            if !host_of(address).is_some_and(|host| self.hosts.contains(&host)) {
                return Err(Error::ClientRedirectUriInvalid { reason: OTHER_HOST });
            }
        }
        Ok(())
    }

    /// This server posts to the address by itself, so that whoever registers must not have it look
    /// around in its own network (attack H4): it is on a host that the operator allowed, else on
    /// one that people are sent to, and not on this machine. Which addresses the host's name has is
    /// looked at when the connection is made.
    fn check_logout_address(&self, client: &Client) -> Result<(), Error> {
        let Some(address) = &client.backchannel_logout_uri else {
            return Ok(());
        };
        if is_own_machine(address) {
            return demanded(
                "backchannel_logout_uri",
                "must not lead to a loopback address",
            );
        }
        let host = host_of(address);
        let is_allowed = match self.hosts.as_slice() {
            [] => client.redirect_uris.iter().any(|uri| host_of(uri) == host),
            hosts => host.as_ref().is_some_and(|host| hosts.contains(host)),
        };
        if host.is_some() && is_allowed {
            return Ok(());
        }
        let reason = "must be on a host of the initial access token, else of a redirect URI";
        demanded("backchannel_logout_uri", reason)
    }
}

fn is_own_machine(address: &str) -> bool {
    url::Url::parse(address).map_or(true, |url| url.scheme() != "https" || is_loopback(&url))
}

fn demanded(key: &'static str, reason: &'static str) -> Result<(), Error> {
    Err(Error::ClientMetadataInvalid { key, reason })
}

const BEYOND: &str = "goes beyond what the initial access token allows";
const OTHER_HOST: &str = "leads to a host that the initial access token does not allow";
