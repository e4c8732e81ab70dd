//! Runs one case on both databases, each time on an empty one.

use std::sync::atomic::{AtomicU32, Ordering};

use cardea_storage::{Store, Transaction};
use sqlx::Connection as _;

use super::postgres_cluster;

/// Runs `case` on SQLite, then on PostgreSQL.
pub(crate) async fn on_both(case: impl AsyncFn(Store)) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    println!("on SQLite");
    let store = sqlite(&folder).await;
    case(store.clone()).await;
    store.close().await;

    println!("on PostgreSQL");
    let store = postgres().await;
    case(store.clone()).await;
    store.close().await;
}

pub(crate) async fn sqlite(folder: &tempfile::TempDir) -> Store {
    let path = folder.path().join("cardea.sqlite");
    let url = format!("sqlite://{}", path.to_str().expect("the path is UTF-8"));
    Store::open(&url).await.expect("SQLite opens")
}

async fn postgres() -> Store {
    let url = empty_postgres().await;
    Store::open(&url).await.expect("PostgreSQL opens")
}

/// The address of a database with nothing in it.
pub(crate) async fn empty_postgres() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let folder = postgres_cluster::socket_folder();
    let name = format!("case_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let url = |name: &str| format!("postgres://postgres@localhost/{name}?host={folder}");
    let mut admin = sqlx::PgConnection::connect(&url("postgres"))
        .await
        .expect("the cluster answers");
    let statement = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::query(statement)
        .execute(&mut admin)
        .await
        .expect("an empty database");
    admin.close().await.expect("the connection closes");
    url(&name)
}

/// Runs statements in one committed transaction.
pub(crate) async fn committed<T>(
    store: &Store,
    statements: impl AsyncFnOnce(&mut Transaction) -> T,
) -> T {
    let mut transaction = store.begin().await.expect("a transaction begins");
    let result = statements(&mut transaction).await;
    transaction.commit().await.expect("the transaction commits");
    result
}
