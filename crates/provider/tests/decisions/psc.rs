//! The profile `psc`: what portals read that were written for Pro Santé Connect, and each trap that
//! its documents set.

use cardea_assertion::UserVerification;
use cardea_jose::Algorithm;
use cardea_oauth2_types::{AuthorizationParameters, Scope, TokenParameters, TokenResponse};
use cardea_provider::{
    AssertionAudience, BegunAuthorization, ClientCredentials, Error, Issuer, LogoutDecision,
    LogoutParameters, ProtocolProfile, RegisteredBy, SubjectType, TokenLookup,
    UserVerificationPolicy,
};
use cardea_test_pki::{CardProfile, KeyKind};
use serde_json::{Value, json};
use time::Duration;

use super::world::{PORTAL, Settings, World, claims_of, query_value};

const WALLET: &str = "https://id.example.fr/auth/realms/esante-wallet";

/// A portal as its documents have it: a secret, `scope_all`, refresh tokens, no PKCE.
fn settings() -> Settings {
    let mut settings = Settings::refreshing();
    settings.config.issuer = Issuer::parse(WALLET).unwrap();
    settings.config.profile = ProtocolProfile::Psc;
    settings.config.clients.retain(|it| it.client_id == PORTAL);
    let portal = settings.client(PORTAL);
    portal.scope = Scope::parse("openid scope_all").unwrap();
    settings
}

/// What such a portal sends.
fn asked(parameters: &mut AuthorizationParameters) {
    parameters.scope = Some("openid scope_all".to_owned());
    parameters.acr_values = Some("eidas1".to_owned());
    parameters.code_challenge = None;
    parameters.code_challenge_method = None;
}

async fn redeem(world: &World, location: &str) -> TokenResponse {
    let (credentials, mut parameters) = World::token_request(PORTAL, location);
    parameters.code_verifier = None;
    world.issue(&credentials, &parameters).await.unwrap()
}

async fn tokens(world: &World) -> TokenResponse {
    redeem(world, &world.log_in_with(asked).await).await
}

async fn introspected(world: &World, token: &str) -> Value {
    let (credentials, _) = World::token_request(PORTAL, "https://portal.example.fr/cb");
    let lookup = TokenLookup {
        credentials: &credentials,
        token: Some(token),
    };
    let answer = world.provider.introspect(lookup).await.unwrap();
    serde_json::to_value(&answer).unwrap()
}

#[tokio::test]
async fn whoever_asks_for_eidas1_is_told_eidas1_everywhere_and_to_the_letter() {
    let world = settings().build().await;
    let tokens = tokens(&world).await;
    let id_token = claims_of(tokens.id_token.as_deref().unwrap());
    assert_eq!(id_token["acr"], "eidas1");
    assert_eq!(id_token["iss"], WALLET);
    assert_eq!(claims_of(&tokens.access_token)["acr"], "eidas1");
    let refresh_token = tokens.refresh_token.as_deref().unwrap();
    for token in [tokens.access_token.as_str(), refresh_token] {
        assert_eq!(introspected(&world, token).await["acr"], "eidas1");
    }
    let refreshed = world.refresh(PORTAL, refresh_token).await.unwrap();
    let id_token = claims_of(refreshed.id_token.as_deref().unwrap());
    assert_eq!(id_token["acr"], "eidas1");
}

/// What was asked for otherwise is answered by the level that was reached, and by an error where
/// nothing else will do.
#[tokio::test]
async fn other_levels_are_never_said() {
    let world = settings().build().await;
    for acr_values in [None, Some("eidas2"), Some("eidas3 eidas1")] {
        let change = |parameters: &mut AuthorizationParameters| {
            asked(parameters);
            parameters.acr_values = acr_values.map(str::to_owned);
        };
        let tokens = redeem(&world, &world.log_in_with(change).await).await;
        let id_token = claims_of(tokens.id_token.as_deref().unwrap());
        assert_eq!(id_token["acr"], "eidas1", "{acr_values:?}");
    }
    let essential = world.authorize(|parameters| {
        asked(parameters);
        let claims = r#"{"id_token":{"acr":{"essential":true,"value":"eidas2"}}}"#;
        parameters.claims = Some(claims.to_owned());
    });
    let refused = essential.await.unwrap_err();
    assert_eq!(refused.source().code(), "provider.acr_unmet");
}

