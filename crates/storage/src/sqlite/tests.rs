use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Database, READERS_MAX, Sqlite, Text};
use crate::Error;
use crate::flush::{Flushes, Place};

/// Longer than a reader or a writer waits for its turn.
const LONG: Duration = Duration::from_secs(30);

fn opened() -> (tempfile::TempDir, Arc<Sqlite>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cardea.sqlite");
    std::fs::write(&file, "").unwrap();
    let sqlite = Sqlite::open(&file).unwrap();
    (folder, Arc::new(sqlite))
}

fn flushes(sqlite: &Sqlite) -> &Flushes {
    sqlite.flushes.as_ref().unwrap()
}

fn idle(sqlite: &Sqlite) -> usize {
    sqlite.readers.as_ref().unwrap().permits.available_permits()
}

async fn read(sqlite: &Sqlite) -> Result<usize, Error> {
    let mut transaction = sqlite.begin_read().await?;
    let statement = Text::Borrowed("SELECT 1 AS one");
    let mut found = 0;
    for _ in 0..3 {
        found += transaction.fetch(&statement, &[], 1).await?.len();
    }
    Ok(found)
}

#[tokio::test]
async fn who_waits_for_a_flush_keeps_no_connection_from_others() {
    let (_folder, sqlite) = opened();
    // A commit that others see, and that no flush makes durable before it is over.
    let at = flushes(&sqlite).begin_commit(Place::BeforeItIsSeen);
    let mut reading = JoinSet::new();
    for _ in 0..4 * READERS_MAX {
        let sqlite = Arc::clone(&sqlite);
        reading.spawn(async move { read(&sqlite).await });
    }
    for _ in 0..20 {
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(idle(&sqlite), READERS_MAX);
    assert!(reading.try_join_next().is_none(), "nobody is told");
    flushes(&sqlite).end_commit(at);
    while let Some(found) = timeout(LONG, reading.join_next()).await.unwrap() {
        assert_eq!(found.unwrap().unwrap(), 3);
    }
}

#[tokio::test]
async fn who_answers_a_request_waits_once_for_all_that_it_has_read() {
    let (_folder, sqlite) = opened();
    let at = flushes(&sqlite).begin_commit(Place::BeforeItIsSeen);
    let (all_read, was_read) = tokio::sync::oneshot::channel();
    let own = Arc::clone(&sqlite);
    let answer = tokio::spawn(async move {
        let work = async {
            // A task that works for the request reads on its behalf.
            let sqlite = Arc::clone(&own);
            let task = tokio::spawn(crate::for_this_request(async move { read(&sqlite).await }));
            let found = task.await.unwrap().unwrap();
            all_read.send(()).unwrap();
            found
        };
        own.settled(work).await
    });
    timeout(LONG, was_read).await.unwrap().unwrap();
    assert_eq!(idle(&sqlite), READERS_MAX);
    assert!(!answer.is_finished(), "nobody is told");
    flushes(&sqlite).end_commit(at);
    assert_eq!(timeout(LONG, answer).await.unwrap().unwrap().unwrap(), 3);
}

/// A moment's read has the connection that writes where it is free, waits for no writer, is no
/// commit, and tells nobody what is not durable.
#[tokio::test]
async fn a_brief_read_has_the_connection_that_writes_where_nobody_does() {
    let (_folder, sqlite) = opened();
    let statement = Text::Borrowed("SELECT 1 AS one");
    let mut reading = sqlite.begin_brief_read().await.unwrap();
    assert_eq!(idle(&sqlite), READERS_MAX, "it is no reader's");
    let mut beside = sqlite.begin_brief_read().await.unwrap();
    assert_eq!(idle(&sqlite), READERS_MAX - 1);
    for transaction in [&mut reading, &mut beside] {
        let found = transaction.fetch(&statement, &[], 1).await.unwrap();
        assert_eq!(found.len(), 1);
    }
    drop(beside);
    reading.commit(Place::BeforeItIsSeen).unwrap();
    assert_eq!(flushes(&sqlite).commits(), 0);
    // A commit that others see, and that is not over.
    let at = flushes(&sqlite).begin_commit(Place::BeforeItIsSeen);
    let own = Arc::clone(&sqlite);
    let reading = tokio::spawn(async move {
        let mut transaction = own.begin_brief_read().await?;
        let found = transaction.fetch(&statement, &[], 1).await?;
        Ok::<_, Error>(found.len())
    });
    sleep(Duration::from_millis(50)).await;
    assert!(!reading.is_finished(), "nobody is told");
    let writing = timeout(LONG, sqlite.begin()).await.unwrap().unwrap();
    drop(writing);
    flushes(&sqlite).end_commit(at);
    assert_eq!(timeout(LONG, reading).await.unwrap().unwrap().unwrap(), 1);
}

#[tokio::test]
async fn a_statement_is_not_planned_anew_for_another_value() {
    let (_folder, sqlite) = opened();
    let make = Text::Borrowed("CREATE TABLE note (text TEXT)");
    let mut writing = sqlite.begin().await.unwrap();
    writing.execute(&make, &[]).await.unwrap();
    let text = "SELECT text FROM note ORDER BY text LIMIT $1";
    for limit in 1..9_i64 {
        let select = Text::Borrowed(text);
        let rows = writing.fetch(&select, &[limit.into()], 9).await.unwrap();
        assert_eq!(rows.len(), 0);
    }
    let lease = writing.lease().await.unwrap();
    assert_eq!(lease.database().unwrap().planned_anew(text), 0);
}

#[tokio::test]
async fn a_snapshot_reads_one_moment() {
    let (_folder, sqlite) = opened();
    let make = Text::Borrowed("CREATE TABLE note (text TEXT)");
    let mut writing = sqlite.begin().await.unwrap();
    writing.execute(&make, &[]).await.unwrap();
    writing.commit(Place::BeforeItIsSeen).unwrap();
    let mut reading = sqlite.begin_snapshot().await.unwrap();
    let insert = Text::Borrowed("INSERT INTO note (text) VALUES ('later')");
    let mut writing = sqlite.begin().await.unwrap();
    writing.execute(&insert, &[]).await.unwrap();
    writing.commit(Place::BeforeItIsSeen).unwrap();
    let select = Text::Borrowed("SELECT text FROM note");
    assert_eq!(reading.fetch(&select, &[], 9).await.unwrap().len(), 0);
}

/// The one thread of this runtime goes on while another process has the write lock.
#[tokio::test]
async fn who_waits_for_another_process_holds_no_thread() {
    let (folder, sqlite) = opened();
    let other = rusqlite::Connection::open(folder.path().join("cardea.sqlite")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (begun, ()) = tokio::join!(sqlite.begin(), async {
        for _ in 0..20 {
            sleep(Duration::from_millis(5)).await;
        }
        other.execute_batch("ROLLBACK").unwrap();
    });
    begun.unwrap().commit(Place::BeforeItIsSeen).unwrap();
}

#[tokio::test]
async fn after_a_failed_flush_nothing_is_read_or_written_or_folded() {
    let (folder, sqlite) = opened();
    let mut writing = sqlite.begin().await.unwrap();
    let make = Text::Borrowed("CREATE TABLE note (text TEXT)");
    writing.execute(&make, &[]).await.unwrap();
    let mut late = sqlite.begin_read().await.unwrap();
    std::fs::remove_file(folder.path().join("cardea.sqlite-wal")).unwrap();
    let pending = writing.commit(Place::BeforeItIsSeen).unwrap();
    let refused = pending.wait(crate::hooks::Hooks::default()).await;
    assert_eq!(refused.unwrap_err().code(), "storage.flush_failed");
    timeout(LONG, sqlite.failure()).await.unwrap();
    let code = |refused: Result<_, Error>| refused.err().unwrap().code();
    assert_eq!(code(sqlite.begin().await), "storage.flush_failed");
    assert_eq!(code(sqlite.begin_read().await), "storage.flush_failed");
    let select = Text::Borrowed("SELECT text FROM note");
    let unsettled = late.fetch(&select, &[], 1).await;
    assert_eq!(unsettled.err().unwrap().code(), "storage.flush_failed");
    drop(late);
    let before = std::fs::read(folder.path().join("cardea.sqlite")).unwrap();
    timeout(LONG, sqlite.close()).await.unwrap();
    let after = std::fs::read(folder.path().join("cardea.sqlite")).unwrap();
    assert_eq!(before, after, "nothing was copied into the file");
}

#[tokio::test]
async fn a_relaxed_commit_fails_too_after_a_failed_flush() {
    let (folder, sqlite) = opened();
    let writing = sqlite.begin().await.unwrap();
    std::fs::remove_file(folder.path().join("cardea.sqlite-wal")).unwrap();
    let at = flushes(&sqlite).begin_commit(Place::WithTheNext);
    flushes(&sqlite).end_commit(at);
    assert!(sqlite.settle().await.is_err());
    let refused = writing.commit(Place::WithTheNext);
    assert_eq!(refused.err().unwrap().code(), "storage.flush_failed");
}

/// Whoever sets less than a flush of ours needs does not get a connection.
#[tokio::test]
async fn a_connection_that_would_lose_commits_is_refused() {
    let (folder, _sqlite) = opened();
    let file = folder.path().join("other.sqlite");
    std::fs::write(&file, "").unwrap();
    let database = Database::open(&file, "", None).unwrap();
    database.check_durable().unwrap();
    for (pragma, is_taken) in [
        ("PRAGMA synchronous = OFF", false),
        ("PRAGMA synchronous = FULL", true),
        ("PRAGMA synchronous = NORMAL", true),
        ("PRAGMA journal_mode = DELETE", false),
        ("PRAGMA journal_mode = WAL", true),
    ] {
        database.run_all(pragma);
        let code = database.check_durable().err().map(|it| it.code());
        let refused = (!is_taken).then_some("storage.commits_not_durable");
        assert_eq!(code, refused, "{pragma}");
    }
}
