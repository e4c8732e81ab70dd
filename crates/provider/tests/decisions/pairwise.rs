//! Pairwise subjects: each sector has a name of its own for a person, and nothing else that two
//! sectors are told leads from one to the other (attack G14).

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cardea_jose::{SigningKey, UnverifiedJws};
use cardea_oauth2_types::Scope;
use cardea_provider::{
    BegunAuthorization, Client, ClientAuthentication, ClientCredentials, ClientSecret, Datum,
    DpopRequest, Secret, SubjectType, TokenLookup, TokenRequest,
};
use cardea_storage::SecretDigest;
use cardea_test_pki::{CardProfile, KeyKind};
use serde_json::{Value, json};

use super::world::{PORTAL, SECOND, Settings, World, parameters};

/// A client in the sector of [`SECOND`].
const COUSIN: &str = "cousin";

/// What two clients of different sectors may both be told: who we are, how and when the person
/// proved herself, what the client itself asked for, and how long things last. The moment of the
/// login is among them: many logins of a morning share a second, and every provider tells it.
/// And what the card says in words, or of many people at once: who wants nobody to be recognised by
/// her name leaves the scope `profile` out (docs/claims.md).
const LISTED: [&str; 23] = [
    "iss",
    "acr",
    "amr",
    "auth_time",
    "iat",
    "exp",
    "revocation_age",
    "scope",
    "nonce",
    "token_type",
    "active",
    // The access token's audience is our own userinfo endpoint.
    "aud",
    "test",
    "name",
    "given_name",
    "family_name",
    "title",
    "profession.code",
    "profession.system",
    "structure.id",
    "structure.id_type",
    "structure.name",
    "card.family",
];

/// What a client may ask for whose registration does not say it.
const DEFAULT_SCOPE: &str = "openid profile professional";

/// Every member that a card can fill, asked for by name as well.
const EVERY_CLAIM: &str = r#"{
    "userinfo": {"subject_id": {"essential": true}, "subject_id_type": null, "card": null,
        "structure": null, "name": null, "title": null, "acr": null, "auth_time": null},
    "id_token": {"subject_id": {"essential": true}, "subject_id_type": null, "card": null,
        "structure": null, "profession": null, "title": null, "name": null, "given_name": null,
        "family_name": null, "test": null}
}"#;

/// Every client pairwise and with a secret, so that it may ask for introspection.
async fn pairwise_world() -> World {
    let mut settings = Settings::baseline();
    for client in &mut settings.config.clients {
        client.subject_type = SubjectType::Pairwise;
        client.scope = Scope::parse(DEFAULT_SCOPE).unwrap();
        let secret = secret_of(&client.client_id);
        client.authentication = ClientAuthentication::SecretBasic(secret);
    }
    let second = &settings.config.clients[1];
    settings.config.clients.push(Client {
        redirect_uris: vec!["https://cousin.example.fr/cb".to_owned()],
        sector_identifier: Some("second.example.fr".to_owned()),
        authentication: ClientAuthentication::SecretBasic(secret_of(COUSIN)),
        ..Client {
            client_id: COUSIN.to_owned(),
            ..second.clone()
        }
    });
    settings.build().await
}

fn secret_of(client_id: &str) -> ClientSecret {
    SecretDigest::of(&format!("{client_id} secret")).into()
}

fn credentials(client_id: &str) -> ClientCredentials {
    let header = STANDARD.encode(format!("{client_id}:{client_id}+secret"));
    let header = format!("Basic {header}");
    ClientCredentials::read(Some(&header), &Default::default()).unwrap()
}

/// A login of a client that asks for all it can, by scope and by name.
async fn ask_for_everything(
    world: &World,
    client_id: &str,
    session_cookie: Option<&str>,
) -> (String, Secret, SigningKey) {
    let begun = world.begin_with(|asked| {
        *asked = parameters(client_id);
        asked.scope = Some(DEFAULT_SCOPE.to_owned());
        asked.claims = Some(EVERY_CLAIM.to_owned());
    });
    let begun = begun.await;
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap();
    world.present(&answer.presence_key).await;
    let completed = world
        .provider
        .complete_authorization(&begun.request_id, begun.cookie(), session_cookie)
        .await
        .unwrap();
    let location = completed.response.location();
    (location, completed.session_cookie, answer.presence_key)
}

