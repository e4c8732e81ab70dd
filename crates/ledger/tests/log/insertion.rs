//! Rows that somebody else puts in: none passes unseen, and none keeps others from their places.

use cardea_ledger::export;
use cardea_storage::ledger::{Leaf, Placement, place};
use cardea_transparency::{ExportedEntry, NoteSigner, Rest};

use super::database::{Log, ORIGIN, event, on_both, refusal, start};

/// More than two pages of the walk.
const ENTRIES: u32 = 1_203;

async fn put_in(log: &Log, id: &str, kind: &str, at: &str, place: &str) {
    let put = format!(
        "INSERT INTO event (id, kind, occurred_at, sub, details, ledger_index)
         VALUES ('{id}', '{kind}', {at}, 'sub-0', '{{}}', {place})"
    );
    log.tamper(&put).await;
}

/// Attack H14: a second row of a place, also where one page of the walk ends and the next begins.
#[tokio::test(flavor = "multi_thread")]
async fn h14_a_second_row_of_a_place_is_found_wherever_it_stands() {
    on_both(async |log| {
        log.append((0..ENTRIES).map(event)).await;
        log.sequence(start()).await;
        // Else the database lets none in.
        log.tamper("DROP INDEX event_by_place").await;
        for place in [0, 250, 498, 499, 500, 501, 998, 999, 1_000, 1_202] {
            for id in ["a", "zz"] {
                put_in(log, id, "login.accepted", "1800000000", &place.to_string()).await;
                let found = log.finding().await;
                let codes = ["ledger.entry_changed", "ledger.entry_doubled"];
                assert!(codes.contains(&found), "{id} at {place}: {found}");
                log.tamper(&format!("DELETE FROM event WHERE id = '{id}'"))
                    .await;
            }
        }
        assert_eq!(log.verify().await.unwrap().size, u64::from(ENTRIES));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_gives_no_place_twice_nor_to_an_event_that_is_gone() {
    on_both(async |log| {
        log.append((0..2).map(event)).await;
        let refused = async |event_id: &str, index: u64| {
            let mut transaction = log.store.begin().await.unwrap();
            let leaf = |index| Leaf {
                index,
                flags: 0,
                entry_sha256: String::new(),
            };
            let placement = |event_id: &str, index| Placement {
                event_id: event_id.to_owned(),
                salt: String::new(),
                leaf: leaf(index),
            };
            let first = placement("event-0000", 0);
            let placed = [first, placement(event_id, index)];
            let refused = place(&mut transaction, &placed).await;
            refused.unwrap_err().code()
        };
        assert_eq!(refused("event-0001", 0).await, "storage.conflict");
        assert_eq!(refused("gone", 1).await, "storage.conflict");
    })
    .await;
}

/// Attack H14: a row that says that it gets no place, or a trigger that has every row say so.
#[tokio::test(flavor = "multi_thread")]
async fn h14_a_row_that_was_kept_out_of_the_tree_is_found() {
    on_both(async |log| {
        log.append((0..3).map(event)).await;
        let mut begun = refusal(7);
        begun.kind = "authorization.begun".to_owned();
        log.append([begun]).await;
        log.sequence(start()).await;
        log.verify().await.unwrap();
        for (kind, place) in [
            ("login.accepted", "-1"),
            ("login.accepted", "-7"),
            ("authorization.begun", "-7"),
        ] {
            put_in(log, "kept-out", kind, "1800000000", place).await;
            let found = log.verify().await.unwrap_err();
            assert_eq!(found.code(), "ledger.entry_outside", "{kind} at {place}");
            assert!(found.to_string().contains("kept-out"), "{found}");
            log.tamper("DELETE FROM event WHERE id = 'kept-out'").await;
        }
        log.verify().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_read_keeps_no_other_from_its_place_and_is_named() {
    on_both(async |log| {
        log.append((0..3).map(event)).await;
        put_in(
            log,
            "poison",
            "login.accepted",
            "9000000000000000000",
            "NULL",
        )
        .await;
        assert_eq!(log.sequence(start()).await, 3);
        let found = log.verify().await.unwrap_err();
        assert_eq!(found.code(), "ledger.entry_outside");
        assert!(found.to_string().contains("poison"), "{found}");
        log.tamper("DELETE FROM event WHERE id = 'poison'").await;
        log.append([event(4)]).await;
        assert_eq!(log.sequence(start()).await, 1);
        assert_eq!(log.verify().await.unwrap().size, 4);
    })
    .await;
}

/// Attack H14: a refusal of nobody may be forgotten; one whose row is there, and is another, is
/// not exported as if it had been.
#[tokio::test(flavor = "multi_thread")]
async fn h14_an_altered_row_is_not_exported_as_forgotten() {
    on_both(async |log| {
        log.append((0..3).map(refusal)).await;
        log.sequence(start()).await;
        log.tamper("UPDATE event SET salt = NULL WHERE ledger_index = 0")
            .await;
        log.tamper("UPDATE event SET occurred_at = 9000000000000000000 WHERE ledger_index = 1")
            .await;
        log.tamper("DELETE FROM event WHERE ledger_index = 2").await;
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("export");
        let key = NoteSigner::verifier(&log.signer);
        export(&log.store, ORIGIN, key, 0, &folder).await.unwrap();
        let lines = std::fs::read_to_string(folder.join("entries.jsonl")).unwrap();
        let fits: Vec<(bool, bool)> = lines
            .lines()
            .map(|line| {
                let entry = ExportedEntry::parse(line).unwrap();
                let is_forgotten = matches!(entry.rest, Rest::Forgotten(_));
                (is_forgotten, entry.leaf().hash() == entry.hash)
            })
            .collect();
        assert_eq!(fits, [(false, false), (false, false), (true, true)]);
    })
    .await;
}

/// What a line of an export may have is read again; nothing else is written.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_no_reader_takes_is_not_exported() {
    on_both(async |log| {
        let mut long = event(0);
        long.details = format!(r#"{{"text":"{}"}}"#, "x".repeat(1024 * 1024));
        log.append([long]).await;
        log.sequence(start()).await;
        let folder = tempfile::tempdir().unwrap();
        let key = NoteSigner::verifier(&log.signer);
        let folder = folder.path().join("export");
        let refused = export(&log.store, ORIGIN, key, 0, &folder).await;
        assert_eq!(refused.unwrap_err().code(), "ledger.export_failed");
    })
    .await;
}
