//! A workstation that is new to a person is shown to her at her next logins until she says so.

use cardea_provider::{
    ConsentAnswer, ConsentPolicy, ConsentedAuthorization, DeniedWorkstations, Error, LoginAttempt,
    NewWorkstation, PresenceOutcome,
};
use cardea_storage::agent_instance::record_use;
use time::Duration;

use super::world::{Begun, Instance, PORTAL, Settings, World};

/// A login up to the point where the browser would go on to the portal.
async fn arrive(world: &mut World, instance: &Instance) -> Begun {
    world.pass(Duration::seconds(1));
    world.instance = instance.clone();
    let begun = world.begin(PORTAL).await;
    let answer = world.answer(&begun).await;
    let (assertion, attestation) = answer.sign();
    let attempt = LoginAttempt {
        request_id: &begun.request_id,
        login_cookie: begun.cookie(),
        assertion: &assertion,
        attestation: &attestation,
    };
    let evidence = &world.evidence;
    world
        .provider
        .authenticate(attempt, evidence)
        .await
        .unwrap();
    let outcome = world.present(&answer.presence_key).await;
    assert!(matches!(outcome, PresenceOutcome::Activated { .. }));
    begun
}

async fn complete(world: &World, begun: &Begun) -> Result<String, &'static str> {
    let completed = world
        .provider
        .complete_authorization(&begun.request_id, begun.cookie(), None)
        .await;
    match completed {
        Ok(completed) => Ok(completed.response.location()),
        Err(error) => Err(error.code()),
    }
}

async fn shown(world: &World, begun: &Begun) -> (Vec<NewWorkstation>, String) {
    let described = world
        .provider
        .describe_new_workstations(&begun.request_id, begun.cookie())
        .await
        .unwrap();
    (described.workstations, described.shown)
}

async fn acknowledge(world: &World, begun: &Begun, shown: &str) -> Result<(), Error> {
    world
        .provider
        .acknowledge_workstations(&begun.request_id, begun.cookie(), shown)
        .await
}

/// A login without news.
async fn log_in(world: &mut World, instance: &Instance) {
    let begun = arrive(world, instance).await;
    assert!(complete(world, &begun).await.is_ok());
}

const UNSHOWN: &str = "provider.new_workstations_unshown";

#[tokio::test]
async fn a_new_workstation_is_shown_at_the_next_login_until_it_is_acknowledged() {
    let mut world = World::new().await;
    let (own, new) = (Instance::new(), Instance::new());
    log_in(&mut world, &own).await;
    log_in(&mut world, &own).await;
    // The login that makes a workstation new shows nothing: it would tell whoever did it.
    log_in(&mut world, &new).await;
    let first_seen_at = world.now();
    for _ in 0..2 {
        let begun = arrive(&mut world, &own).await;
        assert_eq!(complete(&world, &begun).await, Err(UNSHOWN));
        let (news, _) = shown(&world, &begun).await;
        let expected = NewWorkstation {
            name: None,
            first_seen_at,
            is_this_one: false,
        };
        assert_eq!(news, [expected]);
    }
    let begun = arrive(&mut world, &own).await;
    let (_, digest) = shown(&world, &begun).await;
    acknowledge(&world, &begun, &digest).await.unwrap();
    assert!(complete(&world, &begun).await.is_ok());
    let event = world.event("agent_instance.acknowledged").await;
    assert!(event.details.contains(new.key.kid()), "{}", event.details);
    assert!(event.details.contains("\"for_good\":true"));
    for instance in [&own, &new, &own] {
        log_in(&mut world, instance).await;
    }
}

/// A login whose page of consent stood open when the card was used elsewhere: browser, and what the
/// page brings back.
async fn overtaken(world: &mut World) -> (Begun, String) {
    let begun = arrive(world, &Instance::new()).await;
    let asked = question(world, &begun).await.unwrap();
    let sub = world.event("login.accepted").await.sub.unwrap();
    let mut transaction = world.store.begin().await.unwrap();
    record_use(&mut transaction, &sub, ("elsewhere", None), world.now())
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    (begun, asked)
}

async fn asking_world() -> World {
    let mut settings = Settings::baseline();
    settings.config.clients[0].consent = ConsentPolicy::Explicit;
    settings.build().await
}

async fn question(world: &World, begun: &Begun) -> Result<String, &'static str> {
    let provider = &world.provider;
    let described = provider.describe_consent(&begun.request_id, begun.cookie());
    let described = described.await.map_err(|error| error.code())?;
    Ok(described.shown)
}