/// A card without its PIN is let in by this operator, and is no eidas1.
#[tokio::test]
async fn a_card_alone_is_no_eidas1() {
    let mut settings = settings();
    settings.config.user_verification = UserVerificationPolicy::CardAlone;
    let world = settings.build().await;
    let begun = world.begin_with(asked).await;
    let mut answer = world.answer(&begun).await;
    answer.claims.uv = UserVerification::None;
    let refused = world.post(&begun, &answer).await.unwrap_err();
    assert_eq!(refused.source.code(), "provider.acr_unmet");
}

#[tokio::test]
async fn state_and_nonce_are_demanded_and_a_challenge_is_not() {
    let world = settings().build().await;
    let refusal = async |change: fn(&mut AuthorizationParameters)| {
        let begun = world.authorize(|parameters| {
            asked(parameters);
            change(parameters);
        });
        begun.await.map_err(|error| error.source().code())
    };
    let without_state = refusal(|it| it.state = None).await;
    assert_eq!(without_state.unwrap_err(), "provider.state_missing");
    let without_nonce = refusal(|it| it.nonce = None).await;
    assert_eq!(without_nonce.unwrap_err(), "provider.nonce_missing");
    let offline = refusal(|it| it.scope = Some("openid scope_all offline_access".to_owned())).await;
    assert_eq!(offline.unwrap_err(), "provider.scope_not_allowed");
    let plain = refusal(|it| it.code_challenge = Some("abc".to_owned())).await;
    assert_eq!(plain.unwrap_err(), "provider.pkce_method_unsupported");
    assert!(matches!(
        refusal(|_| ()).await,
        Ok(BegunAuthorization::Login { .. })
    ));
    // Words that Pro Santé Connect lists and does not describe are left out.
    let location = world.log_in_with(|parameters| {
        asked(parameters);
        let scope = "openid scope_all identity rpps referentiel interop eidas1 scope_1";
        parameters.scope = Some(scope.to_owned());
    });
    let tokens = redeem(&world, &location.await).await;
    assert_eq!(tokens.scope, "openid scope_all");
}

#[tokio::test]
async fn scope_all_gives_the_claim_set_and_openid_alone_does_not() {
    let world = settings().build().await;
    let tokens = tokens(&world).await;
    let claims = world.userinfo(&tokens.access_token).await.unwrap();
    let number = CardProfile::pharmacist().identifier.common_name();
    let sub = claims["sub"].as_str().unwrap();
    let parts: Vec<_> = sub.splitn(3, ':').collect();
    assert_eq!((parts[0], parts[2]), ("f", number.as_str()));
    assert_eq!(parts[1].len(), 36, "a UUID");
    assert_eq!(claims["SubjectNameID"], number.as_str());
    assert_eq!(claims["preferred_username"], number.as_str());
    assert_eq!(claims["SubjectRole"], json!(["21^1.2.250.1.213.1.1.5.5"]));
    assert_eq!(claims["Acces_Regulation_Medicale"], "FAUX");
    assert_eq!(claims["Secteur_Activite"], "");
    assert!(claims.get("subject_id").is_none() && claims.get("card").is_none());
    assert_eq!(claims_of(&tokens.access_token)["sub"], sub);

    let change = |parameters: &mut AuthorizationParameters| {
        asked(parameters);
        parameters.scope = Some("openid".to_owned());
    };
    let tokens = redeem(&world, &world.log_in_with(change).await).await;
    let claims = world.userinfo(&tokens.access_token).await.unwrap();
    assert_eq!(Value::Object(claims), json!({ "sub": sub }));
}

