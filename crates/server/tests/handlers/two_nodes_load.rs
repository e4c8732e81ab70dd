//! Two programs on one PostgreSQL behind HAProxy while people log in without pause: one is killed,
//! both are upgraded one after the other, and a downgrade is refused.

use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sqlx::{Connection as _, PgConnection};

use crate::agent::Told;
use crate::logged_in::{LoggedIn, card_of, log_in};
use crate::nodes::Nodes;
use crate::program::Program;
use crate::revocation_host::Answer;
use crate::test_app::{Changes, TestApp};

const LOGINS_AT_ONCE: usize = 3;
const WAIT: Duration = Duration::from_secs(60);

/// What a program of a release to come adds, while those of today run.
const EXPANSION: [&str; 4] = [
    "ALTER TABLE session ADD COLUMN of_a_newer_program TEXT",
    "ALTER TABLE authorization_code ADD COLUMN of_a_newer_program BIGINT DEFAULT 0",
    "CREATE TABLE of_a_newer_program (id BIGINT NOT NULL PRIMARY KEY)",
    "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
     VALUES (29991231000000, 'of a newer program', TRUE, '\\x00', 0)",
];
/// And what the release after it takes away.
const CONTRACTION: [&str; 3] = [
    "ALTER TABLE session DROP COLUMN revocation_age",
    "UPDATE _schema_floor SET version = 29991231000100, program = '99.1.0'",
    "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
     VALUES (29991231000100, 'of a newer program', TRUE, '\\x00', 0)",
];

/// People who log in one after the other, each anew.
#[derive(Default)]
struct Load {
    is_over: AtomicBool,
    begun: AtomicUsize,
    finished: Mutex<Vec<LoggedIn>>,
    cut: Mutex<Vec<String>>,
}

impl Load {
    fn finished(&self) -> usize {
        self.finished.lock().unwrap().len()
    }

    fn cut(&self) -> Vec<String> {
        self.cut.lock().unwrap().clone()
    }

    /// Waits until so many more have logged in.
    async fn goes_on(&self, count: usize) {
        let (begun, wanted) = (Instant::now(), self.finished() + count);
        while self.finished() < wanted {
            assert!(begun.elapsed() < WAIT, "{:?}", self.cut());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Each login ends, or one request of it was cut and a fresh navigation ends.
    async fn run(&self, app: &TestApp) {
        while !self.is_over.load(Ordering::SeqCst) {
            let number = self.begun.fetch_add(1, Ordering::SeqCst);
            let logged_in = match log_in(app, card_of(app, number)).await {
                Ok(logged_in) => logged_in,
                Err(cut) => {
                    self.cut.lock().unwrap().push(cut.0);
                    let again = log_in(app, card_of(app, number)).await;
                    again.unwrap_or_else(|cut| panic!("lost: {cut:?}, {:?}", self.cut()))
                }
            };
            self.finished.lock().unwrap().push(logged_in);
        }
    }
}

async fn execute(database: &str, statements: &[&'static str]) {
    let mut connection = PgConnection::connect(database).await.unwrap();
    for statement in statements {
        sqlx::query(*statement)
            .execute(&mut connection)
            .await
            .unwrap();
    }
    connection.close().await.unwrap();
}

/// Killed as by a lack of memory: what it was just answering is lost, and nothing else.
async fn kill_one(nodes: &mut Nodes, load: &Load) {
    load.goes_on(6).await;
    nodes.programs[0].kill();
    load.goes_on(10).await;
    let cut = load.cut();
    assert!(cut.len() <= LOGINS_AT_ONCE, "{cut:?}");
    start_again(nodes, 0).await;
    load.goes_on(4).await;
}

async fn start_again(nodes: &mut Nodes, number: usize) {
    let address = &nodes.addresses[number];
    nodes.programs[number] = Program::start(nodes.app.folder(), address).await;
}

/// One after the other: told to stop, ended in order, and started over the newer schema.
async fn upgrade(nodes: &mut Nodes, load: &Load) {
    let before = load.cut();
    execute(&nodes.database, &EXPANSION).await;
    load.goes_on(6).await;
    for number in 0..nodes.programs.len() {
        nodes.programs[number].terminate();
        assert!(nodes.programs[number].ended().await);
        start_again(nodes, number).await;
        load.goes_on(4).await;
    }
    assert_eq!(load.cut(), before, "an upgrade cuts nothing");
}

/// Who runs says that it is not ready; who starts says which version it takes.
async fn downgrade(nodes: &mut Nodes) {
    execute(&nodes.database, &CONTRACTION).await;
    for node in [&nodes.one, &nodes.other] {
        let begun = Instant::now();
        while node.get("/readyz").send().await.unwrap().status() != 503 {
            assert!(begun.elapsed() < WAIT);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    nodes.programs[0].kill();
    start_refused(&nodes.app).await;
}

async fn start_refused(app: &TestApp) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cardea"));
    command.current_dir(app.folder());
    command.args(["serve", "--config", "cardea.toml"]);
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    for part in [
        "storage.schema_too_new",
        "needs Cardea 99.1.0 or later",
        "29991231000100",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_and_an_upgrade_under_load_lose_no_login_and_end_no_session() {
    let changes = Changes::default();
    let mut nodes = Nodes::start(changes).await;
    // Lists alone: the responder knows one card at a time.
    let host = nodes.app.host.clone();
    host.change(|behaviour| behaviour.ocsp = Answer::Missing);
    let (load, app) = (Load::default(), nodes.app.at(nodes.app.url("")));
    let people = join_all((0..LOGINS_AT_ONCE).map(|_| load.run(&app)));
    let events = async {
        kill_one(&mut nodes, &load).await;
        upgrade(&mut nodes, &load).await;
        load.is_over.store(true, Ordering::SeqCst);
    };
    tokio::join!(people, events);
    let finished = load.finished.into_inner().unwrap();
    println!(
        "{} logins, cut: {:?}",
        finished.len(),
        load.cut.lock().unwrap()
    );
    for person in &finished {
        person.agent.until(&Told::Active).await;
        assert_eq!(person.userinfo(&app).await, 200);
    }
    assert_eq!(host.logout_tokens_waiting(), 0, "nobody was logged out");
    drop(finished);
    downgrade(&mut nodes).await;
}

#[tokio::test]
async fn a_downgrade_is_refused_on_sqlite_too() {
    let app = TestApp::start().await;
    app.stop();
    let file = app.folder().join("cardea.sqlite");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    for statement in CONTRACTION {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
    pool.close().await;
    start_refused(&app).await;
}
