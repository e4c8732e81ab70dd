//! What makes a registration safe.

use std::collections::HashSet;

use cardea_jose::{Algorithm, VerifyingKey};
use cardea_oauth2_types::GrantType;
use url::Host;

use super::uri::{
    PrivateUseScheme, check_backchannel_uri, check_browser_uri, check_resource_uri, host_of,
};
use super::{Client, ClientAuthentication, ConsentPolicy, Demand, SubjectType};
use crate::own_page::is_own_client;
use crate::{AgentlessLogin, Error};

const CLIENT_ID_BYTES_MAX: usize = 128;
const NAME_CHARACTERS_MAX: usize = 80;
/// Most entries of any list of a registration.
const ENTRIES_MAX: usize = 64;
const KEYS_MAX: usize = 16;

/// The key of a registration that is wrong, and why.
type Fault = (&'static str, &'static str);

impl Client {
    /// Refuses a registration that could send a code, a token or a person somewhere unsafe, and one
    /// that contradicts itself: what the operator meant by it would be a guess.
    ///
    /// # Errors
    /// [`Error::ClientInvalid`] with the key that is wrong.
    pub fn check(&self) -> Result<(), Error> {
        let rules = [
            check_names,
            check_grants,
            check_instances,
            check_authentication,
            check_keys,
            check_addresses,
            check_event_push,
            check_subject,
            check_scope,
            check_resources,
        ];
        rules
            .into_iter()
            .try_for_each(|rule| rule(self))
            .map_err(|(key, reason)| Error::ClientInvalid {
                client_id: self.client_id.clone(),
                key,
                reason,
            })
    }

    /// Whether people sign in to it: the other grants are a service's own.
    fn has_people(&self) -> bool {
        let of_people = [
            GrantType::AuthorizationCode,
            GrantType::CardGrant,
            GrantType::DeviceCode,
        ];
        of_people.into_iter().any(|grant| self.may_use(grant))
    }
}

fn check_names(client: &Client) -> Result<(), Fault> {
    if client.client_id.is_empty() || client.client_id.len() > CLIENT_ID_BYTES_MAX {
        return Err(("client_id", "must have 1 to 128 characters"));
    }
    if is_own_client(&client.client_id) {
        return Err(("client_id", "is the one of this server's own page"));
    }
    // RFC 6749 appendix A.1, without the space.
    if !client.client_id.bytes().all(|it| it.is_ascii_graphic()) {
        return Err(("client_id", "must hold visible ASCII characters alone"));
    }
    let characters = client.name.chars().count();
    if client.name.trim().is_empty() || characters > NAME_CHARACTERS_MAX {
        return Err(("name", "must have 1 to 80 characters"));
    }
    // The name is shown to people as what they sign in to (attack D8).
    if client.name.chars().any(is_deceptive) {
        let reason = "must not hold control or text-direction characters";
        return Err(("name", reason));
    }
    Ok(())
}

fn check_grants(client: &Client) -> Result<(), Fault> {
    let wrong = |reason| Err(("grant_types", reason));
    if client.grant_types.is_empty() {
        return wrong("must name at least one grant");
    }
    let distinct: HashSet<_> = client.grant_types.iter().collect();
    if distinct.len() != client.grant_types.len() {
        return wrong("must not name a grant twice");
    }
    if client.may_use(GrantType::RefreshToken) && !client.has_people() {
        return wrong("refresh_token needs a grant of people beside it");
    }
    if client.may_use(GrantType::ClientCredentials) && !client.is_confidential() {
        return wrong("client_credentials is for clients with a secret or a key of their own");
    }
    // Business software shows no page of ours, so that nobody would be asked there.
    if client.may_use(GrantType::CardGrant) && client.consent == ConsentPolicy::Explicit {
        return Err(("consent", "must be implicit because of the card grant"));
    }
    if client.may_use(GrantType::AuthorizationCode) {
        return if client.redirect_uris.is_empty() {
            Err(("redirect_uris", "must name at least one address"))
        } else {
            Ok(())
        };
    }
    let reason = "says nothing without the grant authorization_code";
    let only_of_code = [
        ("redirect_uris", !client.redirect_uris.is_empty()),
        (
            "require_pushed_authorization_requests",
            client.pushed_authorization_requests == Demand::Required,
        ),
        (
            "require_signed_request_object",
            client.signed_request_object == Demand::Required,
        ),
        (
            "consent",
            client.consent == ConsentPolicy::Explicit && !client.may_use(GrantType::DeviceCode),
        ),
    ];
    match only_of_code.into_iter().find(|(_, said)| *said) {
        Some((key, _)) => Err((key, reason)),
        None => Ok(()),
    }
}

