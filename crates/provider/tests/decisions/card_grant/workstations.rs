//! Grants are held to the workstation as logins are, and name it.

use cardea_assertion::GrantAttestationClaims;
use cardea_provider::InstancePolicy;
use cardea_storage::agent_instance::find;

use super::{SOFTWARE, settings};
use crate::decisions::world::Instance;

/// Attack M5.
#[tokio::test]
async fn a_grant_from_a_workstation_that_the_client_does_not_let_in_is_refused() {
    let mut settings = settings();
    settings.client(SOFTWARE).instances = InstancePolicy::Known;
    let world = settings.build().await;
    // Her very first workstation is hers.
    let grant = world.grant(SOFTWARE).await;
    world.accept_as(SOFTWARE, &grant).await.unwrap();
    let mut elsewhere = world.grant(SOFTWARE).await;
    elsewhere.instance = Instance::new();
    elsewhere.claims.instance_jkt = elsewhere.instance.key.kid().to_owned();
    let refused = world.accept_as(SOFTWARE, &elsewhere).await.unwrap_err();
    assert_eq!(refused.code(), "provider.instance_not_known");
    let event = world.event("agent_instance.refused").await;
    assert_eq!(event.client_id.as_deref(), Some(SOFTWARE));
}

#[tokio::test]
async fn a_grant_carries_the_name_of_its_workstation() {
    let world = super::world().await;
    let grant = world.grant(SOFTWARE).await;
    let (statement, _) = grant.sign();
    let attestation = GrantAttestationClaims::new(&statement, grant.claims.uv)
        .named(Some("Comptoir 2".to_owned()))
        .sign(&grant.instance.key)
        .unwrap();
    let texts = (statement.as_str(), attestation.as_str());
    world.accept_texts(SOFTWARE, &grant, texts).await.unwrap();
    let sub = world.event("card_grant.accepted").await.sub.unwrap();
    let mut transaction = world.store.begin_read().await.unwrap();
    let found = find(&mut transaction, &sub, grant.instance.key.kid())
        .await
        .unwrap();
    assert_eq!(found.unwrap().name.as_deref(), Some("Comptoir 2"));
}
