//! A database with as many events as are asked for.

use std::path::Path;
use std::sync::Arc;

use cardea_ledger::{Sequencer, append};
use cardea_storage::Store;
use cardea_storage::event::EventRecord;
use cardea_storage::guard_report::{self, GuardReport, ReportOnRecord, ReportPlace, report_id};
use cardea_transparency::{KeyName, NoteSigner, SignatureKind};
use openssl::pkey::PKey;
use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use crate::Failure;

/// Who is asked for.
pub(crate) const PERSON: &str = "her-pseudonym";
/// One of her sessions.
pub(crate) const SESSION: &str = "her-session-3";
const LOOK_UPS: u32 = 1_200;
const LOOK_UPS_OF_SESSION: u32 = 60;
const LOOK_UPS_OF_EVENT: u32 = 40;
const ORIGIN: &str = "127.0.0.1:9/log";
/// When the reports are asked for.
const NOW: i64 = 1_800_000_000;
/// How long the log goes back.
const DAYS: i64 = 150;

const CONFIGURATION: &str = r#"
issuer = "http://127.0.0.1:9"
listen = "127.0.0.1:9"
[database]
url = "sqlite://cardea.sqlite"
[keys]
challenge_key = "challenge-key.pem"
challenge_list = "challenge-keys.jws"
[[trust_anchor]]
name = "test-cards"
anchors = "anchors.pem"
profile = "cps"
test_cards = "require"
"#;

/// What the commands need to know of it.
pub(crate) struct Seeded {
    /// The key that signed its log.
    pub(crate) key: String,
    /// The beginning of a day.
    pub(crate) from: String,
    /// Its end.
    pub(crate) to: String,
}

pub(crate) async fn seed(folder: &Path, events: u32) -> Result<Seeded, Failure> {
    std::fs::write(folder.join("cardea.toml"), CONFIGURATION)?;
    let file = folder.join("cardea.sqlite");
    let url = format!("sqlite://{}", file.display());
    let now = OffsetDateTime::from_unix_timestamp(NOW)?;
    let began = now - Duration::days(DAYS);
    let store = Store::open(&url).await?;
    let key = with_her_look_ups(&store, began, now).await?;
    store.close().await;
    with_everybody_else(&file, events, began).await?;
    let day = began + Duration::days(DAYS / 2);
    Ok(Seeded {
        key,
        from: day.format(&Rfc3339)?,
        to: (day + Duration::days(1)).format(&Rfc3339)?,
    })
}

