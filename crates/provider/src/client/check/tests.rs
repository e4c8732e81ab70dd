//! One safe registration, and each rule broken alone.

use cardea_jose::{Algorithm, Jwk, JwkSet, SigningKey};
use cardea_oauth2_types::{GrantType, Scope};
use cardea_storage::SecretDigest;

use crate::{Client, ClientAuthentication, ConsentPolicy, Demand, Error, EventPush, SubjectType};

fn confidential() -> Client {
    let secret = SecretDigest::of("secret").into();
    Client {
        redirect_uris: vec!["https://portal.example.fr/cb".to_owned()],
        post_logout_redirect_uris: vec!["https://portal.example.fr/bye".to_owned()],
        backchannel_logout_uri: Some("https://portal.example.fr/logout".to_owned()),
        scope: Scope::parse("openid profile").unwrap(),
        ..Client::new(
            "portal",
            "Portail",
            ClientAuthentication::SecretBasic(secret),
        )
    }
}

fn pushed_to(uri: &str) -> Client {
    Client {
        event_push: Some(EventPush {
            uri: uri.to_owned(),
            authorization: None,
        }),
        ..confidential()
    }
}

fn public() -> Client {
    Client {
        redirect_uris: vec!["fr.example.portal:/cb".to_owned()],
        scope: Scope::parse("openid").unwrap(),
        ..Client::new("native", "Logiciel", ClientAuthentication::None)
    }
}

fn service() -> Client {
    Client {
        redirect_uris: Vec::new(),
        post_logout_redirect_uris: Vec::new(),
        backchannel_logout_uri: None,
        grant_types: vec![GrantType::ClientCredentials],
        scope: Scope::parse("read").unwrap(),
        ..confidential()
    }
}

fn key(algorithm: Algorithm) -> Jwk {
    SigningKey::generate(algorithm)
        .unwrap()
        .public_jwk()
        .clone()
}