/// What a client is told in one login: ID token, access token, userinfo, introspection.
async fn told(world: &World, client_id: &str, location: &str) -> (Vec<Value>, String) {
    let (_, mut parameters) = World::token_request(client_id, location);
    parameters.client_id = None;
    let credentials = credentials(client_id);
    let request = TokenRequest {
        credentials: &credentials,
        parameters: &parameters,
        dpop: DpopRequest::default(),
    };
    let tokens = world.provider.issue_tokens(request).await.unwrap();
    let id_token = tokens.id_token.unwrap();
    let userinfo = world.userinfo(&tokens.access_token).await.unwrap();
    let lookup = TokenLookup {
        credentials: &credentials,
        token: Some(&tokens.access_token),
    };
    let introspection = world.provider.introspect(lookup).await.unwrap();
    assert!(introspection.is_active());
    let introspection = serde_json::to_value(&introspection).unwrap();
    let access_token = claims(&tokens.access_token);
    let all = vec![
        claims(&id_token),
        access_token,
        Value::Object(userinfo),
        introspection,
    ];
    (all, id_token)
}

fn claims(token: &str) -> Value {
    UnverifiedJws::parse(token, 8192)
        .unwrap()
        .unverified_claims()
        .unwrap()
}

/// The name of a person that every document of a client has.
fn only_sub(documents: &[Value]) -> String {
    let subs: BTreeSet<&str> = documents
        .iter()
        .map(|document| document["sub"].as_str().unwrap())
        .collect();
    assert_eq!(subs.len(), 1, "one name in all of them: {subs:?}");
    subs.into_iter().next().unwrap().to_owned()
}

