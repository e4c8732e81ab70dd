//! A node that runs on, or starts again, over a database that somebody has written into: it signs
//! nothing that does not begin with what it has signed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use cardea_ledger::{CheckpointSigner, Error, LastSigned, Sequencer};
use cardea_transparency::{Note, NoteSignature, NoteSigner, VerifierKey};
use time::Duration;

use super::database::{Log, event, new_signer, on_both, start};

/// What a node keeps outside of the database.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Option<String>>>);

#[async_trait]
impl LastSigned for Kept {
    async fn recall(&self) -> Result<Option<String>, Error> {
        Ok(self.0.lock().unwrap().clone())
    }

    async fn keep(&self, note: &str) -> Result<(), Error> {
        *self.0.lock().unwrap() = Some(note.to_owned());
        Ok(())
    }
}

const WIPED: [&str; 5] = [
    "DELETE FROM ledger_leaf",
    "DELETE FROM ledger_node",
    "DELETE FROM ledger_checkpoint",
    "UPDATE event SET ledger_index = NULL",
    "UPDATE ledger_state SET size = 0, frontier = ''",
];

const COUNT: &str = "SELECT CAST(COUNT(*) AS TEXT) FROM ledger_checkpoint";
const NEWEST: &str = "SELECT COALESCE(MAX(note), '') FROM ledger_checkpoint
                      WHERE size = (SELECT MAX(size) FROM ledger_checkpoint)";

