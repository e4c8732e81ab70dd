use cardea_storage::consent::{Consent, find, forget, forget_person, remember};

use super::baseline::{after_seconds, start, with_active_session};
use super::databases::{committed, on_both};
use super::retention::forget_logins;

fn a_yes(sub: &str, client_id: &str, covered: &str) -> Consent {
    Consent {
        sub: sub.to_owned(),
        client_id: client_id.to_owned(),
        covered: covered.to_owned(),
        given_at: start(),
        expires_at: after_seconds(1000),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_is_found_for_this_person_client_and_set_alone() {
    on_both(async |store| {
        let sub = with_active_session(&store).await.sub;
        committed(&store, async |transaction| {
            let yes = a_yes(&sub, "portal", "name title");
            remember(transaction, &yes).await.unwrap();
            for (who, client_id, covered, found) in [
                (sub.as_str(), "portal", "name title", true),
                (sub.as_str(), "portal", "name", false),
                (sub.as_str(), "portal", "name title card", false),
                (sub.as_str(), "other", "name title", false),
                ("somebody", "portal", "name title", false),
            ] {
                let consent = find(transaction, who, client_id, covered).await.unwrap();
                assert_eq!(consent, found.then(|| yes.clone()), "{client_id} {covered}");
            }
            let later = Consent {
                given_at: after_seconds(500),
                expires_at: after_seconds(1500),
                ..yes
            };
            remember(transaction, &later).await.unwrap();
            let consent = find(transaction, &sub, "portal", "name title").await;
            assert_eq!(consent.unwrap(), Some(later));
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_is_forgotten_for_a_client_for_a_person_and_by_time() {
    on_both(async |store| {
        let sub = with_active_session(&store).await.sub;
        committed(&store, async |transaction| {
            for (client_id, covered) in [("a", "name"), ("a", "title"), ("b", "name")] {
                let yes = a_yes(&sub, client_id, covered);
                remember(transaction, &yes).await.unwrap();
            }
            assert_eq!(forget(transaction, &sub, "a").await.unwrap(), 2);
            assert_eq!(forget(transaction, &sub, "a").await.unwrap(), 0);
            assert_eq!(forget_person(transaction, &sub).await.unwrap(), 1);
            remember(transaction, &a_yes(&sub, "a", "name"))
                .await
                .unwrap();
        })
        .await;
        forget_logins(&store, 1000).await;
        committed(&store, async |transaction| {
            let kept = find(transaction, &sub, "a", "name").await.unwrap();
            assert!(kept.is_some());
        })
        .await;
        forget_logins(&store, 1001).await;
        committed(&store, async |transaction| {
            let gone = find(transaction, &sub, "a", "name").await.unwrap();
            assert_eq!(gone, None);
        })
        .await;
    })
    .await;
}
