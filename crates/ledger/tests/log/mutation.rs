//! Whatever is changed, removed, moved or cut off is found: each case is one thing that an intruder
//! with the whole database does, and the first that `verify` says is wrong.

use cardea_ledger::verify;
use cardea_transparency::NoteSigner;
use time::Duration;

use super::database::{Log, ORIGIN, event, new_signer, on_both, refusal, start};

const TABLES: [&str; 5] = [
    "event",
    "ledger_leaf",
    "ledger_node",
    "ledger_checkpoint",
    "ledger_state",
];

/// A salt of the right form.
const SALT: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const HASH: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// Statements, and the code of what is found.
fn cases() -> Vec<(Vec<String>, &'static str)> {
    let mut cases = columns_of_an_event();
    cases.extend(rows());
    cases.extend(tree());
    cases.extend(state_and_checkpoints());
    cases
}

fn case(statements: &[&str], code: &'static str) -> (Vec<String>, &'static str) {
    let statements = statements.iter().map(|it| (*it).to_owned()).collect();
    (statements, code)
}

fn columns_of_an_event() -> Vec<(Vec<String>, &'static str)> {
    let changes = [
        "id = 'other'".to_owned(),
        "kind = 'login.refused'".to_owned(),
        "occurred_at = occurred_at + 1".to_owned(),
        // No time at all.
        "occurred_at = 9000000000000000000".to_owned(),
        "authorization_request_id = 'other'".to_owned(),
        "authorization_request_id = NULL".to_owned(),
        "session_id = 'other'".to_owned(),
        "sub = 'other'".to_owned(),
        "sub = NULL".to_owned(),
        "client_id = 'other'".to_owned(),
        "code = 'other'".to_owned(),
        "code = NULL, client_id = 'portalcode'".to_owned(),
        "details = '{ }'".to_owned(),
        format!("salt = '{SALT}'"),
        "salt = NULL".to_owned(),
        "salt = 'no salt'".to_owned(),
        format!("commitment = '{HASH}'"),
        format!("commitment = '{HASH}', salt = NULL"),
    ];
    let of_place = |change: &String, place: u32| {
        let statement = format!("UPDATE event SET {change} WHERE ledger_index = {place}");
        (vec![statement], "ledger.entry_changed")
    };
    let places = [0, 17, 39];
    let all = places
        .into_iter()
        .flat_map(|place| changes.iter().map(move |it| of_place(it, place)));
    all.collect()
}

fn rows() -> Vec<(Vec<String>, &'static str)> {
    let mut all = removed_or_reordered();
    all.extend(added_or_cut_off());
    all
}

fn removed_or_reordered() -> Vec<(Vec<String>, &'static str)> {
    vec![
        // Removed.
        case(
            &["DELETE FROM event WHERE ledger_index = 0"],
            "ledger.entry_removed",
        ),
        case(
            &["DELETE FROM event WHERE ledger_index = 17"],
            "ledger.entry_removed",
        ),
        case(
            &["DELETE FROM event WHERE ledger_index = 39"],
            "ledger.entry_removed",
        ),
        case(
            &["UPDATE event SET ledger_index = NULL WHERE ledger_index = 17"],
            "ledger.entry_removed",
        ),
        case(
            &["UPDATE event SET ledger_index = -1 WHERE ledger_index = 17"],
            "ledger.entry_removed",
        ),
        case(
            &["UPDATE event SET ledger_index = 400 WHERE ledger_index = 39"],
            "ledger.entry_removed",
        ),
        // Passed off as forgotten.
        case(
            &[
                "DELETE FROM event WHERE ledger_index = 17",
                "UPDATE ledger_leaf SET flags = 1 WHERE leaf_index = 17",
            ],
            "ledger.checkpoint_contradicted",
        ),
        // Reordered.
        case(
            &[
                "UPDATE event SET ledger_index = 1000 WHERE ledger_index = 17",
                "UPDATE event SET ledger_index = 17 WHERE ledger_index = 18",
                "UPDATE event SET ledger_index = 18 WHERE ledger_index = 1000",
            ],
            "ledger.entry_moved",
        ),
        case(
            &[
                "UPDATE event SET ledger_index = 1000 WHERE ledger_index = 17",
                "UPDATE event SET ledger_index = 17 WHERE ledger_index = 18",
                "UPDATE event SET ledger_index = 18 WHERE ledger_index = 1000",
                "UPDATE ledger_leaf SET leaf_index = 1000 WHERE leaf_index = 17",
                "UPDATE ledger_leaf SET leaf_index = 17 WHERE leaf_index = 18",
                "UPDATE ledger_leaf SET leaf_index = 18 WHERE leaf_index = 1000",
            ],
            "ledger.checkpoint_contradicted",
        ),
    ]
}

