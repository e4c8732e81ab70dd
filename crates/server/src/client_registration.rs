//! From a `[[client]]` table to the provider's registration.

use cardea_jose::Algorithm;
use cardea_oauth2_types::Scope;
use cardea_pki::profile::Profession;
use cardea_pki::{ExpectedName, ExpectedSubject};
use cardea_provider::{
    AgentlessLogin, CardAcceptance, Client, ClientAuthentication, ClientSecret, ConsentPolicy,
    Demand, Error, EventPush, ProfileRules, RegisteredBy, RetiringSecret, Secret, SubjectType,
};
use cardea_storage::SecretDigest;
use cardea_storage::client::ClientRecord;

use crate::config::{
    AuthMethod, ClientConfig, ConsentConfig, PkceConfig, RedirectUri, SecretSha256,
    SigningAlgorithm, SubjectTypeConfig,
};
use crate::mtls::rules_name;

/// Longest name of a client's certificate.
const SUBJECT_BYTES_MAX: usize = 512;
/// The database keeps no secret that is to be sent.
const FILES_ALONE: &str = "is for clients of the configuration's files alone";

/// The registration that a table describes.
///
/// # Errors
/// [`Error::ClientInvalid`] where method and secret do not go together.
pub(crate) fn client_of(client: &ClientConfig, rules: &ProfileRules) -> Result<Client, Error> {
    let digest = client
        .secret_digest()
        .map(|digest| SecretDigest::from_sha256(&digest));
    client_with(client, digest.map(ClientSecret::from), rules)
}

/// The registration that the database holds.
///
/// # Errors
/// [`Error::StoredValueUnreadable`], and as [`client_of`].
pub(crate) fn client_of_record(
    record: &ClientRecord,
    rules: &ProfileRules,
) -> Result<Client, Error> {
    let client = config_of_record(record)?;
    let previous = record.previous_secret.as_ref();
    let secret = record.secret.clone().map(|current| ClientSecret {
        current,
        previous: previous.map(|previous| RetiringSecret {
            digest: previous.digest.clone(),
            accepted_until: previous.until,
        }),
    });
    if client.client_id != record.client_id {
        return Err(invalid(&client, "client_id", "is not that of its record"));
    }
    let registered_by = match record.self_registration {
        Some(_) => RegisteredBy::Itself,
        None => RegisteredBy::Operator,
    };
    Ok(Client {
        registered_by,
        ..client_with(&client, secret, rules)?
    })
}

/// The table that the database holds.
///
/// # Errors
/// [`Error::StoredValueUnreadable`].
pub(crate) fn config_of_record(record: &ClientRecord) -> Result<ClientConfig, Error> {
    serde_json::from_str(&record.registration).map_err(Error::StoredValueUnreadable)
}

/// Makes a secret for a table that needs one and brings no digest along, and gives it.
///
/// # Errors
/// The key that is wrong, and why.
pub(crate) fn put_secret_into(
    client: &mut ClientConfig,
) -> Result<Option<Secret>, (&'static str, String)> {
    if client.secret.is_some() {
        let reason = "is made here: leave it out, or give the secret_sha256 of one that exists";
        return Err(("secret", reason.to_owned()));
    }
    if client.event_push_authorization.is_some() || client.event_push_authorization_file.is_some() {
        return Err(("event_push_authorization_file", FILES_ALONE.to_owned()));
    }
    let method = *client
        .token_endpoint_auth_method
        .get_or_insert(AuthMethod::ClientSecretBasic);
    if !method.uses_secret() || client.secret_sha256.is_some() {
        return Ok(None);
    }
    let secret = Secret::random().map_err(|error| ("secret", error.to_string()))?;
    client.secret_sha256 = Some(SecretSha256::of(secret.expose()));
    Ok(Some(secret))
}

