//! The `claims` parameter, `id_token_hint`, and what is accepted without effect.

use cardea_oauth2_types::AuthorizationParameters;
use cardea_provider::{AuthorizationError, BegunAuthorization, UserVerificationPolicy};

use super::super::world::{PORTAL, Settings, World, parameters};

async fn ask(
    world: &World,
    cookie: &str,
    change: impl FnOnce(&mut AuthorizationParameters),
) -> String {
    let mut asked = parameters(PORTAL);
    change(&mut asked);
    match world
        .provider
        .begin_authorization(asked, Some(cookie))
        .await
    {
        Ok(BegunAuthorization::Completed { response }) => response.location(),
        Ok(_) => "card".to_owned(),
        Err(AuthorizationError::Page(error)) => error.code().to_owned(),
        Err(AuthorizationError::Redirect { source, error, .. }) => {
            format!("{} {}", error.as_str(), source.code())
        }
    }
}

/// Attack E16, by way of the `claims` parameter: another person is never passed off as the one
/// whom the client asked for.
#[tokio::test]
async fn a_sub_that_was_asked_for_is_that_person_or_nobody() {
    let world = World::new().await;
    let (logged_in, _) = world.log_in(PORTAL, None).await;
    let cookie = logged_in.session_cookie.expose();
    let sub = world.event("code.issued").await.sub.unwrap();
    let asked = |member: &str, value: &str| {
        Some(format!(
            r#"{{"{member}":{{"sub":{{"essential":true,"value":"{value}"}}}}}}"#
        ))
    };
    for member in ["id_token", "userinfo"] {
        let own = ask(&world, cookie, |p| p.claims = asked(member, &sub)).await;
        assert!(own.contains("code="), "{own}");
        let other = ask(&world, cookie, |p| {
            p.claims = asked(member, "somebody else");
            p.prompt = Some("none".to_owned());
        })
        .await;
        assert_eq!(other, "login_required provider.login_required");
    }
    // With the card, it must be her card.
    let begun = world
        .begin_with(|p| p.claims = asked("id_token", "somebody else"))
        .await;
    let answer = world.answer(&begun).await;
    let error = world.post(&begun, &answer).await.unwrap_err();
    assert_eq!(error.code(), "provider.subject_not_expected");
    // Nobody is two people.
    let two = ask(&world, cookie, |p| {
        p.claims = Some(
            r#"{"id_token":{"sub":{"value":"a"}},"userinfo":{"sub":{"value":"b"}}}"#.to_owned(),
        );
    })
    .await;
    assert_eq!(two, "login_required provider.subject_not_expected");
}

/// Attack E21: an essential level is met to the letter or the login fails; no token says more
/// than the card gave.
#[tokio::test]
async fn an_essential_level_is_met_to_the_letter_or_refused() {
    let mut settings = Settings::baseline();
    settings.config.user_verification = UserVerificationPolicy::PinCached;
    let world = settings.build().await;
    for (level, accepted) in [
        ("urn:cardea:acr:card-pin", true),
        ("urn:cardea:acr:card-pin-cached", false),
    ] {
        let claims = format!(r#"{{"id_token":{{"acr":{{"essential":true,"value":"{level}"}}}}}}"#);
        let begun = world.begin_with(|p| p.claims = Some(claims)).await;
        let answer = world.answer(&begun).await;
        let judged = world.post(&begun, &answer).await;
        match judged {
            Ok(_) => assert!(accepted, "{level}"),
            Err(error) => {
                assert!(!accepted, "{level}");
                assert_eq!(error.code(), "provider.acr_unmet");
            }
        }
    }
}

#[tokio::test]
async fn hints_and_unknown_things_change_nothing() {
    let world = World::new().await;
    let (logged_in, _) = world.log_in(PORTAL, None).await;
    let cookie = logged_in.session_cookie.expose();
    type Change = fn(&mut AuthorizationParameters);
    let changes: [(&str, Change); 4] = [
        ("login hint", |p| {
            p.login_hint = Some("bob@example.com".to_owned())
        }),
        ("languages", |p| p.ui_locales = Some("se de-CH".to_owned())),
        ("levels of others", |p| {
            p.acr_values = Some("1 2".to_owned())
        }),
        ("claims of others", |p| {
            p.claims = Some(r#"{"userinfo":{"email":{"essential":true}},"x":[1]}"#.to_owned());
        }),
    ];
    for (name, change) in changes {
        let told = ask(&world, cookie, change).await;
        assert!(told.contains("code="), "{name}: {told}");
    }
}