/// Every value of a document with the path of the member that it stands in.
fn values(name: &str, document: &Value, found: &mut BTreeSet<(String, String)>) {
    match document {
        Value::Object(members) => {
            for (member, value) in members {
                let path = match name {
                    "" => member.clone(),
                    _ => format!("{name}.{member}"),
                };
                values(&path, value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| values(name, item, found)),
        scalar => {
            found.insert((name.to_owned(), scalar.to_string()));
        }
    }
}

#[tokio::test]
async fn nothing_that_two_sectors_are_told_leads_from_one_to_the_other() {
    let mut world = pairwise_world().await;
    let mut profile = CardProfile::pharmacist().with_key(KeyKind::P256);
    profile.structure = CardProfile::secretary().structure;
    world.card = world.pki.issue_card(&profile).unwrap().authentication;
    let (location, cookie, _) = ask_for_everything(&world, PORTAL, None).await;
    let (mut of_portal, _) = told(&world, PORTAL, &location).await;
    // The same browser, the same card, within the same second.
    let cookie = Some(cookie.expose());
    let (location, _, key) = ask_for_everything(&world, SECOND, cookie).await;
    let (mut of_second, _) = told(&world, SECOND, &location).await;
    world.depart(&key).await;
    for delivery in world.deliveries().await {
        let token = claims(&delivery.logout_token);
        match delivery.client_id.as_str() {
            PORTAL => of_portal.push(token),
            _ => of_second.push(token),
        }
    }
    assert_eq!((of_portal.len(), of_second.len()), (5, 5));
    assert_ne!(only_sub(&of_portal), only_sub(&of_second));
    // What it may have it has, in the ID token and at userinfo.
    for document in [&of_portal[0], &of_portal[2]] {
        for name in ["name", "title", "profession", "structure", "test"] {
            assert!(!document[name].is_null(), "{name}: {document}");
        }
        assert_eq!(document["card"], json!({ "family": "cps" }), "{document}");
    }

    let listed = |name: &str| LISTED.contains(&name);
    let (mut seen_by_portal, mut seen_by_second) = (BTreeSet::new(), BTreeSet::new());
    for document in &of_portal {
        values("", document, &mut seen_by_portal);
    }
    for document in &of_second {
        values("", document, &mut seen_by_second);
    }
    let second_values: BTreeSet<&String> = seen_by_second.iter().map(|(_, value)| value).collect();
    for (name, value) in &seen_by_portal {
        assert!(
            listed(name) || !second_values.contains(value),
            "{name} is {value} for both"
        );
    }
    // Nor is our own name for the person told to either.
    let own = world.event("login.accepted").await.sub.unwrap();
    let own = Value::from(own).to_string();
    for (name, value) in seen_by_portal.iter().chain(&seen_by_second) {
        assert_ne!(*value, own, "{name}");
    }
}

#[tokio::test]
async fn a_name_is_the_same_for_a_sector_and_over_renewed_cards() {
    let mut world = pairwise_world().await;
    let sub_for = async |world: &World, client_id: &str| {
        let (completed, _) = world.log_in(client_id, None).await;
        only_sub(&told(world, client_id, &completed.location).await.0)
    };
    let first = sub_for(&world, SECOND).await;
    assert_eq!(sub_for(&world, COUSIN).await, first, "the same sector");
    assert_ne!(sub_for(&world, PORTAL).await, first, "another sector");
    // A renewed card of the same person.
    let profile = CardProfile::pharmacist().with_key(KeyKind::P256);
    world.card = world.pki.issue_card(&profile).unwrap().authentication;
    assert_eq!(sub_for(&world, SECOND).await, first);
    let doctor = CardProfile::doctor().with_key(KeyKind::P256);
    world.card = world.pki.issue_card(&doctor).unwrap().authentication;
    assert_ne!(sub_for(&world, SECOND).await, first, "another person");
}

#[tokio::test]
async fn a_hint_with_a_pairwise_name_means_the_person_behind_it() {
    let mut world = pairwise_world().await;
    let asked = |hint: &str| {
        let mut asked = parameters(PORTAL);
        asked.prompt = Some("none".to_owned());
        asked.id_token_hint = Some(hint.to_owned());
        asked
    };
    let (completed, _) = world.log_in(PORTAL, None).await;
    let (_, own) = told(&world, PORTAL, &completed.location).await;
    let doctor = CardProfile::doctor().with_key(KeyKind::P256);
    world.card = world.pki.issue_card(&doctor).unwrap().authentication;
    let (other, _) = world.log_in(PORTAL, None).await;
    let (_, foreign) = told(&world, PORTAL, &other.location).await;

    let cookie = Some(completed.session_cookie.expose());
    let begun = world
        .provider
        .begin_authorization(asked(&own), cookie)
        .await;
    assert!(
        matches!(begun, Ok(BegunAuthorization::Completed { .. })),
        "{begun:?}"
    );
    let refused = world
        .provider
        .begin_authorization(asked(&foreign), cookie)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), "provider.login_required");
}

/// What the consent page names of a client that asks for everything.
async fn shown_by_consent(world: &World) -> Vec<Datum> {
    let begun = world.begin_with(|asked| {
        *asked = parameters(PORTAL);
        asked.scope = Some(DEFAULT_SCOPE.to_owned());
        asked.claims = Some(EVERY_CLAIM.to_owned());
        asked.prompt = Some("consent".to_owned());
    });
    let begun = begun.await;
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap();
    world.present(&answer.presence_key).await;
    let described = world
        .provider
        .describe_consent(&begun.request_id, begun.cookie());
    described.await.unwrap().data
}

/// The consent page agrees with what goes out.
#[tokio::test]
async fn consent_for_a_pairwise_client_names_no_number() {
    let world = pairwise_world().await;
    let card = shown_by_consent(&world).await;
    assert!(card.contains(&Datum::CardFamily), "{card:?}");
    for absent in [Datum::Card, Datum::ProfessionalNumber] {
        assert!(!card.contains(&absent), "{card:?}");
    }
    let world = Settings::baseline().build().await;
    let card = shown_by_consent(&world).await;
    for present in [Datum::Card, Datum::ProfessionalNumber] {
        assert!(card.contains(&present), "{card:?}");
    }
}
