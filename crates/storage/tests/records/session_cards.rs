use cardea_storage::session_card::{DueCard, insert, is_due, put_off, take_due};
use cardea_storage::{Transaction, session};
use time::OffsetDateTime;

use super::baseline::{after_seconds, start, with_active_session};
use super::databases::{committed, on_both};

async fn taken(transaction: &mut Transaction, at: OffsetDateTime) -> Vec<DueCard> {
    take_due(transaction, at, at + time::Duration::seconds(900), 8)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_is_taken_once_when_it_is_due_and_forgotten_with_its_session() {
    on_both(async |store| {
        with_active_session(&store).await;
        committed(&store, async |transaction| {
            let due = after_seconds(60);
            let card = ("card", "[]");
            insert(transaction, "session", card, due).await.unwrap();
            assert!(!is_due(transaction, after_seconds(59)).await.unwrap());
            assert!(taken(transaction, after_seconds(59)).await.is_empty());
            assert!(is_due(transaction, due).await.unwrap());
            let card = DueCard {
                session_id: "session".to_owned(),
                chain: "[]".to_owned(),
            };
            assert_eq!(taken(transaction, due).await, [card]);
            assert!(taken(transaction, due).await.is_empty(), "another node's");
            put_off(transaction, "session", after_seconds(100))
                .await
                .unwrap();
            assert!(!is_due(transaction, after_seconds(99)).await.unwrap());
            assert!(is_due(transaction, after_seconds(100)).await.unwrap());
            session::end(transaction, "session", "departed", start())
                .await
                .unwrap();
            assert!(!is_due(transaction, after_seconds(100)).await.unwrap());
        })
        .await;
    })
    .await;
}
