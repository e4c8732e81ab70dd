//! A server that starts over the database that a release left (`fixtures/released-database`), with
//! somebody signed in: her portal goes on, her next login is hers, the log holds what was there.

use std::fs;
use std::path::{Path, PathBuf};

use cardea_jose::UnverifiedJws;
use reqwest::Response;
use serde_json::Value;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlitePool};

use crate::card::Card;
use crate::ledger::signed;
use crate::program::Program;
use crate::relying_party::{Request, sign_in};
use crate::revocation_host::now;
use crate::test_app::{TestApp, write_private};

const PERSON: &str = "released-person";
const CLIENT: (&str, &str) = ("older-portal", "the-secret-of-the-portal-of-before");
const GOOD: &str = "a-refresh-token-of-the-release-before";
const USED: &str = "a-refresh-token-that-was-used-then";
const EVENTS_OF_BEFORE: u64 = 10;

fn above(name: &str) -> PathBuf {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    top.join(name)
}

/// The migrations that the release had, by the names of its own list.
fn released() -> Vec<Migration> {
    let list = fs::read_to_string(above("fixtures/released-database/migrations.sha384")).unwrap();
    let of_line = |line: &str| {
        let (_, name) = line.split_once("  ").unwrap();
        let sql = fs::read_to_string(above("migrations").join(name)).unwrap();
        let version = name.split('_').next().unwrap().parse().unwrap();
        let sql = AssertSqlSafe(sql).into_sql_str();
        Migration::new(version, "a file".into(), MigrationType::Simple, sql, false)
    };
    list.lines().map(of_line).collect()
}

/// Makes the release's database beside the one that the test's server has, and names it instead.
async fn name_released(folder: &Path) {
    let file = folder.join("released.sqlite");
    write_private(&file, &[]);
    let options = SqliteConnectOptions::new().filename(&file);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    let migrator = Migrator {
        migrations: released().into(),
        ..Migrator::DEFAULT
    };
    migrator.run(&pool).await.unwrap();
    let rows = fs::read_to_string(above("fixtures/released-database/rows.sql")).unwrap();
    let rows = rows.replace("NOW", &now().unix_timestamp().to_string());
    sqlx::raw_sql(AssertSqlSafe(rows))
        .execute(&pool)
        .await
        .unwrap();
    pool.close().await;
    let configuration = folder.join("cardea.toml");
    let text = fs::read_to_string(&configuration).unwrap();
    let named = "[database]\nurl = \"sqlite://released.sqlite\"\n[keys]";
    fs::write(&configuration, text.replacen("[keys]", named, 1)).unwrap();
}

async fn refresh(app: &TestApp, token: &str) -> Response {
    let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
    let request = app.post("/token").basic_auth(CLIENT.0, Some(CLIENT.1));
    request.form(&form).send().await.unwrap()
}

fn sub_of(tokens: &Value) -> String {
    let token = tokens["id_token"].as_str().unwrap();
    let claims: Value = UnverifiedJws::parse(token, 8192)
        .unwrap()
        .unverified_claims()
        .unwrap();
    claims["sub"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_was_signed_in_at_the_release_before_goes_on() {
    let app = TestApp::start().await;
    let address = Program::unused_address().await;
    let app = app.handed_to(format!("http://{address}"));
    name_released(app.folder()).await;
    let _program = Program::start(app.folder(), &address).await;

    // The portal, which an operator registered then, goes on with the token that it has.
    let refreshed = refresh(&app, GOOD).await;
    assert_eq!(refreshed.status(), 200);
    let tokens: Value = refreshed.json().await.unwrap();
    assert_eq!(sub_of(&tokens), PERSON);
    let token = tokens["access_token"].as_str().unwrap();
    let told = app
        .get("/userinfo")
        .bearer_auth(token)
        .send()
        .await
        .unwrap();
    let told: Value = told.json().await.unwrap();
    assert_eq!(told["sub"], PERSON);
    assert_eq!(told["given_name"], "DOMINIQUE");

    // Her card leads to the same person.
    let card = Card::pharmacist(&app);
    let request = Request::new();
    let signed_in = sign_in(&app, &request, &card).await;
    let own: Value = request
        .redeem(&app, &signed_in.code)
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(sub_of(&own), PERSON);

    // A token that was used then is used now, and takes the family with it.
    assert_eq!(refresh(&app, USED).await.status(), 400);
    let newest = tokens["refresh_token"].as_str().unwrap();
    assert_eq!(refresh(&app, newest).await.status(), 400);

    // What was on record has its places in the tree, but for the beginning of a login.
    let standing = signed(&app).await;
    assert!(
        standing["size"].as_u64() > Some(EVENTS_OF_BEFORE),
        "{standing}"
    );
    let sound = app.operate_on("ledger", &["verify"]).await;
    assert_eq!(sound["size"], sound["whole"], "{sound}");
}
