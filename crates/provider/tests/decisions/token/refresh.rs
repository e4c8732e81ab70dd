//! Refresh tokens: each once, for its client, with the card in the reader (attack F6).

use cardea_oauth2_types::{ErrorCode, Scope};
use cardea_provider::{DpopRequest, TokenRequest};
use serde_json::json;
use time::Duration;

use super::super::world::{PORTAL, SECOND, Settings, World, claims_of};

/// A refresh token of a login, with its access token.
async fn first(world: &World, client_id: &str) -> (String, String) {
    let (completed, _) = world.log_in(client_id, None).await;
    let tokens = world
        .redeem_as(client_id, &completed.location)
        .await
        .unwrap();
    (tokens.refresh_token.unwrap(), tokens.access_token)
}

async fn refusal(world: &World, client_id: &str, token: &str) -> &'static str {
    let error = world.refresh(client_id, token).await.unwrap_err();
    assert_eq!(error.error, ErrorCode::InvalidGrant);
    error.code()
}

async fn userinfo_refusal(world: &World, token: &str) -> &'static str {
    world.userinfo(token).await.unwrap_err().code()
}

#[tokio::test]
async fn a_refresh_goes_on_with_the_same_login() {
    let world = Settings::refreshing().build().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let before = world.redeem(&completed.location).await.unwrap();
    world.pass(Duration::seconds(20));
    let token = before.refresh_token.as_deref().unwrap();
    assert_eq!(token.len(), 43, "256 bits");
    let after = world.refresh(PORTAL, token).await.unwrap();
    assert_ne!(after.refresh_token.as_deref(), Some(token));
    assert_eq!(after.scope, before.scope);
    let event = world.event("tokens.issued").await;
    assert!(event.details.contains(r#""grant_type":"refresh_token""#));

    let old = claims_of(before.id_token.as_deref().unwrap());
    let new = claims_of(after.id_token.as_deref().unwrap());
    // OIDC Core section 12.2.
    for same in ["iss", "sub", "aud", "auth_time", "sid", "acr"] {
        assert_eq!(old[same], new[same], "{same}");
    }
    assert_eq!(new["iat"], json!(world.now().unix_timestamp()));
    assert_eq!(old["nonce"], "the nonce");
    assert_eq!(new.get("nonce"), None);
    world.userinfo(&after.access_token).await.unwrap();
    world.userinfo(&before.access_token).await.unwrap();
}

#[tokio::test]
async fn a_client_that_may_not_refresh_gets_no_refresh_token() {
    let world = World::new().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let tokens = world.redeem(&completed.location).await.unwrap();
    assert_eq!(tokens.refresh_token, None);
    let error = world.refresh(PORTAL, "any").await.unwrap_err();
    assert_eq!(error.error, ErrorCode::UnauthorizedClient);
    assert_eq!(error.code(), "provider.grant_type_not_allowed");
}

#[tokio::test]
async fn f6_a_refresh_token_used_twice_takes_its_family_back() {
    let world = Settings::refreshing().build().await;
    let (token, access_token) = first(&world, PORTAL).await;
    let second = world.refresh(PORTAL, &token).await.unwrap();
    let code = refusal(&world, PORTAL, &token).await;
    assert_eq!(code, "provider.refresh_token_reused");
    let event = world.event("token.refused").await;
    assert_eq!(event.code.as_deref(), Some(code));
    assert_eq!(
        event.details,
        r#"{"grants_revoked":2,"families_revoked":1}"#
    );
    assert!(
        event.session_id.is_some(),
        "the abuse leads back to its login"
    );

    let newest = second.refresh_token.unwrap();
    let code = refusal(&world, PORTAL, &newest).await;
    assert_eq!(code, "provider.refresh_token_revoked");
    for access_token in [&access_token, &second.access_token] {
        let code = userinfo_refusal(&world, access_token).await;
        assert_eq!(code, "provider.access_token_revoked");
    }
}

#[tokio::test]
async fn f6_of_twenty_parallel_refreshes_one_gives_tokens_which_are_taken_back() {
    let world = Settings::refreshing().build().await;
    let (token, _) = first(&world, PORTAL).await;
    let attempts: Vec<_> = (0..20)
        .map(|_| {
            let provider = world.provider.clone();
            let (credentials, parameters) = World::refresh_request(PORTAL, &token);
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
            Err(error) => assert_eq!(error.code(), "provider.refresh_token_reused"),
        }
    }
    let [tokens] = &given[..] else {
        panic!("{} won", given.len())
    };
    let newest = tokens.refresh_token.as_deref().unwrap();
    let code = refusal(&world, PORTAL, newest).await;
    assert_eq!(code, "provider.refresh_token_revoked");
    let code = userinfo_refusal(&world, &tokens.access_token).await;
    assert_eq!(code, "provider.access_token_revoked");
}

#[tokio::test]
async fn f6_a_refresh_token_in_another_clients_hands_takes_its_family_back() {
    let world = Settings::refreshing().build().await;
    let (token, access_token) = first(&world, PORTAL).await;
    let code = refusal(&world, SECOND, &token).await;
    assert_eq!(code, "provider.refresh_token_client_mismatch");
    let event = world.event("token.refused").await;
    assert_eq!(event.client_id.as_deref(), Some(SECOND));
    let code = refusal(&world, PORTAL, &token).await;
    assert_eq!(code, "provider.refresh_token_reused");
    let code = userinfo_refusal(&world, &access_token).await;
    assert_eq!(code, "provider.access_token_revoked");
}

#[tokio::test]
async fn f6_a_scope_is_narrowed_for_once_and_widening_it_is_refused_without_loss() {
    let world = Settings::refreshing().build().await;
    let (token, _) = first(&world, PORTAL).await;
    for wider in ["openid email", "openid offline_access"] {
        let (credentials, mut parameters) = World::refresh_request(PORTAL, &token);
        parameters.scope = Some(wider.to_owned());
        let error = world.issue(&credentials, &parameters).await.unwrap_err();
        assert_eq!(error.error, ErrorCode::InvalidScope, "{wider}");
        assert_eq!(error.code(), "provider.scope_not_granted");
    }
    let (credentials, mut parameters) = World::refresh_request(PORTAL, &token);
    parameters.scope = Some("openid".to_owned());
    let narrow = world.issue(&credentials, &parameters).await.unwrap();
    assert_eq!(narrow.scope, "openid");
    let claims = world.userinfo(&narrow.access_token).await.unwrap();
    assert_eq!(claims.keys().collect::<Vec<_>>(), ["sub"]);
    // RFC 6749 section 6: the next refresh token is worth what the first was.
    let next = narrow.refresh_token.unwrap();
    let whole = world.refresh(PORTAL, &next).await.unwrap();
    assert_eq!(whole.scope, "openid professional profile");
}

#[tokio::test]
async fn a_refresh_that_leaves_openid_out_gives_no_id_token() {
    let world = Settings::refreshing().build().await;
    let (token, _) = first(&world, PORTAL).await;
    let (credentials, mut parameters) = World::refresh_request(PORTAL, &token);
    parameters.scope = Some("professional".to_owned());
    let tokens = world.issue(&credentials, &parameters).await.unwrap();
    assert_eq!(tokens.id_token, None);
    let code = userinfo_refusal(&world, &tokens.access_token).await;
    assert_eq!(code, "provider.access_token_scope_insufficient");
}

#[tokio::test]
async fn f1_a_code_used_twice_takes_back_what_was_refreshed_from_it() {
    let world = Settings::refreshing().build().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let tokens = world.redeem(&completed.location).await.unwrap();
    let refreshed = world
        .refresh(PORTAL, tokens.refresh_token.as_deref().unwrap())
        .await
        .unwrap();
    let error = world.redeem(&completed.location).await.unwrap_err();
    assert_eq!(error.code(), "provider.code_reused");
    let event = world.event("token.refused").await;
    assert_eq!(
        event.details,
        r#"{"grants_revoked":2,"families_revoked":1}"#
    );
    let newest = refreshed.refresh_token.unwrap();
    let code = refusal(&world, PORTAL, &newest).await;
    assert_eq!(code, "provider.refresh_token_revoked");
    let code = userinfo_refusal(&world, &refreshed.access_token).await;
    assert_eq!(code, "provider.access_token_revoked");
}

#[tokio::test]
async fn h5_nothing_is_refreshed_once_the_card_has_left() {
    let world = Settings::refreshing().build().await;
    let (completed, key) = world.log_in(PORTAL, None).await;
    let tokens = world.redeem(&completed.location).await.unwrap();
    world.depart(&key).await;
    let token = tokens.refresh_token.unwrap();
    let code = refusal(&world, PORTAL, &token).await;
    assert_eq!(code, "provider.refresh_token_revoked");
    let ended = world.event("session.ended").await;
    let details = r#"{"codes_revoked":0,"grants_revoked":1,"families_revoked":1}"#;
    assert_eq!(ended.details, details);
}

#[tokio::test]
async fn nothing_is_given_while_the_agent_is_silent_past_the_grace_period() {
    let world = Settings::refreshing().build().await;
    let (completed, key) = world.log_in(PORTAL, None).await;
    let tokens = world.redeem(&completed.location).await.unwrap();
    let token = tokens.refresh_token.unwrap();
    let cookie = Some(completed.session_cookie.expose());
    let silent = world.silently(PORTAL, cookie).await;
    world.pass_sweeping(Duration::seconds(30)).await;
    // The sweep that ends the session has not come by yet.
    world.pass(Duration::seconds(1));
    let code = refusal(&world, PORTAL, &token).await;
    assert_eq!(code, "provider.refresh_token_presence_lost");
    let code = userinfo_refusal(&world, &tokens.access_token).await;
    assert_eq!(code, "provider.access_token_presence_lost");
    let error = world.redeem(&silent).await.unwrap_err();
    assert_eq!(error.error, ErrorCode::InvalidGrant);
    assert_eq!(error.code(), "provider.code_presence_lost");
    // The agent was there all the time: nothing was lost but the attempt.
    world.present(&key).await;
    world.refresh(PORTAL, &token).await.unwrap();
}

#[tokio::test]
async fn a_family_is_never_older_than_its_login_may_be() {
    let mut settings = Settings::refreshing();
    settings.config.lifetimes.session_idle = Duration::days(1);
    let world = settings.build().await;
    let (completed, key) = world.log_in(PORTAL, None).await;
    let tokens = world.redeem(&completed.location).await.unwrap();
    world.pass(Duration::hours(4) - Duration::seconds(10));
    world.present(&key).await;
    let token = tokens.refresh_token.unwrap();
    let late = world.refresh(PORTAL, &token).await.unwrap();
    assert_eq!(late.expires_in, 10, "no access token outlives the session");
    world.pass(Duration::seconds(10));
    let code = refusal(&world, PORTAL, &late.refresh_token.unwrap()).await;
    assert_eq!(code, "provider.refresh_token_session_ended");
}

#[tokio::test]
async fn using_the_portal_keeps_an_idle_session_alive() {
    let mut settings = Settings::refreshing();
    settings.config.lifetimes.session_idle = Duration::seconds(30);
    let world = settings.build().await;
    let (mut token, _) = first(&world, PORTAL).await;
    for _ in 0..3 {
        world.pass(Duration::seconds(20));
        let refreshed = world.refresh(PORTAL, &token).await.unwrap();
        token = refreshed.refresh_token.unwrap();
    }
    world.pass(Duration::seconds(30));
    let code = refusal(&world, PORTAL, &token).await;
    assert_eq!(code, "provider.refresh_token_session_ended");
}

#[tokio::test]
async fn another_portals_login_carries_the_family_on_and_keeps_its_auth_time() {
    let world = Settings::refreshing().build().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let tokens = world.redeem(&completed.location).await.unwrap();
    let cookie = completed.session_cookie.expose();
    world.pass(Duration::seconds(20));
    world.log_in(SECOND, Some(cookie)).await;
    let token = tokens.refresh_token.unwrap();
    let refreshed = world.refresh(PORTAL, &token).await.unwrap();
    let (old, new) = (
        claims_of(tokens.id_token.as_deref().unwrap()),
        claims_of(refreshed.id_token.as_deref().unwrap()),
    );
    assert_eq!(
        (&old["auth_time"], &old["sid"]),
        (&new["auth_time"], &new["sid"])
    );
}

#[tokio::test]
async fn tokens_that_never_were_leave_no_row() {
    let world = Settings::refreshing().build().await;
    let rows = world.events().await.len();
    let error = world.refresh(PORTAL, "guess").await.unwrap_err();
    assert_eq!(error.code(), "provider.refresh_token_unknown");
    let noted = world.take_note(rows).await;
    assert_eq!(noted.kind.name(), "token.refused");
    let (credentials, mut parameters) = World::refresh_request(PORTAL, "x");
    parameters.refresh_token = None;
    let error = world.issue(&credentials, &parameters).await.unwrap_err();
    assert_eq!(error.error, ErrorCode::InvalidRequest);
    assert_eq!(error.code(), "provider.refresh_token_missing");
}

#[tokio::test]
async fn what_the_operator_has_taken_away_is_refreshed_no_more() {
    let world = Settings::refreshing().build().await;
    let (token, _) = first(&world, PORTAL).await;
    let mut settings = Settings::refreshing();
    settings.client(PORTAL).scope = Scope::parse("openid").unwrap();
    let world = world.restarted_with(settings);
    let less = world.refresh(PORTAL, &token).await.unwrap();
    assert_eq!(less.scope, "openid");
    let token = less.refresh_token.unwrap();

    let mut settings = Settings::refreshing();
    settings.client(PORTAL).cards.families = vec!["cpe".to_owned()];
    let stricter = world.restarted_with(settings);
    let code = refusal(&stricter, PORTAL, &token).await;
    assert_eq!(code, "provider.refresh_token_not_admitted");
    let event = stricter.event("token.refused").await;
    assert_eq!(event.code.as_deref(), Some(code));
    let again = world.restarted_with(Settings::refreshing());
    let whole = again.refresh(PORTAL, &token).await.unwrap();
    assert_eq!(whole.scope, "openid professional profile");
}
