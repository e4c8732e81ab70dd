//! Uses of a person's card that were refused: whose they are, whom is told of them, and when.

use cardea_assertion::{NoticeKind, UserVerification};
use cardea_provider::RefusedUses;
use time::Duration;

use super::world::{Begun, HeldEvidence, Instance, PORTAL, SECOND, World};

const UNSHOWN: &str = "provider.refused_uses_unshown";
const INSUFFICIENT: (&str, &str) = (
    "provider.user_verification_insufficient",
    "login.card_not_accepted",
);

/// A login at a workstation up to the point where the browser would go on to the portal; new
/// workstations are said to be hers.
async fn arrive(world: &mut World, instance: &Instance, client_id: &str) -> Begun {
    world.instance = instance.clone();
    world.pass(Duration::seconds(1));
    let begun = world.begin(client_id).await;
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap();
    world.present(&answer.presence_key).await;
    let (id, cookie) = (&begun.request_id, begun.cookie());
    let news = world.provider.describe_new_workstations(id, cookie).await;
    let news = news.unwrap();
    let acknowledged = world
        .provider
        .acknowledge_workstations(id, cookie, &news.shown);
    acknowledged.await.unwrap();
    begun
}

async fn complete(world: &World, begun: &Begun) -> Result<(), &'static str> {
    let provider = &world.provider;
    let completed = provider.complete_authorization(&begun.request_id, begun.cookie(), None);
    completed.await.map(|_| ()).map_err(|error| error.code())
}

async fn shown(world: &World, begun: &Begun) -> RefusedUses {
    let provider = &world.provider;
    let described = provider.describe_refused_uses(&begun.request_id, begun.cookie());
    described.await.unwrap()
}

/// A use of the card, without its PIN, that is refused at a workstation.
async fn refused_at(world: &mut World, instance: &Instance) -> (&'static str, &'static str) {
    world.instance = instance.clone();
    world.pass(Duration::seconds(1));
    world
        .refusal_of(|answer| answer.claims.uv = UserVerification::None)
        .await
}

#[tokio::test]
async fn a_refused_use_elsewhere_is_told_at_the_next_login_until_she_says_that_it_was_she() {
    let mut world = World::new().await;
    let (own, other) = (Instance::new(), Instance::new());
    let begun = arrive(&mut world, &own, PORTAL).await;
    complete(&world, &begun).await.unwrap();
    for _ in 0..3 {
        assert_eq!(refused_at(&mut world, &other).await, INSUFFICIENT);
    }
    let event = world.event("login.refused").await;
    assert!(event.sub.is_some(), "it is one of hers");
    assert!(event.details.contains(other.key.kid()), "{}", event.details);
    let begun = arrive(&mut world, &own, SECOND).await;
    assert_eq!(complete(&world, &begun).await, Err(UNSHOWN));
    let described = shown(&world, &begun).await;
    let [refused] = described.uses.as_slice() else {
        panic!("{described:?}");
    };
    assert_eq!((refused.uses, refused.code.as_str()), (3, INSUFFICIENT.1));
    assert!(!refused.is_here && !refused.is_mixed);
    let (id, cookie) = (&begun.request_id, begun.cookie());
    let provider = &world.provider;
    let wrong = provider.acknowledge_refused_uses(id, cookie, "x").await;
    assert_eq!(
        wrong.unwrap_err().code(),
        "provider.refused_uses_mismatch",
        "she answers what she was shown"
    );
    provider
        .acknowledge_refused_uses(id, cookie, &described.shown)
        .await
        .unwrap();
    complete(&world, &begun).await.unwrap();
    let seen = world.event("refused_use.seen").await;
    assert_eq!(seen.authorization_request_id, Some(begun.request_id));
    // A further one makes it news again.
    refused_at(&mut world, &other).await;
    let begun = arrive(&mut world, &own, SECOND).await;
    assert_eq!(complete(&world, &begun).await, Err(UNSHOWN));
}

