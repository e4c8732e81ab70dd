//! Workstations: what each is to its person and to operators, what portals ask for, and how a
//! revocation ends what runs there.

mod account;
mod own;

use cardea_provider::{
    AgentlessLogin, EndReason, InstancePolicy, PresenceOutcome, TrustedInstances,
};
use time::Duration;

use super::world::{Begun, Instance, PORTAL, SECOND, Settings, World, query_value};

const NOT_KNOWN: (&str, &str) = ("provider.instance_not_known", "login.workstation_not_known");
const NOT_MANAGED: (&str, &str) = (
    "provider.instance_not_managed",
    "login.workstation_not_managed",
);
const REVOKED: (&str, &str) = ("provider.instance_revoked", "login.workstation_revoked");
const REVOKED_BY_OWNER: (&str, &str) = (
    "provider.instance_revoked_by_owner",
    "login.workstation_revoked",
);

/// The first portal asks for something; the second lets any in.
fn asking(policy: InstancePolicy) -> Settings {
    let mut settings = Settings::refreshing();
    settings.client(PORTAL).instances = policy;
    settings
}

fn operator(world: &World) -> TrustedInstances {
    TrustedInstances::new(world.records())
}

/// A login at a workstation up to the notice; what is news there is said to be hers, which counts
/// there alone where she is not known. How many were news.
async fn acknowledge_news(
    world: &mut World,
    instance: &Instance,
    client_id: &str,
) -> (Begun, usize) {
    world.instance = instance.clone();
    world.pass(Duration::seconds(1));
    let begun = world.begin(client_id).await;
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap();
    world.present(&answer.presence_key).await;
    let provider = &world.provider;
    let (id, cookie) = (&begun.request_id, begun.cookie());
    let news = provider.describe_new_workstations(id, cookie).await;
    let news = news.unwrap();
    let acknowledged = provider.acknowledge_workstations(id, cookie, &news.shown);
    acknowledged.await.unwrap();
    (begun, news.workstations.len())
}

/// A login at a workstation, up to the redirect.
async fn log_in_at(world: &mut World, instance: &Instance, client_id: &str) {
    let (begun, _) = acknowledge_news(world, instance, client_id).await;
    let (id, cookie) = (&begun.request_id, begun.cookie());
    let refused = world.provider.describe_refused_uses(id, cookie).await;
    let refused = refused.unwrap();
    if !refused.uses.is_empty() {
        let provider = &world.provider;
        let acknowledged = provider.acknowledge_refused_uses(id, cookie, &refused.shown);
        acknowledged.await.unwrap();
    }
    let completed = world
        .provider
        .complete_authorization(id, cookie, None)
        .await;
    completed.unwrap();
}

async fn refused_at(world: &mut World, instance: &Instance) -> (&'static str, &'static str) {
    world.instance = instance.clone();
    world.pass(Duration::seconds(1));
    world.refusal_of(|_| {}).await
}

/// At a workstation that she has used before she says that the others are hers.
async fn acknowledge_at(world: &mut World, instance: &Instance) {
    let (_, news) = acknowledge_news(world, instance, SECOND).await;
    assert!(news > 0);
}

/// Attack M1: the very first workstation of a person is hers; a second one is once she has said so
/// at the first, whatever she says at the second: whoever has her card and PIN could say it there
/// as well.
#[tokio::test]
async fn a_second_workstation_is_known_once_she_has_confirmed_it_at_the_first() {
    let mut world = asking(InstancePolicy::Known).build().await;
    let (own, new) = (Instance::new(), Instance::new());
    log_in_at(&mut world, &own, PORTAL).await;
    assert_eq!(refused_at(&mut world, &new).await, NOT_KNOWN);
    // Not by a login where any is let in, either; nor by being refused again.
    log_in_at(&mut world, &new, SECOND).await;
    assert_eq!(refused_at(&mut world, &new).await, NOT_KNOWN);
    acknowledge_at(&mut world, &own).await;
    log_in_at(&mut world, &new, PORTAL).await;
}

