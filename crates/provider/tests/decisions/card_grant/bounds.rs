//! What a stranger who knows the id of a public client can make (attack H9).

use time::Duration;

use super::*;

#[tokio::test]
async fn challenges_of_a_client_are_bounded_answered_or_not_and_make_room_by_themselves() {
    let world = world().await;
    for number in 0..4_500 {
        let challenge = world.grant_challenge(SOFTWARE).await;
        if number % 100 == 0 {
            let mut junk = world.grant_for(&challenge);
            junk.claims.nonce = "junk".to_owned();
            world.accept_as(SOFTWARE, &junk).await.unwrap_err();
        }
    }
    let asked = TokenParameters::default();
    let error = world
        .grant_challenge_for(SOFTWARE, asked)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "provider.card_grant_challenge_limit_reached");
    assert_eq!(error.oauth_error().as_str(), "temporarily_unavailable");
    // Another client's software is not kept from its card.
    world.grant_challenge(OTHER).await;
    world.pass(Duration::seconds(119));
    let asked = TokenParameters::default();
    assert!(world.grant_challenge_for(SOFTWARE, asked).await.is_err());
    world.pass(Duration::seconds(1));
    world.grant_challenge(SOFTWARE).await;
    // Five minutes later they are gone, those that were answered too.
    let (mut rows, mut calls) = (0, 0);
    world.pass(Duration::minutes(5));
    assert_eq!(world.provider.forget_ended().await.unwrap(), 0);
    world.pass(Duration::SECOND);
    while rows < 4_501 {
        rows += world.provider.forget_ended().await.unwrap();
        calls += 1;
    }
    assert_eq!((rows, calls), (4_501, 10));
}

#[tokio::test]
async fn a_challenge_is_for_a_scope_and_resources_of_the_registration() {
    let world = world().await;
    let cases = [
        (Some("openid email"), None, "provider.scope_not_allowed"),
        (Some("offline_access"), None, "provider.scope_not_allowed"),
        (Some(" "), None, "provider.scope_not_allowed"),
        (
            None,
            Some("https://other.example.fr"),
            "provider.resource_not_allowed",
        ),
    ];
    for (scope, resource, code) in cases {
        let asked = TokenParameters {
            scope: scope.map(str::to_owned),
            resource: resource.map(str::to_owned).into_iter().collect(),
            ..TokenParameters::default()
        };
        let rows = world.events().await.len();
        let error = world
            .grant_challenge_for(SOFTWARE, asked)
            .await
            .unwrap_err();
        assert_eq!(error.code(), code, "{scope:?} {resource:?}");
        world.take_note(rows).await;
    }
}
