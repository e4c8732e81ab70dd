//! The one-time code on its way from the card's host to the issuer's.

use cardea_provider::{AgentlessLogin, EndReason, Secret};
use cardea_storage::SecretDigest;
use time::Duration;

use super::super::world::{Begun, PORTAL, claims_of};
use super::{bring_back, log_in, say_yes, settings, world};

#[tokio::test]
async fn the_code_begins_a_session_whose_tokens_say_what_was_proven() {
    let world = world().await;
    let (location, _) = log_in(&world).await;
    let tokens = world.redeem(&location).await.unwrap();
    let id_token = claims_of(tokens.id_token.as_deref().unwrap());
    let access_token = claims_of(&tokens.access_token);
    for claims in [&id_token, &access_token] {
        assert_eq!(claims["acr"], "urn:cardea:acr:card-unwatched");
        assert_eq!(claims["amr"], serde_json::json!(["sc", "hwk"]));
    }
    assert!(world.userinfo(&tokens.access_token).await.is_ok());
    let accepted = world.event("agentless_login.accepted").await;
    let activated = world.event("session.activated").await;
    assert_eq!(accepted.session_id, activated.session_id);
    assert_eq!(activated.client_id.as_deref(), Some(PORTAL));
}

/// Attacks E17, E18: a login that somebody else began does not end in this browser, nor the other
/// way round; whoever tries has spent the code.
#[tokio::test]
async fn a_code_in_another_browser_is_refused_and_spent() {
    let world = world().await;
    let begun = world.begin(PORTAL).await;
    let code = say_yes(&world, &begun).await;
    let other = Begun {
        request_id: begun.request_id.clone(),
        login_cookie: Secret::random().unwrap(),
    };
    let error = bring_back(&world, &other, None, &code).await.unwrap_err();
    assert_eq!(error.code(), "provider.agentless_code_foreign_browser");
    let event = world.event("login.refused").await;
    assert_eq!(event.code.as_deref(), Some(error.code()));
    let ended = world.event("session.ended").await;
    assert_eq!(ended.code.as_deref(), Some("never_present"));
    let error = bring_back(&world, &begun, None, &code).await.unwrap_err();
    assert_eq!(error.code(), "provider.agentless_code_replayed");
    let completing = world
        .provider
        .complete_authorization(&begun.request_id, begun.cookie(), None);
    let error = completing.await.unwrap_err();
    assert_eq!(error.code(), "provider.presence_pending");
}

/// The victim's yes to a login of the attacker's, brought into a login of the victim's own.
#[tokio::test]
async fn e17_a_code_for_another_login_is_refused_and_spent() {
    let world = world().await;
    let (begun, other) = (world.begin(PORTAL).await, world.begin(PORTAL).await);
    let code = say_yes(&world, &begun).await;
    let error = bring_back(&world, &other, None, &code).await.unwrap_err();
    assert_eq!(error.code(), "provider.agentless_code_foreign_browser");
    let error = bring_back(&world, &begun, None, &code).await.unwrap_err();
    assert_eq!(error.code(), "provider.agentless_code_replayed");
}

#[tokio::test]
async fn a_code_serves_once_also_when_two_come_together() {
    let world = world().await;
    let begun = world.begin(PORTAL).await;
    let code = say_yes(&world, &begun).await;
    let (one, two) = tokio::join!(
        bring_back(&world, &begun, None, &code),
        bring_back(&world, &begun, None, &code)
    );
    assert_eq!(
        [one.is_ok(), two.is_ok()].iter().filter(|ok| **ok).count(),
        1
    );
    let error = bring_back(&world, &begun, None, &code).await.unwrap_err();
    assert_eq!(error.code(), "provider.agentless_code_replayed");
}

#[tokio::test]
async fn a_code_lasts_thirty_seconds() {
    let world = world().await;
    for (seconds, accepted) in [(29, true), (30, false)] {
        let begun = world.begin(PORTAL).await;
        let code = say_yes(&world, &begun).await;
        world.pass(Duration::seconds(seconds));
        let outcome = bring_back(&world, &begun, None, &code).await;
        let code = outcome.err().map(|error| error.code());
        let expected = (!accepted).then_some("provider.agentless_code_expired");
        assert_eq!(code, expected);
    }
}

#[tokio::test]
async fn a_guess_is_no_code() {
    let world = world().await;
    let begun = world.begin(PORTAL).await;
    for guess in [
        "",
        "short",
        &"a".repeat(43),
        &"é".repeat(43),
        &"a".repeat(4000),
    ] {
        let guessed = world
            .provider
            .redeem_agentless_code(&begun.request_id, begun.cookie(), None, guess)
            .await;
        assert_eq!(
            guessed.unwrap_err().code(),
            "provider.agentless_code_unknown"
        );
    }
}

#[tokio::test]
async fn a_code_is_kept_as_a_digest_alone() {
    let world = world().await;
    let begun = world.begin(PORTAL).await;
    let code = say_yes(&world, &begun).await;
    let mut transaction = world.store.begin().await.unwrap();
    let digest = SecretDigest::of(code.expose());
    let now = world.now();
    let found = cardea_storage::agentless_code::redeem(&mut transaction, &digest, now).await;
    let cardea_storage::Redemption::Redeemed(found) = found.unwrap() else {
        panic!("it is stored by its digest");
    };
    assert!(!format!("{found:?}").contains(code.expose()));
    drop(transaction);
    for event in world.events().await {
        assert!(!event.details.contains(code.expose()));
    }
}

#[tokio::test]
async fn nothing_begins_where_it_was_turned_off_meanwhile() {
    let world = world().await;
    let begun = world.begin(PORTAL).await;
    let code = say_yes(&world, &begun).await;
    let mut settings = settings();
    settings.client(PORTAL).agentless = AgentlessLogin::Refused;
    let restarted = world.restarted_with(settings);
    let error = bring_back(&restarted, &begun, None, &code)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "provider.agentless_refused");
}

#[tokio::test]
async fn a_yes_that_no_browser_brings_back_is_over_after_a_minute() {
    let world = world().await;
    let begun = world.begin(PORTAL).await;
    say_yes(&world, &begun).await;
    world.pass(Duration::seconds(60));
    assert!(world.provider.sweep().await.unwrap().is_empty());
    world.pass(Duration::seconds(1));
    let ended = world.provider.sweep().await.unwrap();
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0].reason, EndReason::NeverPresent);
}

/// An agent that answered the same login meanwhile keeps it; a yes after it opens nothing.
#[tokio::test]
async fn a_login_that_an_agent_completed_takes_no_code() {
    let world = world().await;
    let begun = world.begin(PORTAL).await;
    let code = say_yes(&world, &begun).await;
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap();
    world.present(&answer.presence_key).await;
    let completing = world
        .provider
        .complete_authorization(&begun.request_id, begun.cookie(), None);
    completing.await.unwrap();
    let error = bring_back(&world, &begun, None, &code).await.unwrap_err();
    assert_eq!(error.code(), "provider.authorization_request_completed");
}
