//! RP-initiated logout: a proven hint ends the session, anything less asks the person.

use cardea_jose::{Algorithm, SigningKey};
use cardea_oauth2_types::{ErrorCode, GrantType, TokenParameters};
use cardea_provider::{
    DpopRequest, EndReason, LogoutDecision, LogoutParameters, PresenceOutcome, TokenRequest,
};
use cardea_test_pki::{CardProfile, KeyKind};
use time::Duration;

use super::world::{PORTAL, SECOND, Settings, World, token_keys};

fn hinted(id_token: &str) -> LogoutParameters {
    LogoutParameters {
        id_token_hint: Some(id_token.to_owned()),
        post_logout_redirect_uri: Some("https://portal.example.fr/bye".to_owned()),
        state: Some("a&b".to_owned()),
        ..LogoutParameters::default()
    }
}

async fn confirms(world: &World, parameters: &LogoutParameters, code: Option<&str>) -> bool {
    let rows = world.events().await.len();
    let decision = world.provider.logout(parameters, None).await.unwrap();
    let noted = world.take_note(rows).await.kind;
    assert_eq!((noted.name(), noted.code()), ("logout.unconfirmed", code));
    matches!(decision, LogoutDecision::Confirm { .. })
}

#[tokio::test]
async fn a_proven_hint_ends_the_session_and_sends_the_browser_back_with_its_state() {
    let world = World::new().await;
    let (completed, key) = world.log_in(PORTAL, None).await;
    let id_token = world
        .redeem(&completed.location)
        .await
        .unwrap()
        .id_token
        .unwrap();
    // An expired ID token still says which session is meant.
    world.pass(Duration::minutes(20));
    let cookie = Some(completed.session_cookie.expose());
    let decision = world
        .provider
        .logout(&hinted(&id_token), cookie)
        .await
        .unwrap();
    let LogoutDecision::Ended { location, ended } = decision else {
        panic!("it ends")
    };
    assert_eq!(
        location.as_deref(),
        Some("https://portal.example.fr/bye?state=a%26b")
    );
    let ended = ended.unwrap();
    assert_eq!(ended.reason, EndReason::Logout);
    assert_eq!(world.told().await, [PORTAL]);
    assert!(matches!(
        world.present(&key).await,
        PresenceOutcome::Ended { .. }
    ));

    let again = world
        .provider
        .logout(&hinted(&id_token), None)
        .await
        .unwrap();
    assert!(matches!(
        again,
        LogoutDecision::Ended {
            ended: None,
            location: Some(_)
        }
    ));
}

#[tokio::test]
async fn without_a_hint_the_person_is_asked_and_then_obeyed() {
    let world = World::new().await;
    let (completed, key) = world.log_in(PORTAL, None).await;
    let cookie = Some(completed.session_cookie.expose());
    let named = LogoutParameters {
        client_id: Some(PORTAL.to_owned()),
        ..LogoutParameters::default()
    };
    let decision = world.provider.logout(&named, cookie).await.unwrap();
    let LogoutDecision::Confirm { client_name } = decision else {
        panic!("asked")
    };
    assert_eq!(client_name.as_deref(), Some("Portail de démonstration"));
    assert!(matches!(
        world.present(&key).await,
        PresenceOutcome::Renewed { .. }
    ));

    assert!(
        world
            .provider
            .confirm_logout(None)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        world
            .provider
            .confirm_logout(Some("another"))
            .await
            .unwrap()
            .is_empty()
    );
    let ended = world.provider.confirm_logout(cookie).await.unwrap();
    assert_eq!(ended[0].reason, EndReason::Logout);
    let again = world.provider.confirm_logout(cookie).await.unwrap();
    assert!(again.is_empty());
}

#[tokio::test]
async fn a_hint_that_proves_nothing_asks_the_person_and_redirects_nowhere() {
    let world = World::new().await;
    let (completed, key) = world.log_in(PORTAL, None).await;
    let tokens = world.redeem(&completed.location).await.unwrap();
    let invalid = Some("provider.id_token_hint_invalid");
    let hint = tokens.id_token.as_deref().unwrap();
    let tampered = format!("{}AA", &hint[..hint.len() - 2]);
    for hint in ["a.b.c", tokens.access_token.as_str(), &tampered] {
        assert!(confirms(&world, &hinted(hint), invalid).await);
    }
    let other_client = LogoutParameters {
        client_id: Some(SECOND.to_owned()),
        ..hinted(tokens.id_token.as_deref().unwrap())
    };
    assert!(confirms(&world, &other_client, invalid).await);
    for uri in [
        "https://portal.example.fr/bye/",
        "https://portal.example.fr/cb",
        "https://evil.test/",
    ] {
        let elsewhere = LogoutParameters {
            post_logout_redirect_uri: Some(uri.to_owned()),
            ..hinted(tokens.id_token.as_deref().unwrap())
        };
        let code = Some("provider.post_logout_redirect_uri_mismatch");
        assert!(confirms(&world, &elsewhere, code).await, "{uri}");
    }
    let no_hint = LogoutParameters {
        id_token_hint: None,
        ..hinted("")
    };
    assert!(confirms(&world, &no_hint, None).await);
    assert!(
        matches!(world.present(&key).await, PresenceOutcome::Renewed { .. }),
        "still there"
    );
}

