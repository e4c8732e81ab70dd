use std::os::unix::fs::PermissionsExt as _;

use cardea_storage::Store;
use cardea_storage::subject::{PersonId, load_or_create};

use super::baseline::start;
use super::databases::{committed, sqlite};

#[tokio::test(flavor = "multi_thread")]
async fn the_file_is_created_for_its_owner_alone_with_a_write_ahead_log() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(&folder).await;
    store.ping().await.unwrap();
    for name in ["cardea.sqlite", "cardea.sqlite-wal", "cardea.sqlite-shm"] {
        let metadata = folder.path().join(name).metadata().unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_there_after_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let person = PersonId {
        scheme: "rpps",
        value: "899700000001",
    };
    for sub_if_new in ["first", "second"] {
        let store = sqlite(&folder).await;
        let sub = committed(&store, async |transaction| {
            load_or_create(transaction, person, sub_if_new, start())
                .await
                .unwrap()
        })
        .await;
        assert_eq!(sub, "first");
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_others_can_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("open.sqlite");
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = Store::open(&format!("sqlite://{}", path.display()))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "storage.file_not_private");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text.sqlite");
    std::fs::write(
        &path,
        "this is a text of more than a hundred bytes\n".repeat(9),
    )
    .unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let error = Store::open(&format!("sqlite://{}", path.display()))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "storage.unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_urls_and_parameters_are_refused() {
    for url in [
        "mysql://localhost/x",
        "sqlite://",
        "sqlite::memory:",
        "sqlite:///x?mode=ro",
        "",
    ] {
        let error = Store::open(url).await.unwrap_err();
        assert_eq!(error.code(), "storage.url_invalid", "{url}");
    }
}

/// Each is a process of its own to SQLite: its locks are on the open file.
#[tokio::test(flavor = "multi_thread")]
async fn several_that_start_first_on_one_file_all_start() {
    for _ in 0..4 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cardea.sqlite");
        let url = format!("sqlite://{}", path.display());
        let starting: Vec<_> = (0..4)
            .map(|_| {
                let url = url.clone();
                tokio::spawn(async move { Store::open(&url).await.map(drop) })
            })
            .collect();
        for started in starting {
            started.await.unwrap().unwrap();
        }
    }
}
