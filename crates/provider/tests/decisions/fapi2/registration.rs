//! Registrations that contradict the profile, each with the key that does.

use cardea_jose::{Algorithm, SigningKey};
use cardea_provider::{
    Client, ClientAuthentication, ClientsReload, Demand, Error, ProtocolProfile,
};
use cardea_storage::SecretDigest;
use cardea_storage::client::{ClientRecord, insert};

use super::super::world::{PORTAL, Settings, World};
use super::{client, key, nameless, settings};

type Change = fn(&mut Client);

fn refused_key(error: &Error) -> &'static str {
    match error {
        Error::ClientInvalid {
            client_id,
            key,
            reason,
        } => {
            assert_eq!(client_id, "insurer");
            assert!(reason.contains("profile"), "{reason}");
            key
        }
        other => panic!("{other}"),
    }
}

fn secret() -> cardea_provider::ClientSecret {
    SecretDigest::of("a long enough secret").into()
}

fn cases() -> [(&'static str, &'static str, Change); 10] {
    [
        ("public", "token_endpoint_auth_method", |client| {
            client.authentication = ClientAuthentication::None;
        }),
        ("secret", "token_endpoint_auth_method", |client| {
            client.authentication = ClientAuthentication::SecretBasic(secret());
        }),
        (
            "secret in the body",
            "token_endpoint_auth_method",
            |client| {
                client.authentication = ClientAuthentication::SecretPost(secret());
            },
        ),
        ("no PKCE", "pkce", |client| client.pkce = Demand::Optional),
        ("ID tokens", "id_token_signed_response_alg", |client| {
            client.id_token_signed_response_alg = Algorithm::Rs256;
        }),
        ("userinfo", "userinfo_signed_response_alg", |client| {
            client.userinfo_signed_response_alg = Some(Algorithm::Rs256);
        }),
        ("answers", "authorization_signed_response_alg", |client| {
            client.authorization_signed_response_alg = Some(Algorithm::Rs256);
        }),
        (
            "introspection",
            "introspection_signed_response_alg",
            |client| client.introspection_signed_response_alg = Some(Algorithm::Rs256),
        ),
        ("a key for RS256", "jwks", |client| {
            let key = SigningKey::generate(Algorithm::Rs256).unwrap();
            client.jwks.keys.push(key.public_jwk().clone());
        }),
        ("a key for ES384", "jwks", |client| {
            let key = SigningKey::generate(Algorithm::Es384).unwrap();
            client.jwks.keys.push(key.public_jwk().clone());
        }),
    ]
}

#[tokio::test]
async fn a_registration_that_contradicts_the_profile_stops_the_start() {
    let key = key();
    for (name, refused, change) in cases() {
        let mut settings = settings(&[("insurer", &key)]);
        change(settings.client("insurer"));
        let error = settings.try_build().await.err().unwrap();
        assert_eq!(refused_key(&error), refused, "{name}");
        // By itself the same registration is a good one.
        let mut alone = client("insurer", &key);
        change(&mut alone);
        alone.check().unwrap();
        assert!(ProtocolProfile::Oidc.rules().check_client(&alone).is_ok());
    }
}

#[tokio::test]
async fn a_request_object_algorithm_of_another_profile_is_refused() {
    let rsa = SigningKey::generate(Algorithm::Ps256).unwrap();
    let public = nameless(&rsa);
    let mut settings = settings(&[("insurer", &key())]);
    let insurer = settings.client("insurer");
    insurer.jwks.keys.push(public);
    insurer.request_object_signing_alg = Some(Algorithm::Rs256);
    let error = settings.try_build().await.err().unwrap();
    assert_eq!(refused_key(&error), "request_object_signing_alg");
}

#[tokio::test]
async fn what_a_registration_leaves_open_is_no_contradiction() {
    let mut settings = settings(&[("insurer", &key())]);
    let insurer = settings.client("insurer");
    insurer.dpop_bound_access_tokens = Demand::Optional;
    insurer.pushed_authorization_requests = Demand::Optional;
    insurer.id_token_signed_response_alg = Algorithm::Ps256;
    settings.build().await;
}

/// Each profile adds: the clients of the other tests are good under the default one alone.
#[tokio::test]
async fn clients_of_another_profile_do_not_pass() {
    let mut settings = Settings::baseline();
    settings.config.profile = ProtocolProfile::Fapi2;
    let error = settings.try_build().await.err().unwrap();
    assert_eq!(error.code(), "provider.client_invalid");
    assert!(World::new().await.provider.find_client(PORTAL).is_some());
}

/// Tokens that were given out before the operator chose the profile open nothing under it.
#[tokio::test]
async fn a_bearer_token_from_before_the_profile_is_worth_nothing() {
    let world = World::new().await;
    let location = world.log_in_with(|_| {}).await;
    let tokens = world.redeem(&location).await.unwrap();
    let strict = world.restarted_with(settings(&[(PORTAL, &key())]));
    let refused = strict.userinfo(&tokens.access_token).await.unwrap_err();
    // RS256, by which nothing is read any more.
    assert_eq!(refused.code(), "provider.access_token_invalid");
}

/// A client of the database cannot stop a running server: it is left out until it is corrected.
#[tokio::test]
async fn a_client_of_the_database_that_contradicts_the_profile_is_left_out() {
    let world = settings(&[("insurer", &key())]).build().await;
    let now = world.now();
    let mut transaction = world.store.begin().await.unwrap();
    for client_id in ["good", "public"] {
        let record = ClientRecord {
            client_id: client_id.to_owned(),
            registration: "{}".to_owned(),
            secret: None,
            previous_secret: None,
            created_at: now,
            changed_at: now,
            self_registration: None,
        };
        insert(&mut transaction, &record).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let read = |record: &ClientRecord| {
        let mut client = client(&record.client_id, &key());
        if record.client_id == "public" {
            client.authentication = ClientAuthentication::None;
        }
        Ok(client)
    };
    let reload = world.provider.reload_clients(read).await.unwrap();
    let ClientsReload::Replaced { clients, left_out } = reload else {
        panic!("nothing was read")
    };
    assert_eq!(clients, 2);
    let [(client_id, error)] = left_out.as_slice() else {
        panic!("{left_out:?}")
    };
    assert_eq!(
        (client_id.as_str(), error.code()),
        ("public", "provider.client_invalid")
    );
    assert!(world.provider.find_client("good").is_some());
    assert!(world.provider.find_client("public").is_none());
}