fn with_keys(keys: Vec<Jwk>) -> Client {
    Client {
        jwks: JwkSet { keys },
        authentication: ClientAuthentication::PrivateKeyJwt,
        ..confidential()
    }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

#[track_caller]
fn accepted(client: &Client) {
    assert!(client.check().is_ok(), "{:?}", client.check());
}

#[track_caller]
fn refused(key: &str, client: &Client) {
    let error = client.check().unwrap_err();
    assert_eq!(error.code(), "provider.client_invalid");
    let Error::ClientInvalid { key: found, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(found, key);
}

#[test]
fn safe_registrations_are_accepted() {
    for client in [confidential(), public(), service()] {
        accepted(&client);
    }
    accepted(&with_keys(vec![
        key(Algorithm::Es256),
        key(Algorithm::EdDsa),
    ]));
    accepted(&Client {
        pkce: Demand::Optional,
        ..confidential()
    });
    accepted(&Client {
        grant_types: vec![GrantType::CardGrant, GrantType::RefreshToken],
        redirect_uris: Vec::new(),
        ..public()
    });
}

#[test]
fn names_are_visible_and_honest() {
    for client_id in ["", "por tal", "é", &"x".repeat(129)] {
        let client_id = client_id.to_owned();
        refused(
            "client_id",
            &Client {
                client_id,
                ..public()
            },
        );
    }
    for name in ["", "  ", "Portail \u{202e}", "a\nb", &"x".repeat(81)] {
        let name = name.to_owned();
        refused("name", &Client { name, ..public() });
    }
}

#[test]
fn grants_do_not_contradict_each_other_or_the_kind_of_client() {
    let with = |client: Client, grant_types: &[GrantType]| Client {
        grant_types: grant_types.to_vec(),
        ..client
    };
    use GrantType::{AuthorizationCode, ClientCredentials, RefreshToken};
    refused("grant_types", &with(confidential(), &[]));
    refused("grant_types", &with(service(), &[RefreshToken]));
    refused(
        "grant_types",
        &with(service(), &[ClientCredentials, RefreshToken]),
    );
    refused(
        "grant_types",
        &with(confidential(), &[AuthorizationCode, AuthorizationCode]),
    );
    refused(
        "grant_types",
        &with(public(), &[AuthorizationCode, ClientCredentials]),
    );
    accepted(&with(confidential(), &[AuthorizationCode, RefreshToken]));
    let redirect_uris = Vec::new();
    refused(
        "redirect_uris",
        &Client {
            redirect_uris,
            ..public()
        },
    );
}

#[test]
fn what_is_of_the_code_grant_alone_needs_it() {
    let redirect_uris = texts(&["https://api.example.fr/cb"]);
    refused(
        "redirect_uris",
        &Client {
            redirect_uris,
            ..service()
        },
    );
    refused(
        "require_pushed_authorization_requests",
        &Client {
            pushed_authorization_requests: Demand::Required,
            ..service()
        },
    );
    refused(
        "consent",
        &Client {
            consent: ConsentPolicy::Explicit,
            ..service()
        },
    );
    for uri in [
        "https://169.254.169.254/",
        "http://portal.example.fr/events",
    ] {
        refused("event_push_uri", &pushed_to(uri));
    }
    assert!(
        pushed_to("https://portal.example.fr/events")
            .check()
            .is_ok()
    );
    refused(
        "backchannel_logout_uri",
        &Client {
            backchannel_logout_uri: Some("https://api.example.fr/logout".to_owned()),
            ..service()
        },
    );
    refused(
        "post_logout_redirect_uris",
        &Client {
            post_logout_redirect_uris: texts(&["https://api.example.fr/bye"]),
            ..service()
        },
    );
}

#[test]
fn a_public_client_cannot_leave_pkce_out_or_introspect() {
    let pkce = Demand::Optional;
    refused("pkce", &Client { pkce, ..public() });
    let resource_server_of = texts(&["https://api.example.fr"]);
    accepted(&Client {
        resource_server_of: resource_server_of.clone(),
        ..confidential()
    });
    refused(
        "resource_server_of",
        &Client {
            resource_server_of,
            ..public()
        },
    );
}

#[test]
fn only_a_resource_server_has_an_event_stream_or_hears_professions() {
    let resource_server_of = texts(&["https://api.example.fr"]);
    let listening = Client {
        event_stream: true,
        ..confidential()
    };
    let told = Client {
        profession_in_access_tokens: true,
        ..confidential()
    };
    for (key, client) in [
        ("event_stream", listening),
        ("profession_in_access_tokens", told),
    ] {
        refused(key, &client);
        accepted(&Client {
            resource_server_of: resource_server_of.clone(),
            ..client
        });
    }
}

#[test]
fn keys_fit_what_they_are_for() {
    refused("jwks", &with_keys(Vec::new()));
    let one = key(Algorithm::Es256);
    refused("jwks", &with_keys(vec![one.clone(), one.clone()]));
    let mut for_encryption = one.clone();
    for_encryption.intended_use = Some("enc".to_owned());
    refused("jwks", &with_keys(vec![for_encryption]));
    let mut misnamed = one.clone();
    misnamed.alg = Some(Algorithm::Rs256);
    refused("jwks", &with_keys(vec![misnamed]));
    let many = (0..17).map(|_| key(Algorithm::Es256)).collect();
    refused("jwks", &with_keys(many));
    let wanting = |algorithm| Client {
        request_object_signing_alg: Some(algorithm),
        ..with_keys(vec![one.clone()])
    };
    accepted(&wanting(Algorithm::Es256));
    refused("request_object_signing_alg", &wanting(Algorithm::Ps256));
    refused(
        "jwks",
        &Client {
            signed_request_object: Demand::Required,
            ..confidential()
        },
    );
}

#[test]
fn the_card_grant_is_no_way_around_a_consent_that_is_asked_for() {
    let asking = Client {
        consent: ConsentPolicy::Explicit,
        ..confidential()
    };
    accepted(&asking);
    let grant_types = vec![GrantType::AuthorizationCode, GrantType::CardGrant];
    refused(
        "consent",
        &Client {
            grant_types,
            ..asking
        },
    );
}

/// Attacks E4 and H4: the rules of each kind of address are tested beside them.
#[test]
fn every_address_of_a_registration_is_checked() {
    let unsafe_uris = texts(&["https://portal.example.fr/cb", "javascript:alert(1)"]);
    refused(
        "redirect_uris",
        &Client {
            redirect_uris: unsafe_uris.clone(),
            ..public()
        },
    );
    refused(
        "post_logout_redirect_uris",
        &Client {
            post_logout_redirect_uris: unsafe_uris,
            ..public()
        },
    );
    let own_scheme = texts(&["fr.example.portal:/cb"]);
    refused(
        "redirect_uris",
        &Client {
            redirect_uris: own_scheme,
            ..confidential()
        },
    );
    let twice = texts(&["https://portal.example.fr/cb"; 2]);
    refused(
        "redirect_uris",
        &Client {
            redirect_uris: twice,
            ..public()
        },
    );
    refused(
        "backchannel_logout_uri",
        &Client {
            backchannel_logout_uri: Some("https://169.254.169.254/".to_owned()),
            ..confidential()
        },
    );
    for resource in ["https://api.example.fr/#x", "api"] {
        refused(
            "resources",
            &Client {
                resources: texts(&[resource]),
                ..confidential()
            },
        );
    }
}

#[test]
fn a_pairwise_client_has_one_sector() {
    let pairwise = |hosts: &[&str], sector: Option<&str>| Client {
        subject_type: SubjectType::Pairwise,
        redirect_uris: hosts
            .iter()
            .map(|host| format!("https://{host}/cb"))
            .collect(),
        sector_identifier: sector.map(str::to_owned),
        ..public()
    };
    accepted(&pairwise(&["a.example.fr"], None));
    accepted(&pairwise(
        &["a.example.fr", "b.example.fr"],
        Some("example.fr"),
    ));
    refused(
        "sector_identifier",
        &pairwise(&["a.example.fr", "b.example.fr"], None),
    );
    for sector in ["https://example.fr", "example.fr/x", "Example.fr", ""] {
        refused(
            "sector_identifier",
            &pairwise(&["a.example.fr"], Some(sector)),
        );
    }
    refused(
        "sector_identifier",
        &Client {
            subject_type: SubjectType::Public,
            ..pairwise(&["a.example.fr"], Some("example.fr"))
        },
    );
    refused(
        "sector_identifier",
        &Client {
            redirect_uris: texts(&["fr.example.portal:/cb"]),
            ..pairwise(&[], None)
        },
    );
}

#[test]
fn scopes_are_of_a_person_or_of_a_service() {
    let with = |client: Client, scope: &str| Client {
        scope: Scope::parse(scope).unwrap(),
        ..client
    };
    refused("scopes", &with(confidential(), "profile"));
    refused("scopes", &with(confidential(), "openid offline_access"));
    refused("scopes", &with(service(), "openid"));
    accepted(&with(service(), ""));
}
