//! A server that is killed in the midst of its work (attack H18): what it gave out is on record.
//!
//! The real program runs on SQLite and is killed at moments that a fixed seed chooses, while
//! logins, silent logins, redemptions and refreshes are under way. Each time the database is looked
//! into before the next start: no code, token or session is there without its event.

use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;

use cardea_storage::SecretDigest;
use futures_util::future::join_all;
use reqwest::Response;
use serde_json::Value;
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;

use crate::card::{Card, PresenceConnection};
use crate::program::Program;
use crate::relying_party::{Login, Request, parameter, sign_in};
use crate::test_app::{CLIENT_ID, CLIENT_SECRET, Changes, TestApp, header};

const SEED: u64 = 0x0048_3138;
const ROUNDS: u32 = 8;
/// A kill comes between the first answers and a few hundred of them.
const EARLIEST_MILLISECONDS: u64 = 20;
const LATEST_MILLISECONDS: u64 = 400;
const PORTALS_AT_ONCE: usize = 4;
const LOGINS_AT_ONCE: usize = 3;

/// What must not be, and how the database says whether it is.
const UNRECORDED: [(&str, &str); 6] = [
    (
        "a code without its event",
        "SELECT COUNT(*) FROM
             (SELECT sid, COUNT(*) AS held FROM authorization_code GROUP BY sid) AS code
         LEFT JOIN
             (SELECT json_extract(details, '$.sid') AS sid, COUNT(*) AS told
              FROM event WHERE kind = 'code.issued' GROUP BY 1) AS noted
         ON noted.sid = code.sid WHERE COALESCE(told, 0) < held",
    ),
    (
        "an access token without its event",
        "SELECT COUNT(*) FROM access_grant WHERE jti NOT IN
             (SELECT json_extract(details, '$.jti') FROM event WHERE kind = 'tokens.issued')",
    ),
    (
        "an event of an access token that is not there",
        "SELECT COUNT(*) FROM event WHERE kind = 'tokens.issued'
         AND json_extract(details, '$.jti') NOT IN (SELECT jti FROM access_grant)",
    ),
    (
        "a refresh token without its access token",
        "SELECT COUNT(*) FROM
             (SELECT family_id, COUNT(*) AS held FROM refresh_token GROUP BY family_id) AS token
         LEFT JOIN
             (SELECT family_id, COUNT(*) AS told FROM access_grant GROUP BY family_id) AS noted
         ON noted.family_id = token.family_id WHERE COALESCE(told, 0) < held",
    ),
    (
        "a session without its login",
        "SELECT COUNT(*) FROM session WHERE id NOT IN
             (SELECT session_id FROM event WHERE kind = 'login.accepted')",
    ),
    (
        "an active session without its event",
        "SELECT COUNT(*) FROM session WHERE state = 'active' AND id NOT IN
             (SELECT session_id FROM event WHERE kind = 'session.activated')",
    ),
];

/// What portals were given before the kill.
#[derive(Default)]
pub(crate) struct Given {
    /// Each code, and whether it was redeemed.
    pub(crate) codes: Vec<(String, bool)>,
    pub(crate) jtis: Vec<String>,
}

/// Numbers of a fixed sequence (Knuth's multiplier).
pub(crate) fn next(state: &mut u64) -> u64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

pub(crate) fn keep(given: &RefCell<Given>, tokens: &Value) -> Option<String> {
    let payload = tokens["access_token"].as_str()?.split('.').nth(1)?;
    let claims: Value =
        serde_json::from_slice(&cardea_jose::parse_base64url(payload).ok()?).ok()?;
    let jti = claims["jti"].as_str()?.to_owned();
    given.borrow_mut().jtis.push(jti);
    tokens["refresh_token"].as_str().map(str::to_owned)
}

async fn tokens(app: &TestApp, form: &[(&str, String)]) -> Option<Value> {
    let post = app
        .post("/token")
        .basic_auth(CLIENT_ID, Some(CLIENT_SECRET));
    let response = post.form(form).send().await.ok()?;
    if response.status() != 200 {
        return None;
    }
    response.json().await.ok()
}

/// Goes on with silent logins until the server does not answer any more.
pub(crate) async fn portal(app: &TestApp, cookie: &str, given: &RefCell<Given>) -> Option<()> {
    loop {
        let request = Request::new();
        let get = app.get("/authorize").header("Cookie", cookie);
        let response: Response = get.query(&request.parameters).send().await.ok()?;
        let location = header(&response, "location");
        let code = parameter(&location, "code").expect("the session is live");
        let number = {
            let mut given = given.borrow_mut();
            given.codes.push((code.clone(), false));
            given.codes.len() - 1
        };
        let first = tokens(app, &request.token_form(&code)).await?;
        given.borrow_mut().codes[number].1 = true;
        let refresh_token = keep(given, &first)?;
        let form = [
            ("grant_type", "refresh_token".to_owned()),
            ("refresh_token", refresh_token),
        ];
        keep(given, &tokens(app, &form).await?)?;
    }
}

/// A login by card that is under way when the server is killed.
pub(crate) async fn login(app: &TestApp, card: &Card, prepared: Prepared, given: &RefCell<Given>) {
    let Prepared {
        login,
        body,
        mut connection,
    } = prepared;
    let prove = async {
        while let Some(frame) = connection.next().await {
            match frame["nonce"].as_str() {
                Some(nonce) => connection.send(&card.present(app, nonce)).await,
                None if frame["state"] == "active" => return,
                None => {}
            }
        }
    };
    let path = login.path("/assertion");
    let post = app.post_json(&path, &login.cookie, &body).send();
    let (answer, ()) = tokio::join!(post, prove);
    let Ok(response) = answer else { return };
    let Ok(body) = response.json::<Value>().await else {
        return;
    };
    if let Some(code) = body["redirect_to"].as_str() {
        let code = parameter(code, "code").unwrap();
        given.borrow_mut().codes.push((code, false));
    }
}

