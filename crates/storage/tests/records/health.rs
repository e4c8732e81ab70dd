use cardea_storage::health::{Amounts, count_amounts, find_schema_version, write_probe};
use cardea_storage::{Store, observe_commits};

use super::baseline::{after_seconds, start};
use super::databases::{committed, on_both};

#[tokio::test(flavor = "multi_thread")]
async fn a_database_says_that_it_writes_and_what_is_in_it() {
    observe_commits(|took| assert!(took.as_secs() < 600));
    on_both(async |store| {
        committed(&store, async |transaction| {
            write_probe(transaction, start()).await.unwrap();
            write_probe(transaction, after_seconds(5)).await.unwrap();
            let version = find_schema_version(transaction).await.unwrap();
            assert_eq!(version, Some(Store::schema_version()));
            let amounts = count_amounts(transaction).await.unwrap();
            assert_eq!(amounts, Amounts::default());
        })
        .await;
        let pools = store.pools();
        assert!(pools.iter().all(|pool| pool.open >= pool.idle));
        // Where the database has a clock of its own, it is read; here it is the same machine's.
        let clock = store.clock_millis().await.unwrap();
        assert_eq!(clock.is_some(), store.engine_name() == "postgresql");
    })
    .await;
}
