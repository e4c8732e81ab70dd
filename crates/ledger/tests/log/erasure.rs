use cardea_ledger::{
    Batch, ERASURE_KIND, ErasedWhat, SIGNED_ERASURES_KIND, append, export, sign_batch, sign_erasure,
};
use cardea_storage::event::EventRecord;
use cardea_storage::retention::{Kind, delete_batch};
use cardea_transparency::{Erasures, ExportedEntry, NoteSigner, Rest, Unexplained};
use time::Duration;

use super::database::{Log, ORIGIN, event, new_signer, on_both, refusal, start};

/// As a program writes it from before erasures were signed, or an intruder.
fn unsigned(number: u32, places: &[u64]) -> EventRecord {
    says(number, format!(r#"{{"by":{{}},"places":{places:?}}}"#))
}

fn signed(number: u32, places: &[u64], record: &str) -> EventRecord {
    let details = serde_json::json!({"by": {}, "places": places, "record": record});
    says(number, details.to_string())
}

fn says(number: u32, details: String) -> EventRecord {
    EventRecord {
        kind: ERASURE_KIND.to_owned(),
        sub: None,
        session_id: None,
        details,
        ..event(number)
    }
}

/// From here on erasures are signed.
async fn begin(log: &Log) {
    let nothing = ErasedWhat::Entries(&[]);
    let record = sign_erasure(&*log.signer, nothing, start()).unwrap();
    let begun = EventRecord {
        kind: SIGNED_ERASURES_KIND.to_owned(),
        ..signed(800, &[], &record)
    };
    log.append([begun]).await;
    log.sequence(start()).await;
}

async fn sign(log: &Log, signer: &NoteSigner) -> Batch {
    let mut reading = log.store.begin_read().await.unwrap();
    let batch = sign_batch(&mut reading, signer, "sub-0", 0, start()).await;
    batch.unwrap()
}

/// Erases what concerns `sub-0`, and puts it on record if asked to; says which places.
async fn erase(log: &Log, is_recorded: bool) -> Vec<u64> {
    let Some(erasure) = sign(log, &log.signer).await.erasure else {
        return Vec::new();
    };
    let mut transaction = log.store.begin().await.unwrap();
    assert!(erasure.carry_out(&mut transaction).await.unwrap());
    if is_recorded {
        let event = signed(900, erasure.places(), erasure.record());
        append(&mut transaction, &event).await.unwrap();
    }
    transaction.commit().await.unwrap();
    log.sequence(start()).await;
    erasure.places().to_vec()
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
        assert_eq!(erased, [0, 3, 6, 9, 10]);
        let verified = log.verify().await.unwrap();
        assert_eq!((verified.whole, verified.erased), (7, 5));
        assert_eq!(verified.erased_unsigned, 0);
        let left = "SELECT CAST(COUNT(*) AS TEXT) FROM event WHERE sub = 'sub-0'
                    OR (commitment IS NOT NULL AND (salt IS NOT NULL OR details <> '{}'
                        OR session_id IS NOT NULL OR authorization_request_id IS NOT NULL))";
        assert_eq!(log.text(left).await, "0");
        assert!(erase(log, true).await.is_empty(), "twice is once");
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
        assert_eq!(erase(log, true).await, [3]);
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
        begin(log).await;
        let erasure = sign(log, &log.signer).await.erasure.unwrap();
        let mut transaction = log.store.begin().await.unwrap();
        assert!(erasure.carry_out(&mut transaction).await.unwrap());
        let event = signed(900, erasure.places(), erasure.record());
        append(&mut transaction, &event).await.unwrap();
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
        log.append([unsigned(900, &beforehand)]).await;
        log.sequence(start()).await;
        log.append((1..5).map(event)).await;
        log.sequence(start()).await;
        assert_eq!(erase(log, false).await, [3]);
        assert_eq!(log.finding().await, "ledger.erasure_unrecorded");
        let everything: Vec<u64> = (0..1_000).collect();
        log.append([unsigned(901, &everything)]).await;
        log.sequence(start()).await;
        assert_eq!(log.finding().await, "ledger.erasure_unrecorded");
        log.append([unsigned(902, &[3])]).await;
        assert_eq!(log.verify().await.unwrap().erased_unsigned, 1);
    })
    .await;
}