/// Attack N3: whoever sits at a workstation that she does not know does not answer for her.
#[tokio::test]
async fn where_she_is_not_known_nobody_says_for_her_that_it_was_she() {
    let mut world = World::new().await;
    let (own, other, third) = (Instance::new(), Instance::new(), Instance::new());
    let begun = arrive(&mut world, &own, PORTAL).await;
    complete(&world, &begun).await.unwrap();
    refused_at(&mut world, &other).await;
    let begun = arrive(&mut world, &third, SECOND).await;
    assert_eq!(shown(&world, &begun).await.uses, []);
    complete(&world, &begun).await.unwrap();
    let begun = arrive(&mut world, &own, SECOND).await;
    assert_eq!(complete(&world, &begun).await, Err(UNSHOWN));
}

#[tokio::test]
async fn her_own_try_a_moment_before_is_no_news_and_settled_by_the_login() {
    let mut world = World::new().await;
    let own = Instance::new();
    let begun = arrive(&mut world, &own, PORTAL).await;
    complete(&world, &begun).await.unwrap();
    refused_at(&mut world, &own).await;
    let begun = arrive(&mut world, &own, SECOND).await;
    complete(&world, &begun).await.unwrap();
    world.pass(Duration::days(1));
    let mut world = world.restarted();
    let begun = arrive(&mut world, &own, SECOND).await;
    complete(&world, &begun).await.unwrap();
    // One of long before she came is news, whoever sits there.
    refused_at(&mut world, &own).await;
    world.pass(Duration::HOUR);
    let begun = arrive(&mut world, &own, SECOND).await;
    assert_eq!(complete(&world, &begun).await, Err(UNSHOWN));
    assert!(shown(&world, &begun).await.uses[0].is_here);
}

/// Attacks H9 and N1: a certificate is public. Nothing is tied to anybody, and nobody is told
/// anything, unless the key was proven and the certificate leads to a trust anchor now.
#[tokio::test]
async fn h9_what_does_not_identify_her_beyond_doubt_is_nobodys() {
    let mut world = World::new().await;
    let own = Instance::new();
    let begun = arrive(&mut world, &own, PORTAL).await;
    complete(&world, &begun).await.unwrap();
    let other_key = world.pki.issue_card(
        &cardea_test_pki::CardProfile::pharmacist().with_key(cardea_test_pki::KeyKind::P256),
    );
    let other_key = other_key.unwrap().authentication.key;
    world.instance = Instance::new();
    let (_, public) = world.refusal_of(|answer| answer.card_key = other_key).await;
    assert_eq!(public, "login.refused");
    assert_eq!(world.event("login.refused").await.sub, None);
    // Her own card, once its certificate has run out.
    let expired = Duration::days(4_000);
    world.pass(expired);
    let (_, public) = world.refusal_of(|_| {}).await;
    assert_eq!(public, "login.card_expired");
    assert_eq!(world.event("login.refused").await.sub, None);
    let sub = world.event("login.accepted").await.sub.unwrap();
    let mut reading = world.store.begin_read().await.unwrap();
    let untold = cardea_storage::refused_use::list_untold(&mut reading, &sub).await;
    assert_eq!(untold.unwrap(), []);
}

/// Attacks H9 and N2: whoever has her card has it refused as often as he likes.
#[tokio::test]
async fn h9_a_day_has_one_notice_for_each_word_of_the_login_page() {
    let mut world = World::new().await;
    let own = Instance::new();
    let begun = arrive(&mut world, &own, PORTAL).await;
    complete(&world, &begun).await.unwrap();
    for _ in 0..30 {
        refused_at(&mut world, &Instance::new()).await;
    }
    world.evidence = HeldEvidence::revoking(&world.card);
    world.instance = Instance::new();
    let (_, public) = world.refusal_of(|_| {}).await;
    assert_eq!(public, "login.card_revoked", "a revoked card is hers too");
    assert!(world.event("login.refused").await.sub.is_some());
    world.evidence = HeldEvidence::fresh();
    let begun = arrive(&mut world, &own, SECOND).await;
    let described = shown(&world, &begun).await;
    assert_eq!(described.uses.len(), 2);
    let first = described.uses.iter().find(|it| it.uses == 30).unwrap();
    assert!(first.is_mixed);
    let notices = world.provider.live_notices().await.unwrap();
    let of_refusals = |it: &&cardea_provider::LiveNotice| it.notice.kind == NoticeKind::RefusedUse;
    assert!(notices.iter().filter(of_refusals).count() <= 2 * 2);
}

