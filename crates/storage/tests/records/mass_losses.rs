use cardea_storage::mass_loss::{MassLoss, begin, end, find, note_seen};

use super::baseline::{after_seconds, start};
use super::databases::{committed, on_both};

#[tokio::test(flavor = "multi_thread")]
async fn a_loss_is_begun_and_ended_by_one_node() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            assert_eq!(find(transaction).await.unwrap(), None);
            assert!(begin(transaction, start()).await.unwrap());
            assert!(!begin(transaction, after_seconds(2)).await.unwrap());
            note_seen(transaction, after_seconds(9)).await.unwrap();
            let loss = MassLoss {
                began_at: start(),
                last_seen_at: after_seconds(9),
            };
            assert_eq!(find(transaction).await.unwrap(), Some(loss));
            assert!(end(transaction).await.unwrap());
            assert!(!end(transaction).await.unwrap());
            assert_eq!(find(transaction).await.unwrap(), None);
        })
        .await;
    })
    .await;
}
