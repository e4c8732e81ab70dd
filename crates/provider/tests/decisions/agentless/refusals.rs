//! What the confirmation page shows, and what is refused before and after the person's yes.

use cardea_oauth2_types::AuthorizationParameters;
use cardea_pki::profile::Profession;
use cardea_provider::{AgentlessLogin, PublicRefusal};
use cardea_test_pki::{CardProfile, KeyKind, TestPki};
use time::Duration;

use super::super::world::{HeldEvidence, PORTAL, SECOND, World, claims_of, parameters};
use super::{another_card, chain, confirm, log_in, say_yes, settings, visit, world};

fn set(slot: &mut Option<String>, value: &str) {
    *slot = Some(value.to_owned());
}

/// Browsers send a chosen certificate again without a word: arriving must change nothing.
#[tokio::test]
async fn arriving_shows_portal_and_person_and_changes_nothing() {
    let world = world().await;
    let begun = world.begin(PORTAL).await;
    let rows = world.events().await.len();
    let page = visit(&world, &begun, &chain(&world.card)).await.unwrap();
    assert_eq!(page.client_name, "Portail de démonstration");
    assert!(page.person.contains(' '), "{}", page.person);
    assert_eq!(page.title.as_deref(), Some("Pharmacien"));
    assert_eq!(page.minutes_max, 15);
    assert_eq!(world.events().await.len(), rows);
    let completing = world
        .provider
        .complete_authorization(&begun.request_id, begun.cookie(), None);
    let error = completing.await.unwrap_err();
    assert_eq!(error.code(), "provider.presence_pending");
}

#[tokio::test]
async fn provider_and_client_each_have_to_allow_it() {
    for (config, client, expected) in [
        (AgentlessLogin::Allowed, PORTAL, None),
        (
            AgentlessLogin::Allowed,
            SECOND,
            Some("provider.agentless_refused"),
        ),
        (
            AgentlessLogin::Refused,
            PORTAL,
            Some("provider.agentless_refused"),
        ),
    ] {
        let mut settings = settings();
        settings.config.agentless = config;
        let world = settings.build().await;
        let begun = world.begin(client).await;
        let shown = visit(&world, &begun, &chain(&world.card)).await;
        assert_eq!(shown.err().map(|error| error.code()), expected, "{client}");
    }
}

/// Attack E21: a level that cannot be reached this way is refused before the card is asked, and
/// never told.
#[tokio::test]
async fn a_request_for_a_pin_or_a_watched_card_is_refused_before_the_card_is_looked_at() {
    type Change = fn(&mut AuthorizationParameters);
    let cases: [(&str, Change, bool); 10] = [
        ("nothing special", |_| {}, true),
        ("prompt=consent", |p| set(&mut p.prompt, "consent"), true),
        ("prompt=login", |p| set(&mut p.prompt, "login"), false),
        ("max_age", |p| set(&mut p.max_age, "3600"), false),
        ("max_age=0", |p| set(&mut p.max_age, "0"), false),
        (
            "card-pin",
            |p| set(&mut p.acr_values, "urn:cardea:acr:card-pin"),
            false,
        ),
        (
            "card-pin-cached",
            |p| set(&mut p.acr_values, "urn:cardea:acr:card-pin-cached"),
            false,
        ),
        (
            "card",
            |p| set(&mut p.acr_values, "urn:cardea:acr:card"),
            false,
        ),
        (
            "card-unwatched",
            |p| {
                set(
                    &mut p.acr_values,
                    "urn:cardea:acr:card-pin urn:cardea:acr:card-unwatched",
                )
            },
            true,
        ),
        (
            "essential",
            |p| {
                set(
                    &mut p.claims,
                    r#"{"id_token":{"acr":{"essential":true,"value":"urn:cardea:acr:card-pin"}}}"#,
                );
            },
            false,
        ),
    ];
    let world = world().await;
    for (name, change, accepted) in cases {
        let begun = world.begin_with(change).await;
        // Not even a certificate that is none.
        let looked_at = visit(&world, &begun, &[]).await.unwrap_err();
        let expected = match accepted {
            true => "provider.agentless_certificate_missing",
            false => "provider.agentless_insufficient",
        };
        assert_eq!(looked_at.code(), expected, "{name}");
    }
}