/// Attack N1.
#[tokio::test]
async fn who_was_never_signed_in_is_remembered_by_no_refusal() {
    let world = World::new().await;
    let refused = world
        .refusal_of(|answer| answer.claims.uv = UserVerification::None)
        .await;
    assert_eq!(refused, INSUFFICIENT);
    assert_eq!(world.event("login.refused").await.sub, None);
}

/// The agents of her other sessions are told, and that of the session itself is not.
#[tokio::test]
async fn agents_elsewhere_are_told_of_a_new_workstation_and_of_a_refused_use() {
    let mut world = World::new().await;
    let (own, other) = (Instance::new(), Instance::new());
    let begun = arrive(&mut world, &own, PORTAL).await;
    complete(&world, &begun).await.unwrap();
    let first = world.event("session.activated").await.session_id.unwrap();
    let key_of = async |world: &World, id: &str| {
        let mut reading = world.store.begin_read().await.unwrap();
        let session = cardea_storage::session::find(&mut reading, id)
            .await
            .unwrap();
        session.unwrap().presence_jkt
    };
    let first_key = key_of(&world, &first).await;
    assert_eq!(world.provider.live_notices().await.unwrap(), []);
    refused_at(&mut world, &other).await;
    let notices = world.provider.live_notices().await.unwrap();
    let [told] = notices.as_slice() else {
        panic!("{notices:?}");
    };
    assert_eq!(told.presence_jkt, first_key);
    assert_eq!(told.notice.kind, NoticeKind::RefusedUse);
    assert_eq!(told.notice.code.as_deref(), Some(INSUFFICIENT.1));
    told.notice.check().unwrap();
    assert!(!told.notice.id.contains(other.key.kid()));
    // Told again and again under one id, while it is new.
    assert_eq!(world.provider.live_notices().await.unwrap(), notices);
    // The same card at another workstation: the first session hears of it before its end.
    world.instance = other.clone();
    let begun = world.begin(PORTAL).await;
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap();
    world.present(&answer.presence_key).await;
    let before_the_end = world.provider.notices_before_the_end(&first_key).await;
    let before_the_end = before_the_end.unwrap();
    let [told] = before_the_end.as_slice() else {
        panic!("{before_the_end:?}");
    };
    assert_eq!(told.notice.kind, NoticeKind::NewWorkstation);
    world.pass(Duration::minutes(3));
    assert_eq!(world.provider.live_notices().await.unwrap(), []);
}

#[tokio::test]
async fn not_she_opens_an_incident_and_ends_her_other_sessions() {
    let mut world = World::new().await;
    let (own, other) = (Instance::new(), Instance::new());
    let begun = arrive(&mut world, &own, PORTAL).await;
    complete(&world, &begun).await.unwrap();
    let first = world.event("session.activated").await.session_id.unwrap();
    refused_at(&mut world, &other).await;
    let begun = arrive(&mut world, &own, SECOND).await;
    let described = shown(&world, &begun).await;
    let (id, cookie) = (&begun.request_id, begun.cookie());
    let provider = &world.provider;
    let said = provider
        .deny_refused_uses(id, cookie, &described.shown)
        .await
        .unwrap();
    assert!(!said.is_over && !said.incident.is_empty());
    assert_eq!(said.sessions_ended, 1);
    assert_eq!(said.ended[0].session_id, first);
    let opened = world.event("account.not_me").await;
    assert!(
        opened.details.contains(&said.incident),
        "{}",
        opened.details
    );
    complete(&world, &begun).await.unwrap();
}