fn check_instances(client: &Client) -> Result<(), Fault> {
    if client.instances.is_any() {
        return Ok(());
    }
    if client.agentless == AgentlessLogin::Allowed {
        let reason = "must be any beside agentless: without the agent nobody knows the workstation";
        return Err(("instances", reason));
    }
    if client.has_people() {
        Ok(())
    } else {
        Err((
            "instances",
            "says nothing for a client that nobody signs in to",
        ))
    }
}

fn check_authentication(client: &Client) -> Result<(), Fault> {
    if !client.is_confidential() && client.pkce == Demand::Optional {
        let reason = "may be optional for clients with a secret or a key of their own alone";
        return Err(("pkce", reason));
    }
    if client.certificate_bound_access_tokens == Demand::Required {
        let key = "tls_client_certificate_bound_access_tokens";
        if client.dpop_bound_access_tokens == Demand::Required {
            return Err((key, "must not stand beside dpop_bound_access_tokens"));
        }
        if client.may_use(GrantType::CardGrant) {
            return Err((
                key,
                "must not stand beside the card grant, which binds to its own key",
            ));
        }
    }
    Ok(())
}

fn check_keys(client: &Client) -> Result<(), Fault> {
    let keys = &client.jwks.keys;
    if keys.len() > KEYS_MAX {
        return Err(("jwks", "must not have more than 16 keys"));
    }
    let mut ids = HashSet::new();
    for key in keys {
        if VerifyingKey::from_jwk(key).is_err() {
            let reason = "has a key that is none of RS256, PS256, ES256, ES384 and EdDSA for \
                          signatures";
            return Err(("jwks", reason));
        }
        if !is_certificate_of(key) {
            let reason = "has a key whose x5c does not begin with a certificate for it";
            return Err(("jwks", reason));
        }
        if let Some(kid) = &key.kid
            && !ids.insert(kid)
        {
            return Err(("jwks", "has two keys with one kid"));
        }
    }
    if keys.is_empty() {
        if client.authentication == ClientAuthentication::PrivateKeyJwt {
            return Err(("jwks", "must have a key because of private_key_jwt"));
        }
        if client.authentication == ClientAuthentication::SelfSignedTlsClientAuth {
            let reason = "must have a key because of self_signed_tls_client_auth";
            return Err(("jwks", reason));
        }
        if client.signed_request_object == Demand::Required {
            let reason = "must have a key because of require_signed_request_object";
            return Err(("jwks", reason));
        }
    }
    match client.request_object_signing_alg {
        Some(algorithm) if !keys.iter().any(|key| fits(key, algorithm)) => Err((
            "request_object_signing_alg",
            "is an algorithm that no key of jwks fits",
        )),
        _ => Ok(()),
    }
}

/// RFC 7517 section 4.7: the first certificate of `x5c`, where there is one, is the key's own.
fn is_certificate_of(key: &cardea_jose::Jwk) -> bool {
    match key.certificate() {
        Ok(None) => true,
        Ok(Some(der)) => {
            let certificate = cardea_pki::Certificate::parse(&der);
            let key = key.public_key();
            certificate.is_ok_and(|it| key.is_ok_and(|key| key.public_eq(it.public_key())))
        }
        Err(_) => false,
    }
}

fn fits(key: &cardea_jose::Jwk, algorithm: Algorithm) -> bool {
    let named = key.alg.is_none_or(|named| named == algorithm);
    let fitting = key.public_key();
    named && fitting.is_ok_and(|key| Algorithm::for_public_key(&key).contains(&algorithm))
}

