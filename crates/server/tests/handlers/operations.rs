//! What operators' programs are shown: numbers, readiness, alarms; and that nobody else is.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;

use crate::card::Card;
use crate::program::Program;
use crate::relying_party::{Request, sign_in};
use crate::test_app::{CLIENT_ID, Changes, TestApp, header};
use crate::two_nodes::on_postgres;

const TOKEN: &str = "0123456789abcdef-operations";
const CERTIFICATES: &str = "cardea_certificate_end_timestamp_seconds";
const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/alerts.yml");
const CASES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/handlers/alerts.test.yml"
);
const RUNBOOKS: &str = include_str!("../../../../docs/operations.md");

/// The program over a test's folder, with a listener for operators.
pub(crate) struct Watched {
    pub(crate) app: TestApp,
    pub(crate) program: Program,
    pub(crate) operators: String,
    pub(crate) client: Client,
}

impl Watched {
    /// Starts with more lines in `[operations]`, and tables after them.
    pub(crate) async fn start(settings: &str, tables: &str) -> Self {
        let (changes, operators) = Self::changes(settings, tables).await;
        let app = TestApp::start_with(changes).await;
        Self::over(app, operators).await
    }

    async fn changes(settings: &str, tables: &str) -> (Changes, String) {
        let operators = Program::unused_address().await;
        // Set apart from the line that names the other listener, which a program's start replaces.
        let text = format!("[operations]\n listen = \"{operators}\"\n{settings}\n{tables}\n[keys]");
        (Changes::replacing("[keys]", &text), operators)
    }

    async fn over(app: TestApp, operators: String) -> Self {
        let address = Program::unused_address().await;
        app.stop();
        let program = Program::start(app.folder(), &address).await;
        Self {
            app: app.handed_to(format!("http://{address}")),
            program,
            operators,
            client: Client::builder().no_proxy().build().unwrap(),
        }
    }