/// The registration that a table describes, whose secret is kept elsewhere.
///
/// # Errors
/// [`Error::ClientInvalid`] where method and secret do not go together.
pub(crate) fn client_with(
    client: &ClientConfig,
    secret: Option<ClientSecret>,
    rules: &ProfileRules,
) -> Result<Client, Error> {
    let authentication = authentication_of(client, secret)?;
    let scope = Scope::parse(&client.scope_values(rules).join(" ")).map_err(|_| {
        let reason = "must be at most 32 words of visible ASCII characters, without \" and \\";
        invalid(client, "scopes", reason)
    })?;
    Ok(Client {
        redirect_uris: texts(&client.redirect_uris),
        post_logout_redirect_uris: texts(&client.post_logout_redirect_uris),
        backchannel_logout_uri: client
            .backchannel_logout_uri
            .as_ref()
            .map(|uri| uri.as_str().to_owned()),
        event_push: event_push_of(client)?,
        jwks: client.jwks.clone().unwrap_or_default(),
        grant_types: client.grant_types.clone(),
        pkce: demand(client.pkce == PkceConfig::Required),
        pushed_authorization_requests: demand(client.require_pushed_authorization_requests),
        signed_request_object: demand(client.require_signed_request_object),
        request_object_signing_alg: client.request_object_signing_alg.map(algorithm),
        dpop_bound_access_tokens: demand(client.dpop_bound_access_tokens),
        certificate_bound_access_tokens: demand(client.tls_client_certificate_bound_access_tokens),
        id_token_signed_response_alg: client
            .id_token_signed_response_alg
            .map_or(rules.default_algorithm, algorithm),
        userinfo_signed_response_alg: client.userinfo_signed_response_alg.map(algorithm),
        access_token_signed_response_alg: client.access_token_signed_response_alg.map(algorithm),
        authorization_signed_response_alg: client.authorization_signed_response_alg.map(algorithm),
        introspection_signed_response_alg: client.introspection_signed_response_alg.map(algorithm),
        subject_type: match client.subject_type {
            SubjectTypeConfig::Public => SubjectType::Public,
            SubjectTypeConfig::Pairwise => SubjectType::Pairwise,
        },
        sector_identifier: client.sector_identifier.clone(),
        scope,
        resources: client.resources.clone(),
        resource_server_of: client.resource_server_of.clone(),
        event_stream: client.event_stream,
        guard: client.guard,
        profession_in_access_tokens: client.profession_in_access_tokens,
        certificate_authority: certificate_authority_of(client)?,
        consent: match client.consent {
            ConsentConfig::Implicit => ConsentPolicy::Implicit,
            ConsentConfig::Explicit => ConsentPolicy::Explicit,
        },
        cards: cards_of(client),
        instances: client.instances,
        agentless: match client.agentless {
            true => AgentlessLogin::Allowed,
            false => AgentlessLogin::Refused,
        },
        ..Client::new(&client.client_id, &client.name, authentication)
    })
}

/// The authority that alone vouches for a client with `tls_client_auth`.
fn certificate_authority_of(client: &ClientConfig) -> Result<Option<String>, Error> {
    match &client.tls_client_auth_trust_anchor {
        Some(_) if client.token_endpoint_auth_method != Some(AuthMethod::TlsClientAuth) => {
            let reason = "says nothing without token_endpoint_auth_method = \"tls_client_auth\"";
            Err(invalid(client, "tls_client_auth_trust_anchor", reason))
        }
        name => Ok(name.as_deref().map(rules_name)),
    }
}

fn authentication_of(
    client: &ClientConfig,
    secret: Option<ClientSecret>,
) -> Result<ClientAuthentication, Error> {
    let subject = expected_subject(client)?;
    match (client.auth_method_with(secret.is_some()), secret) {
        (Some(AuthMethod::ClientSecretBasic), Some(secret)) => {
            Ok(ClientAuthentication::SecretBasic(secret))
        }
        (Some(AuthMethod::ClientSecretPost), Some(secret)) => {
            Ok(ClientAuthentication::SecretPost(secret))
        }
        (Some(AuthMethod::PrivateKeyJwt), None) => Ok(ClientAuthentication::PrivateKeyJwt),
        (Some(AuthMethod::TlsClientAuth), None) => {
            let missing = "needs one of the tls_client_auth_… keys beside it";
            let subject = subject.ok_or(invalid(client, "token_endpoint_auth_method", missing));
            Ok(ClientAuthentication::TlsClientAuth(subject?))
        }
        (Some(AuthMethod::SelfSignedTlsClientAuth), None) => {
            Ok(ClientAuthentication::SelfSignedTlsClientAuth)
        }
        (Some(AuthMethod::None), None) => Ok(ClientAuthentication::None),
        _ => Err(invalid(
            client,
            "token_endpoint_auth_method",
            "does not fit the secret: a client with client_secret_basic or client_secret_post \
             needs secret_sha256 or secret, any other has neither",
        )),
    }
}

