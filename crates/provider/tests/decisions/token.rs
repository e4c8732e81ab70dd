//! The token endpoint: what a code gives, once, and everything that burns it.

mod client_authentication;
mod confusion;
mod lookup;
mod possession;
mod redemption;
mod refresh;
mod resources;
mod service;
mod signatures;
mod step_up;

use cardea_jose::UnverifiedJws;
use cardea_oauth2_types::Acr;
use serde_json::{Value, json};

use super::world::{HeldEvidence, ISSUER, PORTAL, SECOND, Settings, World};

fn claims(token: &str) -> Value {
    UnverifiedJws::parse(token, 8192)
        .unwrap()
        .unverified_claims()
        .unwrap()
}

fn names(claims: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = claims
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn an_id_token_says_who_when_and_how_and_no_more() {
    let world = World::new().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    world.pass(time::Duration::seconds(5));
    let tokens = world.redeem(&completed.location).await.unwrap();
    let id_token = claims(tokens.id_token.as_deref().unwrap());
    let wanted = [
        "acr",
        "amr",
        "at_hash",
        "aud",
        "auth_time",
        "exp",
        "iat",
        "iss",
        "nonce",
        "revocation_age",
        "sid",
        "sub",
    ];
    assert_eq!(names(&id_token), wanted);
    let now = world.now().unix_timestamp();
    assert_eq!(
        (&id_token["iss"], &id_token["aud"]),
        (&json!(ISSUER), &json!(PORTAL))
    );
    assert_eq!(
        (&id_token["iat"], &id_token["exp"]),
        (&json!(now), &json!(now + 300))
    );
    assert_eq!(id_token["auth_time"], json!(now - 5));
    assert_eq!(id_token["nonce"], "the nonce");
    assert_eq!(id_token["acr"], Acr::CardPin.as_str());
    assert_eq!(id_token["amr"], json!(["sc", "pin", "hwk", "mfa"]));
    let hash = openssl::sha::sha256(tokens.access_token.as_bytes());
    assert_eq!(id_token["at_hash"], cardea_jose::base64url(&hash[..16]));
    let header = UnverifiedJws::parse(tokens.id_token.as_deref().unwrap(), 8192).unwrap();
    assert_eq!(header.typ(), Some("JWT"));
}

#[tokio::test]
async fn an_access_token_follows_rfc_9068() {
    let world = World::new().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let tokens = world.redeem(&completed.location).await.unwrap();
    assert_eq!((tokens.token_type, tokens.expires_in), ("Bearer", 120));
    assert_eq!(tokens.scope, "openid professional profile");
    let access_token = claims(&tokens.access_token);
    let wanted = [
        "acr",
        "amr",
        "aud",
        "auth_time",
        "client_id",
        "exp",
        "iat",
        "iss",
        "jti",
        "revocation_age",
        "scope",
        "sid",
        "sub",
    ];
    assert_eq!(names(&access_token), wanted);
    let now = world.now().unix_timestamp();
    assert_eq!(
        (&access_token["aud"], &access_token["exp"]),
        (&json!(ISSUER), &json!(now + 120))
    );
    assert_eq!(access_token["client_id"], PORTAL);
    assert_eq!(access_token["scope"], "openid professional profile");
    let header = UnverifiedJws::parse(&tokens.access_token, 8192).unwrap();
    assert_eq!(header.typ(), Some("at+jwt"));
    let id_token = claims(tokens.id_token.as_deref().unwrap());
    assert_eq!(
        (&access_token["sub"], &access_token["sid"]),
        (&id_token["sub"], &id_token["sid"])
    );
}

#[tokio::test]
async fn two_clients_of_one_session_have_one_sub_and_two_sids() {
    let world = World::new().await;
    let (first, _) = world.log_in(PORTAL, None).await;
    let cookie = first.session_cookie.expose();
    let of_portal = claims(
        &world
            .redeem(&first.location)
            .await
            .unwrap()
            .id_token
            .unwrap(),
    );
    let (second, _) = world.log_in(SECOND, Some(cookie)).await;
    let of_second = claims(
        &world
            .redeem_as(SECOND, &second.location)
            .await
            .unwrap()
            .id_token
            .unwrap(),
    );
    assert_eq!(of_portal["sub"], of_second["sub"]);
    assert_ne!(of_portal["sid"], of_second["sid"]);
    // The first client keeps its sid when it comes back silently.
    let cookie = Some(second.session_cookie.expose());
    let asked = super::world::parameters(PORTAL);
    let again = world
        .provider
        .begin_authorization(asked, cookie)
        .await
        .unwrap();
    let cardea_provider::BegunAuthorization::Completed { response } = again else {
        panic!()
    };
    let location = response.location();
    let again = claims(&world.redeem(&location).await.unwrap().id_token.unwrap());
    assert_eq!(again["sid"], of_portal["sid"]);
}

#[tokio::test]
async fn the_age_of_current_evidence_stands_in_both_tokens() {
    let world = World::new().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let tokens = world.redeem(&completed.location).await.unwrap();
    for token in [tokens.id_token.as_deref().unwrap(), &tokens.access_token] {
        assert_eq!(claims(token)["revocation_age"], json!(3600));
    }
}

#[tokio::test]
async fn the_use_of_a_stale_list_stands_in_both_tokens() {
    let mut settings = Settings::baseline();
    for rules in &mut settings.config.card_rules {
        rules.revocation_policy.crl_grace_seconds = 2 * 3600;
    }
    let mut world = settings.build().await;
    world.evidence = HeldEvidence::stale();
    let (completed, _) = world.log_in(PORTAL, None).await;
    let tokens = world.redeem(&completed.location).await.unwrap();
    for token in [tokens.id_token.as_deref().unwrap(), &tokens.access_token] {
        assert_eq!(claims(token)["revocation_age"], json!(172_800));
    }
}

#[tokio::test]
async fn a_response_shows_no_token_in_debug_output() {
    let world = World::new().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let tokens = world.redeem(&completed.location).await.unwrap();
    let shown = format!("{tokens:?}");
    assert!(
        !shown.contains(tokens.id_token.as_deref().unwrap())
            && !shown.contains(&tokens.access_token)
    );
}
