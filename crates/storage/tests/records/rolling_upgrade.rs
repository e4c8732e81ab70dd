//! Programs of two versions on one database: what only adds disturbs neither, and who does not
//! know what the database needs does not start.

use std::collections::BTreeMap;
use std::path::Path;

use cardea_storage::{Error, Store};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyPool, AssertSqlSafe, Row as _, SqlSafeStr as _};

use super::baseline;
use super::databases::empty_postgres;

/// The last migration of the release before the floor was there.
pub(crate) const RELEASED: i64 = 20_261_129_182_000;
/// What a release to come may bring.
const EXPANSION: (i64, &str) = (
    29_991_231_000_000,
    "ALTER TABLE session ADD COLUMN of_a_newer_program TEXT;
     CREATE TABLE of_a_newer_program (id BIGINT NOT NULL PRIMARY KEY)",
);
/// And the one after it.
const CONTRACTION: (i64, &str) = (
    29_991_231_000_100,
    "ALTER TABLE session DROP COLUMN revocation_age;
     UPDATE _schema_floor SET version = 29991231000100, program = '99.1.0'",
);

/// Runs `case` with the address of an empty database of either kind.
pub(crate) async fn at_both(case: impl AsyncFn(&str)) {
    sqlx::any::install_default_drivers();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cardea.sqlite");
    println!("on SQLite");
    case(&format!("sqlite://{}", file.display())).await;
    println!("on PostgreSQL");
    case(&empty_postgres().await).await;
}

pub(crate) async fn pool(url: &str) -> AnyPool {
    let url = match url.strip_prefix("sqlite:") {
        Some(_) => format!("{url}?mode=rwc"),
        None => url.to_owned(),
    };
    AnyPool::connect(&url).await.unwrap()
}