/// Attack H14, by whoever has the database: she wipes what is personal, and puts an event in that
/// says it was an erasure. Whatever it says, the log's key has not signed it.
#[tokio::test(flavor = "multi_thread")]
async fn h14_an_erasure_that_somebody_put_in_excuses_nothing() {
    on_both(async |log| {
        log.append((0..8).map(event)).await;
        log.sequence(start()).await;
        begin(log).await;
        assert_eq!(erase(log, true).await, [0, 3, 6]);
        let honest = log
            .text("SELECT details FROM event WHERE id = 'event-0900'")
            .await;
        let honest: serde_json::Value = serde_json::from_str(&honest).unwrap();
        let record = honest["record"].as_str().unwrap();
        assert_eq!(log.finding().await, "nothing");
        let wiped = "UPDATE event SET commitment = 'X', salt = NULL, session_id = NULL, sub = NULL,
                         authorization_request_id = NULL, client_id = NULL, code = NULL,
                         details = '{}' WHERE ledger_index = 1";
        let other = new_signer();
        let foreign = {
            let mut reading = log.store.begin_read().await.unwrap();
            let batch = sign_batch(&mut reading, &*other, "sub-1", 0, start()).await;
            batch.unwrap().erasure.unwrap()
        };
        let commitment = commitment_of(log, 1).await;
        log.tamper(&wiped.replace('X', &commitment)).await;
        assert_eq!(log.finding().await, "ledger.erasure_unrecorded");
        for (number, excuse) in [
            unsigned(901, &[1]),
            signed(902, &[1], record),
            signed(903, &[0, 1, 3, 6], record),
            signed(904, foreign.places(), foreign.record()),
            signed(905, &[1], foreign.record()),
            says(906, r#"{"places":[1],"record":7}"#.to_owned()),
        ]
        .into_iter()
        .enumerate()
        {
            log.append([excuse]).await;
            assert_eq!(log.finding().await, "ledger.erasure_unsigned", "{number}");
            log.sequence(start()).await;
            assert_eq!(log.finding().await, "ledger.erasure_unsigned", "{number}");
        }
    })
    .await;
}

/// The commitment to an entry's personal part, as the export of it lets anybody work it out.
async fn commitment_of(log: &Log, index: u64) -> String {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("export");
    let key = NoteSigner::verifier(&log.signer);
    export(&log.store, ORIGIN, key, 0, &folder).await.unwrap();
    let lines = std::fs::read_to_string(folder.join("entries.jsonl")).unwrap();
    let line = lines.lines().nth(usize::try_from(index).unwrap()).unwrap();
    let entry = ExportedEntry::parse(line).unwrap();
    let Rest::Whole(_, salt, personal) = entry.rest else {
        panic!("it is whole");
    };
    personal.commitment(&salt).to_base64()
}

/// What a program erased from before erasures were signed is counted, and not confused with what
/// came afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_older_program_erased_is_said_to_be_unsigned() {
    on_both(async |log| {
        log.append((0..5).map(event)).await;
        log.sequence(start()).await;
        erase(log, false).await;
        log.append([unsigned(901, &[0, 3])]).await;
        assert_eq!(log.verify().await.unwrap().erased_unsigned, 2, "it waits");
        log.sequence(start()).await;
        assert_eq!(log.verify().await.unwrap().erased_unsigned, 2);
        begin(log).await;
        let verified = log.verify().await.unwrap();
        assert_eq!((verified.erased, verified.erased_unsigned), (2, 2));
        log.append([event(9)]).await;
        log.sequence(start()).await;
        assert_eq!(erase(log, false).await, [7]);
        log.append([unsigned(902, &[7])]).await;
        assert_eq!(log.finding().await, "ledger.erasure_unsigned");
    })
    .await;
}

