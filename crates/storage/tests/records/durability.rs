//! What was committed is durable, whatever the database was told to do by default.

use cardea_storage::Store;
use cardea_storage::event::append;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::databases::{empty_postgres, sqlite};
use super::events::{WAITS, event};

async fn run(admin: &mut PgConnection, statement: String) {
    let statement = AssertSqlSafe(statement);
    sqlx::query(statement).execute(admin).await.unwrap();
}

/// A function that runs in our connections notes what holds there: PostgreSQL tells nobody else.
const NOTES: [&str; 3] = [
    "CREATE TABLE noted (setting TEXT NOT NULL)",
    "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         INSERT INTO noted VALUES (current_setting('synchronous_commit')); RETURN NEW;
     END $$",
    "CREATE TRIGGER note BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION note()",
];

#[tokio::test(flavor = "multi_thread")]
async fn commits_wait_on_every_connection_to_postgresql_whatever_its_database_and_role_say() {
    let url = empty_postgres().await;
    Store::open(&url).await.unwrap().close().await;
    let name = url.split('?').next().unwrap().rsplit('/').next().unwrap();
    let mut admin = PgConnection::connect(&url).await.unwrap();
    for statement in NOTES {
        run(&mut admin, statement.to_owned()).await;
    }
    for (told, kept) in [
        ("off", "on"),
        ("local", "on"),
        ("remote_write", "on"),
        ("on", "on"),
        ("remote_apply", "remote_apply"),
    ] {
        let statement = format!("ALTER DATABASE {name} SET synchronous_commit = {told}");
        run(&mut admin, statement).await;
        // The stronger of the two.
        let role =
            format!("ALTER ROLE postgres IN DATABASE {name} SET synchronous_commit = {told}");
        run(&mut admin, role).await;
        run(&mut admin, "TRUNCATE noted".to_owned()).await;
        let store = Store::open(&url).await.unwrap();
        let mut beside = Vec::new();
        // More than one connection of the pool, each of which writes.
        for number in 0..4 {
            let mut transaction = store.begin().await.unwrap();
            let event = event(&format!("{told}-{number}"));
            append(&mut transaction, &event, WAITS).await.unwrap();
            beside.push(transaction);
        }
        for transaction in beside {
            transaction.commit().await.unwrap();
        }
        store.close().await;
        let noted: Vec<String> = sqlx::query_scalar("SELECT setting FROM noted")
            .fetch_all(&mut admin)
            .await
            .unwrap();
        assert_eq!(noted, vec![kept; 4], "{told}");
    }
    let mut other = PgConnection::connect(&url).await.unwrap();
    let told: String = sqlx::query_scalar("SHOW synchronous_commit")
        .fetch_one(&mut other)
        .await
        .unwrap();
    assert_eq!(told, "remote_apply", "the database's own setting was heard");
}

/// The clusters of tests are told not to flush, as no cluster of a hospital may be.
#[tokio::test(flavor = "multi_thread")]
async fn what_no_connection_can_change_is_told() {
    let store = Store::open(&empty_postgres().await).await.unwrap();
    assert_eq!(store.durability_faults().await.unwrap(), ["fsync"]);
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(&folder).await;
    assert!(store.durability_faults().await.unwrap().is_empty());
}