pub(crate) struct Prepared {
    login: Login,
    body: Value,
    connection: PresenceConnection,
}

pub(crate) async fn prepare(app: &TestApp, card: &Card) -> Prepared {
    let login = Request::new().begin(app).await;
    let body = card.answer(app, &login.challenge(app).await);
    let connection = card.connect(app).await;
    Prepared {
        login,
        body,
        connection,
    }
}

/// One life of the server, which ends `milliseconds` after all have begun.
async fn round(app: &TestApp, address: &str, milliseconds: u64) -> Given {
    let mut program = Program::start(app.folder(), address).await;
    let nurse = cardea_test_pki::CardProfile::nurse().with_key(cardea_test_pki::KeyKind::P256);
    let (first, second) = (Card::pharmacist(app), Card::new(app, &nurse));
    let signed_in = sign_in(app, &Request::new(), &first).await;
    app.host.know(&second.issued.authentication);
    let mut prepared = Vec::new();
    for _ in 0..LOGINS_AT_ONCE {
        prepared.push(prepare(app, &second).await);
    }
    let given = RefCell::new(Given::default());
    let cookie = signed_in.session_cookie.as_str();
    let portals = join_all((0..PORTALS_AT_ONCE).map(|_| portal(app, cookie, &given)));
    let logins = prepared
        .into_iter()
        .map(|it| login(app, &second, it, &given));
    let kill = async {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        program.kill();
    };
    let _ = tokio::join!(portals, join_all(logins), kill);
    given.into_inner()
}

async fn open(folder: &Path) -> SqlitePool {
    let file = folder.join("cardea.sqlite");
    SqlitePool::connect_with(SqliteConnectOptions::new().filename(file))
        .await
        .unwrap()
}

async fn count(database: &SqlitePool, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(database).await.unwrap()
}

async fn is_there(database: &SqlitePool, query: &'static str, value: &str) -> bool {
    let found: i64 = sqlx::query_scalar(query)
        .bind(value)
        .fetch_one(database)
        .await
        .unwrap();
    found == 1
}

pub(crate) async fn check(folder: &Path, given: &Given) {
    let database = open(folder).await;
    for (name, query) in UNRECORDED {
        assert_eq!(count(&database, query).await, 0, "{name}");
    }
    // What was answered had been written before.
    let token = "SELECT COUNT(*) FROM access_grant WHERE jti = $1";
    for jti in &given.jtis {
        assert!(is_there(&database, token, jti).await, "a token is lost");
    }
    let redeemed = "SELECT COUNT(*) FROM authorization_code
                    WHERE code_sha256 = $1 AND redeemed_at IS NOT NULL";
    for (code, _) in given.codes.iter().filter(|(_, redeemed)| *redeemed) {
        let digest = SecretDigest::of(code);
        let is_spent = is_there(&database, redeemed, digest.as_str()).await;
        assert!(is_spent, "a redeemed code is as new");
    }
    database.close().await;
}

/// The queries speak when what they look for is there.
async fn check_that_the_checks_see(folder: &Path) {
    let database = open(folder).await;
    for kind in [
        "code.issued",
        "tokens.issued",
        "login.accepted",
        "session.activated",
    ] {
        let gone = sqlx::query("DELETE FROM event WHERE kind = $1").bind(kind);
        assert!(gone.execute(&database).await.unwrap().rows_affected() > 0);
    }
    for (name, query) in UNRECORDED {
        let speaks = count(&database, query).await > 0;
        let is_about_events = name.ends_with("without its event") || name.ends_with("its login");
        assert_eq!(speaks, is_about_events, "{name}");
    }
    database.close().await;
}

#[tokio::test]
async fn h18_nothing_is_given_out_that_is_not_on_record() {
    let mut changes = Changes::limiting(
        "per_address_and_minute = 100000\nrefusals_per_address_and_minute = 100000",
    );
    changes.replace.push((
        "id_token_signed_response_alg = \"ES256\"",
        "id_token_signed_response_alg = \"ES256\"\n\
         grant_types = [\"authorization_code\", \"refresh_token\"]"
            .to_owned(),
    ));
    let address = Program::unused_address().await;
    let app = TestApp::start_with(changes).await;
    let app = app.handed_to(format!("http://{address}"));
    let mut seed = SEED;
    let mut all = Given::default();
    for _ in 0..ROUNDS {
        let span = LATEST_MILLISECONDS - EARLIEST_MILLISECONDS;
        let milliseconds = EARLIEST_MILLISECONDS + next(&mut seed) % span;
        let given = round(&app, &address, milliseconds).await;
        check(app.folder(), &given).await;
        all.codes.extend(given.codes);
        all.jtis.extend(given.jtis);
    }
    assert!(all.jtis.len() > 20, "the load was none: {}", all.jtis.len());

    // F1 across the crashes: what was redeemed before a kill is spent after it.
    let program = Program::start(app.folder(), &address).await;
    let spent = all.codes.iter().filter(|(_, redeemed)| *redeemed);
    for (code, _) in spent.step_by(10) {
        let response = Request::new().redeem(&app, code).await;
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"], "invalid_grant", "{body}");
    }
    drop(program);
    check_that_the_checks_see(app.folder()).await;
}
