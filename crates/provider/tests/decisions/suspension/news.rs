//! What the owner is told at her next login, and the offer of a code.

use cardea_provider::{
    CardNews, CardNewsAnswer, ConsentPolicy, Error, MadeSuspendCode, SuspendCodeOffer, SuspendedBy,
};
use time::Duration;

use super::super::world::{Begun, PORTAL, Settings, World};
use super::{account_of, cards, code_after_login, refusal, second_card, suspend};

const UNSHOWN: Option<&str> = Some("provider.card_news_unshown");

/// A login up to the point where the browser would go on to the portal.
async fn arrive(world: &World) -> Begun {
    world.pass(Duration::seconds(1));
    let begun = world.begin(PORTAL).await;
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap();
    world.present(&answer.presence_key).await;
    begun
}

/// The code of the refusal to go on, if there is one.
async fn complete(world: &World, begun: &Begun) -> Option<&'static str> {
    let provider = &world.provider;
    let completed = provider.complete_authorization(&begun.request_id, begun.cookie(), None);
    completed.await.err().map(|error| error.code())
}

async fn shown(world: &World, begun: &Begun) -> CardNews {
    let provider = &world.provider;
    let described = provider.describe_card_news(&begun.request_id, begun.cookie());
    described.await.unwrap()
}

async fn answer(
    world: &World,
    begun: &Begun,
    shown: &str,
    answer: CardNewsAnswer,
) -> Result<Option<MadeSuspendCode>, Error> {
    let provider = &world.provider;
    provider
        .answer_card_news(&begun.request_id, begun.cookie(), shown, answer)
        .await
}

/// Attack L4: who suspends a stranger's card is noticed by its owner.
#[tokio::test]
async fn the_owner_is_told_at_her_next_login_with_another_card_until_she_has_seen_it() {
    let mut world = World::new().await;
    let lost = world.card.clone();
    let code = code_after_login(&world).await;
    suspend(&world, &code).await.unwrap();
    let since = world.now();
    world.pass(Duration::hours(1));
    refusal(&world).await;
    let tried = world.now();
    world.card = second_card(&world);
    for _ in 0..2 {
        let begun = arrive(&world).await;
        assert_eq!(complete(&world, &begun).await, UNSHOWN);
        let news = shown(&world, &begun).await;
        assert_eq!((news.suspended.len(), news.offered_for), (1, None));
        let told = &news.suspended[0];
        assert_eq!(told.family, "cps");
        assert_eq!(told.suspension.since, since);
        assert_eq!(told.suspension.by, SuspendedBy::Code);
        assert_eq!(told.refused_at, Some(tried), "somebody tried since");
    }
    let begun = arrive(&world).await;
    let digest = shown(&world, &begun).await.shown;
    let foreign = arrive(&world).await;
    let refused = answer(&world, &foreign, &digest, CardNewsAnswer::GoOn).await;
    assert_eq!(refused.unwrap_err().code(), "provider.card_news_mismatch");
    let seen = answer(&world, &begun, &digest, CardNewsAnswer::GoOn).await;
    assert!(seen.unwrap().is_none());
    assert!(
        world
            .event("card.suspension_seen")
            .await
            .session_id
            .is_some()
    );
    assert_eq!(complete(&world, &begun).await, None);
    let begun = arrive(&world).await;
    assert_eq!(complete(&world, &begun).await, None, "once");

    let account = account_of(&world).await;
    let own = world.provider.list_own_cards(&account).await.unwrap();
    assert_eq!(own.len(), 2);
    assert!(own[0].is_this_one && own[0].suspension.is_none());
    assert!(!own[1].is_this_one && own[1].suspension.is_some());
    assert_eq!(own[1].refused_at, Some(tried));

    // Once an operator has lifted it, nothing is left to be told.
    let cards = cards(&world);
    let found = cards.list_suspended().await.unwrap();
    cards
        .resume(&found[0].id, "seen with her passport")
        .await
        .unwrap();
    world.card = lost;
    let begun = arrive(&world).await;
    assert_eq!(complete(&world, &begun).await, None);
}

fn offering() -> Settings {
    let mut settings = Settings::baseline();
    settings.config.authorization_rules.suspend_code_offer = SuspendCodeOffer::AtFirstLogin;
    settings
}

#[tokio::test]
async fn a_code_is_offered_once_for_each_card_and_may_be_declined() {
    let mut world = offering().build().await;
    let begun = arrive(&world).await;
    assert_eq!(complete(&world, &begun).await, UNSHOWN);
    let news = shown(&world, &begun).await;
    assert_eq!(news.offered_for.as_deref(), Some("cps"));
    let declined = answer(&world, &begun, &news.shown, CardNewsAnswer::GoOn).await;
    assert!(declined.unwrap().is_none());
    assert_eq!(complete(&world, &begun).await, None);
    let begun = arrive(&world).await;
    assert_eq!(
        complete(&world, &begun).await,
        None,
        "one gesture from now on"
    );

    world.card = second_card(&world);
    let begun = arrive(&world).await;
    let news = shown(&world, &begun).await;
    let made = answer(&world, &begun, &news.shown, CardNewsAnswer::MakeCode).await;
    let code = made.unwrap().unwrap().code;
    // It is shown once: the same form again gives none.
    let again = answer(&world, &begun, &news.shown, CardNewsAnswer::MakeCode).await;
    assert_eq!(again.unwrap_err().code(), "provider.card_news_mismatch");
    assert_eq!(complete(&world, &begun).await, None);
    suspend(&world, &code).await.unwrap();
}

#[tokio::test]
async fn no_code_is_offered_where_the_operator_wants_none_in_the_way() {
    let world = World::new().await;
    let begun = arrive(&world).await;
    assert_eq!(complete(&world, &begun).await, None);
}

/// The page of consent is no way around.
#[tokio::test]
async fn consent_gives_no_code_before_the_news_is_seen() {
    let mut settings = offering();
    settings.config.clients[0].consent = ConsentPolicy::Explicit;
    let world = settings.build().await;
    let begun = arrive(&world).await;
    let provider = &world.provider;
    let described = provider.describe_consent(&begun.request_id, begun.cookie());
    assert_eq!(described.await.unwrap_err().code(), UNSHOWN.unwrap());
}