/// As the server stores them, and with their places under a checkpoint.
async fn with_her_look_ups(
    store: &Store,
    began: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<String, Failure> {
    let key = PKey::generate_ed25519()?;
    let name = KeyName::new(ORIGIN)?;
    let signer = Arc::new(NoteSigner::new(name, SignatureKind::Ed25519, key)?);
    let mut transaction = store.begin().await?;
    for batch in 0..LOOK_UPS / LOOK_UPS_OF_EVENT {
        let at = began + Duration::hours(i64::from(batch));
        let event_id = format!("{:016x}-{batch:08x}-hers", at.unix_timestamp_nanos());
        let mut recorded = Vec::new();
        for place in 0..LOOK_UPS_OF_EVENT {
            let report = look_up(batch * LOOK_UPS_OF_EVENT + place, &event_id, at);
            guard_report::insert(&mut transaction, &report).await?;
            recorded.push(json!({"id": report.id, "sha256": report.digest()}));
        }
        let event = EventRecord {
            id: event_id,
            kind: "guard.look_ups_reported".to_owned(),
            occurred_at: at,
            authorization_request_id: None,
            session_id: None,
            sub: None,
            client_id: None,
            code: None,
            details: json!({"guard": "guard", "reports": recorded}).to_string(),
        };
        append(&mut transaction, &event).await?;
    }
    transaction.commit().await?;
    let shared: Arc<NoteSigner> = Arc::clone(&signer);
    let mut sequencer = Sequencer::new(store.clone(), shared, "bench".to_owned());
    while sequencer.run_once(now).await?.is_more {}
    sequencer.let_go().await?;
    Ok(NoteSigner::verifier(&signer).to_string())
}

fn look_up(number: u32, event_id: &str, at: OffsetDateTime) -> GuardReport {
    GuardReport {
        id: report_id("guard", &number.to_string()),
        guard_client_id: "guard".to_owned(),
        sub: Some(PERSON.to_owned()),
        session_id: Some(format!("her-session-{}", number / LOOK_UPS_OF_SESSION)),
        client_id: "portal".to_owned(),
        token_jti: format!("token-{number}"),
        service: "records".to_owned(),
        kind: "look_up".to_owned(),
        answer: "allow".to_owned(),
        reasons: "[]".to_owned(),
        patient_present: false,
        patients: vec![format!("her-patient-{number}")],
        part: None,
        unproven: None,
        place: Some(ReportPlace {
            card_id: Some("her-card".to_owned()),
            card_sha256: Some("her-certificate".to_owned()),
            instance_jkt: Some("her-workstation".to_owned()),
        }),
        on_record: Some(ReportOnRecord {
            event_id: event_id.to_owned(),
            salt: format!("{number:022}"),
        }),
        occurred_at: at.unix_timestamp() * 1_000,
        received_at: at,
    }
}

/// By statements that make many rows, between which the indexes are gone.
async fn with_everybody_else(
    file: &Path,
    events: u32,
    began: OffsetDateTime,
) -> Result<(), Failure> {
    let options = SqliteConnectOptions::new().filename(file);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let run = async |connection: &mut SqliteConnection, text: String| {
        sqlx::raw_sql(AssertSqlSafe(text)).execute(connection).await
    };
    // Without a log of its own: it would be as long as the file.
    for pragma in [
        "journal_mode = OFF",
        "synchronous = OFF",
        "cache_size = -1000000",
        "temp_store = FILE",
    ] {
        run(&mut connection, format!("PRAGMA {pragma}")).await?;
    }
    let indexes: Vec<(String, String)> = sqlx::query_as(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL
         AND tbl_name IN ('event', 'guard_report', 'guard_report_patient')",
    )
    .fetch_all(&mut connection)
    .await?;
    run(&mut connection, "BEGIN".to_owned()).await?;
    for (name, _) in &indexes {
        run(&mut connection, format!("DROP INDEX {name}")).await?;
    }
    let seconds = began.unix_timestamp();
    let span = DAYS * 86_400;
    run(&mut connection, other_events(events, seconds, span)).await?;
    for statement in other_look_ups(events / 10, seconds, span) {
        run(&mut connection, statement).await?;
    }
    for (_, sql) in indexes {
        run(&mut connection, sql).await?;
    }
    run(&mut connection, "COMMIT".to_owned()).await?;
    run(&mut connection, "PRAGMA journal_mode = WAL".to_owned()).await?;
    Ok(connection.close().await?)
}

/// Logins, tokens and ends of five thousand people, evenly over the time.
fn other_events(count: u32, seconds: i64, span: i64) -> String {
    format!(
        "WITH RECURSIVE number (i) AS
             (SELECT 0 UNION ALL SELECT i + 1 FROM number WHERE i + 1 < {count})
         INSERT INTO event (id, kind, occurred_at, session_id, sub, client_id, details, salt,
                            ledger_index)
         SELECT printf('%016x-%08x-AAAAAAAAAAAAAAAA',
                       ({seconds} + i * {span} / {count}) * 1000000000, i),
                CASE i % 4 WHEN 0 THEN 'login.accepted' WHEN 1 THEN 'code.issued'
                           WHEN 2 THEN 'tokens.issued' ELSE 'session.ended' END,
                {seconds} + i * {span} / {count}, 'session-' || (i / 8), 'person-' || (i % 5000),
                'portal', '{{\"sid\":\"AAAAAAAAAAAAAAAAAAAAAA\"}}',
                'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', -1
         FROM number"
    )
}

fn other_look_ups(count: u32, seconds: i64, span: i64) -> [String; 2] {
    let reports = format!(
        "WITH RECURSIVE number (i) AS
             (SELECT 0 UNION ALL SELECT i + 1 FROM number WHERE i + 1 < {count})
         INSERT INTO guard_report
             (id, guard_client_id, sub, session_id, client_id, token_jti, service, kind, answer,
              reasons, patient_present, patients, occurred_at, received_at, card_id, instance_jkt)
         SELECT printf('%043d', i), 'guard', 'person-' || (i % 5000), 'session-' || (i / 8),
                'portal', 'token-' || i, 'records', 'look_up', 'allow', '[]', 0, 1,
                ({seconds} + i * {span} / {count}) * 1000, {seconds} + i * {span} / {count},
                'card-' || (i % 5000), 'workstation-' || (i % 700)
         FROM number"
    );
    let patients = format!(
        "WITH RECURSIVE number (i) AS
             (SELECT 0 UNION ALL SELECT i + 1 FROM number WHERE i + 1 < {count})
         INSERT INTO guard_report_patient (report_id, patient)
         SELECT printf('%043d', i), printf('patient-%032d', i % 300000) FROM number"
    );
    [reports, patients]
}