/// What an intruder with the database alone does, and what she hopes the node makes good.
fn rewritings() -> Vec<Vec<String>> {
    let owned = |it: &[&str]| it.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    let mut removed = owned(&["DELETE FROM event WHERE id = 'event-0007'"]);
    removed.extend(owned(&WIPED));
    let mut changed = owned(&["UPDATE event SET sub = 'other' WHERE id = 'event-0007'"]);
    changed.extend(owned(&WIPED));
    vec![
        removed,
        changed,
        // Even where nothing else is changed: an empty tree is not the one that was signed.
        owned(&WIPED),
        owned(&["DELETE FROM ledger_checkpoint"]),
        owned(&["DELETE FROM ledger_checkpoint WHERE size = 40"]),
        owned(&["UPDATE ledger_state SET size = 0, frontier = ''"]),
        owned(&["UPDATE ledger_state SET size = 41"]),
        owned(&["UPDATE ledger_state SET size = 32,
                 frontier = (SELECT hash FROM ledger_node WHERE level = 5)"]),
        owned(&[
            "DELETE FROM ledger_checkpoint",
            "DELETE FROM ledger_leaf WHERE leaf_index >= 32",
            "UPDATE event SET ledger_index = NULL WHERE ledger_index >= 32",
            "UPDATE ledger_state SET size = 32,
             frontier = (SELECT hash FROM ledger_node WHERE level = 5)",
        ]),
        owned(&["UPDATE ledger_checkpoint SET note = replace(note, 'cardea', 'cardeo')"]),
        owned(&["UPDATE ledger_checkpoint SET size = 41 WHERE size = 40"]),
    ]
}

/// Forty events under two checkpoints.
async fn fill(log: &Log, sequencer: &mut Sequencer) {
    for (from, hours) in [(0, 0), (20, 2)] {
        log.append((from..from + 20).map(event)).await;
        let now = start() + Duration::hours(hours);
        assert_eq!(sequencer.run_once(now).await.unwrap().placed, 20);
    }
}

fn later() -> time::OffsetDateTime {
    start() + Duration::hours(4)
}

/// Whether it signs nothing, says so, and goes on saying so.
async fn is_refused(log: &Log, sequencer: &mut Sequencer, why: &str) {
    let before = (log.text(COUNT).await, log.text(NEWEST).await);
    for _ in 0..2 {
        let refused = sequencer.run_once(later()).await.unwrap_err();
        let codes = ["ledger.history_changed", "ledger.tree_damaged"];
        assert!(codes.contains(&refused.code()), "{why}: {refused}");
    }
    assert_eq!(before, (log.text(COUNT).await, log.text(NEWEST).await));
    // No other node, which may know less, takes the tree while this one looks.
    let mut other = log.sequencer("other");
    assert!(other.run_once(later()).await.unwrap().is_held_elsewhere);
}

/// Attack H14: an audit record altered or removed, by somebody who has the server sign anew.
#[tokio::test(flavor = "multi_thread")]
async fn h14_a_running_node_signs_no_history_but_the_one_that_it_signed() {
    for index in 0..rewritings().len() {
        on_both(async |log| {
            let mut sequencer = log.sequencer("node");
            fill(log, &mut sequencer).await;
            let statements = rewritings().swap_remove(index);
            for statement in &statements {
                assert!(log.tamper(statement).await > 0, "{statement}");
            }
            is_refused(log, &mut sequencer, &statements.join("; ")).await;
            // Nor with the next events.
            log.append([event(99)]).await;
            is_refused(log, &mut sequencer, &statements.join("; ")).await;
        })
        .await;
    }
}

/// The same where the server starts again afterwards: what it signed last lies elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn h14_a_node_that_starts_again_signs_no_other_history_either() {
    for index in 0..rewritings().len() {
        on_both(async |log| {
            let kept = Kept::default();
            let begin = || log.sequencer("node").remembering(Box::new(kept.clone()));
            let mut sequencer = begin();
            fill(log, &mut sequencer).await;
            sequencer.let_go().await.unwrap();
            let statements = rewritings().swap_remove(index);
            for statement in &statements {
                log.tamper(statement).await;
            }
            is_refused(log, &mut begin(), &statements.join("; ")).await;
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_goes_on_after_a_start_and_after_others_and_beside_what_it_kept() {
    on_both(async |log| {
        let kept = Kept::default();
        let begin = || log.sequencer("node").remembering(Box::new(kept.clone()));
        let mut first = begin();
        fill(log, &mut first).await;
        first.let_go().await.unwrap();
        let newest = log.text(NEWEST).await;
        assert_eq!(kept.0.lock().unwrap().as_ref(), Some(&newest));
        // Another node goes on from there, twice.
        let mut other = log.sequencer("other");
        for number in 40..43 {
            log.append([event(number)]).await;
            assert_eq!(other.run_once(later()).await.unwrap().placed, 1);
        }
        other.let_go().await.unwrap();
        // What the first one remembers is a beginning of that, and so is what it kept.
        log.append([event(50)]).await;
        assert_eq!(first.run_once(later()).await.unwrap().placed, 1);
        first.let_go().await.unwrap();
        *kept.0.lock().unwrap() = Some(newest);
        let mut again = begin();
        log.append([event(60)]).await;
        assert_eq!(again.run_once(later()).await.unwrap().placed, 1);
        log.verify().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_of_another_key_or_no_note_is_not_gone_over() {
    on_both(async |log| {
        let kept = Kept::default();
        log.append([event(0)]).await;
        let mut node = log.sequencer("node").remembering(Box::new(kept.clone()));
        node.run_once(start()).await.unwrap();
        let signer = new_signer();
        let other = Sequencer::new(log.store.clone(), signer, "node".to_owned());
        let mut other = other.remembering(Box::new(kept.clone()));
        let refused = other.run_once(start()).await.unwrap_err();
        assert_eq!(refused.code(), "ledger.history_changed");
        kept.keep("no note").await.unwrap();
        let mut node = log.sequencer("node").remembering(Box::new(kept));
        let refused = node.run_once(start()).await.unwrap_err();
        assert_eq!(refused.code(), "ledger.history_changed");
    })
    .await;
}

/// Attack H15: a clock that was far ahead does not stop the log for as long.
#[tokio::test(flavor = "multi_thread")]
async fn h15_a_hold_of_a_clock_that_was_far_ahead_keeps_nobody_out() {
    on_both(async |log| {
        log.append([event(0)]).await;
        let mut ahead = log.sequencer("ahead");
        let year = start() + Duration::days(365);
        assert_eq!(ahead.run_once(year).await.unwrap().placed, 1);
        log.append([event(1)]).await;
        let mut right = log.sequencer("right");
        assert_eq!(right.run_once(start()).await.unwrap().placed, 1);
        // One that is a little ahead is waited for, and so is one that is a little behind.
        for (number, seconds) in [(2, 10), (3, -10)] {
            let now = start() + Duration::seconds(seconds);
            log.append([event(number)]).await;
            let mut other = log.sequencer("other");
            assert!(other.run_once(now).await.unwrap().is_held_elsewhere);
            assert_eq!(right.run_once(start()).await.unwrap().placed, 1);
        }
        assert_eq!(log.verify().await.unwrap().size, 4);
    })
    .await;
}

/// A key that signs only when it is told to.
struct Hesitant(Arc<NoteSigner>, AtomicBool);

impl CheckpointSigner for Hesitant {
    fn origin(&self) -> &str {
        CheckpointSigner::origin(&*self.0)
    }

    fn verifier(&self) -> &VerifierKey {
        NoteSigner::verifier(&self.0)
    }

    fn sign(&self, note: &Note) -> Result<NoteSignature, Error> {
        if self.1.load(Ordering::SeqCst) {
            return CheckpointSigner::sign(&*self.0, note);
        }
        let reason = "no token".to_owned();
        Err(Error::SigningFailed { reason })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_wait_while_the_key_does_not_sign() {
    on_both(async |log| {
        let key = Arc::clone(&log.signer);
        let signer = Arc::new(Hesitant(key, AtomicBool::new(false)));
        let shared = Arc::clone(&signer) as Arc<dyn CheckpointSigner>;
        let mut node = Sequencer::new(log.store.clone(), shared, "node".to_owned());
        log.append([event(0)]).await;
        let refused = node.run_once(start()).await.unwrap_err();
        assert_eq!(refused.code(), "ledger.signing_failed");
        assert_eq!(log.verify().await.unwrap().size, 0);
        signer.1.store(true, Ordering::SeqCst);
        assert_eq!(node.run_once(start()).await.unwrap().placed, 1);
        assert_eq!(log.verify().await.unwrap().size, 1);
    })
    .await;
}
