//! A server that is killed two hundred times, and one whose database is: whatever somebody was told
//! is on record, and the log verifies (attack H18).
//!
//! Unlike in `killed.rs`, nobody else opens the database between two lives: the next start finds it
//! as the kill left it. `CARDEA_KILLS=5000 CARDEA_SEED=7` makes it a long run of its own.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;
use sqlx::{AnyPool, AssertSqlSafe, Row as _};

use crate::card::Card;
use crate::killed::{Given, Prepared, keep, login, next, portal, prepare};
use crate::ledger::signed;
use crate::program::Program;
use crate::relying_party::{Request, SignedIn, sign_in};
use crate::restartable_postgres::RestartablePostgres;
use crate::test_app::{CLIENT_SECRET, Changes, TestApp};
use crate::two_nodes::{on_cluster, on_postgres};

const SEED: u64 = 0x0048_3138;
const KILLS: u64 = 200;
const KILLS_ON_POSTGRESQL: u64 = 20;
const CRASHES: u32 = 4;
/// Every so many lives people log in by card, and the log is verified.
const CARDS_EVERY: u64 = 20;
const SERVICES: usize = 4;
pub(crate) const SERVICE: &str = "service";

/// A server with a service that asks for tokens by its secret, and no limits.
pub(crate) fn changes() -> Changes {
    let mut changes = Changes::limiting(
        "per_address_and_minute = 1000000\nrefusals_per_address_and_minute = 1000000",
    );
    changes.replace.push((
        "id_token_signed_response_alg = \"ES256\"",
        "id_token_signed_response_alg = \"ES256\"\n\
         grant_types = [\"authorization_code\", \"refresh_token\"]"
            .to_owned(),
    ));
    let service = format!(
        "[[client]]\nclient_id = \"{SERVICE}\"\nname = \"Service\"\nsecret = \"{CLIENT_SECRET}\"\n\
         grant_types = [\"client_credentials\"]\n[presence]"
    );
    changes.replace.push(("[presence]", service));
    changes
}

/// Asks for tokens until nobody answers any more.
pub(crate) async fn service(app: &TestApp, given: &RefCell<Given>) {
    let form = [("grant_type", "client_credentials")];
    loop {
        let ask = app.post("/token").basic_auth(SERVICE, Some(CLIENT_SECRET));
        let Ok(response) = ask.form(&form).send().await else {
            return;
        };
        if response.status() != 200 {
            return;
        }
        let Ok(tokens) = response.json::<Value>().await else {
            return;
        };
        keep(given, &tokens);
    }
}

/// People who are about to work: one is logged in, another's card is in a reader.
pub(crate) struct People {
    signed_in: SignedIn,
    nurse: Card,
    prepared: Prepared,
}

impl People {
    pub(crate) async fn come(app: &TestApp) -> Self {
        let signed_in = sign_in(app, &Request::new(), &Card::pharmacist(app)).await;
        let nurse = cardea_test_pki::CardProfile::nurse().with_key(cardea_test_pki::KeyKind::P256);
        let nurse = Card::new(app, &nurse);
        app.host.know(&nurse.issued.authentication);
        let prepared = prepare(app, &nurse).await;
        Self {
            signed_in,
            nurse,
            prepared,
        }
    }

    /// One goes on silently at two portals, and the other logs in.
    async fn work(self, app: &TestApp, given: &RefCell<Given>) {
        let cookie = self.signed_in.session_cookie.as_str();
        let portals = join_all((0..2).map(|_| portal(app, cookie, given)));
        tokio::join!(portals, login(app, &self.nurse, self.prepared, given));
    }
}

/// What is under way in a life of the server, until nobody answers any more.
pub(crate) async fn work(app: &TestApp, people: Option<People>, given: &RefCell<Given>) {
    let services = join_all((0..SERVICES).map(|_| service(app, given)));
    let people = async {
        if let Some(people) = people {
            people.work(app, given).await;
        }
    };
    tokio::join!(services, people);
}

/// The database of either kind, as somebody else sees it.
pub(crate) struct Witness(AnyPool);

impl Witness {
    pub(crate) async fn of_file(file: &Path) -> Self {
        Self::at(&format!("sqlite://{}", file.display())).await
    }

    async fn at(url: &str) -> Self {
        sqlx::any::install_default_drivers();
        Self(AnyPool::connect(url).await.unwrap())
    }

    /// Every token that somebody was given is in the table of those that are good.
    pub(crate) async fn knows_tokens(&self, jtis: &[String]) {
        for jti in jtis {
            let select = "SELECT COUNT(*) AS found FROM access_grant WHERE jti = $1";
            let row = sqlx::query(select).bind(jti).fetch_one(&self.0);
            let found: i64 = row.await.unwrap().get("found");
            assert_eq!(found, 1, "a token is lost that somebody has");
        }
    }

    /// Each of them has its event, and each event its token.
    pub(crate) async fn knows_events(&self, jtis: &[String]) {
        let told = self.texts("SELECT details AS text FROM event WHERE kind = 'tokens.issued'");
        let told: BTreeSet<String> = told.await.iter().map(|it| jti_of(it)).collect();
        for jti in jtis {
            assert!(told.contains(jti), "the event of a token is lost");
        }
        let held = self.texts("SELECT jti AS text FROM access_grant").await;
        let held: BTreeSet<String> = held.into_iter().collect();
        assert_eq!(held, told, "a token and its event are one transaction");
    }

