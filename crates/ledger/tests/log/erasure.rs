use cardea_ledger::{ERASURE_KIND, Erased, append, erase_batch};
use cardea_storage::event::EventRecord;
use cardea_storage::retention::{Kind, delete_batch};
use time::Duration;

use super::database::{Log, event, on_both, refusal, start};

fn record(number: u32, places: &[u64]) -> EventRecord {
    EventRecord {
        kind: ERASURE_KIND.to_owned(),
        sub: None,
        session_id: None,
        details: format!(r#"{{"by":{{}},"places":{places:?}}}"#),
        ..event(number)
    }
}

/// Erases what concerns `sub-0`, and puts it on record if asked to.
async fn erase(log: &Log, is_recorded: bool) -> Erased {
    let mut transaction = log.store.begin().await.unwrap();
    let erased = erase_batch(&mut transaction, "sub-0", 0).await.unwrap();
    if is_recorded && !erased.places.is_empty() {
        append(&mut transaction, &record(900, &erased.places))
            .await
            .unwrap();
    }
    transaction.commit().await.unwrap();
    log.sequence(start()).await;
    erased
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_erased_is_gone_and_the_log_verifies() {
    on_both(async |log| {
        log.append((0..10).map(event)).await;
        // A refusal that names her, which must not pass for one of nobody's afterwards.
        let mut of_her = refusal(12);
        of_her.sub = Some("sub-0".to_owned());
        log.append([of_her]).await;
        log.sequence(start()).await;
        let erased = erase(log, true).await;
        assert_eq!(erased.places, [0, 3, 6, 9, 10]);
        let verified = log.verify().await.unwrap();
        assert_eq!((verified.whole, verified.erased), (7, 5));
        let left = "SELECT CAST(COUNT(*) AS TEXT) FROM event WHERE sub = 'sub-0'
                    OR (commitment IS NOT NULL AND (salt IS NOT NULL OR details <> '{}'
                        OR session_id IS NOT NULL OR authorization_request_id IS NOT NULL))";
        assert_eq!(log.text(left).await, "0");
        assert!(erase(log, true).await.places.is_empty(), "twice is once");
        let later = start() + Duration::days(1);
        let gone = delete_batch(&log.store, Kind::RefusalOfNobody, later).await;
        assert_eq!(gone.unwrap(), 0);
        assert_eq!(log.verify().await.unwrap().erased, 5);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_nobody_put_on_record_is_found() {
    on_both(async |log| {
        log.append((0..4).map(event)).await;
        log.sequence(start()).await;
        erase(log, false).await;
        assert_eq!(log.finding().await, "ledger.erasure_unrecorded");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_changed_is_evidence_and_is_not_erased() {
    on_both(async |log| {
        log.append((0..4).map(event)).await;
        log.sequence(start()).await;
        log.tamper("UPDATE event SET client_id = 'other' WHERE ledger_index = 0")
            .await;
        assert_eq!(erase(log, true).await.places, [3]);
        assert_eq!(log.finding().await, "ledger.entry_changed");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_can_be_written_into_what_was_erased() {
    on_both(async |log| {
        log.append((0..4).map(event)).await;
        log.sequence(start()).await;
        erase(log, true).await;
        for change in [
            "sub = 'sub-1'",
            "details = '{\"a\":1}'",
            "kind = 'x'",
            "code = 'x'",
        ] {
            log.tamper("CREATE TABLE kept_row AS SELECT * FROM event WHERE ledger_index = 0")
                .await;
            log.tamper(&format!("UPDATE event SET {change} WHERE ledger_index = 0"))
                .await;
            assert_eq!(log.finding().await, "ledger.entry_changed", "{change}");
            log.tamper("DELETE FROM event WHERE ledger_index = 0").await;
            log.tamper("INSERT INTO event SELECT * FROM kept_row").await;
            log.tamper("DROP TABLE kept_row").await;
        }
        log.verify().await.unwrap();
    })
    .await;
}

/// Beside a server, and with it stopped, an erasure is on record before it has its own place.
#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_whose_record_waits_for_its_place_is_no_alarm() {
    on_both(async |log| {
        log.append((0..4).map(event)).await;
        log.sequence(start()).await;
        let mut transaction = log.store.begin().await.unwrap();
        let erased = erase_batch(&mut transaction, "sub-0", 0).await.unwrap();
        append(&mut transaction, &record(900, &erased.places))
            .await
            .unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(log.verify().await.unwrap().erased, 2);
        log.sequence(start()).await;
        assert_eq!(log.verify().await.unwrap().erased, 2);
    })
    .await;
}

/// Attack H14, by whoever puts a record in beforehand, or one that speaks for everything.
#[tokio::test(flavor = "multi_thread")]
async fn h14_a_record_excuses_nothing_that_comes_after_it_and_not_everything_at_once() {
    on_both(async |log| {
        let beforehand: Vec<u64> = (0..100).collect();
        log.append([record(900, &beforehand)]).await;
        log.sequence(start()).await;
        log.append((1..5).map(event)).await;
        log.sequence(start()).await;
        assert_eq!(erase(log, false).await.places, [3]);
        assert_eq!(log.finding().await, "ledger.erasure_unrecorded");
        let everything: Vec<u64> = (0..1_000).collect();
        log.append([record(901, &everything)]).await;
        log.sequence(start()).await;
        assert_eq!(log.finding().await, "ledger.erasure_unrecorded");
        log.append([record(902, &[3])]).await;
        assert_eq!(log.finding().await, "nothing");
    })
    .await;
}
