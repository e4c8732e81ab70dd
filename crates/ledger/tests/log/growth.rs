use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cardea_ledger::{CheckpointSigner as _, append, consistency, inclusion, inclusions};
use cardea_storage::ledger::{keep_cosigned, list_entries, newest_checkpoint, newest_cosigned};
use cardea_storage::retention::{Kind, delete_batch};
use cardea_transparency::{Checkpoint, Note, NoteSigner, verify_consistency, verify_inclusion};
use time::Duration;

use super::database::{event, on_both, on_postgres, refusal, start};

#[tokio::test(flavor = "multi_thread")]
async fn every_event_gets_a_place_and_the_end_of_the_log_is_signed() {
    on_both(async |log| {
        assert_eq!(log.verify().await.unwrap().size, 0, "nothing is signed yet");
        log.append((0..7).map(event)).await;
        assert_eq!(
            log.verify().await.unwrap().size,
            0,
            "nothing has a place yet"
        );
        assert_eq!(log.sequence(start()).await, 7);
        assert_eq!(log.sequence(start()).await, 0);
        log.append((7..1_207).map(event)).await;
        assert_eq!(log.sequence(start()).await, 1_200);
        let verified = log.verify().await.unwrap();
        assert_eq!((verified.size, verified.whole), (1_207, 1_207));
        let mut reading = log.store.begin_read().await.unwrap();
        let newest = newest_checkpoint(&mut reading).await.unwrap().unwrap();
        let note = Note::parse(newest.note.as_bytes()).unwrap();
        let keys = [NoteSigner::verifier(&log.signer).clone()];
        assert_eq!(note.verify(&keys).unwrap().len(), 1);
        let checkpoint = Checkpoint::parse(note.text()).unwrap();
        assert_eq!(checkpoint.origin(), log.signer.origin());
        assert_eq!(Some(checkpoint.root()), verified.root);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_checkpoints_of_an_hour_the_last_stays() {
    on_both(async |log| {
        for number in 0..6 {
            log.append([event(number)]).await;
            log.sequence(start() + Duration::minutes(20 * i64::from(number)))
                .await;
        }
        let count = "SELECT CAST(COUNT(*) AS TEXT) FROM ledger_checkpoint";
        assert_eq!(log.text(count).await, "2");
        assert_eq!(log.verify().await.unwrap().checkpoints, 2);
    })
    .await;
}

/// However the log grows while witnesses think, what they have cosigned stays, and no more of it
/// than the last of an hour.
#[tokio::test(flavor = "multi_thread")]
async fn a_cosigned_checkpoint_stays_until_the_next_one_is() {
    on_both(async |log| {
        let count = "SELECT CAST(COUNT(*) AS TEXT) FROM ledger_checkpoint";
        let mut last = 0;
        for number in 0..4 {
            let at = start() + Duration::seconds(i64::from(number));
            log.append([event(number)]).await;
            log.sequence(at).await;
            let mut reading = log.store.begin_read().await.unwrap();
            let mut asked = newest_checkpoint(&mut reading).await.unwrap().unwrap();
            drop(reading);
            // The log grows while a witness is asked, and its checkpoint is not the newest then.
            log.append([event(100 + number)]).await;
            log.sequence(at).await;
            let mut note = Note::parse(asked.note.as_bytes()).unwrap();
            let line = "\u{2014} witness.example AAAAAAA=\n";
            note.append(line).unwrap();
            asked.note = note.to_string();
            let since = start().unix_timestamp() - 3600;
            let mut writing = log.store.begin().await.unwrap();
            keep_cosigned(&mut writing, &asked, 1, since).await.unwrap();
            writing.commit().await.unwrap();
            let mut reading = log.store.begin_read().await.unwrap();
            let kept = newest_cosigned(&mut reading, 1).await.unwrap().unwrap();
            assert_eq!(kept.note, asked.note);
            assert_eq!(newest_cosigned(&mut reading, 2).await.unwrap(), None);
            assert!(kept.size > last);
            last = kept.size;
            drop(reading);
            assert_eq!(log.text(count).await, "2");
        }
        assert_eq!(log.verify().await.unwrap().checkpoints, 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_proven_at_once_and_one_without_a_place_is_left_out() {
    on_both(async |log| {
        log.append((0..300).map(event)).await;
        log.sequence(start()).await;
        let verified = log.verify().await.unwrap();
        let (size, root) = (verified.size, verified.root.unwrap());
        let mut reading = log.store.begin_read().await.unwrap();
        let placed = list_entries(&mut reading, 0, 500).await.unwrap();
        drop(reading);
        let ids = placed.into_iter().filter_map(|it| Some(it.entry?.event.id));
        let mut ids: Vec<String> = ids.collect();
        ids.reverse();
        ids.push("none".to_owned());
        log.append([event(1_000)]).await;
        let mut reading = log.store.begin_read().await.unwrap();
        let proven = inclusions(&mut reading, &ids, size).await.unwrap();
        assert_eq!(proven.len(), 300);
        for (place, one) in proven.iter().enumerate() {
            assert_eq!(usize::try_from(one.entry.index), Ok(place));
            assert_eq!(one.entry.leaf().hash(), one.entry.hash);
            let index = one.entry.index;
            verify_inclusion(&one.entry.hash, index, size, &one.proof, &root).unwrap();
        }
        let earlier = inclusions(&mut reading, &ids, 10).await.unwrap();
        assert_eq!(earlier.len(), 10);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_leaf_is_proven_to_be_there_and_every_tree_to_begin_with_the_older_ones() {
    on_both(async |log| {
        let mut roots = Vec::new();
        for number in 0..40 {
            log.append([event(number)]).await;
            log.sequence(start()).await;
            roots.push(log.verify().await.unwrap().root.unwrap());
        }
        let mut reading = log.store.begin_read().await.unwrap();
        let entries = list_entries(&mut reading, 0, 100).await.unwrap();
        let (size, root) = (40, roots[39]);
        let mut first = None;
        for entry in &entries {
            let digest = cardea_transparency::Hash::from_base64(&entry.leaf.entry_sha256).unwrap();
            let leaf = cardea_transparency::Leaf {
                flags: cardea_transparency::Flags::default(),
                entry: digest,
            };
            let index = entry.leaf.index;
            let proof = inclusion(&mut reading, index, size).await.unwrap();
            verify_inclusion(&leaf.hash(), index, size, &proof, &root).unwrap();
            let other = *first.get_or_insert(leaf.hash());
            if index > 0 {
                verify_inclusion(&other, index, size, &proof, &root).unwrap_err();
            }
        }
        for old in 1..=size {
            let proof = consistency(&mut reading, old, size).await.unwrap();
            let old_root = roots[usize::try_from(old).unwrap() - 1];
            verify_consistency(old, &old_root, size, &root, &proof).unwrap();
        }
        assert!(inclusion(&mut reading, 40, 40).await.is_err());
        assert!(consistency(&mut reading, 41, 40).await.is_err());
    })
    .await;
}

/// What an older program writes beside this one gets its leaf afterwards, and that stands in it.
#[tokio::test(flavor = "multi_thread")]
async fn rows_of_an_older_program_get_their_leaves_afterwards() {
    on_both(async |log| {
        for (id, kind) in [("old", "login.accepted"), ("begun", "authorization.begun")] {
            log.tamper(&format!(
                "INSERT INTO event (id, kind, occurred_at, sub, details)
                 VALUES ('{id}', '{kind}', 1, 'sub-old', '{{}}')"
            ))
            .await;
        }
        log.append([event(1)]).await;
        assert_eq!(log.sequence(start()).await, 2);
        assert_eq!(log.sequence(start()).await, 0, "a beginning gets no place");
        let verified = log.verify().await.unwrap();
        assert_eq!((verified.whole, verified.made_afterwards), (2, 1));
        // It is under the leaf's hash.
        log.tamper("UPDATE ledger_leaf SET flags = 0 WHERE flags = 2")
            .await;
        assert_eq!(log.finding().await, "ledger.checkpoint_contradicted");
    })
    .await;
}

/// Attack H9: what strangers can begin without end leaves nothing in the tree.
#[tokio::test(flavor = "multi_thread")]
async fn h9_the_beginning_of_a_login_gets_no_place_and_a_refusal_leaves_its_digest_alone() {
    on_both(async |log| {
        let mut begun = refusal(0);
        begun.kind = "authorization.begun".to_owned();
        log.append([begun]).await;
        log.append((1..4).map(refusal)).await;
        log.append([event(4)]).await;
        assert_eq!(log.sequence(start()).await, 4);
        let later = start() + Duration::hours(1);
        let gone = delete_batch(&log.store, Kind::RefusalOfNobody, later).await;
        assert_eq!(gone.unwrap(), 3);
        let verified = log.verify().await.unwrap();
        assert_eq!((verified.forgotten, verified.whole), (3, 1));
    })
    .await;
}

/// On PostgreSQL a row becomes visible when its transaction commits, whatever its id.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_commits_late_is_taken_later_and_none_is_lost() {
    let log = on_postgres().await;
    let mut late = log.store.begin().await.unwrap();
    append(&mut late, &event(0)).await.unwrap();
    log.append((1..5).map(event)).await;
    assert_eq!(log.sequence(start()).await, 4);
    let mut undone = log.store.begin().await.unwrap();
    append(&mut undone, &event(9)).await.unwrap();
    late.commit().await.unwrap();
    assert_eq!(log.sequence(start()).await, 1);
    drop(undone);
    assert_eq!(log.sequence(start()).await, 0);
    let mut reading = log.store.begin_read().await.unwrap();
    let entries = list_entries(&mut reading, 0, 9).await.unwrap();
    let last = entries.last().unwrap().entry.as_ref().unwrap();
    assert_eq!((last.event.id.as_str(), entries.len()), ("event-0000", 5));
    assert_eq!(log.verify().await.unwrap().size, 5);
}

/// Writers that commit in any order, and two nodes that sequence at the same time, each taking the
/// other for dead again and again.
#[tokio::test(flavor = "multi_thread")]
async fn h19_two_nodes_that_sequence_at_once_lose_nothing_and_place_nothing_twice() {
    const WRITERS: u32 = 8;
    const EACH: u32 = 25;
    let log = Arc::new(on_postgres().await);
    let is_over = Arc::new(AtomicBool::new(false));
    let nodes: Vec<_> = ["one", "other"]
        .into_iter()
        .map(|name| {
            let (log, is_over) = (Arc::clone(&log), Arc::clone(&is_over));
            tokio::spawn(async move {
                let mut sequencer = log.sequencer(name);
                // Each look is a minute later: whoever holds the tree seems to be gone.
                let mut now = start();
                let mut placed = 0;
                while !is_over.load(Ordering::SeqCst) {
                    now += Duration::minutes(1);
                    placed += sequencer.run_once(now).await.unwrap().placed;
                    tokio::task::yield_now().await;
                }
                placed
            })
        })
        .collect();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                for number in 0..EACH {
                    let mut transaction = log.store.begin().await.unwrap();
                    let written = event(writer * EACH + number);
                    append(&mut transaction, &written).await.unwrap();
                    for _ in 0..(writer * 7 + number) % 20 {
                        tokio::task::yield_now().await;
                    }
                    transaction.commit().await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    is_over.store(true, Ordering::SeqCst);
    let mut placed = 0;
    for node in nodes {
        placed += node.await.unwrap();
    }
    let mut last = log.sequencer("last");
    let rest = last.run_once(start() + Duration::days(1)).await;
    placed += rest.unwrap().placed;
    let all = u64::from(WRITERS * EACH);
    assert_eq!(u64::try_from(placed).unwrap(), all);
    let verified = log.verify().await.unwrap();
    assert_eq!((verified.size, verified.whole), (all, all));
    let mut reading = log.store.begin_read().await.unwrap();
    let entries = list_entries(&mut reading, 0, 1_000).await.unwrap();
    let ids: HashSet<String> = entries
        .into_iter()
        .map(|it| it.entry.unwrap().event.id)
        .collect();
    assert_eq!(u64::try_from(ids.len()).unwrap(), all);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_overtaken_writes_nothing_any_more() {
    on_both(async |log| {
        let (mut first, mut second) = (log.sequencer("first"), log.sequencer("second"));
        log.append([event(0)]).await;
        assert_eq!(first.run_once(start()).await.unwrap().placed, 1);
        log.append([event(1)]).await;
        let soon = start() + Duration::seconds(5);
        let waits = second.run_once(soon).await.unwrap();
        assert!(waits.is_held_elsewhere);
        let later = start() + Duration::minutes(1);
        assert_eq!(second.run_once(later).await.unwrap().placed, 1);
        // The first one's clock still says that it holds the tree.
        log.append([event(2)]).await;
        let overtaken = first.run_once(soon).await.unwrap();
        assert!(overtaken.is_held_elsewhere && overtaken.placed == 0);
        assert_eq!(second.run_once(later).await.unwrap().placed, 1);
        // Who stops lets go, and nobody has to wait.
        second.let_go().await.unwrap();
        log.append([event(3)]).await;
        assert_eq!(first.run_once(later).await.unwrap().placed, 1);
        assert_eq!(log.verify().await.unwrap().size, 4);
    })
    .await;
}