fn added_or_cut_off() -> Vec<(Vec<String>, &'static str)> {
    vec![
        // Added.
        case(
            &[
                "INSERT INTO event (id, kind, occurred_at, details, ledger_index)
               SELECT 'added', kind, occurred_at, details, 40 FROM event WHERE ledger_index = 3",
            ],
            "ledger.entries_beyond",
        ),
        case(
            &[
                "INSERT INTO event (id, kind, occurred_at, details, ledger_index)
               SELECT 'added', kind, occurred_at, details, -7 FROM event WHERE ledger_index = 3",
            ],
            "ledger.entry_outside",
        ),
        case(
            &[
                "INSERT INTO event (id, kind, occurred_at, details, ledger_index)
               SELECT 'added', kind, occurred_at, details, -1 FROM event WHERE ledger_index = 3",
            ],
            "ledger.entry_outside",
        ),
        // Cut off, ever more thoroughly.
        case(
            &["DELETE FROM event WHERE ledger_index >= 30"],
            "ledger.entry_removed",
        ),
        case(
            &[
                "DELETE FROM event WHERE ledger_index >= 30",
                "DELETE FROM ledger_leaf WHERE leaf_index >= 30",
            ],
            "ledger.truncated",
        ),
    ]
}

fn tree() -> Vec<(Vec<String>, &'static str)> {
    let node = format!("UPDATE ledger_node SET hash = '{HASH}' WHERE level = 4 AND node_index = 1");
    let leaf = format!("UPDATE ledger_leaf SET entry_sha256 = '{HASH}' WHERE leaf_index = 20");
    vec![
        case(
            &["DELETE FROM ledger_leaf WHERE leaf_index = 0"],
            "ledger.leaf_missing",
        ),
        case(
            &["DELETE FROM ledger_leaf WHERE leaf_index = 20"],
            "ledger.leaf_missing",
        ),
        case(
            &["DELETE FROM ledger_leaf WHERE leaf_index = 39"],
            "ledger.truncated",
        ),
        case(&[&leaf], "ledger.entry_changed"),
        case(
            &["UPDATE ledger_leaf SET flags = 9 WHERE leaf_index = 20"],
            "ledger.entry_changed",
        ),
        case(&[&node], "ledger.node_wrong"),
        case(
            &["DELETE FROM ledger_node WHERE level = 5"],
            "ledger.node_wrong",
        ),
        case(
            &["INSERT INTO ledger_leaf (leaf_index, flags, entry_sha256)
               SELECT 40, flags, entry_sha256 FROM ledger_leaf WHERE leaf_index = 3"],
            "ledger.leaves_beyond",
        ),
        case(
            &["INSERT INTO ledger_node (level, node_index, hash)
               SELECT 4, 2, hash FROM ledger_node WHERE level = 5"],
            "ledger.leaves_beyond",
        ),
    ]
}

fn state_and_checkpoints() -> Vec<(Vec<String>, &'static str)> {
    let edge = "UPDATE ledger_state SET frontier = (SELECT hash FROM ledger_node WHERE level = 4
                AND node_index = 0)";
    vec![
        case(&[edge], "ledger.state_wrong"),
        case(&["UPDATE ledger_state SET size = 39"], "ledger.truncated"),
        case(
            &["UPDATE ledger_state SET size = 41"],
            "ledger.tail_unsigned",
        ),
        case(&["DELETE FROM ledger_state"], "ledger.state_missing"),
        case(&["DELETE FROM ledger_checkpoint"], "ledger.tail_unsigned"),
        case(
            &["DELETE FROM ledger_checkpoint WHERE size = 40"],
            "ledger.tail_unsigned",
        ),
        case(
            &["UPDATE ledger_checkpoint SET size = 41 WHERE size = 40"],
            "ledger.truncated",
        ),
        case(
            &[
                "UPDATE ledger_checkpoint SET note = replace(note, 'cardea', 'cardeo')
               WHERE size = 40",
            ],
            "ledger.checkpoint_unsigned",
        ),
        case(
            &[
                "UPDATE ledger_checkpoint SET note = replace(note, 'cardea', 'cardeo')
               WHERE size = 20",
            ],
            "ledger.checkpoint_unsigned",
        ),
        case(
            &["UPDATE ledger_checkpoint
               SET note = (SELECT note FROM ledger_checkpoint WHERE size = 40) WHERE size = 20"],
            "ledger.checkpoint_unsigned",
        ),
        case(
            &["UPDATE ledger_checkpoint SET size = 21 WHERE size = 20"],
            "ledger.checkpoint_unsigned",
        ),
    ]
}

/// Forty events under two checkpoints.
async fn fill(log: &Log) {
    log.append((0..20).map(event)).await;
    log.sequence(start()).await;
    log.append((20..40).map(event)).await;
    log.sequence(start() + Duration::hours(2)).await;
    assert_eq!(log.verify().await.unwrap().checkpoints, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn h14_whatever_is_changed_in_the_database_is_found() {
    on_both(async |log| {
        fill(log).await;
        for table in TABLES {
            log.tamper(&format!(
                "CREATE TABLE copy_{table} AS SELECT * FROM {table}"
            ))
            .await;
        }
        for (statements, code) in cases() {
            for statement in &statements {
                let changed = log.tamper(statement).await;
                assert!(changed > 0, "{statement} changes nothing");
            }
            let found = log.finding().await;
            assert_eq!(found, code, "{statements:?}");
            for table in TABLES {
                log.tamper(&format!("DELETE FROM {table}")).await;
                log.tamper(&format!("INSERT INTO {table} SELECT * FROM copy_{table}"))
                    .await;
            }
        }
        assert_eq!(log.finding().await, "nothing");
    })
    .await;
}

/// A log that is put back whole to an earlier state fits together: what somebody else has seen of
/// it does not.
#[tokio::test(flavor = "multi_thread")]
async fn h14_a_log_that_is_cut_off_whole_is_found_by_a_checkpoint_from_elsewhere() {
    on_both(async |log| {
        log.append((0..20).map(event)).await;
        log.sequence(start()).await;
        let before = "SELECT note FROM ledger_checkpoint ORDER BY size DESC LIMIT 1";
        let first = log.text(before).await;
        let edge = log.text("SELECT frontier FROM ledger_state").await;
        log.append((20..40).map(event)).await;
        log.sequence(start() + Duration::hours(2)).await;
        let seen = log.text(before).await;
        for known in [&first, &seen] {
            log.verify_against(Some(known)).await.unwrap();
        }
        for statement in [
            "DELETE FROM event WHERE ledger_index >= 20",
            "DELETE FROM ledger_leaf WHERE leaf_index >= 20",
            "DELETE FROM ledger_node WHERE level > 4 OR node_index > 0",
            "DELETE FROM ledger_checkpoint WHERE size > 20",
            &format!("UPDATE ledger_state SET size = 20, frontier = '{edge}'"),
        ] {
            log.tamper(statement).await;
        }
        log.verify().await.unwrap();
        log.verify_against(Some(&first)).await.unwrap();
        let found = log.verify_against(Some(&seen)).await.unwrap_err();
        assert_eq!(found.code(), "ledger.truncated");
        // What comes after it is another history.
        log.append((50..90).map(event)).await;
        log.sequence(start() + Duration::hours(4)).await;
        log.verify().await.unwrap();
        let found = log.verify_against(Some(&seen)).await.unwrap_err();
        assert_eq!(found.code(), "ledger.checkpoint_contradicted");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_made_anew_by_somebody_else_is_found() {
    on_both(async |log| {
        log.append([event(0), refusal(1)]).await;
        log.sequence(start()).await;
        let other = new_signer();
        let key = NoteSigner::verifier(&other);
        let found = verify(&log.store, ORIGIN, key, None).await.unwrap();
        assert_eq!(found.unwrap_err().code(), "ledger.checkpoint_unsigned");
        let key = NoteSigner::verifier(&log.signer);
        let found = verify(&log.store, "other.example/log", key, None).await;
        let found = found.unwrap().unwrap_err();
        assert_eq!(found.code(), "ledger.checkpoint_unsigned");
    })
    .await;
}
