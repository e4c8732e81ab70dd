use std::fs;

use super::{Flushes, Place};

fn started() -> (tempfile::TempDir, Flushes) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    fs::write(&log, "").unwrap();
    let flushes = Flushes::start(&log).unwrap();
    (folder, flushes)
}

#[tokio::test]
async fn a_commit_is_durable_with_a_flush_that_began_after_it() {
    let (_folder, flushes) = started();
    let at = flushes.begin_commit(Place::BeforeItIsSeen);
    assert_eq!(flushes.visible(), at);
    flushes.end_commit(at);
    flushes.wait(at).await.unwrap();
}

#[tokio::test]
async fn a_commit_that_is_still_running_is_not_served_by_a_flush() {
    let (_folder, flushes) = started();
    let first = flushes.begin_commit(Place::BeforeItIsSeen);
    flushes.end_commit(first);
    let second = flushes.begin_commit(Place::BeforeItIsSeen);
    // A reader that may have seen the second one asks before the writer knows that it is over.
    let early = async {
        flushes.wait(flushes.visible()).await.unwrap();
        flushes.commits()
    };
    let writer = async {
        flushes.wait(first).await.unwrap();
        assert_eq!(flushes.commits(), first);
        flushes.end_commit(second);
        flushes.wait(second).await.unwrap();
    };
    let (seen, ()) = tokio::join!(early, writer);
    assert_eq!(seen, second);
}

#[tokio::test]
async fn what_may_come_with_the_next_keeps_no_reader_waiting_and_is_taken_along() {
    let (_folder, flushes) = started();
    let relaxed = flushes.begin_commit(Place::WithTheNext);
    flushes.end_commit(relaxed);
    assert_eq!(flushes.visible(), 0);
    flushes.wait(flushes.visible()).await.unwrap();
    let strict = flushes.begin_commit(Place::BeforeItIsSeen);
    flushes.end_commit(strict);
    flushes.wait(strict).await.unwrap();
    flushes.wait(relaxed).await.unwrap();
}

#[tokio::test]
async fn after_a_log_that_is_gone_nothing_counts_as_durable() {
    let (folder, flushes) = started();
    fs::remove_file(folder.path().join("log")).unwrap();
    for _ in 0..2 {
        let at = flushes.begin_commit(Place::BeforeItIsSeen);
        flushes.end_commit(at);
        let error = flushes.wait(at).await.unwrap_err();
        assert_eq!(error.code(), "storage.unavailable");
    }
}
