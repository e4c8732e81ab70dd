//! What the log costs: events on record a second, on SQLite and on PostgreSQL, beside a plain
//! indexed insert of the same row in the same run; and how long proofs and verifying take.
//!
//! "Durable, one each" stores an event a transaction and waits for the disk each time, by eight
//! writers at once, as logins do; "a batch" stores 200 a transaction. "In the tree" ends when the
//! last event has its place under a signed checkpoint: the sequencer works beside the writers.
//! Databases are made in the system's temporary folder, and removed.

mod postgres;

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cardea_ledger::{
    CheckpointSigner, KeyName, NoteSigner, Sequencer, SignatureKind, append, consistency,
    inclusion, verify,
};
use cardea_storage::Store;
use cardea_storage::event::EventRecord;
use openssl::pkey::PKey;
use sqlx::any::install_default_drivers;
use sqlx::{AnyPool, Connection as _};
use tempfile::TempDir;
use time::OffsetDateTime;

use crate::postgres::Postgres;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const ORIGIN: &str = "cardea.example.fr/log";
const WRITERS: usize = 8;
const BATCH: usize = 200;
/// Proofs of each kind; the median counts.
const PROOFS: u64 = 200;
/// Sizes beyond the first two: `CARDEA_BENCH_LEDGER_SIZES=10000000`.
const SIZES: &str = "CARDEA_BENCH_LEDGER_SIZES";

fn main() -> Result<(), Failure> {
    // Cargo says `--bench` when it measures; else a few events show that the bench works.
    let is_measuring = std::env::args().any(|argument| argument == "--bench");
    let mut sizes: Vec<usize> = match is_measuring {
        true => vec![10_000, 1_000_000],
        false => vec![1_000],
    };
    for more in std::env::var(SIZES).unwrap_or_default().split(',') {
        sizes.extend(more.trim().parse::<usize>().ok());
    }
    let events = if is_measuring { 20_000 } else { 200 };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let mut output = std::io::stdout().lock();
    install_default_drivers();
    let postgres = Postgres::start()?;
    writeln!(output, "### Events a second\n")?;
    let columns = "database | plain insert, durable, one each | event, durable, one each | \
                   the same until in the tree | plain insert, a batch | event, a batch | \
                   the same until in the tree";
    writeln!(output, "| {columns} |\n|---|---:|---:|---:|---:|---:|---:|")?;
    let folder = TempDir::new()?;
    let sqlite = format!("sqlite://{}", folder.path().join("cardea.sqlite").display());
    for (name, url) in [("SQLite", &sqlite), ("PostgreSQL", &postgres.url())] {
        let row = runtime.block_on(speeds(url, events))?;
        writeln!(output, "| {name} | {} |", row.join(" | "))?;
    }
    drop(postgres);
    writeln!(output, "\n### Proofs and verifying, SQLite\n")?;
    let columns = "events | file, MB | made in, s | inclusion, µs | consistency, µs | \
                   verify, s | events verified a second";
    writeln!(
        output,
        "| {columns} |\n|---:|---:|---:|---:|---:|---:|---:|"
    )?;
    for size in sizes {
        let row = runtime.block_on(proofs(size))?;
        writeln!(output, "| {} |", row.join(" | "))?;
    }
    Ok(())
}

fn signer() -> Result<Arc<NoteSigner>, Failure> {
    let key = PKey::generate_ed25519()?;
    let signer = NoteSigner::new(KeyName::new(ORIGIN)?, SignatureKind::Ed25519, key)?;
    Ok(Arc::new(signer))
}

/// A moment of the log, `began` being its first: no clock is read.
fn now(began: Instant) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) + began.elapsed()
}

