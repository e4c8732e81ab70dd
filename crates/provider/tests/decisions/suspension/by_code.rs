//! The code: what it does at once, and everything that it cannot do.

use cardea_provider::{EndReason, PresenceOutcome, SuspendCode};
use time::Duration;

use super::super::world::{PORTAL, SECOND, Settings, World};
use super::{SUSPENDED, account_of, code_after_login, refusal, second_card, session_of, suspend};

#[tokio::test]
async fn the_code_suspends_its_card_and_ends_its_sessions_in_one_go() {
    let world = Settings::refreshing().build().await;
    let (first, _) = world.log_in(PORTAL, None).await;
    let tokens = world.redeem(&first.location).await.unwrap();
    let cookie = first.session_cookie.expose();
    let (second, _) = world.log_in(SECOND, Some(cookie)).await;
    let account = account_of(&world).await;
    let code = world
        .provider
        .make_suspend_code(&account)
        .await
        .unwrap()
        .code;
    world.pass(Duration::days(2));
    let world = world.restarted_with(Settings::refreshing());
    let (third, _) = world.log_in(PORTAL, None).await;
    let tokens_of_third = world.redeem(&third.location).await.unwrap();

    let accepted = world.provider.read_suspend_code(&code).await.unwrap();
    assert_eq!(accepted.family, "cps", "and nothing about the person");
    assert_eq!(accepted.suspended_since, None);
    // The code alone has done nothing yet.
    assert!(world.userinfo(&tokens_of_third.access_token).await.is_ok());
    let ticket = accepted.ticket.expose();
    let done = world.provider.suspend_by_ticket(ticket).await.unwrap();
    assert_eq!((done.family.as_str(), done.since), ("cps", world.now()));
    assert!(
        done.ended
            .iter()
            .all(|ended| ended.reason == EndReason::CardSuspended)
    );
    let last = session_of(&world).await;
    assert!(done.ended.iter().any(|ended| ended.session_id == last));

    assert!(world.told().await.contains(&PORTAL.to_owned()));
    let refresh = tokens_of_third.refresh_token.unwrap();
    assert!(world.refresh(PORTAL, &refresh).await.is_err());
    assert!(world.userinfo(&tokens_of_third.access_token).await.is_err());
    assert!(world.userinfo(&tokens.access_token).await.is_err());
    assert!(world.redeem_as(SECOND, &second.location).await.is_err());
    assert_eq!(refusal(&world).await, SUSPENDED);
    let event = world.event("session.ended").await;
    assert_eq!(event.code.as_deref(), Some("card_suspended"));
    let event = world.event("card.suspended_by_code").await;
    assert!(event.sub.is_some() && event.session_id.is_none());
    assert!(!event.details.contains("/"), "no number: {}", event.details);
    // Who tries with the card that was lost is one of its owner's own refusals.
    let event = world.event("login.refused").await;
    assert_eq!(event.code.as_deref(), Some("provider.card_suspended"));
    assert!(event.details.contains("\"card\":\""), "{}", event.details);
    assert!(event.sub.is_some());

    // A second time says so, and changes nothing.
    let again = world.provider.read_suspend_code(&code).await.unwrap();
    assert_eq!(again.suspended_since, Some(world.now()));
}

/// Attack L2: what is wrong about a code, nobody learns.
#[tokio::test]
async fn l2_codes_that_are_wrong_replaced_or_never_were_are_told_apart_by_nobody() {
    let world = World::new().await;
    let replaced = code_after_login(&world).await;
    let account = account_of(&world).await;
    let right = world
        .provider
        .make_suspend_code(&account)
        .await
        .unwrap()
        .code;
    let events = world.events().await.len();
    // Whatever begins as the right one does.
    let typed = right.expose_grouped();
    let mut forged: Vec<char> = typed.chars().filter(|it| *it != '-').collect();
    let mut guesses = vec![replaced];
    for letter in "23456789ABCDEFGHJKLMNPQRSTUVWXYZ".chars() {
        forged[7] = letter;
        for check in "23456789ABCDEFGHJKLMNPQRSTUVWXYZ".chars() {
            forged[15] = check;
            let text: String = forged.iter().collect();
            if text != typed.replace('-', "")
                && guesses.len() < 4
                && let Ok(guess) = SuspendCode::parse(&text)
            {
                guesses.push(guess);
            }
        }
    }
    assert_eq!(guesses.len(), 4);
    guesses.push(SuspendCode::parse("2222-2222-2222-2222").unwrap());
    for guess in &guesses {
        let error = world.provider.read_suspend_code(guess).await.unwrap_err();
        assert_eq!(error.code(), "provider.suspend_code_unknown");
        assert_eq!(error.to_string(), "no card has this code");
    }
    // Strangers fill no table.
    assert_eq!(world.events().await.len(), events);
    assert!(world.provider.read_suspend_code(&right).await.is_ok());
}

