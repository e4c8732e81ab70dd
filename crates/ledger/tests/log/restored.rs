//! A log that was put back to an earlier state: a checkpoint from after the backup does not fit it,
//! and the record of the restore alone explains that.

use cardea_ledger::{RESTORE_KIND, restore_records};
use cardea_storage::event::EventRecord;
use cardea_transparency::{Checkpoint, Note, NoteSigner, RestoreRecord};
use serde_json::json;
use time::Duration;

use super::database::{Log, ORIGIN, event, new_signer, on_both, start};

const NEWEST: &str = "SELECT note FROM ledger_checkpoint
                      WHERE size = (SELECT MAX(size) FROM ledger_checkpoint)";
/// When the checkpoint was seen, and when the log was restored afterwards.
const SEEN_AT: u64 = 1_800_000_000;
const RESTORED_AT: u64 = SEEN_AT + 60;

async fn grow(log: &Log, numbers: std::ops::Range<u32>, hours: i64) -> String {
    log.append(numbers.map(event)).await;
    log.sequence(start() + Duration::hours(hours)).await;
    log.text(NEWEST).await
}

fn head(note: &str) -> Checkpoint {
    let note = Note::parse(note.as_bytes()).unwrap();
    Checkpoint::parse(note.text()).unwrap()
}

/// What a backup of the first sixteen events puts back: their edge is one subtree.
async fn put_back(log: &Log) {
    for statement in [
        "DELETE FROM event WHERE ledger_index >= 16",
        "DELETE FROM ledger_leaf WHERE leaf_index >= 16",
        "DELETE FROM ledger_checkpoint WHERE size > 16",
        "DELETE FROM ledger_node WHERE level > 4 OR node_index > 0",
        "UPDATE ledger_state SET size = 16, frontier = (SELECT hash FROM ledger_node)",
    ] {
        log.tamper(statement).await;
    }
    log.verify().await.unwrap();
}

fn told(number: u32, record: &Note, earlier: &[String]) -> EventRecord {
    EventRecord {
        kind: RESTORE_KIND.to_owned(),
        session_id: None,
        sub: None,
        client_id: None,
        details: json!({"log": {"record": record.to_string()}, "earlier": earlier}).to_string(),
        ..event(number)
    }
}

fn signed(record: Result<RestoreRecord, cardea_transparency::Error>, by: &NoteSigner) -> Note {
    record.unwrap().sign(by).unwrap()
}

#[test]
fn records_are_read_where_there_are_some() {
    assert!(restore_records("{}").is_empty());
    assert!(restore_records("no JSON").is_empty());
    assert_eq!(restore_records(r#"{"log":{"record":"a"}}"#), ["a"]);
    let both = r#"{"log":{"record":"a"},"earlier":["b","c"]}"#;
    assert_eq!(restore_records(both), ["a", "b", "c"]);
}

/// Records that are not of what happened, each in one thing.
fn forged(before: &Checkpoint, after: &Checkpoint, log: &NoteSigner) -> Vec<(&'static str, Note)> {
    let record = |before: &Checkpoint, after: &Checkpoint, by: &NoteSigner| {
        signed(RestoreRecord::new(before, after, RESTORED_AT, "why"), by)
    };
    let at = |size, from: &Checkpoint| Checkpoint::new(ORIGIN, size, from.root()).unwrap();
    let early = RestoreRecord::new(before, after, SEEN_AT - 1, "earlier");
    vec![
        ("other key", record(before, after, &new_signer())),
        ("less than was seen", record(&at(29, before), after, log)),
        ("from another tree", record(before, &at(16, before), log)),
        ("from another size", record(before, &at(15, after), log)),
        (
            "from more than was seen",
            record(before, &at(31, after), log),
        ),
        ("before the checkpoint was seen", signed(early, log)),
    ]
}

/// Attack H14: a log that was cut off, explained by something that is not its restore.
#[tokio::test(flavor = "multi_thread")]
async fn h14_only_the_record_of_its_restore_explains_a_log_that_is_shorter_than_what_was_seen() {
    on_both(async |log| {
        let kept = grow(log, 0..16, 0).await;
        let seen = grow(log, 16..30, 2).await;
        let last = grow(log, 30..40, 4).await;
        put_back(log).await;
        let code = async |at| match log.verify_seen(Some(&seen), at).await {
            Ok(verified) => verified.explained_by.map_or("it fits", |_| "explained"),
            Err(finding) => finding.code(),
        };
        assert_eq!(code(SEEN_AT).await, "ledger.truncated");
        let (before, after) = (head(&last), head(&kept));
        let forged = forged(&before, &after, &log.signer).into_iter();
        for (number, (name, forged)) in forged.enumerate() {
            let number = u32::try_from(100 + number).unwrap();
            log.append([told(number, &forged, &[])]).await;
            assert_eq!(code(SEEN_AT).await, "ledger.truncated", "{name}");
            log.tamper(&format!("DELETE FROM event WHERE id = 'event-{number:04}'"))
                .await;
        }
        // It explains as soon as it is on record, and in the tree as well.
        let good = RestoreRecord::new(&before, &after, RESTORED_AT, "the disk is gone");
        let good = signed(good, &log.signer);
        log.append([told(50, &good, &[])]).await;
        assert_eq!(code(SEEN_AT).await, "explained");
        grow(log, 51..90, 6).await;
        assert_eq!(code(SEEN_AT).await, "explained");
        // A log that has grown on has another tree of this size.
        let verified = log.verify_seen(Some(&seen), SEEN_AT).await.unwrap();
        assert!(verified.size > 30);
        assert_eq!(verified.explained_by.unwrap().after(), &after);
        // What is seen after the restore is of the log that went on.
        assert_eq!(
            code(RESTORED_AT + 1).await,
            "ledger.checkpoint_contradicted"
        );
        // What was there at the backup fits, and needs no word.
        let fits = log.verify_seen(Some(&kept), SEEN_AT).await.unwrap();
        assert_eq!(fits.explained_by, None);
    })
    .await;
}

/// A second restore, of an older backup, carries on what the first one said.
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_another_one_left_behind_still_explains() {
    on_both(async |log| {
        let oldest = grow(log, 0..16, 0).await;
        let kept = grow(log, 16..24, 2).await;
        let seen = grow(log, 24..40, 4).await;
        put_back(log).await;
        let first = RestoreRecord::new(&head(&seen), &head(&kept), RESTORED_AT, "the wrong one");
        let first = signed(first, &log.signer);
        let at = RESTORED_AT + 60;
        let second = RestoreRecord::new(&head(&kept), &head(&oldest), at, "the right one");
        let second = signed(second, &log.signer);
        // Without the second one nothing leads here.
        log.append([told(50, &first, &[])]).await;
        let alone = log.verify_seen(Some(&seen), SEEN_AT).await;
        assert_eq!(alone.unwrap_err().code(), "ledger.truncated");
        log.tamper("DELETE FROM event WHERE id = 'event-0050'")
            .await;
        log.append([told(51, &second, &[first.to_string()])]).await;
        let verified = log.verify_seen(Some(&seen), SEEN_AT).await.unwrap();
        assert_eq!(verified.explained_by.unwrap().why(), "the wrong one");
    })
    .await;
}