#[tokio::test]
async fn a_login_that_is_unknown_expired_or_answered_shows_nothing() {
    let world = world().await;
    let chain = chain(&world.card);
    let mut begun = world.begin(PORTAL).await;
    begun.request_id = "a".repeat(43);
    let rows = world.events().await.len();
    let error = visit(&world, &begun, &chain).await.unwrap_err();
    assert_eq!(error.code(), "provider.authorization_request_unknown");
    let note = world.take_note(rows).await;
    assert_eq!(
        note.kind.code(),
        Some("provider.authorization_request_unknown")
    );

    let begun = world.begin(PORTAL).await;
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap();
    world.present(&answer.presence_key).await;
    let completing = world
        .provider
        .complete_authorization(&begun.request_id, begun.cookie(), None);
    completing.await.unwrap();
    let error = visit(&world, &begun, &chain).await.unwrap_err();
    assert_eq!(error.code(), "provider.authorization_request_completed");

    let begun = world.begin(PORTAL).await;
    world.pass(Duration::minutes(10));
    let error = visit(&world, &begun, &chain).await.unwrap_err();
    assert_eq!(error.code(), "provider.authorization_request_expired");
    let event = world.event("login.refused").await;
    assert_eq!(event.code.as_deref(), Some(error.code()));
    assert_eq!(event.authorization_request_id, Some(begun.request_id));
}

/// Attacks A1, A3, A21: the steps are those of a login with an agent.
#[tokio::test]
async fn certificates_that_are_no_card_of_ours_show_no_name() {
    let world = world().await;
    let begun = world.begin(PORTAL).await;
    let profile = CardProfile::pharmacist().with_key(KeyKind::P256);
    let foreign = TestPki::fast(world.pki.at()).unwrap();
    let foreign = foreign.issue_card(&profile).unwrap().authentication;
    let mut spec = CardProfile::pharmacist()
        .authentication(world.pki.at())
        .unwrap();
    spec.key = KeyKind::P256;
    let issue = |spec| world.pki.issue(&spec).unwrap();
    let expired = issue(spec.clone().expired(world.pki.at()));
    let not_yet = issue(spec.not_yet_valid(world.pki.at()));
    let signature = world.pki.issue_card(&profile).unwrap().signature;
    let cases = [
        (&foreign, "pki.untrusted_anchor", "login.card_not_accepted"),
        (&expired, "pki.certificate_expired", "login.card_expired"),
        (
            &not_yet,
            "pki.certificate_not_yet_valid",
            "login.card_not_accepted",
        ),
        (&signature, "pki.key_usage_wrong", "login.card_not_accepted"),
    ];
    for (card, code, shown) in cases {
        let error = visit(&world, &begun, &chain(card)).await.unwrap_err();
        assert_eq!(error.code(), code);
        assert_eq!(PublicRefusal::after_proof(&error).code(), shown);
        let event = world.event("login.refused").await;
        assert_eq!(event.code.as_deref(), Some(code));
    }
    let junk = visit(&world, &begun, &[b"junk".to_vec()])
        .await
        .unwrap_err();
    assert_eq!(junk.code(), "pki.certificate_malformed");
}

#[tokio::test]
async fn a_profession_that_the_portal_does_not_let_in_is_refused_before_and_after_the_yes() {
    let mut settings = settings();
    settings.client(PORTAL).cards.professions = vec![Profession {
        code: "10".to_owned(),
        system: "TRE_G15".to_owned(),
    }];
    let world = settings.build().await;
    let begun = world.begin(PORTAL).await;
    let error = visit(&world, &begun, &chain(&world.card))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "provider.profession_not_accepted");
}