/// Where the client is told of what ends.
fn event_push_of(client: &ClientConfig) -> Result<Option<EventPush>, Error> {
    if client.event_push_authorization_file.is_some() {
        let key = "event_push_authorization_file";
        return Err(invalid(client, key, FILES_ALONE));
    }
    let uri = client.event_push_uri.as_ref();
    Ok(uri.map(|uri| EventPush {
        uri: uri.as_str().to_owned(),
        authorization: client.event_push_authorization.clone(),
    }))
}

/// The one name of a client's certificate (RFC 8705 section 2.1.2), and none for a client that
/// authenticates otherwise.
fn expected_subject(client: &ClientConfig) -> Result<Option<ExpectedSubject>, Error> {
    const DN: &str = "tls_client_auth_subject_dn";
    const DNS: &str = "tls_client_auth_san_dns";
    const URI: &str = "tls_client_auth_san_uri";
    const IP: &str = "tls_client_auth_san_ip";
    const EMAIL: &str = "tls_client_auth_san_email";
    let said = [
        (DN, &client.tls_client_auth_subject_dn),
        (DNS, &client.tls_client_auth_san_dns),
        (URI, &client.tls_client_auth_san_uri),
        (IP, &client.tls_client_auth_san_ip),
        (EMAIL, &client.tls_client_auth_san_email),
    ];
    let mut said = said
        .into_iter()
        .filter_map(|(key, text)| text.as_deref().map(|text| (key, text)));
    let Some((key, text)) = said.next() else {
        return Ok(None);
    };
    if let Some((other, _)) = said.next() {
        let reason = "must be the only one of the tls_client_auth_… keys";
        return Err(invalid(client, other, reason));
    }
    if client.token_endpoint_auth_method != Some(AuthMethod::TlsClientAuth) {
        let reason = "says nothing without token_endpoint_auth_method = \"tls_client_auth\"";
        return Err(invalid(client, key, reason));
    }
    let is_short = text.len() <= SUBJECT_BYTES_MAX;
    let subject = match key {
        DN => ExpectedName::parse(text).map(ExpectedSubject::DistinguishedName),
        DNS => match url::Host::parse(text) {
            Ok(url::Host::Domain(name)) if name == text && !name.contains('*') => {
                Ok(ExpectedSubject::Dns(name))
            }
            _ => Err("must be a DNS name in lower case, without a wildcard"),
        },
        URI => match url::Url::parse(text) {
            Ok(_) if is_short => Ok(ExpectedSubject::Uri(text.to_owned())),
            _ => Err("must be an absolute URI"),
        },
        IP => match text.parse() {
            Ok(address) => Ok(ExpectedSubject::Ip(address)),
            Err(_) => Err("must be an IPv4 or IPv6 address"),
        },
        _ => match text.split_once('@') {
            Some((local, host)) if is_short && !local.is_empty() && !host.is_empty() => {
                Ok(ExpectedSubject::Email(text.to_owned()))
            }
            _ => Err("must be a mail address"),
        },
    };
    subject
        .map(Some)
        .map_err(|reason| invalid(client, key, reason))
}

fn invalid(client: &ClientConfig, key: &'static str, reason: &'static str) -> Error {
    Error::ClientInvalid {
        client_id: client.client_id.clone(),
        key,
        reason,
    }
}

fn cards_of(client: &ClientConfig) -> CardAcceptance {
    let professions = client.cards.professions.iter().map(|it| Profession {
        code: it.code.clone(),
        system: it.system.clone(),
    });
    CardAcceptance {
        families: client.cards.families.clone(),
        professions: professions.collect(),
    }
}

fn texts(uris: &[RedirectUri]) -> Vec<String> {
    uris.iter().map(|uri| uri.as_str().to_owned()).collect()
}

fn demand(required: bool) -> Demand {
    if required {
        Demand::Required
    } else {
        Demand::Optional
    }
}

fn algorithm(algorithm: SigningAlgorithm) -> Algorithm {
    match algorithm {
        SigningAlgorithm::Rs256 => Algorithm::Rs256,
        SigningAlgorithm::Ps256 => Algorithm::Ps256,
        SigningAlgorithm::Es256 => Algorithm::Es256,
        SigningAlgorithm::EdDsa => Algorithm::EdDsa,
    }
}