/// As long as a login's.
fn event(number: usize) -> EventRecord {
    EventRecord {
        id: format!("{number:012x}-{:016x}", number.wrapping_mul(0x9e37_79b9)),
        kind: "login.accepted".to_owned(),
        occurred_at: OffsetDateTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        authorization_request_id: Some(format!("request-{number:032}")),
        session_id: Some(format!("session-{number:035}")),
        sub: Some(format!("person-{:035}", number % 1_000)),
        client_id: Some("portal".to_owned()),
        code: None,
        details: concat!(
            r#"{"acr":"urn:cardea:acr:card-pin","card_rules":"igc-sante","source":"crl","#,
            r#""instance_jkt":"0123456789012345678901234567890123456789012","#,
            r#""age_seconds":1234,"stale_by_seconds":0}"#
        )
        .to_owned(),
    }
}

/// Has `count` things done by the writers, and says how many a second it was.
async fn by_writers<F>(count: usize, work: impl Fn(usize) -> F) -> Result<f64, Failure>
where
    F: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let began = Instant::now();
    let mut running = tokio::task::JoinSet::new();
    for number in 0..count {
        if running.len() == WRITERS
            && let Some(done) = running.join_next().await
        {
            done??;
        }
        running.spawn(work(number));
    }
    while let Some(done) = running.join_next().await {
        done??;
    }
    Ok(per_second(count, began.elapsed()))
}

fn per_second(count: usize, took: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / took.as_secs_f64()
}

/// The numbers of one database.
async fn speeds(url: &str, events: usize) -> Result<Vec<String>, Failure> {
    let store = Store::open(url).await?;
    let plain = plain_table(url).await?;
    let mut row = Vec::new();
    let one_each = by_writers(events, |number| {
        let plain = plain.clone();
        async move { insert_plain(&plain, &[event(number)]).await }
    });
    row.push(format!("{:.0}", one_each.await?));
    row.extend(with_sequencer(&store, 0, events, 1).await?);
    let batch = |number: usize| (0..BATCH).map(move |it| event(1_000_000 + number * BATCH + it));
    let batches = by_writers(events / BATCH, |number| {
        let (plain, events) = (plain.clone(), batch(number).collect::<Vec<_>>());
        async move { insert_plain(&plain, &events).await }
    });
    row.push(format!("{:.0}", batches.await? * as_float(BATCH)));
    row.extend(with_sequencer(&store, 2_000_000, events, BATCH).await?);
    store.close().await;
    Ok(row)
}

