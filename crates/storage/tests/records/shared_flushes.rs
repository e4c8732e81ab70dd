use cardea_storage::Store;
use cardea_storage::spent_jti::{Spending, spend};

use super::baseline::start;
use super::databases::sqlite;

/// More commits than the log is folded into the file after, several times over.
const COMMITS: usize = 1_500;

async fn spend_one(store: &Store, name: &str) -> Spending {
    let mut transaction = store.begin().await.unwrap();
    let spending = spend(&mut transaction, name, start()).await.unwrap();
    transaction.commit().await.unwrap();
    spending
}

/// What a commit has said is there is in the file and its log, as another program finds them.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_side_by_side_is_in_the_files_when_the_commits_return() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(&folder).await;
    let tasks: Vec<_> = (0..64)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { spend_one(&store, &format!("jti-{number}")).await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), Spending::First);
    }
    let copy = tempfile::tempdir().unwrap();
    for name in ["cardea.sqlite", "cardea.sqlite-wal"] {
        let to = copy.path().join(name);
        std::fs::copy(folder.path().join(name), &to).unwrap();
    }
    let found = sqlite(&copy).await;
    for number in 0..64 {
        let again = spend_one(&found, &format!("jti-{number}")).await;
        assert_eq!(again, Spending::Repeated, "{number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_begins_again_and_nothing_is_lost_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(&folder).await;
    let log = folder.path().join("cardea.sqlite-wal");
    let mut longest = 0;
    for number in 0..COMMITS {
        let mut transaction = store.begin().await.unwrap();
        let name = format!("jti-{number}");
        spend(&mut transaction, &name, start()).await.unwrap();
        // Every tenth is durable at once; the others come with it.
        match number % 10 {
            0 => transaction.commit().await.unwrap(),
            _ => transaction.commit_with_the_next().await.unwrap(),
        }
        longest = longest.max(log.metadata().unwrap().len());
    }
    store.settle().await.unwrap();
    store.close().await;
    assert!(
        !log.exists(),
        "the log is folded in when the database closes"
    );
    let found = sqlite(&folder).await;
    for number in 0..COMMITS {
        let again = spend_one(&found, &format!("jti-{number}")).await;
        assert_eq!(again, Spending::Repeated, "{number}");
    }
    assert!(longest > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_database_says_that_it_does_not_answer() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(&folder).await;
    store.close().await;
    assert_eq!(
        store.begin().await.unwrap_err().code(),
        "storage.unavailable"
    );
    let refused = store.begin_read().await.unwrap_err();
    assert_eq!(refused.code(), "storage.unavailable");
}