/// The refusal itself is what she is told of at the workstation where she is known.
#[tokio::test]
async fn a_refused_workstation_is_announced_and_on_record_with_its_person() {
    let mut world = asking(InstancePolicy::Known).build().await;
    let (own, new) = (Instance::new(), Instance::new());
    log_in_at(&mut world, &own, PORTAL).await;
    let sub = world.event("login.accepted").await.sub;
    assert_eq!(refused_at(&mut world, &new).await, NOT_KNOWN);
    for kind in ["agent_instance.refused", "agent_instance.first_used"] {
        let event = world.event(kind).await;
        assert_eq!(event.sub, sub, "{kind}");
        assert_eq!(event.client_id.as_deref(), Some(PORTAL), "{kind}");
        assert!(event.details.contains(new.key.kid()), "{kind}");
    }
    let refused = world.event("agent_instance.refused").await;
    assert_eq!(refused.code.as_deref(), Some(NOT_KNOWN.0));
    // Known without another login there: the notice was enough.
    acknowledge_at(&mut world, &own).await;
    log_in_at(&mut world, &new, PORTAL).await;
}

/// Attack M2.
#[tokio::test]
async fn a_managed_portal_lets_in_what_an_operator_trusts_and_nothing_else() {
    let mut world = asking(InstancePolicy::Managed).build().await;
    let (own, managed) = (Instance::new(), Instance::new());
    // A refused login makes nothing known, not even the very first.
    assert_eq!(refused_at(&mut world, &own).await, NOT_MANAGED);
    log_in_at(&mut world, &own, SECOND).await;
    assert_eq!(refused_at(&mut world, &own).await, NOT_MANAGED);
    let instances = operator(&world);
    let jkt = managed.key.kid();
    let trusted = instances.trust(jkt, "Comptoir 2", Some("room 12")).await;
    assert_eq!(
        trusted.unwrap().decision.unwrap().standing.as_str(),
        "managed"
    );
    log_in_at(&mut world, &managed, PORTAL).await;
    let event = world.event("agent_instance.trusted").await;
    assert!(event.details.contains("\"uid\":0") && event.details.contains(jkt));
    instances.forget(jkt).await.unwrap();
    assert_eq!(refused_at(&mut world, &managed).await, NOT_MANAGED);
    let again = instances.forget(jkt).await.unwrap_err();
    assert_eq!(again.code(), "provider.instance_undecided");
}

#[tokio::test]
async fn known_portals_let_managed_workstations_in() {
    let mut world = asking(InstancePolicy::Known).build().await;
    let (own, managed) = (Instance::new(), Instance::new());
    log_in_at(&mut world, &own, PORTAL).await;
    let trusted = operator(&world)
        .trust(managed.key.kid(), "Comptoir", None)
        .await;
    trusted.unwrap();
    log_in_at(&mut world, &managed, PORTAL).await;
}

/// Attack M4: sessions end with their codes and tokens, and their portals are told, in one
/// transaction.
#[tokio::test]
async fn a_workstation_that_an_operator_revokes_signs_nobody_in_anywhere() {
    let mut world = Settings::refreshing().build().await;
    let (own, other) = (Instance::new(), Instance::new());
    log_in_at(&mut world, &own, SECOND).await;
    log_in_at(&mut world, &other, PORTAL).await;
    let instances = operator(&world);
    world.told().await;
    let (_, ended) = instances.revoke(other.key.kid(), None).await.unwrap();
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0].reason, EndReason::WorkstationRevoked);
    assert_eq!(world.told().await, [PORTAL]);
    let event = world.event("agent_instance.revoked_by_operator").await;
    assert!(
        event.details.contains("\"sessions_ended\":1"),
        "{}",
        event.details
    );
    let event = world.event("session.ended").await;
    assert_eq!(event.code.as_deref(), Some("workstation_revoked"));
    assert_eq!(refused_at(&mut world, &other).await, REVOKED);
    log_in_at(&mut world, &own, PORTAL).await;
    // Trusted again, it is let in again.
    instances
        .trust(other.key.kid(), "Comptoir", None)
        .await
        .unwrap();
    log_in_at(&mut world, &other, PORTAL).await;
}