fn check_addresses(client: &Client) -> Result<(), Fault> {
    let private_use = if client.is_confidential() {
        PrivateUseScheme::Refused
    } else {
        PrivateUseScheme::Allowed
    };
    for (key, uris) in [
        ("redirect_uris", &client.redirect_uris),
        (
            "post_logout_redirect_uris",
            &client.post_logout_redirect_uris,
        ),
    ] {
        check_distinct(key, uris)?;
        for uri in uris {
            check_browser_uri(uri, private_use).map_err(|reason| (key, reason))?;
        }
    }
    if let Some(uri) = &client.backchannel_logout_uri {
        check_backchannel_uri(uri).map_err(|reason| ("backchannel_logout_uri", reason))?;
    }
    if client.has_people() {
        return Ok(());
    }
    let reason = "says nothing for a client that nobody signs in to";
    if client.backchannel_logout_uri.is_some() {
        return Err(("backchannel_logout_uri", reason));
    }
    if !client.post_logout_redirect_uris.is_empty() {
        return Err(("post_logout_redirect_uris", reason));
    }
    Ok(())
}

/// RFC 8935 section 2: over TLS, and by the same rules as logout tokens (attack H4).
fn check_event_push(client: &Client) -> Result<(), Fault> {
    let Some(push) = &client.event_push else {
        return Ok(());
    };
    check_backchannel_uri(&push.uri).map_err(|reason| ("event_push_uri", reason))
}

/// OIDC Core section 8.1: without a sector of its own, a pairwise client's is the one host of its
/// redirect URIs.
fn check_subject(client: &Client) -> Result<(), Fault> {
    if client.subject_type == SubjectType::Public {
        return match client.sector_identifier {
            Some(_) => Err(("sector_identifier", "says nothing without pairwise")),
            None => Ok(()),
        };
    }
    if let Some(sector) = &client.sector_identifier {
        return if Host::parse(sector).is_ok_and(|host| host.to_string() == *sector) {
            Ok(())
        } else {
            let reason = "must be a host in lower case, such as portal.example.fr";
            Err(("sector_identifier", reason))
        };
    }
    let hosts: HashSet<_> = client
        .redirect_uris
        .iter()
        .map(|uri| host_of(uri))
        .collect();
    match (hosts.len(), hosts.contains(&None)) {
        (1, false) => Ok(()),
        _ => Err((
            "sector_identifier",
            "must be given because the redirect URIs do not have one host in common \
             (OIDC Core section 8.1)",
        )),
    }
}

fn check_scope(client: &Client) -> Result<(), Fault> {
    if client.scope.contains("offline_access") {
        let reason = "must not hold offline_access: nothing outlives the card's presence";
        return Err(("scopes", reason));
    }
    match (client.has_people(), client.scope.contains("openid")) {
        (true, false) => Err(("scopes", "must hold openid")),
        (false, true) => Err((
            "scopes",
            "must not hold openid: a service has no person to speak of",
        )),
        _ => Ok(()),
    }
}

fn check_resources(client: &Client) -> Result<(), Fault> {
    for (key, uris) in [
        ("resources", &client.resources),
        ("resource_server_of", &client.resource_server_of),
    ] {
        check_distinct(key, uris)?;
        for uri in uris {
            check_resource_uri(uri).map_err(|reason| (key, reason))?;
        }
    }
    if !client.resource_server_of.is_empty() && !client.is_confidential() {
        let reason = "is for clients with a secret or a key of their own (RFC 7662 section 2.1)";
        return Err(("resource_server_of", reason));
    }
    for (key, is_set) in [
        ("event_stream", client.event_stream),
        ("guard", client.guard),
        (
            "profession_in_access_tokens",
            client.profession_in_access_tokens,
        ),
    ] {
        if is_set && client.resource_server_of.is_empty() {
            let reason = "is for resource servers: resource_server_of says for which";
            return Err((key, reason));
        }
    }
    Ok(())
}

fn check_distinct(key: &'static str, entries: &[String]) -> Result<(), Fault> {
    if entries.len() > ENTRIES_MAX {
        return Err((key, "must not have more than 64 entries"));
    }
    let distinct: HashSet<_> = entries.iter().collect();
    if distinct.len() != entries.len() {
        return Err((key, "must not hold an entry twice"));
    }
    Ok(())
}

/// Control characters and those that change the direction of text.
fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{061c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
        )
}

#[cfg(test)]
mod tests;
