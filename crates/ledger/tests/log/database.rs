//! A log on each database, and a way round it for whoever tampers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use cardea_ledger::{
    CheckpointSigner, Finding, Known, Outcome, Sequencer, Verified, append, verify,
};
use cardea_storage::event::EventRecord;
use cardea_storage::{Store, Transaction};
use cardea_transparency::{KeyName, NoteSigner, SignatureKind};
use openssl::pkey::PKey;
use sqlx::{AnyPool, AssertSqlSafe, Connection as _};
use time::{Duration, OffsetDateTime};

use super::postgres_cluster;

pub(crate) const ORIGIN: &str = "cardea.example.fr/log";

/// A database with a log.
pub(crate) struct Log {
    pub(crate) store: Store,
    pub(crate) signer: Arc<NoteSigner>,
    pool: AnyPool,
    _folder: Option<tempfile::TempDir>,
}

/// Runs `case` on SQLite, then on PostgreSQL.
pub(crate) async fn on_both(case: impl AsyncFn(&Log)) {
    println!("on SQLite");
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("cardea.sqlite").display());
    case(&Log::open(&url, Some(folder)).await).await;
    println!("on PostgreSQL");
    case(&on_postgres().await).await;
}

/// An empty log on PostgreSQL.
pub(crate) async fn on_postgres() -> Log {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let folder = postgres_cluster::socket_folder();
    let name = format!("log_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let url = |name: &str| format!("postgres://postgres@localhost/{name}?host={folder}");
    let mut admin = sqlx::PgConnection::connect(&url("postgres")).await.unwrap();
    let statement = AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::query(statement).execute(&mut admin).await.unwrap();
    admin.close().await.unwrap();
    Log::open(&url(&name), None).await
}

pub(crate) fn new_signer() -> Arc<NoteSigner> {
    let name = KeyName::new(ORIGIN).unwrap();
    let key = PKey::generate_ed25519().unwrap();
    Arc::new(NoteSigner::new(name, SignatureKind::Ed25519, key).unwrap())
}

pub(crate) fn start() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap()
}

pub(crate) fn event(number: u32) -> EventRecord {
    EventRecord {
        id: format!("event-{number:04}"),
        kind: "login.accepted".to_owned(),
        occurred_at: start() + Duration::seconds(i64::from(number)),
        authorization_request_id: Some(format!("request-{number}")),
        session_id: Some(format!("session-{number}")),
        sub: Some(format!("sub-{}", number % 3)),
        client_id: Some("portal".to_owned()),
        code: Some("code".to_owned()),
        details: format!(r#"{{"number":{number}}}"#),
    }
}

/// What a stranger brings about.
pub(crate) fn refusal(number: u32) -> EventRecord {
    EventRecord {
        kind: "login.refused".to_owned(),
        session_id: None,
        sub: None,
        ..event(number)
    }
}

impl Log {
    async fn open(url: &str, folder: Option<tempfile::TempDir>) -> Self {
        sqlx::any::install_default_drivers();
        let store = Store::open(url).await.unwrap();
        let pool = AnyPool::connect(url).await.unwrap();
        Self {
            store,
            signer: new_signer(),
            pool,
            _folder: folder,
        }
    }

    pub(crate) fn sequencer(&self, name: &str) -> Sequencer {
        let signer = Arc::clone(&self.signer) as Arc<dyn CheckpointSigner>;
        Sequencer::new(self.store.clone(), signer, name.to_owned())
    }

    pub(crate) async fn append(&self, events: impl IntoIterator<Item = EventRecord>) {
        let mut transaction: Transaction = self.store.begin().await.unwrap();
        for event in events {
            append(&mut transaction, &event).await.unwrap();
        }
        transaction.commit().await.unwrap();
    }

    /// Has everything that waits put into the tree.
    pub(crate) async fn sequence(&self, now: OffsetDateTime) -> usize {
        let mut sequencer = self.sequencer("node");
        let mut placed = 0;
        loop {
            let Outcome {
                placed: now_placed,
                is_more,
                is_held_elsewhere,
                ..
            } = sequencer.run_once(now).await.unwrap();
            assert!(!is_held_elsewhere);
            placed += now_placed;
            if !is_more {
                sequencer.let_go().await.unwrap();
                return placed;
            }
        }
    }

    pub(crate) async fn verify(&self) -> Result<Verified, Finding> {
        self.verify_against(None).await
    }

    pub(crate) async fn verify_against(&self, known: Option<&str>) -> Result<Verified, Finding> {
        self.verify_seen(known, 0).await
    }

    /// The same with a checkpoint that was seen at a time.
    pub(crate) async fn verify_seen(
        &self,
        known: Option<&str>,
        seen_at: u64,
    ) -> Result<Verified, Finding> {
        let key = NoteSigner::verifier(&self.signer);
        let known = known.map(|note| Known { note, seen_at });
        let outcome = verify(&self.store, ORIGIN, key, known).await;
        outcome.unwrap()
    }

    /// The code of what is wrong.
    pub(crate) async fn finding(&self) -> &'static str {
        self.verify()
            .await
            .map_or_else(|it| it.code(), |_| "nothing")
    }

    /// Changes the database as an intruder does.
    pub(crate) async fn tamper(&self, statement: &str) -> u64 {
        let statement = AssertSqlSafe(statement.to_owned());
        let done = sqlx::query(statement).execute(&self.pool).await.unwrap();
        done.rows_affected()
    }

    pub(crate) async fn text(&self, statement: &str) -> String {
        let statement = AssertSqlSafe(statement.to_owned());
        let row = sqlx::query(statement).fetch_one(&self.pool).await.unwrap();
        sqlx::Row::get(&row, 0)
    }
}
