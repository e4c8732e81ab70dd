use cardea_storage::event::{EventRecord, InLedger, append, list_newest};
use cardea_storage::retention::{Kind, delete_batch, delete_oldest_unanswered};
use cardea_storage::{
    Redemption, SecretDigest, Store, Transaction, access_grant, authorization_code,
    authorization_request, challenge, client_session, session,
};

use super::baseline::{
    after_seconds, challenge as a_challenge, code, grant, request, start, with_active_session,
};
use super::databases::{committed, on_both};

/// What a login leaves, in the order of the sweep.
const OF_A_LOGIN: [Kind; 7] = [
    Kind::AccessGrant,
    Kind::RefreshTokenFamily,
    Kind::AuthorizationCode,
    Kind::Consent,
    Kind::AuthorizationRequest,
    Kind::ClientSession,
    Kind::Session,
];

pub(super) async fn forget_logins(store: &Store, before: i64) -> u64 {
    let mut rows = 0;
    for kind in OF_A_LOGIN {
        rows += delete_batch(store, kind, after_seconds(before))
            .await
            .unwrap();
    }
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_long_ago_is_forgotten_children_first() {
    on_both(async |store| {
        with_active_session(&store).await;
        committed(&store, async |transaction| {
            challenge::insert(transaction, &a_challenge())
                .await
                .unwrap();
            authorization_request::attach_session(transaction, "request", "session")
                .await
                .unwrap();
            authorization_code::insert(transaction, &code())
                .await
                .unwrap();
            access_grant::insert(transaction, &grant()).await.unwrap();
            session::end(transaction, "session", "departed", after_seconds(30))
                .await
                .unwrap();
        })
        .await;

        assert_eq!(forget_logins(&store, 30).await, 0);
        assert!(forget_logins(&store, 601).await >= 6);
        assert_eq!(forget_logins(&store, 601).await, 0);
        committed(&store, async |transaction| {
            let request = authorization_request::find(transaction, "request")
                .await
                .unwrap();
            assert_eq!(request, None);
            assert_eq!(session::find(transaction, "session").await.unwrap(), None);
            assert_eq!(
                client_session::find(transaction, "sid").await.unwrap(),
                None
            );
            assert_eq!(
                access_grant::find(transaction, "token").await.unwrap(),
                None
            );
            let spent = challenge::redeem(transaction, "challenge", after_seconds(700)).await;
            assert_eq!(spent.unwrap(), Redemption::Unknown);
            let digest = SecretDigest::of("code");
            let spent = authorization_code::redeem(transaction, &digest, after_seconds(700)).await;
            assert_eq!(spent.unwrap(), Redemption::Unknown);
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_session_is_never_forgotten() {
    on_both(async |store| {
        with_active_session(&store).await;
        forget_logins(&store, 1_000_000).await;
        committed(&store, async |transaction| {
            assert!(
                session::find(transaction, "session")
                    .await
                    .unwrap()
                    .is_some()
            );
            assert!(
                client_session::find(transaction, "sid")
                    .await
                    .unwrap()
                    .is_some()
            );
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_nobody_answered_is_forgotten_apart_and_the_answered_one_stays() {
    on_both(async |store| {
        with_active_session(&store).await;
        committed(&store, async |transaction| {
            let mut answered = request();
            answered.id = "answered".to_owned();
            authorization_request::insert(transaction, &answered)
                .await
                .unwrap();
            for id in ["request", "answered"] {
                let mut asked = a_challenge();
                asked.jti = id.to_owned();
                asked.authorization_request_id = id.to_owned();
                challenge::insert(transaction, &asked).await.unwrap();
                let attach = authorization_request::attach_session(transaction, id, "session");
                assert!(attach.await.unwrap());
            }
            let complete =
                authorization_request::complete(transaction, "answered", after_seconds(9));
            assert!(complete.await.unwrap());
        })
        .await;
        for (before, rows) in [(600, 0), (601, 2), (601, 0)] {
            let deleted =
                delete_batch(&store, Kind::UnansweredRequest, after_seconds(before)).await;
            assert_eq!(deleted.unwrap(), rows, "before {before}");
        }
        committed(&store, async |transaction| {
            for (id, there) in [("request", false), ("answered", true)] {
                let found = authorization_request::find(transaction, id).await.unwrap();
                assert_eq!(found.is_some(), there, "{id}");
                let challenge = challenge::redeem(transaction, id, after_seconds(10)).await;
                assert_eq!(challenge.unwrap() != Redemption::Unknown, there, "{id}");
            }
            let session = session::find(transaction, "session").await.unwrap();
            assert!(session.is_some(), "the session has its own limits");
        })
        .await;
    })
    .await;
}

const WAITS: InLedger<'_> = InLedger::Waits { salt: "salt" };

fn event(id: &str, kind: &str) -> EventRecord {
    EventRecord {
        id: id.to_owned(),
        kind: kind.to_owned(),
        occurred_at: start(),
        authorization_request_id: None,
        session_id: None,
        sub: None,
        client_id: Some("portal".to_owned()),
        code: None,
        details: "{}".to_owned(),
    }
}

async fn ids_on_record(transaction: &mut Transaction) -> Vec<String> {
    let events = list_newest(transaction, 100).await.unwrap();
    events.into_iter().map(|event| event.id).collect()
}

/// A login that waits, with its challenge and its event.
async fn begin(transaction: &mut Transaction, id: &str, expires_at: i64) {
    let mut begun = request();
    begun.id = id.to_owned();
    begun.expires_at = after_seconds(expires_at);
    authorization_request::insert(transaction, &begun)
        .await
        .unwrap();
    let mut asked = a_challenge();
    asked.jti = id.to_owned();
    asked.authorization_request_id = id.to_owned();
    challenge::insert(transaction, &asked).await.unwrap();
    let mut on_record = event(id, "authorization.begun");
    on_record.authorization_request_id = Some(id.to_owned());
    append(transaction, &on_record, WAITS).await.unwrap();
}

/// Attack H9: what anybody can begin leaves nothing behind, not even an event.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_nobody_answered_takes_its_event_along() {
    on_both(async |store| {
        with_active_session(&store).await;
        committed(&store, async |transaction| {
            for id in ["left", "completed", "answered"] {
                begin(transaction, id, 600).await;
            }
            append(
                transaction,
                &event("refused", "authorization.refused"),
                WAITS,
            )
            .await
            .unwrap();
            authorization_request::complete(transaction, "completed", after_seconds(9))
                .await
                .unwrap();
            authorization_request::attach_session(transaction, "answered", "session")
                .await
                .unwrap();
        })
        .await;
        delete_batch(&store, Kind::UnansweredRequest, after_seconds(601))
            .await
            .unwrap();
        committed(&store, async |transaction| {
            assert_eq!(
                ids_on_record(transaction).await,
                ["answered", "completed", "refused"],
                "what a card answered has a history, and its beginning stays"
            );
            let answered = authorization_request::find(transaction, "answered").await;
            assert_eq!(answered.unwrap(), None, "nobody took the answer");
        })
        .await;
        delete_batch(&store, Kind::AuthorizationRequest, after_seconds(601))
            .await
            .unwrap();
        committed(&store, async |transaction| {
            let left = ids_on_record(transaction).await;
            assert_eq!(left, ["answered", "refused"], "ended without a card");
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_logins_give_way_and_those_that_a_card_has_answered_stay() {
    on_both(async |store| {
        with_active_session(&store).await;
        committed(&store, async |transaction| {
            for (id, expires_at) in [("a", 601), ("b", 602), ("c", 603), ("d", 604), ("e", 900)] {
                begin(transaction, id, expires_at).await;
            }
            let attach = authorization_request::attach_session(transaction, "a", "session");
            assert!(attach.await.unwrap());
            authorization_request::attach_session(transaction, "request", "session")
                .await
                .unwrap();
            authorization_request::complete(transaction, "b", after_seconds(9))
                .await
                .unwrap();
            let count = authorization_request::count_unanswered(transaction).await;
            assert_eq!(count.unwrap(), 5, "request, a, c, d, e");

            let before = after_seconds(800);
            let gone = delete_oldest_unanswered(transaction, before, 1).await;
            assert_eq!(gone.unwrap(), 1);
            assert_eq!(ids_on_record(transaction).await, ["a", "b", "d", "e"]);
            let gone = delete_oldest_unanswered(transaction, before, 10).await;
            assert_eq!(gone.unwrap(), 1, "e is not old enough");
            assert_eq!(ids_on_record(transaction).await, ["a", "b", "e"]);
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_of_nobody_are_forgotten_and_what_concerns_a_person_or_an_operator_stays() {
    on_both(async |store| {
        with_active_session(&store).await;
        committed(&store, async |transaction| {
            let of_nobody = [
                "authorization.refused",
                "authorization.pushed",
                "login.refused",
                "card_grant.refused",
                "token.refused",
                "token_lookup.refused",
                "userinfo.refused",
                "logout.unconfirmed",
                "login.cancelled",
                "registration.refused",
            ];
            for (number, kind) in of_nobody.into_iter().enumerate() {
                let id = format!("nobody-{number}");
                append(transaction, &event(&id, kind), WAITS).await.unwrap();
            }
            let mut hers = event("hers", "token.refused");
            hers.sub = Some("sub".to_owned());
            hers.session_id = Some("session".to_owned());
            let others = [
                hers,
                event("operator", "client.removed"),
                event("ours", "presence.mass_loss_begun"),
            ];
            for other in &others {
                append(transaction, other, WAITS).await.unwrap();
            }
        })
        .await;
        for (before, rows) in [(0, 0), (1, 10), (1, 0)] {
            let deleted = delete_batch(&store, Kind::RefusalOfNobody, after_seconds(before)).await;
            assert_eq!(deleted.unwrap(), rows);
        }
        committed(&store, async |transaction| {
            let kept = ids_on_record(transaction).await;
            assert_eq!(kept, ["hers", "operator", "ours"]);
        })
        .await;
    })
    .await;
}

async fn flood(store: &Store, logins: usize) {
    committed(store, async |transaction| {
        for number in 0..logins {
            begin(transaction, &format!("flood-{number:04}"), 600).await;
        }
    })
    .await;
}

/// Begins a login that does not expire, and says how many others it sees.
async fn begin_beside(store: &Store, id: &str) -> i64 {
    committed(store, async |transaction| {
        begin(transaction, id, 100_000).await;
        let waiting = authorization_request::count_unanswered(transaction).await;
        let mine = id.trim_start_matches("login-").parse::<i64>().unwrap() + 1;
        waiting.unwrap() - mine
    })
    .await
}

/// Attack H9: a batch has an end, and lets go of the writer there.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_goes_batch_by_batch_and_a_login_begins_after_each() {
    on_both(async |store| {
        flood(&store, 1_200).await;
        // Each request with its challenge and its event.
        let batches = [(1_500, 700), (1_500, 200), (600, 0), (0, 0)];
        for (number, (rows, left)) in batches.into_iter().enumerate() {
            let deleted = delete_batch(&store, Kind::UnansweredRequest, after_seconds(601)).await;
            assert_eq!(deleted.unwrap(), rows);
            assert_eq!(begin_beside(&store, &format!("login-{number}")).await, left);
        }
    })
    .await;
}

/// Attack H9: whoever waits for the writer has it before the next batch.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_comes_between_two_batches_of_a_sweep_that_goes_on() {
    on_both(async |store| {
        flood(&store, 3_000).await;
        let sweeper = store.clone();
        let sweep = tokio::spawn(async move {
            let before = after_seconds(601);
            let batch = async || delete_batch(&sweeper, Kind::UnansweredRequest, before).await;
            while batch().await.unwrap() > 0 {}
        });
        let mut seen = std::collections::BTreeSet::new();
        for number in 0.. {
            let left = begin_beside(&store, &format!("login-{number}")).await;
            seen.insert(left);
            if left == 0 {
                break;
            }
        }
        sweep.await.unwrap();
        assert!(seen.iter().all(|left| left % 500 == 0), "{seen:?}");
        let between = seen.iter().filter(|&&left| left > 0 && left < 3_000);
        assert!(between.count() >= 3, "{seen:?}");
    })
    .await;
}

/// Whoever adds a table says what bounds its rows, and when they go.
#[test]
fn every_table_stands_in_the_list_of_limits() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let limits = std::fs::read_to_string(format!("{root}/docs/limits.md")).unwrap();
    let mut tables = 0;
    for entry in std::fs::read_dir(format!("{root}/migrations")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let created = text
            .lines()
            .filter_map(|line| line.strip_prefix("CREATE TABLE "));
        for line in created {
            let name = line.split([' ', '(']).next().unwrap();
            // Made anew under its old name.
            let name = name.trim_end_matches("_anew");
            assert!(limits.contains(&format!("`{name}`")), "{name}");
            tables += 1;
        }
    }
    assert!(tables > 15);
}
