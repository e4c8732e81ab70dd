//! Redeeming a code: once, by its client, with its redirect URI and its verifier, in time (attacks
//! F1, F2 and F7).

use cardea_oauth2_types::{ErrorCode, TokenParameters};
use cardea_provider::{BegunAuthorization, DpopRequest, TokenRequest};
use time::Duration;

use super::super::world::{PORTAL, SECOND, Settings, World, parameters, query_value};

type Change = fn(&mut TokenParameters);

fn set(slot: &mut Option<String>, value: &str) {
    *slot = Some(value.to_owned());
}

#[tokio::test]
async fn a_code_is_good_until_its_last_second() {
    let world = World::new().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    world.pass(Duration::seconds(59));
    world.redeem(&completed.location).await.unwrap();
    let event = world.event("tokens.issued").await;
    assert_eq!(event.client_id.as_deref(), Some(PORTAL));
}

#[tokio::test]
async fn a_code_used_twice_is_refused_and_takes_back_what_it_gave() {
    let world = World::new().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let tokens = world.redeem(&completed.location).await.unwrap();
    world.userinfo(&tokens.access_token).await.unwrap();

    let error = world.redeem(&completed.location).await.unwrap_err();
    assert_eq!(
        (error.error, error.code()),
        (ErrorCode::InvalidGrant, "provider.code_reused")
    );
    let event = world.event("token.refused").await;
    assert_eq!(event.code.as_deref(), Some("provider.code_reused"));
    assert_eq!(event.details, r#"{"grants_revoked":1}"#);
    assert!(
        event.session_id.is_some(),
        "the abuse leads back to its login"
    );
    let error = world.userinfo(&tokens.access_token).await.unwrap_err();
    assert_eq!(error.code(), "provider.access_token_revoked");
}

#[tokio::test]
async fn of_fifty_parallel_redemptions_one_gives_tokens_which_are_taken_back() {
    let world = Settings::refreshing().build().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let attempts: Vec<_> = (0..50)
        .map(|_| {
            let provider = world.provider.clone();
            let (credentials, parameters) = World::token_request(PORTAL, &completed.location);
            tokio::spawn(async move {
                let request = TokenRequest {
                    credentials: &credentials,
                    parameters: &parameters,
                    dpop: DpopRequest::default(),
                };
                provider.issue_tokens(request).await
            })
        })
        .collect();
    let mut given = Vec::new();
    for attempt in attempts {
        match attempt.await.unwrap() {
            Ok(tokens) => given.push(tokens),
            Err(error) => assert_eq!(error.code(), "provider.code_reused"),
        }
    }
    let [tokens] = &given[..] else {
        panic!("{} won", given.len())
    };
    let error = world.userinfo(&tokens.access_token).await.unwrap_err();
    assert_eq!(error.code(), "provider.access_token_revoked");
    let token = tokens.refresh_token.as_deref().unwrap();
    let error = world.refresh(PORTAL, token).await.unwrap_err();
    assert_eq!(error.code(), "provider.refresh_token_revoked");
}

#[tokio::test]
async fn each_wrong_companion_is_invalid_grant_and_burns_the_code() {
    let world = World::new().await;
    let cases: [(Change, &str); 5] = [
        (
            |p| set(&mut p.code_verifier, &"x".repeat(43)),
            "provider.code_verifier_mismatch",
        ),
        (
            |p| set(&mut p.code_verifier, "short"),
            "provider.code_verifier_missing",
        ),
        (|p| p.code_verifier = None, "provider.code_verifier_missing"),
        (
            |p| set(&mut p.redirect_uri, "https://portal.example.fr/other"),
            "provider.code_redirect_uri_mismatch",
        ),
        (
            |p| p.redirect_uri = None,
            "provider.code_redirect_uri_mismatch",
        ),
    ];
    for (change, code) in cases {
        let (completed, _) = world.log_in(PORTAL, None).await;
        let (credentials, mut parameters) = World::token_request(PORTAL, &completed.location);
        change(&mut parameters);
        let error = world.issue(&credentials, &parameters).await.unwrap_err();
        assert_eq!((error.error, error.code()), (ErrorCode::InvalidGrant, code));
        assert_eq!(
            world.event("token.refused").await.code.as_deref(),
            Some(code)
        );
        let error = world.redeem(&completed.location).await.unwrap_err();
        assert_eq!(error.code(), "provider.code_reused", "burnt by {code}");
    }
}

#[tokio::test]
async fn a_code_of_another_client_is_invalid_grant_and_burnt() {
    let world = World::new().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let error = world
        .redeem_as(SECOND, &completed.location)
        .await
        .unwrap_err();
    assert_eq!(
        (error.error, error.code()),
        (ErrorCode::InvalidGrant, "provider.code_client_mismatch")
    );
    assert!(world.redeem(&completed.location).await.is_err());
}

#[tokio::test]
async fn an_expired_code_is_invalid_grant_and_burnt() {
    let world = World::new().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    world.pass(Duration::seconds(60));
    let error = world.redeem(&completed.location).await.unwrap_err();
    assert_eq!(
        (error.error, error.code()),
        (ErrorCode::InvalidGrant, "provider.code_expired")
    );
    world.pass(Duration::seconds(-30));
    let error = world.redeem(&completed.location).await.unwrap_err();
    assert_eq!(
        error.code(),
        "provider.code_reused",
        "a clock set back brings nothing to life"
    );
}

#[tokio::test]
async fn a_code_dies_with_its_session() {
    let world = World::new().await;
    let (completed, key) = world.log_in(PORTAL, None).await;
    world.depart(&key).await;
    let error = world.redeem(&completed.location).await.unwrap_err();
    assert_eq!(
        (error.error, error.code()),
        (ErrorCode::InvalidGrant, "provider.code_unknown")
    );
}

#[tokio::test]
async fn a_code_is_worth_nothing_once_its_session_reached_a_limit() {
    let mut settings = Settings::baseline();
    settings.config.lifetimes.session_idle = Duration::days(1);
    let world = settings.build().await;
    let (completed, key) = world.log_in(PORTAL, None).await;
    world.pass(Duration::hours(4) - Duration::seconds(10));
    world.present(&key).await;
    let cookie = Some(completed.session_cookie.expose());
    let silent = world
        .provider
        .begin_authorization(parameters(PORTAL), cookie)
        .await
        .unwrap();
    let BegunAuthorization::Completed { response } = silent else {
        panic!("the session still lives")
    };
    let location = response.location();
    // The sweep has not come by yet.
    world.pass(Duration::seconds(10));
    let error = world.redeem(&location).await.unwrap_err();
    assert_eq!(error.error, ErrorCode::InvalidGrant);
    assert_eq!(error.code(), "provider.code_session_ended");
}

#[tokio::test]
async fn other_grants_and_codes_that_never_were_have_their_own_names_and_leave_no_row() {
    let world = World::new().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let cases: [(Change, ErrorCode, &str); 5] = [
        (
            |p| set(&mut p.grant_type, "password"),
            ErrorCode::UnsupportedGrantType,
            "provider.grant_type_unsupported",
        ),
        (
            |p| set(&mut p.grant_type, "refresh_token"),
            ErrorCode::UnauthorizedClient,
            "provider.grant_type_not_allowed",
        ),
        (
            |p| p.grant_type = None,
            ErrorCode::InvalidRequest,
            "provider.grant_type_missing",
        ),
        (
            |p| p.code = None,
            ErrorCode::InvalidRequest,
            "provider.code_missing",
        ),
        (
            |p| set(&mut p.code, "guess"),
            ErrorCode::InvalidGrant,
            "provider.code_unknown",
        ),
    ];
    let rows = world.events().await.len();
    for (change, name, code) in cases {
        let (credentials, mut parameters) = World::token_request(PORTAL, &completed.location);
        change(&mut parameters);
        let error = world.issue(&credentials, &parameters).await.unwrap_err();
        assert_eq!((error.error, error.code()), (name, code));
        let noted = world.take_note(rows).await;
        assert_eq!(noted.kind.name(), "token.refused");
        assert_eq!(noted.kind.code(), Some(code));
        assert_eq!(noted.client_id.as_deref(), Some(PORTAL));
    }
    assert!(query_value(&completed.location, "code").is_some());
    world
        .redeem(&completed.location)
        .await
        .expect("none of these spent the code");
}