#[tokio::test]
async fn h1_an_address_of_another_client_is_none_of_the_hints_client() {
    let elsewhere = "https://second.example.fr/bye";
    let mut settings = Settings::baseline();
    settings.config.clients[1].post_logout_redirect_uris = vec![elsewhere.to_owned()];
    let world = settings.build().await;
    let (completed, key) = world.log_in(PORTAL, None).await;
    let tokens = world.redeem(&completed.location).await.unwrap();
    let foreign = LogoutParameters {
        post_logout_redirect_uri: Some(elsewhere.to_owned()),
        ..hinted(tokens.id_token.as_deref().unwrap())
    };
    let code = Some("provider.post_logout_redirect_uri_mismatch");
    assert!(confirms(&world, &foreign, code).await);
    assert!(matches!(
        world.present(&key).await,
        PresenceOutcome::Renewed { .. }
    ));
}

#[tokio::test]
async fn a_hint_of_another_session_than_the_browsers_asks_the_person() {
    let world = World::new().await;
    let (first, first_key) = world.log_in(PORTAL, None).await;
    let id_token = world
        .redeem(&first.location)
        .await
        .unwrap()
        .id_token
        .unwrap();
    let (second, _) = world.log_in(PORTAL, None).await;
    let cookie = Some(second.session_cookie.expose());
    let decision = world
        .provider
        .logout(&hinted(&id_token), cookie)
        .await
        .unwrap();
    assert!(matches!(decision, LogoutDecision::Confirm { .. }));
    assert!(matches!(
        world.present(&first_key).await,
        PresenceOutcome::Renewed { .. }
    ));
}

#[tokio::test]
async fn a_hint_of_a_forgotten_session_asks_the_person_whose_session_runs_here() {
    let world = World::new().await;
    let (first, first_key) = world.log_in(PORTAL, None).await;
    let id_token = world
        .redeem(&first.location)
        .await
        .unwrap()
        .id_token
        .unwrap();
    world.depart(&first_key).await;
    world.pass(Duration::hours(25));
    assert!(world.provider.forget_ended().await.unwrap() > 0);
    world.pass(Duration::hours(-25));

    let (second, second_key) = world.log_in(PORTAL, None).await;
    let cookie = Some(second.session_cookie.expose());
    let hinted = hinted(&id_token);
    let decision = world.provider.logout(&hinted, cookie).await.unwrap();
    assert!(
        matches!(decision, LogoutDecision::Confirm { .. }),
        "{decision:?}"
    );
    assert!(matches!(
        world.present(&second_key).await,
        PresenceOutcome::Renewed { .. }
    ));
    let decision = world.provider.logout(&hinted, None).await.unwrap();
    assert!(
        matches!(decision, LogoutDecision::Ended { ended: None, .. }),
        "without a session here there is nothing to ask"
    );
}

#[tokio::test]
async fn an_old_cookie_is_worth_nothing_after_logout() {
    let world = World::new().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let cookie = Some(completed.session_cookie.expose());
    world.provider.confirm_logout(cookie).await.unwrap();
    let mut asked = super::world::parameters(PORTAL);
    asked.prompt = Some("none".to_owned());
    let error = world
        .provider
        .begin_authorization(asked, cookie)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "provider.login_required");
}

/// Design, step 8: the person's own "end all".
#[tokio::test]
async fn who_confirms_on_our_page_is_gone_from_every_browser_of_hers_and_nobody_elses() {
    let mut world = World::new().await;
    let (here, _) = world.log_in(PORTAL, None).await;
    let (_, elsewhere) = world.log_in(SECOND, None).await;
    let doctor = CardProfile::doctor().with_key(KeyKind::P256);
    world.card = world.pki.issue_card(&doctor).unwrap().authentication;
    let (_, colleague) = world.log_in(PORTAL, None).await;
    let cookie = Some(here.session_cookie.expose());
    let ended = world.provider.confirm_logout(cookie).await.unwrap();
    let reasons: Vec<_> = ended.iter().map(|ended| ended.reason).collect();
    assert_eq!(reasons, [EndReason::Logout; 2]);
    assert_eq!(world.told().await, [PORTAL, SECOND]);
    assert!(matches!(
        world.present(&elsewhere).await,
        PresenceOutcome::Ended { .. }
    ));
    assert!(matches!(
        world.present(&colleague).await,
        PresenceOutcome::Renewed { .. }
    ));
}

