//! The outage drill: revocation services dead, the database restarted, all agents cut off, everyone
//! back at once. What people see at each stage, and that nobody is logged out who should not be.
//!
//! A minute of the real thing is shortened by configuration: the grace period is eight seconds.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::Value;

use crate::agent::Told;
use crate::card::Card;
use crate::logged_in::{LoggedIn, card_of, log_in};
use crate::program::Program;
use crate::relying_party::Request;
use crate::restartable_postgres::RestartablePostgres;
use crate::revocation_host::Answer;
use crate::test_app::{CLIENT_ID, CLIENT_SECRET, Changes, TestApp, header};
use crate::two_nodes::on_cluster;

const PEOPLE: usize = 6;
const STORM: usize = 12;
const WAIT: Duration = Duration::from_secs(60);
/// Longer than the grace period.
const DATABASE_AWAY: Duration = Duration::from_secs(10);
/// A loss of many is noticed a second before the grace period is over; then the sweep runs twice.
const CUT_OFF: Duration = Duration::from_secs(5);
/// Without a wish of the browser's pages speak French.
const ADVICE: &str = "Votre carte n’est pas en cause. Réessayez dans quelques minutes.";

struct Drill {
    app: TestApp,
    postgres: RestartablePostgres,
    people: Vec<LoggedIn>,
    begun: usize,
    program: Program,
}

impl Drill {
    async fn start() -> Self {
        let postgres = tokio::task::spawn_blocking(RestartablePostgres::start_new);
        let postgres = postgres.await.unwrap();
        let (app, _) = on_cluster(&postgres.socket_folder, changes()).await;
        app.stop();
        let address = Program::unused_address().await;
        let program = Program::start(app.folder(), &address).await;
        let mut drill = Self {
            app: app.at(format!("http://{address}")),
            postgres,
            people: Vec::new(),
            begun: 0,
            program,
        };
        for _ in 0..PEOPLE {
            let person = drill.log_in().await;
            drill.people.push(person);
        }
        drill
    }

    fn next_card(&mut self) -> Card {
        self.begun += 1;
        card_of(&self.app, self.begun)
    }

    async fn log_in(&mut self) -> LoggedIn {
        let card = self.next_card();
        log_in(&self.app, card).await.unwrap()
    }

    /// Whether one more person gets in.
    async fn is_served(&mut self) -> bool {
        let card = self.next_card();
        match log_in(&self.app, card).await {
            Ok(person) => {
                self.people.push(person);
                true
            }
            Err(_) => false,
        }
    }

    /// Everybody is still in, as her portal and her agent know; no portal was told otherwise.
    async fn nobody_is_logged_out(&mut self) {
        for person in &mut self.people {
            person.agent.until(&Told::Active).await;
            if let Err(refused) = person.stays_in(&self.app).await {
                let log = String::from_utf8_lossy(&self.program.log()).into_owned();
                let ended: Vec<_> = log.lines().filter(|it| it.contains("ended")).collect();
                panic!("{refused}, {:?}, {ended:#?}", person.agent.told());
            }
        }
        assert_eq!(self.app.host.logout_tokens_waiting(), 0);
    }

    /// What the login page's script is answered after the card has signed.
    async fn answer_to(&self, card: &Card) -> (u16, String, Value) {
        let login = Request::new().begin(&self.app).await;
        let body = card.answer(&self.app, &login.challenge(&self.app).await);
        let answer = login.post_assertion(&self.app, &body).await;
        let (status, after) = (answer.status().as_u16(), header(&answer, "retry-after"));
        (status, after, answer.json().await.unwrap())
    }

    async fn status(&self, path: &str) -> u16 {
        self.app.get(path).send().await.unwrap().status().as_u16()
    }

    /// Why the last login was refused, from the record.
    async fn last_refusal(&self) -> String {
        let mut code = None;
        let found = async |transaction: &mut cardea_storage::Transaction| {
            let events = cardea_storage::event::list_newest(transaction, 100).await;
            let events = events.unwrap();
            let refused = events.into_iter().find(|it| it.kind == "login.refused");
            code = refused.and_then(|it| it.code);
        };
        self.app.in_database_of_its_own(found).await;
        code.unwrap()
    }
}

fn changes() -> Changes {
    let mut changes = Changes::limiting("per_address_and_minute = 100000");
    for (from, to) in [
        (
            "[presence]",
            "[session]\nrecheck_seconds = 2\n[presence]\ngrace_seconds = 8\nmass_loss_agents = 2",
        ),
        (
            "test_cards = \"require\"",
            "test_cards = \"require\"\n[trust_anchor.revocation]\ncrl_refresh_seconds = 1\n\
             stale_crl_grace_seconds = 1",
        ),
        (
            "id_token_signed_response_alg = \"ES256\"",
            "grant_types = [\"authorization_code\", \"refresh_token\"]",
        ),
    ] {
        changes.replace.push((from, to.to_owned()));
    }
    changes
}

#[tokio::test(flavor = "multi_thread")]
async fn outages_refuse_in_plain_words_and_log_nobody_out() {
    let mut drill = Drill::start().await;
    revocation_services_die(&mut drill).await;
    the_database_restarts(&mut drill).await;
    all_agents_are_cut_off(&mut drill).await;
}

