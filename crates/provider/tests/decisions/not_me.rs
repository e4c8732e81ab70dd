//! "This was not me" on a line of one's own log: what it opens, what it ends, and what she may have
//! done at once because of it.

use cardea_provider::incident::Incidents;
use cardea_provider::{AccountSession, EndReason, NotMe, NotMeThen};
use cardea_storage::event::EventRecord;
use time::Duration;

use super::world::{Instance, PORTAL, SECOND, World};

/// Sessions of two cards of one person: an earlier one elsewhere, and the one that she sits in.
struct Scene {
    world: World,
    account: AccountSession,
    /// The login of the earlier session.
    line: EventRecord,
}

async fn log_in(world: &mut World, instance: &Instance, client_id: &str) -> AccountSession {
    world.instance = instance.clone();
    world.pass(Duration::seconds(1));
    let begun = world.begin(client_id).await;
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap();
    world.present(&answer.presence_key).await;
    let session = world.event("session.activated").await;
    AccountSession {
        sub: session.sub.unwrap(),
        session_id: session.session_id.unwrap(),
        instance_jkt: instance.key.kid().to_owned(),
        card_sha256: String::new(),
        person_name: String::new(),
        form_token: String::new(),
    }
}

impl Scene {
    async fn new() -> Self {
        let mut world = World::new().await;
        let (own, elsewhere) = (Instance::new(), Instance::new());
        log_in(&mut world, &own, PORTAL).await;
        let first_card = world.card;
        let profile = cardea_test_pki::CardProfile::pharmacist();
        let profile = profile.with_key(cardea_test_pki::KeyKind::P256);
        world.card = world.pki.issue_card(&profile).unwrap().authentication;
        log_in(&mut world, &elsewhere, PORTAL).await;
        let line = world.event("login.accepted").await;
        world.card = first_card;
        let account = log_in(&mut world, &own, SECOND).await;
        Self {
            world,
            account,
            line,
        }
    }

    async fn say(&self, event: &str, then: NotMeThen) -> Result<NotMe, &'static str> {
        let saying = self.world.provider.say_not_me(&self.account, event, then);
        saying.await.map_err(|error| error.code())
    }

    async fn say_of_line(&self, then: NotMeThen) -> Result<NotMe, &'static str> {
        self.say(&self.line.id, then).await
    }

    async fn count(&self, kind: &str) -> usize {
        let events = self.world.events().await;
        events.iter().filter(|event| event.kind == kind).count()
    }
}

#[tokio::test]
async fn a_line_of_hers_opens_one_incident_and_ends_all_sessions_but_this_one() {
    let scene = Scene::new().await;
    let said = scene.say_of_line(NotMeThen::Nothing).await.unwrap();
    assert!(!said.incident.is_empty() && !said.is_over && said.is_known_here);
    assert!(said.ended.iter().all(|it| it.reason == EndReason::NotMe));
    let ended: Vec<_> = said.ended.iter().map(|it| &it.session_id).collect();
    assert!(ended.contains(&scene.line.session_id.as_ref().unwrap()));
    assert!(!ended.contains(&&scene.account.session_id));
    let event = scene.world.event("account.not_me").await;
    assert_eq!(event.sub.as_ref(), Some(&scene.account.sub));
    // The same line again is the same incident.
    let again = scene.say_of_line(NotMeThen::Nothing).await.unwrap();
    assert_eq!((again.incident, again.sessions_ended), (said.incident, 0));
    assert_eq!(scene.count("account.not_me").await, 1);
    assert_eq!(scene.count("incident.opened").await, 1);
}

/// Nobody looks into an incident that is closed.
#[tokio::test]
async fn a_line_whose_incident_is_closed_opens_another() {
    let scene = Scene::new().await;
    let said = scene.say_of_line(NotMeThen::Nothing).await.unwrap();
    let incidents = Incidents::new(scene.world.records());
    incidents.close(&said.incident, "rappelée").await.unwrap();
    let again = scene.say_of_line(NotMeThen::Nothing).await.unwrap();
    assert_ne!(again.incident, said.incident);
    assert!(!again.incident.is_empty());
    assert_eq!(scene.count("account.not_me").await, 2, "the operator hears");
    let third = scene.say_of_line(NotMeThen::Nothing).await.unwrap();
    assert_eq!(third.incident, again.incident, "one at a time");
    assert_eq!(scene.count("incident.opened").await, 2);
}