/// Two at once: whoever comes second finds its batch changed, and erases nothing over a signature
/// that is of other entries.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_which_somebody_erased_a_part_is_given_up() {
    on_both(async |log| {
        log.append((0..4).map(event)).await;
        log.sequence(start()).await;
        let late = sign(log, &log.signer).await.erasure.unwrap();
        assert_eq!(erase(log, true).await, [0, 3]);
        let mut transaction = log.store.begin().await.unwrap();
        assert!(!late.carry_out(&mut transaction).await.unwrap());
        drop(transaction);
        assert_eq!(log.verify().await.unwrap().erased, 2);
    })
    .await;
}

/// What is erased while an export is written, or behind its checkpoint, is told by its own file.
#[tokio::test(flavor = "multi_thread")]
async fn an_export_has_the_erasures_that_its_checkpoint_does_not_cover() {
    on_both(async |log| {
        log.append((0..4).map(event)).await;
        begin(log).await;
        let erasure = sign(log, &log.signer).await.erasure.unwrap();
        let mut transaction = log.store.begin().await.unwrap();
        assert!(erasure.carry_out(&mut transaction).await.unwrap());
        let event = signed(900, erasure.places(), erasure.record());
        append(&mut transaction, &event).await.unwrap();
        append(&mut transaction, &unsigned(901, &[1]))
            .await
            .unwrap();
        transaction.commit().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("export");
        let key = NoteSigner::verifier(&log.signer);
        export(&log.store, ORIGIN, key, 0, &folder).await.unwrap();
        let later = std::fs::read_to_string(folder.join("erasures.jsonl")).unwrap();
        let line = serde_json::json!({"places": [0, 3], "record": erasure.record()});
        assert_eq!(later, format!("{line}\n"));
    })
    .await;
}

/// Where witnesses are behind, an export has fewer entries than an erasure took at once: the
/// signature is over all of them, and whoever checks it needs their leaves.
#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_of_which_a_part_stands_behind_the_export_is_no_alarm() {
    on_both(async |log| {
        log.append((0..4).map(event)).await;
        log.sequence(start()).await;
        begin(log).await;
        let newest = "SELECT note FROM ledger_checkpoint ORDER BY size DESC LIMIT 1";
        let older = log.text(newest).await;
        log.append((5..7).map(event)).await;
        log.sequence(start()).await;
        assert_eq!(erase(log, true).await, [0, 3, 6]);
        assert_eq!(log.finding().await, "nothing");
        log.tamper("DELETE FROM ledger_checkpoint").await;
        log.tamper(&format!(
            "INSERT INTO ledger_checkpoint (size, note, made_at) VALUES (5, '{older}', 0)"
        ))
        .await;
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("export");
        let key = NoteSigner::verifier(&log.signer);
        let exported = export(&log.store, ORIGIN, key, 0, &folder).await.unwrap();
        assert_eq!(exported.size, 5);
        let later = std::fs::read_to_string(folder.join("erasures.jsonl")).unwrap();
        assert_eq!(later.lines().count(), 1);
        let lines = std::fs::read_to_string(folder.join("entries.jsonl")).unwrap();
        let entries: Vec<ExportedEntry> = lines
            .lines()
            .map(|it| ExportedEntry::parse(it).unwrap())
            .collect();
        let leaf_of = |place: u64| Some(entries.get(usize::try_from(place).unwrap())?.hash);
        let judged = |line: &str| {
            let mut erasures = Erasures::new(key.clone());
            for entry in entries
                .iter()
                .filter(|it| matches!(it.rest, Rest::Erased(..)))
            {
                erasures.take(entry.index, entry.hash);
            }
            erasures.look_at_exported(line, exported.size, leaf_of);
            erasures.finish()
        };
        let line = later.trim_end();
        assert_eq!(judged(line), Ok(0));
        // What the line says of the leaves behind is under the signature as well.
        let mut forged: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(forged["behind"].as_array().unwrap().len(), 1);
        forged["behind"][0] = "A".repeat(43).into();
        assert_eq!(judged(&forged.to_string()), Err(Unexplained::Unsigned(0)));
        forged["behind"] = serde_json::json!([]);
        assert_eq!(judged(&forged.to_string()), Err(Unexplained::Unsigned(0)));
    })
    .await;
}
