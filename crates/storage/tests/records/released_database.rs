//! The database that a release left (`fixtures/released-database`), brought up to date: everything
//! in it is read by today's statements, and what was used stays used.

use std::collections::BTreeMap;
use std::path::Path;

use cardea_storage::client::find as find_client;
use cardea_storage::event::list_newest;
use cardea_storage::refresh_token::redeem;
use cardea_storage::session::{Session, SessionState};
use cardea_storage::subject::PersonId;
use cardea_storage::{
    Redemption, SecretDigest, Store, Transaction, access_grant, agent_instance, consent,
    logout_delivery, pairwise_subject, session, subject,
};
use sqlx::{AnyPool, AssertSqlSafe, Row as _};
use time::Duration;

use super::baseline::{self, after_seconds, start};
use super::databases::committed;
use super::rolling_upgrade::{RELEASED, at_both, keep_private, ours, pool, run};

const PERSON: &str = "released-person";
const CLIENT: &str = "older-portal";

fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/released-database");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// Makes the schema of the release, and puts its rows there.
async fn leave_as_released(pool: &AnyPool) {
    let released: Vec<_> = ours().into_iter().filter(|it| it.0 <= RELEASED).collect();
    run(pool, &released).await;
    let now = start().unix_timestamp().to_string();
    let rows = fixture("rows.sql").replace("NOW", &now);
    sqlx::raw_sql(AssertSqlSafe(rows))
        .execute(pool)
        .await
        .unwrap();
}

/// What stands in `_sqlx_migrations` of a database that was made today, by version.
async fn checksums(pool: &AnyPool) -> BTreeMap<i64, String> {
    let rows = sqlx::query("SELECT version, checksum FROM _sqlx_migrations")
        .fetch_all(pool)
        .await
        .unwrap();
    let of_row = |row: &sqlx::any::AnyRow| {
        let checksum: Vec<u8> = row.get("checksum");
        let digits = checksum.iter().map(|byte| format!("{byte:02x}"));
        (row.get("version"), digits.collect())
    };
    rows.iter().map(of_row).collect()
}

/// An edited file would stop the start of whoever has run it.
#[tokio::test]
async fn no_migration_of_a_release_was_edited_since() {
    at_both(async |url| {
        let pool = pool(url).await;
        leave_as_released(&pool).await;
        let file = fixture("migrations.sha384");
        let released: BTreeMap<i64, String> = file
            .lines()
            .map(|line| {
                let (checksum, name) = line.split_once("  ").unwrap();
                let version = name.split('_').next().unwrap();
                (version.parse().unwrap(), checksum.to_owned())
            })
            .collect();
        assert_eq!(released.last_key_value().unwrap().0, &RELEASED);
        assert_eq!(checksums(&pool).await, released);
        pool.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_a_release_left_is_all_there_after_the_step_up() {
    at_both(async |url| {
        let old = pool(url).await;
        leave_as_released(&old).await;
        old.close().await;
        keep_private(url);
        let store = Store::open(url).await.unwrap();
        committed(&store, async |transaction| {
            the_session_lives(transaction).await;
            what_she_has_is_hers(transaction).await;
            what_was_used_stays_used(transaction).await;
            the_log_is_read(transaction).await;
        })
        .await;
        // And goes on as any other.
        let _ = baseline::with_active_session(&store).await;
        store.close().await;
        Store::open(url).await.expect("again").close().await;
    })
    .await;
}

async fn the_session_lives(transaction: &mut Transaction) {
    let cookie = SecretDigest::of("a session cookie of before");
    let found = session::find_by_cookie(transaction, &cookie).await.unwrap();
    let found: Session = found.expect("her session");
    assert_eq!(
        (found.state, found.sub.as_str()),
        (SessionState::Active, PERSON)
    );
    assert_eq!(found.revocation_age, Some(120));
    assert_eq!(found.present_at, Some(start()));
    assert!(found.identity.contains("LEFEVRE-TEST"));
    let all = session::list_of_person(transaction, PERSON).await.unwrap();
    assert_eq!(all.len(), 1, "the older one has ended");
    assert_eq!(all[0].id, found.id);
    let grant = access_grant::find(transaction, "token-of-before")
        .await
        .unwrap();
    let grant = grant.expect("her token");
    assert_eq!(grant.revoked_at, None);
    assert_eq!(grant.sid.as_deref(), Some("sid-of-before"));
}

async fn what_she_has_is_hers(transaction: &mut Transaction) {
    let person = PersonId {
        scheme: "test:rpps",
        value: "899700000029",
    };
    let sub = subject::load_or_create(transaction, person, "another", start());
    assert_eq!(sub.await.unwrap(), PERSON);
    let sector = pairwise_subject::find_by_person(transaction, PERSON, "sector.example.test");
    assert_eq!(sector.await.unwrap().as_deref(), Some("pairwise-of-before"));
    let covered = "family_name given_name";
    let agreed = consent::find(transaction, PERSON, CLIENT, covered).await;
    assert!(agreed.unwrap().is_some());
    let instances = agent_instance::list_of_person(transaction, PERSON, 10);
    let instances = instances.await.unwrap();
    assert_eq!(instances.len(), 1);
    assert_eq!(instances[0].name.as_deref(), Some("Comptoir 1"));
    let client = find_client(transaction, CLIENT).await.unwrap();
    let secret = client.expect("the portal").secret.expect("its secret");
    assert_eq!(
        secret,
        SecretDigest::of("the-secret-of-the-portal-of-before")
    );
    let waiting = logout_delivery::list(transaction, 10).await.unwrap();
    assert_eq!((waiting.len(), waiting[0].attempts), (1, 3));
}

async fn what_was_used_stays_used(transaction: &mut Transaction) {
    let at = after_seconds(1);
    let used = SecretDigest::of("a-refresh-token-that-was-used-then");
    let again = redeem(transaction, &used, at).await.unwrap();
    assert!(matches!(again, Redemption::AlreadyRedeemed(_)), "{again:?}");
    let good = SecretDigest::of("a-refresh-token-of-the-release-before");
    let taken = redeem(transaction, &good, at).await.unwrap();
    let Redemption::Redeemed(family) = taken else {
        panic!("{taken:?}");
    };
    assert_eq!(family.scope, "openid profile");
    assert_eq!(family.auth_time, start() - Duration::seconds(600));
    let again = redeem(transaction, &good, at).await.unwrap();
    assert!(matches!(again, Redemption::AlreadyRedeemed(_)), "{again:?}");
}

async fn the_log_is_read(transaction: &mut Transaction) {
    let events = list_newest(transaction, 100).await.unwrap();
    assert_eq!(events.len(), 10);
    let accepted = events.iter().find(|it| it.kind == "login.accepted");
    let accepted = accepted.expect("her login");
    assert_eq!(accepted.sub.as_deref(), Some(PERSON));
    let details: serde_json::Value = serde_json::from_str(&accepted.details).unwrap();
    assert_eq!(details["acr"], "urn:cardea:acr:card-pin");
}
