//! What a stranger who knows the id of a public client can make (attack H9).

use time::Duration;

use super::*;

#[tokio::test]
async fn unanswered_challenges_of_a_client_are_bounded_and_make_room_by_themselves() {
    let world = world().await;
    for _ in 0..2_000 {
        world.grant_challenge(SOFTWARE).await;
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
    world.pass(Duration::seconds(180));
    let asked = TokenParameters::default();
    assert!(world.grant_challenge_for(SOFTWARE, asked).await.is_err());
    world.pass(Duration::seconds(1));
    world.grant_challenge(SOFTWARE).await;
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
