//! Proposals that take two operators: one open one of each change, decided once.

use cardea_storage::approval::{self, Approval, ApprovalState};
use time::Duration;

use super::baseline::{after_seconds, start};
use super::databases::{committed, on_both};

fn proposal(id: &str, target: &str) -> Approval {
    Approval {
        id: id.to_owned(),
        target: target.to_owned(),
        change: "{}".to_owned(),
        proposed_by: "{\"uid\":0}".to_owned(),
        proposer: None,
        proposed_at: start(),
        expires_at: start() + Duration::hours(24),
        state: ApprovalState::Open,
        decided_by: None,
        decided_at: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proposal_is_taken_over_and_decided_once() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            let new = proposal("one", "stop a");
            assert!(approval::insert(transaction, &new).await.unwrap());
            let found = approval::find(transaction, "one").await.unwrap();
            assert_eq!(found, Some(new.clone()));
            let same = proposal("two", "stop a");
            assert!(!approval::insert(transaction, &same).await.unwrap());
            let other = proposal("three", "stop b");
            assert!(approval::insert(transaction, &other).await.unwrap());
            for (by, is_taken) in [("anne", true), ("marc", false)] {
                let taken = approval::take_over(transaction, "one", by).await.unwrap();
                assert_eq!(taken, is_taken, "{by}");
            }
            let open = approval::list_open(transaction, 10).await.unwrap();
            let ids: Vec<_> = open.iter().map(|it| it.id.as_str()).collect();
            assert_eq!(ids, ["one", "three"]);
            assert_eq!(open[0].proposer.as_deref(), Some("anne"));
            let confirmed = ApprovalState::Confirmed;
            for is_decided in [true, false] {
                let at = after_seconds(5);
                let decided = approval::decide(transaction, "one", confirmed, Some("marc"), at);
                assert_eq!(decided.await.unwrap(), is_decided);
            }
            assert!(!approval::take_over(transaction, "one", "x").await.unwrap());
            let decided = approval::list_decided(transaction, 10).await.unwrap();
            assert_eq!(decided.len(), 1);
            assert_eq!(decided[0].state, confirmed);
            assert_eq!(decided[0].decided_at, Some(after_seconds(5)));
            assert_eq!(decided[0].decided_by.as_deref(), Some("marc"));
            // What is decided stands in nobody's way.
            assert!(approval::insert(transaction, &same).await.unwrap());
            approval::delete_decided_before(transaction, after_seconds(5))
                .await
                .unwrap();
            assert_eq!(
                approval::list_decided(transaction, 10).await.unwrap().len(),
                1
            );
            approval::delete_decided_before(transaction, after_seconds(6))
                .await
                .unwrap();
            assert!(
                approval::list_decided(transaction, 10)
                    .await
                    .unwrap()
                    .is_empty()
            );
            assert_eq!(approval::list_open(transaction, 10).await.unwrap().len(), 2);
        })
        .await;
    })
    .await;
}