/// Attack M4: on PostgreSQL neither of two transactions may see the other: the presence key's
/// answer looks again.
#[tokio::test]
async fn a_session_that_begins_during_the_revocation_never_becomes_active() {
    let world = World::new().await;
    let begun = world.begin(PORTAL).await;
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap();
    // As if the revocation had not seen the session: its row alone.
    let mut transaction = world.store.begin().await.unwrap();
    let decision = cardea_storage::instance_standing::InstanceDecision {
        instance_jkt: world.instance.key.kid().to_owned(),
        standing: cardea_provider::DecidedStanding::Revoked,
        name: None,
        note: None,
        decided_at: world.now(),
    };
    let decided = cardea_storage::instance_standing::decide(&mut transaction, &decision);
    decided.await.unwrap();
    transaction.commit().await.unwrap();
    let outcome = world.present(&answer.presence_key).await;
    let PresenceOutcome::Ended { reason, .. } = outcome else {
        panic!("it has become active");
    };
    assert_eq!(reason, Some(EndReason::WorkstationRevoked));
}

/// Attack M5: a client that asks for more than it did when the session began.
#[tokio::test]
async fn silent_answers_and_refreshes_end_where_a_portal_asks_for_more() {
    let mut world = Settings::refreshing().build().await;
    let (own, new) = (Instance::new(), Instance::new());
    log_in_at(&mut world, &own, PORTAL).await;
    world.instance = new;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let cookie = completed.session_cookie.expose();
    let tokens = world.redeem(&completed.location).await.unwrap();
    let refresh_token = tokens.refresh_token.unwrap();
    world.silently(PORTAL, Some(cookie)).await;
    let stricter = world.restarted_with(asking(InstancePolicy::Known));
    let asked = super::world::parameters(PORTAL);
    let begun = stricter
        .provider
        .begin_authorization(asked, Some(cookie))
        .await;
    assert!(matches!(
        begun.unwrap(),
        cardea_provider::BegunAuthorization::Login { .. }
    ));
    let refused = stricter.refresh(PORTAL, &refresh_token).await.unwrap_err();
    assert_eq!(refused.code(), "provider.refresh_token_not_admitted");
}

/// The portal learns why, by our own code, once the person goes back to it.
#[tokio::test]
async fn the_portal_of_a_refused_login_is_told_which_rule_it_was() {
    let mut world = asking(InstancePolicy::Known).build().await;
    let own = Instance::new();
    log_in_at(&mut world, &own, PORTAL).await;
    world.instance = Instance::new();
    let begun = world.begin(PORTAL).await;
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap_err();
    let cancelled = world
        .provider
        .cancel_login(&begun.request_id, begun.cookie());
    let location = cancelled.await.unwrap().response.location();
    let value = |name| query_value(&location, name).unwrap();
    assert_eq!(value("error"), "access_denied");
    assert!(value("error_uri").ends_with("/errors/provider.instance_not_known"));
}

#[tokio::test]
async fn what_an_operator_writes_is_bounded() {
    let world = World::new().await;
    let instances = operator(&world);
    let jkt = world.instance.key.kid();
    for (thumbprint, name, note, code) in [
        (
            "not-a-thumbprint",
            "Comptoir",
            None,
            "provider.instance_thumbprint_malformed",
        ),
        (jkt, " ", None, "provider.instance_text_invalid"),
        (jkt, "Comptoir\n2", None, "provider.instance_text_invalid"),
        (
            jkt,
            "Comptoir",
            Some("n".repeat(501)),
            "provider.instance_text_invalid",
        ),
    ] {
        let refused = instances.trust(thumbprint, name, note.as_deref()).await;
        assert_eq!(refused.unwrap_err().code(), code);
    }
    assert!(
        instances
            .trust(jkt, "Comptoir", Some(&"n".repeat(500)))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_registration_that_contradicts_itself_is_refused() {
    let mut settings = asking(InstancePolicy::Known);
    let portal = settings.client(PORTAL).clone();
    portal.check().unwrap();
    settings.client(PORTAL).agentless = AgentlessLogin::Allowed;
    let refused = settings.client(PORTAL).check().unwrap_err();
    assert!(
        refused.to_string().contains("instances must be any"),
        "{refused}"
    );
}