fn as_float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Events a second on record, and until the last has its place.
async fn with_sequencer(
    store: &Store,
    first: usize,
    events: usize,
    batch: usize,
) -> Result<[String; 2], Failure> {
    let signer = Arc::clone(SIGNER.get_or_try_init(async || signer()).await?);
    let mut sequencer = Sequencer::new(store.clone(), signer, "bench".to_owned());
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let began = Instant::now();
    let placing = tokio::spawn(async move {
        loop {
            let is_last = stopped.try_recv().is_ok();
            while sequencer.run_once(now(began)).await?.is_more {}
            if is_last {
                sequencer.let_go().await?;
                return Ok::<_, Failure>(());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let on_record = by_writers(events / batch, |number| {
        let store = store.clone();
        async move {
            let mut transaction = store.begin().await?;
            for it in 0..batch {
                append(&mut transaction, &event(first + number * batch + it)).await?;
            }
            transaction.commit().await?;
            store.settle().await?;
            Ok(())
        }
    });
    let on_record = on_record.await? * as_float(batch);
    let _ = stop.send(());
    placing.await??;
    let in_tree = per_second(events, began.elapsed());
    Ok([format!("{on_record:.0}"), format!("{in_tree:.0}")])
}

static SIGNER: tokio::sync::OnceCell<Arc<NoteSigner>> = tokio::sync::OnceCell::const_new();

/// A table of its own, with one index beside its key.
async fn plain_table(url: &str) -> Result<AnyPool, Failure> {
    let is_sqlite = url.starts_with("sqlite");
    let url = match is_sqlite {
        true => format!("{url}.plain?mode=rwc"),
        false => url.to_owned(),
    };
    let writers = if is_sqlite {
        1
    } else {
        u32::try_from(WRITERS)?
    };
    let options = sqlx::pool::PoolOptions::new().max_connections(writers);
    let pool: AnyPool = options.connect(&url).await?;
    if is_sqlite {
        sqlx::query("PRAGMA journal_mode = WAL")
            .execute(&pool)
            .await?;
        sqlx::query("PRAGMA synchronous = FULL")
            .execute(&pool)
            .await?;
    }
    sqlx::query(
        "CREATE TABLE plain_event (
             id TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, occurred_at BIGINT NOT NULL,
             authorization_request_id TEXT, session_id TEXT, sub TEXT, client_id TEXT, code TEXT,
             details TEXT NOT NULL)",
    )
    .execute(&pool)
    .await?;
    sqlx::query("CREATE INDEX plain_event_by_person ON plain_event (sub, id)")
        .execute(&pool)
        .await?;
    Ok(pool)
}

async fn insert_plain(pool: &AnyPool, events: &[EventRecord]) -> Result<(), Failure> {
    let mut connection = pool.acquire().await?;
    let mut transaction = connection.begin().await?;
    for event in events {
        sqlx::query("INSERT INTO plain_event VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)")
            .bind(event.id.as_str())
            .bind(event.kind.as_str())
            .bind(event.occurred_at.unix_timestamp())
            .bind(event.authorization_request_id.as_deref())
            .bind(event.session_id.as_deref())
            .bind(event.sub.as_deref())
            .bind(event.client_id.as_deref())
            .bind(event.code.as_deref())
            .bind(event.details.as_str())
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// The numbers of a log of `size` events.
async fn proofs(size: usize) -> Result<Vec<String>, Failure> {
    let folder = TempDir::new()?;
    let file = folder.path().join("cardea.sqlite");
    let store = Store::open(&format!("sqlite://{}", file.display())).await?;
    let signer = signer()?;
    let shared = Arc::clone(&signer) as Arc<dyn CheckpointSigner>;
    let mut sequencer = Sequencer::new(store.clone(), shared, "bench".to_owned());
    let began = Instant::now();
    for first in (0..size).step_by(10_000) {
        let mut transaction = store.begin().await?;
        for number in first..size.min(first + 10_000) {
            append(&mut transaction, &event(number)).await?;
        }
        transaction.commit().await?;
        while sequencer.run_once(now(began)).await?.is_more {}
    }
    let made_in = began.elapsed().as_secs();
    let leaves = u64::try_from(size)?;
    let (mut included, mut consistent) = (Vec::new(), Vec::new());
    for number in 0..PROOFS {
        let place = number * 7_919 % leaves;
        let mut reading = store.begin_read().await?;
        let began = Instant::now();
        inclusion(&mut reading, place, leaves).await?;
        included.push(began.elapsed());
        let began = Instant::now();
        consistency(&mut reading, place.max(1), leaves).await?;
        consistent.push(began.elapsed());
    }
    let began = Instant::now();
    let verified = verify(&store, ORIGIN, NoteSigner::verifier(&signer), None).await?;
    let took = began.elapsed();
    if verified.map_err(|finding| finding.to_string())?.whole != leaves {
        return Err("not the whole log was verified".into());
    }
    let megabytes = std::fs::metadata(&file)?.len() / 1_000_000;
    store.close().await;
    Ok(vec![
        size.to_string(),
        megabytes.to_string(),
        made_in.to_string(),
        median(included).as_micros().to_string(),
        median(consistent).as_micros().to_string(),
        format!("{:.2}", took.as_secs_f64()),
        format!("{:.0}", per_second(size, took)),
    ])
}

fn median(mut took: Vec<Duration>) -> Duration {
    took.sort_unstable();
    took.get(took.len() / 2).copied().unwrap_or_default()
}