/// Attack L3: the code opens nothing, and neither does what the page gives for it.
#[tokio::test]
async fn l3_neither_code_nor_ticket_signs_anybody_in() {
    let world = World::new().await;
    let code = code_after_login(&world).await;
    let accepted = world.provider.read_suspend_code(&code).await.unwrap();
    let texts = [
        code.expose_grouped().to_string(),
        accepted.ticket.expose().to_owned(),
    ];
    for text in &texts {
        let silent = world
            .provider
            .begin_authorization(super::super::world::parameters(PORTAL), Some(text));
        let begun = silent.await.unwrap();
        assert!(
            !matches!(begun, cardea_provider::BegunAuthorization::Completed { .. }),
            "no session has it for its cookie"
        );
        assert!(world.userinfo(text).await.is_err());
        let location = format!("https://portal.example.fr/cb?code={text}");
        let refused = world.redeem(&location).await.unwrap_err();
        assert_eq!(refused.code(), "provider.code_unknown");
        let refused = world.refresh(PORTAL, text).await.unwrap_err();
        assert!(
            refused.code().starts_with("provider."),
            "{}",
            refused.code()
        );
        assert!(world.provider.find_account(text).await.unwrap().is_none());
        let begun = world.begin(PORTAL).await;
        let challenge = world.provider.issue_challenge(&begun.request_id, text);
        assert!(challenge.await.is_err());
    }
}

#[tokio::test]
async fn a_yes_is_good_once_for_minutes_and_for_the_last_browser_that_brought_the_code() {
    let world = World::new().await;
    let code = code_after_login(&world).await;
    let provider = &world.provider;
    let ticket = async || {
        let accepted = provider.read_suspend_code(&code).await.unwrap();
        accepted.ticket.expose().to_owned()
    };
    let code_of = async |ticket: &str| {
        let refused = provider.suspend_by_ticket(ticket).await;
        refused.err().map(|error| error.code())
    };
    const UNKNOWN: Option<&str> = Some("provider.suspend_ticket_unknown");
    let first = ticket().await;
    world.pass(Duration::minutes(10));
    assert_eq!(code_of(&first).await, UNKNOWN, "too old");
    let second = ticket().await;
    let third = ticket().await;
    assert_eq!(code_of(&second).await, UNKNOWN, "another browser's");
    assert_eq!(code_of("anything").await, UNKNOWN);
    assert_eq!(code_of(&third).await, None);
    assert_eq!(code_of(&third).await, UNKNOWN, "used");
    assert_eq!(refusal(&world).await, SUSPENDED);
}

#[tokio::test]
async fn a_new_code_is_made_by_the_session_of_a_card_that_is_there_and_not_suspended() {
    let world = World::new().await;
    let (_, key) = world.log_in(PORTAL, None).await;
    let account = account_of(&world).await;
    let session = &account.session_id;
    let code = world
        .provider
        .make_suspend_code(&account)
        .await
        .unwrap()
        .code;
    let event = world.event("suspend_code.made").await;
    assert_eq!(event.session_id.as_deref(), Some(session.as_str()));
    world.depart(&key).await;
    let refused = world.provider.make_suspend_code(&account).await;
    assert_eq!(refused.unwrap_err().code(), "provider.session_ended");
    // The card need not be there for the code to serve.
    suspend(&world, &code).await.unwrap();
}

#[tokio::test]
async fn l5_a_login_that_waits_for_its_presence_key_ends_as_well() {
    let world = World::new().await;
    let code = code_after_login(&world).await;
    let begun = world.begin(PORTAL).await;
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap();
    suspend(&world, &code).await.unwrap();
    let outcome = world.present(&answer.presence_key).await;
    assert!(matches!(outcome, PresenceOutcome::Ended { .. }));
    let completed = world
        .provider
        .complete_authorization(&begun.request_id, begun.cookie(), None)
        .await;
    assert_eq!(completed.unwrap_err().code(), "provider.session_ended");
}

#[tokio::test]
async fn another_card_of_the_same_person_goes_on() {
    let mut world = World::new().await;
    let code = code_after_login(&world).await;
    let first = world.card.clone();
    world.card = second_card(&world);
    world.log_in(PORTAL, None).await;
    let account = account_of(&world).await;
    let going_on = account.session_id.clone();
    let done = suspend(&world, &code).await.unwrap();
    assert!(
        done.ended.iter().all(|ended| ended.session_id != going_on),
        "one card alone"
    );
    let state = world.provider.find_session_state(&going_on).await.unwrap();
    assert_eq!(state, Some(cardea_provider::SessionState::Active));
    assert!(world.provider.make_suspend_code(&account).await.is_ok());
    world.card = first;
    assert_eq!(refusal(&world).await, SUSPENDED);
}
