use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender};

use super::*;
use crate::{CardCertificate, PinAfter, PinMeans, PinStatus, SignRequest, Signature};

const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(20);

/// A card whose calls wait until the test lets them go on.
struct WaitingCard {
    go_on: Arc<Mutex<Receiver<()>>>,
    finished: Sender<()>,
    dropped: Arc<AtomicBool>,
}

impl Card for WaitingCard {
    fn card_name(&self) -> String {
        "waiting".to_owned()
    }

    fn serial(&mut self) -> Result<String, Error> {
        self.go_on.lock().unwrap().recv().unwrap();
        let _ = self.finished.send(());
        Ok("serial".to_owned())
    }

    fn certificates(&mut self) -> Result<Vec<CardCertificate>, Error> {
        Err(Error::CardRemoved)
    }

    fn pin_status(&mut self) -> Result<PinStatus, Error> {
        Ok(PinStatus {
            tries_left: Some(3),
            verified: false,
            blocked: false,
        })
    }

    fn pin_means(&mut self) -> Result<PinMeans, Error> {
        Ok(PinMeans::Keyboard)
    }

    fn clear_pin(&mut self) -> Result<PinAfter, Error> {
        Ok(PinAfter::Cleared)
    }

    fn sign(&mut self, _: &SignRequest<'_>) -> Result<Signature, Error> {
        panic!("scripted panic")
    }
}

impl Drop for WaitingCard {
    fn drop(&mut self) {
        self.dropped.store(true, Ordering::SeqCst);
    }
}

struct Scene {
    thread: CardThread,
    go_on: Sender<()>,
    finished: Receiver<()>,
    opened: Arc<AtomicUsize>,
    dropped: Arc<AtomicBool>,
}

fn scene() -> Scene {
    let (go_on, waits) = mpsc::channel();
    let (finished, done) = mpsc::channel();
    let waits = Arc::new(Mutex::new(waits));
    let opened = Arc::new(AtomicUsize::new(0));
    let dropped = Arc::new(AtomicBool::new(false));
    let (count, gone) = (Arc::clone(&opened), Arc::clone(&dropped));
    let thread = CardThread::new(move || {
        count.fetch_add(1, Ordering::SeqCst);
        let (go_on, finished) = (Arc::clone(&waits), finished.clone());
        Ok(Box::new(WaitingCard {
            go_on,
            finished,
            dropped: Arc::clone(&gone),
        }))
    });
    Scene {
        thread,
        go_on,
        finished: done,
        opened,
        dropped,
    }
}

fn wait_until(mut condition: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !condition() {
        assert!(began.elapsed() < LONG, "it never came true");
        thread::yield_now();
    }
}

#[test]
fn calls_reach_one_card_that_is_opened_once() {
    let mut scene = scene();
    for _ in 0..3 {
        let status = scene
            .thread
            .call(LONG, &Abandonment::default(), |card| card.pin_status());
        assert_eq!(status.unwrap().tries_left, Some(3));
    }
    assert_eq!(scene.opened.load(Ordering::SeqCst), 1);
}

#[test]
fn a_call_that_hangs_times_out_and_is_replaced() {
    let mut scene = scene();
    let abandonment = Abandonment::default();
    let error = scene
        .thread
        .call(SHORT, &abandonment, |card| card.serial())
        .unwrap_err();
    assert!(matches!(error, Error::TimedOut { limit_ms: 20 }));
    assert!(abandonment.is_abandoned());
    assert_eq!(scene.thread.stuck(), 1);
    // The next call has a thread and a card of its own, while the first still hangs.
    scene
        .thread
        .call(LONG, &Abandonment::default(), |card| card.pin_status())
        .unwrap();
    assert_eq!(scene.opened.load(Ordering::SeqCst), 2);
    // The one left behind ends when its card answers at last.
    scene.go_on.send(()).unwrap();
    scene.finished.recv_timeout(LONG).unwrap();
    wait_until(|| scene.thread.stuck() == 0);
    wait_until(|| scene.dropped.load(Ordering::SeqCst));
}

