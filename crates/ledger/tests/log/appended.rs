use cardea_ledger::{Appended, Fate, append, look_for};
use cardea_transparency::NoteSigner;

use super::database::{Log, event, on_both, start};

async fn write(log: &Log, number: u32) -> Appended {
    let mut transaction = log.store.begin().await.unwrap();
    let appended = append(&mut transaction, &event(number)).await.unwrap();
    transaction.commit().await.unwrap();
    appended.unwrap()
}

async fn fates(log: &Log, appended: &[Appended]) -> Vec<Fate> {
    let mut reading = log.store.begin_read().await.unwrap();
    let key = NoteSigner::verifier(&log.signer);
    look_for(&mut reading, appended, Some(key)).await.unwrap()
}

/// Attack H14, by whoever has the database and is quicker than the tree: nothing of it is found by
/// verifying, and all of it by the process that wrote the events.
#[tokio::test(flavor = "multi_thread")]
async fn h14_what_is_taken_out_before_it_has_its_place_is_missed_by_who_wrote_it() {
    on_both(async |log| {
        let mut written = Vec::new();
        for number in 0..8 {
            written.push(write(log, number).await);
        }
        assert_eq!(fates(log, &written).await, [Fate::Waiting; 8]);
        for statement in [
            "DELETE FROM event WHERE id = 'event-0001'",
            "UPDATE event SET client_id = 'other' WHERE id = 'event-0002'",
            "UPDATE event SET occurred_at = 1 WHERE id = 'event-0003'",
            "UPDATE event SET ledger_index = -1, kind = 'authorization.begun'
             WHERE id = 'event-0004'",
            "UPDATE event SET salt = NULL WHERE id = 'event-0005'",
            "UPDATE event SET kind = 'authorization.begun' WHERE id = 'event-0006'",
        ] {
            assert_eq!(log.tamper(statement).await, 1, "{statement}");
        }
        log.sequence(start()).await;
        assert_eq!(log.finding().await, "nothing", "the tree cannot know");
        let found = [
            Fate::Placed,
            Fate::Vanished,
            Fate::Altered,
            Fate::Altered,
            Fate::Vanished,
            Fate::Altered,
            Fate::Vanished,
            Fate::Placed,
        ];
        assert_eq!(fates(log, &written).await, found);
    })
    .await;
}

/// A place that no checkpoint covers is none.
#[tokio::test(flavor = "multi_thread")]
async fn what_says_that_it_has_a_place_and_is_not_signed_still_waits_or_is_missed() {
    on_both(async |log| {
        let one = write(log, 1).await;
        log.sequence(start()).await;
        assert_eq!(fates(log, std::slice::from_ref(&one)).await, [Fate::Placed]);
        let other = write(log, 2).await;
        log.tamper("UPDATE event SET ledger_index = 7 WHERE id = 'event-0002'")
            .await;
        assert_eq!(
            fates(log, std::slice::from_ref(&other)).await,
            [Fate::Vanished]
        );
        let leaf = format!(
            "INSERT INTO ledger_leaf (leaf_index, flags, entry_sha256) VALUES (7, 0, '{}')",
            other.entry.to_base64()
        );
        log.tamper(&leaf).await;
        assert_eq!(
            fates(log, &[one, other]).await,
            [Fate::Placed, Fate::Waiting]
        );
    })
    .await;
}

/// Attack H14, by whoever takes an event out and lies for as long as it is looked for: the row
/// comes back at another one's place, with a leaf of it there, and goes again. Nothing of that is
/// signed.
#[tokio::test(flavor = "multi_thread")]
async fn h14_a_place_and_a_leaf_that_somebody_lends_an_event_are_none_of_the_tree() {
    on_both(async |log| {
        let mut written = Vec::new();
        for number in 0..40 {
            written.push(write(log, number).await);
        }
        log.sequence(start()).await;
        assert!(
            fates(log, &written)
                .await
                .iter()
                .all(|it| *it == Fate::Placed)
        );
        let hidden = write(log, 40).await;
        log.tamper("DELETE FROM event WHERE ledger_index = 5").await;
        log.tamper("UPDATE event SET ledger_index = 5 WHERE id = 'event-0040'")
            .await;
        let leaf = format!(
            "UPDATE ledger_leaf SET entry_sha256 = '{}' WHERE leaf_index = 5",
            hidden.entry.to_base64()
        );
        assert_eq!(log.tamper(&leaf).await, 1);
        let found = fates(log, std::slice::from_ref(&hidden)).await;
        assert_eq!(found, [Fate::Altered]);
        // Nor does a checkpoint help that nobody has signed.
        log.tamper("UPDATE ledger_checkpoint SET note = 'none'")
            .await;
        let found = fates(log, std::slice::from_ref(&hidden)).await;
        assert_eq!(found, [Fate::Waiting]);
    })
    .await;
}
