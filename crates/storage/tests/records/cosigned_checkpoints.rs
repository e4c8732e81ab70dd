use cardea_storage::Store;
use cardea_storage::ledger::{Checkpoint, keep_cosigned, list_checkpoints, newest_cosigned};

use super::databases::on_both;

const SINCE: i64 = 3_600;

async fn keep(store: &Store, size: u64, cosignatures: u32, made_at: i64) {
    let checkpoint = Checkpoint {
        size,
        note: format!("note of {size}"),
        made_at,
    };
    let mut writing = store.begin().await.unwrap();
    keep_cosigned(&mut writing, &checkpoint, cosignatures, SINCE)
        .await
        .unwrap();
    writing.commit().await.unwrap();
}

async fn cosigned(store: &Store, cosignatures_min: u32) -> Option<u64> {
    let mut reading = store.begin_read().await.unwrap();
    let newest = newest_cosigned(&mut reading, cosignatures_min);
    newest.await.unwrap().map(|it| it.size)
}

async fn sizes(store: &Store) -> Vec<u64> {
    let mut reading = store.begin_read().await.unwrap();
    let listed = list_checkpoints(&mut reading, 0, 100).await.unwrap();
    listed.iter().map(|it| it.size).collect()
}

/// Of two witnesses one falls silent: what both have cosigned stays until both have signed more.
#[tokio::test(flavor = "multi_thread")]
async fn what_more_witnesses_have_cosigned_stays_until_as_many_have_signed_more() {
    on_both(async |store| {
        keep(&store, 5, 2, SINCE - 1).await;
        keep(&store, 10, 2, SINCE).await;
        keep(&store, 11, 1, SINCE + 1).await;
        assert_eq!(cosigned(&store, 2).await, Some(10));
        assert_eq!(cosigned(&store, 1).await, Some(11));
        keep(&store, 12, 1, SINCE + 2).await;
        assert_eq!(cosigned(&store, 2).await, Some(10));
        assert_eq!(sizes(&store).await, [5, 10, 12]);
        keep(&store, 13, 2, SINCE + 3).await;
        assert_eq!(cosigned(&store, 2).await, Some(13));
        assert_eq!(sizes(&store).await, [5, 13]);
    })
    .await;
}