/// Attack E20: a yes is to one login with one card, on the page that asked.
#[tokio::test]
async fn a_yes_counts_for_the_login_and_the_card_that_were_shown() {
    let world = world().await;
    let (begun, other) = (world.begin(PORTAL).await, world.begin(PORTAL).await);
    let (card, another) = (chain(&world.card), chain(&another_card(&world)));
    let page = visit(&world, &begun, &card).await.unwrap();
    for (begun, card, confirmation) in [
        (&other, &card, page.confirmation.as_str()),
        (&begun, &another, page.confirmation.as_str()),
        (&begun, &card, ""),
        (&begun, &card, "AAAA"),
    ] {
        let error = confirm(&world, begun, card, confirmation)
            .await
            .unwrap_err();
        assert_eq!(error.code(), "provider.agentless_confirmation_mismatch");
    }
    confirm(&world, &begun, &card, &page.confirmation)
        .await
        .unwrap();
    let accepted = world.event("agentless_login.accepted").await;
    assert_eq!(accepted.authorization_request_id, Some(begun.request_id));
    assert!(
        accepted
            .details
            .contains(r#""acr":"urn:cardea:acr:card-unwatched""#),
        "{}",
        accepted.details
    );
}

/// Attacks B1, B10: the evidence is asked for after the yes, and fails closed.
#[tokio::test]
async fn a_revoked_card_and_one_of_which_nobody_can_say_are_refused_after_the_yes() {
    let mut world = world().await;
    let begun = world.begin(PORTAL).await;
    let card = chain(&world.card);
    let page = visit(&world, &begun, &card).await.unwrap();
    let revoking = HeldEvidence::revoking(&world.card);
    for (evidence, code, shown) in [
        (revoking, "pki.certificate_revoked", "login.card_revoked"),
        (
            HeldEvidence::Unreachable,
            "pki.revocation_unreachable",
            "login.revocation_unavailable",
        ),
    ] {
        world.evidence = evidence;
        let error = confirm(&world, &begun, &card, &page.confirmation)
            .await
            .unwrap_err();
        assert_eq!(error.code(), code);
        assert_eq!(PublicRefusal::after_proof(&error).code(), shown);
        let event = world.event("login.refused").await;
        assert_eq!(event.code.as_deref(), Some(code));
    }
    let events = world.events().await;
    assert!(
        events
            .iter()
            .all(|event| event.kind != "agentless_login.accepted")
    );
}

#[tokio::test]
async fn another_person_than_the_portal_named_is_refused() {
    let mut world = world().await;
    let (location, _) = log_in(&world).await;
    let tokens = world.redeem(&location).await.unwrap();
    let hint = tokens.id_token.unwrap();
    assert!(claims_of(&hint)["sub"].is_string());
    let ask = |asked: &mut AuthorizationParameters| {
        *asked = parameters(PORTAL);
        asked.id_token_hint = Some(hint.clone());
    };
    let begun = world.begin_with(ask).await;
    say_yes(&world, &begun).await;
    world.card = another_card(&world);
    let begun = world.begin_with(ask).await;
    let card = chain(&world.card);
    let page = visit(&world, &begun, &card).await.unwrap();
    let error = confirm(&world, &begun, &card, &page.confirmation).await;
    assert_eq!(error.unwrap_err().code(), "provider.subject_not_expected");
}

#[tokio::test]
async fn a_login_is_confirmed_twenty_times_and_no_more() {
    let world = world().await;
    let begun = world.begin(PORTAL).await;
    for _ in 0..20 {
        say_yes(&world, &begun).await;
    }
    let card = chain(&world.card);
    let page = visit(&world, &begun, &card).await.unwrap();
    let error = confirm(&world, &begun, &card, &page.confirmation).await;
    assert_eq!(
        error.unwrap_err().code(),
        "provider.agentless_limit_reached"
    );
}

/// A node with the same challenge key knows the page of another again.
#[tokio::test]
async fn the_confirmation_lasts_as_long_as_its_login() {
    let world: World = world().await;
    let begun = world.begin(PORTAL).await;
    let card = chain(&world.card);
    let page = visit(&world, &begun, &card).await.unwrap();
    world.pass(Duration::seconds(599));
    confirm(&world, &begun, &card, &page.confirmation)
        .await
        .unwrap();
    world.pass(Duration::seconds(1));
    let error = confirm(&world, &begun, &card, &page.confirmation).await;
    assert_eq!(
        error.unwrap_err().code(),
        "provider.authorization_request_expired"
    );
}