async fn consent(
    world: &World,
    begun: &Begun,
    question: &str,
    answer: ConsentAnswer,
) -> Result<ConsentedAuthorization, &'static str> {
    world
        .provider
        .answer_consent(&begun.request_id, begun.cookie(), None, question, answer)
        .await
        .map_err(|error| error.code())
}

/// The page of consent is no way around the notice: neither opened by its address, nor where it
/// stood open when the news came.
#[tokio::test]
async fn consent_gives_no_code_before_the_notice_is_answered() {
    let mut world = asking_world().await;
    let (begun, asked) = overtaken(&mut world).await;
    let allowed = consent(&world, &begun, &asked, ConsentAnswer::Allow).await;
    assert_eq!(allowed.unwrap_err(), UNSHOWN);
    assert_eq!(question(&world, &begun).await, Err(UNSHOWN));

    let (news, digest) = shown(&world, &begun).await;
    assert_eq!(news.len(), 1);
    acknowledge(&world, &begun, &digest).await.unwrap();
    let asked = question(&world, &begun).await.unwrap();
    let allowed = consent(&world, &begun, &asked, ConsentAnswer::Allow).await;
    assert!(matches!(allowed, Ok(ConsentedAuthorization::Allowed(_))));
}

/// Whoever refuses goes no further: what is new is shown at the next login.
#[tokio::test]
async fn a_no_is_taken_without_the_notice() {
    let mut world = asking_world().await;
    let (begun, asked) = overtaken(&mut world).await;
    let refused = consent(&world, &begun, &asked, ConsentAnswer::Refuse).await;
    assert!(matches!(
        refused,
        Ok(ConsentedAuthorization::Refused { .. })
    ));
    let instance = world.instance.clone();
    let begun = arrive(&mut world, &instance).await;
    assert_eq!(complete(&world, &begun).await, Err(UNSHOWN));
}

/// Whoever has card and PIN can also press the button, at the workstation of their own.
#[tokio::test]
async fn what_is_said_at_the_new_workstation_counts_there_alone() {
    let mut world = World::new().await;
    let (own, new, third) = (Instance::new(), Instance::new(), Instance::new());
    log_in(&mut world, &own).await;
    log_in(&mut world, &new).await;
    let begun = arrive(&mut world, &new).await;
    assert_eq!(complete(&world, &begun).await, Err(UNSHOWN));
    let (news, digest) = shown(&world, &begun).await;
    assert!(news[0].is_this_one);
    acknowledge(&world, &begun, &digest).await.unwrap();
    assert!(complete(&world, &begun).await.is_ok());
    let event = world.event("agent_instance.acknowledged").await;
    assert!(event.details.contains("\"for_good\":false"));
    log_in(&mut world, &new).await;
    // Nor does it speak for another new one.
    log_in(&mut world, &third).await;
    log_in(&mut world, &new).await;
    let begun = arrive(&mut world, &own).await;
    assert_eq!(complete(&world, &begun).await, Err(UNSHOWN));
    assert_eq!(shown(&world, &begun).await.0.len(), 2);
}

/// The workstations from before may be gone: somebody has to be told of the next one.
#[tokio::test]
async fn a_workstation_of_a_month_ago_is_a_known_one() {
    for (days, wanted) in [(29, 0), (30, 1)] {
        let mut world = World::new().await;
        let (own, older, next) = (Instance::new(), Instance::new(), Instance::new());
        log_in(&mut world, &own).await;
        let sub = world.event("login.accepted").await.sub.unwrap();
        let since = world.now() - Duration::days(days);
        let mut transaction = world.store.begin().await.unwrap();
        record_use(&mut transaction, &sub, (older.key.kid(), None), since)
            .await
            .unwrap();
        transaction.commit().await.unwrap();
        log_in(&mut world, &next).await;
        let begun = arrive(&mut world, &older).await;
        let (news, _) = shown(&world, &begun).await;
        let others = news.iter().filter(|news| !news.is_this_one).count();
        assert_eq!(others, wanted, "{days} days");
    }
}