#[tokio::test]
async fn a_new_card_of_the_same_person_is_the_same_sub() {
    let mut world = settings().build().await;
    let first = claims_of(&tokens(&world).await.access_token)["sub"].clone();
    let renewed = CardProfile::pharmacist().with_key(KeyKind::P256);
    world.card = world.pki.issue_card(&renewed).unwrap().authentication;
    assert_eq!(claims_of(&tokens(&world).await.access_token)["sub"], first);
    // By that name the portal can ask for her again, and for nobody else.
    for (name, met) in [
        (first.as_str().unwrap().to_owned(), true),
        (format!("{}0", first.as_str().unwrap()), false),
        ("f:00000000-0000-8000-8000-000000000000:1".to_owned(), false),
    ] {
        let begun = world.authorize(|parameters| {
            asked(parameters);
            let claims = format!(r#"{{"id_token":{{"sub":{{"value":"{name}"}}}}}}"#);
            parameters.claims = Some(claims);
        });
        assert_eq!(begun.await.is_ok(), met, "{name}");
    }
}

#[tokio::test]
async fn introspection_tells_the_members_and_the_number_of_an_access_token_alone() {
    let world = settings().build().await;
    let tokens = tokens(&world).await;
    let number = CardProfile::pharmacist().identifier.common_name();
    let of_access = introspected(&world, &tokens.access_token).await;
    for (member, expected) in [
        ("active", json!(true)),
        ("typ", json!("Bearer")),
        ("azp", json!(PORTAL)),
        ("client_id", json!(PORTAL)),
        ("nonce", json!("the nonce")),
        ("preferred_username", json!(number)),
        ("username", json!(number)),
        ("email_verified", json!(false)),
        ("scope", json!("openid scope_all")),
        ("SubjectNameID", json!(number)),
        ("iss", json!(WALLET)),
    ] {
        assert_eq!(of_access[member], expected, "{member}");
    }
    for member in ["exp", "iat", "auth_time", "jti", "sub", "session_state"] {
        assert!(of_access.get(member).is_some(), "{member}");
    }
    let refresh_token = tokens.refresh_token.as_deref().unwrap();
    let of_refresh = introspected(&world, refresh_token).await;
    assert_eq!(of_refresh["typ"], "Refresh");
    assert_eq!(of_refresh["nonce"], "the nonce");
    assert!(of_refresh.get("SubjectNameID").is_none());
    let unknown = introspected(&world, "unknown").await;
    assert_eq!(unknown, json!({ "active": false }));
    // A token of a refresh speaks of the same login.
    let refreshed = world.refresh(PORTAL, refresh_token).await.unwrap();
    let of_refreshed = introspected(&world, &refreshed.access_token).await;
    assert_eq!(of_refreshed["nonce"], "the nonce");
}

#[tokio::test]
async fn tokens_last_two_minutes_and_half_an_hour() {
    let world = settings().build().await;
    let tokens = tokens(&world).await;
    let answer = serde_json::to_value(&tokens).unwrap();
    assert_eq!(answer["expires_in"], 120);
    assert_eq!(answer["refresh_expires_in"], 1800);
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["not-before-policy"], 0);
    let id_token = claims_of(tokens.id_token.as_deref().unwrap());
    assert_eq!(answer["session_state"], id_token["sid"]);
}

/// A session that another token keeps alive revives none that lay for half an hour.
#[tokio::test]
async fn a_refresh_token_lies_for_half_an_hour_at_most() {
    let world = settings().build().await;
    let begun = world.begin_with(asked).await;
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap();
    world.present(&answer.presence_key).await;
    let completing = world
        .provider
        .complete_authorization(&begun.request_id, begun.cookie(), None);
    let completed = completing.await.unwrap();
    let first = redeem(&world, &completed.response.location()).await;
    let first = first.refresh_token.unwrap();
    let cookie = completed.session_cookie;
    let mut again = super::world::parameters(PORTAL);
    asked(&mut again);
    let silent = world
        .provider
        .begin_authorization(again, Some(cookie.expose()));
    let BegunAuthorization::Completed { response } = silent.await.unwrap() else {
        panic!("the client is in the session");
    };
    let second = redeem(&world, &response.location()).await;
    world.pass(Duration::minutes(20));
    world.present(&answer.presence_key).await;
    let second = second.refresh_token.unwrap();
    let third = world.refresh(PORTAL, &second).await.unwrap();
    world.pass(Duration::minutes(11));
    world.present(&answer.presence_key).await;
    let refused = world.refresh(PORTAL, &first).await.unwrap_err();
    assert_eq!(refused.source.code(), "provider.refresh_token_expired");
    assert_eq!(
        introspected(&world, &first).await,
        json!({ "active": false })
    );
    let third = third.refresh_token.unwrap();
    assert!(world.refresh(PORTAL, &third).await.is_ok());
}

