//! Consent: asked where the client is registered for it or says so, answered once (attack E20).

use cardea_oauth2_types::{AuthorizationParameters, Scope};
use cardea_provider::{
    AuthorizationError, BegunAuthorization, CompletedAuthorization, ConsentAnswer, ConsentPolicy,
    ConsentedAuthorization, Datum,
};
use cardea_storage::consent;
use time::Duration;

use super::world::{API, Begun, PORTAL, SECOND, Settings, World, parameters, query_value};

async fn explicit_world() -> World {
    let mut settings = Settings::baseline();
    settings.config.clients[0].consent = ConsentPolicy::Explicit;
    settings.build().await
}

/// A portal that asks, refreshes, and may act at services.
async fn acting_world() -> World {
    let mut settings = Settings::refreshing();
    let portal = settings.client(PORTAL);
    portal.consent = ConsentPolicy::Explicit;
    portal.scope = Scope::parse("openid profile patients.write").unwrap();
    settings.build().await
}

/// A login whose card is in the reader.
async fn with_card(
    world: &World,
    change: impl FnOnce(&mut AuthorizationParameters),
) -> (Begun, Result<String, &'static str>) {
    let begun = world.begin_with(change).await;
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap();
    world.present(&answer.presence_key).await;
    let completed = complete(world, &begun).await;
    (begun, completed)
}

async fn complete(world: &World, begun: &Begun) -> Result<String, &'static str> {
    world
        .provider
        .complete_authorization(&begun.request_id, begun.cookie(), None)
        .await
        .map(|completed| completed.session_cookie.expose().to_owned())
        .map_err(|error| error.code())
}

async fn shown(world: &World, begun: &Begun) -> String {
    let provider = &world.provider;
    let described = provider.describe_consent(&begun.request_id, begun.cookie());
    described.await.unwrap().shown
}

async fn answer(
    world: &World,
    begun: &Begun,
    shown: &str,
    answer: ConsentAnswer,
) -> Result<ConsentedAuthorization, &'static str> {
    world
        .provider
        .answer_consent(&begun.request_id, begun.cookie(), None, shown, answer)
        .await
        .map_err(|error| error.code())
}

/// Agrees, and returns the session cookie.
async fn allow(world: &World, begun: &Begun) -> String {
    allowed(world, begun)
        .await
        .session_cookie
        .expose()
        .to_owned()
}

async fn allowed(world: &World, begun: &Begun) -> CompletedAuthorization {
    let shown = shown(world, begun).await;
    match answer(world, begun, &shown, ConsentAnswer::Allow).await {
        Ok(ConsentedAuthorization::Allowed(completed)) => {
            assert!(query_value(&completed.response.location(), "code").is_some());
            completed
        }
        other => panic!("{other:?}"),
    }
}

async fn refuse(world: &World, begun: &Begun) {
    let shown = shown(world, begun).await;
    let answered = answer(world, begun, &shown, ConsentAnswer::Refuse).await;
    assert!(matches!(
        answered,
        Ok(ConsentedAuthorization::Refused { .. })
    ));
}

async fn silently(
    world: &World,
    cookie: &str,
    change: impl FnOnce(&mut AuthorizationParameters),
) -> Result<BegunAuthorization, AuthorizationError> {
    let mut asked = parameters(PORTAL);
    change(&mut asked);
    world
        .provider
        .begin_authorization(asked, Some(cookie))
        .await
}

const REQUIRED: &str = "provider.consent_required";