#[tokio::test]
async fn an_answer_is_about_what_was_shown_to_this_browser_and_nothing_else() {
    let mut world = World::new().await;
    let (own, new) = (Instance::new(), Instance::new());
    log_in(&mut world, &own).await;
    log_in(&mut world, &new).await;
    let begun = arrive(&mut world, &own).await;
    let (_, digest) = shown(&world, &begun).await;
    let error = acknowledge(&world, &begun, "").await.unwrap_err();
    assert_eq!(error.code(), "provider.new_workstations_mismatch");
    let other = arrive(&mut world, &own).await;
    let error = acknowledge(&world, &other, &digest).await.unwrap_err();
    assert_eq!(error.code(), "provider.new_workstations_mismatch");
    let (_, digest) = shown(&world, &other).await;
    let foreign = world
        .provider
        .acknowledge_workstations(&other.request_id, "another cookie", &digest)
        .await
        .unwrap_err();
    assert_eq!(foreign.code(), "provider.login_cookie_mismatch");
    acknowledge(&world, &other, &digest).await.unwrap();
}

async fn deny(
    world: &World,
    begun: &Begun,
    shown: &str,
) -> Result<DeniedWorkstations, &'static str> {
    let denied = world
        .provider
        .deny_workstations(&begun.request_id, begun.cookie(), shown)
        .await;
    denied.map_err(|error| error.code())
}

/// Attack M3: what a stranger did with her card and PIN at his own workstation she takes out where
/// she is told of it, with his session; she goes on, and he does not. Nothing of it becomes known.
#[tokio::test]
async fn m3_what_was_not_her_is_taken_out_where_she_is_told_and_she_goes_on() {
    let mut world = World::new().await;
    let (own, strange) = (Instance::new(), Instance::new());
    log_in(&mut world, &own).await;
    log_in(&mut world, &strange).await;
    let begun = arrive(&mut world, &own).await;
    let (_, digest) = shown(&world, &begun).await;
    let refused = deny(&world, &begun, "another").await;
    assert_eq!(refused.unwrap_err(), "provider.new_workstations_mismatch");
    let denied = deny(&world, &begun, &digest).await.unwrap();
    assert!(!denied.is_over);
    // The stranger's session was over when the same card was shown here.
    assert!(denied.ended.is_empty());
    let event = world.event("agent_instance.revoked_by_owner").await;
    assert!(
        event.details.contains(strange.key.kid()),
        "{}",
        event.details
    );
    assert!(complete(&world, &begun).await.is_ok());
    world.instance = strange;
    world.pass(Duration::seconds(1));
    let refusal = world.refusal_of(|_| {}).await;
    assert_eq!(
        refusal,
        (
            "provider.instance_revoked_by_owner",
            "login.workstation_revoked"
        )
    );
}

/// Attack M3: nothing is taken out from itself, and the one that she sits at speaks for no other.
/// Her sessions there end all the same, this login among them.
#[tokio::test]
async fn m3_what_is_denied_at_the_new_workstation_ends_her_sessions_there_and_takes_none_out() {
    let mut world = World::new().await;
    let (own, new) = (Instance::new(), Instance::new());
    log_in(&mut world, &own).await;
    log_in(&mut world, &new).await;
    let begun = arrive(&mut world, &new).await;
    let (_, digest) = shown(&world, &begun).await;
    let denied = deny(&world, &begun, &digest).await.unwrap();
    assert!(denied.is_over);
    assert_eq!(denied.ended.len(), 2);
    assert_eq!(
        complete(&world, &begun).await,
        Err("provider.session_ended")
    );
    let begun = arrive(&mut world, &own).await;
    assert_eq!(shown(&world, &begun).await.0.len(), 1, "still asked about");
}

/// Attack M1: she need not call a stranger's workstation hers to reach the page where she takes it
/// out.
#[tokio::test]
async fn m1_her_account_page_opens_without_her_word_on_a_new_workstation() {
    let mut world = World::new().await;
    let (own, strange) = (Instance::new(), Instance::new());
    log_in(&mut world, &own).await;
    log_in(&mut world, &strange).await;
    world.pass(Duration::seconds(1));
    world.instance = own.clone();
    let login = world.provider.begin_account(None).await.unwrap();
    let begun = Begun {
        request_id: login.request_id,
        login_cookie: login.login_cookie,
    };
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap();
    world.present(&answer.presence_key).await;
    let location = complete(&world, &begun).await.unwrap();
    assert!(location.contains("/account/callback?"), "{location}");
    // It is still asked about on the way to a portal.
    let begun = arrive(&mut world, &own).await;
    assert_eq!(complete(&world, &begun).await, Err(UNSHOWN));
}