    pub(crate) async fn ask(&self, path: &str) -> (u16, String) {
        let url = format!("http://{}{path}", self.operators);
        let mut tries_left = 100;
        loop {
            match self.client.get(&url).bearer_auth(TOKEN).send().await {
                Ok(response) => {
                    return (response.status().as_u16(), response.text().await.unwrap());
                }
                // A program that has just been started opens this listener after the other.
                Err(error) if error.is_connect() && tries_left > 0 => tries_left -= 1,
                Err(error) => panic!("{error}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) async fn ready(&self) -> (u16, Value) {
        let (status, body) = self.ask("/readyz").await;
        (status, serde_json::from_str(&body).unwrap())
    }
}

/// The names of our own numbers in the alert rules, as they are declared in a scrape.
fn named_in_rules(rules: &str) -> BTreeSet<String> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let words = rules.split(|character| !is_part(character));
    let ours = words.filter(|word| word.starts_with("cardea_"));
    let bare = |name: &str| {
        let ends = ["_total", "_bucket", "_count", "_sum"];
        let end = ends.iter().find_map(|end| name.strip_suffix(end));
        end.unwrap_or(name).to_owned()
    };
    ours.map(bare).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_see_numbers_that_name_nobody_and_every_alert_has_its_own() {
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), TOKEN).unwrap();
    let settings = format!(
        "bearer_token_file = {:?}\nbackup_dir = \"keys\"",
        token.path()
    );
    let (changes, operators) = Watched::changes(&settings, "").await;
    let (app, _) = on_postgres(changes).await;
    let watched = Watched::over(app, operators).await;
    let (app, card) = (&watched.app, Card::pharmacist(&watched.app));
    let request = Request::new();
    let signed_in = sign_in(app, &request, &card).await;
    assert_eq!(request.redeem(app, &signed_in.code).await.status(), 200);
    assert_eq!(request.redeem(app, &signed_in.code).await.status(), 400);
    assert_eq!(
        app.get("/a-name-of-a-stranger")
            .send()
            .await
            .unwrap()
            .status(),
        404
    );

    let (status, text) = watched.ask("/metrics").await;
    assert_eq!(status, 200);
    for line in [
        "cardea_logins_total{way=\"login\",outcome=\"accepted\",acr=\"urn:cardea:acr:card-pin\"} 1",
        "cardea_tokens_issued_total{grant_type=\"authorization_code\"} 1",
        "cardea_refusals_total{event=\"token.refused\",code=\"provider.code_reused\"} 1",
        "cardea_answers_refused_total{code=\"server.not_found\"} 1",
        "cardea_revocation_evidence_total{source=\"ocsp\",state=\"current\"} 1",
        "cardea_revocation_evidence_total{source=\"crl\",state=\"grace\"} 0",
        "cardea_logout_deliveries_total{outcome=\"undelivered\"} 0",
        "cardea_answers_refused_total{code=\"server.too_many_requests\"} 0",
        "route=\"/login/{id}/assertion\",status=\"2xx\"",
        "cardea_ready 1",
        "cardea_mass_presence_loss 0",
        "cardea_token_keys{state=\"signing\"}",
        "cardea_build_info{version=",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    for secret in ["LEFEVRE", "8997", "stranger", &signed_in.code, "127.0.0.1:"] {
        assert!(!text.contains(secret), "{secret}");
    }
    assert!(!text.contains(&format!("\"{CLIENT_ID}\"")));
    let mut connection = signed_in.connection;
    connection.send(&card.departed(app)).await;
    every_alert_has_its_numbers(&watched).await;
    nobody_else_is_shown_them(&watched).await;
    scraped_by_prometheus(&watched).await;
}

/// What has not happened yet is not there: the card has left, and its portal is told.
async fn every_alert_has_its_numbers(watched: &Watched) {
    let mut text = String::new();
    for _ in 0..200 {
        if text.contains("cardea_logout_deliveries_total{outcome=\"delivered\"} 1") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        text = watched.ask("/metrics").await.1;
    }
    let rules = std::fs::read_to_string(RULES).unwrap();
    for name in named_in_rules(&rules) {
        // Only a server with TLS has a certificate.
        let is_there = text.contains(&format!("# TYPE {name} "));
        assert!(is_there || name == CERTIFICATES, "{name} in {text}");
    }
    let source = include_str!("../../src/metrics/collected.rs");
    assert!(source.contains(CERTIFICATES.trim_start_matches("cardea_")));
}

async fn nobody_else_is_shown_them(watched: &Watched) {
    let app = &watched.app;
    let url = format!("http://{}/metrics", watched.operators);
    let unknown = watched.client.get(url).send().await.unwrap();
    assert_eq!(unknown.status(), 401);
    assert_eq!(header(&unknown, "www-authenticate"), "Bearer");
    assert_eq!(app.get("/metrics").send().await.unwrap().status(), 404);
    // The clusters of tests are told to forget what they commit in a power cut.
    let warnings = ["database_not_durable"];
    let ready = json!({ "status": "ready", "reasons": [], "warnings": warnings });
    assert_eq!(watched.ready().await, (200, ready));
    let public: Value = app
        .get("/readyz")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(public, json!({ "status": "ready" }));
}

/// A real Prometheus reads the numbers and evaluates every rule.
async fn scraped_by_prometheus(watched: &Watched) {
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "global: {{scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}}\n\
         rule_files: [{RULES:?}]\n\
         scrape_configs:\n  - job_name: cardea\n    authorization: {{credentials: {TOKEN}}}\n    \
         static_configs: [{{targets: [{:?}]}}]\n",
        watched.operators
    );
    std::fs::write(folder.path().join("prometheus.yml"), config).unwrap();
    let address = Program::unused_address().await;
    let _prometheus = Prometheus::start(folder.path().to_owned(), &address);
    let ask = async |path: &str| -> Option<Value> {
        let url = format!("http://{address}/api/v1/{path}");
        let answer = watched.client.get(url).send().await.ok()?;
        answer.json().await.ok()
    };
    for _ in 0..240 {
        let up = ask("query?query=cardea_ready").await;
        let is_up = up.is_some_and(|up| up["data"]["result"][0]["value"][1] == "1");
        let rules = ask("rules").await.unwrap_or_default();
        let rules = rules["data"]["groups"][0]["rules"].as_array().cloned();
        let rules = rules.unwrap_or_default();
        let ill: Vec<_> = rules
            .iter()
            .filter(|rule| rule["health"] == "err")
            .collect();
        assert!(ill.is_empty(), "{ill:?}");
        if is_up && rules.len() > 15 && rules.iter().all(|rule| rule["health"] == "ok") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    panic!(
        "Prometheus does not see the server: {:?}",
        ask("targets").await
    );
}

struct Prometheus(Child);

impl Prometheus {
    fn start(folder: PathBuf, address: &str) -> Self {
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--web.listen-address={address}"))
            .arg(format!(
                "--config.file={}",
                folder.join("prometheus.yml").display()
            ))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.join("data").display()
            ))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let hint = "Prometheus is not installed; `cargo xtask install --for test` installs it";
        Self(command.spawn().expect(hint))
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_rules_are_rules_and_each_has_its_runbook() {
    for arguments in [["check", "rules", RULES], ["test", "rules", CASES]] {
        let checked = Command::new("promtool").args(arguments).output();
        let hint = "promtool is not installed; `cargo xtask install --for test` installs it";
        let checked = checked.expect(hint);
        let said = [checked.stdout, checked.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(checked.status.success(), "{arguments:?}: {said}");
    }
    let anchor = |title: &str| {
        let is_kept = |it: &char| it.is_ascii_alphanumeric() || " -".contains(*it);
        let text: String = title.chars().filter(is_kept).collect();
        text.to_lowercase().replace(' ', "-")
    };
    let titles: BTreeSet<String> = RUNBOOKS
        .lines()
        .filter_map(|line| line.strip_prefix('#'))
        .map(|title| anchor(title.trim_start_matches('#').trim()))
        .collect();
    let rules = std::fs::read_to_string(RULES).unwrap();
    let mut alerts = 0;
    for part in rules.split("runbook: \"operations.md#").skip(1) {
        let wanted = part.split('"').next().unwrap();
        assert!(titles.contains(wanted), "{wanted} in {titles:?}");
        alerts += 1;
    }
    assert_eq!(alerts, rules.matches("- alert: ").count());
}

/// A database that only reads answers no login: a write that another program holds up shows it.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_database_takes_no_write_is_not_ready() {
    let app = TestApp::start().await;
    let options = SqliteConnectOptions::new().filename(app.folder().join("cardea.sqlite"));
    let pool = SqlitePool::connect_with(options).await.unwrap();
    let held = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let look = async || app.get("/readyz").send().await.unwrap().status();
    assert_eq!(look().await, 503);
    // It is alive all the same: starting it anew would help nobody.
    assert_eq!(app.get("/healthz").send().await.unwrap().status(), 200);
    held.rollback().await.unwrap();
    for _ in 0..200 {
        if look().await == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it does not become ready again");
}

/// As when an old copy of the file is put under a program that runs.
#[tokio::test]
async fn a_server_over_an_older_schema_is_not_ready() {
    let app = TestApp::start().await;
    let options = SqliteConnectOptions::new().filename(app.folder().join("cardea.sqlite"));
    let pool = SqlitePool::connect_with(options).await.unwrap();
    let newest = "DELETE FROM _sqlx_migrations
                  WHERE version = (SELECT MAX(version) FROM _sqlx_migrations)";
    sqlx::query(newest).execute(&pool).await.unwrap();
    let answer = app.get("/readyz").send().await.unwrap();
    assert_eq!(answer.status(), 503);
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body, json!({ "status": "not_ready" }));
}