#[tokio::test]
async fn an_explicit_client_asks_once_and_names_what_it_gets() {
    let world = explicit_world().await;
    let (begun, completed) = with_card(&world, |_| {}).await;
    assert_eq!(completed, Err(REQUIRED), "no code before the answer");
    let described = world
        .provider
        .describe_consent(&begun.request_id, begun.cookie())
        .await
        .unwrap();
    assert_eq!(described.client_name, "Portail de démonstration");
    assert_eq!(described.form_action, "https://portal.example.fr");
    assert_eq!(described.data.len(), 7, "{:?}", described.data);
    allow(&world, &begun).await;
    let event = world.event("consent.given").await;
    assert!(event.details.contains(r#""remembered":true"#));

    let (_, completed) = with_card(&world, |_| {}).await;
    assert!(completed.is_ok(), "asked once");
    // Another set of data is another question.
    let narrower = |p: &mut AuthorizationParameters| p.scope = Some("openid".to_owned());
    let (begun, completed) = with_card(&world, narrower).await;
    assert_eq!(completed, Err(REQUIRED));
    let described = world
        .provider
        .describe_consent(&begun.request_id, begun.cookie())
        .await;
    assert_eq!(described.unwrap().data, [Datum::SignIn]);
    let by_name = |p: &mut AuthorizationParameters| {
        p.scope = Some("openid".to_owned());
        p.claims = Some(r#"{"userinfo":{"family_name":null}}"#.to_owned());
    };
    let (begun, _) = with_card(&world, by_name).await;
    let described = world
        .provider
        .describe_consent(&begun.request_id, begun.cookie())
        .await;
    assert_eq!(described.unwrap().data, [Datum::SignIn, Datum::Name]);
}

#[tokio::test]
async fn an_implicit_client_asks_only_when_it_says_so_and_nothing_is_remembered() {
    let world = World::new().await;
    let (_, completed) = with_card(&world, |_| {}).await;
    assert!(completed.is_ok());
    let consent = |p: &mut AuthorizationParameters| p.prompt = Some("consent".to_owned());
    for _ in 0..2 {
        let (begun, completed) = with_card(&world, consent).await;
        assert_eq!(completed, Err(REQUIRED));
        allow(&world, &begun).await;
    }
    let event = world.event("consent.given").await;
    assert!(event.details.contains(r#""remembered":false"#));
}

#[tokio::test]
async fn prompt_consent_asks_an_explicit_client_s_person_again() {
    let world = explicit_world().await;
    let (begun, _) = with_card(&world, |_| {}).await;
    allow(&world, &begun).await;
    let (_, completed) = with_card(&world, |p| p.prompt = Some("login consent".to_owned())).await;
    assert_eq!(completed, Err(REQUIRED));
}

#[tokio::test]
async fn a_refusal_reaches_the_client_and_ends_what_the_card_had_opened() {
    let world = explicit_world().await;
    let (begun, _) = with_card(&world, |p| p.response_mode = Some("form_post".to_owned())).await;
    let shown_before = shown(&world, &begun).await;
    let refused = answer(&world, &begun, &shown_before, ConsentAnswer::Refuse).await;
    let Ok(ConsentedAuthorization::Refused { response, ended }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(response.mode.as_str(), "form_post");
    let error = response
        .parameters
        .iter()
        .find(|(name, _)| *name == "error");
    assert_eq!(error.unwrap().1, "access_denied");
    assert!(ended.is_some(), "nobody is left in the session");
    assert_eq!(
        world.event("consent.refused").await.client_id.as_deref(),
        Some(PORTAL)
    );
    let again = answer(&world, &begun, &shown_before, ConsentAnswer::Allow).await;
    assert_eq!(
        again.unwrap_err(),
        "provider.authorization_request_completed"
    );
}

#[tokio::test]
async fn a_no_takes_every_earlier_yes_back() {
    let world = explicit_world().await;
    let (begun, _) = with_card(&world, |_| {}).await;
    allow(&world, &begun).await;
    let (begun, _) = with_card(&world, |p| p.prompt = Some("consent".to_owned())).await;
    let shown_before = shown(&world, &begun).await;
    answer(&world, &begun, &shown_before, ConsentAnswer::Refuse)
        .await
        .unwrap();
    let (_, completed) = with_card(&world, |_| {}).await;
    assert_eq!(completed, Err(REQUIRED));
}

/// Attack E20: a yes covers the rights and the services that were shown, and no others.
#[tokio::test]
async fn e20_a_yes_covers_no_right_and_no_service_that_was_not_shown() {
    let world = acting_world().await;
    let asking = |scope: &str, resources: &[&str]| {
        let scope = scope.to_owned();
        let resources: Vec<String> = resources.iter().map(|&uri| uri.to_owned()).collect();
        move |p: &mut AuthorizationParameters| (p.scope, p.resource) = (Some(scope), resources)
    };
    let (begun, _) = with_card(&world, asking("openid", &[])).await;
    let cookie = allow(&world, &begun).await;
    let acting = "openid patients.write";
    let other = "https://other.example.fr";
    for (scope, resources) in [
        (acting, [API].as_slice()),
        (acting, &[]),
        ("openid", &[API]),
    ] {
        let silent = silently(&world, &cookie, |p| {
            asking(scope, resources)(p);
            p.prompt = Some("none".to_owned());
        });
        let refused = silent.await.unwrap_err();
        assert_eq!(refused.code(), REQUIRED, "{scope} {resources:?}");
    }
    let asked = silently(&world, &cookie, asking(acting, &[API])).await;
    let Ok(BegunAuthorization::Consent {
        request_id,
        login_cookie,
        ..
    }) = asked
    else {
        panic!("{asked:?}")
    };
    let begun = Begun {
        request_id,
        login_cookie,
    };
    let described = world
        .provider
        .describe_consent(&begun.request_id, begun.cookie())
        .await
        .unwrap();
    assert_eq!(described.data, [Datum::SignIn]);
    assert_eq!(described.scope, ["patients.write"]);
    assert_eq!(described.resources, [API]);
    let cookie = allow(&world, &begun).await;
    for (resources, agreed) in [
        ([API].as_slice(), true),
        (&[other], false),
        (&[API, other], false),
    ] {
        let silent = silently(&world, &cookie, asking(acting, resources)).await;
        let completed = matches!(silent, Ok(BegunAuthorization::Completed { .. }));
        assert_eq!(completed, agreed, "{resources:?}");
    }
}

/// A no ends what the yes before had given: that portal's tokens, and no other's.
#[tokio::test]
async fn a_no_takes_back_the_client_s_codes_and_tokens() {
    let world = acting_world().await;
    let (begun, _) = with_card(&world, |_| {}).await;
    let completed = allowed(&world, &begun).await;
    let cookie = Some(completed.session_cookie.expose());
    let tokens = world.redeem(&completed.response.location()).await.unwrap();
    let unredeemed = world.silently(PORTAL, cookie).await;
    let (second, _) = world.log_in(SECOND, None).await;
    let of_second = world.redeem_as(SECOND, &second.location).await.unwrap();

    let (begun, _) = with_card(&world, |p| p.prompt = Some("consent".to_owned())).await;
    refuse(&world, &begun).await;
    let refresh_token = tokens.refresh_token.unwrap();
    let refused = world.refresh(PORTAL, &refresh_token).await.unwrap_err();
    assert_eq!(refused.error.as_str(), "invalid_grant");
    let refused = world.userinfo(&tokens.access_token).await.unwrap_err();
    assert_eq!(refused.code(), "provider.access_token_revoked");
    let refused = world.redeem(&unredeemed).await.unwrap_err();
    assert_eq!(refused.error.as_str(), "invalid_grant");
    let event = world.event("consent.refused").await;
    assert_eq!(
        event.details,
        r#"{"codes_revoked":1,"grants_revoked":1,"families_revoked":1}"#
    );

    assert!(world.userinfo(&of_second.access_token).await.is_ok());
    let refresh_token = of_second.refresh_token.unwrap();
    assert!(world.refresh(SECOND, &refresh_token).await.is_ok());
}

/// Attack E20: submitted twice, replayed for another scope, for another request, or by another
/// browser.
#[tokio::test]
async fn an_answer_counts_once_for_what_was_shown_in_this_browser() {
    let world = explicit_world().await;
    let (narrow, _) = with_card(&world, |p| p.scope = Some("openid".to_owned())).await;
    let (wide, _) = with_card(&world, |_| {}).await;
    let (narrow_shown, wide_shown) = (shown(&world, &narrow).await, shown(&world, &wide).await);
    for wrong in [narrow_shown.as_str(), "", "guess"] {
        let replayed = answer(&world, &wide, wrong, ConsentAnswer::Allow).await;
        assert_eq!(
            replayed.unwrap_err(),
            "provider.consent_mismatch",
            "{wrong}"
        );
        let event = world.event("authorization.refused").await;
        assert_eq!(
            event.authorization_request_id,
            Some(wide.request_id.clone())
        );
    }
    let provider = &world.provider;
    let foreign = provider
        .answer_consent(
            &wide.request_id,
            narrow.cookie(),
            None,
            &wide_shown,
            ConsentAnswer::Allow,
        )
        .await;
    assert_eq!(
        foreign.unwrap_err().code(),
        "provider.login_cookie_mismatch"
    );
    answer(&world, &wide, &wide_shown, ConsentAnswer::Allow)
        .await
        .unwrap();
    let twice = answer(&world, &wide, &wide_shown, ConsentAnswer::Allow).await;
    assert_eq!(
        twice.unwrap_err(),
        "provider.authorization_request_completed"
    );
}

/// What was shown must still be true: a client that was renamed or widened meanwhile asks again.
#[tokio::test]
async fn an_answer_to_a_page_that_is_out_of_date_is_refused() {
    let world = explicit_world().await;
    let (begun, _) = with_card(&world, |_| {}).await;
    let shown_before = shown(&world, &begun).await;
    let mut settings = Settings::baseline();
    settings.config.clients[0].consent = ConsentPolicy::Explicit;
    settings.config.clients[0].name = "Another name".to_owned();
    let renamed = world.restarted_with(settings);
    let outcome = answer(&renamed, &begun, &shown_before, ConsentAnswer::Allow).await;
    assert_eq!(outcome.unwrap_err(), "provider.consent_mismatch");
}

#[tokio::test]
async fn no_answer_counts_before_the_card_or_after_it_left() {
    let world = explicit_world().await;
    let begun = world.begin(PORTAL).await;
    let early = answer(&world, &begun, "", ConsentAnswer::Allow).await;
    assert_eq!(early.unwrap_err(), "provider.presence_pending");
    let signed = world.answer(&begun).await;
    world.post(&begun, &signed).await.unwrap();
    world.present(&signed.presence_key).await;
    let shown_before = shown(&world, &begun).await;
    world.depart(&signed.presence_key).await;
    let late = answer(&world, &begun, &shown_before, ConsentAnswer::Allow).await;
    assert_eq!(late.unwrap_err(), "provider.session_ended");
}

#[tokio::test]
async fn a_silent_answer_needs_a_yes_that_was_remembered() {
    let world = explicit_world().await;
    let (begun, _) = with_card(&world, |_| {}).await;
    let cookie = allow(&world, &begun).await;
    let silent = silently(&world, &cookie, |_| {}).await;
    assert!(matches!(silent, Ok(BegunAuthorization::Completed { .. })));

    let other_scope = |p: &mut AuthorizationParameters| p.scope = Some("openid".to_owned());
    let refused = silently(&world, &cookie, |p| {
        other_scope(p);
        p.prompt = Some("none".to_owned());
    })
    .await;
    let Err(AuthorizationError::Redirect { error, source, .. }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(
        (error.as_str(), source.code()),
        ("consent_required", REQUIRED)
    );

    let asked = silently(&world, &cookie, other_scope).await;
    let Ok(BegunAuthorization::Consent {
        request_id,
        login_cookie,
        ..
    }) = asked
    else {
        panic!("{asked:?}")
    };
    let begun = Begun {
        request_id,
        login_cookie,
    };
    let challenge = world
        .provider
        .issue_challenge(&begun.request_id, begun.cookie())
        .await;
    assert_eq!(
        challenge.unwrap_err().code(),
        "provider.authorization_request_unknown",
        "no card is asked for, which would end the session"
    );
    let cookie = allow(&world, &begun).await;
    assert!(
        world
            .event("code.issued")
            .await
            .details
            .contains(r#""silent":true"#)
    );
    let silent = silently(&world, &cookie, other_scope).await;
    assert!(matches!(silent, Ok(BegunAuthorization::Completed { .. })));
}

#[tokio::test]
async fn a_yes_is_forgotten_after_a_year_and_at_the_person_s_wish() {
    let world = explicit_world().await;
    let (begun, _) = with_card(&world, |_| {}).await;
    allow(&world, &begun).await;
    let sub = world.event("consent.given").await.sub.unwrap();
    let mut transaction = world.store.begin().await.unwrap();
    let erased = consent::forget_person(&mut transaction, &sub).await;
    assert_eq!(erased.unwrap(), 1);
    drop(transaction);
    world.pass(Duration::days(365));
    let mut transaction = world.store.begin_read().await.unwrap();
    let covered = "card family_name given_name name profession structure subject_id \
                   subject_id_type test title";
    let found = consent::find(&mut transaction, &sub, PORTAL, covered).await;
    assert!(found.unwrap().unwrap().expires_at <= world.now());
    drop(transaction);
    world.pass(Duration::hours(24) + Duration::seconds(1));
    world.provider.forget_ended().await.unwrap();
    let mut transaction = world.store.begin_read().await.unwrap();
    let found = consent::find(&mut transaction, &sub, PORTAL, covered).await;
    assert_eq!(found.unwrap(), None);
}