    async fn texts(&self, statement: &'static str) -> Vec<String> {
        let rows = sqlx::query(statement).fetch_all(&self.0).await.unwrap();
        rows.iter().map(|row| row.get("text")).collect()
    }

    pub(crate) async fn leave(self) {
        self.0.close().await;
    }
}

fn jti_of(details: &str) -> String {
    let details: Value = serde_json::from_str(details).unwrap();
    details["jti"].as_str().unwrap().to_owned()
}

/// Everything gets its place under a checkpoint, and nothing is wrong with the log.
pub(crate) async fn verifies(app: &TestApp) {
    signed(app).await;
    let sound = app.operate_on("ledger", &["verify"]).await;
    assert!(sound["size"].as_u64() > Some(0), "{sound}");
}

/// How often, and from which seed, unless the long run says otherwise.
pub(crate) fn asked_for(name: &str, otherwise: u64) -> u64 {
    let asked = std::env::var(name).ok();
    asked.map_or(otherwise, |it| it.parse().unwrap())
}

fn moment(seed: &mut u64) -> Duration {
    Duration::from_millis(5 + next(seed) % 150)
}

/// Lives of one server, each ended by a kill while it is at work.
async fn kill_often(app: TestApp, url: Option<&str>, kills: u64) {
    let address = Program::unused_address().await;
    let app = app.handed_to(format!("http://{address}"));
    let seed = asked_for("CARDEA_SEED", SEED);
    let (mut seed, mut all, mut last) = (seed, Vec::new(), Vec::new());
    for life in 0..=kills {
        let mut program = Program::start(app.folder(), &address).await;
        let witness = match url {
            Some(url) => Witness::at(url).await,
            None => Witness::of_file(&app.folder().join("cardea.sqlite")).await,
        };
        witness.knows_tokens(&last).await;
        all.append(&mut last);
        let is_round = life.is_multiple_of(CARDS_EVERY);
        if is_round {
            witness.knows_events(&all).await;
        }
        witness.leave().await;
        if is_round && life > 0 {
            verifies(&app).await;
        }
        let given = RefCell::new(Given::default());
        let people = match is_round {
            true => Some(People::come(&app).await),
            false => None,
        };
        let until = moment(&mut seed);
        let kill = async {
            tokio::time::sleep(until).await;
            program.kill();
        };
        tokio::join!(work(&app, people, &given), kill);
        last = given.into_inner().jtis;
    }
    let told = u64::try_from(all.len()).unwrap();
    // A busy machine answers little in a tenth of a second.
    assert!(
        told > kills / 4,
        "the load was none: {told} in {kills} lives"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn h18_two_hundred_kills_take_nothing_that_somebody_was_told_on_sqlite() {
    let kills = asked_for("CARDEA_KILLS", KILLS);
    kill_often(TestApp::start_with(changes()).await, None, kills).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h18_kills_take_nothing_that_somebody_was_told_on_postgresql() {
    let (app, url) = on_postgres(changes()).await;
    kill_often(app, Some(&url), KILLS_ON_POSTGRESQL).await;
}

/// The database is told not to wait for its disk, which every connection of ours does all the same.
#[tokio::test(flavor = "multi_thread")]
async fn h18_crashes_of_postgresql_take_nothing_that_somebody_was_told() {
    let cluster = tokio::task::spawn_blocking(RestartablePostgres::start_new);
    let mut cluster = cluster.await.unwrap();
    let (app, url) = on_cluster(&cluster.socket_folder, changes()).await;
    let name = url.split('?').next().unwrap().rsplit('/').next().unwrap();
    let relaxed = format!("ALTER DATABASE \"{name}\" SET synchronous_commit = off");
    let admin = Witness::at(&url).await;
    let relaxed = sqlx::query(AssertSqlSafe(relaxed)).execute(&admin.0);
    relaxed.await.unwrap();
    admin.leave().await;
    let address = Program::unused_address().await;
    let app = app.handed_to(format!("http://{address}"));
    let _program = Program::start(app.folder(), &address).await;
    let (mut seed, mut all) = (SEED, Vec::new());
    for _ in 0..CRASHES {
        let given = RefCell::new(Given::default());
        let until = moment(&mut seed) + Duration::from_millis(200);
        let crash = async {
            tokio::time::sleep(until).await;
            tokio::task::block_in_place(|| cluster.crash());
        };
        tokio::join!(work(&app, None, &given), crash);
        tokio::task::block_in_place(|| cluster.start());
        all.append(&mut given.into_inner().jtis);
        let witness = Witness::at(&url).await;
        witness.knows_tokens(&all).await;
        witness.knows_events(&all).await;
        witness.leave().await;
        is_back(&app).await;
    }
    println!("{CRASHES} crashes, {} tokens given out", all.len());
    assert!(all.len() > 10, "the load was none: {}", all.len());
    verifies(&app).await;
}

/// Waits until the server has found its database again.
async fn is_back(app: &TestApp) {
    for _ in 0..600 {
        let healthy = app.get("/healthz").send().await.unwrap();
        if healthy.status() == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the server does not find its database again");
}
