//! From a `[[client]]` table to the provider's registration.

use cardea_jose::Algorithm;
use cardea_oauth2_types::Scope;
use cardea_pki::profile::Profession;
use cardea_provider::{
    CardAcceptance, Client, ClientAuthentication, ConsentPolicy, Demand, SubjectType,
};
use cardea_storage::SecretDigest;

use crate::config::{
    AuthMethod, ClientConfig, ConsentConfig, PkceConfig, RedirectUri, SigningAlgorithm,
    SubjectTypeConfig,
};

/// The registration that a table describes.
///
/// # Errors
/// [`cardea_provider::Error::ClientInvalid`] where method and secret do not go together.
pub(crate) fn client_of(client: &ClientConfig) -> Result<Client, cardea_provider::Error> {
    Ok(Client {
        redirect_uris: texts(&client.redirect_uris),
        post_logout_redirect_uris: texts(&client.post_logout_redirect_uris),
        backchannel_logout_uri: client
            .backchannel_logout_uri
            .as_ref()
            .map(|uri| uri.as_str().to_owned()),
        jwks: client.jwks.clone().unwrap_or_default(),
        grant_types: client.grant_types.clone(),
        pkce: demand(client.pkce == PkceConfig::Required),
        pushed_authorization_requests: demand(client.require_pushed_authorization_requests),
        signed_request_object: demand(client.require_signed_request_object),
        request_object_signing_alg: client.request_object_signing_alg.map(algorithm),
        dpop_bound_access_tokens: demand(client.dpop_bound_access_tokens),
        id_token_signed_response_alg: algorithm(client.id_token_signed_response_alg),
        userinfo_signed_response_alg: client.userinfo_signed_response_alg.map(algorithm),
        subject_type: match client.subject_type {
            SubjectTypeConfig::Public => SubjectType::Public,
            SubjectTypeConfig::Pairwise => SubjectType::Pairwise,
        },
        sector_identifier: client.sector_identifier.clone(),
        scope: Scope::parse(&client.scopes.join(" "))?,
        resources: client.resources.clone(),
        resource_server_of: client.resource_server_of.clone(),
        consent: match client.consent {
            ConsentConfig::Implicit => ConsentPolicy::Implicit,
            ConsentConfig::Explicit => ConsentPolicy::Explicit,
        },
        cards: cards_of(client),
        ..Client::new(&client.client_id, &client.name, authentication_of(client)?)
    })
}

fn authentication_of(
    client: &ClientConfig,
) -> Result<ClientAuthentication, cardea_provider::Error> {
    let digest = client
        .secret_digest()
        .map(|digest| SecretDigest::from_sha256(&digest));
    match (client.auth_method(), digest) {
        (Some(AuthMethod::ClientSecretBasic), Some(digest)) => {
            Ok(ClientAuthentication::SecretBasic(digest.into()))
        }
        (Some(AuthMethod::ClientSecretPost), Some(digest)) => {
            Ok(ClientAuthentication::SecretPost(digest.into()))
        }
        (Some(AuthMethod::PrivateKeyJwt), None) => Ok(ClientAuthentication::PrivateKeyJwt),
        (Some(AuthMethod::None), None) => Ok(ClientAuthentication::None),
        _ => Err(cardea_provider::Error::ClientInvalid {
            client_id: client.client_id.clone(),
            reason: "authentication method and secret do not go together",
        }),
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
