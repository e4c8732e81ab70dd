use async_trait::async_trait;
use cardea_pki::Evidence;
use cardea_provider::{
    EvidenceRequest, LoginAttempt, PresenceOutcome, RevocationSource, SessionState,
};
use cardea_test_pki::{CardProfile, KeyKind, PersonIdentifier};

use super::super::world::{Answer, Begun, Instance, PORTAL, Settings, World};

async fn sub_of(world: &mut World, profile: CardProfile) -> String {
    let card = world
        .pki
        .issue_card(&profile.with_key(KeyKind::P256))
        .unwrap();
    world.card = card.authentication;
    world.log_in(PORTAL, None).await;
    world.event("login.accepted").await.sub.unwrap()
}

#[tokio::test]
async fn a_renewed_card_is_the_same_person_and_the_same_name_is_not() {
    let mut world = World::new().await;
    let first = sub_of(&mut world, CardProfile::pharmacist()).await;
    let renewed = sub_of(&mut world, CardProfile::pharmacist()).await;
    assert_eq!(first, renewed);
    assert_eq!(first.len(), 43, "random, and nothing else");

    let namesake = PersonIdentifier::rpps("99700999999").unwrap();
    let namesake = CardProfile::pharmacist().with_identifier(namesake);
    assert_ne!(first, sub_of(&mut world, namesake).await);
}

#[tokio::test]
async fn the_first_use_of_an_instance_is_announced_once_a_person() {
    let mut world = World::new().await;
    let count = async |world: &World| {
        let events = world.events().await;
        events
            .iter()
            .filter(|event| event.kind == "agent_instance.first_used")
            .count()
    };
    for (change_instance, profile, wanted) in [
        (false, CardProfile::pharmacist(), 1),
        (false, CardProfile::pharmacist(), 1),
        (true, CardProfile::pharmacist(), 2),
        (false, CardProfile::doctor(), 3),
    ] {
        if change_instance {
            world.instance = Instance::new();
        }
        sub_of(&mut world, profile).await;
        assert_eq!(count(&world).await, wanted);
    }
}

#[tokio::test]
async fn a_presence_key_opens_one_session() {
    let world = World::new().await;
    let begun = world.begin(PORTAL).await;
    let first = world.answer(&begun).await;
    world.post(&begun, &first).await.unwrap();
    let refusal = world
        .refusal_of(|answer| answer.claims.cnf.jkt = first.presence_key.kid().to_owned())
        .await;
    assert_eq!(
        refusal,
        ("provider.presence_key_reused", "login.card_not_accepted")
    );
}

#[tokio::test]
async fn a_second_card_on_one_login_page_replaces_the_first() {
    let world = World::new().await;
    let begun = world.begin(PORTAL).await;
    let first = world.answer(&begun).await;
    let second = world.answer(&begun).await;
    let replaced = world.post(&begun, &first).await.unwrap();
    world.post(&begun, &second).await.unwrap();
    let state = world
        .provider
        .find_session_state(&replaced.session_id)
        .await
        .unwrap();
    assert_eq!(state, Some(SessionState::Ended));
}

/// Another answer to the same login page arrives while the evidence for this one is fetched.
struct Overtaken<'a> {
    world: &'a World,
    begun: &'a Begun,
    other: &'a Answer,
    complete: bool,
}

#[async_trait]
impl RevocationSource for Overtaken<'_> {
    async fn fetch(&self, wanted: EvidenceRequest<'_>) -> Evidence {
        let Self { world, begun, .. } = self;
        world.post(begun, self.other).await.unwrap();
        if self.complete {
            world.present(&self.other.presence_key).await;
            let complete =
                world
                    .provider
                    .complete_authorization(&begun.request_id, begun.cookie(), None);
            complete.await.unwrap();
        }
        world.evidence.fetch(wanted).await
    }
}

#[tokio::test]
async fn a_card_that_was_overtaken_by_the_end_of_its_login_opens_no_session() {
    let world = World::new().await;
    let begun = world.begin(PORTAL).await;
    let (other, late) = (world.answer(&begun).await, world.answer(&begun).await);
    let (assertion, attestation) = late.sign();
    let attempt = LoginAttempt {
        request_id: &begun.request_id,
        login_cookie: begun.cookie(),
        assertion: &assertion,
        attestation: &attestation,
    };
    let overtaken = Overtaken {
        world: &world,
        begun: &begun,
        other: &other,
        complete: true,
    };
    let refused = world.provider.authenticate(attempt, &overtaken).await;
    let error = refused.unwrap_err();
    assert_eq!(error.code(), "provider.authorization_request_completed");
    assert_eq!(error.public.code(), "login.refused");
    assert!(matches!(
        world.present(&late.presence_key).await,
        PresenceOutcome::Unclaimed { .. }
    ));
    assert!(matches!(
        world.present(&other.presence_key).await,
        PresenceOutcome::Renewed { .. }
    ));
}

#[tokio::test]
async fn of_two_cards_at_once_on_one_login_page_the_last_replaces_the_other() {
    let world = World::new().await;
    let begun = world.begin(PORTAL).await;
    let (other, late) = (world.answer(&begun).await, world.answer(&begun).await);
    let (assertion, attestation) = late.sign();
    let attempt = LoginAttempt {
        request_id: &begun.request_id,
        login_cookie: begun.cookie(),
        assertion: &assertion,
        attestation: &attestation,
    };
    let overtaken = Overtaken {
        world: &world,
        begun: &begun,
        other: &other,
        complete: false,
    };
    let opened = world.provider.authenticate(attempt, &overtaken).await;
    assert_eq!(opened.unwrap().presence_jkt, late.presence_key.kid());
    assert!(matches!(
        world.present(&other.presence_key).await,
        PresenceOutcome::Ended { .. }
    ));
    assert!(matches!(
        world.present(&late.presence_key).await,
        PresenceOutcome::Activated { .. }
    ));
}

#[tokio::test]
async fn the_invented_person_of_a_test_card_is_never_a_real_one() {
    let mut world = World::new().await;
    let invented = sub_of(&mut world, CardProfile::pharmacist()).await;

    // The same number on a card without the test mark, where real cards are asked.
    let mut settings = Settings::baseline();
    for rules in &mut settings.config.card_rules {
        rules.profile_policy = cardea_pki::profile::ProfilePolicy::production();
    }
    let mut world = world.restarted_with(settings);
    let at = world.pki.at();
    let profile = CardProfile::pharmacist().with_key(KeyKind::P256);
    let test_mark = 0x80;
    let card = world.pki.issue_card_with(&profile, at, |spec| {
        spec.certificate_kind = spec.certificate_kind.map(|kind| kind & !test_mark);
    });
    world.card = card.unwrap().authentication;
    world.log_in(PORTAL, None).await;
    let real = world.event("login.accepted").await.sub.unwrap();
    assert_ne!(invented, real);
}