/// Every migration of this program, oldest first.
pub(crate) fn ours() -> Vec<(i64, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
    let names = std::fs::read_dir(&folder).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<_> = names
        .filter(|name| name.ends_with(".sql"))
        .map(|name| {
            let version = name.split('_').next().unwrap().parse().unwrap();
            (version, std::fs::read_to_string(folder.join(name)).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// Runs migrations as a program that has these and no others does.
pub(crate) async fn run(pool: &AnyPool, migrations: &[(i64, String)]) {
    let migrations: Vec<_> = migrations
        .iter()
        .map(|(version, sql)| {
            let sql = AssertSqlSafe(sql.clone()).into_sql_str();
            let kind = MigrationType::Simple;
            Migration::new(*version, "a file".into(), kind, sql, false)
        })
        .collect();
    let migrator = Migrator {
        migrations: migrations.into(),
        ignore_missing: true,
        ..Migrator::DEFAULT
    };
    migrator.run(pool).await.unwrap();
}

async fn run_newer(url: &str, (version, sql): (i64, &str)) {
    let pool = pool(url).await;
    run(&pool, &[(version, sql.to_owned())]).await;
    pool.close().await;
}

/// The mode of the file is the program's to set.
pub(crate) fn keep_private(url: &str) {
    #[cfg(unix)]
    if let Some(file) = url.strip_prefix("sqlite://") {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(file, mode).unwrap();
    }
}

/// Each column of each table: its type, and whether a row may be written that leaves it out.
type Columns = BTreeMap<(String, String), (String, bool)>;

async fn columns(pool: &AnyPool, url: &str) -> Columns {
    let statement = match url.starts_with("sqlite:") {
        true => {
            "SELECT m.name AS t, p.name AS c, lower(p.type) AS kind,
                    CASE WHEN p.\"notnull\" = 0 OR p.dflt_value IS NOT NULL
                         THEN 1 ELSE 0 END AS free
             FROM sqlite_master AS m, pragma_table_info(m.name) AS p WHERE m.type = 'table'"
        }
        false => {
            "SELECT CAST(table_name AS TEXT) AS t, CAST(column_name AS TEXT) AS c,
                    CAST(data_type AS TEXT) AS kind,
                    CAST(CASE WHEN is_nullable = 'YES' OR column_default IS NOT NULL
                              THEN 1 ELSE 0 END AS BIGINT) AS free
             FROM information_schema.columns WHERE table_schema = current_schema()"
        }
    };
    let rows = sqlx::query(statement).fetch_all(pool).await.unwrap();
    rows.iter()
        .map(|row| {
            let free: i64 = row.get("free");
            let key = (row.get("t"), row.get("c"));
            (key, (row.get("kind"), free == 1))
        })
        .collect()
}

/// What a program that knows `before` would mind about `after`.
fn minded(before: &Columns, after: &Columns) -> Vec<String> {
    let name = |(table, column): &(String, String)| format!("{table}.{column}");
    let is_known_table = |table: &str| before.keys().any(|(known, _)| known == table);
    let gone = before.iter().filter(|(key, (kind, free))| {
        let now = after.get(*key);
        now.is_none_or(|(new_kind, new_free)| new_kind != kind || (*free && !new_free))
    });
    let asked = after
        .iter()
        .filter(|(key, (_, free))| !free && is_known_table(&key.0) && !before.contains_key(*key));
    let keys = gone.chain(asked).map(|(key, _)| name(key));
    keys.collect()
}

async fn floor(pool: &AnyPool) -> Option<i64> {
    let statement = "SELECT version FROM _schema_floor WHERE id = 1";
    let row = sqlx::query(statement).fetch_one(pool).await.ok()?;
    Some(row.get("version"))
}

/// A new column of an old table may be left out by older programs, and nothing that they know goes:
/// or else the file raises the floor to its own version.
#[tokio::test]
async fn every_migration_since_the_last_release_only_adds_or_raises_the_floor() {
    at_both(async |url| {
        let pool = pool(url).await;
        let all = ours();
        let (old, new): (Vec<_>, Vec<_>) = all.into_iter().partition(|(it, _)| *it <= RELEASED);
        assert!(old.len() > 10 && !new.is_empty());
        run(&pool, &old).await;
        let mut before = columns(&pool, url).await;
        for migration in new {
            run(&pool, std::slice::from_ref(&migration)).await;
            let after = columns(&pool, url).await;
            let minded = minded(&before, &after);
            let is_told = floor(&pool).await == Some(migration.0);
            assert!(minded.is_empty() || is_told, "{}: {minded:?}", migration.0);
            before = after;
        }
        // The comparison sees what it looks for.
        for (sql, seen) in [
            (
                "ALTER TABLE session DROP COLUMN revocation_age",
                "session.revocation_age",
            ),
            (
                "ALTER TABLE write_probe RENAME TO probe",
                "write_probe.written_at",
            ),
        ] {
            sqlx::query(sql).execute(&pool).await.unwrap();
            let minded = minded(&before, &columns(&pool, url).await);
            assert!(minded.iter().any(|it| it == seen), "{minded:?}");
        }
        let demanded = ("consent".to_owned(), "demanded".to_owned());
        let mut after = before.clone();
        after.insert(demanded, ("text".to_owned(), false));
        assert_eq!(minded(&before, &after), ["consent.demanded"]);
        pool.close().await;
    })
    .await;
}

/// What the released program wrote is there after the step up, and it goes on writing beside.
#[tokio::test]
async fn a_database_of_the_last_release_is_brought_up_to_date_under_the_program_that_made_it() {
    const OLD_SUBJECT: &str =
        "INSERT INTO subject (sub, person_scheme, person_value, created_at, last_seen_at)
         VALUES ($1, 'rpps', $1, 1, 1)";
    at_both(async |url| {
        let old = pool(url).await;
        let released: Vec<_> = ours().into_iter().filter(|it| it.0 <= RELEASED).collect();
        run(&old, &released).await;
        let write = async |sub: &str| {
            sqlx::query(OLD_SUBJECT)
                .bind(sub.to_owned())
                .execute(&old)
                .await
        };
        write("before").await.unwrap();
        keep_private(url);
        let store = Store::open(url).await.unwrap();
        write("after").await.unwrap();
        let _ = baseline::with_active_session(&store).await;
        let rows = sqlx::query("SELECT sub FROM subject").fetch_all(&old).await;
        assert_eq!(rows.unwrap().len(), 3);
        old.close().await;
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_program_starts_over_a_newer_schema_that_only_adds_and_not_over_one_that_needs_more() {
    at_both(async |url| {
        Store::open(url).await.unwrap().close().await;
        run_newer(url, EXPANSION).await;
        let store = Store::open(url)
            .await
            .expect("an expansion disturbs nobody");
        let _ = baseline::with_active_session(&store).await;
        store.close().await;

        run_newer(url, CONTRACTION).await;
        let refused = Store::open(url).await.unwrap_err();
        assert_eq!(refused.code(), "storage.schema_too_new");
        let text = refused.to_string();
        let known = Store::schema_version().to_string();
        for part in ["Cardea 99.1.0 or later", "29991231000100", known.as_str()] {
            assert!(text.contains(part), "{text}");
        }
        assert!(matches!(refused, Error::SchemaTooNew { .. }));
        // Refused each time, and no lock is left behind.
        let again = Store::open(url).await.unwrap_err();
        assert_eq!(again.code(), "storage.schema_too_new");
    })
    .await;
}

#[tokio::test]
async fn a_step_that_no_newer_program_has_stops_the_start() {
    at_both(async |url| {
        Store::open(url).await.unwrap().close().await;
        run_newer(url, (RELEASED + 1, "CREATE TABLE stray (id BIGINT)")).await;
        let refused = Store::open(url).await.unwrap_err();
        assert_eq!(refused.code(), "storage.migration_failed");
    })
    .await;
}

/// Programs that start together migrate once, and all of them start.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_together_migrate_once() {
    sqlx::any::install_default_drivers();
    let url = empty_postgres().await;
    let starts: Vec<_> = (0..4)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { Store::open(&url).await })
        })
        .collect();
    for start in starts {
        start.await.unwrap().expect("it starts").close().await;
    }
}