#[tokio::test]
async fn logout_returns_the_state() {
    let world = settings().build().await;
    let tokens = tokens(&world).await;
    let parameters = LogoutParameters {
        id_token_hint: tokens.id_token.clone(),
        post_logout_redirect_uri: Some("https://portal.example.fr/bye".to_owned()),
        state: Some("the state".to_owned()),
        ..LogoutParameters::default()
    };
    let decision = world.provider.logout(&parameters, None).await.unwrap();
    let LogoutDecision::Ended { location, .. } = decision else {
        panic!("the hint speaks for the session");
    };
    let state = query_value(&location.unwrap(), "state");
    assert_eq!(state.as_deref(), Some("the state"));
}

/// A portal that takes the algorithm from the header, and numbers in a pairwise client's claims.
#[tokio::test]
async fn a_registration_that_the_profile_contradicts_stops_the_start() {
    let mut other_algorithm = settings();
    other_algorithm.client(PORTAL).id_token_signed_response_alg = Algorithm::Es256;
    let mut pairwise = settings();
    pairwise.client(PORTAL).subject_type = SubjectType::Pairwise;
    for (settings, key) in [
        (other_algorithm, "id_token_signed_response_alg"),
        (pairwise, "subject_type"),
    ] {
        match settings.try_build().await.map(drop).unwrap_err() {
            Error::ClientInvalid { key: found, .. } => assert_eq!(found, key),
            other => panic!("{other}"),
        }
    }
    assert_eq!(
        ProtocolProfile::Psc.rules().assertion_audience,
        AssertionAudience::IssuerOrEndpoint
    );
}

/// The secret is taken in the header and in the form alike, and a browserless logout ends all.
#[tokio::test]
async fn a_portal_logs_out_with_its_refresh_token_and_sends_its_secret_as_it_likes() {
    let world = settings().build().await;
    let tokens = tokens(&world).await;
    let refresh_token = tokens.refresh_token.as_deref().unwrap();
    let secret_in_form = TokenParameters {
        client_id: Some(PORTAL.to_owned()),
        client_secret: Some("portal secret".to_owned()),
        ..TokenParameters::default()
    };
    let credentials = ClientCredentials::read(None, &secret_in_form).unwrap();
    let lookup = |token| TokenLookup {
        credentials: &credentials,
        token,
    };
    let unknown = world.provider.logout_by_refresh_token(lookup(Some("none")));
    let unknown = unknown.await.unwrap_err();
    assert_eq!(unknown.code(), "provider.refresh_token_unknown");
    let ended = world
        .provider
        .logout_by_refresh_token(lookup(Some(refresh_token)));
    assert_eq!(ended.await.unwrap().unwrap().reason.as_str(), "logout");
    let active = introspected(&world, &tokens.access_token).await["active"].clone();
    assert_eq!(active, false);
    let again = world
        .provider
        .logout_by_refresh_token(lookup(Some(refresh_token)));
    assert!(again.await.unwrap().is_none());
}

/// Its operator has not looked at it: PKCE is as its registration says.
#[tokio::test]
async fn a_portal_that_registered_itself_needs_pkce() {
    let mut settings = settings();
    settings.client(PORTAL).registered_by = RegisteredBy::Itself;
    let world = settings.build().await;
    let refused = world.authorize(asked).await.unwrap_err();
    assert_eq!(refused.source().code(), "provider.pkce_missing");
}