/// Attack N2: the second refused use of a day is as bad as the first, and an answer to the first is
/// none to it.
#[tokio::test]
async fn not_she_again_on_the_same_day_opens_another_incident() {
    let mut world = World::new().await;
    let (own, other) = (Instance::new(), Instance::new());
    let begun = arrive(&mut world, &own, PORTAL).await;
    complete(&world, &begun).await.unwrap();
    let mut incidents = Vec::new();
    for _ in 0..2 {
        assert_eq!(refused_at(&mut world, &other).await, INSUFFICIENT);
        let begun = arrive(&mut world, &own, SECOND).await;
        let described = shown(&world, &begun).await;
        let (id, cookie) = (&begun.request_id, begun.cookie());
        let denying = world
            .provider
            .deny_refused_uses(id, cookie, &described.shown);
        incidents.push(denying.await.unwrap().incident);
        complete(&world, &begun).await.unwrap();
    }
    assert_ne!(incidents[0], incidents[1]);
    let events = world.events().await;
    let count = |kind: &str| events.iter().filter(|it| it.kind == kind).count();
    assert_eq!(count("account.not_me"), 2, "the operator hears of each");
    assert_eq!(count("incident.opened"), 2);
}

/// Attack N2: a refusal of her own, which she has not answered, hides nobody's.
#[tokio::test]
async fn a_use_refused_elsewhere_is_told_at_once_though_one_of_the_day_is_unanswered() {
    let mut world = World::new().await;
    let (own, thief) = (Instance::new(), Instance::new());
    let begun = arrive(&mut world, &own, PORTAL).await;
    complete(&world, &begun).await.unwrap();
    assert_eq!(refused_at(&mut world, &own).await, INSUFFICIENT);
    assert_eq!(world.provider.live_notices().await.unwrap(), []);
    world.pass(Duration::minutes(5));
    assert_eq!(refused_at(&mut world, &thief).await, INSUFFICIENT);
    let notices = world.provider.live_notices().await.unwrap();
    let [told] = notices.as_slice() else {
        panic!("{notices:?}");
    };
    assert_eq!(told.notice.kind, NoticeKind::RefusedUse);
    assert_eq!(told.notice.at, world.now().unix_timestamp());
}

/// Attack N2: many workstations that she has confirmed hide no refused use from her account page.
#[tokio::test]
async fn what_is_settled_hides_nothing_that_deserves_attention() {
    let mut world = World::new().await;
    let (own, other) = (Instance::new(), Instance::new());
    let begun = arrive(&mut world, &own, PORTAL).await;
    complete(&world, &begun).await.unwrap();
    let session = world.event("session.activated").await;
    let first = world.event("agent_instance.first_used").await;
    refused_at(&mut world, &other).await;
    let refused = world.event("login.refused").await;
    let mut transaction = world.store.begin().await.unwrap();
    for number in 0..130 {
        let event = cardea_storage::event::EventRecord {
            id: format!("{}z{number:03}", refused.id),
            ..first.clone()
        };
        let outside = cardea_storage::event::InLedger::Outside;
        cardea_storage::event::append(&mut transaction, &event, outside)
            .await
            .unwrap();
    }
    transaction.commit().await.unwrap();
    let account = cardea_provider::AccountSession {
        sub: session.sub.unwrap(),
        session_id: session.session_id.unwrap(),
        instance_jkt: own.key.kid().to_owned(),
        card_sha256: String::new(),
        person_name: String::new(),
        form_token: String::new(),
    };
    let found = world.provider.own_attention(&account).await.unwrap();
    let ids: Vec<_> = found.entries.iter().map(|it| it.event.id.clone()).collect();
    assert_eq!((ids, found.next), (vec![refused.id], None));
}