async fn revocation_services_die(drill: &mut Drill) {
    let host = drill.app.host.clone();
    let die = || host.change(|it| (it.ocsp, it.crl) = (Answer::Missing, Answer::Missing));
    // The responder alone, then the lists' host as well: the lists at hand hold for days.
    host.change(|it| it.ocsp = Answer::Missing);
    let person = drill.log_in().await;
    drill.people.push(person);
    die();
    let person = drill.log_in().await;
    drill.people.push(person);

    // Lists that hold for seconds, and then no more.
    host.change(|it| (it.crl, it.crl_lifetime) = (Answer::Good, Some(Duration::from_secs(2))));
    let before = host.crl_requests();
    until("lists are fetched", async || {
        host.crl_requests() >= before + 4
    })
    .await;
    die();
    let begun = Instant::now();
    while drill.is_served().await {
        assert!(begun.elapsed() < WAIT, "lists that ran out still count");
    }
    let card = drill.next_card();
    let (status, retry_after, problem) = drill.answer_to(&card).await;
    assert_eq!((status, retry_after.as_str()), (503, "60"));
    assert_eq!(problem["code"], "login.revocation_unavailable");
    assert_eq!(
        problem["title"],
        "La carte ne peut pas être vérifiée pour l’instant"
    );
    assert_eq!(problem["detail"], ADVICE);
    assert_eq!(drill.last_refusal().await, "pki.revocation_stale");
    // Starting it anew would help nobody, and those who are logged in need it.
    assert_eq!(drill.status("/healthz").await, 200);
    drill.nobody_is_logged_out().await;

    host.change(|it| (it.ocsp, it.crl, it.crl_lifetime) = Default::default());
    let begun = Instant::now();
    while !drill.is_served().await {
        assert!(begun.elapsed() < WAIT, "cards are still refused");
    }
    drill.nobody_is_logged_out().await;
}

async fn the_database_restarts(drill: &mut Drill) {
    tokio::task::block_in_place(|| drill.postgres.stop());
    let app = &drill.app;
    let request = Request::new();
    let page = app.get("/authorize").query(&request.parameters);
    let page = page.header("Accept", "text/html").send();
    let token = drill.people[0].tokens["refresh_token"].as_str().unwrap();
    let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
    let refresh = app.post("/token").form(&form);
    let refresh = refresh.basic_auth(CLIENT_ID, Some(CLIENT_SECRET)).send();
    let states = async {
        let health = drill.status("/healthz").await;
        (health, drill.status("/readyz").await)
    };
    // Nobody's silence counts meanwhile, however long it lasts.
    let outlasted = tokio::time::sleep(DATABASE_AWAY);
    let (page, refresh, states, ()) = tokio::join!(page, refresh, states, outlasted);
    let page = page.unwrap();
    assert_eq!(page.status(), 503);
    assert_eq!(header(&page, "retry-after"), "10");
    let text = page.text().await.unwrap();
    for words in [
        "Le serveur ne peut pas répondre pour l’instant",
        ADVICE,
        "storage.unavailable",
    ] {
        assert!(text.contains(words), "{words} in {text}");
    }
    let refresh = refresh.unwrap();
    assert_eq!(refresh.status(), 503);
    assert_eq!(header(&refresh, "retry-after"), "10");
    let body: Value = refresh.json().await.unwrap();
    let code = body["error_uri"].as_str().unwrap().rsplit('/').next();
    assert_eq!(code, Some("storage.unavailable"), "{body}");
    assert_eq!(states, (503, 503));

    tokio::task::block_in_place(|| drill.postgres.start());
    until("ready", async || drill.status("/readyz").await == 200).await;
    assert_eq!(drill.status("/healthz").await, 200);
    // The token that was refused is not spent.
    drill.nobody_is_logged_out().await;
    let person = drill.log_in().await;
    drill.people.push(person);
}

async fn all_agents_are_cut_off(drill: &mut Drill) {
    let leaver = drill.log_in().await;
    for person in &drill.people {
        person.agent.set_network(false);
    }
    let app = drill.app.at(drill.app.url(""));
    until("the loss is noticed", async || {
        let health = app.get("/healthz").send().await.unwrap();
        health.json::<Value>().await.unwrap()["status"] == "degraded"
    })
    .await;
    tokio::time::sleep(CUT_OFF).await;
    // A balancer that took the node out for it would silence the others too.
    assert_eq!(drill.status("/healthz").await, 200);
    assert_eq!(drill.status("/readyz").await, 200);
    for person in &mut drill.people {
        person.stays_in(&app).await.expect("silence means nothing");
    }
    // Who pulls the card out is logged out all the same.
    let LoggedIn {
        card,
        agent,
        tokens: _,
    } = leaver;
    drop(agent);
    let mut connection = card.connect(&app).await;
    connection.prove(&app, &card).await;
    connection.send(&card.departed(&app)).await;
    drill.app.host.logout_token().await;

    // All come back at once, and as many more log in for the first time.
    let cards: Vec<Card> = (0..STORM).map(|_| drill.next_card()).collect();
    for person in &drill.people {
        person.agent.set_network(true);
    }
    let newcomers = join_all(cards.into_iter().map(|card| log_in(&app, card))).await;
    let newcomers = newcomers
        .into_iter()
        .map(|it| it.expect("everyone is served"));
    drill.people.extend(newcomers);
    drill.nobody_is_logged_out().await;
    assert_eq!(drill.status("/readyz").await, 200);
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < WAIT, "{what}: not within a minute");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