/// Attack N4.
#[tokio::test]
async fn a_line_of_somebody_else_and_one_that_never_was_open_nothing() {
    let scene = Scene::new().await;
    let mut other = scene.account.clone();
    other.sub = "somebody else".to_owned();
    let saying = scene
        .world
        .provider
        .say_not_me(&other, &scene.line.id, NotMeThen::Nothing);
    assert_eq!(
        saying.await.unwrap_err().code(),
        "provider.not_me_line_unknown"
    );
    let long = "a".repeat(5_000);
    for event in ["", "0000", long.as_str()] {
        let said = scene.say(event, NotMeThen::Nothing).await;
        assert_eq!(said.unwrap_err(), "provider.not_me_line_unknown");
    }
    assert_eq!(scene.count("incident.opened").await, 0);
    assert_eq!(scene.count("session.ended").await, 0, "nothing ended");
}

#[tokio::test]
async fn a_line_of_this_very_session_ends_it_as_does_her_wish() {
    let scene = Scene::new().await;
    let own = scene.world.event("login.accepted").await;
    assert_eq!(own.session_id.as_ref(), Some(&scene.account.session_id));
    assert!(
        scene
            .say(&own.id, NotMeThen::Nothing)
            .await
            .unwrap()
            .is_over
    );
    let said = scene.say(&own.id, NotMeThen::Nothing).await;
    assert_eq!(said.unwrap_err(), "provider.session_ended");
    let scene = Scene::new().await;
    let said = scene.say_of_line(NotMeThen::EndThisSession).await.unwrap();
    assert!(said.is_over);
}

#[tokio::test]
async fn a_card_and_the_workstation_of_the_line_are_shut_where_she_is_known() {
    let scene = Scene::new().await;
    let offered = scene.say_of_line(NotMeThen::Nothing).await.unwrap();
    assert_eq!(offered.cards.len(), 2);
    let workstation = offered.workstation.unwrap();
    assert!(!workstation.is_this_one && !workstation.is_revoked);
    let said = scene.say_of_line(NotMeThen::RevokeWorkstation).await;
    assert!(said.unwrap().workstation.unwrap().is_revoked);
    let other = offered.cards.iter().find(|it| !it.is_this_one).unwrap();
    let then = NotMeThen::SuspendCard(other.id.clone());
    let said = scene.say_of_line(then).await.unwrap();
    assert!(!said.is_over);
    let own = said.cards.iter().find(|it| it.is_this_one).unwrap();
    // The one in the reader as well: somebody else may have its twin, or hold her PIN.
    let then = NotMeThen::SuspendCard(own.id.clone());
    assert!(scene.say_of_line(then).await.unwrap().is_over);
    assert_eq!(scene.count("card.suspended_by_owner").await, 2);
    assert_eq!(scene.count("incident.opened").await, 1);
}

/// Attack N3.
#[tokio::test]
async fn where_she_is_not_known_her_sessions_end_and_nothing_is_shut() {
    let mut scene = Scene::new().await;
    let stranger = Instance::new();
    scene.account = log_in(&mut scene.world, &stranger, PORTAL).await;
    let said = scene.say_of_line(NotMeThen::Nothing).await.unwrap();
    assert!(!said.is_known_here && said.sessions_ended > 0);
    let card = said.cards[0].id.clone();
    assert_eq!(
        scene
            .say_of_line(NotMeThen::SuspendCard(card))
            .await
            .unwrap_err(),
        "provider.card_suspension_not_entitled"
    );
    assert_eq!(
        scene
            .say_of_line(NotMeThen::RevokeWorkstation)
            .await
            .unwrap_err(),
        "provider.workstation_not_entitled"
    );
    let unknown = NotMeThen::SuspendCard("no card".to_owned());
    assert_eq!(
        scene.say_of_line(unknown).await.unwrap_err(),
        "provider.card_unknown"
    );
}

/// Attacks H9 and N4: whoever holds a session fills neither the operator's list nor the table.
#[tokio::test]
async fn h9_many_lines_of_a_day_are_few_incidents_and_at_last_refused() {
    let scene = Scene::new().await;
    let mut transaction = scene.world.store.begin().await.unwrap();
    for number in 0..210 {
        let event = EventRecord {
            id: format!("line-{number}"),
            ..scene.line.clone()
        };
        let outside = cardea_storage::event::InLedger::Outside;
        cardea_storage::event::append(&mut transaction, &event, outside)
            .await
            .unwrap();
    }
    transaction.commit().await.unwrap();
    let mut refused = 0;
    for number in 0..210 {
        match scene
            .say(&format!("line-{number}"), NotMeThen::Nothing)
            .await
        {
            Ok(said) => assert!(!said.incident.is_empty()),
            Err(code) => {
                assert_eq!(code, "provider.not_me_too_many");
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 10);
    assert_eq!(scene.count("incident.opened").await, 20);
}