#[test]
fn too_many_hanging_calls_are_busy() {
    let mut scene = scene();
    for _ in 0..STUCK_MAX {
        let call = scene
            .thread
            .call(SHORT, &Abandonment::default(), |card| card.serial());
        assert_eq!(call.unwrap_err().code(), "card.timed_out");
    }
    let call = scene
        .thread
        .call(LONG, &Abandonment::default(), |card| card.pin_status());
    assert_eq!(call.unwrap_err().code(), "card.busy");
    for _ in 0..STUCK_MAX {
        scene.go_on.send(()).unwrap();
    }
    wait_until(|| scene.thread.stuck() == 0);
    scene
        .thread
        .call(LONG, &Abandonment::default(), |card| card.pin_status())
        .unwrap();
}

#[test]
fn a_call_given_up_before_it_begins_does_nothing() {
    let mut scene = scene();
    let abandonment = Abandonment::default();
    abandonment.abandon();
    let call = scene
        .thread
        .call(LONG, &abandonment, |card| card.pin_status());
    assert_eq!(call.unwrap_err().code(), "card.abandoned");
    assert_eq!(scene.opened.load(Ordering::SeqCst), 0);
}

#[test]
fn a_lost_card_is_opened_again() {
    let mut scene = scene();
    let call = scene
        .thread
        .call(LONG, &Abandonment::default(), |card| card.certificates());
    assert_eq!(call.unwrap_err().code(), "card.removed");
    scene
        .thread
        .call(LONG, &Abandonment::default(), |card| card.pin_status())
        .unwrap();
    assert_eq!(scene.opened.load(Ordering::SeqCst), 2);
}

#[test]
fn a_panic_ends_its_call_only() {
    let mut scene = scene();
    let call: Result<(), Error> = scene
        .thread
        .call(LONG, &Abandonment::default(), |_| panic!("scripted panic"));
    assert_eq!(call.unwrap_err().code(), "card.thread_unavailable");
    scene
        .thread
        .call(LONG, &Abandonment::default(), |card| card.pin_status())
        .unwrap();
}

#[test]
fn closing_leaves_the_card() {
    let mut scene = scene();
    scene
        .thread
        .call(LONG, &Abandonment::default(), |card| card.pin_status())
        .unwrap();
    scene.thread.close();
    wait_until(|| scene.dropped.load(Ordering::SeqCst));
}

#[test]
fn a_card_that_cannot_be_opened_is_tried_again_at_the_next_call() {
    let mut thread = CardThread::new(|| Err(Error::NoCard));
    for _ in 0..2 {
        let call = thread.call(LONG, &Abandonment::default(), |card| card.pin_status());
        assert_eq!(call.unwrap_err().code(), "card.no_card");
    }
}

#[test]
fn a_card_that_another_program_keeps_is_opened_when_it_comes_free() {
    let tries = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&tries);
    let mut thread = CardThread::new(move || match count.fetch_add(1, Ordering::SeqCst) {
        0..2 => Err(Error::Busy),
        _ => Err(Error::NoCard),
    });
    let call = thread.call(LONG, &Abandonment::default(), |card| card.pin_status());
    assert_eq!(call.unwrap_err().code(), "card.no_card");
    assert_eq!(tries.load(Ordering::SeqCst), 3);
}

#[test]
fn a_card_that_another_program_never_lets_go_is_busy_and_leaves_no_thread_behind() {
    let mut thread = CardThread::new(|| Err(Error::Busy));
    for _ in 0..2 * STUCK_MAX {
        let call = thread.call(SHORT, &Abandonment::default(), |card| card.pin_status());
        assert_eq!(call.unwrap_err().code(), "card.busy");
        wait_until(|| thread.stuck() == 0);
    }
}