#[tokio::test]
async fn the_operator_can_end_all_sessions_of_a_person() {
    let world = World::new().await;
    world.log_in(PORTAL, None).await;
    world.log_in(SECOND, None).await;
    let sub = world.event("login.accepted").await.sub.unwrap();
    let ended = world.provider.end_sessions_of(&sub).await.unwrap();
    let reasons: Vec<_> = ended.iter().map(|ended| ended.reason).collect();
    assert_eq!(reasons, [EndReason::Operator; 2]);
    let again = world.provider.end_sessions_of(&sub).await.unwrap();
    assert!(again.is_empty());
}

/// A key that signs no more still vouches for the ID tokens that it signed, until it is taken out
/// (attack G9).
#[tokio::test]
async fn a_hint_of_a_retiring_key_is_proven_and_one_of_a_retired_key_asks() {
    let world = World::new().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let tokens = world.redeem(&completed.location).await.unwrap();
    let hint = hinted(tokens.id_token.as_deref().unwrap());
    let old = token_keys();
    let mut new = old.clone();
    // The first of each algorithm signs; the portal's ID tokens are RS256.
    let place = new
        .iter()
        .position(|key| key.algorithm() == Algorithm::Rs256)
        .unwrap();
    new[place] = SigningKey::generate(Algorithm::Rs256).unwrap();
    let retired = world.restarted_with_keys(new.clone());
    assert!(confirms(&retired, &hint, Some("provider.id_token_hint_invalid")).await);
    let retiring = world.restarted_with_keys([new, old].concat());
    let decision = retiring.provider.logout(&hint, None).await.unwrap();
    assert!(
        matches!(decision, LogoutDecision::Ended { ended: Some(_), .. }),
        "{decision:?}"
    );
}

/// Attack H5: what a client still holds is worth nothing after logout.
#[tokio::test]
async fn h5_refresh_token_and_access_token_die_with_the_logout() {
    let mut settings = Settings::baseline();
    let portal = &mut settings.config.clients[0];
    portal.grant_types.push(GrantType::RefreshToken);
    let world = settings.build().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let tokens = world.redeem(&completed.location).await.unwrap();
    let refresh = async |refresh_token: &Option<String>| {
        let (credentials, _) = World::token_request(PORTAL, &completed.location);
        let parameters = TokenParameters {
            grant_type: Some("refresh_token".to_owned()),
            refresh_token: refresh_token.clone(),
            ..TokenParameters::default()
        };
        let request = TokenRequest {
            credentials: &credentials,
            parameters: &parameters,
            dpop: DpopRequest::default(),
        };
        world.provider.issue_tokens(request).await
    };
    let renewed = refresh(&tokens.refresh_token).await.unwrap();
    let cookie = Some(completed.session_cookie.expose());
    assert_eq!(
        world.provider.confirm_logout(cookie).await.unwrap().len(),
        1
    );
    let refused = refresh(&renewed.refresh_token).await.unwrap_err();
    assert_eq!(refused.error, ErrorCode::InvalidGrant);
    let refused = world.userinfo(&renewed.access_token).await.unwrap_err();
    assert_eq!(refused.code(), "provider.access_token_revoked");
}

#[test]
fn logout_parameters_are_bounded_and_single() {
    let parse = |pairs: &[(&str, &str)]| {
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        LogoutParameters::from_pairs(pairs)
    };
    let pairs = [("logout_hint", "x"), ("ui_locales", "fr"), ("extra", "x")];
    assert_eq!(parse(&pairs).unwrap().logout_hint.as_deref(), Some("x"));
    let parsed = parse(&[("state", "s"), ("client_id", ""), ("extra", "x")]).unwrap();
    assert_eq!(
        (parsed.state.as_deref(), parsed.client_id),
        (Some("s"), None)
    );
    let long = "x".repeat(cardea_oauth2_types::PARAMETER_BYTES_MAX + 1);
    for (pairs, code) in [
        (
            &[("state", "a"), ("state", "a")][..],
            "oauth2.parameter_repeated",
        ),
        (
            &[("id_token_hint", long.as_str())],
            "oauth2.parameter_too_long",
        ),
        (&[("state", "a\r\nb")], "oauth2.parameter_malformed"),
    ] {
        assert_eq!(parse(pairs).unwrap_err().code(), code);
    }
}
