use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};

use super::{COMPANY, Flushes, Haste, Place};
use crate::hooks::Hooks;

const LONG: Duration = Duration::from_secs(30);

fn started() -> (tempfile::TempDir, Flushes) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    fs::write(&log, "").unwrap();
    let flushes = Flushes::start(&log).unwrap();
    (folder, flushes)
}

async fn wait(flushes: &Flushes, at: u64) -> Result<(), crate::Error> {
    flushes.wait(at, Haste::Commit, Hooks::default()).await
}

#[tokio::test]
async fn a_commit_is_durable_with_a_flush_that_began_after_it() {
    let (_folder, flushes) = started();
    let at = flushes.begin_commit(Place::BeforeItIsSeen);
    assert_eq!(flushes.visible(), at);
    flushes.end_commit(at);
    wait(&flushes, at).await.unwrap();
}

#[tokio::test]
async fn a_commit_that_is_still_running_is_not_served_by_a_flush() {
    let (_folder, flushes) = started();
    let first = flushes.begin_commit(Place::BeforeItIsSeen);
    flushes.end_commit(first);
    let second = flushes.begin_commit(Place::BeforeItIsSeen);
    // A reader that may have seen the second one asks before the writer knows that it is over.
    let early = async {
        wait(&flushes, flushes.visible()).await.unwrap();
        flushes.commits()
    };
    let writer = async {
        wait(&flushes, first).await.unwrap();
        assert_eq!(flushes.commits(), first);
        flushes.end_commit(second);
        wait(&flushes, second).await.unwrap();
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
    wait(&flushes, flushes.visible()).await.unwrap();
    let strict = flushes.begin_commit(Place::BeforeItIsSeen);
    flushes.end_commit(strict);
    wait(&flushes, strict).await.unwrap();
    wait(&flushes, relaxed).await.unwrap();
}

#[tokio::test]
async fn after_a_log_that_is_gone_nothing_counts_as_durable() {
    let (folder, flushes) = started();
    fs::remove_file(folder.path().join("log")).unwrap();
    for _ in 0..2 {
        let at = flushes.begin_commit(Place::BeforeItIsSeen);
        flushes.end_commit(at);
        let error = wait(&flushes, at).await.unwrap_err();
        assert_eq!(error.code(), "storage.flush_failed");
    }
    timeout(LONG, flushes.failure()).await.unwrap();
}

#[tokio::test]
async fn a_log_that_was_replaced_is_not_flushed_in_its_place() {
    let (folder, flushes) = started();
    let log = folder.path().join("log");
    // The old one is still there, by another name.
    fs::rename(&log, folder.path().join("elsewhere")).unwrap();
    fs::write(&log, "").unwrap();
    let at = flushes.begin_commit(Place::BeforeItIsSeen);
    flushes.end_commit(at);
    let error = wait(&flushes, at).await.unwrap_err();
    assert_eq!(error.code(), "storage.flush_failed");
}

/// Work that counts when it is done.
fn counting(done: &Arc<AtomicUsize>) -> Hooks {
    let (mut hooks, done) = (Hooks::default(), Arc::clone(done));
    hooks.push(move || {
        done.fetch_add(1, Ordering::SeqCst);
    });
    hooks
}

async fn until(done: &AtomicUsize, number: usize) {
    let reached = async {
        while done.load(Ordering::SeqCst) < number {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(LONG, reached).await.unwrap();
}

#[tokio::test]
async fn what_follows_a_commit_follows_also_when_its_caller_hangs_up() {
    let (_folder, flushes) = started();
    let done = Arc::new(AtomicUsize::new(0));
    let at = flushes.begin_commit(Place::BeforeItIsSeen);
    let waiting = flushes.wait(at, Haste::Commit, counting(&done));
    assert!(timeout(Duration::from_millis(20), waiting).await.is_err());
    assert_eq!(done.load(Ordering::SeqCst), 0, "it is not durable");
    flushes.end_commit(at);
    until(&done, 1).await;
}

#[tokio::test]
async fn what_follows_a_commit_that_nobody_waits_for_comes_after_it_is_durable() {
    let (_folder, flushes) = started();
    let done = Arc::new(AtomicUsize::new(0));
    let at = flushes.begin_commit(Place::WithTheNext);
    flushes.end_commit(at);
    flushes.note(at, counting(&done)).unwrap();
    until(&done, 1).await;
    assert!(flushes.is_durable(at));
}

#[tokio::test]
async fn nothing_follows_a_commit_that_was_lost() {
    let (folder, flushes) = started();
    fs::remove_file(folder.path().join("log")).unwrap();
    let done = Arc::new(AtomicUsize::new(0));
    for place in [Place::WithTheNext, Place::BeforeItIsSeen] {
        let at = flushes.begin_commit(place);
        flushes.end_commit(at);
        match place {
            Place::WithTheNext => flushes.note(at, counting(&done)).unwrap(),
            Place::BeforeItIsSeen => {
                let lost = flushes.wait(at, Haste::Commit, counting(&done)).await;
                assert_eq!(lost.unwrap_err().code(), "storage.flush_failed");
            }
        }
    }
    assert_eq!(Arc::strong_count(&done), 1, "it is given up");
    assert_eq!(done.load(Ordering::SeqCst), 0);
}

/// Commits one after the other and gives the shortest time that one took.
async fn shortest_alone(flushes: &Flushes, commits: u32) -> Duration {
    let mut shortest = Duration::MAX;
    for _ in 0..commits {
        let begun = Instant::now();
        let at = flushes.begin_commit(Place::BeforeItIsSeen);
        flushes.end_commit(at);
        wait(flushes, at).await.unwrap();
        shortest = shortest.min(begun.elapsed());
    }
    shortest
}

#[tokio::test]
async fn who_is_alone_waits_for_nobody() {
    let (_folder, flushes) = started();
    assert!(shortest_alone(&flushes, 20).await < COMPANY);
    // Two at once, then one again: it waits in vain once.
    let first = flushes.begin_commit(Place::BeforeItIsSeen);
    let second = flushes.begin_commit(Place::BeforeItIsSeen);
    let over = async {
        sleep(Duration::from_millis(20)).await;
        flushes.end_commit(second);
        Ok(())
    };
    let outcome = tokio::try_join!(wait(&flushes, first), wait(&flushes, second), over);
    outcome.unwrap();
    assert!(shortest_alone(&flushes, 20).await < COMPANY);
}

/// Each of sixteen commits twice a login, a few milliseconds apart, as with a code and its tokens.
#[tokio::test(flavor = "multi_thread")]
async fn sixteen_at_once_need_no_more_than_a_flush_a_login() {
    const LOGINS: u64 = 20;
    let (_folder, flushes) = started();
    let (flushes, turn) = (Arc::new(flushes), Arc::new(tokio::sync::Mutex::new(())));
    let mut logging_in = tokio::task::JoinSet::new();
    for number in 0..16 {
        let (flushes, turn) = (Arc::clone(&flushes), Arc::clone(&turn));
        logging_in.spawn(async move {
            for login in 0..2 * LOGINS {
                sleep(Duration::from_millis(1 + (number + login * 5) % 7)).await;
                let writing = turn.lock().await;
                let at = flushes.begin_commit(Place::BeforeItIsSeen);
                flushes.end_commit(at);
                drop(writing);
                wait(&flushes, at).await.unwrap();
            }
        });
    }
    logging_in.join_all().await;
    let flushed = flushes.shared.flushed.load(Ordering::SeqCst);
    assert!(flushed <= 16 * LOGINS, "{flushed} for {}", 16 * LOGINS);
    println!("{flushed} flushes for {} logins", 16 * LOGINS);
}
